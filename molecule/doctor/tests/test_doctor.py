# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each fault is put into the lab, doctor's first finding has to be its cause, and the fix it prints has to work."""

from __future__ import annotations

import copy
import json
import os
import re
import time

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from conftest import REPORTS
from doctor_faults import FAULTS
from recording import difference, slim

VERIFY = os.environ.get("DOCTOR_VERIFY", "1") != "0"  # after each fix; it takes longer than everything else
RESULTS = REPORTS / "faults.json"
HEALTHY_WITHIN = 100  # seconds: a scrape that failed is repeated every 30 s, a probe as well


@pytest.fixture(scope="session")
def healthy(lab):
    """Evidence of the lab as it should be; nothing else is tested before it is."""
    return recovered(lab, HEALTHY_WITHIN)


def recovered(lab, seconds):
    deadline = time.monotonic() + seconds
    while True:
        rc, report, output, taken = lab.doctor()
        if all(one["severity"] == "info" for one in report["findings"]):
            assert rc == 0, output[-2000:]
            return report
        assert time.monotonic() < deadline, "still broken: " + json.dumps(report["findings"], indent=1)
        time.sleep(3)


def note(name, **facts):
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known[name] = facts
    RESULTS.write_text(json.dumps(known, indent=1))


def test_a_healthy_lab_has_no_findings_and_nothing_changes(lab, healthy):
    rc, report, output, taken = lab.doctor()
    assert (rc, report["findings"]) == (0, [])
    assert "nothing is wrong" in output
    assert set(re.findall(r"changed=(\d+)", output)) == {"0"}
    for name, host in healthy["evidence"]["hosts"].items():
        for probe, found in host["evidence"].items():
            assert not isinstance(found, dict) or set(found) != {"problem"}, f"{name}: {probe}: {found}"
    note("healthy", seconds=round(taken, 1), stack=slim(healthy["evidence"]))


@pytest.mark.parametrize("fault", FAULTS, ids=[one.name for one in FAULTS])
def test_fault(lab, healthy, fault):
    if getattr(fault.inject, "is_evidence", False):
        stack = copy.deepcopy(healthy["evidence"])
        fault.inject(stack)
        said_first(fault, diagnose(stack), None, difference(slim(healthy["evidence"]), slim(stack)))
        return
    try:
        on_the_lab(lab, healthy, fault)
    except BaseException:
        lab.restore()
        raise


def on_the_lab(lab, healthy, fault):
    fault.inject(lab)
    time.sleep(fault.wait)
    rc, report, output, taken = lab.doctor()
    findings = report["findings"]
    errors = said_first(fault, findings, taken, difference(slim(healthy["evidence"]), slim(report["evidence"])))
    assert rc == (2 if errors else 0)
    assert not [name for name, secret in lab.secrets.items() if secret in output + json.dumps(report)], "a secret"
    if fault.fix_needs:
        fault.fix_needs(lab)
    for finding in findings[: 1 + len(fault.also)]:
        for step in finding["cure"]:
            lab.follow(step)
    recovered(lab, HEALTHY_WITHIN)
    if VERIFY:
        done = lab.command(
            f"ansible-playbook redisops.monitoring.verify -i {lab.inventory_path} -e verify_report_dir={REPORTS}"
        )
        assert done.returncode == 0, done.stdout[-3000:]
    if fault.after:
        fault.after(lab)


def said_first(fault, findings, taken, patch):
    """The ids of the errors, when they are the right ones in the right order."""
    said = json.dumps(findings, indent=1)
    assert findings, "doctor finds nothing"
    assert (findings[0]["id"], findings[0]["severity"]) == (fault.finding, fault.severity), said
    errors = [one["id"] for one in findings if one["severity"] == "error"]
    assert errors == ([fault.finding] if fault.severity == "error" else []) + list(fault.also), said
    assert all(one["evidence"] and one["cure"] for one in findings), said
    note(fault.name, seconds=taken and round(taken, 1), patch=patch)
    return errors
