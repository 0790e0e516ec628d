# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus as an agent has no queries: its store is asked for samples, and itself how far it has sent. Private."""

from __future__ import annotations

import time
import typing as t

from .._prometheus import ApiError, Prometheus, remote_writes
from .rows import Row, failed, number, verdict

ON_ITS_WAY = 20  # seconds that a sample may take to the store
UNKNOWN = "whether the store has its samples is not known, because it cannot be asked from here"


def no_answer(store: Prometheus) -> list[Row]:
    """A row where the store does not answer: what is known of the agent itself is told all the same."""
    try:
        store.query("vector(1)")
    except ApiError as err:
        return [failed("the store", "an answer", str(err))]
    return []


def sent(prometheus: Prometheus, oldest: float) -> list[Row]:
    """How far the agent has sent what it scraped, a row for each store."""
    expected = "newest sample sent at most %s s ago" % number(oldest)
    found = []
    for one in remote_writes(prometheus.text("GET", "/metrics")):
        age = max(0.0, time.time() - one.at)
        text = "newest sample sent %s s ago" % number(age) if one.at else "nothing was sent since it started"
        text += ", %s refused for good since it started" % number(one.lost) if one.lost else ""
        found.append(verdict(age <= oldest, "remote write to %s" % (one.url or "?"), expected, text))
    return found or [failed("remote write", expected, "Prometheus sends to no store")]


def may_arrive(rows: t.Iterable[Row]) -> bool:
    """Whether something failed that a sample on its way would mend."""
    return any(row.state == "failed" and ("redis_up" in row.found or "remote write" in row.subject) for row in rows)
