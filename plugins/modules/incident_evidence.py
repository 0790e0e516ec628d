#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: incident_evidence
short_description: Evidence of an incident from one host
version_added: 1.0.0
description:
  - Returns files of evidence for a post-mortem. These are extracts of the journal, the state of the services and of the
    host, what Redis reports of itself, ranges of metrics, and alerts.
  - Every file has at most 256 KiB, the newest of it. Known secrets, the contents of the files that systemd hands over
    to the services, and whatever looks like a secret are masked.
  - Of slow commands it returns the name and the duration. Their arguments, names of keys and values never leave Redis.
  - M(redisops.monitoring.incident_archive) makes one archive of it.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring._attributes.action
attributes:
  action:
    details: On the controller it reads the settings of the roles; the evidence comes from the host.
  platform:
    details: Any host with Python and systemd.
options:
  since:
    description: Begin of the incident, as a time such as V(2027-01-30T22:00:00Z), or as a duration before O(until).
    type: str
    default: 1h
  until:
    description: End of the incident. Empty for now.
    type: str
    default: ""
  units:
    description: Units of systemd whose journals are wanted; V(kernel) is the kernel's.
    type: list
    elements: str
    default: []
  logs:
    description: Further log files on the host.
    type: list
    elements: path
    default: []
  secrets:
    description: Secrets that must not be in any file.
    type: list
    elements: str
    default: []
  redis:
    description: How to ask Redis. Leave it out on a host without Redis.
    type: dict
    suboptions:
      login_host:
        description: Address.
        type: str
        required: true
      login_port:
        description: Port.
        type: int
        default: 6379
      login_user:
        description: User. It needs C(+info), C(+cluster|info), C(+cluster|nodes), C(+slowlog|get), C(+latency|latest).
        type: str
        default: ""
      login_password:
        description: Password of the user.
        type: str
        default: ""
      tls:
        description: Connect with TLS.
        type: bool
        default: true
      validate_certs:
        description: Verify the certificate of Redis.
        type: bool
        default: true
      ca_certs:
        description: CA certificates to verify Redis with.
        type: str
        default: ""
      client_cert_file:
        description: Client certificate.
        type: str
        default: ""
      client_key_file:
        description: Key of the client certificate.
        type: str
        default: ""
      server_name:
        description: Name that the certificate of Redis has to carry.
        type: str
        default: ""
  prometheus:
    description: How to ask Prometheus. Leave it out on a host without it.
    type: dict
    suboptions:
      agent:
        description: Whether it runs as an agent, without queries and rules. Metrics come from O(prometheus.store) then.
        type: bool
        default: false
      store:
        description: What answers for an agent. Without O(prometheus.store.url) there are no metrics.
        type: dict
        suboptions:
          url:
            description: Base URL of what answers PromQL.
            type: str
          url_username:
            description: User for HTTP basic authentication.
            type: str
          url_password:
            description: Password of O(prometheus.store.url_username).
            type: str
          ca_path:
            description: CA certificates to verify it with.
            type: path
          headers:
            description: Headers of every request, such as the name of a tenant.
            type: dict
            default: {}
          parameters:
            description: Further parameters of every query.
            type: dict
            default: {}
      url:
        description: Base URL.
        type: str
        required: true
      url_username:
        description: User for HTTP basic authentication.
        type: str
        default: ""
      url_password:
        description: Password of the user.
        type: str
        default: ""
      ca_path:
        description: CA certificates to verify it with.
        type: str
        default: ""
      tls_server_name:
        description: Name in its certificate.
        type: str
        default: ""
      timeout:
        description: Seconds to wait for each answer.
        type: int
        default: 20
  queries:
    description: Queries by name whose ranges are wanted from Prometheus.
    type: dict
    default: {}
  alertmanager:
    description: How to ask Alertmanager. Leave it out on a host without it.
    type: dict
    suboptions:
      url:
        description: Base URL.
        type: str
        required: true
      url_username:
        description: User for HTTP basic authentication.
        type: str
        default: ""
      url_password:
        description: Password of the user.
        type: str
        default: ""
      ca_path:
        description: CA certificates to verify it with.
        type: str
        default: ""
      tls_server_name:
        description: Name in its certificate.
        type: str
        default: ""
      timeout:
        description: Seconds to wait for each answer.
        type: int
        default: 20
  clusters:
    description: Redis clusters whose metrics, targets and alerts are wanted, beside those of no cluster. Empty for all.
    type: list
    elements: str
    default: []
  from_settings:
    description:
      - Take O(units), O(secrets), O(redis), O(prometheus) and O(alertmanager) from the settings of the roles on the
        host, by its groups C(redis) and C(monitoring), where they are not given.
    type: bool
    default: false
    version_added: 1.0.0
seealso:
  - module: redisops.monitoring.incident_archive
"""

EXAMPLES = r"""
- name: Evidence of a Redis node
  redisops.monitoring.incident_evidence:
    since: 2h
    units: [redis-server.service, redis_exporter.service, kernel]
  register: evidence
"""

RETURN = r"""
files:
  description: Contents of the files by name.
  type: dict
  returned: always
problems:
  description: What could not be collected, one line each.
  type: list
  elements: str
  returned: always
window:
  description: The time that the evidence covers, RV(ignore:since) and RV(ignore:until).
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import _prometheus
from ansible_collections.redisops.monitoring.plugins.module_utils._incident import collect
from ansible_collections.redisops.monitoring.plugins.module_utils._incident.window import Window


def main():
    module = AnsibleModule(argument_spec=collect.ARGUMENTS, supports_check_mode=True)
    try:
        window = Window(module.params["since"], module.params["until"])
    except _prometheus.ApiError as err:
        module.fail_json(msg=str(err))
    files, problems = collect.collect(module.params, window)
    module.exit_json(changed=False, files=files, problems=problems, window=window.result())


if __name__ == "__main__":
    main()
