# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in of Grafana, as 9.4 and as 12.4."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import client

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab" / "grafana"))

from running import Running


@pytest.fixture
def no_pauses(monkeypatch):
    monkeypatch.setattr(client, "PAUSES", (0.01, 0.01, 0.01))


@pytest.fixture(params=("9.4", "12.4"))
def server(request, tmp_path, no_pauses):
    with Running(tmp_path / "grafana", request.param) as running:
        yield running


@pytest.fixture
def oldest(tmp_path, no_pauses):
    with Running(tmp_path / "grafana", "9.4") as running:
        yield running


@pytest.fixture
def newest(tmp_path, no_pauses):
    with Running(tmp_path / "grafana") as running:
        yield running
