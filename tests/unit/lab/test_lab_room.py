# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab that is too large for the kernel's limits is refused before it is made."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))

import podman
from common import LabError


@pytest.fixture
def kernel(tmp_path):
    """As Debian 12 has it."""
    for name, value in (("fs/inotify/max_user_instances", 128), ("net/ipv4/neigh/default/gc_thresh2", 512),
                        ("net/ipv4/neigh/default/gc_thresh3", 1024)):  # fmt: skip
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    return tmp_path


def test_labs_of_the_scenarios_fit(kernel):
    podman.require_room(11, kernel)


def test_thirty_nodes_fill_the_table_of_neighbours(kernel):
    (kernel / "fs/inotify/max_user_instances").write_text("1024")
    with pytest.raises(LabError, match=r"sysctl -w net\S+gc_thresh2=1089 net\S+gc_thresh3=1089$"):
        podman.require_room(33, kernel)


def test_all_that_is_small_is_named_at_once(kernel):
    with pytest.raises(LabError, match=r"^24 hosts .*sysctl -w fs.inotify.max_user_instances=192 net.*2=576$"):
        podman.require_room(24, kernel)


def test_limits_that_cannot_be_seen_are_not_judged(tmp_path):
    podman.require_room(1000, tmp_path)
