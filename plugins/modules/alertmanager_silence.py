#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: alertmanager_silence
short_description: Silence alerts for planned work, and end it
version_added: 1.0.0
description:
  - Makes sure that Alertmanager has a silence with the given matchers, or has none.
  - A silence is known by its matchers. One with the same matchers that holds already is left as it is, unless
    O(ends_at) names another end.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - redisops.monitoring.alertmanager
attributes:
  diff_mode:
    details: Shows the silences before and after.
  idempotent:
    details: As long as the silence holds.
  platform:
    description: Any host with Python that reaches Alertmanager.
options:
  matchers:
    description:
      - Which alerts, as in C(cluster=redis-prod) or C(node=~"redis-node-1.*"). An alert has to match all of them.
      - Operators are C(=), C(!=), C(=~) and C(!~). Matchers that every alert fulfils are refused.
    type: list
    elements: str
  id:
    description: With O(state=absent), the silence to end, instead of O(matchers).
    type: str
  duration:
    description: How long it holds from its start on, such as V(90m), V(2h) or V(1d12h).
    type: str
  ends_at:
    description:
      - When it ends, as in V(2027-01-30T22:00:00Z), instead of O(duration).
      - Of a silence that holds already the end is moved to this time.
    type: str
  starts_at:
    description: When it starts, as in V(2027-01-30T20:00:00Z). Without it, now.
    type: str
  comment:
    description: Why. Required with O(state=present).
    type: str
  created_by:
    description: Who. Required with O(state=present).
    type: str
  state:
    description:
      - V(present) makes sure of the silence.
      - V(absent) ends every silence with exactly these O(matchers), or the one with this O(id).
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: redisops.monitoring.alertmanager_silence_info
"""

EXAMPLES = r"""
- name: Two hours for a new volume
  redisops.monitoring.alertmanager_silence:
    url: http://127.0.0.1:9093
    matchers: [cluster=redis-prod, node=redis-node-1a]
    duration: 2h
    comment: replacing the volume
    created_by: anna

- name: Work is done
  redisops.monitoring.alertmanager_silence:
    url: http://127.0.0.1:9093
    matchers: [cluster=redis-prod, node=redis-node-1a]
    state: absent
"""

RETURN = r"""
silences:
  description: The silence that holds, or with O(state=absent) those that were ended.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Its id; empty for one that check mode would have created.
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
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._alertmanager import CONNECTION, ApiError, ensure


def main():
    module = AnsibleModule(
        argument_spec=dict(
            CONNECTION,
            matchers=dict(type="list", elements="str"),
            id=dict(type="str"),
            duration=dict(type="str"),
            ends_at=dict(type="str"),
            starts_at=dict(type="str"),
            comment=dict(type="str"),
            created_by=dict(type="str"),
            state=dict(type="str", default="present", choices=["present", "absent"]),
        ),
        required_if=[
            ("state", "present", ["matchers", "comment", "created_by"]),
            ("state", "present", ["duration", "ends_at"], True),
            ("state", "absent", ["matchers", "id"], True),
        ],
        mutually_exclusive=[("duration", "ends_at"), ("matchers", "id")],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**ensure(module.params, module.check_mode))
    except ApiError as err:
        module.fail_json(msg=str(err))


if __name__ == "__main__":
    main()
