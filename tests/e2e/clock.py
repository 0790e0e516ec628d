# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives one running program a clock of its own, which containers cannot: they share the kernel's.

    clock.py PID SECONDS    (as root, x86_64)

Programs ask the kernel's vDSO what time it is, a page of code in each process. Its clock_gettime is replaced by one
that asks the kernel and adds the seconds to the time of day; what measures durations stays right. With 0 seconds
the clock is right again. Standard library only: it runs on the hosts.
"""

from __future__ import annotations

import os
import platform
import signal
import struct
import sys
import time

CODE = bytes.fromhex("b8e4000000 0f05 85ff 7507 488106")  # clock_gettime(which, *time); if not which: time += ...


def vdso(pid: int) -> tuple[int, int]:
    with open(f"/proc/{pid}/maps", encoding="ascii") as handle:
        for line in handle:
            if line.rstrip().endswith("[vdso]"):
                begin, end = line.split()[0].split("-")
                return int(begin, 16), int(end, 16)
    raise SystemExit(f"{pid} has no vDSO")


def symbol(image: bytes, wanted: bytes) -> int:
    """Where a function begins in an ELF image: its table of dynamic symbols says it."""
    (sections,) = struct.unpack_from("<Q", image, 40)
    size, count = struct.unpack_from("<HH", image, 58)
    headers = [struct.unpack_from("<IIQQQQIIQQ", image, sections + size * number) for number in range(count)]
    (table,) = [header for header in headers if header[1] == 11]  # SHT_DYNSYM
    names = headers[table[6]][4]
    for at in range(table[4], table[4] + table[5], 24):
        name, _info, _other, _section, value, _size = struct.unpack_from("<IBBHQQ", image, at)
        if image[names + name :].split(b"\0", 1)[0] == wanted:
            return value
    raise SystemExit(f"the vDSO has no {wanted.decode()}")


def shift(pid: int, seconds: int) -> None:
    begin, end = vdso(pid)
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(0.1)  # no thread is in the middle of the function for so long
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(begin)
            image = memory.read(end - begin)
            memory.seek(begin + symbol(image, b"__vdso_clock_gettime"))
            memory.write(CODE + struct.pack("<i", seconds) + b"\xc3")
    finally:
        os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    if platform.machine() != "x86_64":
        raise SystemExit("only for x86_64")
    shift(int(sys.argv[1]), int(sys.argv[2]))
