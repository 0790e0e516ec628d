# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An unchanged run has few events a host: each costs time, also a task that is skipped."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"
BUDGETS = {
    "redis_exporter": 8,
    "prometheus": 12,
    "alertmanager": 8,
    "blackbox_exporter": 8,
    "grafana": 14,
    "node_exporter": 8,
    "yace": 8,
}


def events(role, name="main"):
    """Tasks that an unchanged run shows; what rescues does not run then."""
    specs = ROLES / role / "meta" / "argument_specs.yml"
    validated = specs.exists() and name in yaml.safe_load(specs.read_text())["argument_specs"]
    tasks = yaml.safe_load((ROLES / role / "tasks" / f"{name}.yml").read_text())
    return validated + sum(events_of(role, task) for task in tasks)


def events_of(role, task):
    assert not any("loop" in key or "include" in key for key in task), task
    if "block" in task:
        return sum(events_of(role, one) for one in task["block"] + task.get("always", []))
    if "ansible.builtin.import_tasks" in task:
        return events(role, task["ansible.builtin.import_tasks"].partition(".")[0])
    if "ansible.builtin.import_role" in task:
        imported = task["ansible.builtin.import_role"]
        return events(imported["name"].rpartition(".")[2], imported.get("tasks_from", "main"))
    return 1


@pytest.mark.parametrize(("role", "budget"), BUDGETS.items())
def test_an_unchanged_run_stays_within_the_budget(role, budget):
    assert 1 < events(role) <= budget
