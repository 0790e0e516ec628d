# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One GET as evidence: the answer, or the cause why there is none. Private."""

from __future__ import annotations

import hashlib
import socket
import ssl
import time
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from .. import _certificate, _http, _tls
from .._text import one_line
from .files import describe

CERTIFICATE_CAUSES = {9: "not_yet_valid", 10: "expired", 62: "name_mismatch", 64: "name_mismatch"}


def get(url, seconds=5, **options):
    """Always a dict: `status`, `body`, `skew` when it was answered, else `cause` and `error`.

    The options are those of _http.Connection.
    """
    found = {"url": url, "answered": False}
    asked = time.time()
    try:
        response = _http.request("GET", url, timeout=seconds, **options)
        found.update(answered=True, status=response.status, body=response.text())
        skew = clock_skew(response.headers.get("date"), asked, time.time())
        if skew is not None:
            found["skew"] = skew
        if response.certificate and options.get("validate_certs", True):
            found["not_after"] = _certificate.decode_der(response.certificate).not_after
        if response.status == 400 and "HTTP request to an HTTPS server" in found["body"]:
            found.update(answered=False, cause="https_only", error="it speaks HTTPS only")
    except _http.HttpError as err:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        found["cause"], found["error"] = cause_of(err.__cause__ or err)
        if found["cause"] == "timeout" and not opens(host, port):
            found["cause"] = "filtered"
        if found["cause"] in ("expired", "name_mismatch", "untrusted", "not_yet_valid", "tls"):
            found["shown"] = shown_certificate(host, port, options.get("server_name", ""))
    found["seconds"] = round(time.time() - asked, 3)
    return found


def opens(host, port, seconds=2):
    try:
        socket.create_connection((host, port), timeout=seconds).close()
        return True
    except OSError:
        return False


def shown_certificate(host, port, server_name=""):
    """What a TLS server shows, whoever signed it; None where the handshake does not get that far."""
    der = _tls.shown_certificate(host, port, server_name)
    if not der:
        return None
    return dict(describe(_certificate.decode_der(der)), fingerprint=fingerprint(der))


def fingerprint(der):
    return hashlib.sha256(der).hexdigest()[:16]


def clock_skew(date, asked, arrived):
    """How far the clock of the answering host is ahead, in seconds; the header counts whole ones."""
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return None
    if asked - 1 <= theirs <= arrived:
        return 0.0
    return round(theirs - arrived if theirs > arrived else theirs + 1 - asked, 1)


def cause_of(err):
    """(code, words) of a failed connection."""
    if isinstance(err, ssl.SSLCertVerificationError):
        return CERTIFICATE_CAUSES.get(err.verify_code, "untrusted"), one_line(err.verify_message)
    if isinstance(err, ssl.SSLError):
        reason = (err.reason or "handshake failed").replace("_", " ").lower()
        if "wrong version number" in reason or "http request" in reason or "record layer" in reason:
            return "http_only", "it answers plain HTTP"
        if "certificate required" in reason or "bad certificate" in reason or "unknown ca" in reason:
            return "client_certificate", "it refuses our client certificate (%s)" % reason
        return "tls", reason
    if isinstance(err, _tls.FileProblem):
        return "file", one_line(err)
    if isinstance(err, socket.timeout):
        return "timeout", "no answer in time"
    if isinstance(err, ConnectionRefusedError):
        return "refused", "connection refused: nothing listens there"
    if isinstance(err, socket.gaierror):
        return "name_unknown", "the name does not resolve"
    if isinstance(err, OSError):
        return "unreachable", one_line(err.strerror or err)
    return "protocol", one_line(err)
