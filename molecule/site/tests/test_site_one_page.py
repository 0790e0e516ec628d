# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dead node is one page and one end, in a stack set to fast times. All faults: make e2e-alerts."""

from __future__ import annotations

import subprocess
import sys

from lab_client import ROOT, Lab


def test_a_dead_node_is_one_page():
    done = subprocess.run(
        [sys.executable, ROOT / "tests/e2e/alerts.py", "faults", "--profile", "fast"]
        + ["--tags", "alertmanager,prometheus", Lab("site").directory.name, "node-killed"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
