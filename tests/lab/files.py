# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one lab under build/lab/NAME: keys, secrets, SSH settings, the inventory with its variables, env."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import aws
from common import run, write

SECRETS = (
    "redis_admin_password",
    "redis_exporter_password",
    "exporter_web_password",
    "prometheus_admin_password",
    "alertmanager_admin_password",
    "prometheus_grafana_password",
    "alertmanager_prometheus_password",
    "alertmanager_grafana_password",
    "grafana_admin_password",
    "grafana_secret_key",
    "grafana_metrics_password",
    "webhook_token",
)

TEMPLATES = Path(__file__).parent / "inventory"

SSH_CONFIG = """\
Host *
  User ubuntu
  IdentityFile {directory}/ssh/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile {directory}/ssh/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  ControlMaster auto
  ControlPath {control}/%C
  ControlPersist 60s
"""


def make_secrets(directory: Path, clusters: int = 1) -> None:
    for name in SECRETS:
        path = directory / "secrets" / name
        if not path.exists():
            write(path, secrets.token_urlsafe(24) + "\n", 0o600)
    (directory / "secrets").chmod(0o700)


def make_ssh(directory: Path, hosts: dict[str, dict[str, str]], control: Path) -> None:
    """A key to log in with, and a host key for each host, known before the host runs."""
    ssh = directory / "ssh"
    make_key(ssh / "id_ed25519", "lab")
    known = ""
    for name, host in hosts.items():
        make_key(ssh / "hosts" / name / "host_key", name)
        write(ssh / "hosts" / name / "authorized_keys", (ssh / "id_ed25519.pub").read_text())
        public = (ssh / "hosts" / name / "host_key.pub").read_text().split()
        known += f"{name},{host['address']} {public[0]} {public[1]}\n"
    write(ssh / "known_hosts", known)
    config = "".join(f"Host {name}\n  HostName {host['address']}\n" for name, host in hosts.items())
    write(directory / "ssh_config", config + SSH_CONFIG.format(directory=directory, control=control))


def make_key(path: Path, comment: str) -> None:
    public = path.with_name(path.name + ".pub")
    if not public.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))


def make_inventory(directory: Path, lab: dict, control: Path) -> None:
    """What a user keeps beside each other: an inventory file and the variables of its groups."""
    values = {
        "directory": str(directory),
        "control": str(control),
        "region": aws.REGION,
        "aws_url": lab["aws"]["endpoint_url"] if lab["aws"] else "",
        "snapshots": str(bool(lab["aws"])),
        "cluster": aws.CLUSTER,
        "mirror_url": lab["mirror"]["url"],
        "redis_program": lab["redis_program"],
        "webhook_url": lab["webhook"]["url"],
        "admin": f"{lab['gateway']}/32",
        "image_parameter": aws.IMAGE_PARAMETER,
        "monitoring_address": next((h["address"] for h in lab["hosts"].values() if h["role"] == "monitoring"), ""),
        "grafana_version": lab["grafana"]["version"],
        "grafana_repository": lab["grafana"]["repository"],
        "grafana_fingerprint": lab["grafana"]["fingerprint"],
        # Without AWS there are none, and the role that manages them has nothing to do.
        **{f"{role}_group": group if lab["aws"] else "" for role, group in aws.GROUPS.items()},
    } | {program: versions[-1] for program, versions in lab["versions"].items()}

    def fill(template: str, name: str) -> None:
        text = (TEMPLATES / template).read_text()
        write(directory / "inventory" / name, re.sub(r"@(\w+)@", lambda match: values[match[1]], text))

    if lab["aws"]:
        everyone = "aws_ec2"  # the group that the inventory plugin puts every host in
        fill("aws_ec2.yml", "aws_ec2.yml")
    else:
        everyone = "nodes"
        lines = ["---", "nodes:", "  children:"]
        for role in ("redis", "monitoring"):
            lines += [f"    {role}:", "      hosts:"]
            for name, host in lab["hosts"].items():
                if host["role"] == role:
                    lines += [f"        {name}:", f"          ansible_host: {host['address']}"]
        write(directory / "inventory/hosts.yml", "\n".join(lines) + "\n")
    fill("connection.yml", f"group_vars/{everyone}.yml")
    for group in ("all", "redis"):
        fill(f"group_vars/{group}.yml", f"group_vars/{group}.yml")
    fill("group_vars/monitoring.yml", "group_vars/monitoring/main.yml")
    # How the services find each other, as inventories had it before monitoring_secret: such ones go on working.
    write(directory / "inventory/group_vars/monitoring/stack.yml", (TEMPLATES / "group_vars/stack.yml").read_text())
    if not lab["grafana"]["dashboard"]:
        write(directory / "inventory/group_vars/monitoring/dashboards.yml", "---\ngrafana_gnet_dashboards: []\n")


def make_env(directory: Path, lab: dict) -> None:
    lines = ["# Source this before any command that uses the lab's inventory."]
    proxy = f"{lab['gateway']},{','.join(host['address'] for host in lab['hosts'].values())}"
    lines += [f'export {name}="${{{name}:+${name},}}{proxy}"' for name in ("NO_PROXY", "no_proxy")]
    if lab["aws"]:
        lines += [
            "unset AWS_PROFILE AWS_SESSION_TOKEN",
            f"export AWS_ENDPOINT_URL={lab['aws']['endpoint_url']}",
            f"export AWS_REGION={aws.REGION} AWS_DEFAULT_REGION={aws.REGION}",
            *(f"export {name.upper()}={value}" for name, value in aws.CREDENTIALS.items()),
            "export AWS_EC2_METADATA_DISABLED=true",
        ]
    write(directory / "env", "\n".join(lines) + "\n")


def make_aws_config(directory: Path, lab: dict) -> None:
    """The same as a file for AWS_CONFIG_FILE: for programs whose environment is fixed before the endpoint is known."""
    settings = {"region": lab["aws"]["region"], "endpoint_url": lab["aws"]["endpoint_url"]} | aws.CREDENTIALS
    lines = ["[default]", *(f"{name} = {value}" for name, value in settings.items())]
    write(directory / "aws.config", "\n".join(lines) + "\n")
