# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of ec2_security_group_rules ask for, judged without AWS."""

from __future__ import annotations

import ipaddress
import re

from ansible_collections.redisops.monitoring.plugins.module_utils._ec2.rules import (
    PROTOCOLS,
    WIDEST,
    Key,
    RuleError,
    Wanted,
)
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2.text import text

SOURCE_KINDS = ("cidr_ip", "cidr_ipv6", "ip_prefix", "group_id", "group_name")
# Never open to the world without allow_world: administration, Redis itself and everything that monitors it.
GUARDED_PORTS = {
    22: "SSH",
    3000: "Grafana",
    6379: "Redis",
    9090: "Prometheus",
    9093: "Alertmanager",
    9094: "the Alertmanager cluster",
    9100: "node_exporter",
    9115: "blackbox_exporter",
    9121: "redis_exporter",
    16379: "the Redis Cluster bus",
}

PORTS = re.compile(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?")
GROUP_ID = re.compile(r"(?:(?P<account>\d{12})/)?(?P<id>sg-(?:[0-9a-f]{8}|[0-9a-f]{17}))")
PREFIX_LIST_ID = re.compile(r"pl-(?:[0-9a-f]{8}|[0-9a-f]{17})")
BAD_IN_DESCRIPTION = re.compile(r"[^a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]")
BAD_IN_OWNER = re.compile(r"[^\w +\-=.:/@]")


def parse_rules(rules: list, allow_world: bool = False) -> list:
    """Validate the option O(rules) and unfold its lists; RuleError on the first mistake."""
    return [want for number, rule in enumerate(rules) for want in _parse_rule(f"rules[{number}]", rule, allow_world)]


def _parse_rule(where: str, rule: dict, allow_world: bool) -> list:
    proto = _protocol(where, rule["proto"])
    sources = [_SOURCES[kind](where, str(value).strip()) for kind in SOURCE_KINDS for value in rule.get(kind) or ()]
    if not sources:
        raise RuleError(f"{where}: no source; give one of {', '.join(SOURCE_KINDS)}")
    description = _description(where, rule.get("rule_desc"))
    present = rule["state"] == "present"
    wanted = []
    for from_port, to_port in _ports(where, proto, rule):
        for kind, source, account in sources:
            key = Key(rule["direction"], proto, from_port, to_port, kind, source)
            if present and not allow_world:
                _refuse_world(where, key)
            wanted.append(Wanted(key, description, present, where, account))
    return wanted


def _protocol(where: str, value: str) -> str:
    proto = str(value).strip().lower()
    proto = PROTOCOLS.get(proto, proto)
    if proto in PROTOCOLS.values() or (re.fullmatch(r"0|[1-9]\d{0,2}", proto) and int(proto) <= 255):
        return proto
    raise RuleError(f"{where}: unknown proto {value!r}; use tcp, udp, icmp, icmpv6, all or a number from 0 to 255")


def _ports(where: str, proto: str, rule: dict) -> list:
    ports, low, high = rule.get("ports"), rule.get("from_port"), rule.get("to_port")
    icmp_type, icmp_code = rule.get("icmp_type"), rule.get("icmp_code")
    if (low is None) != (high is None):
        raise RuleError(f"{where}: from_port and to_port go together; for one port use ports")
    if sum((ports is not None, low is not None, icmp_type is not None or icmp_code is not None)) > 1:
        raise RuleError(f"{where}: use only one of ports, from_port with to_port, and icmp_type with icmp_code")
    if proto in ("icmp", "icmpv6"):
        if ports is not None:
            raise RuleError(f"{where}: {proto} has no ports; use icmp_type and icmp_code")
        if low is None:
            low, high = icmp_type, -1 if icmp_code is None else icmp_code
        return [_icmp(where, low, high)]
    if icmp_type is not None or icmp_code is not None:
        raise RuleError(f"{where}: icmp_type and icmp_code need proto icmp or icmpv6, not {rule['proto']}")
    if proto not in ("tcp", "udp"):
        if ports is not None or (low, high) not in ((None, None), (-1, -1)):
            raise RuleError(f"{where}: AWS ignores ports for proto {rule['proto']} and opens all; leave them out")
        return [(-1, -1)]
    if low is not None:
        return [_port_range(where, low, high)]
    if not ports:
        raise RuleError(f"{where}: proto {proto} needs ports, or from_port with to_port")
    ranges = []
    for entry in ports:
        match = PORTS.fullmatch(str(entry).strip())
        if not match:
            raise RuleError(f"{where}: {entry!r} is not a port; write 9090 or 9090-9093")
        ranges.append(_port_range(where, int(match[1]), int(match[2] or match[1])))
    return ranges


def _port_range(where: str, low: int, high: int) -> tuple:
    for port in (low, high):
        if not 0 <= port <= 65535:
            raise RuleError(f"{where}: port {port} is not between 0 and 65535")
    if low > high:
        raise RuleError(f"{where}: ports {low}-{high} run backwards")
    return low, high


def _icmp(where: str, icmp_type, icmp_code) -> tuple:
    if icmp_type is None:
        if icmp_code != -1:
            raise RuleError(f"{where}: icmp_code needs icmp_type")
        return -1, -1
    for name, value in (("icmp_type", icmp_type), ("icmp_code", icmp_code)):
        if not -1 <= value <= 255:
            raise RuleError(f"{where}: {name} {value} is not between -1 (all) and 255")
    if icmp_type == -1 and icmp_code != -1:
        raise RuleError(f"{where}: icmp_type -1 means all types, so icmp_code must be -1 too")
    return icmp_type, icmp_code


def _description(where: str, value: str | None) -> str | None:
    if value is None:
        return None
    text = value.strip()
    if len(text) > 255:
        raise RuleError(f"{where}: rule_desc has {len(text)} characters; AWS takes 255")
    bad = sorted(set(BAD_IN_DESCRIPTION.findall(text)))
    if bad:
        raise RuleError(
            f"{where}: AWS refuses {' '.join(ascii(char) for char in bad)} in rule_desc; "
            "it takes unaccented letters, digits, blanks and ._-:/()#,@[]+=&;{}!$*"
        )
    return text


def _cidr(kind: str, network, other: str):
    def parse(where, value):
        problem = None
        try:
            parsed = network(value)
        except ValueError as error:
            problem = str(error)
            try:
                around = network(value, strict=False)
                host = value.split("/")[0]
                problem = f"host bits set; did you mean {around} or {host}/{around.max_prefixlen}?"
            except ValueError:
                if (":" in value) != (kind == "cidr_ipv6"):
                    problem = f"use {other} for it"
        else:
            # ipaddress also takes netmasks, zone ids and (before Python 3.9.5) octal octets. AWS takes none of them.
            if not re.fullmatch(r"[^/%]+(/\d+)?", value) or re.search(r"(^|\.)0\d", value.split(":")[-1]):
                problem = "write address/prefix length"
        if problem:
            raise RuleError(f"{where}: {kind} {value}: {problem}")
        return kind, str(parsed), None

    return parse


def _group_id(where: str, value: str):
    match = GROUP_ID.fullmatch(value)
    if not match:
        raise RuleError(f"{where}: group_id {value!r} is not like sg-0123456789abcdef0 or 123456789012/sg-...")
    return "group_id", match["id"], match["account"]


def _group_name(where: str, value: str):
    if not value:
        raise RuleError(f"{where}: group_name is empty")
    if GROUP_ID.fullmatch(value):
        raise RuleError(f"{where}: group_name {value!r} is an id; use group_id")
    return "group_name", value, None


def _prefix_list(where: str, value: str):
    if not PREFIX_LIST_ID.fullmatch(value):
        raise RuleError(f"{where}: ip_prefix {value!r} is not a prefix list id like pl-0123456789abcdef0")
    return "ip_prefix", value, None


_SOURCES = {
    "cidr_ip": _cidr("cidr_ip", ipaddress.IPv4Network, "cidr_ipv6"),
    "cidr_ipv6": _cidr("cidr_ipv6", ipaddress.IPv6Network, "cidr_ip"),
    "ip_prefix": _prefix_list,
    "group_id": _group_id,
    "group_name": _group_name,
}


def source(where: str, kind: str, value: str) -> str:
    """One source as AWS writes it; RuleError with *where* when it is none."""
    return _SOURCES[kind](where, value)[1]


def _refuse_world(where: str, key: Key) -> None:
    if key.direction != "ingress" or key.kind not in WIDEST:
        return
    if int(key.source.rpartition("/")[2]) >= WIDEST[key.kind]:
        return
    for port, service in GUARDED_PORTS.items():
        if key.proto == "-1" or (key.proto in ("tcp", "udp") and key.from_port <= port <= key.to_port):
            raise RuleError(
                f"{where}: {key.source} would open port {port} ({service}) to the world; "
                "name the networks that need it, or set allow_world: true"
            )


def check_target(params: dict) -> None:
    """Validate the options that say which group and whose rules."""
    group_id, group_name, owner = params["group_id"], params["group_name"], params["owner"]
    if group_id is None and group_name is None:
        raise RuleError("group_id or group_name is required, and both are null")
    match = GROUP_ID.fullmatch(group_id or group_name or "")
    if group_id is not None and (not match or match["account"]):
        raise RuleError(f"group_id {group_id!r} is not like sg-0123456789abcdef0")
    if group_name is not None and (match or not group_name.strip()):
        raise RuleError(f"group_name {group_name!r} is {'an id; use group_id' if match else 'empty'}")
    if owner is not None and (not 0 < len(owner) <= 256 or owner != owner.strip() or BAD_IN_OWNER.search(owner)):
        raise RuleError(f"owner {owner!r} is no tag value; AWS takes up to 256 letters, digits, blanks and +-=._:/@")


def merge(wanted: list) -> dict:
    """Fold repeated rules into one by key; RuleError when they contradict each other. Group names are ids by now."""
    merged = {}
    for new in wanted:
        old = merged.setdefault(new.key, new)
        if old.present != new.present:
            raise RuleError(f"{old.where} and {new.where} ask for {text(new.key)} both present and absent")
        if None not in (old.description, new.description) and old.description != new.description:
            raise RuleError(
                f'{old.where} and {new.where} describe {text(new.key)} differently: "{old.description}" and '
                f'"{new.description}"; AWS keeps one description a rule'
            )
        if old.description is None:
            merged[new.key] = new
    return merged
