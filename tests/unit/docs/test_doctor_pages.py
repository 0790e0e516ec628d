# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/doctor.md says of docs/doctor-faults.md, which is made by tests/tools/doctor_table.py."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs"


def test_the_number_of_faults_is_that_of_the_table():
    rows = [line for line in (DOCS / "doctor-faults.md").read_text().splitlines() if line.startswith("| ")][1:]
    said = re.search(r"\[(\d+) faults\]\(doctor-faults\.md\)", (DOCS / "doctor.md").read_text())[1]
    assert int(said) == len(rows)
