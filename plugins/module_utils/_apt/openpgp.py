# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys in a keyring (RFC 4880). Private.

By hand, because hosts have no gpg, and apt takes a key before it checks it and does not say which one it refuses.
"""

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
    """The packets of a keyring, which may be armored; several armored blocks are one keyring."""
    if b"-----BEGIN PGP PUBLIC KEY BLOCK-----" not in data:
        return data
    try:
        packed = b"".join(base64.b64decode(b"".join(body.split()), validate=True) for body in ARMOR.findall(data))
    except binascii.Error:
        packed = b""
    if not packed:
        raise NotAKey("its armor is damaged")
    return packed


def packet(data, at):
    """(tag, begin of the body, end) of the packet at this place."""

    def number(offset, size):
        return int.from_bytes(data[at + offset : at + offset + size], "big")

    first = number(0, 1)
    if not first & 0x80:
        raise NotAKey("it is not an OpenPGP key")
    if first & 0x40:  # new format
        tag, length, header = first & 0x3F, number(1, 1), 2
        if 192 <= length < 224:
            length, header = number(1, 2) - (192 << 8) + 192, 3
        elif length == 255:
            length, header = number(2, 4), 6
        known = header != 2 or length < 224
    else:
        size = 1 << (first & 3)
        tag, length, header, known = first >> 2 & 0x0F, number(1, size), 1 + size, size < 8
    if not known:
        raise NotAKey("it has a packet of unknown length")
    if at + header + length > len(data):
        raise NotAKey("it is cut off")
    return tag, at + header, at + header + length


def keys(data):
    """The packets of every primary key by its fingerprint, in the order of the keyring."""
    data = dearmor(data)
    found, current, at = {}, None, 0
    while at < len(data):
        tag, begin, end = packet(data, at)
        if tag == PUBLIC_KEY:
            body = data[begin:end]
            if body[:1] != b"\x04":
                raise NotAKey("it is a key of version %d, and only version 4 is known here" % (body or b"\0")[0])
            # A fingerprint of version 4 is defined by SHA-1.
            digest = hashlib.new("sha1", b"\x99" + len(body).to_bytes(2, "big") + body)  # noqa: S324
            current = digest.hexdigest().upper()
            found[current] = b""
        if current is None:
            raise NotAKey("it is not a public key")
        found[current] += data[at:end]
        at = end
    if not found:
        raise NotAKey("it is empty")
    return found
