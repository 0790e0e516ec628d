# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys as a careful user has them: those of a bare lab are readable by everybody, which doctor warns of."""

from __future__ import annotations

import pytest
from test_two_clusters import LAB


@pytest.fixture(scope="session", autouse=True)
def keys():
    key = "/home/ubuntu/redis-certs/redis-server-key.pem"
    for name in LAB.named("redis"):
        LAB.shell(name, f"chown redis {key}; chmod 0600 {key}; systemctl restart redis_exporter")
