# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service's files as one transaction: stage, check, switch, reload or restart, prove; else roll back.

Private to this collection.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from .. import _files, _systemd
from . import checks, data
from .files import ConfigError, File, OldFile, diff, differs, is_marked, make_directory, old_file, restore, wanted_files
from .service import Service, worker_of

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule


class Transaction:
    def __init__(self, module: AnsibleModule) -> None:
        params = module.params
        self.module = module
        self.params = params
        self.root = os.path.normpath(params["path"])
        self.restarted = self.reloaded = False  # what was asked of the unit so far, be it for nothing
        self.wanted = wanted_files(params, self.root, module.check_mode)
        self.service = Service(module, params["unit"], params["service"] or {}) if params["unit"] else None
        ask = params["service"] or {"metrics_url": "", "metrics_prefix": "", "ready_url": "-"}
        if bool(ask["metrics_url"]) > bool(ask["metrics_prefix"]) or not (ask["metrics_url"] or ask["ready_url"]):
            raise ConfigError("service takes metrics_url with metrics_prefix, or ready_url")
        # The unit's own file and drop-ins: systemd reads them, the service does not.
        self.unit_files = {
            wanted.path
            for wanted in self.wanted
            if self.service
            and params["unit"] in (os.path.basename(wanted.path), os.path.basename(os.path.dirname(wanted.path))[:-2])
        }
        self.state = self.service.state() if self.service else None
        self.old: dict[str, OldFile | None] = {}
        self.changes: list[File] = []
        self.removals: list[str] = []
        self.due: dict[str, _systemd.UnitState] = {}  # timers whose service has to run
        self.created: list[str] = []  # directories
        self.touched: list[str] = []  # files

    def run(self) -> dict[str, t.Any]:
        """Do what is needed and return the module's result."""
        if self.params["data"]:
            data.check(self.params["data"], self.params["unit"])
        self.old = {wanted.path: old_file(wanted.path) for wanted in self.wanted}
        self.changes = [wanted for wanted in self.wanted if differs(wanted, self.old[wanted.path])]
        absent = [path for path in self.params["absent"] if os.path.lexists(path)]
        unlisted = self._unlisted()
        self.removals = unlisted + absent
        self.old.update((path, old_file(path)) for path in self.removals)
        directories = [path for path in self._directories("prune") if not os.path.isdir(path)]
        stale, restart, reload = self._needs(unlisted)
        may_restart = self.params["restart"]
        if may_restart:
            self.due = self._due_timers(bool(self.changes or self.removals or restart))
        changed = bool(self.changes or self.removals or directories)
        acts = bool(self.service) and (reload or (may_restart and restart))
        if changed or reload or restart or self.due:
            checks.check(
                self.module,
                self.root,
                self.wanted,
                self.removals,
                _unit_credentials(self.wanted, self.unit_files, self.state),
            )
        result: dict[str, t.Any] = {
            "changed": changed or acts or bool(self.due) or bool(may_restart and self.state and not self.state.enabled),
            "written": [change.path for change in self.changes],
            "removed": self.removals,
            "reloaded": acts and reload,
            "restarted": acts and restart,
            "restart_required": restart and (self.module.check_mode or not acts),
            "outdated_unit": self.params["unit"] if restart and not acts and self.state and self.state.active else "",
            "stale_inputs": stale,
            "url": self.service.url if self.service else "",
            "diff": [diff(change, self.old[change.path]) for change in self.changes]
            + [
                diff(None, self.old[path], path, os.path.dirname(path) in self._directories("purge"))
                for path in self.removals
            ],
        }
        if result["changed"] and not self.module.check_mode:
            self._apply(result["restarted"], result["reloaded"])
        return result

    # What to do

    def _needs(self, unlisted: list[str]) -> tuple[list[str], bool, bool]:
        """Inputs newer than the process, whether to start or restart it, whether to reload it."""
        if not self.service or not self.state:
            return [], False, False
        stale = _systemd.stale_inputs(self.module, self.service.unit, self.params["inputs"], self.state)
        if not self.state.active:
            return stale, True, False
        restart = bool(stale) or any(change.secret or change.path in self.unit_files for change in self.changes)
        reload = any(not change.watched for change in self.changes) or bool(self._unwatched(unlisted))
        if not self.service.reloads:  # it could not be asked whether it took a reload
            restart, reload = restart or reload, False
        if self.service.options and not restart:
            restart, behind = self._behind(wait=not reload)
            reload = reload or behind
        return stale, restart, reload and not restart

    def _directories(self, option: str) -> list[str]:
        return [os.path.join(self.root, name) for name in self.params[option]]

    def _unlisted(self) -> list[str]:
        """Files that nobody lists any more, in directories that belong to the service."""
        keep = {wanted.path for wanted in self.wanted}
        removals = []
        for option in ("prune", "purge"):
            for directory in self._directories(option):
                for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
                    path = os.path.join(directory, name)
                    ours = option == "purge" or is_marked(path, self.params["marker"])
                    if ours and path not in keep and os.path.isfile(path):
                        removals.append(path)
        return removals

    def _unwatched(self, paths: list[str]) -> list[str]:
        """Of files that are not wanted any more, those in directories that the service does not watch by itself."""
        watched = {os.path.dirname(wanted.path) for wanted in self.wanted if wanted.watched}
        watched.update(self._directories("purge"))  # the unit holds copies of these
        return [path for path in paths if os.path.dirname(path) not in watched]

    def _behind(self, wait: bool) -> tuple[bool, bool]:
        """Whether the running service has to be restarted or reloaded even if no file differs from what is wanted.

        Its binary may be another one by now, an earlier run may have ended between the switch and the reload, or
        somebody edited a file of ours and put it back.
        """
        service = t.cast(Service, self.service)
        answer = None
        with contextlib.suppress(ConfigError):
            answer = service.ask()
        if answer is None or not (answer.loaded or answer.loaded_at):  # started a moment ago, or out of order
            if self.module.check_mode or not wait:
                return False, False
            answer = service.wait_until_up(check_version=False)
        if not service.runs_wanted_version(answer):
            return True, False
        paths = [wanted.path for wanted in self.wanted if not wanted.watched and wanted.path not in self.unit_files]
        for directory in self._directories("prune"):
            paths += self._unwatched(
                [entry.path for entry in os.scandir(directory)] if os.path.isdir(directory) else []
            )
        newest = max((_systemd.changed_at(path) or 0.0 for path in paths), default=0.0)
        if not service.reloads:
            return newest > (service.state().started_at or 0.0), False
        return False, not answer.loaded or answer.loaded_at < newest

    def _due_timers(self, changed: bool) -> dict[str, _systemd.UnitState]:
        """Timers whose service has to run now: something changed, they do not run, or the last run failed."""
        due = {}
        for timer in self.params["timers"]:
            state = _systemd.unit_state(self.module, timer)
            worker = _systemd.unit_state(self.module, worker_of(timer))
            reload = state.need_daemon_reload or worker.need_daemon_reload
            if changed or reload or not state.active or not state.enabled or worker.result != "success":
                due[timer] = state._replace(need_daemon_reload=reload)
        return due

    # Doing it

    def _apply(self, restart: bool, reload: bool) -> None:
        try:
            self._switch()
            if self.service:
                self._use(self.service, restart, reload)
        except (OSError, ConfigError) as err:
            cause = str(err)
            if isinstance(err, OSError):
                cause = f"{err.filename} could not be written: {err.strerror}"
            raise ConfigError(f"{cause}; {self._roll_back(cause)}") from None

    def _switch(self) -> None:
        for directory in self._directories("prune"):
            self.created += make_directory(directory, 0o755)
        for change in self.changes:
            directory = os.path.dirname(change.path)
            self.created += make_directory(directory, 0o700 if change.secret else 0o755)
            _files.sweep(directory)
            self.touched.append(change.path)
            _files.write_atomically(change.path, change.content, change.mode, os.geteuid(), change.gid)
        for path in self.removals:
            self.touched.append(path)
            if path.endswith((".timer", ".mount")):
                _systemd.systemctl(self.module, "disable", "--now", os.path.basename(path))
            os.unlink(path)

    def _use(self, service: Service, restart: bool, reload: bool) -> None:
        if self._touched_units() or any(one.need_daemon_reload for one in (self.state, *self.due.values()) if one):
            service.systemctl("daemon-reload")
        if restart:
            self.restarted = True
            for mount in self._touched_mounts():
                service.systemctl("restart", mount)
            service.restart()
        elif reload:
            self.reloaded = True
            service.reload()
        if self.params["restart"] and self.state and not self.state.enabled:
            service.systemctl("enable", service.unit)
        for timer in self.due:
            service.run_once(timer)

    def _touched_units(self) -> bool:
        return any(path in self.unit_files or path.endswith((".service", ".timer", ".mount")) for path in self.touched)

    def _touched_mounts(self) -> list[str]:
        """Mounts whose unit was written; what is mounted with the old one is somewhere else."""
        return [os.path.basename(path) for path in self.touched if path.endswith(".mount") and os.path.exists(path)]

    def _roll_back(self, cause: str) -> str:
        """Put everything back, the service included; returns the end of the error message."""
        try:
            self._restore()
        except OSError as err:
            return f"putting the old files back failed as well: {err.filename}: {err.strerror}"
        files = "the old files are back" if self.touched else "no file was changed"
        service, state = self.service, self.state
        if not service or not state:
            return files
        try:
            if self._touched_units():
                service.systemctl("daemon-reload")
            for timer in (path for path in self.touched if path.endswith(".timer") and self.old[path]):
                service.systemctl("enable", "--now", os.path.basename(timer))
            if not (self.restarted or self.reloaded):
                return files
            if not state.active:
                return f"{files} and {service.unit} is stopped, as it was before"
            if self.restarted:
                service.restart_as_before()
            elif self.touched:
                service.reload()
        except ConfigError as err:
            if str(err) == cause:  # what made it fail is not among the files, such as a binary that does not run
                return f"{files} and {service.unit} is down"
            return f"{files}, but {service.unit} does not run with them either: {err}"
        return f"{files} and {service.unit} runs with them"

    def _restore(self) -> None:
        for timer, before in self.due.items():
            if not before.active:
                _systemd.systemctl(self.module, "disable", "--now", timer)
        if self.service and self.state and not self.state.active and self.restarted:
            _systemd.systemctl(self.module, "stop", self.service.unit)
            _systemd.systemctl(self.module, "reset-failed", self.service.unit)
        for mount in self._touched_mounts():  # the start of the service mounts what the old one names
            _systemd.systemctl(self.module, "stop", mount)
        for path in reversed(self.touched):
            restore(path, self.old[path])
        for directory in reversed(self.created):
            with contextlib.suppress(OSError):  # not empty: somebody else uses it already
                os.rmdir(directory)


def _unit_credentials(files: list[File], unit_files: set[str], state: _systemd.UnitState | None) -> dict[str, str]:
    """What systemd will hand over to the unit as we want it: source path by name."""
    wanted = {file.path: file.content.decode() for file in files if file.path in unit_files}
    found = [path for path in ([state.fragment_path, *state.drop_in_paths] if state else []) if path]
    order = sorted({*wanted, *found}, key=lambda path: (path.endswith(".conf"), path))  # drop-ins come last
    return _systemd.credential_sources(wanted.get(path) or _systemd.read_unit_file(path) for path in order)
