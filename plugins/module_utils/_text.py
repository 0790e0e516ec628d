# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text and numbers as this collection writes and reads them. Private."""

from __future__ import annotations

import re
import time

# Prometheus' syntax: each unit once, the largest first.
_DURATION = re.compile(r"(?=[0-9])(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m(?!s))?(\d+s)?(\d+ms)?", re.ASCII)
_SECONDS = (365 * 86400, 7 * 86400, 86400, 3600, 60, 1, 0.001)


def one_line(text, limit=300):
    """A text as one printable line of at most `limit` characters."""
    line = " ".join(str(text).split())
    return "".join(char if char.isprintable() else "?" for char in line)[:limit].rstrip()


def utc(seconds):
    """A moment in seconds since 1970 as 2026-11-30T12:00:00Z."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def duration_seconds(text):
    """Seconds of a duration such as 1h30m; ValueError for anything else, a number without its unit too."""
    found = _DURATION.fullmatch(str(text).strip())
    if not found:
        raise ValueError("%r is not a duration such as 90s, 5m or 1d12h" % (text,))
    parts = (re.sub("[a-z]+", "", part or "0") for part in found.groups())
    return float(sum(int(part) * seconds for part, seconds in zip(parts, _SECONDS)))


def is_duration(text):
    return bool(_DURATION.fullmatch(str(text).strip()))


def version_tuple(text):
    """(1, 86, 0) of v1.86.0 or 1.86.0+ds; ValueError for what does not begin like a version."""
    found = re.match(r"v?(\d+(?:\.\d+)*)", str(text).strip())
    if not found:
        raise ValueError("%r is not a version such as 1.86.0" % (text,))
    return tuple(int(part) for part in found.group(1).split("."))
