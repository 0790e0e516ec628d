#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_status
short_description: What a host lacks for the services that it is to run
version_added: 1.0.0
description:
  - Looks for what would stop a role on this host, all of it at once, and changes nothing. That is systemd, the clock,
    certificates, programs, Python libraries, and room on the disk.
  - Returns the facts that the roles use, so that they need not gather them.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
attributes:
  platform:
    platforms: linux
options:
  parts:
    description:
      - Playbooks whose roles run on this host, as M(redisops.monitoring.validate_settings) takes them. The other
        options are then filled in by the settings of these roles. Skipped where none of them runs on the host.
    type: list
    elements: str
    choices: [certificates, exporters, security_groups, monitoring, provision, yace]
  certificates:
    description: Certificates that the services use, with the keys that M(redisops.monitoring.checked_config) takes.
    type: list
    elements: dict
    default: []
  programs:
    description: Programs that have to be in the path, each with the problem where it is not.
    type: dict
    default: {}
  libraries:
    description: Libraries that Python has to have, each with the problem where it has not.
    type: dict
    default: {}
  space:
    description: What is to be installed. A file system has to have room for all that goes there.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What it is.
        type: str
        required: true
      path:
        description: Where it goes. The directory need not exist.
        type: path
        required: true
      mib:
        description: Room that it takes, in MiB.
        type: int
        required: true
      installed:
        description: Path that exists where it is installed, and takes no more room.
        type: path
        required: true
  time:
    description: Time of the controller in seconds since 1970. The clock of the host may be five minutes off.
    type: float
"""

EXAMPLES = r"""
- name: Find out what is missing for the exporters
  redisops.monitoring.host_status:
    parts: [exporters]
  register: status

- name: Stop where something is
  ansible.builtin.assert:
    that: status.problems | length == 0
    fail_msg: "{{ status.problems | join('; ') }}"
"""

RETURN = r"""
problems:
  description: What is missing or wrong, one line each.
  type: list
  elements: str
  returned: success
  sample: ["redis_exporter_tls_ca_file: /home/ubuntu/redis-certs/ca.crt does not exist on this host"]
ansible_facts:
  description: Architecture and addresses of the host, by the names that M(ansible.builtin.setup) gives them.
  type: dict
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _host_status

PARTS = ["certificates", "exporters", "security_groups", "monitoring", "provision", "yace"]


def main():
    text, path = dict(type="str", required=True), dict(type="path", required=True)
    module = AnsibleModule(
        argument_spec=dict(
            parts=dict(type="list", elements="str", choices=PARTS),
            certificates=dict(type="list", elements="dict", default=[]),
            programs=dict(type="dict", default={}),
            libraries=dict(type="dict", default={}),
            space=dict(
                type="list",
                elements="dict",
                default=[],
                options=dict(name=text, path=path, mib=dict(type="int", required=True), installed=path),
            ),
            time=dict(type="float"),
        ),
        supports_check_mode=True,
    )
    module.exit_json(changed=False, **_host_status.status(module))


if __name__ == "__main__":
    main()
