# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Just enough of OpenPGP (RFC 4880) to tell which keys a keyring holds. No gpg is needed on the host. Private."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

PUBLIC_KEY = 6
ARMOR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----[ \t\r]*\n(?:[^\n:]+:[^\n]*\n)*[ \t\r]*\n"
    rb"(?P<body>[A-Za-z0-9+/=\s]+?)(?:\n=[A-Za-z0-9+/]{4}\s*)?-----END PGP PUBLIC KEY BLOCK-----"
)


class NotAKey(Exception):
    """Why this is no public key, in a few words."""


def dearmor(data):
    """The packets, be they armored or not; several armored blocks after each other are taken as one keyring."""
    if b"-----BEGIN PGP PUBLIC KEY BLOCK-----" not in data:
        return data
    try:
        bodies = [b"".join(match.group("body").split()) for match in ARMOR.finditer(data)]
        packed = b"".join(base64.b64decode(body, validate=True) for body in bodies)
    except binascii.Error as exc:
        raise NotAKey("its armor is damaged") from exc
    if not packed:
        raise NotAKey("its armor is damaged")
    return packed


def packets(data):
    """(tag, body, the whole packet) of each packet."""
    at = 0
    while at < len(data):
        start, first = at, data[at]
        if not first & 0x80:
            raise NotAKey("it is not an OpenPGP key")
        try:
            if first & 0x40:  # new format
                tag, length, at = first & 0x3F, data[at + 1], at + 2
                if 192 <= length < 224:
                    length, at = ((length - 192) << 8) + data[at] + 192, at + 1
                elif length == 255:
                    length, at = int.from_bytes(data[at : at + 4], "big"), at + 4
                elif length >= 224:
                    raise NotAKey("it has a packet of unknown length")
            else:
                tag, size = first >> 2 & 0x0F, 1 << (first & 3)
                if size == 8:
                    raise NotAKey("it has a packet of unknown length")
                length, at = int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size
            if at > len(data):
                raise IndexError
        except IndexError:
            raise NotAKey("it is cut off") from None
        body = data[at : at + length]
        if len(body) != length:
            raise NotAKey("it is cut off")
        at += length
        yield tag, body, data[start:at]


def keys(data):
    """Packets by fingerprint of every primary key, with all that belongs to it, in the order of the keyring."""
    found, current = {}, None
    for tag, body, whole in packets(dearmor(data)):
        if tag == PUBLIC_KEY:
            if body[:1] != b"\x04":
                raise NotAKey("it is a key of version %d, and only version 4 is known here" % (body or b"\0")[0])
            # A fingerprint of version 4 is defined by SHA-1.
            digest = hashlib.new("sha1", b"\x99" + len(body).to_bytes(2, "big") + body)  # noqa: S324
            current = digest.hexdigest().upper()
            found[current] = b""
        if current is None:
            raise NotAKey("it is not a public key")
        found[current] += whole
    if not found:
        raise NotAKey("it is empty")
    return found


def fingerprint(text):
    """As it is compared: 40 hexadecimal digits, however it was written."""
    found = re.sub(r"\s", "", text).upper()
    return found if re.match(r"[0-9A-F]{40}\Z", found) else None
