# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

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
