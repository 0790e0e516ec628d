# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import settings
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.options import OPTIONS

MORE = {
    "version": "1.86.0",
    "flags": {},
    "acl_managed": False,
    "acl_rules": [],
    "web_client_ca_file": "",
    "web_tls_server_name": "",
    "allow_from": [],
}
GOOD = {
    **{name: option.get("default") for name, option in OPTIONS.items()},
    **MORE,
    "redis_addr": "rediss://127.0.0.1:6379",
    "redis_user": "redis_exporter",
    "redis_password": "canary",
}
WEB = {"web_tls_cert_file": "/tls/a.crt", "web_tls_key_file": "/tls/a.key"}
CLIENT = {"tls_cert_file": "/tls/c.crt", "tls_key_file": "/tls/c.key"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "latest"}, ["redis_exporter_version: 'latest' is no release; write three numbers"]),
        ({"version": "1.86"}, ["is no release"]),
        ({"version": "v1.86.0"}, ["is no release"]),
        ({"version": "1.86.0-1"}, ["is no release"]),
        ({"version": ""}, ["is no release"]),
        ({"version": "1.86.0\n"}, ["redis_exporter_version holds a line break"]),
        ({"version": "1.44.0"}, ["1.44.0 is too old; this role needs 1.45.0 or newer"]),
        ({"tls_server_name": "localhost"}, ["redis_exporter_tls_server_name needs redis_exporter 1.87.0 or newer"]),
        ({"tls_server_name": "localhost", "version": "1.87.0"}, []),
        ({"flags": {"skip-verify": True}}, ["redis_exporter_flags: redis_exporter 1.86.0 has no flag skip-verify"]),
        ({"flags": {"is-cluster": "yes"}}, ["is-cluster has to be true or false"]),
        ({"flags": {"debug": True}}, ["at debug level the exporter logs its Redis password"]),
        ({"flags": {"debug": True}, "redis_password": ""}, []),
        ({"web_username": "p", "web_password": "canary"}, []),
        (
            {"version": "1.80.0", "web_username": "p", "web_password": "canary"},
            ["redis_exporter_web_username needs redis_exporter 1.80.2 or newer, and redis_exporter_version is 1.80.0"],
        ),
        ({"web_username": "p"}, ["redis_exporter_web_username and redis_exporter_web_password belong together"]),
        ({"tls_key_file": "/x"}, ["redis_exporter_tls_cert_file and redis_exporter_tls_key_file belong together"]),
        ({"web_tls_cert_file": "/x"}, ["redis_exporter_web_tls_key_file belong together: set both or none"]),
        ({"web_client_ca_file": "/x"}, ["web_client_ca_file needs redis_exporter_web_tls_cert_file and its key"]),
        ({"web_client_ca_file": "/x", **WEB}, ["no client certificate to check the exporter with"]),
        ({"web_client_ca_file": "/x", **WEB, **CLIENT}, []),
        ({"web_client_ca_file": "/x", **WEB, "web_client_cert_file": "/x"}, ["web_client_key_file belong together"]),
        ({"acl_managed": True}, ["needs redis_exporter_acl_admin_user and redis_exporter_acl_admin_password"]),
        (
            {"acl_managed": True, "acl_admin_user": "a", "acl_admin_password": "canary", "redis_password": ""},
            ["redis_exporter_acl_manage needs redis_exporter_redis_user and redis_exporter_redis_password"],
        ),
        ({"acl_managed": True, "acl_admin_user": "a", "acl_admin_password": "canary"}, []),
        ({"allow_from": ["10.0.0.0/8", "::1"]}, []),
        ({"allow_from": ["prometheus"]}, ["redis_exporter_allow_from: prometheus is no IP address or network"]),
        (
            {"allow_from": ["10.0.0.0/8"], "redis_addr": "rediss://node-1a:6379"},
            ["replace node-1a by its address and set redis_exporter_tls_server_name"],
        ),
        ({"allow_from": ["10.0.0.0/8"], "redis_addr": "rediss://localhost:6379"}, []),
        ({"redis_user": "x\nExecStartPre=/bin/evil"}, ["redis_exporter_redis_user holds a line break"]),
        ({"redis_addr": "valkeys://127.0.0.1:6379", "version": "1.64.0"}, ["redis_exporter 1.65.0 or newer"]),
        ({"redis_addr": "127.0.0.1:6379"}, ["has no scheme"]),
        ({"port": 0}, ["redis_exporter_port is 0: ports are 1 to 65535"]),
        ({"listen_address": "redis-node-1a"}, ["redis_exporter_listen_address: redis-node-1a is no IP address"]),
        ({"listen_address": "[::1]"}, []),
        ({"port": 70000, "version": "x", "web_username": "p"}, ["belong together", "is no release", "70000"]),
    ],
)
def test_problems(changes, words):
    found = settings.problems({**GOOD, **changes})
    assert len(found) == len(words), found
    for problem, says in zip(found, words):
        assert says in problem
        assert "\n" not in problem and "canary" not in problem


def test_a_cluster_needs_two_more_rights():
    assert settings.acl_rules(["+info"], {"is-cluster": True}) == ["+info", "+cluster|slots", "+cluster|nodes"]
    assert settings.acl_rules(["+info"], {"is-cluster": "false"}) == settings.acl_rules(["+info"], {}) == ["+info"]


@pytest.mark.parametrize(
    ("addr", "parsed"),
    [
        ("rediss://127.0.0.1:6380", ("rediss", "127.0.0.1", 6380)),
        ("rediss://redis-node-1a", ("rediss", "redis-node-1a", 6379)),
        ("redis://[::1]:7000/", ("redis", "::1", 7000)),
        ("valkeys://10.0.1.102:6379", ("valkeys", "10.0.1.102", 6379)),
    ],
)
def test_addresses(addr, parsed):
    assert settings.parse_addr(addr) == parsed
    assert settings.parse_addr(addr).tls is (parsed[0] in ("rediss", "valkeys"))


def test_the_url_has_the_port():
    assert settings.parse_addr("rediss://redis-node-1a").url == "rediss://redis-node-1a:6379"
    assert settings.parse_addr("redis://[::1]:7000/").url == "redis://[::1]:7000"


@pytest.mark.parametrize(
    "addr",
    [
        "127.0.0.1:6379",
        "rediss://user:canary@127.0.0.1:6379",
        "rediss://user@127.0.0.1:6379",
        "http://127.0.0.1:6379",
        "unix:///run/redis.sock",
        "rediss://127.0.0.1:6379/1",
        "rediss://127.0.0.1:port",
        "rediss://",
    ],
)
def test_bad_addresses(addr):
    with pytest.raises(settings.BadInput, match="redis_exporter_redis_addr") as caught:
        settings.parse_addr(addr)
    assert "canary" not in str(caught.value)
