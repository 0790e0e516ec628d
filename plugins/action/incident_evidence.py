# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds what the settings of the roles say; the module of the same name documents it and does the rest."""

from __future__ import annotations

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.settings import BadInput
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, incident


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args, faults = dict(self._task.args), []
        if boolean(args.get("from_settings", False), strict=False):
            options, faults = self.of_settings(task_vars)
            args = {**options, **args}
        name = "redisops.monitoring.incident_evidence"
        result.update(self._execute_module(name, module_args=args, task_vars=task_vars))
        result.setdefault("problems", []).extend(faults)
        return result

    def of_settings(self, task_vars):
        """Options of the module, and what is wrong with the settings."""
        roles = [role for group, roles in incident.ROLES.items() if group in task_vars["group_names"] for role in roles]
        settings, faults, host = _ansible.settings_of(roles, task_vars, self._templar)
        try:
            return incident.evidence(settings, host), faults
        except BadInput as err:
            return {}, [*faults, str(err)]
