# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads X.509 certificates, whoever signed them. Runs alone: the textfile collector of node_exporter takes this file.

By hand, because the standard library shows an unverified certificate nowhere publicly and hosts have no packages.
"""

from __future__ import annotations

import base64
import calendar
import ipaddress
import re
import time

# OpenSSL, and so Redis, takes all three. A block without its end reaches to the next one.
_PEM = re.compile(
    r"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?(?:-----END \1-----|(?=-----BEGIN )|\Z)", re.DOTALL
)
_NAMES = {
    "2.5.4.3": "commonName",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "countryName",
    "2.5.4.7": "localityName",
    "2.5.4.8": "stateOrProvinceName",
    "2.5.4.10": "organizationName",
    "2.5.4.11": "organizationalUnitName",
    "1.2.840.113549.1.9.1": "emailAddress",
    "0.9.2342.19200300.100.1.25": "domainComponent",
}
_BASIC_CONSTRAINTS, _SUBJECT_ALT_NAME = "2.5.29.19", "2.5.29.17"
_BOOLEAN, _UTC_TIME, _GENERALIZED_TIME, _SEQUENCE = 0x01, 0x17, 0x18, 0x30
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_DNS, _IP = 0x82, 0x87  # among the subject alternative names
_ENCODINGS = {0x14: "latin-1", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}  # of strings; UTF-8 otherwise


class Certificate:
    """The fields of a certificate that decide whether a peer accepts it. ValueError for what is no certificate."""

    def __init__(self, der):
        try:
            self._read(der)
        except (IndexError, StopIteration, TypeError):
            raise ValueError("it is no certificate") from None

    def _read(self, der):
        tag, content = next(_elements(der))
        fields = list(_elements(next(_elements(content))[1])) if tag == _SEQUENCE else []
        if fields and fields[0][0] == _VERSION:
            del fields[0]
        # serial, algorithm, issuer, validity, subject, key, then what is optional
        if len(fields) < 6 or fields[3][0] != _SEQUENCE:
            raise ValueError("it is no certificate")
        self.issuer, self.subject = _name(fields[2][1]), _name(fields[4][1])
        self.not_before, self.not_after = (_seconds(*field) for field in _elements(fields[3][1]))
        self.is_ca, self.dns, self.ips = False, [], []
        for tag, content in fields[6:]:
            if tag == _EXTENSIONS:
                for _tag, extension in _elements(next(_elements(content))[1]):
                    self._read_extension(*_elements(extension))

    def _read_extension(self, identifier, *rest):
        kind, value = _oid(identifier[1]), rest[-1][1]  # between them may be whether it is critical
        if kind == _BASIC_CONSTRAINTS:
            self.is_ca = any(tag == _BOOLEAN and flag != b"\0" for tag, flag in _elements(next(_elements(value))[1]))
        elif kind == _SUBJECT_ALT_NAME:
            for tag, name in _elements(next(_elements(value))[1]):
                if tag == _DNS:
                    self.dns.append(name.decode("ascii", "replace").lower())
                elif tag == _IP:
                    self.ips.append(ipaddress.ip_address(name))

    @property
    def not_after_text(self):
        return time.asctime(time.gmtime(self.not_after))[4:] + " GMT"

    @property
    def sans(self):
        return ", ".join(["DNS:" + name for name in self.dns] + ["IP:" + str(ip) for ip in self.ips]) or "none"

    def days_left(self, now=None):
        return (self.not_after - (time.time() if now is None else now)) / 86400

    def covers(self, name):
        """Whether a client that asks for this address or name accepts it (the common name never counts)."""
        ip = ip_address(name)
        if ip:
            return ip in self.ips
        name = name.lower().rstrip(".")
        parent = name.partition(".")[2]
        return name in self.dns or bool(parent) and "*." + parent in self.dns


def ip_address(text):
    """The address in a text, also in brackets; None for a name."""
    try:
        return ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        return None


def split_pem(text):
    """Every PEM certificate in a text. One that breaks off is among them, and decode_pem refuses it."""
    return [found.group() + "\n" for found in _PEM.finditer(text)]


def pem_to_der(pem):
    found = _PEM.search(pem)
    if not found or "-----END " not in found.group():
        raise ValueError("it is no PEM certificate")
    return base64.b64decode(found.group().split("-----")[2])


def decode_pem(pem):
    """The first Certificate of a PEM text; ValueError where it cannot be read."""
    return Certificate(pem_to_der(pem))


def decode_der(der):
    return Certificate(der)


def authority_in_use(authorities, issuers=()):
    """Of the authorities in a file, which are alternatives, the one that counts.

    That is one that signed something, by the issuers of other certificates: the first to end, and of those with one
    name the last. Where none is known to be used it is the one that ends last.
    """
    last = {}
    for one in sorted(authorities, key=lambda one: one.not_after):
        last[one.subject] = one
    used = [last[name] for name in issuers if name in last]
    return min(used, key=lambda one: one.not_after) if used else one


# ------------------------------------------------------------------------------------------------------- ASN.1, DER


def _elements(der):
    """Tag and content of one element after the other."""
    position = 0
    while position < len(der):
        tag, length = der[position], der[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(der[position : position + size], "big")
            position += size
        if position + length > len(der):
            raise ValueError("the certificate ends too early")
        yield tag, der[position : position + length]
        position += length


def _oid(content):
    numbers, number = [], 0
    for byte in content:
        number = number << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(number)
            number = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - first * 40, *numbers[1:]]))


def _name(content):
    parts = []
    for _set, members in _elements(content):
        for _tag, pair in _elements(members):
            (_tag, kind), (tag, value) = _elements(pair)
            text = value.decode(_ENCODINGS.get(tag, "utf-8"), "replace")
            parts.append("%s=%s" % (_NAMES.get(_oid(kind), _oid(kind)), text))
    return ", ".join(parts) or "(no name)"


def _seconds(tag, content):
    text = content.decode("ascii", "replace")
    if tag == _UTC_TIME:
        text = ("20" if text < "50" else "19") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("it is no certificate")
    return calendar.timegm(time.strptime(text, "%Y%m%d%H%M%SZ"))
