# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real agent by the role's configuration, a real VictoriaMetrics, and what verify and doctor see of them."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _prometheus
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import prometheus as evidence
from ansible_collections.redisops.monitoring.plugins.module_utils._verify import load, prometheus
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _templates, verify

sys.path[:0] = [str(Path(__file__).parents[1] / "tools"), str(Path(__file__).parents[1] / "lab")]
import promtool
import store as lab_store
from ports import free_port, wait_for_port

ARCHIVES = promtool.mirrored()
STORE = lab_store.found()
pytestmark = [
    pytest.mark.skipif(not ARCHIVES, reason="no release in build/mirror: tests/lab/mirror.py fills it"),
    pytest.mark.skipif(not STORE, reason="no victoria-metrics: apt-get install victoria-metrics"),
]


class Exporter:
    """Counts the commands that it is told of."""

    def __init__(self):
        self.commands = 100
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(f"redis_up 1\nredis_commands_processed_total {exporter.commands}\n".encode())

            def log_message(self, *_args):
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def programs(tmp_path):
    """programs(argv, port) -> what ends the process, which listens. All end with the test."""
    started = []

    def start(argv, port):
        with (tmp_path / f"{port}.log").open("w") as log:
            process = subprocess.Popen([str(one) for one in argv], stdout=log, stderr=log)
        started.append(lambda: (process.kill(), process.wait()))
        wait_for_port(port, process, 30)
        return started[-1]

    yield start
    for end in started:
        end()


@pytest.fixture
def exporter():
    found = Exporter()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def store(programs, tmp_path):
    """Its URL, and what ends it."""
    port = free_port()
    argv = [STORE, f"-storageDataPath={tmp_path}/store", f"-httpListenAddr=127.0.0.1:{port}"]
    return f"http://127.0.0.1:{port}", programs(argv, port)


@pytest.fixture
def agent(programs, tmp_path, exporter, store):
    """An agent that writes to the store, and the options of the tests of verify for it."""
    archive, port = ARCHIVES[-1], free_port()
    changed = {
        "prometheus_mode": "agent", "prometheus_rule_pack": False, "prometheus_port": port,
        "prometheus_version": ".".join(map(str, promtool.version(archive.name))),
        "prometheus_scrape_interval": "3s", "prometheus_exporter_scrape_timeout": "3s",
        "prometheus_exporter_scheme": "http", "prometheus_exporter_port": exporter.port,
        "monitoring_remote_storage": {"kind": "victoriametrics", "url": store[0]},
    }  # fmt: skip
    known = {"redis-1": {"ansible_host": "127.0.0.1", "monitoring_cluster": "c"}}
    on = _core.Host(name="m", architecture="x86_64", groups={"redis": list(known)}, hostvars=known)
    s, problems = _core.judge("prometheus", changed, on)
    assert problems == []
    service = _core.module_of("prometheus").service(s, on)
    (tmp_path / "targets").mkdir()
    for name in ("prometheus.yml", "targets.yml"):
        path = tmp_path / ("targets/redis-cluster.yml" if name == "targets.yml" else name)
        path.write_text(_templates.render(f"prometheus/{name}.j2", service["values"]))
    places = {"/etc/prometheus": str(tmp_path), "/var/lib/prometheus": str(tmp_path / "data")}
    argv = service["values"]["service"]["arguments"]
    for place, instead in places.items():
        argv = [one.replace(place, instead) for one in argv]
    programs([promtool.unpacked(archive, "prometheus"), *argv], port)
    defaults = {"timeout": 10, "url_username": None, "url_password": None, "ca_path": None, "tls_server_name": None}
    options = {**defaults, "agent": False, "store": None, **verify.prometheus(s, on)}
    wait_until_ready(options)
    return options


def wait_until_ready(options):
    deadline = time.monotonic() + 30
    while True:
        try:
            return _prometheus.Prometheus(options).text("GET", "/-/ready")
        except _prometheus.ApiError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def states(rows):
    return {row.subject: (row.state, row.found) for row in rows}


def test_an_agent_that_sends(agent, exporter, store):
    url = store[0]
    assert agent["url"].startswith("http://127.0.0.1:") and agent["store"]["url"] == url
    found = states(prometheus.rows("m", agent, 3, 30))
    assert {state for state, dummy in found.values()} == {"passed"}, found
    assert "redis_up 1" in found["redis-1"][1]
    assert "newest sample sent" in found[f"remote write to {url}/api/v1/write"][1]

    before, exporter.commands = exporter.commands, exporter.commands + 500
    instance = agent["nodes"][0]["targets"][0]
    burst = {"node": "redis-1", "instance": instance, "msg": ""}
    burst["load"] = {"state": "sent", "sent": 500, "before": before, "after": exporter.commands, "found": ""}
    (row,) = load.rows({**agent, "bursts": [burst]}, 3, 30)
    assert row.state == "passed", row

    seen = evidence.prometheus({"url": agent["url"]})
    assert [one["health"] for one in seen["targets"] if one["job"] == "redis-cluster"] == ["up"]
    (queue,) = seen["remote_write"]
    assert queue["age"] < 30 and queue["lost"] == 0 and seen["rules"] is None
    with pytest.raises(_prometheus.ApiError, match="unavailable with Prometheus Agent"):
        _prometheus.Prometheus(agent).query("up")


def test_an_agent_whose_store_is_gone(agent, store, monkeypatch):
    assert {row.state for row in prometheus.rows("m", agent, 3, 30)} == {"passed"}
    gone = {**agent, "store": {**agent["store"], "url": "http://127.0.0.1:1"}}
    assert "The store at http://127.0.0.1:1" in states(prometheus.rows("m", gone, 3, 0))["the store"][1]
    monkeypatch.setattr(prometheus.agent, "ON_ITS_WAY", 0)
    monkeypatch.setattr(evidence, "LATE", 1)
    stopped = time.time()
    store[1]()
    time.sleep(12)
    page = _prometheus.Prometheus(agent).text("GET", "/metrics")
    (queue,) = evidence.remote_write(page)
    assert queue["now"] == "refused" and queue["age"] >= time.time() - stopped - 6
    (row,) = prometheus.agent.sent(_prometheus.Prometheus(agent), 3)
    assert row.state == "failed"
