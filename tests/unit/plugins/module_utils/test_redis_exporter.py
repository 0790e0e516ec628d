# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ipaddress
import os
import re
import socket
from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.module_utils import _redis_exporter as exporter

ROLE = Path(__file__).parents[4] / "roles" / "redis_exporter"
VARS = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
KNOWN = VARS["__redis_exporter_known_flags"]
DEFAULTS = VARS["__redis_exporter_default_flags"]


def flags(version, **wanted):
    wanted = {name.replace("_", "-"): value for name, value in wanted.items()}
    return exporter.resolve_flags(version, DEFAULTS, wanted, KNOWN, "1.88.0")


def bad_input(function, *args, **kwargs):
    with pytest.raises(exporter.BadInput) as caught:
        function(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Flags that `--help` of real programs lists.
HELP = {
    "1.45.0": """check-key-groups check-keys check-keys-batch-size check-single-keys check-single-streams check-streams
        config-command connection-timeout count-keys debug export-client-list export-client-port include-config-metrics
        include-system-metrics is-cluster is-tile38 log-format max-distinct-key-groups namespace ping-on-connect
        redact-config-metrics redis-only-metrics redis.addr redis.password redis.password-file redis.user script
        set-client-name skip-tls-verification tls-ca-cert-file tls-client-cert-file tls-client-key-file
        tls-server-ca-cert-file tls-server-cert-file tls-server-key-file tls-server-min-version version
        web.listen-address web.telemetry-path""",
    "1.69.0": """basic-auth-password basic-auth-username check-key-groups check-keys check-keys-batch-size
        check-single-keys check-single-streams check-streams config-command connection-timeout count-keys debug
        disable-exporting-key-values exclude-latency-histogram-metrics export-client-list export-client-port
        include-config-metrics include-modules-metrics include-system-metrics is-cluster is-tile38 log-format
        max-distinct-key-groups namespace ping-on-connect redact-config-metrics redis-only-metrics redis.addr
        redis.password redis.password-file redis.user script set-client-name skip-tls-verification
        streams-exclude-consumer-metrics tls-ca-cert-file tls-client-cert-file tls-client-key-file
        tls-server-ca-cert-file tls-server-cert-file tls-server-key-file tls-server-min-version version
        web.listen-address web.telemetry-path""",
    "1.86.0": """append-instance-role-label basic-auth-hash-password basic-auth-password basic-auth-username
        check-key-groups check-keys check-keys-batch-size check-search-indexes check-single-keys check-single-streams
        check-streams cluster-discover-hostnames config-command connection-timeout count-keys debug
        disable-exporting-key-values disable-scrape-endpoint exclude-latency-histogram-metrics export-client-list
        export-client-port include-config-metrics include-go-runtime-metrics include-metrics-for-empty-databases
        include-modules-metrics include-rdb-file-size-metric include-search-indexes-metrics include-sentinel-peer-info
        include-system-metrics is-cluster is-tile38 log-format log-level lua-script-read-only max-distinct-key-groups
        namespace ping-on-connect redact-config-metrics redis-only-metrics redis.addr redis.password
        redis.password-file redis.user script set-client-name skip-checkkeys-for-role-master skip-tls-verification
        streams-exclude-consumer-metrics tls-ca-cert-file tls-client-cert-file tls-client-key-file
        tls-server-ca-cert-file tls-server-cert-file tls-server-key-file tls-server-min-version version
        web.listen-address web.telemetry-path""",
}


@pytest.mark.parametrize("version", HELP)
def test_the_flag_table_agrees_with_the_programs(version):
    number = exporter.parse_version(version)
    assert {name for name, flag in KNOWN.items() if exporter.parse_version(flag["since"]) <= number} == set(
        HELP[version].split()
    )


@pytest.mark.parametrize("version", [*HELP, "1.88.0"])
def test_default_flags_are_ones_the_version_has(version):
    found, warnings = flags(version)
    if version in HELP:
        assert set(found) <= set(HELP[version].split())
    assert found["connection-timeout"] == "5s" and found["include-system-metrics"] == "true"
    old = exporter.parse_version(version) < (1, 83, 0)
    assert ("disable-scrape-endpoint" in found) is not old
    assert any("cannot switch off /scrape" in warning for warning in warnings) is old


def test_nothing_revealing_is_on_by_default():
    found, warnings = flags("1.88.0")
    assert not set(found) & set(exporter.REVEALING)
    assert found["disable-exporting-key-values"] == found["redact-config-metrics"] == "true"
    assert warnings == []


@pytest.mark.parametrize("name", sorted(exporter.REVEALING))
def test_what_reveals_data_works_by_name_and_warns(name):
    boolean = KNOWN[name]["type"] == "bool"
    found, warnings = exporter.resolve_flags("1.88.0", DEFAULTS, {name: boolean or "user:*"}, KNOWN, "1.88.0")
    assert name in found
    assert len(warnings) == 1 and name in warnings[0] and "PHI" in warnings[0]
    off = False if boolean else ""
    assert exporter.resolve_flags("1.88.0", DEFAULTS, {name: off}, KNOWN, "1.88.0")[1] == []


@pytest.mark.parametrize("name", sorted(exporter.PROTECTING))
def test_protection_switched_off_warns(name):
    assert name in exporter.resolve_flags("1.88.0", DEFAULTS, {name: False}, KNOWN, "1.88.0")[1][0]


def test_a_flag_that_came_later():
    text = bad_input(flags, "1.69.0", log_level="info")
    assert "log-level came with redis_exporter 1.75.0" in text and "1.69.0" in text


def test_a_flag_that_never_was():
    # the runbook's typing error
    assert "has no flag skip-verify" in bad_input(flags, "1.86.0", skip_verify=True)


def test_a_flag_of_a_future_version_passes_with_a_warning():
    found, warnings = flags("1.99.0", something_new=1)
    assert found["something-new"] == "1" and "not known here" in warnings[0]


@pytest.mark.parametrize("name", sorted(exporter.RESERVED))
def test_flags_that_have_variables(name):
    text = bad_input(exporter.resolve_flags, "1.88.0", {}, {"--" + name: "canary"}, KNOWN, "1.88.0")
    assert exporter.RESERVED[name] in text and "canary" not in text


def test_every_reserved_variable_exists():
    documented = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    for text in exporter.RESERVED.values():
        assert set(text.split(" and ")) <= set(documented)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("is-cluster", True, "true"),
        ("is-cluster", "false", "false"),
        ("is-cluster", "yes", None),
        ("is-cluster", 1, None),
        ("max-distinct-key-groups", 10, "10"),
        ("max-distinct-key-groups", "ten", None),
        ("connection-timeout", "1m30s", "1m30s"),
        ("connection-timeout", "500ms", "500ms"),
        ("connection-timeout", 5, None),
        ("namespace", "cache", "cache"),
        ("namespace", "two\nlines", None),
        ("namespace", None, None),
        ("namespace", [], None),
        ("namespace", {}, None),
    ],
)
def test_values(name, value, text):
    if text is None:
        assert "value of " + name in bad_input(
            exporter.resolve_flags, "1.88.0", DEFAULTS, {name: value}, KNOWN, "1.88.0"
        )
    else:
        assert exporter.resolve_flags("1.88.0", DEFAULTS, {name: value}, KNOWN, "1.88.0")[0][name] == text


@pytest.mark.parametrize("version", ["latest", "1.86", "v1.86.0", "1.86.0-1", "", "1.86.0\n"])
def test_versions_that_are_none(version):
    assert "redis_exporter_version" in bad_input(flags, version)


def test_too_old():
    assert "1.45.0 or newer" in bad_input(flags, "1.44.0")


@pytest.mark.parametrize(
    ("wanted", "logs"),
    [
        ({"debug": True}, True),
        ({"debug": False}, False),
        ({"log-level": "DEBUG"}, True),
        ({"log-level": "info"}, False),
    ],
)
def test_levels_that_log_the_password(wanted, logs):
    found, _warnings = exporter.resolve_flags("1.88.0", DEFAULTS, wanted, KNOWN, "1.88.0")
    assert exporter.logs_secrets(found) is logs


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
    assert exporter.parse_addr(addr) == parsed


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
    text = bad_input(exporter.parse_addr, addr)
    assert "redis_exporter_redis_addr" in text and "canary" not in text


def test_listen_address_in_order_of_preference(monkeypatch):
    monkeypatch.setattr(exporter, "is_local", lambda address: address in ("10.0.1.102", "10.0.9.9", "172.16.0.5"))
    monkeypatch.setattr(exporter, "default_source", lambda: "172.16.0.5")
    assert exporter.listen_address("10.0.9.9", "10.0.1.102", "x") == "10.0.9.9"
    assert exporter.listen_address("", "10.0.1.102", "10.0.9.9") == "10.0.1.102"
    assert exporter.listen_address("", "", "10.0.9.9") == "10.0.9.9"
    assert exporter.listen_address("", "", "54.1.2.3") == "172.16.0.5"  # the public address is no address of the host
    assert exporter.listen_address("", "", "redis-node-1a") == "172.16.0.5"
    assert exporter.listen_address("", "", "127.0.0.1") == "172.16.0.5"
    text = bad_input(exporter.listen_address, "10.0.1.103", "", "")
    assert "10.0.1.103 is not an address of this host" in text
    assert "private_ip_address" in bad_input(exporter.listen_address, "", "10.0.1.103", "")
    assert "no IP address" in bad_input(exporter.listen_address, "redis-node-1a", "", "")
    monkeypatch.setattr(exporter, "default_source", lambda: None)
    assert "no default route" in bad_input(exporter.listen_address, "", "", "")


def test_addresses_of_this_host():
    assert exporter.is_local("127.0.0.1")
    assert not exporter.is_local("192.0.2.77")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_port_owner(family):
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.socket(family) as sock:
        try:
            sock.bind((host, 0))
        except OSError:
            pytest.skip("no IPv6 loopback here")
        port = sock.getsockname()[1]
        assert exporter.port_owner(host, port) is None
        sock.listen()
        assert exporter.port_owner(host, port)[0] == os.getpid()
        if family == socket.AF_INET:
            assert exporter.port_owner("0.0.0.0", port)[0] == os.getpid()
            assert exporter.port_owner("127.0.0.2", port) is None


def test_port_owner_on_every_address():
    with socket.create_server(("0.0.0.0", 0)) as sock:
        assert exporter.port_owner("127.0.0.1", sock.getsockname()[1])[0] == os.getpid()


def test_kernel_addresses_of_this_machine():
    text = Path("/proc/net/tcp6").read_text() if Path("/proc/net/tcp6").exists() else ""
    for address in re.findall(r"^ *\d+: ([0-9A-F]{32}):", text, re.M):
        assert isinstance(exporter._kernel_address(address), ipaddress.IPv6Address)


@pytest.mark.parametrize(
    ("text", "up", "version", "runs"),
    [
        ('redis_up 1\nredis_exporter_build_info{a="b",version="1.86.0-1"} 1\n', 1, "1.86.0-1", True),
        ('redis_up 0\nredis_exporter_build_info{version="v1.86.0",x="y"} 1\n', 0, "1.86.0", True),
        ('redis_exporter_build_info{version="1.86.01"} 1\n', None, "1.86.01", False),
        ("redis_up 1\n", 1, None, True),
    ],
)
def test_metrics(text, up, version, runs):
    metrics = exporter.Metrics(text)
    assert (metrics.value("up"), metrics.version, metrics.runs("1.86.0")) == (up, version, runs)


@pytest.mark.parametrize(
    ("result", "status", "journal", "words"),
    [
        ("exit-code", 2, 'flag provided but not defined: -skip-verify\nUsage: (default "canary")', "skip-verify"),
        ("exit-code", 2, 'invalid boolean value "x" for -is-cluster: parse error', "is-cluster"),
        ("exit-code", 1, 'level=fatal msg="open /etc/x.key: no such file or directory"', "/etc/x.key"),
        ("exit-code", 1, "open /run/credentials/x.service/pwd: permission denied", "make-rshared"),
        ("exit-code", 1, "listen tcp 10.0.1.102:9121: bind: address already in use", "port"),
        ("exit-code", 1, "listen tcp 10.0.1.103:9121: bind: cannot assign requested address", "listen_address"),
        ("exit-code", 1, 'level=fatal msg="couldn\'t parse check-keys: canary"', "check-keys"),
        ("exit-code", 203, "", "architecture"),
        ("exit-code", 226, "", "sandbox"),
        ("exit-code", 243, "", "credentials"),
        ("core-dump", 31, "", "SIGSYS"),
        ("signal", 9, "", "signal"),
        ("exit-code", 7, "canary", "exit status 7"),
    ],
)
def test_why_it_ended(result, status, journal, words):
    text = exporter.why_ended(result, status, journal)
    assert words in text and "canary" not in text and "\n" not in text
