# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every command of the documentation that runs one of our playbooks."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]


def commands(text):
    """The commands of one page: in a shell block, or in the text as `code`."""
    for language, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```", text, re.M | re.S):
        if language not in ("bash", "console", "sh", ""):
            continue
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            line = line.strip()
            line = line.removeprefix("$ ")
            if line.startswith("ansible-playbook "):
                yield line
    outside = re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)
    for code in re.findall(r"`([^`]+)`", outside):
        if code.startswith("ansible-playbook redisops"):
            yield code


def documented():
    """Each command once, with the first page it is on."""
    found = {}
    for path in PAGES:
        for command in commands(path.read_text()):
            words = shlex.split(command, comments=True)
            if any(word.startswith("redisops.monitoring.") for word in words):
                found.setdefault(tuple(words), path.relative_to(ROOT))
    return found


COMMANDS = documented()
