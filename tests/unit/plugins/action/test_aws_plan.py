# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the action hands settings and findings on. What follows from them is in plugin_utils/_settings."""

from __future__ import annotations

from unittest import mock

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.redisops.monitoring.plugins.action import aws_plan
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core

GROUPS = {"monitoring_redis_security_group": "redis-sg", "monitoring_security_group": "prometheus-sg"}
FOUND = {"vpcs": {"skipped": True}, "checkip": {"skipped": True}}


@pytest.fixture
def run(monkeypatch):
    def run(variables, **arguments):
        monkeypatch.setattr(aws_plan._ansible, "context", lambda *dummy: ({**GROUPS, **variables}, _core.Host("h")))
        task = mock.Mock(async_val=0, args={"role": "security_groups", "found": FOUND, **arguments})
        action = aws_plan.ActionModule(task, mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock(), mock.Mock())
        return action.run(task_vars={})

    return run


def test_plan(run):
    result = run({"monitoring_admin_cidrs": ["198.51.100.0/24"], "security_groups_admin_ports": "22,9122"})
    assert result["changed"] is False
    assert result["plan"]["admin_rules"][0]["ports"] == [22, 9122]
    assert "problems" not in result["plan"]


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"security_groups_exporter_port": "x"}, "security_groups_exporter_port is x, not a whole number"),
        (
            {"monitoring_admin_cidrs": "0.0.0.0/0", "security_groups_admin_ports": []},
            "security_groups_admin_ports is empty: name the ports that monitoring_admin_cidrs may reach;"
            " monitoring_admin_cidrs: 0.0.0.0/0 is the world, or a good part of it; name the networks that need it",
        ),
    ],
)
def test_everything_that_is_wrong_fails_the_task(run, variables, says):
    with pytest.raises(AnsibleActionFail) as caught:
        run(variables)
    assert says in str(caught.value)


def test_steps_are_those_that_are_documented(run):
    with pytest.raises(Exception, match="value of step must be one of"):
        run({}, step="undo")
