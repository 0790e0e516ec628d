# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A service's files as one transaction: stage, check, switch, reload or restart, prove; else put the old ones back.

Private to this collection.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import re
import stat
import tempfile
import time
import typing as t
from urllib.parse import urlsplit

from . import _files, _http, _journal, _systemd, _tls
from ._text import one_line

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule

SETTLE_SECONDS = 3


class Refused(Exception):
    """One line for the user; what was done so far has to be undone."""


# ---------------------------------------------------------------------------------------------------------- files


class Wanted(t.NamedTuple):
    path: str
    content: bytes
    mode: int
    secret: bool
    watched: bool  # the service reads it by itself when it changes
    gid: int | None  # None while the group is not there yet, in check mode


class Found(t.NamedTuple):
    """What lies at a path; enough to put it back."""

    content: bytes
    mode: int
    uid: int
    gid: int
    link: str  # target, where a symbolic link lies there


def find(path: str) -> Found | None:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return Found(b"", 0, status.st_uid, status.st_gid, os.readlink(path))
    if not stat.S_ISREG(status.st_mode):
        raise Refused(f"{path} is not a file: move it away")
    with open(path, "rb") as handle:
        return Found(handle.read(), stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, "")


def differs(wanted: Wanted, found: Found | None) -> bool:
    return (
        found is None
        or bool(found.link)
        or found.content != wanted.content
        or found.mode != wanted.mode
        or (found.uid, found.gid) != (os.geteuid(), wanted.gid)
    )


def put_back(path: str, found: Found | None) -> None:
    if found is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    elif found.link:
        _files.link_atomically(path, found.link)
    else:
        _files.write_atomically(path, found.content, found.mode, found.uid, found.gid)


def make_directory(path: str, mode: int) -> list[str]:
    """Create a directory and its parents; returns those that were missing, outermost first."""
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    missing.reverse()
    for directory in missing:
        os.mkdir(directory)
        os.chmod(directory, mode if directory == missing[-1] else 0o755)
    return missing


def bears(path: str, marker: str) -> bool:
    """Whether the first or the last line of a file is a comment with our marker."""
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            lines = handle.read().strip().splitlines()
    except OSError:
        return False
    return any(line.startswith("#") and marker in line for line in (lines[:1] + lines[-1:]))


# -------------------------------------------------------------------------------------------------------- service


class Answer(t.NamedTuple):
    """What the service's /metrics says about its configuration."""

    loaded: bool  # last_reload_successful
    loaded_at: float  # last_reload_success_timestamp_seconds, 0 before the first load
    version: str


class Service:
    """One systemd unit and its /metrics; without options it cannot be asked, and has to stay up after a restart."""

    def __init__(self, module: AnsibleModule, unit: str, options: dict[str, t.Any]) -> None:
        self.module = module
        self.unit = unit
        self.options = options

    @property
    def reloads(self) -> bool:
        """Whether it can be asked if it took a reload."""
        return bool(self.options.get("metrics_url"))

    @property
    def url(self) -> str:
        parts = urlsplit(self.options.get("metrics_url") or self.options.get("ready_url") or "")
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else ""

    def state(self) -> _systemd.UnitState:
        return _systemd.unit_state(self.module, self.unit)

    def systemctl(self, *args: str) -> None:
        began = time.time()
        rc, out, err = _systemd.systemctl(self.module, *args)
        if rc != 0:
            raise Refused(self.cause(began) or f"systemctl {' '.join(args)} said {one_line(err or out)}")

    # Asking

    def get(self, url: str) -> str:
        """Body of a 200 answer; anything else is Refused with the reason."""
        try:
            answer = _http.request(
                "GET",
                url,
                username=self.options.get("url_username"),
                password=self.options.get("url_password"),
                ca_path=self.options.get("ca_path"),
                client_cert=self.options.get("client_cert"),
                client_key=self.options.get("client_key"),
                server_name=self.options.get("tls_server_name"),
            )
        except _http.HttpError as err:
            raise Refused(f"{url}: {err}") from None
        if answer.status != 200:
            told = one_line(answer.text(), 200)
            raise Refused(f"{url}: HTTP {answer.status} {answer.reason}: {told}".rstrip(": "))
        return answer.text()

    def ask(self) -> Answer:
        prefix = self.options["metrics_prefix"]
        url = self.options["metrics_url"]
        if not self.reloads:
            answer = self.get(self.options["ready_url"])
            with contextlib.suppress(ValueError):
                # One that keeps its version to itself is believed: a newer program leads to a restart anyway.
                told = json.loads(answer)
                version = told.get("version", self.options.get("version")) if isinstance(told, dict) else ""
                return Answer(loaded=True, loaded_at=0.0, version=str(version or ""))
            version = re.search(rf'^{prefix}_build_info\{{.*?\bversion="([^"]*)"', answer, re.MULTILINE)
            if prefix and not version:
                raise Refused(f"{self.options['ready_url']} answers without {prefix}_build_info: not this service?")
            return Answer(loaded=True, loaded_at=0.0, version=version.group(1) if version else "")
        body = self.get(url)
        values = dict(re.findall(rf"^{prefix}_config_(last_reload_\w+) (\S+)$", body, re.MULTILINE))
        version = re.search(rf'^{prefix}_build_info\{{.*?\bversion="([^"]*)"', body, re.MULTILINE)
        if "last_reload_successful" not in values:
            raise Refused(f"{url} answers without the metric {prefix}_config_last_reload_successful: not this service?")
        return Answer(
            loaded=float(values["last_reload_successful"]) == 1,
            loaded_at=float(values.get("last_reload_success_timestamp_seconds", 0)),
            version=version.group(1) if version else "",
        )

    def runs_wanted_version(self, answer: Answer) -> bool:
        wanted = self.options.get("version")
        # Distributions add a suffix, as in 3.5.3+ds.
        return not wanted or re.match(re.escape(wanted) + r"(?![0-9.])", answer.version) is not None

    def cause(self, since: float, unit: str = "") -> str:
        """Why the service refused, from its own log: the distinct error texts since then."""
        lines = _journal.messages(unit or self.unit, since=since, lines=60)
        errors = [line for line in lines if re.search(r"level=(error|fatal)|^panic|^Error|fatal error", line, re.I)]
        if not errors:
            errors = [line for line in lines if re.search(r"error|failed|denied|unknown", line, re.I)][-1:]
        # A running service has other troubles, too; those of its configuration come first.
        errors.sort(key=lambda line: not re.search(r"config|\.ya?ml|flag|rule|listen", line, re.I))
        texts = [_logged_error(line) for line in errors]
        # "One or more errors occurred" only sums up the line before it.
        texts = [text for text in dict.fromkeys(texts) if "one or more errors" not in text] or texts
        cause = one_line("; ".join(texts[:2]))
        if "/run/credentials" in cause and "permission denied" in cause:
            cause += " (in a container, / has to be mounted shared for systemd to hand over credentials)"
        return cause

    # Acting

    def reload(self) -> None:
        """Reload, and wait until the service itself says that it took the files."""
        timeout = self.options["timeout"]
        was_loaded = False
        with contextlib.suppress(Refused):
            was_loaded = self.ask().loaded
        began = time.time()
        self.systemctl("reload", self.unit)
        deadline = time.monotonic() + timeout
        problem = "no answer"
        while time.monotonic() < deadline:
            try:
                answer = self.ask()
            except Refused as err:
                problem = str(err)
            else:
                if answer.loaded and answer.loaded_at >= began:
                    return
                if was_loaded and not answer.loaded:
                    raise Refused(f"{self.unit} refused to reload: {self.cause(began) or 'it does not say why'}")
                problem = self.cause(began) or "its last successful reload is older than the files"
            time.sleep(0.2)
        raise Refused(f"{self.unit} did not prove the reload within {timeout} s: {problem}")

    def run_once(self, timer: str) -> None:
        """Switch a timer on, and have its service do its work once: that is the proof."""
        worker = worker_of(timer)
        self.systemctl("enable", timer)
        self.systemctl("restart", timer)
        began = time.time()
        rc, out, err = _systemd.systemctl(self.module, "start", worker)
        if rc != 0:
            told = self.cause(began, worker) or one_line(err or out)
            raise Refused(f"{worker} failed: {re.sub('^error: ', '', told)}")

    def restart(self) -> None:
        self._restart()
        if self.options:
            self.wait_until_up()
        else:
            self._stays_up()

    def restart_as_before(self) -> None:
        """Restart with the old files. They may have it answer elsewhere, so that staying up has to do as a proof."""
        self._restart()
        self._stays_up()

    def _stays_up(self) -> None:
        pid = self.state().main_pid
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            state = self.state()
            if not state.active or state.main_pid != pid:
                raise self._ended()
            with contextlib.suppress(Refused):
                if self.options and self.ask().loaded:
                    return
            time.sleep(0.3)

    def _restart(self) -> None:
        _systemd.systemctl(self.module, "reset-failed", self.unit)  # a start limit reached earlier is no reason now
        rc, out, err = _systemd.systemctl(self.module, "restart", self.unit)
        if rc != 0:
            started = self.state().last_started_at
            told = (self.cause(started) if started else "") or one_line(err or out)
            raise Refused(f"{self.unit} did not start: {told}")

    def _ended(self) -> Refused:
        state = self.state()
        # From its start on: what the process before it had to say when it was stopped is no cause.
        told = self.cause(state.last_started_at) if state.last_started_at else ""
        return Refused(
            f"{self.unit} ended after its start: {told or f'result {state.result}, exit status {state.exit_status}'}"
        )

    def wait_until_up(self, check_version: bool = True) -> Answer:
        """Wait for a configuration loaded, readiness and the version; a process that ended is not waited for."""
        timeout = self.options["start_timeout"]
        deadline = time.monotonic() + timeout
        while True:
            try:
                answer = self.ask()
                if not answer.loaded:
                    problem = "its configuration is not loaded yet"
                elif check_version and not self.runs_wanted_version(answer):
                    raise WrongVersion(f"{self.unit} runs {answer.version}, not {self.options['version']}")
                else:
                    if self.reloads and self.options.get("ready_url"):
                        self.get(self.options["ready_url"])
                    return answer
            except WrongVersion:
                raise
            except Refused as err:
                problem = str(err)
            state = self.state()
            if not state.active or state.main_pid == 0:
                raise self._ended()
            if "certificate refused" in problem or "HTTP 401" in problem:
                raise Refused(f"{self.unit} runs, but {problem}")  # waiting does not mend these
            if time.monotonic() > deadline:
                raise Refused(f"{self.unit} runs, but was not ready within {timeout} s: {problem}")
            time.sleep(0.3)


class WrongVersion(Refused):
    pass


def worker_of(timer: str) -> str:
    return timer.rpartition(".")[0] + ".service"


# ---------------------------------------------------------------------------------------------------------- stage


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

    def fill(self, files: list[Wanted], removals: list[str], credentials: dict[str, str]) -> None:
        os.makedirs(self.credentials)
        os.makedirs(self.directory)
        for directory, _directories, names in os.walk(self.root):
            copy = os.path.join(self.directory, os.path.relpath(directory, self.root))
            os.makedirs(copy, exist_ok=True)
            for name in names:
                path = os.path.join(directory, name)
                if path not in removals and not name.startswith(_files.LEFTOVER):
                    os.symlink(path, os.path.join(copy, name))
        for number, wanted in enumerate(files):
            if wanted.path.startswith(self.root + os.sep):
                copy = os.path.join(self.directory, os.path.relpath(wanted.path, self.root))
            else:
                copy = os.path.join(os.path.dirname(self.directory), f"other-{number}")
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(copy)
            with open(copy, "wb") as handle:
                handle.write(wanted.content.replace(f"{self.handed_over}/".encode(), f"{self.credentials}/".encode()))
            self.staged[wanted.path] = copy
        for name, path in credentials.items():
            os.symlink(self.staged.get(path, path), os.path.join(self.credentials, name))


# ---------------------------------------------------------------------------------------------------- transaction


class Transaction:
    def __init__(self, module: AnsibleModule) -> None:
        params = module.params
        self.module = module
        self.params = params
        self.root = os.path.normpath(params["path"])
        self.restarted = self.reloaded = False  # what was asked of the unit so far, be it for nothing
        self.wanted = self._wanted()
        self.service = Service(module, params["unit"], params["service"] or {}) if params["unit"] else None
        ask = params["service"] or {"metrics_url": "", "metrics_prefix": "", "ready_url": "-"}
        if bool(ask["metrics_url"]) > bool(ask["metrics_prefix"]) or not (ask["metrics_url"] or ask["ready_url"]):
            raise Refused("service takes metrics_url with metrics_prefix, or ready_url")
        # The unit's own file and drop-ins: systemd reads them, the service does not.
        self.unit_files = {
            wanted.path
            for wanted in self.wanted
            if self.service
            and params["unit"] in (os.path.basename(wanted.path), os.path.basename(os.path.dirname(wanted.path))[:-2])
        }

    def _wanted(self) -> list[Wanted]:
        wanted = {}
        for secret in (False, True):
            for entry in self.params["secrets" if secret else "files"]:
                name = entry["path"]
                path = os.path.normpath(os.path.join(self.root, name))
                if not os.path.isabs(name) and not path.startswith(self.root + os.sep):
                    raise Refused(f"{name} would lie outside of {self.root}: give an absolute path if that is meant")
                if path in wanted:
                    raise Refused(f"two files are named {name}: rename one of them")
                mode = 0o600 if secret else _mode(name, entry["mode"])
                watched = False if secret else entry["watched"]
                gid = os.getegid() if secret else self._gid(name, entry["group"])
                wanted[path] = Wanted(path, entry["content"].encode(), mode, secret, watched, gid)
        return list(wanted.values())

    def _gid(self, name: str, group: str) -> int | None:
        if not group:
            return os.getegid()
        try:
            return grp.getgrnam(group).gr_gid
        except KeyError:
            if self.module.check_mode:  # an earlier task would have made it
                return None
            raise Refused(f"there is no group {group} on this host, which {name} shall belong to") from None

    def run(self) -> dict[str, t.Any]:
        """Do what is needed and return the module's result."""
        found = {wanted.path: find(wanted.path) for wanted in self.wanted}
        changes = [wanted for wanted in self.wanted if differs(wanted, found[wanted.path])]
        removals = self._removals()
        absent = [path for path in self.params["absent"] if os.path.lexists(path)]
        removals += absent
        directories = [d for d in self._directories("prune") if not os.path.isdir(d)]
        for path in removals:
            found[path] = find(path)

        state = self.service.state() if self.service else None
        stale: list[str] = []
        start = restart = reload = False
        if self.service and state:
            start = not state.active
            stale = _systemd.stale_inputs(self.module, self.service.unit, self.params["inputs"], state)
            restart = state.active and (
                bool(stale) or any(change.secret or change.path in self.unit_files for change in changes)
            )
            reload = any(not change.watched for change in changes) or bool(
                self._unwatched([path for path in removals if path not in absent])
            )
            if not self.service.reloads:  # it could not be asked whether it took a reload
                restart, reload = restart or (state.active and reload), False
            if self.service.options and state.active and not restart:
                restart, behind = self._behind(wait=not reload)
                reload = reload or behind
            reload = reload and state.active and not restart

        may_restart = self.params["restart"]
        due = self._due_timers(bool(changes or removals or restart or start)) if may_restart else {}
        result: dict[str, t.Any] = {
            "changed": bool(changes or removals or directories),
            "written": [change.path for change in changes],
            "removed": removals,
            "reloaded": False,
            "restarted": False,
            "restart_required": restart or start,
            "stale_inputs": stale,
            "url": self.service.url if self.service else "",
            "diff": [_diff(change, found[change.path]) for change in changes]
            + [
                _diff(None, found[path], path, os.path.dirname(path) in self._directories("purge")) for path in removals
            ],
        }
        act = result["changed"] or reload or restart or start or bool(due)
        if act:
            self._check(removals, state)
        if self.service and (reload or (may_restart and (restart or start))):
            result["changed"] = True
            result["reloaded"] = reload
            result["restarted"] = restart or start
            result["restart_required"] = False
        if due or (may_restart and state and not state.enabled):
            result["changed"] = True
        if self.module.check_mode:
            result["restart_required"] = restart or start
            return result
        if result["changed"]:
            self._apply(changes, removals, found, state, result, due)
        return result

    # What to do

    def _directories(self, option: str) -> list[str]:
        return [os.path.join(self.root, name) for name in self.params[option]]

    def _removals(self) -> list[str]:
        keep = {wanted.path for wanted in self.wanted}
        removals = []
        for option in ("prune", "purge"):
            for directory in self._directories(option):
                for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
                    path = os.path.join(directory, name)
                    ours = option == "purge" or bears(path, self.params["marker"])
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
        with contextlib.suppress(Refused):
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

    # Checking

    def _check(self, removals: list[str], state: _systemd.UnitState | None) -> None:
        for entry in self.params["certificates"]:
            try:
                _check_certificate(entry)
            except _tls.FileProblem as err:
                paths = [path for path in (entry["cert"], entry["key"], entry["ca"]) if path]
                self._missing_or_refused(f"{err}", all(os.path.exists(path) for path in paths))
        credentials = self._credentials(state)
        known = {wanted.path for wanted in self.wanted}
        for name, path in credentials.items():
            if path not in known and not os.path.exists(path):
                self._missing_or_refused(f"LoadCredential={name}: {path} is not on this host", False)
        if not self.params["checks"]:
            return
        with tempfile.TemporaryDirectory(prefix="redisops-") as temporary:
            stage = Stage(temporary, self.root, self.params["unit"] or "")
            stage.fill(self.wanted, removals, credentials)
            missing = []
            for check in self.params["checks"]:
                if self._has(check[0]):
                    self._run_check(stage, [stage.expand(argument) for argument in check])
                elif self.module.check_mode:
                    missing.append(os.path.basename(check[0]))
                else:
                    raise Refused(f"{check[0]}, which checks the files, is not on this host; nothing was changed")
            if missing:
                names = " and ".join(dict.fromkeys(missing))
                self.module.warn(f"check mode: not installed yet, so the files were not checked with it: {names}")

    def _has(self, program: str) -> bool:
        return os.access(program, os.X_OK) or bool(self.module.get_bin_path(program))

    def _missing_or_refused(self, problem: str, complete: bool) -> None:
        """In check mode, what an earlier task would have put there may be missing."""
        if complete or not self.module.check_mode:
            raise Refused(f"{problem}; nothing was changed")
        self.module.warn(f"check mode: not checked, {problem}")

    def _credentials(self, state: _systemd.UnitState | None) -> dict[str, str]:
        """What systemd will hand over to the unit as we want it: source path by name."""
        wanted = {item.path: item.content.decode() for item in self.wanted if item.path in self.unit_files}
        found = [path for path in ([state.fragment_path, *state.drop_in_paths] if state else []) if path]
        order = sorted({*wanted, *found}, key=lambda path: (path.endswith(".conf"), path))  # drop-ins come last
        return _systemd.credential_sources(wanted.get(path) or _systemd.read_unit_file(path) for path in order)

    def _run_check(self, stage: Stage, argv: list[str]) -> None:
        tool = os.path.basename(argv[0])
        rc, out, err = self.module.run_command(argv, environ_update={"LC_ALL": "C"})
        if rc != 0:
            what = " ".join([tool, *[argument for argument in argv[1:3] if not argument.startswith("-")]])
            told = _complaint(tool, out + "\n" + err) or f"exit status {rc}"
            raise Refused(f"{stage.live(what)} says: {stage.live(told)}; nothing was changed")

    # Doing

    def _apply(
        self,
        changes: list[Wanted],
        removals: list[str],
        found: dict[str, Found | None],
        state: _systemd.UnitState | None,
        result: dict[str, t.Any],
        due: dict[str, _systemd.UnitState],
    ) -> None:
        created: list[str] = []
        touched: list[str] = []
        try:
            for directory in self._directories("prune"):
                created += make_directory(directory, 0o755)
            for change in changes:
                created += make_directory(os.path.dirname(change.path), 0o700 if change.secret else 0o755)
                _files.sweep(os.path.dirname(change.path))
                touched.append(change.path)
                _files.write_atomically(change.path, change.content, change.mode, os.geteuid(), change.gid)
            for path in removals:
                touched.append(path)
                if path.endswith(".timer"):
                    _systemd.systemctl(self.module, "disable", "--now", os.path.basename(path))
                os.unlink(path)
            if self.service:
                reload = any(entry.need_daemon_reload for entry in (state, *due.values()) if entry)
                if reload or self._of_systemd(touched):
                    self.service.systemctl("daemon-reload")
                if result["restarted"]:
                    self.restarted = True
                    self.service.restart()
                elif result["reloaded"]:
                    self.reloaded = True
                    self.service.reload()
                if self.params["restart"] and state and not state.enabled:
                    self.service.systemctl("enable", self.service.unit)
                for timer in due:
                    self.service.run_once(timer)
        except (OSError, Refused) as err:
            cause = str(err)
            if isinstance(err, OSError):
                cause = f"{err.filename} could not be written: {err.strerror}"
            raise Refused(f"{cause}; {self._undo(cause, touched, created, found, state, due)}") from None

    def _of_systemd(self, paths: list[str]) -> bool:
        return any(path in self.unit_files or path.endswith((".service", ".timer")) for path in paths)

    def _undo(
        self,
        cause: str,
        touched: list[str],
        created: list[str],
        found: dict[str, Found | None],
        state: _systemd.UnitState | None,
        due: dict[str, _systemd.UnitState],
    ) -> str:
        """Put everything back, the service included; returns the end of the error message."""
        service = self.service
        try:
            for timer, before in due.items():
                if not before.active:
                    _systemd.systemctl(self.module, "disable", "--now", timer)
            if service and state and not state.active and self.restarted:
                _systemd.systemctl(self.module, "stop", service.unit)
                _systemd.systemctl(self.module, "reset-failed", service.unit)
            for path in reversed(touched):
                put_back(path, found[path])
            for directory in reversed(created):
                with contextlib.suppress(OSError):  # not empty: somebody else uses it already
                    os.rmdir(directory)
        except OSError as err:
            return f"putting the old files back failed as well: {err.filename}: {err.strerror}"
        files = "the old files are back" if touched else "no file was changed"
        if not service or not state:
            return files
        try:
            if self._of_systemd(touched):
                service.systemctl("daemon-reload")
            for timer in (path for path in touched if path.endswith(".timer") and found[path]):
                service.systemctl("enable", "--now", os.path.basename(timer))
            if not (self.restarted or self.reloaded):
                return files
            if not state.active:
                return f"{files} and {service.unit} is stopped, as it was before"
            if self.restarted:
                service.restart_as_before()
            elif touched:
                service.reload()
        except Refused as err:
            if str(err) == cause:  # what made it fail is not among the files, such as a binary that does not run
                return f"{files} and {service.unit} is down"
            return f"{files}, but {service.unit} does not run with them either: {err}"
        return f"{files} and {service.unit} runs with them"


def _mode(name: str, text: str) -> int:
    try:
        mode = int(text, 8)
    except ValueError:
        mode = -1
    if not 0 <= mode <= 0o777:
        raise Refused(f"the mode {text!r} of {name} is not octal digits in quotes, such as '0644'")
    return mode


def _diff(change: Wanted | None, found: Found | None, path: str = "", secret: bool = False) -> dict[str, str]:
    path = change.path if change else path
    if secret or (change and change.secret):
        before = "(secret)\n" if found else ""
        after = ("(secret, differs)\n" if found else "(secret)\n") if change else ""
    else:
        before = found.content.decode("utf-8", "replace") if found else ""
        if found and found.link:
            before = f"(link to {found.link})\n"
        after = change.content.decode("utf-8", "replace") if change else ""
        if change and found and before == after:
            before, after = f"mode {found.mode:04o}, owner {found.uid}:{found.gid}\n", f"mode {change.mode:04o}\n"
    return {"before_header": path, "after_header": path, "before": before, "after": after}


def _check_certificate(entry: dict[str, t.Any]) -> None:
    if entry["ca"]:
        _tls.check_ca(entry["ca"], entry["what"])
    if not entry["cert"]:
        return
    certificate = _tls.check_pair(entry["cert"], entry["key"], entry["what"])
    if entry["name"]:
        _tls.check_covers(certificate, entry["name"], entry["cert"], entry["what"])


def _logged_error(line: str) -> str:
    """The error in a line of a log (logfmt), or the line itself where it holds none."""
    field = re.search(r'\berr(?:or)?="((?:[^"\\]|\\.)*)"', line) or re.search(
        r'level=(?:ERROR|error|fatal).*\bmsg="((?:[^"\\]|\\.)*)"', line
    )
    return field.group(1).replace('\\"', '"').replace("\\n", " ") if field else line


def _complaint(tool: str, output: str) -> str:
    """What a checker complains of, without its progress, its successes, its repetitions and its line breaks."""
    told: list[str] = []
    summary: list[str] = []  # "TOOL: error: ..." sums up what was told before, and is all there is of a wrong flag
    for line in output.splitlines():
        if re.search(r"\blevel=(debug|info|warn)", line, re.I):
            continue  # blackbox_exporter --config.check logs as the service does
        text = re.sub(r"^Checking \S+ +(?=FAILED:)", "", _logged_error(line.strip()))  # amtool puts both on one line
        text = re.sub(r"^FAILED:|(?<= )FAILED:", "", text).strip()
        last = re.match(rf"{re.escape(tool)}: error: (.*)", text)
        if last:
            summary.append(last.group(1))
        elif text.startswith("Incorrect Usage: "):
            return text[17:]  # what follows is all of the usage
        elif text and not re.match(r"Checking |SUCCESS\b|Found:$|- (global config|route|\d+ [a-z ]+)$", text):
            told.append(text)
    return one_line(" ".join(dict.fromkeys(told or summary)))
