# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test of the stack returns: one row for each thing that was tested. Private."""

from __future__ import annotations

import typing as t


class Row(t.NamedTuple):
    """One line of the report."""

    subject: str  # what was tested: a node, a dashboard, a receiver
    expected: str
    found: str
    state: str  # passed, failed, skipped


def passed(subject: str, expected: str, found: str) -> Row:
    return Row(subject, expected, found, "passed")


def failed(subject: str, expected: str, found: str) -> Row:
    return Row(subject, expected, found, "failed")


def skipped(subject: str, expected: str, why: str) -> Row:
    return Row(subject, expected, why, "skipped")


def verdict(good: bool, subject: str, expected: str, found: str) -> Row:
    return Row(subject, expected, found, "passed" if good else "failed")


def number(value: float) -> str:
    """A number that people can read at a glance."""
    return "%d" % value if value == int(value) or abs(value) >= 100 else "%.1f" % value
