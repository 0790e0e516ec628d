# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test 2: Prometheus scrapes every node, its samples are fresh and have the labels of the inventory. Private."""

from __future__ import annotations

import time
import typing as t

from .._prometheus import Prometheus, for_queries
from . import agent
from .rows import Row, failed, number, passed, verdict

if t.TYPE_CHECKING:
    from .._prometheus import Series

JOB = 'job="redis-cluster"'
NO_SAMPLES = "up, but there is no redis_up"


class Target(t.NamedTuple):
    """A target that Prometheus should have."""

    instance: str
    labels: dict[str, str]

    @property
    def node(self) -> str:
        return self.labels.get("node", self.instance)


def targets_of(groups: t.Iterable[dict[str, t.Any]]) -> list[Target]:
    """Of groups as file_sd has them, each target with the label instance that it gets."""
    return [
        Target(group["labels"].get("instance", target), dict(group["labels"]))
        for group in groups
        for target in group["targets"]
    ]


class Scraped(t.NamedTuple):
    """What Prometheus knows of the exporters."""

    targets: dict[str, dict[str, t.Any]]  # active targets by instance
    up: dict[str, Series]  # redis_up by instance
    ages: dict[str, float]  # of its newest sample, in seconds, by Prometheus' own clock
    asked: bool = True  # whether somebody was asked for samples


def rows(name: str, params: dict[str, t.Any], interval: float, wait: float) -> list[Row]:
    expected = targets_of(params["nodes"])
    if not expected:
        return [failed(name, "targets", "no Redis node is expected: is the inventory empty?")]
    prometheus, samples = Prometheus(params), for_queries(params)
    silent = agent.no_answer(samples) if params["agent"] and samples else []
    samples = None if silent else samples
    late = agent.ON_ITS_WAY if params["agent"] else 0
    deadline = time.monotonic() + wait + late
    first = found = scraped(prometheus, samples)
    while True:
        result = [row(each, found, 2 * interval + 5 + late) for each in expected]
        result += [*silent, *agent.sent(prometheus, 2 * interval + 5 + late)] if params["agent"] else []
        again = worth_waiting(expected, result, found, first) or params["agent"] and agent.may_arrive(result)
        if time.monotonic() > deadline or not again:
            return result
        time.sleep(1)
        found = scraped(prometheus, samples)


def scraped(prometheus: Prometheus, samples: Prometheus | None) -> Scraped:
    """What Prometheus scrapes, and what it or the store of an agent has of it."""
    active = prometheus.get("targets", state="active")["activeTargets"]
    targets = {
        each["labels"].get("instance", ""): each for each in active if each["labels"].get("job") == "redis-cluster"
    }
    if samples is None:
        return Scraped(targets, {}, {}, asked=False)
    values = {identity(each): each for each in samples.query("redis_up{%s}" % JOB)}
    ages = youngest(samples.query("time() - timestamp(redis_up{%s})" % JOB), lambda each: -each.value)
    up = {instance: values[identity(each)] for instance, each in ages.items() if identity(each) in values}
    return Scraped(targets, up, {instance: each.value for instance, each in ages.items()})


def identity(series: Series) -> frozenset[tuple[str, str]]:
    """The labels without the name of the metric, which functions take off."""
    return frozenset((name, value) for name, value in series.labels.items() if name != "__name__")


def youngest(series: t.Iterable[Series], moment: t.Callable[[Series], float]) -> dict[str, Series]:
    """The series of each instance by the latest moment: Prometheus remembers one with former labels for minutes."""
    return {each.labels.get("instance", ""): each for each in sorted(series, key=moment)}


def row(target: Target, found: Scraped, oldest: float) -> Row:
    expected = "up, redis_up 1, newest sample at most %s s old, %d labels" % (number(oldest), len(target.labels))
    active = found.targets.get(target.instance)
    if active is None:
        known = ", ".join(sorted(found.targets)) or "none"
        text = "no target %s in the job redis-cluster (it has %s)" % (target.instance, known)
        return failed(target.node, expected, text)
    if active["health"] != "up":
        why = active.get("lastError") or "not scraped yet"
        return failed(target.node, expected, "target %s is %s: %s" % (target.instance, active["health"], why))
    labels = active["labels"]
    differing = [
        "%s is %s instead of %r" % (name, repr(labels[name]) if name in labels else "missing", value)
        for name, value in sorted(target.labels.items())
        if labels.get(name) != value
    ]
    if differing:
        return failed(target.node, expected, "labels differ: " + ", ".join(differing))
    if not found.asked:
        return passed(target.node, "up, %d labels" % len(target.labels), "up, labels as expected; " + agent.UNKNOWN)
    series = found.up.get(target.instance)
    if series is None:
        return failed(target.node, expected, NO_SAMPLES)
    age = found.ages.get(target.instance, 0)
    text = "up, redis_up %d, %s s old, labels as expected" % (series.value, number(age))
    return verdict(series.value == 1 and age <= oldest, target.node, expected, text)


def worth_waiting(expected: t.Iterable[Target], result: t.Iterable[Row], found: Scraped, first: Scraped) -> bool:
    """Whether a target failed that was not scraped since the first look: only the next scrape shows a correction.

    A target whose interval or labels were changed a moment ago is a new one to Prometheus. It may have taken the place
    of the one at the first look, and is scraped for the first time within an interval.
    """

    def not_scraped_since(instance: str) -> bool:
        target = found.targets.get(instance)
        if target is None:
            return False
        before = first.targets.get(instance, {}).get("lastScrape")
        return target["health"] == "unknown" or target.get("lastScrape") == before

    return any(row.state == "failed" and not_scraped_since(each.instance) for each, row in zip(expected, result))


def missing_nodes(series: t.Iterable[Series], expected: t.Iterable[Target]) -> list[str]:
    present = {each.labels.get("instance") for each in series}
    return [each.node for each in expected if each.instance not in present]
