# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a module failed, from its result."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.action.service_task import together
from ansible_collections.redisops.monitoring.plugins.action.validate_settings import told
from ansible_collections.redisops.monitoring.plugins.plugin_utils._failures import NO_SPACE, why

# As ansible-core 2.20 says it of a host whose disk is full.
FULL = {
    "failed": True,
    "module_stderr": "Traceback (most recent call last):\n"
    '  File "<stdin>", line 266, in <module>\n'
    '  File "<stdin>", line 255, in _ansiballz_main\n'
    "OSError: [Errno 28] No space left on device\n",
    "module_stdout": "",
    "msg": "Module result deserialization failed: No start of json char found",
    "rc": 1,
}
BROKEN = {
    **FULL,
    "module_stderr": "warning\nTraceback (most recent call last):\nzipfile.BadZipFile: no\nKeyError: 'x'\n",
}
# With a terminal, what Python said is in the standard output, and ssh has the last word.
TERMINAL = {**FULL, "module_stdout": FULL["module_stderr"], "module_stderr": "Shared connection to 10.0.0.1 closed.\n"}


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (FULL, NO_SPACE),
        (TERMINAL, NO_SPACE),
        (BROKEN, "KeyError: 'x'"),
        ({"failed": True, "msg": "cannot work in /opt/x (No space left on device): free some space"},
         "cannot work in /opt/x (No space left on device): free some space"),
        ({"failed": True, "module_stderr": "sudo: a password is required\n", "msg": "Missing sudo password"},
         "Missing sudo password"),
        ({}, "nothing"),
    ],
)  # fmt: skip
def test_why(result, said):
    assert why(result, "nothing") == said


def test_the_preflight_names_a_full_disk():
    assert told(FULL) == ["could not be examined: " + NO_SPACE]


def test_a_task_of_a_service_names_a_full_disk():
    assert together([{"changed": False}, dict(FULL)])["msg"] == NO_SPACE
