# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks every service of a lab once a second, from outside over TLS, and keeps how long it did not answer."""

from __future__ import annotations

import socket
import ssl
import threading
import time

from lab_site import Site

# What listens beyond its own host.
PORTS = {
    "redis": {9121: "redis_exporter", 9100: "node_exporter"},
    "monitoring": {9090: "prometheus", 9093: "alertmanager", 3000: "grafana"},
}
PATIENCE = 5  # seconds; a busy machine answers late, a service that is down refuses at once


class Downs:
    """From answers with their moments to times without one."""

    def __init__(self) -> None:
        self.since: float | None = None
        self.longest = 0.0

    def down(self, at: float) -> None:
        """It did not answer when asked at this moment."""
        self.since = at if self.since is None else self.since
        self.longest = max(self.longest, at - self.since)

    def up(self, at: float) -> None:
        if self.since is not None:
            self.longest = max(self.longest, at - self.since)
        self.since = None


class Probe(threading.Thread):
    def __init__(self, address: str, port: int, ca: str) -> None:
        super().__init__(daemon=True)
        self.address, self.port = address, port
        self.context = ssl.create_default_context(cafile=ca)
        self.downs, self.stop = Downs(), threading.Event()

    def answers(self) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=PATIENCE) as plain:  # noqa: SIM117
                with self.context.wrap_socket(plain, server_hostname=self.address):
                    return True
        except OSError:
            return False

    def run(self) -> None:
        while not self.stop.is_set():
            at = time.monotonic()
            if self.answers():
                self.downs.up(time.monotonic())
            else:
                self.downs.down(at)
            self.stop.wait(max(1 - (time.monotonic() - at), 0))


class Prober:
    """with Prober(site) as prober: ...; then prober.longest()."""

    def __init__(self, site: Site) -> None:
        self.probes = {
            (name, host): Probe(site.address[host], port, site.ca)
            for role, hosts in (("redis", site.redis), ("monitoring", site.monitoring))
            for host in hosts
            for port, name in PORTS[role].items()
        }

    def __enter__(self) -> Prober:
        for probe in self.probes.values():
            probe.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        for probe in self.probes.values():
            probe.stop.set()
        for probe in self.probes.values():
            probe.join()

    def longest(self) -> dict[str, float]:
        """Seconds without an answer at worst, by service; one that is still down counts up to now."""
        now, found = time.monotonic(), {}
        for (name, _host), probe in self.probes.items():
            downs = probe.downs
            worst = downs.longest if downs.since is None else max(downs.longest, now - downs.since)
            found[name] = max(found.get(name, 0.0), worst)
        return found
