# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Release archives, tar.gz as our upstreams publish them, and the programs in them. Private to this collection."""

from __future__ import annotations

import gzip
import os
import posixpath
import struct
import tarfile
import zlib

from .common import CHUNK, MODE, ReleaseError, reason, write_file

MAX_UNPACKED = 4 << 30  # against archives that never end; the largest release unpacks to a tenth of it
MACHINES = {"x86_64": (62, "amd64"), "aarch64": (183, "arm64")}  # ELF's number and Go's name
# What Python's readers raise on damaged or foreign input, besides OSError without a number.
READ_ERRORS = (EOFError, OverflowError, ValueError, struct.error, tarfile.TarError, zlib.error)


class _Bounded:
    """A stream that ends with an error rather than never."""

    def __init__(self, stream, archive):
        self.stream, self.archive, self.left = stream, archive, MAX_UNPACKED

    def read(self, size):
        chunk = self.stream.read(min(size, CHUNK))
        self.left -= len(chunk)
        if self.left < 0:
            raise ReleaseError(f"{self.archive} unpacks to more than {MAX_UNPACKED} bytes: this is no release archive")
        return chunk


def unpack(path, archive, wanted, directory):
    """Streams the wanted programs of an archive into a directory; returns {name: {sha256, size}}."""
    programs, origins, others = {}, {}, []
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=_Bounded(stream, archive), mode="r|") as tar:
            for member in tar:
                name = posixpath.basename(member.name)
                if _fault(member):
                    raise ReleaseError(
                        f"{archive} is not safe, its {_shown(member)} {_fault(member)}: look for another"
                    )
                if member.isdir():
                    continue
                if name not in wanted:
                    others.append(member.name)
                elif not member.isreg():
                    raise ReleaseError(
                        f"{archive} holds a {_shown(member)}: name the file that it leads to in binaries"
                    )
                elif name in programs:
                    raise ReleaseError(
                        f"{archive} holds two files called {name} ({origins[name]} and {member.name}), so which one to "
                        "install is open: use an archive with one of them"
                    )
                else:
                    origins[name] = member.name
                    file = tar.extractfile(member)
                    target = os.path.join(directory, name)
                    programs[name] = write_file(target, iter(lambda file=file: file.read(CHUNK), b""), MODE)
                    _check_program(target, archive)
    except (OSError, *READ_ERRORS) as err:
        if isinstance(err, OSError) and err.errno is not None:
            raise  # the disk, not the archive
        raise ReleaseError(f"{archive} cannot be read as tar.gz ({reason(err)}): it is damaged, or another") from err
    missing = [name for name in wanted if name not in programs]
    if missing:
        shown = ", ".join(others[:12]) + (f" and {len(others) - 12} more" if len(others) > 12 else "")
        raise ReleaseError(
            f"{archive} does not hold {', '.join(missing)}: correct binaries; it holds {shown or 'nothing'}"
        )
    return programs


def _fault(member):
    """Nothing is ever written under a path from the archive; one that tries deserves no trust all the same."""
    target = member.linkname
    if member.issym():
        target = posixpath.normpath(posixpath.join(posixpath.dirname(member.name), target))
    if any(path.startswith("/") or ".." in path.split("/") for path in (member.name, target)):
        return "leads out of the archive"
    known = member.isreg() or member.isdir() or member.issym() or member.islnk()
    return None if known else "has no place in a release"


def _shown(member):
    link = "symbolic link" if member.issym() else "hard link" if member.islnk() else ""
    kind = link or (
        "file" if member.isreg() else "directory" if member.isdir() else "device node or other special file"
    )
    return f"{kind} {member.name}" + (f" -> {member.linkname}" if link else "")


def _check_program(path, archive):
    """An error unless the file is a program for this host."""
    with open(path, "rb") as handle:
        head = handle.read(20)
    what = f"{os.path.basename(path)} in {archive}"
    if head[:4] != b"\x7fELF" or len(head) < 20:
        raise ReleaseError(f"{what} is not a Linux program, it begins with {head[:8]!r}: give the archive for Linux")
    built_for, host = int.from_bytes(head[18:20], "little"), os.uname().machine
    if host in MACHINES and built_for != MACHINES[host][0]:
        name = dict(MACHINES.values()).get(built_for, f"ELF machine {built_for}")
        raise ReleaseError(
            f"{what} is built for {name}, this host is {MACHINES[host][1]}: give the archive for {MACHINES[host][1]}"
        )
