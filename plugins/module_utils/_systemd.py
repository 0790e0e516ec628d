# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd knows about a unit, and whether the running process is older than what it was started from.

Private to this collection.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import typing as t

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule

PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "ExecMainStatus",
    "ExecMainStartTimestampMonotonic",
    "MainPID",
    "UnitFileState",
    "FragmentPath",
    "DropInPaths",
    "NeedDaemonReload",
    "NRestarts",
)

_CREDENTIAL = re.compile(r"^LoadCredential(?:Encrypted)?=(?P<name>[^:]+):(?P<path>/.+)$")


class UnitState(t.NamedTuple):
    """A unit as `systemctl show` describes it; `active` is false for a unit that does not exist."""

    unit: str
    found: bool  # systemd can load it
    active: bool  # its main process runs (or, for a unit without one, it is active)
    started_at: float | None  # epoch seconds, None when it is not active
    last_started_at: float | None  # of its newest process, be it gone
    active_state: str
    sub_state: str
    result: str
    exit_status: int
    main_pid: int
    enabled: bool
    restarts: int
    fragment_path: str
    drop_in_paths: list[str]
    need_daemon_reload: bool


def systemctl(module: AnsibleModule, *args: str) -> tuple[int, str, str]:
    """Run systemctl; a host without it is an error that says so."""
    program = module.get_bin_path("systemctl")
    if not program:
        module.fail_json(msg="this host has no systemctl: systemd 247 or newer is needed")
    return module.run_command([program, "--no-pager", *args], environ_update={"LC_ALL": "C"})


def unit_state(module: AnsibleModule, unit: str) -> UnitState:
    """Ask systemd for the state of one unit."""
    rc, out, err = systemctl(module, "show", "--property=" + ",".join(PROPERTIES), "--", unit)
    if rc != 0:
        module.fail_json(msg=f"systemctl show {unit} failed: {(err or out).strip()}")
    return parse_state(unit, dict(line.split("=", 1) for line in out.splitlines() if "=" in line))


def parse_state(unit: str, shown: dict[str, str]) -> UnitState:
    """The state of a unit from what `systemctl show` prints of PROPERTIES."""
    active = shown.get("ActiveState") in ("active", "reloading")
    last_started_at = _epoch(_number(shown.get("ExecMainStartTimestampMonotonic")))
    return UnitState(
        unit=unit,
        found=shown.get("LoadState") == "loaded",
        active=active,
        started_at=last_started_at if active else None,
        last_started_at=last_started_at,
        active_state=shown.get("ActiveState", "unknown"),
        sub_state=shown.get("SubState", "unknown"),
        result=shown.get("Result", "unknown"),
        exit_status=_number(shown.get("ExecMainStatus")),
        main_pid=_number(shown.get("MainPID")),
        enabled=shown.get("UnitFileState") in ("enabled", "enabled-runtime", "static", "indirect", "generated"),
        restarts=_number(shown.get("NRestarts")),
        fragment_path=shown.get("FragmentPath", ""),
        drop_in_paths=shown.get("DropInPaths", "").split(),
        need_daemon_reload=shown.get("NeedDaemonReload") == "yes",
    )


def stale_inputs(
    module: AnsibleModule, unit: str, extra_paths: t.Iterable[str] = (), state: UnitState | None = None
) -> list[str]:
    """Paths the running process was started from that have changed since it started.

    These are the unit's own file and drop-ins, the sources of its LoadCredential= settings (systemd copies
    them when the service starts) and `extra_paths`, such as the link to the installed binary. Empty for a unit
    that is not running: its next start reads everything anew.
    """
    state = state or unit_state(module, unit)
    if not state.active or state.started_at is None:
        return []
    unit_files = [path for path in (state.fragment_path, *state.drop_in_paths) if path]
    credentials = credential_sources(map(read_unit_file, unit_files)).values()
    paths = dict.fromkeys([*unit_files, *credentials, *extra_paths])
    return [path for path in paths if (changed_at(path) or 0.0) > state.started_at]


def changed_at(path: str) -> float | None:
    """When the path last changed, as epoch seconds; None when it is not there.

    The inode change time, because files put in place by cp -p, rsync or tar carry an old modification time.
    A link changes when it is pointed elsewhere and when the file behind it changes.
    """
    times = []
    for stat in (os.lstat, os.stat):
        with contextlib.suppress(OSError):
            times.append(stat(path).st_ctime)
    return max(times) if times else None


def credential_sources(texts: t.Iterable[str]) -> dict[str, str]:
    """Source path by name of every LoadCredential= in the contents of a unit file and its drop-ins, in their order.

    Read from the files: `systemctl show` prints this property as [unprintable] in some versions.
    """
    sources: dict[str, str] = {}
    for text in texts:
        for line in (raw.strip() for raw in text.splitlines()):
            if line in ("LoadCredential=", "LoadCredentialEncrypted="):
                sources.clear()  # systemd: an empty assignment resets the list
            found = _CREDENTIAL.match(line)
            if found:
                sources[found.group("name")] = found.group("path")
    return sources


def read_unit_file(path: str) -> str:
    """Content of a unit file; empty when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""


def _epoch(monotonic_usec: int) -> float | None:
    """Turn CLOCK_MONOTONIC microseconds into epoch seconds; the other timestamps systemctl prints lack fractions."""
    if not monotonic_usec:
        return None
    return time.time() - (time.clock_gettime(time.CLOCK_MONOTONIC) - monotonic_usec / 1e6)


def _number(text: str | None) -> int:
    return int(text) if text and text.lstrip("-").isdigit() else 0
