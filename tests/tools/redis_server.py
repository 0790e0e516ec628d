# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the program redis-server. Run as a program it installs it where it may, and prints the path.

redis-check-rdb is the same program and acts by the name it is called by. Debian ships it in redis-tools, which unlike
redis-server starts no service.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def find() -> str | None:
    """The program to run with argv[0] `redis-server`, or None."""
    return shutil.which("redis-server") or shutil.which("redis-check-rdb")


if __name__ == "__main__":
    if find() is None:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))
        import common
        import podman

        try:
            podman.install(["redis-tools"])
        except common.LabError as error:
            raise SystemExit(str(error)) from None
    print(find())
