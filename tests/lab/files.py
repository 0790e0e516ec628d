# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one lab under build/lab/NAME: keys, secrets, SSH settings, the inventory with its variables, env."""

from __future__ import annotations

import secrets
from pathlib import Path

import aws
from common import run, write

SECRETS = ("redis_admin_password", "redis_exporter_password", "exporter_web_password", "prometheus_admin_password")

AWS_EC2 = """\
---
plugin: amazon.aws.aws_ec2
regions:
  - {region}
filters:
  tag:Cluster: {cluster}
  instance-state-name: running
hostnames:
  - tag:Name
groups:
  redis: tags.Role == 'redis'
  monitoring: tags.Role == 'monitoring'
compose:
  ansible_host: private_ip_address
"""

# Only what a container needs; a user's own hosts have theirs in ~/.ssh/config.
CONNECTION = """\
---
ansible_user: ubuntu
ansible_ssh_private_key_file: "{{{{ inventory_dir }}}}/../ssh/id_ed25519"
ansible_ssh_common_args: >-
  -o UserKnownHostsFile={directory}/ssh/known_hosts -o GlobalKnownHostsFile=/dev/null
  -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes
ansible_ssh_args: -o ControlMaster=auto -o ControlPersist=60s
ansible_control_path_dir: {control}
ansible_ssh_pipelining: true
ansible_python_interpreter: /usr/bin/python3
"""

# From here on: what a user writes for the collection's roles.
ALL = """\
---
monitoring_cluster: {cluster}
monitoring_environment: production
monitoring_mirror_url: {mirror}
"""
REDIS = """\
---
redis_exporter_version: "{redis_exporter}"
redis_exporter_redis_password: "{{{{ lookup('ansible.builtin.file', inventory_dir ~ '/../secrets/redis_exporter_password') }}}}"
redis_exporter_acl_manage: true
redis_exporter_acl_admin_user: admin_user
redis_exporter_acl_admin_password: "{{{{ lookup('ansible.builtin.file', inventory_dir ~ '/../secrets/redis_admin_password') }}}}"
redis_exporter_tls_ca_file: /etc/redis_exporter/tls/ca.crt
redis_exporter_tls_cert_file: /etc/redis_exporter/tls/client.crt
redis_exporter_tls_key_file: /etc/redis_exporter/tls/client.key
redis_exporter_web_tls_cert_file: /etc/redis_exporter/tls/server.crt
redis_exporter_web_tls_key_file: /etc/redis_exporter/tls/server.key
redis_exporter_web_username: prometheus
redis_exporter_web_password: "{{{{ lookup('ansible.builtin.file', inventory_dir ~ '/../secrets/exporter_web_password') }}}}"
"""
MONITORING = """\
---
prometheus_version: "{prometheus}"
prometheus_listen_address: "{{{{ ansible_host }}}}"
prometheus_web_tls_cert_file: /etc/prometheus/tls/server.crt
prometheus_web_tls_key_file: /etc/prometheus/tls/server.key
prometheus_web_users:
  admin: "{{{{ lookup('ansible.builtin.file', inventory_dir ~ '/../secrets/prometheus_admin_password') }}}}"
prometheus_exporter_scheme: https
prometheus_exporter_ca_file: /etc/prometheus/tls/ca.crt
prometheus_exporter_username: prometheus
prometheus_exporter_password: "{{{{ lookup('ansible.builtin.file', inventory_dir ~ '/../secrets/exporter_web_password') }}}}"
alertmanager_version: "{alertmanager}"
blackbox_exporter_version: "{blackbox_exporter}"
"""

SSH_CONFIG = """\
Host *
  User ubuntu
  IdentityFile {directory}/ssh/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile {directory}/ssh/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
"""


def make_secrets(directory: Path) -> None:
    for name in SECRETS:
        path = directory / "secrets" / name
        if not path.exists():
            write(path, secrets.token_urlsafe(24) + "\n", 0o600)
    (directory / "secrets").chmod(0o700)


def make_ssh(directory: Path, hosts: dict[str, dict[str, str]]) -> None:
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
    write(directory / "ssh_config", config + SSH_CONFIG.format(directory=directory))


def make_key(path: Path, comment: str) -> None:
    public = path.with_name(path.name + ".pub")
    if not public.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path))


def make_inventory(directory: Path, lab: dict, control: Path) -> None:
    inventory = directory / "inventory"
    if lab["aws"]:
        everyone = "aws_ec2"  # the group that the inventory plugin puts every host in
        write(inventory / "aws_ec2.yml", AWS_EC2.format(region=aws.REGION, cluster=aws.CLUSTER))
    else:
        everyone = "nodes"
        lines = ["---", "nodes:", "  children:"]
        for role in ("redis", "monitoring"):
            lines += [f"    {role}:", "      hosts:"]
            for name, host in lab["hosts"].items():
                if host["role"] == role:
                    lines += [f"        {name}:", f"          ansible_host: {host['address']}"]
        write(inventory / "hosts.yml", "\n".join(lines) + "\n")
    variables = inventory / "group_vars"
    newest = {program: versions[-1] for program, versions in lab["versions"].items()}
    # Not in `all`: these would apply to localhost as well.
    write(variables / f"{everyone}.yml", CONNECTION.format(directory=directory, control=control))
    write(variables / "all.yml", ALL.format(cluster=aws.CLUSTER, mirror=lab["mirror"]["url"]))
    write(variables / "redis.yml", REDIS.format(**newest))
    write(variables / "monitoring.yml", MONITORING.format(**newest))


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
            "export AWS_EC2_METADATA_DISABLED=true AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false",
        ]
    write(directory / "env", "\n".join(lines) + "\n")
