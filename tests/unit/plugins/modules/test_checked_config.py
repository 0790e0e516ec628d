# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import copy
import json
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _files, _systemd
from ansible_collections.redisops.monitoring.plugins.module_utils._config import service as config_service
from ansible_collections.redisops.monitoring.plugins.module_utils._config.output import complaint
from ansible_collections.redisops.monitoring.plugins.modules import checked_config
from module_args import patch_module_args

SECRET = "hunter2-canary"


class Simulated:
    """A service under a simulated systemd: reads app.conf at start and reload, its version from `current`."""

    def __init__(self, directory, journal):
        self.directory = directory
        self.conf = directory / "etc" / "app.conf"
        self.binary = directory / "current"
        self.unit_file = directory / "units" / "app.service"
        self.journal = journal
        self.checked = directory / "checked"
        self.calls = []
        self.active = self.enabled = self.loaded = False
        self.started = 0.0
        self.loaded_at = 0.0
        self.version = ""
        self.deaf = False  # takes no reload
        self.users = None
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = self.headers.get("Authorization", "")
                if service.users and asked != "Basic " + base64.b64encode(service.users.encode()).decode():
                    self.send_error(401)
                    return
                if not service.active:
                    self.send_error(503)
                    return
                self.send_response(200)
                self.end_headers()
                self.wfile.write(
                    f"# TYPE app_config_last_reload_successful gauge\n"
                    f"app_config_last_reload_successful {int(service.loaded)}\n"
                    f"app_config_last_reload_success_timestamp_seconds {service.loaded_at!r}\n"
                    f'app_build_info{{branch="x",version="{service.version}"}} 1\n'.encode()
                )

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def load(self):
        self.loaded = "BROKEN" not in self.conf.read_text()
        if self.loaded:
            self.loaded_at = time.time()
        else:
            self.journal.log('level=error msg="Error reloading config" err="one or more errors occurred"')
            self.journal.log('level=error msg="Failed" err="app.conf: \\"BROKEN\\" is not allowed"')

    def start(self):
        self.version = self.binary.read_text()
        self.started = time.clock_gettime(time.CLOCK_MONOTONIC)
        self.load()
        self.active = self.loaded and self.version != "crash"
        if self.version == "crash":
            self.journal.log('level=error err="opening storage failed"')

    def systemctl(self, module, *args):
        verb = args[0]
        if verb == "show":
            lines = {
                "LoadState": "loaded" if self.unit_file.exists() else "not-found",
                "ActiveState": "active" if self.active else "failed",
                "SubState": "running" if self.active else "failed",
                "Result": "success" if self.active else "exit-code",
                "ExecMainStatus": "0" if self.active else "2",
                "ExecMainStartTimestampMonotonic": str(int(self.started * 1e6)),
                "MainPID": "7" if self.active else "0",
                "UnitFileState": "enabled" if self.enabled else "disabled",
                "FragmentPath": str(self.unit_file) if self.unit_file.exists() else "",
            }
            return 0, "".join(f"{key}={value}\n" for key, value in lines.items()), ""
        self.calls.append(verb)
        if verb == "reload" and not self.deaf:
            self.load()
        elif verb == "restart":
            if self.active:
                self.journal.log('level=error err="config of the old process: stopped in the middle"')
                time.sleep(0.01)
            self.start()
        elif verb == "stop":
            self.active = False
        elif verb == "enable":
            self.enabled = True
        return 0, "", ""

    def checks(self):
        return len(self.checked.read_text().split()) if self.checked.exists() else 0


@pytest.fixture
def service(tmp_path, monkeypatch, journal):
    service = Simulated(tmp_path, journal)
    service.binary.write_text("1.2.3+ds")
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    for name, script in {
        "apptool": f"""
            echo x >> {service.checked}
            echo "Checking $1"
            grep -n REFUSE "$1/app.conf" > /dev/null && {{ echo "  FAILED: $1/app.conf:2: word REFUSE"; exit 1; }}
            for path in $(sed -n 's/^secret_file //p' "$1/app.conf"); do
              test -e "$path" || {{ echo "no file $path" >&2; exit 1; }}
            done
            grep -q BAD "$1"/rules/* && {{ echo "bad rule file"; exit 1; }}
            echo "  SUCCESS: fine"; exit 0""",
    }.items():
        (bin_dir / name).write_text(f"#!/bin/sh\n{script}\n")
        (bin_dir / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")
    monkeypatch.setattr(_systemd, "systemctl", service.systemctl)
    monkeypatch.setattr(config_service, "SETTLE_SECONDS", 0.5)
    yield service
    service.server.shutdown()
    service.server.server_close()


def unit_text(directory, more=""):
    return f"[Service]\nExecStart=/bin/app\nLoadCredential=password:{directory}/etc/credentials/password\n{more}"


@pytest.fixture
def args(service, tmp_path):
    return {
        "path": str(tmp_path / "etc"),
        "files": [
            {"path": "app.conf", "content": "line one\nsecret_file /run/credentials/app.service/password\n"},
            {"path": "targets/a.yml", "content": "# Managed by redisops.monitoring\n", "watched": True},
            {"path": str(service.unit_file), "content": unit_text(tmp_path)},
        ],
        "secrets": [{"path": "credentials/password", "content": SECRET}],
        "prune": ["rules", "targets"],
        "checks": [["apptool", "{dir}"]],
        "unit": "app.service",
        "inputs": [str(service.binary)],
        "service": {
            "metrics_url": f"{service.url}/metrics",
            "metrics_prefix": "app",
            "version": "1.2.3",
            "timeout": 1,
            "start_timeout": 1,
        },
    }


@pytest.fixture
def run(capsys, tmp_path, args):
    """Run the module as Ansible would, in this process; returns its result."""

    def call(check=False, diff=True, **changes):
        given = {**copy.deepcopy(args), **changes}
        given.update(_ansible_check_mode=check, _ansible_diff=diff, _ansible_remote_tmp=str(tmp_path / "remote"))
        with patch_module_args(given), pytest.raises(SystemExit):
            checked_config.main()
        output = capsys.readouterr()
        assert SECRET not in output.out + output.err
        return json.loads(output.out)

    return call


def tree(directory):
    """Everything below a directory: content, mode and link target by name."""
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.is_symlink():
            found[str(path)] = os.readlink(path)
        elif path.is_file():
            found[str(path)] = (path.read_bytes(), path.stat().st_mode & 0o7777)
        else:
            found[str(path)] = None
    return found


def with_conf(args, text):
    return [{"path": "app.conf", "content": text}, *args["files"][1:]]


def settled(run, service):
    """Converged and with an empty record of calls."""
    assert run()["changed"]
    time.sleep(0.02)
    service.calls.clear()
    service.checked.unlink(missing_ok=True)
    service.journal.file.write_text("")


# ---------------------------------------------------------------------------------------------------- the way it goes


def test_first_run_writes_everything_and_starts(run, service, args):
    result = run()
    etc = service.conf.parent
    assert result["changed"] and result["restarted"] and not result["restart_required"]
    assert sorted(result["written"]) == sorted(
        [str(etc / name) for name in ("app.conf", "targets/a.yml", "credentials/password")] + [str(service.unit_file)]
    )
    password = etc / "credentials" / "password"
    assert password.read_text() == SECRET
    assert password.stat().st_mode & 0o777 == 0o600 and password.parent.stat().st_mode & 0o777 == 0o700
    assert service.conf.stat().st_mode & 0o777 == 0o644 and (etc / "rules").is_dir()
    assert service.calls == ["daemon-reload", "reset-failed", "restart", "enable"]
    assert service.checks() == 1


def test_unchanged_run_does_nothing(run, service):
    settled(run, service)
    before = tree(service.directory / "etc")
    result = run()
    assert not result["changed"] and result["diff"] == []
    assert service.calls == [] and service.checks() == 0
    assert tree(service.directory / "etc") == before


def test_changed_file_reloads_without_restart(run, service, args):
    settled(run, service)
    result = run(files=with_conf(args, "other\n"))
    assert result["reloaded"] and not result["restarted"] and service.calls == ["reload"]
    assert result["written"] == [str(service.conf)]
    assert "line one" in result["diff"][0]["before"] and result["diff"][0]["after"] == "other\n"
    assert not run(files=with_conf(args, "other\n"))["changed"]


def test_watched_file_needs_no_reload_but_a_check(run, service, args):
    settled(run, service)
    files = [args["files"][0], {**args["files"][1], "content": "new targets\n"}, args["files"][2]]
    result = run(files=files)
    assert result["changed"] and service.calls == [] and service.checks() == 1
    assert not run(files=files)["changed"]


def test_changed_secret_restarts_and_is_masked(run, service):
    settled(run, service)
    result = run(secrets=[{"path": "credentials/password", "content": "canary-two"}])
    assert result["restarted"] and "restart" in service.calls
    (diff,) = result["diff"]
    assert (diff["before"], diff["after"]) == ("(secret)\n", "(secret, differs)\n")


def test_changed_unit_file_restarts_after_daemon_reload(run, service, args, tmp_path):
    settled(run, service)
    unit = {"path": str(service.unit_file), "content": unit_text(tmp_path, "Nice=1\n")}
    files = [*args["files"][:2], unit]
    assert run(files=files)["restarted"]
    assert service.calls.index("daemon-reload") < service.calls.index("restart")


def test_loosened_mode_is_put_right(run, service):
    settled(run, service)
    (service.conf.parent / "credentials" / "password").chmod(0o644)
    result = run()
    assert result["changed"]
    assert (service.conf.parent / "credentials" / "password").stat().st_mode & 0o777 == 0o600


def test_link_in_place_of_a_file_is_replaced_not_followed(run, service):
    settled(run, service)
    elsewhere = service.directory / "elsewhere"
    service.conf.rename(elsewhere)
    service.conf.symlink_to(elsewhere)
    assert run()["changed"]
    assert not service.conf.is_symlink() and elsewhere.exists()


def test_prune_takes_ours_and_leaves_theirs(run, service):
    settled(run, service)
    rules = service.conf.parent / "rules"
    (rules / "ours.yml").write_text("# Managed by redisops.monitoring\ngroups: []\n")
    (rules / "appended.yml").write_text("groups: []\n# Managed by redisops.monitoring (copied)\n")
    (rules / "theirs.yml").write_text("groups: []  # not Managed by redisops.monitoring\n")
    result = run()
    assert sorted(os.path.basename(path) for path in result["removed"]) == ["appended.yml", "ours.yml"]
    assert [path.name for path in rules.iterdir()] == ["theirs.yml"]
    assert result["reloaded"]
    assert not run()["changed"]


def test_secret_that_is_no_longer_used_goes(run, service):
    settled(run, service)
    (service.conf.parent / "credentials" / "old").write_text(SECRET)
    assert not run()["changed"]
    result = run(purge=["credentials"])
    assert result["removed"] == [str(service.conf.parent / "credentials" / "old")] and service.calls == []
    assert result["diff"][0]["before"] == "(secret)\n"
    assert [path.name for path in (service.conf.parent / "credentials").iterdir()] == ["password"]


def test_interrupted_switch_is_swept_and_completed(run, service, args):
    settled(run, service)
    leftover = service.conf.parent / ".redisops-abc"
    leftover.write_text("half")
    service.conf.write_text("half of the old run\n")
    assert run()["reloaded"]
    assert not leftover.exists()


def test_files_newer_than_the_last_reload_are_loaded(run, service, args):
    """An earlier run switched the files and was killed before its reload."""
    settled(run, service)
    service.conf.write_text("other\n")
    result = run(files=with_conf(args, "other\n"))
    assert result["changed"] and result["written"] == [] and service.calls == ["reload"]
    assert service.checks() == 1
    assert not run(files=with_conf(args, "other\n"))["changed"]


def test_unloaded_configuration_is_loaded(run, service):
    settled(run, service)
    service.loaded = False  # somebody reloaded a broken edit and put the file back
    assert run()["reloaded"]


def test_newer_binary_restarts(run, service):
    settled(run, service)
    service.binary.write_text("1.2.3+ds")
    result = run()
    assert result["stale_inputs"] == [str(service.binary)]
    assert result["restarted"] and service.checks() == 1


def test_other_version_running_restarts(run, service):
    settled(run, service)
    service.version = "1.2.2"
    assert run()["restarted"]
    service.version = "1.2.30"
    assert run()["restarted"]


def test_other_version_and_changed_file_is_one_restart(run, service, args):
    settled(run, service)
    service.version = "1.2.2"
    result = run(files=with_conf(args, "other\n"))
    assert result["restarted"] and not result["reloaded"] and service.calls == ["reset-failed", "restart"]


def test_deaf_service_with_a_changed_file_is_reloaded_without_waiting_first(run, service, args):
    settled(run, service)
    args["service"]["metrics_url"] = "http://127.0.0.1:1/metrics"
    began = time.monotonic()
    assert "did not prove the reload" in run(files=with_conf(args, "other\n"))["msg"]
    assert time.monotonic() - began < 5


def test_without_restart_it_says_so_and_leaves_the_service(run, service):
    result = run(restart=False)
    assert result["restart_required"] and not result["restarted"] and not service.active
    service.start()
    service.enabled = True
    service.calls.clear()
    assert not run(restart=False)["changed"]
    result = run(restart=False, secrets=[{"path": "credentials/password", "content": "canary-two"}])
    assert result["restart_required"] and result["changed"] and service.calls == []
    assert result["outdated_unit"] == "app.service"


def test_what_is_written_without_a_restart_is_remembered(run, service):
    """A run that ended between the writing and the restart is made good by the next one."""
    settled(run, service)
    secrets = [{"path": "credentials/password", "content": "canary-two"}]
    time.sleep(0.02)
    assert run(restart=False, secrets=secrets)["outdated_unit"] == "app.service"
    result = run(restart=False, secrets=secrets)
    assert (result["written"], result["outdated_unit"]) == ([], "app.service")
    assert run(secrets=secrets)["restarted"]
    assert run(restart=False, secrets=secrets)["outdated_unit"] == ""


def test_a_unit_that_does_not_run_is_not_outdated(run, service):
    assert run(restart=False)["outdated_unit"] == ""


def test_a_secret_that_is_kept(run, service, tmp_path):
    secret = {"path": "credentials/password", "content": "canary-one", "keep": True}
    run(secrets=[secret])
    result = run(secrets=[{**secret, "content": "canary-two"}])
    assert "credentials/password" not in str(result["written"]) and not result["restarted"]
    assert [path.read_text() for path in tmp_path.rglob("credentials/password")] == ["canary-one"]


def test_service_that_cannot_be_asked_is_restarted_for_every_change(run, service, args):
    args["service"] = None
    assert run()["restarted"] and service.calls[-2:] == ["restart", "enable"]
    time.sleep(0.02)
    assert run()["changed"] is False
    result = run(files=with_conf(args, "other\n"))
    assert result["restarted"] and not result["reloaded"] and result["url"] == ""
    assert service.calls[-1] == "restart"


def test_service_that_cannot_be_asked_and_ends_runs_the_old_files_again(run, service, args):
    args["service"] = None
    settled(run, service)
    result = run(files=with_conf(args, "BROKEN\n"))
    assert '"BROKEN" is not allowed; the old files are back and app.service runs with them' in result["msg"]
    assert service.active and "BROKEN" not in service.conf.read_text()


def test_without_unit_only_files(run, service, args):
    alone = {"unit": None, "service": None, "files": with_conf(args, "no credentials\n")}
    assert run(**alone)["changed"] and service.calls == [] and service.checks() == 1
    assert not run(**alone)["changed"]


def test_files_of_others_are_part_of_the_check(run, service):
    settled(run, service)
    (service.conf.parent / "rules" / "theirs.yml").write_text("BAD\n")
    assert run()["msg"] == "apptool " + str(service.conf.parent) + " says: bad rule file; nothing was changed"


# --------------------------------------------------------------------------------------------------------- check mode


def test_check_mode_on_a_blank_host(run, service, args):
    result = run(check=True, checks=[["/opt/app/apptool", "{dir}"]])
    assert result["changed"] and result["restart_required"]
    assert "not checked with it: apptool" in json.dumps(result["warnings"])
    assert not service.conf.parent.exists() and service.calls == []


def test_check_mode_predicts_and_touches_nothing(run, service, args):
    settled(run, service)
    before = tree(service.directory / "etc")
    result = run(check=True, files=with_conf(args, "other\n"))
    assert result["changed"] and result["written"] == [str(service.conf)]
    assert tree(service.directory / "etc") == before and service.calls == [] and service.checks() == 1
    assert not run(check=True)["changed"]


def test_check_mode_checks(run, service, args):
    settled(run, service)
    assert "word REFUSE" in run(check=True, files=with_conf(args, "a\nREFUSE\n"))["msg"]


# ------------------------------------------------------------------------------------------------------------ refusal


def test_refused_by_the_check(run, service, args):
    settled(run, service)
    before = tree(service.directory / "etc")
    result = run(files=with_conf(args, "one\nREFUSE\n"), secrets=[{"path": "credentials/password", "content": "new"}])
    assert result["failed"] and not result["restarted"]
    etc = service.conf.parent
    assert result["msg"] == f"apptool {etc} says: {etc}/app.conf:2: word REFUSE; nothing was changed"
    assert tree(service.directory / "etc") == before and service.calls == []


def test_missing_check_tool(run, service):
    result = run(checks=[["/opt/app/apptool", "{dir}"]])
    assert result["msg"] == "/opt/app/apptool, which checks the files, is not on this host; nothing was changed"
    assert not service.conf.parent.exists()


def test_refused_reload_puts_everything_back(run, service, args):
    settled(run, service)
    (service.conf.parent / "rules" / "old.yml").write_text("# Managed by redisops.monitoring\n")
    before = tree(service.directory / "etc")
    result = run(files=[*with_conf(args, "BROKEN\n"), {"path": "extra/new.conf", "content": "x"}])
    assert result["msg"] == (
        'app.service refused to reload: app.conf: "BROKEN" is not allowed; the old files are back and '
        "app.service runs with them"
    )
    assert tree(service.directory / "etc") == before
    assert service.calls == ["reload", "reload"] and service.loaded


def test_reload_without_proof_puts_everything_back(run, service, args):
    settled(run, service)
    before = tree(service.directory / "etc")
    service.deaf = True
    result = run(files=with_conf(args, "other\n"))
    assert "did not prove the reload within 1 s" in result["msg"]
    assert tree(service.directory / "etc") == before


def test_refused_start_leaves_a_blank_host_blank(run, service, args):
    result = run(files=with_conf(args, "BROKEN\n"))
    assert "app.service ended after its start: app.conf" in result["msg"]
    assert "app.service is stopped, as it was before" in result["msg"] and result["restarted"]
    assert not service.conf.parent.exists() and not service.unit_file.exists()
    assert service.calls[-1] == "daemon-reload" and "stop" in service.calls and not service.enabled


def test_refused_restart_runs_the_old_files_again(run, service, args):
    settled(run, service)
    before = tree(service.directory / "etc")
    result = run(files=with_conf(args, "BROKEN\n"), secrets=[{"path": "credentials/password", "content": "new"}])
    assert "ended after its start" in result["msg"] and "runs with them" in result["msg"] and result["restarted"]
    assert tree(service.directory / "etc") == before and service.active


def test_binary_that_does_not_start_is_named(run, service, args):
    settled(run, service)
    service.binary.write_text("crash")
    result = run()
    assert result["msg"] == (
        "app.service ended after its start: opening storage failed; no file was changed and app.service is down"
    )


def test_wrong_version_after_restart(run, service, args):
    settled(run, service)
    args["service"]["version"] = "1.2.4"
    assert run()["msg"].startswith("app.service runs 1.2.3+ds, not 1.2.4; ")
    assert service.active


def test_new_address_that_is_refused_goes_back_to_the_old_one(run, service, args):
    """The old files are proved by the service staying up: it does not answer where it should have."""
    settled(run, service)
    args["service"]["metrics_url"] = "http://127.0.0.1:1/metrics"
    result = run(secrets=[{"path": "credentials/password", "content": "new"}])
    assert "was not ready within 1 s" in result["msg"] and result["msg"].endswith("app.service runs with them")
    assert service.active and (service.conf.parent / "credentials" / "password").read_text() == SECRET


def test_wrong_password_is_said_at_once(run, service, args):
    service.users = "me:right"
    args["service"].update(url_username="me", url_password=SECRET, start_timeout=30)
    began = time.monotonic()
    assert "HTTP 401" in run()["msg"]
    assert time.monotonic() - began < 5
    args["service"]["url_password"] = "right"
    assert run()["restarted"]


def test_unwritable_file_puts_back_what_was_switched(run, service, args, monkeypatch):
    settled(run, service)
    before = tree(service.directory / "etc")
    real = _files.write_atomically

    def full(path, content, *rest):
        if content == b"second\n":
            raise OSError(28, "No space left on device", path)
        real(path, content, *rest)

    monkeypatch.setattr(_files, "write_atomically", full)
    result = run(files=[*with_conf(args, "other\n"), {"path": "z.conf", "content": "second\n"}])
    assert result["msg"] == (
        f"{service.conf.parent}/z.conf could not be written: No space left on device; the old files are back"
    )
    assert tree(service.directory / "etc") == before and service.calls == []


def test_credential_that_the_configuration_names_but_the_unit_does_not_load(run, service, args):
    result = run(files=with_conf(args, "secret_file /run/credentials/app.service/other\n"))
    etc = service.conf.parent
    assert result["msg"] == f"apptool {etc} says: no file /run/credentials/app.service/other; nothing was changed"


def test_credential_without_its_source(run, service, args, tmp_path):
    unit = {"path": str(service.unit_file), "content": unit_text(tmp_path, "LoadCredential=key:/nowhere/key\n")}
    result = run(files=[*args["files"][:2], unit])
    assert result["msg"] == "LoadCredential=key: /nowhere/key is not on this host; nothing was changed"
    result = run(check=True, files=[*args["files"][:2], unit])
    assert result["changed"] and "/nowhere/key is not on this host" in json.dumps(result["warnings"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": [{"path": "../x", "content": ""}]}, "../x would lie outside of"),
        ({"files": [{"path": "x", "content": ""}], "secrets": [{"path": "x", "content": ""}]}, "two files are named x"),
        ({"files": [{"path": "x", "content": "", "mode": "rw-r--r--"}]}, "is not octal digits"),
        ({"unit": None}, "missing parameter(s) required by 'service': unit"),
    ],
)
def test_bad_options(run, service, changes, message):
    result = run(**changes)
    assert result["failed"] and message in result["msg"] and "\n" not in result["msg"]
    assert not service.conf.parent.exists()


def test_directory_in_the_way(run, service):
    service.conf.mkdir(parents=True)
    assert run()["msg"] == f"{service.conf} is not a file: move it away"


# ------------------------------------------------------------------------------------------------------- certificates


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pki")
    for name, days in (("good", 10), ("other", 10), ("expired", -1)):
        openssl = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days {days}"
        openssl += f" -subj /CN={name} -addext subjectAltName=IP:127.0.0.1 -keyout {name}.key -out {name}.crt"
        done = subprocess.run(openssl.split(), cwd=directory, capture_output=True, check=False)
        if done.returncode and name == "expired":  # openssl 3.2 refuses negative days
            (directory / "expired.crt").write_text("")
        else:
            done.check_returncode()
    return directory


@pytest.mark.parametrize(
    ("cert", "key", "name", "message"),
    [
        ("good", "good", "127.0.0.1", None),
        ("good", "other", "127.0.0.1", "does not match"),
        ("good", "good", "10.0.0.1", "does not name 10.0.0.1"),
        ("expired", "expired", "127.0.0.1", "expire|empty"),
        ("missing", "good", "127.0.0.1", "missing.crt does not exist"),
    ],
)
def test_certificates_are_checked_before_anything_changes(run, service, pki, cert, key, name, message):
    entry = {"cert": str(pki / f"{cert}.crt"), "key": str(pki / f"{key}.key"), "name": name, "what": "web TLS"}
    result = run(certificates=[entry])
    if message is None:
        assert result["changed"]
        return
    assert any(part in result["msg"] for part in message.split("|"))
    assert result["msg"].startswith("web TLS") and not service.conf.parent.exists()


def test_ca_file_is_checked(run, service, pki, tmp_path):
    (tmp_path / "ca.crt").write_text("not a certificate")
    assert "holds no PEM certificate" in run(certificates=[{"ca": str(tmp_path / "ca.crt")}])["msg"]
    assert run(certificates=[{"ca": str(pki / "good.crt")}])["changed"]


def test_https_is_verified_against_the_given_name(run, service, args, pki):
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "good.crt", pki / "good.key")
    service.server.socket = context.wrap_socket(service.server.socket, server_side=True)
    args["service"].update(metrics_url=service.url.replace("http:", "https:") + "/metrics")
    assert "certificate refused: self" in run()["msg"]
    args["service"].update(ca_path=str(pki / "good.crt"), tls_server_name="prometheus.example")
    assert "certificate refused: Hostname mismatch" in run()["msg"]
    args["service"].update(tls_server_name="")
    assert run()["restarted"]


# ------------------------------------------------------------------------------------------------------------- pieces


def test_complaint_keeps_file_and_line():
    output = """Checking /s/prometheus.yml
  SUCCESS: 1 rule files found
 SUCCESS: /s/prometheus.yml is valid prometheus config file syntax

Checking /s/rules/a.yml
  FAILED:
     /s/rules/a.yml: 7:11: group "x", rule 2, "A": could not parse expression: 1:6: parse error
"""
    assert complaint("promtool", output) == (
        '/s/rules/a.yml: 7:11: group "x", rule 2, "A": could not parse expression: 1:6: parse error'
    )
    output = "  FAILED:\n/s/rules/a.yml: yaml: line 2\n/s/rules/a.yml: yaml: line 2\n"  # both ways
    assert complaint("promtool", output) == "/s/rules/a.yml: yaml: line 2"
    output = "web.yml FAILED: no such file\nprometheus: error: no such file\n"
    assert complaint("prometheus", output) == "web.yml no such file"


def test_complaint_of_a_program_that_logs_while_it_checks():
    output = r"""time=2026 level=INFO source=main.go:98 msg="Starting blackbox_exporter" version="(version=0.28)"
time=2026 level=INFO source=config.go:137 msg="Configuration file change detected, reloading."
time=2026 level=ERROR source=main.go:102 msg="Error loading config" err="yaml:\n line 3: field \"x\""
"""
    assert complaint("blackbox_exporter", output) == 'yaml: line 3: field "x"'


def test_service_with_a_health_page_only(run, service, args, monkeypatch):
    args["service"] = {"ready_url": f"{service.url}/api/health", "version": "1.2.3", "start_timeout": 1}

    def answer(self, url):
        if not service.active:
            raise config_service.ConfigError("connection refused")
        return json.dumps({"version": service.version, "database": "ok"})

    monkeypatch.setattr(config_service.Service, "get", answer)
    result = run()
    assert result["restarted"] and result["url"] == service.url
    settled(lambda: {"changed": True}, service)
    assert not run()["changed"] and service.calls == []
    assert run(files=with_conf(args, "line one\nother\n"))["restarted"]  # it could not prove a reload
    time.sleep(0.02)
    os.utime(service.conf)  # as after a run that was interrupted before the restart
    assert run(files=with_conf(args, "line one\nother\n"))["restarted"]
    service.binary.write_text("1.2.4")
    assert "runs 1.2.4, not 1.2.3" in run()["msg"]

    monkeypatch.setattr(config_service.Service, "get", lambda self, url: answer(self, url) and '{"database": "ok"}')
    run()
    settled(lambda: {"changed": True}, service)
    assert not run()["changed"] and service.calls == []  # one that keeps its version to itself


def test_file_of_a_group(run, service, args, tmp_path):
    import grp

    group = next(one for one in grp.getgrall() if one.gr_gid not in (0, os.getegid()))
    files = [dict(args["files"][0], group=group.gr_name, mode="0640"), *args["files"][1:]]
    assert run(files=files)["changed"]
    assert (service.conf.stat().st_gid, service.conf.stat().st_mode & 0o777) == (group.gr_gid, 0o640)
    assert not run(files=files)["changed"]
    os.chown(service.conf, -1, os.getegid())
    assert run(files=files)["written"] == [str(service.conf)]
    files[0]["group"] = "no-such-group"
    assert run(files=files, check=True)["changed"]  # the package would bring it
    assert "there is no group no-such-group on this host, which app.conf shall belong to" in run(files=files)["msg"]
