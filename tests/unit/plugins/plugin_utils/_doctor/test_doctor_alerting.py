# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the way of an alert."""

from __future__ import annotations

import re

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import MONITORING


@pytest.mark.parametrize(
    ("matchers", "found"),
    [
        (["cluster=redis-prod"], True),
        (["alertname=~.*"], True),
        (["severity!=none", "cluster=~redis-.*"], True),
        (["cluster=redis-prod", "severity=P1"], True),  # the pages of all nodes
        (["cluster=redis-prod", "severity=P3"], False),
        (["node=redis-node-1b"], False),
        (["alertname=RedisDown"], False),
        (["alertname!=RedisDown"], False),
        (["cluster=another"], False),
        (["alertname=~(?P>x)"], False),  # no pattern of Python's
    ],
)
def test_a_silence_of_everything_is_found_and_one_of_something_is_not(stack, ids, matchers, found):
    parsed = [re.fullmatch(r"(\w+)(!?)(=)(~?)(.*)", one).groups() for one in matchers]
    silence = {
        "id": "4e6f",
        "matchers": [
            {"name": name, "value": value, "isRegex": bool(regex), "isEqual": not negated}
            for name, negated, _equals, regex, value in parsed
        ],
        "until": "2026-12-04T10:00:00.000Z",
        "by": "ubuntu",
        "comment": "maintenance",
    }
    stack["hosts"][MONITORING]["evidence"]["alertmanager"]["silences"] = [silence]
    assert ids(stack) == (["pages_silenced"] if found else [])
    if found:
        (finding,) = diagnose(stack)
        assert "until 2026-12-04 10:00 UTC" in finding["cause"]
        assert finding["evidence"][0] == "silence 4e6f by ubuntu: maintenance"
        assert finding["cure"][0]["run"].endswith("-e silence_state=absent -e silence_id=4e6f")


def test_a_silence_of_one_cluster_is_found_among_several(stack, ids):
    nodes = [name for name in stack["hosts"] if name.startswith("redis-")]
    evidence = stack["hosts"][MONITORING]["evidence"]
    for name in nodes[:2]:
        stack["hosts"][name]["cluster"] = "orders"
    for target in evidence["prometheus"]["targets"]:
        if target.get("labels") and target["node"] in nodes[:2]:
            target["labels"]["cluster"] = "orders"
    matcher = {"name": "cluster", "value": "orders", "isRegex": False, "isEqual": True}
    silence = {"id": "4e6f", "matchers": [matcher], "until": "", "by": "a", "comment": "b"}
    evidence["alertmanager"]["silences"] = [silence]
    finding = next(one for one in diagnose(stack) if one["id"] == "pages_silenced")
    assert "cluster: orders" in finding["evidence"]


def test_alerts_have_time_to_arrive(stack, ids):
    evidence = stack["hosts"][MONITORING]["evidence"]
    evidence["alertmanager"]["watchdog"] = 0
    assert ids(stack) == []  # the recorded stack was a minute old
    stack["time"] += 300
    assert ids(stack) == ["alerts_not_arriving"]
    evidence["units"]["alertmanager.service"]["started_at"] = stack["time"] - 20
    assert ids(stack) == []


def test_a_receiver_of_the_inventory_is_not_fixed_by_the_playbook_alone(stack):
    found = stack["hosts"][MONITORING]["evidence"]["alertmanager"]
    found["receivers"] = [{"where": "10.213.106.1:9099", "problem": "name_unknown"}]
    (finding,) = diagnose(stack)
    assert finding["id"] == "receiver_unreachable" and "resolv.conf" in finding["cure"][0]["do"]


def test_failures_of_notifications_are_found_while_they_last(stack):
    evidence = stack["hosts"][MONITORING]["evidence"]
    failed = [{"labels": {"integration": "webhook"}, "value": [1, "3"]}]
    evidence["prometheus"]["samples"]["notifications_failed"] = failed
    assert [(one["id"], one["severity"]) for one in diagnose(stack)] == [("notifications_failing", "info")]
    evidence["alertmanager"]["notify_errors"] = ['msg="Notify for alerts failed" err="unexpected status code 500"']
    (finding,) = diagnose(stack)
    assert finding["severity"] == "warning" and "status code 500" in str(finding["evidence"])
