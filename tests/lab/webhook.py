# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receives notifications and appends each as one line of JSON: when it arrived, at which path, what it said.

Stands in for everything that takes a POST: webhooks, Slack, PagerDuty, a dead man's switch. Each has its own path.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LIMIT = 4 * 1024 * 1024


class Recorder(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], out: Path) -> None:
        self.lock = threading.Lock()
        self.out = out.open("a", encoding="utf-8")
        super().__init__(address, Handler)

    def record(self, line: dict) -> None:
        with self.lock:
            self.out.write(json.dumps(line) + "\n")
            self.out.flush()


class Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        arrived = time.time()
        size = int(self.headers.get("Content-Length") or 0)
        if not 0 <= size <= LIMIT:
            self.answer(413, "too long")
            return
        text = self.rfile.read(size).decode("utf-8", "replace")
        try:
            body = json.loads(text)
        except ValueError:
            body = text
        self.server.record(
            {
                "time": arrived,
                "at": datetime.fromtimestamp(arrived, timezone.utc).isoformat(timespec="milliseconds"),
                "path": self.path,
                # How the sender logs in, never with what.
                "authorization": (self.headers.get("Authorization") or "").split(" ")[0],
                "body": body,
            }
        )
        self.answer(200, "ok")

    do_PUT = do_POST

    def do_GET(self) -> None:
        """Tells only that it is there."""
        self.answer(200, "ok")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Silent: what arrives is in the file."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bind", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=9099, help="port to listen on (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="file that the lines are appended to")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server = Recorder((options.bind, options.port), options.out)
    except OSError as err:
        print(f"webhook.py: {options.bind}:{options.port}, {options.out}: {err.strerror}", file=sys.stderr)
        return 1
    with server:
        server.serve_forever()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
