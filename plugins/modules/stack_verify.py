#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_verify
short_description: One test of the running monitoring
version_added: 1.0.0
description:
  - Asks one part of the monitoring, and returns what was expected and what was found. What a test finds never fails the
    task, so that one play can run all of them and report at the end; see the filter
    P(redisops.monitoring.verify_report#filter).
  - Without O(url) and O(exporter), the settings of the roles on the host say how the service is asked and what is
    expected. This way the playbook C(redisops.monitoring.verify) runs every test.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
  - redisops.monitoring._attributes.action
attributes:
  action:
    details: On the controller it reads the settings of the roles; the test itself runs on the host.
  check_mode:
    details: O(test=alert) is skipped, because it sends an alert.
  idempotent:
    details: The alert of O(test=alert) is resolved when the module returns.
  platform:
    details: Any host with Python and systemd that reaches the service.
options:
  test:
    description: What to test.
    type: str
    required: true
    choices:
      exporter: The exporter of this host gives metrics, and gets into Redis.
      prometheus: Prometheus scrapes every one of O(nodes), its samples are fresh and have the expected labels.
      load: Prometheus shows the bursts of M(redisops.monitoring.redis_load) in O(bursts).
      grafana: >-
        The datasource works, every dashboard is there, and its queries answer through Grafana for all O(nodes).
      alert: >-
        An alert of Prometheus has reached Alertmanager; one of our own reaches its receivers, and so does its end.
  name:
    description: What the report calls the subject of the test, usually the host.
    type: str
    required: true
  unit:
    description: Unit of systemd that is not there where the service is not installed. Empty to ask in any case.
    type: str
    default: ""
  required:
    description: Whether a service that is not installed fails the test. Otherwise the test is skipped.
    type: bool
    default: true
  url:
    description: Base URL of Prometheus, Grafana or Alertmanager.
    type: str
  url_username:
    description: User for HTTP basic authentication.
    type: str
  url_password:
    description: Password of O(url_username).
    type: str
  token:
    description: Token of a Grafana service account, instead of a user.
    type: str
  token_path:
    description: File on the host that holds the token.
    type: path
  ca_path:
    description:
      - File with the CA certificates that the service's certificate is verified with. Without it, those of the host.
    type: path
  tls_server_name:
    description: Name in the service's certificate, where it does not carry the one in O(url).
    type: str
  timeout:
    description: Seconds to wait for each answer.
    type: int
    default: 15
  wait:
    description:
      - Seconds to wait for what takes time, which are scrapes and notifications.
      - Without it, two of O(scrape_interval) and ten seconds.
    type: int
  exporter:
    description: Where the exporter listens. Needed for O(test=exporter).
    type: dict
    suboptions:
      listen_address:
        description: Address that it shall listen on. Empty to find it out as the role C(redis_exporter) does.
        type: str
        default: ""
      private_address:
        description: Private address of the host as the inventory has it.
        type: str
        default: ""
      connection_address:
        description: Address that Ansible connects to.
        type: str
        default: ""
      port:
        description: Port.
        type: int
        default: 9121
      path:
        description: Path of the metrics.
        type: str
        default: /metrics
      namespace:
        description: What the names of the metrics begin with.
        type: str
        default: redis
      server_cert_file:
        description: Certificate that it has to show. Empty for HTTP in clear text.
        type: str
        default: ""
      cert_file:
        description: Client certificate, where the exporter wants one.
        type: str
        default: ""
      key_file:
        description: Key of the client certificate.
        type: str
        default: ""
  agent:
    description:
      - For O(test=prometheus) and O(test=load), whether Prometheus runs as an agent. O(store) is asked for samples
        then, and Prometheus how far it has sent them.
    type: bool
    default: false
  store:
    description: Where the samples of an agent are asked for. Without O(store.url) the report says that nobody knows.
    type: dict
    suboptions:
      url:
        description: Base URL of what answers PromQL.
        type: str
      url_username:
        description: User for HTTP basic authentication.
        type: str
      url_password:
        description: Password of O(store.url_username).
        type: str
      ca_path:
        description: File with the CA certificates that the certificate of the store is verified with.
        type: path
      headers:
        description: Headers of every request, such as the name of a tenant.
        type: dict
        default: {}
      parameters:
        description: Further parameters of every query.
        type: dict
        default: {}
  nodes:
    description: Targets that there should be, as P(redisops.monitoring.scrape_targets#filter) gives them.
    type: list
    elements: dict
    default: []
    suboptions:
      targets:
        description: Addresses with ports.
        type: list
        elements: str
        required: true
      labels:
        description: Labels that they should have.
        type: dict
        default: {}
  scrape_interval:
    description: How often Prometheus scrapes. A sample may be twice as old, and a little more.
    type: str
    default: 30s
  bursts:
    description: For O(test=load), the result of every node.
    type: list
    elements: dict
    default: []
    suboptions:
      node:
        description: What the report calls it.
        type: str
        required: true
      instance:
        description: Label C(instance) of its target.
        type: str
        required: true
      load:
        description: RV(redisops.monitoring.redis_load#module:load).
        type: dict
        default: {}
      msg:
        description: Why there is none.
        type: str
        default: ""
  datasource_uid:
    description: For O(test=grafana), uid of the datasource.
    type: str
    default: ""
  dashboards:
    description: For O(test=grafana), uids of the dashboards.
    type: list
    elements: str
    default: []
  severity:
    description: For O(test=alert), severity of the alert that is sent. It reaches whom such an alert reaches.
    type: str
    default: P1
  alert_labels:
    description: For O(test=alert), further labels of the alert, such as the cluster.
    type: dict
    default: {}
  group_wait:
    description:
      - For O(test=alert), how long Alertmanager waits before it notifies the first step.
      - Receivers of a later step are skipped.
    type: str
    default: 30s
  watchdog:
    description: For O(test=alert), whether the alert Watchdog has to have come from Prometheus.
    type: bool
    default: true
seealso:
  - module: redisops.monitoring.redis_load
"""

EXAMPLES = r"""
- name: Prometheus of this host has every node, by the settings of the role prometheus
  redisops.monitoring.stack_verify:
    test: prometheus
    name: "{{ inventory_hostname }}"
  register: result

- name: Prometheus has every node
  redisops.monitoring.stack_verify:
    test: prometheus
    name: "{{ inventory_hostname }}"
    url: https://127.0.0.1:9090
    ca_path: /etc/prometheus/tls/ca.crt
    url_username: admin
    url_password: "{{ vault_prometheus_password }}"
    nodes: "{{ groups['redis'] | redisops.monitoring.scrape_targets(hostvars) }}"
  register: result
"""

RETURN = r"""
rows:
  description: What was tested, one entry a subject.
  type: list
  elements: dict
  returned: always
  contains:
    subject:
      description: A node, a dashboard, a receiver.
      type: str
    expected:
      description: What a healthy stack gives.
      type: str
    found:
      description: What was there, or why it was not tested.
      type: str
    state:
      description: V(passed), V(failed) or V(skipped).
      type: str
down:
  description: Whether the service is not installed, does not run, or gives no answer at all.
  type: bool
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils._verify import run


def main():
    module = AnsibleModule(argument_spec=run.ARGUMENTS, required_if=run.REQUIRED_IF, supports_check_mode=True)
    module.exit_json(changed=False, **run.result(module))


if __name__ == "__main__":
    main()
