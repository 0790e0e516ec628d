# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import gzip
import hashlib
import http.server
import io
import json
import multiprocessing
import os
import resource
import shutil
import signal
import socket
import ssl
import stat
import struct
import subprocess
import tarfile
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._release import archive as release_archive
from ansible_collections.redisops.monitoring.plugins.module_utils._release import installation as release_installation
from ansible_collections.redisops.monitoring.plugins.module_utils._release import source as release_source
from ansible_collections.redisops.monitoring.plugins.module_utils._release import versions as release_versions
from ansible_collections.redisops.monitoring.plugins.modules import release_binary

MACHINES = {"amd64": 62, "arm64": 183}
HOST = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine)
if HOST is None:
    pytest.skip("no ELF header for this machine in the tests", allow_module_level=True)
OTHER = "arm64" if HOST == "amd64" else "amd64"
NAME = "tool-1.0.linux"


def elf(tag="", machine=HOST):
    """A small program. On amd64 it runs, and ends with the status that stands in front of the tag."""
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + struct.pack("<HHI", 2, MACHINES[machine], 1)
    if machine != "amd64":
        return head.ljust(64, b"\0") + tag.encode()
    status = int(tag.split("-")[0]) if tag[:1].isdigit() else 0
    code = b"\xbf" + struct.pack("<I", status) + b"\xb8\x3c\0\0\0\x0f\x05"
    head += struct.pack("<QQQIHHHHHH", 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    head += struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120 + len(code), 120 + len(code), 4096)
    return head + code + tag.encode()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def tar(files, extra=(), **options):
    """An archive of {path: bytes} and of the TarInfo objects in extra; the same bytes every time."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", **options) as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode, info.uid, info.uname = len(content), 0o4777, 1234, "somebody"
            archive.addfile(info, io.BytesIO(content))
        for info in extra:
            archive.addfile(info)
    return gzip.compress(out.getvalue(), mtime=0)


def special(path, kind, link=""):
    info = tarfile.TarInfo(path)
    info.type, info.linkname = kind, link
    return info


def release(tag="1", **options):
    """Laid out as upstream does: one directory named after the archive, with more in it than programs."""
    files = {
        f"{NAME}/LICENSE": b"text",
        f"{NAME}/tool": elf(f"{tag}-tool"),
        f"{NAME}/docs/toolctl.md": b"# toolctl",
        f"{NAME}/bin/toolctl": elf(f"{tag}-toolctl"),
    }
    return tar(files, **options)


class Mirror(http.server.ThreadingHTTPServer):
    """Serves files = {path: bytes or function of the handler} and keeps what was asked for."""

    daemon_threads = True

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files = {}
        self.requests = []
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def url(self, path, credentials=""):
        return f"{self.scheme}://{credentials}{self.host}{path}"

    def publish(self, directory, archive, content, *, sums=None):
        """Puts an archive and sha256sums.txt under a path; returns the module's options."""
        self.files[f"{directory}/{archive}"] = content
        line = f"{sha256(content)}  {archive}\n"
        self.files[f"{directory}/sha256sums.txt"] = (sums if sums is not None else line).encode()
        return {
            "url": self.url(f"{directory}/{archive}"),
            "checksum": self.url(f"{directory}/sha256sums.txt"),
        }

    def handle_error(self, request, client_address):
        pass  # clients that break off are part of the tests

    def stop(self):
        self.shutdown()
        self.server_close()
        self.thread.join(5)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        body = self.server.files.get(self.path.partition("?")[0])
        if callable(body):
            body(self)
        elif body is None:
            self.answer(404, b"nothing here")
        else:
            self.answer(200, body)

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirror():
    server = Mirror()
    yield server
    server.stop()


@pytest.fixture
def https_mirror(pki):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.issue("mirror"))
    server = Mirror(context)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for variable in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "opt" / "tool"


@pytest.fixture
def run(run_module, root):
    def run(version="1.0", **options):
        options = {"name": "tool", "binaries": ["tool", "toolctl"], "root": str(root), **options}
        return run_module(release_binary, version=version, **options)

    return run


@pytest.fixture
def fail(run, root):
    """A run that must fail: in one line that holds every fragment, and without a trace on the disk."""

    def fail(*fragments, **options):
        before = tree(root.parent.parent, directory_times=False)
        result = run(**options)
        assert result.get("failed"), result
        message = result["msg"]
        for fragment in fragments:
            assert fragment in message
        assert "\n" not in message
        assert len(message) < 700
        assert tree(root.parent.parent, directory_times=False) == before
        return message

    return fail


@pytest.fixture
def from_src(tmp_path):
    """Options that install a release from a file on the host."""

    def options(tag="1", content=None, name=f"{NAME}.tar.gz"):
        content = release(tag) if content is None else content
        path = tmp_path / f"from-{tag}" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return {"src": str(path), "checksum": f"sha256:{sha256(content)}"}

    return options


def tree(path, directory_times=True):
    """Everything below path that a change could show in."""
    seen = {}
    for directory, directories, files in os.walk(path):
        for name in directories + files:
            entry = Path(directory, name)
            facts = entry.lstat()
            content = os.readlink(entry) if entry.is_symlink() else entry.read_bytes() if entry.is_file() else None
            changed = facts.st_mtime_ns if directory_times or content is not None else None
            seen[str(entry)] = (facts.st_mode, facts.st_uid, facts.st_ino, changed, content)
    return seen


def names(root):
    return sorted(entry.name for entry in root.iterdir())


def current(root):
    return [(root / "current" / binary).read_bytes() for binary in ("tool", "toolctl")]


def programs(tag):
    return [elf(f"{tag}-tool"), elf(f"{tag}-toolctl")]


LOCK = ".release_binary.lock"
MANIFEST = ".release_binary.json"


# ------------------------------------------------------------------------------------------------- installing


def test_first_installation(run, mirror, root):
    archive = release("1")
    result = run(**mirror.publish("/v1.0", f"{NAME}.tar.gz", archive))
    assert result["changed"] is True
    assert result["path"] == str(root / "current")
    assert result["version"] == "1.0"
    assert (result["previous_version"], result["switched"]) == (None, False)
    assert result["archive_sha256"] == sha256(archive)
    assert result["downloaded"] is True
    assert result["diff"] == {
        "before_header": str(root),
        "after_header": str(root),
        "before": "current: none\nversions: none\n",
        "after": "current: 1.0\nversions: 1.0\n",
    }
    assert [path for path, headers in mirror.requests] == ["/v1.0/sha256sums.txt", f"/v1.0/{NAME}.tar.gz"]
    assert {headers["User-Agent"] for path, headers in mirror.requests} == {"redisops.monitoring"}
    assert names(root) == [LOCK, "1.0", "current"]
    assert names(root / "1.0") == [MANIFEST, "tool", "toolctl"]
    assert os.readlink(root / "current") == "1.0"
    assert current(root) == programs("1")
    assert json.loads((root / "1.0" / MANIFEST).read_text()) == {
        "name": "tool",
        "version": "1.0",
        "source": f"{NAME}.tar.gz",
        "archive_sha256": sha256(archive),
        "binaries": {
            binary: {"sha256": sha256(content), "size": len(content)}
            for binary, content in zip(["tool", "toolctl"], programs("1"))
        },
    }
    assert stat.S_IMODE((root / LOCK).stat().st_mode) == 0o600


@pytest.mark.skipif(HOST != "amd64", reason="the test's program is written for amd64")
def test_what_is_installed_runs(run, root, from_src):
    run(**from_src("42"))
    assert subprocess.run([root / "current" / "tool"], check=False).returncode == 42


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_modes_and_owner_come_from_neither_archive_nor_umask(run, root, from_src, umask):
    before = os.umask(umask)
    try:
        run(**from_src())
    finally:
        os.umask(before)
    for path in (root.parent, root, root / "1.0", root / "1.0/tool", root / "1.0/toolctl"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
        assert (path.stat().st_uid, path.stat().st_gid) == (os.geteuid(), os.getegid())
    assert stat.S_IMODE((root / "1.0" / MANIFEST).stat().st_mode) == 0o644


def test_unchanged_run_opens_no_connection_and_writes_nothing(run, mirror, root):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    first = run(**options)
    mirror.requests.clear()
    before = tree(root)
    again = run(**options)
    assert again["changed"] is False
    assert again["downloaded"] is False
    assert {key: again[key] for key in ("path", "version", "previous_version", "archive_sha256")} == {
        key: first[key] for key in ("path", "version", "previous_version", "archive_sha256")
    }
    assert again["diff"]["before"] == again["diff"]["after"] == "current: 1.0\nversions: 1.0\n"
    assert run(**{**options, "checksum": f"sha256:{first['archive_sha256'].upper()}"})["changed"] is False
    assert mirror.requests == []
    mirror.stop()
    assert run(**options)["changed"] is False
    assert run()["changed"] is False, "neither source nor checksum is needed"
    assert run(binaries=["toolctl"])["changed"] is False, "what else is installed may stay"
    assert tree(root) == before


def test_unchanged_run_hashes_what_is_installed(run, from_src, monkeypatch):
    run(**from_src())
    hashed = []
    digest = release_versions.file_digest
    monkeypatch.setattr(
        release_versions, "file_digest", lambda path: hashed.append(os.path.basename(path)) or digest(path)
    )
    run(**from_src())
    assert hashed == ["tool", "toolctl"]


def test_upgrade_downgrade_and_pruning(run, mirror, root):
    options = {
        version: mirror.publish(f"/{version}", f"{NAME}.tar.gz", release(version[0]))
        for version in ("1.0", "2.0", "3.0")
    }
    run("1.0", **options["1.0"])
    upgrade = run("2.0", **options["2.0"])
    assert (upgrade["changed"], upgrade["previous_version"], upgrade["downloaded"]) == (True, "1.0", True)
    assert upgrade["diff"]["before"] == "current: 1.0\nversions: 1.0\n"
    assert upgrade["diff"]["after"] == "current: 2.0\nversions: 1.0, 2.0\n"
    assert current(root) == programs("2")
    assert upgrade["switched"] is True
    again = run("2.0", **options["2.0"])
    assert (again["previous_version"], again["switched"]) == ("1.0", False)

    mirror.requests.clear()
    downgrade = run("1.0")
    assert (downgrade["changed"], downgrade["previous_version"], downgrade["downloaded"]) == (True, "2.0", False)
    assert downgrade["archive_sha256"] == sha256(release("1"))
    assert mirror.requests == [], "a version that is still there needs no download"
    assert current(root) == programs("1")

    third = run("3.0", **options["3.0"])
    assert (third["previous_version"], third["switched"]) == ("1.0", True)
    (root / "3.0" / "tool").write_bytes(b"damaged")
    repaired = run("3.0", **options["3.0"])
    assert (repaired["changed"], repaired["previous_version"], repaired["switched"]) == (True, "1.0", False)
    assert third["diff"]["before"] == "current: 1.0\nversions: 1.0, 2.0\n"
    assert third["diff"]["after"] == "current: 3.0\nversions: 1.0, 3.0\n"
    assert names(root) == [LOCK, "1.0", "3.0", "current", "previous"]
    assert os.readlink(root / "previous") == "1.0"


@pytest.mark.parametrize(
    ("keep", "left"),
    [(1, ["4", "5"]), (2, ["4", "5"]), (3, ["3", "4", "5"]), (4, ["2", "3", "4", "5"]), (9, ["1", "2", "3", "4", "5"])],
)
def test_keep(run, root, from_src, keep, left):
    for version in "12345":
        run(version, keep=keep, **from_src(version))
    assert [name for name in names(root) if name.isdigit()] == left


def test_keep_lowered_later(run, root, from_src):
    for version in "1234":
        run(version, keep=9, **from_src(version))
    result = run("4", keep=2)
    assert (result["changed"], result["previous_version"]) == (True, "3")
    assert result["diff"]["before"] == "current: 4\nversions: 1, 2, 3, 4\n"
    assert result["diff"]["after"] == "current: 4\nversions: 3, 4\n"
    assert run("4", keep=2)["changed"] is False


def test_pruning_leaves_other_peoples_files_alone(run, root, from_src):
    run("1", **from_src("1"))
    for name in ("0.1", "backup"):
        (root / name).mkdir()
        (root / name / "tool").write_text("by hand")
    (root / "0.2").mkdir()
    (root / "0.2" / MANIFEST).write_text("{ broken")
    (root / "notes.txt").write_text("notes")
    for version in "234":
        run(version, **from_src(version))
    assert names(root) == [LOCK, "0.1", "0.2", "3", "4", "backup", "current", "notes.txt", "previous"]
    assert (root / "0.1" / "tool").read_text() == "by hand"


def test_current_made_by_hand_is_taken_over(run, root, from_src, tmp_path):
    elsewhere = tmp_path / "tool-0.9"
    elsewhere.mkdir()
    root.mkdir(parents=True)
    (root / "current").symlink_to(elsewhere)
    result = run(**from_src())
    assert result["previous_version"] is None
    assert result["diff"]["before"] == f"current: {elsewhere}\nversions: none\n"
    assert current(root) == programs("1")
    assert elsewhere.is_dir()


def test_current_repaired(run, root, from_src):
    run(**from_src())
    (root / "current").unlink()
    result = run()
    assert (result["changed"], result["diff"]["before"]) == (True, "current: none\nversions: 1.0\n")
    assert current(root) == programs("1")


def test_root_may_be_reached_by_a_link(run, root, from_src, tmp_path):
    (tmp_path / "data").mkdir()
    root.parent.mkdir()
    root.symlink_to(tmp_path / "data")
    assert run(**from_src())["changed"] is True
    assert run()["changed"] is False
    assert run(state="absent")["changed"] is True
    assert run(state="absent")["changed"] is False
    assert list((tmp_path / "data").iterdir()) == []


def test_default_root_is_below_opt():
    params = {"name": "tool", "version": "1", "binaries": ["a", "b", "a"], "root": None, "keep": 2}
    installation = release_installation.Installation(params)
    assert installation.root == "/opt/tool"
    assert installation.binaries == ["a", "b"]


# ------------------------------------------------------------------------------------------------------ mending


def replace_by_link(root, elsewhere):
    shutil.copy(root / "1.0/tool", elsewhere)
    (root / "1.0/tool").unlink()
    (root / "1.0/tool").symlink_to(elsewhere)


GOOD = sha256(elf("1-tool"))
TAMPERED = {
    "content": (lambda root: (root / "1.0/tool").write_bytes(b"evil"), f"tool: sha256:{sha256(b'evil')}"),
    "missing": (lambda root: (root / "1.0/tool").unlink(), "tool: missing"),
    "link": (lambda root: replace_by_link(root, root.parent / "elsewhere"), "tool: not a file"),
    "manifest broken": (lambda root: (root / "1.0" / MANIFEST).write_text("{"), f"{MANIFEST}: unusable"),
    "manifest of another version": (
        lambda root: (root / "1.0" / MANIFEST).write_text(
            (root / "1.0" / MANIFEST).read_text().replace('"version": "1.0"', '"version": "1.1"')
        ),
        f"{MANIFEST}: unusable",
    ),
    "manifest lost": (lambda root: (root / "1.0" / MANIFEST).unlink(), "versions: none"),
    "manifest leads out": (
        lambda root: (root / "1.0" / MANIFEST).write_text(
            (root / "1.0" / MANIFEST).read_text().replace('"tool"', '"../../tool"')
        ),
        f"{MANIFEST}: unusable",
    ),
    "directory lost": (lambda root: shutil.rmtree(root / "1.0"), "versions: none"),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_tampered_version_is_installed_anew(run, mirror, root, case):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    run(**options)
    tamper, told = TAMPERED[case]
    tamper(root)
    mirror.requests.clear()
    predicted = run(check_mode=True, **options)
    assert mirror.requests == []
    result = run(**options)
    assert (result["changed"], result["downloaded"]) == (True, True)
    assert told in result["diff"]["before"].splitlines()
    if told.startswith("tool:"):
        assert f"tool: sha256:{GOOD}" in result["diff"]["after"] or "tool: installed" in result["diff"]["after"]
    assert (predicted["changed"], predicted["diff"]) == (True, result["diff"])
    assert current(root) == programs("1")
    assert names(root) == [LOCK, "1.0", "current"]
    assert names(root / "1.0") == [MANIFEST, "tool", "toolctl"]
    assert run(**options)["changed"] is False


@pytest.mark.parametrize("path", ["tool", ".", MANIFEST])
@pytest.mark.parametrize("mode", [0o777, 0o4755, 0o700])
def test_wrong_mode_is_mended_without_the_archive(run, root, from_src, path, mode):
    run(**from_src())
    (root / "1.0" / path).chmod(mode)
    inode = (root / "1.0/tool").stat().st_ino
    expected = 0o644 if path == MANIFEST else 0o755
    predicted = run(check_mode=True)
    result = run()
    owner = f"owner {os.geteuid()}:{os.getegid()}"
    assert (result["changed"], result["downloaded"]) == (True, False)
    assert result["diff"]["before"].splitlines()[2:] == [f"{path}: mode {mode:04o} {owner}"]
    assert result["diff"]["after"].splitlines()[2:] == [f"{path}: mode {expected:04o} {owner}"]
    assert predicted["diff"] == result["diff"]
    assert stat.S_IMODE((root / "1.0" / path).stat().st_mode) == expected
    assert (root / "1.0/tool").stat().st_ino != inode, "who has the old file open for writing has nothing"
    assert current(root) == programs("1")
    assert run()["changed"] is False


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("ids", [(1234, 0), (0, 1234)])
@pytest.mark.parametrize("path", ["tool", ".", MANIFEST])
def test_wrong_owner_is_mended_without_the_archive(run, root, from_src, path, ids):
    run(**from_src())
    os.chown(root / "1.0" / path, *ids)
    assert run(check_mode=True)["changed"] is True
    assert run()["changed"] is True
    facts = (root / "1.0" / path).stat()
    assert (facts.st_uid, facts.st_gid) == (0, 0)
    assert run()["changed"] is False


def test_program_that_changes_while_it_is_mended(run, root, from_src, fail, monkeypatch):
    run(**from_src())
    (root / "1.0/tool").chmod(0o777)
    monkeypatch.setattr(release_versions, "file_digest", lambda path: sha256(elf(f"1-{os.path.basename(path)}")))
    (root / "1.0/tool").write_bytes(b"evil")
    fail("is being changed by someone else", str(root / "1.0/tool"))


def test_tampered_version_without_a_source(run, root, from_src, fail):
    run(**from_src())
    (root / "1.0/tool").write_bytes(b"evil")
    fail("neither url nor src is given", "1.0")
    fail("checksum is not given", src=from_src()["src"])


def test_other_archive_under_the_same_version(run, root, from_src):
    run(**from_src("1"))
    rebuilt = from_src("7")
    predicted = run(check_mode=True, **rebuilt)
    result = run(**rebuilt)
    assert result["changed"] is True
    assert f"archive: sha256:{sha256(release('1'))}" in result["diff"]["before"]
    assert f"archive: sha256:{sha256(release('7'))}" in result["diff"]["after"]
    assert (predicted["diff"], predicted["archive_sha256"]) == (result["diff"], result["archive_sha256"])
    assert current(root) == programs("7")
    assert run(**rebuilt)["changed"] is False


def test_binary_added_later(run, root, from_src):
    run(binaries=["tool"], **from_src())
    assert names(root / "1.0") == [MANIFEST, "tool"]
    result = run(binaries=["tool", "toolctl"], **from_src())
    assert "toolctl: not installed" in result["diff"]["before"]
    assert names(root / "1.0") == [MANIFEST, "tool", "toolctl"]


def test_kept_version_that_was_tampered_with_is_not_switched_to(run, root, from_src, fail):
    run("1", **from_src("1"))
    run("2", **from_src("2"))
    (root / "1/tool").write_bytes(b"evil")
    fail("neither url nor src is given", version="1")
    assert run("1", **from_src("1"))["previous_version"] == "2"
    assert current(root) == programs("1")


@pytest.mark.parametrize("mode", [0o777, 0o775])
def test_root_that_others_can_write_to(run, root, from_src, fail, mode):
    run(**from_src())
    root.chmod(mode)
    predicted = run(check_mode=True)
    result = run()
    assert (result["changed"], predicted["diff"]) == (True, result["diff"])
    assert f"{root}: mode {mode:04o}" in result["diff"]["before"]
    assert stat.S_IMODE(root.stat().st_mode) == 0o755
    assert run()["changed"] is False
    root.chmod(mode)
    (root / "somebody's").write_text("file")
    fail("can be written by others and holds more than tool", str(root))
    fail("can be written by others and holds more than tool", version="2.0", **from_src("2"))


# --------------------------------------------------------------------------------------------------- check mode


def test_check_mode_predicts_and_touches_nothing(run, mirror, root, tmp_path):
    options = {
        version: mirror.publish(f"/{version}", f"{NAME}.tar.gz", release(version[0]))
        for version in ("1.0", "2.0", "3.0")
    }
    steps = [(version, options[version]) for version in ("1.0", "1.0", "2.0", "3.0", "2.0")]
    steps += [(version, {"state": "absent"}) for version in ("2.0", "1.0", "3.0", "3.0")]
    for version, arguments in steps:
        mirror.requests.clear()
        before = tree(tmp_path)
        predicted = run(version, check_mode=True, **arguments)
        assert tree(tmp_path) == before
        assert mirror.requests == []
        result = run(version, **arguments)
        told = ("changed", "diff", "path", "version", "previous_version")
        assert {key: predicted[key] for key in told} == {key: result[key] for key in told}
        assert predicted["archive_sha256"] in (None, result["archive_sha256"])
        assert predicted["downloaded"] is False
    assert not root.exists()


def test_check_mode_on_a_blank_host(run, root):
    """Files that earlier tasks would have put there are not there yet."""
    result = run(check_mode=True, src="/nowhere/tool.tar.gz", checksum="/nowhere/sha256sums.txt")
    assert (result["changed"], result["archive_sha256"]) == (True, None)
    assert not root.parent.exists()


def test_check_mode_still_refuses_what_can_be_told(fail, root):
    fail("checksum is not given", check_mode=True, url="http://127.0.0.1:9/tool.tar.gz")
    root.parent.mkdir()
    root.write_text("a file")
    fail("is not a directory", check_mode=True, url="http://127.0.0.1:9/tool.tar.gz", checksum="/x")


# ------------------------------------------------------------------------------------------------------ formats

PROGRAM = elf("1-tool")
FORMATS = {
    "tool.tar.gz": release(),
    "wrong-suffix.zip": release(),
    "pax.tar.gz": release(format=tarfile.PAX_FORMAT),
    "ustar.tar.gz": release(format=tarfile.USTAR_FORMAT),
    "dot.tar.gz": tar({"./tool": PROGRAM}),
    "links.tar.gz": tar(
        {"t/tool": PROGRAM},
        extra=[special("t/lib/a", tarfile.SYMTYPE, "../tool"), special("t/b", tarfile.LNKTYPE, "t/tool")],
    ),
    "directory.tar.gz": tar({"tool/tool": PROGRAM}, extra=[special("tool", tarfile.DIRTYPE)]),
}


@pytest.mark.parametrize("archive", FORMATS)
def test_archives(run, root, from_src, archive):
    result = run(binaries=["tool"], **from_src(content=FORMATS[archive], name=archive))
    assert result["changed"] is True
    assert (root / "current/tool").read_bytes() == PROGRAM
    assert names(root / "1.0") == [MANIFEST, "tool"]


BAD_ARCHIVES = {
    "not an archive": (b"just some text, no archive", ["cannot be read as tar.gz"]),
    "empty": (b"", ["cannot be read as tar.gz"]),
    "gz of text": (gzip.compress(b"text" * 500), ["cannot be read as tar.gz"]),
    "truncated": (release()[:200], ["cannot be read", "damaged"]),
    "cut in a program": (gzip.compress(gzip.decompress(release())[:1900]), ["cannot be read", "damaged"]),
    "altered inside": (release()[:60] + b"\xff\xff\xff" + release()[63:], ["cannot be read", "damaged"]),
    "without compression": (gzip.decompress(release()), ["cannot be read as tar.gz"]),
    "binary missing": (
        tar({f"{NAME}/tool": PROGRAM, f"{NAME}/README": b"x"}),
        ["does not hold toolctl", f"it holds {NAME}/README"],
    ),
    "nothing in it": (tar({}), ["does not hold tool, toolctl", "it holds nothing"]),
    "many files, none of them right": (
        tar({f"d/file{number}": b"x" for number in range(40)}),
        ["does not hold tool, toolctl", "d/file11 and 28 more"],
    ),
    "wrong architecture": (
        tar({"tool": PROGRAM, "toolctl": elf(machine=OTHER)}),
        [f"toolctl in {NAME}.tar.gz is built for {OTHER}", f"this host is {HOST}", f"give the archive for {HOST}"],
    ),
    "script": (tar({"tool": PROGRAM, "toolctl": b"#!/bin/sh\n"}), ["toolctl in", "is not a Linux program", "#!/bin/s"]),
    "cut ELF": (tar({"tool": PROGRAM, "toolctl": PROGRAM[:10]}), ["toolctl in", "is not a Linux program"]),
    "Windows": (tar({"tool": b"MZ\x90\0" + bytes(100), "toolctl": PROGRAM}), ["tool in", "is not a Linux program"]),
    "zero size": (tar({"tool": PROGRAM, "toolctl": b""}), ["toolctl in", "is not a Linux program"]),
    "traversal": (tar({"tool": PROGRAM, "../../toolctl": PROGRAM}), ["is not safe", "file ../../toolctl"]),
    "traversal inside": (tar({"tool": PROGRAM, "a/../toolctl": PROGRAM}), ["is not safe", "file a/../toolctl"]),
    "traversal elsewhere": (tar({"../etc/cron.d/x": b"x", "tool": PROGRAM}), ["is not safe", "../etc/cron.d/x"]),
    "absolute": (tar({"/usr/bin/toolctl": PROGRAM}), ["is not safe", "file /usr/bin/toolctl"]),
    "symbolic link escapes": (
        tar({"tool": PROGRAM}, extra=[special("a/toolctl", tarfile.SYMTYPE, "../../etc/shadow")]),
        ["is not safe", "symbolic link a/toolctl -> ../../etc/shadow leads out"],
    ),
    "symbolic link to absolute": (
        tar({"tool": PROGRAM}, extra=[special("toolctl", tarfile.SYMTYPE, "/etc/shadow")]),
        ["is not safe", "symbolic link toolctl -> /etc/shadow"],
    ),
    "hard link escapes": (
        tar({"tool": PROGRAM}, extra=[special("toolctl", tarfile.LNKTYPE, "../../etc/shadow")]),
        ["is not safe", "hard link toolctl -> ../../etc/shadow"],
    ),
    "device": (tar({}, extra=[special("toolctl", tarfile.CHRTYPE)]), ["is not safe", "special file toolctl"]),
    "block device": (tar({}, extra=[special("sda", tarfile.BLKTYPE)]), ["is not safe", "special file sda"]),
    "fifo": (tar({}, extra=[special("toolctl", tarfile.FIFOTYPE)]), ["is not safe", "special file toolctl"]),
    "link wanted": (
        tar({"tool-1": PROGRAM}, extra=[special("tool", tarfile.SYMTYPE, "tool-1")]),
        ["symbolic link tool -> tool-1", "name the file that it leads to"],
    ),
    "twice": (
        tar({"a/tool": PROGRAM, "b/tool": PROGRAM, "toolctl": PROGRAM}),
        ["two files called tool", "(a/tool and b/tool)"],
    ),
    "name with a line break": (tar({"../a\nb\x1b[31m": b"x"}), ["is not safe", "../a b?[31m"]),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_bad_archives(run, root, fail, from_src, case):
    """Each with a checksum that fits: it is the content that must be refused."""
    content, fragments = BAD_ARCHIVES[case]
    bad = from_src("2", content=content)
    fail("tool 2.0: ", f"{NAME}.tar.gz", *fragments, version="2.0", **bad)
    assert not root.parent.exists(), "a first installation that fails leaves nothing"
    run("1.0", **from_src("1"))
    fail(*fragments, version="2.0", **bad)
    assert current(root) == programs("1")


@pytest.mark.parametrize("machine", MACHINES)
def test_architectures(run, from_src, fail, monkeypatch, machine):
    options = from_src(content=tar({"tool": elf(machine=machine)}))
    for host, uname in (("amd64", "x86_64"), ("arm64", "aarch64"), (machine, "riscv64")):
        facts = os.uname_result(("Linux", "host", "6.1", "#1", uname))
        monkeypatch.setattr(os, "uname", lambda facts=facts: facts)
        if host == machine:  # or the host is of a kind that we know nothing of
            assert run(binaries=["tool"], **options)["changed"] is True
            run(binaries=["tool"], state="absent")
        else:
            fail(f"is built for {machine}, this host is {host}", binaries=["tool"], **options)


@pytest.mark.parametrize(
    ("limit", "value", "fragment"),
    [
        ("MAX_ARCHIVE", 100, "is larger than 100 bytes"),
        ("MAX_CHECKSUM_FILE", 20, "is larger than 20 bytes"),
    ],
)
def test_limits(fail, mirror, monkeypatch, limit, value, fragment):
    monkeypatch.setattr(release_source, limit, value)
    fail(fragment, **mirror.publish("/v1.0", f"{NAME}.tar.gz", release()))


def test_bomb_is_not_unpacked(fail, from_src, monkeypatch):
    """A gigabyte of zeros in a file that nobody asked for."""
    monkeypatch.setattr(release_archive, "MAX_UNPACKED", 50 << 20)
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as packed:
        info = tarfile.TarInfo("zeros")
        info.size = 1 << 30
        packed.write(info.tobuf())
        for _part in range(60):
            packed.write(bytes(1 << 20))
    started = time.monotonic()
    fail("unpacks to more than", **from_src(content=out.getvalue()))
    assert time.monotonic() - started < 5


# ----------------------------------------------------------------------------------------------------- checksums

DIGEST = sha256(release())
OTHER_DIGEST = sha256(b"another")
SUMS = {
    "plain": f"{OTHER_DIGEST}  other.tar.gz\n{DIGEST}  {NAME}.tar.gz\n",
    "binary mode": f"{DIGEST} *{NAME}.tar.gz\n",
    "upper case": f"{DIGEST.upper()}  {NAME}.tar.gz\n",
    "with directory": f"{DIGEST}  ./dist/{NAME}.tar.gz\n",
    "Windows line ends": f"{OTHER_DIGEST}  other.tar.gz\r\n{DIGEST}  {NAME}.tar.gz\r\n",
    "byte order mark": f"\ufeff{DIGEST}  {NAME}.tar.gz\n",
    "no line end": f"{DIGEST}  {NAME}.tar.gz",
    "signed": f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{DIGEST}  {NAME}.tar.gz\n-----BEGIN PGP SIGNATURE",
    "listed twice alike": f"{DIGEST}  {NAME}.tar.gz\n{DIGEST}  {NAME}.tar.gz\n",
}
BAD_SUMS = {
    "not listed": (f"{DIGEST}  other.tar.gz\n", [f"does not list {NAME}.tar.gz"]),
    "longer name": (f"{DIGEST}  {NAME}.tar.gz.asc\n{DIGEST}  x{NAME}.tar.gz\n", [f"does not list {NAME}.tar.gz"]),
    "empty": ("", [f"does not list {NAME}.tar.gz"]),
    "digest alone": (f"{DIGEST}\n", [f"does not list {NAME}.tar.gz"]),
    "web page": ("<!doctype html><p>Sign in", [f"does not list {NAME}.tar.gz"]),
    "two digests": (f"{DIGEST}  {NAME}.tar.gz\n{OTHER_DIGEST}  {NAME}.tar.gz\n", ["with different digests"]),
    "sha512": (f"{'a' * 128}  {NAME}.tar.gz\n", [f"does not list {NAME}.tar.gz by sha256"]),
    "md5": (f"{'a' * 32}  {NAME}.tar.gz\n", [f"does not list {NAME}.tar.gz by sha256"]),
}


@pytest.mark.parametrize("prefix", ["", "sha256:", "SHA256:"])
@pytest.mark.parametrize("case", SUMS)
def test_checksum_files(run, mirror, case, prefix):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release(), sums=SUMS[case])
    assert run(**{**options, "checksum": prefix + options["checksum"]})["archive_sha256"] == DIGEST


@pytest.mark.parametrize("case", BAD_SUMS)
def test_bad_checksum_files(fail, mirror, case):
    text, fragments = BAD_SUMS[case]
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release(), sums=text)
    fail(*fragments, options["checksum"], **options)
    assert len(mirror.requests) == 1, "the archive is not even asked for"


def test_checksum_file_on_the_host(run, fail, from_src, tmp_path):
    sums = tmp_path / "sha256sums.txt"
    fail("cannot read the checksum file", str(sums), **{**from_src(), "checksum": str(sums)})
    sums.write_text(SUMS["plain"])
    assert run(**{**from_src(), "checksum": str(sums)})["archive_sha256"] == DIGEST


def test_checksum_file_named_after_the_archive(run, fail, mirror):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    mirror.files[f"/v1.0/{NAME}.tar.gz.sha256"] = f"{DIGEST}\n".encode()
    options["checksum"] = options["url"] + ".sha256"
    assert run(**options)["archive_sha256"] == DIGEST


def test_percent_encoded_archive_name(run, mirror):
    mirror.files["/v1.0/tool%2Bx.tar.gz"] = release()
    mirror.files["/v1.0/sums"] = f"{DIGEST}  tool+x.tar.gz\n".encode()
    options = {"url": mirror.url("/v1.0/tool%2Bx.tar.gz?raw=1"), "checksum": mirror.url("/v1.0/sums")}
    assert run(**options)["changed"] is True


@pytest.mark.parametrize(
    ("checksum", "fragment"),
    [
        ("sha256:abc", "neither sha256:<64 hex digits> nor"),
        (DIGEST, "neither sha256:<64 hex digits> nor"),
        ("sha256sums.txt", "neither sha256:<64 hex digits> nor"),
        ("md5:d41d8cd98f00b204e9800998ecf8427e", "checksum md5: is not supported"),
        ("sha512:" + "a" * 128, "checksum sha512: is not supported"),
        ("ftp://127.0.0.1/sums", "cannot be fetched"),
        (None, "checksum is not given"),
        ("", "checksum is not given"),
    ],
)
def test_unusable_checksum(fail, from_src, checksum, fragment):
    fail(fragment, **{**from_src(), "checksum": checksum})


def test_altered_archive(run, fail, mirror, root):
    run("1.0", **mirror.publish("/v1.0", f"{NAME}.tar.gz", release("1")))
    options = mirror.publish("/v2.0", f"{NAME}.tar.gz", release("2"))
    mirror.files[f"/v2.0/{NAME}.tar.gz"] = release("6")
    fail(
        "tool 2.0: checksum mismatch",
        options["url"],
        f"is sha256:{sha256(release('6'))}",
        f"{options['checksum']} says sha256:{sha256(release('2'))}",
        version="2.0",
        **options,
    )
    pinned = f"sha256:{sha256(release('2'))}"
    fail("checksum mismatch", f"the option checksum says {pinned}", version="2.0", **{**options, "checksum": pinned})
    assert current(root) == programs("1")


def test_login_page_instead_of_the_archive(fail, mirror):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    mirror.files[f"/v1.0/{NAME}.tar.gz"] = b"\n<!DOCTYPE html><html>Sign in</html>"
    fail("checksum mismatch", "web page", **options)


def test_altered_src(fail, from_src):
    options = from_src()
    Path(options["src"]).write_bytes(release("6"))
    fail("checksum mismatch", options["src"], **options)


def test_src_missing(fail, tmp_path):
    fail("cannot read src", "put it on the managed host", src=str(tmp_path / "x.tar.gz"), checksum="sha256:" + DIGEST)
    fail("cannot read src", "Is a directory", src=str(tmp_path), checksum="sha256:" + DIGEST)


# --------------------------------------------------------------------------------------------------------- HTTP


def test_not_found(fail, mirror):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    fail(
        f"{mirror.url('/x.tar.gz')} answered 404",
        "check the version",
        url=mirror.url("/x.tar.gz"),
        checksum="sha256:" + DIGEST,
    )
    fail(f"{mirror.url('/nosums')} answered 404", **{**options, "checksum": mirror.url("/nosums")})


@pytest.mark.parametrize("status", [401, 403, 407, 500, 503])
def test_refused(fail, mirror, status):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    mirror.files[f"/v1.0/{NAME}.tar.gz"] = lambda handler: handler.answer(status)
    fail(f"{options['url']} answered {status}", ": ", **options)


def test_truncated_download(run, fail, mirror, root):
    run("1.0", **mirror.publish("/v1.0", f"{NAME}.tar.gz", release("1")))
    options = mirror.publish("/v2.0", f"{NAME}.tar.gz", release("2"))
    size = len(release("2"))

    def cut(handler):
        handler.answer(200, release("2")[:-50], Content_Length=str(size))

    mirror.files[f"/v2.0/{NAME}.tar.gz"] = cut
    fail("is truncated", f"{size - 50} of {size} bytes", options["url"], version="2.0", **options)
    assert current(root) == programs("1")


def test_content_length_too_short(fail, mirror):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())

    def short(handler):
        handler.answer(200, release(), Content_Length=str(len(release()) - 50))

    mirror.files[f"/v1.0/{NAME}.tar.gz"] = short
    fail("checksum mismatch", f"({len(release()) - 50} bytes)", **options)


def test_broken_chunks_and_resets(fail, mirror):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())

    def chunked(handler):
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b"fff\r\nonly this")

    def reset(handler):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    mirror.files[f"/v1.0/{NAME}.tar.gz"] = chunked
    fail("broke off after", options["url"], **options)
    mirror.files[f"/v1.0/{NAME}.tar.gz"] = reset
    fail("cannot reach", options["url"], **options)
    mirror.files[f"/v1.0/{NAME}.tar.gz"] = lambda handler: handler.wfile.write(b"not HTTP at all\r\n")
    fail("cannot reach", options["url"], **options)


def test_chunked_download(run, mirror):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())

    def chunked(handler):
        handler.protocol_version = "HTTP/1.1"
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in (release()[:100], release()[100:]):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")

    mirror.files[f"/v1.0/{NAME}.tar.gz"] = chunked
    assert run(**options)["archive_sha256"] == DIGEST


def test_content_encoding_is_not_undone(run, mirror):
    """Web servers that know .gz as an encoding send it as such; the digest is that of the file."""
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    mirror.files[f"/v1.0/{NAME}.tar.gz"] = lambda handler: handler.answer(200, release(), Content_Encoding="gzip")
    assert run(**options)["archive_sha256"] == DIGEST


def test_unreachable(fail, mirror):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    mirror.stop()
    fail("cannot reach", options["checksum"], "connection refused", **options)
    fail("cannot reach http://name.invalid/x.tar.gz", url="http://name.invalid/x.tar.gz", checksum="sha256:" + DIGEST)


def test_silent_server(fail, mirror):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    release_server = threading.Event()
    mirror.files[f"/v1.0/{NAME}.tar.gz"] = lambda handler: release_server.wait(10)
    started = time.monotonic()
    fail("cannot reach", options["url"], "no answer within 1 s", timeout=1, **options)

    def stall(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"x")
        release_server.wait(10)

    mirror.files[f"/v1.0/{NAME}.tar.gz"] = stall
    fail("broke off after", "timed out", timeout=1, **options)
    release_server.set()
    assert time.monotonic() - started < 6


def redirect(target, status=302):
    return lambda handler: handler.answer(status, Location=target)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects(run, mirror, status):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    mirror.files["/v1.0/store"] = mirror.files[f"/v1.0/{NAME}.tar.gz"]
    mirror.files["/hop"] = redirect("/v1.0/store?X-Signature=secret", status)
    mirror.files[f"/v1.0/{NAME}.tar.gz"] = redirect(mirror.url("/hop"), status)
    assert run(**options)["archive_sha256"] == DIGEST, "the archive keeps the name that its URL has"


def test_redirect_into_nothing(fail, mirror):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    mirror.files[f"/v1.0/{NAME}.tar.gz"] = redirect("/gone?token=canary")
    message = fail(f"{options['url']} answered 404", f"after a redirect to {mirror.url('/gone?****')}", **options)
    assert "canary" not in message
    mirror.files[f"/v1.0/{NAME}.tar.gz"] = redirect(f"/v1.0/{NAME}.tar.gz")
    fail("redirects more than 10 times", **options)
    mirror.files[f"/v1.0/{NAME}.tar.gz"] = redirect("file:///etc/passwd")
    fail("file:///etc/passwd", **options)


def test_https_with_a_private_ca(run, fail, https_mirror, pki, tmp_path):
    options = https_mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    fail("cannot reach", "certificate refused", "ca_path", **options)
    fail("ca_path", "cannot be used: no such file", ca_path=str(tmp_path / "no.pem"), **options)
    assert https_mirror.requests == []
    assert run(ca_path=pki.ca(), **options)["changed"] is True
    run(state="absent")
    assert run(validate_certs=False, **options)["changed"] is True


def test_client_certificate(run, fail, pki):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pki.issue("mirror"))
    context.load_verify_locations(pki.ca())
    context.verify_mode = ssl.CERT_REQUIRED
    server = Mirror(context)
    try:
        options = {"ca_path": pki.ca(), **server.publish("/v1.0", f"{NAME}.tar.gz", release())}
        fail(options["checksum"], **options)
        cert, key = pki.issue("client", usage="client")
        assert run(client_cert=cert, client_key=key, **options)["changed"] is True
    finally:
        server.stop()


def test_redirect_from_https_to_http_is_refused(fail, https_mirror, mirror, pki):
    options = https_mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    plain = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    https_mirror.files[f"/v1.0/{NAME}.tar.gz"] = redirect(plain["url"])
    fail("from https to plain http", options["url"], plain["url"], ca_path=pki.ca(), **options)
    assert mirror.requests == []


def needs_basic(body, user="me", password="s3cr3t:pw"):
    expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def answer(handler):
        if handler.headers.get("Authorization") == expected:
            handler.answer(200, body)
        else:
            handler.answer(401, WWW_Authenticate='Basic realm="mirror"')

    return answer


@pytest.mark.parametrize("force", [True, False])
@pytest.mark.parametrize("way", ["options", "url"])
def test_basic_authentication(run, fail, mirror, way, force):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    for path, body in list(mirror.files.items()):
        mirror.files[path] = needs_basic(body)
    fail("answered 401", "set url_username", **options)
    if way == "url":
        options = {key: value.replace("http://", "http://me:s3cr3t%3Apw@") for key, value in options.items()}
    else:
        options.update(url_username="me", url_password="s3cr3t:pw")
    result = run(force_basic_auth=force, **options)
    assert result["changed"] is True
    assert "s3cr3t" not in json.dumps(result)
    assert run(check_mode=True, force_basic_auth=force, **options)["changed"] is False


def test_credentials_stay_with_their_server(run, mirror, pki):
    """What the mirror redirects to, such as a bucket, must not see them; nor must the host of the checksum file."""
    bucket = Mirror()
    try:
        options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
        bucket.files["/object"] = release()
        bucket.files["/sums"] = SUMS["plain"].encode()
        mirror.files[f"/v1.0/{NAME}.tar.gz"] = redirect("/again")
        mirror.files["/again"] = redirect(bucket.url("/object"))
        run(
            **{**options, "checksum": bucket.url("/sums")},
            headers={"X-Token": "canary-header", "X-Number": 5},
            url_username="me",
            url_password="canary-password",
            force_basic_auth=True,
        )
        assert [path for path, headers in bucket.requests] == ["/sums", "/object"]
        for _path, headers in bucket.requests:
            assert "X-Token" not in headers
            assert "Authorization" not in headers
        assert [path for path, headers in mirror.requests] == [f"/v1.0/{NAME}.tar.gz", "/again"]
        for _path, headers in mirror.requests:
            assert (headers["X-Token"], headers["X-Number"]) == ("canary-header", "5")
            assert headers["Authorization"].startswith("Basic ")
    finally:
        bucket.stop()


CANARIES = ("canary-user", "canary-password", "canary-token", "canary-header")


@pytest.mark.parametrize("outcome", ["installed", "not found", "mismatch", "unreachable", "unlisted"])
def test_no_secret_in_any_output(run, mirror, outcome, monkeypatch):
    logged = []
    monkeypatch.setattr(release_binary.AnsibleModule, "_log_to_syslog", lambda self, msg: logged.append(msg))
    monkeypatch.setattr("ansible.module_utils.basic.has_journal", False)
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    if outcome == "not found":
        del mirror.files[f"/v1.0/{NAME}.tar.gz"]
    elif outcome == "mismatch":
        mirror.files[f"/v1.0/{NAME}.tar.gz"] = release("6")
    elif outcome == "unlisted":
        mirror.files["/v1.0/sha256sums.txt"] = b""
    elif outcome == "unreachable":
        mirror.stop()
    for key, value in options.items():
        options[key] = value.replace("http://", "http://canary-user:canary-password@") + "?X-Amz-Signature=canary-token"
    result = run(diff=True, headers={"Authorization": "canary-header"}, **options)
    assert result.get("failed", False) is (outcome != "installed")
    output = json.dumps(result) + " ".join(logged)
    assert f"http://****@{mirror.host}/v1.0/{NAME}.tar.gz?****" in output
    assert "Authorization" not in json.dumps(result.get("msg", ""))
    for canary in CANARIES:
        assert canary not in output
    assert any("version=1.0" in line for line in logged), "the run is logged on the host all the same"


@pytest.mark.parametrize("value", ["canary-header\nX-More: y", "canary-header\r"])
def test_header_that_would_break_the_request(fail, mirror, value):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    assert "canary" not in fail("the request cannot be sent", headers={"X-Token": value}, **options)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://me:canary@127.0.0.1/x.tar.gz",
        "file:///tmp/x.tar.gz",
        "http:///x.tar.gz",
        "http://127.0.0.1:99999/x.tar.gz",
        "http://me:canary@127.0.0.1:port/x.tar.gz",
        "http://me:canary@[::1/x.tar.gz",
        "http://127.0.0.1/a b.tar.gz",
        "/tmp/x.tar.gz",
        "tool.tar.gz",
    ],
)
def test_unusable_url(fail, url):
    message = fail("url ", "cannot be fetched", "src", url=url, checksum="sha256:" + DIGEST)
    assert "canary" not in message


def test_url_without_a_file_name(fail):
    fail("does not end in a file name", url="http://127.0.0.1/releases/", checksum="sha256:" + DIGEST)


def test_proxy_of_the_environment(run, fail, mirror, monkeypatch):
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    proxy = Mirror()
    try:
        for path, content in mirror.files.items():
            proxy.files[mirror.url(path)] = content
        monkeypatch.setenv("http_proxy", proxy.url(""))
        assert run(**options)["changed"] is True
        assert len(proxy.requests) == 2
        assert mirror.requests == []
        run(state="absent")
        assert run(use_proxy=False, **options)["changed"] is True
        assert len(proxy.requests) == 2
        assert len(mirror.requests) == 2
    finally:
        proxy.stop()


# ------------------------------------------------------------------------------------------------------ options


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "../x", "/etc", ".hidden", "-rf", "a b", "a\nb", "a\0b", "ä"])
@pytest.mark.parametrize("option", ["name", "version", "binaries"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_names_that_are_no_file_names(fail, from_src, option, bad, state):
    fail(option, "file name", **{**from_src(), option: [bad] if option == "binaries" else bad, "state": state})


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"version": "current"}, "version current is the name of a link"),
        ({"version": "previous"}, "version previous is the name of a link"),
        ({"binaries": []}, "binaries is empty"),
        ({"root": "/"}, "root / is not usable"),
        ({"root": "//"}, "is not usable"),
        ({"root": "opt/tool"}, "root opt/tool is not usable"),
        ({"root": "/opt/to\0ol"}, "root /opt/to?ol is not usable"),
        ({"src": "/opt/to\0ol"}, "cannot read src /opt/to?ol"),
        ({"checksum": "/opt/to\0ol"}, "cannot read the checksum file /opt/to?ol"),
        ({"keep": 0}, "keep 0 is too small"),
        ({"url": "http://127.0.0.1/x.tar.gz"}, "mutually exclusive"),
    ],
)
def test_unusable_options(fail, from_src, options, fragment):
    fail(fragment, **{**from_src(), **options})


def test_unusable_timeout(fail):
    fail("timeout 0 is too small", url="http://127.0.0.1/x.tar.gz", checksum="sha256:" + DIGEST, timeout=0)


def test_no_source(fail):
    fail("neither url nor src is given")


def test_version_directory_of_someone_else(run, fail, root, from_src):
    (root / "1.0").mkdir(parents=True)
    (root / "1.0/precious").write_text("data")
    fail(f"{root / '1.0'} exists and was not installed by this module", "move it away", **from_src())
    fail("was not installed by this module", state="absent")
    (root / "2.0").symlink_to("1.0")
    fail("was not installed by this module", version="2.0", **from_src())
    (root / "3.0").write_text("a file")
    fail("was not installed by this module", version="3.0", **from_src())


def test_current_that_is_no_link(fail, root, from_src):
    (root / "current").mkdir(parents=True)
    fail(f"{root / 'current'} is not a symbolic link", "move it away", **from_src())


def test_root_of_another_program(run, fail, from_src):
    run(**from_src())
    fail("holds tool", "give other a root of its own", name="other", version="2.0", **from_src("2"))
    fail("holds tool", name="other", state="absent")


def test_root_that_is_a_file(fail, root, from_src):
    root.parent.mkdir()
    root.write_text("a file")
    fail(f"root {root} is not a directory", "choose another root", **from_src())
    fail("is not a directory", state="absent")
    fail("choose a root whose parents are directories", str(root), root=str(root / "tool"), **from_src())


# -------------------------------------------------------------------------------------------------- the disk


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "No space left on device): free some space"),
        (errno.EDQUOT, "raise the quota"),
        (errno.EROFS, "mount the file system writable"),
        (errno.EACCES, "run with become: true"),
        (errno.EIO, "check the file system"),
    ],
)
@pytest.mark.parametrize("call", ["fsync", "rename", "mkdir", "fchmod"])
def test_disk_errors(run, fail, root, from_src, monkeypatch, call, number, cure):
    run("1.0", **from_src("1"))

    def broken(*arguments, **options):
        raise OSError(number, os.strerror(number))

    options = from_src("2")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, broken)
        fail(f"tool 2.0: cannot work in {root} (", cure, version="2.0", **options)
    assert current(root) == programs("1")
    assert run("2.0", **options)["changed"] is True


def test_file_that_cannot_be_written_to_its_end(run, fail, root, from_src):
    """A real refusal of the kernel in the middle of a write."""
    run("1.0", **from_src("1"))
    big = from_src("2", content=tar({"tool": PROGRAM + os.urandom(300000), "toolctl": PROGRAM}))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100000, limits[1]))
    try:
        fail("cannot work in", "File too large", version="2.0", **big)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert current(root) == programs("1")


def test_directories_that_cannot_be_synced(run, from_src, monkeypatch):
    fsync = os.fsync

    def files_only(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", files_only)
    assert run(**from_src())["changed"] is True


def test_everything_is_synced_before_it_is_switched_to(run, root, from_src, monkeypatch):
    run("1.0", **from_src("1"))
    events = []
    fsync, rename = os.fsync, os.rename
    monkeypatch.setattr(
        os, "fsync", lambda fd: events.append(("fsync", os.readlink(f"/proc/self/fd/{fd}"))) or fsync(fd)
    )
    monkeypatch.setattr(os, "rename", lambda old, new: events.append(("rename", str(new))) or rename(old, new))
    run("2.0", **from_src("2"))
    synced = [os.path.basename(path) for kind, path in events[: events.index(("rename", str(root / "2.0")))]]
    assert {"tool", "toolctl", MANIFEST, "new"} <= set(synced)
    renamed = [path for kind, path in events if kind == "rename"]
    assert renamed == [str(root / "2.0"), str(root / "previous"), str(root / "current")]
    for path in renamed:
        assert events[events.index(("rename", path)) + 1] == ("fsync", str(root))

    (root / "2.0/tool").write_bytes(b"evil")
    events.clear()
    run("2.0", **from_src("2"))
    synced = [os.path.basename(path) for kind, path in events[: events.index(("rename", str(root / "2.0")))]]
    assert {"tool", "toolctl", MANIFEST, "new", "twin"} <= set(synced)


# --------------------------------------------------------------------------------------------------- interruption

STEPS = ("rename", "symlink", "link", "fsync", "mkdir", "rmdir", "unlink", "open", "chmod", "chown", "fchmod", "fchown")


def count_calls(at, action, patch):
    """Calls action instead of the at-th of all calls to the functions that change something on the disk."""
    seen = [0]

    def counted(function):
        def call(*arguments, **options):
            seen[0] += 1
            if seen[0] == at:
                action()
            return function(*arguments, **options)

        return call

    for step in STEPS:
        patch(os, step, counted(getattr(os, step)))
    return seen


def killed_run(run, at, options):
    """A run in a process of its own that is killed before its at-th step; True when it got to its end."""
    child = os.fork()
    if child == 0:
        try:
            count_calls(at, lambda: os.kill(os.getpid(), signal.SIGKILL), setattr)
            run(**options)
        finally:
            os._exit(0)
    _pid, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status) or os.WTERMSIG(status) == signal.SIGKILL
    return os.WIFEXITED(status)


def tampered(root):
    (root / "1/tool").write_bytes(b"evil")


# name: versions there, version current, what else happens before, the run, current before and after
INTERRUPTED = {
    "first installation": ([], None, None, "1", {}, None, programs("1")),
    "upgrade": (["1"], "1", None, "2", {}, programs("1"), programs("2")),
    "upgrade with pruning": (["1", "2", "3"], "3", None, "4", {}, programs("3"), programs("4")),
    "downgrade": (["1", "2"], "2", None, "1", {}, programs("2"), programs("1")),
    "mending current": (["1"], "1", tampered, "1", {}, [b"evil", programs("1")[1]], programs("1")),
    "mending a mode": (["1"], "1", lambda root: (root / "1/tool").chmod(0o777), "1", {}, programs("1"), programs("1")),
    "mending another": (["1", "2"], "2", tampered, "1", {}, programs("2"), programs("1")),
    "removal": (["1", "2"], "2", None, "2", {"state": "absent"}, programs("2"), None),
    "last removal": (["1"], "1", None, "1", {"state": "absent"}, programs("1"), None),
}


@pytest.fixture
def interrupted(run, root, from_src, tmp_path, monkeypatch):
    """Puts the same beginning there again and again, and checks what is there after an interruption."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # counted as a step all the same, but hundreds take a minute

    def prepare(case):
        versions, _current, tamper, version, options, before, after = INTERRUPTED[case]
        template = tmp_path / "template"
        for number in versions:
            run(number, keep=9, **from_src(number))
        if tamper:
            tamper(root)
        root.parent.mkdir(exist_ok=True)
        root.parent.rename(template)
        arguments = {**(from_src(version) if not options else {}), **options, "version": version}

        def reset():
            shutil.rmtree(root.parent, ignore_errors=True)
            shutil.copytree(template, root.parent, symlinks=True)

        def check():
            link = root / "current"
            found = current(root) if link.is_symlink() else None
            assert found in (before, after)

        def check_converged():
            result = run(**arguments)
            assert not result.get("failed"), result
            assert run(**arguments)["changed"] is False
            if after is None:
                assert not (root / "current").is_symlink()
                assert root.exists() is (len(versions) > 1)
            else:
                assert current(root) == after
            if root.exists():
                assert [name for name in names(root) if name.startswith(".")] == [LOCK]
                for entry in root.iterdir():
                    assert not entry.is_dir() or names(entry) == [MANIFEST, "tool", "toolctl"]

        return arguments, reset, check, check_converged

    return prepare


@pytest.mark.parametrize("case", INTERRUPTED)
def test_killed_at_every_step(run, interrupted, case):
    arguments, reset, check, check_converged = interrupted(case)
    for at in range(1, 300):
        reset()
        finished = killed_run(run, at, arguments)
        check()
        check_converged()
        if finished:
            break
    assert finished
    assert at > 10


@pytest.mark.parametrize("case", ["first installation", "upgrade with pruning", "mending current", "last removal"])
def test_error_at_every_step(run, interrupted, case, root, monkeypatch):
    arguments, reset, check, check_converged = interrupted(case)
    for at in range(1, 300):
        reset()

        def fail_once():
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        with monkeypatch.context() as patch:
            seen = count_calls(at, fail_once, patch.setattr)
            result = run(**arguments)
        check()
        if result.get("failed"):
            assert "\n" not in result["msg"]
            assert "cannot work in" in result["msg"] or "cannot read src" in result["msg"]
        check_converged()
        if seen[0] < at:
            break
    assert seen[0] < at
    assert at > 10


def test_killed_twice(run, root, interrupted):
    """The first run is killed while current leads to its temporary directory, the second one anywhere."""
    arguments, reset, check, check_converged = interrupted("mending current")
    firsts = []
    for first in range(1, 100):
        reset()
        if killed_run(run, first, arguments):
            break
        if os.readlink(root / "current").startswith(".release_binary-"):
            firsts.append(first)
    assert len(firsts) > 2
    for first in (firsts[0], firsts[-1]):
        for second in range(1, 100, 4):
            reset()
            assert not killed_run(run, first, arguments)
            finished = killed_run(run, second, arguments)
            check()
            check_converged()
            if finished:
                break


def test_leftovers_of_a_killed_run_go_without_a_change(run, root, from_src):
    run(**from_src())
    (root / ".release_binary-x1y2z3").mkdir()
    (root / ".release_binary-x1y2z3/archive").write_bytes(b"half of it")
    result = run()
    assert result["changed"] is False
    assert names(root) == [LOCK, "1.0", "current"]


# --------------------------------------------------------------------------------------------------- at once


def install(run, options, queue):
    queue.put(run(**options))


def test_two_runs_at_once(run, mirror, root):
    """The second waits for the first and finds the work done."""
    options = mirror.publish("/v1.0", f"{NAME}.tar.gz", release())
    together = threading.Barrier(2, timeout=0.3)

    def slow(handler):
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait()  # broken unless two downloads run at once
        handler.answer(200, release())

    mirror.files[f"/v1.0/{NAME}.tar.gz"] = slow
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    processes = [context.Process(target=install, args=(run, options, queue)) for _number in range(2)]
    for process in processes:
        process.start()
    results = [queue.get(timeout=30) for _process in processes]
    for process in processes:
        process.join(30)
    assert sorted(result["changed"] for result in results) == [False, True]
    assert sorted(result["downloaded"] for result in results) == [False, True]
    assert len([path for path, headers in mirror.requests if path.endswith(".tar.gz")]) == 1
    assert current(root) == programs("1")
    assert names(root) == [LOCK, "1.0", "current"]


def test_many_runs_that_install_and_remove(run, root, from_src):
    """Nothing but clean results and a clean end, whatever the order."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    jobs = [{"version": number, **from_src(number)} for number in "1212"]
    jobs += [{"version": number, "state": "absent"} for number in "1212"]
    processes = [context.Process(target=install, args=(run, job, queue)) for job in jobs]
    for process in processes:
        process.start()
    results = [queue.get(timeout=60) for _process in processes]
    for process in processes:
        process.join(60)
    assert [result["msg"] for result in results if result.get("failed")] == []
    for version in "12":
        run(version, state="absent")
    assert not root.exists()


def test_version_that_another_run_installs_after_the_first_look(run, root, from_src, monkeypatch):
    """It is ours, though it was not there a moment ago."""
    run(**from_src())
    installed, looks = release_versions.Versions.installed, []

    def late(self):
        looks.append(1)
        return installed(self) if len(looks) > 1 else []

    monkeypatch.setattr(release_versions.Versions, "installed", late)
    assert run(state="absent")["changed"] is True
    assert not root.exists()


def test_lock_that_was_removed_between_opening_and_taking_it(run, root, from_src, monkeypatch):
    """The run before removed root; who locks the file that is gone locks nothing."""
    run(**from_src())
    flock, taken = fcntl.flock, []

    def removed_first(handle, operation):
        if not taken:
            (root / LOCK).unlink()
            (root / LOCK).touch(0o600)
        taken.append(os.fstat(handle).st_ino)
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    assert run()["changed"] is False
    assert len(taken) == 2
    assert taken[1] == (root / LOCK).stat().st_ino


def test_lock_held_for_ever(run, fail, root, from_src, monkeypatch):
    run(**from_src())
    monkeypatch.setattr(release_installation, "LOCK_WAIT", 0.2)
    with open(root / LOCK) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        fail("another run holds", str(root / LOCK), "fuser")
    assert run()["changed"] is False


# ------------------------------------------------------------------------------------------------------- absent


def test_absent(run, root, from_src, tmp_path):
    assert run(state="absent")["changed"] is False
    assert not root.parent.exists()
    run("1", **from_src("1"))
    run("2", **from_src("2"))
    result = run("1", state="absent")
    assert (result["changed"], result["previous_version"], result["archive_sha256"]) == (True, None, None)
    assert result["diff"]["before"] == "current: 2\nversions: 1, 2\n"
    assert result["diff"]["after"] == "current: 2\nversions: 2\n"
    assert names(root) == [LOCK, "2", "current"]
    assert current(root) == programs("2")
    result = run("2", state="absent")
    assert result["diff"]["after"] == "current: none\nversions: none\n"
    assert not root.exists()
    assert root.parent.exists()
    assert run("2", state="absent")["changed"] is False


def test_absent_of_the_current_version_keeps_the_others(run, root, from_src):
    run("1", **from_src("1"))
    run("2", **from_src("2"))
    result = run("2", state="absent")
    assert (result["changed"], result["previous_version"]) == (True, "1")
    assert names(root) == [LOCK, "1", "previous"]
    assert run("1")["changed"] is True
    assert current(root) == programs("1")


def test_absent_leaves_other_peoples_files(run, root, from_src):
    run(**from_src())
    (root / "notes.txt").write_text("notes")
    assert run(state="absent")["changed"] is True
    assert names(root) == ["notes.txt"]
    assert run(state="absent")["changed"] is False


def test_absent_of_a_damaged_version(run, root, from_src):
    run(**from_src())
    (root / "1.0" / MANIFEST).write_text("{")
    assert run(state="absent")["changed"] is True
    assert not root.exists()
    run(**from_src())
    (root / "1.0" / MANIFEST).unlink()
    assert run(state="absent")["changed"] is True
    assert not root.exists()


def test_absent_removes_a_link_that_leads_nowhere(run, root, from_src):
    run(**from_src())
    shutil.rmtree(root / "1.0")
    assert run(state="absent")["changed"] is True
    assert not root.exists()
