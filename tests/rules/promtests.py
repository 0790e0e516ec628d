# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns the cases in tests/rules/cases into the test files that `promtool test rules` reads.

The cases say only what matters (see README.md beside this file); the times to look at follow from the rules themselves:
a firing case is looked at one evaluation before its alert may fire and at the evaluation at which it has to.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"
TARGETS = yaml.safe_load((HERE / "targets.yml").read_text())
EVALUATION = 30
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(duration: str) -> int:
    parts = re.findall(r"(\d+)(ms|[smhd])", str(duration))
    if "".join(number + unit for number, unit in parts) != str(duration):
        raise ValueError(f"{duration} is not a duration")
    return int(sum(int(number) * UNITS[unit] for number, unit in parts))


def labels(text: str) -> dict[str, str]:
    """The label set of `1a,err="OOM"`: short names of targets, and labels."""
    found: dict[str, str] = {}
    for part in re.findall(r'[^,"]*(?:"[^"]*")?', text):
        name, equals, value = part.strip().partition("=")
        if equals:
            found[name] = value.strip('"')
        elif name:
            found.update(TARGETS[name])
    return found


def series(key: str) -> str:
    """A series as promtool writes it: `up{1a}` with the labels of target 1a."""
    metric, _brace, inside = key.rstrip("}").partition("{")
    return metric + "{" + ",".join(f'{name}="{value}"' for name, value in sorted(labels(inside).items())) + "}"


def samples(values: str) -> int:
    """How many samples promtool makes of `1x3 _x2 0+5x10 7`."""
    count = 0
    for token in str(values).split():
        repeated = re.fullmatch(r"(_|.+?)x(\d+)", token)
        count += 1 if not repeated else int(repeated[2]) + (repeated[1] != "_")
    return count


def inputs(case: dict) -> list[dict]:
    return [{"series": series(key), "values": str(values)} for key, values in case["series"].items()]


def end(case: dict) -> int:
    """When the last sample of the case comes."""
    step = seconds(case.get("interval", "30s"))
    return (max(samples(values) for values in case["series"].values()) - 1) * step


def firing_samples(alert: str, until: int, state: str = 'alertstate="firing",') -> dict:
    """Nothing fires up to here."""
    return {
        "expr": f'count_over_time(ALERTS{{{state}alertname="{alert}"}}[{until + EVALUATION}s])',
        "eval_time": f"{until}s",
        "exp_samples": [],
    }


def fires(alert: str, spec: dict, case: dict, hold: int) -> dict:
    """One test: silent until the alert's `for` is over, then exactly this alert with these labels and this summary."""
    starts = seconds(case["from"])
    due = starts + hold
    if due > end(case):
        raise ValueError(f"{alert}, {case['it']}: the series end at {end(case)} s, the alert is due at {due} s")
    wanted = case["labels"]
    expected = {**(TARGETS[wanted] if isinstance(wanted, str) else wanted), **case.get("with", {})}
    expected.update(severity=spec["severity"], incident=spec["incident"])
    at = [{"eval_time": f"{due}s", "alertname": alert,
           "exp_alerts": [{"exp_labels": expected, "exp_annotations": {"summary": case["summary"]}}]}]  # fmt: skip
    if "resolved" in case:
        at.append({"eval_time": f"{seconds(case['resolved'])}s", "alertname": alert, "exp_alerts": []})
    before = []
    if starts:
        before.append(firing_samples(alert, starts - EVALUATION, state=""))
    if due > starts:
        before.append(firing_samples(alert, due - EVALUATION))
    return {**test(alert, "fires", case), "alert_rule_test": at, "promql_expr_test": before}


def stays_silent(alert: str, case: dict, hold: int) -> dict:
    """One test: never fires, although the series go on for longer than the alert's `for`."""
    if end(case) < hold + EVALUATION:
        raise ValueError(f"{alert}, {case['it']}: too short to prove anything, `for` is {hold} s")
    return {**test(alert, "is silent", case), "promql_expr_test": [firing_samples(alert, end(case))]}


def test(alert: str, verb: str, case: dict) -> dict:
    return {
        "name": f"{alert} {verb}: {case['it']}",
        "interval": case.get("interval", "30s"),
        "input_series": inputs(case),
    }


def load(path: Path) -> dict[str, dict]:
    """YAML whose scalars stay text: else the values 0x20 would be a hexadecimal number."""
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)


def cases(path: Path) -> dict[str, dict]:
    """The cases of one file by alert. Settings alone have types."""
    specs = load(path)
    for spec in specs.values():
        spec["settings"] = yaml.safe_load(yaml.safe_dump(spec.get("settings", {})).replace("'", ""))
    return specs


def document(specs: dict[str, dict], rule_file: Path) -> dict:
    """A promtool test file for these alerts, all of one rule file."""
    groups = yaml.safe_load(rule_file.read_text())["groups"]
    rules = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    tests = []
    for alert, spec in specs.items():
        hold = seconds(rules[alert].get("for", "0s"))
        tests += [fires(alert, spec, case, hold) for case in spec["fires"]]
        tests += [stays_silent(alert, case, hold) for case in spec["silent"]]
    return {
        "rule_files": [str(rule_file)],
        "evaluation_interval": f"{EVALUATION}s",
        # An alert may read what another group records.
        "group_eval_order": [group["name"] for group in groups],
        "tests": tests,
    }


def scenario(spec: dict, rule_files: list[str]) -> dict:
    """A promtool test file for the whole pack: all that fires at one time, and how often."""
    expected = [
        {"labels": f'{{alertname="{alert}"}}', "value": int(count)} for alert, count in sorted(spec["firing"].items())
    ]
    asked = {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": spec["at"],
        "exp_samples": expected,
    }
    groups = [group["name"] for path in rule_files for group in yaml.safe_load(Path(path).read_text())["groups"]]
    whole = {"name": spec["it"], "interval": "30s", "input_series": inputs(spec), "promql_expr_test": [asked]}
    return {
        "rule_files": rule_files,
        "evaluation_interval": f"{EVALUATION}s",
        "group_eval_order": groups,
        "tests": [whole],
    }
