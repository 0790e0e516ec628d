# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files that somebody edited: the lines that are shown, and one finding for all that follows."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.difference import MOST_LINES, difference
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import MONITORING, NODE

PATH = "/etc/prometheus/prometheus.yml"
WANTED = "scrape_configs:\n  - job_name: node\n    scrape_interval: 30s\n"
BY_HAND = WANTED + "  - job_name: by_hand\n    static_configs: []\n"


def test_lines_that_were_added():
    found = difference(PATH, WANTED, BY_HAND)
    assert found == {"lines": ["line 4:   - job_name: by_hand", "line 5:     static_configs: []"], "jobs": ["by_hand"]}


def test_lines_that_were_changed_or_taken_out():
    found = difference(PATH, BY_HAND, WANTED.replace("30s", "5m"))
    assert found["jobs"] == ["node"]
    assert found["lines"][:2] == ["not there:     scrape_interval: 30s", "not there:   - job_name: by_hand"]
    assert found["lines"][-1] == "line 3:     scrape_interval: 5m"


def test_many_lines_are_counted():
    lines = difference(PATH, WANTED, WANTED + "# more\n" * 40)["lines"]
    assert len(lines) == MOST_LINES + 1 and lines[-1] == "and 28 more lines"


def test_no_line_of_a_secret_file_is_shown():
    assert difference("/etc/prometheus/credentials/web.yml", "a", "b") == {"lines": [], "jobs": []}


@pytest.mark.parametrize("text", ["- [", "7", "scrape_configs: [7]"])
def test_what_is_no_configuration_has_no_jobs(text):
    assert difference(PATH, WANTED, text)["jobs"] == []


def down(stack, job, *ports):
    targets = stack["hosts"][MONITORING]["evidence"]["prometheus"]["targets"]
    one = dict(targets[0], job=job, node="", endpoint="", health="down", now="", lastError="connection refused")
    targets += [dict(one, instance=f"10.0.0.1:{port}") for port in ports]


def edited(stack, *jobs):
    found = {PATH: {"lines": [f"line 12:   - job_name: {job}" for job in jobs], "jobs": list(jobs)}}
    stack["hosts"][MONITORING]["evidence"]["edited"] = found


def test_a_job_by_hand_with_three_targets_down_is_one_finding_that_shows_the_lines(stack):
    edited(stack, "by_hand")
    down(stack, "by_hand", 1, 2, 3)
    (finding,) = diagnose(stack)
    assert (finding["id"], finding["severity"]) == ("prometheus_edited", "warning")
    assert "was edited by hand" in finding["cause"] and len(finding["consequences"]) == 3
    assert finding["evidence"] == [PATH, "line 12:   - job_name: by_hand"]
    assert finding["cure"][-1]["run"].endswith("--tags prometheus")


def test_an_edit_of_a_job_of_ours_whose_targets_are_down_is_an_error(stack):
    edited(stack, "node")
    down(stack, "node", 9100)
    (finding,) = diagnose(stack)
    assert (finding["id"], finding["severity"]) == ("prometheus_edited", "error")


def test_a_job_of_the_inventory_with_three_targets_down_is_one_finding(stack):
    down(stack, "mine", 1, 2, 3)
    (finding,) = diagnose(stack)
    assert (finding["id"], finding["severity"], len(finding["evidence"])) == ("target_down", "warning", 3)
    assert "prometheus_scrape_configs" in finding["cure"][0]["do"]


def test_an_edit_that_another_fix_removes_is_no_second_finding(stack, ids):
    edited(stack, "redis-cluster")
    config = stack["hosts"][MONITORING]["evidence"]["prometheus"]["config"]
    stack["hosts"][MONITORING]["evidence"]["prometheus"]["config"] = config.replace("https", "http")
    assert ids(stack) == ["scrape_scheme"]


def test_two_things_at_once_are_two_findings(stack, ids):
    """Data of one service explains nothing of another one."""
    evidence = stack["hosts"][MONITORING]["evidence"]
    state = {
        "active": False,
        "state": "activating",
        "sub_state": "auto-restart",
        "result": "exit-code",
        "process": None,
    }
    for unit in ("prometheus.service", "alertmanager.service"):
        evidence["units"][unit].update(state, exit_status=1, restarts=3, process=None)
    evidence["data"]["prometheus.service"].update(
        count=1, foreign=[{"path": "/var/lib/private/prometheus/wal", "mode": "0700", "owner": "root", "group": "root"}]
    )
    assert ids(stack) == ["prometheus_data", "alertmanager_crashes"]


def test_data_of_redis_that_runs_needs_no_restart(stack):
    found = stack["hosts"][NODE]["evidence"]["redis"]["data"]
    foreign = [{"path": "/var/lib/redis/dump.rdb", "mode": "0600", "owner": "root", "group": "root"}]
    found.update(count=1, foreign=foreign)
    (finding,) = diagnose(stack)
    assert finding["id"] == "redis_data" and "restart" not in finding["cure"][0]["run"]


def test_a_file_edited_by_hand_is_no_reason_for_a_restart(stack, ids):
    path = "/etc/prometheus/credentials/web.yml"
    evidence = stack["hosts"][MONITORING]["evidence"]
    evidence["units"]["prometheus.service"]["newer_than_process"] = [path]
    assert ids(stack) == ["prometheus_restart_due"]
    evidence["edited"] = {path: {"lines": [], "jobs": []}}
    assert ids(stack) == ["prometheus_edited"]
