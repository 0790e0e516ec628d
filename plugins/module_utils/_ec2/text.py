# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules in words: lines of the diff, and what the module returns."""

from __future__ import annotations

from ansible_collections.redisops.monitoring.plugins.module_utils._ec2.rules import Key, Plan, Rule, Update, Wanted


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
