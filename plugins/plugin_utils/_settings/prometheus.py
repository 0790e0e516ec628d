# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role prometheus."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...module_utils._text import version_tuple
from .. import _scrape_targets
from . import _agent, _clusters, _core, _data, _rules, _storage, _web

OWN_CHECKS = ("prometheus_alert_thresholds", "prometheus_alert_for", "prometheus_rules_disabled")
OWN_FLAGS = ["config.file", "storage.tsdb.path", "web.listen-address", "web.config.file"]
OWN_CREDENTIALS = [
    "web.yml", "web_password", "exporter_password", "web.crt", "web.key", "web_ca.crt", "exporter_ca.crt",
    "exporter.crt", "exporter.key", "remote_storage_password", "remote_storage_ca.crt",
]  # fmt: skip
THRESHOLDS = "prometheus_alert_thresholds"
RETENTION = "storage.tsdb.retention"
INTERVALS = ("prometheus_scrape_interval", "prometheus_evaluation_interval")
LONGEST_INTERVAL = "2m"  # with it, one sample of a five-minute window may be missing
# Further jobs that the rules of the pack look at; job cloudwatch has longer windows.
RULED_JOBS = (
    "redis-tls",
    "node",
    "node-monitoring",
    "monitoring-endpoints",
    "alertmanager",
    "blackbox_exporter",
    "grafana",
)
GIVEN = _core.given("prometheus")
# What it writes into its data directory.
DATA = r"data-agent|wal|wbl|chunks_head|snapshots|lock|queries\.active|[0-9A-Z]{26}(\.tmp.*)?|.*\.tmp.*"


def problems(s: dict, host: _core.Host) -> list[str]:
    found = _core.release_problems(s, host, "prometheus", "Prometheus")
    found += web(s, host).problems("read everything")
    found += _core.belong_together(
        s,
        [
            ("prometheus_web_tls_cert_file", "prometheus_web_tls_key_file"),
            ("prometheus_exporter_cert_file", "prometheus_exporter_key_file"),
            ("prometheus_exporter_username", "prometheus_exporter_password"),
        ],
    )
    found += _clusters.client_problems(s, host)
    found += _core.durations(s, [*INTERVALS, "prometheus_exporter_scrape_timeout", "prometheus_retention_time"])
    size = s["prometheus_retention_size"]
    if size and not re.fullmatch(r"([0-9]+(\.[0-9]+)?([KMGTPE]i?)?B)+", size):
        found.append(f"prometheus_retention_size is {size}, which is not a size such as 20GB")
    timeout, interval = s["prometheus_exporter_scrape_timeout"], s["prometheus_scrape_interval"]
    if _core.longer(timeout, interval):
        found.append(
            f"prometheus_exporter_scrape_timeout is {timeout}, longer than prometheus_scrape_interval, which is"
            f" {interval}"
        )
    found += _core.secrets_in_files(
        s,
        "prometheus",
        ["prometheus_scrape_configs", "prometheus_remote_write", "prometheus_alertmanagers"],
        hint=": put it into prometheus_credentials and use basic_auth.password_file",
    )
    of_clusters = [*_clusters.client_secrets(s, host), *_clusters.client_files(s, host)]
    found += _core.credential_names(s, "prometheus", [*OWN_CREDENTIALS, *of_clusters])
    found += user_rules_problems(s, host)
    found += _storage.problems(s) + _storage.label_problems(s, host) + _agent.problems(s)
    found += _core.page_url_problems(s, "prometheus_external_url", "https://prometheus.example.com/prometheus")
    found += _core.flags_problems(s, "prometheus", OWN_FLAGS) + _data.problems(s, host, "prometheus")
    if s["prometheus_discovery"] == "ec2_sd" and not ec2_region(s):
        found.append("prometheus_discovery is ec2_sd: set prometheus_ec2_sd.region")
    if "node" in s["prometheus_target_labels"]:
        found.append(
            "prometheus_target_labels has node, which all Redis nodes would share: alerts of one would mute those of"
            " another. Give a host the variable node instead, or its instance another tag Name"
        )
    try:
        targets(s, host)
    except ValueError as err:
        found.append(f"scrape_targets: {err}")
    # The pack of an agent is in the ruler of a store, also where prometheus_rule_pack says that it is there already.
    if s["prometheus_rule_pack"] or _agent.is_on(s):
        found += rule_problems(s, host)
    return found


def export_problems(s: dict, host: _core.Host) -> list[str]:
    """What is wrong with the settings that rules are made of for somebody else, who looks at no others."""
    return _core.durations(s, list(INTERVALS)) + rule_problems(s, host)


def rule_problems(s: dict, host: _core.Host) -> list[str]:
    """What is wrong with the numbers of the pack, whoever evaluates it."""
    return interval_problems(s) + _rules.problems(s) + threshold_problems(s, host)


def interval_problems(s: dict) -> list[str]:
    """Intervals that are too long for the windows of the rules, also those of single jobs that the rules look at."""
    found = {name: s[name] for name in INTERVALS}
    for job in s["prometheus_scrape_configs"]:
        if job.get("job_name") in RULED_JOBS:
            found[f"scrape_interval of the job {job['job_name']}"] = str(job.get("scrape_interval") or "0s")
    # Somebody else's ruler keeps its rules when the pack is switched off here.
    way_out = ", or prometheus_rule_pack: false" if s["prometheus_rule_pack"] and not _agent.is_on(s) else ""
    return [
        f"{name} is {value}: the rules look back 5m and need two samples in them, so at most"
        f" {LONGEST_INTERVAL}{way_out}"
        for name, value in found.items()
        if _core.longer(value, LONGEST_INTERVAL)
    ]


def user_rules_problems(s: dict, host: _core.Host) -> list[str]:
    found = []
    pack = {path.name for path in _rules.files()} if s["prometheus_rule_pack"] else set()
    names = [Path(path).name for path in s["prometheus_rule_files"]]
    for path, name in zip(s["prometheus_rule_files"], names):
        if not re.search(r"\.ya?ml$", path):
            found.append(f"prometheus_rule_files has {path}: the name of a rule file ends in .yml or .yaml")
        elif name in pack:
            found.append(f"prometheus_rule_files has {path}, whose name is that of a file of the rule pack: rename it")
        elif names.count(name) > 1:
            found.append(f"prometheus_rule_files has two files named {name}: rename one")
        elif not host.file(path).is_file():
            found.append(f"prometheus_rule_files has {path}, which is not a file on the controller")
    return found


def web(s: dict, host: _core.Host) -> _web.Web:
    return _web.Web(
        s,
        host,
        "prometheus",
        ca_file=s["prometheus_web_tls_ca_file"] or s["prometheus_exporter_ca_file"],
        prefix=(s["prometheus_flags"].get("web.route-prefix") or _core.url_path(s["prometheus_external_url"])).rstrip(
            "/"
        ),
    )


def connection(s: dict, host: _core.Host) -> dict:
    return web(s, host).connection


def ec2_region(s: dict) -> str:
    return s["prometheus_ec2_sd"].get("region") or s["monitoring_aws_region"]


def targets(s: dict, host: _core.Host) -> tuple[list[dict], list[str]]:
    """The targets of file_sd, and why hosts were left out that have no address."""
    if s["prometheus_discovery"] != "file_sd":
        return [], []
    groups, dummy, left_out = inventory_targets(
        s, host, ports=_clusters.ports(s, host), min_targets=s["prometheus_min_targets"]
    )
    return groups, left_out


def inventory_targets(
    s: dict, host: _core.Host, ports: dict[str, int], names: list[str] | None = None, min_targets: int = 0
) -> tuple[list[dict], list[str], list[str]]:
    """The Redis nodes of the inventory, or those named, as targets with their labels; and what was left out, twice.

    ports: by node.
    """
    return _scrape_targets.scrape_targets(
        host.groups.get(s["prometheus_redis_group"], []) if names is None else names,
        host.hostvars,
        ports=ports,
        labels=s["prometheus_target_labels"],
        tag_labels=tag_labels(s["prometheus_tag_labels"]),
        min_targets=min_targets,
    )


def tag_labels(given: dict) -> dict:
    """Those of the user; and cluster, environment and node, without which one alert would mute any other."""
    return {**_scrape_targets.IDENTITY, **given}


def rule_files(s: dict, host: _core.Host) -> list[dict]:
    """The files of the pack, and those of the user; an agent refuses them."""
    if _agent.is_on(s):
        return []
    pack = _rules.files() if s["prometheus_rule_pack"] else []
    clusters = thresholds(s, host)
    found = [{"path": f"rules/{path.name}", "content": partial(_rules.render, path, s, clusters)} for path in pack]
    return found + _core.user_files(host, s["prometheus_rule_files"], "rules")


def thresholds(s: dict, host: _core.Host) -> dict[str, dict[str, float]]:
    """The thresholds of each cluster that says some of its own; the others are those of all."""
    given = _clusters.own(host, "prometheus", [THRESHOLDS])
    return {one: _rules.thresholds(s, said[THRESHOLDS]) for one, said in given.items() if said.get(THRESHOLDS)}


def threshold_problems(s: dict, host: _core.Host) -> list[str]:
    """Of the thresholds of clusters."""
    found, known = _clusters.problems(host, "prometheus", [THRESHOLDS]), _rules.threshold_problems(s)
    for cluster, said in _clusters.own(host, "prometheus", [THRESHOLDS]).items():
        own = {**s, THRESHOLDS: {**s[THRESHOLDS], **(said.get(THRESHOLDS) or {})}}
        found += [f"cluster {cluster}: {line}" for line in _rules.threshold_problems(own) if line not in known]
    return found


def retention(s: dict) -> dict[str, str]:
    found = {name: s[f"prometheus_retention_{name}"] for name in ("time", "size")}
    return {name: value for name, value in found.items() if value}


def retention_in_file(s: dict) -> bool:
    """Where its flags are deprecated. Versions 3.8 to 3.10 misread the time in the file; the file overrides flags."""
    given = any(name.startswith(RETENTION) for name in s["prometheus_flags"])
    return version_tuple(s["prometheus_version"]) >= (3, 11) and not given and not _agent.is_on(s)


def server_flags(s: dict) -> dict[str, str]:
    kept = {} if retention_in_file(s) else {f"{RETENTION}.{name}": value for name, value in retention(s).items()}
    return {"storage.tsdb.path": _data.path(s, "prometheus"), **kept}


def runbooks() -> list[dict]:
    """The pages of docs/runbooks, for /user of Prometheus' own web server."""
    pages = sorted((_core.ROLES.parent / "docs" / "runbooks").glob("*.md"))
    mark = f"\n<!-- {_core.MARKER} -->\n"
    return [
        {"path": f"pages/runbooks/{page.name}", "content": page.read_text(encoding="utf-8") + mark, "watched": True}
        for page in pages
    ]


def service(s: dict, host: _core.Host) -> dict:
    site = web(s, host)
    release = _core.release(s, host, "prometheus", "prometheus/prometheus", ["prometheus", "promtool"])
    program, promtool = (f"{release['root']}/current/{name}" for name in release["binaries"])
    found, left_out = targets(s, host)
    secrets = {
        **({"web_password": site.users[site.user]} if site.user else {}),
        **({"exporter_password": s["prometheus_exporter_password"]} if s["prometheus_exporter_username"] else {}),
        **_clusters.client_secrets(s, host),
        **_storage.secrets(s),
        **s["prometheus_credentials"],
    }
    secret_files = site.secret_files(secrets)
    credential_files = {
        "web.crt": s["prometheus_web_tls_cert_file"],
        "web.key": s["prometheus_web_tls_key_file"],
        "web_ca.crt": site.ca_file if site.tls else "",
        "exporter_ca.crt": s["prometheus_exporter_ca_file"] if s["prometheus_exporter_scheme"] == "https" else "",
        "exporter.crt": s["prometheus_exporter_cert_file"],
        "exporter.key": s["prometheus_exporter_key_file"],
        **_clusters.client_files(s, host),
        **_storage.credential_files(s),
        **s["prometheus_credential_files"],
    }
    own_flags = {
        "config.file": "/etc/prometheus/prometheus.yml",
        **(_agent.flags(s) if _agent.is_on(s) else server_flags(s)),
        "web.listen-address": site.listens_at,
        "web.config.file": "${CREDENTIALS_DIRECTORY}/web.yml" if site.config_needed else "",
        "web.external-url": s["prometheus_external_url"],
        "web.user-assets": "/etc/prometheus/pages" if s["prometheus_serve_runbooks"] else "",
    }
    flags = {**{name: value for name, value in own_flags.items() if value}, **s["prometheus_flags"]}
    flags = _agent.switched_on(s, flags)
    arguments = _core.arguments(flags)
    files = [
        {"path": "prometheus.yml", "template": "prometheus/prometheus.yml.j2"},
        {"path": "/etc/systemd/system/prometheus.service", "template": "_service/service.j2"},
        *_data.files(s, "prometheus"),
        *rule_files(s, host),
        *(runbooks() if s["prometheus_serve_runbooks"] else []),
    ]
    if s["prometheus_discovery"] == "file_sd":
        files.append({"path": "targets/redis-cluster.yml", "template": "prometheus/targets.yml.j2", "watched": True})
    return {
        **release,
        "unit": "prometheus.service",
        "warnings": [
            *(f"scrape_targets leaves out a host: {reason}" for reason in left_out),
            *_agent.warnings(s),
            *_clusters.port_warnings(s, host),
        ],
        "config": {
            "path": "/etc/prometheus",
            "files": files,
            "secrets": secret_files,
            "prune": ["rules", "targets", "pages/runbooks"],
            "purge": ["credentials"],
            "absent": _data.absent(s, "prometheus"),
            "data": _data.config(s, "prometheus", DATA),
            "certificates": [
                *site.certificates(
                    ["prometheus_web_tls_ca_file", "prometheus_exporter_ca_file"], "prometheus_exporter"
                ),
                *_clusters.client_certificates(s, host),
                *_storage.certificates(s),
            ],
            "checks": [
                [program, *arguments, "--version"],
                [promtool, "check", "config", *(["--agent"] if _agent.is_on(s) else []), "{dir}/prometheus.yml"],
                *([[promtool, "check", "web-config", "{credentials}/web.yml"]] if site.config_needed else []),
            ],
            "unit": "prometheus.service",
            "inputs": [program],
            "service": site.asked("/-/ready"),
        },
        "values": {
            **s,
            "given": GIVEN,
            "agent": _agent.is_on(s),
            **site.values,
            "external_labels": _storage.external_labels(s, host),
            "alert_relabelling": _storage.alert_relabelling(s, host),
            "remote_write": _storage.remote_write(s, host, GIVEN),
            "retention": retention(s) if retention_in_file(s) else {},
            "targets": found,
            "exporter_jobs": _clusters.jobs(s, host),
            "ec2_sd": ec2_sd(s, host),
            "ec2_relabelling": ec2_relabelling(s, host) if s["prometheus_discovery"] == "ec2_sd" else [],
            "service": {
                "role": "prometheus",
                "description": "Prometheus",
                "documentation": "https://prometheus.io/docs/",
                "program": program,
                "arguments": arguments,
                "lines": [
                    "# It writes its newest samples to disk when it ends.",
                    "TimeoutStopSec=120",
                    "# Or what the host allows. Programs of older Go cannot raise it themselves inside this sandbox.",
                    "LimitNOFILE=524288",
                ],
                **_data.values(s, "prometheus"),
                "credentials": site.credentials(secret_files, credential_files),
                "environment": s["prometheus_environment"],
                "sandbox": {"RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX"},
            },
        },
    }


def ec2_sd(s: dict, host: _core.Host) -> dict:
    """Discovery by the EC2 API. It has one port: what all clusters say, else what this host says."""
    ports = set(_clusters.ports(s, host).values())
    return {
        "refresh_interval": "60s",
        "filters": [
            {"name": "instance-state-name", "values": ["running"]},
            {"name": "tag:Role", "values": ["redis"]},
        ],
        **{key: value for key, value in s["prometheus_ec2_sd"].items() if value is not None},
        "region": ec2_region(s),
        "port": ports.pop() if len(ports) == 1 else s["prometheus_exporter_port"],
    }


def ec2_relabelling(s: dict, host: _core.Host) -> list[dict]:
    """From the labels of the discovery to those of scrape_targets.

    Relabelling sees one instance at a time and cannot tell that another has the same name. So a node has the instance
    id in its name, unless the inventory knows it: then it has the labels that it has everywhere else.
    """
    rules: list[dict] = []
    otherwise = environments(host)

    def put(label: str, *sources: str, regex: str = r"(.*\S.*)", value: str = "$1") -> None:
        rule = {"source_labels": list(sources), "regex": regex, "target_label": label, "replacement": value}
        rules.append(rule if sources else {"target_label": label, "replacement": value})

    tags = {
        label: "__meta_ec2_tag_" + re.sub("[^a-zA-Z0-9_]", "_", tag)
        for label, tag in tag_labels(s["prometheus_tag_labels"]).items()
    }
    for name in ("instance_id", "availability_zone", "instance_type"):
        put(name, f"__meta_ec2_{name}")
    for label in _scrape_targets.IDENTITY:
        if host.variables.get(f"monitoring_{label}"):
            put(label, value=_core.literal(host.variables[f"monitoring_{label}"]))
    put("node", "__meta_ec2_instance_id")
    for label, tag in tags.items():
        if label == "environment":  # before the tag, which is stronger
            for cluster, value in otherwise.items():
                put(label, "cluster", regex=re.escape(cluster), value=_core.literal(value))
        if label == "node":
            put(label, tag, "__meta_ec2_instance_id", regex=r"(.*\S.*);(.+)", value="${1}_$2")
        else:
            put(label, tag)
    tagged = _scrape_targets.tags_of(host.groups.get(s["prometheus_redis_group"], []), host.hostvars)
    for group in inventory_targets(s, host, _clusters.ports(s, host))[0]:
        labels = group["labels"]
        source, regex = "__meta_ec2_instance_id", labels.get("instance_id", "")
        if not regex:  # of a static inventory
            source, regex = "__address__", "|".join(re.escape(target) for target in group["targets"])
        given = discovered(s, host, tagged.get(labels.get("instance_id"), {}), otherwise)
        wanted = ["node", *(label for label in given if label not in s["prometheus_target_labels"])]
        for label in wanted:
            if labels.get(label) and labels[label] != given.get(label):
                put(label, source, regex=regex, value=_core.literal(labels[label]))
    for label, value in s["prometheus_target_labels"].items():
        put(label, value=_core.literal(value))
    return rules


def environments(host: _core.Host) -> dict[str, str]:
    """The environment of each cluster whose nodes all say another than this host: of instances without the tag."""
    mine, found = environment_of(host.variables), {}
    for cluster, names in _clusters.nodes(host).items():
        said = {environment_of(host.hostvars[name]) for name in names}
        if cluster and len(said) == 1 and not said & {"", mine}:
            found[cluster] = said.pop()
    return found


def environment_of(variables: Mapping[str, Any]) -> str:
    return str(variables.get("monitoring_environment") or "")


def discovered(s: dict, host: _core.Host, tags: Mapping[str, Any], otherwise: dict[str, str]) -> dict[str, str]:
    """Cluster and environment of an instance with these tags, as the inventory need not know it."""
    names = tag_labels(s["prometheus_tag_labels"])
    cluster, environment = (str(tags.get(names[label]) or "") for label in ("cluster", "environment"))
    if not cluster.strip():
        cluster = str(host.variables.get("monitoring_cluster") or "")
    if not environment.strip():
        environment = otherwise.get(cluster, environment_of(host.variables))
    return {"cluster": cluster, "environment": environment}
