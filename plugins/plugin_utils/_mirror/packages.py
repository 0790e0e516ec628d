# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of a Debian repository, with the signed index that apt verifies them by."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from ...module_utils._apt.package import pinned_keys
from ...module_utils._release.common import ReleaseError
from ...module_utils._text import one_line, version_tuple
from .folder import Folder

UNPACK = {"": bytes, ".gz": gzip.decompress, ".xz": lzma.decompress, ".bz2": bz2.decompress}


class Repository(NamedTuple):
    package: str
    url: str  # where it is fetched from
    place: str  # its folder in the mirror
    suite: str
    component: str
    fingerprints: list[str]


def fetch(folder: Folder, source: Repository, versions: list[str], architectures: list[str]) -> None:
    """The packages, and then the key, the lists and the index: a mirror names no package that it does not have."""
    there = complete(folder, source, versions, architectures)
    if there:
        folder.keep(*there)
        return
    if folder.check_mode:
        for name in ("gpg.key", f"dists/{source.suite}/InRelease"):
            folder.would_fetch(f"{source.place}/{name}")
        for version in versions:
            folder.would_fetch(f"{source.place}: {source.package} {version} for {' and '.join(architectures)}")
        return
    key_url, index_url = f"{source.url}/gpg.key", f"{source.url}/dists/{source.suite}/InRelease"
    key, index = folder.read(key_url), folder.read(index_url)
    listed = digests(verified(index, pinned_keys(key, source.fingerprints, key_url), index_url))
    lists = {}
    for name in lists_of(listed, source.component, architectures):
        url = f"{source.url}/dists/{source.suite}/{name}"
        lists[name] = folder.read(url)
        if hashlib.sha256(lists[name]).hexdigest() != listed[name]:
            raise ReleaseError(
                f"checksum mismatch, {url} is not what {index_url} lists: the repository was changed meanwhile, or"
                " it is altered; run again"
            )
    for architecture in architectures:
        offered = stanzas(lists, source, architecture, index_url)
        for version in versions:
            if version not in offered:
                newest = sorted(offered, key=version_tuple, reverse=True)[:5]
                raise ReleaseError(
                    f"{source.url} has no {source.package} {version} for {architecture}, it has "
                    f"{', '.join(newest) or 'no version of it'}"
                )
            package = offered[version]
            folder.fetch(
                f"{source.place}/{package['Filename']}", f"{source.url}/{package['Filename']}", package["SHA256"]
            )
    for name, content in lists.items():
        folder.put(f"{source.place}/dists/{source.suite}/{name}", f"{source.url}/dists/{source.suite}/{name}", content)
    folder.put(f"{source.place}/gpg.key", key_url, key)
    folder.put(f"{source.place}/dists/{source.suite}/InRelease", index_url, index)


def complete(folder: Folder, source: Repository, versions: list[str], architectures: list[str]) -> list[str]:
    """The files, where the mirror has all of them, unchanged, with a signature that still counts; nothing is asked."""
    index = f"{source.place}/dists/{source.suite}/InRelease"
    needed = [f"{source.place}/gpg.key", index]
    try:
        key, signed = ((folder.root / name).read_bytes() for name in needed)
        listed = digests(verified(signed, pinned_keys(key, source.fingerprints, needed[0]), index))
        names = lists_of(listed, source.component, architectures)
        lists = {name: (folder.root / source.place / "dists" / source.suite / name).read_bytes() for name in names}
        needed += [f"{source.place}/dists/{source.suite}/{name}" for name in names]
        for architecture in architectures:
            offered = stanzas(lists, source, architecture, index)
            needed += [f"{source.place}/{offered[version]['Filename']}" for version in versions]
    except (ReleaseError, OSError, KeyError):
        return []
    return needed if all(map(folder.is_intact, needed)) else []


def verified(index: bytes, keyring: bytes, shown: str) -> str:
    """The text that one of these keys has signed."""
    with tempfile.TemporaryDirectory(prefix="redisops-mirror-") as directory:
        keys, signed, text = (Path(directory, name) for name in ("keys.gpg", "InRelease", "text"))
        keys.write_bytes(keyring)
        signed.write_bytes(index)
        argv = ["gpgv", "--keyring", str(keys), "--status-fd", "1", "--output", str(text), str(signed)]
        try:
            done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
        except FileNotFoundError as err:
            raise ReleaseError(
                f"the signature of {shown} cannot be verified: install gpgv on the controller (package gpgv, or gnupg)"
            ) from err
        if done.returncode or not re.search(r"^\[GNUPG:\] GOODSIG ", done.stdout, re.MULTILINE) or not text.exists():
            said = re.findall(r"^gpgv: (?!Signature made|\s)(.*)", done.stderr, re.MULTILINE)
            raise ReleaseError(
                f"{shown} has no good signature of a pinned key ({one_line('; '.join(said)) or 'no signature'}): it is"
                " damaged, altered or signed by another key"
            )
        return text.read_text(encoding="utf-8")


def digests(text: str) -> dict[str, str]:
    """The sha256 of each list by its name."""
    found, inside = {}, False
    for line in text.splitlines():
        if not line.startswith(" "):
            inside = line.strip() == "SHA256:"
        elif inside:
            digest, _size, name = line.split()
            found[name] = digest
    return found


def lists_of(listed: dict[str, str], component: str, architectures: list[str]) -> list[str]:
    """What apt reads on hosts of these architectures, in every form that the index names and this can unpack."""
    parts = "|".join(re.escape(one) for one in [*architectures, "all"])
    pattern = re.compile(rf"{re.escape(component)}/(binary-({parts})/Packages|i18n/Translation-en)(\.gz|\.xz|\.bz2)?")
    return [name for name in listed if pattern.fullmatch(name)]


def stanzas(lists: dict[str, bytes], source: Repository, architecture: str, shown: str) -> dict[str, dict[str, str]]:
    """What the lists offer of the package on one architecture, by version."""
    found: dict[str, dict[str, str]] = {}
    for part in (architecture, "all"):
        name = f"{source.component}/binary-{part}/Packages"
        form = next((form for form in UNPACK if name + form in lists), None)
        if form is None:
            if part == architecture:
                raise ReleaseError(f"{shown} lists no packages for {architecture}")
            continue
        for stanza in re.split(r"\n\s*\n", UNPACK[form](lists[name + form]).decode("utf-8", "replace")):
            fields = dict(re.findall(r"^(Package|Version|Filename|SHA256): *(.*?) *$", stanza, re.MULTILINE))
            if fields.get("Package") == source.package and {"Version", "Filename", "SHA256"} <= set(fields):
                check_path(fields["Filename"], shown)
                found[fields["Version"]] = fields
    return found


def check_path(name: str, shown: str) -> None:
    """Signed or not, a path stays in the folder."""
    if name.startswith("/") or ".." in name.split("/"):
        raise ReleaseError(f"{shown} names the file {name}, which lies outside of the repository")
