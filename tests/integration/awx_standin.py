# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in of AWX's API: it keeps what the modules of awx.awx send, and refuses what AWX 24 would refuse of ours."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import jinja2.sandbox
from dateutil.rrule import rrulestr

ENCRYPTED = "$encrypted$"
SURVEY = {"textarea": str, "text": str, "password": str, "multiplechoice": str, "multiselect": str, "integer": int}
INPUT_KEYS = {
    "type",
    "format",
    "choices",
    "id",
    "label",
    "help_text",
    "multiline",
    "secret",
    "ask_at_runtime",
    "default",
}
# Built-in types: kind, required inputs, secrets.
BUILT_IN = {
    "Machine": ("ssh", [], ["password", "ssh_key_data", "become_password"]),
    "Amazon Web Services": ("cloud", ["username", "password"], ["password", "security_token"]),
    "Vault": ("vault", ["vault_password"], ["vault_password"]),
}
UNIFIED = ("job_templates", "workflow_job_templates", "projects")
# Prompts of a node or a schedule, and what its template has to allow.
PROMPTS = {"skip_tags": "ask_skip_tags_on_launch", "job_tags": "ask_tags_on_launch", "limit": "ask_limit_on_launch"}


class Refused(Exception):
    """A 400."""


class Awx:
    def __init__(self, project: Path):
        self.project = project
        self.objects = {"organizations": {}, "credential_types": {}}  # endpoint -> id -> object
        self.links = {}  # (endpoint, id, association) -> ids
        self.writes = []
        self.next_id = 1
        self.create("organizations", {"name": "Default"})
        for name, (kind, required, secret) in BUILT_IN.items():
            fields = [{"id": one, "secret": True} for one in secret]
            about = {"name": name, "kind": kind, "inputs": {"fields": fields, "required": required}, "managed": True}
            self.create("credential_types", about)

    def all(self, endpoint):
        kinds = UNIFIED if endpoint == "unified_job_templates" else (endpoint,)
        return [one for kind in kinds for one in self.objects.get(kind, {}).values()]

    def named(self, endpoint, name):
        [found] = [one for one in self.all(endpoint) if one["name"] == name]
        return found

    def create(self, endpoint, given):
        check = getattr(self, "check_" + endpoint, None)
        if check:
            check(given)
        ident, self.next_id = self.next_id, self.next_id + 1
        url = f"/api/v2/{endpoint}/{ident}/"
        related = {"survey_spec": url + "survey_spec/"}
        # What AWX answers for fields that nobody gave.
        filled = {"description": "", "extra_vars": "---", "summary_fields": {}, "related": related}
        one = {**filled, **given, "id": ident, "url": url, "type": endpoint.removesuffix("s")}
        self.objects.setdefault(endpoint, {})[ident] = one
        return one

    # ------------------------------------------------------------------------------------------ what AWX refuses

    def check_credential_types(self, given):
        if given.get("managed"):
            return
        need(given["kind"] in ("cloud", "net"), f"{given['name']}: kind {given['kind']}")
        fields = given["inputs"]["fields"]
        for field in fields:
            need(set(field) <= INPUT_KEYS and {"id", "label"} <= set(field), f"{field}")
            need(re.fullmatch(r"[a-zA-Z_]\w*", field["id"]), field["id"])
        names = [field["id"] for field in fields]
        need(len(names) == len(set(names)), "field IDs must be unique")
        need(set(given["inputs"].get("required", [])) <= set(names), "required")
        need(set(given["injectors"]) <= {"env", "file", "extra_vars"}, "injectors")
        environment = jinja2.sandbox.ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
        for template in given["injectors"].get("extra_vars", {}).values():
            need("{{" in template, f"{template} gives no input to the job")
            environment.from_string(template).render(dict.fromkeys(names, "EXAMPLE"))
        need(not any(name.startswith("ANSIBLE_") for name in given["injectors"].get("env", {})), "env")

    def check_credentials(self, given):
        inputs = self.objects["credential_types"][given["credential_type"]]["inputs"]
        missing = [one for one in inputs.get("required", []) if not given["inputs"].get(one)]
        need(not missing, f"{given['name']} lacks {missing}")

    def check_inventory_sources(self, given):
        credential = given.get("credential")
        if credential:
            kind = self.objects["credentials"][credential]["credential_type"]
            kind = self.objects["credential_types"][kind]["kind"]
            need(kind not in ("insights", "vault"), "disallowed for scm inventory sources")
        need(given["source"] == "scm" and given["source_project"] in self.objects["projects"], "source_project")

    def check_job_templates(self, given):
        path = self.project / given["playbook"]
        lines = path.read_text().splitlines() if path.exists() else []
        pattern = r"\s*?-?\s*?(?:hosts|(ansible\.builtin\.)?include|(ansible\.builtin\.)?import_playbook):\s*?.*?$"
        need(any(re.match(pattern, line) for line in lines), f"Playbook {given['playbook']} not found for project")
        for name in ("project", "inventory", "execution_environment"):
            need(isinstance(given[name], int), f"{name} is no id")
        for name, value in given.items():
            need(not name.startswith("ask_") or isinstance(value, bool), name)

    def check_workflow_job_template_nodes(self, given):
        self.check_prompts(given, given)

    def check_schedules(self, given):
        rule = given["rrule"]
        need(re.match(r"DTSTART(;TZID=[^:]+)?:\d{8}T\d{6}Z? RRULE:", rule), f"{rule}: DTSTART")
        need(rule.count("RRULE:") == 1 and "INTERVAL=" in rule and "BYYEARDAY" not in rule, rule)
        rrulestr(rule.replace(" RRULE", "\nRRULE"))
        self.check_prompts(given, given.get("extra_data") or {})

    def check_prompts(self, given, prompts):
        if "unified_job_template" not in given:
            return
        [template] = [one for one in self.all("unified_job_templates") if one["id"] == given["unified_job_template"]]
        for name, ask in PROMPTS.items():
            need(name not in prompts or template.get(ask) is True, f"{template['name']}: {name} needs {ask}")

    @staticmethod
    def check_survey(given):
        need(isinstance(given.get("name"), str) and isinstance(given.get("description"), str), "name and description")
        need(given.get("spec"), "spec")
        seen = set()
        for question in given["spec"]:
            for key, kind in (("type", str), ("question_name", str), ("variable", str), ("required", bool)):
                need(isinstance(question.get(key), kind), f"{question}: {key}")
            need(question["variable"] not in seen, f"{question['variable']} twice")
            seen.add(question["variable"])
            need(question["type"] in SURVEY, question["type"])
            default = question.get("default", "")
            need(default == "" or isinstance(default, SURVEY[question["type"]]), f"{question['variable']}: {default}")
            if question["type"] == "multiplechoice":
                need(
                    question.get("choices") and default in ["", *question["choices"]],
                    f"{question['variable']}: choices",
                )

    def check_link(self, endpoint, ident, association, other):
        """One credential of a type, but for Vault."""
        if association != "credentials":
            return
        kinds = [
            self.objects["credentials"][one]["credential_type"]
            for one in self.links.get((endpoint, ident, association), [])
        ]
        kind = self.objects["credentials"][other]["credential_type"]
        need(kind not in kinds, "Cannot assign multiple credentials of one type")

    # -------------------------------------------------------------------------------------------------- requests

    def shown(self, one):
        """Secrets are never given back."""
        if "credential_type" not in one:
            return one
        fields = self.objects["credential_types"][one["credential_type"]]["inputs"]["fields"]
        secret = {field["id"] for field in fields if field.get("secret")}
        inputs = {name: ENCRYPTED if name in secret and value else value for name, value in one["inputs"].items()}
        return {**one, "inputs": inputs}

    def get(self, endpoint, rest, query):
        if not rest:
            wanted = {name: value for name, value in query.items() if name not in ("page_size", "order_by")}
            found = [
                one for one in self.all(endpoint) if all(str(one.get(name)) == value for name, value in wanted.items())
            ]
        elif len(rest) == 1:
            return self.shown(self.objects[endpoint][int(rest[0])])
        elif rest[1] == "survey_spec":
            return self.objects[endpoint][int(rest[0])].get("survey_spec", {})
        else:
            found = [{"id": one} for one in self.links.get((endpoint, int(rest[0]), rest[1]), [])]
        return {"count": len(found), "next": None, "results": [self.shown(one) for one in found]}

    def write(self, method, endpoint, rest, given):
        self.writes.append((method, "/".join([endpoint, *rest]), given))
        if not rest:
            return 201, self.shown(self.create(endpoint, given))
        ident = int(rest[0])
        if method == "PATCH":
            self.objects[endpoint][ident].update(given)
            return 200, self.shown(self.objects[endpoint][ident])
        if rest[1] == "survey_spec":
            self.check_survey(given)
            self.objects[endpoint][ident]["survey_spec"] = given
            return 200, {}
        links = self.links.setdefault((endpoint, ident, rest[1]), [])
        if given.get("disassociate"):
            links.remove(given["id"])
        else:
            self.check_link(endpoint, ident, rest[1], given["id"])
            links.append(given["id"])
        return 204, None


def need(true, text):
    if not true:
        raise Refused(text)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer()

    do_POST = do_PATCH = do_GET

    def answer(self):
        url = urlsplit(self.path)
        endpoint, *rest = url.path.removeprefix("/api/v2/").strip("/").split("/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if self.headers.get("Authorization") != "Bearer token":
                status, found = 401, {}
            elif self.command == "GET":
                status, found = 200, self.server.awx.get(endpoint, rest, dict(parse_qsl(url.query)))
            else:
                status, found = self.server.awx.write(self.command, endpoint, rest, json.loads(body))
        except (Refused, jinja2.TemplateError, ValueError, KeyError) as err:
            status, found = 400, {"__all__": [f"{type(err).__name__}: {err}"]}
        content = b"" if found is None else json.dumps(found).encode()
        self.send_response(status)
        self.send_header("X-API-Product-Name", "AWX")
        self.send_header("X-API-Product-Version", "24.6.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


def serve(project: Path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.awx = Awx(project)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
