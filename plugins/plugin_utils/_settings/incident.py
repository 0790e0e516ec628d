# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What module incident_evidence asks on a host, by the settings of the roles."""

from __future__ import annotations

from ...module_utils import _redis
from . import _agent, _clusters, _core, _storage
from ._options import secrets_of

ROLES = {"redis": ("redis_exporter",), "monitoring": ("prometheus", "alertmanager", "blackbox_exporter", "grafana")}
UNITS = {
    "redis": (*_redis.UNITS, "redis_exporter.service"),
    "monitoring": ("prometheus.service", "alertmanager.service", "blackbox_exporter.service", "grafana-server.service"),
}


def of_groups(table: dict[str, tuple[str, ...]], host: _core.Host) -> list[str]:
    return [one for group, those in table.items() if group in host.group_names for one in those]


def evidence(s: dict, host: _core.Host) -> dict:
    """The options of the module."""
    roles = of_groups(ROLES, host)
    found = {
        "units": ["kernel", *of_groups(UNITS, host), "node_exporter.service"],
        "secrets": [one for role in roles for one in secrets(role, s)],
    }
    if _clusters.elsewhere(host) and "prometheus" in roles:
        found["clusters"] = list(_clusters.scope(host))
    for role in {"prometheus", "alertmanager"} & set(roles):
        found[role] = _core.module_of(role).connection(s, host)
    if "prometheus" in roles and _agent.is_on(s):
        found["prometheus"] = {**found["prometheus"], "agent": True, "store": _storage.queried(s)}
    if "redis_exporter" in roles:
        how = _core.module_of("redis_exporter").connection(s, host)
        # An administrator of ACL users may see the cluster's nodes, the exporter's account may not.
        found["redis"] = how["redis_admin"] if how["redis_admin"]["login_user"] else how["redis"]
    return found


def secrets(role: str, s: dict) -> list[str]:
    """Every secret that the settings of a role hold; what systemd hands over to the services is masked as well."""
    options = _core.options_of(role).items()
    return [str(one) for name, option in options for dummy, one in secrets_of(s[name], option, name) if one]
