# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of the stack against services that answer as the real ones do, or wrongly."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _systemd
from ansible_collections.redisops.monitoring.plugins.module_utils._verify import agent as agent_test
from ansible_collections.redisops.monitoring.plugins.module_utils._verify import alert as alert_test
from ansible_collections.redisops.monitoring.plugins.module_utils._verify import grafana as grafana_test
from ansible_collections.redisops.monitoring.plugins.modules import stack_verify

PASSWORD = "verify-canary-1b3d"
NODES = (
    {"targets": ["10.0.1.102:9121"], "labels": {"node": "redis-node-1a", "cluster": "redis-prod"}},
    {"targets": ["10.0.2.27:9121"], "labels": {"node": "redis-node-1b", "cluster": "redis-prod"}},
)


class Service:
    """An HTTP server whose answers are a function of method, path, query and body."""

    def __init__(self, answer):
        service = self
        self.asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                size = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                service.asked.append((self.command, unquote(parts.path), body))
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                status, data = answer(self.command, unquote(parts.path), query, body)
                text = data if isinstance(data, str) else json.dumps(data)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_GET

            def log_message(self, *_args):
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = "http://127.0.0.1:%d" % self.server.server_port


@pytest.fixture
def service():
    started = []

    def start(answer):
        started.append(Service(answer))
        return started[-1]

    yield start
    for each in started:
        each.server.shutdown()
        each.server.server_close()


@pytest.fixture
def check(run_module):
    def run(test, check_mode=False, **arguments):
        arguments = {key: list(value) if isinstance(value, tuple) else value for key, value in arguments.items()}
        result = run_module(stack_verify, check_mode=check_mode, test=test, name="host", **arguments)
        assert not result.get("failed"), result
        assert result["changed"] is False
        assert PASSWORD not in json.dumps(result)
        return result["rows"]

    return run


def states(rows):
    return {row["subject"]: row["state"] for row in rows}


# ---------------------------------------------------------------------------------------------------- installed


def unit_state(monkeypatch, **fields):
    state = {"LoadState": "loaded", "ActiveState": "active", **fields}
    text = "".join(f"{key}={value}\n" for key, value in state.items())
    monkeypatch.setattr(_systemd, "systemctl", lambda *_args: (0, text, ""))


@pytest.mark.parametrize(
    ("required", "check_mode", "state"), [(True, False, "failed"), (False, False, "skipped"), (True, True, "skipped")]
)
def test_a_part_that_is_not_installed(check, monkeypatch, required, check_mode, state):
    """On blank hosts check mode has nothing to test, and nothing has failed."""
    unit_state(monkeypatch, LoadState="not-found", ActiveState="inactive")
    asked = {"unit": "prometheus.service", "required": required, "url": "http://127.0.0.1:1"}
    [row] = check("prometheus", check_mode=check_mode, **asked)
    assert row["state"] == state
    assert "not installed: this host has no prometheus.service" in row["found"]


def test_a_part_that_does_not_run(check, monkeypatch):
    unit_state(monkeypatch, ActiveState="failed", Result="exit-code")
    [row] = check("prometheus", unit="prometheus.service", required=False, url="http://127.0.0.1:1")
    assert (row["state"], row["found"]) == (
        "failed",
        "prometheus.service is failed (exit-code); see journalctl -u prometheus.service",
    )


@pytest.mark.parametrize(
    ("state", "down"),
    [({"LoadState": "not-found"}, True), ({"ActiveState": "failed"}, True), ({}, True), (None, False)],
    ids=["absent", "stopped", "silent", "answers"],
)
def test_what_is_down(service, run_module, monkeypatch, state, down):
    """A replica that is missing, which is not the same as one that finds something wrong."""
    unit_state(monkeypatch, **(state or {}))
    data = {"activeTargets": [], "resultType": "vector", "result": []}
    answers = service(lambda *_: (200, {"status": "success", "data": data}))
    url = "http://127.0.0.1:1" if state is not None else f"http://127.0.0.1:{answers.server.server_port}"
    nodes = [{"targets": ["10.0.0.1:9121"], "labels": {}}]
    asked = {"unit": "prometheus.service", "url": url, "nodes": nodes, "wait": 0}
    result = run_module(stack_verify, test="prometheus", name="host", **asked)
    assert ([row["state"] for row in result["rows"]], result["down"]) == (["failed"], down)


# ----------------------------------------------------------------------------------------------------- exporter


def exporter_at(service):
    return {"listen_address": "127.0.0.1", "port": service.server.server_port}


def test_exporter(check, service):
    exporter = service(lambda *_: (200, "redis_up 1\nredis_cluster_enabled 1\nredis_cluster_state 1\n"))
    [row] = check("exporter", exporter=exporter_at(exporter))
    assert (row["subject"], row["state"]) == ("host", "passed")


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [(200, "redis_up 0\n", "redis_up 0"), (401, "", "refuses redis_exporter_web_username"), (500, "", "status 500")],
)
def test_exporter_that_is_not_well(check, service, status, text, words):
    exporter = service(lambda *_: (status, text))
    [row] = check("exporter", exporter=exporter_at(exporter), url_username="prometheus", url_password=PASSWORD)
    assert row["state"] == "failed"
    assert words in row["found"]


def test_exporter_that_does_not_listen(check):
    [row] = check("exporter", exporter={"listen_address": "127.0.0.1", "port": 1})
    assert row["state"] == "failed"
    assert "no metrics from http://127.0.0.1:1/metrics" in row["found"]


# --------------------------------------------------------------------------------------------------- Prometheus


def labels_of(node):
    return {**node["labels"], "job": "redis-cluster", "instance": node["targets"][0]}


def prometheus(nodes=NODES, age=10, commands=None, health="up", former=()):
    """Answers of a Prometheus that scrapes these nodes, and remembers those with labels of before."""

    def answer(_method, path, query, _body):
        if path == "/api/v1/targets":
            targets = [{"labels": labels_of(node), "health": health, "lastError": ""} for node in nodes]
            return 200, {"status": "success", "data": {"activeTargets": targets}}
        expression = query["query"]
        if expression.startswith("redis_commands_processed_total"):
            result = [{"metric": labels_of(node), "values": commands(node)} for node in nodes]
            result += [{"metric": labels_of(node), "values": [[-30, "9"]]} for node in former]
            return 200, {"status": "success", "data": {"resultType": "matrix", "result": result}}
        value = str(age) if "time()" in expression else "1"
        result = [{"metric": labels_of(node), "value": [0, value]} for node in nodes]
        result += [
            {"metric": labels_of(node), "value": [0, "200" if "time()" in expression else "0"]} for node in former
        ]
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}

    return answer


def test_prometheus(check, service):
    rows = check("prometheus", url=service(prometheus()).url, nodes=NODES)
    assert states(rows) == {"redis-node-1a": "passed", "redis-node-1b": "passed"}


def test_prometheus_with_stale_samples(check, service):
    url = service(prometheus(age=70)).url
    assert set(states(check("prometheus", url=url, nodes=NODES, wait=0)).values()) == {"failed"}
    # With a longer interval the same age is right.
    assert set(states(check("prometheus", url=url, nodes=NODES, scrape_interval="1m")).values()) == {"passed"}


def test_series_with_the_labels_of_before_do_not_count(check, service):
    former = [{**node, "labels": {**node["labels"], "cluster": "redis-test"}} for node in NODES]
    url = service(prometheus(former=former, commands=lambda _node: [[0, "190"], [30, "1300"]])).url
    assert set(states(check("prometheus", url=url, nodes=NODES, wait=0)).values()) == {"passed"}
    rows = check("load", url=url, bursts=[burst(node) for node in NODES], wait=0)
    assert set(states(rows).values()) == {"passed"}


def test_prometheus_that_lacks_a_node(check, service):
    rows = check("prometheus", url=service(prometheus(NODES[:1])).url, nodes=NODES)
    assert states(rows) == {"redis-node-1a": "passed", "redis-node-1b": "failed"}


def test_prometheus_is_given_time_for_its_first_scrape(check, service):
    seen = []

    def answer(method, path, query, body):
        seen.append(path)
        return prometheus(health="unknown" if seen.count("/api/v1/targets") < 3 else "up")(method, path, query, body)

    rows = check("prometheus", url=service(answer).url, nodes=NODES, wait=30)
    assert set(states(rows).values()) == {"passed"}
    assert seen.count("/api/v1/targets") == 3


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (401, "", "refuses the user or the password"),
        (503, "Service Unavailable", "HTTP status 503"),
        (200, "<html>", "does not answer with JSON"),
        (200, {"status": "error"}, "no success"),
    ],
)
def test_prometheus_that_does_not_answer(check, service, status, body, words):
    url = service(lambda *_: (status, body)).url
    [row] = check("prometheus", url=url, url_username="admin", url_password=PASSWORD, nodes=NODES)
    assert row["state"] == "failed"
    assert words in row["found"]


def test_no_nodes_at_all(check, service):
    [row] = check("prometheus", url=service(prometheus()).url)
    assert (row["state"], "is the inventory empty?" in row["found"]) == ("failed", True)


# -------------------------------------------------------------------------------------------------------- an agent

URL = "https://store/api/v1/write"
LABELS = '{remote_name="long-term",url="%s"}' % URL
SENT = "prometheus_remote_storage_queue_highest_sent_timestamp_seconds"
LOST = "prometheus_remote_storage_samples_failed_total"


def agent(behind=5.0, lost=0, **changed):
    """Answers of an agent: it scrapes, has no queries, and has sent all but the newest."""
    known = prometheus(**changed)

    def answer(method, path, query, body):
        if path == "/metrics":
            at = time.time() - behind if behind is not None else 0
            return 200, f"{SENT}{LABELS} {at:.3f}\n{LOST}{LABELS} {lost}\n"
        if path == "/api/v1/query":
            return 422, {"status": "error", "errorType": "execution", "error": "unavailable with Prometheus Agent"}
        return known(method, path, query, body)

    return answer


@pytest.fixture
def of_agent(check, service, monkeypatch):
    """of_agent(agent, store, ...) -> rows by subject."""
    monkeypatch.setattr(agent_test, "ON_ITS_WAY", 0)

    def run(answers, store, test="prometheus", **more):
        more.setdefault("nodes", NODES)
        known = {"url": service(store).url, "parameters": {"nocache": "1"}} if store else {}
        asked = {"agent": True, "store": known, "wait": 0, **more}
        return {row["subject"]: row for row in check(test, url=service(answers).url, **asked)}

    return run


def test_the_samples_of_an_agent_are_asked_of_its_store(of_agent):
    asked = []

    def store(method, path, query, body):
        asked.append(query)
        return prometheus()(method, path, query, body)

    rows = of_agent(agent(), store)
    remote = f"remote write to {URL}"
    assert {name: row["state"] for name, row in rows.items()} == {
        "redis-node-1a": "passed", "redis-node-1b": "passed", remote: "passed",
    }  # fmt: skip
    assert "redis_up 1, 10 s old" in rows["redis-node-1a"]["found"]
    assert re.match(r"newest sample sent \d+(\.\d)? s ago$", rows[remote]["found"])
    assert asked and all(query["nocache"] == "1" for query in asked)


@pytest.mark.parametrize(
    ("behind", "lost", "words"),
    [(402.0, 12, r"40\d s ago, 12 refused for good since it started"), (None, 0, "nothing was sent since it started")],
)
def test_an_agent_whose_samples_do_not_leave(of_agent, behind, lost, words):
    rows = of_agent(agent(behind=behind, lost=lost), prometheus(age=400))
    assert {row["state"] for row in rows.values()} == {"failed"}
    assert re.search(words, rows[f"remote write to {URL}"]["found"])


def test_an_agent_that_sends_to_nobody(of_agent):
    def answer(method, path, query, body):
        return (200, "up 1\n") if path == "/metrics" else agent()(method, path, query, body)

    assert of_agent(answer, prometheus())["remote write"]["state"] == "failed"


def test_a_store_that_lacks_a_node_and_one_that_does_not_answer(of_agent):
    rows = of_agent(agent(), prometheus(NODES[:1]))
    assert rows["redis-node-1a"]["state"] == "passed"
    assert (rows["redis-node-1b"]["state"], "there is no redis_up" in rows["redis-node-1b"]["found"]) == (
        "failed",
        True,
    )
    rows = of_agent(agent(), lambda *_: (503, ""))
    assert rows["the store"]["state"] == "failed" and "503" in rows["the store"]["found"]
    assert "is not known" in rows["redis-node-1a"]["found"]
    assert rows[f"remote write to {URL}"]["state"] == "passed"


def test_what_is_not_known_of_an_agent_is_said(of_agent):
    """A workspace of Amazon takes signed queries only."""
    rows = of_agent(agent(), None)
    assert rows["redis-node-1a"]["state"] == "passed"
    assert "whether the store has its samples is not known" in rows["redis-node-1a"]["found"]
    assert "redis_up" not in rows["redis-node-1a"]["expected"]
    loads = of_agent(agent(), None, "load", bursts=[burst(node) for node in NODES])
    assert {row["state"] for row in loads.values()} == {"skipped"}


def test_load_in_the_store_of_an_agent(of_agent):
    store = prometheus(commands=lambda _node: [[0, "190"], [30, "1300"]])
    rows = of_agent(agent(), store, "load", bursts=[burst(node) for node in NODES])
    assert {row["state"] for row in rows.values()} == {"passed"}


# --------------------------------------------------------------------------------------------------------- load


def burst(node, **load):
    load = {"state": "sent", "sent": 1000, "before": 200, "after": 1200, "found": "", **load}
    return {"node": node["labels"]["node"], "instance": node["targets"][0], "load": load}


def test_load_is_waited_for(check, service):
    asked = []

    def commands(_node):
        asked.append(1)
        return [[0, "150"], [30, "190"]] + ([[60, "1300"]] if len(asked) > 4 else [])

    url = service(prometheus(commands=commands)).url
    rows = check("load", url=url, bursts=[burst(node) for node in NODES], wait=30)
    assert set(states(rows).values()) == {"passed"}
    assert all("/s" in row["found"] for row in rows)


def test_load_that_nobody_sees(check, service):
    url = service(prometheus(commands=lambda node: [[0, "150"], [30, "190"]])).url
    rows = check("load", url=url, bursts=[burst(node) for node in NODES], wait=0)
    assert set(states(rows).values()) == {"failed"}


def test_load_that_was_not_sent(check, service):
    url = service(prometheus(commands=lambda node: [])).url
    bursts = [
        burst(NODES[0], state="skipped", found="a replica takes no keys"),
        {"node": "redis-node-1b", "instance": "x", "load": {}, "msg": "no account"},
    ]
    rows = check("load", url=url, bursts=bursts)
    assert [(row["state"], row["found"]) for row in rows] == [
        ("skipped", "a replica takes no keys"),
        ("failed", "no account"),
    ]


# ------------------------------------------------------------------------------------------------------ Grafana

DASHBOARD = {"title": "Redis", "panels": [{"title": "Memory", "targets": [{"expr": 'x{node=~"$node"}'}]}]}


def grafana(health=(200, {"status": "OK", "message": "it works"}), nodes=NODES, dashboards=("redis",), query=None):
    def answer(method, path, arguments, body):
        if path == "/api/datasources/uid/prometheus":
            return 200, {"uid": "prometheus"}
        if path.startswith("/api/datasources/uid/"):
            return (
                health
                if path == "/api/datasources/uid/prometheus/health"
                else (404, {"message": "Data source not found"})
            )
        if path.startswith("/api/dashboards/uid/"):
            uid = path.rsplit("/", 1)[1]
            return (200, {"dashboard": DASHBOARD}) if uid in dashboards else (404, {"message": "Dashboard not found"})
        if query:
            return query
        path = path.removeprefix("/api/datasources/proxy/uid/prometheus")
        return prometheus(nodes)(method, path, arguments, body)

    return answer


def look_at_grafana(check, url, **more):
    arguments = {"datasource_uid": "prometheus", "dashboards": ["redis"], "nodes": NODES, "token": PASSWORD, "wait": 0}
    return check("grafana", url=url, **{**arguments, **more})


def test_grafana(check, service):
    rows = look_at_grafana(check, service(grafana()).url)
    assert set(states(rows).values()) == {"passed"}
    assert len(rows) == 3 + 4


def test_grafana_is_given_time_for_the_second_scrape(check, service):
    asked = []

    def answer(method, path, arguments, body):
        if "rate(" in arguments.get("query", ""):
            asked.append(path)
            return grafana(nodes=NODES if len(asked) > 3 else NODES[:1])(method, path, arguments, body)
        return grafana()(method, path, arguments, body)

    rows = look_at_grafana(check, service(answer).url, wait=30)
    assert set(states(rows).values()) == {"passed"}
    assert len(asked) == 4


def test_grafana_9_has_no_health_check_and_is_asked_a_query(check, service):
    rows = look_at_grafana(check, service(grafana(health=(404, {"message": "Not found"}))).url)
    assert states(rows)["datasource prometheus"] == "passed"


def test_grafana_with_a_broken_datasource(check, service):
    refused = (400, {"status": "ERROR", "message": "dial tcp 127.0.0.1:1: connect: connection refused"})
    rows = look_at_grafana(check, service(grafana(health=refused)).url)
    assert states(rows) == {"datasource prometheus": "failed", "dashboard redis": "passed"}
    assert "connection refused" in rows[0]["found"]


def test_grafana_without_the_datasource(check, service):
    rows = look_at_grafana(check, service(grafana()).url, datasource_uid="other")
    assert states(rows)["datasource other"] == "failed"
    assert "no datasource with this uid" in rows[0]["found"]


def test_grafana_without_a_dashboard(check, service):
    rows = look_at_grafana(check, service(grafana(dashboards=())).url)
    assert states(rows)["dashboard redis"] == "failed"


def test_grafana_that_shows_one_node_only(check, service):
    rows = look_at_grafana(check, service(grafana(nodes=NODES[:1])).url)
    failed = [row for row in rows if row["state"] == "failed"]
    assert len(failed) == 4
    assert all(row["found"] == "no data of redis-node-1b" for row in failed)


def test_grafana_whose_queries_fail(check, service):
    wrong = (400, {"status": "error", "errorType": "bad_data", "error": "parse error"})
    rows = look_at_grafana(check, service(grafana(query=wrong)).url)
    assert states(rows)["queries of redis"] == "failed"
    assert "panel Memory: Prometheus refuses the query: parse error" in [row["found"] for row in rows]


def test_a_dashboard_without_any_data_is_a_failure(check, service):
    empty = (200, {"status": "success", "data": {"resultType": "vector", "result": []}})
    rows = look_at_grafana(check, service(grafana(query=empty)).url)
    assert "0 of 1 with data: the dashboard is empty" in [row["found"] for row in rows]


def test_grafana_that_does_not_know_the_token(check, service, tmp_path):
    path = tmp_path / "token"
    path.write_text(PASSWORD + "\n")
    url = service(lambda *_: (401, {"message": "Invalid API key"})).url
    rows = look_at_grafana(check, url, token=None, token_path=str(path))
    assert states(rows) == {"datasource prometheus": "failed", "dashboard redis": "failed"}
    assert "does not know the token" in rows[0]["found"]


# ------------------------------------------------------------------------------------------------------- alerts


class Alertmanager:
    """Delivers to the first level at the second look, keeps the rest, and can refuse, mute or lose alerts."""

    def __init__(self, labelled=True, delivers=True, fails=False, state="active", watchdog=True, resolves=True):
        self.labelled, self.delivers, self.fails = labelled, delivers, fails
        self.state, self.watchdog, self.resolves = state, watchdog, resolves
        self.sent, self.looks, self.deadman = [], 0, 0

    def __call__(self, method, path, query, body):
        if method == "POST":
            self.sent.append(body[0])
            self.looks = 0
            return 200, ""
        if path == "/metrics":
            return 200, self.metrics()
        if query["filter"] == "alertname=Watchdog":
            return 200, [{"labels": {"alertname": "Watchdog"}}] if self.watchdog else []
        status = {"state": self.state, "silencedBy": ["x"] if self.state == "suppressed" else []}
        receivers = [{"name": "chat"}, {"name": "oncall"}, {"name": "senior"}]
        return 200, [{"status": status, "receivers": receivers}]

    def metrics(self):
        """The dead man's switch is told all the time; it must not pass for a delivery."""
        self.looks += 1
        self.deadman += 1
        told = 0
        if self.delivers and self.looks > 1:
            told = len(self.sent) if self.resolves else min(1, len(self.sent))
        elif len(self.sent) > 1:
            told = len(self.sent) - 1
        lines = []
        for name, value in (("chat", told), ("oncall", told), ("senior", 0), ("deadman", self.deadman)):
            label = ',receiver_name="%s"' % name if self.labelled else ""
            failed = value if self.fails and name == "oncall" else 0
            for metric, number in (("notifications_total", value), ("notifications_failed_total", failed)):
                lines.append('alertmanager_%s{integration="webhook"%s} %d\n' % (metric, label, number))
        return "".join(lines)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(grafana_test, "PAUSE", 0.01)
    monkeypatch.setattr(alert_test, "PAUSE", 0.01)
    monkeypatch.setattr(alert_test, "SETTLE", 0.05)
    monkeypatch.setattr(alert_test, "WATCHDOG", 0.1)


def test_alert(check, service):
    alertmanager = Alertmanager()
    labels = {"cluster": "redis-prod"}
    rows = check("alert", url=service(alertmanager).url, wait=5, group_wait="1s", severity="P2", alert_labels=labels)
    assert states(rows) == {
        "host": "passed",
        "alert to chat": "passed",
        "alert to oncall": "passed",
        "alert to senior": "skipped",
        "end to chat": "passed",
        "end to oncall": "passed",
    }
    first, last = alertmanager.sent
    assert first["labels"] == last["labels"]
    assert (first["labels"]["severity"], first["labels"]["cluster"]) == ("P2", "redis-prod")
    assert last["endsAt"] < first["endsAt"]


@pytest.mark.parametrize(
    ("alertmanager", "subject", "words"),
    [
        (Alertmanager(delivers=False), "alert to chat", "not delivered within 0 s"),
        (Alertmanager(fails=True), "alert to oncall", "the delivery failed"),
        (Alertmanager(state="suppressed"), "alert", "it is silenced"),
        (Alertmanager(watchdog=False), "host", "no Watchdog"),
        (Alertmanager(resolves=False), "end to chat", "not delivered within"),
    ],
    ids=["blocked", "failing", "silenced", "without Watchdog", "never ends"],
)
def test_alert_path_that_is_broken(check, service, alertmanager, subject, words):
    rows = check("alert", url=service(alertmanager).url, wait=0 if not alertmanager.delivers else 1, group_wait="0s")
    found = {row["subject"]: (row["state"], row["found"]) for row in rows}
    assert found[subject][0] == "failed", found
    assert words in found[subject][1]
    # Whatever went wrong, the alert was ended.
    assert len(alertmanager.sent) == 2
    assert alertmanager.sent[1]["endsAt"] < alertmanager.sent[0]["endsAt"]


def test_another_alert_of_a_later_step_is_no_end_of_waiting(check, service):
    """L3 hears of something else at once; who was to be told is told after group_wait."""

    class Busy(Alertmanager):
        def metrics(self):
            text = super().metrics()
            return text.replace('"senior"} 0', '"senior"} 1') if self.sent else text

    alertmanager = Busy(delivers=False)
    rows = check("alert", url=service(alertmanager).url, wait=1, group_wait="0s")
    assert states(rows)["alert to chat"] != "passed"
    rows = check("alert", url=service(Busy()).url, wait=5, group_wait="1s")
    assert states(rows)["alert to chat"] == states(rows)["alert to oncall"] == "passed"


def test_an_alertmanager_that_does_not_tell_whom_it_told_proves_nothing(check, service):
    rows = check("alert", url=service(Alertmanager(labelled=False)).url, wait=5, group_wait="0s")
    assert states(rows) == {"host": "passed", "alert": "skipped"}
    assert "receiver-name-in-metrics" in rows[1]["found"]


def test_the_alert_is_ended_when_alertmanager_stops_to_answer(check, service):
    alertmanager = Alertmanager()

    def answer(method, path, query, body):
        return (500, "") if alertmanager.sent and method == "GET" else alertmanager(method, path, query, body)

    [row] = check("alert", url=service(answer).url, wait=1, group_wait="0s", watchdog=False)
    assert row["state"] == "failed"
    assert len(alertmanager.sent) == 2


def test_a_duration_without_a_unit_is_refused(run_module):
    result = run_module(stack_verify, test="prometheus", name="host", url="http://127.0.0.1:1", scrape_interval="30")
    assert result["failed"] and "'30' is not a duration" in result["msg"]


def test_no_alert_in_check_mode(check, service):
    alertmanager = Alertmanager()
    [row] = check("alert", check_mode=True, url=service(alertmanager).url)
    assert row["state"] == "skipped"
    assert alertmanager.sent == []
