# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a service's files on the controller and runs checked_config; the module of the same name documents it."""

from __future__ import annotations

import jinja2
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core, _templates


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec({"role": {"type": "str", "required": True}})
        role = options["role"]
        variables, host = _ansible.context([role], task_vars, self._templar)
        settings, faults = _core.read(role, variables)
        if faults:
            return dict(result, failed=True, msg="; ".join(_core.fault_lines(faults)))
        service = _core.module_of(role).service(settings, host)
        config = dict(service["config"], marker=_core.MARKER)
        for kind in ("files", "secrets"):
            config[kind] = [self.rendered(entry, service["values"]) for entry in config.get(kind, [])]
        result.update(
            self._execute_module("redisops.monitoring.checked_config", module_args=config, task_vars=task_vars, tmp=tmp)
        )
        result.setdefault("warnings", []).extend(service.get("warnings", []))
        return result

    @staticmethod
    def rendered(entry, values):
        try:
            content = _templates.content(entry, values)
        except jinja2.TemplateError as err:
            raise AnsibleActionFail("template %s: %s" % (entry["template"], err)) from err
        kept = {key: value for key, value in entry.items() if key not in ("template", "values")}
        return {**kept, "content": content}
