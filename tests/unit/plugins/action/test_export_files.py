# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook export, as somebody runs it who has a Prometheus and a Grafana already."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path

import promtool
import pytest

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def export(ansible_playbook):
    return partial(ansible_playbook, "redisops.monitoring.export")


def test_rules_dashboards_and_pages(export, tmp_path):
    rc, output = export("-e", '{"prometheus_alert_thresholds": {"memory_high_percent": 71}}')
    assert rc == 0 and "changed=1" in output, output
    rules = tmp_path / "export" / "rules"
    assert "71" in (rules / "redis_load.yml").read_text()
    checked = [promtool.find(), "check", "rules", *sorted(rules.glob("*.yml"))]
    subprocess.run(checked, check=True, capture_output=True)
    model = json.loads((tmp_path / "export" / "dashboards" / "redis-cluster.json").read_text())
    assert model["uid"] == "redis-cluster"
    assert (tmp_path / "export" / "runbooks" / "RedisMemoryHigh.md").exists()
    rc, output = export("-e", '{"prometheus_alert_thresholds": {"memory_high_percent": 71}}')
    assert rc == 0 and "changed=0" in output, output


def test_check_mode_writes_nothing_and_the_inventory_says_the_settings(export, tmp_path):
    (tmp_path / "hosts.yml").write_text(
        "monitoring: {hosts: {m: {prometheus_rules_disabled: [RedisMemoryHigh]}}}\nredis: {hosts: {r: {}}}\n"
    )
    rc, output = export("-i", "hosts.yml", "--check")
    assert rc == 0 and "changed=1" in output and not (tmp_path / "export").exists()
    rc, output = export("-i", "hosts.yml", "-e", "monitoring_export_dir=files/redis")
    assert rc == 0, output
    text = (tmp_path / "files/redis/rules/redis_load.yml").read_text()
    assert "alert: RedisMemoryCritical" in text and "alert: RedisMemoryHigh\n" not in text


def test_rules_for_the_ruler_of_a_store(export, tmp_path):
    rc, output = export("-e", "monitoring_export_rules=mimir")
    assert rc == 0, output
    assert "\nnamespace: redisops-hosts\n" in (tmp_path / "export/rules/hosts.yml").read_text()
    rc, output = export("-e", "monitoring_export_rules=cortex")
    assert rc == 2 and "value of rules must be one of" in output and "mimir, amp, vmalert" in output


def test_wrong_settings(export, tmp_path):
    rc, output = export("-e", '{"prometheus_rules_disabled": ["RedisFoo"]}')
    assert rc == 2 and "prometheus_rules_disabled: there is no alert RedisFoo" in output
    assert not (tmp_path / "export").exists()
