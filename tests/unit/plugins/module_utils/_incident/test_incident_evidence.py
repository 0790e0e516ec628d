# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of an incident: what is collected, and above all what is not in it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _prometheus, _redis
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import probes
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence.mask import Mask
from ansible_collections.redisops.monitoring.plugins.module_utils._incident import collect, host, services
from ansible_collections.redisops.monitoring.plugins.module_utils._incident.window import Window
from ansible_collections.redisops.monitoring.plugins.modules import incident_evidence

NOW = datetime(2027, 1, 30, 22, 0, tzinfo=timezone.utc)
SECRET = "incident-canary-9c2e"

# ------------------------------------------------------------------------------------------------------ time


@pytest.mark.parametrize(
    ("since", "until", "hours", "ended"),
    [
        ("1h", "", 1, 0),
        ("", "", 1, 0),  # a blank answer of a survey
        ("2h", "30m", 2, 0.5),
        ("2027-01-30T20:00:00Z", "", 2, 0),
        ("2027-01-30T20:00:00Z", "2027-01-30T21:00:00+00:00", 1, 1),
        ("1h", "2027-02-01T00:00:00Z", 1, 0),  # the future has no evidence
    ],
)
def test_window(since, until, hours, ended):
    window = Window(since, until, NOW)
    assert window.end - window.start == timedelta(hours=hours)
    assert NOW - window.end == timedelta(hours=ended)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("2027-01-30T23:00:00Z", "", "is not before until"),
        ("60d", "", "31 days"),
        ("soon", "", "'soon'"),
        ("1x", "", "'1x'"),
        ("2027-01-30T20:00:00", "", "no zone"),
    ],
)
def test_window_that_makes_no_sense(since, until, words):
    with pytest.raises(_prometheus.ApiError, match=words):
        Window(since, until, NOW)


def test_series_stay_short():
    assert Window("1h", "", NOW).step == 15
    assert Window("10d", "", NOW).step == 3600


# --------------------------------------------------------------------------------------------------- evidence


def test_files_are_bounded():
    text = "".join(f"line {number}\n" for number in range(100000))
    kept = host.bounded(text)
    assert len(kept) < host.FILE + 100
    assert kept.startswith("[")
    assert kept.endswith("line 99999\n")
    assert host.bounded("short\n") == "short\n"


def test_slowlog_tells_no_arguments():
    text = services.slowlog_text([[1, 1795491368, 64272, ["set", "patient:4711", "Doe"], "10.0.0.1:5", "app"]])
    assert "SET  2 left out" in text
    assert "2026-11-24T03:36:08Z        64272" in text
    assert "4711" not in text
    assert "Doe" not in text
    assert "10.0.0.1" not in text


def test_latency():
    text = services.latency_text([["command", 1795491368, 12, 250]])
    assert text.splitlines()[1] == "command  2026-11-24T03:36:08Z  12  250"


def test_credentials_of_the_services_are_known(tmp_path, monkeypatch):
    """A password file, a JSON map, an environment file and a key, as units hand them over."""
    files = {
        "password": f"{SECRET}-1\n",
        "pwd.json": json.dumps({"rediss://a": f"{SECRET}-2"}),
        "auth.env": f"HASH={SECRET}-3\n",
        "server.key": "-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\n-----END PRIVATE KEY-----\n",
        "ca.crt": "-----BEGIN CERTIFICATE-----\n" + "B" * 64 + "\n-----END CERTIFICATE-----\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    unit = "".join(f"LoadCredential={name}:{tmp_path / name}\n" for name in files)
    monkeypatch.setattr(host._systemd, "read_unit_file", lambda path: unit if path.endswith("x.service") else "")
    assert host.known_secrets(["x.service"]) == {f"{SECRET}-1", f"{SECRET}-2", f"{SECRET}-3", "A" * 64}


def test_secrets_are_masked_in_text_and_json():
    mask = Mask([SECRET])
    text = f"AUTH admin {SECRET}\npassword=hunter22\nhttp://u:pw12345@h/\n"
    shown = collect.masked(mask, "journal/x.log", text)
    for secret in (SECRET, "hunter22", "pw12345"):
        assert secret not in shown
    data = json.loads(collect.masked(mask, "a.json", json.dumps({"query": SECRET, "token": "name"})))
    assert data == {"query": "********", "token": "name"}


def test_a_host_where_nothing_answers(run_module, monkeypatch):
    monkeypatch.setattr(probes, "command", lambda argv, seconds=5: (None, ""))
    result = run_module(
        incident_evidence,
        units=["redis_exporter.service", "kernel"],
        secrets=[SECRET],
        redis={"login_host": "127.0.0.1", "login_port": 1, "login_password": SECRET},
        prometheus={"url": "http://127.0.0.1:1", "url_username": "a", "url_password": SECRET},
        alertmanager={"url": "http://127.0.0.1:1"},
        queries={"up": "up"},
        logs=["/nonexistent/log"],
    )
    assert not result.get("failed"), result
    assert result["changed"] is False
    assert "connection refused" in " ".join(result["problems"]).lower()
    assert len(result["problems"]) >= 3
    assert all("\n" not in problem for problem in result["problems"])
    assert "No such file" in result["files"]["logs/nonexistent_log"]
    assert SECRET not in json.dumps(result)


def test_a_window_that_makes_no_sense_is_told(run_module):
    result = run_module(incident_evidence, since="soon")
    assert result["failed"]
    assert "'soon'" in result["msg"]


def test_evidence_of_a_real_redis(redis_server, pki, run_module):
    server = redis_server()
    cert, key = pki.issue("client", usage="client")
    redis = {
        "login_host": "127.0.0.1",
        "login_port": server.port,
        "login_user": server.admin_user,
        "login_password": server.admin_password,
        "ca_certs": pki.ca(),
        "client_cert_file": cert,
        "client_key_file": key,
    }
    target = _redis.Target(
        "127.0.0.1",
        server.port,
        ca_file=pki.ca(),
        cert_file=cert,
        key_file=key,
        user=server.admin_user,
        password=server.admin_password,
    )
    with _redis.Client(target) as client:
        client.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        client.call("SET", "phi-canary-key", "phi-canary-value")
    result = run_module(incident_evidence, redis=redis)
    assert "redis_version:" in result["files"]["redis/info.txt"]
    assert "SET  2 left out" in result["files"]["redis/slowlog.txt"]
    assert "phi-canary" not in json.dumps(result)
    assert server.admin_password not in json.dumps(result)
    assert result["problems"] == []


def test_what_is_of_other_clusters_is_left_out():
    def of(cluster):
        return {"labels": {"cluster": cluster} if cluster else {}}

    three = [of("orders"), of("sessions"), of("")]
    assert services.told(list(three), ["orders"]) == [of("orders"), of("")]
    assert services.told(list(three), []) == three
    found = services.within({"alerts": list(three), "activeTargets": list(three)}, ["sessions"])
    assert found == {"alerts": [of("sessions"), of("")], "activeTargets": [of("sessions"), of("")]}
    rules = {"groups": [{"rules": [{"name": "a", "alerts": list(three)}, {"record": "b"}]}]}
    assert services.within(rules, ["orders"])["groups"][0]["rules"] == [
        {"name": "a", "alerts": [of("orders"), of("")]},
        {"record": "b"},
    ]


@pytest.mark.parametrize("store", [{"url": "http://store"}, {}])
def test_metrics_of_an_agent_are_those_of_its_store(monkeypatch, store):
    asked = []

    def get(self, path, **_query):
        asked.append((self.url, path))
        return {"resultType": "matrix", "result": []}

    monkeypatch.setattr(_prometheus.Prometheus, "get", get)
    options = {"url": "http://agent", "agent": True, "store": store, "timeout": 5}
    files, problems = services.prometheus(options, {"up": "up"}, Window("1h", "", NOW))
    assert sorted(files) == ([*(["metrics/up.json"] if store else []), "prometheus_targets.json"])
    assert problems == ([] if store else ["metrics: Prometheus is an agent, whose store cannot be asked from here"])
    assert {path.partition("?")[0] for url, path in asked if url == "http://agent"} == {"targets"}
    assert ("http://store", "query_range") in asked or not store
