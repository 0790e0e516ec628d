#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_evidence
short_description: Collect what can be seen of a host of the monitoring stack
version_added: 1.0.0
description:
  - Looks at units, processes, sockets, certificates, the exporter's account in Redis, answers of the services, disks,
    memory and the clock, and returns what it saw. It judges nothing and changes nothing;
    M(redisops.monitoring.stack_diagnosis) draws the conclusions.
  - All probes run side by side and none takes longer than O(timeout), so that a host with half of the stack missing or
    hanging costs no more time than that. A probe that breaks says so in its place.
  - What runs comes before what is wanted. The exporter is judged by the flags of its process and by the files that
    systemd handed to it; the options say what the inventory wants.
  - No secret is in the result. Passwords are compared where they lie.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring.redis_exporter.suboptions
attributes:
  check_mode:
    support: full
    description: Changes nothing in any mode.
  diff_mode:
    support: none
    description: Changes nothing.
  idempotent:
    support: full
    description: Changes nothing.
  platform:
    support: full
    platforms: posix
    description: Linux with systemd, Python 3.8 or newer. Run it as root, or much stays unseen.
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
  peers:
    description: Addresses that this host's answers have to reach.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds after which a probe is given up.
    type: int
    default: 20
seealso:
  - module: redisops.monitoring.stack_diagnosis
"""

EXAMPLES = r"""
- name: What can be seen of a Redis node
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
evidence:
  description: What was seen, by probe. A probe without result has RV(ignore:problem) in its place.
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
    seconds:
      description: How long it took.
      type: float
      returned: always
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import (
    _evidence,
    _evidence_monitoring,
    _evidence_redis,
)
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.options import OPTIONS

UNITS = _evidence_redis.REDIS_UNITS + (
    _evidence_redis.EXPORTER_UNIT,
    "prometheus.service",
    "alertmanager.service",
    "blackbox_exporter.service",
    "grafana-server.service",
    "node_exporter.service",
)
DATA = (
    "/",
    "/var/log",
    "/var/lib",
    "/var/lib/redis",
    "/var/lib/prometheus",
    "/var/lib/alertmanager",
    "/var/lib/grafana",
)
SERVICES = {
    "prometheus": _evidence_monitoring.prometheus,
    "alertmanager": _evidence_monitoring.alertmanager,
    "blackbox_exporter": _evidence_monitoring.blackbox,
    "grafana": _evidence_monitoring.grafana,
}


def secrets_of(params):
    """Every password and token among the options."""
    for key, value in params.items():
        if isinstance(value, dict):
            yield from secrets_of(value)
        elif isinstance(value, list):
            for one in value:
                yield from secrets_of(one) if isinstance(one, dict) else ()
        elif key.endswith(("password", "token")) and value:
            yield value


def collect(params):
    started = time.monotonic()
    mask = _evidence.Mask(secrets_of(params))
    found = {"units": _evidence.gather({"units": lambda: _evidence.units(UNITS, mask)}, params["timeout"])["units"]}
    known = {} if "problem" in found["units"] else found["units"]
    probes = {
        "host": _evidence.host,
        "listening": _evidence.listening,
        "disks": lambda: _evidence.disks(DATA),
        "packet_filter": _evidence.packet_filter,
        "routes": lambda: {peer: _evidence.route_to(peer) for peer in params["peers"]},
    }
    if params["redis_exporter"]:
        probes.update(of_redis_node(params["redis_exporter"], known, mask))
    for name, probe in SERVICES.items():
        if params[name]:
            more = (mask,) if name == "alertmanager" else ()
            probes[name] = lambda probe=probe, name=name, more=more: probe(params[name], *more)
            probes["files " + name] = lambda name=name: _evidence_monitoring.config_files(name, mask)
            if name in _evidence_monitoring.CHECKS:
                probes["checks " + name] = lambda name=name: _evidence_monitoring.check_config(name, mask)
    for name, unit in known.items():
        if unit.get("credentials") and name != _evidence_redis.EXPORTER_UNIT:
            probes["handed " + name] = lambda unit=unit: _evidence.handed_over(unit["credentials"])
    for node in params["exporters"]:
        probes["reach " + node["name"]] = lambda node=node: _evidence_monitoring.reach(node)
    for name, value in _evidence.gather(probes, params["timeout"]).items():
        group, sep, member = name.partition(" ")
        if sep:
            found.setdefault(group, {})[member] = value
        else:
            found[name] = value
    found["seconds"] = round(time.monotonic() - started, 2)
    return mask.data(found)


def of_redis_node(wanted, units, mask):
    redis = next((units[one] for one in _evidence_redis.REDIS_UNITS if units.get(one, {}).get("found")), {})
    settings = _evidence_redis.redis_settings(redis, mask)
    exporter = _evidence_redis.Exporter(wanted, units.get(_evidence_redis.EXPORTER_UNIT))
    mask.secrets = _evidence.Mask(list(mask.secrets) + [exporter.password]).secrets
    return {
        "redis settings": lambda: settings,
        "redis files": lambda: _evidence_redis.redis_files(settings, redis.get("user", "")),
        "redis account": lambda: _evidence_redis.with_context(exporter.account(), settings, mask),
        "redis admin": lambda: _evidence_redis.with_context(exporter.admin(), settings, mask),
        "redis shown": exporter.shown,
        "exporter uses": exporter.describe,
        "exporter files": exporter.files,
        "exporter metrics": exporter.metrics,
    }


def service_spec():
    text = {"type": "str", "default": ""}
    secret = {"type": "str", "default": "", "no_log": True}
    return {
        "url": {"type": "str", "required": True},
        "url_username": text,
        "url_password": secret,
        "token": secret,
        "token_path": {"type": "str", "default": "", "no_log": False},
        "ca_path": text,
        "client_cert": text,
        "client_key": {"type": "str", "default": "", "no_log": False},
        "server_name": text,
        "validate_certs": {"type": "bool", "default": True},
        "name": text,
        "datasource_uid": text,
        "dashboard_uids": {"type": "list", "elements": "str", "default": []},
    }


def main():
    service = {"type": "dict", "options": service_spec()}
    module = AnsibleModule(
        argument_spec={
            "redis_exporter": {"type": "dict", "options": OPTIONS},
            "prometheus": service,
            "alertmanager": service,
            "blackbox_exporter": service,
            "grafana": service,
            "exporters": {"type": "list", "elements": "dict", "default": [], "options": service_spec()},
            "peers": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 20},
        },
        supports_check_mode=True,
    )
    module.exit_json(changed=False, evidence=collect(module.params))


if __name__ == "__main__":
    main()
