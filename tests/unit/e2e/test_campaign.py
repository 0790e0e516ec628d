# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the fault campaign judges: what was told, how long services were down, what is left behind."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/e2e"))

import clock
import kills
import told
from prober import Downs

BOTH = {"Down": ("chat",)}


def line(*firing: str, over: tuple[str, ...] = (), path: str = "/chat", at: float = 0) -> dict:
    alerts = [
        {"status": status, "fingerprint": name, "labels": {"alertname": name.partition("-")[0]}}
        for status, names in (("firing", firing), ("resolved", over))
        for name in names
    ]
    body = {"groupKey": "g", "status": "firing" if firing else "resolved", "alerts": alerts}
    return {"time": at, "path": path, "body": body}


def kinds(*lines: dict) -> list[str]:
    return [notice.kind for notice in told.read(lines)]


def test_a_page_its_news_and_its_end():
    first, second = line("Down-a", "Down-b"), line("Down-b", over=("Down-a",))
    assert kinds(first, second, line(over=("Down-b",))) == ["page", "news", "end"]
    assert told.problems(told.read([first, second, line(over=("Down-b",))]), BOTH) == []


def test_the_same_again_is_a_repeat_and_another_alert_a_page():
    assert kinds(line("Down-a"), line("Down-a"), line("Down-a", "Down-b")) == ["page", "repeat", "page"]


def test_the_dead_mans_switch_is_not_told():
    assert kinds(line("Watchdog", path="/deadman")) == []


def test_an_alert_of_two_senders_is_once_too_many_where_one_is_asked_for():
    twice = told.read([line("Down-a"), line("Down-a"), line(over=("Down-a",)), line(over=("Down-a",))])
    assert told.problems(twice, BOTH) == [
        "the same alerts came 1 times more to chat", "the same end came 1 times more to chat"
    ]  # fmt: skip
    assert told.problems(twice, BOTH, most=2) == []


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "Down was told 0 times to chat"),
        ([line("Down-a")], "the end of Down was not told to chat"),
        (
            [line("Down-a"), line(over=("Down-a",)), line("Down-a"), line(over=("Down-a",))],
            "Down was told 2 times to chat",
        ),
        (
            [line("Down-a"), line(over=("Down-a",)), line("Else"), line(over=("Else",))],
            "Else, which nobody expects, was told to chat",
        ),
    ],
)
def test_what_is_wrong(lines, problem):
    assert told.problems(told.read(lines), BOTH) == [problem]


def test_what_is_wrong_at_several_receivers_is_said_once():
    lines = [line("Else", path=path) for path in ("/chat", "/oncall")]
    assert told.problems(told.read(lines), {}) == ["Else, which nobody expects, was told to chat and oncall"]


def test_the_longest_silence_of_the_switch():
    beats = [line("Watchdog", path="/deadman", at=at) for at in (10, 20, 45)]
    assert told.longest_silence([*beats, line("Down-a", at=30)], 5, 50) == 25


def test_how_long_a_service_was_down():
    downs = Downs()
    downs.up(1)
    downs.down(2)
    downs.down(3)
    downs.up(4.5)
    downs.down(6)
    assert (downs.longest, downs.since) == (2.5, 6)


def test_what_a_run_changed():
    recap = "a-1 : ok=3    changed=2    unreachable=0    failed=0\nb   : ok=1 changed=0 unreachable=0 failed=1\n"
    assert kills.Run(1, 0, recap).changed == {"a-1": 2, "b": 0}


def test_what_is_left_behind():
    before = {"a": {"/opt/x", "/opt/y"}, "b": set()}
    now = {"a": {"/opt/x", "/opt/.work", "/tmp/ansible_a.b.c_payload_x1/a.zip"}, "b": {"/tmp/z"}}
    assert kills.left_behind(now, before) == ["a: /opt/.work", "b: /tmp/z"]


def test_a_killed_run_leaves_no_process_whatever_its_session():
    """As Ansible's workers, which lead sessions of their own."""
    started = subprocess.Popen(
        ["sh", "-c", "setsid sleep 300 & echo $!; wait"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    worker = int(started.stdout.readline())
    assert set(kills.descendants(started.pid)) >= {started.pid, worker}
    kills.kill_tree(started.pid)
    started.wait()
    started.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}/cmdline").exists() and Path(f"/proc/{worker}/cmdline").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(clock.platform.machine() != "x86_64", reason="the code is for x86_64")
def test_a_program_gets_a_clock_of_its_own():
    """Its time of day is another one, what measures durations stays, and nobody else has it."""
    script = "import sys, time\nfor _ in sys.stdin: print(time.time(), time.monotonic(), flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:

        def ask() -> tuple[float, float]:
            program.stdin.write("\n")
            program.stdin.flush()
            return tuple(map(float, program.stdout.readline().split()))

        assert ask()[0] == pytest.approx(time.time(), abs=5)
        try:
            clock.shift(program.pid, -300)
        except PermissionError:
            program.kill()
            pytest.skip("this user may not write to another process")
        told_time, monotonic = ask()
        assert told_time == pytest.approx(time.time() - 300, abs=5)
        assert monotonic == pytest.approx(time.monotonic(), abs=5)
        program.stdin.close()
