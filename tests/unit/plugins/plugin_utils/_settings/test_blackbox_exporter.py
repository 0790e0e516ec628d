# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role blackbox_exporter refuses, and what it makes of its settings."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _templates, blackbox_exporter

HOST = _core.Host("localhost", addresses=["10.0.0.1"], default_address="10.0.0.1", architecture="x86_64")
CASES = [
    ({}, ""),
    ({"blackbox_exporter_version": "v0.28.0"}, "give three numbers such as"),
    ({"blackbox_exporter_version": "0.22.0"}, "the oldest that this role knows is 0.23.0"),
    ({"blackbox_exporter_listen_address": "0.0.0.0"}, "everybody who reaches it could probe everything"),
    ({"blackbox_exporter_redis_cert_file": "/x"}, "_redis_cert_file and blackbox_exporter_redis_key_file belong"),
    ({"blackbox_exporter_timeout": "5"}, "blackbox_exporter_timeout is 5, which is not a duration"),
    ({"blackbox_exporter_modules": {"x": {"tcp": {}}}}, "blackbox_exporter_modules.x has no prober"),
    ({"blackbox_exporter_modules": {"x": {"prober": "icmp"}}}, "is for icmp, which needs a capability"),
    (
        {"blackbox_exporter_modules": {"x": {"prober": "http", "http": {"basic_auth": {"password": "canary"}}}}},
        "blackbox_exporter_modules.x has the key password, which would put a secret",
    ),
    (
        {"blackbox_exporter_modules": {"x": {"prober": "tcp", "tcp": {"tls_config": {"insecure_skip_verify": True}}}}},
        "has insecure_skip_verify, so it would trust anybody",
    ),
    ({"blackbox_exporter_credentials": {"redis.key": "canary"}}, "named redis.key, which is taken"),
    ({"blackbox_exporter_flags": {"config.file": "x"}}, "sets config.file, which belongs to the role"),
]


@pytest.mark.parametrize(("settings", "says"), CASES)
def test_bad_settings_are_named_in_one_line_each(settings, says):
    found = _core.judge("blackbox_exporter", settings, HOST)[1]
    assert re.search(says or r"\A\Z", "; ".join(found)), found
    assert not any("\n" in line or "canary" in line for line in found)


def test_every_certificate_is_handed_over_and_checked(run_checks):
    given = {
        "blackbox_exporter_web_tls_cert_file": "/tls/web.crt",
        "blackbox_exporter_web_tls_key_file": "/tls/web.key",
        "blackbox_exporter_web_users": {"prometheus": "canary"},
        "blackbox_exporter_redis_ca_file": "/tls/redis_ca.crt",
        "blackbox_exporter_redis_cert_file": "/tls/redis.crt",
        "blackbox_exporter_redis_key_file": "/tls/redis.key",
        "blackbox_exporter_https_ca_file": "/tls/https_ca.crt",
        "blackbox_exporter_credentials": {"probe": "canary"},
        "blackbox_exporter_modules": {"x": {"prober": "dns", "dns": {"query_name": "example.com"}}},
    }
    settings, problems = _core.judge("blackbox_exporter", given, HOST)
    assert problems == []
    service = blackbox_exporter.service(settings, HOST)
    assert run_checks(service) == run_checks(service, 0) == ""
    config, unit = (_templates.render(file["template"], service["values"]) for file in service["config"]["files"])
    handed = dict(re.findall("^LoadCredential=(.*?):(.*)$", unit, re.MULTILINE))
    assert handed == {
        **{name: f"/tls/{name}" for name in ("web.crt", "web.key", "redis_ca.crt", "redis.crt", "redis.key")},
        "https_ca.crt": "/tls/https_ca.crt",
        "web.yml": "/etc/blackbox_exporter/credentials/web.yml",
        "probe": "/etc/blackbox_exporter/credentials/probe",
    }
    assert "canary" not in config + unit
    modules = yaml.safe_load(config)["modules"]
    named = set(re.findall("/run/credentials/blackbox_exporter.service/([a-z_.]+)", config))
    assert named == {"redis_ca.crt", "redis.crt", "redis.key", "https_ca.crt"}
    assert modules["redis_tls"]["tcp"]["query_response"] == [{"send": "QUIT"}, {"expect": r"^\+OK"}]
    assert list(modules) == ["redis_tls", "https", "x"]
    assert [each["what"] for each in service["config"]["certificates"]] == [
        "blackbox_exporter_web_tls", "blackbox_exporter_redis", "blackbox_exporter_redis_ca_file",
        "blackbox_exporter_https_ca_file",
    ]  # fmt: skip


def test_redis_without_client_certificates_is_asked_nothing():
    settings, dummy = _core.read("blackbox_exporter", {"blackbox_exporter_redis_server_name": "redis"})
    assert blackbox_exporter.redis_tls(settings, blackbox_exporter.of_redis(settings), "")["tcp"] == {
        "preferred_ip_protocol": "ip4",
        "tls": True,
        "tls_config": {"server_name": "redis", "min_version": "TLS12"},
        "query_response": [],
    }


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"blackbox_exporter_flags": {"bogus": 1}}, "unknown long flag '--bogus'"),
        ({"blackbox_exporter_modules": {"x": {"prober": "tcp", "nosuch": 1}}}, "field nosuch not found"),
    ],
)
def test_what_only_the_program_knows_is_refused_by_its_checks(run_checks, settings, says):
    assert says in run_checks(blackbox_exporter.service(_core.read("blackbox_exporter", settings)[0], HOST))
