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
  - Asks one part of the monitoring and tells what was expected and what was found. What a test finds never fails the
    task, so that one play can run all of them and report at the end; see the filter
    P(redisops.monitoring.verify_report#filter).
  - The playbook C(redisops.monitoring.verify) runs every test with the settings of the roles.
author: redisops.monitoring contributors (@redisops)
attributes:
  check_mode:
    support: full
    description: The tests read; O(test=alert) is skipped, because it sends an alert.
  diff_mode:
    support: none
    description: Changes nothing.
  idempotent:
    support: full
    description: Never changes anything. The alert of O(test=alert) is resolved when the module returns.
  platform:
    support: full
    platforms: posix
    description: Any host with Python and systemd that reaches the service.
options:
  test:
    description: What to test.
    type: str
    required: true
    choices:
      exporter: The exporter of this host gives metrics, and gets into Redis.
      prometheus: Prometheus scrapes every one of O(nodes), its samples are fresh and have the expected labels.
      load: Prometheus has seen the bursts of M(redisops.monitoring.redis_load) that O(bursts) tells about.
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
    description: For O(test=load), what every node told.
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
      - For O(test=alert), how long Alertmanager waits before it tells the first step. Who is told later is skipped.
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
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import (
    _prometheus,
    _systemd,
    _tls,
    _verify,
    _verify_alert,
    _verify_grafana,
)
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import client as _grafana
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import address, metrics
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.settings import BadInput

PROBLEMS = (
    _prometheus.Problem,
    BadInput,
    metrics.Unreachable,
    _tls.FileProblem,
    _grafana.GrafanaError,
)


class Test:
    def __init__(self, module):
        self.module = module
        self.params = module.params
        self.name = module.params["name"]
        self.interval = _verify.seconds(module.params["scrape_interval"])
        self.wait = 2 * self.interval + 10 if module.params["wait"] is None else module.params["wait"]

    def run(self):
        """Rows of the test; a service that cannot be asked is a row as well."""
        unit = self.params["unit"]
        if unit:
            state = _systemd.unit_state(self.module, unit)
            if not state.found:
                missing = _verify.failed if self.params["required"] else _verify.skipped
                return [missing(self.name, "%s installed" % unit, "not installed: this host has no %s" % unit)]
            if not state.active:
                found = "%s is %s (%s); see journalctl -u %s" % (unit, state.active_state, state.result, unit)
                return [_verify.failed(self.name, "%s runs" % unit, found)]
        try:
            return getattr(self, self.params["test"])()
        except PROBLEMS as err:
            return [_verify.failed(self.name, "an answer", str(err))]

    def exporter(self):
        given = self.params["exporter"]
        listen = address.listen_address(given["listen_address"], given["private_address"], given["connection_address"])
        encrypted = bool(given["server_cert_file"])
        url = address.url(listen, given["port"], given["path"], encrypted)
        try:
            text = metrics.fetch(
                url,
                server_cert_file=given["server_cert_file"],
                cert_file=given["cert_file"],
                key_file=given["key_file"],
                username=self.params["url_username"] or "",
                password=self.params["url_password"] or "",
                timeout=self.params["timeout"],
            )
        except metrics.Unreachable as err:
            return [_verify.failed(self.name, _verify.EXPORTER, "no metrics from %s: %s" % (url, err))]
        return [_verify.exporter(self.name, metrics.Metrics(text, given["namespace"]), encrypted)]

    def prometheus(self):
        wanted = _verify.wanted_targets(self.params["nodes"])
        if not wanted:
            return [_verify.failed(self.name, "targets", "no Redis node is expected: is the inventory empty?")]
        prometheus = _prometheus.Prometheus(self.params)
        oldest = 2 * self.interval + 5
        deadline = time.monotonic() + self.wait
        first = found = _verify.look_at_targets(prometheus)
        while True:
            rows = _verify.prometheus_rows(wanted, found, oldest)
            if time.monotonic() > deadline or not _verify.worth_waiting(wanted, rows, found, first):
                return rows
            time.sleep(1)
            found = _verify.look_at_targets(prometheus)

    def load(self):
        prometheus = _prometheus.Prometheus(self.params)
        rows, waiting = {}, {}
        for given in self.params["bursts"]:
            load = _verify.Load(
                given["node"],
                given["instance"],
                **{key: given["load"].get(key, 0) for key in ("sent", "before", "after")},
                found=given["load"].get("found") or given["msg"] or "no burst",
                state=given["load"].get("state", "failed"),
            )
            if load.state == "sent":
                waiting[load.node] = load
            else:
                rows[load.node] = _verify.Row(load.node, _verify.LOAD, load.found, load.state)
        started = time.monotonic()
        while waiting:
            window = "%ds" % (4 * self.interval + self.wait)
            query = "redis_commands_processed_total{%s}[%s]" % (_verify.JOB, window)
            found = _verify.youngest(prometheus.query(query), lambda each: each.samples[-1][0])
            samples = {instance: each.samples for instance, each in found.items()}
            waited = time.monotonic() - started
            for load in list(waiting.values()):
                row = _verify.load_row(load, samples.get(load.instance, []))
                if row is None and waited > self.wait:
                    row = _verify.load_unseen(load, samples.get(load.instance, []), waited)
                if row is not None:
                    rows[load.node] = row
                    del waiting[load.node]
            if waiting:
                time.sleep(1)
        return [rows[given["node"]] for given in self.params["bursts"]]

    def grafana(self):
        params = self.params
        if params["token_path"]:
            params = dict(params, token=_grafana.read_token(params["token_path"]))
            self.module.no_log_values.add(params["token"])
        client = _grafana.Client(params)
        wanted = _verify.wanted_targets(self.params["nodes"])
        dashboards = self.params["dashboards"]
        return _verify_grafana.rows(client, self.params["datasource_uid"], dashboards, wanted, self.wait, time)

    def alert(self):
        if self.module.check_mode:
            return [_verify.skipped(self.name, "an alert is sent", "check mode sends none")]
        api = _prometheus.Api(self.params, "Alertmanager")
        labels, group_wait = self.params["alert_labels"], _verify.seconds(self.params["group_wait"])
        path = _verify_alert.Path(api, self.params["severity"], labels, self.wait, group_wait, time)
        return path.rows(self.name, self.params["watchdog"])


def main():
    module = AnsibleModule(
        argument_spec={
            "test": {
                "type": "str",
                "choices": ["exporter", "prometheus", "load", "grafana", "alert"],
                "required": True,
            },
            "name": {"type": "str", "required": True},
            "unit": {"type": "str", "default": ""},
            "required": {"type": "bool", "default": True},
            "url": {"type": "str"},
            "url_username": {"type": "str"},
            "url_password": {"type": "str", "no_log": True},
            "token": {"type": "str", "no_log": True},
            "token_path": {"type": "path", "no_log": False},
            "ca_path": {"type": "path"},
            "tls_server_name": {"type": "str"},
            "timeout": {"type": "int", "default": 15},
            "wait": {"type": "int"},
            "exporter": {
                "type": "dict",
                "options": {
                    "listen_address": {"type": "str", "default": ""},
                    "private_address": {"type": "str", "default": ""},
                    "connection_address": {"type": "str", "default": ""},
                    "port": {"type": "int", "default": 9121},
                    "path": {"type": "str", "default": "/metrics"},
                    "namespace": {"type": "str", "default": "redis"},
                    "server_cert_file": {"type": "str", "default": ""},
                    "cert_file": {"type": "str", "default": ""},
                    "key_file": {"type": "str", "default": "", "no_log": False},
                },
            },
            "nodes": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "targets": {"type": "list", "elements": "str", "required": True},
                    "labels": {"type": "dict", "default": {}},
                },
            },
            "scrape_interval": {"type": "str", "default": "30s"},
            "bursts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "node": {"type": "str", "required": True},
                    "instance": {"type": "str", "required": True},
                    "load": {"type": "dict", "default": {}},
                    "msg": {"type": "str", "default": ""},
                },
            },
            "datasource_uid": {"type": "str", "default": ""},
            "dashboards": {"type": "list", "elements": "str", "default": []},
            "severity": {"type": "str", "default": "P1"},
            "alert_labels": {"type": "dict", "default": {}},
            "group_wait": {"type": "str", "default": "30s"},
            "watchdog": {"type": "bool", "default": True},
        },
        required_if=[
            ("test", "exporter", ["exporter"]),
            ("test", "prometheus", ["url"]),
            ("test", "load", ["url"]),
            ("test", "grafana", ["url", "datasource_uid"]),
            ("test", "alert", ["url"]),
        ],
        supports_check_mode=True,
    )
    rows = Test(module).run()
    module.exit_json(changed=False, rows=[row.result() for row in rows])


if __name__ == "__main__":
    main()
