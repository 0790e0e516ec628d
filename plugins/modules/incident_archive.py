#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_archive
short_description: One archive of the evidence of an incident
version_added: 1.0.0
description:
  - Takes what M(redisops.monitoring.incident_evidence) returned on every host, draws the ranges of metrics as pictures
    that need neither network nor scripts, and writes everything with an C(index.html) into one C(tar.gz) on the
    controller that only its owner can read.
author: redisops.monitoring contributors (@redisops)
attributes:
  action:
    support: full
    description: It runs on the controller.
  async:
    support: none
    description: It is quick.
  bypass_host_loop:
    support: none
    description: Use it in a play of one host.
  check_mode:
    support: full
    description: Writes nothing.
  diff_mode:
    support: none
    description: Changes nothing that was there.
  idempotent:
    support: none
    description: Every run writes a new archive.
  platform:
    support: full
    platforms: posix
    description: Controllers of Ansible.
options:
  directory:
    description: Directory on the controller for the archive. It is made where it is not there.
    type: str
    required: true
  cluster:
    description: Name of the cluster, for the name of the archive.
    type: str
    default: redis
  hosts:
    description: What was registered on every host, by its name.
    type: dict
    required: true
  files:
    description: Further files on the controller, such as those of a diagnosis.
    type: list
    elements: str
    default: []
  dashboard_url:
    description: Where the dashboards are, for a link.
    type: str
    default: ""
seealso:
  - module: redisops.monitoring.incident_evidence
"""

EXAMPLES = r"""
- name: Archive
  redisops.monitoring.incident_archive:
    directory: reports
    cluster: redis-prod
    hosts: {redis-node-1a: "{{ evidence }}"}
"""

RETURN = r"""
path:
  description: The archive.
  type: str
  returned: success
size:
  description: Its size in bytes.
  type: int
  returned: success
problems:
  description: What could not be had, one line each.
  type: list
  elements: str
  returned: success
"""
