# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of upstream's layout for all programs of meta/versions.yml, on a server that can break off and redirect."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import http.server
import json
import re
import subprocess
import threading
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
KNOWN = yaml.safe_load((ROOT / "meta/versions.yml").read_text())
GRAFANA = KNOWN["packages"]["grafana"]
BOARD = {"title": "Redis", "panels": []}
BIG = 3 << 20


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Upstream:
    """Files by path, as GitHub, Grafana's repository and grafana.com have them, all below one address."""

    def __init__(self, home):
        self.files, self.requests, self.broken, self.redirected = {}, [], {}, False
        self.ranges = True
        self.home = home
        for about in KNOWN["programs"].values():
            self.add_release(about, about["version"])
        self.add_packages([GRAFANA["version"], "12.3.0"])
        board = "/api/dashboards/11835/revisions/1/download"
        self.files["/grafana.com" + board] = json.dumps(BOARD, indent=2).encode()

    def add_release(self, about, version):
        base = f"/{about['repository']}/releases/download/v{version}"
        archives = {
            about["archive"].format(version=version, architecture=one): f"{base} {one} ".encode() * (BIG // 64)
            for one in ("amd64", "arm64")
        }
        self.files.update({f"{base}/{name}": content for name, content in archives.items()})
        lines = [f"{sha256(content)}  {name}\n" for name, content in archives.items()]
        self.files[f"{base}/sha256sums.txt"] = "".join(lines).encode()

    def add_packages(self, versions, key=None):
        root, index = "/apt.grafana.com", []
        for architecture in ("amd64", "arm64"):
            text = ""
            for version in versions:
                name = f"pool/main/g/grafana/grafana_{version}_1_linux_{architecture}.deb"
                content = f"package {version} {architecture} ".encode() * 1000
                self.files[f"{root}/{name}"] = content
                text += f"Package: grafana\nVersion: {version}\nArchitecture: {architecture}\nFilename: {name}\n"
                text += f"Size: {len(content)}\nSHA256: {sha256(content)}\n\n"
            for form, pack in (("", bytes), (".gz", gzip.compress)):
                content, name = pack(text.encode()), f"main/binary-{architecture}/Packages{form}"
                self.files[f"{root}/dists/stable/{name}"] = content
                index.append(f" {sha256(content)} {len(content)} {name}\n")
        text = "Suite: stable\nMD5Sum:\n d41d8 0 main/binary-amd64/Packages\nSHA256:\n" + "".join(index)
        self.sign(text)

    def sign(self, text):
        def gpg(*argv, stdin=None):
            options = [f"--homedir={self.home}", "--batch", "--quiet", "--yes", "--pinentry-mode=loopback"]
            done = subprocess.run(
                ["gpg", *options, "--passphrase=", *argv], input=stdin, capture_output=True, check=True
            )
            return done.stdout

        if not (self.home / "pubring.kbx").exists():
            self.home.mkdir(mode=0o700, exist_ok=True)
            gpg("--quick-generate-key", "Test <test@example.invalid>", "rsa2048", "sign", "never")
        listed = gpg("--list-keys", "--with-colons").decode()
        self.fingerprint = re.search(r"^fpr:+([0-9A-F]{40}):", listed, re.MULTILINE)[1]
        self.files["/apt.grafana.com/gpg.key"] = gpg("--armor", "--export")
        self.files["/apt.grafana.com/dists/stable/InRelease"] = gpg("--clearsign", stdin=text.encode())


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        upstream = self.server.upstream
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        begin = int(begin[1]) if begin and upstream.ranges else 0
        upstream.requests.append((self.path, begin))
        if upstream.redirected and self.path.endswith(".tar.gz") and not self.path.startswith("/objects"):
            self.answer(302, b"", {"Location": "/objects" + self.path})
            return
        content = upstream.files.get(self.path.removeprefix("/objects"))
        if content is None:
            self.answer(404, b"not here")
        elif begin and begin >= len(content):
            self.answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
        else:
            more = {"Content-Range": f"bytes {begin}-{len(content) - 1}/{len(content)}"} if begin else {}
            self.answer(206 if begin else 200, content[begin:], more, upstream.broken.get(self.path, []))

    def answer(self, status, content, headers=None, broken=()):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if broken:
            content = content[: broken.pop(0)]
            self.close_connection = True
        self.wfile.write(content)

    def log_message(self, *_arguments):
        pass


@contextlib.contextmanager
def serve(home):
    """A server of these files, with its address as url."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.upstream = found = Upstream(home)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        subprocess.run(["gpgconf", f"--homedir={home}", "--kill", "all"], check=False, capture_output=True)
