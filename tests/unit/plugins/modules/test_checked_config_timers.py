# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""checked_config for a service without reload, with collectors that a timer starts, and with parts switched off."""

from __future__ import annotations

import copy
import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _systemd
from ansible_collections.redisops.monitoring.plugins.module_utils._config import service as config_service
from ansible_collections.redisops.monitoring.plugins.modules import checked_config
from module_args import patch_module_args


class Simulated:
    """systemd with app.service, which tells its version in /metrics, and collect.timer with collect.service."""

    def __init__(self, directory, journal):
        self.units = directory / "units"
        self.journal = journal
        self.calls = []
        self.active, self.enabled, self.failed = set(), set(), set()
        self.started = {}
        self.reloads_needed = set()
        self.body = 'app_build_info{branch="x",version="1.2.3"} 1\n'
        simulated = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200 if "app.service" in simulated.active else 503)
                self.end_headers()
                self.wfile.write(simulated.body.encode())

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def systemctl(self, module, *args):
        verb, unit = args[0], args[-1]
        if verb == "show":
            path = self.units / unit
            lines = {
                "LoadState": "loaded" if path.exists() else "not-found",
                "ActiveState": "active" if unit in self.active else "inactive",
                "Result": "exit-code" if unit in self.failed else "success",
                "ExecMainStartTimestampMonotonic": str(int(self.started.get(unit, 0) * 1e6)),
                "MainPID": "7" if unit in self.active and unit.endswith(".service") else "0",
                "UnitFileState": "enabled" if unit in self.enabled else "disabled",
                "FragmentPath": str(path) if path.exists() else "",
                "NeedDaemonReload": "yes" if unit in self.reloads_needed else "no",
            }
            return 0, "".join(f"{key}={value}\n" for key, value in lines.items()), ""
        self.calls.append(" ".join(args))
        if verb == "daemon-reload":
            self.reloads_needed.clear()
        elif verb == "enable":
            self.enabled.add(unit)
            if "--now" in args:
                self.active.add(unit)
        elif verb == "disable":
            self.enabled.discard(unit)
            self.active.discard(unit)
        elif verb == "start":  # of a collector, which works and ends
            broken = "BROKEN" in (self.units / unit).read_text()
            (self.failed.add if broken else self.failed.discard)(unit)
            if broken:
                self.journal.log("error: /etc/a.crt does not exist")
                self.journal.log("Failed to start")
                return 1, "", "Job failed"
        elif verb == "restart":
            self.active.add(unit)
            self.started[unit] = time.clock_gettime(time.CLOCK_MONOTONIC)
        elif verb == "stop":
            self.active.discard(unit)
        return 0, "", ""


@pytest.fixture
def simulated(tmp_path, monkeypatch, journal):
    simulated = Simulated(tmp_path, journal)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, script in {
        "tool": """
            grep REFUSE "$1" && exit 1
            grep -q USAGE "$1" && { echo "Incorrect Usage: no flag -x"; echo "NAME: tool"; exit 1; }
            true""",
    }.items():
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr(_systemd, "systemctl", simulated.systemctl)
    monkeypatch.setattr(config_service, "SETTLE_SECONDS", 0.5)
    yield simulated
    simulated.server.shutdown()
    simulated.server.server_close()


@pytest.fixture
def run(simulated, tmp_path, capsys):
    def call(check=False, collector="ExecStart=/bin/collect\n", **changes):
        given = {
            "path": str(tmp_path / "etc"),
            "files": [
                {"path": str(simulated.units / "app.service"), "content": "ExecStart=/bin/app\n"},
                {"path": str(tmp_path / "lib/collect.py"), "content": "pass\n", "watched": True},
                {"path": str(simulated.units / "collect.service"), "content": collector, "watched": True},
                {"path": str(simulated.units / "collect.timer"), "content": "OnCalendar=hourly\n", "watched": True},
            ],
            "unit": "app.service",
            "timers": ["collect.timer"],
            "checks": [["tool", str(tmp_path / "lib/collect.py")]],
            "service": {
                "ready_url": f"{simulated.url}/metrics",
                "metrics_prefix": "app",
                "version": "1.2.3",
                "start_timeout": 1,
            },
        }
        given.update(copy.deepcopy(changes))
        given.update(_ansible_check_mode=check, _ansible_remote_tmp=str(tmp_path / "remote"))
        simulated.calls.clear()
        with patch_module_args(given), pytest.raises(SystemExit):
            checked_config.main()
        return json.loads(capsys.readouterr().out)

    return call


def test_first_run_starts_the_service_and_has_the_collector_work_once(run, simulated):
    assert run(check=True)["changed"] and simulated.calls == [] and not simulated.units.exists()
    assert run()["changed"]
    assert simulated.calls == [
        "daemon-reload", "reset-failed app.service", "restart app.service", "enable app.service",
        "enable collect.timer", "restart collect.timer", "start collect.service",
    ]  # fmt: skip
    assert not run()["changed"] and simulated.calls == []


def test_a_new_collector_runs_once_and_the_service_goes_on(run, simulated):
    run()
    result = run(collector="ExecStart=/bin/collect --more\n")
    assert result["changed"] and not result["restarted"]
    assert simulated.calls == [
        "daemon-reload", "enable collect.timer", "restart collect.timer", "start collect.service"
    ]  # fmt: skip


@pytest.mark.parametrize("state", ["active", "enabled", "failed", "reloads_needed"])
def test_a_collector_that_does_not_run_is_run(run, simulated, state):
    run()
    if state == "failed":
        simulated.failed.add("collect.service")
    elif state == "reloads_needed":  # an earlier run ended before it
        simulated.reloads_needed.add("collect.service")
    else:
        getattr(simulated, state).discard("collect.timer")
    assert run(check=True)["changed"] and simulated.calls == []
    assert run()["changed"]
    assert simulated.calls[-3:] == ["enable collect.timer", "restart collect.timer", "start collect.service"]
    assert (simulated.calls[0] == "daemon-reload") == (state == "reloads_needed")
    assert not run()["changed"]


def test_a_collector_that_fails_is_told_and_undone(run, simulated):
    result = run(collector="BROKEN\n")
    assert result["msg"] == (
        "collect.service failed: /etc/a.crt does not exist; "
        "the old files are back and app.service is stopped, as it was before"
    )
    assert simulated.active == set() and "collect.timer" not in simulated.enabled
    assert not simulated.units.exists()


def test_a_collector_that_fails_after_a_change_leaves_the_old_one(run, simulated):
    run()
    before = {path: path.read_text() for path in simulated.units.iterdir()}
    result = run(collector="BROKEN\n")
    assert result["msg"].endswith("collect.service failed: /etc/a.crt does not exist; the old files are back")
    assert {path: path.read_text() for path in simulated.units.iterdir()} == before
    assert {"app.service", "collect.timer"} <= simulated.active
    assert simulated.calls[-2:] == ["start collect.service", "daemon-reload"]


def test_the_check_gets_the_staged_copy_and_its_complaint_names_the_file(run, simulated, tmp_path):
    files = [{"path": str(tmp_path / "lib/collect.py"), "content": "REFUSE\n", "watched": True}]
    result = run(files=files, timers=[])
    assert result["msg"] == f"tool {tmp_path}/lib/collect.py says: REFUSE; nothing was changed"
    files[0]["content"] = "USAGE\n"
    assert run(files=files, timers=[])["msg"].endswith(" says: no flag -x; nothing was changed")


def test_what_was_switched_off_goes(run, simulated, tmp_path):
    run()
    gone = [simulated.units / "collect.timer", simulated.units / "collect.service", tmp_path / "lib/collect.py"]
    files = [{"path": str(simulated.units / "app.service"), "content": "ExecStart=/bin/app\n"}]
    off = {"files": files, "timers": [], "checks": [], "absent": [str(path) for path in gone]}
    assert run(check=True, **off)["removed"] == off["absent"] and all(path.exists() for path in gone)
    result = run(**off)
    assert result["removed"] == off["absent"] and not result["restarted"]
    assert simulated.calls == ["disable --now collect.timer", "daemon-reload"]
    assert not any(path.exists() for path in gone)
    assert not run(**off)["changed"]


def test_another_version_is_restarted_and_has_to_be_right_then(run, simulated):
    run()
    simulated.body = 'app_build_info{version="1.2.2"} 1\n'
    assert "runs 1.2.2, not 1.2.3" in run()["msg"]
    assert "restart app.service" in simulated.calls
    simulated.body = "other_build_info 1\n"
    assert "answers without app_build_info: not this service?" in run()["msg"]


def on_volume(simulated, tmp_path, what, **changes):
    """Arguments of a service whose data is in a directory of the user's, which a mount brings to it."""
    unit = "# Data: %s\nExecStart=/bin/app\n" % (tmp_path / what) if what else "ExecStart=/bin/app\n"
    mount = simulated.units / "data-app.mount"
    files = [{"path": str(simulated.units / "app.service"), "content": unit}]
    if what:
        files.append({"path": str(mount), "content": f"What={tmp_path / what}\n"})
    return {
        "files": files,
        "absent": [] if what else [str(mount)],
        "timers": [],
        "checks": [],
        "data": {
            "directory": str(tmp_path / what) if what else "",
            "default": str(tmp_path / "default"),
            "named_in": str(simulated.units / "app.service"),
        },
        **changes,
    }


def test_data_on_a_volume_is_mounted_before_the_service_starts(run, simulated, tmp_path):
    for name in ("one", "two", "default"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "wal").touch()
    assert run(**on_volume(simulated, tmp_path, "one"))["restarted"]
    assert simulated.calls.index("restart data-app.mount") < simulated.calls.index("restart app.service")
    assert simulated.calls[0] == "daemon-reload"
    assert not run(**on_volume(simulated, tmp_path, "one"))["changed"] and simulated.calls == []
    assert run(**on_volume(simulated, tmp_path, "two"))["restarted"]
    assert "restart data-app.mount" in simulated.calls, "what is mounted is the old one"
    result = run(**on_volume(simulated, tmp_path, ""))
    assert result["removed"] == [str(simulated.units / "data-app.mount")] and result["restarted"]
    assert simulated.calls[0] == "disable --now data-app.mount"


def test_a_volume_without_the_data_of_before_changes_nothing(run, simulated, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "wal").touch()
    run(**on_volume(simulated, tmp_path, "one"))
    for check in (True, False):
        message = run(check=check, **on_volume(simulated, tmp_path, "two"))["msg"]
        assert f"{tmp_path}/two has no data and {tmp_path}/one has" in message
    assert simulated.calls == [] and "one" in (simulated.units / "data-app.mount").read_text()
    assert "is no directory" in run(**on_volume(simulated, tmp_path, "gone"))["msg"]


def test_a_start_that_fails_gives_the_old_volume_back(run, simulated, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "wal").touch()
    run(**on_volume(simulated, tmp_path, "one"))
    simulated.body = "nothing\n"
    message = run(**on_volume(simulated, tmp_path, "two"))["msg"]
    assert "the old files are back" in message
    assert simulated.calls.index("stop data-app.mount") > simulated.calls.index("restart app.service")
    assert "one" in (simulated.units / "data-app.mount").read_text()
