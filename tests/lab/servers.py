# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Background servers of one lab: started once, found again by pid file, ended without touching anything else."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from common import ENVIRONMENT, LabError, write

START_SECONDS = 30
STOP_SECONDS = 5


def started_at(pid: int) -> str | None:
    """When the kernel started a process: with its pid that names one process for good, even when pids are reused."""
    with contextlib.suppress(OSError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[19] if fields[0] != "Z" else None
    return None


def running(pid_file: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        noted = json.loads(pid_file.read_text())
        if started_at(noted["pid"]) == noted["started_at"]:
            return noted["pid"]
    return None


def start(pid_file: Path, address: str, port: int, *argv: str) -> bool:
    """Starts the server unless it runs; True when it was started now."""
    if running(pid_file):
        return False
    log = pid_file.with_suffix(".log")
    with log.open("ab") as output:
        process = subprocess.Popen(
            argv, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    write(pid_file, json.dumps({"pid": process.pid, "started_at": started_at(process.pid)}) + "\n")
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if listens(address, port):
            return True
        time.sleep(0.1)
    raise LabError(f"{pid_file.stem} does not listen on {address}:{port}: see {log}")


def stop(pid_file: Path) -> None:
    pid = running(pid_file)
    if pid:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while running(pid_file) and time.monotonic() < deadline:
            time.sleep(0.05)
        if running(pid_file):
            os.kill(pid, signal.SIGKILL)
    pid_file.unlink(missing_ok=True)


def listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False


def free_port(address: str, first: int) -> int:
    """The first free port from `first` on; `address` need not be up yet."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise LabError(f"no free port on {address} from {first} on")
