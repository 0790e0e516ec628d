# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of one EC2 security group: what is there, and the difference to what is wanted. Nothing here calls AWS."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

OWNER_TAG = "redis-monitoring:owner"
# AWS's default quota, counted per direction and per IP version. It can be raised, so it is only a reason to warn.
DEFAULT_QUOTA = 60
DIRECTIONS = ("ingress", "egress")
# Anything wider counts as the world, or 0.0.0.0/1 and 128.0.0.0/1 would slip through. 10.0.0.0/8 and fc00::/7 do not.
WIDEST = {"cidr_ip": 8, "cidr_ipv6": 7}
PROTOCOLS = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
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


# --- requests -------------------------------------------------------------------------------------------------------


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
