# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the exporter of this host listens, and who listens there already. Private."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct

from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.settings import BadInput


def is_local(address: str) -> bool:
    """Whether a socket of this host can have the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.bind((address, 0))
        return True
    except OSError:
        return False


def loopback_of(wildcard: str) -> str:
    """Where a program that listens on every address is reached."""
    return "::1" if ":" in wildcard else "127.0.0.1"


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


def listen_address(wanted: str, private: str, connection: str) -> str:
    """Address to listen on: the wanted one, the inventory's private one, the one Ansible uses, the default route's."""
    for name, address in (
        ("redis_exporter_listen_address", wanted),
        ("private_ip_address of the inventory", private),
    ):
        if not address:
            continue
        address = address.strip("[]")
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise BadInput("%s: %s is no IP address" % (name, address)) from None
        if not is_local(address):
            raise BadInput(
                "%s: %s is not an address of this host; set redis_exporter_listen_address to one of them"
                % (name, address)
            )
        return address
    try:
        usable = ipaddress.ip_address(connection).is_private and not ipaddress.ip_address(connection).is_loopback
    except ValueError:
        usable = False
    address = connection if usable and is_local(connection) else default_source()
    if not address:
        raise BadInput("this host has no default route to tell its address by; set redis_exporter_listen_address")
    return address


def url(listen: str, port: int, path: str = "/metrics", tls: bool = False) -> str:
    """Where this host reaches its exporter."""
    host = loopback_of(listen) if listen in ("0.0.0.0", "::") else listen  # noqa: S104
    return "%s://%s:%d%s" % ("https" if tls else "http", "[%s]" % host if ":" in host else host, port, path)


def port_owner(address: str, port: int, proc: str = "/proc") -> tuple[int, str] | None:
    """(pid, name) of the process that listens there already, (0, "") where it is not to be seen, None for none."""
    for table, width in (("tcp", 8), ("tcp6", 32)):
        try:
            with open(os.path.join(proc, "net", table), encoding="ascii") as handle:
                rows = [line.split() for line in handle][1:]
        except OSError:
            continue
        for row in rows:
            text, _colon, number = row[1].partition(":")
            if row[3] == "0A" and int(number, 16) == port and len(text) == width:
                heard = kernel_address(text)
                if heard.is_unspecified or heard == ipaddress.ip_address(address) or address in ("0.0.0.0", "::"):  # noqa: S104
                    return _socket_owner(row[9], proc)
    return None


def kernel_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as /proc/net/tcp writes it."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return ipaddress.ip_address(struct.pack("=%dI" % len(words), *words))


def _socket_owner(inode: str, proc: str) -> tuple[int, str]:
    for pid in filter(str.isdigit, os.listdir(proc)):
        directory = os.path.join(proc, pid, "fd")
        try:
            for handle in os.listdir(directory):
                if os.readlink(os.path.join(directory, handle)) == "socket:[%s]" % inode:
                    with open(os.path.join(proc, pid, "comm"), encoding="utf-8") as comm:
                        return int(pid), comm.read().strip()
        except OSError:
            continue
    return 0, ""
