# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as an operator has it: playbooks on the controller, shells on the hosts."""

from __future__ import annotations

import contextlib
import json
import time

import lab_client
import pytest

VARS = lab_client.ROOT / "molecule/verify/vars/main.yml"


class Lab(lab_client.Lab):
    def __init__(self, directory):
        super().__init__("verify")
        self.reports = directory

    def play(self, name, *options):
        """Return code, output and seconds of a playbook."""
        started = time.monotonic()
        done = self.playbook(f"playbooks/{name}.yml", f"-e@{VARS}", *options)
        return done.returncode, done.output, time.monotonic() - started

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
    def broken(self, host, breaks, repairs):
        """Something is broken on a host for a while."""
        try:
            self.shell(host, breaks)
            yield
        finally:
            self.shell(host, repairs)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    return Lab(tmp_path_factory.mktemp("reports"))
