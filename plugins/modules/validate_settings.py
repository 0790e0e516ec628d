#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: validate_settings
short_description: Check the settings of the collection's roles before anything is changed
version_added: 1.0.0
description:
  - Reads the variables of roles as their argument specs say, and fails with everything that is wrong with them, all of
    it at once and one line for each problem. No line holds a secret.
  - With O(role) it checks one role for the current host. With O(parts) it checks the roles of whole playbooks for every
    host of the inventory, what they need on the controller, and, where they change security groups, what AWS says to
    that. It connects to no host.
  - With O(examine) it does not fail yet where hosts answer, so that M(redisops.monitoring.host_status) can look at them
    and a second task, with O(status), has it all in one list.
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
    choices: [certificates, exporters, security_groups, monitoring, provision, yace, doctor, incident, verify, remove]
  hosts:
    description:
      - With O(parts), patterns for hosts as a play takes them. One that matches no host of the inventory is a problem.
    type: list
    elements: str
    default: [redis, monitoring]
  examine:
    description: With O(parts), whether the hosts are looked at next, see RV(examine).
    type: bool
    default: false
  status:
    description:
      - Name of the variable in which each host of the play has the result of M(redisops.monitoring.host_status).
      - AWS is not asked again. With C(--limit) the hosts are those of the limit.
    type: str
  problems:
    description: With O(status), RV(problems) of the run before.
    type: list
    elements: str
    default: []
  silent:
    description: With O(status), RV(silent) of the run before.
    type: list
    elements: str
    default: []
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
    controller: collection community.crypto is not installed, >=2.20.0 is needed: ansible-galaxy collection install ...
    redis-1, redis-2: redis_exporter_port is abc, not a whole number
    redis-2: redis_exporter_tls_ca_file: /home/ubuntu/redis-certs/ca.crt does not exist on this host
    nothing was changed
examine:
  description: Hosts to look at next, or V(!all) for none. Where something is wrong, those that answered at once.
  returned: success, with O(parts) and without O(status)
  type: raw
problems:
  description: What AWS says against the security groups.
  returned: success, with O(parts) and without O(status)
  type: list
  elements: str
rules_are_right:
  description: Whether AWS was asked and has the rules of the security groups as the settings want them.
  returned: with O(parts) and without O(status)
  type: bool
silent:
  description: Hosts that are left out because something is wrong and they did not answer.
  returned: success, with O(parts) and without O(status)
  type: list
  elements: str
cluster:
  description: One name for all hosts of the run. With several clusters, that of one of them or of the monitoring.
  returned: success, with O(role) for a role that asks for it
  type: str
  sample: redis-prod
  version_added: 1.0.0
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
