#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: checked_config
short_description: Put a service's configuration files in place as one checked transaction
version_added: 1.0.0
description:
  - Writes a set of files and makes their service use them, all of it or nothing.
  - The set is staged in a temporary directory and checked there by the service's own tools. Then the files are switched
    one by one, each atomically, and the service is reloaded or restarted. Its own metrics have to prove that it took
    them. When anything refuses, the old files are put back, the service is brought back to them, and the module fails
    with the cause.
  - A run that finds nothing to do starts no checking tool and writes nothing. It still asks the service whether it runs
    the wanted version and has loaded what lies on disk, because an earlier run may have been interrupted.
  - Contents are strings. A role renders them with P(ansible.builtin.template#lookup).
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment: redisops.monitoring._attributes
attributes:
  check_mode:
    details: The checks run, too, where their tools are installed.
  diff_mode:
    details: Of secret files it shows only that they differ.
  platform:
    description: Systemd hosts, systemd 247 or newer.
options:
  path:
    description: Directory of the configuration. It is created when missing.
    type: path
    required: true
  files:
    description: Files without secrets.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - Name of the file relative to O(path), or an absolute path for one that lies elsewhere.
          - The file of the O(unit) itself may be one of them.
        type: str
        required: true
      content:
        description: Content of the file.
        type: str
        required: true
      mode:
        description: Mode of the file, octal digits in quotes.
        type: str
        default: "0644"
      group:
        description:
          - Group that the file belongs to. Empty for the group of the user who runs the module, normally root.
        type: str
        default: ""
      watched:
        description: The service reads this file by itself when it changes, so that it needs no reload.
        type: bool
        default: false
  secrets:
    description:
      - Files with secrets. They belong to the user who runs the module, normally root, and have mode 0600.
      - Their contents never show in results.
      - Services get such files handed over at their start (C(LoadCredential=)), so a change needs a restart.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Name of the file, as in O(files[].path).
        type: str
        required: true
      content:
        description: Content of the file.
        type: str
        required: true
      keep:
        description: Leave a file that is there, such as a key without which nobody reads what it encrypted.
        type: bool
        default: false
  prune:
    description:
      - Directories below O(path) that belong to the service. They are created when missing.
      - Files in them that bear the O(marker) and are not listed are removed. Files of others stay.
    type: list
    elements: str
    default: []
  purge:
    description:
      - Directories below O(path) that hold nothing but O(secrets). Every other file in them is removed.
      - A secret that is no longer used then does not stay on the host.
    type: list
    elements: str
    default: []
  absent:
    description:
      - Absolute paths of files that must not be there, such as the units of a part that was switched off.
      - A timer or a mount among them is stopped and disabled first.
    type: list
    elements: path
    default: []
  marker:
    description: Text in the first or last line of a file, a comment that starts with C(#), which makes it ours.
    type: str
    default: Managed by redisops.monitoring
  checks:
    description:
      - Commands that must accept the new set, each a list of arguments.
      - An argument that is the path of one of the O(files) stands for its staged copy.
      - V({dir}) stands for the staging directory. It holds the new files, and links to the files of others that lie in
        O(path) already.
      - V({credentials}) stands for a directory with what the C(LoadCredential=) settings of O(unit) would hand over. In
        the staged files the paths below C(/run/credentials/<unit>) lead there, so that they can be checked before the
        service has been started.
      - In check mode a command that is not installed yet is left out with a warning.
    type: list
    elements: list
    default: []
  data:
    description:
      - Where the service of O(unit) keeps its data. Where that changes, the module fails before anything is changed, as
        long as the new directory has no data and the old one has. It moves nothing.
      - "The unit names a directory in a line C(# Data: /path)."
    type: dict
    suboptions:
      what:
        description: What the error message calls it.
        type: str
        default: data
      directory:
        description: Directory on the host that the user chose. Empty for O(data.default).
        type: str
        default: ""
      default:
        description: Where the data is otherwise.
        type: path
        required: true
      known:
        description:
          - Names that the service writes, as a regular expression. Others in a new O(data.directory) are refused.
        type: str
        default: ""
      proof:
        description: Name of a file without which there is no data. Empty for any file.
        type: str
        default: ""
      named_in:
        description: Unit file or drop-in with the line that names the directory of before.
        type: path
        required: true
  certificates:
    description: Certificates that must be in order before anything is changed.
    type: list
    elements: dict
    default: []
    suboptions:
      ca:
        description: File on the host with CA certificates.
        type: path
      cert:
        description: Certificate file on the host. It has to be valid now.
        type: path
      key:
        description: File on the host with the key of O(certificates[].cert).
        type: path
      name:
        description: Address or host name that the certificate has to carry as a SAN. Empty for a client certificate.
        type: str
        default: ""
      what:
        description: What the error message calls it.
        type: str
        default: TLS
  unit:
    description: The systemd unit that uses the files.
    type: str
  inputs:
    description:
      - Further paths the unit was started from, such as its binary. The unit's own file, its drop-ins and
        the sources of its C(LoadCredential=) are known.
      - When one of them is newer than the running process, the unit is restarted.
    type: list
    elements: path
    default: []
  timers:
    description:
      - Timers that belong to O(unit), such as V(collect.timer). Their files may be among O(files).
      - They are started and enabled, and after each change the service of the same name is run once. It has to succeed.
        It is run as well when its last run failed.
    type: list
    elements: str
    default: []
  restart:
    description:
      - Start, restart and enable the unit and the O(timers) as needed.
      - With V(false) the module only reloads, and says in RV(restart_required) when that is not enough.
    type: bool
    default: true
  service:
    description:
      - How to ask the service what it runs. Requires O(unit).
      - Without it the unit is restarted for every change, never reloaded, and only has to stay up for a moment.
    type: dict
    suboptions:
      metrics_url:
        description:
          - URL of its metrics. Empty for a service whose metrics say nothing about its configuration, such as Grafana.
            It is restarted for every change then, and O(service.ready_url) is the proof.
        type: str
        default: ""
      metrics_prefix:
        description:
          - Prefix of its metrics C(_config_last_reload_successful), C(_build_info) and
            C(_config_last_reload_success_timestamp_seconds).
          - For example V(prometheus), V(alertmanager) or V(blackbox_exporter).
        type: str
        default: ""
      ready_url:
        description:
          - URL that answers 200 once the service is ready. Without O(service.metrics_url) the version is taken from
            the key C(version) of its JSON, or, with O(service.metrics_prefix), from the metric C(_build_info) there.
        type: str
        default: ""
      version:
        description: Version that has to run. Another one leads to a restart, and is an error when it stays.
        type: str
        default: ""
      url_username:
        description: User for HTTP basic authentication.
        type: str
        default: ""
      url_password:
        description: Password for HTTP basic authentication.
        type: str
        default: ""
      ca_path:
        description: CA certificates that the service's certificate is verified with. Empty for the host's own.
        type: path
      tls_server_name:
        description: Name the service's certificate is verified against, where it does not carry the one in the URL.
        type: str
        default: ""
      client_cert:
        description: Client certificate, for a service that asks for one.
        type: path
      client_key:
        description: Key of O(service.client_cert).
        type: path
      timeout:
        description: Seconds a reload may take.
        type: int
        default: 60
      start_timeout:
        description: Seconds a start may take. A service that ends while starting is not waited for.
        type: int
        default: 600
"""

EXAMPLES = r"""
- name: Configuration of Alertmanager, checked, loaded and proved
  redisops.monitoring.checked_config:
    path: /etc/alertmanager
    files:
      - path: alertmanager.yml
        content: "{{ lookup('ansible.builtin.template', 'alertmanager.yml.j2') }}"
      - path: /etc/systemd/system/alertmanager.service
        content: "{{ lookup('ansible.builtin.template', 'alertmanager.service.j2') }}"
    secrets:
      - path: credentials/pagerduty_key
        content: "{{ pagerduty_key }}"
    checks:
      - [/opt/alertmanager/current/amtool, check-config, "{dir}/alertmanager.yml"]
    unit: alertmanager.service
    inputs:
      - /opt/alertmanager/current/alertmanager
    service:
      metrics_url: http://127.0.0.1:9093/metrics
      metrics_prefix: alertmanager
      version: 0.28.1
"""

RETURN = r"""
written:
  description: Files written, secret ones included.
  type: list
  elements: str
  returned: success
removed:
  description: Files removed, those of the directories in O(prune) and O(purge), and those in O(absent).
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
outdated_unit:
  description: The O(unit), where it runs and has to be restarted, which O(restart) forbids. Empty otherwise.
  type: str
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

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._config.files import ConfigError
from ..module_utils._config.transaction import Transaction


class Module(AnsibleModule):
    """Logs its invocation without the files: Ansible masks no text with a line break or a quote inside a list."""

    def _log_invocation(self):
        self.log("Invoked for %s" % self.params["path"])


def main():
    name = dict(type="str", required=True)
    module = Module(
        argument_spec=dict(
            path=dict(type="path", required=True),
            files=dict(
                type="list",
                elements="dict",
                default=[],
                options=dict(
                    path=name,
                    content=dict(type="str", required=True),
                    mode=dict(type="str", default="0644"),
                    group=dict(type="str", default=""),
                    watched=dict(type="bool", default=False),
                ),
            ),
            secrets=dict(
                type="list",
                elements="dict",
                default=[],
                no_log=False,  # the contents are, names are not secret
                options=dict(
                    path=name,
                    content=dict(type="str", required=True, no_log=True),
                    keep=dict(type="bool", default=False),
                ),
            ),
            prune=dict(type="list", elements="str", default=[]),
            purge=dict(type="list", elements="str", default=[]),
            absent=dict(type="list", elements="path", default=[]),
            marker=dict(type="str", default="Managed by redisops.monitoring"),
            checks=dict(type="list", elements="list", default=[]),
            data=dict(
                type="dict",
                options=dict(
                    what=dict(type="str", default="data"),
                    directory=dict(type="str", default=""),
                    default=dict(type="path", required=True),
                    known=dict(type="str", default=""),
                    proof=dict(type="str", default=""),
                    named_in=dict(type="path", required=True),
                ),
            ),
            certificates=dict(
                type="list",
                elements="dict",
                default=[],
                options=dict(
                    ca=dict(type="path"),
                    cert=dict(type="path"),
                    key=dict(type="path", no_log=False),
                    name=dict(type="str", default=""),
                    what=dict(type="str", default="TLS"),
                ),
                required_together=[("cert", "key")],
                required_one_of=[("ca", "cert")],
            ),
            unit=dict(type="str"),
            inputs=dict(type="list", elements="path", default=[]),
            timers=dict(type="list", elements="str", default=[]),
            restart=dict(type="bool", default=True),
            service=dict(
                type="dict",
                options=dict(
                    metrics_url=dict(type="str", default=""),
                    metrics_prefix=dict(type="str", default=""),
                    ready_url=dict(type="str", default=""),
                    version=dict(type="str", default=""),
                    url_username=dict(type="str", default=""),
                    url_password=dict(type="str", default="", no_log=True),
                    ca_path=dict(type="path"),
                    tls_server_name=dict(type="str", default=""),
                    client_cert=dict(type="path"),
                    client_key=dict(type="path", no_log=False),
                    timeout=dict(type="int", default=60),
                    start_timeout=dict(type="int", default=600),
                ),
            ),
        ),
        required_by={"service": ["unit"], "data": ["unit"]},
        supports_check_mode=True,
    )
    transaction = None
    try:
        transaction = Transaction(module)
        module.exit_json(**transaction.run())
    except ConfigError as err:
        module.fail_json(msg=str(err), restarted=bool(transaction and transaction.restarted))


if __name__ == "__main__":
    main()
