# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils import _verify_report


def row(subject="a", state="passed", found="found"):
    return {"subject": subject, "expected": "expected", "found": found, "state": state}


def test_a_report_of_several_hosts_says_whose_answer_it_is():
    def asked(*hosts):
        row = {"subject": "a", "expected": "x", "found": "y", "state": "passed"}
        return {"test": 2, "name": "prometheus", "results": {host: {"rows": [row]} for host in hosts}}

    def subjects(*hosts):
        return [row["subject"] for row in _verify_report.report([asked(*hosts)])["rows"]]

    assert subjects("m") == ["a"]
    assert subjects("m", "n") == ["a (m)", "a (n)"]
    assert subjects("a", "m") == ["a", "a (m)"]  # who answers for itself needs no name twice


def test_a_report_of_several_clusters_names_them():
    rows = {"orders-1": {"rows": [row("orders-1")]}, "m": {"rows": [row("orders-1"), row("datasource")]}, "s-1": {}}
    found = _verify_report.report(
        [{"test": 1, "name": "exporter", "results": rows, "why": ""}], {"orders-1": "orders", "s-1": "sessions"}
    )
    assert [each["subject"] for each in found["rows"]] == [
        "orders-1 (orders) (m)", "datasource (m)", "orders-1 (orders)", "s-1 (sessions)",
    ]  # fmt: skip


def test_report():
    report = _verify_report.report(
        [
            {
                "test": 1,
                "name": "exporter",
                "why": "",
                "results": {
                    "c": {"unreachable": True, "msg": "no route\n to host"},
                    "a": {"rows": [row("a")]},
                    "b": {"failed": True, "msg": "it broke"},
                    "d": {},
                },
            },
            {"test": 4, "name": "load", "why": "needs verify_write", "results": {"m": {"skipped": True}}},
            {"test": 5, "name": "alert", "why": "needs verify_alert", "results": {"m": None}},
        ]
    )
    assert (report["passed"], report["failed"], report["skipped"]) == (1, 2, 3)
    assert report["failures"] == [
        "test 1 (exporter), b: expected a result, found it broke",
        "test 1 (exporter), c: expected reachable, found no route to host",
    ]
    assert report["table"] == [
        "ok    1 exporter    a        found",
        "      expected: expected",
        "FAIL  1 exporter    b        it broke",
        "      expected: a result",
        "FAIL  1 exporter    c        no route to host",
        "      expected: reachable",
        "skip  1 exporter    d        not run: left out by tags or a limit, or its host failed",
        "skip  4 load        all      needs verify_write",
        "skip  5 alert       all      not run: left out by tags or a limit, or its host failed",
    ]


GOOD = {"rows": [row("redis-1")], "down": False}
DOWN = {"rows": [row("m2", "failed", "prometheus.service is inactive")], "down": True}
BAD = {"rows": [row("redis-1"), row("redis-2", "failed")], "down": False}


def pair(first, second, grafana=(GOOD, GOOD)):
    tests = (("prometheus", (first, second)), ("grafana", grafana))
    return _verify_report.report(
        [
            {"test": number, "name": name, "why": "", "results": dict(zip(("m1", "m2"), results))}
            for number, (name, results) in enumerate(tests, 2)
        ]
    )


@pytest.mark.parametrize(
    ("away", "cause", "fix"),
    [
        (DOWN, "prometheus.service is inactive; m1 passes this test", "redisops.monitoring.monitoring --limit m2"),
        ({"unreachable": True, "msg": "no route"}, "no route; m1 passes this test", "start the host m2, then run"),
    ],
)
def test_a_missing_replica_is_a_warning_with_its_cause_and_fix(away, cause, fix):
    report = pair(GOOD, away)
    assert (report["failed"], report["warning"], report["failures"]) == (0, 1, [])
    (warning,) = [row for row in report["rows"] if row["state"] == "warning"]
    assert warning["found"] == cause and fix in warning["fix"]
    assert f"      fix: {warning['fix']}" in report["table"] and cause in report["warnings"][0]
    assert _verify_report.summary(report) == "3 passed, 0 failed, 0 skipped and 1 warning"


def test_what_a_missing_replica_breaks_on_its_host_is_a_warning_too():
    report = pair(GOOD, DOWN, (GOOD, {"rows": [row("datasource", "failed")], "down": False}))
    assert (report["failed"], report["warning"]) == (0, 2)


@pytest.mark.parametrize(
    ("first", "second", "failed"),
    [
        (DOWN, DOWN, 2),  # nobody works
        (BAD, DOWN, 2),  # nobody stands in for it
        (GOOD, BAD, 1),  # it works, and differs
        ({"skipped": True}, DOWN, 1),
        ({}, DOWN, 1),  # outside the limit
    ],
)
def test_no_replica_without_another_that_passes(first, second, failed):
    assert (pair(first, second)["failed"], pair(first, second)["warning"]) == (failed, 0)


def test_one_monitoring_host_that_is_down_is_a_failure():
    test = {"test": 2, "name": "prometheus", "why": "", "results": {"m1": DOWN}}
    assert _verify_report.report([test])["failed"] == 1


def test_redis_nodes_have_no_replica():
    test = {"test": 1, "name": "exporter", "why": "", "results": {"a": GOOD, "b": {"unreachable": True}}}
    assert _verify_report.report([test])["failed"] == 1


def test_results_are_gathered_from_what_the_hosts_registered():
    groups = {"redis": ["a", "b"], "monitoring": ["m"]}
    hostvars = {"a": {"__verify_exporter": {"rows": []}}, "b": {}, "m": {"__verify_alert": {"skipped": True}}}
    exporter, _prometheus, _grafana, load, alert = _verify_report.gather(groups, hostvars)
    assert (exporter["test"], exporter["results"]) == (1, {"a": {"rows": []}, "b": {}})
    assert (alert["test"], alert["results"]) == (5, {"m": {"skipped": True}})
    assert "verify_write=true" in load["why"] and "verify_alert=true" in alert["why"]
    assert _verify_report.gather(groups, hostvars, check_mode=True)[3]["why"] == "check mode writes nothing"
    assert [test["results"] for test in _verify_report.gather({}, {})] == [{}] * 5


def test_the_report_is_a_file_that_only_its_owner_reads(tmp_path):
    path = tmp_path / "reports" / _verify_report.file_name("a/b c")
    _verify_report.write(str(path), {"rows": []})
    assert path.name == "verify-a_b_c.json"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o750)
    assert json.loads(path.read_text()) == {"rows": []}
    assert _verify_report.file_name("") == "verify-redis.json"
