# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What a module supports. A module names one of the first two, and its own C(attributes) say only what differs."""

    # Modules that change something
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and tell what it would change, without changing it.
  diff_mode:
    support: full
    description: Shows what has changed, or would change in C(check_mode), when in diff mode.
  idempotent:
    support: full
    description: Run twice with the same options, the second run changes nothing.
  platform:
    support: full
    platforms: posix
    description: Where the module runs.
"""

    # Modules that only read
    READ_ONLY = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and tell what it would change, without changing it.
    details: This module changes nothing.
  diff_mode:
    support: N/A
    description: Shows what has changed, or would change in C(check_mode), when in diff mode.
    details: This module changes nothing.
  idempotent:
    support: full
    description: Run twice with the same options, the second run changes nothing.
    details: This module changes nothing.
  platform:
    support: full
    platforms: posix
    description: Where the module runs.
"""

    # Together with one of the above: modules that are actions on the controller
    ACTION = r"""
options: {}
attributes:
  action:
    support: full
    description: Runs on the controller.
  async:
    support: none
    description: Supports the C(async) keyword.
  bypass_host_loop:
    support: none
    description: Runs once for all hosts of the play.
"""
