# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs installed from release archives, one directory a version. Private to this collection."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time

from ansible_collections.redisops.monitoring.plugins.module_utils._release_source import (
    CHUNK,
    FILE_NAME,
    MAX_PROGRAM,
    MODE,
    SHA256,
    ReleaseError,
    check_name,
    check_program,
    file_chunks,
    owner,
    reason,
    unpack,
    write_file,
)

LOCK_WAIT = 300

CURRENT = "current"
PREVIOUS = "previous"
MANIFEST = ".release_binary.json"
LOCK = ".release_binary.lock"
WORK = ".release_binary-"  # temporary directories are this and some random characters


def owned(facts):
    return facts.st_uid in {0, owner()[0]} and facts.st_gid in {0, owner()[1]}


def permissions(facts):
    return f"mode {stat.S_IMODE(facts.st_mode):04o} owner {facts.st_uid}:{facts.st_gid}"


def file_digest(path):
    digest = hashlib.sha256()
    for chunk in file_chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def make_directory(path):
    os.mkdir(path, MODE)
    os.chown(path, *owner())
    os.chmod(path, MODE)


def sync(directory):
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as err:
        if err.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot sync directories
            raise
    finally:
        os.close(handle)


class Plan:
    """What one run changes. All of it is known before anything is done, so check mode tells the same."""

    def __init__(self):
        self.install = None  # None, "archive", or "installed": the files are right, their permissions are not
        self.switch = False
        self.switched = False  # from previous to another version, which a repair is not
        self.secure_root = False
        self.previous = None
        self.remove = []
        self.unlink = []
        self.drop_root = False
        self.before = []
        self.after = []

    @property
    def changed(self):
        return bool(self.install or self.switch or self.secure_root or self.remove or self.unlink or self.drop_root)


class Installation:
    """<root>/<version>/<binary>, and <root>/current -> <version>.

    Every change to what services see is one rename. Temporary files live in <root>/.release_binary-*; under the lock,
    any that are there belong to a run that was killed.
    """

    def __init__(self, params):
        self.name = params["name"]
        self.version = params["version"]
        self.binaries = list(dict.fromkeys(params["binaries"]))
        self.keep = params["keep"]
        check_name("name", self.name)
        check_name("version", self.version)
        if self.version in (CURRENT, PREVIOUS):
            raise ReleaseError(f"version {self.version} is the name of a link in root: give a version")
        if not self.binaries:
            raise ReleaseError("binaries is empty: name the programs to install from the archive")
        for binary in self.binaries:
            check_name("binaries", binary)
        self.root = os.path.normpath(params["root"] or f"/opt/{self.name}")
        if not os.path.isabs(self.root) or self.root.strip("/") == "" or not self.root.isprintable():
            raise ReleaseError(f"root {self.root} is not usable: give the absolute path of a directory of its own")
        if self.keep < 1:
            raise ReleaseError(f"keep {self.keep} is too small: keep at least 1 version")
        self.downloaded = False

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    # ---- what is there

    def look(self):
        """Reads which versions of ours there are, newest first, and where the links lead."""
        if os.path.lexists(self.root) and not os.path.isdir(self.root):
            raise ReleaseError(f"root {self.root} is not a directory: move it away or choose another root")
        self.versions = {version: self._manifest(self.path(version)) for version in self._installed()}
        for manifest in self.versions.values():
            if manifest and manifest["name"] != self.name:
                raise ReleaseError(f"root {self.root} holds {manifest['name']}: give {self.name} a root of its own")
        self.current = self._linked(CURRENT)
        self.previous = self._linked(PREVIOUS)

    def _installed(self):
        """The directories below root that hold a manifest, newest first."""
        times = {}
        for name in os.listdir(self.root) if os.path.isdir(self.root) else ():
            if not name.startswith(".") and not os.path.islink(self.path(name)):
                with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                    times[name] = os.lstat(self.path(name, MANIFEST)).st_mtime_ns
        return sorted(times, key=times.get, reverse=True)

    def _manifest(self, directory):
        """The manifest in directory; {} when there is none that can be used."""
        try:
            manifest = json.loads(b"".join(file_chunks(os.path.join(directory, MANIFEST))).decode("utf-8"))
            names = [manifest["name"], manifest["version"], *manifest["binaries"]]
            digests = [manifest["archive_sha256"], *(facts["sha256"] for facts in manifest["binaries"].values())]
            return manifest if all(map(FILE_NAME.match, names)) and all(map(SHA256.match, digests)) else {}
        except (AttributeError, KeyError, OSError, TypeError, ValueError):
            return {}

    def _linked(self, link):
        """The version that a link leads to, None when it leads to none of ours."""
        if not os.path.islink(self.path(link)):
            if os.path.lexists(self.path(link)):
                raise ReleaseError(f"{self.path(link)} is not a symbolic link: move it away, this name is the module's")
            return None
        directory = os.path.realpath(self.path(link))
        if not directory.startswith(os.path.realpath(self.root) + "/"):
            return None
        return self._manifest(directory).get("version")

    def _leads_to(self, link, version):
        return os.path.realpath(self.path(link)) == os.path.join(os.path.realpath(self.root), version)

    def _foreign(self):
        """True when the version's directory is there without being ours to replace.

        A directory that lost its manifest, and holds nothing but the binaries asked for, is ours.
        """
        directory = self.path(self.version)
        if self.version in self.versions or not os.path.lexists(directory):
            return False
        return (
            os.path.islink(directory)
            or not os.path.isdir(directory)
            or not set(os.listdir(directory)) <= {*self.binaries}
            or not all(os.path.isfile(os.path.join(directory, name)) for name in os.listdir(directory))
        )

    def _faults(self, digest):
        """What is wrong with the installed version: (as it is, as it should be, whether the archive is needed)."""
        manifest = self.versions[self.version]
        if not manifest or manifest["version"] != self.version:
            return [(f"{MANIFEST}: unusable", f"{MANIFEST}: written", True)]
        faults = []
        if digest and digest != manifest["archive_sha256"]:
            faults.append((f"archive: sha256:{manifest['archive_sha256']}", f"archive: sha256:{digest}", True))
        for binary in self.binaries:
            if binary not in manifest["binaries"]:
                faults.append((f"{binary}: not installed", f"{binary}: installed", True))
        right = {"": MODE, MANIFEST: 0o644, **dict.fromkeys(manifest["binaries"], MODE)}
        for name, mode in sorted(right.items()):
            path = self.path(self.version, name)
            try:
                facts = os.lstat(path)
            except FileNotFoundError:
                faults.append((f"{name}: missing", f"{name}: installed", True))
                continue
            expected = manifest["binaries"].get(name, {}).get("sha256")
            if expected and not stat.S_ISREG(facts.st_mode):
                faults.append((f"{name}: not a file", f"{name}: sha256:{expected}", True))
                continue
            found = expected and file_digest(path)
            if found != expected:
                faults.append((f"{name}: sha256:{found}", f"{name}: sha256:{expected}", True))
            if stat.S_IMODE(facts.st_mode) != mode or not owned(facts):
                should = f"mode {mode:04o} owner {owner()[0]}:{owner()[1]}"
                faults.append((f"{name or '.'}: {permissions(facts)}", f"{name or '.'}: {should}", False))
        return faults

    def _root_fault(self):
        """Whoever can write to root can replace the programs in it; (as it is, as it should be) in that case."""
        if not os.path.isdir(self.root):
            return None
        facts = os.stat(self.root)
        if facts.st_uid in {0, owner()[0]} and not facts.st_mode & 0o022:
            return None
        ours = {*self.versions, CURRENT, PREVIOUS, LOCK}
        foreign = [name for name in os.listdir(self.root) if name not in ours and not name.startswith(WORK)]
        if foreign:
            raise ReleaseError(
                f"root {self.root} ({permissions(facts)}) can be written by others and holds more than {self.name}: "
                "chown it to root and chmod it to 0755, or choose another root"
            )
        return f"{self.root}: {permissions(facts)}", f"{self.root}: mode {MODE:04o} owner {owner()[0]}:{owner()[1]}"

    # ---- what to do

    def plan_present(self, digest):
        self.look()
        plan = Plan()
        if self._foreign():
            raise ReleaseError(
                f"{self.path(self.version)} exists and was not installed by this module: move it away, then run again"
            )
        faults = []
        if self.version not in self.versions:
            plan.install = "archive"
        else:
            faults = self._faults(digest)
            if faults:
                plan.install = "archive" if any(fault[2] for fault in faults) else "installed"
        plan.switch = not self._leads_to(CURRENT, self.version)
        plan.previous = self.current if self.current != self.version else self.previous
        if plan.previous == self.version or plan.previous not in self.versions:
            plan.previous = None
        plan.switched = plan.switch and plan.previous is not None and plan.previous == self.current
        protected = {self.version, plan.previous}
        others = [version for version, manifest in self.versions.items() if manifest and version not in protected]
        plan.remove = others[max(self.keep - len(protected - {None}), 0) :]
        root_fault = self._root_fault()
        plan.secure_root = bool(root_fault)
        self._tell(plan, {*self.versions, self.version} - {*plan.remove}, self.version)
        for fault in (*faults, *([root_fault] if root_fault else [])):
            plan.before.append(fault[0])
            plan.after.append(fault[1])
        return plan

    def plan_absent(self):
        self.look()
        plan = Plan()
        if self._foreign():
            raise ReleaseError(f"{self.path(self.version)} was not installed by this module: remove it by hand")
        if os.path.lexists(self.path(self.version)):
            plan.remove = [self.version]
        plan.unlink = [
            link
            for link in (CURRENT, PREVIOUS)
            if os.path.islink(self.path(link))
            and (self._leads_to(link, self.version) or self._linked(link) == self.version)
        ]
        left = {*self.versions} - {self.version}
        if os.path.isdir(self.root) and not left:
            # An earlier run may have been killed when hardly anything was left.
            entries = os.listdir(self.root)
            removable = not os.path.islink(self.root) and not os.path.ismount(self.root)
            plan.drop_root = bool(plan.remove or LOCK in entries or self._leftovers() or (removable and not entries))
        plan.previous = self.previous if self.previous in left else None
        self._tell(plan, left, None if CURRENT in plan.unlink else self.current)
        return plan

    def _tell(self, plan, versions, current):
        link = self.current
        if os.path.islink(self.path(CURRENT)) and not (link and self._leads_to(CURRENT, link)):
            link = os.readlink(self.path(CURRENT))
        plan.before = [f"current: {link or 'none'}", f"versions: {', '.join(sorted(self.versions)) or 'none'}"]
        plan.after = [f"current: {current or 'none'}", f"versions: {', '.join(sorted(versions)) or 'none'}"]

    # ---- doing it

    def present(self, source, check_mode):
        digest = source.checksum.digest
        if check_mode or not os.path.isdir(self.root):
            plan = self.plan_present(digest)
            if plan.install == "archive":
                source.require()
            if check_mode:
                return self._result(plan, self._archive_sha256() if plan.install != "archive" else digest)
        with self._locked():
            plan = self.plan_present(digest)
            if plan.install == "archive":
                source.require()
            self._sweep()
            if plan.changed:
                self._apply(plan, source)
                self.look()
        return self._result(plan, self._archive_sha256())

    def absent(self, check_mode):
        plan = self.plan_absent()
        if (plan.changed or self._leftovers()) and not check_mode:
            with self._locked():
                plan = self.plan_absent()
                self._apply(plan, None)
        return self._result(plan, None)

    def _archive_sha256(self):
        return self.versions.get(self.version, {}).get("archive_sha256")

    def _result(self, plan, archive_sha256):
        return {
            "changed": plan.changed,
            "diff": {
                "before_header": self.root,
                "after_header": self.root,
                "before": "\n".join(plan.before) + "\n",
                "after": "\n".join(plan.after) + "\n",
            },
            "path": self.path(CURRENT),
            "version": self.version,
            "previous_version": plan.previous,
            "switched": plan.switched,
            "archive_sha256": archive_sha256,
            "downloaded": self.downloaded,
        }

    def _apply(self, plan, source):
        work = tempfile.mkdtemp(prefix=WORK, dir=self.root)
        try:
            os.chmod(work, MODE)  # for a moment current may lead here, see _place
            if plan.secure_root:
                os.chown(self.root, *owner())
                os.chmod(self.root, MODE)
            if plan.install:
                stage = os.path.join(work, "new")
                make_directory(stage)
                manifest = self._build(stage, work, source) if plan.install == "archive" else self._rebuild(stage)
                text = json.dumps(manifest, indent=2, sort_keys=True) + "\n"
                write_file(os.path.join(stage, MANIFEST), [text.encode("utf-8")], 0o644, CHUNK)
                sync(stage)
                self._place(stage, work)
            if plan.previous and not self._leads_to(PREVIOUS, plan.previous):
                self._point(PREVIOUS, plan.previous, work)
            if source and not self._leads_to(CURRENT, self.version):
                self._point(CURRENT, self.version, work)
            for link in plan.unlink:
                os.unlink(self.path(link))
            for version in plan.remove:
                os.rename(self.path(version), os.path.join(work, "removed-" + version))
            sync(self.root)
        finally:
            self._sweep()
        if plan.drop_root:
            self._drop_root()

    def _build(self, stage, work, source):
        """Fills stage from the archive and returns its manifest."""
        archive = os.path.join(work, "archive")
        digest = source.fetch(archive)
        self.downloaded = bool(source.url)
        programs = unpack(archive, source.archive, self.binaries, stage)
        for binary in programs:
            check_program(os.path.join(stage, binary), source.archive)
        return {
            "name": self.name,
            "version": self.version,
            "source": source.archive,
            "archive_sha256": digest,
            "binaries": programs,
        }

    def _rebuild(self, stage):
        """Fills stage with new files of the same content: who once could write to the old ones may still do so."""
        manifest = self.versions[self.version]
        for binary, facts in manifest["binaries"].items():
            chunks = file_chunks(self.path(self.version, binary))
            written = write_file(os.path.join(stage, binary), chunks, MODE, MAX_PROGRAM)
            if written["sha256"] != facts["sha256"]:
                raise ReleaseError(f"{self.path(self.version, binary)} is being changed by someone else: find out who")
        return manifest

    def _place(self, stage, work):
        """Makes stage the directory of its version. Where current leads stays complete at every moment."""
        target = self.path(self.version)
        if self._leads_to(CURRENT, self.version) and os.path.lexists(target):
            # A directory cannot be replaced in one step: current leads to stage while a twin takes its place.
            twin = os.path.join(work, "twin")
            make_directory(twin)
            for name in os.listdir(stage):
                os.link(os.path.join(stage, name), os.path.join(twin, name))
            sync(twin)
            self._point(CURRENT, os.path.relpath(stage, self.root), work)
            stage = twin
        if os.path.lexists(target):
            os.rename(target, os.path.join(work, "old"))
        os.rename(stage, target)
        sync(self.root)

    def _point(self, link, target, work):
        temporary = os.path.join(work, "link")
        os.symlink(target, temporary)
        os.rename(temporary, self.path(link))
        sync(self.root)

    def _leftovers(self):
        """Temporary directories; under the lock, those of runs that were killed."""
        root = os.path.realpath(self.root)
        names = os.listdir(root) if os.path.isdir(root) else ()
        return [os.path.join(root, name) for name in names if name.startswith(WORK)]

    def _sweep(self):
        """Removes the leftovers, except where current leads to."""
        current = os.path.realpath(self.path(CURRENT))
        for path in self._leftovers():
            if not current.startswith(path + "/"):
                shutil.rmtree(path, ignore_errors=True)

    def _drop_root(self):
        if os.path.islink(self.path(PREVIOUS)):
            os.unlink(self.path(PREVIOUS))
        os.unlink(self.path(LOCK))
        with contextlib.suppress(OSError):  # other people's files stay, and so does their directory
            os.rmdir(self.root)

    # ---- one run at a time

    @contextlib.contextmanager
    def _locked(self):
        made = []
        lock = self._lock(made)
        try:
            yield
        except BaseException:
            self._undo(made)
            raise
        finally:
            os.close(lock)

    def _lock(self, made):
        """Waits for the lock and returns it; adds the paths it had to make to made."""
        deadline = time.monotonic() + LOCK_WAIT
        path = self.path(LOCK)
        while True:
            self._make_root(made)
            with contextlib.suppress(FileExistsError, FileNotFoundError):
                # Not for others to read: whoever can open it can hold the lock.
                os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
                made.append(path)
            with contextlib.suppress(FileNotFoundError):
                lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # The run before may have removed the file that was just locked.
                    if os.path.lexists(path) and os.path.samestat(os.fstat(lock), os.lstat(path)):
                        return lock
                os.close(lock)
            if time.monotonic() > deadline:
                raise ReleaseError(
                    f"another run holds {path} for over {LOCK_WAIT} s: see who does with fuser -v {path}"
                )
            time.sleep(0.1)

    def _make_root(self, made):
        missing = []
        path = self.root
        while not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        for directory in reversed(missing):
            with contextlib.suppress(FileExistsError):
                make_directory(directory)
                made.append(directory)

    def _undo(self, made):
        """After a failure: leaves no empty root behind, nor a lock in a directory without versions of ours."""
        with contextlib.suppress(OSError):
            if not self._installed():
                for path in reversed(made):
                    os.unlink(path) if os.path.basename(path) == LOCK else os.rmdir(path)


DISK_CURES = {
    errno.EACCES: "run with become: true",
    errno.EPERM: "run with become: true",
    errno.EROFS: "mount the file system writable, or choose another root",
    errno.ENOSPC: "free some space there, or choose another root",
    errno.EDQUOT: "raise the quota, or choose another root",
    errno.ENOTDIR: "choose a root whose parents are directories",
}


def disk_error(err, root):
    where = f", {err.filename}" if err.filename and isinstance(err.filename, str) else ""
    cure = DISK_CURES.get(err.errno, "check the file system, then run again")
    return ReleaseError(f"cannot work in {root} ({reason(err)}{where}): {cure}")
