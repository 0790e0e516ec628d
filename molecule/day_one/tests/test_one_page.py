# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two monitoring hosts: a fault is one page. After the other tests, because it has settings of its own."""

from __future__ import annotations

import subprocess
import sys

from lab_client import ROOT, Lab

LAB = Lab("day-one")


def test_one_fault_is_one_page():
    """With the times that are shipped: an Alertmanager waits 15 s for the other, longer than fast times allow."""
    done = subprocess.run(
        [sys.executable, ROOT / "tests/e2e/alerts.py", "faults"]
        + ["--tags", "alertmanager,prometheus", LAB.directory.name, "node-killed"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
