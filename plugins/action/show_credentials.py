# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints logins for people; the module of the same name documents it."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core, _credentials, _stack

display = Display()


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        self.validate_argument_spec({})
        if _core.in_awx(task_vars):
            msg = "%s: logins are not shown in a job, whose output is kept; run the playbook credentials in a shell"
            return dict(result, failed=True, msg=msg % task_vars["inventory_hostname"])
        lines = []
        for role in _credentials.ROLES:
            variables, host = _ansible.context([role], task_vars, self._templar)
            if not _stack.switched_on(role, variables):
                continue
            settings, faults = _core.read(role, variables)
            if faults:
                return dict(result, failed=True, msg="; ".join(_core.fault_lines(faults)))
            lines += _credentials.lines(role, settings, host)
        # On the screen alone: results and log files would keep them. In one piece: other hosts print at the same time.
        display.display("\n".join(["", "%s:" % host.name, *lines, ""]), screen_only=True)
        result.update(changed=False, shown=len(lines))
        return result
