#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: grafana_datasource
short_description: Manage one data source of Grafana
version_added: 1.0.0
description:
  - Creates, corrects or removes the data source with the given UID.
  - An unchanged data source takes one request, or two when O(secure_json_data) or O(check_health) is given.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - redisops.monitoring.grafana
  - redisops.monitoring.grafana.login
attributes:
  diff_mode:
    details: Names secrets, and never shows them.
  idempotent:
    support: partial
    details: With O(update_secrets=true) every run is a change.
options:
  uid:
    description: UID of the data source, 1 to 40 of the characters a-z, A-Z, 0-9, - and _. It cannot be changed later.
    type: str
    required: true
  name:
    description: Name of the data source. A new one is named after its UID unless this is set.
    type: str
  ds_type:
    description:
      - Type of the data source, the ID of its plugin, for instance V(prometheus), V(alertmanager) or V(cloudwatch).
      - Required for a new one.
    type: str
  ds_url:
    description:
      - URL of the server behind the data source. Must not hold a password, because every viewer can read it.
    type: str
  access:
    description: Whether Grafana asks the server, or the browser does. A new one is V(proxy) unless this is set.
    type: str
    choices: [proxy, direct]
  is_default:
    description:
      - Whether this is the data source that new panels start with. V(true) takes that from the one that has it.
      - Left alone unless this is set.
    type: bool
  basic_auth_user:
    description:
      - User name for basic authentication at the server. Its password is C(basicAuthPassword) in O(secure_json_data).
      - An empty string switches basic authentication off.
    type: str
  user:
    description: User name for data sources that have one of their own, such as databases.
    type: str
  database:
    description: Name of the database.
    type: str
  with_credentials:
    description: Whether browsers send cookies along, with O(access=direct).
    type: bool
  json_data:
    description:
      - Settings of the plugin, C(jsonData) in Grafana's API. When given it is the whole of them, so that other keys are
        removed. Left alone unless this is set.
      - Every viewer can read it, so what is called like a secret or holds one is refused.
    type: dict
  secure_json_data:
    description:
      - Secret settings of the plugin by name, C(secureJsonData) in Grafana's API. An empty string removes one.
        Secrets that are not named stay.
      - Grafana never gives a secret back, and nothing about it is stored anywhere else. So these are sent for a new
        data source, when one of them is not stored yet, along with any other change, and when the server behind the
        data source refuses what Grafana has stored. For that the module asks the server through Grafana whenever it
        finds nothing else to change. That way a rotated password arrives with the next run. Certificates are also sent
        when O(check_health) finds that Grafana cannot reach the server and does not say why.
      - A secret that changed while the server still takes the old one, or takes any, is not noticed. Set
        O(update_secrets=true) then.
    type: dict
  secure_json_data_files:
    description:
      - More of O(secure_json_data), as files on the host that the module runs on, by name. For certificates and
        passwords that lie on Grafana's host anyway.
    type: dict
  update_secrets:
    description: Send O(secure_json_data) in any case. Every run with this is a change.
    type: bool
    default: false
  check_health:
    description:
      - Ask Grafana in the end whether the data source works, and fail with what it says.
      - Where the plugin has no such check, as C(prometheus) in Grafana 9 and C(alertmanager) in all versions, or where
        the check ends in a server error, the server is asked through Grafana's proxy.
    type: bool
    default: false
  check_health_timeout:
    description:
      - For how many seconds O(check_health) gives a server time that cannot be reached or is not ready.
      - Refused credentials are reported at once.
    type: int
    default: 15
  state:
    description: Whether the data source shall exist.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: redisops.monitoring.grafana_dashboard
"""

EXAMPLES = r"""
- name: Prometheus with TLS and a password
  redisops.monitoring.grafana_datasource:
    url: https://grafana.example.com:3000
    ca_path: /etc/ssl/certs/ca-certificates.crt
    token: "{{ grafana_token }}"
    uid: prometheus
    name: Prometheus
    ds_type: prometheus
    ds_url: https://prometheus.example.com:9090
    is_default: true
    basic_auth_user: grafana
    json_data:
      httpMethod: POST
      timeInterval: 30s  # the scrape interval: $__rate_interval is computed from it
      tlsAuthWithCACert: true
    secure_json_data:
      basicAuthPassword: "{{ prometheus_password }}"
      tlsCACert: "{{ lookup('ansible.builtin.file', 'ca.crt') }}"
    check_health: true

- name: CloudWatch with the role of the instance
  redisops.monitoring.grafana_datasource:
    url: https://grafana.example.com:3000
    token: "{{ grafana_token }}"
    uid: cloudwatch
    name: CloudWatch
    ds_type: cloudwatch
    json_data:
      # ec2_iam_role needs a place in [aws] allowed_auth_providers of grafana.ini; default does not
      authType: default
      defaultRegion: eu-central-1

- name: Connection given once, passwords only for humans
  module_defaults:
    group/redisops.monitoring.grafana:
      url: https://grafana.example.com:3000
      url_username: admin
      url_password: "{{ grafana_admin_password }}"
  block:
    - name: Alertmanager
      redisops.monitoring.grafana_datasource:
        uid: alertmanager
        ds_type: alertmanager
        ds_url: http://127.0.0.1:9093
        json_data:
          implementation: prometheus

    - name: No test data
      redisops.monitoring.grafana_datasource:
        uid: testdata
        state: absent
"""

RETURN = r"""
uid:
  description: UID of the data source.
  returned: always
  type: str
  sample: prometheus
datasource:
  description: The data source as Grafana describes it, without secrets.
  returned: when it exists, and was not only planned
  type: dict
  sample: {uid: prometheus, type: prometheus, access: proxy, secureJsonFields: {basicAuthPassword: true}}
secrets_sent:
  description: Names of the secrets that were sent, or would be in check mode.
  returned: when O(state=present)
  type: list
  elements: str
  sample: [basicAuthPassword]
health:
  description: What came of O(check_health).
  returned: when O(check_health=true) and something was there to be asked
  type: dict
  contains:
    status:
      description: V(OK), V(ERROR), or V(UNKNOWN) where it cannot be asked.
      type: str
    message:
      description: The words of Grafana or of the server.
      type: str
  sample: {status: OK, message: Successfully queried the Prometheus API.}
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._grafana import module as grafana
from ..module_utils._grafana.datasource import Datasource


def main():
    options = {
        "uid": {"type": "str", "required": True},
        "name": {"type": "str"},
        "ds_type": {"type": "str"},
        "ds_url": {"type": "str"},
        "access": {"type": "str", "choices": ["proxy", "direct"]},
        "is_default": {"type": "bool"},
        "basic_auth_user": {"type": "str"},
        "user": {"type": "str"},
        "database": {"type": "str"},
        "with_credentials": {"type": "bool"},
        "json_data": {"type": "dict"},
        "secure_json_data": {"type": "dict", "no_log": True},
        "secure_json_data_files": {"type": "dict", "no_log": False},
        "update_secrets": {"type": "bool", "default": False, "no_log": False},
        "check_health": {"type": "bool", "default": False},
        "check_health_timeout": {"type": "int", "default": 15},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    grafana.run(AnsibleModule(**grafana.arguments(options)), Datasource)


if __name__ == "__main__":
    main()
