# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _sockets


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_sockets_of_this_process(family, host):
    try:
        server = socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip("no IPv6 loopback here")
    port = server.getsockname()[1]
    with server, socket.create_connection((host, port)) as client:
        mine = [one for one in _sockets.tcp() if one.port == port]
        [listening] = [one for one in mine if one.listens]
        assert str(listening.address) == host
        assert [str(one.peer) for one in mine if one.established] == [host]
        assert _sockets.owners({listening.inode})[listening.inode][0] == os.getpid()
        assert client.getpeername()[1] == port


def test_a_host_without_the_tables(tmp_path):
    assert list(_sockets.tcp(str(tmp_path))) == []


def test_addresses_without_those_of_the_loopback(tmp_path):
    net = tmp_path / "net"
    net.mkdir()
    (net / "fib_trie").write_text("""Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 10.0.1.5
        /30 link UNICAST
        /32 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 10.0.1.7
        /32 link BROADCAST
Local:
     |-- 10.0.1.5
        /32 host LOCAL
""")
    (net / "if_inet6").write_text(
        "00000000000000000000000000000001 01 80 10 80       lo\nfd000000000000000000000000000002 04 40 00 82     eth0\n"
    )
    assert list(_sockets.addresses(str(tmp_path))) == ["10.0.1.5", "fd00::2"]
    assert list(_sockets.addresses(str(tmp_path / "none"))) == []
