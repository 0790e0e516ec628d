# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stack tells when something breaks, and what a broken inventory does to it. Everything is mended again."""

from __future__ import annotations

import pytest
from lab_client import Lab

LAB = Lab("site")
REDIS, MONITORING = LAB.named("redis"), LAB.named("monitoring")
DOWN = '(redis_up{job="redis-cluster"} == 0) or (up{job="redis-cluster"} == 0)'
UP = '(redis_up{job="redis-cluster"} == 1) and (up{job="redis-cluster"} == 1)'


def test_a_dead_and_a_hung_node_show_within_two_scrapes():
    dead, hung = REDIS[:2]
    try:
        LAB.shell(dead, f"systemctl stop {LAB.redis_program}-server")
        LAB.shell(hung, f"pkill -STOP -x {LAB.redis_program}-server")
        series = LAB.wait_for(DOWN, 2)
        assert {entry["metric"]["instance"] for entry in series} == {
            f"{LAB.address(name)}:9121" for name in (dead, hung)
        }
    finally:
        LAB.shell(hung, f"pkill -CONT -x {LAB.redis_program}-server")
        LAB.shell(dead, f"systemctl start {LAB.redis_program}-server")
    assert len(LAB.wait_for(UP, len(REDIS))) == len(REDIS)


@pytest.mark.parametrize(
    ("any_unparsed_is_failed", "message"),
    [("false", "The inventory has no host in the group 'redis'"), ("true", "Completely failed to parse inventory")],
)
def test_an_inventory_that_failed_changes_nothing(any_unparsed_is_failed, message):
    targets = "/etc/prometheus/targets/redis-cluster.yml"
    before = LAB.shell(MONITORING[0], f"cat {targets}")
    done = LAB.command(
        "export AWS_ENDPOINT_URL=http://127.0.0.1:1 &&"
        f" ansible-playbook --inventory={LAB.directory}/inventory playbooks/site.yml",
        ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=any_unparsed_is_failed,
    )
    assert done.returncode != 0
    assert message in " ".join((done.stdout + done.stderr).split())
    assert LAB.shell(MONITORING[0], f"cat {targets}") == before
