# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""monitoring_services says which service roles run, and what the summary speaks of."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _stack

ROOT = Path(__file__).resolve().parents[3]
ROLES = {
    task["ansible.builtin.import_role"]["name"].rpartition(".")[2]: task
    for name in ("exporters", "monitoring")
    for play in yaml.safe_load((ROOT / f"playbooks/{name}.yml").read_text())
    for task in play.get("tasks", [])
}


def test_every_service_can_be_switched_off():
    assert sorted(ROLES) == sorted(_stack.SERVICES)
    for name, role in ROLES.items():
        assert role["when"] == f"'{name}' in (monitoring_services | default(['{name}'], true))"


@pytest.mark.parametrize(
    ("services", "spoken_of"),
    [
        (None, {"redis_exporter", "prometheus", "grafana", "alertmanager"}),
        (["redis_exporter", "prometheus", "alertmanager"], {"redis_exporter", "prometheus", "alertmanager"}),
        (["redis_exporter", "node_exporter"], {"redis_exporter"}),
    ],
)
def test_the_summary_speaks_of_what_there_is(tmp_path, services, spoken_of):
    hosts = {name: {"hosts": {f"{name}-1": {"ansible_host": "192.0.2.1"}}} for name in ("redis", "monitoring")}
    inventory = {"all": {"children": hosts, "vars": {"monitoring_services": services} if services else {}}}
    (tmp_path / "hosts.json").write_text(json.dumps(inventory))
    program = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [program, "-i", tmp_path / "hosts.json", ROOT / "playbooks/summary.yml"],
        env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(re.findall(r"(\w+) on \w+-1: ", done.stdout)) == spoken_of
