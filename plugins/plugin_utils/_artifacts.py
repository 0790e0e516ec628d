# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job of AWX leaves behind. Private."""

from __future__ import annotations


def stats(name, content):
    """A result's ansible_stats, which AWX keeps as an artifact of this name."""
    return {"data": {name: content}, "per_host": False, "aggregate": True}
