# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The TCP sockets of this host, read from /proc since ss is not on every host, and its own address. Private."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import struct
import typing as t

Address = t.Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class Socket(t.NamedTuple):
    address: Address
    port: int
    peer: Address
    state: str
    inode: str

    @property
    def listens(self) -> bool:
        return self.state == "0A"

    @property
    def established(self) -> bool:
        return self.state == "01"


def tcp(proc: str = "/proc") -> t.Iterator[Socket]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(os.path.join(proc, "net", table), encoding="ascii") as handle:
            for line in list(handle)[1:]:
                fields = line.split()
                address, port = fields[1].split(":")
                peer = fields[2].partition(":")[0]
                yield Socket(_address(address), int(port, 16), _address(peer), fields[3], fields[9])


def addresses(proc: str = "/proc") -> t.Iterator[str]:
    """All addresses of this host but those of the loopback."""
    with contextlib.suppress(OSError), open(os.path.join(proc, "net", "fib_trie"), encoding="ascii") as handle:
        found, last = set(), ""  # in the tables main and local
        for words in map(str.split, handle):
            if words[0] == "|--":
                last = words[1]
            elif words == ["/32", "host", "LOCAL"] and not last.startswith("127."):
                found.add(last)
        yield from sorted(found)
    with contextlib.suppress(OSError), open(os.path.join(proc, "net", "if_inet6"), encoding="ascii") as handle:
        for address in (ipaddress.IPv6Address(int(line.split()[0], 16)) for line in handle):
            if not address.is_loopback:
                yield str(address)


def default_source() -> str | None:
    """The address that this host's packets to the world bear. Connecting a UDP socket sends nothing."""
    for family, anywhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((anywhere, 9))
                return sock.getsockname()[0]
        except OSError:
            continue
    return None


def _address(text: str) -> Address:
    """The kernel writes words of 32 bits in the host's byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return ipaddress.ip_address(struct.pack("=%dI" % len(words), *words))


def owners(inodes: t.Container[str], proc: str = "/proc") -> dict[str, tuple[int, str]]:
    """Process id and program of these sockets, where they are visible."""
    found = {}
    for pid in filter(str.isdigit, os.listdir(proc)):
        directory = os.path.join(proc, pid, "fd")
        with contextlib.suppress(OSError):
            for handle in os.listdir(directory):
                with contextlib.suppress(OSError):
                    link = os.readlink(os.path.join(directory, handle))
                    if link.startswith("socket:[") and link[8:-1] in inodes:
                        with open(os.path.join(proc, pid, "comm"), encoding="utf-8") as comm:
                            found[link[8:-1]] = (int(pid), comm.read().strip())
    return found
