# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time series as SVG without scripts, fonts or network: what the templates draw, and where. Private."""

from __future__ import annotations

import math
import time

from .. import _html

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 30, 26
NAMES = 260  # where the bars of a timeline begin
COLOURS = ("#1f77b4", "#d9541e", "#2a9d3a", "#8e44ad", "#b8860b", "#138d90", "#c0392b", "#5d6d7e")


def label(metric):
    """What tells a series from the others, for people."""
    for name in ("node", "instance", "alertname", "cluster"):
        if metric.get(name):
            rest = [str(value) for key, value in sorted(metric.items()) if key in ("cmd", "err", "job") and name != key]
            return " ".join([metric[name], *rest][:2])
    return ", ".join("%s=%s" % item for item in sorted(metric.items()) if item[0] != "__name__") or "value"


def chart(title, series, start, end, unit=""):
    """Lines: series is a list of (label, [(time, value), ...]). Gaps stay gaps."""
    values = [value for dummy, points in series for dummy, value in points if math.isfinite(value)]
    top, bottom, ticks = scale(values)
    step = usual_step(series)

    def x(when):
        return across(when, start, end, LEFT)

    def y(value):
        return round(HEIGHT - BOTTOM - (value - bottom) / ((top - bottom) or 1) * (HEIGHT - BOTTOM - TOP), 1)

    def look(index):
        return {"colour": COLOURS[index % len(COLOURS)], "dashed": index >= len(COLOURS)}

    return _html.render(
        __file__,
        "chart.svg.j2",
        title=title + (" [%s]" % unit if unit else ""),
        width=WIDTH,
        height=HEIGHT + 18 * math.ceil(len(series) / 3),
        left=LEFT,
        right=WIDTH - RIGHT,
        bottom=HEIGHT - BOTTOM,
        middle=(WIDTH // 2, HEIGHT // 2),
        ticks=[(y(tick), short(tick)) for tick in ticks],
        times=times(start, end, LEFT),
        empty=not values,
        lines=[dict(look(index), path=path(points, step, x, y)) for index, (dummy, points) in enumerate(series)],
        legend=[
            dict(look(index), x=LEFT + index % 3 * 220, y=HEIGHT + 18 * (index // 3) + 6, text=middle(name, 30))
            for index, (name, dummy) in enumerate(series)
        ],
    )


def timeline(title, spans, start, end):
    """Bars: spans is a list of (label, colour, [(from, to), ...])."""
    rows = []
    for index, (name, colour, bars) in enumerate(spans):
        ends = [[across(when, start, end, NAMES) for when in span] for span in bars]
        places = [(first, max(2.0, round(last - first, 1))) for first, last in ends]
        rows.append({"y": TOP + 20 * index, "text": middle(name, 34), "colour": colour, "bars": places})
    height = TOP + BOTTOM + 20 * max(1, len(spans))
    return _html.render(
        __file__,
        "timeline.svg.j2",
        title=title,
        width=WIDTH,
        height=height,
        left=NAMES,
        right=WIDTH - RIGHT,
        bottom=height - BOTTOM,
        times=times(start, end, NAMES),
        rows=rows,
        top=TOP,
    )


def spans_of(points, step):
    """Where samples follow each other: (first, last) of each run."""
    found = []
    for when, _value in points:
        if found and when - found[-1][1] <= 1.5 * step:
            found[-1][1] = when
        else:
            found.append([when, when])
    return [(first, last + step) for first, last in found]


def scale(values):
    """(top, bottom, ticks) that hold the values, with round numbers."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    low, high = min(low, 0.0), max(high, 0.0) * 1.05  # from zero, or small changes look like large ones
    if high - low < 1e-12:
        high = low + (abs(low) or 1.0)
    raw = (high - low) / 5
    base = 10 ** math.floor(math.log10(raw))
    step = next(factor * base for factor in (1, 2, 2.5, 5, 10) if factor * base >= raw)
    bottom = math.floor(low / step) * step
    ticks = []
    while not ticks or ticks[-1] < high - 1e-9 * step:
        ticks.append(bottom + step * len(ticks))
    return ticks[-1], bottom, ticks


def middle(text, most):
    """A name without its middle: ends tell hosts apart."""
    return text if len(text) <= most else text[: most // 2 - 1] + "\u2026" + text[-(most - most // 2) :]


def short(value):
    """A number in few characters."""
    for limit, sign in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return "%g%s" % (round(value / limit, 2), sign)
    return "%g" % round(value, 4)


def times(start, end, left):
    """(x, anchor, text) of five times on the axis."""
    form = "%H:%M" if end - start <= 86400 else "%m-%d %H:%M"
    found = []
    for index, anchor in enumerate(("start", "middle", "middle", "middle", "end")):
        when = start + (end - start) * index / 4
        text = time.strftime(form, time.gmtime(when)) + (" UTC" if index == 0 else "")
        found.append((across(when, start, end, left), anchor, text))
    return found


def across(when, start, end, left):
    share = min(max((when - start) / ((end - start) or 1), 0), 1)
    return round(left + share * (WIDTH - RIGHT - left), 1)


def usual_step(series):
    gaps = [later[0] - one[0] for dummy, points in series for one, later in zip(points, points[1:])]
    return min(gaps, default=0)


def path(points, step, x, y):
    """A line that is interrupted where samples are missing; a lone sample is a dot."""
    parts, last = [], None
    for when, value in points:
        if not math.isfinite(value):
            last = None
            continue
        place = "%s %s" % (x(when), y(value))
        joined = last is not None and when - last <= 1.5 * step
        parts.append("L" + place if joined else "M%sh.5M%s" % (place, place))
        last = when
    return "".join(parts)
