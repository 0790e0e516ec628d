# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the stand-in inside a test: `with Running(directory) as grafana: grafana.call("GET", "/api/health")`."""

from __future__ import annotations

import base64
import http.client
import http.server
import json
import ssl
import threading
from pathlib import Path

import grafana_standin as standin

PASSWORD = "ADMIN-PASSWORD"


class Running:
    def __init__(self, directory, flavour="12.4", password=PASSWORD, tls=None, **sections):
        config = standin.Config(environ={})
        config.flavour = flavour
        config.values["paths"]["data"] = str(directory)
        config.values["security"]["admin_password"] = password
        for section, values in sections.items():
            config.values[section].update(values)
        self.tls = bool(tls)
        if tls:
            config.values["server"].update(protocol="https", cert_file=tls[0], cert_key=tls[1])
        self.flavour, self.password = flavour, password
        self.database = Path(directory) / "grafana.db"
        self.grafana = standin.Grafana(config)
        self.server = standin.Server(self.grafana, ("127.0.0.1", 0))
        self.port = self.server.server_port
        self.url = "%s://127.0.0.1:%d" % ("https" if tls else "http", self.port)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exc):
        self.server.shutdown()
        self.server.server_close()
        self.grafana.store.db.close()

    def call(self, method, path, body=None, auth="admin", headers=None):
        """(status, parsed answer). `auth` is "admin", None, a token, or a (user, password)."""
        headers = dict(headers or {})
        if auth == "admin":
            auth = ("admin", self.password)
        if isinstance(auth, tuple):
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        elif auth:
            headers["Authorization"] = "Bearer " + auth
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if self.tls:
            context = ssl._create_unverified_context()
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body=data, headers=headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        return response.status, json.loads(text) if text[:1] in ("{", "[", '"') else text

    def token(self, name="tests", role="Admin", seconds=0):
        """The key of a fresh service account."""
        _status, account = self.call("POST", "/api/serviceaccounts", {"name": name, "role": role})
        path = "/api/serviceaccounts/%d/tokens" % account["id"]
        return self.call("POST", path, {"name": name, "secondsToLive": seconds})[1]["key"]

    def requests(self):
        """(method, path) of every request since the last time this was asked."""
        seen = [(method, path) for method, path, _status in self.grafana.log]
        self.grafana.log.clear()
        return seen

    def writes(self):
        return [one for one in self.requests() if one[0] not in ("GET", "HEAD")]

    def fault(self, action, method=None, path="", times=1):
        """The next matching requests meet `action`: delay=seconds, cut="before"|"after", answer=(status, body)."""
        left = [times]

        def strike(its_method, its_path):
            if left[0] and method in (None, its_method) and path in its_path:
                left[0] -= 1
                return action
            return None

        self.grafana.faults.append(strike)
        return strike


class Backend:
    """A small HTTP server that stands where a Prometheus would: remembers who asked, checks a password or header."""

    def __init__(self, password=None, tls=None, answer=None):
        self.password, self.seen = password, []
        scalar = {"status": "success", "data": {"resultType": "scalar", "result": [0, "1"]}}
        self.good = answer or json.dumps(scalar)
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                given = self.headers.get("Authorization", "")
                backend.seen.append((self.path, given))
                known = backend.password is None or given == backend.basic(backend.password)
                body = (backend.good if known else "Unauthorized").encode()
                self.send_response(200 if known else 401)
                self.send_header("Content-Type", "application/json" if known else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

            def log_message(self, *_args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_args: None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls[:2])
            if tls[2:]:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(tls[2])
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.url = "%s://127.0.0.1:%d" % ("https" if tls else "http", self.port)

    @staticmethod
    def basic(password, user="grafana"):
        return "Basic " + base64.b64encode(("%s:%s" % (user, password)).encode()).decode()

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exc):
        self.server.shutdown()
        self.server.server_close()
