# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.metrics import Metrics
from ansible_collections.redisops.monitoring.plugins.module_utils._verify import exporter


def metrics(**values):
    return Metrics("".join(f"redis_{name} {value}\n" for name, value in values.items()))


@pytest.mark.parametrize(
    ("values", "encrypted", "state", "words"),
    [
        ({"up": 1}, True, "passed", "redis_up 1 over TLS"),
        ({"up": 1}, False, "passed", "clear text: redis_exporter_web_tls_cert_file"),
        ({"up": 1, "cluster_enabled": 1, "cluster_state": 1}, True, "passed", "redis_cluster_state 1"),
        ({"up": 1, "cluster_enabled": 1, "cluster_state": 0}, True, "failed", "redis_cluster_state 0"),
        ({"up": 1, "cluster_enabled": 1}, True, "failed", "+cluster|info"),
        ({"up": 0}, True, "failed", "does not get into Redis"),
        ({"other": 1}, True, "failed", "no redis_exporter"),
    ],
)
def test_exporter(values, encrypted, state, words):
    row = exporter.row("a", metrics(**values), encrypted)
    assert (row.state, words in row.found) == (state, True), row
