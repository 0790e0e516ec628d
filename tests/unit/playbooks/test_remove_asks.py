# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is taken away before somebody has typed the name, and a job of AWX does not wait for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = """
redis: {hosts: {redis-a: {}}}
monitoring: {hosts: {monitor: {}}}
all: {vars: {ansible_connection: local, ansible_become: false, monitoring_cluster: redis-prod}}
"""


@pytest.mark.parametrize(
    ("given", "code"),
    [({"awx_job_id": 7}, 2), ({"remove_confirm": "redis"}, 2), ({"remove_confirm": "redis-prod"}, 0)],
    ids=["a job without an answer", "another name", "the name"],
)
def test_remove_asks(tmp_path, given, code):
    (tmp_path / "inventory.yml").write_text(INVENTORY)
    argv = [Path(sys.executable).with_name("ansible-playbook"), "-i", tmp_path / "inventory.yml"]
    done = subprocess.run(
        [*argv, ROOT / "playbooks/remove.yml", "--tags", "none", "-e", json.dumps(given)],
        cwd=ROOT, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    printed = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == code, printed
    refused = "Nothing was removed: this removes the monitoring of redis-prod from monitor, redis-a."
    assert (refused in printed) == ("-e remove_confirm=redis-prod" in printed) == (code == 2), printed
