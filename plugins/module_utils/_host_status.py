# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host lacks for the services that it is to run. Standard library only. Private."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import time
import typing as t

from . import _sockets, _systemd, _tls
from ._redis_exporter.ending import PROPAGATION

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule

SYSTEMD_FLOOR = 247  # LoadCredential=
CLOCK_TOLERANCE = 300  # seconds, as certificates that are not valid yet are judged


def status(module: AnsibleModule) -> dict[str, t.Any]:
    """What module host_status returns."""
    params = module.params
    found = [
        systemd_problem(module),
        clock_problem(params["time"]),
        *(file_problem(entry) for entry in params["certificates"]),
        *(fix for name, fix in params["programs"].items() if not module.get_bin_path(name)),
        *(fix for name, fix in params["libraries"].items() if importlib.util.find_spec(name) is None),
        *space_problems(params["space"]),
    ]
    return {"problems": [problem for problem in dict.fromkeys(found) if problem], "ansible_facts": facts()}


def facts() -> dict[str, t.Any]:
    """Those that the roles use, by the names that Ansible gives them."""
    addresses = list(_sockets.addresses())
    return {
        "ansible_architecture": platform.machine(),
        "ansible_all_ipv4_addresses": [one for one in addresses if ":" not in one],
        "ansible_all_ipv6_addresses": [one for one in addresses if ":" in one],
        "ansible_default_ipv4": {"address": _sockets.default_source() or ""},
    }


def systemd_problem(module: AnsibleModule) -> str:
    if not systemd_runs():
        return "systemd does not run this host, and the exporter is a systemd service; run the role on a host"
    rc, out, _err = _systemd.systemctl(module, "--version")
    found = re.match(r"systemd (\d+)", out)
    if rc != 0 or not found or int(found.group(1)) < SYSTEMD_FLOOR:
        return (
            "systemd %s is too old: %d or newer is needed to hand over secrets (Debian 11, Ubuntu 22.04, "
            "Amazon Linux 2023)" % (found.group(1) if found else "of this host", SYSTEMD_FLOOR)
        )
    return "" if root_mount_is_shared() or credentials_arrive(module) else PROPAGATION


def systemd_runs() -> bool:
    return os.path.isdir("/run/systemd/system")


def root_mount_is_shared(path: str = "/proc/self/mountinfo") -> bool:
    try:
        with open(path, encoding="utf-8") as handle:
            rows = [line.split(" - ")[0].split() for line in handle]
    except OSError:
        return True
    roots = [row[6:] for row in rows if row[4] == os.sep]
    return not roots or any(field.startswith("shared:") for field in roots[-1])


def credentials_arrive(module: AnsibleModule) -> bool:
    """Try it with a service that ends at once: with a private root mount it depends on systemd's version."""
    program = module.get_bin_path("systemd-run")
    if not program:
        return True
    argv = [program, "--quiet", "--wait", "--collect", "--property=DynamicUser=yes"]
    argv += ["--property=LoadCredential=probe:/etc/os-release", "/bin/sh", "-c"]
    return module.run_command([*argv, 'test -r "$CREDENTIALS_DIRECTORY/probe"'])[0] == 0


def clock_problem(controller: float | None) -> str:
    """Of the time on the controller, when it sent the module."""
    off = time.time() - controller if controller is not None else 0
    if abs(off) <= CLOCK_TOLERANCE:
        return ""
    return (
        "the clock is %d minutes %s that of the controller, and certificates are valid by the clock: set it, and keep "
        "it right (timedatectl set-ntp true)" % (round(abs(off) / 60), "ahead of" if off > 0 else "behind")
    )


def file_problem(entry: dict[str, str]) -> str:
    try:
        _tls.check_files(entry)
    except _tls.FileProblem as err:
        return str(err)
    return ""


def space_problems(wanted: list[dict[str, t.Any]]) -> t.Iterator[str]:
    """What is to be installed, added up by file system."""
    sums: dict[int, tuple[str, int, list[str]]] = {}
    for entry in wanted:
        if os.path.exists(entry["installed"]):
            continue
        path = entry["path"]
        while not os.path.isdir(path):
            path = os.path.dirname(path)
        device = os.stat(path).st_dev
        _path, mib, names = sums.get(device, (path, 0, []))
        sums[device] = (_path, mib + entry["mib"], [*names, entry["name"]])
    for path, mib, names in sums.values():
        system = os.statvfs(path)
        free = system.f_bavail * system.f_frsize >> 20
        if free < mib:
            yield "%s has %d MiB free, and %s need about %d: make room" % (path, free, ", ".join(names), mib)
