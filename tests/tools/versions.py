# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the versions of meta/versions.yml wherever the collection has them; --check only tells where they differ."""

from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path

import generated
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "meta" / "versions.yml"
NUMBER = r"\d+\.\d+\.\d+"


def load() -> dict:
    return yaml.safe_load(FILE.read_text())


def pinned() -> dict[str, dict]:
    """Programs and packages by the name of their role."""
    found = load()
    return {**found["programs"], **found["packages"]}


def out_of_support(today: datetime.date) -> list[str]:
    """What to do about each default whose support has ended."""
    return [
        f"{name} {entry['version']} has had no fixes since {entry['supported_until']}: look up a supported release,"
        " change meta/versions.yml, run `make versions docs`, and tell in docs/upgrading.md what the step brings"
        for name, entry in pinned().items()
        if entry["supported_until"] != "rolling" and entry["supported_until"] < today
    ]


def places() -> list[tuple[Path, str, str]]:
    """(file, pattern of what stands before a version, the version that belongs there)."""
    found = []
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for role, entry in pinned().items():
        directory = ROOT / "roles" / role
        found.append((directory / "defaults/main.yml", rf'^{role}_version: "?', entry["version"]))
        spec = directory / "meta/argument_specs.yml"
        found.append((spec, rf'^      {role}_version:\n(?:        .*\n)*?        default: "?', entry["version"]))
        before = [rf"\b{role}_(?={NUMBER}_\w+\.deb)"]  # a package
        if "archive" in entry:
            before = [
                rf"{re.escape(entry['repository'])}/releases/download/v",
                rf"\b{re.escape(entry['archive'].partition('{version}')[0])}(?={NUMBER}\.linux-)",
            ]
        found += [(page, pattern, entry["version"]) for page in pages for pattern in before]
    return found


def texts() -> dict[Path, str]:
    """What each of these files has to hold."""
    found: dict[Path, str] = {}
    for path, before, version in places():
        text = found.get(path) or path.read_text()
        found[path] = re.sub(rf"({before}){NUMBER}", rf"\g<1>{version}", text, flags=re.MULTILINE)
    return found


def main() -> str | None:
    return generated.main(
        __doc__.splitlines()[0], ROOT, texts(), "other versions than meta/versions.yml, run `make versions docs`"
    )


if __name__ == "__main__":
    sys.exit(main())
