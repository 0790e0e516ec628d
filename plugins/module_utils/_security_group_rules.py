# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of one EC2 security group: what was asked for, what is there, and the difference. Nothing here calls AWS."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

OWNER_TAG = "redis-monitoring:owner"
# AWS's default quota, counted per direction and per IP version. It can be raised, so it is only a reason to warn.
DEFAULT_QUOTA = 60
DIRECTIONS = ("ingress", "egress")
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
# Anything wider counts as the world, or 0.0.0.0/1 and 128.0.0.0/1 would slip through. 10.0.0.0/8 and fc00::/7 do not.
WIDEST = {"cidr_ip": 8, "cidr_ipv6": 7}
PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}

PORTS = re.compile(r"(\d{1,5})(?:\s*-\s*(\d{1,5}))?")
GROUP_ID = re.compile(r"(?:(?P<account>\d{12})/)?(?P<id>sg-(?:[0-9a-f]{8}|[0-9a-f]{17}))")
PREFIX_LIST_ID = re.compile(r"pl-(?:[0-9a-f]{8}|[0-9a-f]{17})")
BAD_IN_DESCRIPTION = re.compile(r"[^a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]")
BAD_IN_OWNER = re.compile(r"[^\w +\-=.:/@]")


class RuleError(ValueError):
    """What was asked for makes no sense; the message is one line that says why."""


class Key(NamedTuple):
    """What makes two rules the same rule to AWS."""

    direction: str
    proto: str
    from_port: int
    to_port: int
    kind: str
    source: str

    @property
    def order(self):
        return (DIRECTIONS.index(self.direction), *self[1:])


class Wanted(NamedTuple):
    key: Key
    description: str | None  # None: leave alone what is there
    present: bool
    where: str
    account: str | None = None


class Rule(NamedTuple):
    """A rule as it is in the group; no id: authorised by this run, and AWS has not told its id."""

    key: Key
    description: str
    id: str | None = None
    tags: dict = {}
    account: str | None = None

    @property
    def owner(self):
        return self.tags.get(OWNER_TAG)


class Update(NamedTuple):
    rule: Rule
    description: str | None = None  # None: stays
    owner: str | None = None  # None: stays


class Plan(NamedTuple):
    add: list
    update: list
    remove: list
    unchanged: list


# --- what was asked for ---------------------------------------------------------------------------------------------


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


# --- what is there --------------------------------------------------------------------------------------------------


def _canonical(kind: str, source: str) -> str:
    try:
        return str(ipaddress.ip_network(source, strict=False)) if kind in WIDEST else source
    except ValueError:
        return source


def _key(direction: str, item: dict, kind: str, source: str) -> Key:
    proto = PROTOCOLS.get(item["IpProtocol"], item["IpProtocol"])
    low, high = -1, -1
    if proto in ("tcp", "udp", "icmp", "icmpv6"):
        low, high = item.get("FromPort", -1), item.get("ToPort", -1)
    return Key(direction, proto, low, high, kind, _canonical(kind, source))


def rule_from_aws(item: dict, account: str | None = None) -> Rule:
    """A Rule of one item of DescribeSecurityGroupRules for a group of *account*."""
    peer = item.get("ReferencedGroupInfo") or {}
    candidates = (
        ("cidr_ip", item.get("CidrIpv4")),
        ("cidr_ipv6", item.get("CidrIpv6")),
        ("ip_prefix", item.get("PrefixListId")),
        ("group_id", peer.get("GroupId")),
    )
    kind, source = next((candidate for candidate in candidates if candidate[1]), ("group_id", ""))
    foreign = peer.get("UserId") not in (None, account)
    return Rule(
        _key(DIRECTIONS[bool(item.get("IsEgress"))], item, kind, source),
        item.get("Description") or "",
        item["SecurityGroupRuleId"],
        {tag["Key"]: tag["Value"] for tag in item.get("Tags") or ()},
        peer["UserId"] if foreign else None,
    )


def group_descriptions(group: dict) -> dict:
    """Descriptions by key from one item of DescribeSecurityGroups, for servers that leave them out of the rules."""
    found = {}
    for direction, member in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
        for permission in group.get(member) or ():
            for kind, (pairs, name) in _PERMISSION_MEMBERS.items():
                for pair in permission.get(pairs) or ():
                    if pair.get("Description") and pair.get(name):
                        found[_key(direction, permission, kind, pair[name])] = pair["Description"]
    return found


# --- the difference -------------------------------------------------------------------------------------------------


def make_plan(wanted: dict, existing: list, purge: str = "none", owner: str | None = None, adopt: bool = False) -> Plan:
    """What has to be done, in the order of the rules; nothing that was not asked for, unless *purge* says so."""
    present = {key for key, want in wanted.items() if want.present}
    purged_directions = {key.direction for key in present}
    add = {key: wanted[key] for key in present}
    update, remove, unchanged = [], [], []
    for rule in existing:
        want = wanted.get(rule.key)
        if want is None or not want.present:
            owned = purge == "owned" and rule.owner == owner
            if want or owned or (purge == "all" and rule.key.direction in purged_directions):
                remove.append(rule)
            continue
        if add.pop(rule.key, None) is None:
            continue  # a second rule with the same key: AWS has none, so it is not ours to judge
        description = want.description if want.description != rule.description else None
        new_owner = owner if adopt and rule.owner is None else None
        if description is None and new_owner is None:
            unchanged.append(rule)
        else:
            update.append(Update(rule, description, new_owner))
    return Plan(
        sorted(add.values(), key=lambda want: want.key.order),
        sorted(update, key=lambda change: change.rule.key.order),
        sorted(remove, key=lambda rule: rule.key.order),
        sorted(unchanged, key=lambda rule: rule.key.order),
    )


def covering(key: Key, existing: list) -> list:
    """Rules that admit all that *key* admits, and more."""
    return [rule for rule in existing if rule.key != key and _covers(rule.key, key)]


def updated_rule(change: Update) -> Rule:
    rule = change.rule
    if change.description is not None:
        rule = rule._replace(description=change.description)
    if change.owner is not None:
        rule = rule._replace(tags={**rule.tags, OWNER_TAG: change.owner})
    return rule


def predict(plan: Plan, existing: list, owner: str | None = None) -> list:
    """The rules after *plan*."""
    updated = {change.rule.id: updated_rule(change) for change in plan.update}
    removed = {rule.id for rule in plan.remove}
    tags = {OWNER_TAG: owner} if owner else {}
    return [updated.get(rule.id, rule) for rule in existing if rule.id not in removed] + [
        Rule(want.key, want.description or "", None, tags, want.account) for want in plan.add
    ]


def _covers(wide: Key, narrow: Key) -> bool:
    if (wide.direction, wide.kind) != (narrow.direction, narrow.kind):
        return False
    if wide.proto != "-1":
        if wide.proto != narrow.proto:
            return False
        everything = wide.proto.startswith("icmp") and wide.from_port == -1
        if not everything and not wide.from_port <= narrow.from_port <= narrow.to_port <= wide.to_port:
            return False
    if wide.source == narrow.source:
        return True
    if wide.kind not in WIDEST:
        return False
    try:
        return ipaddress.ip_network(narrow.source).subnet_of(ipaddress.ip_network(wide.source))
    except ValueError:
        return False


def over_quota(existing: list, plan: Plan) -> list:
    """(direction, rules now, rules to add) where both together pass AWS's default quota."""
    over = []
    for direction in DIRECTIONS:
        added = [want.key for want in plan.add if want.key.direction == direction]
        there = [rule.key for rule in existing if rule.key.direction == direction]
        for version in ("cidr_ip", "cidr_ipv6"):
            other = "cidr_ipv6" if version == "cidr_ip" else "cidr_ip"
            # A group or a prefix list counts for both IP versions.
            now, new = (sum(key.kind != other for key in keys) for keys in (there, added))
            if new and now + new > DEFAULT_QUOTA:
                over.append((direction, now, new))
                break
    return over


# --- words ----------------------------------------------------------------------------------------------------------


def text(key: Key, names: dict | None = None) -> str:
    """The rule in words: V(ingress tcp/9121 from sg-0123456789abcdef0 (prometheus-sg))."""
    proto = "all" if key.proto == "-1" else f"protocol-{key.proto}" if key.proto.isdigit() else key.proto
    if key.proto in ("tcp", "udp"):
        proto += f"/{key.from_port}" if key.from_port == key.to_port else f"/{key.from_port}-{key.to_port}"
    elif key.from_port != -1:
        proto += f"/{key.from_port}" if key.to_port == -1 else f"/{key.from_port}:{key.to_port}"
    name = (names or {}).get(key.source) if key.kind == "group_id" else None
    return f"{key.direction} {proto} {'from' if key.direction == 'ingress' else 'to'} {key.source}" + (
        f" ({name})" if name else ""
    )


def _described(key: Key, description: str | None, names: dict | None) -> str:
    return text(key, names) + (f' "{description}"' if description else "")


def added_line(want: Wanted, names: dict | None = None) -> str:
    return "+ " + _described(want.key, want.description, names)


def removed_line(rule: Rule, names: dict | None = None) -> str:
    return "- " + _described(rule.key, rule.description, names)


def updated_line(change: Update, names: dict | None = None) -> str:
    if change.description is None:
        line = _described(change.rule.key, change.rule.description, names)
    else:
        line = f'{text(change.rule.key, names)} "{change.rule.description}" -> "{change.description}"'
    return f"~ {line}" + (f" owner -> {change.owner}" if change.owner else "")


def lines(plan: Plan, names: dict | None = None) -> dict:
    """{(sign, key): line}, one line a rule."""
    return {
        **{("+", want.key): added_line(want, names) for want in plan.add},
        **{("~", change.rule.key): updated_line(change, names) for change in plan.update},
        **{("-", rule.key): removed_line(rule, names) for rule in plan.remove},
    }


def in_order(done: dict) -> list:
    """The lines of *done* as they are shown: by rule, what goes before what comes."""
    return [done[item] for item in sorted(done, key=lambda item: (item[1].order, item[0] != "-"))]


def public(rule: Rule) -> dict:
    """The rule with the option names of the module."""
    return {
        "rule_id": rule.id,
        "direction": rule.key.direction,
        "proto": {"-1": "all"}.get(rule.key.proto, rule.key.proto),
        "from_port": rule.key.from_port,
        "to_port": rule.key.to_port,
        rule.key.kind: f"{rule.account}/{rule.key.source}" if rule.account else rule.key.source,
        "rule_desc": rule.description,
        "owner": rule.owner,
        "tags": rule.tags,
    }


# --- requests -------------------------------------------------------------------------------------------------------

_PERMISSION_MEMBERS = {
    "cidr_ip": ("IpRanges", "CidrIp"),
    "cidr_ipv6": ("Ipv6Ranges", "CidrIpv6"),
    "ip_prefix": ("PrefixListIds", "PrefixListId"),
    "group_id": ("UserIdGroupPairs", "GroupId"),
}
_REQUEST_MEMBERS = {
    "cidr_ip": "CidrIpv4",
    "cidr_ipv6": "CidrIpv6",
    "ip_prefix": "PrefixListId",
    "group_id": "ReferencedGroupId",
}


def permissions(rules: list) -> list:
    """IpPermissions for Authorize: one for each protocol, port range and kind of source."""
    grouped = {}
    for rule in rules:
        key = rule.key
        permission = grouped.get((key.proto, key.from_port, key.to_port, key.kind))
        member, name = _PERMISSION_MEMBERS[key.kind]
        if permission is None:
            permission = {"IpProtocol": key.proto, member: []}
            if key.proto != "-1":
                permission.update(FromPort=key.from_port, ToPort=key.to_port)
            grouped[(key.proto, key.from_port, key.to_port, key.kind)] = permission
        pair = {name: key.source}
        if rule.account:
            pair["UserId"] = rule.account
        if rule.description:
            pair["Description"] = rule.description
        permission[member].append(pair)
    return list(grouped.values())


def description_updates(changes: list) -> list:
    """SecurityGroupRules for ModifySecurityGroupRules, which wants each rule whole."""
    return [
        {
            "SecurityGroupRuleId": change.rule.id,
            "SecurityGroupRule": {
                "IpProtocol": change.rule.key.proto,
                "FromPort": change.rule.key.from_port,
                "ToPort": change.rule.key.to_port,
                _REQUEST_MEMBERS[change.rule.key.kind]: change.rule.key.source,
                "Description": change.description,
            },
        }
        for change in changes
    ]


def tag_specifications(tags: dict) -> list:
    if not tags:
        return []
    return [{"ResourceType": "security-group-rule", "Tags": [{"Key": k, "Value": v} for k, v in sorted(tags.items())]}]
