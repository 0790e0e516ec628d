# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds promtool: $PROMTOOL, the newest one in build/mirror (unpacked once into build/promtool), or PATH.

Run as a program it fills build/mirror when there is none yet, and prints the path.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARCHIVES = "prometheus/prometheus/releases/download/v*/prometheus-*.linux-*.tar.gz"


def find() -> Path | None:
    """The promtool to use, or None."""
    given = os.environ.get("PROMTOOL")
    if given:
        if not os.access(given, os.X_OK):
            raise SystemExit(f"PROMTOOL={given} is not a program")
        return Path(given)
    versions = mirrored()
    if versions:
        return unpacked(versions[-1])
    on_path = shutil.which("promtool")
    return Path(on_path) if on_path else None


def mirrored(archives: str = ARCHIVES) -> list[Path]:
    """Prometheus archives in the mirror, or others, oldest first."""
    return sorted((ROOT / "build" / "mirror").glob(archives), key=lambda path: version(path.name))


def version(name: str) -> list[int]:
    return [int(number) for number in re.search(r"(\d+)\.(\d+)\.(\d+)", name).groups()]


def unpacked(archive: Path, program: str = "promtool") -> Path:
    name = archive.name.removesuffix(".tar.gz")
    tool = ROOT / "build" / program / name / program
    if not tool.exists():
        tool.parent.mkdir(parents=True, exist_ok=True)
        part = tool.with_name(f"{program}.{os.getpid()}")  # tests run side by side
        with tarfile.open(archive) as tar, tar.extractfile(f"{name}/{program}") as source, part.open("wb") as target:
            shutil.copyfileobj(source, target)
        part.chmod(0o755)
        part.replace(tool)
    return tool


if __name__ == "__main__":
    if find() is None:
        sys.path.insert(0, str(ROOT / "tests" / "lab"))
        import mirror

        mirror.fill()
    print(find())
