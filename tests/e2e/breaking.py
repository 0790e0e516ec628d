# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hosts of a lab are broken and mended: power, network, disk, clock. Without SSH, which may be what is broken."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import clock
from lab_site import Site, SiteError  # makes the modules of the lab known

# isort: split
import podman
import servers

MIB = 2**20
# What one disk holds on a real host, of what is ours and of what a run of Ansible writes to. Not Grafana's directory:
# the role refuses to start Grafana where that is a mount point.
ON_THE_DISK = {
    "monitoring": "/opt /var/lib/private /etc/prometheus /etc/alertmanager /etc/redisops /home /root /tmp /var/tmp",
    "redis": "/opt /var/lib/private /etc/redisops /home /root /tmp /var/tmp",
}
UNITS = {
    "monitoring": "prometheus alertmanager blackbox_exporter node_exporter grafana-server",
    "redis": "redis_exporter node_exporter",
}
CLOCKED = ("prometheus", "alertmanager", "blackbox_exporter", "node_exporter")


def name(site: Site, host: str) -> str:
    return f"redisops-{site.name}-{host}"


def inside(site: Site, host: str, script: str, *arguments: str, shell: tuple[str, ...] = ("sh", "-ec")) -> str:
    """Runs a script as root in a host, through podman."""
    podman.settings()
    done = subprocess.run(
        ["podman", "exec", "-i", name(site, host), *shell, script, *arguments], env=podman.ENVIRONMENT,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise SiteError(f"{host}: {script.strip().splitlines()[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def role(site: Site, host: str) -> str:
    return "redis" if host in site.redis else "monitoring"


# Power


def power(site: Site, host: str, verb: str) -> None:
    """kill: the plug is pulled; start: it boots again."""
    podman.settings()
    podman.run("podman", verb, name(site, host))
    deadline = time.monotonic() + 60
    while verb == "start" and not servers.listens(site.address[host], 22):
        if time.monotonic() > deadline:
            raise SiteError(f"{host} does not boot")
        time.sleep(0.5)


# Network


def cut(site: Site, host: str, *others: str) -> None:
    """Nothing passes between a host and the others, or with no others, between it and anybody."""
    addresses = ", ".join(site.address[other] for other in others)
    came, left = (f"ip {way} {{ {addresses} }}" if others else f'{face} != "lo"'
                  for way, face in (("saddr", "iifname"), ("daddr", "oifname")))  # fmt: skip
    inside(
        site, host,
        "nft add table inet campaign\n"
        "nft add chain inet campaign in '{ type filter hook input priority 0; }'\n"
        "nft add chain inet campaign out '{ type filter hook output priority 0; }'\n"
        f"nft add rule inet campaign in '{came}' drop\n"
        f"nft add rule inet campaign out '{left}' drop\n",
    )  # fmt: skip


def heal(site: Site, host: str) -> None:
    inside(site, host, "nft delete table inet campaign")


# Disk


class SmallDisk:
    """A file system of its own, with little room, in place of the machine's disk that all hosts share."""

    def __init__(self, site: Site, host: str, room: int = 480) -> None:
        self.site, self.host, self.room = site, host, room
        self.paths, self.units = ON_THE_DISK[role(site, host)], UNITS[role(site, host)]
        self.image = site.directory / f"{host}.disk"
        self.device = ""

    def attach(self) -> None:
        # Prometheus takes 128 MiB at once for a file of its newest samples.
        used = inside(self.site, self.host, f"du -xsmc {self.paths} | tail -1 | cut -f1")
        size = round(int(used) * 1.1) + self.room + 16
        with self.image.open("wb") as file:
            file.truncate(size * MIB)
        podman.run("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image))
        self.device = podman.run("losetup", "--find", "--show", str(self.image)).stdout.strip()
        inside(
            self.site, self.host,
            f"mkdir -p /disk; mount {self.device} /disk\n"
            f"for path in {self.paths}; do mkdir -p /disk$path; cp -a $path/. /disk$path/; done\n"
            f"systemctl stop {self.units}\n"  # for seconds: what has changed meanwhile
            f"for path in {self.paths}; do cp -au $path/. /disk$path/; mount --bind /disk$path $path; done\n"
            f"systemctl start {self.units}",
        )  # fmt: skip

    def fill(self) -> None:
        """To the last byte."""
        inside(self.site, self.host, "cat /dev/zero > /disk/full 2>/dev/null || true")

    def free(self) -> None:
        inside(self.site, self.host, "rm -f /disk/full")

    def detach(self) -> None:
        """Everything is where it was, with what has been written meanwhile."""
        with suppress(SiteError):
            inside(
                self.site, self.host,
                f"rm -f /disk/full; systemctl stop {self.units}\n"
                f"for path in {self.paths}; do umount -l $path; rm -rf $path/..?* $path/.[!.]* $path/*;"
                f" cp -a /disk$path/. $path/; done; umount /disk; rmdir /disk; systemctl start {self.units}",
            )  # fmt: skip
        podman.run("losetup", "--detach", self.device)
        self.image.unlink()


# Clock


def shift(site: Site, host: str, seconds: int) -> None:
    """The services of a monitoring host think that it is so much later; with 0 they are right again, and go on."""
    program = Path(clock.__file__).read_text()
    for unit in CLOCKED:
        pid = inside(site, host, f"systemctl show --property=MainPID --value {unit}").strip()
        inside(site, host, program, pid, str(seconds), shell=("python3", "-c"))


# Every Python of the host has another clock, and so have Ansible's modules.
CUSTOMIZE = "$(echo /etc/python3.*/sitecustomize.py)"


def shift_python(site: Site, host: str, seconds: int) -> None:
    line = f"import time; time.time = lambda real=time.time: real() + {seconds} # campaign"
    inside(site, host, f"echo '{line}' >> {CUSTOMIZE}")


def right_python(site: Site, host: str) -> None:
    inside(site, host, f"sed -i '/# campaign$/d' {CUSTOMIZE}")
