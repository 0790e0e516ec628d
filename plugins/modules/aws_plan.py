#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: aws_plan
short_description: Decide what a role of this collection does in AWS
version_added: 1.0.0
description:
  - Reads the variables of one of the roles that work in AWS, judges them by what modules of C(amazon.aws) found, and
    returns what follows from both.
  - Everything that is wrong is told at once, and fails the task.
  - It calls no AWS, and is what these roles are made of.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring._attributes.action
options:
  role:
    description: The role, C(monitoring_instance), C(security_groups) or C(power).
    type: str
    required: true
  step:
    description:
      - What is asked for. V(lookup) is what to look for in AWS, V(plan) what the role is to make or change, V(outcome)
        what to know about the result, and V(teardown) what is to be deleted.
    type: str
    choices: [lookup, plan, outcome, teardown]
    default: plan
  found:
    description: What was found, mostly as the modules returned it.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Decide which rules are written
  redisops.monitoring.aws_plan:
    role: security_groups
    found:
      vpcs: "{{ vpc_info }}"
      checkip: "{{ checkip }}"
  register: rules
"""

RETURN = r"""
plan:
  description: What follows, by names that the role knows.
  type: dict
  returned: success
problems:
  description: What is wrong, each problem one line.
  type: list
  elements: str
  returned: failure
"""
