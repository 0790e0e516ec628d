# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stack tells when something breaks, and what a broken inventory does to it. Everything is mended again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_site import LAB, MONITORING, REDIS, address, wait_for

ROOT = Path(__file__).resolve().parents[3]
DOWN = '(redis_up{job="redis-cluster"} == 0) or (up{job="redis-cluster"} == 0)'
UP = '(redis_up{job="redis-cluster"} == 1) and (up{job="redis-cluster"} == 1)'


def on(name, *command):
    return subprocess.run(
        ["ssh", "-F", LAB / "ssh_config", name, "sudo", *command], check=True, capture_output=True, text=True
    ).stdout


def test_a_dead_and_a_hung_node_show_within_two_scrapes():
    dead, hung = REDIS[:2]
    try:
        on(dead, "systemctl", "stop", "redis-server")
        on(hung, "pkill", "-STOP", "-x", "redis-server")
        series = wait_for(DOWN, 2)
        assert {entry["metric"]["instance"] for entry in series} == {f"{address(name)}:9121" for name in (dead, hung)}
    finally:
        on(hung, "pkill", "-CONT", "-x", "redis-server")
        on(dead, "systemctl", "start", "redis-server")
    assert len(wait_for(UP, len(REDIS))) == len(REDIS)


@pytest.mark.parametrize(
    ("any_unparsed_is_failed", "message"),
    [("false", "The inventory has no host in the group 'redis'"), ("true", "Completely failed to parse inventory")],
)
def test_an_inventory_that_failed_changes_nothing(any_unparsed_is_failed, message):
    targets = "/etc/prometheus/targets/redis-cluster.yml"
    before = on(MONITORING[0], "cat", targets)
    without_aws = '. "$0" && export AWS_ENDPOINT_URL=http://127.0.0.1:1 && exec "$@"'
    done = subprocess.run(
        ["sh", "-c", without_aws, LAB / "env", Path(sys.executable).with_name("ansible-playbook")]
        + ["-i", LAB / "inventory", ROOT / "playbooks/site.yml"],
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": any_unparsed_is_failed,
        },
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert message in " ".join((done.stdout + done.stderr).split())
    assert on(MONITORING[0], "cat", targets) == before
