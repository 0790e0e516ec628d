# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How evidence is collected: probes side by side, programs with a time limit. A probe returns data, never a judgement.

Private.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time

from .._text import one_line


def gather(probes, seconds):
    """Results of all probes by name, run side by side. One that breaks or hangs has a problem in its place."""
    results = {}

    def run(name, probe):
        try:
            found = probe()
        except Exception as err:  # a probe that breaks must not cost what the others found
            found = {"problem": "%s: %s" % (type(err).__name__, one_line(err, 500))}
        results[name] = found

    deadline = time.monotonic() + seconds
    # Daemons: what still hangs at the deadline ends with the process.
    threads = [threading.Thread(target=run, args=item, daemon=True) for item in probes.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    done = dict(results)
    for name in probes:
        done.setdefault(name, {"problem": "no result within %d s" % seconds})
    return done


def command(argv, seconds=5):
    """(rc, output) of a program; rc None when it is not there or does not end in time."""
    program = shutil.which(argv[0], path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")
    if not program:
        return None, ""
    try:
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            [program] + argv[1:],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            env=dict(os.environ, LC_ALL="C", SYSTEMD_PAGER=""),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None, ""
    return done.returncode, done.stdout.decode("utf-8", "replace")


def content(path):
    """The text of a file; empty where it cannot be read."""
    try:
        with open(path or "", encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""


def tail(path, size):
    """The last bytes of a file as text; OSError where it cannot be read."""
    with open(path, "rb") as handle:
        handle.seek(max(0, os.fstat(handle.fileno()).st_size - size))
        return handle.read().decode("utf-8", "replace")
