# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role node_exporter."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .. import _scrape_targets
from . import _core, _stack, _web, prometheus

OWN_FLAGS = ["web.listen-address", "web.config.file", "collector.disable-defaults", "collector.textfile.directory"]
TEXTFILES = "/var/lib/node_exporter"
PROGRAMS = "/usr/local/lib/node_exporter"
PYTHON = "/usr/bin/python3"  # the system's own: python3-boto3 is for no other
# What the collectors import, beside them on the host.
SHARED = {"redis_tls_cert_files": ["_certificate", "_files"], "aws_ebs_snapshots": ["_files"]}
# Upstream's own exclusions of its newest versions, for the older ones as well; and data directories of the user, which
# are seen where he mounted them.
NOT_MEASURED = (
    "^/(dev|proc|run/credentials/.+|sys|var/lib/private/redisops/.+"
    "|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
)
# Variables of the roles that name certificate files, and what those are for.
KNOWN_CERT_FILES = [
    ("server", "node_exporter_redis_tls_cert_file"),
    ("client", "redis_exporter_tls_cert_file"),
    ("exporter", "redis_exporter_web_tls_cert_file"),
    ("exporter", "node_exporter_web_tls_cert_file"),
    ("ca", "redis_exporter_tls_ca_file"),
    ("ca", "redis_exporter_web_client_ca_file"),
    ("client", "blackbox_exporter_redis_cert_file"),
    ("ca", "blackbox_exporter_redis_ca_file"),
    ("ca", "blackbox_exporter_https_ca_file"),
    ("client", "prometheus_exporter_cert_file"),
    ("ca", "prometheus_exporter_ca_file"),
    ("client", "alertmanager_cluster_tls_cert_file"),
    ("ca", "alertmanager_cluster_tls_ca_file"),
]


def problems(s: dict, host: _core.Host) -> list[str]:
    found = _core.release_problems(s, host, "node_exporter", "node_exporter", oldest="1.5.0")
    found += web(s, host).problems("read it")
    found += _core.belong_together(
        s,
        [
            ("node_exporter_web_tls_cert_file", "node_exporter_web_tls_key_file"),
            ("node_exporter_web_client_cert_file", "node_exporter_web_client_key_file"),
        ],
    )
    tls, client = s["node_exporter_web_tls_cert_file"], s["node_exporter_web_client_cert_file"]
    if s["node_exporter_web_client_ca_file"] and not (tls and client):
        found.append(
            "node_exporter_web_client_ca_file takes node_exporter_web_tls_cert_file, and"
            " node_exporter_web_client_cert_file for this role to show that the exporter answers"
        )
    found += _core.flags_problems(s, "node_exporter", OWN_FLAGS)
    files = cert_files(s, host)
    try:
        if files:
            node(s, host)
        instances = ebs_instances(s, host) if s["node_exporter_ebs_snapshots"] else {}
    except ValueError as err:
        return [*found, f"scrape_targets: {err}"]
    collectors = collectors_on(s, host)
    if collectors and "textfile" not in s["node_exporter_collectors"]:
        found.append(f"node_exporter_collectors lacks textfile, which delivers {' and '.join(collectors)}")
    for entry in files:
        if not re.match("/[^:\n]*$", entry["path"]):
            found.append(
                f"node_exporter_cert_files has the path {entry['path']!r}: give an absolute one without a colon"
            )
    return found + (ebs_problems(s, instances) if s["node_exporter_ebs_snapshots"] else [])


def ebs_problems(s: dict, instances: dict) -> list[str]:
    found = []
    if not instances:
        found.append(
            "node_exporter_ebs_snapshots is on and no Redis node of the inventory has an instance_id: set"
            " node_exporter_ebs_instances, or switch it off where Redis does not run on EC2"
        )
    for identifier in instances:
        if not re.match("i-[0-9a-f]+$", identifier):
            found.append(f"node_exporter_ebs_instances has {identifier}, which is no instance id")
    endpoint = s["node_exporter_ebs_endpoint_url"]
    if endpoint and not re.match("https?://", endpoint):
        found.append(f"node_exporter_ebs_endpoint_url is {endpoint}: it has to begin with https://")
    for name, value in s["node_exporter_ebs_volume_filters"].items():
        if not isinstance(value, list):
            found.append(f"node_exporter_ebs_volume_filters.{name} is no list")
    if not endpoint:
        found += _core.open_secrets(s, "node_exporter_ebs_environment", "node_exporter_ebs_credentials_file")
    return found


def web(s: dict, host: _core.Host) -> _web.Web:
    return _web.Web(s, host, "node_exporter", ca_file=s["node_exporter_web_tls_ca_file"])


def connection(s: dict, host: _core.Host) -> dict:
    return web(s, host).connection


# --------------------------------------------------------------------------------------------- what the inventory says


def scraped(host: _core.Host, names: list[str]) -> list[dict]:
    """The scrape targets that these hosts are."""
    tags = prometheus.tag_labels(host.variables.get("prometheus_tag_labels", _scrape_targets.TAG_LABELS))
    labels = host.variables.get("prometheus_target_labels", {})
    return _scrape_targets.scrape_targets(names, host.hostvars, labels=labels, tag_labels=tags, min_targets=0)[0]


def redis_nodes(host: _core.Host) -> list[str]:
    return host.groups.get(host.variables.get("prometheus_redis_group", "redis"), [])


def node(s: dict, host: _core.Host) -> str:
    """The label of certificate files."""
    if s["node_exporter_node"]:
        return s["node_exporter_node"]
    if host.name not in redis_nodes(host) and "monitoring" in host.group_names:
        return host.name  # as in the scrape jobs of its services
    own = scraped(host, [host.name])
    if own and own[0]["labels"].get("node", host.name) != host.name and host.name in redis_nodes(host):
        # Among all: hosts that share a name are told apart.
        own = [one for one in scraped(host, redis_nodes(host)) if own[0]["targets"][0] in one["targets"]]
    return own[0]["labels"].get("node", host.name) if own else host.name


def cert_files(s: dict, host: _core.Host) -> list[dict]:
    """What the settings list; else what the variables of this role and the others name for the host."""
    if s["node_exporter_cert_files"] is not None:
        return s["node_exporter_cert_files"]
    found = [
        {"usage": usage, "path": s.get(name) or host.variables.get(name) or ""}
        for usage, name in KNOWN_CERT_FILES
        if not elsewhere(name, host)
    ]
    return [entry for number, entry in enumerate(found) if entry["path"] and entry not in found[:number]]


def elsewhere(name: str, host: _core.Host) -> bool:
    """Whether a variable belongs to a role of the other group: it may be set for all hosts."""
    groups = {"redis_exporter": "redis", "node_exporter": ""}
    group = next((group for role, group in groups.items() if name.startswith(role)), "monitoring")
    return bool(group) and group not in host.group_names and bool({"redis", "monitoring"} & set(host.group_names))


def ebs_instances(s: dict, host: _core.Host) -> dict:
    """Labels by instance; of the Redis nodes of the inventory that are EC2 instances unless the settings name them."""
    if s["node_exporter_ebs_instances"] is not None:
        return s["node_exporter_ebs_instances"]
    labels = [one["labels"] for one in scraped(host, redis_nodes(host))]
    return {one["instance_id"]: one for one in labels if "instance_id" in one}


def collectors_on(s: dict, host: _core.Host) -> list[str]:
    return [
        *(["redis_tls_cert_files"] if cert_files(s, host) else []),
        *(["aws_ebs_snapshots"] if s["node_exporter_ebs_snapshots"] else []),
    ]


# ------------------------------------------------------------------------------------------------------------ service


def arguments_of(s: dict, site: _web.Web) -> list[str]:
    wanted = s["node_exporter_collectors"]
    own = {
        "web.listen-address": site.listens_at,
        "web.config.file": "${CREDENTIALS_DIRECTORY}/web.yml" if site.config_needed else "",
        "collector.disable-defaults": True,
        "collector.textfile.directory": TEXTFILES if "textfile" in wanted else "",
        "collector.filesystem.mount-points-exclude": NOT_MEASURED if "filesystem" in wanted else "",
    }
    flags = {name: value for name, value in own.items() if value}
    flags.update((f"collector.{name}", True) for name in wanted)
    if "netdev" in wanted:
        flags["collector.netdev.netlink"] = False
    return _core.arguments({**flags, **s["node_exporter_flags"]})


def needs(s: dict, host: _core.Host) -> dict:
    """What host_status looks for."""
    if s["node_exporter_ebs_package"] or not s["node_exporter_ebs_snapshots"]:
        return {}
    missing = "the Python library boto3 is missing, and node_exporter_ebs_package is empty"
    return {"libraries": {"boto3": f"{missing}: install python3-boto3"}}


def service(s: dict, host: _core.Host) -> dict:
    site = web(s, host)
    release = _core.release(s, host, "node_exporter", "prometheus/node_exporter", ["node_exporter"])
    program = f"{release['root']}/current/node_exporter"
    arguments = arguments_of(s, site)
    secrets = site.secret_files({})
    collectors = {name: collector_files(name, s, host) for name in collectors_on(s, host)}
    files = {"/etc/systemd/system/node_exporter.service": {"template": "_service/service.j2"}}
    for name, own in collectors.items():
        files.update(own)
        files.update(program_files([*SHARED[name], name]))
    checks = [[program, *arguments, "--version"]]
    # In check mode the role certificates has issued none yet.
    issued = any(one["path"].startswith(f"{_stack.TLS}/") for one in cert_files(s, host))
    if "redis_tls_cert_files" in collectors and not (host.check_mode and issued):
        checks.append([PYTHON, "-Es", f"{PROGRAMS}/redis_tls_cert_files.py", *cert_arguments(s, host)])
    return {
        **release,
        "unit": "node_exporter.service",
        "config": {
            "path": "/etc/node_exporter",
            "files": [{"path": path, **content} for path, content in files.items()],
            "secrets": secrets,
            "purge": ["credentials"],
            "absent": [path for path in leftovers() if path not in files and Path(path).stem not in collectors],
            "certificates": site.certificates(
                ["node_exporter_web_tls_ca_file", "node_exporter_web_client_ca_file"], "node_exporter_web_client"
            ),
            "checks": checks,
            "unit": "node_exporter.service",
            "inputs": [program],
            "timers": [f"{name}.timer" for name in collectors],
            "service": {**site.asked("/metrics", metrics=False), "metrics_prefix": "node_exporter"},
        },
        "values": {
            **site.values,
            "given": _core.given("node_exporter"),
            "service": {
                "role": "node_exporter",
                "description": "Node exporter: metrics of this host",
                "documentation": "https://github.com/prometheus/node_exporter",
                "program": program,
                "arguments": arguments,
                "reload": False,
                # The user of the collectors too: what they write is in the state directory.
                "lines": ["User=node_exporter", *firewall(s, site)],
                "state": "node_exporter",
                "state_mode": "0755",
                "credentials": site.credentials(
                    secrets,
                    {
                        "web.crt": s["node_exporter_web_tls_cert_file"],
                        "web.key": s["node_exporter_web_tls_key_file"],
                        "scraper_ca.crt": site.client_ca,
                    },
                ),
                "environment": {},
                "sandbox": {
                    # /proc as the host has it: most metrics come from there, and the mount points from /proc/1,
                    # because its own are read-only.
                    "ProcSubset": "all",
                    "ProtectProc": "default",
                    # Hidden, a file system of its own would be measured as the empty one that hides it.
                    "ProtectHome": "read-only",
                },
            },
        },
    }


def firewall(s: dict, site: _web.Web) -> list[str]:
    if not s["node_exporter_allow_from"]:
        return []
    allowed = ["localhost", site.address, *s["node_exporter_allow_from"]]
    return ["IPAddressDeny=any", *(f"IPAddressAllow={network}" for network in allowed)]


# --------------------------------------------------------------------------- collectors: programs that timers start


def cert_arguments(s: dict, host: _core.Host) -> list[str]:
    return [f"--node={node(s, host)}", *(f"{one['usage']}={one['path']}" for one in cert_files(s, host))]


def program_files(names: list[str]) -> dict:
    """The collector, and what it imports."""
    sources = [_core.ROLES / "node_exporter" / "files", _core.ROLES.parent / "plugins" / "module_utils"]
    found = {}
    for name in names:
        path = next(one / f"{name}.py" for one in sources if (one / f"{name}.py").exists())
        found[f"{PROGRAMS}/{name}.py"] = {"content": path.read_text(encoding="utf-8"), "watched": True}
    return found


def collector_files(name: str, s: dict, host: _core.Host) -> dict:
    """Timer, unit and configuration."""
    files = {}
    if name == "redis_tls_cert_files":
        title = "certificate files"
        collector = cert_collector(s, host)
    else:
        title = "EBS snapshots"
        collector = ebs_collector(s)
        config = {
            "instances": ebs_instances(s, host),
            "filters": s["node_exporter_ebs_volume_filters"],
            "region": s["node_exporter_ebs_region"],
            "endpoint_url": s["node_exporter_ebs_endpoint_url"],
        }
        text = json.dumps(config, indent=4, sort_keys=True)
        files["/etc/node_exporter/aws_ebs_snapshots.json"] = {"content": f"{text}\n", "watched": True}
    collector["arguments"].append(f"--output={TEXTFILES}/{name}.prom")
    values = {"title": title, "service": {"name": name, **collector}}
    for kind in ("service", "timer"):
        files[f"/etc/systemd/system/{name}.{kind}"] = {
            "template": f"node_exporter/collector.{kind}.j2",
            "values": values,
            "watched": True,
        }
    return files


def cert_collector(s: dict, host: _core.Host) -> dict:
    """systemd hands over copies of these files and of nothing else: no key is ever within reach."""
    return {
        "program": f"{PYTHON} -Es {PROGRAMS}/redis_tls_cert_files.py",
        "arguments": ["--credentials=${CREDENTIALS_DIRECTORY}", *cert_arguments(s, host)],
        "timeout": 60,
        "online": False,
        "credentials": {f"cert-{number}": one["path"] for number, one in enumerate(cert_files(s, host))},
        "instead": "missing",  # of a file that is not there: the program tells
        "environment": {},
        "sandbox": {"PrivateNetwork": "yes", "RestrictAddressFamilies": "none", "IPAddressDeny": "any"},
    }


def ebs_collector(s: dict) -> dict:
    path = s["node_exporter_ebs_credentials_file"]
    own = {"PYTHONDONTWRITEBYTECODE": "1"}
    if path:
        own["AWS_SHARED_CREDENTIALS_FILE"] = "/run/credentials/aws_ebs_snapshots.service/aws"
    return {
        "program": f"{PYTHON} {PROGRAMS}/aws_ebs_snapshots.py",
        "arguments": ["--config=/etc/node_exporter/aws_ebs_snapshots.json"],
        "timeout": 300,
        "online": True,
        "credentials": {"aws": path} if path else {},
        "instead": "",
        "environment": {**own, **s["node_exporter_ebs_environment"]},
        "sandbox": {},
    }


def leftovers() -> list[str]:
    """What the collectors leave on a host that runs them no longer."""
    found = []
    for name, shared in SHARED.items():
        found += [f"/etc/systemd/system/{name}.timer", f"/etc/systemd/system/{name}.service"]
        found += [f"{PROGRAMS}/{one}.py" for one in [name, *shared]]
        found.append(f"/var/lib/private/node_exporter/{name}.prom")
    return [*dict.fromkeys(found), "/etc/node_exporter/aws_ebs_snapshots.json"]
