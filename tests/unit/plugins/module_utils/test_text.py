# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 5400), ("1d12h", 129600), ("500ms", 0.5), ("5m", 300), ("1m5ms", 60.005), ("0s", 0)]
    + [("1w", 604800), ("1y", 31536000), ("1y2w3d4h5m6s7ms", 33019506.007), (" 5m\n", 300)],
)
def test_durations(text, seconds):
    assert _text.duration_seconds(text) == pytest.approx(seconds) and _text.is_duration(text)


@pytest.mark.parametrize("text", ["", "5", 5, None, "m", "5x", "1.5h", "-5m", "30m1h", "5m5m", "5 m", "1h 30m", "٣m"])
def test_what_is_no_duration(text):
    assert not _text.is_duration(text)
    with pytest.raises(ValueError, match="is not a duration"):
        _text.duration_seconds(text)


def test_one_line():
    assert _text.one_line(" a\n\tb\x1b[0m  c\r\n") == "a b?[0m c"
    assert _text.one_line("x" * 301) == "x" * 300
    assert _text.one_line(ValueError("a b"), limit=2) == "a"


def test_versions():
    assert _text.version_tuple("v1.86.0") == (1, 86, 0) == _text.version_tuple("1.86.0+ds")
    assert _text.version_tuple("3.5.3-rc.1") < (3, 10)
    with pytest.raises(ValueError):
        _text.version_tuple("latest")


def test_a_moment():
    assert _text.utc(0) == "1970-01-01T00:00:00Z"
    assert _text.utc(1796040000.9) == "2026-11-30T12:00:00Z"
