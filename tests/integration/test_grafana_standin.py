# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's stand-in against what real Grafana servers answered: every recorded exchange, replayed in order."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

LAB = Path(__file__).resolve().parents[1] / "lab" / "grafana"
sys.path.insert(0, str(LAB))

from running import PASSWORD, Backend, Running

FLAVOURS = ("9.4", "12.4")
SECOND_SESSION = "folder for the rest"  # recorded on a fresh server

# Masked in the recordings, or the words of a server that the test cannot have.
SHORTENED = {
    "query through the proxy",
    "query through ds/query",
    "metrics open",
    "k8s api dashboards list",
    "provisioned dashboard read",
}


def shape(value):
    """Keys and types; of a list the first entry."""
    if isinstance(value, dict):
        return {key: shape(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shape(one) for one in value[:1]]
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


def requests(recording, grafana, backend):
    """What to send for each recorded exchange, with hosts and shortened bodies filled in."""
    tokens, answer = {}, None
    for exchange in recording:
        name, body = exchange["name"], exchange["request"]
        text = json.dumps(body)
        text = text.replace("http://grafana.example:3000", grafana.url)
        text = text.replace("https://prometheus.example:9090", backend.url.replace("http:", "https:"))
        body = body.encode() if isinstance(body, str) else json.loads(text)
        if name == "dashboard of 2 MB":
            panels = [{"id": n, "type": "text", "options": {"content": "x" * 10000}} for n in range(200)]
            body["dashboard"] = {"uid": "big", "title": "Big", "panels": panels}
        if name == "11835 saved" or name.startswith("11835 as"):
            body["dashboard"]["panels"] = [{"id": 1, "type": "singlestat", "targets": [{"expr": "up"}]}]
        if name == "dashboard right version":  # the recorded one holds the id that its server gave
            body["dashboard"]["id"] = answer["dashboard"]["id"]
        if name.startswith("k8s save"):
            _status, body = grafana.call("GET", exchange["path"])
        auth = {"none": None, "basic admin": "admin"}.get(exchange["auth"], ("admin", "wrong"))
        if exchange["auth"] == "token":
            auth = "glsa_wrong"
            if name != "wrong token":
                auth = tokens["viewer" if name.startswith("viewer") else "expired" if "expired" in name else "admin"]
            if "expired" in name:
                time.sleep(1.1)
        status, answer = grafana.call(exchange["method"], exchange["path"], body, auth, exchange.get("headers"))
        if isinstance(answer, dict) and "key" in answer:
            role = {"token create": "admin", "viewer token": "viewer", "token of one second": "expired"}[name]
            tokens[role] = answer["key"]
        yield exchange, status, answer


def first_session(grafana, backend):
    grafana.grafana.provision_datasource(
        uid="provisioned", name="Provisioned", type="prometheus", access="proxy", url=backend.url
    )


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_answers_as_recorded(flavour, tmp_path):
    recording = json.loads((LAB / "recordings" / ("%s.json" % flavour)).read_text())
    names = [exchange["name"] for exchange in recording]
    cut = names.index(SECOND_SESSION)
    checked = 0
    with Backend() as backend:
        for number, part in enumerate((recording[:cut], recording[cut:])):
            with Running(tmp_path / str(number), flavour) as grafana:
                if number:
                    grafana.grafana.provision_dashboard(
                        {"uid": "prov-d", "title": "Provisioned dash", "panels": [], "schemaVersion": 36}, "d.json"
                    )
                first_session(grafana, backend)
                for exchange, status, answer in requests(part, grafana, backend):
                    compare(exchange, status, answer, backend)
                    checked += 1
    assert checked == len(recording) > 170


def compare(exchange, status, answer, backend):
    name, wanted = exchange["name"], exchange["response"]
    assert status == exchange["status"], (name, answer)
    if name in SHORTENED:
        return
    if name.startswith("k8s read"):  # recorded as a list of keys
        answer["spec"] = wanted["spec"] = {}
        answer["metadata"]["annotations"].setdefault("grafana.app/folder", "")
    if isinstance(wanted, dict) and isinstance(wanted.get("dashboard"), dict) and "..." in wanted["dashboard"]:
        for one in (answer, wanted):
            one["dashboard"] = {"title": one["dashboard"]["title"]}
    assert shape(answer) == shape(wanted), name
    if isinstance(wanted, dict):
        for key in ("message", "messageId", "statusCode", "status", "title", "version", "readOnly", "code", "reason"):
            told = wanted.get(key)
            if isinstance(told, str):
                told = told.replace("prometheus.example:9090", backend.url.partition("//")[2])
            assert answer.get(key) == told, name


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_says_that_it_is_a_stand_in(flavour, tmp_path):
    with Running(tmp_path, flavour) as grafana, urllib.request.urlopen(grafana.url + "/api/health") as answer:
        assert json.load(answer)["commit"] == "stand-in"
        assert answer.headers["Server"] == "grafana-stand-in"
        assert answer.headers["X-Grafana-Stand-In"].startswith(flavour)


def test_reading_leaves_the_database_byte_identical(tmp_path):
    with Running(tmp_path) as grafana:
        token = grafana.token()
        grafana.call("POST", "/api/folders", {"uid": "f", "title": "F"})
        before = hashlib.sha256(grafana.database.read_bytes()).hexdigest()
        for path in (
            "/api/folders",
            "/api/search",
            "/api/datasources/uid/none",
            "/api/dashboards/uid/none",
            "/metrics",
        ):
            grafana.call("GET", path, auth=token)
            grafana.call("GET", path)
        assert hashlib.sha256(grafana.database.read_bytes()).hexdigest() == before
        grafana.call("POST", "/api/folders", {"uid": "g", "title": "G"})
        assert hashlib.sha256(grafana.database.read_bytes()).hexdigest() != before


def test_another_organisation_is_another_world(tmp_path):
    with Running(tmp_path) as grafana:
        org = grafana.call("POST", "/api/orgs", {"name": "Second"})[1]["orgId"]
        header = {"X-Grafana-Org-Id": str(org)}
        grafana.call("POST", "/api/folders", {"uid": "f", "title": "F"}, headers=header)
        assert grafana.call("GET", "/api/folders/f", headers=header)[0] == 200
        assert grafana.call("GET", "/api/folders/f")[0] == 404


def test_proxy_carries_the_stored_password_and_hides_a_401(tmp_path):
    with Backend(password="canary-one") as backend, Running(tmp_path) as grafana:
        body = {"uid": "p", "name": "P", "type": "prometheus", "access": "proxy", "url": backend.url}
        body.update(basicAuth=True, basicAuthUser="grafana", secureJsonData={"basicAuthPassword": "canary-one"})
        grafana.call("POST", "/api/datasources", body)
        query = "/api/datasources/proxy/uid/p/api/v1/query?query=up"
        assert grafana.call("GET", query)[0] == 200
        assert backend.seen[-1] == ("/api/v1/query?query=up", Backend.basic("canary-one"))
        backend.password = "two"
        assert grafana.call("GET", query) == (400, "Authentication to data source failed")
        assert b"canary" not in grafana.database.read_bytes()


def test_ds_query_gives_frames(tmp_path):
    series = [{"metric": {"instance": "a"}, "value": [1.5, "3"]}]
    answer = json.dumps({"status": "success", "data": {"resultType": "vector", "result": series}})
    with Backend(answer=answer) as backend, Running(tmp_path) as grafana:
        first_session(grafana, backend)
        query = {"refId": "A", "datasource": {"uid": "provisioned"}, "expr": "up", "instant": True}
        _status, answer = grafana.call("POST", "/api/ds/query", {"queries": [query]})
        frame = answer["results"]["A"]["frames"][0]
        assert frame["data"]["values"] == [[1500], [3.0]]
        assert frame["schema"]["fields"][1]["labels"] == {"instance": "a"}


# --- as a program ---


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@pytest.fixture
def program(tmp_path):
    """Starts `grafana server` with the given grafana.ini; ends it after the test."""
    started = []

    def start(ini, wait=True, environ=None):
        config = tmp_path / "grafana.ini"
        config.write_text(ini)
        argv = [sys.executable, str(LAB / "grafana_standin.py"), "server", "--config", str(config)]
        argv += ["--homepath", str(tmp_path), "--packaging=deb", "cfg:default.paths.data=%s" % (tmp_path / "data")]
        process = subprocess.Popen(
            argv, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ, **environ or {})
        )
        started.append(process)
        if wait:
            assert b"HTTP Server Listen" in process.stdout.readline()
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def cli(tmp_path, *words):
    argv = [sys.executable, str(LAB / "grafana_standin.py"), "cli", "--config", str(tmp_path / "grafana.ini")]
    argv += ["--homepath", str(tmp_path), "admin", "reset-admin-password", *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)


def test_program_reads_grafana_ini(program, tmp_path):
    port = free_port()
    secret = tmp_path / "password"
    secret.write_text("from-a-file\n")
    ini = "app_mode = production\n[server]\nhttp_addr = 127.0.0.1\nhttp_port = %d\n[security]\n" % port
    ini += "admin_password = $__file{%s}\n[standin]\nflavour = 9.4\n" % secret
    ini += "[paths]\ndata = %s\n[metrics]\nbasic_auth_username = m\nbasic_auth_password = n\n" % (tmp_path / "data")
    process = program(ini)
    base = "http://127.0.0.1:%d" % port

    def status(path, user=None, password=None):
        manager = urllib.request.HTTPPasswordMgrWithPriorAuth()
        manager.add_password(None, base, user, password, is_authenticated=bool(user))
        opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(manager))
        try:
            return opener.open(base + path, timeout=5).status
        except urllib.error.HTTPError as exc:
            return exc.code

    assert json.load(urllib.request.urlopen(base + "/api/health"))["version"] == "9.4.0"
    assert status("/api/org", "admin", "admin") == 401
    assert status("/api/org", "admin", "from-a-file") == 200
    assert status("/metrics") == 401
    assert status("/metrics", "m", "n") == 200
    done = cli(tmp_path, "changed-while-running")  # the running server has to notice
    assert done.returncode == 0, done.stderr
    assert status("/api/org", "admin", "changed-while-running") == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert oct((tmp_path / "data" / "grafana.db").stat().st_mode & 0o777) == "0o640"


def test_notifies_systemd_when_it_serves(program, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "notify"))
        sock.settimeout(10)
        program("[server]\nhttp_addr=127.0.0.1\nhttp_port=0\n", environ={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert sock.recv(100) == b"READY=1"


@pytest.mark.parametrize(
    "ini, cause",
    [
        ("[security]\nadmin_password = $__file{/nonexistent/secret}\n", "/nonexistent/secret"),
        (
            "[server]\nprotocol = https\ncert_file = /nonexistent/c\ncert_key = /nonexistent/k\n",
            "cannot find SSL cert_file",
        ),
        ("[standin]\nflavour = 8.0\n", "flavour"),
    ],
)
def test_a_bad_grafana_ini_ends_the_start_with_one_line(program, ini, cause):
    process = program(ini, wait=False)
    _out, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert cause in err.decode()
    assert len(err.decode().strip().splitlines()) == 1


def test_every_recording_is_masked():
    for flavour in FLAVOURS:
        text = (LAB / "recordings" / ("%s.json" % flavour)).read_text()
        assert not re.search(r"glsa_(?!MASKED)", text)
        assert PASSWORD in text
