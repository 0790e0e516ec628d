# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes `import ansible_collections.redisops.monitoring` work in every checkout, whatever the shell has set."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / "build" / "collections"
LINK = COLLECTIONS / "ansible_collections" / "redisops" / "monitoring"

if not LINK.exists():
    LINK.parent.mkdir(parents=True, exist_ok=True)
    LINK.symlink_to("../../../..")
sys.path.insert(0, str(COLLECTIONS))
sys.path.insert(0, str(ROOT / "tests" / "tools"))

# What a shell has set for AWS, proxies, Ansible and languages is no part of the tests. Subprocesses inherit this.
for name in list(os.environ):
    if name.startswith(("AWS_", "ANSIBLE_", "BOTO_", "LC_", "LANG", "PYTHONHTTPS")) or name.lower().endswith("_proxy"):
        del os.environ[name]
os.environ.update(
    ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"),
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    LC_ALL="C.UTF-8",
)
