# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for hosts: room on disks and in memory. Private."""

from __future__ import annotations

import re

from ...module_utils import _redis
from .findings import finding
from .fixes import by_hand, on
from .stack import size

DISK_ERROR, DISK_WARNING = 95.0, 88.0  # percent used
MEMORY_ERROR, MEMORY_WARNING = 0.04, 0.08  # share that is available


def disks(stack, name):
    for disk in stack.evidence(name, "disks") or []:
        mount = disk["mount"]
        if disk["read_only"] and mount != "/":
            seen = "%s on %s, type %s" % (disk["device"], mount, disk["type"])
            yield finding(
                "disk_read_only", name, [seen], [on(name, "sudo mount -o remount,rw %s" % mount)], mount=mount
            )
        used = max(disk["used_percent"], disk["inodes_percent"])
        if used < DISK_WARNING:
            continue
        what = "inodes" if disk["inodes_percent"] > disk["used_percent"] else "space"
        facts = (mount, used, what, size(disk["free"]), size(disk["size"]), ", ".join(disk["paths"]))
        seen = ["%s: %.0f %% of its %s used, %s of %s free, holds %s" % facts]
        largest = disk.get("largest") or []
        if largest:
            seen.append("largest: " + ", ".join("%s (%s)" % (one["path"], size(one["bytes"])) for one in largest))
        severity, how = ("error", "full") if used >= DISK_ERROR else ("warning", "nearly full")
        yield finding("disk_full", name, seen, more_room(stack, name, disk), severity, mount=mount, how=how)


def more_room(stack, name, disk):
    mount, device, host = disk["mount"], disk["device"], stack.hosts[name]
    if any("/journal/" in one["path"] for one in disk.get("largest") or []):
        return [on(name, "sudo journalctl --vacuum-size=200M")]
    if disk["type"] == "tmpfs":
        return [on(name, "sudo mount -o remount,size=%dM %s" % (disk["size"] * 2 // 2**20, mount))]
    step = by_hand("make the volume of %s larger" % mount)
    if host.get("volumes"):
        facts = (host.get("region", ""), host["volumes"][0], disk["size"] * 3 // 2 // 2**30 + 1)
        step = on("controller", "aws ec2 modify-volume --region %s --volume-id %s --size %d" % facts)
    partition = re.fullmatch(r"(/dev/nvme\d+n\d+)p(\d+)|(/dev/[a-z]+)(\d+)", device)
    grow = "sudo xfs_growfs %s" % mount if disk["type"] == "xfs" else "sudo resize2fs %s" % device
    if partition:
        grow = "sudo growpart %s %s && %s" % (*filter(None, partition.groups()), grow)
    return [step, on(name, grow)]


def memory(stack, name):
    found = stack.evidence(name, "host", "memory")
    if not found.get("total") or found["available"] >= found["total"] * MEMORY_WARNING:
        return
    largest = found.get("largest") or [{"program": "an unknown program", "pid": 0}]
    program = largest[0]["program"]
    setting = {"prometheus": "prometheus_retention_time", **dict.fromkeys(_redis.PROGRAMS, "maxmemory")}.get(program)
    share = found["available"] / found["total"]
    seen = [
        "%.1f %% of %s available" % (100 * share, size(found["total"])),
        "largest: " + ", ".join("%(program)s (process %(pid)d)" % one for one in largest),
    ]
    fix = by_hand("give the instance more memory, or lower %s" % (setting or "what %s holds" % program))
    severity = "error" if share < MEMORY_ERROR else "warning"
    yield finding("memory_low", name, seen, [fix], severity, program=program)
