# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _files


def test_a_file_is_replaced_with_its_mode(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    before = path.stat().st_ino
    _files.write_atomically(str(path), b"new", 0o640, os.geteuid(), os.getegid())
    assert path.read_bytes() == b"new" and stat.S_IMODE(path.stat().st_mode) == 0o640
    assert path.stat().st_ino != before and os.listdir(tmp_path) == ["file"]


def test_a_link_is_replaced_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / "file").symlink_to("elsewhere")
    _files.write_atomically(str(tmp_path / "file"), b"ours", 0o600)
    assert (tmp_path / "elsewhere").read_text() == "theirs" and not (tmp_path / "file").is_symlink()


def test_nothing_is_left_behind_by_a_failure(tmp_path):
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError):
        _files.write_atomically(str(tmp_path / "directory"), b"", 0o600)
    assert os.listdir(tmp_path) == ["directory"]


def test_leftovers_of_a_killed_run_are_swept(tmp_path):
    for name in (_files.LEFTOVER + "x", "file"):
        (tmp_path / name).write_text("")
    _files.sweep(str(tmp_path))
    assert os.listdir(tmp_path) == ["file"]


def test_a_link_is_put_in_place(tmp_path):
    for target in ("one", "two"):
        _files.link_atomically(str(tmp_path / "link"), target)
        assert os.readlink(tmp_path / "link") == target
    _files.sync(str(tmp_path))
