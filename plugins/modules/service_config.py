#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_config
short_description: Write the configuration of one of the collection's services, and start it
version_added: 1.0.0
description:
  - Reads the variables of a role, renders the files of its service on the controller, and puts them in place with
    M(redisops.monitoring.checked_config). That module checks them, starts or reloads the service and proves that it
    took them.
  - It is what the service roles are made of. Check the settings with M(redisops.monitoring.validate_settings) first.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - redisops.monitoring._attributes.action
attributes:
  action:
    details: What it renders is put in place by a module on the host.
  diff_mode:
    details: Of secret files it shows only that they differ.
options:
  role:
    description: Role whose service it is, such as V(prometheus).
    type: str
    required: true
seealso:
  - module: redisops.monitoring.checked_config
  - module: redisops.monitoring.validate_settings
"""

EXAMPLES = r"""
- name: Write the configuration of Prometheus and start it
  redisops.monitoring.service_config:
    role: prometheus
"""

RETURN = r"""
written:
  description: Files written, secret ones included.
  type: list
  elements: str
  returned: success
removed:
  description: Files removed.
  type: list
  elements: str
  returned: success
reloaded:
  description: Whether the service was reloaded and proved it.
  type: bool
  returned: success
restarted:
  description: Whether the service was started or restarted and proved it.
  type: bool
  returned: always
restart_required:
  description: Whether the service still has to be started or restarted.
  type: bool
  returned: success
url:
  description: Scheme, address and port of the service.
  type: str
  returned: success
stale_inputs:
  description: Paths the process was started from that changed since. They are the reason for a restart.
  type: list
  elements: str
  returned: success
"""
