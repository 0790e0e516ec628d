# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of the tools that write files of this repository: writes those that differ, --check only names them."""

from __future__ import annotations

import argparse
from pathlib import Path


def main(description: str, root: Path, texts: dict[Path, str], complaint: str) -> str | None:
    """texts: what each file below root has to hold. Returns what is wrong, for sys.exit()."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    check = parser.parse_args().check
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
    names = ", ".join(str(path.relative_to(root)) for path in stale)
    if check and stale:
        return f"{complaint}: {names}"
    for path in stale:
        path.write_text(texts[path])
    print(f"{'current' if check else 'written'}: {names or 'nothing to do'}")
    return None
