# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the evidence of a broken lab differs from that of a healthy one: small enough to be kept for unit tests."""

from __future__ import annotations

import copy
import json

NOISE = ("seconds", "time", "days_left", "started_at", "lastScrape", "changed_at", "uptime_in_seconds", "used_memory")
NOISE += (
    "connected_clients",
    "exporter_last_scrape_duration_seconds",
    "free",
    "available",
    "serverTime",
    "lastConfigTime",
    "samples",
)


def difference(one, other, path=()):
    """[[path, new value]...]; a value of None with a third item means that it is gone."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = []
        for key in sorted(set(one) | set(other)):
            if is_noise(key, path):
                continue
            if key not in other:
                found.append([[*path, key], None, "gone"])
            elif key not in one:
                found.append([[*path, key], other[key]])
            else:
                found += difference(one[key], other[key], (*path, key))
        return found
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [change for number, pair in enumerate(zip(one, other)) for change in difference(*pair, (*path, number))]
    return [] if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) else [[list(path), other]]


def is_noise(key, path):
    """What differs between any two looks; memory is noise unless a test is about it."""
    return str(key).startswith("cluster_stats_") or key in NOISE and path[-1:] != ("memory",)


def applied(stack, patch):
    stack = copy.deepcopy(stack)
    for path, value, *gone in patch:
        holder = stack
        for part in path[:-1]:
            holder = holder[part]
        if gone:
            del holder[path[-1]]
        else:
            holder[path[-1]] = copy.deepcopy(value)
    return stack
