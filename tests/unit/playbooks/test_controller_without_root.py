# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing on the controller becomes root: not with --become, and not with ansible_become for all hosts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PLAYS = [
    pytest.param(play, id=f"{path.stem}: {play['name']}")
    for path in sorted((ROOT / "playbooks").glob("*.yml"))
    for play in yaml.safe_load(path.read_text())
    if re.search(r"(^|')localhost", play.get("hosts", ""))  # and not hostvars.localhost
]


def tasks_of(items):
    for item in items or []:
        yield item
        for part in ("block", "rescue", "always"):
            yield from tasks_of(item.get(part))


def delegated():
    files = [*(ROOT / "roles").glob("*/tasks/*.yml"), *(ROOT / "playbooks").glob("*.yml")]
    for path in sorted(files):
        content = yaml.safe_load(path.read_text()) or []
        lists = [content] if path.parent.name == "tasks" else [play.get("tasks") for play in content]
        for task in (task for items in lists for task in tasks_of(items)):
            if task.get("delegate_to") == "localhost":
                yield pytest.param(task, id=f"{path.relative_to(ROOT)}: {task['name']}")


def stays_the_user(item):
    return item.get("become") is False and item.get("vars", {}).get("ansible_become") is False


@pytest.mark.parametrize("play", PLAYS)
def test_plays_of_localhost(play):
    assert stays_the_user(play), "set become: false and vars: {ansible_become: false}"


@pytest.mark.parametrize("task", list(delegated()))
def test_tasks_delegated_to_localhost(task):
    assert stays_the_user(task), "set become: false and vars: {ansible_become: false}"
