# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing secret is in what is seen of a host."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence.mask import Mask

CANARY = "c4nary-Pa55word"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: {CANARY}",
        f'  -redis.password string\n    \tPassword (default "{CANARY}")',
        f"dial redis://admin:{CANARY}@127.0.0.1:6379: refused",
        f'exporter.Options{{User:"default", Password:"{CANARY}"}}',
        f"--redis.password={CANARY}",
        f"REDIS_PASSWORD={CANARY}",
        f"requirepass {CANARY}",
        f"basic_auth: {{password: {CANARY}}}",
        f"webhook token: {CANARY}",
    ],
)
def test_what_looks_like_a_secret_is_masked(text):
    masked = Mask([]).text(text)
    assert CANARY not in masked and "********" in masked


def test_known_secrets_are_masked_in_any_structure():
    data = {"a": ["x" + CANARY, {"b": CANARY}], "c": 1, "d": None}
    assert CANARY not in repr(Mask([CANARY]).data(data))
    assert Mask(["", "ab"]).text("about abba") == "about abba"  # nothing short is a secret


def test_what_is_no_secret_stays_readable():
    mask = Mask([CANARY])
    for text in ("password_file: /run/credentials/x/y", "WRONGPASS invalid username-password pair", "flag provided"):
        assert mask.text(text) == text
    assert mask.argument("--redis.password-file=/run/credentials/x") == "--redis.password-file=/run/credentials/x"
    assert mask.argument("--redis.password=abc") == "--redis.password=********"
