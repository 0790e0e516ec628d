# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret, given or derived, in what Ansible said with -vvv --diff, nor in a report. On the hosts: test_site.py."""

from __future__ import annotations

from lab_client import Lab

LAB = Lab("site")
NEEDLES = LAB.needles()
assert min(map(len, NEEDLES.values())) >= 32  # part of nothing else
LOG = LAB.directory / "ansible.log"


def told(text):
    return [name for name, value in NEEDLES.items() if value in text]


def test_no_secret_in_any_output():
    """Of the dry run on blank hosts, the first run, the second one, and whatever tests ran before this one."""
    log = LOG.read_text()
    assert log.count("PLAY RECAP") >= 3
    assert "check mode: not checked" in log
    assert "+++ after: /etc/systemd/system/prometheus.service" in log  # as --diff shows it
    assert "invocation:" in log  # as -vvv shows it
    assert told(log) == []


def test_no_secret_in_a_report():
    reports = [path for path in (LAB.directory / "reports").rglob("*") if path.is_file()]
    assert any(path.name.startswith("verify-") for path in reports)
    assert {str(path): found for path in reports if (found := told(path.read_text(errors="replace")))} == {}
