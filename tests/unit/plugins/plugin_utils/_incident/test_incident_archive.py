# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of an incident: what is in it, and what leads through it."""

from __future__ import annotations

import html
import json
import re
import tarfile
from datetime import datetime, timezone

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._incident import archive as incident_archive

NOW = datetime(2027, 1, 30, 22, 0, tzinfo=timezone.utc)


def evidence(**files):
    window = {"since": "2027-01-30T21:00:00.000Z", "until": "2027-01-30T22:00:00.000Z"}
    return {"files": files, "problems": [], "window": window}


def metric(*series):
    return json.dumps({"query": "q", "step": 15, "left_out": 0, "result": list(series)})


ALERT = {"metric": {"alertname": "RedisInstanceDown", "severity": "P1", "node": "a"}, "values": [[1801342800, "1"]]}


def make(hosts, files=(), **more):
    return incident_archive.Archive("redis-prod", hosts, files, now=NOW.timestamp(), **more)


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
    for link in map(html.unescape, re.findall(r'(?:href|src)="([^"]+)"', page)):
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
    monkeypatch.setattr(incident_archive, "LIMIT", 100)
    with pytest.raises(OSError, match="choose a shorter time"):
        make({"a": evidence(**{"host.txt": "x" * 200})}).write(str(tmp_path))
