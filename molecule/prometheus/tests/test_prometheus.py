# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host after converge, seen from outside Ansible."""

from __future__ import annotations

import json
import re

import pytest
from lab_client import Lab, check_unit, wait

LAB = Lab("prometheus")
(NAME,) = LAB.named("monitoring")
(NODE,) = LAB.named("redis")
URL = f"https://{LAB.address(NAME)}:9090"
SECRETS = LAB.secrets
OURS = [SECRETS["prometheus_admin_password"], SECRETS["exporter_web_password"], "canary-remote"]


@pytest.fixture(scope="module")
def host():
    return LAB.host(NAME)


def get(path, password=SECRETS["prometheus_admin_password"], data=None):
    return LAB.call(URL + path, login=f"admin:{password}" if password else "", data=data)


def api(path):
    status, body = get(f"/api/v1/{path}")
    assert status == 200, body
    return json.loads(body)["data"]


def test_runs_the_version_that_was_asked_for():
    assert api("status/buildinfo")["version"].startswith(LAB.about["versions"]["prometheus"][0])


def test_unit(host):
    check_unit(host, "prometheus.service")
    assert host.check_output("stat -c %a /var/lib/private/prometheus") == "700"


def test_the_sandbox_leaves_it_enough_files(host):
    pid = host.check_output("systemctl show -P MainPID prometheus")
    limits = host.file(f"/proc/{pid}/limits").content_string
    assert int(re.search(r"Max open files\s+(\d+)", limits)[1]) > 4096


def test_scrapes_itself_over_its_own_tls_and_password():
    (series,) = wait(lambda: api('query?query=up{job="prometheus"}==1')["result"])
    assert series["metric"]["node"] == NAME


def test_targets():
    found = wait(lambda: api("targets?state=active")["activeTargets"])
    targets = {target["scrapePool"]: target for target in found}
    assert sorted(targets) == ["extra", "prometheus", "redis-cluster"]
    redis = targets["redis-cluster"]
    assert redis["scrapeUrl"] == f"https://{LAB.address(NODE)}:9121/metrics"
    assert (redis["scrapeInterval"], redis["scrapeTimeout"]) == ("30s", "20s")
    expected = {"cluster": "redis-prod", "environment": "production", "role": "redis", "node": NODE}
    expected.update(team="storage $1", tier="1", job="redis-cluster")
    assert expected.items() <= redis["labels"].items()
    assert targets["extra"]["labels"]["quoted"] == "a\"b: 'c' #d"


def test_flags_and_configuration():
    flags = api("status/flags")
    assert flags["storage.tsdb.retention.time"] == "30d" and flags["storage.tsdb.retention.size"] in ("1GB", "1GiB")
    assert flags["query.max-concurrency"] == "7" and flags["storage.tsdb.wal-compression"] == "false"
    config = api("status/config")["yaml"]
    assert "replica: a" in config and "remote_write:" in config and "canary" not in config


def test_rules_of_the_user_and_of_the_pack():
    groups = {group["name"]: group for group in api("rules")["groups"]}
    assert groups["user"]["rules"][0]["name"] == "UserRule"
    assert len(groups) > 1


def test_web_is_closed(host):
    assert get("/api/v1/query?query=up", password=None)[0] == 401
    assert get("/api/v1/query?query=up", password="wrong")[0] == 401
    assert get("/-/reload", data=b"")[0] == 403  # anybody with the password could use it otherwise
    listening = host.check_output("ss -ltnH 'sport = :9090'")
    assert URL[8:] in listening and "*:9090" not in listening and "0.0.0.0" not in listening.split()[3]


def test_secrets_are_nowhere_to_be_read(host):
    done = host.run(
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; systemctl show prometheus;"
        " systemctl cat prometheus; journalctl --all --no-pager;"
        " find /etc /opt /var/lib /var/tmp /tmp -xdev -type f -perm /044 -exec cat {} + 2>/dev/null"
    )
    places = done.stdout_bytes.decode(errors="replace")
    assert "--config.file" in places  # it did look
    assert [secret for secret in OURS if secret in places] == []


def test_secret_files(host):
    listed = host.check_output(
        "stat -c '%a %U %n' /etc/prometheus/credentials /etc/prometheus/credentials/*"
    ).splitlines()
    assert listed[0] == "700 root /etc/prometheus/credentials"
    assert {line.rpartition("/")[2] for line in listed[1:]} == {
        "exporter_password", "remote_password", "web.yml", "web_password",
    }  # fmt: skip
    assert all(line.startswith("600 root ") for line in listed[1:])
    web = host.file("/etc/prometheus/credentials/web.yml").content_string
    assert "$2b$10$" in web and SECRETS["prometheus_admin_password"] not in web
