# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA of a lab's services, for those who ask them from here."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path


def of_services(directory: Path) -> str:
    """A file: the lab's own CA, or on a bare lab the one that site.yml has made, as it is now. May not be there yet."""
    about = json.loads((directory / "lab.json").read_text())
    if not about.get("bare"):
        return str(directory / "pki/ca.crt")
    path = directory / "pki/monitoring_ca.crt"
    host = min(name for name, one in about["hosts"].items() if one["role"] == "monitoring")
    command = ["ssh", "-F", str(directory / "ssh_config"), host, "sudo cat /etc/redisops/tls/ca.crt"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False)
    if done.returncode == 0:
        path.write_text(done.stdout)
    return str(path)
