# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate, key and CA files: is each what it has to be? Standard library only."""

from __future__ import annotations

import http.client
import ipaddress
import os
import ssl
import stat
import tempfile
import time


class FileProblem(Exception):
    """One line: which file, what is wrong with it, what to do."""


class HTTPSConnection(http.client.HTTPSConnection):
    """HTTPS to an address, verified as another name where the certificate carries that one."""

    def __init__(self, host, port, name, **kwargs):
        super().__init__(host, port, **kwargs)
        self._name = name or host

    def connect(self):
        http.client.HTTPConnection.connect(self)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)


class Certificate:
    """The fields of a certificate that decide whether a peer accepts it."""

    def __init__(self, decoded):
        self.subject = _name(decoded.get("subject", ()))
        self.issuer = _name(decoded.get("issuer", ()))
        self.not_before = ssl.cert_time_to_seconds(decoded["notBefore"])
        self.not_after = ssl.cert_time_to_seconds(decoded["notAfter"])
        self.not_after_text = decoded["notAfter"]
        alternatives = decoded.get("subjectAltName", ())
        self.dns = [value.lower() for kind, value in alternatives if kind == "DNS"]
        self.ips = [_ip(value) for kind, value in alternatives if kind == "IP Address"]

    @property
    def sans(self):
        return ", ".join(["DNS:" + name for name in self.dns] + ["IP:" + str(ip) for ip in self.ips]) or "none"

    def days_left(self, now=None):
        return (self.not_after - (time.time() if now is None else now)) / 86400

    def covers(self, name):
        """Whether a client that asks for this address or name accepts it (the common name never counts)."""
        ip = _ip(name)
        if not isinstance(ip, str):
            return ip in self.ips
        name = name.lower().rstrip(".")
        parent = name.partition(".")[2]
        return name in self.dns or bool(parent) and "*." + parent in self.dns


def _name(rdns):
    return ", ".join("%s=%s" % pair for rdn in rdns for pair in rdn) or "(no name)"


def _ip(text):
    """An address object, or the text itself where it is a name."""
    try:
        return ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return text


def decode_der(der):
    return decode_pem(ssl.DER_cert_to_PEM_cert(der))


def decode_pem(pem):
    """Certificate of a PEM text. The standard library decodes an unverified certificate only from a file."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as handle:
        handle.write(pem)
        handle.flush()
        return Certificate(ssl._ssl._test_decode_cert(handle.name))


def first_pem(path, what="certificate"):
    """The first certificate of a file, as text."""
    content = read_file(path, what).decode("latin-1")
    start, end = content.find("-----BEGIN CERTIFICATE-----"), "-----END CERTIFICATE-----"
    if start < 0 or end not in content[start:]:
        raise FileProblem("%s: %s holds no PEM certificate" % (what, path))
    return content[start : content.index(end, start) + len(end)] + "\n"


def read_file(path, what):
    """Content of a file, or a problem that names the part of the path where the way ends."""
    if not os.path.isabs(path):
        raise FileProblem("%s: %s is not an absolute path; systemd expands neither ~ nor relative paths" % (what, path))
    walked = os.sep
    for part in os.path.dirname(path).split(os.sep)[1:]:
        walked = os.path.join(walked, part)
        if not os.path.isdir(walked):
            raise FileProblem("%s: %s: the directory %s does not exist" % (what, path, walked))
        if not os.access(walked, os.X_OK):
            raise FileProblem("%s: %s: the directory %s cannot be entered; run as root" % (what, path, walked))
    try:
        if stat.S_ISDIR(os.stat(path).st_mode):
            raise FileProblem("%s: %s is a directory, not a file" % (what, path))
        with open(path, "rb") as handle:
            content = handle.read()
    except FileNotFoundError:
        raise FileProblem("%s: %s does not exist on this host" % (what, path)) from None
    except OSError as err:
        raise FileProblem("%s: %s cannot be read: %s" % (what, path, err.strerror)) from None
    if not content.strip():
        raise FileProblem("%s: %s is empty" % (what, path))
    return content


def _pem_certificates(path, what):
    content = read_file(path, what).decode("latin-1")
    end = "-----END CERTIFICATE-----"
    blocks = ["-----BEGIN CERTIFICATE-----" + part for part in content.split("-----BEGIN CERTIFICATE-----")[1:]]
    if not blocks:
        raise FileProblem("%s: %s holds no PEM certificate" % (what, path))
    certificates = []
    for block in blocks:
        try:
            certificates.append(decode_pem(block[: block.index(end) + len(end)] + "\n"))
        except (ValueError, ssl.SSLError):
            raise FileProblem("%s: %s holds a damaged PEM certificate" % (what, path)) from None
    return certificates


def check_valid_now(certificate, path, what):
    now = time.time()
    if certificate.not_after < now:
        raise FileProblem("%s: the certificate %s expired on %s; renew it" % (what, path, certificate.not_after_text))
    if certificate.not_before > now + 300:
        raise FileProblem("%s: the certificate %s is not valid yet; check this host's clock" % (what, path))


def check_ca(path, what):
    """CA certificates of a file. Go programs take a file of garbage without a word and then trust nothing."""
    certificates = _pem_certificates(path, what)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=path)
    except (ssl.SSLError, OSError):
        raise FileProblem("%s: %s holds a damaged PEM certificate" % (what, path)) from None
    if not context.get_ca_certs():
        raise FileProblem(
            "%s: %s holds no CA certificate (%s is none); name the file of the authority that signed"
            % (what, path, certificates[0].subject)
        )
    newest = max(certificates, key=lambda certificate: certificate.not_after)
    check_valid_now(newest, path, what)
    return certificates


def check_pair(cert_path, key_path, what):
    """Certificate of a file, proved readable, valid now and matching its key."""
    certificate = _pem_certificates(cert_path, what + " certificate")[0]
    read_file(key_path, what + " key")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asked = []

    def passphrase():
        asked.append(True)
        return "-"

    try:
        context.load_cert_chain(cert_path, key_path, password=passphrase)
    except (ssl.SSLError, OSError, ValueError) as err:
        if asked:
            text = "%s key: %s is encrypted with a passphrase; the service needs it unencrypted" % (what, key_path)
        elif getattr(err, "reason", "") in ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"):
            text = "%s: the key %s does not match the certificate %s; use the pair that was issued together" % (
                what,
                key_path,
                cert_path,
            )
        else:
            text = "%s key: %s is no PEM private key" % (what, key_path)
        raise FileProblem(text) from None
    check_valid_now(certificate, cert_path, what)
    return certificate


def check_covers(certificate, name, path, what):
    if not certificate.covers(name):
        raise FileProblem(
            "%s: the certificate %s does not name %s (its SANs: %s); issue it with the SAN %s:%s"
            % (what, path, name, certificate.sans, "DNS" if isinstance(_ip(name), str) else "IP", name)
        )


def accepts_client(ca_path, cert_path, key_path, server_cert_path, server_key_path):
    """Whether a server that trusts only this CA accepts this client certificate: a real handshake, in memory."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(server_cert_path, server_key_path)
    server.load_verify_locations(cafile=ca_path)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    client.load_cert_chain(cert_path, key_path)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _round in range(10):
        for end in list(ends):
            try:
                end.do_handshake()
                ends.remove(end)
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return False
        if not ends:
            return True
    return False
