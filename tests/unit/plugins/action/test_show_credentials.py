# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins are for a screen, not for what is kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize("variable", ["awx_job_id", "tower_job_id"])
def test_a_job_of_awx_shows_no_logins(variable):
    argv = [Path(sys.executable).with_name("ansible"), "all", "-i", "monitor,", "-e", f"{variable}=7"]
    argv += ["-e", "monitoring_secret=canary-secret-0123456789abcdef0123", "-e", "monitoring_cluster=c"]
    done = subprocess.run(
        [*argv, "-m", "redisops.monitoring.show_credentials"],
        cwd=ROOT, env={**os.environ, "ANSIBLE_NOCOLOR": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    assert "logins are not shown in a job" in done.stdout
    assert "password" not in done.stdout
