# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""service_remove on a host below tmp_path, with stand-ins of systemctl, dpkg and apt. The real ones run in a lab."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._apt import package
from ansible_collections.redisops.monitoring.plugins.module_utils._apt import removal as apt_removal
from ansible_collections.redisops.monitoring.plugins.module_utils._config import removal
from ansible_collections.redisops.monitoring.plugins.modules import service_remove

MARKER = "# Managed by redisops.monitoring (role prometheus). Changes made here are overwritten.\n"

# systemctl, dpkg-query and apt-get; what they know lies in state.json, what they were asked in log.
PROGRAM = """#!%s
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
state = json.load(open(os.path.join(here, "state.json")))
name, argv = os.path.basename(sys.argv[0]), sys.argv[1:]
with open(os.path.join(here, "log"), "a") as log:
    log.write(" ".join([name] + argv) + "\\n")
if name == "systemctl":
    if "show" in argv:
        sys.stdout.write("ActiveState=" + ("active" if argv[-1] in state["stubborn"] else "inactive") + "\\n")
    elif "disable" in argv and argv[-1] in state["broken"]:
        sys.exit("Failed to stop: no answer\\nfrom systemd")
elif name == "dpkg-query" and "Conffiles" in argv[1]:
    sys.stdout.write("".join(" %%s %%s\\n" %% pair for pair in state["conffiles"].items()))
elif name == "dpkg-query":
    sys.stdout.write("hi |12.4.0" if state["installed"] else "")
elif name == "apt-get":
    if state["apt"]:
        sys.exit(state["apt"])
    for path in state["conffiles"]:
        os.path.exists(path) and os.unlink(path)
    json.dump(dict(state, installed=False), open(os.path.join(here, "state.json"), "w"))
"""


class Host:
    def __init__(self, directory):
        self.directory, self.bin = directory, directory / "bin"
        self.bin.mkdir()
        for name in ("systemctl", "dpkg-query", "apt-get"):
            (self.bin / name).write_text(PROGRAM % sys.executable)
            (self.bin / name).chmod(0o755)
        self.state(stubborn=[], broken=[], conffiles={}, installed=False, apt="")

    def state(self, **changes):
        path = self.bin / "state.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, **changes}))
        return json.loads(path.read_text())

    def write(self, path, text=MARKER):
        found = self.directory / path
        found.parent.mkdir(parents=True, exist_ok=True)
        found.write_text(text)
        return str(found)

    def asked(self, program):
        path = self.bin / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line.replace("--no-pager ", "") for line in lines if line.startswith(program) and " show " not in line]

    def tree(self):
        paths = (path for path in self.directory.rglob("*") if self.bin not in (path, *path.parents))
        return sorted(str(path.relative_to(self.directory)) for path in paths)


@pytest.fixture
def host(tmp_path, monkeypatch):
    host = Host(tmp_path)
    monkeypatch.setenv("PATH", f"{host.bin}:{os.environ['PATH']}")
    monkeypatch.setattr(removal, "UNITS", str(tmp_path / "units"))
    monkeypatch.setattr(package, "LISTS", str(tmp_path / "sources"))
    monkeypatch.setattr(package, "KEYRINGS", str(tmp_path / "keyrings"))
    monkeypatch.setattr(apt_removal, "APT_LISTS", str(tmp_path / "lists"))
    monkeypatch.setattr(apt_removal, "ARCHIVES", str(tmp_path / "archives"))
    return host


@pytest.fixture
def run(run_module, host):
    def plain(value):
        return (
            value if isinstance(value, bool) else [str(one) for one in value] if isinstance(value, list) else str(value)
        )

    def call(**args):
        at = host.directory
        given = {
            "name": "prometheus",
            "files": [at / "units/prometheus.service", at / "units/prometheus.service.d/redisops.conf"],
            "owned": [at / "etc/credentials"],
            "directories": [at / "etc"],
            "root": at / "opt",
            "data": [at / "var/private", at / "var/link"],
        }
        result = run_module(
            service_remove,
            **{name: plain(value) for name, value in {**given, **args}.items()},
        )
        assert "\n" not in result.get("msg", "")
        at_root = f"{at}/"
        for name in ("removed", "left"):
            result[name] = [line.replace(at_root, "") for line in result.get(name, [])]
        return result

    return call


@pytest.fixture
def installed(host):
    """A service as its role leaves it."""
    host.write("units/prometheus.service")
    host.write("etc/prometheus.yml")
    host.write("etc/rules/ours.yml", f"groups: []\n{MARKER}")
    host.write("etc/credentials/web_password", "canary")
    manifest = {"name": "prometheus", "version": "3.5.0", "archive_sha256": "0" * 64, "binaries": {}}
    host.write("opt/3.5.0/.release_binary.json", json.dumps(manifest))
    host.write("opt/3.5.0/prometheus", "program")
    (host.directory / "opt/current").symlink_to("3.5.0")
    host.write("opt/.release_binary.lock", "")
    host.write("var/private/wal", "samples")
    (host.directory / "var/link").symlink_to(host.directory / "var/private")
    return host


DATA = ["var", "var/link", "var/private", "var/private/wal"]


def test_nothing_but_data_is_left(run, installed):
    expected = run(check_mode=True)
    before = installed.tree()
    assert not installed.asked("systemctl")
    result = run()
    assert (result["removed"], result["left"]) == (expected["removed"], expected["left"])
    assert before != installed.tree() == sorted([*DATA, "units"])
    assert result["changed"] and result["stopped"] == ["prometheus.service"]
    assert result["left"] == ["var/private (data)"]
    assert installed.asked("systemctl") == [
        "systemctl disable --now -- prometheus.service",
        "systemctl daemon-reload",
        "systemctl reset-failed -- prometheus.service",
    ]


def test_the_diff_names_everything_and_no_secret(run, installed):
    diff = run(check_mode=True, diff=True)["diff"]
    for name in ("units/prometheus.service", "etc/prometheus.yml", "etc/credentials", "opt/3.5.0", "opt/current"):
        assert f"{installed.directory}/{name}\n" in diff["before"]
    assert diff["after"] == "" and "canary" not in diff["before"] and "wal" not in diff["before"]


def test_a_second_run_finds_nothing(run, installed):
    run()
    again = run()
    assert not again["changed"] and again["removed"] == again["stopped"] == []
    assert again["left"] == ["var/private (data)"]
    assert len(installed.asked("systemctl")) == 3


def test_data_goes_when_told(run, installed):
    result = run(remove_data=True)
    assert result["left"] == [] and result["removed"][-2:] == ["var/private", "var/link"]
    assert installed.tree() == ["units", "var"]


def test_empty_data_goes(run, installed):
    (installed.directory / "var/private/wal").unlink()
    assert run()["left"] == [] and installed.tree() == ["units", "var"]


def test_links_to_data_elsewhere_are_not_followed(run, installed):
    (installed.directory / "var/private").rename(installed.directory / "disk")
    (installed.directory / "var/private").symlink_to(installed.directory / "disk")
    result = run(remove_data=True)
    assert "var/private (a link, which is not followed)" in result["left"]
    assert (installed.directory / "disk/wal").read_text() == "samples"


def test_files_of_the_user_stay_and_are_named(run, installed):
    installed.write("etc/rules/mine.yml", "groups: []\n")
    installed.write("units/prometheus.service.d/mine.conf", "[Service]\n")
    installed.write("opt/notes", "mine")
    result = run()
    assert result["left"] == [
        "etc/rules/mine.yml (not ours)",
        "units/prometheus.service.d/mine.conf (not ours)",
        "opt/notes (not ours)",
        "var/private (data)",
    ]
    assert {"etc/rules/mine.yml", "opt/notes", "units/prometheus.service.d/mine.conf"} <= set(installed.tree())
    assert run()["left"] == [*result["left"][:2], "opt (not ours)", "var/private (data)"]


def test_a_service_of_the_same_name_that_is_not_ours_is_not_touched(run, host):
    host.write("units/prometheus.service", "[Unit]\nDescription=mine\n")
    host.write("etc/prometheus.yml", "global: {}\n")
    host.write("opt/prometheus", "program")
    before = host.tree()
    result = run()
    assert not result["changed"] and host.tree() == before and not host.asked("systemctl")
    assert result["left"] == ["units/prometheus.service (not ours)", "etc/prometheus.yml (not ours)", "opt (not ours)"]


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"broken": ["prometheus.service"]}, "could not be stopped: Failed to stop: no answer from systemd"),
        ({"stubborn": ["prometheus.service"]}, "could not be stopped: it is still active"),
    ],
)
def test_a_unit_that_does_not_stop(run, installed, state, says):
    installed.state(**state)
    before = installed.tree()
    result = run()
    assert result["failed"] and result["msg"] == f"prometheus: prometheus.service {says}; nothing was deleted"
    assert installed.tree() == before


def test_a_file_that_cannot_be_deleted(run, installed, monkeypatch):
    real = os.unlink

    def unlink(path, **kwargs):
        if str(path).endswith("etc/prometheus.yml"):
            raise OSError(30, "Read-only file system", str(path))
        real(path, **kwargs)

    monkeypatch.setattr(removal.os, "unlink", unlink)
    result = run()
    assert result["failed"] and "etc/prometheus.yml could not be deleted: Read-only file system; " in result["msg"]
    assert "another run goes on from there" in result["msg"]
    monkeypatch.undo()


def test_timers_stop_before_their_services(run, host):
    files = [host.write("units/a.service"), host.write("units/a.timer")]
    assert run(files=files)["stopped"] == ["a.timer", "a.service"]


def test_parents_go_when_they_are_empty(run, host):
    host.write("shared/tls/server.key", "canary")
    host.write("shared/other/file", "mine")
    args = {
        "files": [],
        "owned": [host.directory / "shared/tls/server.key"],
        "directories": [host.directory / "shared/tls"],
    }
    assert run(**args, parents=[host.directory / "shared"])["removed"] == ["shared/tls/server.key", "shared/tls"]
    (host.directory / "shared/other/file").unlink()
    (host.directory / "shared/other").rmdir()
    assert run(**args, parents=[host.directory / "shared"])["removed"] == ["shared"]


def test_a_directory_that_goes_as_a_whole_leaves_nothing(run, host):
    host.write("etc/.lock", "")
    assert run(owned=[host.directory / "etc"])["left"] == [] and "etc" not in host.tree()


# ---------------------------------------------------------------------------------------------------------- package


@pytest.fixture
def grafana(host):
    """Grafana as its role leaves it: the package with two files of its own, one of which is edited."""
    drop_in = host.write("units/grafana-server.service.d/redisops.conf")
    ini, ldap, sample = (
        host.write(f"grafana/{name}", f"{name} as packaged\n") for name in ("grafana.ini", "ldap.toml", "s/x")
    )
    packaged = {path: hashlib.md5(Path(path).read_bytes()).hexdigest() for path in (ini, ldap, sample)}
    host.write("grafana/grafana.ini", MARKER)
    host.write("grafana/ldap.toml", "mine")
    host.write("sources/grafana.sources", f"{MARKER}URIs: https://mirror.example.com/apt_1.example/\n")
    host.write("keyrings/grafana.gpg", "key")
    host.write("lists/mirror.example.com_apt%5f1.example_dists_stable_InRelease", "")
    host.write("lists/deb.debian.org_debian_InRelease", "")
    host.write("archives/grafana_12.4.0_amd64.deb", "")
    host.state(installed=True, conffiles=packaged)
    args = {
        "name": "grafana",
        "package": "grafana",
        "files": [drop_in, ini],
        "owned": [],
        "root": host.directory / "none",
    }
    return {**args, "directories": [host.directory / "grafana"], "data": []}


def test_a_package_goes_with_its_list_and_key(run, host, grafana):
    expected = run(**grafana, check_mode=True)
    result = run(**grafana)
    assert (result["removed"], result["left"]) == (expected["removed"], expected["left"])
    assert result["removed"][0] == "package grafana 12.4.0"
    assert result["left"] == ["grafana/ldap.toml (edited)"]
    assert host.tree() == [
        "archives", "grafana", "grafana/ldap.toml", "keyrings", "lists", "lists/deb.debian.org_debian_InRelease",
        "sources", "units",
    ]  # fmt: skip
    assert (host.directory / "grafana/ldap.toml").read_text() == "mine"
    assert host.asked("apt-get")[0].endswith("purge --allow-change-held-packages grafana")
    again = run(**grafana)
    assert not again["changed"] and again["left"] == ["grafana/ldap.toml (not ours)"]


def test_a_package_that_apt_does_not_remove(run, host, grafana):
    host.state(apt="E: dpkg was interrupted")
    result = run(**grafana)
    assert result["failed"] and "apt could not remove grafana 12.4.0: dpkg was interrupted" in result["msg"]
    assert (host.directory / "grafana/ldap.toml").read_text() == "mine"
    host.state(apt="")
    assert run(**grafana)["changed"]


def test_a_package_of_somebody_else_stays(run, host, grafana):
    for path in ("units/grafana-server.service.d/redisops.conf", "sources/grafana.sources"):
        (host.directory / path).unlink()
    host.write("grafana/grafana.ini", "[server]\n")
    (host.directory / "grafana/empty").mkdir()
    (host.directory / "units/grafana-server.service.d").rmdir()
    result = run(**grafana)
    assert not result["changed"] and host.state()["installed"] and not host.asked("apt-get")
    assert "package grafana (not ours)" in result["left"]


def test_a_directory_of_the_user_with_data_stays_whatever_is_asked(run, installed, tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "wal").write_text("x")
    result = run(kept=[str(volume), str(tmp_path / "gone")], remove_data=True)
    assert "volume (data, in a directory of yours)" in result["left"]
    assert (volume / "wal").exists() and not any("gone" in one for one in result["left"])


def test_what_our_mount_shows_of_it_is_not_deleted_either(run, installed, tmp_path, monkeypatch):
    shown = tmp_path / "var" / "shown"
    shown.mkdir()
    (shown / "wal").write_text("x")
    monkeypatch.setattr(removal.os.path, "ismount", lambda path: path == str(shown))
    unit = f"{removal.UNITS}/{removal.mount_of(str(shown))}"
    run(files=[unit], data=[str(shown)], remove_data=True)
    assert (shown / "wal").exists(), "even if it could not be unmounted"
