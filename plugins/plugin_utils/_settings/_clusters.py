# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several Redis clusters in one inventory: which node is of which, and what each cluster has of its own.

What the variables of its nodes say, as in the group_vars of a subgroup of redis, counts for a cluster: also settings
of roles that run on the monitoring hosts. What no node says is said by the monitoring host. With one cluster that has
the name of the monitoring, all is said by the monitoring host.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from .. import _scrape_targets
from . import _core, _options, _secrets

REDIS_GROUP = "redis"
PORT, PASSWORD = "prometheus_exporter_port", "prometheus_exporter_password"
# How Prometheus asks the exporters; each is an option prometheus_exporter_<name>.
EXPORTER = "prometheus_exporter"
CLIENT = ("scheme", "ca_file", "server_name", "cert_file", "key_file", "username", "password")


def nodes(host: _core.Host) -> dict[str, list[str]]:
    """The Redis nodes by the label `cluster` of their targets, in the order of the inventory."""
    if "clusters" not in host.memory:
        host.memory["clusters"] = grouped(host)
    return host.memory["clusters"]


def grouped(host: _core.Host) -> dict[str, list[str]]:
    known = host.variables.get
    names = host.groups.get(known("prometheus_redis_group") or REDIS_GROUP, [])
    tags = {**_scrape_targets.IDENTITY, **(known("prometheus_tag_labels") or _scrape_targets.TAG_LABELS)}
    try:
        labels = _scrape_targets.labels_of(names, host.hostvars, known("prometheus_target_labels"), tags)
    except ValueError:  # told where targets are
        return {}
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(labels[name].get("cluster", ""), []).append(name)
    return found


def several(host: _core.Host) -> dict[str, list[str]]:
    """The nodes of each cluster, where there is more than one, or one with a name of its own.

    Nodes without the label are of none.
    """
    if "several" not in host.memory:  # Ansible's hostvars are slow to read
        found = {cluster: names for cluster, names in nodes(host).items() if cluster}
        own_names = (is_named_otherwise(host, names[0]) for names in found.values())
        host.memory["several"] = found if len(found) > 1 or any(own_names) else {}
    return host.memory["several"]


def is_named_otherwise(host: _core.Host, node: str) -> bool:
    """Whether a node says another name than the monitoring has: so it is with the last one left of several clusters.

    What it says of itself has to go on counting when the others are taken out of the inventory.
    """
    name, monitoring = host.hostvars[node].get("monitoring_cluster"), of_all(host, "")
    return bool(name and monitoring) and str(name) != monitoring


def limited(host: _core.Host) -> dict[str, list[str]]:
    """Of several clusters, those that --limit has a node of."""
    found = several(host)
    within = host.limit() if found else None
    return {cluster: names for cluster, names in found.items() if within and within & set(names)}


def scope(host: _core.Host) -> dict[str, list[str]]:
    """Of several clusters, those that --limit has a node of; all where it has none, or there is none."""
    return limited(host) or several(host)


def elsewhere(host: _core.Host) -> set[str]:
    """The nodes of the clusters that --limit leaves out."""
    inside = scope(host)
    return {name for cluster, names in several(host).items() if cluster not in inside for name in names}


def cluster_of(host: _core.Host) -> dict[str, str]:
    """The cluster of each node, where there are several."""
    return {name: cluster for cluster, names in several(host).items() for name in names}


def title(host: _core.Host, default: str) -> str:
    """What a report is about: the one cluster of the limit; of several, what the monitoring is called."""
    chosen = limited(host)
    if len(chosen) == 1:
        return next(iter(chosen))
    return of_all(host, default) if several(host) else default


def of_all(host: _core.Host, default: str) -> str:
    """What the monitoring of several clusters is called."""
    monitoring = host.groups.get("monitoring", [])[:1]
    return str(next((host.hostvars[name].get("monitoring_cluster") for name in monitoring), None) or default)


def of_node(host: _core.Host, node: str, role: str, name: str) -> tuple[Any, list[str]]:
    """What a node says of a setting, None for nothing, and what is wrong with that."""
    variables = host.hostvars[node]
    try:
        given = name in variables and variables[name] is not None
        if not given or _options.is_blank(variables[name], _core.options_of(role)[name]):
            return None, []
    except _core.Unreadable:
        pass
    return _core.setting(role, name, variables)


def own(host: _core.Host, role: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What each of several clusters says of these settings, by the first of its nodes."""
    names = list(names)
    found = {}
    for cluster, members in several(host).items():
        said = {name: of_node(host, members[0], role, name)[0] for name in names}
        found[cluster] = {name: value for name, value in said.items() if value is not None}
    return found


def of_clusters(s: dict, host: _core.Host, role: str, prefix: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The settings <prefix>_<name> of each of several clusters by name: what it says, else what this host says."""
    given = own(host, role, [f"{prefix}_{name}" for name in names])
    return {
        cluster: {name: said.get(f"{prefix}_{name}", s[f"{prefix}_{name}"]) for name in names}
        for cluster, said in given.items()
    }


def pair_problems(cluster: str, values: dict[str, Any], prefix: str, *pairs: tuple[str, str]) -> list[str]:
    """Where a cluster has one of two settings without the other."""
    return [
        f"cluster {cluster}: {prefix}_{a} and {prefix}_{b} belong together: give both or none"
        for a, b in pairs
        if bool(values[a]) != bool(values[b])
    ]


def problems(host: _core.Host, role: str, names: Iterable[str]) -> list[str]:
    """What is wrong with these settings of clusters: a cluster has one value of each, and one that fits."""
    found = []
    names = list(names)
    for cluster, members in several(host).items():
        for name in names:
            first, wrong = of_node(host, members[0], role, name)
            wrong += _options.secret_problems(first, _core.options_of(role)[name], name) if first and not wrong else []
            found += [f"cluster {cluster}: {line}" for line in wrong]
            for node in members[1:]:
                if of_node(host, node, role, name)[0] != first:
                    found.append(f"cluster {cluster}: {node} has another {name} than {members[0]}: a cluster has one")
                    break
    return found


def slug(cluster: str) -> str:
    """The name as a part of names of files and jobs; one that had to be changed is told from others that had to."""
    plain = re.sub("[^A-Za-z0-9_-]", "_", cluster)
    return plain if plain == cluster else f"{plain}-{hashlib.sha256(cluster.encode()).hexdigest()[:6]}"


# --------------------------------------------------------------------------------------------------- the exporters


def client(s: dict) -> dict[str, Any]:
    """How this host asks exporters."""
    return {name: s[f"{EXPORTER}_{name}"] for name in CLIENT}


def clients(s: dict, host: _core.Host) -> dict[str, dict[str, Any]]:
    """How the exporters of a cluster are asked, of those that are asked otherwise than prometheus_exporter_* say."""
    mine, others = client(s), of_clusters(s, host, "prometheus", EXPORTER, CLIENT)
    passwords = own(host, "prometheus", [PASSWORD])
    found = {}
    for cluster, members in nodes(host).items():
        wanted = dict(others.get(cluster, mine))
        if PASSWORD not in passwords.get(cluster, {}):
            wanted["password"] = derived(host, members[0]) or wanted["password"]
        if cluster and wanted != mine:
            found[cluster] = wanted
    return found


def derived(host: _core.Host, node: str) -> str:
    """The password of the exporters of a node, where it follows from the secret: of the name that the node has."""
    stack = host.variables
    if PASSWORD not in getattr(stack, "derived", {}) or stack.is_given(PASSWORD):
        return ""
    secret, cluster = (
        host.hostvars[node].get(one) or stack.own[one] for one in ("monitoring_secret", "monitoring_cluster")
    )
    return _secrets.derive(str(secret), str(cluster), "exporters/prometheus")


def client_of(s: dict, host: _core.Host) -> dict[str, dict[str, Any]]:
    """How the exporter of each node is asked."""
    mine, others = client(s), clients(s, host)
    return {node: others.get(cluster, mine) for cluster, members in nodes(host).items() for node in members}


def credential(cluster: str, name: str) -> str:
    """The name of a file that the service is handed over for a cluster."""
    return f"{slug(cluster)}.{name}" if cluster else name


def client_secrets(s: dict, host: _core.Host) -> dict[str, str]:
    return {
        credential(cluster, "exporter_password"): wanted["password"]
        for cluster, wanted in clients(s, host).items()
        if wanted["username"]
    }


def client_files(s: dict, host: _core.Host) -> dict[str, str]:
    found = {}
    for cluster, wanted in clients(s, host).items():
        found[credential(cluster, "exporter_ca.crt")] = wanted["ca_file"] if wanted["scheme"] == "https" else ""
        found[credential(cluster, "exporter.crt")] = wanted["cert_file"]
        found[credential(cluster, "exporter.key")] = wanted["key_file"]
    return found


def client_certificates(s: dict, host: _core.Host) -> list[dict[str, str]]:
    """What has to be in order on the monitoring host before anything is changed."""
    found = []
    for cluster, wanted in clients(s, host).items():
        what = f"prometheus_exporter of the cluster {cluster}"
        if wanted["ca_file"]:
            found.append({"what": what, "ca": wanted["ca_file"]})
        if wanted["cert_file"]:
            found.append({"what": what, "cert": wanted["cert_file"], "key": wanted["key_file"]})
    return found


def client_problems(s: dict, host: _core.Host) -> list[str]:
    found = problems(host, "prometheus", [*(f"{EXPORTER}_{name}" for name in CLIENT), PORT])
    if s["prometheus_discovery"] == "ec2_sd" and len(set(ports(s, host).values())) > 1:
        found.append(f"prometheus_discovery is ec2_sd, which has one port: give all clusters the same {PORT}")
    for cluster, wanted in clients(s, host).items():
        found += pair_problems(cluster, wanted, EXPORTER, ("cert_file", "key_file"), ("username", "password"))
    return found


def ports(s: dict, host: _core.Host) -> dict[str, int]:
    """The port of the exporter of each node."""
    given = own(host, "prometheus", [PORT])
    return {
        node: given.get(cluster, {}).get(PORT, s[PORT]) for cluster, members in nodes(host).items() for node in members
    }


def port_warnings(s: dict, host: _core.Host) -> list[str]:
    """Exporters that listen at another port than they are asked at. No error: a proxy may be in between."""
    found: dict[tuple[int, int], list[str]] = {}
    for node, asked in ports(s, host).items():
        port, dummy = of_node(host, node, "redis_exporter", "redis_exporter_port")
        address, dummy = of_node(host, node, "redis_exporter", "redis_exporter_listen_address")
        if port and port != asked and not re.match(r"127\.|\[?::1\b", str(address or "")):
            found.setdefault((port, asked), []).append(node)
    return [
        f"redis_exporter_port is {port} at {names[0]}{f' and {len(names) - 1} more' if names[1:] else ''}, and"
        f" Prometheus asks at {asked}: give {PORT} as well, in group_vars/all or, of several clusters, in those of one"
        for (port, asked), names in found.items()
    ]


def jobs(s: dict, host: _core.Host) -> list[dict[str, Any]]:
    """The scrape jobs of the exporters: one for all, and one for each cluster that is asked in another way.

    All have the label job=redis-cluster, which rules and dashboards ask for.
    """
    mine, others = client(s), clients(s, host)
    relabelling = []
    if others:
        names = "|".join(re.escape(cluster) for cluster in others)
        relabelling.append({"source_labels": ["cluster"], "regex": names, "action": "drop"})
    found = [{"name": "redis-cluster", "cluster": "", **mine, "relabelling": relabelling}]
    for cluster, wanted in others.items():
        keep = {"source_labels": ["cluster"], "regex": re.escape(cluster), "action": "keep"}
        label = {"target_label": "job", "replacement": "redis-cluster"}
        name = f"redis-cluster-{slug(cluster)}"
        found.append({"name": name, "cluster": cluster, **wanted, "relabelling": [keep, label]})
    for job in found:
        job["files"] = {
            key: credential(job["cluster"], name)
            for key, name in (
                ("ca", "exporter_ca.crt"),
                ("cert", "exporter.crt"),
                ("key", "exporter.key"),
                ("password", "exporter_password"),
            )
        }
    return found
