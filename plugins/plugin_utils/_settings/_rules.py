# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule pack: roles/prometheus/files/rules with the thresholds, durations and addresses of the settings.

A file of the pack holds plain Prometheus rules, in which [[ name ]] stands for a threshold and [[ for ]] for the
alert's duration. Every alert gets the addresses of its runbook page and of the dashboard.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from ...module_utils._text import is_duration
from ._core import MARKER, ROLES, load_yaml

FILES = ROLES / "prometheus" / "files"
OF_SERVERS = ["PrometheusNotConnectedToAlertmanager"]
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


def render(path: Path, s: dict[str, Any], clusters: dict[str, dict[str, float]] | None = None) -> str:
    """A rule file with the numbers of these settings, without the alerts that they switch off.

    clusters: the thresholds of each Redis cluster that has others.
    """
    document = _numbered(path, thresholds(s))
    own = {cluster: _numbered(path, numbers) for cluster, numbers in (clusters or {}).items()}
    for number, group in enumerate(document["groups"]):
        for index, rule in enumerate(group["rules"]):
            _each_its_own(rule, {one: other["groups"][number]["rules"][index] for one, other in own.items()})
        group["rules"] = [_rule(rule, s) for rule in group["rules"] if rule.get("alert") not in disabled(s)]
    document["groups"] = [group for group in document["groups"] if group["rules"]]
    return f"# {MARKER}\n" + dump(document)


def dump(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=160, allow_unicode=True)


def disabled(s: dict[str, Any]) -> list[str]:
    """What the user switches off; an agent would be told of for good that it sends no alerts."""
    return [*s["prometheus_rules_disabled"], *(OF_SERVERS if s["prometheus_mode"] == "agent" else [])]


def _numbered(path: Path, numbers: dict[str, float]) -> dict[str, Any]:
    text = PLACEHOLDER.sub(lambda found: str(numbers.get(found[1], found[0])), path.read_text(encoding="utf-8"))
    return load_yaml(text)


def _each_its_own(rule: dict[str, Any], others: dict[str, dict[str, Any]]) -> None:
    """One alert for all clusters: each is compared with its own numbers, and is told them.

    The first expression is for whatever is of none of the clusters that have another one.
    """
    variants: dict[str, list[str]] = {}
    for cluster, other in others.items():
        if other["expr"] != rule["expr"]:
            variants.setdefault(other["expr"], []).append(cluster)
    if not variants:
        return
    named = [cluster for clusters in variants.values() for cluster in clusters]
    parts = [f"({rule['expr'].strip()})\nunless on (cluster) {_series_of(named)}"]
    for expr, clusters in variants.items():
        parts.append(f"({expr.strip()})\nand on (cluster) {_series_of(clusters)}")
    rule["expr"] = "\nor\n".join(parts)
    for name, text in rule["annotations"].items():
        told = {cluster: others[cluster]["annotations"][name] for cluster in named}
        if set(told.values()) != {text}:
            cases = [f"if eq $labels.cluster {json.dumps(one)} }}}}{own}" for one, own in told.items()]
            rule["annotations"][name] = "{{ " + "{{ else ".join(cases) + "{{ else }}" + text + "{{ end }}"


def _series_of(clusters: list[str]) -> str:
    """A series with the label cluster of each, to choose by."""
    names = [json.dumps(cluster.replace("$", "$$"), ensure_ascii=False) for cluster in clusters]
    series = [f'label_replace(vector(1), "cluster", {name}, "", "")' for name in names]
    return series[0] if len(series) == 1 else f"({' or '.join(series)})"


def problems(s: dict[str, Any]) -> list[str]:
    """What is wrong with the settings of the rule pack."""
    found = threshold_problems(s)
    for name, duration in s["prometheus_alert_for"].items():
        if name not in alerts():
            found.append(f"prometheus_alert_for: there is no alert {name}")
        elif not is_duration(duration):
            found.append(f"prometheus_alert_for.{name} is {duration}, not a duration such as 5m")
    unknown = [name for name in s["prometheus_rules_disabled"] if name not in alerts()]
    return found + [f"prometheus_rules_disabled: there is no alert {name}" for name in unknown]


def threshold_problems(s: dict[str, Any]) -> list[str]:
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
    return found


def thresholds(s: dict[str, Any], own: dict[str, Any] | None = None) -> dict[str, float]:
    """Those of all clusters, and above them those of one."""
    given = {**s["prometheus_alert_thresholds"], **(own or {})}
    return {
        **{name: limit["default"] for name, limit in limits().items()},
        **{name: number(value) for name, value in given.items()},
    }


def number(value: Any) -> Any:
    """Surveys send numbers as text, and so do expressions before ansible-core 2.19; what is none stays what it is."""
    if not isinstance(value, str) or not re.fullmatch(r"\s*-?[0-9]+(\.[0-9]+)?\s*", value):
        return value
    return float(value) if "." in value else int(value)


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
