# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each failure of a request has its cause."""

from __future__ import annotations

import email.utils
import http.server
import socket
import ssl
import threading
import time

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import http as evidence

CANARY = "c4nary-Pa55word"


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
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started.append(server)
        return server.server_address[1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_an_answer_has_its_status_and_the_clock_of_the_other_side(serve):
    found = evidence.get("http://127.0.0.1:%d/" % serve())
    assert (found["answered"], found["status"], found["body"], found["skew"]) == (True, 200, "ok", 0.0)
    ahead = evidence.get("http://127.0.0.1:%d/" % serve(handler=type("Ahead", (Handler,), {"ahead": 90})))
    behind = evidence.get("http://127.0.0.1:%d/" % serve(handler=type("Behind", (Handler,), {"ahead": -90})))
    assert 88 <= ahead["skew"] <= 91 and -91 <= behind["skew"] <= -88


def test_each_failure_has_its_cause(serve, pki):
    good = pki.issue("http-good", sans=("127.0.0.1",))
    port = serve(good)
    plain = serve()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        free = sock.getsockname()[1]

    def ask(url, **how):
        return evidence.get(url, 1, **how).get("cause")

    assert evidence.get("https://127.0.0.1:%d/" % port, ca_path=pki.ca())["status"] == 200
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
    ask = {"username": "me", "password": CANARY}
    assert evidence.get("https://127.0.0.1:%d/" % port, 2, ca_path=pki.ca("http-other"), **ask)["answered"] is False
    assert seen == []
    assert evidence.get("https://127.0.0.1:%d/" % port, 2, ca_path=pki.ca(), **ask)["status"] == 200
    assert len(seen) == 1 and CANARY not in repr(evidence.get("https://127.0.0.1:%d/" % port, 2, **ask))
