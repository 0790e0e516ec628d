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


CLUSTERS = """
all:
  children:
    redis:
      children:
        orders:
          hosts: {r1: {}}
          vars:
            monitoring_cluster: orders
            prometheus_alert_thresholds: {memory_high_percent: much, cert_soon_days: 99999, nonsense: 3}
        sessions: {hosts: {r2: {}}, vars: {monitoring_cluster: sessions}}
    monitoring: {hosts: {m: {}}}
  vars: {ansible_connection: local}
"""
OF_A_RULER = """
    prometheus_mode: agent
    prometheus_rule_pack: false
    monitoring_remote_storage: {kind: mimir, url: https://store.example}
"""


def test_wrong_settings_of_a_ruler_and_of_clusters_are_told_at_once(export, tmp_path):
    (tmp_path / "hosts.yml").write_text(CLUSTERS)
    (tmp_path / "agent.yml").write_text(OF_A_RULER)
    given = {"prometheus_scrape_interval": "10m", "prometheus_evaluation_interval": "abc"}
    words = ["-i", "hosts.yml", "-e", "@agent.yml", "-e", "monitoring_export_rules=mimir", "-e", json.dumps(given)]
    rc, output = export(*words)
    assert rc == 2 and not (tmp_path / "export").exists()
    output = " ".join(output.split())
    for line in (
        "prometheus_evaluation_interval is abc, which is not a duration such as 30s",
        "prometheus_scrape_interval is 10m: the rules look back 5m and need two samples in them, so at most 2m;",
        "cluster orders: prometheus_alert_thresholds: there is no threshold nonsense",
        "cluster orders: prometheus_alert_thresholds.memory_high_percent is much, not a number",
        "cluster orders: prometheus_alert_thresholds.cert_soon_days is 99999, must be from",
    ):
        assert line in output
