# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which keys a keyring holds, as gpg says it and without gpg."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._apt import openpgp

# A throwaway key, made and described by gpg.
FINGERPRINT = "DA999C556CDA9F1DC9BEDBBA261BB5D35DB8F7C9"
ARMORED = b"""\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawUAlhYJKwYBBAHaRw8BAQdAirMI/2DF4iijM0UocO5Ew1lmJ1lLGcY5yQX8
BZoUbLC0GUxhYiA8bGFiQGV4YW1wbGUuaW52YWxpZD6IkAQTFggAOBYhBNqZnFVs
2p8dyb7buiYbtdNduPfJBQJrBQCWAhsDBQsJCAcCBhUKCQgLAgQWAgMBAh4BAheA
AAoJECYbtdNduPfJ77IBAN5cCFc11BSmFYZ2xFUdRpYN+L/wKdR8Am8JdKBp1l4i
AQCsENWAJFrWjrKNzXJjjN9e23L3cMToiKevGGCoPeguAQ==
=Ohq2
-----END PGP PUBLIC KEY BLOCK-----
"""
BINARY = openpgp.dearmor(ARMORED)


def packet(tag, body, old=False):
    if old:
        return bytes([0x80 | tag << 2 | 1]) + len(body).to_bytes(2, "big") + body
    return bytes([0xC0 | tag, 255]) + len(body).to_bytes(4, "big") + body


def other_key(old=False):
    return packet(6, b"\x04\x00\x00\x00\x01" + bytes(40), old) + packet(13, b"Other", old)


def test_fingerprint_is_the_one_that_gpg_shows():
    assert openpgp.keys(ARMORED) == {FINGERPRINT: BINARY}
    assert openpgp.keys(BINARY) == {FINGERPRINT: BINARY}


@pytest.mark.parametrize("text", [ARMORED.replace(b"\n", b"\r\n"), b"words before\n" + ARMORED + b"and after\n"])
def test_armor_may_have_other_line_ends_and_text_around(text):
    assert list(openpgp.keys(text)) == [FINGERPRINT]


def test_armor_headers_are_no_part_of_the_key():
    text = ARMORED.replace(b"BLOCK-----\n\n", b"BLOCK-----\nVersion: GnuPG v2\nComment: of the lab\n\n", 1)
    assert list(openpgp.keys(text)) == [FINGERPRINT]


@pytest.mark.parametrize("old", [False, True], ids=["new packets", "old packets"])
def test_several_keys_are_told_apart(old):
    other = other_key(old)
    found = openpgp.keys(BINARY + other)
    assert found[FINGERPRINT] == BINARY
    assert [whole for one, whole in found.items() if one != FINGERPRINT] == [other]
    assert list(openpgp.keys(BINARY + other_key(True))) == list(openpgp.keys(BINARY + other_key(False)))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html>", "it is not an OpenPGP key"),
        (BINARY[:-5], "it is cut off"),
        (BINARY[:1], "it is cut off"),
        (packet(13, b"only a name"), "it is not a public key"),
        (packet(6, b"\x06\x00"), "version 6"),
        (ARMORED.replace(b"bLC0", b"bLC", 1), "its armor is damaged"),
        (ARMORED.replace(b"-----END", b"----END"), "its armor is damaged"),
    ],
)
def test_what_is_no_key_is_named(data, why):
    with pytest.raises(openpgp.NotAKey, match=why):
        openpgp.keys(data)
