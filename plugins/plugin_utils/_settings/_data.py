# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data directories that the user chooses, such as a volume of its own.

systemd gives a StateDirectory to the user that it makes for a service, but cannot move one that is a mount point. So
the user's directory is mounted where systemd looks for a state directory of another name.
"""

from __future__ import annotations

import re

from . import _core

ROLES = ("prometheus", "alertmanager", "grafana")
NOT_THERE = re.compile(
    r"/(bin|boot|dev|etc|home|lib|lib64|proc|root|run|sbin|sys|tmp|usr|var/tmp|var/lib/(private|redisops))(/.*)?"
    r"|/(opt|mnt|media|srv|var|var/lib|var/log)"
)


def directory(s: dict, role: str) -> str:
    """What the user chose; nothing for the place where the data is anyway."""
    chosen = s[f"{role}_data_directory"].rstrip("/") or s[f"{role}_data_directory"]
    return "" if role == "grafana" and chosen == "/var/lib/grafana" else chosen


def problems(s: dict, host: _core.Host, role: str) -> list[str]:
    option, chosen = f"{role}_data_directory", directory(s, role)
    if not chosen:
        return []
    parts = chosen.split("/")[1:]
    if not re.fullmatch("(/[A-Za-z0-9._-]+)+", chosen) or "." in parts or ".." in parts:
        return [f"{option} is {chosen}: give an absolute path of letters, digits and . _ -"]
    if NOT_THERE.fullmatch(chosen):
        return [f"{option} is {chosen}, which belongs to the system: name a directory for this data alone"]
    for other in ROLES:
        theirs = str(host.variables.get(f"{other}_data_directory") or "").rstrip("/")
        if other != role and theirs and f"{chosen}/".startswith(f"{theirs}/"):
            return [f"{option} is {chosen}, which is in {other}_data_directory: name another one"]
    return []


def mount_unit(role: str) -> str:
    return f"/etc/systemd/system/var-lib-private-redisops-{role}.mount"


def path(s: dict, role: str) -> str:
    """Where the service finds its data."""
    return f"/var/lib/redisops/{role}" if directory(s, role) else f"/var/lib/{role}"


def config(s: dict, role: str, known: str) -> dict:
    """For the arguments of checked_config. known: the names of what the service writes, as a regular expression."""
    return {
        "what": f"{role}_data_directory",
        "directory": directory(s, role),
        "default": f"/var/lib/private/{role}",
        "known": known,
        "named_in": f"/etc/systemd/system/{role}.service",
    }


def files(s: dict, role: str) -> list[dict]:
    return [{"path": mount_unit(role), "template": "_service/data.mount.j2"}] if directory(s, role) else []


def absent(s: dict, role: str) -> list[str]:
    return [] if directory(s, role) else [mount_unit(role)]


def values(s: dict, role: str) -> dict:
    """For the templates of the units, among the values of the service."""
    chosen = directory(s, role)
    return {"data": chosen, "state": f"redisops/{role}" if chosen else role}
