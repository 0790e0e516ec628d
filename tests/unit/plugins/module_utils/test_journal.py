# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _journal

NEWEST = {"__REALTIME_TIMESTAMP": "1700000002500000", "MESSAGE": "two\nlines", "PRIORITY": "3", "_PID": "7"}
NEWEST.update(SYSLOG_IDENTIFIER="prometheus", _HOSTNAME="monitor")
OLDEST = {"__REALTIME_TIMESTAMP": "1700000001000000", "MESSAGE": [255, 97]}


@pytest.fixture
def journalctl(tmp_path, monkeypatch):
    """Puts a program in its place that prints entries and keeps its arguments."""

    def install(*entries, status=0):
        (tmp_path / "entries").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        path = tmp_path / "journalctl"
        path.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/argv\ncat {tmp_path}/entries\nexit {status}\n')
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
        return tmp_path / "argv"

    return install


def test_entries_come_oldest_first(journalctl):
    argv = journalctl(NEWEST, OLDEST, {"MESSAGE": None})
    unread, first, last = _journal.read("prometheus.service", since=1700000000.5, until="now", lines=60, priority="err")
    assert unread.message == ""
    assert first == _journal.Entry(1700000001.0, "\ufffda", 6, "", "", "")
    assert last == _journal.Entry(1700000002.5, "two\nlines", 3, "prometheus", "7", "monitor")
    given = argv.read_text().split()
    for argument in ("--unit=prometheus.service", "--since=@1700000000.500", "--until=now", "--lines=60"):
        assert argument in given
    assert "--priority=err" in given and "--reverse" in given and "--dmesg" not in given
    _journal.read(kernel=True)
    assert "--dmesg" in argv.read_text().split()


def test_lines_of_all_entries(journalctl):
    journalctl(NEWEST, OLDEST)
    assert _journal.messages("prometheus.service", since="-1h") == ["\ufffda", "two", "lines"]


def test_a_journal_that_cannot_be_read(journalctl):
    journalctl(status=1)
    assert _journal.read("x") is None and _journal.messages("x") == []
