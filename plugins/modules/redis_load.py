#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_load
short_description: A bounded burst of SET and GET on one Redis node
version_added: 1.0.0
description:
  - Sets and reads keys of its own on the Redis node it connects to, deletes them again, and tells what Redis' own
    counter of commands said before and after, so that somebody else can look for the rise in the metrics.
  - On a node of a cluster it uses keys of the slots that the node serves, spread over them by hash tags, and needs
    neither redirections nor the other nodes. A node without slots, and a replica, are left alone.
  - The burst ends after O(commands) commands or O(seconds) seconds, whichever comes first. The keys are deleted also
    when something goes wrong, and would vanish on their own after two minutes.
  - Needs nothing but Python on the host it runs on.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - redisops.monitoring.redis
attributes:
  check_mode:
    details: Connects and looks at the node, and sets no key.
  diff_mode:
    support: none
    details: Leaves nothing that could differ.
  idempotent:
    details: Leaves nothing behind, and so never reports a change.
  platform:
    description: Any host with Python that reaches Redis.
options:
  prefix:
    description: What the names of the keys begin with. They go on with a hash tag and something that no other run has.
    type: str
    default: "redisops:verify:"
  commands:
    description: How many commands to send, half of them C(SET), half C(GET). From 2 to 100000.
    type: int
    default: 1000
  seconds:
    description: How long the burst may take. From 1 to 60.
    type: int
    default: 5
  login_user:
    description:
      - User to log in as. The right of C(+info +set +get +del +cluster|nodes) on the keys of O(prefix) is all it needs.
    type: str
    required: true
seealso:
  - module: redisops.monitoring.redis_acl_user
  - module: redisops.monitoring.stack_verify
"""

EXAMPLES = r"""
- name: Account of the load test
  redisops.monitoring.redis_acl_user:
    name: redisops_verify
    password: "{{ vault_verify_password }}"
    rules: [resetkeys, "~redisops:verify:*", resetchannels, "-@all", +info, +set, +get, +del, +cluster|nodes]
    login_user: admin_user
    login_password: "{{ vault_redis_admin_password }}"
    ca_certs: /etc/ssl/redis-ca.crt

- name: A thousand commands
  redisops.monitoring.redis_load:
    login_user: redisops_verify
    login_password: "{{ vault_verify_password }}"
    ca_certs: /etc/ssl/redis-ca.crt
"""

RETURN = r"""
load:
  description: What happened.
  type: dict
  returned: always
  contains:
    state:
      description: V(sent), V(skipped) where the node takes no keys, or V(failed).
      type: str
    found:
      description: Why it was skipped, or what went wrong.
      type: str
    sent:
      description: Commands that Redis answered, deletions included.
      type: int
    before:
      description: RV(ignore:total_commands_processed) of Redis before the burst.
      type: int
    after:
      description: The same after the burst.
      type: int
    slots:
      description:
        - How many slots of the cluster the keys lie in. 0 where Redis is no cluster.
        - C(load['keys']) is the number of keys.
      type: int
    removed:
      description: How many keys were deleted.
      type: int
    duration:
      description: Seconds that the burst took.
      type: float
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import _redis, _redis_load, _tls


def main():
    module = AnsibleModule(
        argument_spec={
            "prefix": {"type": "str", "default": "redisops:verify:", "no_log": False},
            "commands": {"type": "int", "default": 1000},
            "seconds": {"type": "int", "default": 5},
            **_redis.LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    params = module.params
    for name, lowest, highest in (("commands", 2, 100000), ("seconds", 1, 60)):
        if not lowest <= params[name] <= highest:
            module.fail_json(msg="%s is %d: give %d to %d" % (name, params[name], lowest, highest))
    if not params["prefix"] or "{" in params["prefix"]:
        module.fail_json(msg="prefix is empty or holds a brace, which would be taken for the hash tag: choose another")
    target = _redis.login_target(params)
    burst = _redis_load.Burst(target, params["prefix"], params["commands"], params["seconds"], time)
    try:
        if target.tls:
            _redis.check_files(target)
        burst.run(send=not module.check_mode)
    except (_redis.RedisProblem, _tls.FileProblem, _redis_load.LoadProblem) as err:
        module.fail_json(msg=burst.explain(err), load=burst.result("failed", burst.explain(err)))
    module.exit_json(changed=False, load=burst.result())


if __name__ == "__main__":
    main()
