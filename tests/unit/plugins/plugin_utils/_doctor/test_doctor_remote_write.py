# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long-term storage that gets nothing, and an agent, which has nothing else."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import MONITORING

URL = "https://store.example:8428/api/v1/write"


@pytest.fixture
def sends(stack):
    """sends(mode, ...) -> the findings of a Prometheus with this state of its queue."""

    def run(mode="server", started=3600, **state):
        host = stack["hosts"][MONITORING]
        host["wanted"]["mode"] = mode
        host["evidence"]["units"]["prometheus.service"]["started_at"] = stack["time"] - started
        found = host["evidence"]["prometheus"]
        found["remote_write"] = [{"url": URL, "age": 4.0, "lost": 0, **state}]
        if mode == "agent":  # as /api/v1 answers it
            found.update(rules=None, alertmanagers=[], samples={"redis_up": None, "alertmanager_errors": None})
        return [(one["severity"], one["id"]) for one in diagnose(stack)], diagnose(stack)

    return run


def test_what_arrives_is_no_finding(sends):
    assert sends()[0] == []
    assert sends(age=150.0)[0] == []


@pytest.mark.parametrize(
    ("state", "cause", "seen", "fix"),
    [
        (
            {"age": 700.0, "now": "refused"},
            f"long-term storage {URL}: connection refused",
            ["newest sample sent: 700 s ago", f"a connection from {MONITORING} now: refused"],
            f"start what answers at {URL}, and let {MONITORING} to it",
        ),
        (
            {"age": 700.0, "now": "", "lost": 12},
            "it takes connections and refuses or does not answer",
            ["newest sample sent: 700 s ago", "12 samples refused for good"],
            None,
        ),
        ({"age": None, "now": ""}, "it takes connections", ["newest sample sent: none"], None),
    ],
)
def test_what_does_not_arrive(sends, state, cause, seen, fix):
    ids, (first, *more) = sends(**state)
    assert ids == [("warning", "remote_write_behind")] and not more
    assert cause in first["cause"] and first["evidence"] == seen
    if fix:
        assert first["cure"][0]["do"] == fix
    assert "journalctl --unit prometheus" in first["cure"][-1]["run"]


def test_an_agent_has_nothing_else(sends):
    """And what doctor cannot tell of one is said: its rules are elsewhere."""
    assert sends("agent")[0] == [("info", "rules_elsewhere")]
    assert sends("agent", age=700.0, now="refused")[0] == [
        ("error", "remote_write_behind"),
        ("info", "rules_elsewhere"),
    ]


def test_one_that_has_just_started_is_given_time(sends):
    assert sends(age=None, now="", started=60)[0] == []


def test_a_store_that_is_gone_is_one_finding_of_an_agent(sends, stack):
    """Grafana asks it as well."""
    source = stack["hosts"][MONITORING]["evidence"]["grafana"]["datasource"]
    source.update(status=200, healthy=False, said="connection refused")
    ids, found = sends("agent", age=700.0, now="refused")
    assert ids == [("error", "remote_write_behind"), ("info", "rules_elsewhere")]
    assert "the datasource prometheus does not answer" in found[0]["consequences"][0]
