#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: show_credentials
short_description: Show people where to log in
version_added: 1.0.0
description:
  - Prints addresses, users and passwords of Grafana, Prometheus and Alertmanager, by the settings of their roles.
  - They are shown on the screen of the one who runs it and are not part of the result.
  - It is what the playbook C(credentials) is made of.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring._attributes.action
options: {}
"""

EXAMPLES = r"""
- name: Show where to log in
  redisops.monitoring.show_credentials:
"""

RETURN = r"""
shown:
  description: Number of logins that were shown.
  type: int
  returned: success
"""
