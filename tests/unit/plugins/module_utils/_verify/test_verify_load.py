# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._verify import load

LOAD = load.Load("a", "10.0.1.102:9121", sent=1000, before=200, after=1200, state="sent")


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([(0, 100), (30, 190), (60, 1210)], "34/s, 3/s before"),
        ([(30, 190), (60, 1210)], "34/s"),
        ([(60, 1210)], "1210 commands in the first scrape"),
        ([(0, 190), (30, 600), (60, 1210)], "17/s"),  # a scrape in the middle of the burst
        ([(0, 200), (30, 1200)], "33.3/s"),  # exactly before and after
        ([(0, 9000), (30, 190), (60, 1210)], "34/s"),  # Redis was restarted a while before
    ],
)
def test_load_is_seen(samples, expected):
    row = load.row_of(LOAD, samples)
    assert (row.state, row.found) == ("passed", expected)


def test_load_is_seen_late():
    row = load.row_of(LOAD, [(0, 190), (30, 600), (60, 700), (90, 1300)])
    assert row.state == "failed"
    assert "only after 3 scrapes" in row.found


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([], "no redis_commands_processed_total"),
        ([(0, 100), (30, 190)], "no scrape shows it within 70 s"),
        ([(0, 100), (30, 190), (60, 205), (90, 208)], "992 commands are missing after 2 scrapes"),
        ([(0, 190), (30, 210), (60, 3)], "the counter went back"),
    ],
)
def test_load_is_not_seen(samples, words):
    assert load.row_of(LOAD, samples) is None
    row = load.not_shown(LOAD, samples, 70)
    assert row.state == "failed"
    assert words in row.found
