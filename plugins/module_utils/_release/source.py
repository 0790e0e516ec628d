# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a release comes from, and what it is verified by. Private to this collection."""

from __future__ import annotations

import posixpath
import re
from urllib.parse import unquote, urlsplit

from .common import SHA256, ReleaseError, file_chunks, reason, write_file
from .download import Downloads, check_url, is_url, mask_url

# Bounds against servers that never end; upstream's largest archives are a tenth of these.
MAX_CHECKSUM_FILE = 4 << 20
MAX_ARCHIVE = 2 << 30
CHECKSUM_LINE = re.compile(r"\s*\\?(?P<digest>[0-9A-Fa-f]{64})\s+\*?(?P<name>\S.*?)\s*\Z")


class Checksum:
    """The option checksum: the digest itself, or where to look it up."""

    def __init__(self, value):
        self.digest = self.location = None
        if not value:
            return
        kind = re.match(r"(\w+):(?!//)", value)
        if kind and kind.group(1).lower() != "sha256":
            raise ReleaseError(f"checksum {kind.group(1)}: is not supported: write sha256:<64 hex digits>")
        rest = value[kind.end() :] if kind else value
        if kind and SHA256.match(rest):
            self.digest = rest.lower()
        elif is_url(rest) or rest.startswith("/"):
            self.location = rest
            if is_url(rest):
                check_url("checksum", rest)
        else:
            raise ReleaseError(
                "checksum is neither sha256:<64 hex digits> nor the URL or absolute path of a checksum file: correct it"
            )

    def __str__(self):
        if self.digest:
            return "the option checksum"
        return mask_url(self.location) if is_url(self.location) else self.location

    def resolve(self, archive, downloads):
        """The sha256 that the archive must have."""
        if self.digest:
            return self.digest
        if is_url(self.location):
            content = b"".join(downloads.chunks(self.location, MAX_CHECKSUM_FILE))
        else:
            try:
                content = b"".join(file_chunks(self.location))
            except (OSError, ValueError) as err:
                raise ReleaseError(
                    f"cannot read the checksum file {self.location} ({reason(err)}): put it on the managed host first"
                ) from err
        return listed_digest(archive, content.decode("utf-8-sig", "replace"), str(self))


def listed_digest(archive, text, source):
    """The sha256 of an archive by a checksum file as sha256sum writes it.

    A file called after the archive (ARCHIVE.sha256) may hold the digest alone.
    """
    lines = [line for line in map(CHECKSUM_LINE.match, text.splitlines()) if line]
    digests = {line["digest"].lower() for line in lines if posixpath.basename(line["name"]) == archive}
    if SHA256.match(text.strip()) and posixpath.basename(urlsplit(source).path).startswith(archive):
        digests.add(text.strip().lower())
    if not digests:
        raise ReleaseError(
            f"the checksum file {source} does not list {archive} by sha256: check that both are of one release"
        )
    if len(digests) > 1:
        raise ReleaseError(f"the checksum file {source} lists {archive} with different digests: give sha256:<hex>")
    return digests.pop()


class Source:
    """The archive of a release, at a URL or on the host."""

    def __init__(self, params):
        self.url, self.src = params["url"], params["src"]
        self.checksum = Checksum(params["checksum"])
        if self.url:
            check_url("url", self.url)
        self.archive = posixpath.basename(unquote(urlsplit(self.url).path) if self.url else self.src or "")
        if (self.url or self.src) and not self.archive:
            raise ReleaseError(f"{self} does not end in a file name: give the archive itself")
        locations = [place for place in (self.url, self.checksum.location) if place and is_url(place)]
        self.downloads = Downloads(params, locations[0]) if locations else None

    def __str__(self):
        return mask_url(self.url) if self.url else self.src

    def require(self):
        if not self.archive:
            raise ReleaseError(
                "neither url nor src is given and this version is not installed intact: give one of them"
            )
        if not self.checksum.digest and not self.checksum.location:
            raise ReleaseError(
                "checksum is not given and this version is not installed intact: give sha256:<hex>, or the URL or path "
                f"of a checksum file that lists {self.archive}"
            )

    def fetch(self, path):
        """Puts the verified archive at a path and returns its sha256."""
        expected = self.checksum.resolve(self.archive, self.downloads)
        # A local archive is copied, so that what was verified and what is unpacked are the same bytes.
        chunks = self.downloads.chunks(self.url, MAX_ARCHIVE) if self.url else self._src_chunks()
        got = write_file(path, chunks, 0o600)
        if got["sha256"] != expected:
            with open(path, "rb") as handle:
                page = handle.read(512).lstrip().lower().startswith((b"<!doctype", b"<html"))
            raise ReleaseError(
                f"checksum mismatch, {self} ({got['size']} bytes) is sha256:{got['sha256']} but {self.checksum} says "
                f"sha256:{expected}: "
                + (
                    "it is a web page, not an archive, so check for a login or proxy page at that address"
                    if page
                    else "the archive is damaged, altered or another one; get it again or correct checksum"
                )
            )
        return expected

    def _src_chunks(self):
        try:
            yield from file_chunks(self.src)
        except (OSError, ValueError) as err:
            raise ReleaseError(f"cannot read src {self.src} ({reason(err)}): put it on the managed host first") from err
