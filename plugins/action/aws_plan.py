# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a role's settings by what was found in AWS; the module of the same name documents it."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core

STEPS = ("lookup", "plan", "outcome", "teardown")


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(
            {
                "role": {"type": "str", "required": True},
                "step": {"type": "str", "choices": STEPS, "default": "plan"},
                "found": {"type": "dict", "required": True},
            }
        )
        variables, host = _ansible.context([options["role"]], task_vars, self._templar)
        settings, faults = _core.read(options["role"], variables)
        problems = _core.fault_lines(faults)
        if not problems:
            step = getattr(_core.module_of(options["role"]), options["step"])
            plan = step(settings, host, options["found"])
            problems = plan.pop("problems", [])
        if problems:
            raise AnsibleActionFail("; ".join(problems), result={"problems": problems})
        return {**result, "changed": False, "plan": plan}
