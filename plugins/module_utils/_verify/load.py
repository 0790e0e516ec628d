# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test 4: Prometheus shows the bursts of commands that redis_load sent. Private."""

from __future__ import annotations

import time
import typing as t

from .._prometheus import for_queries
from . import agent
from .prometheus import JOB, youngest
from .rows import Row, failed, number, passed, skipped

LOAD = "commands/s rise within two scrapes"
Samples = t.List[t.Tuple[float, float]]  # time and value, oldest first


class Load(t.NamedTuple):
    """The result of a node's burst."""

    node: str
    instance: str
    sent: int
    before: int  # total_commands_processed of Redis
    after: int
    found: str = ""  # why there was no burst, or what went wrong with it
    state: str = ""

    @property
    def expected(self) -> str:
        return "%s (+%d commands)" % (LOAD, self.sent)


def rows(params: dict[str, t.Any], interval: float, wait: float) -> list[Row]:
    prometheus = for_queries(params)
    loads = [load_of(burst) for burst in params["bursts"]]
    found = {load.node: Row(load.node, LOAD, load.found, load.state) for load in loads if load.state != "sent"}
    if prometheus is None:
        found.update({load.node: skipped(load.node, LOAD, agent.UNKNOWN) for load in loads if load.node not in found})
        return [found[load.node] for load in loads]
    wait += agent.ON_ITS_WAY if params["agent"] else 0
    query = "redis_commands_processed_total{%s}[%ds]" % (JOB, 4 * interval + wait)
    started = time.monotonic()
    while True:
        waiting = [load for load in loads if load.node not in found]
        if not waiting:
            return [found[load.node] for load in loads]
        series = youngest(prometheus.query(query), lambda each: each.samples[-1][0])
        waited = time.monotonic() - started
        for load in waiting:
            samples = series[load.instance].samples if load.instance in series else []
            row = row_of(load, samples) or (not_shown(load, samples, waited) if waited > wait else None)
            if row:
                found[load.node] = row
        if len(found) < len(loads):
            time.sleep(1)


def load_of(burst: dict[str, t.Any]) -> Load:
    load = burst["load"]
    return Load(
        burst["node"],
        burst["instance"],
        load.get("sent", 0),
        load.get("before", 0),
        load.get("after", 0),
        load.get("found") or burst["msg"] or "no burst",
        load.get("state", "failed"),
    )


def row_of(load: Load, samples: Samples) -> Row | None:
    """The row of a node by its samples of redis_commands_processed_total; None as long as more scrapes may show it.

    Counters tell before from after, so that the clocks of the hosts do not matter. What was counted before a restart
    of Redis does not count.
    """
    samples = since_reset(samples)
    earlier = [sample for sample in samples if sample[1] <= load.before]
    later = [sample for sample in samples if sample[1] > load.before]
    complete = [index for index, sample in enumerate(later) if sample[1] >= load.after]
    if not complete:
        return None
    if complete[0] < 2:
        return passed(load.node, load.expected, rise(earlier, later[complete[0]]))
    return failed(load.node, load.expected, "seen only after %d scrapes" % (complete[0] + 1))


def since_reset(samples: Samples) -> Samples:
    resets = [index for index in range(1, len(samples)) if samples[index][1] < samples[index - 1][1]]
    return samples[resets[-1] :] if resets else samples


def rise(earlier: Samples, shown: tuple[float, float]) -> str:
    if not earlier:
        return "%d commands in the first scrape" % shown[1]
    text = "%s/s" % rate(earlier[-1], shown)
    return text + (", %s/s before" % rate(*earlier[-2:]) if len(earlier) > 1 else "")


def rate(first: tuple[float, float], second: tuple[float, float]) -> str:
    return number((second[1] - first[1]) / (second[0] - first[0]))


def not_shown(load: Load, samples: Samples, waited: float) -> Row:
    """Why the burst is not in the samples after this time."""
    if not samples:
        return failed(load.node, load.expected, "no redis_commands_processed_total of %s" % load.instance)
    recent = since_reset(samples)
    newer = len([sample for sample in recent if sample[1] > load.before])
    if len(recent) < len(samples) and recent[-1][1] < load.before:
        found = "the counter went back: Redis was restarted, or CONFIG RESETSTAT ran"
    elif newer:
        found = "%d commands are missing after %d scrapes" % (load.after - samples[-1][1], newer)
    else:
        found = "no scrape shows it within %d s" % waited
    return failed(load.node, load.expected, found)
