# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.ending import why_ended
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.metrics import Metrics


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
    metrics = Metrics(text)
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
    text = why_ended(result, status, journal)
    assert words in text and "canary" not in text and "\n" not in text
