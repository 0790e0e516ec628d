# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every job template, as AWX runs it, from blank hosts to hosts with nothing of ours. In the order of this file."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path

import boto3
import pytest
from lab_client import Lab

from awx import Controller, templates

LAB = Lab("awx")
NODE = "redis-node-1a"
BUCKET = "reports-of-redis"


@pytest.fixture(scope="module")
def controller():
    directory = Path(tempfile.mkdtemp(prefix="awx-"))  # short: sockets of SSH are in it
    yield Controller(LAB, directory)
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def s3():
    client = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=LAB.about["aws"]["endpoint_url"],
        aws_access_key_id="lab", aws_secret_access_key="lab",
    )  # fmt: skip
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def job(controller):
    """job(template, answers, ...) ends as expected, shows no secret and names no path of its container."""

    def run(name, survey=None, rc=0, **options):
        done = controller.launch(name, survey, **options)
        assert done.rc == rc, "\n".join([*done.failures(), done.output[-3000:]])
        shown = [secret for name, secret in LAB.secrets.items() if secret in done.output]
        assert shown == []
        assert str(controller.directory) not in json.dumps(done.artifacts)
        assert not re.search(rf"ansible(-playbook)? .*{controller.directory}", done.output)
        return done

    return run


def test_the_controller_is_as_closed_as_a_container(controller):
    done = controller.run("sh", "-c", "touch ~/file || sudo true", env=controller.environment)
    assert done.returncode != 0
    assert "Permission denied" in done.stdout and "no sudo" in done.stdout


def test_check_mode_on_blank_hosts(job):
    job("site", job_type="check")


def test_site(job):
    done = job("site")
    assert done.artifacts["monitoring_verify"]["failed"] == 0
    assert done.artifacts["monitoring_verify"]["passed"] > 10


def test_a_second_run_in_another_container_changes_nothing(job):
    """Nothing is remembered by a controller: no password, no certificate, no fact."""
    assert job("site", skip_tags="verify").changed == []


@pytest.mark.parametrize("name", ["certificates", "exporters", "monitoring", "security_groups"])
def test_a_part_of_it_changes_nothing(job, name):
    assert job(name).changed == []


def test_verify_with_answers_as_text(job):
    report = job("verify", {"verify_write": "true", "verify_alert_severity": ""}).artifacts["monitoring_verify"]
    states = {row["name"]: row["state"] for row in report["rows"]}
    assert states["load"] == "passed"
    assert states["alert"] == "skipped"
    assert report["cluster"] == "redis-prod"


def test_doctor_of_a_healthy_stack_with_blank_answers(job):
    assert job("doctor").artifacts["monitoring_doctor"]["healthy"] is True


def test_doctor_of_a_broken_one(job):
    LAB.shell(NODE, "systemctl stop redis_exporter; rm /etc/systemd/system/redis_exporter.service")
    LAB.shell(NODE, "systemctl daemon-reload")
    found = job("doctor", rc=2).artifacts["monitoring_doctor"]
    assert found["healthy"] is False
    [finding] = [one for one in found["findings"] if one["host"] == NODE and one["severity"] == "error"]
    [command] = [step["run"] for step in finding["cure"] if "run" in step]
    assert command.startswith("ansible-playbook redisops.monitoring.exporters --limit"), command


def test_what_doctor_says_as_a_job(job):
    job("exporters", limit=NODE)
    assert LAB.shell(NODE, "systemctl is-active redis_exporter").strip() == "active"


KEPT = {
    "monitoring_reports_bucket": BUCKET,
    "monitoring_reports_prefix": "/reports/",
    "monitoring_reports_dir": "/var/lib/reports",
}


@pytest.mark.parametrize(
    ("name", "answers", "files"),
    [("verify", {}, 1), ("doctor", {"doctor_fail": "false"}, 2), ("incident", {"incident_since": "10m"}, 1)],
)
def test_reports_in_a_bucket_and_on_the_monitoring_host(job, controller, s3, monkeypatch, name, answers, files):
    for variable, value in KEPT.items():
        monkeypatch.setitem(controller.inventory["all"]["vars"], variable, value)
    places = job(name, answers).artifacts["monitoring_reports"]
    in_bucket = [place for place in places if place.startswith("s3://")]
    on_host = [place.split(":") for place in places if place not in in_bucket]
    assert (len(in_bucket), len(on_host)) == (files, files), places
    objects = {one["Key"]: one["Size"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    for place in in_bucket:
        key = place.removeprefix(f"s3://{BUCKET}/")
        assert key.startswith(f"reports/redis-prod/{name}-")
        assert objects[key] > 1000
    for host, path in on_host:
        assert path.startswith("/var/lib/reports/")
        assert LAB.shell(host, f"stat -c '%a %U' {path}").strip() == "600 root"


def test_silences(job):
    assert "nothing is silenced" in job("silence").output
    answers = {
        "silence_state": "present",
        "silence_node": NODE,
        "silence_duration": "2h",
        "silence_comment": "a new disk",
    }
    assert "anna" in job("silence", answers).output
    assert NODE in job("silence").output
    job("silence", {"silence_state": "absent", "silence_node": NODE})
    assert "nothing is silenced" in job("silence").output


def test_yace_in_check_mode(job):
    """Its archive is in no mirror of a lab; the scenario node_exporter runs it."""
    job("yace", job_type="check")


def test_power_and_costs(job):
    assert "redis-node-1a" in job("power").output


def test_provision_and_teardown_touch_nothing_that_is_not_ours(job):
    job("provision", rc=2)
    done = job("teardown", {"monitoring_instance_confirm": "prometheus-grafana"}, rc=2)
    assert "nothing was deleted" in done.output


def test_remove_asks_for_the_name(job):
    job("remove", {"remove_confirm": "another"}, rc=2)
    assert LAB.shell(NODE, "systemctl is-active redis_exporter").strip() == "active"
    job("remove", {"remove_confirm": "redis-prod"})
    assert LAB.shell(NODE, "systemctl is-active redis_exporter || true").strip() != "active"


def test_every_template_was_run():
    text = Path(__file__).read_text()
    assert [name for name in templates() if f'"{name}"' not in text] == []
