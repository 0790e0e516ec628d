# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a receiver got, as a person reads it: a page, the same once more, news of a group, the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass

from lab_site import DEADMAN


@dataclass(frozen=True)
class Notice:
    path: str
    group: str
    kind: str  # page: an alert that was not told before; repeat: nothing new; news: something of it is over; end
    new: frozenset[str]  # alerts by name
    over: frozenset[str]
    firing: bool
    at: float


def read(lines: Iterable[dict]) -> list[Notice]:
    """The notifications of a webhook, oldest first. An alert is known by its labels, a group by its key."""
    told: dict[tuple[str, str], dict[str, str]] = {}
    found = []
    for line in lines:
        if line["path"] == DEADMAN:
            continue
        body = line["body"]
        key = (line["path"], body["groupKey"])
        before = told.get(key, {})
        now = {
            alert["fingerprint"]: alert["labels"]["alertname"]
            for alert in body["alerts"]
            if alert["status"] == "firing"
        }
        new = frozenset(name for fingerprint, name in now.items() if fingerprint not in before)
        over = frozenset(name for fingerprint, name in before.items() if fingerprint not in now)
        kind = "page" if new else "repeat" if not over else "news" if now else "end"
        found.append(Notice(*key, kind, new, over, bool(now), line["time"]))
        told[key] = now
    return found


def problems(
    notices: list[Notice], expected: dict[str, tuple[str, ...]], most: int = 1, echoes: Set[str] = frozenset()
) -> list[str]:
    """What is wrong: expected says to whom each alert is told; `most`: how often, two in a pair cut in two."""
    pages = Counter((notice.path[1:], alert) for notice in notices for alert in notice.new)
    ended = {(notice.path[1:], alert) for notice in notices for alert in notice.over}
    copies = Counter((each.path[1:], each.group, each.firing) for each in notices if each.kind == "repeat")
    wrong: dict[str, list[str]] = {}  # what, and at whom

    def say(what: str, receiver: str) -> None:
        wrong.setdefault(what, []).append(receiver)

    for receiver, alert in [(receiver, alert) for alert, receivers in expected.items() for receiver in receivers]:
        times = pages.pop((receiver, alert), 0)
        if not 1 <= times <= most:
            say(f"{alert} was told {times} times to", receiver)
        if times and (receiver, alert) not in ended:
            say(f"the end of {alert} was not told to", receiver)
    for receiver, alert in sorted(pages):
        if alert not in echoes:
            say(f"{alert}, which nobody expects, was told to", receiver)
    for (receiver, _group, firing), times in copies.items():
        if times >= most:
            say(f"the same {'alerts' if firing else 'end'} came {times} times more to", receiver)
    return [f"{what} {' and '.join(dict.fromkeys(receivers))}" for what, receivers in wrong.items()]


def kinds(notices: list[Notice], receiver: str) -> dict[str, int]:
    """How many of each kind somebody got."""
    return dict(Counter(notice.kind for notice in notices if notice.path == f"/{receiver}"))


def longest_silence(lines: Iterable[dict], begin: float, end: float) -> float:
    """The longest time in which the dead man's switch heard nothing."""
    beats = [begin, *(line["time"] for line in lines if line["path"] == DEADMAN), end]
    return max(later - earlier for earlier, later in zip(beats, beats[1:]))
