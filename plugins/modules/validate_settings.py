#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_settings
short_description: Check the settings of the collection's roles before anything is changed
version_added: 1.1.0
description:
  - Reads the variables of roles as their argument specs say, and fails with everything that is wrong with them, all of
    it at once and one line for each problem. No line holds a secret.
  - With O(role) it checks one role for the current host. With O(parts) it checks the roles of whole playbooks for every
    host of the inventory, and connects to none of them.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring._attributes.action
options:
  role:
    description: Role to check for the current host. Its facts are used where they are known.
    type: str
  parts:
    description:
      - Playbooks whose roles are checked for all their hosts. Roles that C(--tags) or C(--skip-tags) leave out are not.
      - A problem that several hosts have is one line.
    type: list
    elements: str
    choices: [certificates, exporters, security_groups, monitoring]
  hosts:
    description:
      - With O(parts), patterns for hosts as a play takes them. One that matches no host of the inventory is a problem.
    type: list
    elements: str
    default: [redis, monitoring]
    version_added: 1.1.0
seealso:
  - module: redisops.monitoring.service_config
"""

EXAMPLES = r"""
- name: Check the settings of Prometheus
  redisops.monitoring.validate_settings:
    role: prometheus

- name: Check the settings of everything before the first host is touched
  redisops.monitoring.validate_settings:
    parts: [exporters, monitoring]
"""

RETURN = r"""
msg:
  description: Everything that is wrong. With O(parts) each problem is a line that begins with the names of the hosts.
  returned: failure
  type: str
  sample: |-
    redis-1, redis-2: redis_exporter_port is abc, not a whole number
    nothing was changed
unit:
  description: Systemd unit of the role's service.
  returned: success, with O(role), for a role with a service
  type: str
  sample: prometheus.service
release:
  description: The release that the settings ask for, as M(redisops.monitoring.release_binary) takes it.
  returned: success, with O(role), for a role with a release
  type: dict
  sample:
    name: prometheus
    root: /opt/prometheus
    version: 3.5.3
    binaries: [prometheus, promtool]
    url: https://github.com/prometheus/prometheus/releases/download/v3.5.3/prometheus-3.5.3.linux-amd64.tar.gz
    src: ""
    checksum: https://github.com/prometheus/prometheus/releases/download/v3.5.3/sha256sums.txt
"""
