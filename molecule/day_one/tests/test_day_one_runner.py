# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing lives on the controller: ansible-runner elsewhere, with an empty home, finds and knows the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lab_client import ROOT, Lab

LAB = Lab("day-one")


@pytest.fixture(params=["here", "there"], scope="module")
def run(request, tmp_path_factory):
    """run(playbook): its output, by ansible-runner on a machine where nobody has run anything before."""
    machine = tmp_path_factory.mktemp(request.param)
    (machine / "home").mkdir()
    shutil.copytree(LAB.directory / "inventory", machine / "runner/inventory")
    (machine / "runner/project").mkdir()

    def playbook(name):
        play = machine / f"runner/project/{name}.yml"
        play.write_text(f"---\n- name: Play\n  ansible.builtin.import_playbook: redisops.monitoring.{name}\n")
        known = {
            "HOME": str(machine / "home"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build/collections"),
            "ANSIBLE_NOCOLOR": "1",
            "NO_PROXY": "*",
            "LC_ALL": "C.UTF-8",
        }
        done = subprocess.run(
            ["ansible-runner", "run", machine / "runner", "-p", play.name],
            env=known, cwd=machine, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return playbook


SHOWN = []


def test_a_run_from_elsewhere_changes_nothing(run):
    recap = run("site").rpartition("PLAY RECAP")[2].splitlines()
    changed = [line for line in recap if "changed=" in line]
    assert len(changed) == len(LAB.hosts) + 1  # and localhost
    assert [line for line in changed if "changed=0 " not in line] == []


def test_logins_are_the_same_everywhere(run):
    shown = run("credentials")
    for name in ("grafana", "prometheus", "alertmanager"):
        assert LAB.secrets[f"{name}_admin_password"] in shown
    SHOWN.append([line for line in shown.splitlines() if "password" in line])
    assert SHOWN[-1] == SHOWN[0]
