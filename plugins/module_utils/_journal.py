# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads systemd's journal. Private to this collection."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import typing as t

_FIELDS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_PID,_HOSTNAME"


class Entry(t.NamedTuple):
    time: float  # epoch seconds
    message: str  # may have several lines
    priority: int  # 0 (emergency) to 7 (debug)
    identifier: str
    pid: str
    host: str


def read(unit="", since="", until="", lines=400, priority="", kernel=False, timeout=10):
    """The newest entries, oldest first; None where the journal cannot be read.

    since and until are epoch seconds, or what journalctl takes, such as -1h.
    """
    program = shutil.which("journalctl", path=os.environ.get("PATH", "") + ":/usr/bin:/bin")
    if not program:
        return None
    # Without --reverse some versions give the oldest lines of the time.
    argv = [program, "--output=json", "--output-fields=" + _FIELDS, "--all", "--no-pager", "--reverse"]
    argv += ["--lines=%d" % lines, *(["--dmesg"] if kernel else []), *(["--unit=" + unit] if unit else [])]
    for option, value in (("since", since), ("until", until), ("priority", priority)):
        if value != "":
            argv.append("--%s=%s" % (option, value if isinstance(value, str) else "@%.3f" % value))
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout,
            env=dict(os.environ, LC_ALL="C"),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    entries = [_entry(line) for line in done.stdout.decode("utf-8", "replace").splitlines() if line.startswith("{")]
    return entries[::-1]


def messages(unit="", **options):
    """The lines of the newest entries; none where the journal cannot be read."""
    return [line for entry in read(unit, **options) or [] for line in entry.message.splitlines()]


def _entry(line):
    fields = json.loads(line)
    message = fields.get("MESSAGE") or ""
    if isinstance(message, list):  # not UTF-8: bytes, or several values of one field
        message = (
            bytes(message).decode("utf-8", "replace")
            if all(isinstance(one, int) for one in message)
            else "\n".join(map(str, message))
        )
    return Entry(
        int(fields.get("__REALTIME_TIMESTAMP", 0)) / 1e6,
        message,
        int(fields.get("PRIORITY", 6)),
        str(fields.get("SYSLOG_IDENTIFIER", "")),
        str(fields.get("_PID", "")),
        str(fields.get("_HOSTNAME", "")),
    )
