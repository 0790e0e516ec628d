# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight as people run it. What single settings lead to is in plugin_utils/_settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
GROUPS = {
    "redis": {"hosts": {"redis-1": {}, "redis-2": {}}, "vars": {"ansible_host": "192.0.2.1"}},
    "monitoring": {
        "hosts": {"mon-1": {}, "mon-2": {}},
        "vars": {"ansible_host": "192.0.2.2", "prometheus_min_targets": 0, "prometheus_redis_group": "none"},
    },
}


@pytest.fixture
def preflight(tmp_path):
    """preflight(groups, *arguments) -> the problems, and everything that was printed."""

    def run(groups, *arguments, playbook="preflight.yml", host="localhost", **variables):
        (tmp_path / "hosts.json").write_text(json.dumps({"all": {"children": groups}}))
        command = [f"{Path(sys.executable).parent}/ansible-playbook", "-i", tmp_path / "hosts.json"]
        environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1", **variables}
        done = subprocess.run(
            [*command, ROOT / "playbooks" / playbook, *arguments],
            env=environment, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        printed = done.stdout + done.stderr
        assert "Traceback" not in printed and "UNREACHABLE" not in printed
        found = re.search(rf"^fatal: \[{host}\]: FAILED! => (\{{.*\}})$(?!\n\.\.\.ignoring)", done.stdout, re.M)
        assert bool(found) == (done.returncode == 2), printed
        return json.loads(found[1])["msg"].splitlines()[:-1] if found else [], printed

    return run


def monitoring(**variables):
    group = GROUPS["monitoring"]
    return {**GROUPS, "monitoring": {**group, "vars": {**group["vars"], **variables}}}


PAIR = {"redis_exporter_tls_cert_file": "/none/redis.crt", "redis_exporter_tls_key_file": "/none/redis.key"}
WRONG = {
    "prometheus_scrape_interval": "soon",
    "prometheus_web_users": {"admin": "{{ nobody_knows }}"},
    "prometheus_exporter_username": "scraper",
    "prometheus_exporter_password": "canary-password",
    "prometheus_remote_write": [{"url": "x", "basic_auth": {"password": "canary-remote"}}],
}


def test_everything_at_once_and_before_a_host_is_touched(preflight):
    problems, printed = preflight(monitoring(**WRONG), playbook="site.yml")
    assert [problem.partition(", which would")[0] for problem in problems if ": prometheus_" in problem] == [
        "mon-1, mon-2: prometheus_web_users cannot be read: 'nobody_knows' is undefined",
        "mon-1, mon-2: prometheus_scrape_interval is soon, which is not a duration such as 30s",
        "mon-1, mon-2: prometheus_remote_write has the key password",
    ]
    assert "canary" not in printed


@pytest.mark.parametrize("arguments", [("--tags", "alertmanager"), ("--skip-tags", "prometheus")])
def test_roles_that_tags_leave_out_are_not_judged(preflight, arguments):
    problems, printed = preflight(monitoring(**WRONG), *arguments)
    assert not any(": prometheus_" in problem for problem in problems), printed


def test_services_that_are_switched_off_are_not_judged(preflight):
    services = ["redis_exporter", "node_exporter", "alertmanager"]
    problems, printed = preflight(monitoring(**WRONG, monitoring_services=services))
    assert not any(": prometheus_" in problem for problem in problems), printed


def test_settings_and_hosts_in_one_list(preflight, tmp_path):
    """The hosts are this machine, and lack a file; where it has no systemd there is one line more."""
    here = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
    groups = {name: {**group, "vars": {**group["vars"], **here}} for name, group in monitoring().items()}
    groups["redis"]["vars"].update(redis_exporter_redis_password="canary", **PAIR)
    groups["monitoring"]["vars"]["grafana_admin_password"] = "short"
    problems, printed = preflight(groups, "--tags", "redis_exporter,grafana", playbook="site.yml", host="redis-1")
    assert "mon-1, mon-2: grafana_admin_password is shorter than 12 characters" in problems[0]
    assert (
        "redis-1, redis-2: redis_exporter_tls_cert_file certificate: /none/redis.crt: the directory /none"
        in "".join(problems)
    )
    assert not re.search(r"changed=[1-9]", printed) and "canary" not in printed
    printed = preflight(groups, "--tags", "redis_exporter", "--limit", "redis-2", playbook="site.yml", host="redis-2")[
        1
    ]
    assert "redis-2: redis_exporter_tls_cert_file certificate: /none/redis.crt" in printed


@pytest.mark.parametrize("limit", ["localhost,redis-2", "localhost:redis:!redis-1"])
def test_a_limit_that_has_localhost(preflight, limit):
    """Then the first play runs, and judges the hosts within the limit."""
    groups = {**GROUPS, "redis": {**GROUPS["redis"], "vars": {**GROUPS["redis"]["vars"], "redis_exporter_port": 0}}}
    problems, printed = preflight(groups, "--tags", "redis_exporter", "--limit", limit, playbook="site.yml")
    assert "redis-2: redis_exporter_port is 0: ports are 1 to 65535" in problems, printed
    assert not any("redis-1" in problem or "mon-1" in problem for problem in problems)


def test_aws_that_nobody_reaches_stops_before_the_first_host(preflight):
    """As the list, and no Redis node is connected to."""
    aws = {"monitoring_redis_security_group": "redis-sg", "monitoring_security_group": "prometheus-sg"}
    aws.update(monitoring_aws_endpoint_url="http://127.0.0.1:1", monitoring_aws_region="eu-west-1")
    groups = {**GROUPS, "all_of_them": {"children": {"redis": {}, "monitoring": {}}, "vars": aws}}
    problems, dummy = preflight(
        groups, "--tags", "security_groups", "-e", json.dumps(aws), playbook="site.yml",
        AWS_ACCESS_KEY_ID="canary", AWS_SECRET_ACCESS_KEY="canary", AWS_MAX_ATTEMPTS="1",
    )  # fmt: skip
    failed = "DescribeSecurityGroups failed: EndpointConnectionError"
    (problem,) = problems  # the second group is not asked for
    assert problem.startswith(f"AWS: monitoring_redis_security_group: redis-sg: {failed}"), problem
    assert "correct the region or endpoint_url" in problem


@pytest.mark.parametrize("playbook", ["site.yml", "verify.yml", "doctor.yml", "incident.yml"])
def test_a_place_for_reports_that_cannot_be_stops_before_the_first_host(preflight, playbook):
    """Copies of reports are the last thing that a run writes."""
    arguments = ["-e", json.dumps({"monitoring_reports_bucket": "s3://reports", "monitoring_reports_dir": "~/reports"})]
    problems = "\n".join(preflight(GROUPS, *arguments, playbook=playbook)[0])
    assert "monitoring_reports_bucket is s3://reports: give the name of the bucket alone" in problems
    assert "monitoring_reports_dir is ~/reports: give the absolute path" in problems


def test_parts_that_are_not_run_are_not_judged(preflight):
    problems, printed = preflight(monitoring(**WRONG), "-e", '{"preflight_parts": ["exporters"]}')
    assert not any(": prometheus_" in problem for problem in problems), printed


def test_a_group_without_hosts(preflight):
    problems, dummy = preflight({"redis": {}, "monitoring": {}}, "-e", '{"preflight_parts": []}')
    assert [problem.partition(".")[0] for problem in problems] == [
        "The inventory has no host in the group 'redis'",
        "The inventory has no host in the group 'monitoring'",
    ]


def test_a_wrong_setting_here_and_two_there(preflight):
    groups = monitoring(grafana_admin_password="canary-long-enough", grafana_port=70000)
    redis = {"redis_exporter_redis_password": "canary", "redis_exporter_version": "latest", "redis_exporter_port": 0}
    groups["redis"] = {**groups["redis"], "vars": {**groups["redis"]["vars"], **redis}}
    problems, printed = preflight(groups, "--skip-tags", "alertmanager,node_exporter", playbook="site.yml")
    assert problems == [
        "redis-1, redis-2: redis_exporter_version: 'latest' is no release; write three numbers, such as 1.86.0",
        "redis-1, redis-2: redis_exporter_port is 0: ports are 1 to 65535",
        "mon-1, mon-2: grafana_port is 70000: ports are 1 to 65535",
    ]
    assert "canary" not in printed
