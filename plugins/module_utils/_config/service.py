# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that uses a configuration: asked, reloaded, restarted, proved. Private to this collection."""

from __future__ import annotations

import contextlib
import json
import re
import time
import typing as t
from urllib.parse import urlsplit

from .. import _http, _journal, _systemd
from .._text import one_line
from .files import ConfigError
from .output import cause

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule

SETTLE_SECONDS = 3


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
            raise ConfigError(self.cause(began) or f"systemctl {' '.join(args)} fails: {one_line(err or out)}")

    # Asking

    def get(self, url: str) -> str:
        """Body of a 200 answer; anything else is ConfigError with the reason."""
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
            raise ConfigError(f"{url}: {err}") from None
        if answer.status != 200:
            text = one_line(answer.text(), 200)
            raise ConfigError(f"{url}: HTTP {answer.status} {answer.reason}: {text}".rstrip(": "))
        return answer.text()

    def ask(self) -> Answer:
        prefix = self.options["metrics_prefix"]
        url = self.options["metrics_url"] or self.options["ready_url"]
        body = self.get(url)
        if not self.reloads:
            with contextlib.suppress(ValueError):
                # One that keeps its version to itself is believed: a newer program leads to a restart anyway.
                data = json.loads(body)
                version = data.get("version", self.options.get("version")) if isinstance(data, dict) else ""
                return Answer(loaded=True, loaded_at=0.0, version=str(version or ""))
        build = re.search(rf'^{prefix}_build_info\{{.*?\bversion="([^"]*)"', body, re.MULTILINE)
        version = build.group(1) if build else ""
        if not self.reloads:
            if prefix and not build:
                raise ConfigError(f"{url} answers without {prefix}_build_info: not this service?")
            return Answer(loaded=True, loaded_at=0.0, version=version)
        values = dict(re.findall(rf"^{prefix}_config_(last_reload_\w+) (\S+)$", body, re.MULTILINE))
        if "last_reload_successful" not in values:
            raise ConfigError(
                f"{url} answers without the metric {prefix}_config_last_reload_successful: not this service?"
            )
        return Answer(
            loaded=float(values["last_reload_successful"]) == 1,
            loaded_at=float(values.get("last_reload_success_timestamp_seconds", 0)),
            version=version,
        )

    def runs_wanted_version(self, answer: Answer) -> bool:
        wanted = self.options.get("version")
        # Distributions add a suffix, as in 3.5.3+ds.
        return not wanted or re.match(re.escape(wanted) + r"(?![0-9.])", answer.version) is not None

    def cause(self, since: float, unit: str = "") -> str:
        """Why the service refused since then, from its own log; empty where that says nothing."""
        return cause(_journal.messages(unit or self.unit, since=since, lines=60))

    # Acting

    def reload(self) -> None:
        """Reload, and wait until the service itself says that it took the files."""
        timeout = self.options["timeout"]
        was_loaded = False
        with contextlib.suppress(ConfigError):
            was_loaded = self.ask().loaded
        began = time.time()
        self.systemctl("reload", self.unit)
        deadline = time.monotonic() + timeout
        problem = "no answer"
        while time.monotonic() < deadline:
            try:
                answer = self.ask()
            except ConfigError as err:
                problem = str(err)
            else:
                if answer.loaded and answer.loaded_at >= began:
                    return
                if was_loaded and not answer.loaded:
                    raise ConfigError(f"{self.unit} refused to reload: {self.cause(began) or 'it does not say why'}")
                problem = self.cause(began) or "its last successful reload is older than the files"
            time.sleep(0.2)
        raise ConfigError(f"{self.unit} did not prove the reload within {timeout} s: {problem}")

    def run_once(self, timer: str) -> None:
        """Switch a timer on, and have its service do its work once: that is the proof."""
        worker = worker_of(timer)
        self.systemctl("enable", timer)
        self.systemctl("restart", timer)
        began = time.time()
        rc, out, err = _systemd.systemctl(self.module, "start", worker)
        if rc != 0:
            text = self.cause(began, worker) or one_line(err or out)
            raise ConfigError(f"{worker} failed: {re.sub('^error: ', '', text)}")

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
            with contextlib.suppress(ConfigError):
                if self.options and self.ask().loaded:
                    return
            time.sleep(0.3)

    def _restart(self) -> None:
        _systemd.systemctl(self.module, "reset-failed", self.unit)  # a start limit reached earlier is no reason now
        rc, out, err = _systemd.systemctl(self.module, "restart", self.unit)
        if rc != 0:
            started = self.state().last_started_at
            text = (self.cause(started) if started else "") or one_line(err or out)
            raise ConfigError(f"{self.unit} did not start: {text}")

    def _ended(self) -> ConfigError:
        state = self.state()
        # From its start on: what the process before it had to say when it was stopped is no cause.
        text = self.cause(state.last_started_at) if state.last_started_at else ""
        return ConfigError(
            f"{self.unit} ended after its start: {text or f'result {state.result}, exit status {state.exit_status}'}"
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
            except ConfigError as err:
                problem = str(err)
            state = self.state()
            if not state.active or state.main_pid == 0:
                raise self._ended()
            if "certificate refused" in problem or "HTTP 401" in problem:
                raise ConfigError(f"{self.unit} runs, but {problem}")  # waiting does not mend these
            if time.monotonic() > deadline:
                raise ConfigError(f"{self.unit} runs, but was not ready within {timeout} s: {problem}")
            time.sleep(0.3)


class WrongVersion(ConfigError):
    pass


def worker_of(timer: str) -> str:
    return timer.rpartition(".")[0] + ".service"
