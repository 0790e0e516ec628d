# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of several monitoring hosts one is changed after the other, and none after one that did not come back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core

ROOT = Path(__file__).resolve().parents[3]
OURS = ("site.yml", "monitoring.yml")  # the others are plays that say their name
DO = """
- name: Note it
  ansible.builtin.shell: echo "{{ ansible_role_name }} {{ inventory_hostname }}" >> {{ playbook_dir }}/log
- name: Does it come back
  ansible.builtin.command: "{{ 'false' if ansible_role_name ~ ' ' ~ inventory_hostname == broken else 'true' }}"
"""
SAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.shell: echo NAME >> {{ playbook_dir }}/log
"""


@pytest.fixture
def site(tmp_path):
    """site(broken) -> return code and what ran in which order: our site.yml with roles that only note it."""
    home = tmp_path / "ansible_collections/redisops/monitoring"
    (home / "playbooks").mkdir(parents=True)
    shutil.copy(ROOT / "galaxy.yml", home)
    for path in (ROOT / "playbooks").glob("*.yml"):
        text = path.read_text() if path.name in OURS else SAY.replace("NAME", path.stem)
        (home / "playbooks" / path.name).write_text(text)
    for role in _core.PARTS["monitoring"][1]:
        (home / "roles" / role / "tasks").mkdir(parents=True)
        (home / "roles" / role / "tasks" / "main.yml").write_text(DO)
    known = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    hosts = {"monitoring": {"hosts": {"mon-1": {}, "mon-2": {}}}, "redis": {"hosts": {"redis-1": {}}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": known, "children": hosts}}))

    def run(broken="none"):
        program, given = Path(sys.executable).with_name("ansible-playbook"), {"broken": broken, "ansible_become": False}
        argv = [program, "-i", tmp_path / "hosts.yml", "-e", json.dumps(given), "redisops.monitoring.site"]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(argv, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        log = home / "playbooks/log"
        return done.returncode, log.read_text().splitlines() if log.exists() else done.stdout + done.stderr

    return run


def test_all_of_one_host_then_all_of_the_next(site):
    rc, log = site()
    assert rc == 0, log
    of_hosts = [line.split()[1] for line in log if " " in line]
    assert of_hosts == sorted(of_hosts) and set(of_hosts) == {"mon-1", "mon-2"}
    assert log[-2:] == ["summary", "verify"]


@pytest.mark.parametrize("role", ["alertmanager", "prometheus", "grafana"])
def test_none_after_one_that_did_not_come_back(site, role):
    """And nothing is proved of what was not finished."""
    rc, log = site(f"redisops.monitoring.{role} mon-1")
    assert rc == 2, log
    assert log[-1].endswith(f"{role} mon-1") and not [line for line in log if "mon-2" in line]
