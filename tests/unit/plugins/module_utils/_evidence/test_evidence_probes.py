# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A probe takes as long as it may, and no longer."""

from __future__ import annotations

import time

from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import probes


def test_a_probe_that_hangs_or_breaks_costs_no_other():
    started = time.monotonic()
    found = probes.gather({"slow": lambda: time.sleep(30), "broken": lambda: {}["x"], "fine": lambda: {"a": 1}}, 1)
    assert time.monotonic() - started < 5
    assert found["fine"] == {"a": 1}
    assert found["slow"] == {"problem": "no result within 1 s"}
    assert found["broken"]["problem"].startswith("KeyError")


def test_a_command_that_is_not_there_or_hangs_is_no_error():
    assert probes.command(["no-such-program"]) == (None, "")
    assert probes.command(["sleep", "30"], seconds=0.2) == (None, "")
