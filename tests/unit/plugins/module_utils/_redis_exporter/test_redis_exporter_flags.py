# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import flags

ROLE = Path(__file__).parents[5] / "roles" / "redis_exporter"

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
    number = flags.number(version)
    assert {name for name, flag in flags.KNOWN.items() if flags.number(flag["since"]) <= number} == set(
        HELP[version].split()
    )


def problem(version, wanted):
    found = flags.resolve(version, wanted).problems
    assert len(found) == 1 and "\n" not in found[0]
    return found[0]


@pytest.mark.parametrize("version", [*HELP, "1.88.0", "1.89.0"])
def test_default_flags_are_ones_the_version_has(version):
    found = flags.resolve(version, {})
    assert found.problems == []
    if version in HELP:
        assert set(found.values) <= set(HELP[version].split())
    assert found.values["connection-timeout"] == "5s" and found.values["include-system-metrics"] == "true"
    old = flags.number(version) < (1, 83, 0)
    assert ("disable-scrape-endpoint" in found.values) is not old
    assert any("cannot switch off /scrape" in warning for warning in found.warnings) is old


def test_nothing_revealing_is_on_by_default():
    found = flags.resolve("1.88.0", {})
    assert not set(found.values) & set(flags.REVEALING)
    assert found.values["disable-exporting-key-values"] == found.values["redact-config-metrics"] == "true"
    assert found.warnings == []


@pytest.mark.parametrize("name", sorted(flags.REVEALING))
def test_what_reveals_data_works_by_name_and_warns(name):
    boolean = flags.KNOWN[name]["type"] == "bool"
    found = flags.resolve("1.88.0", {name: boolean or "user:*"})
    assert name in found.values
    assert len(found.warnings) == 1 and name in found.warnings[0] and "PHI" in found.warnings[0]
    assert flags.resolve("1.88.0", {name: False if boolean else ""}).warnings == []


@pytest.mark.parametrize("name", sorted(flags.PROTECTING))
def test_protection_switched_off_warns(name):
    assert name in flags.resolve("1.88.0", {name: False}).warnings[0]


def test_a_flag_that_came_later():
    text = problem("1.69.0", {"log-level": "info"})
    assert "log-level came with redis_exporter 1.75.0" in text and "1.69.0" in text


def test_a_flag_that_never_was():
    # the runbook's typing error
    assert "has no flag skip-verify" in problem("1.86.0", {"skip-verify": True})


def test_every_problem_is_told():
    found = flags.resolve("1.69.0", {"skip-verify": True, "log-level": "info", "is-cluster": "yes"})
    assert len(found.problems) == 3


def test_a_flag_of_a_future_version_passes_with_a_warning():
    found = flags.resolve("1.99.0", {"something-new": 1})
    assert found.values["something-new"] == "1" and "not known here" in found.warnings[0]


def test_without_a_table_every_flag_passes():
    assert flags.resolve("1.86.0", {"skip-verify": True}, {"debug": False}, {}).values == {
        "skip-verify": "true",
        "debug": "false",
    }


@pytest.mark.parametrize("name", sorted(flags.RESERVED))
def test_flags_that_have_variables(name):
    text = problem("1.88.0", {"--" + name: "canary"})
    assert flags.RESERVED[name] in text and "canary" not in text


def test_every_reserved_variable_exists():
    documented = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    for text in flags.RESERVED.values():
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
        assert "value of " + name in problem("1.88.0", {name: value})
    else:
        assert flags.resolve("1.88.0", {name: value}).values[name] == text


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
    assert flags.logs_secrets(flags.resolve("1.88.0", wanted).values) is logs
