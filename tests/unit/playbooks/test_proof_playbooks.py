# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify, doctor and incident give a verdict whatever the limit and the mode, on hosts that nobody reaches."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INVENTORY = """
redis: {hosts: {redis-a: {ansible_host: 127.0.0.1}, redis-b: {ansible_host: 127.0.0.2}}}
monitoring: {hosts: {monitor: {ansible_host: 127.0.0.3}}}
all: {vars: {ansible_port: 1, ansible_become: true, redis_exporter_redis_password: canary-p4ssw0rd}}
"""


@pytest.fixture
def play(tmp_path, ansible_playbook):
    """A static inventory, as somebody without EC2 has it: return code, output, and the directory of reports."""
    (tmp_path / "inventory.yml").write_text(INVENTORY)

    def run(name, *options):
        rc, output = ansible_playbook(f"redisops.monitoring.{name}", "-i", tmp_path / "inventory.yml", *options)
        assert "canary-p4ssw0rd" not in output
        return rc, output, tmp_path / "reports"

    return run


@pytest.mark.parametrize("limit", [[], ["--limit", "redis-a"]], ids=["all", "limit"])
def test_verify_fails_where_nobody_is_reached(play, limit):
    rc, output, reports = play("verify", *limit)
    assert rc == 2, output[-2000:]
    report = json.loads((reports / "verify-redis.json").read_text())
    failed = {(row["test"], row["subject"]) for row in report["rows"] if row["state"] == "failed"}
    assert (1, "redis-a") in failed
    assert ((1, "redis-b") in failed) == (not limit)
    assert report["passed"] == 0


@pytest.mark.parametrize("limit", [[], ["--limit", "redis-a"]], ids=["all", "limit"])
def test_doctor_names_what_nobody_reaches(play, limit):
    rc, output, reports = play("doctor", *limit)
    assert rc == 2, output[-2000:]
    (path,) = reports.glob("doctor-*.json")
    findings = json.loads(path.read_text())["findings"]
    hosts = ["redis-a"] if limit else ["monitor", "redis-a", "redis-b"]
    assert [(one["id"], one["host"]) for one in findings] == [("host_unreachable", host) for host in hosts]
    assert ("not looked at: monitor, redis-b" in output) == bool(limit)


def test_incident_packs_what_there_is_within_the_limit(play):
    rc, output, reports = play("incident", "--limit", "redis-a")
    assert rc == 0, output[-2000:]
    (path,) = reports.glob("incident-redis-*.tar.gz")
    assert path.stat().st_mode & 0o777 == 0o600
    assert "The archive has no diagnosis" not in output


def test_check_mode_of_verify_never_fails_and_its_table_needs_no_file(play):
    rc, output, _reports = play("verify", "--check", "--tags", "verify_exporter", "-e", "verify_report_dir=/proc/none")
    assert rc == 0, output[-2000:]
    assert re.search(r"^FAIL  1 exporter    redis-a", output, re.M)
    assert re.search(r"^0 passed, 2 failed, [0-9]+ skipped$", output, re.M)
    assert "/proc/none/verify-redis.json: the report cannot be written" in " ".join(output.split())


@pytest.mark.parametrize(("name", "artifact"), [("verify", "rows"), ("doctor", "findings"), ("incident", "file")])
def test_a_job_of_awx_leaves_artifacts_and_no_path_of_its_container(play, monkeypatch, tmp_path, name, artifact):
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "1")
    monkeypatch.setenv("ANSIBLE_CALLBACK_RESULT_FORMAT", "json")
    rc, output, _reports = play(name, "-e", "awx_job_id=7")
    assert rc == (0 if name == "incident" else 2), output[-2000:]
    stats = json.loads(re.search(r"^\tRUN: (\{.*\})$", output, re.M)[1])
    assert stats[f"monitoring_{name}"][artifact]
    assert str(tmp_path) not in output
    assert str(tmp_path) not in json.dumps(stats)
    rc, output, _reports = play(name)
    assert str(tmp_path) in output, "a person at a terminal is told where the report is"


@pytest.mark.parametrize("name", ["verify", "doctor"])
def test_a_copy_that_nobody_can_take_hides_no_verdict(play, monkeypatch, name):
    monkeypatch.setenv("ANSIBLE_SHOW_CUSTOM_STATS", "1")
    rc, output, _reports = play(name, "-e", "monitoring_reports_dir=/var/lib/reports")
    assert rc != 0, output[-2000:]
    verdict = {"verify": "test 1 (exporter), redis-a: expected", "doctor": "3 errors; first: host_unreachable"}
    task = next(part for part in output.split("TASK [") if part.startswith(f"redisops.monitoring.{name} : Fail when"))
    assert verdict[name] in " ".join(task.split())
    assert "Failed to connect to the host via ssh" in output.split("Put the reports on the monitoring host")[1]
    assert "monitor:/var/lib/reports" not in output


def test_doctor_prints_its_table_whatever_happens_to_the_report(play):
    rc, output, _reports = play("doctor", "--limit", "redis-a", "-e", "doctor_report_dir=/proc/none")
    assert rc == 2 and "id        host_unreachable" in output
    assert "/proc/none: the report cannot be written" in " ".join(output.split())


def test_empty_answers_of_a_survey_are_defaults(play):
    """As a job of AWX sends them for questions that nobody answered."""
    blank = [word for name in ("timeout", "fail", "expect") for word in ("-e", f"doctor_{name}=")]
    rc, output, _reports = play("doctor", "--limit", "redis-a", *blank)
    assert rc == 2 and "id        host_unreachable" in output
    blank = [word for name in ("since", "until", "doctor", "logs") for word in ("-e", f"incident_{name}=")]
    rc, output, reports = play("incident", "--limit", "redis-a", *blank)
    assert rc == 0 and list(reports.glob("incident-redis-*.tar.gz")), output[-2000:]
