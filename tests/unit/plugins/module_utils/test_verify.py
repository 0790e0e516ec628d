# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _verify
from ansible_collections.redisops.monitoring.plugins.module_utils._prometheus import Series, counters, series_of
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.metrics import Metrics
from ansible_collections.redisops.monitoring.plugins.plugin_utils import _verify_report

ROOT = Path(__file__).resolve().parents[4]


def metrics(**values):
    return Metrics("".join(f"redis_{name} {value}\n" for name, value in values.items()))


@pytest.mark.parametrize(
    ("values", "encrypted", "state", "words"),
    [
        ({"up": 1}, True, "passed", "redis_up 1 over TLS"),
        ({"up": 1}, False, "passed", "clear text: redis_exporter_web_tls_cert_file"),
        ({"up": 1, "cluster_enabled": 1, "cluster_state": 1}, True, "passed", "redis_cluster_state 1"),
        ({"up": 1, "cluster_enabled": 1, "cluster_state": 0}, True, "failed", "redis_cluster_state 0"),
        ({"up": 1, "cluster_enabled": 1}, True, "failed", "+cluster|info"),
        ({"up": 0}, True, "failed", "does not get into Redis"),
        ({"other": 1}, True, "failed", "no redis_exporter"),
    ],
)
def test_exporter(values, encrypted, state, words):
    row = _verify.exporter("a", metrics(**values), encrypted)
    assert (row.state, words in row.found) == (state, True), row


@pytest.mark.parametrize(
    ("text", "expected"), [("30s", 30), ("1m30s", 90), ("500ms", 0.5), ("1h", 3600), ("1d12h", 129600)]
)
def test_seconds(text, expected):
    assert _verify.seconds(text) == expected


# ------------------------------------------------------------------------------------------- test 2: Prometheus

LABELS = {"node": "redis-node-1a", "cluster": "redis-prod"}
WANTED = _verify.Wanted("10.0.1.102:9121", LABELS)


def scraped(health="up", labels=None, up=1.0, age=10.0, error=""):
    labels = {**(LABELS if labels is None else labels), "job": "redis-cluster", "instance": WANTED.instance}
    series = {WANTED.instance: Series(labels, [(0, up)])} if up is not None else {}
    target = {"labels": labels, "health": health, "lastError": error}
    return _verify.Scraped({WANTED.instance: target}, series, {WANTED.instance: age})


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (scraped(), "passed", "up, redis_up 1, 10 s old"),
        (scraped(age=66), "failed", "66 s old"),
        (scraped(up=0.0), "failed", "redis_up 0"),
        (scraped(up=None), "failed", "no redis_up"),
        (scraped("down", error="connection refused"), "failed", "is down: connection refused"),
        (scraped("unknown"), "failed", "is unknown: not scraped yet"),
        (scraped(labels={"node": "redis-node-1a"}), "failed", "cluster is missing instead of 'redis-prod'"),
        (scraped(labels={**LABELS, "cluster": "x"}), "failed", "cluster is 'x' instead of 'redis-prod'"),
        (_verify.Scraped({"10.0.9.9:9121": {}}, {}, {}), "failed", "no target 10.0.1.102:9121"),
        (_verify.Scraped({}, {}, {}), "failed", "(it has none)"),
    ],
)
def test_prometheus(found, state, words):
    row = _verify.prometheus_row(WANTED, found, oldest=65)
    assert (row.subject, row.state) == ("redis-node-1a", state), row
    assert words in row.found


def test_a_target_that_fails_is_waited_for_until_it_was_scraped_since_the_first_look():
    def waits(found, first):
        return _verify.worth_waiting([WANTED], _verify.prometheus_rows([WANTED], found, 65), found, first)

    for health in ("unknown", "down"):
        assert waits(scraped(health), scraped(health))
    later = scraped("down")
    later.targets[WANTED.instance]["lastScrape"] = "2026-11-27T15:00:00Z"
    assert not waits(later, scraped("down"))
    # By another interval it became another target to Prometheus since the first look.
    anew = scraped("unknown")
    anew.targets[WANTED.instance]["lastScrape"] = "0001-01-01T00:00:00Z"
    assert waits(anew, later)
    assert not waits(scraped(), scraped())
    nothing = _verify.Scraped({}, {}, {})
    assert not waits(nothing, nothing)


def test_the_label_instance_may_be_another_than_the_address():
    groups = [{"targets": ["10.0.1.1:9121"], "labels": {"instance": "a"}}, {"targets": ["b:1", "c:1"], "labels": {}}]
    assert [(each.instance, each.node) for each in _verify.wanted_targets(groups)] == [
        ("a", "a"),
        ("b:1", "b:1"),
        ("c:1", "c:1"),
    ]


# ------------------------------------------------------------------------------------------------- test 4: load

LOAD = _verify.Load("a", "10.0.1.102:9121", sent=1000, before=200, after=1200, state="sent")


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([(0, 100), (30, 190), (60, 1210)], "34/s, 3/s before"),
        ([(30, 190), (60, 1210)], "34/s"),
        ([(60, 1210)], "1210 commands in the first scrape"),
        ([(0, 190), (30, 600), (60, 1210)], "17/s"),  # a scrape in the middle of the burst
        ([(0, 200), (30, 1200)], "33.3/s"),  # exactly before and after
        ([(0, 9000), (30, 190), (60, 1210)], "34/s"),  # Redis was restarted a while before
    ],
)
def test_load_is_seen(samples, expected):
    row = _verify.load_row(LOAD, samples)
    assert (row.state, row.found) == ("passed", expected)


def test_load_is_seen_late():
    row = _verify.load_row(LOAD, [(0, 190), (30, 600), (60, 700), (90, 1300)])
    assert row.state == "failed"
    assert "only after 3 scrapes" in row.found


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([], "no redis_commands_processed_total"),
        ([(0, 100), (30, 190)], "no scrape shows it within 70 s"),
        ([(0, 100), (30, 190), (60, 205), (90, 208)], "992 commands are missing after 2 scrapes"),
        ([(0, 190), (30, 210), (60, 3)], "the counter went back"),
    ],
)
def test_load_is_not_seen(samples, words):
    assert _verify.load_row(LOAD, samples) is None
    row = _verify.load_unseen(LOAD, samples, 70)
    assert row.state == "failed"
    assert words in row.found


# ---------------------------------------------------------------------------------------------- test 3: Grafana


def test_queries_of_a_dashboard():
    dashboard = {
        "panels": [
            {"title": "A", "targets": [{"expr": "up"}, {"expr": " "}, {"refId": "B"}]},
            {"title": "Row", "type": "row", "panels": [{"targets": [{"expr": "down"}]}]},
        ],
        "rows": [{"panels": [{"title": "Old", "targets": [{"expr": "old"}]}]}],
    }
    assert sorted(_verify.panel_queries(dashboard)) == [("A", "up"), ("Old", "old"), ("untitled", "down")]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('redis_up{node=~"$node"}', 'redis_up{node=~".+"}'),
        ("rate(x[$__rate_interval])", "rate(x[2m])"),
        ("increase(x[${__range}])", "increase(x[1h])"),
        ('x{a=~"${node:regex}", b=~"[[cluster]]"}', 'x{a=~".+", b=~".+"}'),
        ("x[5m] $", "x[5m] $"),
    ],
)
def test_variables_of_a_query(expression, expected):
    assert _verify.resolved(expression) == expected


def test_no_variable_is_left_in_our_own_dashboards():
    files = sorted((ROOT / "roles" / "grafana" / "files" / "dashboards").glob("*.json"))
    assert files
    for path in files:
        queries = _verify.panel_queries(json.loads(path.read_text()))
        assert queries, path.name
        for _title, expression in queries:
            assert "$" not in _verify.resolved(expression), expression


def test_missing_nodes():
    wanted = [_verify.Wanted("a:1", {"node": "a"}), _verify.Wanted("b:1", {"node": "b"})]
    assert _verify.missing_nodes([Series({"instance": "a:1"}, [(0, 1)])], wanted) == ["b"]


# ----------------------------------------------------------------------------------------------- Prometheus' API


def test_series_of_all_result_types():
    assert series_of({"resultType": "scalar", "result": [1, "2"]}) == [Series({}, [(1, 2)])]
    vector = {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "2"]}]}
    assert series_of(vector) == [Series({"a": "b"}, [(1, 2)])]
    matrix = {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "2"], [3, "4"]]}]}
    assert series_of(matrix) == [Series({}, [(1, 2), (3, 4)])]


def test_counters():
    text = 'x_total{a="1",b="two"} 3\nx_total 4\nx_total_more{a="1"} 5\n# x_total 6\n'
    assert counters(text, "x_total") == [({"a": "1", "b": "two"}, 3), ({}, 4)]


# -------------------------------------------------------------------------------------------------------- report


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
