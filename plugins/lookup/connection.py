# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: connection
short_description: How a service of this collection is reached
version_added: 1.0.0
description:
  - Returns where a service listens and how it is asked, by the settings of its role.
  - The role need not run in the play, its defaults are known. An empty listen address takes the facts of the host.
author: redisops.monitoring contributors (@redisops)
options:
  _terms:
    description: Roles, such as V(prometheus), V(alertmanager) or V(grafana).
    type: list
    elements: str
    required: true
  host:
    description: Host whose service it is. Without it, the host of the task.
    type: str
"""

EXAMPLES = r"""
- name: Ask Prometheus whether it is ready
  ansible.builtin.uri:
    url: "{{ prometheus.url }}/-/ready"
    url_username: "{{ prometheus.url_username }}"
    url_password: "{{ prometheus.url_password }}"
    force_basic_auth: true
    ca_path: "{{ prometheus.ca_path or omit }}"
  vars:
    prometheus: "{{ lookup('redisops.monitoring.connection', 'prometheus') }}"
"""

RETURN = r"""
_raw:
  description: One dictionary for each role.
  type: list
  elements: dict
  contains:
    url:
      description: URL of the service, with the path that its pages have.
      type: str
    url_username:
      description: User that the service is asked as. Empty where it has no users.
      type: str
    url_password:
      description: Password of that user.
      type: str
    ca_path:
      description: CA file on the host for the service's certificate. Empty for the CAs that the host trusts.
      type: str
    tls_server_name:
      description: Name in the service's certificate, where it does not cover the address in the URL.
      type: str
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        return [self.connection(role, variables) for role in terms]

    def connection(self, role, variables):
        found, host = _ansible.context([role], variables, self._templar, self.get_option("host"))
        settings, faults = _core.read(role, found, all_needed=False)
        if faults:
            raise AnsibleLookupError("; ".join(_core.fault_lines(faults)))
        return _core.module_of(role).connection(settings, host)
