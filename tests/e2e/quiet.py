# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Half an hour of ordinary work, planned restarts, another run of site.yml: nobody may be told of anything."""

from __future__ import annotations

import socket
import ssl
import threading
import time

from lab_site import Site, SiteError

SILENCE_MINUTES = 7  # longer than RedisRestarted looks back
PER_SECOND = 50


def command(*words: str | bytes) -> bytes:
    encoded = [word.encode() if isinstance(word, str) else word for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


class Load(threading.Thread):
    """Writes and reads, so many commands a second, at one node; connects again when the node goes away."""

    def __init__(self, site: Site, host: str, per_second: float) -> None:
        super().__init__(daemon=True)
        self.address, self.pause = site.address[host], 2 / per_second
        self.tag, self.password = site.tag(host), site.secret("redis_admin_password")
        tls = site.directory / "hosts" / host / f"etc/{site.program}/tls"
        self.context = ssl.create_default_context(cafile=str(site.directory / "pki/ca.crt"))
        self.context.load_cert_chain(str(tls / "server.crt"), str(tls / "server.key"))
        self.stop, self.commands, self.lost = threading.Event(), 0, 0

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                plain = socket.create_connection((self.address, 6379), timeout=10)
                with self.context.wrap_socket(plain, server_hostname=self.address) as connection:
                    self.work(connection, connection.makefile("rb"))
            except (OSError, ValueError):
                self.lost += 1
                self.stop.wait(1)

    def work(self, connection: ssl.SSLSocket, answers) -> None:
        self.ask(connection, answers, command("AUTH", "admin_user", self.password))
        while not self.stop.wait(self.pause):
            key = f"load:{{{self.tag}}}:{self.commands % 1000}"
            self.ask(connection, answers, command("SET", key, b"x" * 100, "EX", "600"))
            self.ask(connection, answers, command("GET", key))
            self.commands += 2

    @staticmethod
    def ask(connection: ssl.SSLSocket, answers, request: bytes) -> None:
        connection.sendall(request)
        line = answers.readline()
        if line.startswith(b"$") and int(line[1:]) >= 0:
            answers.read(int(line[1:]) + 2)
        elif not line.startswith((b"+", b"$", b":")):
            raise ValueError(line.decode(errors="replace"))


def run(site: Site, minutes: float, variables: str, say) -> dict:
    loads = [Load(site, host, PER_SECOND / len(site.redis)) for host in site.redis]
    begin = time.time()
    for load in loads:
        load.start()
    say(f"{PER_SECOND} commands a second for {minutes:g} minutes")
    time.sleep(minutes * 60)
    lost = sum(load.lost for load in loads)
    for host in site.redis:
        say(f"restart of {host} inside a silence")
        site.playbook(
            "playbooks/silence.yml", f"--extra-vars=@{variables}", "-esilence_state=present", f"-esilence_node={host}",
            f"-esilence_duration={SILENCE_MINUTES}m", "-esilence_comment=restart",
        )  # fmt: skip
        site.on(host, f"systemctl restart {site.redis_unit}")
        wait_for_cluster(site)
    say("site.yml again")
    output = site.playbook("playbooks/site.yml", f"--extra-vars=@{variables}")
    changed = sum(int(word.partition("=")[2]) for word in output.split() if word.startswith("changed="))
    say("until the silences are over")
    time.sleep((SILENCE_MINUTES + 2) * 60)
    for load in loads:
        load.stop.set()
    lines = site.notifications(begin)
    return {
        "minutes": minutes, "seconds": time.time() - begin, "commands": sum(load.commands for load in loads),
        "lost": lost, "restarts": len(site.redis), "site_changed": changed,
        "watchdog": sum(line["path"] == "/deadman" for line in lines),
        "others": [f"{line['at']} {line['path']} {line['body']['status']} "
                   + ", ".join(alert["labels"]["alertname"] for alert in line["body"]["alerts"])
                   for line in lines if line["path"] != "/deadman"],
    }  # fmt: skip


def wait_for_cluster(site: Site) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if all("cluster_state:ok" in site.redis_cli(host, "CLUSTER", "INFO") for host in site.redis):
                return
        except SiteError:
            pass  # still starting
        time.sleep(1)
    raise SiteError("the cluster does not come back within 60 s")
