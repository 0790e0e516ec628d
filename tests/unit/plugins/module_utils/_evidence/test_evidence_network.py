# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress
import socket

from ansible_collections.redisops.monitoring.plugins.module_utils import _sockets
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import network

NFT = """table inet filter { # handle 1
    chain input { # handle 1
        type filter hook input priority filter; policy drop;
        ct state established,related accept # handle 2
        ip saddr 10.0.1.20 tcp dport 9121 counter packets 0 bytes 0 drop # handle 7
    }
    chain output { # handle 3
        type filter hook output priority filter; policy accept;
        tcp dport 9121 reject with tcp reset # handle 9
    }
}
""".replace("    ", "\t")  # as nft indents
IPTABLES = """*nat
:INPUT ACCEPT [0:0]
COMMIT
*filter
:INPUT DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 9121 -j DROP
-A OUTPUT -d 10.0.2.27/32 -j REJECT --reject-with icmp-port-unreachable
COMMIT
"""


def test_rules_of_nftables_that_take_packets_away():
    policy, drop, reject = network.nft_rules(NFT)
    assert (policy["hook"], policy["let"]) == ("input", "sudo nft insert rule inet filter input")
    assert drop["undo"] == "sudo nft delete rule inet filter input handle 7"
    assert "tcp dport 9121" in drop["rule"] and drop["hook"] == "input"
    assert (reject["hook"], reject["undo"]) == ("output", "sudo nft delete rule inet filter output handle 9")


def test_rules_of_iptables_that_take_packets_away():
    policy, drop, reject = network.iptables_rules("iptables", IPTABLES)
    assert (policy["hook"], policy["let"]) == ("input", "sudo iptables -I INPUT")
    assert drop["undo"] == "sudo iptables -D INPUT -p tcp -m tcp --dport 9121 -j DROP"
    assert (reject["hook"], "10.0.2.27/32" in reject["rule"]) == ("output", True)


def test_a_port_that_nobody_listens_on_and_one_that_somebody_does():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert network.tcp("127.0.0.1", port) == ""
    assert network.tcp("127.0.0.1", port) == "refused"
    assert network.tcp("no-such-host.invalid", port) == "name_unknown"


def test_sockets_of_both_versions_of_ip_are_in_one_order(monkeypatch):
    def listens(address, port, inode):
        return _sockets.Socket(ipaddress.ip_address(address), port, ipaddress.ip_address("::"), "0A", inode)

    sockets = [listens("::", 9100, "1"), listens("10.0.1.2", 9121, "2"), listens("10.0.1.2", 22, "3")]
    monkeypatch.setattr(_sockets, "tcp", lambda: iter(sockets))
    monkeypatch.setattr(_sockets, "owners", lambda inodes: {"2": (7, "redis_exporter")})
    assert network.listening() == [
        {"address": "10.0.1.2", "port": 22, "pid": 0, "program": ""},
        {"address": "10.0.1.2", "port": 9121, "pid": 7, "program": "redis_exporter"},
        {"address": "::", "port": 9100, "pid": 0, "program": ""},
    ]
