# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conclusions from evidence that was recorded in a healthy lab and in one with each fault."""

from __future__ import annotations

import copy
import re
import sys
from pathlib import Path

import doctor_table
import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor import findings, rules
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.stack import BadStack
from doctor_faults import FAULTS, MONITORING, NODE

ROOT = Path(__file__).resolve().parents[5]
FIXTURES = doctor_table.load()
FILES = sorted((ROOT / "plugins/plugin_utils/_doctor").glob("*.py"))


def test_a_healthy_stack_has_no_findings(stack, ids):
    assert ids(stack) == []


@pytest.mark.parametrize("fault", FAULTS, ids=[one.name for one in FAULTS])
def test_the_first_finding_of_each_recorded_fault_is_its_cause(fault):
    findings = doctor_table.findings_of(FIXTURES, fault)
    assert (findings[0]["id"], findings[0]["severity"]) == (fault.finding, fault.severity)
    errors = [one["id"] for one in findings if one["severity"] == "error"]
    assert errors == ([fault.finding] if fault.severity == "error" else []) + list(fault.also)
    for one in findings:
        assert one["evidence"] and one["cure"] and all(one["evidence"]), one
        assert "\n" not in one["cause"] and "%" not in re.sub(r"\d+(\.\d+)? %", "", one["cause"]), one["cause"]


def test_the_faults_are_those_that_were_promised():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 25
    assert {int(number) for fault in FAULTS for number in re.findall(r"^Issue (\d)", fault.name)} == set(range(1, 8))


def test_the_page_shows_what_the_tests_prove():
    assert doctor_table.PAGE.read_text() == doctor_table.HEADER + doctor_table.table(FIXTURES)


def test_rules_use_the_findings_of_the_catalogue_and_all_of_them():
    texts = {path.name: path.read_text() for path in FILES if path.name != "findings.py"}
    named = set(re.findall(r'"([a-z]+(?:_[a-z]+)*)"', "".join(texts.values())))
    whats = {*findings.SERVICE_ERRORS, *findings.SERVICE_WARNINGS}
    of_services = {f"{service}_{what}" for service in findings.ALL_SERVICES for what in whats}
    assert set(findings.FINDINGS) - of_services <= named
    assert whats <= named
    for name, text in texts.items():
        for ident in re.findall(r'(?:finding|changed)\(\s*"(\w+)"', text):
            assert ident in findings.FINDINGS, f"{name}: {ident}"
        for what in re.findall(r'of_service\(service, "(\w+)"', text):
            assert what in whats, f"{name}: {what}"


def test_every_rule_is_in_the_table():
    """A public function of a file of rules is a rule or is called by another one."""
    registered = {rule for _subject, table in rules.RULES for rule in table}
    assert len(registered) == sum(len(table) for _subject, table in rules.RULES) - 1  # node_exporter is on all hosts
    text = "".join(path.read_text() for path in FILES)
    for module in {sys.modules[rule.__module__] for rule in registered}:
        for name, function in vars(module).items():
            if getattr(function, "__module__", "") == module.__name__ and callable(function):
                assert function in registered or len(re.findall(rf"\b{name}\b", text)) > 1, f"{module}: {name}"


def test_the_hop_nearer_to_redis_comes_first_and_warnings_come_last(stack, ids):
    monitoring = stack["hosts"][MONITORING]["evidence"]
    monitoring["units"]["grafana-server.service"].update(active=False, state="inactive", result="success", process=None)
    monitoring["reach"][NODE]["skew"] = 3.0
    stack["hosts"][NODE]["evidence"]["units"]["redis_exporter.service"].update(
        active=False, state="inactive", result="success", process=None
    )
    assert ids(stack) == ["exporter_stopped", "grafana_stopped", "clock_skew"]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({}, "hosts has to be"),
        ({"hosts": "x"}, "hosts has to be"),
        ({"hosts": {"a": None}}, "the host a needs its groups"),
        ({"hosts": {"a": {"groups": "redis"}}}, "the host a needs its groups"),
        ({"hosts": {"a": {"groups": ["redis"], "evidence": "x"}}}, "evidence of a"),
        ({"hosts": {"a": {"groups": ["redis"], "evidence": {"units": "x"}}}}, "evidence of a: units"),
    ],
)
def test_what_is_no_stack_is_refused_in_one_line(bad, said):
    with pytest.raises(BadStack, match=said):
        rules.diagnose(bad)


GROUPED = ("redis", "exporter", "files", "reach")  # probes that lie one level deeper


def probes_of(evidence):
    for name, value in evidence.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, part) for part in value)


@pytest.mark.parametrize("broken", [False, True], ids=["missing", "broken"])
@pytest.mark.parametrize("name", [NODE, MONITORING])
def test_any_probe_may_be_missing_or_broken(name, broken):
    """Half a stack, an old Redis, a probe that hangs: doctor goes on with what it has."""
    tried = 0
    for path in probes_of(FIXTURES["healthy"]["hosts"][name]["evidence"]):
        stack = copy.deepcopy(FIXTURES["healthy"])
        holder = stack["hosts"][name]["evidence"]
        for part in path[:-1]:
            holder = holder[part]
        if not broken:
            del holder[path[-1]]
        elif len(path) == 2 or path[0] not in GROUPED:
            if len(path) == 2 and path[0] not in GROUPED:
                continue
            holder[path[-1]] = {"problem": "no result within 20 s"}
        tried += 1
        try:
            rules.diagnose(stack)
        except Exception as err:
            raise AssertionError(f"{name}: without {path}: {err!r}") from err
    assert tried > 8


def test_nothing_is_known_of_any_host(ids):
    stack = copy.deepcopy(FIXTURES["healthy"])
    for host in stack["hosts"].values():
        host["evidence"] = None
    assert ids(stack) == []
