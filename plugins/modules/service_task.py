#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_task
short_description: Run a module with arguments that the settings of a role give
version_added: 1.0.0
description:
  - Reads the variables of a role, makes the arguments of other modules of this collection of them, and runs these
    modules on the host.
  - It is what the roles C(redis_exporter), C(grafana), C(certificates), C(security_groups) and C(remove) are made of.
    Secrets then are in no loop and in no result. Check the settings with M(redisops.monitoring.validate_settings)
    first.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - redisops.monitoring._attributes.action
attributes:
  action:
    details: The modules run on the host.
  check_mode:
    details: As far as the modules that it runs do.
options:
  role:
    description:
      - Role whose settings are used, V(redis_exporter), V(grafana), V(certificates), V(security_groups) or V(remove).
    type: str
    required: true
  task:
    description:
      - What to do. Of V(redis_exporter), V(check) runs M(redisops.monitoring.redis_exporter_check) and V(account) runs
        M(redisops.monitoring.redis_acl_user).
      - Of V(grafana), V(package) runs M(redisops.monitoring.apt_release), V(access) runs
        M(redisops.monitoring.grafana_access), V(datasources) runs M(redisops.monitoring.grafana_datasource) for each
        data source, and V(dashboards) runs M(redisops.monitoring.grafana_dashboard) for each dashboard.
      - Of V(certificates), V(status) and V(plan) run M(redisops.monitoring.certificate_status), the latter for the CAs
        that follow from what all hosts said. V(secrets) writes the secrets of all services by
        M(redisops.monitoring.checked_config) and restarts none. V(datasources) is that of V(grafana).
      - Of V(security_groups), V(exporters), V(open_exporters) and V(admins) run
        M(redisops.monitoring.ec2_security_group_rules).
      - Of V(remove), V(monitoring), V(exporters) and V(certificates) run M(redisops.monitoring.service_remove) for each
        service, and V(account) runs M(redisops.monitoring.redis_acl_user).
    type: str
    required: true
  arguments:
    description: Further arguments of the module, which the settings do not give.
    type: dict
    default: {}
seealso:
  - module: redisops.monitoring.service_config
  - module: redisops.monitoring.validate_settings
"""

EXAMPLES = r"""
- name: Store the dashboards
  redisops.monitoring.service_task:
    role: grafana
    task: dashboards
"""

RETURN = r"""
results:
  description: What each module returned, where it runs for several things. Else its values are returned as they are.
  type: list
  elements: dict
  returned: where several modules ran
"""
