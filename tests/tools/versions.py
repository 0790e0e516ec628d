# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the versions of meta/versions.yml wherever the collection has them; --check only tells where they differ."""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from pathlib import Path

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


def main() -> str | None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file differs")
    check = parser.parse_args().check
    stale = {}
    for path, before, version in places():
        text = stale.get(path, path.read_text())
        new = re.sub(rf"({before}){NUMBER}", rf"\g<1>{version}", text, flags=re.MULTILINE)
        if new != text:
            stale[path] = new
            if not check:
                path.write_text(new)
    names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
    if check and stale:
        return f"other versions than meta/versions.yml, run `make versions docs`: {names}"
    print(f"{'current' if check else 'written'}: {names or 'nothing to do'}")
    return None


if __name__ == "__main__":
    sys.exit(main())
