# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as an operator has it: playbooks on the controller, shells on the hosts."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LAB = ROOT / "build/lab" / os.environ.get("LAB", "verify")
REDIS = "redis-node-1a"
MONITORING = "prometheus-grafana"
REDIS_CLI = (
    "REDISCLI_AUTH=$(sed -n 's/^masterauth //p' /etc/redis/redis.conf) redis-cli --no-auth-warning --tls"
    " --cacert /etc/redis/tls/ca.crt --cert /etc/redis/tls/server.crt --key /etc/redis/tls/server.key"
    " --user admin_user "
)


class Lab:
    def __init__(self, directory):
        self.reports = directory
        self.about = json.loads((LAB / "lab.json").read_text())
        self.secrets = {path.name: path.read_text().strip() for path in (LAB / "secrets").iterdir()}

    def shell(self, host, command):
        argv = ["ssh", "-F", str(LAB / "ssh_config"), host, "sudo sh -c " + shlex.quote(command)]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, f"{command} on {host}: {done.stdout}{done.stderr}"
        return done.stdout

    def redis(self, host, words):
        return self.shell(host, REDIS_CLI + words).strip()

    def play(self, name, *options):
        """Return code, output and seconds of a playbook."""
        with_aws = '. "$0" && exec "$@"'
        argv = ["sh", "-c", with_aws, LAB / "env", Path(sys.executable).with_name("ansible-playbook")]
        argv += ["-i", LAB / "inventory", ROOT / "playbooks" / f"{name}.yml", *options]
        started = time.monotonic()
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr, time.monotonic() - started

    def verify(self, *options, write=True):
        """Return code, report and output of verify.yml."""
        report = self.reports / "verify-redis-prod.json"
        report.unlink(missing_ok=True)
        rc, output, taken = self.play(
            "verify", "-e", f"verify_write={str(write).lower()}", "-e", f"verify_report_dir={self.reports}", *options
        )
        found = json.loads(report.read_text()) if report.exists() else None
        assert found, output[-3000:]
        return rc, found, output, taken

    def failed(self, report):
        """{(test, subject): what was found} of what failed."""
        return {(row["test"], row["subject"]): row["found"] for row in report["rows"] if row["state"] == "failed"}

    @contextlib.contextmanager
    def broken(self, host, breaks, mends):
        """Something is broken on a host for a while."""
        try:
            self.shell(host, breaks)
            yield
        finally:
            self.shell(host, mends)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("reports"))
