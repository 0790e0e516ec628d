# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws time series as SVG: no scripts, no fonts, no network. Private."""

from __future__ import annotations

import math
import time
from html import escape

WIDTH, HEIGHT = 760, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 30, 26
COLOURS = ("#1f77b4", "#d9541e", "#2a9d3a", "#8e44ad", "#b8860b", "#138d90", "#c0392b", "#5d6d7e")
STYLE = (
    "text{font:12px sans-serif;fill:#222}.t{font-weight:bold;font-size:14px}.g{stroke:#ddd}.a{stroke:#888}"
    "@media(prefers-color-scheme:dark){svg{background:#16181d}text{fill:#ddd}.g{stroke:#333}.a{stroke:#777}}"
)


def label(metric):
    """What tells a series from the others, for people."""
    for name in ("node", "instance", "alertname", "cluster"):
        if metric.get(name):
            rest = [
                "%s" % value for key, value in sorted(metric.items()) if key in ("cmd", "err", "job") and name != key
            ]
            return " ".join([metric[name], *rest][:2])
    return ", ".join("%s=%s" % item for item in sorted(metric.items()) if item[0] != "__name__") or "value"


def chart(title, series, start, end, unit=""):
    """Lines: series is a list of (label, [(time, value), ...]). Gaps stay gaps."""
    values = [value for _label, points in series for _time, value in points if math.isfinite(value)]
    step = _usual_step(series)
    top, bottom, ticks = scale(values)
    legend = _legend([name for name, _points in series])
    height = HEIGHT + 18 * len(legend)
    out = [_head(title + (" [%s]" % unit if unit else ""), height)]
    for tick in ticks:
        y = _y(tick, bottom, top)
        out.append('<path class="g" d="M%d %.1fH%d"/>' % (LEFT, y, WIDTH - RIGHT))
        out.append('<text x="%d" y="%.1f" text-anchor="end">%s</text>' % (LEFT - 6, y + 4, short(tick)))
    out.extend(_time_axis(start, end))
    if not values:
        out.append('<text x="%d" y="%d" text-anchor="middle">no data</text>' % (WIDTH // 2, HEIGHT // 2))
    for index, (_label, points) in enumerate(series):
        path = _path(points, start, end, bottom, top, step)
        colour = COLOURS[index % len(COLOURS)]
        dash = ' stroke-dasharray="5 3"' if index >= len(COLOURS) else ""
        if path:
            out.append('<path d="%s" fill="none" stroke="%s" stroke-width="1.6"%s/>' % (path, colour, dash))
    for row, names in enumerate(legend):
        for column, (index, name) in enumerate(names):
            x, y = LEFT + column * 220, HEIGHT + 18 * row + 6
            out.append('<rect x="%d" y="%d" width="12" height="4" fill="%s"/>' % (x, y, COLOURS[index % len(COLOURS)]))
            out.append('<text x="%d" y="%d">%s</text>' % (x + 18, y + 6, escape(middle(name, 30))))
    return "".join(out) + "</svg>\n"


def timeline(title, spans, start, end):
    """Bars: spans is a list of (label, colour, [(from, to), ...])."""
    names = 260
    height = TOP + BOTTOM + 20 * max(1, len(spans))
    out = [_head(title, height)]
    out.extend(_time_axis(start, end, names, height - BOTTOM))
    if not spans:
        out.append('<text x="%d" y="%d">none</text>' % (names, TOP + 14))
    for row, (name, colour, bars) in enumerate(spans):
        y = TOP + 20 * row
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (names - 8, y + 12, escape(middle(name, 38))))
        for first, last in bars:
            x = _x(first, start, end, names)
            width = max(2.0, _x(last, start, end, names) - x)
            out.append('<rect x="%.1f" y="%d" width="%.1f" height="14" rx="2" fill="%s"/>' % (x, y + 1, width, colour))
    return "".join(out) + "</svg>\n"


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


def _head(title, height):
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">'
        '<title>%s</title><style>%s</style><text class="t" x="8" y="18">%s</text>'
        % (WIDTH, height, WIDTH, height, escape(title), STYLE, escape(title))
    )


def _time_axis(start, end, left=LEFT, bottom=HEIGHT - BOTTOM):
    out = ['<path class="a" d="M%d %dH%d"/>' % (left, bottom, WIDTH - RIGHT)]
    form = "%H:%M" if end - start <= 86400 else "%m-%d %H:%M"
    for index in range(5):
        when = start + (end - start) * index / 4
        anchor = ("start", "middle", "middle", "middle", "end")[index]
        text = time.strftime(form, time.gmtime(when)) + (" UTC" if index == 0 else "")
        x = _x(when, start, end, left)
        out.append('<text x="%.1f" y="%d" text-anchor="%s">%s</text>' % (x, bottom + 17, anchor, text))
    return out


def _x(when, start, end, left=LEFT):
    share = min(max((when - start) / ((end - start) or 1), 0), 1)
    return left + share * (WIDTH - RIGHT - left)


def _y(value, bottom, top):
    return HEIGHT - BOTTOM - (value - bottom) / ((top - bottom) or 1) * (HEIGHT - BOTTOM - TOP)


def _usual_step(series):
    gaps = [points[i + 1][0] - points[i][0] for _label, points in series for i in range(len(points) - 1)]
    return min(gaps, default=0)


def _path(points, start, end, bottom, top, step):
    parts, last = [], None
    for when, value in points:
        if not math.isfinite(value):
            last = None
            continue
        joined = last is not None and when - last <= 1.5 * step
        parts.append("%s%.1f %.1f" % ("L" if joined else "M", _x(when, start, end), _y(value, bottom, top)))
        if not joined:
            parts.append("h.5")  # so that a lone sample is a dot
            parts.append("M%.1f %.1f" % (_x(when, start, end), _y(value, bottom, top)))
        last = when
    return "".join(parts)


def _legend(names):
    """Rows of three names."""
    numbered = list(enumerate(names))
    return [numbered[i : i + 3] for i in range(0, len(numbered), 3)]
