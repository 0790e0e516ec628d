# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of tests/e2e against the rule pack, and how their notifications are judged."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import alerts
import report
from faults import FAULTS

CASES = [yaml.safe_load(path.read_text()) for path in (ROOT / "tests/rules/cases").glob("*.yml")]
SEVERITY = {alert: case["severity"] for cases in CASES for alert, case in cases.items()}


@pytest.mark.parametrize("key", FAULTS)
def test_the_alert_of_a_fault_is_in_the_pack(key):
    assert SEVERITY[FAULTS[key].alert] == FAULTS[key].severity


def test_notifications_of_one_lane_share_a_group_and_others_do_not():
    """The lane is named after the group: labels cluster and environment, and severity."""
    for fault in FAULTS.values():
        assert fault.lane.rpartition("-")[2] == fault.severity
        about_redis = fault.alert.startswith(("Redis", "Ebs"))
        assert fault.lane.startswith("redis-" if about_redis else "monitoring-")


@pytest.mark.parametrize(
    ("key", "profile", "floor", "most", "end"),
    [
        # 5 s until the cluster notices, for 1m, group_wait 45s; a scrape and an evaluation more.
        ("node-killed", "shipped", 110, 170, 240),
        ("memory-high", "shipped", 345, 405, 390),
        # Two scrapes have to see it, and five minutes are looked back.
        ("rights-taken", "shipped", 75, 135, 690),
        ("node-killed", "fast", 5 / 6 + 10 + 8, 5 / 6 + 10 + 8 + 10, 40),
    ],
)
def test_bounds(key, profile, floor, most, end):
    fault, profile = FAULTS[key], alerts.PROFILES[profile]
    assert profile.floor(fault) == pytest.approx(floor)
    assert profile.most(fault) == pytest.approx(most)
    assert profile.end(fault) == pytest.approx(end)


def test_the_shipped_profile_changes_no_time():
    assert set(alerts.PROFILES["shipped"].variables()) == {
        "alertmanager_time_intervals", "alertmanager_watchdog_interval"
    }  # fmt: skip
    assert alerts.PROFILES["shipped"].variables()["alertmanager_watchdog_interval"] == "60s"


def line(path, status, *told, at=1000.0):
    listed = [
        {
            "labels": {"alertname": name, "severity": "P1"},
            "status": state,
            "startsAt": f"1970-01-01T00:{begin:02d}:00.123456789Z",
            "endsAt": f"1970-01-01T00:{over:02d}:00Z",
        }
        for name, state, begin, over in told
    ]
    body = {"status": status, "alerts": listed, "commonLabels": {"severity": "P1"}}
    return {"path": path, "time": at, "at": "then", "body": body}


DOWN = ("RedisClusterStateFail", "firing", 11, 0)
OVER = ("RedisClusterStateFail", "resolved", 11, 15)
MUTED = ("RedisInstanceDown", "resolved", 11, 15)
BEFORE = ("RedisMemoryCritical", "resolved", 5, 9)


class Told:
    """A site that got these notifications."""

    def __init__(self, *lines):
        self.lines = list(lines)

    def notifications(self, since):
        return [each for each in self.lines if each["time"] >= since]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([line("/chat", "firing", DOWN), line("/oncall", "firing", DOWN)], ""),
        # The end of something else is repeated in an update; that is no second page.
        ([line("/chat", "firing", DOWN), line("/oncall", "firing", DOWN), line("/chat", "firing", DOWN, BEFORE)], ""),
        ([line("/chat", "firing", DOWN)], "arrived at /chat within 9 s, not at /chat /oncall"),
        ([], "arrived at nobody within 9 s, not at /chat /oncall"),
        (
            [line("/chat", "firing", DOWN), line("/oncall", "firing", DOWN), line("/oncall", "firing", DOWN)],
            "arrived at /chat /oncall /oncall",
        ),
        (
            [line("/chat", "firing", DOWN), line("/oncall", "firing", DOWN, ("RedisInstanceDown", "firing", 11, 0))],
            "firing at /oncall: RedisClusterStateFail, RedisInstanceDown as P1",
        ),
    ],
    ids=["right", "an echo", "one receiver only", "nobody", "twice", "two alerts"],
)
def test_what_is_wrong_with_notifications(lines, problem):
    fault = FAULTS["node-killed"]
    watch = alerts.Watch(Told(*lines))
    found = alerts.problems_of(watch.about(fault.alert, "firing", 600.0), fault, "firing", 9)
    assert len(found) == bool(problem)
    assert problem in "".join(found)


def test_an_end_may_list_what_was_muted():
    fault = FAULTS["node-killed"]
    watch = alerts.Watch(Told(line("/chat", "resolved", OVER, MUTED), line("/oncall", "resolved", OVER)))
    assert alerts.problems_of(watch.about(fault.alert, "resolved", 600.0), fault, "resolved", 9) == []


def test_nothing_else_may_arrive():
    watch = alerts.Watch(Told(
        line("/chat", "firing", DOWN),
        line("/deadman", "firing", ("Watchdog", "firing", 1, 0)),
        line("/chat", "resolved", ("RedisSwapping", "resolved", 1, 12)),  # of before the run
        line("/chat", "firing", ("RedisInstanceDown", "firing", 11, 0)),
    ))  # fmt: skip
    watch.begin = 600.0
    watch.expected = [("RedisClusterStateFail", 900.0, 1100.0)]
    assert watch.unexpected() == ["then /chat firing RedisInstanceDown"]
    watch.expected = [("RedisClusterStateFail", 900.0, 950.0)]
    assert len(watch.unexpected()) == 2, "a notification outside of its fault's time"


def test_report(tmp_path):
    result = {"fault": "node-killed", "floor": 110, "seconds": 131.4, "most": 170, "over": 200, "problems": []}
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped/node-killed.json").write_text(json.dumps(result))
    out = tmp_path / "times.md"
    assert report.write(tmp_path, out, 20) == ""
    assert "| RedisClusterStateFail (P1) | L1 + L2 | 110 s | 131 s | 170 s | 3.3 min |" in out.read_text()
    result["problems"] = ["firing: arrived at nobody"]
    (tmp_path / "shipped/node-killed.json").write_text(json.dumps(result))
    assert report.write(tmp_path, out, 20) == "shipped: node-killed failed"
    assert "**failed** (firing: arrived at nobody)" in out.read_text()
