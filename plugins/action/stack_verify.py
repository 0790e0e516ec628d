# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds to a test what the settings of the roles say; the module of the same name documents it and does the rest."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core, _stack, verify


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args = dict(self._task.args)
        if args.get("test") in verify.TESTS and not (args.get("url") or args.get("exporter")):
            part = verify.TESTS[args["test"]][1][0]
            if not _stack.switched_on(part, _ansible.context([], task_vars, self._templar)[0]):
                row = {"subject": args.get("name"), "expected": "", "found": "monitoring_services leaves out %s" % part}
                return {**result, "changed": False, "rows": [{**row, "state": "skipped"}]}
            args = {**self.options(args["test"], task_vars), **args}
        result.update(
            self._execute_module("redisops.monitoring.stack_verify", module_args=args, task_vars=task_vars, tmp=tmp)
        )
        return result

    def options(self, test, task_vars):
        roles = ["verify", *verify.TESTS[test][1]]
        variables, host = _ansible.context(roles, task_vars, self._templar)
        settings = {}
        for role in roles:
            found, faults = _core.read(role, variables, all_needed=False)
            if faults:
                raise AnsibleActionFail("; ".join(_core.fault_lines(faults)))
            settings.update(found)
        return verify.options(test, settings, host)
