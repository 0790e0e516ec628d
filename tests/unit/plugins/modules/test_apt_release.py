# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt_release with programs that behave as dpkg's and apt's; the real ones run in the scenario grafana."""

from __future__ import annotations

import base64
import http.server
import json
import os
import sys
import threading

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._apt import access, openpgp, package
from ansible_collections.redisops.monitoring.plugins.modules import apt_release

KEY = b"\xc6\x33\x04\x00\x00\x00\x01" + bytes(46) + b"\xcd\x03Lab"
OTHER = b"\xc6\x33\x04\x00\x00\x00\x02" + bytes(46) + b"\xcd\x05Other"
FINGERPRINT = next(iter(openpgp.keys(KEY)))
OTHER_FINGERPRINT = next(iter(openpgp.keys(OTHER)))

# One program for all of them; what it knows lies in state.json, what it was asked in log.
PROGRAM = """#!%s
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
state = json.load(open(os.path.join(here, "state.json")))
name, argv = os.path.basename(sys.argv[0]), sys.argv[1:]
with open(os.path.join(here, "log"), "a") as log:
    log.write(" ".join([name] + argv) + "\\n")

def end(code, out="", err=""):
    json.dump(state, open(os.path.join(here, "state.json"), "w"))
    sys.stdout.write(out)
    sys.stderr.write(err)
    sys.exit(code)

def number(version):
    return [int(part) for part in version.split(".")]

if name == "dpkg-query":
    if not state["installed"]:
        end(1, "", "dpkg-query: no packages found matching grafana\\n")
    end(0, ("h" if state["held"] else "i") + state.get("half", "i") + " |" + state["installed"])
if argv == ["--print-architecture"]:
    end(0, "amd64\\n")
if name == "dpkg":
    end(0 if number(argv[1]) < number(argv[3]) else 1)
if name == "apt-cache":
    end(0, "".join(" grafana | %%s | http://x stable/main amd64 Packages\\n" %% one for one in state["offered"]))
if name == "apt-mark":
    state["held"] = argv[0] == "hold"
    end(0)
if name == "dpkg-deb":
    if not open(argv[1]).read().startswith("deb "):
        end(2, "", "dpkg-deb: error: 'x' is not a Debian format archive\\n")
    fields = open(argv[1]).read().split()[1:] + ["all"]
    end(0, "Package: %%s\\nVersion: %%s\\nArchitecture: %%s\\n" %% tuple(fields[:3]))
if state["locked"]:
    state["locked"] -= 1
    end(100, "", "E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)\\n")
if "update" in argv:
    if state["update"] and "Dir::Etc::sourceparts=-" in argv:
        end(100, "", state["update"])
    state["depends"] = "" if "Dir::Etc::sourceparts=-" not in argv else state["depends"]
    end(0)
if "install" in argv and state["broken"]:
    end(100, "", state["broken"])
if "install" in argv:
    if state["depends"]:
        end(100, state["depends"], "E: Unable to correct problems, you have held broken packages.\\n")
    what = argv[-1]
    version = open(what).read().split()[2] if what.startswith("/") else what.split("=")[1]
    state["installed"] = state["wrong"] or version
    end(0)
end(3, "", "E: what is that?\\n")
"""


class Host:
    def __init__(self, directory):
        self.directory, self.bin = directory, directory / "bin"
        self.bin.mkdir()
        for name in ("dpkg-query", "dpkg", "dpkg-deb", "apt-get", "apt-cache", "apt-mark"):
            (self.bin / name).write_text(PROGRAM % sys.executable)
            (self.bin / name).chmod(0o755)
        self.keyring = directory / "keyrings/grafana.gpg"
        self.list_file = directory / "sources/grafana.sources"
        self.configuration = directory / "apt.conf.d/grafana.conf"
        self.login = directory / "auth.conf.d/grafana.conf"
        self.state(
            installed="", held=False, offered=["12.4.0", "12.3.1"], update="", depends="", wrong="", locked=0, broken=""
        )

    def state(self, **changes):
        path = self.bin / "state.json"
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(dict(known, **changes)))
        return json.loads(path.read_text())

    def asked(self, program="apt"):
        """Commands since the last time this was asked."""
        path = self.bin / "log"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line for line in lines if line.startswith(program)]


@pytest.fixture
def host(tmp_path, monkeypatch):
    host = Host(tmp_path)
    monkeypatch.setenv("PATH", f"{host.bin}:{os.environ['PATH']}")
    monkeypatch.setattr(package, "LISTS", str(host.list_file.parent))
    monkeypatch.setattr(package, "KEYRINGS", str(host.keyring.parent))
    monkeypatch.setattr(access, "CONFIGURATION", str(host.configuration.parent))
    monkeypatch.setattr(access, "LOGINS", str(host.login.parent))
    return host


@pytest.fixture
def server():
    """Serves gpg.key as a repository does, and counts."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.path)
            self.server.login = self.headers.get("Authorization")
            self.send_response(200 if self.server.key is not None else 404)
            self.end_headers()
            self.wfile.write(self.server.key or b"")

        def log_message(self, *_args):
            pass

    found = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.asked, found.key = [], KEY
    found.url = "http://127.0.0.1:%d/apt.grafana.com" % found.server_port
    threading.Thread(target=found.serve_forever, args=(0.02,), daemon=True).start()
    yield found
    found.shutdown()
    found.server_close()


@pytest.fixture
def run(run_module, host, server):
    def call(**args):
        given = {"name": "grafana", "version": "12.4.0"}
        if "deb" not in args:
            given.update(repository=server.url, fingerprints=[FINGERPRINT])
        given.update(args)
        result = run_module(apt_release, **given)
        assert "\n" not in result.get("msg", "")
        return result

    return call


def test_first_run_then_nothing(run, host, server):
    result = run()
    assert result["changed"] and result["installed"] and result["previous_version"] == ""
    assert host.keyring.read_bytes() == KEY
    assert oct(host.keyring.stat().st_mode)[-3:] == oct(host.list_file.stat().st_mode)[-3:] == "644"
    lines = host.list_file.read_text().splitlines()
    assert lines[1:] == [
        "Types: deb", f"URIs: {server.url}/", "Suites: stable", "Components: main", f"Signed-By: {host.keyring}"
    ]  # fmt: skip
    assert host.state()["installed"] == "12.4.0" and host.state()["held"]
    update, _madison, install, hold = host.asked()
    assert f"Dir::Etc::sourcelist={host.list_file}" in update and "Dir::Etc::sourceparts=-" in update
    assert install.endswith(" grafana=12.4.0") and "--allow-downgrades" not in install
    assert hold == "apt-mark hold grafana"
    assert len(server.asked) == 1

    again = run()
    assert not again["changed"] and again["previous_version"] == "12.4.0"
    assert host.asked() == [] and len(server.asked) == 1  # no server, no apt


def test_a_mirror_that_takes_a_login(run, host, server, pki):
    """apt and the request for the key have it, from a file that only root reads, and the diff does not."""
    how = {"url_username": "deploy", "url_password": "canary", "ca_path": pki.ca(), "use_proxy": False}
    result = run(diff=True, **how)
    assert result["changed"] and "canary" not in str(result)
    assert server.login == "Basic " + base64.b64encode(b"deploy:canary").decode()
    assert host.login.read_text() == f"machine {server.url}/\nlogin deploy\npassword canary\n"
    assert oct(host.login.stat().st_mode)[-3:] == "600"
    assert host.configuration.read_text().splitlines()[1:] == [
        f'Acquire::http::127.0.0.1::CaInfo "{pki.ca()}";',
        'Acquire::http::Proxy::127.0.0.1 "DIRECT";',
    ]
    assert not run(**how)["changed"]
    assert run(**{**how, "url_password": "canary2"})["changed"] and "canary2" in host.login.read_text()
    assert run()["changed"]
    assert not host.login.exists() and not host.configuration.exists()


def test_a_login_that_does_not_work_is_taken_back(run, host, server):
    run()
    server.key = OTHER
    assert run(version="12.3.1", allow_downgrade=True, url_username="a", url_password="canary")["failed"]
    assert not host.login.exists()


def test_upgrade_takes_the_key_anew_and_keeps_the_hold(run, host, server):
    run(version="12.3.1")
    server.key = KEY + b"\xc2\x03new"  # prolonged: the same key with another signature
    result = run()
    assert (result["previous_version"], result["version"]) == ("12.3.1", "12.4.0")
    assert host.keyring.read_bytes() == server.key
    assert host.state()["held"]


def test_check_mode_touches_nothing(run, host, server):
    result = run(check_mode=True, diff=True)
    assert result["changed"] and "grafana 12.4.0" in result["diff"]["after"]
    assert FINGERPRINT in result["diff"]["after"]
    assert host.asked() == [] and server.asked == []
    assert not host.keyring.exists() and not host.list_file.exists()


def test_key_with_another_fingerprint_never_reaches_apt(run, host, server):
    server.key = OTHER
    result = run()
    assert result["failed"]
    assert f"has the fingerprint {OTHER_FINGERPRINT}, not the pinned {FINGERPRINT}" in result["msg"]
    assert result["msg"].endswith("; nothing was changed")
    assert host.asked() == []
    assert not host.keyring.exists() and not host.list_file.exists()


def test_only_pinned_keys_get_into_the_keyring(run, host, server):
    server.key = OTHER + KEY
    run()
    assert host.keyring.read_bytes() == KEY


@pytest.mark.parametrize("content", [OTHER, KEY + OTHER, b"nonsense", None])
def test_changed_keyring_is_put_right(run, host, content):
    run()
    host.asked()
    if content is None:
        host.keyring.unlink()
    else:
        host.keyring.write_bytes(content)
    assert run(check_mode=True)["changed"]
    result = run()
    assert result["changed"] and not result["installed"]
    assert host.keyring.read_bytes() == KEY
    assert host.asked() == []  # apt needs not be asked for that


def test_key_from_a_file(run, host, server, tmp_path):
    (tmp_path / "key").write_bytes(KEY)
    assert run(key=str(tmp_path / "key"))["changed"]
    assert server.asked == []
    assert "there is no file /nowhere (key)" in run(key="/nowhere", version="12.3.1", allow_downgrade=True)["msg"]


@pytest.mark.parametrize(
    ("key", "says"), [(None, "answered 404"), (b"<html>", "is no signing key: it is not an OpenPGP key")]
)
def test_missing_or_wrong_key(run, host, server, key, says):
    server.key = key
    assert says in run()["msg"]
    assert not host.list_file.exists()


def test_unreachable_repository(run, host):
    assert "cannot reach http://127.0.0.1:1/" in run(repository="http://127.0.0.1:1/x")["msg"]


def test_version_that_is_not_there(run, host):
    result = run(version="9.9.9")
    assert "has no grafana 9.9.9, it has 12.4.0, 12.3.1; nothing was changed" in result["msg"]
    assert not host.keyring.exists() and not host.list_file.exists()


def test_refused_signature_puts_everything_back(run, host, server):
    run(version="12.3.1")
    before = host.list_file.read_text()
    host.state(update="W: GPG error: x: NO_PUBKEY 1234\nE: The repository 'x' is not signed.\n")
    result = run(repository=server.url + "/moved", key=server.url + "/gpg.key")
    assert "apt cannot use the repository" in result["msg"] and "NO_PUBKEY 1234" in result["msg"]
    assert result["msg"].endswith("; grafana 12.3.1 stays")
    assert host.list_file.read_text() == before


def test_missing_dependencies_bring_all_lists_up_to_date(run, host):
    host.state(depends=" grafana : Depends: musl but it is not installable\n")
    assert run()["changed"]
    assert len([line for line in host.asked() if " update" in line]) == 2


@pytest.mark.parametrize(
    "says",
    (
        "E: Failed to fetch http://deb.example/musl_1.2.4-1_amd64.deb  404  Not Found [IP: 192.0.2.1 80]\n",
        "E: Package 'musl' has no installation candidate\n",
    ),
)
def test_lists_that_name_files_of_long_ago_are_brought_up_to_date(run, host, says):
    host.state(depends=says)
    assert run()["changed"]
    assert [line for line in host.asked() if "update" in line][-1].endswith("update")


def test_another_apt_is_waited_for(run, host, monkeypatch):
    """apt's own waiting covers the lock of dpkg, not that of the lists, which apt-daily takes after a boot."""
    monkeypatch.setattr(package, "LOCK_PAUSE", 0.01)
    host.state(locked=3)
    assert run()["changed"] and host.state()["locked"] == 0


def test_a_lock_that_apt_waited_for_is_not_why_it_failed(run, host, monkeypatch):
    monkeypatch.setattr(package.time, "sleep", lambda seconds: pytest.fail("waits for nothing"))
    waited = (
        "Waiting for cache lock: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 7 (dpkg)...\n"
    )
    host.state(broken=waited + "E: Sub-process /usr/bin/dpkg returned an error code (1)\n")
    assert "Sub-process /usr/bin/dpkg returned an error code (1)" in run()["msg"]


def test_another_apt_is_not_waited_for_without_end(run, host, monkeypatch):
    monkeypatch.setattr(package, "LOCK_PAUSE", 0.01)
    host.state(locked=10**6)
    result = run(timeout=1)
    assert "Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)" in result["msg"]
    assert result["msg"].endswith("; nothing was changed")


def test_other_version_than_asked_for_is_an_error(run, host):
    host.state(wrong="12.9.0")
    assert "apt installed grafana 12.9.0 instead of 12.4.0" in run()["msg"]


def test_half_installed_package_is_installed_again(run, host):
    run()
    host.state(half="F")
    assert run(check_mode=True)["installed"]


def test_downgrade_only_when_allowed(run, host):
    run()
    host.asked()
    result = run(version="12.3.1")
    assert "grafana 12.4.0 is installed, which is newer than 12.3.1: a downgrade can make its data" in result["msg"]
    assert host.asked() == []
    assert run(version="12.3.1", allow_downgrade=True)["changed"]
    assert any("--allow-downgrades" in line for line in host.asked())


def test_host_without_apt(run, host, monkeypatch):
    monkeypatch.setattr(apt_release.AnsibleModule, "get_bin_path", lambda *_args, **_options: None)
    assert "this host has no apt-get" in run()["msg"]


def test_hold_is_put_right(run, host):
    run()
    host.state(held=False)
    assert run()["changed"] and host.state()["held"]
    assert run(hold=False)["changed"] and not host.state()["held"]
    assert not run(hold=False)["changed"]


def test_package_file(run, host, server, tmp_path):
    path = tmp_path / "grafana.deb"
    path.write_text("deb grafana 12.4.0")
    result = run(deb=str(path))
    assert result["changed"] and host.state()["installed"] == "12.4.0" and host.state()["held"]
    assert not host.keyring.exists() and server.asked == []
    assert not run(deb=str(path))["changed"]
    path.unlink()
    assert not run(deb=str(path))["changed"]  # what is installed needs no file


def test_package_file_of_this_machine_by_its_name_alone(run, host, tmp_path, monkeypatch):
    (tmp_path / "grafana.deb").write_text("deb grafana 12.4.0 amd64")
    monkeypatch.chdir(tmp_path)
    assert run(deb="grafana.deb")["changed"] and host.state()["installed"] == "12.4.0"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "there is no file"),
        ("rpm", "is not a Debian package"),
        ("deb loki 12.4.0", "holds loki 12.4.0, not grafana 12.4.0"),
        ("deb grafana 12.3.1", "holds grafana 12.3.1, not grafana 12.4.0"),
        ("deb grafana 12.4.0 arm64", "grafana.deb is for arm64, and this host is amd64"),
    ],
)
def test_wrong_package_file(run, host, tmp_path, content, says):
    path = tmp_path / "grafana.deb"
    if content:
        path.write_text(content)
    assert says in run(deb=str(path))["msg"]
    assert host.asked() == []


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"fingerprints": []}, "fingerprints is empty"),
        ({"fingerprints": ["9f47"]}, "'9f47', which is not 40 hexadecimal digits"),
        ({"repository": "apt.grafana.com"}, "repository"),
        ({"url_username": "me"}, "url_username and url_password go together"),
        ({"url_username": "me", "url_password": "two words"}, "apt takes none with white space"),
        ({"repository": "http://me:canary@h/x"}, "repository is http://****@h/x: everybody on the host could read"),
        ({"repository": "http://h/x?token=canary"}, "repository is http://h/x?****: everybody"),
    ],
)
def test_bad_options(run, host, args, says):
    assert says in run(**args)["msg"]
    assert host.asked() == []


def test_fingerprints_may_be_written_in_groups_and_small_letters(run, host):
    run()
    groups = " ".join(FINGERPRINT[at : at + 4].lower() for at in range(0, 40, 4))
    assert not run(fingerprints=[groups])["changed"]
