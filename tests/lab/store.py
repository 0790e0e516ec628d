# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real VictoriaMetrics on the lab's network, behind TLS and a login: Debian's package, unpacked and not installed."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import urllib.parse
import urllib.request
from base64 import b64encode
from pathlib import Path

import servers
from common import BUILD, LabError, run

PORT = 8428
USER = "prometheus"


def found() -> str:
    """Its path where it is there; nothing else."""
    unpacked = BUILD / "victoria-metrics/usr/bin/victoria-metrics"
    return shutil.which("victoria-metrics") or (str(unpacked) if unpacked.exists() else "")


def program() -> str:
    """Its path; Debian and Ubuntu have the package victoria-metrics."""
    unpacked = BUILD / "victoria-metrics"
    if not found():
        unpacked.mkdir(parents=True, exist_ok=True)
        done = run("apt-get", "download", "--quiet", "victoria-metrics", check=False, cwd=unpacked)
        if done.returncode:
            raise LabError(f"the package victoria-metrics cannot be fetched: {(done.stderr or done.stdout).strip()}")
        run("dpkg", "-x", str(next(unpacked.glob("*.deb"))), str(unpacked))
    return found()


class Store:
    """One in a lab, with its files in `directory`."""

    def __init__(self, directory: Path, address: str) -> None:
        self.directory, self.address = directory, address
        self.url = f"https://{address}:{PORT}"
        self.certificate, self.key = directory / "store.crt", directory / "store.key"
        self.password = "store-" + directory.parent.name  # of a lab that nobody else reaches
        directory.mkdir(exist_ok=True)
        if not self.certificate.exists():
            subject = ["-subj", "/CN=store", "-addext", f"subjectAltName=IP:{address}"]
            made = ["-keyout", str(self.key), "-out", str(self.certificate)]
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject, *made],
                check=True,
                capture_output=True,
            )

    def start(self) -> None:
        servers.start(
            self.directory / "store.pid", self.address, PORT,
            program(), f"-storageDataPath={self.directory}/data", f"-httpListenAddr={self.address}:{PORT}",
            "-tls", f"-tlsCertFile={self.certificate}", f"-tlsKeyFile={self.key}",
            f"-httpAuth.username={USER}", f"-httpAuth.password={self.password}", "-dedup.minScrapeInterval=30s",
        )  # fmt: skip

    def stop(self) -> None:
        servers.stop(self.directory / "store.pid")

    def ask(self, path: str, **parameters: str) -> str:
        request = urllib.request.Request(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}")
        request.add_header("Authorization", "Basic " + b64encode(f"{USER}:{self.password}".encode()).decode())
        context = ssl.create_default_context(cafile=str(self.certificate))
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        with urllib.request.build_opener(*handlers).open(request, timeout=30) as answer:
            return answer.read().decode()

    def query(self, expression: str) -> list[dict]:
        """What was stored up to now, without the moment that VictoriaMetrics holds back."""
        answer = self.ask("/api/v1/query", query=expression, nocache="1", latency_offset="1ms")
        return json.loads(answer)["data"]["result"]

    def samples(self, selector: str) -> dict[str, list[int]]:
        """Every stored time of each series in milliseconds, by its label node."""
        lines = self.ask("/api/v1/export", **{"match[]": selector, "reduce_mem_usage": "0"}).splitlines()
        return {one["metric"]["node"]: one["timestamps"] for one in map(json.loads, lines)}
