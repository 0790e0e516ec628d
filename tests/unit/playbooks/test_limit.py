# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One node more with --limit new_node,monitoring: no other node is touched, and the targets of the others stay."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

SITE = Path(__file__).resolve().parents[3] / "playbooks" / "site.yml"
NODES = {f"redis-{number}": {"ansible_host": f"10.0.0.{number}"} for number in range(1, 5)}
# What Prometheus on the monitoring host would scrape: the targets file, and the jobs of node_exporter and the probes.
TARGETS = """\
- hosts: redis:monitoring
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ groups.redis | redisops.monitoring.scrape_targets(hostvars) | to_json }}"
    - ansible.builtin.debug:
        msg: "{{ lookup('redisops.monitoring.settings', 'prometheus').prometheus_scrape_configs | to_json }}"
      when: "'monitoring' in group_names"
"""


@pytest.fixture
def limited(tmp_path, ansible_playbook):
    children = {"redis": {"hosts": NODES}, "monitoring": {"hosts": {"prom": {"ansible_host": "10.0.0.9"}}}}
    variables = {"monitoring_cluster": "c", "monitoring_secret": "s" * 32}
    (tmp_path / "hosts.json").write_text(json.dumps({"all": {"children": children, "vars": variables}}))

    def run(playbook, *options):
        rc, output = ansible_playbook(playbook, "-i", "hosts.json", "--limit", "redis-4,monitoring", *options)
        assert rc == 0, output
        return output

    return run


def test_no_other_node_is_touched(limited):
    plays = limited(SITE, "--list-hosts").split("\n\n")
    touched = {play: set(re.findall(r"^      (\S+)$", play, re.MULTILINE)) for play in plays}
    assert set().union(*touched.values()) == {"redis-4", "prom"}
    for title, hosts in (("Exporters on every Redis node", {"redis-4"}), ("on the monitoring host", {"prom"})):
        assert [found for play, found in touched.items() if title in play] == [hosts]


def test_the_targets_of_the_others_stay(limited, tmp_path):
    (tmp_path / "targets.yml").write_text(TARGETS)
    output = limited("targets.yml", "-e", "ansible_python_interpreter=auto_silent")
    for port in (9121, 9100, 6379):
        assert set(re.findall(rf"10\.0\.0\.(\d):{port}\b", output)) >= {"1", "2", "3", "4"}, port
    assert not re.search(r"^ok: \[redis-[123]\]", output, re.MULTILINE)
