# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.filter.silence_matchers import silence_matchers


@pytest.mark.parametrize(
    ("given", "labels", "matchers"),
    [
        (None, {}, []),
        ("", {"node": "redis-node-1a", "cluster": ""}, ["node=redis-node-1a"]),
        (['alertname=~"Redis.*"'], {"cluster": "c"}, ['alertname=~"Redis.*"', "cluster=c"]),
        (["node=~a{1,3}"], {}, ["node=~a{1,3}"]),  # one matcher an element, whatever is in it
        ("alertname=RedisSwapping,node=x", {}, ["alertname=RedisSwapping", "node=x"]),
        ('instance=~"a{1,3}"', {}, ['instance=~"a{1,3}"']),
        ('{instance=~"a{1,3}", node = "b" ,}', {}, ['instance=~"a{1,3}"', 'node = "b"']),
        (r'a="x\",y\\",b="z"', {}, [r'a="x\",y\\"', 'b="z"']),
    ],
)
def test_matchers_as_alertmanager_reads_them(given, labels, matchers):
    assert silence_matchers(given, labels) == matchers
