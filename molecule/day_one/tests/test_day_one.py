# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two monitoring hosts with the settings of one: they are a pair."""

from __future__ import annotations

import json
import socket
import ssl

import pytest
from lab_client import Lab, wait

LAB = Lab("day-one")
REDIS, MONITORING = LAB.named("redis"), LAB.named("monitoring")


def alertmanager(name, path):
    url = f"https://{LAB.address(name)}:9093/api/v2/{path}"
    status, body = LAB.call(url, "admin:" + LAB.secrets["alertmanager_admin_password"])
    assert status == 200, body
    return json.loads(body)


@pytest.mark.parametrize("name", MONITORING)
def test_alertmanagers_are_a_pair(name):
    cluster = wait(lambda: (found := alertmanager(name, "status")["cluster"])["status"] == "ready" and found)
    assert sorted(peer["address"] for peer in cluster["peers"]) == sorted(
        f"{LAB.address(one)}:9094" for one in MONITORING
    )


@pytest.mark.parametrize("name", MONITORING)
def test_gossip_is_encrypted(name):
    """Over TLS by our CA, to those alone who have a certificate of it; and nothing listens for datagrams."""
    context = ssl.create_default_context(cafile=LAB.ca)
    with socket.create_connection((LAB.address(name), 9094), timeout=10) as plain:  # noqa: SIM117
        with context.wrap_socket(plain, server_hostname=LAB.address(name)) as encrypted:
            encrypted.sendall(b"GET / HTTP/1.0\r\n\r\n")
            with pytest.raises(ssl.SSLError, match="(?i)certificate.?required"):
                encrypted.recv(1)
    assert ":9094 " in LAB.shell(name, "ss -Hltn")
    assert ":9094 " not in LAB.shell(name, "ss -Hlun")


@pytest.mark.parametrize("name", MONITORING)
def test_each_prometheus_tells_both(name):
    url = f"https://{LAB.address(name)}:9090/api/v1/alertmanagers"
    dummy, body = LAB.call(url, "admin:" + LAB.secrets["prometheus_admin_password"])
    told = sorted(one["url"].split("/")[2] for one in json.loads(body)["data"]["activeAlertmanagers"])
    assert told == sorted(f"{LAB.address(one)}:9093" for one in MONITORING)


def test_both_have_the_same_ca_and_no_key_of_it_is_on_the_second():
    first, second = MONITORING
    assert LAB.shell(first, "cat /etc/redisops/tls/ca.crt") == LAB.shell(second, "cat /etc/redisops/tls/ca.crt")
    assert LAB.shell(second, "ls -d /etc/redisops/ca 2>/dev/null || echo none").strip() == "none"


def test_doctor_and_verify_are_content():
    for name in ("doctor", "verify"):
        done = LAB.playbook(f"redisops.monitoring.{name}")
        assert done.returncode == 0, done.output
