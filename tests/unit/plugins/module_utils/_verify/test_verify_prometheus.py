# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._prometheus import Series
from ansible_collections.redisops.monitoring.plugins.module_utils._verify import prometheus

LABELS = {"node": "redis-node-1a", "cluster": "redis-prod"}
TARGET = prometheus.Target("10.0.1.102:9121", LABELS)


def scraped(health="up", labels=None, up=1.0, age=10.0, error=""):
    labels = {**(LABELS if labels is None else labels), "job": "redis-cluster", "instance": TARGET.instance}
    series = {TARGET.instance: Series(labels, [(0, up)])} if up is not None else {}
    target = {"labels": labels, "health": health, "lastError": error}
    return prometheus.Scraped({TARGET.instance: target}, series, {TARGET.instance: age})


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (scraped(), "passed", "up, redis_up 1, 10 s old"),
        (scraped(age=66), "failed", "66 s old"),
        (scraped(up=0.0), "failed", "redis_up 0"),
        (scraped(up=None), "failed", "no redis_up"),
        (scraped("down", error="connection refused"), "failed", "is down: connection refused"),
        (scraped("unknown"), "failed", "is unknown: not scraped yet"),
        (scraped(labels={"node": "redis-node-1a"}), "failed", "cluster is missing instead of 'redis-prod'"),
        (scraped(labels={**LABELS, "cluster": "x"}), "failed", "cluster is 'x' instead of 'redis-prod'"),
        (prometheus.Scraped({"10.0.9.9:9121": {}}, {}, {}), "failed", "no target 10.0.1.102:9121"),
        (prometheus.Scraped({}, {}, {}), "failed", "(it has none)"),
    ],
)
def test_prometheus(found, state, words):
    row = prometheus.row(TARGET, found, oldest=65)
    assert (row.subject, row.state) == ("redis-node-1a", state), row
    assert words in row.found


def test_a_target_that_fails_is_waited_for_until_it_was_scraped_since_the_first_look():
    def waits(found, first):
        return prometheus.worth_waiting([TARGET], [prometheus.row(TARGET, found, 65)], found, first)

    for health in ("unknown", "down"):
        assert waits(scraped(health), scraped(health))
    later = scraped("down")
    later.targets[TARGET.instance]["lastScrape"] = "2026-11-27T15:00:00Z"
    assert not waits(later, scraped("down"))
    # By another interval it became another target to Prometheus since the first look.
    anew = scraped("unknown")
    anew.targets[TARGET.instance]["lastScrape"] = "0001-01-01T00:00:00Z"
    assert waits(anew, later)
    assert not waits(scraped(), scraped())
    nothing = prometheus.Scraped({}, {}, {})
    assert not waits(nothing, nothing)


def test_the_label_instance_may_be_another_than_the_address():
    groups = [{"targets": ["10.0.1.1:9121"], "labels": {"instance": "a"}}, {"targets": ["b:1", "c:1"], "labels": {}}]
    assert [(each.instance, each.node) for each in prometheus.targets_of(groups)] == [
        ("a", "a"),
        ("b:1", "b:1"),
        ("c:1", "c:1"),
    ]


def test_missing_nodes():
    expected = [prometheus.Target("a:1", {"node": "a"}), prometheus.Target("b:1", {"node": "b"})]
    assert prometheus.missing_nodes([Series({"instance": "a:1"}, [(0, 1)])], expected) == ["b"]
