# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One data source: what is stored, whether it works, and what to send. Private."""

from __future__ import annotations

import re
import time

from .._text import one_line
from . import client as grafana
from .model import equal
from .module import check_uid, connect, credentials_in, refuse_credentials

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

    def __init__(self, works, message, unexplained=False):
        self.works, self.message = works, one_line(message, 500)
        self.unexplained = unexplained  # a server that is down, or a certificate that is not taken

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
    KIND = "Data source"

    def __init__(self, module):
        self.module, self.params = module, module.params
        self.client = connect(module)
        self.uid = self.params["uid"]
        check_uid(self.uid)
        refuse_credentials(module, "ds_url")
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
            secrets[key] = grafana.read_text(path, "secure_json_data_files.%s:" % key)
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
        found.append((credentials_in(current.get("url")) or "").partition(":")[2])
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
            return Health(False, "Grafana cannot reach ds_url (status %d)" % answer.status, unexplained=True)
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
            # Where nothing tells why, the certificates may be old ones: the run would fail anyway.
            doubtful = health.unexplained and self.params["check_health"]
            doubtful = doubtful and any(self.secrets.get(key) for key in CERTIFICATE_KEYS)
            sent = self.secrets_to_send(current, doubtful or health.refuses(self.secrets))
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
