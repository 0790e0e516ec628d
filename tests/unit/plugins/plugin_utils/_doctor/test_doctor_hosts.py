# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for disks."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import NODE


@pytest.mark.parametrize(
    ("device", "kind", "command"),
    [
        ("/dev/nvme0n1p1", "ext4", "sudo growpart /dev/nvme0n1 1 && sudo resize2fs /dev/nvme0n1p1"),
        ("/dev/nvme1n1", "ext4", "sudo resize2fs /dev/nvme1n1"),  # a volume without partitions
        ("/dev/xvda1", "xfs", "sudo growpart /dev/xvda 1 && sudo xfs_growfs /data"),
        ("/dev/sdf", "xfs", "sudo xfs_growfs /data"),
        ("/dev/mapper/data-1", "ext4", "sudo resize2fs /dev/mapper/data-1"),
    ],
)
def test_a_full_disk_gets_more_room(stack, device, kind, command):
    disk = {"mount": "/data", "device": device, "type": kind, "size": 10 << 30, "free": 0, "paths": ["/data"]}
    disk.update(used_percent=99.0, inodes_percent=1.0, read_only=False)
    stack["hosts"][NODE]["evidence"]["disks"] = [disk]
    (finding,) = diagnose(stack)
    assert (finding["id"], finding["severity"]) == ("disk_full", "error")
    volume, grow = finding["cure"]
    assert "modify-volume" in volume["run"] and volume["run"].endswith("--size 16")
    assert grow == {"on": NODE, "run": command}
