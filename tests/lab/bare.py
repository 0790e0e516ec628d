# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab where a user starts: the shipped small inventory, hosts with nothing of ours, and what tests have to know."""

from __future__ import annotations

import json
import re
import runpy
import secrets
from pathlib import Path

import aws
import yaml
from common import ROOT, write

# Where there are two clusters: the second one, its administrator's password, and what the monitoring is called.
OTHER_CLUSTER, OTHER_ADMIN, MONITORING_NAME = "stock", "stock_admin_password", "shop"
INVENTORIES = ROOT / "inventories"
DERIVED = {
    "redis_exporter_password": "redis_exporter/redis",
    "exporter_web_password": "exporters/prometheus",
    "prometheus_admin_password": "prometheus/admin",
    "prometheus_grafana_password": "prometheus/grafana",
    "alertmanager_admin_password": "alertmanager/admin",
    "alertmanager_prometheus_password": "alertmanager/prometheus",
    "alertmanager_grafana_password": "alertmanager/grafana",
    "grafana_admin_password": "grafana/admin",
    "grafana_secret_key": "grafana/secret_key",
    "grafana_metrics_password": "grafana/metrics",
}


def make_secrets(directory: Path, clusters: int = 1) -> None:
    """What a user has, and for the tests what the collection derives from it."""
    (directory / "secrets").mkdir(mode=0o700, parents=True, exist_ok=True)
    others = [OTHER_ADMIN] if clusters > 1 else []
    for name in ("monitoring_secret", "redis_admin_password", "webhook_token", *others):
        path = directory / "secrets" / name
        if not path.exists():
            write(path, secrets.token_hex(32) + "\n", 0o600)
    secret = (directory / "secrets/monitoring_secret").read_text().strip()
    derive = runpy.run_path(str(ROOT / "plugins/plugin_utils/_settings/_secrets.py"))["derive"]
    for name, purpose in DERIVED.items():
        of_node = purpose in ("redis_exporter/redis", "exporters/prometheus")
        cluster = aws.CLUSTER if of_node or clusters == 1 else MONITORING_NAME
        write(directory / "secrets" / name, derive(secret, cluster, purpose) + "\n", 0o600)


def make_inventory(directory: Path, lab: dict, control: Path) -> None:
    """The shipped inventory, with the user's vault and addresses, and a file with what only a lab needs."""
    inventory = directory / "inventory"
    source = INVENTORIES / ("aws_ec2" if lab["aws"] else "static")
    text = (source / "group_vars/all/main.yml").read_text()
    # The lines about AWS, as a user takes their comment sign away; of_the_lab() corrects the addresses.
    write(inventory / "group_vars/all/main.yml", re.sub(rf"(?m)^# ({OF_AWS}:)", r"\1", text))
    read = "{{{{ lookup('ansible.builtin.file', '{}/secrets/{}') }}}}"
    vault = {
        "vault_monitoring_secret": read.format(directory, "monitoring_secret"),
        "vault_redis_admin_password": read.format(directory, "redis_admin_password"),
        "vault_slack_webhook_url": f"{lab['webhook']['url']}/chat",
    }
    write(inventory / "group_vars/all/vault.yml", yaml.safe_dump(vault))
    write(inventory / "group_vars/all/zz_lab.yml", ZZ_LAB + yaml.safe_dump(of_the_lab(directory, lab), width=200))
    if lab["aws"]:
        shipped = (source / "aws_ec2.yml").read_text()
        # Of an account without monitoring instance everything is as shipped, and so are the names of hosts.
        names = PREFIXED if lab["aws"].get("unprovisioned") else "  - tag:Name\n"
        write(inventory / "aws_ec2.yml", shipped.replace(PREFIXED, names))
    else:
        groups = {
            role: {"hosts": {n: {"ansible_host": h["address"]} for n, h in lab["hosts"].items() if h["role"] == role}}
            for role in ("redis", "monitoring")
        }
        if lab.get("clusters", 1) > 1:
            groups["redis"] = {"children": clusters_of(directory, lab, groups["redis"]["hosts"])}
        write(inventory / "hosts.yml", yaml.safe_dump(groups))
    connection = (Path(__file__).parent / "inventory/connection.yml").read_text()
    for name, value in {"directory": directory, "control": control}.items():
        connection = connection.replace(f"@{name}@", str(value))
    for group in ("redis", "monitoring"):
        write(inventory / f"group_vars/{group}.yml", connection)


def clusters_of(directory: Path, lab: dict, hosts: dict[str, dict]) -> dict[str, dict]:
    """The groups of two clusters, as docs/clusters.md has them; what only the lab needs is in files of its own."""
    inventory, groups = directory / "inventory", {}
    path = inventory / "group_vars/all/main.yml"
    write(
        path, path.read_text().replace(f"monitoring_cluster: {aws.CLUSTER}", f"monitoring_cluster: {MONITORING_NAME}")
    )
    settings = {
        aws.CLUSTER: ({"monitoring_cluster": aws.CLUSTER, "monitoring_environment": "production"}, {}),
        OTHER_CLUSTER: (
            of_other_cluster(directory, lab),
            {"lab_ca": f"{OTHER_CLUSTER}-ca", "lab_admin_password": OTHER_ADMIN},
        ),
    }
    for cluster, (own, of_lab) in settings.items():
        group = f"redis_{cluster.removeprefix('redis-')}"
        names = [name for name in hosts if lab["hosts"][name]["cluster"] == cluster]
        groups[group] = {"hosts": {name: hosts[name] for name in names}}
        write(inventory / f"group_vars/{group}/main.yml", yaml.safe_dump(own, width=200))
        write(inventory / f"group_vars/{group}/zz_lab.yml", yaml.safe_dump({"lab_group": group, **of_lab}))
    return groups


def of_other_cluster(directory: Path, lab: dict) -> dict:
    """Everything that a cluster may have of its own."""
    token = "{{ lookup('ansible.builtin.file', '%s/secrets/webhook_token') }}" % directory
    return {
        "monitoring_cluster": OTHER_CLUSTER,
        "monitoring_environment": "staging",
        "redis_exporter_acl_admin_password": "{{ lookup('ansible.builtin.file', '%s/secrets/%s') }}"
        % (directory, OTHER_ADMIN),
        "redis_exporter_redis_user": "watcher",
        "redis_exporter_port": 9131,
        "prometheus_exporter_port": 9131,
        "prometheus_alert_thresholds": {"memory_high_percent": 40},
        "alertmanager_receivers": [
            {"name": f"{OTHER_CLUSTER}-{name}", "webhook": {"url": url, "public_url": True, "token": token}}
            for name in ("chat", "oncall")
            for url in [f"{lab['webhook']['url']}/{OTHER_CLUSTER}-{name}"]
        ],
        "alertmanager_levels": {"L1": [f"{OTHER_CLUSTER}-chat"], "L2": [f"{OTHER_CLUSTER}-oncall"]},
    }


# Names of the hosts as SSH and the tests know them; real accounts keep the instance id in the name.
PREFIXED = "  - name: instance-id\n    prefix: tag:Name\n"
OF_AWS = "monitoring_(admin_cidrs|security_group|redis_security_group|aws_region|vpc|instance_subnet|instance_key_name)"
ZZ_LAB = "---\n# What a lab needs beside a user's settings: a mirror and its versions, a receiver in place of Slack.\n"


def of_the_lab(directory: Path, lab: dict) -> dict:
    token = "{{ lookup('ansible.builtin.file', '%s/secrets/webhook_token') }}" % directory
    receivers = ("chat", "oncall", "senior", "management", "deadman")
    found = {
        "monitoring_mirror_url": lab["mirror"]["url"],
        **{f"{program}_version": versions[-1] for program, versions in lab["versions"].items()},
        "grafana_version": lab["grafana"]["version"],
        "grafana_repository_url": lab["grafana"]["repository"],
        "grafana_repository_key_fingerprints": [lab["grafana"]["fingerprint"]],
        "alertmanager_receivers": [
            {
                "name": name,
                "webhook": {"url": f"{lab['webhook']['url']}/{name}", "public_url": True, "token": token},
            }
            for name in receivers
        ],
        "alertmanager_levels": {"L1": ["chat"], "L2": ["oncall"], "L3": ["senior"], "L4": ["management"]},
        "alertmanager_watchdog_receiver": "deadman",
        "alertmanager_watchdog_interval": "10s",
        "verify_write": True,
        **{f"{role}_report_dir": f"{directory}/reports" for role in ("verify", "doctor", "incident")},
    }
    if not lab["aws"]:
        found["monitoring_environment"] = "production"
    else:
        found |= {
            "monitoring_admin_cidrs": [f"{lab['gateway']}/32"],
            "monitoring_instance_image_parameter": aws.IMAGE_PARAMETER,
            "monitoring_instance_private_ip": next(
                host["address"] for host in lab["hosts"].values() if host["role"] == "monitoring"
            ),
        }
    if not lab["grafana"]["dashboard"]:
        found["grafana_gnet_dashboards"] = []
    return found


def describe(directory: Path, lab: dict) -> None:
    """bare.json: for programs that play the user."""
    key = str(directory / "ssh/id_ed25519")
    about = {
        "hosts": {
            name: {"address": host["address"], "user": "ubuntu", "key_file": key} for name, host in lab["hosts"].items()
        },
        "redis_admin_password_file": str(directory / "secrets/redis_admin_password"),
        "mirror_url": lab["mirror"]["url"],
        "ssh_config": str(directory / "ssh_config"),
        "aws": lab["aws"] and lab["aws"] | aws.CREDENTIALS,
    }
    write(directory / "bare.json", json.dumps(about, indent=1) + "\n")
