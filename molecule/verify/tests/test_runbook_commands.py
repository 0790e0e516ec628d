# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command of the pages runs: on the lab, in check mode."""

from __future__ import annotations

import sys

import pytest
from lab_client import REDIS, ROOT

sys.path.insert(0, str(ROOT / "tests" / "tools"))
from documented import COMMANDS

PLAYBOOKS = ("site", "exporters", "monitoring", "security_groups", "silence", "doctor", "verify", "incident")
# What runs here anyway: without options as a part of site, or for real in the tests of verify and incident.
COVERED = {
    ("exporters",),
    ("monitoring",),
    ("monitoring", "--tags", "grafana"),
    ("security_groups",),
    ("doctor",),
    ("incident",),
    ("incident", "-e", "incident_since"),
    ("verify",),
    ("verify", "-e", "verify_write"),
    ("verify", "--tags", "verify_grafana"),
    ("verify", "--tags", "verify_alert", "-e", "verify_alert"),
}


def options_of(words):
    """The options of a command, for the hosts and the inventory of the lab."""
    options = [word for word in words[1:] if not word.startswith(("redisops.", "--check", "--diff"))]
    if "-i" in options:  # play() gives the lab's own
        at = options.index("-i")
        del options[at : at + 2]
    return [REDIS if word == "NODE" else word for word in options]


def kind_of(playbook, options):
    """Commands of one kind differ in a host or in the value of a variable."""
    words = [word.partition("=")[0] for word in options]
    return (playbook, *("HOST" if before == "--limit" else word for before, word in zip(["", *words], words)))


def kinds():
    """One command of each kind."""
    found = {}
    for words in sorted(COMMANDS):
        for playbook in PLAYBOOKS:
            if f"redisops.monitoring.{playbook}" in words:
                options = options_of(words)
                found.setdefault(kind_of(playbook, options), (playbook, options))
    return found


def test_pages_name_every_playbook():
    assert {kind[0] for kind in kinds()} == set(PLAYBOOKS)
    assert set(kinds()) >= COVERED


@pytest.mark.parametrize(
    ("playbook", "options"),
    [command for kind, command in kinds().items() if kind not in COVERED],
    ids=lambda one: one if isinstance(one, str) else " ".join(one)[:60],
)
def test_command(lab, playbook, options, monkeypatch):
    monkeypatch.chdir(lab.reports)
    directories = [f"-e{kind}_report_dir={lab.reports}" for kind in ("doctor", "verify", "incident")]
    rc, output, _taken = lab.play(playbook, *options, "--check", "--diff", "-e", "doctor_fail=false", *directories)
    assert rc == 0, output[-2000:]
