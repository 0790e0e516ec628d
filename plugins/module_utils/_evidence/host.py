# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host itself: memory, clock, disks. Private."""

from __future__ import annotations

import contextlib
import os
import socket
import time

from .probes import command

FILL_PERCENT = 85  # from here on what fills a disk is of interest


def host():
    memory = {}
    with contextlib.suppress(OSError), open("/proc/meminfo", encoding="ascii") as handle:
        for line in handle:
            name, _sep, value = line.partition(":")
            memory[name] = int(value.split()[0]) * 1024
    total, available = memory.get("MemTotal", 0), memory.get("MemAvailable", 0)
    found = {
        "hostname": socket.gethostname(),
        "time": time.time(),
        "clock_synchronized": clock_synchronized(),
        "memory": {"total": total, "available": available},
    }
    if total and available < total / 10:
        found["memory"]["largest"] = largest_processes()
    return found


def clock_synchronized():
    """Whether the kernel knows of a time server; None where systemd does not say."""
    dummy, out = command(["timedatectl", "show", "--property=NTPSynchronized"])
    return {"NTPSynchronized=yes": True, "NTPSynchronized=no": False}.get(out.strip())


def largest_processes():
    page, found = os.sysconf("SC_PAGE_SIZE"), []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open("/proc/%s/statm" % pid, encoding="ascii") as handle:
                size = int(handle.read().split()[1]) * page
            with open("/proc/%s/comm" % pid, encoding="utf-8") as handle:
                found.append({"pid": int(pid), "program": handle.read().strip(), "bytes": size})
    return sorted(found, key=lambda one: -one["bytes"])[:3]


def disks(paths):
    """The file systems that hold these paths, each once."""
    found = {}
    mounts = mount_table()
    for path in paths:
        with contextlib.suppress(OSError):
            real = os.path.realpath(path)
            device = os.stat(real).st_dev
            if device in found:
                found[device]["paths"].append(path)
                continue
            size = os.statvfs(real)
            used, free = size.f_blocks - size.f_bfree, size.f_bavail
            if not size.f_blocks:
                continue
            mount = max((one for one in mounts if is_below(real, one)), key=len, default="/")
            kind, source = mounts.get(mount, ("", ""))
            entry = {
                "mount": mount,
                "type": kind,
                "device": source,
                "paths": [path],
                "size": size.f_blocks * size.f_frsize,
                "free": free * size.f_frsize,
                "used_percent": round(100.0 * used / max(1, used + free), 1),  # as df counts
                "inodes_percent": round(100.0 * (size.f_files - size.f_ffree) / size.f_files, 1) if size.f_files else 0,
                "read_only": bool(size.f_flag & os.ST_RDONLY),
            }
            if max(entry["used_percent"], entry["inodes_percent"]) >= FILL_PERCENT:
                entry["largest"] = largest_files(mount, device)
            found[device] = entry
    return list(found.values())


def mount_table():
    mounts = {}
    with contextlib.suppress(OSError), open("/proc/self/mountinfo", encoding="utf-8") as handle:
        for line in handle:
            left, _sep, right = line.partition(" - ")
            kind, source = right.split()[:2]
            mounts[left.split()[4].replace("\\040", " ")] = (kind, source)
    return mounts


def is_below(path, mount):
    return path == mount or path.startswith(mount.rstrip("/") + "/")


def largest_files(mount, device, seconds=2.0):
    deadline, found = time.monotonic() + seconds, []
    for directory, names, files in os.walk(mount):
        if time.monotonic() > deadline:
            break
        with contextlib.suppress(OSError):
            names[:] = [one for one in names if os.lstat(os.path.join(directory, one)).st_dev == device]
        for name in files:
            with contextlib.suppress(OSError):
                path = os.path.join(directory, name)
                found.append((os.lstat(path).st_blocks * 512, path))
        found = sorted(found, reverse=True)[:3]
    return [{"path": path, "bytes": size} for size, path in found]
