#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_exporter_check
short_description: Tell whether redis_exporter can work on a Redis node, or why it does not
version_added: 1.0.0
description:
  - With O(check=preflight) it looks for everything that would keep redis_exporter from working, before anything is
    changed. These are systemd, the settings and flags, certificates and keys, the address and port to listen on,
    and the connection to Redis with the very files and account that the exporter is to use.
  - With O(check=health) it waits until the running exporter reports that it reaches Redis and has the wanted version.
    When that does not come, it asks Redis itself for the cause, because the exporter reports the same error for all.
  - It changes nothing. An error is one line that names the cause and the fix.
  - The role P(redisops.monitoring.redis_exporter#role) runs it first and last.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring.redis_exporter
attributes:
  check_mode:
    details: With O(check=health) nothing is waited for, as nothing was started.
  platform:
    description: Linux with systemd 247 or newer.
options:
  check:
    description: What to look at.
    type: str
    choices: [preflight, health]
    required: true
  version:
    description: Version of redis_exporter.
    type: str
    required: true
  unit:
    description: The systemd unit of the exporter.
    type: str
    default: redis_exporter.service
  flags:
    description: Flags wanted by name, without the leading dashes.
    type: dict
    default: {}
  default_flags:
    description:
      - Flags that are set unless O(flags) says otherwise. Versions that lack one run without it.
      - Without it, those that keep data of persons and passwords out of the metrics, and a timeout of five seconds.
    type: dict
  known_flags:
    description:
      - Every known flag, with C(since), the version it came with, and C(type), which is V(bool), V(int), V(duration) or
        V(str).
      - Without it, the collection's own table of the versions from 1.45.0 to 1.89.0. When it is empty, O(flags) are
        taken as they are.
    type: dict
  known_flags_to:
    description: Newest version that O(known_flags) is complete for.
    type: str
    default: 1.89.0
  acl_managed:
    description:
      - Whether the user is created after the preflight. The account in O(acl_admin_user) is tried then instead.
    type: bool
    default: false
  acl_rules:
    description: Rules of the user, for the line that error messages show.
    type: list
    elements: str
    default: []
  web_tls_server_name:
    description: Name that scrapers verify the certificate with. Empty for the address it listens on.
    type: str
    default: ""
  web_client_ca_file:
    description: CA certificates whose client certificates may scrape. Empty for no client certificates.
    type: str
    default: ""
  allow_from:
    description: Networks that may connect. Empty for no filter.
    type: list
    elements: str
    default: []
  warn_days:
    description: Warn of certificates that expire within so many days.
    type: int
    default: 30
  timeout:
    description: Seconds to wait for an answer of Redis.
    type: int
    default: 5
  wait:
    description: Seconds to wait for O(check=health).
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Why does the exporter on this node not reach Redis?
  redisops.monitoring.redis_exporter_check:
    check: health
    version: 1.86.0
    redis_addr: rediss://127.0.0.1:6379
    redis_user: redis_exporter
    redis_password: "{{ vault_redis_exporter_password }}"
    tls_ca_file: /etc/redis_exporter/tls/ca.crt
    tls_cert_file: /etc/redis_exporter/tls/client.crt
    tls_key_file: /etc/redis_exporter/tls/client.key
    wait: 5
"""

RETURN = r"""
listen_address:
  description: The address to listen on.
  type: str
  returned: success
url:
  description: The URL of the metrics.
  type: str
  returned: success
architecture:
  description: Architecture of the host, as in the names of release archives.
  type: str
  returned: success
redis_addr:
  description: The address of Redis with its port.
  type: str
  returned: success
redis_host:
  description: Its host.
  type: str
  returned: success
redis_port:
  description: Its port.
  type: int
  returned: success
redis_tls:
  description: Whether it is asked over TLS.
  type: bool
  returned: success
flags:
  description: The flags for this version, all values as text.
  type: dict
  returned: success
healthy:
  description: Whether the exporter that runs already has this version and reaches Redis.
  type: bool
  returned: O(check=preflight)
version:
  description: The version that runs, as it reports it.
  type: str
  returned: O(check=health) outside of check mode
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import _tls
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import flags, health, preflight
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.exporter import Exporter
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.options import OPTIONS
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.settings import BadInput


def main():
    module = AnsibleModule(
        argument_spec={
            **OPTIONS,
            "check": {"type": "str", "choices": ["preflight", "health"], "required": True},
            "version": {"type": "str", "required": True},
            "unit": {"type": "str", "default": "redis_exporter.service"},
            "flags": {"type": "dict", "default": {}},
            "default_flags": {"type": "dict"},
            "known_flags": {"type": "dict"},
            "known_flags_to": {"type": "str", "default": flags.KNOWN_TO},
            "acl_managed": {"type": "bool", "default": False},
            "acl_rules": {"type": "list", "elements": "str", "default": []},
            "web_tls_server_name": {"type": "str", "default": ""},
            "web_client_ca_file": {"type": "str", "default": ""},
            "allow_from": {"type": "list", "elements": "str", "default": []},
            "warn_days": {"type": "int", "default": 30},
            "timeout": {"type": "int", "default": 5},
            "wait": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    check = preflight if module.params["check"] == "preflight" else health
    try:
        result = check.run(module, Exporter(module.params))
    except (BadInput, _tls.FileProblem) as err:
        module.fail_json(msg=str(err))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
