# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of Prometheus servers and a store: one series a node, nothing missing after an outage, dashboards answered."""

from __future__ import annotations

import json
import re
import sys
import time
import urllib.parse

import pytest
from lab_client import ROOT, Lab, wait

sys.path[:0] = [str(ROOT / "tests/lab"), str(ROOT / "build/collections")]
import store as lab_store
from ansible_collections.redisops.monitoring.plugins.module_utils._verify.grafana import panel_queries, resolved

LAB = Lab("remote-storage")
REDIS, MONITORING = LAB.named("redis"), LAB.named("monitoring")
OUTAGE = 300
STEP = 30_000  # milliseconds: the scrape interval, and the store's
CA = "/etc/ssl/certs/lab-store.pem"


@pytest.fixture(scope="module")
def store():
    found = lab_store.Store(LAB.directory / "store", LAB.about["gateway"])
    found.start()
    yield found
    found.stop()


@pytest.fixture(scope="module", autouse=True)
def stack(store, tmp_path_factory):
    """site.yml with the one variable more."""
    for name in MONITORING:
        LAB.shell(name, f"cat > {CA} && chmod 644 {CA}", store.certificate.read_text())
    wanted = {"kind": "victoriametrics", "url": store.url, "username": lab_store.USER, "password": store.password}
    settings = tmp_path_factory.mktemp("settings") / "storage.json"
    settings.write_text(json.dumps({"monitoring_remote_storage": {**wanted, "ca_file": CA}}))
    done = LAB.playbook("redisops.monitoring.site", "-e", f"@{settings}")
    assert done.returncode == 0, done.output[-5000:]
    assert store.password not in done.output
    again = LAB.playbook("redisops.monitoring.site", "-e", f"@{settings}", "--skip-tags", "verify")
    assert again.returncode == 0 and " changed=0 " in again.output and "changed=1" not in again.output, again.output
    return settings


def prometheus(name, path, **parameters):
    url = f"https://{LAB.address(name)}:9090/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    status, body = LAB.call(url, "admin:" + LAB.secrets["prometheus_admin_password"])
    assert status == 200, body
    return json.loads(body)["data"]


def times(name, seconds, until):
    """When a server has scraped each node, in milliseconds."""
    found = prometheus(name, "query", query=f"redis_up[{seconds}s]", time=until)["result"]
    return {one["metric"]["node"]: [round(at * 1000) for at, dummy in one["values"]] for one in found}


def steps(stamps):
    return {-(-stamp // STEP) for stamp in stamps}


def test_the_store_has_one_series_a_node(store):
    wait(lambda: len(store.query("redis_up")) == len(REDIS), 120)
    assert {one["metric"]["node"] for one in store.query("redis_up")} == set(REDIS)
    assert store.query('{replica!=""}') == []


@pytest.mark.parametrize("name", MONITORING)
def test_both_write(name):
    def sent():
        found = prometheus(name, "query", query="prometheus_remote_storage_samples_total")["result"]
        mine = [one for one in found if one["metric"]["node"] == name]
        return mine and float(mine[0]["value"][1]) > 0

    wait(sent, 90)
    flags = prometheus(name, "status/config")["yaml"]
    assert f"replica: {name}" in flags and "labeldrop" in flags and "<secret>" not in flags.split("remote_write")[0]
    assert "store-" not in flags


@pytest.mark.parametrize("name", MONITORING)
def test_each_watches_the_other(name):
    up = wait(lambda: prometheus(name, "query", query='up{job=~"prometheus|alertmanager|grafana"} == 1')["result"], 90)
    seen = {(one["metric"]["job"], one["metric"]["node"]) for one in up}
    assert seen == {(job, host) for job in ("prometheus", "alertmanager", "grafana") for host in MONITORING}


def test_dashboards_are_answered_by_the_store(store):
    """Through Grafana's data source; the store may know less words of PromQL, and must not."""
    base = f"https://{LAB.address(MONITORING[0])}:3000"
    login = "admin:" + LAB.secrets["grafana_admin_password"]
    time.sleep(60)  # rates take two scrapes
    asked, full = 0, {"prometheus": 0, "long-term": 0}
    for uid in ("redis-cluster", "redis-performance", "redis-resources"):
        dummy, body = LAB.call(f"{base}/api/dashboards/uid/{uid}", login)
        for title, expression in panel_queries(json.loads(body)["dashboard"]):
            asked += 1
            for source in full:
                query = urllib.parse.urlencode({"query": resolved(expression)})
                status, answer = LAB.call(f"{base}/api/datasources/proxy/uid/{source}/api/v1/query?{query}", login)
                assert status == 200, f"{source}, {title}: {expression}: {answer}"
                full[source] += bool(json.loads(answer)["data"]["result"])
    print(f"{asked} queries, with data: {full}")
    assert asked > 50 and full["long-term"] >= 0.95 * full["prometheus"]


def test_no_sample_is_missing_after_an_outage(store):
    store.stop()
    began = time.time()
    time.sleep(OUTAGE)
    store.start()
    ended = time.time()
    wait(lambda: len(store.query(f"redis_up offset {int(time.time() - ended) + 1}s")) == len(REDIS), 120)
    behind = "time() - prometheus_remote_storage_queue_highest_sent_timestamp_seconds < 60"
    wait(lambda: len(prometheus(MONITORING[0], "query", query=behind)["result"]) == 2, 180)
    stored = store.samples("redis_up")
    seconds, counted = int(ended - began), 0
    for name in MONITORING:
        for node, stamps in times(name, seconds, ended).items():
            counted += len(stamps)
            assert steps(stamps) <= steps(stored[node]), f"{name}: {node}: {steps(stamps) - steps(stored[node])}"
    print(f"{counted} samples of {len(REDIS)} nodes by {len(MONITORING)} servers in {seconds} s: none is missing")
    assert counted >= len(REDIS) * 2 * (OUTAGE / 30 - 2)
    for name in MONITORING:
        failed = prometheus(name, "query", query="prometheus_remote_storage_samples_failed_total > 0")["result"]
        assert failed == []


def missing_is_a_warning(settings, host):
    """verify passes, and doctor says which host lacks what."""
    verified = LAB.playbook("redisops.monitoring.verify", "-e", f"@{settings}")
    assert verified.returncode == 0, verified.output[-4000:]
    assert re.search(rf"^WARN +2 prometheus +{host} +prometheus.service is inactive", verified.output, re.M)
    examined = LAB.playbook("redisops.monitoring.doctor", "-e", f"@{settings}")
    assert examined.returncode == 0, examined.output[-4000:]
    assert re.search(rf"WARNING  Prometheus is stopped  \[{host}, prometheus\]", examined.output), examined.output
    assert f"on {host}: sudo systemctl start prometheus.service" in examined.output
    assert "ERROR" not in examined.output.split("Doctor:")[1]


def test_the_run_ends_where_the_first_does_not_come_back(stack):
    """Its Prometheus cannot be started; the other keeps what it has, though it would get something new."""
    first, second = MONITORING
    drop_ins = "/run/systemd/system/prometheus.service.d"
    process = "systemctl show --value --property MainPID prometheus"
    LAB.shell(first, f"mkdir -p {drop_ins} && cat > {drop_ins}/broken.conf", "[Service]\nExecStartPre=/bin/false\n")
    LAB.shell(first, "systemctl daemon-reload")
    before = LAB.shell(second, process)
    more = json.dumps({"prometheus_flags": {"log.level": "warn"}})
    try:
        done = LAB.playbook("redisops.monitoring.site", "-e", f"@{stack}", "-e", more)
        assert done.returncode == 2, done.output[-4000:]
        recap = done.output.split("PLAY RECAP")[1]
        assert re.search(rf"^{first} .*failed=1", recap, re.M), recap
        assert re.search(rf"^{second} .*changed=0.*failed=0", recap, re.M), recap
        assert "Test Prometheus" not in done.output, "nothing is proved of what was not finished"
    finally:
        LAB.shell(first, f"rm -r {drop_ins}; systemctl daemon-reload; systemctl reset-failed")
        LAB.shell(first, "systemctl start prometheus")
    assert LAB.shell(second, process) == before


def test_one_host_away(store, stack):
    """The other goes on, shows what was, and tells that its twin is away; back again, that has ended."""
    first, second = MONITORING
    for unit in ("prometheus", "alertmanager", "grafana-server"):
        LAB.shell(second, f"systemctl stop {unit}")
    try:
        down = wait(lambda: prometheus(first, "query", query=f'up{{node="{second}"}} == 0')["result"], 90)
        assert {one["metric"]["job"] for one in down} <= {"prometheus", "alertmanager", "grafana"}

        def pending():
            found = prometheus(first, "alerts")["alerts"]
            return [one for one in found if one["labels"]["alertname"] == "MonitoringTargetDown"]

        told = wait(pending, 90)
        assert {one["labels"]["node"] for one in told} == {second}
        assert len(prometheus(first, "query", query="count_over_time(redis_up[5m]) > 5")["result"]) == len(REDIS)
        assert len(store.query("redis_up")) == len(REDIS)
        missing_is_a_warning(stack, second)
    finally:
        for unit in ("prometheus", "alertmanager", "grafana-server"):
            LAB.shell(second, f"systemctl start {unit}")
    wait(lambda: len(prometheus(first, "query", query=f'up{{node="{second}"}} == 1')["result"]) >= 3, 120)


@pytest.fixture(scope="module")
def as_agents(stack, tmp_path_factory):
    """The same settings with one more; the ruler is somebody else's."""
    settings = json.loads(stack.read_text())
    path = tmp_path_factory.mktemp("agents") / "agents.json"
    path.write_text(json.dumps({**settings, "prometheus_mode": "agent", "prometheus_rule_pack": False}))
    return path


def test_agents_send_and_keep_nothing(store, stack, as_agents):
    """verify, doctor and Grafana ask the store then; back again, what a server had is there."""
    before = time.time() - 60
    known = {name: times(name, 120, before) for name in MONITORING}
    done = LAB.playbook("redisops.monitoring.site", "-e", f"@{as_agents}")
    assert done.returncode == 0, done.output[-5000:]
    assert re.search(r"^ok    2 prometheus +remote write to https", done.output, re.M), done.output[-4000:]
    for name in MONITORING:
        assert "--agent" in LAB.shell(
            name, "tr '\\0' ' ' < /proc/$(systemctl show --value -p MainPID prometheus)/cmdline"
        )
        status, body = LAB.call(
            f"https://{LAB.address(name)}:9090/api/v1/query?query=up",
            "admin:" + LAB.secrets["prometheus_admin_password"],
        )
        assert status == 422 and "unavailable with Prometheus Agent" in body
        LAB.shell(name, "test -d /var/lib/prometheus/wal && test -d /var/lib/prometheus/data-agent/wal")
    again = LAB.playbook("redisops.monitoring.site", "-e", f"@{as_agents}", "--skip-tags", "verify")
    assert again.returncode == 0 and "changed=1" not in again.output, again.output[-3000:]

    now = time.time()
    fresh = "time() - timestamp(redis_up) < 45 and on () time() > %d" % (now + 45)
    assert len(wait(lambda: store.query(fresh), 120)) == len(REDIS)
    login, base = "admin:" + LAB.secrets["grafana_admin_password"], f"https://{LAB.address(MONITORING[0])}:3000"
    status, body = LAB.call(f"{base}/api/datasources/uid/prometheus", login)
    assert status == 200 and json.loads(body)["url"] == store.url
    load = LAB.playbook("redisops.monitoring.verify", "-e", f"@{as_agents}", "-e", "verify_write=true")
    assert load.returncode == 0 and re.search("^ok    4 load", load.output, re.M), load.output[-4000:]
    examined = LAB.playbook("redisops.monitoring.doctor", "-e", f"@{as_agents}")
    assert examined.returncode == 0 and "rules_elsewhere" in examined.output, examined.output[-4000:]

    back = LAB.playbook("redisops.monitoring.site", "-e", f"@{stack}")
    assert back.returncode == 0, back.output[-5000:]
    for name in MONITORING:
        assert times(name, 120, before) == known[name] and known[name]


def test_doctor_tells_what_does_not_arrive(store, as_agents):
    """Of agents it is an error: there is nothing else."""
    done = LAB.playbook("redisops.monitoring.site", "-e", f"@{as_agents}", "--skip-tags", "verify")
    assert done.returncode == 0, done.output[-4000:]
    store.stop()
    try:
        time.sleep(200)
        examined = LAB.playbook("redisops.monitoring.doctor", "-e", f"@{as_agents}")
        assert examined.returncode == 2, examined.output[-4000:]
        assert "ERROR  samples do not arrive at the long-term storage" in examined.output
        assert "connection refused" in examined.output
        proved = LAB.playbook("redisops.monitoring.verify", "-e", f"@{as_agents}")
        assert proved.returncode == 2
        for subject in ("remote write to", "the store"):
            assert re.search(f"^FAIL  2 prometheus +{subject}", proved.output, re.M), proved.output[-4000:]
    finally:
        store.start()
