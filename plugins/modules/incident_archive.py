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
  - Takes what M(redisops.monitoring.incident_evidence) returned on every host, draws the ranges of metrics as charts
    that need neither network nor scripts, and writes everything with an C(index.html) into one C(tar.gz) on the
    controller that only its owner can read.
  - Its name, size and problems are also in C(monitoring_incident) of the statistics of the run, the artifacts of a job
    of AWX.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring._attributes.action
attributes:
  bypass_host_loop:
    details: Use it in a play of one host.
  check_mode:
    details: Writes nothing.
  idempotent:
    support: none
    details: Every run writes a new archive.
  platform:
    details: Controllers of Ansible.
options:
  directory:
    description: Directory on the controller for the archive. It is made where it is not there.
    type: str
    required: true
  cluster:
    description: Name of the cluster, for the name of the archive.
    type: str
    default: redis
  evidence:
    description:
      - Name of the variable in which every host of the groups C(redis) and C(monitoring) registered what
        M(redisops.monitoring.incident_evidence) returned. Either this or O(hosts) is required.
    type: str
    default: ""
    version_added: 1.0.0
  hosts:
    description: What was registered on every host, by its name.
    type: dict
    default: {}
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
- name: Write the archive
  redisops.monitoring.incident_archive:
    directory: reports
    cluster: redis-prod
    evidence: evidence
  run_once: true
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
cluster:
  description:
    - The Redis cluster that the archive is about.
    - Of several, the one that the limit leaves, or what the first monitoring host has as C(monitoring_cluster).
  type: str
  returned: success
problems:
  description: What could not be collected, one line each.
  type: list
  elements: str
  returned: success
"""
