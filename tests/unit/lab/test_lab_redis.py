# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Redis a lab has: LAB_REDIS and LAB_SUITE."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))

import lab
import podman
from common import LabError


@pytest.fixture
def systems(monkeypatch):
    def run(redis=None, suite=None):
        for name, value in (("LAB_REDIS", redis), ("LAB_SUITE", suite)):
            monkeypatch.delenv(name, raising=False)
            if value:
                monkeypatch.setenv(name, value)
        return lab.systems()

    return run


def test_which_system_goes_with_which_redis(systems):
    assert systems() == ("bookworm", "redis")
    assert systems(suite="jammy") == ("jammy", "redis")
    assert systems("valkey-9") == ("trixie", "valkey-9")
    assert systems("redis-8", "trixie") == ("trixie", "redis-8")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (("valkey",), "one of redis, redis-8, valkey-9"),
        (("redis", "sid"), "LAB_SUITE=sid: one of bookworm, "),
        (("redis-8", "bookworm"), "runs on Debian 13: set LAB_SUITE=trixie, or leave it out"),
    ],
)
def test_what_there_is_not(systems, asked, says):
    with pytest.raises(LabError, match=says):
        systems(*asked)


@pytest.mark.parametrize("name", podman.REDIS)
def test_an_image_has_one_redis_and_from_where_it_is_wanted(name):
    redis = podman.REDIS[name]
    packages, hooks = podman.recipe("trixie", redis)
    text = "\n".join(hooks)
    assert ("redis-server" in packages) == (name == "redis")
    assert f"{redis.program}-server/{redis.newer} {redis.program}-tools/{redis.newer}" in text or not redis.newer
    assert f"systemctl disable {redis.program}-server.service" in hooks[-1]
    assert "{" not in text.replace("${", "")
