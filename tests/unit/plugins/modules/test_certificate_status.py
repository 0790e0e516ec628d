# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _certificate, _sockets
from ansible_collections.redisops.monitoring.plugins.modules import certificate_status

NAMES = ["node-1", "10.0.0.9", "localhost", "127.0.0.1"]
SANS = ["DNS:localhost", "DNS:node-1", "IP:10.0.0.9", "IP:127.0.0.1"]


@pytest.fixture
def tls(tmp_path, pki, monkeypatch):
    """tls(name=..., ca=..., sans=..., days=...) puts the pair `server` and ca.crt into a directory like the role's."""
    monkeypatch.setattr(_sockets, "default_source", lambda: "10.0.0.9")
    directory = tmp_path / "tls"
    directory.mkdir()

    def put(name="status", ca="status-ca", sans=(), days=390):
        cert, key = pki.issue(name, sans=sans or NAMES, ca=ca, days=days)
        shutil.copy(cert, directory / "server.crt")
        shutil.copy(key, directory / "server.key")
        shutil.copy(pki.ca("status-ca", days=3650), directory / "ca.crt")
        return directory

    put.directory = directory
    return put


@pytest.fixture
def status(run_module, tls):
    def run(names=(), **options):
        wanted = [{"name": "server", "names": names or NAMES, "usage": ["serverAuth"]}]
        return run_module(certificate_status, directory=str(tls.directory), certificates=wanted, **options)

    return run


def test_nothing_to_do(status, tls):
    tls()
    result = status()
    assert result["issue"] == [] and not result["changed"]
    assert "BEGIN CERTIFICATE" in result["ca"]


def test_an_empty_directory(status):
    [one] = status(authority="")["issue"]
    assert one == {"name": "server", "reason": "it is not there", "names": SANS, "usage": ["serverAuth"], "days": 397}


@pytest.mark.parametrize(
    ("put", "names", "reason"),
    [
        ({"days": 60}, NAMES, "59 days of its life are left"),  # issued 60 days ago, as all of these: a half
        ({"days": 20}, NAMES, "19 days of its life are left"),
        ({"ca": "status-other-ca"}, NAMES, "it is of another CA"),
        ({}, [*NAMES, "10.0.0.10"], "its names are others"),
        ({"sans": [*NAMES, "old.example.com"]}, NAMES, "its names are others"),
        ({"days": -1}, NAMES, "expired on"),
    ],
)
def test_reasons(status, tls, put, names, reason):
    tls(**put)
    issue = status(names)["issue"]
    if put == {"days": 60}:
        assert issue == []
    else:
        assert reason in issue[0]["reason"]


def test_a_key_of_another_certificate(status, tls, pki):
    directory = tls()
    shutil.copy(pki.issue("status-second", sans=NAMES, ca="status-ca")[1], directory / "server.key")
    assert "does not match the certificate" in status()["issue"][0]["reason"]


def test_the_ca_that_is_wanted_may_be_another_one(status, tls, pki):
    tls()
    new = Path(pki.ca("status-new-ca", days=3650)).read_text()
    assert status(ca=new)["issue"][0]["reason"] == "it is of another CA"


@pytest.fixture
def authority(tmp_path, pki):
    """authority(name, days) puts a CA with its key where the role keeps it."""

    def put(name, days=3650):
        (tmp_path / "ca").mkdir(exist_ok=True)
        path = Path(pki.ca(name, days=days))
        for ending in (".crt", ".key"):
            shutil.copy(path.with_suffix(ending), tmp_path / "ca" / f"ca{ending}")

    return put


def test_the_certificate_of_the_ca_on_its_host(status, authority):
    assert status(authority="")["authority"] == ""
    authority("status-ca")
    assert "BEGIN CERTIFICATE" in status(authority="")["authority"]
    assert status(authority="PEM of the user")["authority"] == "PEM of the user"
    assert status()["authority"] == ""


def test_a_new_ca_is_wanted(status, authority):
    authority("status-ca")
    assert status(authority="", new_authority=True)["authority"] == ""


@pytest.mark.parametrize(("days", "made"), [(31, False), (29, True), (-1, True)])
def test_a_ca_with_a_third_of_its_life_left_is_replaced(status, authority, days, made):
    authority(f"status-ca-{days}", days=days)  # it began 60 days ago
    assert (status(authority="")["authority"] == "") is made


def test_a_ca_without_its_key_is_none(status, authority, tmp_path, pki):
    authority("status-ca")
    pki.ca("status-other-ca")
    shutil.copy(Path(pki.ca("status-other-ca")).with_suffix(".key"), tmp_path / "ca" / "ca.key")
    assert status(authority="")["authority"] == ""
    (tmp_path / "ca" / "ca.key").unlink()
    assert status(authority="")["authority"] == ""


def test_no_certificate_outlives_its_ca(status, pki):
    short = Path(pki.ca("status-short-ca", days=100)).read_text()
    assert status(ca=short)["issue"][0]["days"] == 99
    assert status(ca=Path(pki.ca("status-ca", days=3650)).read_text(), days=30)["issue"][0]["days"] == 30


def test_the_cas_that_are_in_use(status, tls, pki):
    directory = tls()
    old, new = (Path(pki.ca(name, days=3650)).read_text() for name in ("status-ca", "status-new-ca"))
    (directory / "ca.crt").write_text(new + old)
    result = status()
    assert result["in_use"] == [old]
    assert result["issue"][0]["reason"] == "it is of another CA"
    (directory / "server.crt").unlink()
    assert status()["in_use"] == []


def test_secrets_that_differ(status, tls, tmp_path):
    tls()
    same, other, missing = (tmp_path / name for name in ("same", "other", "missing"))
    same.write_text("canary-1")
    other.write_text("canary-2")
    digest = hashlib.sha256(b"canary-1").hexdigest()
    result = status(secrets=[{"path": str(path), "sha256": digest} for path in (same, other, missing)])
    assert result["outdated"] == [str(other)]
    assert digest not in str(result)
    assert abs(result["time"] - time.time()) < 60


def test_without_certificates_no_ca_is_looked_at(run_module, tls):
    result = run_module(certificate_status, directory=str(tls()), certificates=[])
    assert (result["issue"], result["ca"], result["in_use"]) == ([], "", [])


def test_a_key_that_everybody_can_read_is_a_warning(status, tls, tmp_path):
    key = tmp_path / "redis.key"
    key.write_text("-")
    key.chmod(0o644)
    [warning] = status(private=[str(key)])["warnings"]
    assert f"{key} is a private key that everybody on this host can read: chmod o-rwx {key}" in str(warning)
    key.chmod(0o640)
    assert "warnings" not in status(private=[str(key)])


def test_check_mode_says_that_certificates_would_be_issued(status, tls):
    assert status(check_mode=True)["changed"]
    tls()
    assert not status(check_mode=True)["changed"]


def test_the_address_of_the_default_route_is_an_address():
    address = _sockets.default_source()
    assert address is None or _certificate.ip_address(address)
