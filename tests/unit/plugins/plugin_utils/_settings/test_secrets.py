# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _secrets

SECRET = "a-secret-of-32-characters-or-more"


# RFC 5869, appendix A: test cases 1 to 3
@pytest.mark.parametrize(
    ("key", "salt", "info", "length", "found"),
    [
        (
            "0b" * 22,
            "000102030405060708090a0b0c",
            "f0f1f2f3f4f5f6f7f8f9",
            42,
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            bytes(range(0x00, 0x50)).hex(),
            bytes(range(0x60, 0xB0)).hex(),
            bytes(range(0xB0, 0x100)).hex(),
            82,
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
            "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            "0b" * 22,
            "",
            "",
            42,
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ],
)
def test_vectors_of_the_rfc(key, salt, info, length, found):
    assert _secrets.hkdf(*map(bytes.fromhex, (key, salt, info)), length).hex() == found


def test_a_password_is_the_same_everywhere_and_of_its_purpose_and_cluster_alone():
    """The literal is public interface: with another one, passwords of every user would change with the upgrade."""
    assert _secrets.derive(SECRET, "redis-prod", "grafana/admin") == "43de0bc86aeb2fd8c220588939cc522e8a995310"
    found = {_secrets.derive(SECRET, cluster, one) for cluster in ("a", "b") for one in _secrets.PURPOSES}
    assert len(found) == 2 * len(_secrets.PURPOSES)
    assert all(len(one) == 40 and set(one) <= set("0123456789abcdef") for one in found)


def test_an_unknown_purpose():
    with pytest.raises(ValueError, match="grafana/amdin is not a purpose"):
        _secrets.derive(SECRET, "redis-prod", "grafana/amdin")
