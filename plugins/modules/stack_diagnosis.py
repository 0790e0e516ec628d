#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_diagnosis
short_description: Say what is wrong between Redis and the person who looks, and how to mend it
version_added: 1.0.0
description:
  - Takes what M(redisops.monitoring.stack_evidence) saw on every host and names causes, worst first, each with its
    evidence, the exact command or variable that mends it, and what else it explains.
  - Prints a table, and writes the same as JSON and as one HTML page that needs no network.
  - It never fails because of what it finds; ask RV(healthy).
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
    description: Use C(run_once).
  check_mode:
    support: full
    description: Changes nothing but the report in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
  idempotent:
    support: full
    description: The same evidence gives the same findings.
  platform:
    support: full
    platforms: posix
    description: Controllers of Ansible.
options:
  stack:
    description:
      - The hosts with their groups, address, what the inventory wants of them, and their evidence; the rules of the
        security groups; and the inventory that was used.
      - The role doctor puts it together; C(docs/doctor.md) describes it.
    type: dict
    required: true
  report_dir:
    description: Directory on the controller for the report. Empty for none.
    type: str
    default: ""
seealso:
  - module: redisops.monitoring.stack_evidence
"""

EXAMPLES = r"""
- name: What is wrong
  redisops.monitoring.stack_diagnosis:
    stack:
      groups: {redis: [redis-node-1a], monitoring: [prometheus-grafana]}
      hosts:
        redis-node-1a:
          groups: [redis]
          address: 10.0.1.102
          evidence: "{{ hostvars['redis-node-1a'].evidence.evidence }}"
    report_dir: reports
  run_once: true
"""

RETURN = r"""
findings:
  description: What is wrong, worst first and causes before consequences.
  type: list
  elements: dict
  returned: always
  contains:
    id:
      description: Name of the finding.
      type: str
      sample: exporter_scheme
    severity:
      description: V(error), V(warning) or V(info).
      type: str
      sample: error
    hop:
      description: Where it breaks.
      type: str
      sample: exporter
    host:
      description: On which host.
      type: str
      sample: redis-node-1a
    hosts:
      description: All hosts that it is about, that one first.
      type: list
      elements: str
      sample: [redis-node-1a]
    cause:
      description: What is wrong, in one line.
      type: str
      sample: "the exporter asks Redis without TLS: redis:// instead of rediss://"
    evidence:
      description: What was seen.
      type: list
      elements: str
      sample: ["the running exporter uses --redis.addr=redis://127.0.0.1:6379"]
    cure:
      description: Steps in order. A command C(run) with the host C(on) which it runs, or what a person has to C(do).
      type: list
      elements: dict
      sample:
        - {"on": "controller", "run": "ansible-playbook redisops.monitoring.exporters --limit redis-node-1a"}
    consequences:
      description: What else was seen that this explains.
      type: list
      elements: str
      sample: ["redis_up is 0 on redis-node-1a"]
healthy:
  description: Whether there is no finding of severity V(error).
  type: bool
  returned: always
files:
  description: Where the report lies.
  type: dict
  returned: with O(report_dir)
  sample: {"html": "/home/me/reports/doctor-20261124T031500Z.html"}
"""
