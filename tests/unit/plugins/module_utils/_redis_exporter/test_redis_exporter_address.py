# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import address as addresses
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.settings import BadInput


def refused(*arguments):
    with pytest.raises(BadInput) as caught:
        addresses.listen_address(*arguments)
    return str(caught.value)


def test_listen_address_in_order_of_preference(monkeypatch):
    monkeypatch.setattr(addresses, "is_local", lambda address: address in ("10.0.1.102", "10.0.9.9", "172.16.0.5"))
    monkeypatch.setattr(addresses._sockets, "default_source", lambda: "172.16.0.5")
    assert addresses.listen_address("10.0.9.9", "10.0.1.102", "x") == "10.0.9.9"
    assert addresses.listen_address("", "10.0.1.102", "10.0.9.9") == "10.0.1.102"
    assert addresses.listen_address("", "", "10.0.9.9") == "10.0.9.9"
    assert addresses.listen_address("", "", "54.1.2.3") == "172.16.0.5"  # the public address is no address of the host
    assert addresses.listen_address("", "", "redis-node-1a") == "172.16.0.5"
    assert addresses.listen_address("", "", "127.0.0.1") == "172.16.0.5"
    text = refused("10.0.1.103", "", "")
    assert "10.0.1.103 is not an address of this host" in text
    assert "private_ip_address" in refused("", "10.0.1.103", "")
    assert "no IP address" in refused("redis-node-1a", "", "")
    monkeypatch.setattr(addresses._sockets, "default_source", lambda: None)
    assert "no default route" in refused("", "", "")


def test_addresses_of_this_host():
    assert addresses.is_local("127.0.0.1")
    assert not addresses.is_local("192.0.2.77")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_port_owner(family):
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family) as sock:
        try:
            sock.bind((host, 0))
        except OSError:
            pytest.skip("no IPv6 loopback here")
        port = sock.getsockname()[1]
        assert addresses.port_owner(host, port) is None
        sock.listen()
        assert addresses.port_owner(host, port)[0] == os.getpid()
        if family == socket.AF_INET:
            assert addresses.port_owner("0.0.0.0", port)[0] == os.getpid()
            assert addresses.port_owner("127.0.0.2", port) is None


def test_port_owner_on_every_address():
    with socket.create_server(("0.0.0.0", 0)) as sock:
        assert addresses.port_owner("127.0.0.1", sock.getsockname()[1])[0] == os.getpid()


def test_urls():
    assert addresses.url("10.0.1.102", 9121) == "http://10.0.1.102:9121/metrics"
    assert addresses.url("::", 9121, "/m", tls=True) == "https://[::1]:9121/m"
    assert addresses.url("0.0.0.0", 9121) == "http://127.0.0.1:9121/metrics"
