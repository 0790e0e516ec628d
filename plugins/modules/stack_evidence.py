#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_evidence
short_description: Collect evidence from a host of the monitoring stack
version_added: 1.0.0
description:
  - Reads units, processes, sockets, certificates, the exporter's account in Redis, answers of the services, disks,
    memory and the clock. It judges nothing and changes nothing; M(redisops.monitoring.stack_diagnosis) draws the
    conclusions.
  - All probes run side by side and none takes longer than O(timeout), so that a host with half of the stack missing or
    hanging costs no more time than that. A probe that breaks has its problem in its place.
  - What runs comes before the settings. The exporter is asked by the flags of its process and the files that systemd
    handed to it; the options are what the inventory says.
  - No secret is in the result. Passwords are compared on the host.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring._attributes.action
  - redisops.monitoring.redis_exporter.suboptions
attributes:
  action:
    details: On the controller it reads the settings of the roles; the probes run on the host.
  platform:
    details: Linux with systemd, Python 3.8 or newer. Without root it finds less.
options:
  prometheus:
    description: How to ask Prometheus. Leave this and the other services out on a host that is no monitoring host.
    type: dict
    suboptions: &service
      url:
        description: Base URL.
        type: str
        required: true
      url_username:
        description: User name.
        type: str
        default: ""
      url_password:
        description: Password.
        type: str
        default: ""
      token:
        description: Token instead of user name and password.
        type: str
        default: ""
      token_path:
        description: File on the host that holds the token. A file that is not there is no token.
        type: str
        default: ""
      ca_path:
        description: CA that signed its certificate.
        type: str
        default: ""
      client_cert:
        description: Client certificate.
        type: str
        default: ""
      client_key:
        description: Its key.
        type: str
        default: ""
      server_name:
        description: Name that its certificate carries. Empty for the host of the URL.
        type: str
        default: ""
      validate_certs:
        description: Whether its certificate is verified.
        type: bool
        default: true
      name:
        description: Name of the host in the inventory.
        type: str
        default: ""
      datasource_uid:
        description: Grafana only. The datasource that dashboards use.
        type: str
        default: ""
      dashboard_uids:
        description: Grafana only. Dashboards that have to be there.
        type: list
        elements: str
        default: []
  alertmanager:
    description: How to ask Alertmanager.
    type: dict
    suboptions: *service
  blackbox_exporter:
    description: How to ask the prober.
    type: dict
    suboptions: *service
  grafana:
    description: How to ask Grafana.
    type: dict
    suboptions: *service
  exporters:
    description: Exporters that this host has to reach, each with its O(exporters[].name).
    type: list
    elements: dict
    default: []
    suboptions: *service
  directories:
    description: Further directories whose file systems are looked at, such as those of data.
    type: list
    elements: str
    default: []
  peers:
    description: Addresses that this host's answers have to reach.
    type: list
    elements: str
    default: []
  written:
    description: Paths of configuration files, each with the SHA-256 of what its role writes.
    type: dict
    default: {}
    version_added: 1.0.0
  timeout:
    description: Seconds after which a probe is given up.
    type: int
    default: 20
  from_settings:
    description:
      - Take the options that are not given from the settings of the roles on the host, by its groups C(redis) and
        C(monitoring), and return RV(settings) and RV(faults) for M(redisops.monitoring.stack_diagnosis).
      - The roles need not run in the play, their defaults are known.
    type: bool
    default: false
    version_added: 1.0.0
seealso:
  - module: redisops.monitoring.stack_diagnosis
"""

EXAMPLES = r"""
- name: Evidence of a host, by the settings of the roles
  redisops.monitoring.stack_evidence:
    from_settings: true
  register: evidence

- name: Evidence of a Redis node
  redisops.monitoring.stack_evidence:
    redis_exporter:
      redis_addr: rediss://127.0.0.1:6379
      redis_user: redis_exporter
      redis_password: "{{ redis_exporter_redis_password }}"
      tls_ca_file: /etc/redis_exporter/tls/ca.crt
      tls_cert_file: /etc/redis_exporter/tls/client.crt
      tls_key_file: /etc/redis_exporter/tls/client.key
  register: evidence
"""

RETURN = r"""
settings:
  description: What the inventory says of the host, without secrets. A host that cannot be reached has it as well.
  type: dict
  returned: with O(from_settings)
faults:
  description: Settings that cannot be used, one line each. Their defaults were taken instead.
  type: list
  elements: str
  returned: with O(from_settings)
evidence:
  description: Results by probe. A probe without result has RV(ignore:problem) in its place.
  type: dict
  returned: success
  contains:
    host:
      description: Name, time, memory.
      type: dict
      returned: always
    units:
      description: State of every unit of the stack, by name.
      type: dict
      returned: always
    listening:
      description: TCP sockets that listen, with their programs.
      type: list
      elements: dict
      returned: always
    disks:
      description: File systems that hold data of the stack.
      type: list
      elements: dict
      returned: always
    redis:
      description: What Redis said to the exporter's account, its settings and certificates.
      type: dict
      returned: with O(redis_exporter)
    prometheus:
      description: Its readiness, targets and configuration.
      type: dict
      returned: with O(prometheus)
    edited:
      description:
        - Configuration files that are not what their roles write, by path. With O(from_settings) each has the lines
          that differ, and of Prometheus' configuration the jobs.
      type: dict
      returned: with O(written)
    seconds:
      description: How long it took.
      type: float
      returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import collect


def main():
    module = AnsibleModule(argument_spec=collect.ARGUMENTS, supports_check_mode=True)
    module.exit_json(changed=False, evidence=collect.collect(module.params))


if __name__ == "__main__":
    main()
