# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user who has the archive alone: a fresh Python, an empty home, the README's commands.

    archive.py LAB build/archive/redisops-monitoring-1.0.0.tar.gz

The lab is a bare one without AWS. What the user would type into the shipped inventory is filled in. Collections that
ours depends on come from the package `ansible` where Galaxy is out of reach; this is said.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = "$HOME/.ansible/collections/ansible_collections/redisops/monitoring"
VAULT_PASSWORD = "only for the lab"
TABLE = re.compile(r"(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)")


class User:
    """A shell of somebody who has never seen the checkout."""

    def __init__(self, home: Path) -> None:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        self.home = home
        self.environment = {
            "HOME": str(home),
            "PATH": f"{home}/venv/bin:/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_VAULT_PASSWORD_FILE": str(home / "vault-password"),
            "ANSIBLE_DEPRECATION_WARNINGS": "true",
            **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))},
        }

    def types(self, command: str) -> str:
        print(f"$ {command}", flush=True)
        done = subprocess.run(
            command, shell=True, cwd=self.home, env=self.environment, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        (self.home / "last.log").write_text(done.stdout)
        if done.returncode:
            sys.exit(f"{done.stdout[-6000:]}\narchive: `{command}` ended with {done.returncode}")
        deprecated = [line for line in done.stdout.splitlines() if "DEPRECATION" in line]
        if deprecated:
            sys.exit(f"archive: `{command}`: {deprecated[0]}")
        return done.stdout


def install(user: User, archive: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", user.home / "venv"], check=True)
    user.types("pip install --quiet ansible-core bcrypt")
    try:
        user.types(f"ansible-galaxy collection install {archive}")
    except SystemExit:
        print("Galaxy is out of reach: community.crypto and amazon.aws come from the package ansible")
        user.types("pip install --quiet ansible")
        user.types(f"ansible-galaxy collection install --offline {archive}")


def fill_in(user: User, lab: Path) -> None:
    """What a user changes in the shipped inventory, and what a lab needs beside it (zz_lab.yml)."""
    user.types(f"cp -r {SHIPPED}/inventories/static my-inventory")
    inventory, known = user.home / "my-inventory", lab / "inventory"
    about = json.loads((lab / "lab.json").read_text())
    hosts = yaml.safe_load((inventory / "hosts.yml").read_text())
    for role in ("redis", "monitoring"):
        assert hosts[role]["hosts"], "the shipped inventory names hosts"
        hosts[role]["hosts"] = {
            name: {"ansible_host": host["address"]} for name, host in about["hosts"].items() if host["role"] == role
        }
    (inventory / "hosts.yml").write_text(yaml.safe_dump(hosts))
    for name in ("group_vars/all/zz_lab.yml", "group_vars/redis.yml", "group_vars/monitoring.yml"):
        text = (known / name).read_text()
        (inventory / name).write_text(re.sub(r"^(\w+)_report_dir: .*\n", "", text, flags=re.M))
    vault = inventory / "group_vars/all/vault.yml"
    values = yaml.safe_load((inventory / "group_vars/all/vault.yml.example").read_text())
    values["vault_monitoring_secret"] = (lab / "secrets/monitoring_secret").read_text().strip()
    values["vault_redis_admin_password"] = (lab / "secrets/redis_admin_password").read_text().strip()
    values["vault_slack_webhook_url"] = "https://hooks.example.com/not-used"
    vault.write_text(yaml.safe_dump(values))
    (user.home / "vault-password").write_text(VAULT_PASSWORD)
    user.types("ansible-vault encrypt my-inventory/group_vars/all/vault.yml")


def readme(user: User) -> list[str]:
    """The commands of the README that a user with an inventory types, as they stand there."""
    text = (Path(SHIPPED.replace("$HOME", str(user.home))) / "README.md").read_text()
    found = re.findall(r"^\$ (ansible-playbook redisops\.monitoring\.\S+ -i my-inventory.*)$", text, re.M)
    assert len(found) >= 2, found
    return [shlex.join(shlex.split(command, comments=True)) for command in found]


def changed(output: str) -> dict[str, int]:
    found = {}
    for host, changes, unreachable, failed in TABLE.findall(output):
        assert (unreachable, failed) == ("0", "0"), output[-3000:]
        found[host] = int(changes)
    assert found, output[-3000:]
    return found


def main(lab: str, archive: str) -> None:
    directory = ROOT / "build/lab" / lab
    user = User(directory / "user")
    install(user, Path(archive).resolve())
    fill_in(user, directory)
    print(user.types("ansible --version").splitlines()[0])
    for command in readme(user):
        changed(user.types(command))
    again = changed(user.types("ansible-playbook redisops.monitoring.site -i my-inventory"))
    assert not any(again.values()), again
    for name in ("site --check --diff", "verify", "doctor"):
        changed(user.types(f"ansible-playbook redisops.monitoring.{name} -i my-inventory"))
    report = json.loads(next((user.home / "reports").glob("verify-*.json")).read_text())
    assert report["failed"] == 0 and report["passed"], report
    listed = user.types("ansible-doc -l redisops.monitoring")
    assert "redisops.monitoring.grafana_dashboard" in listed, listed
    print(f"archive: {Path(archive).name} alone monitors lab {lab}")


if __name__ == "__main__":
    main(*sys.argv[1:])
