# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each test of the stack expects and finds. Standard library only.

Private to this collection.
"""

from __future__ import annotations

import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.redisops.monitoring.plugins.module_utils._prometheus import Prometheus, Series

JOB = 'job="redis-cluster"'


class Row(t.NamedTuple):
    """One line of the report."""

    subject: str  # what was tested: a node, a dashboard, a receiver
    expected: str
    found: str
    state: str  # passed, failed, skipped

    def result(self) -> dict[str, str]:
        return self._asdict()


def passed(subject: str, expected: str, found: str) -> Row:
    return Row(subject, expected, found, "passed")


def failed(subject: str, expected: str, found: str) -> Row:
    return Row(subject, expected, found, "failed")


def skipped(subject: str, expected: str, why: str) -> Row:
    return Row(subject, expected, why, "skipped")


def verdict(good: bool, subject: str, expected: str, found: str) -> Row:
    return Row(subject, expected, found, "passed" if good else "failed")


def seconds(duration: str) -> float:
    """Seconds of a duration as Prometheus writes it."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"([0-9]+)(ms|[smhdwy])", duration))


def number(value: float) -> str:
    """A number that people can read at a glance."""
    return "%d" % value if value == int(value) or abs(value) >= 100 else "%.1f" % value


# ------------------------------------------------------------------------------------------- test 1: exporter

EXPORTER = "redis_up 1"


def exporter(node: str, metrics: t.Any, encrypted: bool) -> Row:
    """The answer of an exporter, as _redis_exporter.Metrics."""
    up = metrics.value("up")
    if up is None:
        return failed(node, EXPORTER, "what answers there is no redis_exporter")
    if up != 1:
        return failed(node, EXPORTER, "redis_up 0: the exporter runs, but does not get into Redis")
    found = (
        "redis_up 1 over TLS" if encrypted else "redis_up 1 in clear text: redis_exporter_web_tls_cert_file is not set"
    )
    if metrics.value("cluster_enabled") == 1:
        state = metrics.value("cluster_state")
        if state is None:
            return failed(
                node,
                EXPORTER + ", redis_cluster_state 1",
                found + ", but no redis_cluster_state: its ACL user lacks +cluster|info",
            )
        return verdict(
            state == 1, node, EXPORTER + ", redis_cluster_state 1", "%s, redis_cluster_state %d" % (found, state)
        )
    return passed(node, EXPORTER, found)


# ----------------------------------------------------------------------------------------- test 2: Prometheus


class Wanted(t.NamedTuple):
    """A target that Prometheus should have."""

    instance: str
    labels: dict[str, str]

    @property
    def node(self) -> str:
        return self.labels.get("node", self.instance)


def wanted_targets(groups: t.Iterable[dict[str, t.Any]]) -> list[Wanted]:
    """Of groups as file_sd has them, each target with the label instance that it gets."""
    return [
        Wanted(group["labels"].get("instance", target), dict(group["labels"]))
        for group in groups
        for target in group["targets"]
    ]


class Scraped(t.NamedTuple):
    """What Prometheus knows of the exporters."""

    targets: dict[str, dict[str, t.Any]]  # active targets by instance
    up: dict[str, Series]  # redis_up by instance
    ages: dict[str, float]  # of its newest sample, in seconds, by Prometheus' own clock


def look_at_targets(prometheus: Prometheus) -> Scraped:
    active = prometheus.get("targets", state="active")["activeTargets"]
    targets = {
        each["labels"].get("instance", ""): each for each in active if each["labels"].get("job") == "redis-cluster"
    }
    values = {identity(each): each for each in prometheus.query("redis_up{%s}" % JOB)}
    ages = youngest(prometheus.query("time() - timestamp(redis_up{%s})" % JOB), lambda each: -each.value)
    up = {instance: values[identity(each)] for instance, each in ages.items() if identity(each) in values}
    return Scraped(targets, up, {instance: each.value for instance, each in ages.items()})


def identity(series: Series) -> frozenset[tuple[str, str]]:
    """The labels without the name of the metric, which functions take off."""
    return frozenset((name, value) for name, value in series.labels.items() if name != "__name__")


def youngest(series: t.Iterable[Series], moment: t.Callable[[Series], float]) -> dict[str, Series]:
    """The series of each instance by the latest moment: one with labels of before is remembered for minutes."""
    return {each.labels.get("instance", ""): each for each in sorted(series, key=moment)}


def prometheus_rows(wanted: t.Iterable[Wanted], found: Scraped, oldest: float) -> list[Row]:
    return [prometheus_row(each, found, oldest) for each in wanted]


def prometheus_row(wanted: Wanted, found: Scraped, oldest: float) -> Row:
    expected = "up, redis_up 1, newest sample at most %s s old, %d labels" % (number(oldest), len(wanted.labels))
    target = found.targets.get(wanted.instance)
    if target is None:
        known = ", ".join(sorted(found.targets)) or "none"
        return failed(
            wanted.node, expected, "no target %s in the job redis-cluster (it has %s)" % (wanted.instance, known)
        )
    if target["health"] != "up":
        why = target.get("lastError") or "not scraped yet"
        return failed(wanted.node, expected, "target %s is %s: %s" % (wanted.instance, target["health"], why))
    differing = [
        "%s is %s instead of %s"
        % (name, repr(target["labels"][name]) if name in target["labels"] else "missing", repr(value))
        for name, value in sorted(wanted.labels.items())
        if target["labels"].get(name) != value
    ]
    if differing:
        return failed(wanted.node, expected, "labels differ: " + ", ".join(differing))
    series = found.up.get(wanted.instance)
    if series is None:
        return failed(wanted.node, expected, "up, but there is no redis_up")
    age = found.ages.get(wanted.instance, 0)
    text = "up, redis_up %d, %s s old, labels as expected" % (series.value, number(age))
    return verdict(series.value == 1 and age <= oldest, wanted.node, expected, text)


def worth_waiting(wanted: t.Iterable[Wanted], rows: t.Iterable[Row], found: Scraped, first: Scraped) -> bool:
    """Whether a target failed that was not scraped since the first look: only the next scrape shows what was mended.

    A target whose interval or labels were changed a moment ago is a new one to Prometheus, scraped for the first time
    within an interval, so that it may be there in place of the one at the first look.
    """

    def not_scraped_since(instance: str) -> bool:
        target = found.targets.get(instance)
        if target is None:
            return False
        return target["health"] == "unknown" or target.get("lastScrape") == (
            first.targets.get(instance, {}).get("lastScrape")
        )

    return any(row.state == "failed" and not_scraped_since(each.instance) for each, row in zip(wanted, rows))


# ----------------------------------------------------------------------------------------------- test 4: load


class Load(t.NamedTuple):
    """What a node says about its burst."""

    node: str
    instance: str
    sent: int
    before: int  # total_commands_processed of Redis
    after: int
    found: str = ""  # why there was no burst, or what went wrong with it
    state: str = ""


LOAD = "commands/s rise within two scrapes"


def load_row(load: Load, samples: list[tuple[float, float]]) -> Row | None:
    """The row of a node by its samples of redis_commands_processed_total; None as long as more scrapes may show it.

    Counters tell before from after, so that the clocks of the hosts do not matter. What was counted before a restart
    of Redis tells nothing.
    """
    expected = "%s (+%d commands)" % (LOAD, load.sent)
    samples = since_reset(samples)
    earlier = [sample for sample in samples if sample[1] <= load.before]
    later = [sample for sample in samples if sample[1] > load.before]
    shown = [index for index, sample in enumerate(later) if sample[1] >= load.after]
    if shown and shown[0] < 2:
        return passed(load.node, expected, _rise(load, earlier, later[shown[0]]))
    if shown:
        return failed(load.node, expected, "seen only after %d scrapes" % (shown[0] + 1))
    return None


def since_reset(samples: list[tuple[float, float]]) -> list[tuple[float, float]]:
    resets = [index for index in range(1, len(samples)) if samples[index][1] < samples[index - 1][1]]
    return samples[resets[-1] :] if resets else samples


def _rise(load: Load, earlier: list[tuple[float, float]], seen: tuple[float, float]) -> str:
    if not earlier:
        return "%d commands in the first scrape" % seen[1]
    since = earlier[-1]
    text = "%s/s" % number((seen[1] - since[1]) / (seen[0] - since[0]))
    if len(earlier) > 1:
        before = earlier[-2]
        text += ", %s/s before" % number((since[1] - before[1]) / (since[0] - before[0]))
    return text


def load_unseen(load: Load, samples: list[tuple[float, float]], waited: float) -> Row:
    expected = "%s (+%d commands)" % (LOAD, load.sent)
    if not samples:
        return failed(load.node, expected, "no redis_commands_processed_total of %s" % load.instance)
    recent = since_reset(samples)
    if len(recent) < len(samples) and recent[-1][1] < load.before:
        return failed(load.node, expected, "the counter went back: Redis was restarted, or CONFIG RESETSTAT ran")
    newer = len([sample for sample in recent if sample[1] > load.before])
    if newer:
        missing = load.after - samples[-1][1]
        return failed(load.node, expected, "%d commands are missing after %d scrapes" % (missing, newer))
    return failed(load.node, expected, "no scrape shows it within %d s" % waited)


# -------------------------------------------------------------------------------------------- test 3: Grafana

# What a person looks at first. Each has to have a series for every node.
MAIN_QUERIES = {
    "redis_up": "redis_up{%s}" % JOB,
    "memory": "redis_memory_used_bytes{%s}" % JOB,
    "commands/s": "rate(redis_commands_processed_total{%s}[5m])" % JOB,
    "clients": "redis_connected_clients{%s}" % JOB,
}
_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]|\$(\w+)")
_BUILT_IN = {
    "__rate_interval": "2m",
    "__interval": "1m",
    "__interval_ms": "60000",
    "__range": "1h",
    "__range_s": "3600",
    "__range_ms": "3600000",
}


def resolved(expression: str) -> str:
    """A panel's query as Prometheus can take it: built-in variables by usual values, the user's by `.+`."""

    def value(found: re.Match[str]) -> str:
        return _BUILT_IN.get(next(group for group in found.groups() if group), ".+")

    return _VARIABLE.sub(value, expression)


def panel_queries(dashboard: dict[str, t.Any]) -> list[tuple[str, str]]:
    """Title and query of every target of a Prometheus datasource, in rows as well."""
    found = []
    panels = list(dashboard.get("panels") or [])
    for row in dashboard.get("rows") or []:
        panels.extend(row.get("panels") or [])
    while panels:
        panel = panels.pop(0)
        panels.extend(panel.get("panels") or [])
        for target in panel.get("targets") or []:
            expression = target.get("expr")
            if isinstance(expression, str) and expression.strip():
                found.append((panel.get("title") or "untitled", expression))
    return found


def missing_nodes(series: t.Iterable[Series], wanted: t.Iterable[Wanted]) -> list[str]:
    seen = {each.labels.get("instance") for each in series}
    return [each.node for each in wanted if each.instance not in seen]
