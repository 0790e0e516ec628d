# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A running lab, from outside: its hosts over SSH, its Redis nodes, its playbooks, what its receiver got."""

from __future__ import annotations

import base64
import binascii
import functools
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))
import authority

DEADMAN = "/deadman"  # where the Watchdog arrives


class SiteError(Exception):
    """One line: what failed, and why."""


class Site:
    def __init__(self, name: str) -> None:
        self.name = name
        self.directory = ROOT / "build/lab" / name
        try:
            about = json.loads((self.directory / "lab.json").read_text())
        except FileNotFoundError:
            raise SiteError(f"lab {name} is not there: tests/lab/lab.py up {name} --aws") from None
        self.address = {host: entry["address"] for host, entry in about["hosts"].items()}
        self.cluster = {host: entry.get("cluster", "") for host, entry in about["hosts"].items()}
        self.redis = sorted(host for host, entry in about["hosts"].items() if entry["role"] == "redis")
        self.monitoring = sorted(host for host, entry in about["hosts"].items() if entry["role"] == "monitoring")
        self.aws = about["aws"]
        self.program = about["redis_program"]  # redis or valkey, see LAB_REDIS
        self.redis_unit = f"{self.program}-server"
        self.redis_conf = f"/etc/{self.program}/{self.program}.conf"
        self.arrived = self.directory / "notifications.jsonl"

    @functools.cached_property
    def ca(self) -> str:
        """The CA of the services, as a file. Read once: the host that has it may be the one that is broken."""
        return authority.of_services(self.directory)

    def secret(self, name: str) -> str:
        return (self.directory / "secrets" / name).read_text().strip()

    def on(self, host: str, script: str, given: str = "", timeout: int = 120) -> str:
        """Runs a shell script as root; `given` is its standard input, the way for secrets."""
        done = subprocess.run(
            ["ssh", "-F", str(self.directory / "ssh_config"), host, "sudo", "sh", "-c", f"'{script}'"],
            input=given, capture_output=True, text=True, check=False, timeout=timeout,
        )  # fmt: skip
        if done.returncode:
            raise SiteError(f"{host}: {script.splitlines()[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.stdout

    def setting(self, name: str) -> str:
        """Shell for a node: what the file of Redis' settings says, not what Redis has now."""
        return f'sed -n "s/^{name} //p" {self.redis_conf}'

    def redis_cli(self, host: str, *command: str) -> str:
        """The answer of one node to its administrator."""
        quoted = " ".join('"' + word.replace('"', '\\"') + '"' for word in command)
        certificate, key = self.setting("tls-cert-file"), self.setting("tls-key-file")
        # --insecure, because one fault is a certificate that has expired.
        login = f"--user admin_user --tls --insecure --cert $({certificate}) --key $({key})"
        script = f"read -r REDISCLI_AUTH; export REDISCLI_AUTH; {self.program}-cli {login} -e {quoted}"
        own = self.directory / f"secrets/{self.cluster[host]}_admin_password"
        return self.on(host, script, self.secret(own.name if own.exists() else "redis_admin_password") + "\n").strip()

    def ec2(self):
        """The lab's AWS account."""
        import boto3

        if not self.aws:
            raise SiteError(f"lab {self.name} has no AWS account: start it with --aws")
        place = {"region_name": self.aws["region"], "endpoint_url": self.aws["endpoint_url"]}
        return boto3.client("ec2", aws_access_key_id="test", aws_secret_access_key="test", **place)

    def slots(self, host: str) -> tuple[int, int]:
        """The first range of slots that the node owns."""
        (line,) = [line for line in self.redis_cli(host, "CLUSTER", "NODES").splitlines() if "myself" in line]
        first, _dash, last = next(word for word in line.split()[8:] if word[0] != "[").partition("-")
        return int(first), int(last or first)

    def tag(self, host: str) -> str:
        """A hash tag whose keys lie on the node."""
        first, last = self.slots(host)
        return next(f"t{n}" for n in range(99999) if first <= binascii.crc_hqx(b"t%d" % n, 0) % 16384 <= last)

    def memory(self, host: str) -> tuple[int, int]:
        """Used bytes and maxmemory."""
        lines = self.redis_cli(host, "INFO", "memory").splitlines()
        values = dict(line.strip().split(":", 1) for line in lines if ":" in line)
        return int(values["used_memory"]), int(values["maxmemory"])

    def fill(self, host: str, percent: float) -> None:
        """Writes until so much of maxmemory is used; waits for a cluster that is down."""
        used, most = self.memory(host)
        count = round((most * percent / 100 - used) / 2**20)
        script = (
            "for i = 1, tonumber(ARGV[1]) do redis.call([[SET]], KEYS[1] .. i, string.rep([[x]], 1000000)) end return 1"
        )
        key = f"fill:{{{self.tag(host)}}}:{time.time_ns()}:"  # no key of an earlier one
        deadline = time.monotonic() + 300
        while True:
            try:
                self.redis_cli(host, "EVAL", script, "1", key, str(count))
                return
            except SiteError as error:
                if "CLUSTERDOWN" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(5)

    def as_user(self, path: str, *arguments: str) -> dict[str, Any]:
        """What subprocess takes to run a playbook as a user does."""
        command = [str(Path(sys.executable).with_name("ansible-playbook")), f"--inventory={self.directory}/inventory"]
        return {
            "args": ["sh", "-c", '. "$0" && exec "$@"', str(self.directory / "env"), *command, path, *arguments],
            "cwd": ROOT,
            "env": {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        }

    def playbook(self, path: str, *arguments: str) -> str:
        done = subprocess.run(
            **self.as_user(path, *arguments), capture_output=True, text=True, check=False, timeout=1800
        )
        if done.returncode:
            (self.directory / "playbook.log").write_text(done.stdout + done.stderr)
            raise SiteError(f"{path} failed in lab {self.name}: see {self.directory}/playbook.log")
        return done.stdout

    def alerts(self, host: str = "") -> list[dict]:
        """What Prometheus holds for true at the moment, pending or firing, less the Watchdog."""
        url = f"https://{self.address[host or self.monitoring[0]]}:9090/api/v1/alerts"
        alerts = self.ask(url, "prometheus")["data"]["alerts"]
        return [alert for alert in alerts if alert["labels"]["alertname"] != "Watchdog"]

    def ask(self, url: str, service: str, data: Any = None) -> Any:
        """The answer of a service to its administrator; data is what is sent as JSON."""
        request = urllib.request.Request(url, data and json.dumps(data).encode())
        request.add_header("Content-Type", "application/json")
        login = f"admin:{self.secret(f'{service}_admin_password')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(login.encode()).decode())
        context = ssl.create_default_context(cafile=self.ca)
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(request, timeout=30) as answer:
            return json.load(answer)

    def notifications(self, since: float) -> list[dict]:
        """What arrived since then, oldest first."""
        if not self.arrived.exists():
            return []
        lines = self.arrived.read_text().splitlines()
        return [line for line in map(json.loads, lines) if line["time"] >= since]
