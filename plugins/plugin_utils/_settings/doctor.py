# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What doctor asks on a host, and what the inventory wants of it, by the settings of the roles."""

from __future__ import annotations

import json
import os
import re

from .. import _failures
from . import _alertmanager_clusters, _clusters, _core, _data, _templates, prometheus

WEB = ("prometheus", "alertmanager", "blackbox_exporter")  # asked alike
ROLES = {"redis": ("redis_exporter",), "monitoring": (*WEB, "grafana")}


def roles_of(group_names: list[str]) -> list[str]:
    return [role for group, roles in ROLES.items() if group in group_names for role in roles]


def all_hosts(host: _core.Host) -> list[str]:
    return list(dict.fromkeys([*host.groups.get("redis", []), *host.groups.get("monitoring", [])]))


def connections(s: dict, host: _core.Host) -> dict[str, dict]:
    return {role: _core.module_of(role).connection(s, host) for role in roles_of(host.group_names)}


# ---------------------------------------------------------------------------------------------- what is asked there


def evidence(s: dict, host: _core.Host, how: dict[str, dict]) -> dict:
    """The options of module stack_evidence; how: connections()."""
    found: dict = {}
    if "redis" in host.group_names:
        found["redis_exporter"] = how["redis_exporter"]["exporter"]
        found["peers"] = peers(host)
    if "monitoring" in host.group_names:
        for name in WEB:
            found[name] = {("server_name" if key == "tls_server_name" else key): one for key, one in how[name].items()}
        grafana = {name: how["grafana"][name] for name in ("url", "token_path", "ca_path", "dashboard_uids")}
        found["grafana"] = {**grafana, "datasource_uid": "prometheus"}
        found["exporters"] = exporters(s, host)
        found["directories"] = [one for one in (_data.directory(s, role) for role in _data.ROLES) if one]
    return found


def peers(host: _core.Host) -> list[str]:
    """Addresses to which the answers of a node have to find their way: of its cluster, and the monitoring hosts."""
    known = _clusters.cluster_of(host)
    names = [name for name in all_hosts(host) if known.get(name) in (None, known.get(host.name))]
    others = [host.hostvars[name].get("private_ip_address") for name in names if name != host.name]
    return [str(address) for address in others if address]


def exporters(s: dict, host: _core.Host) -> list[dict]:
    """The exporters as Prometheus asks them."""
    clients, ports = _clusters.client_of(s, host), _clusters.ports(s, host)
    return [exporter(host, name, clients[name], ports[name]) for name in clients]


def exporter(host: _core.Host, name: str, client: dict, port: int) -> dict:
    address = _core.bracket(str(_core.address_of(host.hostvars[name], name)))
    return {
        "name": name,
        "url": f"{client['scheme']}://{address}:{port}",
        "url_username": client["username"],
        "url_password": client["password"],
        "ca_path": client["ca_file"],
        "client_cert": client["cert_file"],
        "client_key": client["key_file"],
        "server_name": client["server_name"],
    }


def written(s: dict, host: _core.Host) -> dict[str, str]:
    """The configuration of the services, by path, as their roles write it: without units, targets and most secrets."""
    found = {}
    for role in ROLES["monitoring"] if "monitoring" in host.group_names else ():
        module = _core.module_of(role)
        if module.problems(s, host):
            continue
        service = module.service(s, host)
        config = service["config"]
        secrets = [one for one in config["secrets"] if one["path"] == "credentials/web.yml"]
        for entry in [*config["files"], *secrets]:
            path = os.path.join(config["path"], entry["path"])
            if not path.startswith("/etc/systemd/") and not entry.get("watched"):
                found[path] = _templates.content(entry, service["values"])
    return found


# ------------------------------------------------------------------------------------------ what the inventory wants


def instance(host: _core.Host) -> dict:
    """What the inventory of AWS says of the host."""
    of_host = host.variables.get
    groups = [mapping(one).get("group_id") for one in of_host("security_groups") or []]
    volumes = [mapping(mapping(one).get("ebs")).get("volume_id") for one in of_host("block_device_mappings") or []]
    return {
        "state": mapping(of_host("state")).get("name", ""),
        "instance_id": of_host("instance_id") or "",
        "region": mapping(of_host("placement")).get("region", ""),
        "security_groups": [one for one in groups if one],
        "volumes": [one for one in volumes if one],
    }


def mapping(value) -> dict:
    return value if isinstance(value, dict) else {}


def wanted(s: dict, host: _core.Host, how: dict[str, dict]) -> dict:
    """What the diagnosis has to know of a host beside what was found there."""
    found: dict = {}
    if "monitoring" in host.group_names:
        found = {**of_monitoring(_alertmanager_clusters.with_all(s, host), how), "targets": targets(s, host)}
    if "redis" in host.group_names:
        found["wanted"] = of_node(s, how)
    return found


def brief(settings: dict) -> dict:
    """Without what is compared with evidence."""
    port = {"port": settings["wanted"]["port"]} if "port" in settings.get("wanted", {}) else {}
    return {**{name: one for name, one in settings.items() if name != "targets"}, "wanted": port}


def of_node(s: dict, how: dict[str, dict]) -> dict:
    names = ("redis_addr", "redis_user", "acl_admin_user", "acl_manage", "port", "version", "flags")
    own = {name: s[f"redis_exporter_{name}"] for name in names}
    return {**own, "acl_rules": how["redis_exporter"]["acl_rules"]}


def of_monitoring(s: dict, how: dict[str, dict]) -> dict:
    grafana = how["grafana"]
    named = {name: (s[f"{name}_web_tls_cert_file"], s[f"{name}_web_tls_key_file"]) for name in WEB[:2]}
    named["grafana"] = (grafana["tls_cert_file"], grafana["tls_key_file"])
    receivers = re.findall(r'https?://(?:[^/@"]*@)?([^/"?]+)', json.dumps(s["alertmanager_receivers"]))
    return {
        "urls": {name: how[name]["url"] for name in ("prometheus", "alertmanager", "grafana")},
        "certificates": {name: {"cert": cert, "key": key} for name, (cert, key) in named.items()},
        "datasource_uids": grafana["datasource_uids"],
        "wanted": {
            "scheme": s["prometheus_exporter_scheme"],
            "scrape_timeout": s["prometheus_exporter_scrape_timeout"],
            "discovery": s["prometheus_discovery"],
            "mode": s["prometheus_mode"],
            "replica_label": s["prometheus_replica_label"],
            "datasource_url": grafana["prometheus_url"],
            "queries": grafana["queries"] if grafana["on_drift"] != "keep" else {},
            "receivers": list(dict.fromkeys(receivers)),
        },
    }


def targets(s: dict, host: _core.Host) -> list[dict]:
    """The targets that Prometheus should have, whatever its discovery, each with its node; within the limit."""
    left_out = _clusters.elsewhere(host)
    names = [name for name in host.groups.get(s["prometheus_redis_group"], []) if name not in left_out]
    groups = prometheus.inventory_targets(s, host, _clusters.ports(s, host), names)[0]
    return [
        {"target": target, "node": group["labels"].get("node", target), "labels": group["labels"]}
        for group in groups
        for target in group["targets"]
    ]


# --------------------------------------------------------------------------------------------------- all together


def stack(variables, registered: str, host: _core.Host) -> dict:
    """What module stack_diagnosis takes, of what every host has in the variable of this name.

    host: any, by whose inventory and limit the clusters are told that the diagnosis is about.
    """
    groups, hostvars, left_out = variables["groups"], variables["hostvars"], _clusters.elsewhere(host)
    members = {group: [name for name in groups.get(group, []) if name not in left_out] for group in ROLES}
    clusters = _clusters.cluster_of(host)
    hosts = {
        name: host_of(name, hostvars[name], hostvars[name].get(registered) or {})
        for name in dict.fromkeys([*members["redis"], *members["monitoring"]])
    }
    for name, found in hosts.items():
        found.update({"cluster": clusters[name]} if name in clusters else {})
        if left_out and found["evidence"]:
            found["evidence"] = within(found["evidence"], set(_clusters.scope(host)))
    return {
        # For commands that people are to type, who have not the files of a job.
        "inventory": [] if _core.in_awx(variables) else list(variables.get("ansible_inventory_sources") or []),
        "groups": members,
        "hosts": hosts,
        # Targets of clusters that this is not about are no strangers.
        "elsewhere": {name: str(_core.address_of(hostvars[name], name)) for name in sorted(left_out)},
    }


def within(evidence: dict, clusters: set[str]) -> dict:
    """The evidence without what Prometheus has of other clusters."""
    seen = evidence.get("prometheus")
    if not isinstance(seen, dict) or "targets" not in seen:
        return evidence
    targets = [one for one in seen["targets"] if one.get("cluster") in (None, "", *clusters)]
    urls = {one["scrapeUrl"] for one in targets}
    probes = [one for one in seen.get("probes", []) if one["url"] in urls]
    return {**evidence, "prometheus": {**seen, "targets": targets, "probes": probes}}


def host_of(name: str, variables, result: dict) -> dict:
    """What the inventory wants of a host, its evidence, or why there is none."""
    why = _failures.why(result, "no message")[:300] if result and "evidence" not in result else ""
    unreachable = bool(result.get("unreachable"))
    return {
        "groups": [group for group in ROLES if group in variables["group_names"]],
        "address": str(_core.address_of(variables, name)),
        **(result.get("settings") or {}),
        "evidence": result.get("evidence"),
        "faults": list(result.get("faults") or []),
        "unreachable": why if unreachable else "",
        "problem": "" if unreachable else why,
    }


def security_groups(result: dict) -> dict | None:
    """What amazon.aws.ec2_security_group_info returned, or why it did not."""
    if not result or result.get("skipped"):
        return None
    if "security_groups" not in result:
        return {"problem": str(result.get("msg") or "no message")[:300]}
    return {"groups": {one["group_id"]: one for one in result["security_groups"]}}
