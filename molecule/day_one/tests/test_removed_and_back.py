# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removed: no trace on the hosts but data. And back again, with its history. The last of all: it ends everything."""

from __future__ import annotations

import re
import time

import pytest
from lab_client import Lab

LAB = Lab("day-one")
REDIS, MONITORING = LAB.named("redis"), LAB.named("monitoring")
# docs/removing.md says what stays; the rest is what a system does by itself.
STAYS = re.compile(
    r"/var/lib/(private|prometheus|alertmanager|node_exporter|grafana)(/(prometheus|alertmanager|node_exporter)?(/.*)?)?"
    r"|/var/lib/grafana/.*|/var/log/.*|/var/cache/.*|/var/lib/(apt|dpkg|systemd|redis|valkey|polkit-1|python)(/.*)?"
    r"|/(home/ubuntu|root)/\.(ansible|cache|python_history)(/.*)?|/(tmp|var/tmp|dev|proc|sys)(/.*)?"
    r"|.*/__pycache__(/.*)?|/etc/(group|gshadow|passwd|shadow|subuid|subgid)-|/etc/\.pwd\.lock"
)
# Of packages that the roles needed there are files that no list names, such as links of update-alternatives.
NEW = """
sort -u /var/lib/dpkg/info/*.list > /run/of-packages
find / -xdev 2>/dev/null | sort | comm -23 - /run/before-us | comm -23 - /run/of-packages
"""


def remove():
    done = LAB.playbook("redisops.monitoring.remove", "--extra-vars=remove_confirm=redis-prod")
    assert done.returncode == 0, done.output
    return done.output


def process(name):
    return LAB.shell(name, f"pgrep -x {LAB.redis_program}-server").strip()


@pytest.fixture(scope="module")
def removed():
    """When, what ran as Redis before, and what the runs have said."""
    before = {name: process(name) for name in REDIS}
    series = LAB.wait_for('up{job="redis-cluster"} == 1', len(REDIS))
    assert len(series) == len(REDIS)
    return time.time(), before, remove(), remove()


def test_a_second_run_finds_nothing(removed):
    assert re.search(r"changed=[1-9]", removed[2])
    assert not re.search(r"changed=[1-9]", removed[3])


@pytest.mark.parametrize("name", REDIS + MONITORING)
def test_no_trace_on_a_host(removed, name):
    left = [path for path in LAB.shell(name, NEW).splitlines() if not STAYS.fullmatch(path)]
    assert left == []
    said = LAB.shell(name, "grep -rlF redisops.monitoring /etc /usr/local /opt /usr/lib/systemd 2>/dev/null; true")
    assert said == ""
    units = LAB.shell(name, "systemctl list-units --all --plain --no-legend --state=failed,active,activating")
    assert not re.search(r"prometheus|alertmanager|exporter|grafana|yace|redisops", units), units
    listening = LAB.shell(name, "ss -Hltn | awk '{print $4}' | sed 's/.*://' | sort -u").split()
    assert not {"3000", "9090", "9093", "9094", "9100", "9115", "9121"} & set(listening)


@pytest.mark.parametrize("name", REDIS)
def test_redis_was_not_touched(removed, name):
    assert process(name) == removed[1][name]
    if len(REDIS) > 1:  # one node alone has no password in its settings to log in with
        users = LAB.redis(name, "ACL USERS").split()
        assert "admin_user" in users and "redis_exporter" not in users


def test_it_comes_back_with_its_history(removed):
    done = LAB.playbook("redisops.monitoring.site")
    assert done.returncode == 0, done.output
    lab = Lab("day-one")  # with the new CA
    assert len(lab.wait_for('up{job="redis-cluster"} == 1', len(REDIS))) == len(REDIS)
    then = lab.prometheus("query", query='up{job="redis-cluster"}', time=removed[0] - 5)["result"]
    assert len(then) == len(REDIS)
