# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags of redis_exporter: which version has which, and what they mean for the safety of data. Private."""

from __future__ import annotations

import re
import typing as t

FLOOR = "1.45.0"
KNOWN_TO = "1.89.0"

# Every flag from FLOOR to KNOWN_TO, by the version that brought it and the type of its value. The program ends when it
# is given a flag that it does not know, or a value of another type.
_ADDED = {
    "1.45.0": {
        "bool": """debug export-client-list export-client-port include-config-metrics include-system-metrics is-cluster
            is-tile38 ping-on-connect redact-config-metrics redis-only-metrics set-client-name skip-tls-verification
            version""",
        "int": "check-keys-batch-size max-distinct-key-groups",
        "duration": "connection-timeout",
        "str": """check-key-groups check-keys check-single-keys check-single-streams check-streams config-command
            count-keys log-format namespace redis.addr redis.password redis.password-file redis.user script
            tls-ca-cert-file tls-client-cert-file tls-client-key-file tls-server-ca-cert-file tls-server-cert-file
            tls-server-key-file tls-server-min-version web.listen-address web.telemetry-path""",
    },
    "1.52.0": {"bool": "disable-exporting-key-values"},
    "1.60.0": {"bool": "exclude-latency-histogram-metrics streams-exclude-consumer-metrics"},
    "1.64.0": {"bool": "include-modules-metrics"},
    "1.67.0": {"str": "basic-auth-password basic-auth-username"},
    "1.71.0": {"bool": "include-metrics-for-empty-databases skip-checkkeys-for-role-master"},
    "1.75.0": {"str": "log-level"},
    "1.77.0": {"bool": "include-go-runtime-metrics"},
    "1.79.0": {"str": "check-search-indexes", "bool": "include-search-indexes-metrics"},
    "1.80.2": {"str": "basic-auth-hash-password"},
    "1.82.0": {"bool": "append-instance-role-label cluster-discover-hostnames"},
    "1.83.0": {
        "bool": """disable-scrape-endpoint include-rdb-file-size-metric include-sentinel-peer-info
            lua-script-read-only"""
    },
    "1.87.0": {"str": "tls-server-name"},
}
KNOWN = {
    name: {"since": since, "type": kind}
    for since, kinds in _ADDED.items()
    for kind, names in kinds.items()
    for name in names.split()
}

# Set unless the user says otherwise; left out for versions without the flag.
DEFAULTS = {
    "connection-timeout": "5s",  # with the fixed ten seconds of a TLS handshake still below the scrape timeout of 20 s
    "disable-exporting-key-values": True,
    "disable-scrape-endpoint": True,
    "include-system-metrics": True,  # redis_total_system_memory_bytes
    "redact-config-metrics": True,
}

# Flags that the role sets itself, and the variable that decides.
RESERVED = {
    "redis.addr": "redis_exporter_redis_addr",
    "redis.user": "redis_exporter_redis_user",
    "redis.password": "redis_exporter_redis_password",
    "redis.password-file": "redis_exporter_redis_password",
    "web.listen-address": "redis_exporter_listen_address and redis_exporter_port",
    "tls-client-cert-file": "redis_exporter_tls_cert_file",
    "tls-client-key-file": "redis_exporter_tls_key_file",
    "tls-ca-cert-file": "redis_exporter_tls_ca_file",
    "tls-server-name": "redis_exporter_tls_server_name",
    "tls-server-cert-file": "redis_exporter_web_tls_cert_file",
    "tls-server-key-file": "redis_exporter_web_tls_key_file",
    "tls-server-ca-cert-file": "redis_exporter_web_client_ca_file",
    "skip-tls-verification": "redis_exporter_skip_tls_verification",
    "basic-auth-username": "redis_exporter_web_username",
    "basic-auth-password": "redis_exporter_web_password",
    "basic-auth-hash-password": "redis_exporter_web_password",
    "version": "redis_exporter_version",
}

# Flags that may put personal data into metrics, or into the hands of whoever reaches the port.
REVEALING = {
    "check-keys": "exports names and values of keys",
    "check-single-keys": "exports names and values of keys",
    "check-key-groups": "exports parts of key names",
    "count-keys": "exports key patterns, and scans all keys",
    "check-streams": "exports names of streams and consumers",
    "check-single-streams": "exports names of streams and consumers",
    "check-search-indexes": "exports names of search indexes",
    "include-search-indexes-metrics": "exports names of search indexes",
    "script": "exports whatever the script returns",
    "is-cluster": "enables /discover-cluster-nodes and key look-ups on all nodes",
    "export-client-list": "exports addresses and user names of clients",
    "export-client-port": "exports addresses and ports of clients",
    "include-config-metrics": "exports the settings of Redis",
}
PROTECTING = {
    "disable-exporting-key-values": "exports values of keys",
    "redact-config-metrics": "exports passwords among the settings of Redis",
    "disable-scrape-endpoint": "lets whoever reaches the port make the exporter connect anywhere, through /scrape",
}

TYPES = {
    "bool": (r"true|false", "true or false"),
    "int": (r"-?\d+", "a whole number"),
    "duration": (r"(\d+(\.\d+)?(ms|s|m|h))+", "a duration, such as 5s"),
    "str": (r"[^\x00-\x1f]*", "one line of text"),
}


class Flags(t.NamedTuple):
    values: dict[str, str]
    problems: list[str]
    warnings: list[str]


def number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def resolve(
    version: str, wanted: dict, defaults: dict | None = None, known: dict | None = None, known_to: str = KNOWN_TO
):
    """Flags of one version as text. A default that the version lacks is left out; a wanted one is a problem."""
    defaults = DEFAULTS if defaults is None else defaults
    known = KNOWN if known is None else known
    have = number(version)
    values: dict[str, str] = {}
    problems: list[str] = []
    warnings: list[str] = []
    for name, value in sorted(defaults.items()):
        if have >= number(known.get(name, {"since": FLOOR})["since"]):
            values[name] = text_of(value)
    for name, value in sorted(wanted.items()):
        name = name.lstrip("-")
        kind = known.get(name, {}).get("type", "str")
        if name in RESERVED:
            problems.append("%s is set by %s" % (name, RESERVED[name]))
        elif known and name not in known and have[:2] <= number(known_to)[:2]:
            problems.append("redis_exporter %s has no flag %s; remove it" % (version, name))
        elif name in known and have < number(known[name]["since"]):
            problems.append(
                "%s came with redis_exporter %s, and redis_exporter_version is %s; remove the flag or raise the version"
                % (name, known[name]["since"], version)
            )
        elif not fits(value, kind):
            problems.append("the value of %s has to be %s" % (name, TYPES[kind][1]))
        else:
            values[name] = text_of(value)
            if known and name not in known:
                warnings.append("whether redis_exporter %s has the flag %s is not known here" % (version, name))
    prefix = "redis_exporter_flags: "
    warnings = [prefix + warning for warning in warnings + disclosures(values)] + scrape_endpoint(version, values)
    return Flags(values, [prefix + problem for problem in problems], warnings)


def text_of(value: t.Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def fits(value: t.Any, kind: str) -> bool:
    if value is None or isinstance(value, (list, dict)):
        return False
    return re.match(r"(?:%s)\Z" % TYPES[kind][0], text_of(value)) is not None


def disclosures(values: dict[str, str]) -> list[str]:
    fix = "; with data of persons (PHI) in Redis, remove it from redis_exporter_flags"
    found = ["%s %s" % one for one in sorted(REVEALING.items()) if values.get(one[0], "false") not in ("false", "")]
    found += ["%s: false %s" % one for one in sorted(PROTECTING.items()) if values.get(one[0]) == "false"]
    return [one + fix for one in found]


def scrape_endpoint(version: str, values: dict[str, str]) -> list[str]:
    if "disable-scrape-endpoint" in values:
        return []
    since = KNOWN["disable-scrape-endpoint"]["since"]
    if number(version) >= number(since):
        return []  # a caller that manages without our defaults knows what he does
    return [
        "redis_exporter %s cannot switch off /scrape: whoever reaches its port can make it connect to other hosts; "
        "set redis_exporter_version to %s or newer" % (version, since)
    ]


def logs_secrets(values: dict[str, str]) -> bool:
    """Whether the exporter would print its settings, the password among them, to the journal."""
    level = values.get("log-level", "").lower()
    return values.get("debug", "false") not in ("false", "0") or level in ("debug", "trace")
