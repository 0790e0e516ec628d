# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that change in one step. Private to this collection."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile

LEFTOVER = ".redisops-"  # begins the names of temporary files; an interrupted run leaves them behind


def write_atomically(path, content, mode, uid=None, gid=None):
    """Replace a file: a reader sees the old content or the new one, never a part."""
    handle, temporary = tempfile.mkstemp(prefix=LEFTOVER, dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            if uid is not None or gid is not None:
                os.fchown(stream.fileno(), -1 if uid is None else uid, -1 if gid is None else gid)
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def link_atomically(path, target):
    """Put a symbolic link in place of whatever file or link is there."""
    temporary = os.path.join(os.path.dirname(path), "%s%d" % (LEFTOVER, os.getpid()))
    os.symlink(target, temporary)
    os.rename(temporary, path)


def sync(directory):
    """Make what was renamed in a directory last over a power cut."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as err:
        if err.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot sync directories
            raise
    finally:
        os.close(handle)


def sweep(directory):
    """Remove what interrupted runs left half-written in a directory."""
    for name in os.listdir(directory):
        if name.startswith(LEFTOVER):
            os.unlink(os.path.join(directory, name))
