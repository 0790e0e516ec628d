# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""alertmanager_silence and alertmanager_silence_info against a small Alertmanager of their own."""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
import uuid
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _alertmanager as api
from ansible_collections.redisops.monitoring.plugins.modules import alertmanager_silence, alertmanager_silence_info

NODE = ["cluster=redis-prod", 'node="redis-node-1a"']


def at(**delta):
    return api.format_time(datetime.now(timezone.utc) + timedelta(**delta))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.reply(list(self.server.silences.values()))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        identity = body.pop("id", None) or str(uuid.uuid4())
        begun = api.parse_time(body["startsAt"]) <= datetime.now(timezone.utc)
        body.update(id=identity, status={"state": "active" if begun else "pending"})
        self.server.silences[identity] = body
        self.reply({"silenceID": identity})

    def do_DELETE(self):
        self.server.silences[self.path.rpartition("/")[2]]["status"]["state"] = "expired"
        self.reply(None)

    def reply(self, answer):
        self.server.asked.append((self.command, self.path))
        status, body = 200, json.dumps(answer).encode() if answer is not None else b""
        login = self.headers.get("Authorization") or ""
        if self.server.password and login != "Basic " + base64.b64encode(self.server.password.encode()).decode():
            status, body = 401, b"Unauthorized\n"
        if self.server.broken:
            status, body = self.server.broken
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.silences, server.asked, server.password, server.broken = {}, [], "", None
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def run(server, run_module):
    def run(**args):
        given = dict(url=server.url, matchers=NODE, duration="2h", comment="new disk", created_by="anna")
        given.update(args)
        return run_module(alertmanager_silence, **{key: value for key, value in given.items() if value is not None})

    return run


def writes(server):
    return [path for method, path in server.asked if method != "GET"]


def test_created_once(run, server):
    first = run()
    assert first["changed"] and len(writes(server)) == 1
    (silence,) = server.silences.values()
    assert (silence["createdBy"], silence["comment"]) == ("anna", "new disk")
    assert {"name": "node", "value": "redis-node-1a", "isRegex": False, "isEqual": True} in silence["matchers"]
    assert api.parse_time(silence["endsAt"]) - api.parse_time(silence["startsAt"]) == timedelta(hours=2)
    # The same in another order and writing, from somebody else.
    second = run(matchers=['node = "redis-node-1a"', 'cluster="redis-prod"'], created_by="ben", duration="5h")
    assert not second["changed"] and len(writes(server)) == 1
    assert second["silences"][0]["id"] == first["silences"][0]["id"] == silence["id"]
    assert second["silences"][0]["matchers"] == ['cluster="redis-prod"', 'node="redis-node-1a"']


@pytest.mark.parametrize(
    "matchers",
    [
        NODE[:1],
        [*NODE, "severity=P3"],
        ["cluster=redis-prod", "node=~redis-node-1a"],
        ["cluster=redis-prod", "node!=redis-node-1a"],
    ],
)
def test_other_matchers_are_another_silence(run, server, matchers):
    run()
    assert run(matchers=matchers)["changed"] and len(server.silences) == 2


def test_a_silence_that_ended_is_none(run, server):
    run()
    next(iter(server.silences.values()))["status"]["state"] = "expired"
    assert run()["changed"] and len(server.silences) == 2


def test_the_end_is_moved(run, server):
    run()
    end = at(hours=9)
    moved = run(duration=None, ends_at=end)
    assert moved["changed"] and len(server.silences) == 1
    assert moved["silences"][0]["ends_at"] == end == next(iter(server.silences.values()))["endsAt"]
    assert not run(duration=None, ends_at=end)["changed"]


def test_for_later(run, server):
    start = at(days=1)
    assert run(starts_at=start)["silences"][0]["state"] == "pending"
    assert not run(starts_at=start)["changed"]
    assert run()["changed"]  # now is not tomorrow
    assert len(server.silences) == 2


def test_ended(run, server):
    run()
    run(matchers=NODE[:1])
    ended = run(state="absent", duration=None)
    assert ended["changed"] and [each["status"]["state"] for each in server.silences.values()] == ["expired", "active"]
    assert not run(state="absent", duration=None)["changed"]
    (other,) = (each["id"] for each in server.silences.values() if each["status"]["state"] == "active")
    assert run(state="absent", matchers=None, id=other)["silences"][0]["id"] == other
    assert not run(state="absent", matchers=None, id=other)["changed"]


def test_check_mode_and_diff(run, server):
    planned = run(check_mode=True, diff=True)
    assert planned["changed"] and server.silences == {}
    assert planned["diff"]["before"] == ""
    assert planned["diff"]["after"].startswith('cluster="redis-prod", node="redis-node-1a": active ')
    assert planned["diff"]["after"].endswith(", anna: new disk\n")
    run()
    assert run(check_mode=True, state="absent", duration=None)["changed"]
    assert next(iter(server.silences.values()))["status"]["state"] == "active"


def test_listed(run, server, run_module):
    run(starts_at=at(hours=3))
    run(matchers=NODE[:1])
    run(matchers=["a=b"])
    run(matchers=["a=b"], state="absent", duration=None)
    listed = run_module(alertmanager_silence_info, url=server.url + "/")
    assert not listed["changed"]
    assert [(each["state"], len(each["matchers"])) for each in listed["silences"]] == [("active", 1), ("pending", 2)]
    held = listed["silences"][0]
    minutes = [re.sub(r":\d\d\.\d+Z", "Z", held[key]) for key in ("starts_at", "ends_at")]
    what = f"{held['matchers'][0]}  {held['created_by']}: {held['comment']}  {held['id']}"
    assert listed["lines"][0] == f"active {' to '.join(minutes)}  {what}"


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"matchers": []}, "matchers is empty"),
        ({"matchers": ["redis-node-1a"]}, "the matcher 'redis-node-1a' is not like cluster=redis-prod"),
        ({"matchers": ["1a=b"]}, "the matcher '1a=b' is not like"),
        ({"matchers": ['node="a']}, "a value whose quotes do not match"),
        ({"matchers": ["node=~["]}, "is no regular expression"),
        ({"matchers": ["node=~.*", "cluster!=x"]}, "the matchers accept every alert"),
        ({"duration": "2 hours"}, "the duration '2 hours' is not like 90m"),
        ({"duration": "0h"}, "the duration '0h' is not like"),
        ({"duration": "9" * 12 + "w"}, "is too long"),
        ({"duration": None, "ends_at": "tomorrow"}, "the time 'tomorrow' is not like 2027-01-30T22:00:00Z"),
        ({"duration": None, "ends_at": "2099-01-30T22:00:00"}, "has no zone: end it with Z"),
        (
            {"duration": None, "ends_at": "2020-01-30T22:00:00Z"},
            "would end at 2020-01-30T22:00:00Z, before it starts or",
        ),
        ({"comment": " "}, "comment is empty: others have to know why"),
        ({"created_by": ""}, "created_by is empty"),
        ({"comment": None}, "missing: comment"),
        ({"duration": None}, "any of the following are missing: duration, ends_at"),
        ({"url": "127.0.0.1:9093"}, "url is not like https://127.0.0.1:9090"),
        ({"url": "http://a:canary@127.0.0.1:9093"}, "url holds a user or a password"),
        ({"url": "http://127.0.0.1:1"}, "connection refused: is it running there?"),
        ({"ca_path": "/nowhere.crt", "url": "https://127.0.0.1:1"}, "the CA file /nowhere.crt cannot be used"),
    ],
)
def test_refused_in_one_line(run, server, args, says):
    result = run(**args)
    assert result["failed"] and says in result["msg"], result["msg"]
    assert "\n" not in result["msg"] and "canary" not in result["msg"]
    assert server.silences == {}


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ((400, b'"silence invalid:\n x"'), "HTTP status 400 Bad Request for /api/v2/silences: silence invalid: x"),
        ((200, b"<html>"), "does not answer with JSON: is that its url?"),
        ((404, b""), "HTTP status 404 Not Found for /api/v2/silences"),
    ],
)
def test_answers_that_are_none(run, server, broken, says):
    server.broken = broken
    assert run()["msg"].endswith(says)


def test_password(run, server):
    server.password = "admin:canary-secret"
    assert run()["msg"].endswith("refuses the user or the password: check url_username and url_password")
    result = run(url_username="admin", url_password="canary-secret")
    assert result["changed"] and "canary" not in json.dumps(result)


def test_tls_is_verified(run, server, pki):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.issue("alertmanager", sans=["monitoring.example"]))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    assert "certificate refused: unable to get" in run(url=url)["msg"]
    assert "certificate refused: IP address mismatch" in run(url=url, ca_path=pki.ca())["msg"]
    assert run(url=url, ca_path=pki.ca(), tls_server_name="monitoring.example")["changed"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a=b", 'a="b"'),
        (' a =~ "b|c" ', 'a=~"b|c"'),
        ("a!~b.*", 'a!~"b.*"'),
        ("a!=", 'a!=""'),
        ('a="b\\"c\\\\d\\n"', 'a="b\\"c\\\\d\\n"'),
        ("a=b=c", 'a="b=c"'),
        ("a==~b", 'a="=~b"'),
    ],
)
def test_matchers_as_amtool_writes_them(text, shown):
    assert str(api.parse_matcher(text)) == shown


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2027-01-30T22:00:00Z", "2027-01-30T22:00:00.000Z"),
        ("2027-01-30T22:00:00.5z", "2027-01-30T22:00:00.500Z"),
        ("2027-01-30T22:00:00.123456789+01:00", "2027-01-30T21:00:00.123Z"),
        ("2027-01-30 22:00-05:30", "2027-01-31T03:30:00.000Z"),
    ],
)
def test_times(text, utc):
    assert api.format_time(api.parse_time(text)) == utc
