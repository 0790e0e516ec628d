# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs installed from release archives, one directory a version. Private to this collection.

<root>/<version>/<binary>, and <root>/current -> <version>. Every change to what services see is one rename. Temporary
files live in <root>/.release_binary-*; under the lock, any that are there belong to a run that was killed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import tempfile
import time

from .._files import sync
from .archive import unpack
from .common import MODE, ReleaseError, check_name, file_chunks, make_directory, owner, reason, write_file
from .versions import CURRENT, LOCK, MANIFEST, PREVIOUS, WORK, Versions

LOCK_WAIT = 300
DISK_ADVICE = {
    errno.EACCES: "run with become: true",
    errno.EPERM: "run with become: true",
    errno.EROFS: "mount the file system writable, or choose another root",
    errno.ENOSPC: "free some space there, or choose another root",
    errno.EDQUOT: "raise the quota, or choose another root",
    errno.ENOTDIR: "choose a root whose parents are directories",
}


class Plan:
    """What one run changes. All of it is known before anything is done, so check mode tells the same."""

    def __init__(self):
        self.install = ""  # "archive", or "installed": the files are right, their permissions are not
        self.switch = False
        self.switched = False  # from previous to another version, which a repair is not
        self.secure_root = False
        self.previous = None
        self.remove, self.unlink = [], []  # versions, links
        self.drop_root = False
        self.before, self.after = [], []  # lines of the diff

    @property
    def changed(self):
        return bool(self.install or self.switch or self.secure_root or self.remove or self.unlink or self.drop_root)


class Installation(Versions):
    def __init__(self, params):
        self.binaries = list(dict.fromkeys(params["binaries"]))
        self.version, self.keep = params["version"], params["keep"]
        named = [("name", params["name"]), ("version", self.version), *(("binaries", each) for each in self.binaries)]
        for option, value in named:
            check_name(option, value)
        super().__init__(params["name"], os.path.normpath(params["root"] or f"/opt/{params['name']}"))
        if self.version in (CURRENT, PREVIOUS):
            raise ReleaseError(f"version {self.version} is the name of a link in root: give a version")
        if not self.binaries:
            raise ReleaseError("binaries is empty: name the programs to install from the archive")
        if not os.path.isabs(self.root) or self.root.strip("/") == "" or not self.root.isprintable():
            raise ReleaseError(f"root {self.root} is not usable: give the absolute path of a directory of its own")
        if self.keep < 1:
            raise ReleaseError(f"keep {self.keep} is too small: keep at least 1 version")
        self.downloaded = False

    # ---- what to do

    def plan_present(self, digest):
        self.look()
        if self.is_foreign(self.version, self.binaries):
            raise ReleaseError(
                f"{self.path(self.version)} exists and was not installed by this module: move it away, then run again"
            )
        plan = Plan()
        faults = self.faults(self.version, self.binaries, digest) if self.version in self.found else []
        if faults or self.version not in self.found:
            plan.install = "archive" if not faults or any(fault[2] for fault in faults) else "installed"
        plan.switch = not self.leads_to(CURRENT, self.version)
        plan.previous = self.current if self.current != self.version else self.previous
        if plan.previous == self.version or plan.previous not in self.found:
            plan.previous = None
        plan.switched = plan.switch and plan.previous is not None and plan.previous == self.current
        kept = {self.version, plan.previous}
        others = [version for version, manifest in self.found.items() if manifest and version not in kept]
        plan.remove = others[max(self.keep - len(kept - {None}), 0) :]
        root_faults = self.root_faults()
        plan.secure_root = bool(root_faults)
        self._describe(plan, {*self.found, self.version} - {*plan.remove}, self.version, faults + root_faults)
        return plan

    def plan_absent(self):
        self.look()
        if self.is_foreign(self.version, self.binaries):
            raise ReleaseError(f"{self.path(self.version)} was not installed by this module: remove it by hand")
        plan = Plan()
        plan.remove = [self.version] if os.path.lexists(self.path(self.version)) else []
        for link, leads_to in ((CURRENT, self.current), (PREVIOUS, self.previous)):
            if self.leads_to(link, self.version) or leads_to == self.version:
                plan.unlink.append(link)
        left = {*self.found} - {self.version}
        if os.path.isdir(self.root) and not left:
            # An earlier run may have been killed when hardly anything was left.
            entries = os.listdir(self.root)
            removable = not os.path.islink(self.root) and not os.path.ismount(self.root)
            plan.drop_root = bool(plan.remove or LOCK in entries or self.leftovers() or (removable and not entries))
        plan.previous = self.previous if self.previous in left else None
        self._describe(plan, left, None if CURRENT in plan.unlink else self.current, [])
        return plan

    def _describe(self, plan, versions, current, faults):
        link = self.current
        if os.path.islink(self.path(CURRENT)) and not (link and self.leads_to(CURRENT, link)):
            link = os.readlink(self.path(CURRENT))
        for lines, at, found in ((plan.before, link, self.found), (plan.after, current, versions)):
            lines += [f"current: {at or 'none'}", f"versions: {', '.join(sorted(found)) or 'none'}"]
        plan.before += [fault[0] for fault in faults]
        plan.after += [fault[1] for fault in faults]

    # ---- doing it

    def present(self, source, check_mode):
        if check_mode or not os.path.isdir(self.root):
            plan = self._plan_with(source)
            if check_mode:
                return self._result(plan, source.checksum.digest if plan.install == "archive" else self._digest())
        with self._locked():
            plan = self._plan_with(source)
            self._sweep()
            if plan.changed:
                self._apply(plan, source)
                self.look()
        return self._result(plan, self._digest())

    def absent(self, check_mode):
        plan = self.plan_absent()
        if (plan.changed or self.leftovers()) and not check_mode:
            with self._locked():
                plan = self.plan_absent()
                self._apply(plan, None)
        return self._result(plan, None)

    def _plan_with(self, source):
        plan = self.plan_present(source.checksum.digest)
        if plan.install == "archive":
            source.require()
        return plan

    def _digest(self):
        return self.found.get(self.version, {}).get("archive_sha256")

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
                write_file(os.path.join(stage, MANIFEST), [text.encode("utf-8")], 0o644)
                sync(stage)
                self._place(stage, work)
            if plan.previous and not self.leads_to(PREVIOUS, plan.previous):
                self._point(PREVIOUS, plan.previous, work)
            if source and not self.leads_to(CURRENT, self.version):
                self._point(CURRENT, self.version, work)
            for link in plan.unlink:
                os.unlink(self.path(link))
            for version in plan.remove:
                os.rename(self.path(version), os.path.join(work, "removed-" + version))
            sync(self.root)
        finally:
            self._sweep()
        if plan.drop_root:
            if os.path.islink(self.path(PREVIOUS)):
                os.unlink(self.path(PREVIOUS))
            os.unlink(self.path(LOCK))
            with contextlib.suppress(OSError):  # other people's files stay, and so does their directory
                os.rmdir(self.root)

    def _build(self, stage, work, source):
        """Fills stage from the archive and returns its manifest."""
        archive = os.path.join(work, "archive")
        digest = source.fetch(archive)
        self.downloaded = bool(source.url)
        return {
            "name": self.name,
            "version": self.version,
            "source": source.archive,
            "archive_sha256": digest,
            "binaries": unpack(archive, source.archive, self.binaries, stage),
        }

    def _rebuild(self, stage):
        """Fills stage with new files of the same content: who once could write to the old ones may still do so."""
        manifest = self.found[self.version]
        for binary, facts in manifest["binaries"].items():
            path = self.path(self.version, binary)
            written = write_file(os.path.join(stage, binary), file_chunks(path, os.O_NOFOLLOW), MODE)
            if written["sha256"] != facts["sha256"]:
                raise ReleaseError(f"{path} is being changed by someone else: find out who")
        return manifest

    def _place(self, stage, work):
        """Makes stage the directory of its version. Where current leads stays complete at every moment."""
        target = self.path(self.version)
        if self.leads_to(CURRENT, self.version) and os.path.lexists(target):
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

    def _sweep(self):
        """Removes temporary directories, except where current leads to."""
        current = os.path.realpath(self.path(CURRENT))
        for path in self.leftovers():
            if not current.startswith(path + "/"):
                shutil.rmtree(path, ignore_errors=True)

    # ---- one run at a time

    @contextlib.contextmanager
    def _locked(self):
        made = []
        lock = self._lock(made)
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):
                if not self.installed():  # leave no empty root behind, nor a lock in a directory without our versions
                    for path in reversed(made):
                        os.unlink(path) if os.path.basename(path) == LOCK else os.rmdir(path)
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
        missing, path = [], self.root
        while not os.path.lexists(path):
            missing.append(path)
            path = os.path.dirname(path)
        for directory in reversed(missing):
            with contextlib.suppress(FileExistsError):
                make_directory(directory)
                made.append(directory)


def disk_error(err, root):
    where = f", {err.filename}" if err.filename and isinstance(err.filename, str) else ""
    advice = DISK_ADVICE.get(err.errno, "check the file system, then run again")
    return ReleaseError(f"cannot work in {root} ({reason(err)}{where}): {advice}")
