#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: grafana_access
short_description: The administrator's password of a Grafana on this host, and a token for the other modules
version_added: 1.0.0
description:
  - Makes sure that the first administrator has the wanted password, whatever it was before, and that a file on this
    host holds a token that works.
  - The wanted password is tried once. When Grafana refuses it, the password is set with Grafana's own command line,
    which needs no old one, and tried once more. Nothing is guessed, because after five wrong passwords within five
    minutes Grafana refuses the right one too.
  - The token belongs to a service account with the role Admin. It is created when the file is missing or its token no
    longer works, and never leaves the host.
  - Runs on Grafana's host as root. Several runs at once wait for each other.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - redisops.monitoring.grafana
attributes:
  check_mode:
    support: partial
    details:
      - Sends no password, and only asks whether the token works. A wrong password would count as a failed login, so it
        is not known whether the password is the wanted one.
  diff_mode:
    details: Says whether password and token change, and never shows them.
  idempotent:
    support: partial
    details: With O(set_password=true) every run is a change.
  platform:
    details: Hosts that run Grafana 9.1 or newer.
options:
  url_username:
    description: Login of the first administrator, C([security] admin_user) in Grafana's configuration.
    type: str
    default: admin
  url_password:
    description: Password that this administrator shall have.
    type: str
    required: true
  set_password:
    description:
      - Set the password without trying it first, for a run that knows that the password is new. Then not even one
        failed login is counted. Every run with this is a change.
    type: bool
    default: false
  token_path:
    description: File for the token. It belongs to root, mode 0600.
    type: path
    required: true
  service_account:
    description: Name of the service account that the token belongs to.
    type: str
    default: redisops
  org_id:
    description:
      - Organisation that the token is for, the first one unless this is set.
      - Which one the administrator has chosen in the web pages makes no difference.
    type: int
    default: 1
  program:
    description:
      - Grafana's program.
      - If it is missing, C(grafana-cli) in the same directory is used, the command line of Grafana 9.3 and older.
    type: path
    default: /usr/share/grafana/bin/grafana
  homepath:
    description: Grafana's home directory.
    type: path
    default: /usr/share/grafana
  config:
    description: Grafana's configuration file. It must name the data directory.
    type: path
    default: /etc/grafana/grafana.ini
  user:
    description: User that Grafana runs as. Its command line is run as the same.
    type: str
    default: grafana
seealso:
  - module: redisops.monitoring.grafana_datasource
  - module: redisops.monitoring.grafana_dashboard
"""

EXAMPLES = r"""
- name: Password and token
  redisops.monitoring.grafana_access:
    url: https://10.0.1.20:3000
    ca_path: /etc/prometheus/tls/ca.crt
    url_password: "{{ grafana_admin_password }}"
    token_path: /etc/redisops/grafana/token

- name: With which the other modules work
  redisops.monitoring.grafana_datasource:
    url: https://10.0.1.20:3000
    ca_path: /etc/prometheus/tls/ca.crt
    token_path: /etc/redisops/grafana/token
    uid: testdata
    state: absent
"""

RETURN = r"""
password:
  description: V(works), V(reset) when this run has set it, V(locked) when Grafana refuses it for the time being, or
    V(not tried) in check mode.
  returned: success
  type: str
token:
  description: V(works), V(made), or V(missing) in check mode.
  returned: success
  type: str
ready:
  description: Whether the other modules can work with the file. Only in check mode it may be otherwise.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._grafana import module as grafana
from ..module_utils._grafana.access import Access


def main():
    options = {
        "url_username": {"type": "str", "default": "admin"},
        "url_password": {"type": "str", "required": True, "no_log": True},
        "set_password": {"type": "bool", "default": False, "no_log": False},
        "token_path": {"type": "path", "required": True, "no_log": False},
        "service_account": {"type": "str", "default": "redisops"},
        "org_id": {"type": "int", "default": 1},
        "program": {"type": "path", "default": "/usr/share/grafana/bin/grafana"},
        "homepath": {"type": "path", "default": "/usr/share/grafana"},
        "config": {"type": "path", "default": "/etc/grafana/grafana.ini"},
        "user": {"type": "str", "default": "grafana"},
    }
    module = AnsibleModule(
        argument_spec={**grafana.CONNECTION, **options},
        required_by={"client_key": ["client_cert"]},
        supports_check_mode=True,
    )
    grafana.run(module, Access)


if __name__ == "__main__":
    main()
