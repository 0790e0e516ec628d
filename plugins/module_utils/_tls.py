# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS contexts, all of them, and checks of certificate, key and CA files. Standard library only. Private."""

from __future__ import annotations

import os
import socket
import ssl
import stat
import time

from . import _certificate

_PARTIAL_CHAIN = 0x80000  # ssl.VERIFY_X509_PARTIAL_CHAIN, which Python has a name for since 3.10


class FileProblem(Exception):
    """One line: which file, what is wrong with it, what to do. kind is ca_file or client_cert where that is known."""

    def __init__(self, text, kind=""):
        super().__init__(text)
        self.kind = kind


def _context(protocol):
    """What it accepts is what Go programs, our services, accept; Python's defaults differ from version to version."""
    context = ssl.SSLContext(protocol)
    context.verify_flags |= _PARTIAL_CHAIN  # an intermediate authority may be the one that is trusted
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # a CA of plain `openssl req -x509` names no key usage
    return context


def client_context(ca_path="", cert="", key="", verify=True):
    """For connections to a server; without ca_path it trusts the host's authorities."""
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.hostname_checks_common_name = False  # as Go: only SANs count
    try:
        if not verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif ca_path:
            context.load_verify_locations(cafile=ca_path)
        else:
            context.load_default_certs()
    except (OSError, ValueError) as err:
        raise FileProblem("the CA file %s cannot be used: %s" % (ca_path, _reason(err)), "ca_file") from None
    try:
        if cert:
            context.load_cert_chain(cert, key or None, password=_no_passphrase)
    except (OSError, ValueError) as err:
        files = " and ".join(path for path in (cert, key) if path)
        text = "the client certificate %s cannot be used: %s" % (files, _reason(err))
        raise FileProblem(text, "client_cert") from None
    return context


def server_context(cert, key, client_ca=""):
    """For a server, which with client_ca asks for a client certificate of that CA. Errors are those of ssl."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key, password=_no_passphrase)
    if client_ca:
        context.load_verify_locations(cafile=client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def shown_certificate(host, port, server_name="", cert="", key="", timeout=3):
    """What a server shows, as DER, whoever signed it; None where the handshake does not get that far."""
    context = client_context("", cert, key, verify=False)
    try:
        with socket.create_connection((host, port), timeout=timeout) as raw, context.wrap_socket(
            raw, server_hostname=server_name or host
        ) as sock:
            return sock.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None


class _Encrypted(ValueError):
    """A key that wants a passphrase."""


def _no_passphrase():
    raise _Encrypted("it is encrypted with a passphrase")


def _reason(err):
    reason = getattr(err, "reason", None) or getattr(err, "strerror", None) or str(err)
    if any(words in reason for words in ("PEM lib", "NO_START_LINE", "NO_CERTIFICATE_OR_CRL_FOUND")):
        return "it is not in PEM format"
    return reason.lower().replace("_", " ")


def first_pem(path, what="certificate"):
    """The first certificate of a file, as text."""
    return _pem_blocks(path, what)[0]


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


def _pem_blocks(path, what):
    blocks = _certificate.split_pem(read_file(path, what).decode("latin-1"))
    if not blocks:
        raise FileProblem("%s: %s holds no PEM certificate" % (what, path))
    return blocks


def _pem_certificates(path, what):
    try:
        return [_certificate.decode_pem(block) for block in _pem_blocks(path, what)]
    except ValueError:
        raise FileProblem("%s: %s holds a damaged PEM certificate" % (what, path)) from None


def check_valid_now(certificate, path, what):
    now = time.time()
    if certificate.not_after < now:
        raise FileProblem("%s: the certificate %s expired on %s; renew it" % (what, path, certificate.not_after_text))
    if certificate.not_before > now + 300:
        raise FileProblem("%s: the certificate %s is not valid yet; check this host's clock" % (what, path))


def check_ca(path, what):
    """CA certificates of a file. Go programs take a file of garbage without a word and then trust nothing."""
    certificates = _pem_certificates(path, what)
    try:
        context = client_context(path)
    except FileProblem:
        raise FileProblem("%s: %s holds a damaged PEM certificate" % (what, path)) from None
    if not context.get_ca_certs():
        raise FileProblem(
            "%s: %s holds no CA certificate (%s is none); name the file of the authority that signed"
            % (what, path, certificates[0].subject)
        )
    problems = []
    for certificate in sorted(certificates, key=lambda one: one.not_after, reverse=True):
        try:
            check_valid_now(certificate, path, what)
            return certificates  # they are alternatives: one that is valid will do
        except FileProblem as problem:
            problems.append(problem)
    raise problems[0]


def check_pair(cert_path, key_path, what):
    """Certificate of a file, proved readable, valid now and matching its key."""
    certificate = _pem_certificates(cert_path, what + " certificate")[0]
    read_file(key_path, what + " key")
    try:
        server_context(cert_path, key_path)
    except (OSError, ValueError) as err:
        if isinstance(err, _Encrypted):
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
            % (what, path, name, certificate.sans, "IP" if _certificate.ip_address(name) else "DNS", name)
        )


def check_files(entry):
    """The files that a setting names: what (the setting), and ca, cert with key, or name, which cert has to bear."""
    if entry.get("ca"):
        check_ca(entry["ca"], entry["what"])
    if entry.get("cert"):
        certificate = check_pair(entry["cert"], entry["key"], entry["what"])
        if entry.get("name"):
            check_covers(certificate, entry["name"], entry["cert"], entry["what"])


def accepts_client(ca_path, cert_path, key_path, server_cert_path, server_key_path):
    """Whether a server that trusts only this CA accepts this client certificate: a real handshake, in memory."""
    server = server_context(server_cert_path, server_key_path, client_ca=ca_path)
    client = client_context("", cert_path, key_path, verify=False)
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
