# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the inventory and its settings."""

from __future__ import annotations

from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import MONITORING, NODE


def test_an_instance_that_is_off_is_started(stack):
    host = stack["hosts"][NODE]
    host.update(evidence=None, unreachable="Connection timed out", state="stopped")
    finding = diagnose(stack)[0]
    assert finding["id"] == "host_unreachable"
    command = "aws ec2 start-instances --region us-east-1 --instance-ids " + host["instance_id"]
    assert finding["cure"][0]["run"] == command


def test_only_an_empty_group_is_found_in_an_inventory_without_monitoring(stack, ids):
    del stack["hosts"][MONITORING]
    stack["groups"]["monitoring"] = []
    assert ids(stack) == ["group_empty"]


def test_settings_that_cannot_be_used_are_one_finding(stack, ids):
    host = stack["hosts"][NODE]
    host.update(evidence=None, problem="Task failed: Error while resolving value for 'redis_addr': 'x' is undefined")
    first = diagnose(stack)[0]
    assert (first["id"], first["evidence"]) == ("settings_unreadable", ["'x' is undefined"])
    host.update(problem="", faults=["redis_exporter_port is many, not a whole number", "another"])
    first = diagnose(stack)[0]
    assert (first["id"], first["evidence"]) == ("settings_unreadable", host["faults"])
    host["unreachable"] = "timed out"
    assert ids(stack)[0] == "host_unreachable" and "settings_unreadable" not in ids(stack)


def test_groups_are_those_of_the_hosts_where_they_are_not_given(stack, ids):
    del stack["groups"]
    assert ids(stack) == []


def test_one_blank_host_for_everything_lacks_everything(stack, ids):
    """It is in both groups on purpose: nothing says that it is only a Redis node."""
    units = dict.fromkeys(stack["hosts"][NODE]["evidence"]["units"], {"found": False, "load_state": "not-found"})
    stack["hosts"] = {"one": {"groups": ["redis", "monitoring"], "evidence": {"units": units}}}
    stack["groups"] = {"redis": ["one"], "monitoring": ["one"]}
    assert "wrong_host" not in ids(stack) and {"prometheus_missing", "grafana_missing"} <= set(ids(stack))
