# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _tls


def refused(function, *args):
    with pytest.raises(_tls.FileProblem) as caught:
        function(*args)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_a_good_pair(pki):
    cert, key = pki.issue("node", sans=("10.0.1.102", "redis-node-1a", "*.redis.internal", "::1"), days=10)
    certificate = _tls.check_pair(cert, key, "client")
    assert 9.9 < certificate.days_left() <= 10
    assert certificate.issuer == "commonName=ca"
    assert certificate.sans == "DNS:redis-node-1a, DNS:*.redis.internal, IP:10.0.1.102, IP:::1"


@pytest.mark.parametrize(
    ("name", "covered"),
    [
        ("10.0.1.102", True),
        ("10.0.1.103", False),
        ("[::1]", True),
        ("REDIS-NODE-1A", True),
        ("a.redis.internal", True),
        ("a.b.redis.internal", False),
        ("redis.internal", False),
        ("node", False),  # the common name
    ],
)
def test_covers(pki, name, covered):
    cert, key = pki.issue("node", sans=("10.0.1.102", "redis-node-1a", "*.redis.internal", "::1"))
    certificate = _tls.check_pair(cert, key, "client")
    assert certificate.covers(name) is covered
    if not covered:
        assert name in refused(_tls.check_covers, certificate, name, cert, "web")


def test_key_of_another_certificate(pki):
    cert, _key = pki.issue("one")
    _cert, other = pki.issue("two")
    text = refused(_tls.check_pair, cert, other, "client")
    assert "does not match" in text and cert in text and other in text


def test_key_of_another_kind(pki, tmp_path):
    cert, _key = pki.issue("one")
    subprocess.run(["openssl", "genrsa", "-out", tmp_path / "rsa.key", "2048"], check=True, capture_output=True)
    assert "does not match" in refused(_tls.check_pair, cert, str(tmp_path / "rsa.key"), "client")


def test_encrypted_key(pki, tmp_path):
    cert, key = pki.issue("one")
    locked = str(tmp_path / "locked.key")
    subprocess.run(
        ["openssl", "ec", "-in", key, "-out", locked, "-aes128", "-passout", "pass:secret"],
        check=True,
        capture_output=True,
    )
    assert "passphrase" in refused(_tls.check_pair, cert, locked, "client")


def test_certificate_in_place_of_the_key(pki):
    cert, _key = pki.issue("one")
    assert "no PEM private key" in refused(_tls.check_pair, cert, cert, "client")


def test_expired(pki):
    assert "expired on" in refused(_tls.check_pair, *pki.issue("old", days=-1), "client")


@pytest.mark.parametrize("check", [_tls.check_ca, lambda path, what: _tls.check_pair(path, path, what)])
@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("garbage", "no PEM certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "damaged"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n", "damaged"),
    ],
)
def test_garbage_is_not_taken(tmp_path, check, content, word):
    path = tmp_path / "file.pem"
    path.write_text(content)
    assert word in refused(check, str(path), "CA")


def test_good_ca_followed_by_garbage(pki, tmp_path):
    path = tmp_path / "bundle.pem"
    path.write_text(Path(pki.ca()).read_text() + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert "damaged" in refused(_tls.check_ca, str(path), "CA")


def test_bundle_of_authorities(pki, tmp_path):
    path = tmp_path / "bundle.pem"
    path.write_text(Path(pki.ca()).read_text() + Path(pki.ca("other")).read_text())
    assert len(_tls.check_ca(str(path), "CA")) == 2


def test_authorities_in_a_bundle_are_alternatives(pki, tmp_path):
    past, now, gone, next_one = (
        Path(pki.ca(*args)).read_text() for args in (("past", -1), ("ca",), ("gone", -30), ("next", 900, 30))
    )
    path = tmp_path / "bundle.pem"
    path.write_text(past + next_one + now + gone)
    assert len(_tls.check_ca(str(path), "CA")) == 4
    path.write_text(past + gone)
    assert "expired on" in refused(_tls.check_ca, str(path), "CA")
    path.write_text(past + next_one)
    assert "not valid yet" in refused(_tls.check_ca, str(path), "CA")


def test_leaf_in_place_of_the_ca(pki, tmp_path):
    path = tmp_path / "leaf.pem"
    subprocess.run(
        # openssl's own default for a request without extensions: basicConstraints CA:FALSE
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=leaf", "-out", path]
        + ["-keyout", tmp_path / "leaf.key", "-addext", "basicConstraints=critical,CA:FALSE"],
        check=True,
        capture_output=True,
    )
    assert "no CA certificate" in refused(_tls.check_ca, str(path), "CA")


def test_expired_ca(pki):
    assert "expired on" in refused(_tls.check_ca, pki.ca("expired-ca", days=-1), "CA")


def test_the_missing_directory_is_named(tmp_path):
    text = refused(_tls.read_file, str(tmp_path / "etc" / "tls" / "ca.crt"), "CA")
    assert f"the directory {tmp_path}/etc does not exist" in text


def test_missing_file_directory_and_relative_path(tmp_path):
    assert "does not exist on this host" in refused(_tls.read_file, str(tmp_path / "ca.crt"), "CA")
    assert "is a directory" in refused(_tls.read_file, str(tmp_path), "CA")
    assert "not an absolute path" in refused(_tls.read_file, "~/ca.crt", "CA")


def test_a_server_accepts_clients_of_its_ca_only(pki):
    server = pki.issue("web", usage="server")
    client = pki.issue("scraper", usage="client")
    assert _tls.accepts_client(pki.ca(), *client, *server)
    assert not _tls.accepts_client(pki.ca("other"), *client, *server)
    assert not _tls.accepts_client(pki.ca(), *server, *server)  # not meant for clients


def test_contexts_accept_what_go_accepts():
    context = _tls.client_context()
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT  # a default of newer Pythons in some contexts
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert context.check_hostname and not context.hostname_checks_common_name


def test_an_encrypted_client_key_is_not_asked_for_its_passphrase(pki, tmp_path):
    cert, key = pki.issue("one")
    locked = str(tmp_path / "locked.key")
    argv = ["openssl", "ec", "-in", key, "-out", locked, "-aes128", "-passout", "pass:secret"]
    subprocess.run(argv, check=True, capture_output=True)
    with pytest.raises(_tls.FileProblem, match="passphrase") as caught:
        _tls.client_context("", cert, locked)
    assert caught.value.kind == "client_cert"


def accept_once(listening):
    listening.accept()[0].close()


def test_what_a_server_shows(pki):
    cert, key = pki.issue("shown")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        served = _tls.server_context(cert, key).wrap_socket(listening, server_side=True)
        threading.Thread(target=accept_once, args=(served,), daemon=True).start()
        port = served.getsockname()[1]
        shown = _tls.shown_certificate("127.0.0.1", port)
        served.close()
    assert shown == ssl.PEM_cert_to_DER_cert(Path(cert).read_text())
    assert _tls.shown_certificate("127.0.0.1", port) is None
