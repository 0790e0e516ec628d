# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""renovate.json finds every program of meta/versions.yml with its version."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]


def test_every_installed_program_is_kept_current():
    text = (ROOT / "meta" / "versions.yml").read_text()
    found = {}
    for manager in json.loads((ROOT / "renovate.json").read_text())["customManagers"]:
        for pattern in manager["matchStrings"]:
            for match in re.finditer(pattern.replace("(?<", "(?P<"), text):
                found[match["depName"]] = match["currentValue"]
    versions = yaml.safe_load(text)
    wanted = {program["repository"]: program["version"] for program in versions["programs"].values()}
    assert found == {**wanted, "grafana": versions["packages"]["grafana"]["version"]}
