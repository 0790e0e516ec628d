# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tests run; what they find is the module's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.redisops.monitoring.plugins.action import stack_verify
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible


@pytest.mark.parametrize("services", [["prometheus"], ["prometheus", "grafana"], None])
def test_a_service_that_is_switched_off_is_not_tested(monkeypatch, services):
    ran = []
    variables = {"monitoring_services": services} if services else {}
    monkeypatch.setattr(_ansible, "context", lambda *given: (variables, None))
    monkeypatch.setattr(stack_verify.ActionBase, "run", lambda self, tmp, task_vars: {})
    action = stack_verify.ActionModule.__new__(stack_verify.ActionModule)
    action._task, action._templar = SimpleNamespace(args={"test": "grafana", "name": "mon-1"}), None
    monkeypatch.setattr(action, "options", lambda test, task_vars: {"unit": "grafana-server.service"}, raising=False)
    monkeypatch.setattr(action, "_execute_module", lambda *given, **named: ran.append(named) or {}, raising=False)
    result = action.run(task_vars={})
    if services == ["prometheus"]:
        [row] = result["rows"]
        assert (row["subject"], row["state"]) == ("mon-1", "skipped")
        assert row["found"] == "monitoring_services leaves out grafana"
        assert ran == []
    else:
        assert ran[0]["module_args"] == {"test": "grafana", "name": "mon-1", "unit": "grafana-server.service"}
