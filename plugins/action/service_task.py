# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules with arguments made of a role's settings; the module of the same name documents it."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible_collections.redisops.monitoring.plugins.plugin_utils._failures import why
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        text = {"type": "str", "required": True}
        dummy, options = self.validate_argument_spec(
            {"role": text, "task": text, "arguments": {"type": "dict", "default": {}}}
        )
        role = options["role"]
        variables, host = _ansible.context([role], task_vars, self._templar)
        settings, faults = _core.read(role, variables)
        if faults:
            return dict(result, failed=True, msg="; ".join(_core.fault_lines(faults)))
        try:
            calls = _core.module_of(role).TASKS[options["task"]](settings, host)
        except _core.Refused as err:
            return dict(result, failed=True, msg=str(err))
        if not calls:
            return dict(result, changed=False, skipped=True, skip_reason="The settings ask for nothing here")

        def run(call):
            arguments = {**call["args"], **options["arguments"]}
            return self._execute_module(
                "redisops.monitoring." + call["module"], module_args=arguments, task_vars=task_vars, tmp=tmp
            )

        result.update(run(calls) if isinstance(calls, dict) else together([run(call) for call in calls]))
        result.update(calls.get("result", {}) if isinstance(calls, dict) else {})
        return result


def together(results):
    """The results of several modules as one, with the reasons of those that failed."""
    for one in results:
        one.pop("invocation", None)
    found = {
        "changed": any(one.get("changed") for one in results),
        "results": results,
        "diff": [one.pop("diff") for one in results if one.get("diff")],
        "warnings": [text for one in results for text in one.pop("warnings", [])],
    }
    reasons = [why(one, "a module failed without a message") for one in results if one.get("failed")]
    return {**found, "failed": True, "msg": "; ".join(reasons)} if reasons else found
