# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _certificate

x509 = pytest.importorskip("cryptography.x509")
SUBJECT = [
    (x509.NameOID.COUNTRY_NAME, "DE"),
    (x509.NameOID.STATE_OR_PROVINCE_NAME, "Köln"),
    (x509.NameOID.LOCALITY_NAME, "Köln"),
    (x509.NameOID.ORGANIZATION_NAME, "Example, Inc."),
    (x509.NameOID.ORGANIZATIONAL_UNIT_NAME, "ops"),
    (x509.NameOID.COMMON_NAME, "node"),
    (x509.NameOID.EMAIL_ADDRESS, "ops@example.com"),
    (x509.NameOID.TITLE, "none of the usual"),
]
SANS = [
    x509.DNSName("redis-node-1a"),
    x509.DNSName("*.Redis.internal"),
    x509.RFC822Name("ops@example.com"),
    x509.UniformResourceIdentifier("spiffe://node"),
    x509.IPAddress(ipaddress.ip_address("10.0.1.102")),
    x509.IPAddress(ipaddress.ip_address("::1")),
]
BEFORE, AFTER = datetime.datetime(2026, 1, 2, 3, 4, 5), datetime.datetime(2061, 6, 7, 8, 9, 10)


@pytest.fixture(scope="module", params=["ec", "rsa"])
def der(request):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding

    key = ec.generate_private_key(ec.SECP256R1()) if request.param == "ec" else rsa.generate_private_key(65537, 2048)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(*pair) for pair in SUBJECT]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEFORE)
        .not_valid_after(AFTER)
        .add_extension(x509.SubjectAlternativeName(SANS), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_every_field(der):
    found = _certificate.decode_der(der)
    assert found.subject == (
        "countryName=DE, stateOrProvinceName=Köln, localityName=Köln, organizationName=Example, Inc., "
        "organizationalUnitName=ops, commonName=node, emailAddress=ops@example.com, 2.5.4.12=none of the usual"
    )
    assert found.issuer == "(no name)"
    assert found.not_before == BEFORE.replace(tzinfo=datetime.timezone.utc).timestamp()
    assert found.not_after == AFTER.replace(tzinfo=datetime.timezone.utc).timestamp()
    assert found.not_after_text == "Jun  7 08:09:10 2061 GMT"
    assert found.sans == "DNS:redis-node-1a, DNS:*.redis.internal, IP:10.0.1.102, IP:::1"
    assert found.is_ca


def test_a_leaf_without_names(pki):
    found = _certificate.decode_pem(Path(pki.issue("leaf", sans=())[0]).read_text())
    assert (found.is_ca, found.sans, found.subject, found.issuer) == (False, "none", "commonName=leaf", "commonName=ca")
    assert found.days_left(now=found.not_after - 43200) == 0.5
    assert _certificate.decode_pem(Path(pki.ca()).read_text()).is_ca


def test_what_openssl_shows_is_what_is_read(der, tmp_path):
    argv = ["openssl", "x509", "-inform", "DER", "-noout", "-enddate", "-ext", "basicConstraints"]
    shown = subprocess.run(argv, input=der, capture_output=True, check=True).stdout.decode()
    assert "notAfter=" + _certificate.decode_der(der).not_after_text in shown and "CA:TRUE" in shown


def test_damaged_ones_are_value_errors(der):
    for end in range(0, len(der) - 1, 3):
        with pytest.raises(ValueError):
            _certificate.decode_der(der[:end])
    for position in range(0, len(der)):
        with contextlib.suppress(ValueError):
            _certificate.decode_der(der[:position] + bytes([der[position] ^ 0xFF]) + der[position + 1 :])


@pytest.mark.parametrize("label", ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"])
def test_pem(der, label):
    pem = ssl.DER_cert_to_PEM_cert(der).replace("CERTIFICATE", label)
    text = "Certificate:\n  Data\n" + pem + "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n" + pem
    blocks = _certificate.split_pem(text)
    assert len(blocks) == 2 and [_certificate.pem_to_der(block) for block in blocks] == [der, der]


def test_a_pem_that_breaks_off(der):
    pem = ssl.DER_cert_to_PEM_cert(der)
    for broken in (pem[:200], pem[:200] + "\n"):
        blocks = _certificate.split_pem(broken + pem)
        assert len(blocks) == 2 and _certificate.pem_to_der(blocks[1]) == der
        with pytest.raises(ValueError):
            _certificate.decode_pem(blocks[0])
    for text in ("", "garbage", "-----BEGIN CERTIFICATE-----\n$$\n-----END CERTIFICATE-----\n"):
        with pytest.raises(ValueError):
            _certificate.decode_pem(text)


def test_it_runs_alone(tmp_path):
    code = "import sys; sys.path.insert(0, %r); import _certificate" % str(Path(_certificate.__file__).parent)
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, cwd=tmp_path)
