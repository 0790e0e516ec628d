# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""verify.yml passes on a healthy stack; each test fails when its part is broken. Everything is repaired again."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from lab_client import MONITORING, REDIS, ROOT

sys.path.insert(0, str(ROOT / "tests" / "lab"))
import servers

RELOAD = "systemctl reload prometheus"
INTERVAL = "sed -i 's/scrape_interval: {}/scrape_interval: {}/' /etc/prometheus/prometheus.yml && " + RELOAD
TARGETS = "/etc/prometheus/targets/redis-cluster.yml"


def test_healthy(lab):
    rc, report, output, taken = lab.verify()
    assert rc == 0, output[-3000:]
    assert report["failed"] == 0, report["failures"]
    assert {row["test"] for row in report["rows"] if row["state"] == "passed"} == {1, 2, 3, 4}
    assert "changed=0" in output
    assert not any(f"changed={number}" in output for number in range(1, 10)), output[-1000:]
    assert os.stat(lab.reports / "verify-redis-prod.json").st_mode & 0o777 == 0o600
    assert not any(secret in output + json.dumps(report) for secret in lab.secrets.values())
    if os.getloadavg()[0] < 2 * (os.cpu_count() or 1):  # a machine that is busy with other things proves nothing
        assert taken < 60
    # Nothing is left behind: no key, no account.
    assert lab.redis(REDIS, "DBSIZE") == "0"
    assert "redisops_verify" not in lab.redis(REDIS, "ACL USERS")


def test_reads_only_by_default(lab):
    count = "INFO commandstats"
    before = lab.redis(REDIS, count)
    rc, report, output, _taken = lab.verify(write=False)
    assert rc == 0, output[-3000:]
    assert {row["test"] for row in report["rows"] if row["state"] == "skipped"} == {4, 5}
    after = lab.redis(REDIS, count)
    for command in ("set", "del", "acl|setuser"):
        assert calls(after, command) == calls(before, command), command


def calls(text, command):
    return [line for line in text.splitlines() if line.startswith(f"cmdstat_{command}:")]


def test_a_stopped_exporter(lab):
    with lab.broken(REDIS, "systemctl stop redis_exporter", "systemctl start redis_exporter"):
        rc, report, _output, _taken = lab.verify("--tags", "verify_exporter")
        assert rc != 0
        assert list(lab.failed(report)) == [(1, REDIS)]
        assert "redis_exporter.service is inactive" in lab.failed(report)[1, REDIS]
        rc, report, _output, _taken = lab.verify("--tags", "verify_load")
        assert rc != 0
        assert list(lab.failed(report)) == [(4, REDIS)]
        assert "no scrape shows it" in lab.failed(report)[4, REDIS]
        assert lab.redis(REDIS, "DBSIZE") == "0"


def test_a_target_that_is_missing(lab):
    keep = (
        f"cp {TARGETS} /run/targets.yml && sed -i '/{lab.about['hosts'][REDIS]['address']}:/s/:9121/:9122/' {TARGETS}"
    )
    with lab.broken(MONITORING, f"{keep} && sleep 7", f"cp /run/targets.yml {TARGETS}"):
        rc, report, _output, _taken = lab.verify("--tags", "verify_prometheus")
        assert rc != 0
        assert list(lab.failed(report)) == [(2, REDIS)]
        assert "no target" in lab.failed(report)[2, REDIS]


def test_wrong_labels(lab):
    keep = f"cp {TARGETS} /run/targets.yml && sed -i 's/cluster: redis-prod/cluster: redis-test/' {TARGETS}"
    with lab.broken(MONITORING, f"{keep} && sleep 7", f"cp /run/targets.yml {TARGETS}"):
        rc, report, _output, _taken = lab.verify("--tags", "verify_prometheus")
        assert rc != 0
        assert len(lab.failed(report)) == 3
        assert all("cluster is 'redis-test'" in found for found in lab.failed(report).values())


def test_targets_that_are_scraped_too_rarely(lab):
    with lab.broken(MONITORING, INTERVAL.format("10s", "30m") + " && sleep 7", INTERVAL.format("30m", "10s")):
        rc, report, _output, _taken = lab.verify("--tags", "verify_prometheus")
        assert rc != 0
        # With another interval they are new targets to Prometheus, scraped for the first time within half an hour.
        assert all("not scraped yet" in found for found in lab.failed(report).values())
    # Repaired: the next scrape is waited for, and samples with the labels of the test before do not count.
    rc, report, _output, _taken = lab.verify("--tags", "verify_prometheus")
    assert (rc, report["failed"]) == (0, 0), report["failures"]


def test_a_broken_datasource_and_a_deleted_dashboard(lab):
    lab.shell(MONITORING, GRAFANA.format("DELETE", "/api/dashboards/uid/redis-cluster", ""))
    stop = "systemctl stop prometheus"
    try:
        with lab.broken(MONITORING, stop, "systemctl start prometheus"):
            rc, report, _output, _taken = lab.verify("--tags", "verify_grafana")
        assert rc != 0
        failed = lab.failed(report)
        assert set(failed) == {(3, "datasource prometheus"), (3, "dashboard redis-cluster")}, failed
        assert "no dashboard with this uid" in failed[3, "dashboard redis-cluster"]
    finally:
        rc, output, _taken = lab.play("monitoring", "--tags", "grafana")
        assert rc == 0, output[-2000:]
    rc, report, output, _taken = lab.verify("--tags", "verify_grafana")
    assert rc == 0, output[-2000:]


GRAFANA = """python3 - <<'END'
import ssl, urllib.request
request = urllib.request.Request("https://localhost:3000{1}", method="{0}", data="{2}".encode() or None)
request.add_header("Authorization", "Bearer " + open("/etc/redisops/grafana/token").read().strip())
context = ssl.create_default_context(cafile="/etc/prometheus/tls/ca.crt")
context.check_hostname = False
import re
text = open("/etc/grafana/grafana.ini").read()
address = re.search("http_addr *= *(\\\\S+)", text).group(1)
request.full_url = request.full_url.replace("localhost", address)
print(urllib.request.urlopen(request, context=context).status)
END"""


def test_an_alert_is_delivered_and_ends(lab):
    rc, report, output, _taken = lab.verify("--tags", "verify_alert", "-e", "verify_alert=true")
    assert rc == 0, output[-3000:]
    passed = {row["subject"] for row in report["rows"] if row["state"] == "passed"}
    assert {"alert to chat", "alert to oncall", "end to chat", "end to oncall"} <= passed
    arrived = [json.loads(line) for line in (lab.directory / "notifications.jsonl").read_text().splitlines()]
    mine = [
        (line["path"], line["body"]["status"])
        for line in arrived
        if any(alert["labels"]["alertname"] == "VerifyAlertPath" for alert in line["body"]["alerts"])
    ]
    assert {("/chat", "firing"), ("/oncall", "firing"), ("/chat", "resolved"), ("/oncall", "resolved")} <= set(mine)


def test_a_blocked_alert_path(lab):
    servers.stop(lab.directory / "webhook.pid")
    try:
        rc, report, _output, _taken = lab.verify(
            "--tags", "verify_alert", "-e", "verify_alert=true", "-e", "verify_alert_timeout=120"
        )
        assert rc != 0
        assert {"alert to chat", "alert to oncall"} <= {subject for _test, subject in lab.failed(report)}
    finally:
        subprocess.run(
            [sys.executable, ROOT / "tests/lab/lab.py", "up", lab.directory.name, "--aws"], check=True, timeout=300
        )


def test_a_host_that_cannot_be_reached(lab):
    rc, report, _output, _taken = lab.verify("--tags", "verify_exporter", "-e", "ansible_port=1", "--limit", REDIS)
    assert rc != 0
    assert report["failed"] >= 1
    assert any(row["subject"] == REDIS and row["expected"] == "reachable" for row in report["rows"])


def test_check_mode_never_fails(lab):
    with lab.broken(REDIS, "systemctl stop redis_exporter", "systemctl start redis_exporter"):
        rc, report, output, _taken = lab.verify("--check", "--tags", "verify_exporter")
    assert rc == 0, output[-2000:]
    assert report["failed"] == 1
