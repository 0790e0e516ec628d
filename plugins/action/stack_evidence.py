# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adds what the settings of the roles say; the module of the same name documents it and does the rest."""

from __future__ import annotations

import hashlib

from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import config
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence.mask import Mask, secrets_in
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.settings import BadInput
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.difference import difference
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, doctor


class ActionModule(ActionBase):
    TRANSFERS_FILES = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        args, known, written = dict(self._task.args), {}, {}
        if boolean(args.get("from_settings", False), strict=False):
            options, known, written = self.of_settings(task_vars)
            args = {**options, **args}
        try:
            result.update(
                self._execute_module("redisops.monitoring.stack_evidence", module_args=args, task_vars=task_vars)
            )
        except AnsibleConnectionFailure as err:  # what the settings say is known all the same
            result.update(unreachable=True, msg=err.message)
        mask = Mask(secrets_in(args))
        for path, one in result.get("evidence", {}).get("edited", {}).items():
            if "text" in one:
                one.update(difference(path, config.shown(path, written[path], mask), one.pop("text")))
        if known and "evidence" not in result:  # it is printed
            known["settings"] = doctor.brief(known["settings"])
        return dict(result, **known)

    def of_settings(self, task_vars):
        """Options of the module, what the diagnosis has to know of the host, and what the roles write there."""
        roles = doctor.roles_of(task_vars["group_names"])
        settings, faults, host = _ansible.settings_of(roles, task_vars, self._templar)
        known = {"settings": doctor.instance(host), "faults": faults}
        try:
            how = doctor.connections(settings, host)
            known["settings"].update(doctor.wanted(settings, host, how))
            written = {} if faults else doctor.written(settings, host)
            digests = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in written.items()}
            return {**doctor.evidence(settings, host, how), "written": digests}, known, written
        except (BadInput, ValueError) as err:  # such as an address that nobody can make sense of
            faults.append(str(err))
            return {}, known, {}
