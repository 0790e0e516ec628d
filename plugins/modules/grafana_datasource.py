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
  - An unchanged data source costs one request, or two when O(secure_json_data) or O(check_health) is given.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring.grafana
attributes:
  check_mode:
    support: full
    description: Sends nothing that could change Grafana.
  diff_mode:
    support: full
    description: Secrets are only named, never shown.
  idempotent:
    support: partial
    description: With O(update_secrets=true) every run is a change.
  platform:
    support: full
    description: Where the module runs.
    platforms: posix
  action_group:
    support: full
    description: Connection options can be given once in C(module_defaults).
    membership: [redisops.monitoring.grafana]
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
        finds nothing else to change. That way a rotated password arrives with the next run.
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
      description: V(OK), V(ERROR), or V(UNKNOWN) where there is no way to ask.
      type: str
    message:
      description: The words of Grafana or of the server.
      type: str
  sample: {status: OK, message: Successfully queried the Prometheus API.}
"""

import re
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import _grafana as grafana
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana_dashboard import equal

# Of what a read gives, all but these may be sent back in an update.
READ_ONLY = {
    "id",
    "orgId",
    "uid",
    "typeLogoUrl",
    "typeName",
    "secureJsonFields",
    "version",
    "readOnly",
    "accessControl",
}

# How each field of the API is called here, in the order of the documentation.
FIELDS = {
    "name": "name",
    "type": "ds_type",
    "url": "ds_url",
    "access": "access",
    "isDefault": "is_default",
    "basicAuthUser": "basic_auth_user",
    "user": "user",
    "database": "database",
    "withCredentials": "with_credentials",
    "jsonData": "json_data",
}

# What to ask a server of which type, where its plugin has no health check.
PROBES = {
    "prometheus": "api/v1/query?query=1",
    "alertmanager": "api/v2/status",
    "loki": "loki/api/v1/labels",
}

# What runs in the browser only, so that no version of Grafana has a check for it.
UNCHECKED = ("alertmanager",)

REFUSED = re.compile(r"\b40[13]\b|unauthori[sz]ed|forbidden|authentication|access denied|permission denied", re.I)
BAD_CERTIFICATE = re.compile(r"x509|tls: |certificate|private key", re.I)
# How Grafana says that the plugin cannot be asked, in the order of versions.
NO_CHECK = re.compile(r"plugin (?:is )?unavailable|not (?:found|implemented|registered)|no health check", re.I)

# Names that plugins give to secrets. What json_data holds every viewer can read.
SECRET_NAMES = re.compile(
    r"(?:password|passphrase|secret|token|apikey|api_key|(?:secret|access|private|client)_?key|httpheadervalue[0-9]+)\Z",
    re.I,
)
CERTIFICATE_KEYS = ("tlsCACert", "tlsClientCert", "tlsClientKey")


class Health:
    """What is known of a data source: `works` is True, False, or None when nobody can tell."""

    def __init__(self, works, message):
        self.works, self.message = works, grafana.one_line(message)

    def refuses(self, secrets):
        """Whether the server behind it does not take what Grafana has stored."""
        if self.works is not False:
            return False
        if REFUSED.search(self.message):
            return True
        return any(secrets.get(key) for key in CERTIFICATE_KEYS) and bool(BAD_CERTIFICATE.search(self.message))

    def as_result(self):
        return {"status": {True: "OK", False: "ERROR", None: "UNKNOWN"}[self.works], "message": self.message}


class Datasource:
    def __init__(self, module):
        self.module, self.params = module, module.params
        self.client = grafana.connect(module)
        self.uid = self.params["uid"]
        grafana.check_uid(self.uid)
        grafana.refuse_credentials(module, "ds_url")
        self.path = "/api/datasources/uid/" + self.uid
        self.secrets = self.read_secrets()
        self.refuse_secrets()
        self.result = {"changed": False, "uid": self.uid}

    def read_secrets(self):
        secrets = {}
        for key, value in (self.params["secure_json_data"] or {}).items():
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                raise grafana.GrafanaError("secure_json_data.%s has to be a string; an empty one removes it" % key)
            secrets[key] = str(value)
        for key, path in (self.params["secure_json_data_files"] or {}).items():
            if key in secrets:
                raise grafana.GrafanaError("%s is in secure_json_data and in secure_json_data_files" % key)
            try:
                with open(path, encoding="utf-8") as handle:
                    secrets[key] = handle.read()
            except (OSError, UnicodeDecodeError) as exc:
                reason = getattr(exc, "strerror", None) or "it is not text"
                raise grafana.GrafanaError(
                    "secure_json_data_files.%s: %s cannot be read: %s" % (key, path, reason)
                ) from exc
            self.module.no_log_values.update((secrets[key], secrets[key].strip()))
        return secrets

    def secrets_in(self, node, path):
        """(where, value) of what is called like a secret, or holds one of ours."""
        ours = [value for value in self.secrets.values() if len(value) >= 8]
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            where = "%s.%s" % (path, key)
            if isinstance(value, (dict, list)):
                yield from self.secrets_in(value, where)
                continue
            named = SECRET_NAMES.search(str(key))
            if isinstance(value, str) and value and (named or any(one in value for one in ours)):
                yield where, value

    def refuse_secrets(self):
        """A secret that went to the wrong option would be stored and shown in clear, in the diff as well."""
        found = dict(self.secrets_in(self.params["json_data"] or {}, "json_data"))
        self.module.no_log_values.update(found.values())
        if found:
            raise grafana.GrafanaError(
                "%s looks like a secret, and every viewer could read it: give it in secure_json_data" % ", ".join(found)
            )

    def hide_secrets(self, current):
        """What somebody else has stored in clear is not to be shown by us."""
        found = [value for _where, value in self.secrets_in(current.get("jsonData") or {}, "")]
        found.append((grafana.credentials_in(current.get("url")) or "").partition(":")[2])
        self.module.no_log_values.update(value for value in found if value)

    # -- what is there

    def read(self):
        current = self.client.get(self.path)
        if current is not None:
            self.hide_secrets(current)
        if current is None:
            self.client.check_org()
        elif self.params["org_id"] is not None and current.get("orgId") not in (None, self.params["org_id"]):
            text = "%s belongs to organisation %s, not %s" % (self.client.who, current["orgId"], self.params["org_id"])
            raise self.client.error(text)
        return current

    def check_name(self, name):
        """Names are unique as well; say who has it, which the server does not."""
        for other in self.client.get("/api/datasources") or []:
            if other["name"] == name and other["uid"] != self.uid:
                raise self.client.error(
                    "the name %r belongs to the data source with uid %s: take another name, or manage that one"
                    % (name, other["uid"])
                )

    # -- what it should be

    def desired(self, current):
        """The whole object to send, because an update replaces: what is not sent is emptied."""
        if current:
            known = set(FIELDS) | {"basicAuth"}
            body = {key: value for key, value in current.items() if key not in READ_ONLY and (value or key in known)}
        else:
            if not self.params["ds_type"]:
                raise grafana.GrafanaError("ds_type is needed to create it: Grafana has no data source with this uid")
            body = {"name": self.uid, "access": "proxy", "isDefault": False, "jsonData": {}}
        for field, option in FIELDS.items():
            if self.params[option] is not None:
                body[field] = self.params[option]
        if self.params["basic_auth_user"] is not None:
            body["basicAuth"] = bool(self.params["basic_auth_user"])
        body["uid"] = self.uid
        return body

    def secrets_to_send(self, current, everything):
        """All of them, or those that cannot be as wanted; see the documentation of secure_json_data."""
        stored = (current or {}).get("secureJsonFields") or {}
        wanted = {key: value for key, value in self.secrets.items() if value or key in stored}
        if everything:
            return wanted
        return {key: value for key, value in wanted.items() if not value or key not in stored}

    @staticmethod
    def view(body, stored, sent=None):
        """For the diff: fields by the names of the options, secrets by their names only."""
        if not body:
            return {}
        view = {option: body[field] for field, option in FIELDS.items() if body.get(field) not in (None, "", {}, False)}
        view["is_default"] = bool(body.get("isDefault"))
        secrets = {key: "as stored" for key in stored or {}}
        for key, value in (sent or {}).items():
            secrets[key] = ("set again" if key in secrets else "set") if value else "removed"
        if secrets:
            view["secure_json_data"] = {key: value for key, value in secrets.items() if value != "removed"}
        return view

    # -- does it work

    def health(self, only_probe=False):
        """Asks once. `only_probe` spares a request: straight through the proxy, where that says enough."""
        probed = None
        if self.kind in PROBES and (only_probe or self.old or self.kind in UNCHECKED):
            probed = self.probe()
            # Why it cannot reach a server the proxy does not say, and it may be a certificate that is a secret here.
            certificates = any(self.secrets.get(key) for key in CERTIFICATE_KEYS)
            if probed.works or self.kind in UNCHECKED or only_probe and not certificates:
                return probed
        answer = self.client.ask("GET", self.path + "/health", tries=False)
        body = answer.data if isinstance(answer.data, dict) else {}
        if "status" in body and answer.status in (200, 400):
            return Health(body["status"] == "OK", body.get("message", ""))
        if answer.status in (401, 403):
            self.client.judge(answer)
        said = answer.message or "status %d" % answer.status
        if answer.status in (404, 501) or answer.status >= 500 and NO_CHECK.search(said):
            return probed or self.probe()
        if answer.status >= 500 and self.kind in PROBES:
            probed = probed or self.probe()
            return probed if probed.works else Health(False, "%s; %s" % (said, probed.message))
        return Health(False, said)

    def probe(self):
        path = PROBES.get(self.kind)
        if not path:
            return Health(None, "Grafana has no health check for data sources of type %s" % self.kind)
        if self.kind == "alertmanager" and self.json_data.get("implementation", "mimir") != "prometheus":
            path = "alertmanager/" + path
        answer = self.client.ask("GET", "/api/datasources/proxy/uid/%s/%s" % (self.uid, path), tries=False)
        if answer.status == 200 and isinstance(answer.data, dict):
            return Health(True, "the server answers through Grafana's proxy")
        if answer.status == 200:
            return Health(False, "what answers at ds_url is no %s" % self.kind)
        if answer.status in (401, 403) and isinstance(answer.data, dict) and "accessErrorId" in answer.data:
            self.client.judge(answer)
        if answer.status in (502, 504):
            return Health(False, "Grafana cannot reach ds_url (status %d)" % answer.status)
        return Health(False, "%s (status %d)" % (answer.message or "no reason given", answer.status))

    def health_of_stored_secrets(self):
        try:
            return self.health(only_probe=not self.params["check_health"])
        except grafana.GrafanaError as exc:
            if self.params["check_health"] and not isinstance(exc, grafana.Unanswered):
                raise
            return Health(None, str(exc))

    def health_in_time(self):
        """Gives a server that is only starting the time to come up."""
        deadline = time.monotonic() + self.params["check_health_timeout"]
        while True:
            try:
                health = self.health()
            except grafana.Unanswered as exc:
                health = Health(False, str(exc))
            left = deadline - time.monotonic()
            if health.works is not False or health.refuses(self.secrets) or left <= 0:
                return health
            time.sleep(min(2, max(left, 0.1)))

    # -- making it so

    def present(self):
        current = self.read()
        body = self.desired(current)
        self.kind, self.json_data = body["type"], body.get("jsonData") or {}
        self.old = bool(current) and "apiVersion" not in current
        different = self.differences(body, current)
        health = None
        everything = bool(not current or different or self.params["update_secrets"])
        sent = self.secrets_to_send(current, everything)
        if current and current.get("readOnly"):
            if different or sent:
                raise self.client.error(
                    "this data source is provisioned from a file and read-only (%s would change): change that file"
                    % ", ".join(different or ["secure_json_data"])
                )
        elif self.secrets and not everything and not sent:
            health = self.health_of_stored_secrets()
            sent = self.secrets_to_send(current, health.refuses(self.secrets))
        if not current or "name" in different:
            self.check_name(body["name"])
        changed = bool(not current or different or sent)
        stored = (current or {}).get("secureJsonFields")
        self.result["secrets_sent"] = sorted(sent)
        self.result["diff"] = {"before": self.view(current, stored), "after": self.view(body, stored, sent)}
        if changed and self.module.check_mode:
            self.result["changed"] = True
            return
        if changed:
            current = self.write(current, body, sent)
            self.result["changed"] = True
        self.result["datasource"] = current
        if self.params["check_health"]:
            self.finish_with_health(None if changed else health)
        elif changed and health and self.health(only_probe=True).refuses(self.secrets):
            self.module.warn("Data source %s: its server refuses the secrets that were just sent too" % self.uid)

    @staticmethod
    def differences(body, current):
        """Names of the options whose values differ. What is empty may also be missing."""
        current = current or {}
        names = [key for key in body if key != "uid" and not equal(body[key] or None, current.get(key) or None)]
        return [FIELDS.get(key, key) for key in names]

    def write(self, current, body, sent):
        if sent:
            body = dict(body, secureJsonData=sent)
        if current:
            answer = self.client.request("PUT", self.path, body)
            if answer is None:
                raise self.client.error("the data source disappeared while it was updated: run again")
        else:
            answer = self.client.create("/api/datasources", body, self.read, accept=(409,))
            if isinstance(answer, grafana.Answer):
                # Somebody else made it between the look and the write: then correct what they made.
                current = self.read()
                if current is None:
                    raise self.client.error(answer.message)
                return self.write(current, body, sent)
            if "datasource" not in answer:
                # The answer was lost; what is there now may be ours or that of somebody else. This settles it.
                return self.write(answer, body, sent)
        written = answer["datasource"]
        odd = self.differences({key: value for key, value in body.items() if key != "secureJsonData"}, written)
        if odd:
            self.module.warn(
                "Grafana keeps other values than it was sent, so every run will be a change: " + ", ".join(odd)
            )
        return written

    def finish_with_health(self, health):
        if health is None or health.works is not True:
            health = self.health_in_time()
        self.result["health"] = health.as_result()
        if health.works is False:
            raise grafana.GrafanaError("the data source does not work: %s" % health.message)
        if health.works is None:
            self.module.warn("Data source %s: %s" % (self.uid, health.message))

    def absent(self):
        current = self.read()
        if not current:
            return
        if current.get("readOnly"):
            raise self.client.error("this data source is provisioned from a file and read-only: remove it there")
        self.result["diff"] = {"before": self.view(current, current.get("secureJsonFields")), "after": {}}
        if not self.module.check_mode:
            self.client.request("DELETE", self.path)
        self.result["changed"] = True


def main():
    module = AnsibleModule(
        argument_spec=grafana.argument_spec(
            uid={"type": "str", "required": True},
            name={"type": "str"},
            ds_type={"type": "str"},
            ds_url={"type": "str"},
            access={"type": "str", "choices": ["proxy", "direct"]},
            is_default={"type": "bool"},
            basic_auth_user={"type": "str"},
            user={"type": "str"},
            database={"type": "str"},
            with_credentials={"type": "bool"},
            json_data={"type": "dict"},
            secure_json_data={"type": "dict", "no_log": True},
            secure_json_data_files={"type": "dict", "no_log": False},
            update_secrets={"type": "bool", "default": False, "no_log": False},
            check_health={"type": "bool", "default": False},
            check_health_timeout={"type": "int", "default": 15},
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        ),
        mutually_exclusive=grafana.MUTUALLY_EXCLUSIVE,
        required_one_of=grafana.REQUIRED_ONE_OF,
        required_together=grafana.REQUIRED_TOGETHER,
        required_by=grafana.REQUIRED_BY,
        supports_check_mode=True,
    )
    result = {}
    try:
        datasource = Datasource(module)
        result = datasource.result
        getattr(datasource, module.params["state"])()
    except grafana.GrafanaError as exc:
        module.fail_json(msg="Data source %s: %s" % (module.params["uid"], exc), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
