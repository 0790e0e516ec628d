# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the part of Grafana's HTTP API that this collection uses, for labs without the real package.

    grafana server --config /etc/grafana/grafana.ini --homepath /usr/share/grafana
    grafana cli --config F --homepath H admin reset-admin-password NEW

It reads the same grafana.ini, answers as Grafana 9.4 or 12.4 ([standin] flavour, or GRAFANA_STANDIN_FLAVOUR) and
says what it is wherever it can: `"commit": "stand-in"` in /api/health, the headers Server and X-Grafana-Stand-In.
How the real ones answer is recorded in recordings/; the tests beside it replay them.
One file, standard library only: the lab packs it as /usr/sbin/grafana.
"""

from __future__ import annotations

import base64
import configparser
import copy
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import secrets
import signal
import socket
import socketserver
import sqlite3
import ssl
import sys
import tempfile
import threading
import time
import urllib.parse
import uuid

VERSIONS = {"9.4": "9.4.0", "12.4": "12.4.0"}
UID = re.compile(r"[a-zA-Z0-9\-_]+\Z")
VERSIONS_KEPT = 20
LOCKOUT_TRIES, LOCKOUT_SECONDS = 5, 300
ROLES = {"Viewer": 1, "Editor": 2, "Admin": 3}
DEFAULTS = {
    "server": {
        "protocol": "http",
        "http_addr": "",
        "http_port": "3000",
        "domain": "localhost",
        "root_url": "%(protocol)s://%(domain)s:%(http_port)s/",
        "cert_file": "",
        "cert_key": "",
        "min_tls_version": "TLS1.2",
    },
    "security": {"admin_user": "admin", "admin_password": "admin", "secret_key": "SW2YcwTIb9zpOOhoPsMm"},
    "paths": {"data": "data", "logs": "", "provisioning": ""},
    "metrics": {"enabled": "true", "basic_auth_username": "", "basic_auth_password": ""},
    "aws": {"allowed_auth_providers": "default,keys,credentials"},
    "standin": {"flavour": ""},
}


class Fatal(Exception):
    """Ends the start with one line, as the real server does."""


# --- configuration -----------------------------------------------------------------------------------------------


class Config:
    """grafana.ini over the defaults, GF_SECTION_KEY over both; $__file{} and $__env{} are replaced in any value."""

    def __init__(self, path=None, overrides=(), environ=None):
        environ = os.environ if environ is None else environ
        self.values = {section: dict(keys) for section, keys in DEFAULTS.items()}
        final = {}
        for item in overrides:  # cfg:default.paths.data=/x comes below the file, cfg:paths.data=/x above it
            name, _sep, value = item[len("cfg:") :].partition("=")
            default = name.startswith("default.")
            section, _sep, key = (name[len("default.") :] if default else name).rpartition(".")
            if default:
                self.values.setdefault(section, {})[key] = value
            else:
                final[section, key] = value
        if path:
            parser = configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#", ";"))
            try:
                with open(path, encoding="utf-8") as handle:
                    parser.read_string("[DEFAULT_SECTION_OF_GRAFANA]\n" + handle.read())
            except (OSError, configparser.Error, UnicodeDecodeError) as exc:
                raise Fatal("failed to parse %r: %s" % (path, " ".join(str(exc).split()))) from exc
            for section in parser.sections():
                self.values.setdefault(section, {}).update(
                    (key, value.strip().strip('"`')) for key, value in parser.items(section)
                )
        for section, keys in self.values.items():
            for key in keys:
                name = ("GF_%s_%s" % (section, key)).upper().replace(".", "_").replace("-", "_")
                if name in environ:
                    keys[key] = environ[name]
        for (section, key), value in final.items():
            self.values.setdefault(section, {})[key] = value
        for section, keys in self.values.items():
            for key, value in keys.items():
                keys[key] = self._expand(section, key, value, environ)
        self.flavour = environ.get("GRAFANA_STANDIN_FLAVOUR") or self.get("standin", "flavour") or "12.4"
        if self.flavour not in VERSIONS:
            raise Fatal("standin.flavour %r is none of %s" % (self.flavour, ", ".join(VERSIONS)))

    @staticmethod
    def _expand(section, key, value, environ):
        def from_file(match):
            try:
                with open(match.group(1).strip(), encoding="utf-8") as handle:
                    return handle.read().strip()
            except OSError as exc:
                raise Fatal("failed to read %s.%s: %s: %s" % (section, key, exc.filename, exc.strerror)) from exc

        value = re.sub(r"\$__file\{([^}]*)\}", from_file, value)
        return re.sub(r"\$__env\{([^}]*)\}", lambda match: environ.get(match.group(1), ""), value)

    def get(self, section, key):
        return self.values.get(section, {}).get(key, "")


# --- storage -----------------------------------------------------------------------------------------------------


class Store:
    """JSON documents by kind and key in SQLite. A read never writes: the file stays as it is, byte for byte."""

    def __init__(self, directory):
        try:
            os.makedirs(directory, mode=0o750, exist_ok=True)
            self.path = os.path.join(directory, "grafana.db")
            old_mask = os.umask(0o027)
            try:
                self.db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None, timeout=10)
                self.db.execute(
                    "CREATE TABLE IF NOT EXISTS doc (kind TEXT, key TEXT, json TEXT, PRIMARY KEY (kind, key))"
                )
            finally:
                os.umask(old_mask)
        except (OSError, sqlite3.Error) as exc:
            raise Fatal("failed to open the database in %s: %s" % (directory, exc)) from exc

    def get(self, kind, key):
        row = self.db.execute("SELECT json FROM doc WHERE kind = ? AND key = ?", (kind, str(key))).fetchone()
        return json.loads(row[0]) if row else None

    def all(self, kind):
        return [
            json.loads(row[0]) for row in self.db.execute("SELECT json FROM doc WHERE kind = ? ORDER BY rowid", (kind,))
        ]

    def put(self, kind, key, doc):
        self.db.execute(
            "INSERT INTO doc VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET json = excluded.json",
            (kind, str(key), json.dumps(doc)),
        )

    def delete(self, kind, key):
        self.db.execute("DELETE FROM doc WHERE kind = ? AND key = ?", (kind, str(key)))

    def next_id(self, kind):
        number = (self.get("sequence", kind) or 0) + 1
        self.put("sequence", kind, number)
        return number


def hash_password(password, salt):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), 1000).hex()


def hash_token(token):
    return hashlib.sha256(token.encode()).hexdigest()


class Vault:
    """Keeps datasource secrets unreadable in the database file. Good enough for a lab, and for nothing else."""

    def __init__(self, key):
        self.key = hashlib.sha256(key.encode()).digest()

    def _stream(self, nonce, length):
        blocks = (hmac.new(self.key, nonce + bytes([n]), "sha256").digest() for n in range(length // 32 + 1))
        return b"".join(blocks)[:length]

    def seal(self, text):
        nonce, data = os.urandom(16), text.encode()
        return base64.b64encode(nonce + bytes(a ^ b for a, b in zip(data, self._stream(nonce, len(data))))).decode()

    def open(self, sealed):
        raw = base64.b64decode(sealed)
        return bytes(a ^ b for a, b in zip(raw[16:], self._stream(raw[:16], len(raw) - 16))).decode()


# --- answers -----------------------------------------------------------------------------------------------------


class Answer(Exception):
    """An answer; raised where that ends the work on a request early."""

    def __init__(self, status, body=None, headers=None, content_type="application/json"):
        super().__init__(status)
        self.status, self.body, self.headers, self.content_type = status, body, headers or {}, content_type


def utc(stamp=None):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stamp))


def slugify(title):
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def unescape(segment):
    return urllib.parse.unquote(segment)


class Caller:
    """Who asks: a user or a service account, in which organisation, with which role."""

    def __init__(self, name, org, role, server_admin=False, user=None):
        self.name, self.org, self.role, self.server_admin, self.user = name, org, role, server_admin, user


ROUTES = []


def route(method, pattern, role="Viewer", needs="", server_admin=False, public=False):
    """A URL, and who may call it: `needs` is the permission that a refusal names."""

    def register(function):
        ROUTES.append((method, re.compile(pattern + r"\Z"), role, needs, server_admin, public, function))
        return function

    return register


class Grafana:
    """Everything the API does, without the HTTP around it."""

    def __init__(self, config):
        self.config = config
        self.new = config.flavour != "9.4"
        self.version = VERSIONS[config.flavour]
        self.store = Store(config.get("paths", "data"))
        self.vault = Vault(config.get("security", "secret_key"))
        self.lock = threading.RLock()
        self.started = time.time()
        self.faults = []  # for tests: functions (method, path) -> None or an action, see Handler
        self.log = []  # for tests: (method, path, status)
        if not self.store.get("org", 1):
            self.store.next_id("org")
            self.store.put("org", 1, {"id": 1, "name": "Main Org."})
            user = {"login": config.get("security", "admin_user"), "admin": True, "orgs": {"1": "Admin"}}
            self.save_user(user, config.get("security", "admin_password"))

    # -- helpers

    def fail(self, code, message, message_id="", **more):
        """An error in the shape that this version gives it."""
        body = dict({"message": message}, **more)
        if self.new:
            if message_id:
                body.update(statusCode=code, messageId=message_id)
        elif not more:
            body["traceID"] = ""
        return Answer(code, body)

    def plain(self, code, message, **more):
        return Answer(code, dict({"message": message}, **more))

    def denied(self, needs):
        text = "You'll need additional permissions to perform this action. Permissions needed: " + needs
        number = "ACE%010d" % secrets.randbelow(10**10)
        return Answer(403, {"accessErrorId": number, "message": text, "title": "Access denied"})

    def new_uid(self):
        alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
        return "".join(secrets.choice(alphabet) for dummy in range(14 if self.new else 9))

    def new_id(self, kind):
        number = self.store.next_id(kind)
        return int(time.time() * 10**6) + number if self.new and kind in ("dashboard", "folder") else number

    def save_user(self, user, password=None):
        if "id" not in user:
            user.update(id=self.store.next_id("user"), uid=self.new_uid(), created=utc())
        if password is not None:
            user["salt"] = secrets.token_hex(8)
            user["hash"] = hash_password(password, user["salt"])
        user["updated"] = utc()
        self.store.put("user", user["id"], user)

    def find_user(self, login):
        for user in self.store.all("user"):
            if login in (user["login"], user.get("email", user["login"] + "@localhost")):
                return user
        return None

    # -- who is it

    def wrong_password(self):
        text = "Invalid username or password" if self.new else "invalid username or password"
        answer = self.fail(401, text, "password-auth.failed")
        if self.new:
            answer.body.update(extra=None, traceID="")
        return answer

    def refused_token(self, text, message_id):
        answer = self.fail(401, text, message_id)
        if self.new:
            answer.body.update(extra=None, traceID="")
        return answer

    def check_password(self, login, password):
        """The user, or None. Five wrong tries in five minutes close the account to the right password as well."""
        recent = [at for at in self.store.get("attempts", login) or [] if at > time.time() - LOCKOUT_SECONDS]
        if len(recent) >= LOCKOUT_TRIES:
            return None
        user = self.find_user(login)
        if user and hmac.compare_digest(user["hash"], hash_password(password, user["salt"])):
            return user
        self.store.put("attempts", login, recent + [time.time()])
        return None

    def authenticate(self, headers):
        scheme, _sep, value = (headers.get("Authorization") or "").partition(" ")
        wanted = headers.get("X-Grafana-Org-Id", "")
        wanted = int(wanted) if wanted.isdigit() else None
        if scheme == "Basic":
            try:
                login, _sep, password = base64.b64decode(value).decode().partition(":")
            except ValueError:
                login = password = ""
            user = self.check_password(login, password)
            if not user:
                raise self.wrong_password()
            org = wanted or user.get("using") or int(min(user["orgs"], key=int))
            if str(org) not in user["orgs"]:
                if not self.new:
                    raise self.fail(404, "Organization not found")
                return Caller(login, org, None, user["admin"], user)
            return Caller(login, org, user["orgs"][str(org)], user["admin"], user)
        if scheme == "Bearer":
            for account in self.store.all("serviceaccount"):
                for token in account["tokens"]:
                    if token["hash"] != hash_token(value) or account.get("disabled"):
                        continue
                    if token["expires"] and token["expires"] <= time.time():
                        raise (
                            self.refused_token("Expired API key", "api-key.expired")
                            if self.new
                            else self.plain(401, "Expired API key")
                        )
                    if self.new and wanted and wanted != account["org"]:
                        text = "API key does not belong to the requested organization"
                        raise self.refused_token(text, "api-key.organization-mismatch")
                    return Caller(account["login"], account["org"], account["role"])
            raise self.refused_token("Invalid API key" if self.new else "invalid API key", "api-key.invalid")
        if not self.new:
            raise Answer(401, {"message": "Unauthorized"})
        raise self.refused_token("Unauthorized", "auth.unauthorized")

    def handle(self, method, path, query, headers, body):
        """The answer to one request. `body` is what was sent, as bytes."""
        known = False
        for verb, pattern, role, needs, server_admin, public, function in ROUTES:
            match = pattern.match(path)
            if not match or verb != method:
                continue
            known = True
            with self.lock:
                caller = None if public else self.authenticate(headers)
                if not public:
                    if server_admin and not (caller.server_admin and caller.role):
                        raise self.denied(needs)
                    if ROLES.get(caller.role, 0) < ROLES[role]:
                        raise self.denied(needs or "orgs:read")
            request = Request(caller, query, headers, body, self)
            arguments = [unescape(group) for group in match.groups()]
            if function in UNLOCKED:
                return function(self, request, *arguments)
            with self.lock:
                return function(self, request, *arguments)
        if not known and path.startswith("/apis/") and not self.new:
            raise Answer(404, "404 page not found\n", content_type="text/plain; charset=utf-8")
        if path.startswith(("/api/", "/apis/")):
            with self.lock:
                self.authenticate(headers)
            raise Answer(404, {"message": "Not found"})
        raise Answer(302, "", {"Location": "/login"}, "text/html; charset=utf-8")

    # -- datasources

    def datasource_view(self, doc):
        view = {key: value for key, value in doc.items() if key != "secure"}
        view["secureJsonFields"] = {key: True for key in doc["secure"]}
        logos = {
            "prometheus": "prometheus_logo.svg",
            "alertmanager": "logo.svg",
            "cloudwatch": "amazon-web-services.png",
        }
        logo = logos.get(doc["type"])
        if self.new:
            view["typeLogoUrl"] = (
                "public/plugins/%s/img/%s" % (doc["type"], logo) if logo else "public/img/icn-datasource.svg"
            )
            view["apiVersion"] = ""
        else:
            view["typeLogoUrl"] = ""
        return view

    def datasource(self, caller, uid):
        doc = self.store.get("datasource", "%s/%s" % (caller.org, uid))
        if not doc:
            raise self.plain(404, "Data source not found")
        return doc

    def datasources(self, org):
        found = [doc for doc in self.store.all("datasource") if doc["orgId"] == org]
        return sorted(found, key=lambda doc: doc["name"].lower())

    def put_datasource(self, doc):
        if doc["isDefault"]:
            for other in self.datasources(doc["orgId"]):
                if other["uid"] != doc["uid"] and other["isDefault"]:
                    other["isDefault"] = False
                    self.store.put("datasource", "%s/%s" % (other["orgId"], other["uid"]), other)
        self.store.put("datasource", "%s/%s" % (doc["orgId"], doc["uid"]), doc)

    def check_datasource(self, body):
        if not isinstance(body, dict) or not body.get("access") or not body.get("type"):
            raise self.fail(400, "bad request data")
        try:
            urllib.parse.urlsplit(body.get("url") or "")
        except ValueError:
            raise self.fail(400, "Validation error, invalid URL") from None

    def datasource_fields(self, body):
        text = {
            key: body.get(key) or "" for key in ("name", "type", "access", "url", "user", "database", "basicAuthUser")
        }
        flags = {key: bool(body.get(key)) for key in ("basicAuth", "withCredentials", "isDefault")}
        return dict(text, jsonData=body.get("jsonData") or {}, **flags)

    def seal_secrets(self, body, stored=None):
        sealed = dict(stored or {})
        for key, value in (body.get("secureJsonData") or {}).items():
            if value == "":
                sealed.pop(key, None)
            else:
                sealed[key] = self.vault.seal(value)
        return sealed

    def provision_datasource(self, org=1, **fields):
        """For tests: a datasource as file provisioning makes it."""
        doc = dict(self.datasource_fields(fields), id=self.store.next_id("datasource"), orgId=org, version=1)
        doc.update(uid=fields["uid"], readOnly=True, secure=self.seal_secrets(fields))
        self.put_datasource(doc)

    # -- folders and dashboards

    def folders(self, org):
        return [folder for folder in self.store.all("folder") if folder["org"] == org]

    def folder(self, org, uid):
        return self.store.get("folder", "%s/%s" % (org, uid))

    def folder_not_found(self):
        return self.plain(404, "folder not found", status="not-found")

    def folder_view(self, folder, parents=True):
        view = {
            key: folder[key]
            for key in ("id", "uid", "title", "createdBy", "created", "updated", "updatedBy", "version")
        }
        view["url"] = "/dashboards/f/%s/%s" % (folder["uid"], slugify(folder["title"]))
        view.update(hasAcl=False, canSave=True, canEdit=True, canAdmin=True, canDelete=True)
        if self.new:
            view["orgId"] = folder["org"]
            if folder["parentUid"]:
                view["parentUid"] = folder["parentUid"]
                if parents:
                    chain, parent = [], self.folder(folder["org"], folder["parentUid"])
                    while parent:
                        chain.insert(0, self.folder_view(parent, parents=False))
                        parent = self.folder(folder["org"], parent["parentUid"])
                    if chain:
                        view["parents"] = chain
        return view

    def dashboards(self, org):
        return [dashboard for dashboard in self.store.all("dashboard") if dashboard["org"] == org]

    def dashboard(self, org, uid):
        return self.store.get("dashboard", "%s/%s" % (org, uid))

    def dashboard_not_found(self):
        return self.fail(404, "Dashboard not found")

    def dashboard_slug(self, title):
        slug = slugify(title)
        return hashlib.sha256(slug.encode()).hexdigest()[:7] if self.new and len(slug) > 50 else slug

    def dashboard_url(self, dashboard):
        return "/d/%s/%s" % (dashboard["uid"], self.dashboard_slug(dashboard["data"]["title"]))

    def dashboard_data(self, dashboard, version=None):
        version = version or dashboard["versions"][-1]
        return dict(version["data"], id=dashboard["id"], uid=dashboard["uid"], version=version["version"])

    def new_version(self, dashboard, data, message, by, annotations=None, api="v0alpha1"):
        number = dashboard["version"] + 1 if dashboard.get("version") else 1
        data = {key: value for key, value in data.items() if key not in ("id", "version")}
        entry = {"version": number, "data": data, "message": message, "by": by, "at": utc()}
        dashboard.update(version=number, data=data, updated=utc(), updatedBy=by, api=api)
        dashboard["annotations"] = dict(annotations or {})
        if message:
            dashboard["annotations"]["grafana.app/message"] = message
        dashboard["versions"] = (dashboard.get("versions") or []) + [entry]
        dashboard["versions"] = dashboard["versions"][-VERSIONS_KEPT:]
        self.store.put("dashboard", "%s/%s" % (dashboard["org"], dashboard["uid"]), dashboard)

    def save_dashboard(self, caller, body):
        """POST /api/dashboards/db, with the checks in the order in which the real ones answer."""
        data = body.get("dashboard") if isinstance(body, dict) else None
        if data is None:
            raise self.fail(400, "bad request data")
        if not isinstance(data, dict) or not str(data.get("title") or "").strip():
            raise self.plain(400, "Dashboard title cannot be empty", status="empty-name")
        uid, folder_uid = data.get("uid") or "", body.get("folderUid") or ""
        if len(uid) > 40:
            raise self.plain(400, "uid too long, max 40 characters")
        if uid and not UID.match(uid):
            raise self.plain(400, "uid contains illegal characters")
        if folder_uid and not self.folder(caller.org, folder_uid):
            raise self.fail(400, "folder not found" if self.new else "Folder not found")
        everything = self.dashboards(caller.org)
        stored = self.dashboard(caller.org, uid) if uid else None
        if data.get("id"):
            stored = next((one for one in everything if one["id"] == data["id"]), None)
            if not stored:
                raise self.plain(404, "Dashboard not found", status="not-found")
        if not self.new:  # titles are unique in a folder, and differ from those of folders
            for other in everything:
                same_place = other["folderUid"] == folder_uid and other["data"]["title"] == data["title"]
                if same_place and (not stored or other["uid"] != stored["uid"]):
                    if not body.get("overwrite"):
                        text = "A dashboard with the same name in the folder already exists"
                        raise self.plain(412, text, status="name-exists")
                    stored = other
            if not folder_uid and any(folder["title"] == data["title"] for folder in self.folders(caller.org)):
                raise self.plain(400, "Dashboard name cannot be the same as folder", status="name-match")
        if stored and stored["provisioned"]:
            raise self.plain(400, "Cannot save provisioned dashboard")
        if stored and not body.get("overwrite") and data.get("version") != stored["version"]:
            raise self.plain(412, "The dashboard has been changed by someone else", status="version-mismatch")
        if not stored:
            uid = uid or (str(uuid.uuid4()) if self.new else self.new_uid())
            stored = {"uid": uid, "org": caller.org, "id": self.new_id("dashboard"), "provisioned": ""}
            stored.update(created=utc(), createdBy=caller.name)
        stored["folderUid"] = folder_uid
        self.new_version(stored, dict(data, uid=stored["uid"]), body.get("message") or "", caller.name)
        return stored

    def provision_dashboard(self, data, name, org=1):
        """For tests: a dashboard as file provisioning makes it."""
        dashboard = {
            "uid": data["uid"],
            "org": org,
            "id": self.new_id("dashboard"),
            "provisioned": name,
            "folderUid": "",
        }
        dashboard.update(created=utc(), createdBy="Anonymous")
        self.new_version(dashboard, data, "", "Anonymous")


class Request:
    def __init__(self, caller, query, headers, body, grafana):
        self.caller, self.headers, self.raw, self.grafana = caller, headers, body, grafana
        self.query = {key: values[-1] for key, values in urllib.parse.parse_qs(query, keep_blank_values=True).items()}
        self.lists = urllib.parse.parse_qs(query)
        self.query_string = query

    @property
    def json(self):
        try:
            return json.loads(self.raw.decode() or "null")
        except ValueError:
            raise self.grafana.fail(400, "bad request data") from None


# --- health, login, users, organisations ---------------------------------------------------------------------------


@route("GET", "/api/health", public=True)
def health(grafana, request):
    return Answer(200, {"commit": "stand-in", "database": "ok", "version": grafana.version})


@route("GET", "/healthz", public=True)
def healthz(grafana, request):
    return Answer(200, "Ok", content_type="text/plain; charset=utf-8")


@route("GET", "/login", public=True)
def login_page(grafana, request):
    text = "<!DOCTYPE html><html><title>Grafana</title><body>Stand-in of Grafana %s: the HTTP API only.</body></html>"
    return Answer(200, text % grafana.version, content_type="text/html; charset=UTF-8")


@route("GET", "/api/frontend/settings", public=True)
def frontend_settings(grafana, request):
    try:
        grafana.authenticate(request.headers)
    except Answer:
        return Answer(401, {"buildInfo": None, "anonymousEnabled": None})
    return Answer(200, {"buildInfo": {"version": grafana.version, "commit": "stand-in"}, "anonymousEnabled": False})


@route("POST", "/login", public=True)
def login(grafana, request):
    body = request.json or {}
    if not grafana.check_password(body.get("user", ""), body.get("password", "")):
        return grafana.fail(401, "Invalid username or password", "password-auth.failed")
    cookie = "grafana_session=%s; Path=/; HttpOnly; SameSite=Lax" % secrets.token_hex(16)
    return Answer(200, {"message": "Logged in", "redirectUrl": "/"}, {"Set-Cookie": cookie})


@route("GET", "/metrics", public=True)
def metrics(grafana, request):
    config = grafana.config
    if config.get("metrics", "enabled") != "true":
        return Answer(404, "404 page not found\n", content_type="text/plain; charset=utf-8")
    name, password = (config.get("metrics", "basic_auth_" + key) for key in ("username", "password"))
    if name and password:
        wanted = "Basic " + base64.b64encode(("%s:%s" % (name, password)).encode()).decode()
        if not hmac.compare_digest(wanted, request.headers.get("Authorization") or ""):
            return Answer(401, "Unauthorized\n", {"WWW-Authenticate": 'Basic realm="Metrics"'}, "text/plain")
    lines = [
        "# TYPE grafana_build_info gauge",
        'grafana_build_info{version="%s",revision="stand-in",edition="oss"} 1' % grafana.version,
        "# TYPE grafana_stat_totals_dashboard gauge",
        "grafana_stat_totals_dashboard %d" % len(grafana.store.all("dashboard")),
        "# TYPE grafana_stat_totals_datasource gauge",
        "grafana_stat_totals_datasource %d" % len(grafana.store.all("datasource")),
        "# TYPE process_start_time_seconds gauge",
        "process_start_time_seconds %d" % grafana.started,
    ]
    return Answer(200, "\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def org_view(org):
    address = dict.fromkeys(("address1", "address2", "city", "zipCode", "state", "country"), "")
    return {"id": org["id"], "name": org["name"], "address": address}


@route("GET", "/api/org", needs="orgs:read")
def current_org(grafana, request):
    return Answer(200, org_view(grafana.store.get("org", request.caller.org)))


@route("GET", "/api/orgs", needs="orgs:read", server_admin=True)
def orgs(grafana, request):
    return Answer(200, grafana.store.all("org"))


@route("POST", "/api/orgs", needs="orgs:create", server_admin=True)
def create_org(grafana, request):
    name = (request.json or {}).get("name")
    if any(org["name"] == name for org in grafana.store.all("org")):
        return grafana.fail(409, "Organization name taken")
    org = {"id": grafana.store.next_id("org"), "name": name}
    grafana.store.put("org", org["id"], org)
    user = request.caller.user
    user["orgs"][str(org["id"])] = "Admin"
    grafana.store.put("user", user["id"], user)
    return Answer(200, {"message": "Organization created", "orgId": org["id"]})


@route("GET", "/api/user/orgs")
def user_orgs(grafana, request):
    memberships = sorted((request.caller.user or {"orgs": {}})["orgs"].items())
    names = {org["id"]: org["name"] for org in grafana.store.all("org")}
    return Answer(200, [{"orgId": int(org), "name": names[int(org)], "role": role} for org, role in memberships])


def user_view(grafana, user, looked_up=False):
    view = {"id": user["id"], "email": user["login"] + "@localhost", "name": "", "login": user["login"], "theme": ""}
    view.update(orgId=int(min(user["orgs"], key=int)), isGrafanaAdmin=user["admin"], isDisabled=False, isExternal=False)
    view.update(authLabels=None if looked_up and not grafana.new else [], updatedAt=user["updated"])
    view.update(
        createdAt=user["created"], avatarUrl="" if looked_up and not grafana.new else "/public/img/user_profile.png"
    )
    if grafana.new:
        view.update(
            uid=user["uid"], isExternallySynced=False, isGrafanaAdminExternallySynced=False, isProvisioned=False
        )
    return view


@route("GET", "/api/user")
def own_user(grafana, request):
    if not request.caller.user:
        return grafana.fail(404, "user not found", "user.not-found")
    return Answer(200, user_view(grafana, request.caller.user))


@route("GET", "/api/users/lookup", needs="users:read", server_admin=True)
def lookup_user(grafana, request):
    user = grafana.find_user(request.query.get("loginOrEmail", ""))
    if not user:
        return grafana.fail(404, "user not found", "user.not-found")
    return Answer(200, user_view(grafana, user, looked_up=True))


def check_new_password(grafana, password):
    if len(password or "") < 4:
        raise grafana.fail(400, "New password is too short", "password.password-policy-too-short")


@route("PUT", "/api/user/password")
def change_own_password(grafana, request):
    body, user = request.json or {}, request.caller.user
    if not user or hash_password(body.get("oldPassword") or "", user["salt"]) != user["hash"]:
        if not grafana.new:
            return Answer(401, {"message": "Invalid old password"})
        return grafana.fail(400, "Invalid old password", "user.password-missmatch")
    if len(body.get("newPassword") or "") < 4 and not grafana.new:
        return Answer(400, {"message": "New password is too short"})
    check_new_password(grafana, body.get("newPassword"))
    grafana.save_user(user, body["newPassword"])
    return Answer(200, {"message": "User password changed"})


@route("PUT", "/api/admin/users/([0-9]+)/password", needs="users.password:write", server_admin=True)
def change_password(grafana, request, user_id):
    user, password = grafana.store.get("user", user_id), (request.json or {}).get("password")
    if not user:
        return grafana.fail(404, "user not found", "user.not-found")
    check_new_password(grafana, password)
    grafana.save_user(user, password)
    return Answer(200, {"message": "User password updated"})


@route("POST", "/api/admin/users", needs="users:create", server_admin=True)
def create_user(grafana, request):
    body = request.json or {}
    if grafana.find_user(body.get("login") or ""):
        return grafana.fail(412, "user already exists")
    check_new_password(grafana, body.get("password"))
    user = {"login": body["login"], "admin": False, "orgs": {str(body.get("OrgId") or 1): "Viewer"}}
    grafana.save_user(user, body["password"])
    return Answer(200, {"id": user["id"], "uid": user["uid"], "message": "User created"})


@route(
    "POST",
    "/api/admin/provisioning/(dashboards|datasources|alerting|plugins|access-control)/reload",
    needs="provisioning:reload",
    server_admin=True,
)
def reload_provisioning(grafana, request, what):
    return Answer(200, {"message": "%s config reloaded" % what.capitalize()})


# --- service accounts ----------------------------------------------------------------------------------------------


def account_view(grafana, account, avatar=""):
    view = {key: account[key] for key in ("id", "name", "login", "role")}
    view.update(orgId=account["org"], tokens=len(account["tokens"]), avatarUrl=avatar)
    view["isDisabled"] = account.get("disabled", False)
    if grafana.new:
        view["uid"] = account["uid"]
    return view


@route("POST", "/api/serviceaccounts", "Admin", "serviceaccounts:create")
def create_account(grafana, request):
    body, org = request.json or {}, request.caller.org
    if any(one["name"] == body.get("name") and one["org"] == org for one in grafana.store.all("serviceaccount")):
        text = "service account already exists" if grafana.new else "Failed to create service account"
        return grafana.fail(400, text, "serviceaccounts.ErrAlreadyExists")
    login = ("sa-%d-%s" % (org, body["name"])) if grafana.new else "sa-" + body["name"]
    account = {"id": grafana.store.next_id("user"), "uid": grafana.new_uid(), "name": body["name"], "org": org}
    account.update(login=login, role=body.get("role") or "Viewer", tokens=[])
    grafana.store.put("serviceaccount", account["id"], account)
    return Answer(201, account_view(grafana, account))


@route("GET", "/api/serviceaccounts/search", "Admin", "serviceaccounts:read")
def search_accounts(grafana, request):
    found = [one for one in grafana.store.all("serviceaccount") if one["org"] == request.caller.org]
    found = [one for one in found if request.query.get("query", "").lower() in one["name"].lower()]
    views = [account_view(grafana, one, "/public/img/user_profile.png") for one in found]
    return Answer(200, {"totalCount": len(views), "serviceAccounts": views, "page": 1, "perPage": 1000})


def find_account(grafana, request, account_id):
    account = grafana.store.get("serviceaccount", account_id)
    if not account or account["org"] != request.caller.org:
        raise grafana.fail(404, "service account not found", "serviceaccounts.ErrNotFound")
    return account


@route("GET", "/api/serviceaccounts/([0-9]+)", "Admin", "serviceaccounts:read")
def read_account(grafana, request, account_id):
    return Answer(200, account_view(grafana, find_account(grafana, request, account_id)))


@route("PATCH", "/api/serviceaccounts/([0-9]+)", "Admin", "serviceaccounts:write")
def change_account(grafana, request, account_id):
    account = find_account(grafana, request, account_id)
    account["role"] = (request.json or {}).get("role") or account["role"]
    account["disabled"] = (request.json or {}).get("isDisabled", account.get("disabled", False))
    grafana.store.put("serviceaccount", account["id"], account)
    view = account_view(grafana, account)
    return Answer(200, {"id": account["id"], "message": "Service account updated", "serviceaccount": view})


@route("DELETE", "/api/serviceaccounts/([0-9]+)", "Admin", "serviceaccounts:delete")
def delete_account(grafana, request, account_id):
    grafana.store.delete("serviceaccount", find_account(grafana, request, account_id)["id"])
    return Answer(200, {"message": "Service account deleted"})


@route("GET", "/api/serviceaccounts/([0-9]+)/tokens", "Admin", "serviceaccounts:read")
def list_tokens(grafana, request, account_id):
    views = []
    for token in find_account(grafana, request, account_id)["tokens"]:
        left = token["expires"] - time.time() if token["expires"] else 0
        views.append({"id": token["id"], "name": token["name"], "created": token["created"], "lastUsedAt": None})
        views[-1].update(expiration=utc(token["expires"]) if token["expires"] else None, isRevoked=False)
        views[-1].update(secondsUntilExpiration=max(left, 0), hasExpired=left < 0)
    return Answer(200, views)


@route("POST", "/api/serviceaccounts/([0-9]+)/tokens", "Admin", "serviceaccounts:write")
def create_token(grafana, request, account_id):
    account, body = find_account(grafana, request, account_id), request.json or {}
    seconds = body.get("secondsToLive") or 0
    if seconds < 0:
        if not grafana.new:
            return Answer(400, {"message": "invalid SecondsToLive value"})
        return grafana.fail(400, "invalid SecondsToLive value", "serviceaccounts.ErrInvalidInput")
    names = [token["name"] for one in grafana.store.all("serviceaccount") for token in one["tokens"]]
    if body.get("name") in names:
        text = "service account token with given name already exists in the organization"
        if not grafana.new:
            return Answer(409, {"message": text})
        return grafana.fail(400, text, "serviceaccounts.ErrTokenAlreadyExists")
    key = "glsa_%s_%s" % (secrets.token_hex(16), secrets.token_hex(4))
    token = {"id": grafana.store.next_id("token"), "name": body.get("name"), "created": utc(), "hash": hash_token(key)}
    token["expires"] = time.time() + seconds if seconds else 0
    account["tokens"].append(token)
    grafana.store.put("serviceaccount", account["id"], account)
    return Answer(200, {"id": token["id"], "name": token["name"], "key": key})


@route("DELETE", "/api/serviceaccounts/([0-9]+)/tokens/([0-9]+)", "Admin", "serviceaccounts:write")
def delete_token(grafana, request, account_id, token_id):
    account = find_account(grafana, request, account_id)
    account["tokens"] = [token for token in account["tokens"] if token["id"] != int(token_id)]
    grafana.store.put("serviceaccount", account["id"], account)
    return Answer(200, {"message": "Service account token deleted"})


# --- datasources ---------------------------------------------------------------------------------------------------


@route("GET", "/api/datasources", needs="datasources:read")
def list_datasources(grafana, request):
    keys = (
        "id",
        "uid",
        "orgId",
        "name",
        "type",
        "access",
        "url",
        "user",
        "database",
        "basicAuth",
        "isDefault",
        "jsonData",
    )
    views = []
    for doc in grafana.datasources(request.caller.org):
        view = grafana.datasource_view(doc)
        views.append({key: view[key] for key in keys + ("typeLogoUrl", "readOnly")})
        views[-1]["typeName"] = doc["type"].capitalize() if doc["type"] == "prometheus" else doc["type"]
    return Answer(200, views)


@route("POST", "/api/datasources", "Admin", "datasources:create")
def create_datasource(grafana, request):
    body, org = request.json, request.caller.org
    grafana.check_datasource(body)
    uid = body.get("uid") or grafana.new_uid()
    if grafana.new and (len(uid) > 40 or not UID.match(uid)):
        return Answer(
            400, {"statusCode": 400, "messageId": "datasource.uidInvalid", "message": "Invalid datasource UID."}
        )
    if not body.get("name"):
        if not grafana.new:
            return grafana.fail(400, "bad request data")
        body["name"] = body["type"]
    for other in grafana.datasources(org):
        if other["name"] == body["name"]:
            return grafana.fail(409, "data source with the same name already exists")
        if other["uid"] == uid:
            return grafana.fail(409, "data source with the same uid already exists")
    doc = dict(grafana.datasource_fields(body), id=grafana.store.next_id("datasource"), uid=uid, orgId=org, version=1)
    doc.update(readOnly=False, secure=grafana.seal_secrets(body))
    grafana.put_datasource(doc)
    wrapped = {"datasource": grafana.datasource_view(doc), "id": doc["id"], "name": doc["name"]}
    return Answer(200, dict(wrapped, message="Datasource added"))


@route("GET", "/api/datasources/uid/([^/]+)", needs="datasources:read")
def read_datasource(grafana, request, uid):
    return Answer(200, grafana.datasource_view(grafana.datasource(request.caller, uid)))


@route("GET", "/api/datasources/name/([^/]+)", needs="datasources:read")
def read_datasource_by_name(grafana, request, name):
    for doc in grafana.datasources(request.caller.org):
        if doc["name"] == name:
            return Answer(200, grafana.datasource_view(doc))
    return grafana.plain(404, "Data source not found")


@route("GET", "/api/datasources/([0-9]+)", needs="datasources:read")
def read_datasource_by_id(grafana, request, number):
    for doc in grafana.datasources(request.caller.org):
        if doc["id"] == int(number):
            return Answer(200, grafana.datasource_view(doc))
    return grafana.plain(404, "Data source not found")


@route("PUT", "/api/datasources/uid/([^/]+)", "Admin", "datasources:write")
def update_datasource(grafana, request, uid):
    body, org = request.json, request.caller.org
    grafana.check_datasource(body)
    doc = grafana.datasource(request.caller, uid)
    if doc["readOnly"]:
        return grafana.plain(403, "Cannot update read-only data source")
    if any(one["name"] == body.get("name") and one["uid"] != uid for one in grafana.datasources(org)):
        if not grafana.new:
            return grafana.fail(500, "Failed to update datasource")
        return grafana.fail(409, "Failed to update datasource: data source with the same name already exists")
    version = body.get("version")
    if version is not None and version < doc["version"]:
        text = "Datasource has already been updated by someone else. Please reload and try again"
        return grafana.fail(409, text)
    new_uid = body.get("uid") or uid
    if new_uid != uid:
        if grafana.new:
            return grafana.fail(500, "Failed to update datasource")
        grafana.store.delete("datasource", "%s/%s" % (org, uid))
    doc.update(grafana.datasource_fields(body), uid=new_uid, version=(version or 0) + 1)
    doc["secure"] = grafana.seal_secrets(body, doc["secure"])
    grafana.put_datasource(doc)
    wrapped = {"datasource": grafana.datasource_view(doc), "id": doc["id"], "name": doc["name"]}
    return Answer(200, dict(wrapped, message="Datasource updated"))


@route("DELETE", "/api/datasources/uid/([^/]+)", "Admin", "datasources:delete")
def delete_datasource(grafana, request, uid):
    doc = grafana.datasource(request.caller, uid)
    if doc["readOnly"]:
        return grafana.plain(403, "Cannot delete read-only data source")
    grafana.store.delete("datasource", "%s/%s" % (request.caller.org, uid))
    return Answer(200, {"id": doc["id"], "message": "Data source deleted"})


class Upstream(Exception):
    """What a datasource's server did, in the words of Go's HTTP client."""


def ask_datasource(grafana, doc, method, path, headers=None, body=None, timeout=30):
    """One request to the datasource's own URL, with its credentials and its TLS settings."""
    parts = urllib.parse.urlsplit(doc["url"])
    data, secure = doc["jsonData"], {key: grafana.vault.open(value) for key, value in doc["secure"].items()}
    headers = dict(headers or {})
    if doc["basicAuth"]:
        pair = "%s:%s" % (doc["basicAuthUser"], secure.get("basicAuthPassword", ""))
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    for key in [key for key in data if key.startswith("httpHeaderName")]:
        headers[data[key]] = secure.get("httpHeaderValue" + key[len("httpHeaderName") :], "")
    host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    url = "%s://%s%s" % (parts.scheme, parts.netloc, parts.path.rstrip("/") + "/" + path.lstrip("/"))
    try:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
        connection.connect()
        if parts.scheme == "https":
            connection.sock = tls_context(data, secure).wrap_socket(
                connection.sock, server_hostname=data.get("serverName") or host
            )
        target = parts.path.rstrip("/") + "/" + path.lstrip("/")
        connection.request(method, target, body=body, headers=headers)
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read()
    except ssl.SSLCertVerificationError as exc:
        raise Upstream(url, "tls: failed to verify certificate: x509: " + go_certificate_error(exc, host)) from exc
    except ssl.SSLError as exc:
        text = "tls: handshake failure (%s)" % (exc.reason or exc)
        if "WRONG_VERSION" in str(exc) or "RECORD_LAYER" in str(exc):
            text = "http: server gave HTTP response to HTTPS client"
        if "CERTIFICATE_REQUIRED" in str(exc) or "certificate required" in str(exc):
            text = "remote error: tls: certificate required"
        raise Upstream(url, text) from exc
    except socket.gaierror as exc:
        raise Upstream(url, "dial tcp: lookup %s: no such host" % host) from exc
    except (OSError, http.client.HTTPException) as exc:
        reason = "connection refused" if isinstance(exc, ConnectionRefusedError) else str(exc) or type(exc).__name__
        raise Upstream(url, "dial tcp %s:%s: connect: %s" % (host, port, reason)) from exc
    finally:
        if "connection" in locals():
            connection.close()


def tls_context(data, secure):
    context = ssl.create_default_context()
    if data.get("tlsAuthWithCACert") and secure.get("tlsCACert"):
        context = ssl.create_default_context(cadata=secure["tlsCACert"])
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # Python 3.13 asks for extensions that Go does not
    if data.get("tlsSkipVerify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if data.get("tlsAuth") and secure.get("tlsClientCert"):
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # a refusal comes with the handshake, not lost behind a reset
        with tempfile.TemporaryDirectory() as directory:
            name = os.path.join(directory, "pair.pem")
            with open(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="utf-8") as handle:
                handle.write(secure["tlsClientCert"] + "\n" + secure.get("tlsClientKey", ""))
            context.load_cert_chain(name)
    return context


def go_certificate_error(exc, host):
    if exc.verify_code in (62, 64):
        return "certificate is valid for other names, not %s" % host
    if exc.verify_code == 10:
        return "certificate has expired or is not yet valid"
    return "certificate signed by unknown authority"


@route("GET", "/api/datasources/uid/([^/]+)/health", needs="datasources:query")
def datasource_health(grafana, request, uid):
    with grafana.lock:
        try:
            doc = grafana.datasource(request.caller, uid)
        except Answer:
            return grafana.fail(500, "Unable to load datasource metadata")
    if doc["type"] == "cloudwatch":
        return cloudwatch_health(grafana, doc)
    if doc["type"] != "prometheus":
        if not grafana.new:
            return grafana.fail(503, "Plugin unavailable")
        return Answer(500, {"statusCode": 500, "messageId": "plugin.unavailable", "message": "Plugin unavailable"})
    if not grafana.new:
        return grafana.fail(404, "Not found")
    problem = "There was an error returned querying the Prometheus API."
    method = (doc["jsonData"].get("httpMethod") or "POST").capitalize()
    form = "query=1%2B1&time=4"
    try:
        if method == "Get":
            status, _type, body = ask_datasource(grafana, doc, "GET", "api/v1/query?" + form)
        else:
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            status, _type, body = ask_datasource(grafana, doc, "POST", "api/v1/query", kind, form)
    except Upstream as exc:
        url, text = exc.args
        return Answer(400, {"message": '%s "%s": %s - %s' % (method, url, text, problem), "status": "ERROR"})
    if status >= 400:
        text = "%d %s - %s" % (status, http.client.responses.get(status, ""), problem)
        return Answer(400, {"message": text, "status": "ERROR"})
    try:
        json.loads(body)["data"]
    except (ValueError, KeyError, TypeError):
        return Answer(400, {"message": "readObjectStart: expect { or n, but found < - " + problem, "status": "ERROR"})
    details = {"application": "Prometheus", "features": {"rulerApiEnabled": False}}
    text = "Successfully queried the Prometheus API."
    return Answer(200, {"details": details, "message": text, "status": "OK"})


def cloudwatch_health(grafana, doc):
    kind = doc["jsonData"].get("authType") or "default"
    allowed = [one.strip() for one in grafana.config.get("aws", "allowed_auth_providers").split(",")]
    if kind in allowed:
        text = "1. Successfully queried the CloudWatch %s API.\n2. Successfully queried the CloudWatch %s API."
        return Answer(200, {"message": text % ("metrics", "logs"), "status": "OK"})
    cause = "trying to use non-allowed auth method " + kind
    if not grafana.new:
        cause = 'attempting to use an auth type that is not allowed: "%s"' % kind
    text = "1. CloudWatch metrics query failed: %s\n2. CloudWatch logs query failed: %s" % (cause, cause)
    return Answer(400, {"message": text, "status": "ERROR"})


def proxy(grafana, request, uid, path, method):
    with grafana.lock:
        doc = grafana.datasource(request.caller, uid)
    path = path + ("?" + request.query_string if request.query_string else "")
    kind = request.headers.get("Content-Type")
    try:
        status, kind, body = ask_datasource(
            grafana, doc, method, path, {"Content-Type": kind} if kind else {}, request.raw or None
        )
    except Upstream:
        return Answer(502, "", content_type="text/plain; charset=utf-8")
    if status == 401:  # would look as if Grafana's own login had failed
        return Answer(400, "Authentication to data source failed", content_type="text/plain; charset=utf-8")
    return Answer(status, body, content_type=kind)


@route("GET", "/api/datasources/proxy/uid/([^/]+)/(.*)", needs="datasources:query")
def proxy_get(grafana, request, uid, path):
    return proxy(grafana, request, uid, path, "GET")


@route("POST", "/api/datasources/proxy/uid/([^/]+)/(.*)", needs="datasources:query")
def proxy_post(grafana, request, uid, path):
    return proxy(grafana, request, uid, path, "POST")


@route("POST", "/api/ds/query", needs="datasources:query")
def query_datasources(grafana, request):
    """Prometheus only, instant or range; as data frames of two fields, time and value."""
    results, body = {}, request.json or {}
    for query in body.get("queries") or []:
        with grafana.lock:
            doc = grafana.datasource(request.caller, (query.get("datasource") or {}).get("uid", ""))
        form = {"query": query.get("expr", "")}
        path = "api/v1/query"
        if query.get("range"):
            path, now = "api/v1/query_range", time.time()
            form.update(start=now - 3600, end=now, step=max(query.get("intervalMs", 15000) / 1000, 15))
        try:
            status, _kind, answer = ask_datasource(grafana, doc, "GET", path + "?" + urllib.parse.urlencode(form))
            series = json.loads(answer)["data"]["result"] if status == 200 else None
        except (Upstream, ValueError, KeyError):
            status, series = 502, None
        if series is None:
            results[query["refId"]] = {"status": status, "error": "query failed", "frames": []}
            continue
        frames = []
        for one in series if isinstance(series[0] if series else {}, dict) else []:
            points = one.get("values") or [one["value"]]
            fields = [{"name": "Time", "type": "time"}, {"name": "Value", "type": "number", "labels": one["metric"]}]
            columns = [[int(float(at) * 1000) for at, _value in points], [float(value) for _at, value in points]]
            frames.append({"schema": {"refId": query["refId"], "fields": fields}, "data": {"values": columns}})
        results[query["refId"]] = {"status": 200, "frames": frames}
    return Answer(200, {"results": results})


# Requests that wait for another server must not hold up the rest.
UNLOCKED = {datasource_health, proxy_get, proxy_post, query_datasources}


# --- folders -------------------------------------------------------------------------------------------------------


@route("GET", "/api/folders", needs="folders:read")
def list_folders(grafana, request):
    found = grafana.folders(request.caller.org)
    parent = request.query.get("parentUid", "")
    if grafana.new:
        found = [folder for folder in found if folder["parentUid"] == parent]
    views = []
    for folder in sorted(found, key=lambda folder: folder["title"].lower()):
        views.append({"id": folder["id"], "uid": folder["uid"], "title": folder["title"]})
        if grafana.new and parent:
            views[-1]["parentUid"] = parent
    limit, page = int(request.query.get("limit") or 1000), int(request.query.get("page") or 1)
    return Answer(200, views[limit * (page - 1) : limit * page])


@route("POST", "/api/folders", "Editor", "folders:create")
def create_folder(grafana, request):
    body, caller = request.json or {}, request.caller
    title, uid = body.get("title") or "", body.get("uid") or ""
    if not title:
        return grafana.plain(400, "folder title cannot be empty")
    if len(uid) > 40:
        return grafana.fail(400, "uid too long, max 40 characters")
    if uid and not UID.match(uid):
        if not grafana.new:
            return grafana.fail(400, "uid contains illegal characters")
        cause = "metadata.name: Invalid value: \"%s\": may not contain '/'" % uid
        return grafana.plain(422, 'Folder.folder.grafana.app "%s" is invalid: %s' % (uid, cause))
    if uid and grafana.folder(caller.org, uid):
        text = "the folder has been changed by someone else"
        return grafana.plain(412, text) if grafana.new else grafana.plain(412, text, status="version-mismatch")
    if not grafana.new:
        if title == "General":
            return grafana.fail(400, "A folder with that name already exists")
        taken = {folder["title"] for folder in grafana.folders(caller.org)}
        taken |= {one["data"]["title"] for one in grafana.dashboards(caller.org) if not one["folderUid"]}
        if title in taken:
            return grafana.plain(409, "a folder or dashboard in the general folder with the same name already exists")
    folder = {"uid": uid or grafana.new_uid(), "id": grafana.new_id("folder"), "title": title, "org": caller.org}
    folder.update(parentUid=(body.get("parentUid") or "") if grafana.new else "", version=1)
    folder.update(created=utc(), updated=utc(), createdBy=caller.name, updatedBy=caller.name)
    grafana.store.put("folder", "%s/%s" % (caller.org, folder["uid"]), folder)
    return Answer(200, grafana.folder_view(folder))


@route("GET", "/api/folders/([^/]+)", needs="folders:read")
def read_folder(grafana, request, uid):
    folder = grafana.folder(request.caller.org, uid)
    if folder:
        return Answer(200, grafana.folder_view(folder))
    if uid == "general" and grafana.new:
        view = {
            "id": 0,
            "uid": "general",
            "orgId": 0,
            "title": "Dashboards",
            "url": "",
            "hasAcl": False,
            "canSave": True,
        }
        view.update(canEdit=True, canAdmin=True, canDelete=True, createdBy="Anonymous", updatedBy="Anonymous")
        return Answer(200, dict(view, created="0001-01-01T00:00:00Z", updated="0001-01-01T00:00:00Z"))
    return grafana.folder_not_found()


@route("PUT", "/api/folders/([^/]+)", "Editor", "folders:write")
def rename_folder(grafana, request, uid):
    body, folder = request.json or {}, grafana.folder(request.caller.org, uid)
    if not folder:
        return grafana.folder_not_found()
    if not body.get("overwrite") and body.get("version") != folder["version"]:
        if grafana.new:
            return grafana.plain(412, "The dashboard has been changed by someone else")
        return grafana.plain(412, "the folder has been changed by someone else", status="version-mismatch")
    folder.update(title=body.get("title") or folder["title"], version=folder["version"] + 1)
    folder.update(updated=utc(), updatedBy=request.caller.name)
    grafana.store.put("folder", "%s/%s" % (folder["org"], uid), folder)
    return Answer(200, grafana.folder_view(folder))


@route("DELETE", "/api/folders/([^/]+)", "Editor", "folders:delete")
def delete_folder(grafana, request, uid):
    org = request.caller.org
    if not grafana.folder(org, uid):
        if not grafana.new:
            return grafana.folder_not_found()
        return grafana.plain(404, 'folders.folder.grafana.app "%s" not found' % uid)
    doomed = [uid]
    for one in doomed:  # grows while it is walked: folders below folders
        doomed.extend(folder["uid"] for folder in grafana.folders(org) if folder["parentUid"] == one)
        grafana.store.delete("folder", "%s/%s" % (org, one))
        for dashboard in grafana.dashboards(org):
            if dashboard["folderUid"] == one:
                grafana.store.delete("dashboard", "%s/%s" % (org, dashboard["uid"]))
    return Answer(200, {"message": "Folder deleted"} if grafana.new else "")


@route("GET", "/api/search", needs="dashboards:read")
def search(grafana, request):
    org, query, hits = request.caller.org, request.query, []
    text = query.get("query", "").lower()
    uids = request.lists.get("dashboardUIDs") or request.lists.get("dashboardUID")
    folder_uids = request.lists.get("folderUIDs") if grafana.new else None
    if query.get("type", "dash-folder") == "dash-folder" and not uids:
        for folder in grafana.folders(org):
            if text in folder["title"].lower():
                hits.append(hit_view(grafana, folder, "dash-folder", folder["title"], folder["parentUid"], []))
    if query.get("type", "dash-db") == "dash-db":
        for one in grafana.dashboards(org):
            title, tags = one["data"]["title"], one["data"].get("tags") or []
            wanted = text in title.lower() and set(request.lists.get("tag") or []) <= set(tags)
            if wanted and (not uids or one["uid"] in uids) and (not folder_uids or one["folderUid"] in folder_uids):
                hits.append(hit_view(grafana, one, "dash-db", title, one["folderUid"], tags))
    return Answer(200, hits[: int(query.get("limit") or 1000)])


def hit_view(grafana, one, kind, title, folder_uid, tags):
    path = "/dashboards/f/%s/%s" if kind == "dash-folder" else "/d/%s/%s"
    view = {"id": one["id"], "uid": one["uid"], "title": title, "uri": "db/" + slugify(title), "slug": "", "type": kind}
    view.update(url=path % (one["uid"], slugify(title)), tags=tags, isStarred=False, sortMeta=0)
    if grafana.new:
        view.update(orgId=one["org"], isDeleted=False)
    folder = grafana.folder(one["org"], folder_uid) if folder_uid else None
    if folder:
        url = "/dashboards/f/%s/%s" % (folder_uid, slugify(folder["title"]))
        view.update(folderId=folder["id"], folderUid=folder_uid, folderTitle=folder["title"], folderUrl=url)
    return view


# --- dashboards ----------------------------------------------------------------------------------------------------


@route("POST", "/api/dashboards/db", "Editor", "any of dashboards:create, dashboards:write")
def post_dashboard(grafana, request):
    dashboard = grafana.save_dashboard(request.caller, request.json)
    view = {"id": dashboard["id"], "slug": grafana.dashboard_slug(dashboard["data"]["title"]), "status": "success"}
    view.update(uid=dashboard["uid"], url=grafana.dashboard_url(dashboard), version=dashboard["version"])
    if grafana.new:
        view["folderUid"] = dashboard["folderUid"]
    return Answer(200, view)


@route("GET", "/api/dashboards/uid/([^/]+)", needs="dashboards:read")
def read_dashboard(grafana, request, uid):
    dashboard = grafana.dashboard(request.caller.org, uid)
    if not dashboard:
        return grafana.dashboard_not_found()
    folder = grafana.folder(dashboard["org"], dashboard["folderUid"]) if dashboard["folderUid"] else None
    folder_url = "/dashboards/f/%s/%s" % (folder["uid"], slugify(folder["title"])) if folder else ""
    meta = {"type": "db", "canSave": True, "canEdit": True, "canAdmin": True, "canStar": True, "canDelete": True}
    meta.update(slug=grafana.dashboard_slug(dashboard["data"]["title"]), url=grafana.dashboard_url(dashboard))
    meta.update(expires="0001-01-01T00:00:00Z", created=dashboard["created"], updated=dashboard["updated"])
    meta.update(updatedBy=dashboard["updatedBy"], createdBy=dashboard["createdBy"], version=dashboard["version"])
    meta.update(hasAcl=False, isFolder=False, folderId=folder["id"] if folder else 0, folderUid=dashboard["folderUid"])
    meta.update(folderTitle=folder["title"] if folder else "General", folderUrl=folder_url)
    meta.update(provisioned=bool(dashboard["provisioned"]), provisionedExternalId=dashboard["provisioned"])
    rights = {"canAdd": True, "canEdit": True, "canDelete": True}
    meta["annotationsPermissions"] = {"dashboard": rights, "organization": rights}
    if grafana.new:
        meta["apiVersion"] = "v0alpha1"
    else:
        meta.update(hasPublicDashboard=False, publicDashboardAccessToken="", publicDashboardUid="")
        meta["publicDashboardEnabled"] = False
    return Answer(200, {"meta": meta, "dashboard": grafana.dashboard_data(dashboard)})


@route("DELETE", "/api/dashboards/uid/([^/]+)", "Editor", "dashboards:delete")
def delete_dashboard(grafana, request, uid):
    dashboard = grafana.dashboard(request.caller.org, uid)
    if not dashboard:
        return grafana.dashboard_not_found()
    if dashboard["provisioned"]:
        return grafana.fail(400, "provisioned dashboard cannot be deleted")
    grafana.store.delete("dashboard", "%s/%s" % (dashboard["org"], uid))
    title = dashboard["data"]["title"]
    return Answer(200, {"message": "Dashboard %s deleted" % title, "title": title, "uid": uid})


def version_view(grafana, dashboard, entry, message):
    number = entry["version"]
    view = {
        "id": number,
        "dashboardId": dashboard["id"],
        "parentVersion": number - 1,
        "restoredFrom": 0,
        "message": message,
    }
    view.update(version=number, created=entry["at"], createdBy=entry["by"] if grafana.new else 1)
    view["uid" if grafana.new else "dashboardUid"] = dashboard["uid"] if grafana.new else ""
    view["data"] = grafana.dashboard_data(dashboard, entry)
    if grafana.new:
        del view["data"]["id"]
    return view


@route("GET", "/api/dashboards/uid/([^/]+)/versions", "Editor", "dashboards:write")
def list_versions(grafana, request, uid):
    dashboard = grafana.dashboard(request.caller.org, uid)
    if not dashboard:
        return grafana.dashboard_not_found()
    # The list shows "Initial save" for a first version, whatever its message was.
    views = [
        version_view(grafana, dashboard, entry, entry["message"] if entry["version"] > 1 else "Initial save")
        for entry in reversed(dashboard["versions"])
    ][: int(request.query.get("limit") or 1000)]
    return Answer(200, {"continueToken": "", "versions": views} if grafana.new else views)


@route("GET", "/api/dashboards/uid/([^/]+)/versions/([0-9]+)", "Editor", "dashboards:write")
def read_version(grafana, request, uid, number):
    dashboard = grafana.dashboard(request.caller.org, uid)
    for entry in dashboard["versions"] if dashboard else []:
        if entry["version"] == int(number):
            return Answer(200, version_view(grafana, dashboard, entry, entry["message"]))
    return grafana.fail(404, "Dashboard version %s not found" % number)


@route("POST", "/api/dashboards/import", "Editor", "dashboards:create")
def import_dashboard(grafana, request):
    body = request.json or {}
    data = copy.deepcopy(body.get("dashboard") or {})
    given = {one["name"]: one["value"] for one in body.get("inputs") or []}
    for wanted in data.get("__inputs") or []:
        if wanted["name"] not in given:
            if not grafana.new:
                return grafana.fail(500, "Failed to save dashboard")
            text = "dashboard import failed: missing dashboard input variable " + wanted["name"]
            return grafana.plain(400, text)
    names = {wanted["name"] for wanted in data.get("__inputs") or []}

    def replace(value):
        if isinstance(value, dict):
            return {key: replace(one) for key, one in value.items()}
        if isinstance(value, list):
            return [replace(one) for one in value]
        if isinstance(value, str):
            for name in names:
                value = value.replace("${%s}" % name, given[name])
        return value

    data = replace(
        {key: value for key, value in data.items() if key not in ("__inputs", "__requires", "__elements", "id")}
    )
    data.pop("version", None)
    dashboard = grafana.save_dashboard(request.caller, dict(body, dashboard=data))
    title = dashboard["data"]["title"]
    slug, url = grafana.dashboard_slug(title), grafana.dashboard_url(dashboard)
    folder = grafana.folder(dashboard["org"], dashboard["folderUid"])
    view = {"uid": dashboard["uid"], "pluginId": "", "title": title, "imported": True, "importedUri": "db/" + slug}
    view.update(importedUrl=url, slug=slug, dashboardId=dashboard["id"], folderUid=dashboard["folderUid"])
    view.update(folderId=folder["id"] if folder and not grafana.new else 0, description="", path="", removed=False)
    if not grafana.new:
        view.update(importedRevision=1, revision=1)
    return Answer(200, view)


# --- Kubernetes-style dashboards (12.4): what the web interface itself uses ------------------------------------------

K8S = "/apis/dashboard.grafana.app/(v0alpha1|v1beta1|v2alpha1|v2beta1)/namespaces/default/dashboards"


def old_only(grafana):
    if not grafana.new:
        raise Answer(404, "404 page not found\n", content_type="text/plain; charset=utf-8")


def migrate_panel(panel):
    """What 12.4 makes of a singlestat or graph panel, as far as the recordings show it; others stay."""
    panel = {key: value for key, value in panel.items() if value is not None}
    source = panel.get("datasource")
    if isinstance(source, str):
        source = {"type": "prometheus", "uid": source}
        panel["datasource"] = source
    panel["targets"] = [
        dict(target, **({"datasource": source} if source else {})) for target in panel.get("targets") or []
    ]
    steps = [{"color": "green", "value": 0}, {"color": "red", "value": 80}]
    thresholds = {"mode": "absolute", "steps": steps}
    kept = ("id", "title", "gridPos", "targets", "datasource", "description", "links", "maxDataPoints", "interval")
    kept += ("timeFrom", "timeShift", "hideTimeOverride", "transparent", "repeat")
    if panel.get("type") == "singlestat":
        limits = [float(one) for one in str(panel.get("thresholds") or "").split(",") if one.strip()]
        if limits:
            colors = panel.get("colors") or []
            thresholds["steps"] = [{"color": color, "value": limit} for color, limit in zip(colors, [0] + limits)]
        defaults = {"color": {"mode": "fixed"}, "mappings": [], "thresholds": thresholds}
        defaults["unit"] = panel.get("format", "none")
        options = {"colorMode": "none", "graphMode": "area", "justifyMode": "auto", "orientation": "horizontal"}
        options.update(percentChangeColorMode="standard", showPercentChange=False, textMode="auto", wideLayout=True)
        options["reduceOptions"] = {"calcs": ["lastNotNull"], "fields": "", "values": False}
        new = {"type": "stat"}
    elif panel.get("type") == "graph":
        custom = {"axisPlacement": "auto", "axisColorMode": "text", "barWidthFactor": 0.6, "drawStyle": "line"}
        custom.update(fillOpacity=panel.get("fill", 1) * 10, gradientMode="none", lineInterpolation="linear")
        custom.update(lineWidth=panel.get("linewidth", 1), scaleDistribution={"type": "linear"}, showPoints="never")
        custom.update(stacking={"group": "A", "mode": "none"}, thresholdsStyle={"mode": "off"})
        defaults = {"color": {"mode": "palette-classic"}, "custom": custom, "mappings": [], "thresholds": thresholds}
        defaults["unit"] = ((panel.get("yaxes") or [{}])[0] or {}).get("format", "short")
        options = {"legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}}
        shared = (panel.get("tooltip") or {}).get("shared")
        options["tooltip"] = {"hideZeros": False, "mode": "multi" if shared else "single", "sort": "none"}
        new = {"type": "timeseries"}
    else:
        return panel
    new.update((key, panel[key]) for key in kept if key in panel)
    return dict(new, fieldConfig={"defaults": defaults, "overrides": []}, options=options, pluginVersion="12.4.0")


def migrate(data):
    """The form of schema 42, which the web interface shows and stores when somebody saves."""
    gone = ("id", "uid", "version", "style", "iteration")
    data = copy.deepcopy({key: value for key, value in data.items() if key not in gone})
    data.setdefault("annotations", {"list": []})
    for entry in data["annotations"].get("list") or []:
        if isinstance(entry.get("datasource"), str):
            entry["datasource"] = {"uid": entry["datasource"]}
    data["panels"] = [migrate_panel(panel) for panel in data.get("panels") or []]
    for variable in (data.get("templating") or {}).get("list") or []:
        if isinstance(variable.get("datasource"), str):
            variable["datasource"] = {"uid": variable["datasource"]}
        for key in (
            "hide",
            "sort",
            "multi",
            "skipUrlSync",
            "useTags",
            "tags",
            "tagsQuery",
            "tagValuesQuery",
            "allValue",
        ):
            if not variable.get(key):
                variable.pop(key, None)
        if variable.get("label", "") is None:
            del variable["label"]
    data.setdefault("links", [])
    data.setdefault("templating", {"list": []})
    data.update(
        schemaVersion=42, timepicker={}, fiscalYearStartMonth=0, weekStart="", editable=data.get("editable", True)
    )
    return data


def k8s_view(grafana, dashboard, api):
    data = {key: value for key, value in dashboard["data"].items() if key != "uid"}
    if api == "v1beta1":
        data = migrate(data)
    elif api.startswith("v2"):
        keys = ("annotations", "description", "editable", "links", "tags", "title")
        data = dict({key: data.get(key) for key in keys}, elements={}, layout={}, variables=[], timeSettings={})
        data.update(cursorSync="Off", liveNow=False, preload=False)
    stamp = str(
        int(time.mktime(time.strptime(dashboard["updated"], "%Y-%m-%dT%H:%M:%SZ"))) * 10**6 + dashboard["version"]
    )
    metadata = {"name": dashboard["uid"], "namespace": "default", "resourceVersion": stamp}
    metadata.update(uid=str(uuid.uuid5(uuid.NAMESPACE_URL, dashboard["uid"])), generation=dashboard["version"])
    metadata["creationTimestamp"] = dashboard["created"]
    metadata["labels"] = {"grafana.app/deprecatedInternalID": str(dashboard["id"])}
    metadata["annotations"] = dict(
        dashboard["annotations"], **{"grafana.app/createdBy": "user:" + dashboard["createdBy"]}
    )
    if dashboard["folderUid"]:
        metadata["annotations"]["grafana.app/folder"] = dashboard["folderUid"]
    status = {} if api == dashboard["api"] else {"conversion": {"failed": False, "storedVersion": dashboard["api"]}}
    version = "dashboard.grafana.app/" + api
    return {"kind": "Dashboard", "apiVersion": version, "metadata": metadata, "spec": data, "status": status}


def k8s_failure(status, reason, message, **details):
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    return Answer(status, dict(body, reason=reason, details=details, code=status))


@route("GET", K8S, needs="dashboards:read")
def k8s_list(grafana, request, api):
    old_only(grafana)
    views = [k8s_view(grafana, one, api) for one in grafana.dashboards(request.caller.org)]
    limit = int(request.query.get("limit") or len(views) or 1)
    metadata = {"resourceVersion": str(int(time.time() * 10**6))}
    if len(views) > limit:
        metadata["continue"] = base64.b64encode(b"{}").decode()
    version = "dashboard.grafana.app/" + api
    return Answer(200, {"kind": "DashboardList", "apiVersion": version, "metadata": metadata, "items": views[:limit]})


@route("GET", K8S + "/([^/]+)", needs="dashboards:read")
def k8s_read(grafana, request, api, uid):
    old_only(grafana)
    dashboard = grafana.dashboard(request.caller.org, uid)
    if not dashboard:
        return k8s_failure(404, "NotFound", 'dashboards.dashboard.grafana.app "%s" not found' % uid, name=uid)
    return Answer(200, k8s_view(grafana, dashboard, api))


@route("PUT", K8S + "/([^/]+)", "Editor", "dashboards:write")
def k8s_save(grafana, request, api, uid):
    old_only(grafana)
    dashboard, body = grafana.dashboard(request.caller.org, uid), request.json or {}
    if not dashboard:
        return k8s_failure(404, "NotFound", 'dashboards.dashboard.grafana.app "%s" not found' % uid, name=uid)
    data = dict(body.get("spec") or {})
    if isinstance(data.get("gnetId"), int):
        if request.query.get("fieldValidation") != "Ignore":
            cause = "Invalid value: conflicting values %d and string (mismatched types int and string)" % data["gnetId"]
            causes = [{"reason": "FieldValueInvalid", "message": cause, "field": "spec.gnetId"}]
            text = 'Dashboard.dashboard.grafana.app "%s" is invalid: spec.gnetId: %s' % (uid, cause)
            more = {"name": uid, "group": "dashboard.grafana.app", "kind": "Dashboard", "causes": causes}
            return k8s_failure(422, "Invalid", text, **more)
        del data["gnetId"]
    metadata = body.get("metadata") or {}
    current = k8s_view(grafana, dashboard, api)["metadata"]["resourceVersion"]
    if metadata.get("resourceVersion") not in (None, "", current):
        text = "the object has been modified; please apply your changes to the latest version and try again"
        return k8s_failure(409, "Conflict", 'Operation cannot be fulfilled on "%s": %s' % (uid, text), name=uid)
    annotations = dict(metadata.get("annotations") or {})
    dashboard["folderUid"] = annotations.pop("grafana.app/folder", "")
    message = annotations.get("grafana.app/message", "")
    grafana.new_version(dashboard, dict(data, uid=uid), message, request.caller.name, annotations, api)
    return Answer(200, k8s_view(grafana, dashboard, api))


# --- HTTP ----------------------------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def version_string(self):
        return "grafana-stand-in"

    def setup(self):
        context = self.server.tls
        if context:
            self.request.settimeout(self.timeout)
            if self.request.recv(1, socket.MSG_PEEK) != b"\x16":  # the first byte of a TLS greeting
                text = b"Client sent an HTTP request to an HTTPS server.\n"
                self.request.recv(65536)
                self.request.sendall(b"HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\n" + text)
                raise ConnectionAbortedError
            self.request = context.wrap_socket(self.request, server_side=True)
        super().setup()

    def respond(self):
        grafana = self.server.grafana
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        path, _sep, query = self.path.partition("?")
        actions = [fault(self.command, self.path) for fault in list(grafana.faults)]
        for action in [one for one in actions if one]:
            if action.get("delay"):
                time.sleep(action["delay"])
            if action.get("cut") == "before":
                return self.hang_up()
            if action.get("answer"):
                return self.send(Answer(*action["answer"]))
        try:
            answer = grafana.handle(self.command, path, query, self.headers, body)
        except Answer as early:
            answer = early
        except Exception as exc:  # one bad request must not end the server
            print("logger=standin level=error path=%s error=%r" % (path, exc), file=sys.stderr, flush=True)
            answer = Answer(500, {"message": "Internal server error: %s" % type(exc).__name__})
        if any(action and action.get("cut") == "after" for action in actions):
            return self.hang_up()
        return self.send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond

    def hang_up(self):
        """Ends the connection without an answer."""
        self.close_connection = True
        self.server.grafana.log.append((self.command, self.path, None))
        self.connection.close()

    def send(self, answer):
        self.server.grafana.log.append((self.command, self.path, answer.status))
        body = answer.body if isinstance(answer.body, (bytes, str)) else json.dumps(answer.body)
        body = body.encode() if isinstance(body, str) else body
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Grafana-Stand-In", self.server.grafana.version)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        """Says nothing: request lines are no use to the journal, and could hold what is nobody's business."""


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, grafana, address=None):
        config = grafana.config
        self.grafana, self.tls = grafana, None
        host, port = address or (config.get("server", "http_addr"), int(config.get("server", "http_port")))
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if config.get("server", "protocol") in ("https", "h2"):
            self.tls = server_tls(config)
        try:
            super().__init__((host, port), Handler)
        except OSError as exc:
            raise Fatal("failed to open listener on address %s:%s: %s" % (host, port, exc.strerror)) from exc

    def server_bind(self):  # the parent asks the name service who it is: slow, and needed by nobody
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def handle_error(self, request, client_address):
        """A client that hangs up or fails its TLS greeting is no event."""


def server_tls(config):
    certificate, key = config.get("server", "cert_file"), config.get("server", "cert_key")
    for name, path in (("cert_file", certificate), ("key_file", key)):
        if not path:
            raise Fatal("%s cannot be empty when using HTTPS" % name.replace("key_file", "cert_key"))
        if not os.path.exists(path):
            raise Fatal("cannot find SSL %s at %r" % (name, path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    newest = config.get("server", "min_tls_version") == "TLS1.3"
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if newest else ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as exc:
        raise Fatal("could not load SSL certificate: %s" % exc) from exc
    return context


def notify(state):
    """Tells systemd (Type=notify) how far the start has come."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.connect("\0" + address[1:] if address.startswith("@") else address)
            sock.sendall(state.encode())


# --- command line ----------------------------------------------------------------------------------------------------


def serve(config):
    server = Server(Grafana(config))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    signal.signal(signal.SIGINT, lambda *_: threading.Thread(target=server.shutdown).start())
    host, port = server.server_address[:2]
    text = 'logger=http.server level=info msg="HTTP Server Listen" address=%s:%s protocol=%s standin=true version=%s'
    print(text % (host, port, config.get("server", "protocol"), server.grafana.version), flush=True)
    notify("READY=1")
    server.serve_forever(poll_interval=0.2)
    return 0


def reset_admin_password(config, arguments):
    if "--password-from-stdin" in arguments:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = arguments[-1] if arguments else ""
    grafana = Grafana(config)
    user = grafana.find_user(config.get("security", "admin_user")) or grafana.store.get("user", 1)
    if len(password) < 4:
        raise Fatal("new password is too short")
    grafana.save_user(user, password)
    print("Admin password changed successfully ✔")
    return 0


def main(argv):
    options, words, overrides = {}, [], []
    rest = list(argv)
    while rest:
        one = rest.pop(0)
        if one.startswith("cfg:"):
            overrides.append(one)
        elif one in ("-v", "--version"):
            words = ["version"]
            rest = []
        elif one.startswith(("--config", "--homepath", "--pidfile", "--packaging", "-config", "-homepath")):
            name, sep, value = one.lstrip("-").partition("=")
            options[name] = value if sep else (rest.pop(0) if rest else "")
        else:
            words.append(one)
    try:
        if words[:1] == ["version"]:
            print("grafana version %s (stand-in)" % VERSIONS[Config(options.get("config"), overrides).flavour])
            return 0
        config = Config(options.get("config"), overrides)
        if not os.path.isabs(config.get("paths", "data")):
            config.values["paths"]["data"] = os.path.join(options.get("homepath", "."), config.get("paths", "data"))
        if words == ["server"]:
            if options.get("pidfile"):
                with open(options["pidfile"], "w", encoding="utf-8") as handle:
                    handle.write(str(os.getpid()))
            return serve(config)
        if words[:3] == ["cli", "admin", "reset-admin-password"]:
            return reset_admin_password(config, words[3:])
    except Fatal as exc:
        print("Error: ✗ %s" % exc, file=sys.stderr)
        return 1
    print("usage: grafana server|cli --config FILE --homepath DIRECTORY [cfg:section.key=value]", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
