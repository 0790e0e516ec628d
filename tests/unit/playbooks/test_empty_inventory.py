# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No playbook ends with "no hosts matched" and exit code 0 where the inventory has nobody: its plugin failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
NOBODY = "The inventory has no host"


@pytest.fixture
def play(tmp_path):
    """Return code and output of a playbook, with an inventory that has these groups."""

    def run(name, groups, *options):
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(groups))
        argv = [Path(sys.executable).with_name("ansible-playbook"), ROOT / f"playbooks/{name}.yml"]
        argv += ["-i", tmp_path / "inventory.yml", *options]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return run


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_a_playbook_that_takes_hosts_of_the_inventory_begins_with_the_preflight(path):
    plays = yaml.safe_load(path.read_text())
    of_localhost = all("localhost" in one.get("hosts", "") for one in plays)
    assert of_localhost or plays[0].get("ansible.builtin.import_playbook") == "preflight.yml"


@pytest.mark.parametrize("name", ["doctor", "silence", "remove"])
def test_an_inventory_without_hosts(play, name):
    rc, output = play(name, {"all": {"vars": {"monitoring_cluster": "x"}}})
    assert rc == 2 and f"{NOBODY} in the group 'monitoring'. The inventory plugin may have failed" in output


@pytest.mark.parametrize("name", ["site", "doctor"])
def test_a_limit_hides_nothing(play, name):
    """Ansible skips plays of localhost then."""
    rc, output = play(name, {"all": {}}, "--limit", "redis")
    assert rc != 0 and f"{NOBODY}. The inventory plugin may have failed" in output


def test_a_host_that_the_user_names(play):
    groups = {"redis": {"hosts": {"a": {}}}, "monitoring": {"hosts": {"b": {}}}}
    rc, output = play("silence", groups, "-e", "silence_host=typo")
    assert rc == 2 and f"{NOBODY} that is named 'typo'" in output


def test_doctor_looks_at_half_an_inventory(play):
    """That a group is empty is one of its findings."""
    groups = {"redis": {"hosts": {"a": {"ansible_host": "127.0.0.1", "ansible_port": 1}}}}
    rc, output = play("doctor", groups)
    assert rc == 2 and "group_empty" in output and "host_unreachable" in output
