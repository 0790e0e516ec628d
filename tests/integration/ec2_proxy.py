# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy before an EC2 endpoint on loopback: counts the calls, and breaks or delays those that a test wants so."""

from __future__ import annotations

import http.client
import http.server
import threading
import urllib.parse

READS = ("DescribeSecurityGroups", "DescribeSecurityGroupRules")
ERROR = (
    "<?xml version='1.0' encoding='UTF-8'?><Response><Errors><Error><Code>{}</Code><Message>Injected: no.</Message>"
    "</Error></Errors><RequestID>request-of-the-proxy</RequestID></Response>"
)


class Proxy(http.server.ThreadingHTTPServer):
    """Hands requests on to moto. *before* may answer in its place with (status, body) or with the name of a fault."""

    daemon_threads = True

    def __init__(self, upstream, tls=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.upstream = upstream
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.forget()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def forget(self):
        self.calls = []
        self.before = lambda number, action: None
        self.after = lambda action: None

    def ask(self, path, body, headers):
        """Status and body of moto's answer."""
        upstream = http.client.HTTPConnection(self.upstream, timeout=30)
        upstream.request("POST", path, body, headers)
        response = upstream.getresponse()
        answer = response.status, response.read()
        upstream.close()
        return answer

    def writes(self):
        return [action for action in self.calls if action not in READS]

    def handle_error(self, request, client_address):
        pass  # clients whose connection a test cut


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        action = urllib.parse.parse_qs(body.decode())["Action"][0]
        self.server.calls.append(action)
        fault = self.server.before(len(self.server.calls), action)
        if isinstance(fault, tuple):
            return self.answer(*fault)
        status, answer = self.server.ask(self.path, body, dict(self.headers))
        self.server.after(action)
        if fault == "answer lost":
            self.close_connection = True
            return None
        return self.answer(status, answer)

    def answer(self, status, body):
        body = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *args):
        pass


def refuse(code="UnauthorizedOperation", status=403):
    return status, ERROR.format(code)
