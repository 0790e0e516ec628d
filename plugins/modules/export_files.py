#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: export_files
short_description: Alert rules, dashboards and runbook pages as files
version_added: 1.0.0
description:
  - Writes what the roles prometheus and grafana would install, for people who run Prometheus and Grafana themselves.
  - Rules have the thresholds, durations and addresses of the variables C(prometheus_*) of the host.
  - It is what the playbook C(export) is made of.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - redisops.monitoring._attributes.action
attributes:
  diff_mode:
    support: none
options:
  path:
    description:
      - Directory on the controller. The files are in C(rules), C(dashboards) and C(runbooks) below it.
      - Other files there are left alone.
    type: path
    required: true
  rules:
    description:
      - For whom the rules are, since each takes them in its own form. The first lines of a file say how it is loaded.
      - With O(ignore:prometheus_mode=agent) an alert about the connection of a server to Alertmanager is left out.
    type: str
    choices:
      prometheus: A Prometheus server.
      mimir: The ruler of Mimir or Grafana Cloud, by C(mimirtool).
      amp: The ruler of Amazon Managed Prometheus.
      vmalert: vmalert of VictoriaMetrics. It has C(keep_firing_for) in its newer versions.
    default: prometheus
seealso:
  - module: redisops.monitoring.grafana_dashboard
"""

EXAMPLES = r"""
- name: Rules with a threshold of ours, and dashboards
  redisops.monitoring.export_files:
    path: files/redis
  vars:
    prometheus_alert_thresholds:
      memory_high_percent: 75
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
path:
  description: The directory.
  type: str
  returned: success
files:
  description: All files, by their names below O(path).
  type: list
  elements: str
  returned: success
  sample: [dashboards/redis-cluster.json, rules/certificates.yml]
written:
  description: Those that were not there or differed.
  type: list
  elements: str
  returned: success
"""
