# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule pack: roles/prometheus/files/rules with the thresholds, durations and addresses of the settings.

A file of the pack holds plain Prometheus rules, in which [[ name ]] stands for a threshold and [[ for ]] for the
alert's duration. Every alert gets the addresses of its runbook page and of the dashboard.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ...module_utils._text import is_duration
from ._core import MARKER, ROLES, load_yaml

FILES = ROLES / "prometheus" / "files"
PLACEHOLDER = re.compile(r"\[\[ (\w+) \]\]")
# Alerts of the monitoring itself belong to no cluster.
CLUSTER = "{{ with $labels.cluster }}?var-cluster={{ . | urlquery }}{{ end }}"
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


@lru_cache(maxsize=None)
def limits() -> dict[str, dict[str, float]]:
    """Every threshold with the keys default, min and max."""
    return load_yaml((FILES / "thresholds.yml").read_text(encoding="utf-8"))


@lru_cache(maxsize=None)
def alerts() -> dict[str, str]:
    """Every alert of the pack, and how long its condition has to hold: the names that prometheus_alert_for takes."""
    return {
        rule["alert"]: rule["for"]
        for path in files()
        for group in load_yaml(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


def files() -> list[Path]:
    return sorted((FILES / "rules").glob("*.yml"))


def render(path: Path, s: dict[str, Any]) -> str:
    """A rule file with the numbers of these settings, without the alerts that they switch off."""
    numbers = thresholds(s)
    text = PLACEHOLDER.sub(lambda found: str(numbers.get(found[1], found[0])), path.read_text(encoding="utf-8"))
    document = load_yaml(text)
    for group in document["groups"]:
        group["rules"] = [
            _rule(rule, s) for rule in group["rules"] if rule.get("alert") not in s["prometheus_rules_disabled"]
        ]
    document["groups"] = [group for group in document["groups"] if group["rules"]]
    return f"# {MARKER}\n" + yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=160, allow_unicode=True)


def problems(s: dict[str, Any]) -> list[str]:
    """What is wrong with the settings of the rule pack."""
    found = [
        f"prometheus_alert_thresholds: there is no threshold {name}"
        for name in s["prometheus_alert_thresholds"]
        if name not in limits()
    ]
    values = thresholds(s)
    for name, limit in limits().items():
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            found.append(f"prometheus_alert_thresholds.{name} is {value}, not a number")
        elif not limit["min"] <= value <= limit["max"]:
            found.append(
                f"prometheus_alert_thresholds.{name} is {value}, must be from {limit['min']} to {limit['max']}"
            )
    if not found:
        found = [
            f"prometheus_alert_thresholds.{low} is {values[low]}, must be below {high}, which is {values[high]}"
            for low, high in (
                ("memory_high_percent", "memory_critical_percent"),
                ("cert_critical_days", "cert_soon_days"),
                ("cert_soon_days", "cert_notice_days"),
            )
            if values[low] >= values[high]
        ]
    for name, duration in s["prometheus_alert_for"].items():
        if name not in alerts():
            found.append(f"prometheus_alert_for: there is no alert {name}")
        elif not is_duration(duration):
            found.append(f"prometheus_alert_for.{name} is {duration}, not a duration such as 5m")
    unknown = [name for name in s["prometheus_rules_disabled"] if name not in alerts()]
    return found + [f"prometheus_rules_disabled: there is no alert {name}" for name in unknown]


def thresholds(s: dict[str, Any]) -> dict[str, float]:
    return {**{name: limit["default"] for name, limit in limits().items()}, **s["prometheus_alert_thresholds"]}


def _rule(rule: dict[str, Any], s: dict[str, Any]) -> dict[str, Any]:
    name = rule.get("alert")
    if not name:
        return rule
    rule["for"] = str(s["prometheus_alert_for"].get(name, rule["for"]))
    if "keep_firing_for" in rule:
        rule["keep_firing_for"] = rule["for"]
    notes = rule["annotations"]
    notes["description"] = notes["description"].replace("[[ for ]]", rule["for"])
    notes["runbook_url"] = f"{s['prometheus_runbook_base_url']}/{name}.md"
    notes["dashboard_url"] = s["prometheus_dashboard_url"] + CLUSTER
    return rule
