# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes of a Redis that wants client certificates, and of an endpoint of ours."""

from __future__ import annotations

import re
import time

import pytest
from lab_client import Lab, check_unit

LAB = Lab("alertmanager")
(NODE,) = LAB.named("redis")
MONITORING = LAB.named("monitoring")[0]
REDIS = LAB.address(NODE)


@pytest.fixture(scope="module")
def host():
    return LAB.host(MONITORING)


def fetch(host, path):
    code = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:9115{path}', timeout=20).read().decode())"
    return host.check_output(f'python3 -c "{code}"')


def probe(host, module, target):
    lines = fetch(host, f"/probe?module={module}&target={target}").splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}


def denied():
    """What Redis counts as denied commands, for which there is an alert."""
    code = (
        "import ssl, socket; c = ssl.create_default_context(cafile='/etc/redis/tls/ca.crt');"
        "c.load_cert_chain('/etc/redis/tls/server.crt', '/etc/redis/tls/server.key');"
        "s = c.wrap_socket(socket.create_connection(('127.0.0.1', 6379)), server_hostname='127.0.0.1');"
        "s.sendall(open(0).read().encode()); import time; time.sleep(0.5); print(s.recv(65536).decode())"
    )
    password = LAB.secrets["redis_admin_password"]
    words = f"AUTH admin_user {password}\\r\\nINFO errorstats\\r\\n"
    answer = LAB.host(NODE).check_output(f"printf '{words}' | python3 -c \"{code}\"")
    assert "# Errorstats" in answer
    return re.findall(r"errorstat_(\w+:count=\d+)", answer)


def test_unit(host):
    check_unit(host, "blackbox_exporter.service")
    assert "127.0.0.1:9115" in host.check_output("ss -ltnH 'sport = :9115'")
    assert "blackbox_exporter_config_last_reload_successful 1" in fetch(host, "/metrics")


def test_probe_of_redis(host):
    before = denied()
    found = probe(host, "redis_tls", f"{REDIS}:6379")
    assert found["probe_success"] == 1
    # The lab's certificates live 825 days.
    assert 820 < (found["probe_ssl_earliest_cert_expiry"] - time.time()) / 86400 <= 825
    (chain,) = (
        value for name, value in found.items() if name.startswith("probe_ssl_last_chain_expiry_timestamp_seconds")
    )
    assert chain > time.time()
    assert denied() == before  # nothing that would raise RedisAuthFailures


def test_without_a_client_certificate_only_the_handshake_succeeds(host):
    found = probe(host, "redis_tls_without_certificate", f"{REDIS}:6379")
    assert found["probe_success"] == 1 and found["probe_ssl_earliest_cert_expiry"] > time.time()


@pytest.mark.parametrize("module", ["redis_tls_other_name", "redis_tls_host_trust"])
def test_who_is_not_trusted_fails(host, module):
    assert probe(host, module, f"{REDIS}:6379")["probe_success"] == 0


def test_a_redis_that_hangs_or_is_down_fails(host):
    node = LAB.host(NODE)
    node.check_output("systemctl kill --signal=STOP redis-server")
    try:
        assert probe(host, "redis_tls", f"{REDIS}:6379")["probe_success"] == 0
    finally:
        node.check_output("systemctl kill --signal=CONT redis-server")
    assert probe(host, "redis_tls", f"{REDIS}:6378")["probe_success"] == 0


def test_probe_of_our_own_endpoint(host):
    address = LAB.address(MONITORING)
    found = probe(host, "https", f"https://{address}:9093/-/healthy")
    assert (found["probe_success"], found["probe_http_status_code"]) == (1, 401)  # it is there, and closed
    assert found["probe_ssl_earliest_cert_expiry"] > time.time()
    assert probe(host, "https", f"http://{REDIS}:22/")["probe_success"] == 0


def test_the_service_reads_the_key_and_nobody_else_does(host):
    readable = host.check_output("find /etc/blackbox_exporter -type f -perm /044 -exec cat {} +")
    assert "redis_tls:" in readable and "KEY" not in readable
    pid = host.check_output("systemctl show -P MainPID blackbox_exporter")
    owner = host.check_output(f"stat -c %U /run/credentials/blackbox_exporter.service/redis.key /proc/{pid}").split()
    assert "root" not in owner[1:] and host.check_output("stat -c %a /etc/prometheus/tls/peer.key") == "600"
