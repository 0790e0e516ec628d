# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a service from a host: stops it, deletes what is ours, and names what is not. Private to this collection."""

from __future__ import annotations

import errno
import os
import shutil
import typing as t

from .. import _files, _systemd
from .._apt.removal import InstalledPackage
from .._release.common import ReleaseError
from .._release.versions import CURRENT, LOCK, PREVIOUS, Versions
from .._text import one_line
from .files import ConfigError, is_marked

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule

UNITS = "/etc/systemd/system"
NOT_OURS = "not ours"


def unit_of(path: str) -> str:
    """The unit that a unit file or a drop-in belongs to."""
    directory, name = os.path.split(path)
    if directory == UNITS:
        return name
    return os.path.basename(directory)[:-2] if os.path.dirname(directory) == UNITS else ""


def mount_of(path: str) -> str:
    """The mount unit of a path without special characters."""
    return f"{path.strip('/').replace('/', '-')}.mount"


class Removal:
    """What one run takes away. All of it is known before anything is done, so check mode tells the same."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module, self.params = module, module.params
        self.units: list[str] = []
        self.paths: dict[str, bool] = {}  # in the order of their deletion; whether with everything below
        self.left: dict[str, str] = {}  # why, by path
        self.package: InstalledPackage | None = None
        self.edited: list[str] = []
        self.by_apt: t.AbstractSet[str] = frozenset()

    def run(self) -> dict[str, t.Any]:
        try:
            self.plan()
            removed = list(self.paths)
            if self.package and self.package.previous:
                removed.insert(0, f"package {self.package.name} {self.package.previous}")
            if not self.module.check_mode:
                self.apply()
        except ReleaseError as err:
            raise ConfigError(f"{err}; run again when that is settled") from err
        return {
            "changed": bool(removed),
            "removed": removed,
            "stopped": self.units,
            "left": [f"{path} ({why})" for path, why in self.left.items()],
            "diff": {
                "before_header": self.params["name"],
                "after_header": self.params["name"],
                "before": "".join(f"{line}\n" for line in removed),
                "after": "",
            },
        }

    # What to do

    def plan(self) -> None:
        for path in self.params["files"]:
            if self.is_ours(path):
                self.paths[path] = False
                self.units += [unit_of(path)] if unit_of(path) else []
            elif os.path.lexists(path):
                self.left[path] = NOT_OURS
        self.units = sorted(dict.fromkeys(self.units), key=lambda unit: unit.endswith(".service"))  # timers first
        foreign = self.params["package"] and not self.plan_package(self.params["package"])
        self.paths.update((path, True) for path in self.params["owned"] if os.path.lexists(path))
        drop_ins = [os.path.join(UNITS, f"{unit}.d") for unit in map(unit_of, self.params["files"]) if unit]
        for directory in [*([] if foreign else self.params["directories"]), *dict.fromkeys(drop_ins)]:
            if directory not in self.paths and os.path.isdir(directory) and not os.path.islink(directory):
                self.walk(directory)
        if self.params["root"] and os.path.isdir(self.params["root"]):
            self.plan_programs(self.params["root"])
        for path in self.params["data"]:
            if os.path.lexists(path):
                self.plan_data(path)
        self.left.update(
            (path, "data, in a directory of yours") for path in self.params["kept"] if os.path.lexists(path)
        )
        for directory in self.params["parents"]:
            if os.path.isdir(directory) and not self.rest(directory):
                self.paths[directory] = False

    def is_ours(self, path: str) -> bool:
        return os.path.isfile(path) and not os.path.islink(path) and is_marked(path, self.params["marker"])

    def rest(self, directory: str) -> list[str]:
        """What stays in a directory."""
        paths = (os.path.join(directory, name) for name in sorted(os.listdir(directory)))
        return [path for path in paths if path not in self.paths and path not in self.by_apt]

    def walk(self, directory: str) -> None:
        """What is ours in a directory, and the directory itself if nothing else is in it."""
        for path in self.rest(directory):
            if os.path.isdir(path) and not os.path.islink(path):
                self.walk(path)
            elif self.is_ours(path) or os.path.basename(path).startswith(_files.LEFTOVER):
                self.paths[path] = False
            else:
                self.left.setdefault(path, NOT_OURS)
        if not self.rest(directory):
            self.paths[directory] = False

    def plan_package(self, name: str) -> bool:
        """False for one of somebody else. It is ours if its unit has our drop-in, or its list our marker."""
        package = InstalledPackage(self.module, name)
        if not (self.units or self.is_ours(package.list_file)):
            if package.previous:
                self.left[f"package {name}"] = NOT_OURS
            return not package.previous
        self.paths.update((path, False) for path in package.files())
        if package.previous:
            self.package = package
            conffiles = package.conffiles()
            self.edited = [path for path, edited in conffiles.items() if edited and not self.is_ours(path)]
            self.left.update((path, "edited") for path in self.edited)
            self.by_apt = conffiles.keys() - self.edited
        return True

    def plan_programs(self, root: str) -> None:
        """The versions that module release_binary installed."""
        versions = Versions(self.params["name"], root)
        versions.look()
        if not versions.found and not os.path.exists(versions.path(LOCK)):
            self.left[root] = NOT_OURS
            return
        trees = [*map(versions.path, versions.found), *versions.leftovers()]
        self.paths.update((path, True) for path in trees)
        ours = map(versions.path, (CURRENT, PREVIOUS, LOCK))
        self.paths.update((path, False) for path in ours if os.path.lexists(path))
        rest = self.rest(root)
        self.left.update((path, NOT_OURS) for path in rest)
        if not rest:
            self.paths[root] = False

    def plan_data(self, path: str) -> None:
        if os.path.islink(path):
            target = os.path.realpath(path)
            if target in self.paths or not os.path.exists(target):
                self.paths[path] = False
            elif target not in self.params["data"]:
                self.left[path] = "a link, which is not followed"
        elif os.path.ismount(path) and os.path.join(UNITS, mount_of(path)) in self.params["files"]:
            self.paths[path] = False  # the user's directory, seen here until our mount is stopped
        elif os.path.isdir(path) and os.path.ismount(path) and not self.rest(path):
            self.left[path] = "an empty mount point"
        elif self.params["remove_data"] or (os.path.isdir(path) and not self.rest(path)):
            self.paths[path] = True
        else:
            self.left[path] = "data"

    # Doing it

    def apply(self) -> None:
        for unit in self.units:
            self.stop(unit)
        if self.package:
            self.package.purge(self.edited)
        for number, (path, tree) in enumerate(self.paths.items()):
            try:
                self.delete(path, tree)
            except OSError as err:
                raise ConfigError(
                    f"{err.filename} could not be deleted: {err.strerror}; {number} of {len(self.paths)} are gone,"
                    " and another run goes on from there"
                ) from None
        if self.units:
            _systemd.systemctl(self.module, "daemon-reload")
            _systemd.systemctl(self.module, "reset-failed", "--", *self.units)  # fails where nothing had failed

    def stop(self, unit: str) -> None:
        rc, out, err = _systemd.systemctl(self.module, "disable", "--now", "--", unit)
        if rc == 0 and _systemd.unit_state(self.module, unit).active:
            rc, err = 1, "it is still active"
        if rc != 0:
            raise ConfigError(f"{unit} could not be stopped: {one_line(err or out)}; nothing was deleted")

    @staticmethod
    def delete(path: str, tree: bool) -> None:
        try:
            if os.path.islink(path) or not os.path.isdir(path):
                os.unlink(path)
            elif tree:
                shutil.rmtree(path)
            else:
                os.rmdir(path)
        except FileNotFoundError:
            pass  # apt was here
        except OSError as err:
            if err.errno != errno.EBUSY or not os.path.ismount(path):  # a mount point stays, empty
                raise
