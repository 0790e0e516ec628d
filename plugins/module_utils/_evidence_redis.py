# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen on a Redis node: Redis through the exporter's account and files, its settings, and the exporter.

What the exporter really uses (flags of its process, sources of its credentials) comes before what the inventory wants.
Standard library only. Private.
"""

from __future__ import annotations

import hashlib
import json
import os
import re

from ansible_collections.redisops.monitoring.plugins.module_utils import _evidence, _redis, _tls
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import address, advice, metrics
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.exporter import ASKED
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.settings import BadInput, parse_addr

REDIS_UNITS = ("redis-server.service", "redis.service")
EXPORTER_UNIT = "redis_exporter.service"
SETTINGS = [
    "bind",
    "port",
    "tls-port",
    "tls-cert-file",
    "tls-key-file",
    "tls-ca-cert-file",
    "tls-auth-clients",
    "cluster-enabled",
    "aclfile",
    "dir",
    "logfile",
    "maxmemory",
    "maxmemory-policy",
    "maxclients",
]
INFO = [
    "redis_version",
    "uptime_in_seconds",
    "connected_clients",
    "maxclients",
    "used_memory",
    "maxmemory",
    "loading",
    "role",
    "rdb_last_bgsave_status",
    "aof_enabled",
    "aof_last_write_status",
    "cluster_enabled",
]
FLAG = re.compile(r"--?([\w.-]+)(?:=(.*))?$", re.S)


def flags_of(argv):
    """Flags of a Go program's command line; a switch without value is true."""
    found, words = {}, list(argv[1:])
    while words:
        matched = FLAG.match(words.pop(0))
        if matched:
            name, value = matched.groups()
            if value is None:
                value = words.pop(0) if words and not words[0].startswith("-") else "true"
            found[name] = value
    return found


def source(path, unit):
    """Where the content of a credential comes from; other paths are themselves."""
    found = re.match(r"(?:\$\{CREDENTIALS_DIRECTORY\}|/run/credentials/[^/]+)/([^/]+)$", path or "")
    return unit.get("credentials", {}).get(found.group(1), "") if found else path or ""


class Exporter:
    """What the exporter of this host uses: its unit where there is one, else what the inventory wants."""

    def __init__(self, wanted, unit):
        self.wanted = wanted
        self.unit = unit or {"found": False}
        flags = flags_of(self.unit.get("argv", [])) if self.unit["found"] else {}
        self.flags = flags
        self.installed = bool(flags)
        self.addr = flags.get("redis.addr") or wanted["redis_addr"]
        self.user = flags.get("redis.user", "") if flags else wanted["redis_user"]
        self.ca_file = self.file("tls-ca-cert-file", "tls_ca_file")
        self.cert_file = self.file("tls-client-cert-file", "tls_cert_file")
        self.key_file = self.file("tls-client-key-file", "tls_key_file")
        self.web_cert_file = self.file("tls-server-cert-file", "web_tls_cert_file")
        self.web_key_file = self.file("tls-server-key-file", "web_tls_key_file")
        self.server_name = flags.get("tls-server-name", "") if flags else wanted["tls_server_name"]
        self.skip_verification = flags.get("skip-tls-verification", "false") != "false"
        self.listen, self.port = self.listens_on()
        self.password = self.password_in_use() if flags else wanted["redis_password"]
        # A file that systemd hands over is read by root.
        handed_over = bool(self.unit.get("credentials")) or not flags
        self.reader = "" if handed_over else self.unit.get("user", "")

    def file(self, flag, option):
        return source(self.flags.get(flag, ""), self.unit) if self.installed else self.wanted[option]

    def wanted_listen(self):
        try:
            return address.listen_address(
                self.wanted["listen_address"], self.wanted["private_address"], self.wanted["connection_address"]
            )
        except BadInput:
            return ""

    def listens_on(self):
        given = self.flags.get("web.listen-address", "") if self.installed else ""
        host, sep, port = given.rpartition(":")
        if not sep or not port.isdigit():
            return self.wanted_listen(), self.wanted["port"]
        return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104

    def password_in_use(self):
        path = source(self.flags.get("redis.password-file", ""), self.unit)
        try:
            with open(path, encoding="utf-8") as handle:
                known = json.load(handle)
        except (OSError, ValueError, TypeError):
            return self.password_in_argv()
        with_user = self.addr.replace("://", "://%s@" % self.user)
        return known.get(with_user) or known.get(self.addr) or ""

    def password_in_argv(self):
        try:
            with open("/proc/%d/cmdline" % self.unit.get("pid", 0), "rb") as handle:
                argv = handle.read().decode("utf-8", "replace").split("\0")
        except OSError:
            return ""
        return flags_of(argv).get("redis.password", "")

    def target(self, admin=False):
        redis = parse_addr(self.wanted["redis_addr"] if admin else self.addr)
        wanted = self.wanted
        return _redis.Target(
            redis.host,
            redis.port,
            tls=redis.tls,
            server_name=wanted["tls_server_name"] if admin else self.server_name,
            verify=not (wanted["skip_tls_verification"] if admin else self.skip_verification),
            ca_file=wanted["tls_ca_file"] if admin else self.ca_file,
            cert_file=wanted["tls_cert_file"] if admin else self.cert_file,
            key_file=wanted["tls_key_file"] if admin else self.key_file,
            user=wanted["acl_admin_user"] if admin else self.user,
            password=wanted["acl_admin_password"] if admin else self.password,
            timeout=3,
        )

    def describe(self):
        return {
            "installed": self.installed,
            "addr": self.addr,
            "user": self.user,
            "ca_file": self.ca_file,
            "cert_file": self.cert_file,
            "key_file": self.key_file,
            "web_cert_file": self.web_cert_file,
            "server_name": self.server_name,
            "skip_tls_verification": self.skip_verification,
            "listen": self.listen,
            "port": self.port,
            "wanted_listen": self.wanted_listen(),
            "reader": self.reader,
            "password_in_argv": "redis.password" in self.flags,
            "password_as_wanted": self.password == self.wanted["redis_password"],
            "unknown_files": sorted(
                flag for flag in self.flags if flag.endswith("-file") and not source(self.flags[flag], self.unit)
            ),
        }

    # ------------------------------------------------------------------------------------------------- asking

    def account(self):
        """What Redis says to the exporter's account with the exporter's files."""
        try:
            target = self.target()
            if target.tls:
                advice.check_files(target)
            with _redis.Client(target) as client:
                return {"ok": True, "denied": self.denied(client), "info": info(client)}
        except _redis.RedisProblem as err:
            return {"ok": False, "cause": err.cause, "text": str(err)}
        except (_tls.FileProblem, BadInput) as err:
            return {"ok": False, "cause": "files", "text": str(err)}

    @staticmethod
    def denied(client):
        """Commands of a scrape that the account may not run, and what is missing for it."""
        found = []
        for words, lost in ASKED:
            try:
                client.call(*words)
            except _redis.ReplyError as err:
                if str(err).startswith("NOPERM"):
                    named = re.search(r"'([\w.|-]+)' command", str(err))
                    found.append({"command": named.group(1) if named else "|".join(words[:2]).lower(), "lost": lost})
        return found

    def admin(self):
        """The same through the account that manages ACL users: it tells the causes of WRONGPASS apart."""
        if not self.wanted["acl_admin_password"]:
            return None
        try:
            target = self.target(admin=True)
            if target.tls:
                usable_files(target)
            with _redis.Client(target) as client:
                digest = hashlib.sha256(self.wanted["redis_password"].encode("utf-8")).hexdigest()
                return {
                    "ok": True,
                    "acl": _redis.refine_login(client, self.wanted["redis_user"] or "default", digest),
                    "info": info(client),
                    "cluster": fields(call(client, "CLUSTER", "INFO"), ":"),
                    "nodes": cluster_nodes(call(client, "CLUSTER", "NODES")),
                }
        except _redis.RedisProblem as err:
            return {"ok": False, "cause": err.cause, "text": str(err)}
        except (_tls.FileProblem, BadInput, OSError, ValueError) as err:
            return {"ok": False, "cause": "files", "text": _evidence.one_line(err)}

    def shown(self):
        """The certificate that Redis shows."""
        try:
            redis = parse_addr(self.wanted["redis_addr"])
        except BadInput:
            return None
        return _evidence.shown_certificate(redis.host, redis.port) if redis.tls else None

    def metrics(self):
        """What /metrics says. An exporter whose Redis hangs takes ten seconds for it."""
        wanted = self.wanted
        path = self.flags.get("web.telemetry-path", "/metrics")
        url = address.url(self.listen, self.port, path, bool(self.web_cert_file))
        mutual = "tls-server-ca-cert-file" in self.flags
        cert = wanted["web_client_cert_file"] or self.cert_file if mutual else ""
        key = wanted["web_client_key_file"] or self.key_file if mutual else ""
        try:
            text = metrics.fetch(
                url,
                server_cert_file=self.web_cert_file,
                cert_file=cert,
                key_file=key,
                username=wanted["web_username"],
                password=wanted["web_password"],
                timeout=13,
            )
        except metrics.Unreachable as err:
            return {"url": url, "answered": False, "error": str(err)}
        except (_tls.FileProblem, OSError) as err:
            return {"url": url, "answered": False, "error": _evidence.one_line(err)}
        said = metrics.Metrics(text, self.flags.get("namespace", "redis"))
        values = ("up", "cluster_enabled", "cluster_state", "exporter_last_scrape_duration_seconds")
        return dict({name: said.value(name) for name in values}, url=url, answered=True, version=said.version)

    def files(self):
        found = {}
        if self.ca_file:
            found["exporter_ca"] = _evidence.authority(self.ca_file, self.reader)
        if self.cert_file:
            found["exporter_client"] = _evidence.certificate(self.cert_file, self.key_file, self.reader)
        if self.web_cert_file:
            found["exporter_server"] = _evidence.certificate(self.web_cert_file, self.web_key_file, self.reader)
        for flag in ("redis.password-file",):
            path = source(self.flags.get(flag, ""), self.unit)
            if path:
                found["exporter_password"] = {"path": path, "way": _evidence.way(path, self.reader)}
        return found


def usable_files(target):
    """FileProblem for files that cannot be loaded; whether Redis takes an old certificate is for Redis to say."""
    try:
        advice.check_files(target)
    except _tls.FileProblem as err:
        if not re.search(r"expired on|not valid yet", str(err)):
            raise


def call(client, *words):
    try:
        return client.call(*words)
    except (_redis.ReplyError, _redis.RedisProblem):
        return None


def info(client):
    return {name: value for name, value in fields(call(client, "INFO"), ":").items() if name in INFO}


def fields(text, sep):
    return dict(line.split(sep, 1) for line in (text or "").splitlines() if sep in line and not line.startswith("#"))


def cluster_nodes(text):
    rows = [line.split() for line in (text or "").splitlines()]
    return [{"address": row[1].split("@")[0], "flags": row[2], "link": row[7]} for row in rows if len(row) > 7]


def redis_settings(unit, mask):
    """Settings of redis.conf that matter here, and where its log ends. Passwords are none of them."""
    argv = unit.get("exec_argv") or []
    path = next((word for word in argv[1:] if word.startswith("/")), "/etc/redis/redis.conf")
    settings = {"path": path}
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            for line in handle:
                name, _sep, value = line.strip().partition(" ")
                if name in SETTINGS:
                    settings[name] = value.strip().strip('"')
    except OSError as err:
        settings["problem"] = "%s: %s" % (path, err.strerror)
    if unit.get("found") and not unit.get("active") and settings.get("logfile"):
        settings["log"] = _evidence.tail(settings["logfile"], mask)
    return settings


def with_context(answer, settings, mask):
    """Beside a connection that Redis closes: who holds connections, and its log. It gives no reason itself."""
    if answer and answer.get("cause") in ("closed", "tls_failed", "maxclients", "error_reply"):
        ports = [int(settings[name]) for name in ("tls-port", "port") if settings.get(name, "").isdigit()]
        answer["clients"] = _evidence.peers_of([port for port in ports if port] or [6379])
        answer["log"] = _evidence.tail(settings.get("logfile") or "", mask, 5)
    return answer


def redis_files(settings, user):
    found = {}
    if settings.get("tls-cert-file"):
        found["redis_server"] = _evidence.certificate(settings["tls-cert-file"], settings.get("tls-key-file", ""), user)
        found["redis_server"]["fingerprint"] = _evidence.fingerprint_of(settings["tls-cert-file"])
    if settings.get("tls-ca-cert-file"):
        found["redis_ca"] = _evidence.authority(settings["tls-ca-cert-file"], user)
    for name in ("aclfile", "dir"):
        if os.path.isabs(settings.get(name, "")):
            found["redis_" + name] = {"path": settings[name], "way": _evidence.way(settings[name], user)}
    return found
