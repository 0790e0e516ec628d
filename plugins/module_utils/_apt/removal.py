# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package that apt_release installed, and what apt was told for it. Private."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import re

from .._release.common import ReleaseError
from . import package

APT_LISTS = "/var/lib/apt/lists"
ARCHIVES = "/var/cache/apt/archives"
ASIDE = ".redisops-kept"


class InstalledPackage(package.Package):
    def __init__(self, module, name):
        self.module, self.name = module, name
        self.params = {"timeout": 120}
        self.list_file = os.path.join(package.LISTS, name + ".sources")
        self.keyring = os.path.join(package.KEYRINGS, name + ".gpg")
        self.told_files = package.access.paths(name)
        self.previous, self.held = self.installed()

    def files(self):
        """List, key, and what apt downloaded by them."""
        found = [
            self.list_file,
            self.keyring,
            *self.told_files,
            *glob.glob(os.path.join(ARCHIVES, glob.escape(self.name) + "_*.deb")),
        ]
        uris = re.findall(rb"^URIs: *\w+://(\S+?)/*$", package.read(self.list_file) or b"", re.MULTILINE)
        for uri in uris:
            prefix = uri.decode().replace("_", "%5f").replace("/", "_")
            found += glob.glob(os.path.join(APT_LISTS, glob.escape(prefix) + "_*"))
        return [path for path in found if os.path.isfile(path)]

    def conffiles(self):
        """Configuration files of the package, and whether somebody changed them."""
        out = self.run("dpkg-query", "--show", "--showformat=${Conffiles}\\n", self.name)[1]
        pairs = [line.split()[:2] for line in out.splitlines() if len(line.split()) >= 2]
        return {
            path: hashlib.md5(package.read(path)).hexdigest() != digest  # noqa: S324  # what dpkg keeps
            for path, digest in pairs
            if os.path.isfile(path)
        }

    def purge(self, kept):
        """Removes the package with its configuration, but for the files in `kept`."""
        for path in kept:
            os.rename(path, path + ASIDE)
        try:
            rc, out, err = self.apt_get("purge", "--allow-change-held-packages", self.name)
        finally:
            for path in kept:
                os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
                with contextlib.suppress(FileNotFoundError):
                    os.rename(path + ASIDE, path)
        if rc != 0:
            raise ReleaseError(f"apt could not remove {self.name} {self.previous}: {self.complaint(out, err)}")
