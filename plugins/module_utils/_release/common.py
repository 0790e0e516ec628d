# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors, names and files of release_binary. Private to this collection."""

from __future__ import annotations

import hashlib
import os
import re

from .._text import one_line

CHUNK = 1 << 20
MODE = 0o755  # of directories and programs
FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+~@-]*\Z")
SHA256 = re.compile(r"[0-9a-fA-F]{64}\Z")


class ReleaseError(Exception):
    """What is wrong, why, and what to do about it, in one printable line."""

    def __init__(self, message):
        super().__init__(one_line(message, 1000))


def reason(err):
    return str(getattr(err, "strerror", None) or err) or type(err).__name__


def check_name(option, value):
    """Names become path components, so they hold nothing that a path treats specially."""
    if not FILE_NAME.match(value):
        raise ReleaseError(
            f"{option} {value!r} cannot be used as a file name: write letters, digits and _ . + ~ @ - only, beginning "
            "with a letter, a digit or _"
        )


def owner():
    """Who owns what is installed: root, or the user who runs the module without being root."""
    return (0, 0) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def make_directory(path):
    os.mkdir(path, MODE)
    os.chown(path, *owner())
    os.chmod(path, MODE)


def write_file(path, chunks, mode):
    """Writes and syncs a new file; returns its sha256 and size."""
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
        for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
        out.flush()
        os.fchown(out.fileno(), *owner())
        os.fchmod(out.fileno(), mode)
        os.fsync(out.fileno())
    return {"sha256": digest.hexdigest(), "size": size}


def file_chunks(path, flags=0):
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags), "rb") as handle:
        yield from iter(lambda: handle.read(CHUNK), b"")


def file_digest(path):
    digest = hashlib.sha256()
    for chunk in file_chunks(path, os.O_NOFOLLOW):
        digest.update(chunk)
    return digest.hexdigest()
