# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import bcrypt
import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.redisops.monitoring.plugins.filter import bcrypt_hash as plugin
from ansible_collections.redisops.monitoring.plugins.filter.bcrypt_hash import FilterModule

hash_of = FilterModule().filters()["bcrypt_hash"]
PASSWORD = "corréct horse"


def test_hash_is_accepted_for_its_password_only():
    made = hash_of(PASSWORD, "host user", rounds=4).encode()
    assert bcrypt.checkpw(PASSWORD.encode(), made)
    assert not bcrypt.checkpw(b"correct horse", made)


def test_same_input_same_hash_in_every_process():
    assert hash_of(PASSWORD, "host user", rounds=4) == "$2b$04$j/0jCAVwtkN8LwjerBzWdOSndyeTd1dHFIlvtWdi9N5rLRDSznQuS"


def test_salt_comes_from_salt_from_alone():
    def salt(made):
        return made[:29]

    assert salt(hash_of("one", "host user", 4)) == salt(hash_of("two", "host user", 4))
    assert salt(hash_of("one", "host user", 4)) != salt(hash_of("one", "host other", 4))


@pytest.mark.parametrize("number", range(50))
def test_every_salt_is_wellformed(number):
    """The last of the 22 characters carries two bits: a salt that bcrypt has to round would give another hash."""
    made = hash_of("x", str(number), 4)
    assert len(made) == 60 and made[28] in ".Oeu" and bcrypt.checkpw(b"x", made.encode())


def test_rounds_default():
    assert hash_of("x", "y").startswith("$2b$10$")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("", "salt"), "not empty"),
        ((None, "salt"), "not empty"),
        (("x", ""), "salt_from"),
        (("é" * 37, "salt"), "72 bytes"),
        (("a\0b", "salt"), "NUL"),
        (("x", "salt", 3), "rounds"),
        (("x", "salt", "10"), "rounds"),
    ],
)
def test_bad_input_is_one_line_without_the_password(arguments, message):
    with pytest.raises(AnsibleFilterError, match=message) as failed:
        hash_of(*arguments)
    assert "\n" not in str(failed.value) and "ééé" not in str(failed.value)


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(plugin, "bcrypt", None)
    with pytest.raises(AnsibleFilterError, match="pip install bcrypt"):
        hash_of("x", "y")
