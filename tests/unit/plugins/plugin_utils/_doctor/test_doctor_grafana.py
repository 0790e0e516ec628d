# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for dashboards."""

from __future__ import annotations

from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import MONITORING


def test_an_edited_panel_is_found_where_edits_are_not_kept(stack, ids):
    host = stack["hosts"][MONITORING]
    host["evidence"]["grafana"]["dashboards"]["redis-cluster"]["queries"] = ["a", "b", "mine"]
    host["wanted"]["queries"] = {}
    assert ids(stack) == []  # without anything wanted, as with grafana_on_drift: keep
    host["wanted"]["queries"] = {"redis-cluster": ["a", "b"]}
    assert ids(stack) == []  # a panel more takes nothing away
    host["wanted"]["queries"] = {"redis-cluster": ["a", "b", "c"]}
    (finding,) = diagnose(stack)
    assert (finding["id"], finding["severity"]) == ("dashboard_edited", "warning")
    assert finding["evidence"] == ["installed, and gone: c", "in Grafana, and never installed: mine"]
    assert finding["cure"][0]["run"].endswith("--tags grafana")


def test_a_dashboard_that_ends_in_the_past(stack, ids):
    board = stack["hosts"][MONITORING]["evidence"]["grafana"]["dashboards"]["redis-cluster"]
    board.update({"from": "now-7d", "to": "now-1d"})
    assert ids(stack) == ["dashboard_time_range"]
    board.update({"from": "now-7d", "to": "now-1m"})
    assert ids(stack) == []


def test_a_datasource_that_fails_beside_another_fault_of_prometheus(stack, ids):
    """Prometheus answers, so that it has no Alertmanager is no reason."""
    evidence = stack["hosts"][MONITORING]["evidence"]
    evidence["grafana"]["datasource"].update(healthy=False, said="401 Unauthorized")
    evidence["prometheus"]["alertmanagers"] = []
    assert ids(stack) == ["alertmanager_not_connected", "datasource_broken"]
    evidence["prometheus"]["ready"] = {"url": "https://x/", "answered": False, "cause": "timeout", "error": "no answer"}
    assert "datasource_broken" not in ids(stack)
