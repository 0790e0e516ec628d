# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person needs to know of a running lab."""

from __future__ import annotations

from common import LabError


def show(lab: dict | None, name: str) -> None:
    if not lab:
        raise LabError(f"lab {name} is not there: lab.py up {name}")
