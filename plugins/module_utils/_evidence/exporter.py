# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exporter of a Redis node, and Redis through its account and files. Private.

What the exporter really uses (flags of its process, sources of its credentials) comes before the settings of the
inventory.
"""

from __future__ import annotations

import json
import re

from .. import _redis, _tls
from .._redis_exporter import address, advice, metrics
from .._redis_exporter.exporter import ASKED
from .._redis_exporter.settings import BadInput, parse_addr
from .._text import one_line
from . import redis
from .files import access, authority, certificate
from .http import shown_certificate
from .probes import content

UNIT = "redis_exporter.service"
METRICS = ("up", "cluster_enabled", "cluster_state", "exporter_last_scrape_duration_seconds")
ADMIN = (
    *("redis_addr", "acl_admin_user", "acl_admin_password", "tls_ca_file", "tls_cert_file", "tls_key_file"),
    *("tls_server_name", "skip_tls_verification"),
)
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


def redis_target(addr, user, password, ca_file, cert_file, key_file, server_name, skip_verification):
    server = parse_addr(addr)
    return _redis.Target(
        server.host,
        server.port,
        tls=server.tls,
        server_name=server_name,
        verify=not skip_verification,
        ca_file=ca_file,
        cert_file=cert_file,
        key_file=key_file,
        user=user,
        password=password,
        timeout=3,
    )


def source(path, unit):
    """Where the content of a credential comes from; other paths are themselves."""
    found = re.match(r"(?:\$\{CREDENTIALS_DIRECTORY\}|/run/credentials/[^/]+)/([^/]+)$", path or "")
    return unit.get("credentials", {}).get(found.group(1), "") if found else path or ""


class Exporter:
    """What the exporter of this host uses: its unit where there is one, else the settings of the inventory."""

    def __init__(self, settings, unit):
        self.settings = settings
        self.unit = unit or {"found": False}
        self.flags = flags = flags_of(self.unit.get("argv", [])) if self.unit["found"] else {}
        self.installed = bool(flags)
        self.addr = flags.get("redis.addr") or settings["redis_addr"]
        self.user = flags.get("redis.user", "") if flags else settings["redis_user"]
        self.ca_file = self.file("tls-ca-cert-file", "tls_ca_file")
        self.cert_file = self.file("tls-client-cert-file", "tls_cert_file")
        self.key_file = self.file("tls-client-key-file", "tls_key_file")
        self.web_cert_file = self.file("tls-server-cert-file", "web_tls_cert_file")
        self.web_key_file = self.file("tls-server-key-file", "web_tls_key_file")
        self.server_name = flags.get("tls-server-name", "") if flags else settings["tls_server_name"]
        self.skip_verification = flags.get("skip-tls-verification", "false") != "false"
        self.listen, self.port = self.listens_on()
        self.password = self.password_in_use() if flags else settings["redis_password"]
        # A file that systemd hands over is read by root.
        handed_over = bool(self.unit.get("credentials")) or not flags
        self.reader = "" if handed_over else self.unit.get("user", "")

    def file(self, flag, option):
        return source(self.flags.get(flag, ""), self.unit) if self.installed else self.settings[option]

    def planned_listen(self):
        options = (self.settings[name] for name in ("listen_address", "private_address", "connection_address"))
        try:
            return address.listen_address(*options)
        except BadInput:
            return ""

    def listens_on(self):
        host, sep, port = self.flags.get("web.listen-address", "").rpartition(":")
        if not sep or not port.isdigit():
            return self.planned_listen(), self.settings["port"]
        return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104

    def password_in_use(self):
        try:
            known = json.loads(content(source(self.flags.get("redis.password-file", ""), self.unit)))
            with_user = self.addr.replace("://", "://%s@" % self.user)
            return known.get(with_user) or known.get(self.addr) or ""
        except (ValueError, AttributeError):
            argv = content("/proc/%d/cmdline" % self.unit.get("pid", 0)).split("\0")
            return flags_of(argv).get("redis.password", "")

    def target(self):
        """Redis as the exporter asks it."""
        files = (self.ca_file, self.cert_file, self.key_file)
        return redis_target(self.addr, self.user, self.password, *files, self.server_name, self.skip_verification)

    def admin_target(self):
        return redis_target(*(self.settings[name] for name in ADMIN))

    def describe(self):
        flags, unit = self.flags, self.unit
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
            "wanted_listen": self.planned_listen(),
            "reader": self.reader,
            "password_in_argv": "redis.password" in flags,
            "password_as_wanted": self.password == self.settings["redis_password"],
            "unknown_files": sorted(name for name in flags if name.endswith("-file") and not source(flags[name], unit)),
        }

    def files(self):
        found = {}
        if self.cert_file:
            found["exporter_client"] = certificate(self.cert_file, self.key_file, self.reader)
        if self.ca_file:
            issuers = [one["issuer"] for one in found.values() if "issuer" in one]
            found["exporter_ca"] = authority(self.ca_file, self.reader, issuers)
        if self.web_cert_file:
            found["exporter_server"] = certificate(self.web_cert_file, self.web_key_file, self.reader)
        path = source(self.flags.get("redis.password-file", ""), self.unit)
        if path:
            found["exporter_password"] = {"path": path, "way": access(path, self.reader)}
        return found

    # ------------------------------------------------------------------------------------------------- asking

    def account(self, settings):
        """What Redis says to the exporter's account with the exporter's files."""

        def ask():
            target = self.target()
            if target.tls:
                advice.check_files(target)
            with _redis.Client(target) as client:
                try:
                    return {"ok": True, "denied": self.denied(client), "info": redis.info(client)}
                except _redis.RedisProblem as err:
                    return redis.busy(client, err, settings)

        return answer(ask)

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

    def admin(self, settings):
        """The same through the account that manages ACL users."""
        own = self.settings
        if not own["acl_admin_password"]:
            return None
        login = (own["redis_user"], own["redis_password"])
        return answer(lambda: redis.admin(self.admin_target(), *login, settings))

    def shown(self):
        """The certificate that Redis shows."""
        try:
            server = parse_addr(self.settings["redis_addr"])
        except BadInput:
            return None
        return shown_certificate(server.host, server.port) if server.tls else None

    def metrics(self):
        """What /metrics says. An exporter whose Redis hangs takes ten seconds for it."""
        settings = self.settings
        path = self.flags.get("web.telemetry-path", "/metrics")
        url = address.url(self.listen, self.port, path, bool(self.web_cert_file))
        mutual = "tls-server-ca-cert-file" in self.flags
        try:
            text = metrics.fetch(
                url,
                server_cert_file=self.web_cert_file,
                cert_file=settings["web_client_cert_file"] or self.cert_file if mutual else "",
                key_file=settings["web_client_key_file"] or self.key_file if mutual else "",
                username=settings["web_username"],
                password=settings["web_password"],
                timeout=13,
            )
        except (metrics.Unreachable, _tls.FileProblem, OSError) as err:
            return {"url": url, "answered": False, "error": one_line(err)}
        page = metrics.Metrics(text, self.flags.get("namespace", "redis"))
        values = {name: page.value(name) for name in METRICS}
        return dict(values, url=url, answered=True, version=page.version)


def answer(ask):
    """The answer of Redis, or the cause why there is none."""
    try:
        return ask()
    except _redis.RedisProblem as err:
        return {"ok": False, "cause": err.cause, "text": str(err)}
    except (_tls.FileProblem, BadInput, OSError, ValueError) as err:
        return {"ok": False, "cause": "files", "text": one_line(err, 500)}
