# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clusters as docs/clusters.md has them, over a real inventory: what a limit is about, and what group_vars say."""

from __future__ import annotations

import json
import re

import pytest
import yaml

HOSTS = """
all:
  vars: {ansible_port: 1}
  children:
    redis:
      children:
        redis_orders: {hosts: {orders-1: {ansible_host: 127.0.1.1}, orders-2: {ansible_host: 127.0.1.2}}}
        redis_carts: {hosts: {carts-1: {ansible_host: 127.0.1.3}}}
    monitoring: {hosts: {monitor: {ansible_host: 127.0.0.5}}}
"""
GROUPS = {
    "all": {
        "monitoring_cluster": "shop",
        "monitoring_secret": "0123456789abcdef0123456789abcdef",
        "alertmanager_receivers": [{"name": "chat", "slack": {"api_url": "https://hooks.example/{{ 'a' ~ 'b' }}"}}],
    },
    "redis_orders": {
        "monitoring_cluster": "orders",
        "short": "own",
        "prometheus_exporter_port": "{{ 9000 + 131 }}",
        "prometheus_alert_thresholds": {"memory_high_percent": "{{ 30 + 30 }}"},
        "alertmanager_receivers": [
            {"name": "orders-{{ short }}", "pagerduty": {"routing_key": "{{ 'key-of-' ~ short }}"}}
        ],
    },
    "redis_carts": {"monitoring_cluster": "carts"},
}
SHOWN = """
- hosts: monitoring
  gather_facts: false
  connection: local
  tasks:
    - redisops.monitoring.validate_settings: {role: "{{ item }}"}
      loop: [prometheus, alertmanager, blackbox_exporter, node_exporter]
    - debug:
        msg: "jobs {{ s.prometheus_scrape_configs | map(attribute='job_name') | join(' ') }}"
      vars: {s: "{{ lookup('redisops.monitoring.settings', 'prometheus') }}"}
    - debug: {msg: "tags {{ lookup('redisops.monitoring.settings', 'yace').yace_search_tags.Cluster }}"}
"""


@pytest.fixture
def play(tmp_path, ansible_playbook):
    """play(playbook, option, ...) -> return code, output, and the directory of reports."""
    (tmp_path / "inventory/group_vars").mkdir(parents=True)
    (tmp_path / "inventory/hosts.yml").write_text(HOSTS)
    for group, values in GROUPS.items():
        (tmp_path / f"inventory/group_vars/{group}.yml").write_text(yaml.safe_dump(values))

    def run(name, *options):
        return *ansible_playbook(name, "-i", tmp_path / "inventory", *options), tmp_path / "reports"

    return run


def words_of_carts(text):
    return re.findall(r".*(?:carts|127\.0\.1\.3).*", text)


def test_what_group_vars_of_a_cluster_say_reaches_the_monitoring_host(play, tmp_path):
    (tmp_path / "shown.yml").write_text(SHOWN)
    rc, output, _reports = play("shown.yml")
    assert rc == 0, output[-2000:]
    assert "jobs alertmanager grafana node node-orders node-carts node-monitoring" in output
    assert "tags ^(orders|carts)$" in output
    path = tmp_path / "inventory/group_vars/redis_orders.yml"
    wrong = {"prometheus_alert_thresholds": {"memory_high_percent": 101}, "alertmanager_levels": {"L1": ["nobody"]}}
    path.write_text(yaml.safe_dump({**GROUPS["redis_orders"], **wrong}))
    rc, output, _reports = play("shown.yml")
    said = " ".join(output.split())
    assert rc == 2
    assert "cluster orders: prometheus_alert_thresholds.memory_high_percent is 101, must be from 1 to 100" in said


@pytest.mark.parametrize("name", ["verify", "doctor", "incident"])
def test_a_limit_is_about_one_cluster(play, name):
    _rc, output, reports = play(f"redisops.monitoring.{name}", "--limit", "redis_orders,monitoring")
    assert words_of_carts(output) == []
    if name == "incident":
        assert [path.name.rpartition("-")[0] for path in reports.glob("incident-*")] == ["incident-orders"]
        return
    (path,) = reports.glob(f"{name}-*.json")
    report = json.loads(path.read_text())
    assert report["cluster"] == "orders"
    report.pop("evidence", None)  # which says that targets of these addresses are no strangers
    assert words_of_carts(json.dumps(report)) == []


def test_without_a_limit_everything_names_its_cluster(play):
    _rc, output, reports = play("redisops.monitoring.verify")
    report = json.loads((reports / "verify-shop.json").read_text())
    subjects = {row["subject"] for row in report["rows"] if row["test"] == 1}
    assert subjects == {"orders-1 (orders)", "orders-2 (orders)", "carts-1 (carts)"}
    _rc, output, reports = play("redisops.monitoring.doctor")
    (path,) = reports.glob("doctor-*.json")
    report = json.loads(path.read_text())
    found = {one["host"]: one.get("cluster") for one in report["findings"]}
    assert found == {"orders-1": "orders", "orders-2": "orders", "carts-1": "carts", "monitor": None}
    assert report["cluster"] == "shop" and "[carts-1 of carts, host]" in output
