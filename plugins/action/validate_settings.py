# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges the settings of roles on the controller; the module of the same name documents it."""

from __future__ import annotations

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(
            {"role": {"type": "str"}, "parts": {"type": "list", "elements": "str", "choices": list(_core.PARTS)}},
            required_one_of=[("role", "parts")],
            mutually_exclusive=[("role", "parts")],
        )
        if options["role"]:
            self.judge_one(options["role"], task_vars, result)
        else:
            self.judge_all(options["parts"], task_vars, result)
        result["changed"] = False
        return result

    def judge_one(self, role, task_vars, result):
        variables, host = _ansible.context([role], task_vars, self._templar, self._loader)
        settings, problems = _core.judge(role, variables, host)
        if problems:
            raise AnsibleActionFail("%s; nothing was changed" % "; ".join(problems), result={"problems": problems})
        service = getattr(_core.module_of(role), "service", None)
        if service:
            found = service(settings, host)
            names = ("name", "root", "version", "binaries", "url", "src", "checksum")
            result.update(unit=found["unit"], release={name: found[name] for name in names if name in found})

    def judge_all(self, parts, task_vars, result):
        hosts = {}  # those that have a problem, by the problem
        tags = [set(task_vars.get(name) or []) for name in ("ansible_run_tags", "ansible_skip_tags")]
        for name, roles in _core.selected(parts, task_vars["groups"], *tags).items():
            variables, host = _ansible.context(roles, task_vars, self._templar, self._loader, name)
            for role in roles:
                for problem in _core.judge(role, variables, host)[1]:
                    hosts.setdefault(problem, []).append(name)
        if hosts:
            lines = ["%s: %s" % (", ".join(dict.fromkeys(names)), problem) for problem, names in hosts.items()]
            raise AnsibleActionFail("\n".join([*lines, "nothing was changed"]), result={"problems": lines})
