# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that hashes a password for the web configuration of Prometheus and its kin, the same hash every time."""

from __future__ import annotations

import base64
import hashlib

from ansible.errors import AnsibleFilterError

try:
    import bcrypt
except ImportError:
    bcrypt = None

# bcrypt's base64 has its own alphabet and no padding.
STANDARD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
BCRYPT = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
TO_BCRYPT = bytes.maketrans(STANDARD, BCRYPT)


def bcrypt_hash(password: str, salt_from: str, rounds: int = 10) -> str:
    """Return the bcrypt hash. The salt comes from *salt_from* alone, so it says nothing about the password."""
    if bcrypt is None:
        raise AnsibleFilterError(
            "bcrypt_hash: the Python package bcrypt is missing on the controller: pip install bcrypt"
        )
    if not isinstance(password, str) or not password:
        raise AnsibleFilterError("bcrypt_hash: the password has to be a string that is not empty")
    if not isinstance(salt_from, str) or not salt_from:
        raise AnsibleFilterError(
            "bcrypt_hash: salt_from has to be a string that is not empty, such as host and user name"
        )
    if isinstance(rounds, bool) or not isinstance(rounds, int) or not 4 <= rounds <= 31:
        raise AnsibleFilterError("bcrypt_hash: rounds has to be an integer from 4 to 31")
    secret = password.encode()
    if len(secret) > 72 or b"\0" in secret:
        raise AnsibleFilterError("bcrypt_hash: bcrypt takes passwords of at most 72 bytes and without NUL bytes")
    digest = hashlib.sha256(salt_from.encode()).digest()[:16]
    salt = base64.b64encode(digest).rstrip(b"=").translate(TO_BCRYPT)
    return bcrypt.hashpw(secret, b"$2b$%02d$%s" % (rounds, salt)).decode()


class FilterModule:
    def filters(self):
        return {"bcrypt_hash": bcrypt_hash}
