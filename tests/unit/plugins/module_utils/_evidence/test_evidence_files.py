# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import files

CANARY = "c4nary-Pa55word"


@pytest.fixture
def open_directory():
    """pytest's own temporary directories can be entered by their owner only."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


def test_the_directory_that_stops_a_user_is_named(open_directory, monkeypatch):
    monkeypatch.setattr(files, "user_ids", lambda user: (64000, {64000}) if user else None)
    closed = open_directory / "closed"
    closed.mkdir(mode=0o700)
    (closed / "key").write_text("x")
    path = str(closed / "key")
    assert files.access(path, "someone")["stopped_at"] == str(closed)
    assert files.access(path, "")["stopped_at"] is None  # root passes everywhere
    closed.chmod(0o711)
    (closed / "key").chmod(0o600)
    assert files.access(path, "someone")["stopped_at"] == path
    found = files.access(str(open_directory / "gone" / "key"), "")
    assert found["missing"] == str(open_directory / "gone") and found["error"] == "No such file or directory"


def test_a_certificate_tells_its_names_and_whether_its_key_fits(tmp_path, pki):
    cert, key = pki.issue("evidence", sans=("127.0.0.1",))
    dummy, other_key = pki.issue("evidence-other")
    found = files.certificate(cert, key)
    assert "IP:127.0.0.1" in found["sans"] and found["days_left"] > 30 and "problem" not in found
    assert "does not match" in files.certificate(cert, other_key)["problem"]
    assert "does not exist" in files.certificate(str(tmp_path / "no.crt"), key)["problem"]


def test_of_a_bundle_the_authority_that_is_used_is_told(tmp_path, pki):
    path = tmp_path / "bundle.pem"
    names = {"evidence-past": -1, "evidence-old": 5, "evidence-new": 900}
    path.write_text("".join(Path(pki.ca(name, days)).read_text() for name, days in names.items()))
    assert files.authority(str(path))["subject"] == "commonName=evidence-new"
    cert, key = pki.issue("of-old", ca="evidence-old")
    issuers = [files.certificate(cert, key)["issuer"]]
    assert files.authority(str(path), "", issuers)["subject"] == "commonName=evidence-old"


def test_files_that_systemd_hands_over(tmp_path, pki):
    (tmp_path / "empty").write_text("")
    (tmp_path / "password").write_text(CANARY)
    cert, key = pki.issue("web")
    old_cert, old_key = pki.issue("old", days=-1)
    found = files.handed_over(
        {
            "web.crt": str(cert),
            "web.key": str(key),
            "old.crt": str(old_cert),
            "old.key": str(old_key),
            "redis_ca.crt": str(pki.ca()),
            "exporter_ca.crt": str(tmp_path / "empty"),
            "password": str(tmp_path / "password"),
            "gone": str(tmp_path / "gone"),
            "hollow": str(tmp_path / "empty"),
        }
    )
    assert "web.key" not in found and "old.key" not in found
    assert not any("problem" in found[name] for name in ("web.crt", "redis_ca.crt", "password"))
    assert "expired" in found["old.crt"]["problem"]
    assert "is empty" in found["exporter_ca.crt"]["problem"] and "is empty" in found["hollow"]["problem"]
    assert found["gone"]["way"]["missing"] == str(tmp_path / "gone")
    assert CANARY not in repr(found)


@pytest.mark.skipif(os.geteuid() != 0, reason="files are given to another user")
def test_data_that_its_service_may_not_change(tmp_path):
    """The owner of the directory is the user that systemd made; root may change everything."""
    uid = 12345
    (tmp_path / "wal").mkdir()
    (tmp_path / "wal" / "0001").write_text("")
    (tmp_path / "lost+found").mkdir()
    for path in (tmp_path, tmp_path / "wal", tmp_path / "wal/0001"):
        os.chown(path, uid, uid)
    patterns = ("*", "*/*")
    found = files.data(str(tmp_path), patterns, "no_such_user")
    assert (found["dynamic"], found["count"], found["foreign"]) == (True, 0, [])
    for path, mode in ((tmp_path / "wal", 0o755), (tmp_path / "wal/0001", 0o600)):
        os.chown(path, 0, 0)
        path.chmod(mode)
    found = files.data(str(tmp_path), patterns, "no_such_user")
    assert [one["path"] for one in found["foreign"]] == [str(tmp_path / "wal"), str(tmp_path / "wal/0001")]
    assert found["foreign"][0] == {"path": str(tmp_path / "wal"), "mode": "0755", "owner": "root", "group": "root"}
    os.chown(tmp_path, 0, 0)
    assert files.data(str(tmp_path), patterns, "no_such_user")["count"] == 0  # systemd gives it all away


@pytest.mark.skipif(os.geteuid() != 0, reason="the directory has to be one of root")
def test_data_of_a_user_that_is_there(tmp_path):
    found = files.data(str(tmp_path), ("*.db*",), "nobody")
    assert (found["dynamic"], found["count"]) == (False, 1)  # the directory itself
    assert files.data(str(tmp_path / "gone"), ("*",), "nobody")["count"] == 0
