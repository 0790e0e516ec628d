# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of a mirror: verified files, put there whole, and a note of each one with its digest and source."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any, Callable

from ...module_utils._files import write_atomically
from ...module_utils._release.common import ReleaseError, file_digest
from ...module_utils._release.download import BrokenOff, Downloads, mask_url

NOTES = ".mirror.json"
PART = ".part"  # what came of a file so far: the next try begins where this one ended
LIMIT = 4 << 30
SMALL = 64 << 20  # of what is read as a whole: checksum files, keys, lists of packages, dashboards
TRIES = 5  # of a file, as long as each brings more of it
SECONDS = 5  # between two lines of progress


class Folder:
    def __init__(self, path: str, downloads: Downloads, say: Callable[[str], None], check_mode: bool = False):
        self.root = Path(path)
        self.downloads, self.say, self.check_mode = downloads, say, check_mode
        self.notes: dict[str, dict[str, Any]] = self._read_notes()
        self.wanted: set[str] = set()  # names that belong to what was asked for
        self.fetched: list[str] = []  # what was put there, in check mode what would be
        self.removed: list[str] = []

    def _read_notes(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads((self.root / NOTES).read_text(encoding="utf-8"))["files"]
            return {name: entry for name, entry in found.items() if {"sha256", "size"} <= set(entry)}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as err:
            raise ReleaseError(
                f"{self.root / NOTES} cannot be read ({err}): remove it; what is in the folder is then verified anew"
            ) from err

    def is_intact(self, name: str) -> bool:
        """Whether a file is as it was when it was verified."""
        entry, path = self.notes.get(name), self.root / name
        return bool(
            entry and path.is_file() and path.stat().st_size == entry["size"] and file_digest(path) == entry["sha256"]
        )

    def read(self, url: str) -> bytes:
        """What a small file holds, straight from its source."""
        return b"".join(self.downloads.chunks(url, SMALL))

    def put(self, name: str, url: str, content: bytes) -> None:
        """Writes a small file that was verified."""
        path = self.root / name
        self.wanted.add(name)
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(str(path), content, 0o644)
            self.fetched.append(name)
        self._note(name, url, hashlib.sha256(content).hexdigest(), len(content))

    def fetch(self, name: str, url: str, digest: str) -> None:
        """Downloads a large file unless it is there; what does not have the digest is refused."""
        path, part = self.root / name, self.root / (name + PART)
        self.wanted.add(name)
        if path.is_file() and file_digest(path) == digest:
            self._note(name, url, digest, path.stat().st_size)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        resumed = self._complete(url, part)
        if resumed and file_digest(part) != digest:  # what was there is of another file
            part.unlink()
            self._complete(url, part)
        got = file_digest(part)
        if got != digest:
            part.unlink()
            raise ReleaseError(
                f"checksum mismatch, {mask_url(url)} is sha256:{got} but has to be sha256:{digest}: it is damaged or"
                " altered, or a page of a login or proxy; nothing was put in place"
            )
        size = part.stat().st_size
        part.chmod(0o644)
        part.replace(path)
        self.fetched.append(name)
        self._note(name, url, digest, size)
        self.say(f"{path.name}: {size / 1e6:.1f} MB in {time.monotonic() - began:.0f} s, verified")

    def _complete(self, url: str, part: Path) -> bool:
        """Downloads what is missing of a file; whether some of it was there before."""
        resumed = part.exists() and part.stat().st_size > 0
        for tried in range(1, TRIES + 1):
            before = part.stat().st_size if part.exists() else 0
            try:
                self._append(url, part, before)
                return resumed
            except BrokenOff as err:
                now = part.stat().st_size
                if tried == TRIES or now <= before:
                    raise ReleaseError(f"{err}; {now / 1e6:.1f} MB are kept, the next run goes on from there") from err
                self.say(f"{part.name.removesuffix(PART)}: broke off at {now / 1e6:.1f} MB, going on from there")
        return resumed

    def _append(self, url: str, part: Path, begin: int) -> None:
        with self.downloads.rest(url, begin, LIMIT) as (start, size, pieces), open(part, "ab") as out:
            out.truncate(start)
            done, told = start, time.monotonic()
            for piece in pieces:
                out.write(piece)
                done += len(piece)
                if time.monotonic() - told >= SECONDS:
                    told = time.monotonic()
                    whole = f" of {size / 1e6:.1f}" if size else ""
                    self.say(f"{part.name.removesuffix(PART)}: {done / 1e6:.1f}{whole} MB")

    def _note(self, name: str, url: str, digest: str, size: int) -> None:
        entry = {"sha256": digest, "size": size, "source": mask_url(url)}
        if self.notes.get(name) != entry:
            self.notes[name] = entry
            self.save()

    def save(self) -> None:
        text = json.dumps({"files": self.notes}, indent=1, sort_keys=True) + "\n"
        write_atomically(str(self.root / NOTES), text.encode(), 0o644)

    def keep(self, *names: str) -> None:
        """These belong to what was asked for and are there already."""
        self.wanted.update(names)

    def would_fetch(self, name: str) -> None:
        """In check mode, in place of fetch and put."""
        self.wanted.add(name)
        self.fetched.append(name)

    def prune(self) -> None:
        """Removes files that an earlier run fetched and that nothing asks for now. Others are not ours."""
        for name in sorted(set(self.notes) - self.wanted):
            self.removed.append(name)
            if self.check_mode:
                continue
            del self.notes[name]
            for path in (self.root / name, self.root / (name + PART)):
                path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # until a folder that still holds something
                for parent in (self.root / name).parents:
                    if parent == self.root:
                        break
                    parent.rmdir()
        if self.removed and not self.check_mode:
            self.save()


def check_root(path: str) -> str:
    """The folder, which is made where it is missing."""
    try:
        os.makedirs(path, mode=0o755, exist_ok=True)
    except OSError as err:
        raise ReleaseError(f"the folder {path} cannot be made ({err.strerror}): choose another mirror_path") from err
    if not os.access(path, os.W_OK | os.X_OK):
        raise ReleaseError(f"the folder {path} cannot be written: change its owner, or choose another mirror_path")
    return path
