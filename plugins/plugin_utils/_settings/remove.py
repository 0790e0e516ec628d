# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles put on a host, as module service_remove takes it. Derived from service() of each role."""

from __future__ import annotations

import posixpath
from typing import Any

from . import _clusters, _core, _data, _stack, certificates, grafana, node_exporter, redis_exporter
from ._options import default_of

SERVICES = {
    "exporters": ("redis", _core.PARTS["exporters"][1]),
    "monitoring": ("monitoring", [*_core.PARTS["monitoring"][1], "yace"]),
}
# What service() does not name.
MORE: dict[str, dict[str, Any]] = {
    "grafana": {
        "package": "grafana",
        "owned": [grafana.DIRECTORY],
        "directories": ["/etc/grafana"],
        "parents": [posixpath.dirname(grafana.DIRECTORY)],
        "data": ["/var/lib/grafana", "/var/log/grafana"],
    },
    "node_exporter": {
        "owned": [f"{node_exporter.PROGRAMS}/__pycache__"],
        "directories": [node_exporter.PROGRAMS],
    },
}


def problems(s: dict, host: _core.Host) -> list[str]:
    return []


def title(s: dict, host: _core.Host) -> str:
    """What has to be typed, one name for all hosts: with the monitoring host, all clusters lose their monitoring."""
    limit, own = host.limit(), s["monitoring_cluster"]
    if _clusters.several(host) and limit and limit & set(host.groups.get("monitoring", [])):
        return _clusters.of_all(host, own)
    return _clusters.title(host, own)


def found_by_default(role: str) -> dict[str, Any]:
    """service() of a role whose settings are all at their default: where it puts things does not depend on them."""
    settings = {name: default_of(option) for name, option in _core.options_of(role).items()}
    node = _core.Host("node", groups={"redis": ["node"]}, hostvars={"node": {"ansible_host": "127.0.0.1"}})
    return _core.module_of(role).service(settings, node)


def removal(role: str) -> dict[str, Any]:
    """The arguments of module service_remove for one service."""
    service = found_by_default(role)
    config, more = service["config"], MORE.get(role, {})
    path, absent = config["path"], config.get("absent", [])
    units = [one for one in absent if one.endswith((".service", ".timer", ".mount"))]
    state = service["values"]["service"].get("state")
    args = {
        "name": role,
        "files": [*(posixpath.join(path, one["path"]) for one in config["files"]), *units],
        "owned": [
            *(posixpath.join(path, one["path"]) for one in config.get("secrets", [])),
            *(posixpath.join(path, one) for one in config.get("purge", [])),
            *(one for one in absent if one not in units),
        ],
        "directories": [path],
        "data": [f"/var/lib/private/{state}", f"/var/lib/{state}"] if state else [],
        "parents": ["/var/lib/private/redisops", "/var/lib/redisops"] if role in _data.ROLES else [],
        "root": service.get("root"),
    }
    for name, value in more.items():
        args[name] = [*args.get(name, []), *value] if isinstance(value, list) else value
    return {name: value for name, value in args.items() if value}


# --------------------------------------------------------------------------------------------- tasks of the role


def of_part(part: str, s: dict, host: _core.Host) -> list[dict]:
    group, roles = SERVICES[part]
    if group not in host.group_names:
        return []
    found = []
    for role in roles:
        args = {**removal(role), "remove_data": s["remove_data"]}
        if role in _data.ROLES:
            chosen = _data.directory(_stack.Settings(role, host.variables), role)
            if chosen:
                args["kept"] = [chosen]
                links = [] if role == "grafana" else [f"/var/lib/private/redisops/{role}", f"/var/lib/redisops/{role}"]
                args["data"] = [path for path in [*args["data"], *links] if path != chosen]
        found.append({"module": "service_remove", "args": args})
    return found


def task_monitoring(s: dict, host: _core.Host) -> list[dict]:
    return of_part("monitoring", s, host)


def task_exporters(s: dict, host: _core.Host) -> list[dict]:
    return of_part("exporters", s, host)


def task_certificates(s: dict, host: _core.Host) -> list[dict]:
    """Files of the same names are the user's own where he brings them."""
    mode = {"monitoring_certificates": host.variables.get("monitoring_certificates", "own")}
    args = {
        "name": "certificates",
        "owned": certificates.FILES if certificates.active(mode, host) else [],
        "directories": [_stack.TLS, certificates.AUTHORITY],
        "parents": [posixpath.dirname(_stack.TLS)],
    }
    return [{"module": "service_remove", "args": args}]


def task_account(s: dict, host: _core.Host) -> dict | None:
    """The exporter's ACL user, where it was made by this collection."""
    redis = _stack.Settings("redis_exporter", host.variables)
    if "redis" not in host.group_names or not redis["redis_exporter_acl_manage"]:
        return None
    login = redis_exporter.login(redis, "acl_admin")
    args = {**login, "name": redis["redis_exporter_redis_user"], "state": "absent"}
    return {"module": "redis_acl_user", "args": {name: value for name, value in args.items() if value != ""}}


TASKS = {
    "monitoring": task_monitoring,
    "exporters": task_exporters,
    "certificates": task_certificates,
    "account": task_account,
}
