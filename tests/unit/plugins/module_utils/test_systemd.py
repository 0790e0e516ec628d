# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _systemd


class Failed(Exception):
    pass


class FakeModule:
    """Answers `systemctl show` from a dict of properties."""

    def __init__(self, rc=0, systemctl="/bin/systemctl", **shown):
        self.shown = {
            "LoadState": "loaded",
            "ActiveState": "active",
            "SubState": "running",
            "Result": "success",
            "ExecMainStatus": "0",
            "MainPID": "42",
            "UnitFileState": "enabled",
            "NeedDaemonReload": "no",
            "NRestarts": "0",
            "FragmentPath": "",
            "DropInPaths": "",
            "ExecMainStartTimestampMonotonic": monotonic(0),
            **shown,
        }
        self.rc = rc
        self.systemctl = systemctl
        self.ran = []

    def get_bin_path(self, name):
        return self.systemctl

    def run_command(self, argv, **kwargs):
        self.ran.append(argv)
        return self.rc, "".join(f"{key}={value}\n" for key, value in self.shown.items()), "no such bus"

    def fail_json(self, **result):
        raise Failed(result["msg"])


def monotonic(seconds_ago):
    """What systemd shows for a process that started this many seconds ago."""
    return str(int((time.clock_gettime(time.CLOCK_MONOTONIC) - seconds_ago) * 1e6))


def test_running_unit():
    state = _systemd.unit_state(FakeModule(ExecMainStartTimestampMonotonic=monotonic(90)), "x.service")
    assert state.found and state.active and state.enabled and not state.need_daemon_reload
    assert (state.sub_state, state.main_pid, state.exit_status) == ("running", 42, 0)
    assert state.started_at == pytest.approx(time.time() - 90, abs=0.5)


def test_one_call_to_systemctl_that_ends_option_parsing():
    module = FakeModule()
    _systemd.unit_state(module, "x.service")
    assert len(module.ran) == 1
    assert module.ran[0][-2:] == ["--", "x.service"]


def test_missing_unit_is_not_active_and_has_nothing_stale(tmp_path):
    newer = tmp_path / "binary"
    newer.touch()
    module = FakeModule(LoadState="not-found", ActiveState="inactive", SubState="dead", UnitFileState="")
    state = _systemd.unit_state(module, "x.service")
    assert not state.found and not state.active and not state.enabled and state.started_at is None
    assert _systemd.stale_inputs(module, "x.service", [str(newer)]) == []


def test_crashing_unit_shows_its_exit_status():
    module = FakeModule(ActiveState="activating", SubState="auto-restart", Result="exit-code", ExecMainStatus="2")
    state = _systemd.unit_state(module, "x.service")
    assert not state.active
    assert (state.sub_state, state.result, state.exit_status) == ("auto-restart", "exit-code", 2)


def test_failures_are_one_line():
    with pytest.raises(Failed, match="systemctl show x.service failed: no such bus"):
        _systemd.unit_state(FakeModule(rc=1), "x.service")
    with pytest.raises(Failed, match="no systemctl"):
        _systemd.unit_state(FakeModule(systemctl=None), "x.service")


@pytest.fixture
def unit(tmp_path):
    """A unit file with one credential, and a drop-in with another; returns the paths by name."""
    paths = {name: tmp_path / name for name in ("web.crt", "password", "unused", "x.service", "10-local.conf")}
    for name in ("web.crt", "password", "unused"):
        paths[name].write_text("secret")
    paths["x.service"].write_text(
        f"[Service]\nLoadCredential=unused:{paths['unused']}\nLoadCredential=\n"
        f"LoadCredential=web.crt:{paths['web.crt']}\nExecStart=/bin/true\n"
    )
    paths["10-local.conf"].write_text(f"[Service]\nLoadCredential=password:{paths['password']}\n")
    return {name: str(path) for name, path in paths.items()}


def module_for(unit, started):
    return FakeModule(
        FragmentPath=unit["x.service"],
        DropInPaths=unit["10-local.conf"],
        ExecMainStartTimestampMonotonic=monotonic(time.time() - started),
    )


def test_process_older_than_everything_it_was_started_from(unit):
    assert _systemd.stale_inputs(module_for(unit, time.time() - 60), "x.service", [unit["unused"]]) == [
        unit["x.service"],
        unit["10-local.conf"],
        unit["web.crt"],
        unit["password"],
        unit["unused"],
    ]


def test_process_newer_than_everything_is_not_stale(unit):
    assert _systemd.stale_inputs(module_for(unit, time.time() + 1), "x.service", ["/does/not/exist"]) == []


def test_old_modification_time_does_not_hide_a_replaced_file(unit):
    os.utime(unit["password"], (1, 1))  # as cp -p or rsync -t leave it
    assert unit["password"] in _systemd.stale_inputs(module_for(unit, time.time() - 60), "x.service")


def test_reset_credential_is_no_input(unit):
    assert unit["unused"] not in _systemd.stale_inputs(module_for(unit, time.time() - 60), "x.service")


def test_link_counts_when_it_is_pointed_elsewhere(unit, tmp_path):
    started = time.time() + 0.05
    time.sleep(0.1)
    link = tmp_path / "current"
    link.symlink_to(unit["web.crt"])
    assert _systemd.stale_inputs(module_for(unit, started), "x.service", [str(link)]) == [str(link)]


def test_dangling_link_and_missing_file(tmp_path):
    link = tmp_path / "current"
    link.symlink_to(tmp_path / "gone")
    assert _systemd.changed_at(str(link)) is not None
    assert _systemd.changed_at(str(tmp_path / "gone")) is None
