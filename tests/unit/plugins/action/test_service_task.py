# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs is in the settings of the roles; here is what becomes of the results of modules, which are stand-ins."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.action import service_task
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core


@pytest.fixture
def run(monkeypatch):
    """run(calls, results, arguments) -> the result of the task, and with what each module ran."""

    def play(calls, results=(), **arguments):
        ran, results = [], list(results)

        class Role:
            TASKS = {"show": lambda settings, host: calls() if callable(calls) else calls}

        def execute(module_name, module_args, task_vars, tmp):
            ran.append((module_name, module_args))
            return results.pop(0)

        monkeypatch.setattr(_ansible, "context", lambda *given: ({}, None))
        monkeypatch.setattr(_core, "read", lambda role, variables: ({}, {}))
        monkeypatch.setattr(_core, "module_of", lambda role: Role)
        action = service_task.ActionModule.__new__(service_task.ActionModule)
        monkeypatch.setattr(service_task.ActionBase, "run", lambda self, tmp, task_vars: {})
        monkeypatch.setattr(action, "_execute_module", execute, raising=False)
        options = {"role": "grafana", "task": "show", "arguments": arguments}
        monkeypatch.setattr(action, "validate_argument_spec", lambda spec: (None, options), raising=False)
        action._templar = action._loader = None
        return action.run(task_vars={}), ran

    return play


def test_one_module(run):
    result, ran = run({"module": "apt_release", "args": {"name": "grafana"}}, [{"changed": True, "version": "1"}])
    assert result == {"changed": True, "version": "1"}
    assert ran == [("redisops.monitoring.apt_release", {"name": "grafana"})]


def test_what_the_controller_adds_to_the_result(run):
    result, dummy = run({"module": "certificate_status", "args": {}, "result": {"bundle": "a"}}, [{"changed": False}])
    assert result == {"changed": False, "bundle": "a"}


def test_what_cannot_be_done_fails_before_a_module_runs(run):
    def refuse():
        raise _core.Refused("the clock is wrong")

    result, ran = run(refuse)
    assert result["failed"] and result["msg"] == "the clock is wrong" and ran == []


def test_further_arguments(run):
    dummy, ran = run({"module": "grafana_access", "args": {"url": "x"}}, [{}], set_password=True)
    assert ran[0][1] == {"url": "x", "set_password": True}


def test_nothing_to_do(run):
    result, ran = run(None)
    assert result["skipped"] and not result["changed"] and ran == []


def test_several_modules(run):
    results = [
        {"changed": False, "uid": "a", "invocation": {"module_args": "canary"}, "warnings": ["w"]},
        {"changed": True, "uid": "b", "diff": {"before": "1", "after": "2"}},
    ]
    result, ran = run([{"module": "m", "args": {"uid": name}} for name in "ab"], results)
    assert [one["uid"] for one in result["results"]] == ["a", "b"] and result["changed"]
    assert result["diff"] == [{"before": "1", "after": "2"}] and result["warnings"] == ["w"]
    assert "failed" not in result and "canary" not in str(result)
    assert len(ran) == 2


def test_every_module_that_fails_says_why(run):
    results = [{"failed": True, "msg": "no a"}, {"changed": True}, {"failed": True, "msg": "no c"}]
    result, dummy = run([{"module": "m", "args": {}}] * 3, results)
    assert result["failed"] and result["msg"] == "no a; no c" and result["changed"]
