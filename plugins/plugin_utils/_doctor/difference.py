# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between a configuration file and what its role writes. Private."""

from __future__ import annotations

import difflib

from .prometheus import as_yaml

MOST_LINES = 12
HIDDEN = "credentials/"  # no line of a file below it is shown


def difference(path, wanted, found):
    """What is in a file and not from the role, or the other way round; both without secrets."""
    if HIDDEN in path:
        return {"lines": [], "jobs": []}
    ours, theirs, lines = wanted.splitlines(), found.splitlines(), []
    for kind, start, end, other_start, other_end in difflib.SequenceMatcher(None, ours, theirs, False).get_opcodes():
        if kind != "equal":
            lines += ["not there: %s" % line for line in ours[start:end] if line.strip()]
            numbered = enumerate(theirs[other_start:other_end], other_start + 1)
            lines += ["line %d: %s" % (number, line) for number, line in numbered if line.strip()]
    more = len(lines) - MOST_LINES
    lines = lines[:MOST_LINES] + (["and %d more lines" % more] if more > 0 else [])
    one, other = jobs(wanted), jobs(found)
    return {"lines": lines, "jobs": sorted(name for name in other if other[name] != one.get(name))}


def jobs(text):
    """The scrape jobs of a configuration of Prometheus by name."""
    found = as_yaml(text, dict).get("scrape_configs") or []
    return {str(one.get("job_name")): one for one in found if isinstance(one, dict)}
