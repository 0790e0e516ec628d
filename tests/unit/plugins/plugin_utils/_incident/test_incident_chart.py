# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Charts of time series."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._incident import chart


def parsed(text):
    assert "<script" not in text
    return ET.fromstring(text)


def test_chart():
    text = chart.chart("Memory <&>", [("a & b", [(0, 1.0), (60, 5.0), (120, float("nan")), (180, 3)])], 0, 180, "%")
    tree = parsed(text)
    assert tree.tag.endswith("svg")
    assert "Memory &lt;&amp;&gt; [%]" in text
    assert "a &amp; b" in text
    assert "href" not in text
    assert "nan" not in text


@pytest.mark.parametrize(
    "points", [[], [(0, float("nan"))], [(0, 0.0)], [(0, 5.0), (60, 5.0)], [(0, -1.0), (60, 1e13)], [(0, 1e-9)]]
)
def test_charts_of_odd_series(points):
    text = chart.chart("x", [("a", points)], 0, 60)
    parsed(text)
    assert ("no data" in text) == (not [value for _time, value in points if math.isfinite(value)])


def test_gaps_stay_gaps():
    text = chart.chart("x", [("a", [(0, 1.0), (30, 1.0), (60, 1.0), (600, 1.0), (630, 1.0)])], 0, 660)
    [path] = re.findall(r'd="([^"]+)" fill="none"', text)
    assert len(re.findall(r"h\.5", path)) == 2  # the line begins twice


@pytest.mark.parametrize(
    ("values", "expected"), [([0, 1], (1.25, 0)), ([95, 99], (125, 0)), ([-1, 1], (1.5, -1)), ([], (1.25, 0))]
)
def test_scale(values, expected):
    top, bottom, ticks = chart.scale(values)
    assert (top, bottom) == expected
    assert ticks[0] == bottom
    assert len(ticks) <= 7


@pytest.mark.parametrize(("value", "expected"), [(0, "0"), (1500, "1.5k"), (2e9, "2G"), (0.25, "0.25"), (-1e6, "-1M")])
def test_short(value, expected):
    assert chart.short(value) == expected


def test_timeline():
    spans = chart.spans_of([(0, 1), (15, 1), (30, 1), (300, 1)], 15)
    assert spans == [(0, 45), (300, 315)]
    text = chart.timeline("Alerts", [("RedisDown <a>", "#c00", spans)], 0, 600)
    parsed(text)
    assert text.count("<rect") == 2
    assert "RedisDown &lt;a&gt;" in text
    assert "none" in chart.timeline("Alerts", [], 0, 600)


def test_long_names_keep_what_tells_them_apart():
    names = ["redis-node-with-a-very-long-name-%02d.example" % number for number in (1, 2)]
    text = chart.chart("x", [(name, [(0, 1.0)]) for name in names], 0, 60)
    assert "name-01.example</text>" in text and "name-02.example</text>" in text
    assert chart.middle("short", 5) == "short" and len(chart.middle("x" * 99, 30)) == 30
