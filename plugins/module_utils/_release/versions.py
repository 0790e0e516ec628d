# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which versions are installed, and what is wrong with them. Private to this collection."""

from __future__ import annotations

import contextlib
import json
import os
import stat

from .common import FILE_NAME, MODE, SHA256, ReleaseError, file_chunks, file_digest, owner

CURRENT = "current"
PREVIOUS = "previous"
MANIFEST = ".release_binary.json"
LOCK = ".release_binary.lock"
WORK = ".release_binary-"  # temporary directories are this and some random characters


class Versions:
    """The directory root with the versions of one program or group of programs."""

    def __init__(self, name, root):
        self.name, self.root = name, root

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def look(self):
        """Reads which versions of ours there are, newest first, and where the links lead."""
        if os.path.lexists(self.root) and not os.path.isdir(self.root):
            raise ReleaseError(f"root {self.root} is not a directory: move it away or choose another root")
        self.found = {version: manifest_in(self.path(version)) for version in self.installed()}
        for manifest in self.found.values():
            if manifest and manifest["name"] != self.name:
                raise ReleaseError(f"root {self.root} holds {manifest['name']}: give {self.name} a root of its own")
        self.current, self.previous = self._linked(CURRENT), self._linked(PREVIOUS)

    def _entries(self):
        return os.listdir(self.root) if os.path.isdir(self.root) else []

    def installed(self):
        """The directories below root that hold a manifest, newest first."""
        times = {}
        for name in self._entries():
            if not name.startswith(".") and not os.path.islink(self.path(name)):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    times[name] = os.lstat(self.path(name, MANIFEST)).st_mtime_ns
        return sorted(times, key=times.get, reverse=True)

    def leftovers(self):
        """Temporary directories; under the lock, those of runs that were killed."""
        return [os.path.join(os.path.realpath(self.root), name) for name in self._entries() if name.startswith(WORK)]

    def _linked(self, link):
        """The version that a link leads to, None when it leads to none of ours."""
        if not os.path.islink(self.path(link)):
            if os.path.lexists(self.path(link)):
                raise ReleaseError(f"{self.path(link)} is not a symbolic link: move it away, this name is the module's")
            return None
        directory = os.path.realpath(self.path(link))
        ours = directory.startswith(os.path.realpath(self.root) + "/")
        return manifest_in(directory).get("version") if ours else None

    def leads_to(self, link, version):
        path = self.path(link)
        return os.path.islink(path) and os.path.realpath(path) == os.path.join(os.path.realpath(self.root), version)

    def is_foreign(self, version, binaries):
        """True when the version's directory is there without being ours to replace.

        A directory that lost its manifest, and holds nothing but the binaries asked for, is ours.
        """
        directory = self.path(version)
        if version in self.found or not os.path.lexists(directory):
            return False
        if os.path.islink(directory) or not os.path.isdir(directory):
            return True
        try:
            names = os.listdir(directory)
        except FileNotFoundError:
            return False  # another run has just removed it
        if MANIFEST in names:
            return False  # another run has just installed it
        return any(name not in binaries or not os.path.isfile(self.path(version, name)) for name in names)

    def faults(self, version, binaries, digest):
        """What is wrong with an installed version: (as it is, as it should be, whether the archive is needed)."""
        manifest = self.found[version]
        if not manifest or manifest["version"] != version:
            return [(f"{MANIFEST}: unusable", f"{MANIFEST}: written", True)]
        missing = [each for each in binaries if each not in manifest["binaries"]]
        faults = [(f"{each}: not installed", f"{each}: installed", True) for each in missing]
        if digest and digest != manifest["archive_sha256"]:
            faults.append((f"archive: sha256:{manifest['archive_sha256']}", f"archive: sha256:{digest}", True))
        modes = {"": MODE, MANIFEST: 0o644, **dict.fromkeys(manifest["binaries"], MODE)}
        for name, mode in sorted(modes.items()):
            expected = manifest["binaries"].get(name, {}).get("sha256")
            faults += _file_faults(self.path(version, name), name, mode, expected)
        return faults

    def root_faults(self):
        """Whoever can write to root can replace the programs in it: as it is, as it should be, in that case."""
        if not os.path.isdir(self.root):
            return []
        facts = os.stat(self.root)
        if facts.st_uid in {0, owner()[0]} and not facts.st_mode & 0o022:
            return []
        ours = {*self.found, CURRENT, PREVIOUS, LOCK}
        if any(name not in ours and not name.startswith(WORK) for name in self._entries()):
            raise ReleaseError(
                f"root {self.root} ({_permissions(facts)}) can be written by others and holds more than {self.name}: "
                "chown it to root and chmod it to 0755, or choose another root"
            )
        return [(f"{self.root}: {_permissions(facts)}", f"{self.root}: {_expected(MODE)}", False)]


def manifest_in(directory):
    """The manifest in a directory; {} when there is none that can be used."""
    try:
        content = b"".join(file_chunks(os.path.join(directory, MANIFEST), os.O_NOFOLLOW))
        manifest = json.loads(content.decode("utf-8"))
        names = [manifest["name"], manifest["version"], *manifest["binaries"]]
        digests = [manifest["archive_sha256"], *(facts["sha256"] for facts in manifest["binaries"].values())]
        return manifest if all(map(FILE_NAME.match, names)) and all(map(SHA256.match, digests)) else {}
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return {}


def _file_faults(path, name, mode, expected):
    """As Versions.faults, of one file or directory; expected is the digest of a program."""
    try:
        facts = os.lstat(path)
    except FileNotFoundError:
        return [(f"{name}: missing", f"{name}: installed", True)]
    if expected and not stat.S_ISREG(facts.st_mode):
        return [(f"{name}: not a file", f"{name}: sha256:{expected}", True)]
    faults = []
    digest = expected and file_digest(path)
    if digest != expected:
        faults.append((f"{name}: sha256:{digest}", f"{name}: sha256:{expected}", True))
    ours = facts.st_uid in {0, owner()[0]} and facts.st_gid in {0, owner()[1]}
    if stat.S_IMODE(facts.st_mode) != mode or not ours:
        faults.append((f"{name or '.'}: {_permissions(facts)}", f"{name or '.'}: {_expected(mode)}", False))
    return faults


def _permissions(facts):
    return f"mode {stat.S_IMODE(facts.st_mode):04o} owner {facts.st_uid}:{facts.st_gid}"


def _expected(mode):
    return f"mode {mode:04o} owner {owner()[0]}:{owner()[1]}"
