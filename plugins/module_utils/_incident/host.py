# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of evidence about the host: journals, logs, states of units and of the system. Private."""

from __future__ import annotations

import json
import os

from .. import _journal, _systemd
from .._evidence import probes
from .._text import utc

LINES = 2000  # of one journal
LINE = 500  # characters of one line
FILE = 256 * 1024  # characters of one file; the newest are kept
TOKEN = "/etc/redisops/grafana/token"  # noqa: S105 (a path)
COMMANDS = (
    ["uname", "-a"],
    ["uptime"],
    ["timedatectl"],
    ["df", "-hT", "-x", "overlay", "-x", "squashfs"],
    ["df", "-i"],
    ["free", "-m"],
    ["systemctl", "--no-pager", "--failed", "--all"],
    ["ss", "-s"],
    # No arguments of commands: they can hold secrets.
    ["ps", "-eo", "pid,stat,etime,pcpu,pmem,rss,comm", "--sort=-rss"],
)
UNIT_PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts,ExecMainStartTimestamp,ExecMainExitTimestamp"
    ",MemoryCurrent,FragmentPath,DropInPaths"
)


def journal(unit, window):
    """Lines of a unit's journal, or of the kernel's warnings."""
    # The kernel logs much; what kills, fails or times out is a warning or worse.
    about = {"kernel": True, "priority": "warning"} if unit == "kernel" else {"unit": unit}
    start, end = window.start.timestamp(), window.end.timestamp() + 1
    entries = _journal.read(since=start, until=end, lines=LINES, timeout=20, **about)
    if entries is None:
        return "journalctl does not answer on this host\n"
    return "".join(entry_text(entry) for entry in entries)


def entry_text(entry):
    when = utc(entry.time)
    source = "%s[%s]" % (entry.identifier, entry.pid) if entry.pid else entry.identifier
    return "".join("%s %s: %s" % (when, source, line)[:LINE] + "\n" for line in entry.message.splitlines())


def log(path):
    try:
        return probes.tail(path, FILE)
    except OSError as err:
        return "%s: %s\n" % (path, err.strerror)


def host():
    parts = []
    for argv in COMMANDS:
        rc, out = probes.command(argv, 10)
        lines = (out.splitlines() if rc is not None else ["(no answer)"])[:60]
        parts.append("$ %s\n%s\n" % (" ".join(argv), "\n".join(lines)))
    return "\n".join(parts)


def units(names):
    rc, out = probes.command(["systemctl", "--no-pager", "show", "--property=" + UNIT_PROPERTIES, "--"] + list(names))
    return out if rc is not None else "systemctl does not answer\n"


def bounded(text):
    """The end of a text, with a note where something is missing."""
    if len(text) <= FILE:
        return text
    return "[%d characters before this are left out]\n%s" % (len(text) - FILE, text[-FILE:].partition("\n")[2])


def known_secrets(units):
    """Contents of the files that systemd hands over to our services: whatever else happens, these are masked."""
    found = set(_secrets_in(TOKEN))
    for unit in units:
        for path in ("/etc/systemd/system/%s" % unit, "/etc/systemd/system/%s.d/redisops.conf" % unit):
            for source in _systemd.credential_sources([_systemd.read_unit_file(path)]).values():
                found.update(_secrets_in(source))
    return found


def _secrets_in(path):
    try:
        if os.path.getsize(path) > 65536:
            return
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
    except (OSError, UnicodeDecodeError):
        return
    if "-----BEGIN" in text:
        if "PRIVATE KEY" in text:
            yield from (line for line in text.splitlines() if len(line) > 40 and not line.startswith("-"))
        return
    try:
        data = json.loads(text)
        yield from (str(value) for value in data.values()) if isinstance(data, dict) else ()
    except ValueError:
        yield from (line.partition("=")[2] or line for line in text.splitlines() if 8 <= len(line) <= 4096)
