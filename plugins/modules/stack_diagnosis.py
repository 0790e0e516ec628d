#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_diagnosis
short_description: Find what is wrong between Redis and the person who looks, and how to fix it
version_added: 1.0.0
description:
  - Takes the evidence of M(redisops.monitoring.stack_evidence) of every host and names causes, worst first, each with
    its evidence, the exact command or variable that fixes it, and what else it explains.
  - Prints a table, and writes the same as JSON and as one HTML page that needs no network.
  - The findings are also in C(monitoring_doctor) of the statistics of the run, the artifacts of a job of AWX.
  - What it finds never fails the task; see RV(healthy).
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring._attributes.action
attributes:
  bypass_host_loop:
    details: Use C(run_once).
  check_mode:
    details: Changes nothing but the report in any mode.
  platform:
    details: Controllers of Ansible.
options:
  evidence:
    description:
      - Name of the variable in which every host of the groups C(redis) and C(monitoring) registered what
        M(redisops.monitoring.stack_evidence) returned with O(redisops.monitoring.stack_evidence#module:from_settings).
      - Hosts, groups and inventory of O(stack) are made of it.
    type: str
    default: ""
    version_added: 1.0.0
  security_groups:
    description: What M(amazon.aws.ec2_security_group_info) returned of the security groups of the hosts.
    type: dict
    default: {}
    version_added: 1.0.0
  stack:
    description:
      - The stack, or what O(evidence) does not know of it.
      - RV(ignore:hosts) has by name C(groups), a list with C(redis) or C(monitoring), C(address), C(evidence), and
        what RV(redisops.monitoring.stack_evidence#module:settings) has.
      - RV(ignore:groups) has the hosts of the groups C(redis) and C(monitoring), RV(ignore:expected) the services that
        have to be on every monitoring host, RV(ignore:admin_cidrs) the networks of administrators,
        RV(ignore:cluster) the name of the cluster, and RV(ignore:inventory) the inventories of the run, for commands.
    type: dict
    default: {}
  report_dir:
    description: Directory on the controller for the report. Empty for none.
    type: str
    default: ""
seealso:
  - module: redisops.monitoring.stack_evidence
"""

EXAMPLES = r"""
- name: Collect the evidence
  redisops.monitoring.stack_evidence:
    from_settings: true
  register: evidence

- name: Diagnose
  redisops.monitoring.stack_diagnosis:
    evidence: evidence
    report_dir: reports
  run_once: true
"""

RETURN = r"""
findings:
  description: What is wrong, worst first, and in the order from Redis to the dashboard.
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
    cluster:
      description: The Redis clusters of these hosts, where the inventory has several.
      type: str
      sample: orders
    cause:
      description: What is wrong, in one line.
      type: str
      sample: "the exporter asks Redis without TLS: redis:// instead of rediss://"
    evidence:
      description: What shows it.
      type: list
      elements: str
      sample: ["the running exporter uses --redis.addr=redis://127.0.0.1:6379"]
    cure:
      description:
        - Steps of the fix in order. Each is a command to C(run) with the host C(on) which it runs, or what a person has
          to C(do).
      type: list
      elements: dict
      sample:
        - {"on": "controller", "run": "ansible-playbook redisops.monitoring.exporters --limit redis-node-1a"}
    consequences:
      description: What it explains further down.
      type: list
      elements: str
      sample: ["redis_up is 0 on redis-node-1a"]
cluster:
  description:
    - The Redis cluster that the diagnosis is about.
    - Of several, the one that the limit leaves, or what the first monitoring host has as C(monitoring_cluster).
  type: str
  returned: always
  sample: redis-prod
healthy:
  description: Whether there is no finding of severity V(error).
  type: bool
  returned: always
files:
  description: Paths of the report.
  type: dict
  returned: with O(report_dir)
  sample: {"html": "/home/me/reports/doctor-20261124T031500Z.html"}
"""
