# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a configuration: as they are to be, and as they are. Private to this collection."""

from __future__ import annotations

import contextlib
import grp
import os
import stat
import typing as t

from .. import _files


class ConfigError(Exception):
    """One line for the user; what was done so far has to be undone."""


class File(t.NamedTuple):
    path: str
    content: bytes
    mode: int
    secret: bool
    watched: bool  # the service reads it by itself when it changes
    gid: int | None  # None while the group is not there yet, in check mode
    keep: bool = False  # what is there stays


class OldFile(t.NamedTuple):
    """What lies at a path; enough to put it back."""

    content: bytes
    mode: int
    uid: int
    gid: int
    link: str  # target, where a symbolic link lies there


def old_file(path: str) -> OldFile | None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return OldFile(b"", 0, status.st_uid, status.st_gid, os.readlink(path))
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path} is not a file: move it away")
    with open(path, "rb") as handle:
        return OldFile(handle.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, "")


def differs(wanted: File, found: OldFile | None) -> bool:
    if wanted.keep and found and not found.link:
        return False
    return (
        found is None
        or bool(found.link)
        or found.content != wanted.content
        or found.mode != wanted.mode
        or (found.uid, found.gid) != (os.geteuid(), wanted.gid)
    )


def restore(path: str, found: OldFile | None) -> None:
    if found is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    elif found.link:
        _files.link_atomically(path, found.link)
    else:
        _files.write_atomically(path, found.content, found.mode, found.uid, found.gid)


def make_directory(path: str, mode: int) -> list[str]:
    """Create a directory and its parents; returns those that were missing, outermost first."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    missing.reverse()
    for directory in missing:
        os.mkdir(directory)
        os.chmod(directory, mode if directory == missing[-1] else 0o755)
    return missing


def is_marked(path: str, marker: str) -> bool:
    """Whether the first or the last line of a file is a comment with our marker."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            lines = handle.read().strip().splitlines()
    except OSError:
        return False
    return any(line.startswith("#") and marker in line for line in (lines[:1] + lines[-1:]))


def wanted_files(params: dict[str, t.Any], root: str, check_mode: bool) -> list[File]:
    """The files and secrets of the module's options."""
    found: dict[str, File] = {}
    entries = [(entry, False) for entry in params["files"]] + [(entry, True) for entry in params["secrets"]]
    for entry, secret in entries:
        name = entry["path"]
        path = os.path.normpath(os.path.join(root, name))
        if not os.path.isabs(name) and not path.startswith(root + os.sep):
            raise ConfigError(f"{name} would lie outside of {root}: give an absolute path if that is meant")
        if path in found:
            raise ConfigError(f"two files are named {name}: rename one of them")
        mode, gid, watched = 0o600, os.getegid(), False
        if not secret:
            mode, gid = _mode(name, entry["mode"]), _gid(name, entry["group"], check_mode)
            watched = entry["watched"]
        found[path] = File(path, entry["content"].encode(), mode, secret, watched, gid, entry.get("keep", False))
    return list(found.values())


def _mode(name: str, text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise ConfigError(f"the mode {text!r} of {name} is not octal digits in quotes, such as '0644'")
    return mode


def _gid(name: str, group: str, check_mode: bool) -> int | None:
    if not group:
        return os.getegid()
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        if check_mode:  # an earlier task would have made it
            return None
        raise ConfigError(f"there is no group {group} on this host, which {name} shall belong to") from None


def diff(change: File | None, found: OldFile | None, path: str = "", secret: bool = False) -> dict[str, str]:
    path = change.path if change else path
    if secret or (change and change.secret):
        before = "(secret)\n" if found else ""
        after = ("(secret, differs)\n" if found else "(secret)\n") if change else ""
    else:
        before = found.content.decode("utf-8", "replace") if found else ""
        if found and found.link:
            before = f"(link to {found.link})\n"
        after = change.content.decode("utf-8", "replace") if change else ""
        if change and found and before == after:
            before, after = f"mode {found.mode:04o}, owner {found.uid}:{found.gid}\n", f"mode {change.mode:04o}\n"
    return {"before_header": path, "after_header": path, "before": before, "after": after}
