# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a module failed. Private."""

from __future__ import annotations

import re

RAISED = re.compile(r"^\w[\w.]*(?:Error|Exception)\b.*", re.MULTILINE)
NO_SPACE = "no space is left on the host where Ansible unpacks its modules (/tmp): make room, see df -h"


def why(result, otherwise=""):
    """From its result. One that could not even start has no message of its own, only what Python said on the host."""
    printed = "%s\n%s" % (result.get("module_stdout") or "", result.get("module_stderr") or "")
    raised = RAISED.findall(printed)
    if "No space left on device" in printed:
        return NO_SPACE
    return str(raised[-1] if raised else result.get("msg") or otherwise)
