#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_release
short_description: Install one pinned version of a package from a repository with a pinned key
version_added: 1.0.0
description:
  - Puts one version of a Debian package on the host and holds it there, from a repository of its own or from a file.
  - The repository's signing key is checked against O(fingerprints) before apt sees it. Only the keys named there get
    into the keyring, and the keyring is trusted for this repository only.
  - Of the package lists only those of this repository are brought up to date, so that hosts work that reach nothing but
    a mirror. All of them are when dependencies are missing.
  - A host that has the version, the key and the repository already is left alone, and nothing is asked of any server.
author: redisops.monitoring contributors (@redisops)
attributes:
  check_mode:
    support: full
    description: Whether the repository has the version is not known before a real run.
  diff_mode:
    support: full
    description: Shows the version, the keys and the repository.
  idempotent:
    support: full
    description: Run twice, the second run changes nothing.
  platform:
    support: full
    platforms: debian
    description: Debian 11 and Ubuntu 22.04, or newer.
options:
  name:
    description: Name of the package. The repository's file and keyring are named after it.
    type: str
    required: true
  version:
    description: Version of the package, as C(apt-cache madison) lists it.
    type: str
    required: true
  deb:
    description: Package file on the host to install instead. No repository is set up or asked then.
    type: path
  repository:
    description: URL of the repository.
    type: str
  suite:
    description: Suite of the repository.
    type: str
    default: stable
  components:
    description: Components of the repository.
    type: list
    elements: str
    default: [main]
  key:
    description: URL of the signing key, or its path on the host. C(gpg.key) below O(repository) unless this is set.
    type: str
  fingerprints:
    description: Fingerprints of the signing keys to trust, 40 hexadecimal digits each. Required with O(repository).
    type: list
    elements: str
    default: []
  ca_path:
    description: CA file on the host that the server of O(key) is verified with. Those that the host trusts without it.
    type: path
  hold:
    description: Keep apt from changing the version on its own.
    type: bool
    default: true
  allow_downgrade:
    description: Replace a newer version by an older one. Many services cannot read the data of a newer one.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for the server of the key, and for other programs that use apt at the moment.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Grafana, this version and no other
  redisops.monitoring.apt_release:
    name: grafana
    version: 12.4.0
    repository: https://apt.grafana.com
    fingerprints: [B53AE77BADB630A683046005963FA27710458545]

- name: The same from a file that is on the host already
  redisops.monitoring.apt_release:
    name: grafana
    version: 12.4.0
    deb: /var/tmp/grafana_12.4.0_amd64.deb
"""

RETURN = r"""
version:
  description: Version that is installed now, or would be.
  returned: success
  type: str
  sample: 12.4.0
previous_version:
  description: Version that was installed before, empty when there was none.
  returned: success
  type: str
  sample: 12.3.1
installed:
  description: Whether this run installed the package, or would have.
  returned: success
  type: bool
"""

import contextlib
import os
import re
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._apt import openpgp
from ..module_utils._release_source import Http, ReleaseError, check_url, is_url, mask_url, one_line

MAX_KEY = 1 << 20
LISTS = "/etc/apt/sources.list.d"
KEYRINGS = "/etc/apt/keyrings"
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


def write(path, content):
    """One step; readable by everybody, because apt reads keys as a user of its own."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".redisops-", dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            os.fchmod(stream.fileno(), 0o644)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


class Package:
    def __init__(self, module):
        self.module, self.params = module, module.params
        self.name, self.version = self.params["name"], self.params["version"]
        self.list_file = os.path.join(LISTS, self.name + ".sources")
        self.keyring = os.path.join(KEYRINGS, self.name + ".gpg")
        self.fingerprints = [self.check_fingerprint(text) for text in self.params["fingerprints"]]
        if not self.params["deb"]:
            check_url("repository", self.params["repository"])
            if mask_url(self.params["repository"]) != self.params["repository"]:
                raise ReleaseError(
                    f"repository is {mask_url(self.params['repository'])}: everybody on the host could read its user, "
                    "password or query in the list, so take them out; /etc/apt/auth.conf.d is where apt takes them from"
                )
            if not self.fingerprints:
                raise ReleaseError("fingerprints is empty: name the key that signs the repository")
        self.previous, self.held = self.installed()

    @staticmethod
    def check_fingerprint(text):
        found = openpgp.fingerprint(text)
        if not found:
            raise ReleaseError(f"fingerprints has {text!r}, which is not 40 hexadecimal digits")
        return found

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
        lines = {
            "Types": "deb",
            "URIs": self.params["repository"].rstrip("/") + "/",
            "Suites": self.params["suite"],
            "Components": " ".join(self.params["components"]),
            "Signed-By": self.keyring,
        }
        text = "# Managed by redisops.monitoring\n" + "".join(f"{key}: {value}\n" for key, value in lines.items())
        return text.encode()

    def trusted(self):
        """Fingerprints in the keyring as it is, None when there is none or it cannot be read."""
        content = read(self.keyring)
        with contextlib.suppress(openpgp.NotAKey):
            return set(openpgp.keys(content)) if content is not None else None
        return {"unreadable"}

    def compare(self, one, other):
        """Whether `one` is a lower version than `other`, as dpkg orders them."""
        return self.run("dpkg", "--compare-versions", one, "lt", other)[0] == 0

    # -- the key

    def fetch_key(self):
        """The keyring to write: the pinned keys and nothing else."""
        key = self.params["key"] or self.params["repository"].rstrip("/") + "/gpg.key"
        shown = mask_url(key) if is_url(key) else key
        if is_url(key):
            options = {"headers": None, "url_username": None, "url_password": None, "force_basic_auth": False}
            options.update(client_cert=None, client_key=None, use_proxy=True, validate_certs=True)
            options.update(ca_path=self.params["ca_path"], timeout=min(self.params["timeout"], 30))
            check_url("key", key)
            data = b"".join(Http(options, key).chunks(key, MAX_KEY))
        else:
            data = read(key)
            if data is None:
                raise ReleaseError(f"there is no file {key} (key)")
        try:
            found = openpgp.keys(data)
        except openpgp.NotAKey as exc:
            raise ReleaseError(f"what lies at {shown} is no signing key: {exc}") from exc
        missing = [one for one in self.fingerprints if one not in found]
        if missing:
            raise ReleaseError(
                f"the key at {shown} has the fingerprint {' and '.join(found)}, not the pinned {' and '.join(missing)}:"
                " if the key was changed for a good reason, pin the new one"
            )
        return b"".join(found[one] for one in self.fingerprints)

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
        lines = [re.sub(r"^[EW]: *", "", line.strip()) for line in (err + "\n" + out).splitlines()]
        marked = [line.strip()[3:].strip() for line in (err + "\n" + out).splitlines() if line.strip()[:3] == "E: "]
        wanted = [line for line in lines if re.search(r"NO_PUBKEY|EXPKEYSIG|is not signed|Depends: ", line)]
        return one_line("; ".join(dict.fromkeys(wanted[:1] + marked)))[:400] or "no reason given"

    def update(self, everything=False):
        only = ["-o", f"Dir::Etc::sourcelist={self.list_file}", "-o", "Dir::Etc::sourceparts=-"]
        only += ["-o", "APT::Get::List-Cleanup=0", "-o", "APT::Update::Error-Mode=any"]
        rc, out, err = self.apt_get("update", *([] if everything else only))
        if rc != 0 and not everything:
            raise ReleaseError(f"apt cannot use the repository {self.params['repository']}: {self.complaint(out, err)}")

    def offered(self):
        out = self.run("apt-cache", "madison", self.name)[1]
        return [line.split("|")[1].strip() for line in out.splitlines() if line.count("|") == 2]

    def install(self):
        # apt takes a file for the name of a package unless there is a slash in it.
        what = os.path.abspath(self.params["deb"]) if self.params["deb"] else f"{self.name}={self.version}"
        argv = ["install", "--no-install-recommends", "--allow-change-held-packages"]
        argv += ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
        argv += ["--allow-downgrades"] if self.params["allow_downgrade"] else []
        rc, out, err = self.apt_get(*argv, what)
        if rc != 0 and OLD_LISTS.search(out + err):
            self.update(everything=True)
            rc, out, err = self.apt_get(*argv, what)
        if rc != 0:
            raise ReleaseError(f"apt could not install {self.name} {self.version}: {self.complaint(out, err)}")
        now = self.installed()[0]
        if now != self.version:
            raise ReleaseError(f"apt installed {self.name} {now or 'nothing'} instead of {self.version}")

    def check_deb(self):
        path = self.params["deb"]
        if not os.path.isfile(path):
            raise ReleaseError(f"there is no file {path} (deb): put the package there first")
        rc, out, err = self.run("dpkg-deb", "--field", path, "Package", "Version", "Architecture")
        fields = dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)
        if rc != 0 or "Package" not in fields:
            raise ReleaseError(f"{path} is not a Debian package: {one_line(err)}")
        if (fields["Package"], fields.get("Version")) != (self.name, self.version):
            raise ReleaseError(
                f"{path} holds {fields['Package']} {fields.get('Version')}, not {self.name} {self.version}"
            )
        here = self.run("dpkg", "--print-architecture")[1].strip()
        if fields.get("Architecture", "all") not in ("all", here):
            raise ReleaseError(f"{path} is for {fields['Architecture']}, and this host is {here}")

    # -- making it so

    def plan(self):
        """{file: content} to write, where the content of a keyring is not known before it is fetched."""
        if self.params["deb"]:
            return {}
        files = {}
        if self.trusted() != set(self.fingerprints):
            files[self.keyring] = None
        if read(self.list_file) != self.list_content():
            files[self.list_file] = self.list_content()
        return files

    def present(self):
        install = self.previous != self.version
        if install and self.params["deb"]:
            self.check_deb()
        if self.previous and self.compare(self.version, self.previous) and not self.params["allow_downgrade"]:
            raise ReleaseError(
                f"{self.name} {self.previous} is installed, which is newer than {self.version}: a downgrade can make "
                "its data unreadable, so restore a backup and set allow_downgrade, or ask for the newer version"
            )
        files = self.plan()
        hold = self.params["hold"] != self.held or (install and self.params["hold"])
        result = {"changed": bool(install or files or hold), "version": self.version, "installed": install}
        result.update(previous_version=self.previous, diff=self.diff(install, files, hold))
        if result["changed"] and not self.module.check_mode:
            before = {path: read(path) for path in (self.keyring, self.list_file)}
            try:
                self.apply(install, files, hold)
            except ReleaseError as exc:
                self.put_back(before)
                kept = f"; {self.name} {self.previous} stays" if self.previous else "; nothing was changed"
                raise ReleaseError(f"{exc}{kept if self.installed()[0] == self.previous else ''}") from exc
        return result

    def apply(self, install, files, hold):
        if not self.params["deb"] and (install or self.keyring in files):
            keyring = self.fetch_key()  # also anew for every version, because keys are prolonged
            if keyring != read(self.keyring):
                write(self.keyring, keyring)
        if files.get(self.list_file):
            write(self.list_file, files[self.list_file])
        if install:
            if not self.params["deb"]:
                self.update()
                offered = self.offered()
                if self.version not in offered:
                    raise ReleaseError(
                        f"{self.params['repository']} has no {self.name} {self.version}, it has "
                        f"{', '.join(offered[:5]) or 'no version of it'}"
                    )
            self.install()
        if hold:
            verb = "hold" if self.params["hold"] else "unhold"
            rc, out, err = self.run("apt-mark", verb, self.name)
            if rc != 0:
                raise ReleaseError(f"apt-mark {verb} {self.name} failed: {one_line(err or out)}")

    @staticmethod
    def put_back(before):
        for path, content in before.items():
            if content is None:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
            elif content != read(path):
                write(path, content)

    def diff(self, install, files, hold):
        before = [f"{self.name} {self.previous}" if self.previous else f"no {self.name}"]
        after = [f"{self.name} {self.version}"]
        if hold or install:
            before.append("held" if self.held else "not held")
            after.append("held" if self.params["hold"] else "not held")
        if self.keyring in files:
            before += [f"{self.keyring}: {one}" for one in sorted(self.trusted() or [])]
            after += [f"{self.keyring}: {one}" for one in self.fingerprints]
        if self.list_file in files:
            before += (read(self.list_file) or b"").decode("utf-8", "replace").splitlines()
            after += files[self.list_file].decode().splitlines()
        return {"before": "\n".join(before) + "\n", "after": "\n".join(after) + "\n"}


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "deb": {"type": "path"},
            "repository": {"type": "str"},
            "suite": {"type": "str", "default": "stable"},
            "components": {"type": "list", "elements": "str", "default": ["main"]},
            "key": {"type": "str", "no_log": False},
            "fingerprints": {"type": "list", "elements": "str", "default": []},
            "ca_path": {"type": "path"},
            "hold": {"type": "bool", "default": True},
            "allow_downgrade": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 120},
        },
        required_one_of=[("deb", "repository")],
        mutually_exclusive=[("deb", "repository")],
        supports_check_mode=True,
    )
    if not module.get_bin_path("apt-get"):
        module.fail_json(
            msg="this host has no apt-get: only Debian, Ubuntu and their like can install packages this way"
        )
    try:
        module.exit_json(**Package(module).present())
    except ReleaseError as exc:
        module.fail_json(msg=f"{module.params['name']}: {exc}")


if __name__ == "__main__":
    main()
