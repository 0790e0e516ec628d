# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that reads the matchers of a silence as people type them, in one text or as a list."""

from __future__ import annotations


def split(text: str) -> list[str]:
    """The matchers of a text such as {alertname="RedisDown",node=~"a{1,3}"}: commas in quotes separate nothing."""
    text = text.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    found, quoted, escaped = [""], False, False
    for char in text:
        if char == "," and not quoted:
            found.append("")
            continue
        if char == '"' and not escaped:
            quoted = not quoted
        escaped = char == "\\" and not escaped
        found[-1] += char
    return [each.strip() for each in found if each.strip()]


def silence_matchers(given: str | list[str] | None, labels: dict[str, str] | None = None) -> list[str]:
    matchers = split(given) if isinstance(given, str) else list(given or [])
    return matchers + [f"{name}={value}" for name, value in (labels or {}).items() if value]


class FilterModule:
    def filters(self):
        return {"silence_matchers": silence_matchers}
