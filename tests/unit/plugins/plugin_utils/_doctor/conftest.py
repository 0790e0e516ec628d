# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence that was recorded in a healthy lab, and in one with each fault."""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose

ROOT = Path(__file__).resolve().parents[5]
sys.path[:0] = [str(ROOT / "tests/tools"), str(ROOT / "molecule/doctor/tests")]
import doctor_table

FIXTURES = doctor_table.load()


@pytest.fixture
def healthy():
    """A stack without a fault; each test has its own."""
    return copy.deepcopy(FIXTURES["healthy"])


stack = healthy  # what a test then breaks


@pytest.fixture
def recorded():
    """The faults by name, each with what differs from the healthy stack."""
    return FIXTURES["faults"]


@pytest.fixture
def ids():
    """ids(stack) -> the findings by their ids."""

    def of(stack):
        return [one["id"] for one in diagnose(stack)]

    return of
