# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is notified of the alerts of which Redis cluster, where there are several: what their nodes say of it."""

from __future__ import annotations

import json

from . import _alertmanager_receivers as receivers
from . import _alertmanager_routes as routes
from . import _clusters, _core

ROLE = "alertmanager"
RECEIVERS, LEVELS = OPTIONS = ("alertmanager_receivers", "alertmanager_levels")


def settings(s: dict, host: _core.Host) -> dict[str, dict]:
    """The receivers and levels of each cluster that says something of them."""
    return {
        cluster: {RECEIVERS: said.get(RECEIVERS, s[RECEIVERS]), LEVELS: levels_of(s, said, host)}
        for cluster, said in _clusters.own(host, ROLE, OPTIONS).items()
        if said
    }


def levels_of(s: dict, said: dict, host: _core.Host) -> dict:
    """The levels of a cluster that says this.

    Levels that are given for all name the receivers of all: they do not count for a cluster with receivers of its own.
    """
    derived, general = levels_of_all(s, host)
    known, levels = said.get(RECEIVERS, s[RECEIVERS]), said.get(LEVELS, general)
    by_kind = receivers.levels(known, s["alertmanager_watchdog_receiver"])
    if told(s, known) != told(s, s[RECEIVERS]) and levels == general:
        return by_kind
    return {**(by_kind if derived else {}), **levels}


def told(s: dict, known: list[dict]) -> dict[str, dict]:
    """The receivers of alerts by name: their order says nothing, and the dead man's switch is told of none."""
    return {one["name"]: one for one in known if one["name"] != s["alertmanager_watchdog_receiver"]}


def levels_of_all(s: dict, host: _core.Host) -> tuple[bool, dict]:
    """Whether levels follow from the receivers, and those that are given for all."""
    stack = host.variables
    if LEVELS not in getattr(stack, "derived", {}):
        return False, s[LEVELS]
    return True, _core.setting(ROLE, LEVELS, stack.own)[0] if stack.is_given(LEVELS) else {}


def with_all(s: dict, host: _core.Host) -> dict:
    """The settings with the receivers of all clusters."""
    known = {one["name"]: one for said in settings(s, host).values() for one in said[RECEIVERS]}
    mine = [one["name"] for one in s[RECEIVERS]]
    return {**s, RECEIVERS: [*s[RECEIVERS], *(one for name, one in known.items() if name not in mine)]}


def others(s: dict, host: _core.Host) -> dict[str, list[dict]]:
    """The steps of the clusters whose alerts go other ways than those of all."""
    found = {cluster: routes.steps({**s, LEVELS: said[LEVELS]}) for cluster, said in settings(s, host).items()}
    return {cluster: steps for cluster, steps in found.items() if steps != routes.steps(s)}


def cluster_routes(s: dict, host: _core.Host) -> list[dict]:
    """The routes of such clusters, before those of all: an alert of them goes no further."""
    return [
        {
            "matchers": [f"cluster = {json.dumps(cluster, ensure_ascii=False)}"],
            "receiver": next((step["receiver"] for step in steps), receivers.NOBODY),
            "routes": [as_route(step) for step in steps],
        }
        for cluster, steps in others(s, host).items()
    ]


def as_route(step: dict) -> dict:
    names = ["receiver", "group_wait", "group_interval", "repeat_interval"]
    names += [name for name in ("active_time_intervals", "mute_time_intervals") if step[name]]
    severity = [f"severity = {json.dumps(step['severity'], ensure_ascii=False)}"]
    return {"matchers": severity, **{name: step[name] for name in names}, "continue": True}


# ------------------------------------------------------------------------------------------------------- problems


def problems(s: dict, host: _core.Host) -> list[str]:
    found = _clusters.problems(host, ROLE, OPTIONS)
    everybody, known = with_all(s, host), {one["name"]: one for one in s[RECEIVERS]}
    general = routes.level_problems(everybody) + reach(everybody)
    for cluster, said in settings(s, host).items():
        for one in said[RECEIVERS]:
            if known.setdefault(one["name"], one) != one:
                found.append(
                    f"cluster {cluster}: alertmanager_receivers has another {one['name']} than others have: give it a"
                    " name of its own"
                )
        own = {**everybody, LEVELS: said[LEVELS]}
        lines = routes.level_problems(own) + reach(own)
        found += [f"cluster {cluster}: {line}" for line in lines if line not in general]
    return found


def reach(s: dict) -> list[str]:
    known = [severity["severity"] for severity in s["alertmanager_severities"]]
    return [line for severity in s["alertmanager_severities"] for line in routes.reach_problems(s, severity, known)]
