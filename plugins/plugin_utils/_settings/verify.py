# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of the role verify: options of module stack_verify from the settings of the roles that are tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _agent, _clusters, _core, _storage

NO_BURST = "no burst: its host failed before, or is outside the limit"


def exporter(s: dict, host: _core.Host) -> dict:
    how = _core.module_of("redis_exporter").connection(s, host)
    names = ("listen_address", "private_address", "connection_address", "port")
    return {
        "unit": "redis_exporter.service",
        "url_username": how["url_username"],
        "url_password": how["url_password"],
        "exporter": {
            **{name: how["exporter"][name] for name in names},
            "path": how["path"],
            "namespace": how["namespace"],
            "server_cert_file": how["server_cert"],
            "cert_file": how["client_cert"],
            "key_file": how["client_key"],
        },
    }


def prometheus(s: dict, host: _core.Host) -> dict:
    return {
        **_core.module_of("prometheus").connection(s, host),
        "unit": "prometheus.service",
        "nodes": targets(s, host, nodes_of(s, host)),
        "scrape_interval": s["prometheus_scrape_interval"],
        **({"agent": True, "store": _storage.queried(s)} if _agent.is_on(s) else {}),
    }


def load(s: dict, host: _core.Host) -> dict:
    return {**prometheus(s, host), "bursts": bursts(s, host)}


def grafana(s: dict, host: _core.Host) -> dict:
    how = _core.module_of("grafana").connection(s, host)
    return {
        **{name: how[name] for name in ("url", "ca_path", "token_path")},
        "unit": "grafana-server.service",
        "datasource_uid": "prometheus",
        "dashboards": how["dashboard_uids"],
        "nodes": targets(s, host, nodes_of(s, host)),
    }


def alert(s: dict, host: _core.Host) -> dict:
    return {
        **_core.module_of("alertmanager").connection(s, host),
        "unit": "alertmanager.service",
        "severity": s["verify_alert_severity"],
        "alert_labels": s["verify_alert_labels"],
        "wait": s["verify_alert_timeout"],
        "group_wait": s["alertmanager_group_wait"],
        "watchdog": not _agent.is_on(host.variables),  # the rules are in a ruler, which may tell somebody else
    }


# Each test with the roles whose settings it takes; the first one is the part that has to be there.
TESTS = {
    "exporter": (exporter, ("redis_exporter",)),
    "prometheus": (prometheus, ("prometheus",)),
    "load": (load, ("prometheus",)),
    "grafana": (grafana, ("grafana", "prometheus")),
    "alert": (alert, ("alertmanager",)),
}


def options(test: str, s: dict, host: _core.Host) -> dict:
    function, roles = TESTS[test]
    part = "exporter" if test == "exporter" else roles[0]
    return {"name": host.name, "required": part in s["verify_required"], **function(s, host)}


def nodes_of(s: dict, host: _core.Host) -> list[str]:
    """Those of the clusters within the limit."""
    return sorted(set(host.groups.get(s["prometheus_redis_group"], [])) - _clusters.elsewhere(host))


def targets(s: dict, host: _core.Host, names: list[str]) -> list[dict]:
    """The targets that Prometheus should have, whatever its discovery."""
    return _core.module_of("prometheus").inventory_targets(s, host, _clusters.ports(s, host), names)[0]


def bursts(s: dict, host: _core.Host) -> list[dict]:
    """What every node has registered of its burst, with the labels that its target has among all others."""
    names = nodes_of(s, host)
    labels_of = {target: group["labels"] for group in targets(s, host, names) for target in group["targets"]}
    found = []
    for name in names:
        load, msg = burst(host.hostvars[name])
        for group in targets(s, host, [name]):
            for target in group["targets"]:
                labels = labels_of.get(target, {})
                node, instance = labels.get("node", name), labels.get("instance", target)
                found.append({"node": node, "instance": instance, "load": load, "msg": msg})
    return found


def burst(known: Mapping[str, Any]) -> tuple[dict, str]:
    """The burst that a node has registered, and why there is none or it does not count."""
    account, sent, cleanup = (known.get(f"__verify_{name}") or {} for name in ("account", "burst", "cleanup"))
    if account.get("failed") or not sent:
        return {}, account.get("msg") or NO_BURST
    if cleanup.get("failed") and not sent.get("failed"):
        return {}, f"its account was not deleted: {cleanup.get('msg')}"
    return sent.get("load") or {}, sent.get("msg") or ""
