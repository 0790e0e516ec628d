# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors in what checking tools print and services log. Private to this collection."""

from __future__ import annotations

import re

from .._text import one_line


def logged_error(line: str) -> str:
    """The error in a line of a log (logfmt), or the line itself where it holds none."""
    field = re.search(r'\berr(?:or)?="((?:[^"\\]|\\.)*)"', line) or re.search(
        r'level=(?:ERROR|error|fatal).*\bmsg="((?:[^"\\]|\\.)*)"', line
    )
    return field.group(1).replace('\\"', '"').replace("\\n", " ") if field else line


def complaint(tool: str, output: str) -> str:
    """What a checker complains of, without its progress, its successes, its repetitions and its line breaks."""
    errors: list[str] = []
    summary: list[str] = []  # "TOOL: error: ..." sums up the errors before it, and is all there is of a wrong flag
    for line in output.splitlines():
        if re.search(r"\blevel=(debug|info|warn)", line, re.I):
            continue  # blackbox_exporter --config.check logs as the service does
        text = re.sub(r"^Checking \S+ +(?=FAILED:)", "", logged_error(line.strip()))  # amtool puts both on one line
        text = re.sub(r"^FAILED:|(?<= )FAILED:", "", text).strip()
        last = re.match(rf"{re.escape(tool)}: error: (.*)", text)
        if last:
            summary.append(last.group(1))
        elif text.startswith("Incorrect Usage: "):
            return text[17:]  # what follows is all of the usage
        elif text and not re.match(r"Checking |SUCCESS\b|Found:$|- (global config|route|\d+ [a-z ]+)$", text):
            errors.append(text)
    return one_line(" ".join(dict.fromkeys(errors or summary)), 2000)


def cause(lines: list[str]) -> str:
    """Why a service refused, from the lines of its log: the distinct errors, at most two."""
    errors = [line for line in lines if re.search(r"level=(error|fatal)|^panic|^Error|fatal error", line, re.I)]
    if not errors:
        errors = [line for line in lines if re.search(r"error|failed|denied|unknown", line, re.I)][-1:]
    # A running service has other troubles, too; those of its configuration come first.
    errors.sort(key=lambda line: not re.search(r"config|\.ya?ml|flag|rule|listen", line, re.I))
    texts = [logged_error(line) for line in errors]
    # "One or more errors occurred" only sums up the line before it.
    texts = [text for text in dict.fromkeys(texts) if "one or more errors" not in text] or texts
    found = one_line("; ".join(texts[:2]), 2000)
    if "/run/credentials" in found and "permission denied" in found:
        found += " (in a container, / has to be mounted shared for systemd to hand over credentials)"
    return found
