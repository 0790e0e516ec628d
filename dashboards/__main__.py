# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes every dashboard to roles/grafana/files/dashboards/<uid>.json."""

from __future__ import annotations

import sys
from pathlib import Path

from . import cluster, performance, resources
from .parts import ROOT, as_json

OUT = ROOT / "roles" / "grafana" / "files" / "dashboards"


def rendered() -> dict[str, str]:
    """The JSON of each dashboard by file name."""
    built = (cluster.build(), performance.build(), resources.build())
    return {f"{dashboard.uid}.json": as_json(dashboard) for dashboard in built}


def main() -> int:
    out = Path(sys.argv[1]) if sys.argv[1:] else OUT
    out.mkdir(parents=True, exist_ok=True)
    for name, text in rendered().items():
        (out / name).write_text(text)
    print(f"{len(rendered())} dashboards in {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
