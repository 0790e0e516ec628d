# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds what the settings of the roles need; the module of the same name documents it and does the rest."""

from __future__ import annotations

import time

from ansible.plugins.action import ActionBase
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core, _needs, _stack


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        if args.get("parts") is not None:
            roles = _ansible.roles_of_run(args["parts"], task_vars, self._templar).get(task_vars["inventory_hostname"])
            if not _ansible.changing(roles or []):
                return dict(result, changed=False, skipped=True, skip_reason="No role runs here")
            args = {**self.needs(roles, task_vars), **args}
        result.update(self._execute_module("redisops.monitoring.host_status", module_args=args, task_vars=task_vars))
        return result

    def needs(self, roles, task_vars):
        """Of the roles whose settings are in order: what is wrong with the others is known."""
        variables, host = _ansible.context(roles, task_vars, self._templar)
        judged = {role: _core.judge(role, variables, host) for role in roles if _stack.switched_on(role, variables)}
        settings = {role: found for role, (found, problems) in judged.items() if not problems}
        return {**_needs.of_host(settings, host), "time": time.time()}
