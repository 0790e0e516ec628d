# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to accept a configuration before it is put in place: certificates and checking tools. Private."""

from __future__ import annotations

import contextlib
import os
import tempfile
import typing as t

from .. import _files, _tls
from .files import ConfigError, File
from .output import complaint

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule


def check(
    module: AnsibleModule, root: str, files: list[File], removals: list[str], credentials: dict[str, str]
) -> None:
    """ConfigError with the reason, before anything is changed."""
    params = module.params
    for entry in params["certificates"]:
        try:
            _tls.check_files(entry)
        except _tls.FileProblem as err:
            paths = [path for path in (entry["cert"], entry["key"], entry["ca"]) if path]
            _refuse(module, str(err), all(os.path.exists(path) for path in paths))
    known = {file.path for file in files}
    for name, path in credentials.items():
        if path not in known and not os.path.exists(path):
            _refuse(module, f"LoadCredential={name}: {path} is not on this host", False)
    if not params["checks"]:
        return
    with tempfile.TemporaryDirectory(prefix="redisops-") as temporary:
        stage = Stage(temporary, root, params["unit"] or "")
        stage.fill(files, removals, credentials)
        missing = []
        for argv in params["checks"]:
            if os.access(argv[0], os.X_OK) or module.get_bin_path(argv[0]):
                _run(module, stage, [stage.expand(argument) for argument in argv])
            elif module.check_mode:
                missing.append(os.path.basename(argv[0]))
            else:
                raise ConfigError(f"{argv[0]}, which checks the files, is not on this host; nothing was changed")
        if missing:
            names = " and ".join(dict.fromkeys(missing))
            module.warn(f"check mode: not installed yet, so the files were not checked with it: {names}")


def _refuse(module: AnsibleModule, problem: str, complete: bool) -> None:
    """In check mode, what an earlier task would have put there may be missing."""
    if complete or not module.check_mode:
        raise ConfigError(f"{problem}; nothing was changed")
    module.warn(f"check mode: not checked, {problem}")


def _run(module: AnsibleModule, stage: Stage, argv: list[str]) -> None:
    tool = os.path.basename(argv[0])
    rc, out, err = module.run_command(argv, environ_update={"LC_ALL": "C"})
    if rc != 0:
        what = " ".join([tool, *[argument for argument in argv[1:3] if not argument.startswith("-")]])
        text = complaint(tool, out + "\n" + err) or f"exit status {rc}"
        raise ConfigError(f"{stage.live(what)} says: {stage.live(text)}; nothing was changed")


class Stage:
    """The directory as it would be, and the credentials that the unit would find, for the checking tools."""

    def __init__(self, temporary: str, root: str, unit: str) -> None:
        self.root = root
        self.handed_over = f"/run/credentials/{unit}"  # where systemd puts them, and what the files refer to
        self.directory = os.path.join(temporary, "config")
        self.credentials = os.path.join(temporary, "credentials")
        self.staged: dict[str, str] = {}

    def expand(self, argument: str) -> str:
        if argument in self.staged:
            return self.staged[argument]
        return argument.replace("{dir}", self.directory).replace("{credentials}", self.credentials)

    def live(self, text: str) -> str:
        """A text with the paths of the stage as those they stand for."""
        for path, copy in self.staged.items():
            text = text.replace(copy, path)
        return text.replace(self.directory, self.root).replace(self.credentials, self.handed_over)

    def fill(self, files: list[File], removals: list[str], credentials: dict[str, str]) -> None:
        os.makedirs(self.credentials)
        os.makedirs(self.directory)
        for directory, _directories, names in os.walk(self.root):
            copy = os.path.join(self.directory, os.path.relpath(directory, self.root))
            os.makedirs(copy, exist_ok=True)
            for name in names:
                path = os.path.join(directory, name)
                if path not in removals and not name.startswith(_files.LEFTOVER):
                    os.symlink(path, os.path.join(copy, name))
        for wanted in files:
            if wanted.path.startswith(self.root + os.sep):
                copy = os.path.join(self.directory, os.path.relpath(wanted.path, self.root))
            else:  # programs find beside them what they import
                copy = os.path.join(os.path.dirname(self.directory), "others") + wanted.path
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(copy)
            with open(copy, "wb") as handle:
                handle.write(wanted.content.replace(f"{self.handed_over}/".encode(), f"{self.credentials}/".encode()))
            self.staged[wanted.path] = copy
        for name, path in credentials.items():
            os.symlink(self.staged.get(path, path), os.path.join(self.credentials, name))
