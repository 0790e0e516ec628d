#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_acl_user
short_description: Manage one ACL user of one Redis node
version_added: 1.0.0
description:
  - Creates, corrects or removes one ACL user of the Redis node it connects to, and saves the ACL so that a restart of
    Redis keeps it. The nodes of a cluster do not share their users, so run it against every node.
  - The password reaches Redis as its SHA-256 only. The user gets exactly the O(rules) and this one password; any other
    right or password it had is taken away, unless O(keep_passwords) says otherwise.
  - Needs nothing but Python on the host it runs on.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - redisops.monitoring.redis
attributes:
  diff_mode:
    details: Passwords and their hashes never show.
  idempotent:
    details: Rules with categories are compared after writing them, because Redis keeps them in an order of its own.
  platform:
    description: Any host with Python that reaches Redis.
options:
  name:
    description: Name of the user.
    type: str
    required: true
  password:
    description: Password of the user. Required with O(state=present).
    type: str
  rules:
    description:
      - What the user may do, one ACL rule an element, as in C(ACL SETUSER).
      - The default is what redis_exporter needs and no more. It reaches no key.
    type: list
    elements: str
    default:
      - resetkeys
      - resetchannels
      - -@all
      - +ping
      - +info
      - +client|setname
      - +config|get
      - +cluster|info
      - +slowlog|len
      - +slowlog|get
      - +latency|latest
      - +latency|histogram
  keep_passwords:
    description:
      - Leave the passwords that the user has, beside O(password). With it a password is changed while others still use
        the old one. A later run without it takes the old one away.
    type: bool
    default: false
  persist:
    description:
      - Save the change, by C(ACL SAVE) where Redis has an ACL file and by C(CONFIG REWRITE) where it has none.
      - Where Redis can do neither, the module warns and says so in RV(persisted).
    type: bool
    default: true
  state:
    description: Whether the user shall exist.
    type: str
    choices: [present, absent]
    default: present
  login_user:
    description: User that may manage ACL users.
    type: str
    required: true
seealso:
  - module: community.general.redis
"""

EXAMPLES = r"""
- name: Account of the exporter, with the least rights it can work with
  redisops.monitoring.redis_acl_user:
    name: redis_exporter
    password: "{{ vault_redis_exporter_password }}"
    login_user: admin_user
    login_password: "{{ vault_redis_admin_password }}"
    ca_certs: /etc/redis_exporter/tls/ca.crt
    client_cert_file: /etc/redis_exporter/tls/client.crt
    client_key_file: /etc/redis_exporter/tls/client.key

- name: An account that may also read one family of keys
  redisops.monitoring.redis_acl_user:
    name: report
    password: "{{ vault_report_password }}"
    rules: ["~report:*", resetchannels, "-@all", +get, +mget, +scan]
    login_user: admin_user
    login_password: "{{ vault_redis_admin_password }}"
    ca_certs: /etc/ssl/redis-ca.crt
"""

RETURN = r"""
name:
  description: Name of the user.
  type: str
  returned: always
acl_line:
  description: The command that does the same by hand, with a placeholder for the password's hash.
  type: str
  returned: O(state=present)
persisted:
  description:
    - Where the user is saved. V(aclfile), V(config), V(no) where a restart of Redis loses the change, or V(unknown)
      where nothing was changed and the file cannot be read from here.
  type: str
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import _redis, _redis_acl, _redis_advice, _tls


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "rules": {"type": "list", "elements": "str", "default": _redis_acl.EXPORTER_RULES},
            "keep_passwords": {"type": "bool", "default": False, "no_log": False},
            "persist": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **_redis.LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    params = module.params
    result = {"name": params["name"]}
    if params["state"] == "present":
        result["acl_line"] = _redis.acl_line(params["name"], params["rules"])
    problem = _redis_acl.problem_in(params)
    if problem:
        module.fail_json(msg=problem, name=params["name"])
    target = _redis.login_target(params)
    try:
        if target.tls:
            _redis.check_files(target)
        with _redis.Client(target) as client:
            result.update(_redis_acl.run(module, client))
    except _redis.RedisProblem as err:
        module.fail_json(msg=_redis_advice.explain(err), **result)
    except _tls.FileProblem as err:
        module.fail_json(msg=str(err), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
