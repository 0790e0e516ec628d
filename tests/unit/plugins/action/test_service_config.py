# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service's files are is in the settings of its role; here is what becomes of them. The module is a stand-in."""

from __future__ import annotations

import types

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.redisops.monitoring.plugins.action import service_config
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core, _templates


@pytest.fixture
def run(monkeypatch):
    """run(service, faults) -> the result, and the arguments that the module got."""

    def play(service, faults=None):
        given = []
        role = types.SimpleNamespace(service=lambda settings, host: service)
        monkeypatch.setattr(_ansible, "context", lambda *ignored: ({}, None))
        monkeypatch.setattr(_core, "read", lambda *ignored: ({}, faults or {}))
        monkeypatch.setattr(_core, "module_of", lambda dummy: role)
        monkeypatch.setattr(service_config.ActionBase, "run", lambda self, tmp, task_vars: {})
        action = service_config.ActionModule.__new__(service_config.ActionModule)
        action._templar = action._loader = None
        action.validate_argument_spec = lambda spec: (None, {"role": "demo"})

        def execute(name, module_args, task_vars, tmp):
            given.append((name, module_args))
            return {"changed": True, "written": ["/etc/demo/a"]}

        action._execute_module = execute
        return action.run(task_vars={}), given

    return play


def test_templates_become_contents(run, monkeypatch):
    monkeypatch.setattr(_templates, "render", lambda name, values: f"{name} {values['a']}")
    service = {
        "config": {
            "path": "/etc/demo",
            "files": [{"path": "a", "template": "demo/a.j2", "mode": "0640"}, {"path": "b", "content": "{{ b }}"}],
            "secrets": [{"path": "c", "template": "demo/c.j2"}],
        },
        "values": {"a": "{{ kept }}"},
        "warnings": ["a host is left out"],
    }
    result, given = run(service)
    assert result == {"changed": True, "written": ["/etc/demo/a"], "warnings": ["a host is left out"]}
    assert given == [
        (
            "redisops.monitoring.checked_config",
            {
                "path": "/etc/demo",
                "marker": "Managed by redisops.monitoring",
                "files": [
                    {"content": "demo/a.j2 {{ kept }}", "path": "a", "mode": "0640"},
                    {"path": "b", "content": "{{ b }}"},
                ],
                "secrets": [{"content": "demo/c.j2 {{ kept }}", "path": "c"}],
            },
        )
    ]


def test_settings_that_cannot_be_used_reach_no_host(run):
    result, given = run({}, {"demo_port": ["demo_port is abc, not a whole number"]})
    assert result["failed"] and result["msg"] == "demo_port is abc, not a whole number"
    assert given == []


def test_a_template_that_fails_names_itself_and_no_value(run):
    service = {"config": {"files": [{"path": "a", "template": "_service/service.j2"}]}, "values": {"x": "canary"}}
    with pytest.raises(AnsibleActionFail, match="template _service/service.j2: 'service' is undefined") as failed:
        run(service)
    assert "canary" not in str(failed.value)
