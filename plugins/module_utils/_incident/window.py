# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time of an incident. Private."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from .._alertmanager import (
    format_time,
    parse_duration,
    parse_time,
)
from .._prometheus import ApiError

POINTS = 240  # of one series


class Window:
    def __init__(self, since, until, now=None):
        now = (now or datetime.now(timezone.utc)).replace(microsecond=0)
        self.end = min(moment(until, now), now) if until else now
        self.start = moment(since or "1h", self.end)
        if self.start >= self.end:
            raise ApiError("since (%s) is not before until (%s)" % (format_time(self.start), format_time(self.end)))
        if self.end - self.start > timedelta(days=31):
            raise ApiError("since: more than 31 days are too much for one archive")

    @property
    def step(self):
        return max(15, int((self.end - self.start).total_seconds() / POINTS))

    def result(self):
        return {"since": format_time(self.start), "until": format_time(self.end)}


def moment(text, base):
    """A time, or a duration before the other end."""
    if text[:1].isdigit() and "T" not in text:
        return base - parse_duration(text)
    return parse_time(text)
