# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One pinned version of a Debian package, from a repository with a pinned key or from a file. Private."""

from __future__ import annotations

import contextlib
import os
import re
import time

from .._files import write_atomically
from .._release.common import ReleaseError
from .._release.download import Downloads, check_url, is_url, mask_url
from .._text import one_line
from . import access, openpgp

MAX_KEY = 1 << 20
LISTS = "/etc/apt/sources.list.d"
KEYRINGS = "/etc/apt/keyrings"
FINGERPRINT = re.compile(r"[0-9A-F]{40}\Z")
LOCKED = re.compile(r"^E: Could not get lock", re.MULTILINE)  # not the "Waiting for cache lock: Could not get lock"
LOCK_PAUSE = 2  # seconds between two tries, while another program holds a lock of apt
# What apt says when the lists of the distribution were never loaded, or name files that its servers have no more.
OLD_LISTS = re.compile(r"Depends: |Unable to locate package|Failed to fetch|has no installation candidate")


def read(path):
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except FileNotFoundError:
        return None


def write(path, content, mode=0o644):
    """Readable by everybody, because apt reads keys as a user of its own. None removes the file."""
    if content is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    elif content != read(path):
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        write_atomically(path, content, mode)


def pinned_keys(data, fingerprints, shown):
    """A keyring with the pinned keys of this one, and nothing else."""
    try:
        found = openpgp.keys(data)
    except openpgp.NotAKey as exc:
        raise ReleaseError(f"{shown} is no signing key: {exc}") from exc
    missing = [one for one in fingerprints if one not in found]
    if missing:
        raise ReleaseError(
            f"the key at {shown} has the fingerprint {' and '.join(found)}, not the pinned {' and '.join(missing)}:"
            " if the key was changed for a good reason, pin the new one"
        )
    return b"".join(found[one] for one in fingerprints)


class Package:
    def __init__(self, module):
        self.module, self.params = module, module.params
        self.name, self.version, self.deb = (self.params[key] for key in ("name", "version", "deb"))
        self.list_file = os.path.join(LISTS, self.name + ".sources")
        self.keyring = os.path.join(KEYRINGS, self.name + ".gpg")
        self.configuration, self.login = access.paths(self.name)
        self.fingerprints = [re.sub(r"\s", "", text).upper() for text in self.params["fingerprints"]]
        self.check_options()
        self.previous, self.held = self.installed()

    def check_options(self):
        for text, fingerprint in zip(self.params["fingerprints"], self.fingerprints):
            if not FINGERPRINT.match(fingerprint):
                raise ReleaseError(f"fingerprints has {text!r}, which is not 40 hexadecimal digits")
        if self.deb:
            return
        check_url("repository", self.params["repository"])
        masked = mask_url(self.params["repository"])
        if masked != self.params["repository"]:
            raise ReleaseError(
                f"repository is {masked}: everybody on the host could read its user, password or query in the list, "
                "so take them out; /etc/apt/auth.conf.d is where apt takes them from"
            )
        login = [self.params["url_username"] or "", self.params["url_password"] or ""]
        if bool(login[0]) != bool(login[1]) or re.search(r"\s", "".join(login)):
            raise ReleaseError("url_username and url_password go together, and apt takes none with white space in it")
        if not self.fingerprints:
            raise ReleaseError("fingerprints is empty: name the key that signs the repository")

    # -- what is there

    def run(self, *argv):
        return self.module.run_command(
            list(argv), environ_update={"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}, check_rc=False
        )

    def installed(self):
        """(version, is it held); an empty version when it is not installed, or only half."""
        rc, out, _err = self.run("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}|${Version}", self.name)
        status, _sep, version = out.strip().partition("|")
        return (version if rc == 0 and status[1:2] == "i" else ""), status[:1] == "h"

    def list_content(self):
        """The repository as deb822, the format that apt 3 wants."""
        return (
            "# Managed by redisops.monitoring\n"
            "Types: deb\n"
            f"URIs: {self.params['repository'].rstrip('/')}/\n"
            f"Suites: {self.params['suite']}\n"
            f"Components: {' '.join(self.params['components'])}\n"
            f"Signed-By: {self.keyring}\n"
        ).encode()

    def told(self):
        """What apt reads beside the key: content and mode by path. apt reads the login as root."""
        return {
            self.configuration: (access.configuration(self.params), 0o644),
            self.login: (access.login(self.params), 0o600),
            self.list_file: (self.list_content(), 0o644),
        }

    def trusted(self):
        """Fingerprints in the keyring as it is."""
        content = read(self.keyring)
        try:
            return set(openpgp.keys(content)) if content is not None else set()
        except openpgp.NotAKey:
            return {"unreadable"}

    # -- the key

    def fetch_key(self):
        """The keyring to write: the pinned keys and nothing else."""
        key = self.params["key"] or self.params["repository"].rstrip("/") + "/gpg.key"
        if is_url(key):
            options = {
                **self.params,
                "timeout": min(self.params["timeout"], 30),
                "headers": None,
                "validate_certs": True,
            }
            check_url("key", key)
            data = b"".join(Downloads(options, self.params["repository"]).chunks(key, MAX_KEY))
        else:
            data = read(key)
            if data is None:
                raise ReleaseError(f"there is no file {key} (key)")
        return pinned_keys(data, self.fingerprints, mask_url(key) if is_url(key) else key)

    # -- apt

    def apt_get(self, *argv):
        """apt waits for the lock of dpkg, but not for those of the package lists and of the downloads."""
        deadline = time.monotonic() + self.params["timeout"]
        options = ["-q", "-y", "-o", f"DPkg::Lock::Timeout={self.params['timeout']}"]
        while True:
            rc, out, err = self.run("apt-get", *options, *argv)
            if rc == 0 or not LOCKED.search(out + "\n" + err) or time.monotonic() >= deadline:
                return rc, out, err
            time.sleep(LOCK_PAUSE)

    @staticmethod
    def complaint(out, err):
        """What apt says in one line, the cause before its consequences."""
        lines = [line.strip() for line in (err + "\n" + out).splitlines()]
        causes = [line for line in lines if re.search(r"NO_PUBKEY|EXPKEYSIG|is not signed|Depends: ", line)]
        said = [re.sub(r"^[EW]: *", "", line) for line in causes[:1] + [line for line in lines if line[:3] == "E: "]]
        return one_line("; ".join(dict.fromkeys(said)), 400) or "no reason given"

    def update(self):
        """Loads the lists of our repository, and of no other."""
        only = ["-o", f"Dir::Etc::sourcelist={self.list_file}", "-o", "Dir::Etc::sourceparts=-"]
        only += ["-o", "APT::Get::List-Cleanup=0", "-o", "APT::Update::Error-Mode=any"]
        rc, out, err = self.apt_get("update", *only)
        if rc != 0:
            raise ReleaseError(f"apt cannot use the repository {self.params['repository']}: {self.complaint(out, err)}")
        out = self.run("apt-cache", "madison", self.name)[1]
        offered = [line.split("|")[1].strip() for line in out.splitlines() if line.count("|") == 2]
        if self.version not in offered:
            raise ReleaseError(
                f"{self.params['repository']} has no {self.name} {self.version}, it has "
                f"{', '.join(offered[:5]) or 'no version of it'}"
            )

    def install(self):
        # apt takes a file for the name of a package unless there is a slash in it.
        what = os.path.abspath(self.deb) if self.deb else f"{self.name}={self.version}"
        argv = ["install", "--no-install-recommends", "--allow-change-held-packages"]
        argv += ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
        argv += ["--allow-downgrades"] if self.params["allow_downgrade"] else []
        rc, out, err = self.apt_get(*argv, what)
        if rc != 0 and OLD_LISTS.search(out + err):
            self.apt_get("update")
            rc, out, err = self.apt_get(*argv, what)
        if rc != 0:
            raise ReleaseError(f"apt could not install {self.name} {self.version}: {self.complaint(out, err)}")
        now = self.installed()[0]
        if now != self.version:
            raise ReleaseError(f"apt installed {self.name} {now or 'nothing'} instead of {self.version}")

    def check_deb(self):
        if not os.path.isfile(self.deb):
            raise ReleaseError(f"there is no file {self.deb} (deb): put the package there first")
        rc, out, err = self.run("dpkg-deb", "--field", self.deb, "Package", "Version", "Architecture")
        fields = dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)
        if rc != 0 or "Package" not in fields:
            raise ReleaseError(f"{self.deb} is not a Debian package: {one_line(err)}")
        if (fields["Package"], fields.get("Version")) != (self.name, self.version):
            raise ReleaseError(
                f"{self.deb} holds {fields['Package']} {fields.get('Version')}, not {self.name} {self.version}"
            )
        here = self.run("dpkg", "--print-architecture")[1].strip()
        if fields.get("Architecture", "all") not in ("all", here):
            raise ReleaseError(f"{self.deb} is for {fields['Architecture']}, and this host is {here}")

    # -- making it so

    def present(self):
        install = self.previous != self.version
        if install and self.deb:
            self.check_deb()
        newer = self.previous and self.run("dpkg", "--compare-versions", self.version, "lt", self.previous)[0] == 0
        if newer and not self.params["allow_downgrade"]:
            raise ReleaseError(
                f"{self.name} {self.previous} is installed, which is newer than {self.version}: a downgrade can make "
                "its data unreadable, so restore a backup and set allow_downgrade, or ask for the newer version"
            )
        new_key = not self.deb and self.trusted() != set(self.fingerprints)
        told = [] if self.deb else [path for path, (content, _mode) in self.told().items() if read(path) != content]
        hold = self.params["hold"] != self.held or (install and self.params["hold"])
        result = {"changed": bool(install or new_key or told or hold), "version": self.version}
        result.update(previous_version=self.previous, installed=install)
        result["diff"] = self.diff(install or hold, new_key, told)
        if result["changed"] and not self.module.check_mode:
            before = {path: read(path) for path in (self.keyring, *([] if self.deb else self.told()))}
            try:
                self.apply(install, new_key, hold)
            except ReleaseError as exc:
                for path, content in before.items():
                    write(path, content, 0o600 if path == self.login else 0o644)
                kept = f"; {self.name} {self.previous} stays" if self.previous else "; nothing was changed"
                raise ReleaseError(f"{exc}{kept if self.installed()[0] == self.previous else ''}") from exc
        return result

    def apply(self, install, new_key, hold):
        if not self.deb:
            if install or new_key:  # also anew for every version, because keys are prolonged
                write(self.keyring, self.fetch_key())
            for path, (content, mode) in self.told().items():
                write(path, content, mode)
            if install:
                self.update()
        if install:
            self.install()
        if hold:
            verb = "hold" if self.params["hold"] else "unhold"
            rc, out, err = self.run("apt-mark", verb, self.name)
            if rc != 0:
                raise ReleaseError(f"apt-mark {verb} {self.name} failed: {one_line(err or out)}")

    def diff(self, hold, new_key, told):
        before = [f"{self.name} {self.previous}" if self.previous else f"no {self.name}"]
        after = [f"{self.name} {self.version}"]
        if hold:
            before.append("held" if self.held else "not held")
            after.append("held" if self.params["hold"] else "not held")
        if new_key:
            before += [f"{self.keyring}: {one}" for one in sorted(self.trusted())]
            after += [f"{self.keyring}: {one}" for one in self.fingerprints]
        for path in told:
            for lines, content in ((before, read(path)), (after, self.told()[path][0])):
                shown = b"" if content is None else b"%s: a login" % path.encode() if path == self.login else content
                lines += shown.decode("utf-8", "replace").splitlines()
        return {"before": "\n".join(before) + "\n", "after": "\n".join(after) + "\n"}


def run(module):
    if not module.get_bin_path("apt-get"):
        module.fail_json(
            msg="this host has no apt-get: only Debian, Ubuntu and their like can install packages this way"
        )
    try:
        result = Package(module).present()
    except ReleaseError as exc:
        module.fail_json(msg=f"{module.params['name']}: {exc}")
    module.exit_json(**result)
