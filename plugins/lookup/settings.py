# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: settings
short_description: The settings of a role of this collection
version_added: 1.0.0
description:
  - Returns all options of a role for the host of the task, each with the type that its argument spec says. What is not
    set has its default, and so has an empty answer of a survey.
  - The role need not run in the play, its defaults are known.
author: redisops.monitoring contributors (@redisops)
options:
  _terms:
    description: Roles, such as V(verify) or V(incident).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show where the reports of doctor go
  ansible.builtin.debug:
    msg: "{{ lookup('redisops.monitoring.settings', 'doctor').doctor_report_dir }}"
"""

RETURN = r"""
_raw:
  description: One dictionary for each role.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        return [self.settings(role, variables) for role in terms]

    def settings(self, role, variables):
        found, dummy = _ansible.context([role], variables, self._templar)
        settings, faults = _core.read(role, found)
        if faults:
            raise AnsibleLookupError("; ".join(_core.fault_lines(faults)))
        return settings
