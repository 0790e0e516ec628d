# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of an incident: what is collected, what is drawn, and above all what is not in it."""

from __future__ import annotations

import json
import math
import re
import tarfile
import xml.etree.ElementTree as ET
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import (
    _alertmanager,
    _evidence,
    _incident,
    _prometheus,
)
from ansible_collections.redisops.monitoring.plugins.modules import incident_evidence
from ansible_collections.redisops.monitoring.plugins.plugin_utils import _incident_archive, _svg

NOW = datetime(2027, 1, 30, 22, 0, tzinfo=timezone.utc)
SECRET = "incident-canary-9c2e"

# ------------------------------------------------------------------------------------------------------ time


@pytest.mark.parametrize(
    ("since", "until", "hours", "ended"),
    [
        ("1h", "", 1, 0),
        ("2h", "30m", 2, 0.5),
        ("2027-01-30T20:00:00Z", "", 2, 0),
        ("2027-01-30T20:00:00Z", "2027-01-30T21:00:00+00:00", 1, 1),
        ("1h", "2027-02-01T00:00:00Z", 1, 0),  # the future has no evidence
    ],
)
def test_window(since, until, hours, ended):
    window = _incident.Window(since, until, NOW)
    assert window.end - window.start == timedelta(hours=hours)
    assert NOW - window.end == timedelta(hours=ended)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        ("2027-01-30T23:00:00Z", "", "is not before incident_until"),
        ("60d", "", "31 days"),
        ("soon", "", "'soon'"),
        ("1x", "", "'1x'"),
        ("2027-01-30T20:00:00", "", "no zone"),
    ],
)
def test_window_that_makes_no_sense(since, until, words):
    with pytest.raises((_prometheus.Problem, _alertmanager.Problem), match=words):
        _incident.Window(since, until, NOW)


def test_series_stay_short():
    assert _incident.Window("1h", "", NOW).step == 15
    assert _incident.Window("10d", "", NOW).step == 3600


# --------------------------------------------------------------------------------------------------- evidence


def test_files_are_bounded():
    text = "".join(f"line {number}\n" for number in range(100000))
    kept = _incident.bounded(text)
    assert len(kept) < _incident.FILE + 100
    assert kept.startswith("[")
    assert kept.endswith("line 99999\n")
    assert _incident.bounded("short\n") == "short\n"


def test_slowlog_tells_no_arguments():
    text = _incident.slowlog_text([[1, 1795491368, 64272, ["set", "patient:4711", "Doe"], "10.0.0.1:5", "app"]])
    assert "SET  2 left out" in text
    assert "2026-11-24T03:36:08Z        64272" in text
    assert "4711" not in text
    assert "Doe" not in text
    assert "10.0.0.1" not in text


def test_latency():
    text = _incident.latency_text([["command", 1795491368, 12, 250]])
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
    monkeypatch.setattr(_incident._systemd, "read_unit_file", lambda path: unit if path.endswith("x.service") else "")
    assert _incident.known_secrets(["x.service"]) == {f"{SECRET}-1", f"{SECRET}-2", f"{SECRET}-3", "A" * 64}


def test_secrets_are_masked_in_text_and_json():
    mask = _evidence.Mask([SECRET])
    text = f"AUTH admin {SECRET}\npassword=hunter22\nhttp://u:pw12345@h/\n"
    shown = incident_evidence.masked(mask, "journal/x.log", text)
    for secret in (SECRET, "hunter22", "pw12345"):
        assert secret not in shown
    data = json.loads(incident_evidence.masked(mask, "a.json", json.dumps({"query": SECRET, "token": "name"})))
    assert data == {"query": "********", "token": "name"}


def test_a_host_where_nothing_answers(run_module, monkeypatch):
    monkeypatch.setattr(_evidence, "command", lambda argv, seconds=5: (None, ""))
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
    target = incident_evidence._redis.Target(
        "127.0.0.1",
        server.port,
        ca_file=pki.ca(),
        cert_file=cert,
        key_file=key,
        user=server.admin_user,
        password=server.admin_password,
    )
    with incident_evidence._redis.Client(target) as client:
        client.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        client.call("SET", "phi-canary-key", "phi-canary-value")
    result = run_module(incident_evidence, redis=redis)
    assert "redis_version:" in result["files"]["redis/info.txt"]
    assert "SET  2 left out" in result["files"]["redis/slowlog.txt"]
    assert "phi-canary" not in json.dumps(result)
    assert server.admin_password not in json.dumps(result)
    assert result["problems"] == []


# --------------------------------------------------------------------------------------------------- pictures


def parsed(text):
    assert "<script" not in text
    return ET.fromstring(text)


def test_chart():
    text = _svg.chart("Memory <&>", [("a & b", [(0, 1.0), (60, 5.0), (120, float("nan")), (180, 3)])], 0, 180, "%")
    tree = parsed(text)
    assert tree.tag.endswith("svg")
    assert "Memory &lt;&amp;&gt; [%]" in text
    assert "a &amp; b" in text
    assert "href" not in text
    assert "nan" not in text


@pytest.mark.parametrize(
    "points", [[], [(0, float("nan"))], [(0, 0.0)], [(0, 5.0), (60, 5.0)], [(0, -1.0), (60, 1e13)], [(0, 1e-9)]]
)
def test_charts_of_odd_series(points):
    text = _svg.chart("x", [("a", points)], 0, 60)
    parsed(text)
    assert ("no data" in text) == (not [value for _time, value in points if math.isfinite(value)])


def test_gaps_stay_gaps():
    text = _svg.chart("x", [("a", [(0, 1.0), (30, 1.0), (60, 1.0), (600, 1.0), (630, 1.0)])], 0, 660)
    [path] = re.findall(r'd="([^"]+)" fill="none"', text)
    assert len(re.findall(r"h\.5", path)) == 2  # the line begins twice


@pytest.mark.parametrize(
    ("values", "expected"), [([0, 1], (1.25, 0)), ([95, 99], (125, 0)), ([-1, 1], (1.5, -1)), ([], (1.25, 0))]
)
def test_scale(values, expected):
    top, bottom, ticks = _svg.scale(values)
    assert (top, bottom) == expected
    assert ticks[0] == bottom
    assert len(ticks) <= 7


@pytest.mark.parametrize(("value", "expected"), [(0, "0"), (1500, "1.5k"), (2e9, "2G"), (0.25, "0.25"), (-1e6, "-1M")])
def test_short(value, expected):
    assert _svg.short(value) == expected


def test_timeline():
    spans = _svg.spans_of([(0, 1), (15, 1), (30, 1), (300, 1)], 15)
    assert spans == [(0, 45), (300, 315)]
    text = _svg.timeline("Alerts", [("RedisDown <a>", "#c00", spans)], 0, 600)
    parsed(text)
    assert text.count("<rect") == 2
    assert "RedisDown &lt;a&gt;" in text
    assert "none" in _svg.timeline("Alerts", [], 0, 600)


def test_long_names_keep_what_tells_them_apart():
    names = ["redis-node-with-a-very-long-name-%02d.example" % number for number in (1, 2)]
    text = _svg.chart("x", [(name, [(0, 1.0)]) for name in names], 0, 60)
    assert "name-01.example</text>" in text and "name-02.example</text>" in text
    assert _svg.middle("short", 5) == "short" and len(_svg.middle("x" * 99, 30)) == 30


# ---------------------------------------------------------------------------------------------------- archive


def evidence(**files):
    window = {"since": "2027-01-30T21:00:00.000Z", "until": "2027-01-30T22:00:00.000Z"}
    return {"files": files, "problems": [], "window": window}


def metric(*series):
    return json.dumps({"query": "q", "step": 15, "left_out": 0, "result": list(series)})


ALERT = {"metric": {"alertname": "RedisInstanceDown", "severity": "P1", "node": "a"}, "values": [[1801342800, "1"]]}


def make(hosts, files=(), **more):
    return _incident_archive.Archive("redis-prod", hosts, files, now=NOW.timestamp(), **more)


def test_archive(tmp_path):
    (tmp_path / "doctor.html").write_text("<p>well</p>")
    alerts = [
        {
            "labels": {"alertname": "<b>", "severity": "P1", "node": "a"},
            "status": {"silencedBy": ["x"]},
            "startsAt": "2027-01-30T21:30:00.000Z",
        },
        {"labels": {"alertname": "Watchdog"}},
    ]
    hosts = {
        "redis-node-1a": evidence(**{"host.txt": "up\n", "journal/redis-server.log": "x\n"}),
        "prometheus-grafana": evidence(
            **{
                "metrics/up.json": metric({"metric": {"node": "a"}, "values": [[1801342800, "1"], [1801342815, "0"]]}),
                "metrics/alerts_firing.json": metric(ALERT),
                "metrics/own.json": metric(),
                "alertmanager_alerts.json": json.dumps(alerts),
            }
        ),
    }
    archive = make(hosts, [str(tmp_path / "doctor.html")], dashboard_url="https://grafana.example.com/d/x?a=1&b=2")
    path, size = archive.write(str(tmp_path / "reports"))
    assert path.endswith("/incident-redis-prod-20270130T220000Z.tar.gz")
    assert (tmp_path / "reports").stat().st_mode & 0o777 == 0o750
    assert (tmp_path / path).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / path).stat().st_size == size
    with tarfile.open(path) as tar:
        names = {entry.name for entry in tar.getmembers()}
        assert all(entry.isfile() and entry.mode == 0o600 for entry in tar.getmembers())
        page = tar.extractfile("incident-redis-prod-20270130T220000Z/index.html").read().decode()
    assert all(name.startswith("incident-redis-prod-20270130T220000Z/") for name in names)
    for link in re.findall(r"(?:href|src)='([^']+)'", page):
        assert link.startswith("https://grafana.example.com/") or f"{archive.name}/{link}" in names
    assert "&lt;b&gt;" in page
    assert "Watchdog" not in page
    assert "silenced" in page
    assert "2027-01-30T21:00:00Z" in page
    with pytest.raises(FileExistsError):  # an archive is never replaced
        archive.write(str(tmp_path / "reports"))


def test_what_could_not_be_had_is_told():
    broken = {**evidence(**{"metrics/up.json": "no json"}), "problems": ["Redis refuses\n it"]}
    archive = make({"a": {"unreachable": True, "msg": "no route\nto host"}, "b": broken, "c": None})
    assert archive.problems == [
        "a: no route to host",
        "b: Redis refuses it",
        "c: nothing was collected",
        "hosts/b/metrics/up.json: cannot be drawn (JSONDecodeError)",
    ]
    assert "no route to host" in archive.content["index.html"]


def test_names_from_hosts_cannot_leave_the_archive():
    archive = make({"../../etc": evidence(**{"../../passwd": "x", "/abs": "y", "a/../b": "z"})})
    for name in archive.content:
        assert not name.startswith("/")
        assert ".." not in name.split("/")


def test_an_archive_has_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(_incident_archive, "LIMIT", 100)
    with pytest.raises(OSError, match="choose a shorter time"):
        make({"a": evidence(**{"host.txt": "x" * 200})}).write(str(tmp_path))
