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
extends_documentation_fragment: redisops.monitoring.alertmanager
attributes:
  check_mode:
    support: full
    description: Asks for the silences and changes none.
  diff_mode:
    support: full
    description: Shows the silences before and after.
  idempotent:
    support: full
    description: Run twice, the second run changes nothing as long as the silence holds.
  platform:
    support: full
    platforms: posix
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

from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._alertmanager import (
    CONNECTION,
    Alertmanager,
    Problem,
    Silence,
    parse_duration,
    parse_matchers,
    parse_time,
)


def wanted(params):
    """The silence that was asked for."""
    matchers = parse_matchers(params["matchers"])
    now = datetime.now(timezone.utc)
    start = parse_time(params["starts_at"]) if params["starts_at"] else now
    end = parse_time(params["ends_at"]) if params["ends_at"] else start + parse_duration(params["duration"])
    if end <= max(now, start):
        raise Problem(f"the silence would end at {end:%Y-%m-%dT%H:%M:%SZ}, before it starts or before now")
    for key in ("comment", "created_by"):
        if not params[key].strip():
            raise Problem(f"{key} is empty: others have to know {'why' if key == 'comment' else 'whom to ask'}")
    state = "pending" if start > now else "active"
    return Silence("", state, matchers, start, end, params["created_by"], params["comment"])


def present(module, api, before):
    silence = wanted(module.params)
    same = [each for each in before if each.matchers == silence.matchers]
    for held in same:
        if held.covers(silence.starts_at) or held.starts_at == silence.starts_at:
            if not module.params["ends_at"] or held.ends_at == silence.ends_at:
                return False, [held]
            silence = silence._replace(id=held.id, state=held.state, starts_at=held.starts_at)
            break
    if not module.check_mode:
        silence = silence._replace(id=api.save(silence))
    return True, [silence]


def absent(module, api, before):
    if module.params["id"]:
        ended = [each for each in before if each.id == module.params["id"]]
    else:
        matchers = parse_matchers(module.params["matchers"])
        ended = [each for each in before if each.matchers == matchers]
    if not module.check_mode:
        for silence in ended:
            api.end(silence)
    return bool(ended), ended


def describe(silences):
    return "".join(
        f"{', '.join(each['matchers'])}: {each['state']} {each['starts_at']} to {each['ends_at']}, "
        f"{each['created_by']}: {each['comment']}\n"
        for each in (silence.result() for silence in silences)
    )


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
        api = Alertmanager(module.params)
        before = api.silences()
        is_present = module.params["state"] == "present"
        changed, silences = (present if is_present else absent)(module, api, before)
    except Problem as err:
        module.fail_json(msg=str(err))
    ids = {silence.id for silence in silences}
    touched = [silence for silence in before if silence.id in ids]
    module.exit_json(
        changed=changed,
        silences=[silence.result() for silence in silences],
        diff={"before": describe(touched), "after": describe(silences if is_present else [])},
    )


if __name__ == "__main__":
    main()
