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
    host, what Redis tells of itself, ranges of metrics, and alerts.
  - Every file has at most 256 KiB, the newest of it. Known secrets, the contents of the files that systemd hands over
    to the services, and whatever looks like a secret are masked.
  - Of slow commands it tells the name and the duration. Their arguments, names of keys and values never leave Redis.
  - M(redisops.monitoring.incident_archive) makes one archive of it.
author: redisops.monitoring contributors (@redisops)
attributes:
  check_mode:
    support: full
    description: Reads only.
  diff_mode:
    support: none
    description: Changes nothing.
  idempotent:
    support: full
    description: Never changes anything.
  platform:
    support: full
    platforms: posix
    description: Any host with Python and systemd.
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
    suboptions: &service
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
    suboptions: *service
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
  description: What could not be had, one line each.
  type: list
  elements: str
  returned: always
window:
  description: The time that was looked at, RV(ignore:since) and RV(ignore:until).
  type: dict
  returned: always
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import (
    _alertmanager,
    _evidence,
    _incident,
    _prometheus,
    _redis,
    _redis_advice,
    _tls,
)


def collect(params, window):
    """(files, problems), masked and bounded."""
    files, problems = {"host.txt": _incident.host_text()}, []
    services = [unit for unit in params["units"] if unit != "kernel"]
    if services:
        files["units.txt"] = _incident.units_text(services)
    for unit in params["units"]:
        text = _incident.journal(unit, window)
        if text.strip() and not text.startswith("-- No entries"):
            files["journal/%s.log" % unit.rpartition(".service")[0] if unit != "kernel" else "journal/kernel.log"] = (
                text
            )
    for path in params["logs"]:
        files["logs/%s" % path.strip("/").replace("/", "_")] = _incident.tail(path)
    given = params["redis"]
    if given:
        target = _redis.Target(
            given["login_host"],
            given["login_port"],
            tls=given["tls"],
            server_name=given["server_name"],
            verify=given["validate_certs"],
            ca_file=given["ca_certs"],
            cert_file=given["client_cert_file"],
            key_file=given["client_key_file"],
            user=given["login_user"],
            password=given["login_password"],
        )
        try:
            _redis.check_files(target)
            files.update(("redis/" + name, text) for name, text in _incident.redis_files(target).items())
        except _redis.RedisProblem as err:
            problems.append(_redis_advice.explain(err))
        except _tls.FileProblem as err:
            problems.append(str(err))
    for name, ask in (
        ("prometheus", lambda given: _incident.prometheus_files(given, params["queries"], window)),
        ("alertmanager", _incident.alertmanager_files),
    ):
        if params[name]:
            try:
                more, wrong = ask(params[name])
            except _prometheus.Problem as err:
                more, wrong = {}, [str(err)]
            files.update(more)
            problems.extend(wrong)
    mask = _evidence.Mask(list(secrets_of(params)) + sorted(_incident.known_secrets(services)))
    return {name: masked(mask, name, text) for name, text in files.items()}, [mask.text(one) for one in problems]


def masked(mask, name, text):
    if name.endswith(".json"):
        return mask.known(text)  # what only looks like a secret is a name or a query here, and JSON has to stay JSON
    return mask.text(_incident.bounded(text))


def secrets_of(params):
    yield from params["secrets"]
    for name, key in (("redis", "login_password"), ("prometheus", "url_password"), ("alertmanager", "url_password")):
        if params[name]:
            yield params[name][key]


def main():
    text = {"type": "str", "default": ""}
    secret = {"type": "str", "default": "", "no_log": True}
    service = {
        "type": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "url_username": text,
            "url_password": secret,
            "ca_path": text,
            "tls_server_name": text,
            "timeout": {"type": "int", "default": 20},
        },
    }
    module = AnsibleModule(
        argument_spec={
            "since": {"type": "str", "default": "1h"},
            "until": text,
            "units": {"type": "list", "elements": "str", "default": []},
            "logs": {"type": "list", "elements": "path", "default": []},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
            "redis": {
                "type": "dict",
                "options": {
                    "login_host": {"type": "str", "required": True},
                    "login_port": {"type": "int", "default": 6379},
                    "login_user": text,
                    "login_password": secret,
                    "tls": {"type": "bool", "default": True},
                    "validate_certs": {"type": "bool", "default": True},
                    "ca_certs": text,
                    "client_cert_file": text,
                    "client_key_file": {"type": "str", "default": "", "no_log": False},
                    "server_name": text,
                },
            },
            "prometheus": service,
            "queries": {"type": "dict", "default": {}},
            "alertmanager": service,
        },
        supports_check_mode=True,
    )
    try:
        window = _incident.Window(module.params["since"], module.params["until"])
    except (_prometheus.Problem, _alertmanager.Problem) as err:
        module.fail_json(msg=str(err))
    files, problems = collect(module.params, window)
    module.exit_json(changed=False, files=files, problems=problems, window=window.result())


if __name__ == "__main__":
    main()
