# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is not AWS: an SSH banner, and a service that answers with the last part of the path asked for."""

from __future__ import annotations

import http.server
import socketserver
import sys
import threading
import urllib.parse


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(urllib.parse.unquote(self.path.rpartition("/")[2]).encode() + b"\n")


class Banner(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"SSH-2.0-banner\r\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    pages, address, port = sys.argv[1:]
    threading.Thread(target=Server((address, int(port)), Banner).serve_forever, daemon=True).start()
    http.server.ThreadingHTTPServer(("127.0.0.1", int(pages)), Page).serve_forever()
