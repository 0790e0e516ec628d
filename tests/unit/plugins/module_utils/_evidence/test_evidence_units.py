# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import units
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence.mask import Mask

CANARY = "c4nary-Pa55word"


def test_usage_texts_are_left_out_of_the_journal():
    said = f'flag provided but not defined: -x\nUsage:\n  -redis.password string\n    \t(default "{CANARY}")\nExit\n'
    lines = units.reasons(said.splitlines(), Mask([]))
    assert lines[0] == "flag provided but not defined: -x"
    assert CANARY not in "".join(lines)


def test_the_reason_is_that_of_the_last_run_that_ended():
    first = "Starting x\nold reason\nMain process exited\n"
    second = "Starting x\nStarted x\nnew reason\nMain process exited\nScheduled restart job\n"
    for said in (first + second, first + second + "Starting x\n"):
        lines = units.last_run(said.splitlines())
        assert "new reason" in lines and "old reason" not in lines
    assert units.last_run(["a line"]) == ["a line"]
