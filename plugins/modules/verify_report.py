#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_report
short_description: Report of all tests of the monitoring
version_added: 1.1.0
description:
  - Takes what M(redisops.monitoring.stack_verify) returned on every host, prints a table and writes the same as JSON.
  - The counts and the failures are also in C(monitoring_verify) of the statistics of the run, which AWX shows.
  - It never fails because of a failed test; ask RV(report). A report that cannot be written is a warning.
  - See the filter P(redisops.monitoring.verify_report#filter) for the rows of the report.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring._attributes.action
attributes:
  check_mode:
    details: Writes nothing but the report in any mode.
  bypass_host_loop:
    details: Use C(run_once).
options:
  tests:
    description: The tests in their order.
    type: list
    elements: dict
    required: true
    suboptions:
      test:
        description: Its number.
        type: int
        required: true
      name:
        description: Its name.
        type: str
        required: true
      hosts:
        description: Hosts that the test ran on.
        type: list
        elements: str
        required: true
      variable:
        description: Name of the variable that each of these hosts has registered its result in.
        type: str
        required: true
      why:
        description: What the report says where the test was skipped.
        type: str
        default: ""
  cluster:
    description: Name of the cluster, for the report and the name of its file.
    type: str
    default: ""
  environment:
    description: Name of the environment, for the report.
    type: str
    default: ""
  report_dir:
    description: Directory on the controller for the report, C(verify-CLUSTER.json). Empty for none.
    type: str
    default: ""
seealso:
  - module: redisops.monitoring.stack_verify
"""

EXAMPLES = r"""
- name: Report
  redisops.monitoring.verify_report:
    tests:
      - {test: 1, name: exporter, hosts: "{{ groups['redis'] }}", variable: result, why: ""}
    report_dir: reports
  run_once: true
  register: verify

- name: No test has failed
  ansible.builtin.assert:
    that: verify.report.failed == 0
"""

RETURN = r"""
report:
  description: The report.
  type: dict
  returned: always
  contains:
    rows:
      description: One entry for everything that was tested.
      type: list
      elements: dict
    passed:
      description: How many passed.
      type: int
    failed:
      description: How many failed.
      type: int
    skipped:
      description: How many were skipped.
      type: int
    failures:
      description: The failed ones, one line each.
      type: list
      elements: str
summary:
  description: The counts in one line.
  type: str
  returned: always
  sample: 23 passed, 0 failed, 2 skipped
path:
  description: File of the report; empty where there is none.
  type: str
  returned: always
"""
