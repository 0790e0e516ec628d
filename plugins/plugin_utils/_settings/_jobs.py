# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus scrapes and probes, and where its alerts go, where the settings follow from the stack."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import _clusters, _core, _options, blackbox_exporter, prometheus

if TYPE_CHECKING:
    from ._stack import Stack

SCRAPER = "prometheus"  # the account of Prometheus at the other services
OWN_HOST = "node-monitoring"  # the job of the monitoring host itself


def scrape_passwords(stack: Stack) -> dict[str, str]:
    found = {}
    if stack.on("alertmanager") and stack.asked("alertmanager").users.get(SCRAPER):
        found["alertmanager_password"] = stack.asked("alertmanager").users[SCRAPER]
    grafana = stack.of("grafana")
    if stack.on("grafana") and grafana["grafana_metrics_username"]:
        found["grafana_password"] = grafana["grafana_metrics_password"]
    return found


def scrape_cas(stack: Stack) -> dict[str, str]:
    cas = {"alertmanager": "", "grafana": ""}
    if stack.on("alertmanager") and stack.asked("alertmanager").tls:
        cas["alertmanager"] = stack.asked("alertmanager").ca_file
    if stack.on("grafana"):
        cas["grafana"] = stack.of("grafana")["grafana_tls_ca_file"]
    return {f"{name}_ca.crt": path for name, path in cas.items() if path}


def client(stack: Stack, service: str, user: str) -> dict[str, Any]:
    """Keys of a scrape job or an Alertmanager: with what CA and login it is asked."""
    found: dict[str, Any] = {}
    if f"{service}_ca.crt" in scrape_cas(stack):
        found["tls_config"] = {"ca_file": f"{_core.given('prometheus')}/{service}_ca.crt"}
    if user and f"{service}_password" in scrape_passwords(stack):
        password = f"{_core.given('prometheus')}/{service}_password"
        found["basic_auth"] = {"username": user, "password_file": password}
    return found


def alertmanagers(stack: Stack) -> list[dict[str, Any]]:
    if not stack.on("alertmanager"):
        return []
    web = stack.asked("alertmanager")
    targets = [stack.target("alertmanager", name) for name in stack.members]
    entry = {"scheme": web.scheme, **client(stack, "alertmanager", SCRAPER), "static_configs": [{"targets": targets}]}
    return [{**entry, "path_prefix": web.prefix} if web.prefix else entry]


def jobs(stack: Stack) -> list[dict[str, Any]]:
    mine = {"node": stack.host.name}
    found = []
    if stack.on("alertmanager"):
        web = stack.asked("alertmanager")
        found.append(
            {
                "job_name": "alertmanager",
                "scheme": web.scheme,
                "metrics_path": f"{web.prefix}/metrics",
                **client(stack, "alertmanager", SCRAPER),
                "static_configs": by_node({name: stack.target("alertmanager", name) for name in stack.members}),
            }
        )
    if stack.on("grafana"):
        parts = urlsplit(stack.url("grafana"))
        found.append(
            {
                "job_name": "grafana",
                "scheme": parts.scheme,
                "metrics_path": f"{parts.path}/metrics",
                **client(stack, "grafana", stack.of("grafana")["grafana_metrics_username"]),
                "static_configs": by_node({name: stack.at(name, parts.port) for name in stack.members}),
            }
        )
    if stack.others:
        found.append(replicas(stack))
    if stack.on("node_exporter"):
        found += node_jobs(stack, mine)
    if stack.on("blackbox_exporter"):
        found += probe_jobs(stack, mine)
    return found


def replicas(stack: Stack) -> dict[str, Any]:
    """The Prometheus servers of the other monitoring hosts: each watches the others."""
    web, given = stack.asked("prometheus"), _core.given("prometheus")
    job: dict[str, Any] = {
        "job_name": "prometheus-replicas",
        "scheme": web.scheme,
        "metrics_path": f"{web.prefix}/metrics",
    }
    if web.tls and web.ca_file:
        job["tls_config"] = {"ca_file": f"{given}/web_ca.crt"}
    if web.user:
        job["basic_auth"] = {"username": web.user, "password_file": f"{given}/web_password"}
    targets = {name: stack.target("prometheus", name) for name in stack.others}
    return {**job, "static_configs": by_node(targets, job="prometheus")}


def by_node(targets: dict[str, str], **labels: str) -> list[dict[str, Any]]:
    """Targets of monitoring hosts by their names."""
    return [{"targets": [target], "labels": {**labels, "node": name}} for name, target in targets.items()]


def node_jobs(stack: Stack, mine: dict[str, str]) -> list[dict[str, Any]]:
    """The hosts of Redis, with the accounts of their exporters, and the host itself."""
    targets = nodes(stack, node_ports(stack))
    asked = _clusters.jobs(stack.of("prometheus"), stack.host)
    others = [job["cluster"] for job in asked[1:]]
    found = []
    for job in asked:
        cluster = job["cluster"]
        static = [one for one in targets if one["labels"].get("cluster") not in others]
        if cluster:
            static = [one for one in targets if one["labels"].get("cluster") == cluster]
            static = [{**one, "labels": {**one["labels"], "job": "node"}} for one in static]
        found.append(node_job(name_of_node_job(cluster), job, static))
    port = stack.of("node_exporter")["node_exporter_port"]
    return [
        *found,
        {  # the host itself, over loopback; metrics about a node keep its labels
            "job_name": OWN_HOST,
            "honor_labels": True,
            "static_configs": [{"targets": [f"127.0.0.1:{port}"], "labels": {"job": "node", **mine}}],
        },
    ]


def name_of_node_job(cluster: str) -> str:
    name = f"node-{_clusters.slug(cluster)}" if cluster else "node"
    # Prometheus takes no two jobs of one name; with a dot it is that of no other cluster.
    return f"node-cluster.{cluster}" if name == OWN_HOST else name


def node_job(name: str, asked: dict[str, Any], static: list[dict[str, Any]]) -> dict[str, Any]:
    given = _core.given("prometheus")
    node: dict[str, Any] = {"job_name": name, "honor_labels": True, "scheme": asked["scheme"]}
    if asked["ca_file"]:
        node["tls_config"] = {"ca_file": f"{given}/{asked['files']['ca']}"}
    if asked["username"]:
        password = f"{given}/{asked['files']['password']}"
        node["basic_auth"] = {"username": asked["username"], "password_file": password}
    return {**node, "static_configs": static}


def probe_jobs(stack: Stack, mine: dict[str, str]) -> list[dict[str, Any]]:
    """The exporter of probes itself, and what it probes."""
    web = stack.asked("blackbox_exporter")
    relabel = [
        {"source_labels": ["__address__"], "target_label": "__param_target"},
        {"source_labels": ["__param_target"], "target_label": "instance"},
        {"target_label": "__address__", "replacement": web.target},
    ]
    endpoints = {
        "prometheus": f"{stack.url('prometheus')}/-/healthy",
        "alertmanager": f"{stack.url('alertmanager')}/-/healthy" if stack.on("alertmanager") else "",
        "grafana": f"{stack.url('grafana')}/api/health" if stack.on("grafana") else "",
    }
    probed = [
        {"targets": [url], "labels": {"endpoint": name, **mine}}
        for name, url in endpoints.items()
        if url.startswith("https://")
    ]
    return [
        {"job_name": "blackbox_exporter", "static_configs": [{"targets": [web.target], "labels": mine}]},
        {
            "job_name": "redis-tls",
            "metrics_path": "/probe",
            "params": {"module": ["redis_tls"]},
            "static_configs": nodes(stack, redis_ports(stack)),
            "relabel_configs": modules(stack, relabel),
        },
        {
            "job_name": "monitoring-endpoints",
            "metrics_path": "/probe",
            "params": {"module": ["https"]},
            "static_configs": probed,
            "relabel_configs": relabel,
        },
    ]


def modules(stack: Stack, relabel: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Before these: clusters that are probed with a module of their own."""
    own = [
        {
            "source_labels": ["cluster"],
            "regex": re.escape(cluster),
            "target_label": "__param_module",
            "replacement": blackbox_exporter.module_of(cluster),
        }
        for cluster in blackbox_exporter.clusters(stack.of("blackbox_exporter"), stack.host)
    ]
    return own + relabel if own else relabel


def nodes(stack: Stack, ports: dict[str, int]) -> list[dict[str, Any]]:
    """The Redis nodes; too few are an error of the targets of redis-cluster."""
    try:
        return prometheus.inventory_targets(stack.of("prometheus"), stack.host, ports)[0]
    except ValueError as err:
        raise _core.Unreadable(str(err)) from err


def node_ports(stack: Stack) -> dict[str, int]:
    """The port of node_exporter of each Redis node."""
    return {node: said(stack, node, "node_exporter", "node_exporter_port") for node in redis_nodes(stack)}


def redis_nodes(stack: Stack) -> list[str]:
    return list(stack.host.groups.get(stack.of("prometheus")["prometheus_redis_group"], []))


def redis_ports(stack: Stack) -> dict[str, int]:
    """The port of Redis of each node."""
    found = {}
    for node in redis_nodes(stack):
        try:
            found[node] = urlsplit(said(stack, node, "redis_exporter", "redis_exporter_redis_addr")).port or 6379
        except ValueError as err:  # whose text may have a password
            raise _core.Unreadable(f"{node}: redis_exporter_redis_addr has a port that is no number") from err
    return found


def said(stack: Stack, node: str, role: str, name: str) -> Any:
    """A setting of a Redis node, or its default: a wrong one would be scraped or probed in the wrong place."""
    value, wrong = _clusters.of_node(stack.host, node, role, name)
    if wrong:
        raise _core.Unreadable(f"{node}: {'; '.join(wrong)}")
    return _options.default_of(_core.options_of(role)[name]) if value is None else value
