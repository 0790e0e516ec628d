# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd and their processes, with the reason from the journal where one is not well. Private."""

from __future__ import annotations

import re
import time

from .. import _journal, _systemd
from .._redis_exporter.ending import why_ended
from .probes import command

PROPERTIES = _systemd.PROPERTIES + ("Id", "User", "ExecStart", "ExecMainCode")
MARKER = "redisops.monitoring"  # in every file that the roles write
JOURNAL_LINES = 12
SETTLE_SECONDS, YOUNG_SECONDS = 4.0, 2.5  # how long a unit that restarts is watched


def units(names, mask):
    """State of the units by name."""
    shown = show(names)
    deadline = time.monotonic() + SETTLE_SECONDS
    while shown and any(unsettled(*item) for item in shown.items()) and time.monotonic() < deadline:
        time.sleep(0.3)  # between two starts of a crash loop a unit looks well, or without a reason
        shown = show(names)
    if shown is None:
        return {"problem": "systemctl does not answer"}
    return {name: unit(name, one, mask) for name, one in shown.items()}


def show(names):
    """The properties of units by name, in one question."""
    argv = ["systemctl", "--no-pager", "show", "--property=" + ",".join(PROPERTIES), "--"]
    rc, out = command(argv + list(names))
    if rc is None:
        return None
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in out.split("\n\n")]
    return dict(zip(names, blocks))


def unsettled(name, shown):
    """Whether a unit that was restarted is just being started, or is up for too short a time to count."""
    state = _systemd.parse_state(name, shown)
    if not state.restarts or not state.found:
        return False
    if state.active_state == "activating":
        return state.sub_state != "auto-restart"
    return state.active and state.started_at is not None and time.time() - state.started_at < YOUNG_SECONDS


def unit(name, shown, mask):
    state = _systemd.parse_state(name, shown)
    if not state.found:
        return {"found": False, "load_state": shown.get("LoadState", "")}
    files = [path for path in (state.fragment_path, *state.drop_in_paths) if path]
    texts = [_systemd.read_unit_file(path) for path in files]
    planned = planned_argv(shown.get("ExecStart", ""), mask)
    running = process(state.main_pid, mask) if state.main_pid else None
    found = {
        "found": True,
        "active": state.active,
        "state": state.active_state,
        "sub_state": state.sub_state,
        "result": state.result,
        "exit_status": state.exit_status,
        "exited": shown.get("ExecMainCode", "") in ("1", "2", "3") and not state.active,
        "restarts": state.restarts,
        "enabled": state.enabled,
        "pid": state.main_pid,
        "user": shown.get("User", ""),
        # Only what somebody else put there: some roles change units of packages this way.
        "drop_ins": [path for path in state.drop_in_paths if MARKER not in _systemd.read_unit_file(path)],
        "managed": MARKER in "".join(texts[:1]),
        "need_daemon_reload": state.need_daemon_reload,
        "credentials": _systemd.credential_sources(texts),
        "started_at": state.started_at,
        "process": running,
        "exec_argv": planned,
        "argv": running and state.active and running["argv"] or planned,
        "newer_than_process": _systemd.stale_inputs(None, name, ["/opt/%s/current" % name.rsplit(".", 1)[0]], state),
    }
    if not state.active or state.restarts:
        lines = last_run(_journal.messages(name, since="-1h"))  # a usage text alone is 130 lines
        found["journal"] = reasons(lines, mask)
        if not state.active:
            found["reason"] = mask.text(why_ended(state.result, state.exit_status, "\n".join(lines)))
    return found


def planned_argv(shown, mask):
    found = re.search(r"argv\[\]=(.*?) ; ignore_errors=", shown)
    return [mask.argument(word) for word in found.group(1).split()] if found else []


def process(pid, mask):
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as handle:
            state = handle.read().rpartition(")")[2].split()[0]
        with open("/proc/%d/cmdline" % pid, "rb") as handle:
            argv = handle.read().decode("utf-8", "replace").rstrip("\0").split("\0")
    except (OSError, IndexError):
        return None
    return {"pid": pid, "state": state, "argv": [mask.argument(word) for word in argv]}


def last_run(lines):
    """What the last run of a unit that ended said, and systemd about it: earlier runs had other reasons."""
    runs = [[]]
    for line in lines:
        if line.startswith("Starting "):
            runs.append([])
        else:
            runs[-1].append(line)
    ended = [run for run in runs if re.search(r"process exited|Failed with result", "\n".join(run))]
    return (ended or runs)[-1]


def reasons(lines, mask, count=JOURNAL_LINES):
    """The last lines that say something. Usage texts are left out: they show the values of settings."""
    usage = re.compile(r"\s+(-|\S.*\(default )|\s*-{1,2}[\w.-]+ ")
    return [mask.text(line)[:300] for line in lines if line.strip() and not usage.match(line)][-count:]
