#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: alertmanager_silence_info
short_description: List what is silenced
version_added: 1.0.0
description:
  - Lists the silences of Alertmanager that hold now or will. Those that ended are left out.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring.alertmanager
attributes:
  platform:
    description: Any host with Python that reaches Alertmanager.
seealso:
  - module: redisops.monitoring.alertmanager_silence
"""

EXAMPLES = r"""
- name: What is silenced
  redisops.monitoring.alertmanager_silence_info:
    url: http://127.0.0.1:9093
  register: silenced
"""

RETURN = r"""
silences:
  description: The silences, the one that starts first comes first.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Its id.
      type: str
      sample: 3a3c2a4e-5d9f-4d5c-8a55-1f6d1b0c6a51
    state:
      description: V(active) or V(pending).
      type: str
      sample: active
    matchers:
      description: Which alerts.
      type: list
      elements: str
      sample: ['cluster="redis-prod"', 'node="redis-node-1a"']
    starts_at:
      description: When it starts, in UTC.
      type: str
      sample: "2027-01-30T20:00:00.000Z"
    ends_at:
      description: When it ends, in UTC.
      type: str
      sample: "2027-01-30T22:00:00.000Z"
    created_by:
      description: Who.
      type: str
      sample: anna
    comment:
      description: Why.
      type: str
      sample: replacing the volume
lines:
  description: The silences for people, one line each.
  type: list
  elements: str
  returned: success
  version_added: 1.0.0
  sample: ['active 2027-01-30T20:00Z to 2027-01-30T22:00Z  cluster="redis-prod"  anna: disk  3a3c2a4e']
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._alertmanager import CONNECTION, Alertmanager, ApiError


def main():
    module = AnsibleModule(argument_spec=CONNECTION, supports_check_mode=True)
    try:
        silences = Alertmanager(module.params).silences()
    except ApiError as err:
        module.fail_json(msg=str(err))
    module.exit_json(
        changed=False,
        silences=[silence.result() for silence in silences],
        lines=[silence.line() for silence in silences],
    )


if __name__ == "__main__":
    main()
