# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the exporter of this host listens, and who listens there already. Private."""

from __future__ import annotations

import ipaddress
import socket

from ansible_collections.redisops.monitoring.plugins.module_utils import _sockets
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
    address = connection if usable and is_local(connection) else _sockets.default_source()
    if not address:
        raise BadInput("this host has no default route to tell its address by; set redis_exporter_listen_address")
    return address


def url(listen: str, port: int, path: str = "/metrics", tls: bool = False) -> str:
    """Where this host reaches its exporter."""
    host = loopback_of(listen) if listen in ("0.0.0.0", "::") else listen  # noqa: S104
    return "%s://%s:%d%s" % ("https" if tls else "http", "[%s]" % host if ":" in host else host, port, path)


def port_owner(address: str, port: int) -> tuple[int, str] | None:
    """(pid, name) of the process that listens there already, (0, "") where it is not visible, None for none."""
    wanted = ipaddress.ip_address(address)
    for one in _sockets.tcp():
        same = one.address == wanted or one.address.is_unspecified or wanted.is_unspecified
        if one.listens and one.port == port and same:
            return _sockets.owners({one.inode}).get(one.inode, (0, ""))
    return None
