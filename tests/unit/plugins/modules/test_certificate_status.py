# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shutil
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
    assert one == {"name": "server", "reason": "it is not there", "names": SANS, "usage": ["serverAuth"]}


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


def test_the_certificate_of_the_ca_on_its_host(status, tls, tmp_path, pki):
    assert status(authority="")["authority"] == ""
    (tmp_path / "ca").mkdir()
    shutil.copy(pki.ca("status-ca"), tmp_path / "ca" / "ca.crt")
    assert "BEGIN CERTIFICATE" in status(authority="")["authority"]
    assert status(authority="PEM of the user")["authority"] == "PEM of the user"
    assert status()["authority"] == ""


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
