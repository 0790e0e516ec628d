# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a host: nothing secret, nothing that hangs, and the reason where something does not answer."""

from __future__ import annotations

import email.utils
import http.server
import os
import socket
import ssl
import tempfile
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import (
    _evidence,
    _evidence_monitoring,
    _evidence_redis,
)

CANARY = "c4nary-Pa55word"


# ---------------------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: {CANARY}",
        f'  -redis.password string\n    \tPassword (default "{CANARY}")',
        f"dial redis://admin:{CANARY}@127.0.0.1:6379: refused",
        f'exporter.Options{{User:"default", Password:"{CANARY}"}}',
        f"--redis.password={CANARY}",
        f"REDIS_PASSWORD={CANARY}",
        f"requirepass {CANARY}",
        f"basic_auth: {{password: {CANARY}}}",
        f"webhook token: {CANARY}",
    ],
)
def test_what_looks_like_a_secret_is_masked(text):
    masked = _evidence.Mask([]).text(text)
    assert CANARY not in masked and "********" in masked


def test_known_secrets_are_masked_in_any_structure():
    data = {"a": ["x" + CANARY, {"b": CANARY}], "c": 1, "d": None}
    assert CANARY not in repr(_evidence.Mask([CANARY]).data(data))
    assert _evidence.Mask(["", "ab"]).text("about abba") == "about abba"  # nothing short is a secret


def test_what_is_no_secret_stays_readable():
    mask = _evidence.Mask([CANARY])
    for text in ("password_file: /run/credentials/x/y", "WRONGPASS invalid username-password pair", "flag provided"):
        assert mask.text(text) == text
    assert mask.argument("--redis.password-file=/run/credentials/x") == "--redis.password-file=/run/credentials/x"
    assert mask.argument("--redis.password=abc") == "--redis.password=********"


def test_usage_texts_are_left_out_of_the_journal():
    said = f'flag provided but not defined: -x\nUsage:\n  -redis.password string\n    \t(default "{CANARY}")\nExit\n'
    lines = _evidence.journal(said, _evidence.Mask([]))
    assert lines[0] == "flag provided but not defined: -x"
    assert CANARY not in "".join(lines)


def test_the_reason_is_that_of_the_last_run_that_ended():
    first = "Starting x\nold reason\nMain process exited\n"
    second = "Starting x\nStarted x\nnew reason\nMain process exited\nScheduled restart job\n"
    for said in (first + second, first + second + "Starting x\n"):
        assert "new reason" in _evidence.last_run(said) and "old reason" not in _evidence.last_run(said)
    assert _evidence.last_run("a line") == "a line"


# ----------------------------------------------------------------------------------------------------------- probes


def test_a_probe_that_hangs_or_breaks_costs_no_other():
    started = time.monotonic()
    found = _evidence.gather({"slow": lambda: time.sleep(30), "broken": lambda: {}["x"], "fine": lambda: {"a": 1}}, 1)
    assert time.monotonic() - started < 5
    assert found["fine"] == {"a": 1}
    assert found["slow"] == {"problem": "no result within 1 s"}
    assert found["broken"]["problem"].startswith("KeyError")


def test_a_command_that_is_not_there_or_hangs_is_no_error():
    assert _evidence.command(["no-such-program"]) == (None, "")
    assert _evidence.command(["sleep", "30"], seconds=0.2) == (None, "")


# ------------------------------------------------------------------------------------------------------------ files


@pytest.fixture
def open_directory():
    """pytest's own temporary directories can be entered by their owner only."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


def test_the_directory_that_stops_a_user_is_named(open_directory, monkeypatch):
    monkeypatch.setattr(_evidence, "user_ids", lambda user: (64000, {64000}) if user else None)
    closed = open_directory / "closed"
    closed.mkdir(mode=0o700)
    (closed / "key").write_text("x")
    path = str(closed / "key")
    assert _evidence.way(path, "someone")["stopped_at"] == str(closed)
    assert _evidence.way(path, "")["stopped_at"] is None  # root passes everywhere
    closed.chmod(0o711)
    (closed / "key").chmod(0o600)
    assert _evidence.way(path, "someone")["stopped_at"] == path
    found = _evidence.way(str(open_directory / "gone" / "key"), "")
    assert found["missing"] == str(open_directory / "gone") and found["error"] == "No such file or directory"


def test_a_certificate_tells_its_names_and_whether_its_key_fits(tmp_path, pki):
    cert, key = pki.issue("evidence", sans=("127.0.0.1",))
    dummy, other_key = pki.issue("evidence-other")
    found = _evidence.certificate(cert, key)
    assert "IP:127.0.0.1" in found["sans"] and found["days_left"] > 30 and "problem" not in found
    assert "does not match" in _evidence.certificate(cert, other_key)["problem"]
    assert "does not exist" in _evidence.certificate(str(tmp_path / "no.crt"), key)["problem"]


# ------------------------------------------------------------------------------------------------------------- HTTP


class Handler(http.server.BaseHTTPRequestHandler):
    ahead = 0

    def do_GET(self):
        if self.path == "/hang":
            time.sleep(5)
        self.send_response_only(401 if self.headers.get("Authorization") is None and self.path == "/closed" else 200)
        self.send_header("Date", email.utils.formatdate(time.time() + self.ahead, usegmt=True))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(pki):
    started = []

    def start(cert=None, handler=Handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*cert)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        started.append(server)
        return server.server_address[1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_an_answer_has_its_status_and_the_clock_of_the_other_side(serve):
    found = _evidence.get("http://127.0.0.1:%d/" % serve())
    assert (found["answered"], found["status"], found["body"], found["skew"]) == (True, 200, "ok", 0.0)
    ahead = _evidence.get("http://127.0.0.1:%d/" % serve(handler=type("Ahead", (Handler,), {"ahead": 90})))
    behind = _evidence.get("http://127.0.0.1:%d/" % serve(handler=type("Behind", (Handler,), {"ahead": -90})))
    assert 88 <= ahead["skew"] <= 91 and -91 <= behind["skew"] <= -88


def test_each_failure_has_its_cause(serve, pki):
    good = pki.issue("http-good", sans=("127.0.0.1",))
    port = serve(good)
    plain = serve()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        free = sock.getsockname()[1]

    def ask(url, **how):
        return _evidence.get(url, 1, **how).get("cause")

    assert _evidence.get("https://127.0.0.1:%d/" % port, ca_path=pki.ca())["status"] == 200
    assert ask("https://127.0.0.1:%d/" % port, ca_path=pki.ca("http-other")) == "untrusted"
    assert ask("https://localhost:%d/" % port, ca_path=pki.ca()) == "name_mismatch"
    expired = serve(pki.issue("http-expired", sans=("127.0.0.1",), days=-1))
    assert ask("https://127.0.0.1:%d/" % expired, ca_path=pki.ca()) == "expired"
    assert ask("https://127.0.0.1:%d/" % plain, ca_path=pki.ca()) == "http_only"
    assert ask("http://127.0.0.1:%d/" % free) == "refused"
    assert ask("http://127.0.0.1:%d/hang" % plain) == "timeout"
    assert ask("http://no-such-host.invalid:1/") == "name_unknown"


def test_a_password_reaches_only_a_server_that_is_verified(serve, pki):
    seen = []

    class Note(Handler):
        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            super().do_GET()

    port = serve(pki.issue("http-note", sans=("127.0.0.1",)), Note)
    ask = {"user": "me", "password": CANARY}
    assert _evidence.get("https://127.0.0.1:%d/" % port, 2, ca_path=pki.ca("http-other"), **ask)["answered"] is False
    assert seen == []
    assert _evidence.get("https://127.0.0.1:%d/" % port, 2, ca_path=pki.ca(), **ask)["status"] == 200
    assert len(seen) == 1 and CANARY not in repr(_evidence.get("https://127.0.0.1:%d/" % port, 2, **ask))


# --------------------------------------------------------------------------------------------------- what is in use


def test_flags_of_a_command_line():
    argv = ["/x", "--redis.addr=rediss://h:1", "-debug", "--name", "value", "--empty=", "--skip-tls-verification"]
    assert _evidence_redis.flags_of(argv) == {
        "redis.addr": "rediss://h:1",
        "debug": "true",
        "name": "value",
        "empty": "",
        "skip-tls-verification": "true",
    }


def test_a_credential_leads_to_its_source():
    unit = {"credentials": {"client.crt": "/etc/tls/client.crt"}}
    for path in ("${CREDENTIALS_DIRECTORY}/client.crt", "/run/credentials/redis_exporter.service/client.crt"):
        assert _evidence_redis.source(path, unit) == "/etc/tls/client.crt"
    assert _evidence_redis.source("/srv/client.crt", unit) == "/srv/client.crt"
    assert _evidence_redis.source("${CREDENTIALS_DIRECTORY}/other", unit) == ""


def test_the_unit_comes_before_the_inventory(tmp_path):
    (tmp_path / "pwd.json").write_text('{"rediss://u@h:1": "%s"}' % CANARY)
    wanted = dict.fromkeys(
        ("tls_ca_file", "tls_cert_file", "tls_key_file", "web_tls_cert_file", "web_tls_key_file", "tls_server_name"), ""
    )
    wanted.update(redis_addr="rediss://127.0.0.1:6379", redis_user="redis_exporter", redis_password="x", port=9121)
    wanted.update(listen_address="127.0.0.1", private_address="", connection_address="", skip_tls_verification=False)
    argv = ["/x", "--redis.addr=rediss://h:1", "--redis.user=u", "--web.listen-address=127.0.0.9:9999"]
    argv.append("--redis.password-file=%s" % (tmp_path / "pwd.json"))
    unit = {"found": True, "argv": argv, "credentials": {}, "user": "daemon", "pid": os.getpid()}
    used = _evidence_redis.Exporter(wanted, unit)
    assert (used.addr, used.user, used.listen, used.port, used.password) == (
        "rediss://h:1",
        "u",
        "127.0.0.9",
        9999,
        CANARY,
    )
    assert CANARY not in repr(used.describe()) and used.describe()["password_as_wanted"] is False
    planned = _evidence_redis.Exporter(wanted, None)
    assert (planned.addr, planned.listen, planned.password) == ("rediss://127.0.0.1:6379", "127.0.0.1", "x")


def test_datasources_of_nested_panels():
    panels = [
        {"datasource": {"uid": "a"}, "targets": [{"datasource": "b"}]},
        {"panels": [{"datasource": {"uid": "c"}}]},
    ]
    assert sorted(_evidence_monitoring.datasources_of(panels)) == ["a", "b", "c"]
