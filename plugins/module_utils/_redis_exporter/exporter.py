# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One exporter as its settings want it: where it listens, how it is asked, and its account in Redis. Private."""

from __future__ import annotations

import platform
import typing as t

from ansible_collections.redisops.monitoring.plugins.module_utils import _redis
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import (
    address,
    advice,
    metrics,
    settings,
)

ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
}
# What a scrape asks Redis, and what is missing from the metrics when the account may not.
ASKED = (
    (("INFO", "server"), None),
    (("CLIENT", "SETNAME", "redis_exporter"), "client name"),
    (("CLUSTER", "INFO"), "redis_cluster_* metrics"),
    (("CONFIG", "GET", "maxmemory"), "redis_config_* metrics"),
    (("SLOWLOG", "LEN"), "redis_slowlog_* metrics"),
    (("SLOWLOG", "GET", "0"), "redis_slowlog_* metrics"),
    (("LATENCY", "LATEST"), "redis_latency_spike_* metrics"),
    (("LATENCY", "HISTOGRAM"), "redis_latency_percentiles_* metrics"),
)


class Exporter:
    def __init__(self, options: dict[str, t.Any]) -> None:
        problems = settings.problems(options)
        if problems:
            raise settings.BadInput("; ".join(problems))
        self.options = options
        self.redis = settings.parse_addr(options["redis_addr"])
        self.flags, _problems, self.flag_warnings = settings.resolve(options)
        self.listen = address.listen_address(
            options["listen_address"], options["private_address"], options["connection_address"]
        )
        self.web_tls = bool(options["web_tls_cert_file"])
        path = self.flags.get("web.telemetry-path", "/metrics")
        self.url = address.url(self.listen, options["port"], path, self.web_tls)
        self.user = options["redis_user"] or "default"

    def facts(self) -> dict[str, t.Any]:
        return {
            "listen_address": self.listen,
            "url": self.url,
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "redis_addr": self.redis.url,
            "redis_host": self.redis.host,
            "redis_port": self.redis.port,
            "redis_tls": self.redis.tls,
            "flags": self.flags,
        }

    def target(self, admin: bool = False) -> _redis.Target:
        options = self.options
        account = "acl_admin" if admin else "redis"
        return _redis.Target(
            self.redis.host,
            self.redis.port,
            tls=self.redis.tls,
            server_name=options["tls_server_name"],
            verify=not options["skip_tls_verification"],
            ca_file=options["tls_ca_file"],
            cert_file=options["tls_cert_file"],
            key_file=options["tls_key_file"],
            user=options[account + "_user"],
            password=options[account + "_password"],
            timeout=options["timeout"],
        )

    def client_pair(self) -> tuple[str, str]:
        """Certificate and key that the exporter is asked with."""
        options = self.options
        if options["web_client_cert_file"]:
            return options["web_client_cert_file"], options["web_client_key_file"]
        return options["tls_cert_file"], options["tls_key_file"]

    def metrics(self) -> metrics.Metrics:
        options = self.options
        cert, key = self.client_pair() if options["web_client_ca_file"] else ("", "")
        text = metrics.fetch(
            self.url,
            server_cert_file=options["web_tls_cert_file"],
            cert_file=cert,
            key_file=key,
            username=options["web_username"],
            password=options["web_password"],
            timeout=12 + options["timeout"],  # its TLS handshake with a Redis that hangs takes ten seconds
        )
        return metrics.Metrics(text, self.flags.get("namespace", "redis"))

    def try_account(self, warn: t.Callable[[str], None]) -> None:
        """Ask Redis what a scrape asks; RedisProblem for what the exporter cannot do without."""
        target = self.target()
        with _redis.Client(target) as client:
            for command, lost in ASKED:
                try:
                    client.call(*command)
                except _redis.ReplyError as err:
                    if not str(err).startswith("NOPERM"):
                        continue  # not every Redis knows every command
                    problem = _redis.from_reply(target, str(err))
                    if lost is None:
                        raise problem from None
                    warn("%s; without it there are no %s" % (advice.explain(problem), lost))

    def explain(self, problem: _redis.RedisProblem) -> str:
        """A problem of its account, its fix, and the line that creates the account."""
        text = advice.explain(problem)
        if problem.cause in ("wrongpass", "noperm") and self.options["acl_rules"]:
            text += ": " + _redis.acl_line(self.user, self.options["acl_rules"])
        return text
