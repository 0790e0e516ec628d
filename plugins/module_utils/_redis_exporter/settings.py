# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with the settings of the exporter, found without a host. Private.

The options are those of the module redis_exporter_check: the variables of the role without their prefix.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t
from urllib.parse import urlsplit

from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import flags

TLS_SCHEMES = ("rediss", "valkeys")
PAIRS = (
    ("tls_cert_file", "tls_key_file"),
    ("web_tls_cert_file", "web_tls_key_file"),
    ("web_username", "web_password"),
)
TOGETHER = "redis_exporter_%s and redis_exporter_%s belong together: set both or none"
CLUSTER_RULES = ["+cluster|slots", "+cluster|nodes"]


class BadInput(Exception):
    """One line: what is wrong with a setting and what to write."""


class Address(t.NamedTuple):
    """Where Redis is."""

    scheme: str
    host: str
    port: int

    @property
    def tls(self) -> bool:
        return self.scheme in TLS_SCHEMES

    @property
    def url(self) -> str:
        return "%s://%s:%d" % (self.scheme, "[%s]" % self.host if ":" in self.host else self.host, self.port)


def parse_addr(addr: str) -> Address:
    what = "redis_exporter_redis_addr"
    if "://" not in addr:
        raise BadInput("%s: %s has no scheme; write rediss://HOST:PORT" % (what, addr.split("@")[-1]))
    parts = urlsplit(addr)
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            "%s: user and password do not belong in the address; set redis_exporter_redis_user and "
            "redis_exporter_redis_password" % what
        )
    if parts.scheme not in ("redis", "rediss", "valkey", "valkeys"):
        raise BadInput("%s: the scheme %s is not known; write rediss://HOST:PORT" % (what, parts.scheme))
    try:
        host, port = parts.hostname, parts.port or 6379
    except ValueError:
        host = None
    if not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise BadInput("%s: %s is no address; write rediss://HOST:PORT and no more" % (what, addr))
    return Address(parts.scheme, host, port)


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def acl_rules(rules: list[str], wanted_flags: dict[str, t.Any]) -> list[str]:
    """Rights of the exporter's account; with is-cluster it asks for all nodes."""
    cluster = flags.text_of(wanted_flags.get("is-cluster", False)) == "true"
    return rules + (CLUSTER_RULES if cluster else [])


def problems(options: dict[str, t.Any]) -> list[str]:
    """Every problem of the settings, one line each, without a secret."""
    found = [
        # They go into a unit file, where a second line would be a setting of its own.
        "redis_exporter_%s holds a line break or another control character; remove it" % name
        for name, value in options.items()
        if isinstance(value, str) and any(ord(char) < 32 for char in value)
    ]
    if found:
        return found
    found += [TOGETHER % pair for pair in PAIRS if bool(options[pair[0]]) != bool(options[pair[1]])]
    found += _version_and_flags(options)
    found += _account(options)
    found += _web(options)
    return found


def _version_and_flags(options: dict[str, t.Any]) -> list[str]:
    version = options["version"]
    if not re.match(r"\d+\.\d+\.\d+\Z", version):
        return ["redis_exporter_version: %r is no release; write three numbers, such as 1.86.0" % version]
    if flags.number(version) < flags.number(flags.FLOOR):
        return ["redis_exporter_version: %s is too old; this role needs %s or newer" % (version, flags.FLOOR)]
    resolved = resolve(options)
    found = list(resolved.problems)
    if options["redis_password"] and flags.logs_secrets(resolved.values):
        found.append(
            "redis_exporter_flags: at debug level the exporter logs its Redis password; remove debug and log-level"
        )
    needed = [
        (flags.KNOWN["basic-auth-hash-password"]["since"], "redis_exporter_web_username", options["web_username"]),
        (flags.KNOWN["tls-server-name"]["since"], "redis_exporter_tls_server_name", options["tls_server_name"]),
    ]
    scheme = options["redis_addr"].partition("://")[0]
    needed.append(("1.65.0", "the scheme %s in redis_exporter_redis_addr" % scheme, scheme in ("valkey", "valkeys")))
    for since, what, used in needed:
        if used and flags.number(version) < flags.number(since):
            found.append(
                "%s needs redis_exporter %s or newer, and redis_exporter_version is %s" % (what, since, version)
            )
    return found


def _account(options: dict[str, t.Any]) -> list[str]:
    found = []
    try:
        host = parse_addr(options["redis_addr"]).host
    except BadInput as err:
        host = ""
        found.append(str(err))
    if options["acl_managed"]:
        for prefix in ("redis", "acl_admin"):
            if not (options[prefix + "_user"] and options[prefix + "_password"]):
                found.append(
                    "redis_exporter_acl_manage needs redis_exporter_%s_user and redis_exporter_%s_password"
                    % (prefix, prefix)
                )
    for network in options["allow_from"]:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            found.append("redis_exporter_allow_from: %s is no IP address or network" % network)
    if options["allow_from"] and host and not is_address(host):
        found.append(
            "redis_exporter_allow_from filters by IP address, so redis_exporter_redis_addr needs one too: "
            "replace %s by its address and set redis_exporter_tls_server_name" % host
        )
    return found


def _web(options: dict[str, t.Any]) -> list[str]:
    found = []
    listen = options["listen_address"].strip("[]")
    if listen and (listen == "localhost" or not is_address(listen)):
        found.append("redis_exporter_listen_address: %s is no IP address" % listen)
    if not 1 <= options["port"] <= 65535:
        found.append("redis_exporter_port is %d: ports are 1 to 65535" % options["port"])
    if not options["web_client_ca_file"]:
        return found
    if not options["web_tls_cert_file"]:
        found.append("redis_exporter_web_client_ca_file needs redis_exporter_web_tls_cert_file and its key")
    elif not (options["web_client_cert_file"] or options["tls_cert_file"]):
        found.append(
            "redis_exporter_web_client_ca_file: no client certificate to check the exporter with; set "
            "redis_exporter_web_client_cert_file and redis_exporter_web_client_key_file"
        )
    elif options["web_client_cert_file"] and not options["web_client_key_file"]:
        found.append(TOGETHER % ("web_client_cert_file", "web_client_key_file"))
    return found


def resolve(options: dict[str, t.Any]) -> flags.Flags:
    """The flags for this version; the caller may have a table of its own."""
    given = {
        "defaults": options.get("default_flags"),
        "known": options.get("known_flags"),
        "known_to": options.get("known_flags_to"),
    }
    return flags.resolve(
        options["version"], options["flags"], **{name: value for name, value in given.items() if value is not None}
    )
