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

CLUSTERS = """
redis:
  children:
    redis_orders: {hosts: {orders-1: {}}, vars: {monitoring_cluster: orders}}
    redis_carts: {hosts: {carts-1: {}}, vars: {monitoring_cluster: carts}}
monitoring: {hosts: {monitor: {}}}
all: {vars: {ansible_connection: local, ansible_become: false, monitoring_cluster: shop}}
"""


@pytest.fixture
def remove(tmp_path):
    """remove(inventory, given, option, ...) -> return code and output of a run that has nothing to do but ask."""

    def run(inventory, given, *options):
        (tmp_path / "inventory.yml").write_text(inventory)
        argv = [Path(sys.executable).with_name("ansible-playbook"), "-i", tmp_path / "inventory.yml"]
        done = subprocess.run(
            [*argv, ROOT / "playbooks/remove.yml", "--tags", "none", "-e", json.dumps(given), *options],
            cwd=ROOT, env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    return run


@pytest.mark.parametrize(
    ("given", "code"),
    [({"awx_job_id": 7}, 2), ({"remove_confirm": "redis"}, 2), ({"remove_confirm": "redis-prod"}, 0)],
    ids=["a job without an answer", "another name", "the name"],
)
def test_remove_asks(remove, given, code):
    found, printed = remove(INVENTORY, given)
    assert found == code, printed
    refused = "Nothing was removed: this removes the monitoring of redis-prod from monitor, redis-a."
    assert (refused in printed) == ("-e remove_confirm=redis-prod" in printed) == (code == 2), printed


@pytest.mark.parametrize(
    ("limit", "name"),
    [
        ("all", "shop"),
        ("redis", "shop"),
        ("redis_orders", "orders"),
        ("redis_orders,monitoring", "shop"),  # which all clusters lose
        ("monitoring", "shop"),
    ],
)
def test_several_clusters_have_one_name_and_all_or_nothing_is_removed(remove, limit, name):
    code, printed = remove(CLUSTERS, {"remove_confirm": name}, "--limit", limit)
    assert code == 0, printed
    for other in {"shop", "orders", "carts"} - {name}:
        code, printed = remove(CLUSTERS, {"remove_confirm": other}, "--limit", limit)
        assert code == 2 and f"give -e remove_confirm={name}" in printed, printed
        assert "Show what is left" not in printed, printed
