#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_report
short_description: Report of the tests of the role verify
version_added: 1.0.0
description:
  - Takes what the tests of the role verify have registered on every host, prints a table and writes the same as JSON.
  - The report is also in C(monitoring_verify) of the statistics of the run, the artifacts of a job of AWX.
  - It never fails because of a failed test; ask RV(report). A report that cannot be written is a warning.
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
    report_dir: reports
  run_once: true
  register: verify

- name: No test has failed
  ansible.builtin.assert:
    that: verify.report.failed == 0
"""

RETURN = r"""
report:
  description: As the filter P(redisops.monitoring.verify_report#filter) returns it, without C(table).
  type: dict
  returned: always
summary:
  description: The counts in one line.
  type: str
  returned: always
  sample: 23 passed, 0 failed, 2 skipped
cluster:
  description:
    - The Redis cluster that the report is about.
    - Of several, the one that the limit leaves, or what the first monitoring host has as C(monitoring_cluster).
  type: str
  returned: always
path:
  description: File of the report; empty where there is none.
  type: str
  returned: always
"""
