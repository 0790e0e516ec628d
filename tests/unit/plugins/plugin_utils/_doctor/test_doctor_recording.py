# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of recorded evidence: all that rules read, and nothing that differs from run to run."""

from __future__ import annotations

import copy

import pytest
import recording
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import FAULTS, MONITORING, NODE

RECORDED = [fault.name for fault in FAULTS if not getattr(fault.inject, "is_evidence", False)]


def test_the_recorded_evidence_is_slim(healthy):
    assert recording.slim(healthy) == healthy


@pytest.mark.parametrize("name", RECORDED)
def test_what_is_left_out_changes_no_finding(healthy, recorded, name):
    broken = recording.applied(healthy, recorded[name]["patch"])
    assert diagnose(recording.slim(broken)) == diagnose(broken)


def test_two_runs_of_one_lab_are_the_same(healthy):
    other = copy.deepcopy(healthy)
    node, monitoring = (other["hosts"][name]["evidence"] for name in (NODE, MONITORING))
    for unit in node["units"].values():
        if unit.get("pid"):
            old, unit["pid"] = unit["pid"], unit["pid"] + 4000
            unit["process"].update(pid=old + 4000, argv=["x"], state="R")
            for one in node["listening"]:
                one["pid"] += 4000 if one["pid"] == old else 0
    node["units"]["redis-server.service"]["something_new"] = 1
    node["listening"].reverse()
    node["host"]["memory"]["available"] += 12345
    monitoring["prometheus"]["targets"].reverse()
    monitoring["alertmanager"]["more"] = [1, 2]
    for group in other["security_groups"]["groups"].values():
        group["ip_permissions"].reverse()
    assert recording.difference(healthy, recording.slim(other)) == []


def test_a_difference_can_be_applied(healthy):
    other = copy.deepcopy(healthy)
    del other["hosts"][NODE]["evidence"]["exporter"]["uses"]["addr"]
    other["hosts"][NODE]["evidence"]["units"]["redis-server.service"]["active"] = False
    other["hosts"][NODE]["evidence"]["listening"].pop()
    patch = recording.difference(healthy, other)
    assert len(patch) == 3
    assert recording.applied(healthy, patch) == other


def test_probes_that_broke_are_recorded_as_they_are(healthy):
    for name in (NODE, MONITORING):
        evidence = healthy["hosts"][name]["evidence"]
        for probe in evidence:
            broken = copy.deepcopy(healthy)
            broken["hosts"][name]["evidence"][probe] = {"problem": "no result within 20 s"}
            assert diagnose(recording.slim(broken)) == diagnose(broken), (name, probe)
