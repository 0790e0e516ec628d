# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is notified when: severities, levels of escalation, time intervals and routes of Alertmanager."""

from __future__ import annotations

import re

from ...module_utils._text import is_duration
from . import _alertmanager_receivers as receivers

SEVERITIES = ["P1", "P2", "P3"]  # those of the rule pack: each has to reach somebody
CLOCK = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
ZONE = re.compile("UTC|Local|[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
# Keys of a time interval: the form of a value, alone or at both ends of a range, and the examples to give.
DATES = {
    "weekdays": ("(sun|mon|tues|wednes|thurs|fri|satur)day", "a day such as monday nor a range such as monday:friday"),
    "days_of_month": ("-?([1-9]|[12][0-9]|3[01])", "a day such as 1 or -1 nor a range such as 1:7"),
    "months": (
        "(january|february|march|april|may|june|july|august|september|october|november|december|[1-9]|1[0-2])",
        "a month such as december or 12 nor a range such as january:march",
    ),
    "years": ("[0-9]{4}", "a year such as 2027 nor a range such as 2027:2029"),
}


def steps(s: dict) -> list[dict]:
    """The steps of all severities that reach somebody, one route each.

    A receiver has one route in each severity: with two it would be notified twice, at the same moment.
    """
    found = []
    for severity in s["alertmanager_severities"]:
        notified: set[str] = set()
        for step in severity["steps"]:
            for receiver in s["alertmanager_levels"].get(step["level"]) or []:
                if receiver not in notified:
                    notified.add(receiver)
                    found.append(
                        {
                            "severity": severity["severity"],
                            "level": step["level"],
                            "receiver": receiver,
                            "group_wait": step.get("after") or s["alertmanager_group_wait"],
                            "group_interval": severity.get("group_interval") or "5m",
                            "repeat_interval": severity.get("repeat_interval") or "4h",
                            "active_time_intervals": severity.get("active_time_intervals") or [],
                            "mute_time_intervals": severity.get("mute_time_intervals") or [],
                        }
                    )
    return found


def default_receiver(s: dict) -> str:
    """Who is notified of an alert that no route takes."""
    return s["alertmanager_default_receiver"] or next((step["receiver"] for step in steps(s)), receivers.NOBODY)


# ------------------------------------------------------------------------------------------------------- problems


def problems(s: dict) -> list[str]:
    found = [
        f"{option} is {s[option]}, which alertmanager_receivers does not have"
        for option in ("alertmanager_default_receiver", "alertmanager_watchdog_receiver")
        if s[option] and s[option] not in receivers.names(s)
    ]
    found += level_problems(s)
    known = [severity["severity"] for severity in s["alertmanager_severities"]]
    found += [
        f"severity {name} has no route: add it to alertmanager_severities" for name in SEVERITIES if name not in known
    ]
    for severity in s["alertmanager_severities"]:
        found += reach_problems(s, severity, known) + severity_problems(s, severity)
    for interval in s["alertmanager_time_intervals"]:
        what = f"alertmanager_time_intervals: {interval['name']}"
        if not interval["time_intervals"]:
            found.append(f"{what} has no times: it would never hold")
        for part in interval["time_intervals"]:
            found += [f"{what}: {line}" for line in clock_problems(part) + date_problems(part)]
    return found + route_problems(s)


def level_problems(s: dict) -> list[str]:
    found = []
    used = [step["level"] for severity in s["alertmanager_severities"] for step in severity["steps"]]
    for level, members in s["alertmanager_levels"].items():
        if not isinstance(members or [], list):
            found.append(f"alertmanager_levels.{level} is not a list of receivers")
        else:
            unknown = [name for name in members or [] if name not in receivers.names(s)]
            found += [
                f"alertmanager_levels.{level} has {name}, which alertmanager_receivers does not have"
                for name in unknown
            ]
        if members and level not in used:
            found.append(
                f"alertmanager_levels.{level} has receivers, and no step of alertmanager_severities has that level"
            )
    return found


def reach_problems(s: dict, severity: dict, known: list[str]) -> list[str]:
    name, levels = severity["severity"], [step["level"] for step in severity["steps"]]
    if known.count(name) > 1:
        return [f"alertmanager_severities: {name} is there twice: make it one entry with the steps of both"]
    if s["alertmanager_receivers"] and not any(s["alertmanager_levels"].get(level) for level in levels):
        return [
            f"severity {name} has no route: none of its levels ({', '.join(levels)}) has a receiver,"
            " so name one in alertmanager_levels"
        ]
    return []


def severity_problems(s: dict, severity: dict) -> list[str]:
    found = []
    durations = [("after", step.get("after"), "15m") for step in severity["steps"]]
    durations += [(key, severity.get(key), "5m") for key in ("group_interval", "repeat_interval")]
    for key, value, example in durations:
        if value is not None and not is_duration(value):
            found.append(f"{key} is {value}, which is not a duration such as {example}")
    known = [interval["name"] for interval in s["alertmanager_time_intervals"]]
    for key in ("active_time_intervals", "mute_time_intervals"):
        unknown = [name for name in severity.get(key) or [] if name not in known]
        found += [f"{key} has {name}, which alertmanager_time_intervals does not have" for name in unknown]
    return [f"alertmanager_severities: {severity['severity']}: {line}" for line in found]


def clock_problems(part: dict) -> list[str]:
    found = []
    for times in part.get("times") or []:
        start, end = times["start_time"], times["end_time"]
        for key, value in (("start_time", start), ("end_time", end)):
            if not CLOCK.fullmatch(value):
                found.append(f'{key} is {value}, which is not a time from "00:00" to "24:00" in quotes')
        if start >= end:
            found.append(
                f'it ends at {end} and starts at {start}: for a time past midnight give two, the first until "24:00"'
            )
    return found


def date_problems(part: dict) -> list[str]:
    found = [
        f"{key} has {value}, which is neither {examples}"
        for key, (form, examples) in DATES.items()
        for value in part.get(key) or []
        if not re.fullmatch(f"{form}(:{form})?", value.lower())
    ]
    if part.get("location") and not ZONE.fullmatch(part["location"]):
        found.append(f"location is {part['location']}, which is not a time zone such as America/New_York")
    return found


def route_problems(s: dict) -> list[str]:
    """Of alertmanager_routes, with the routes inside them."""
    found, routes = [], list(s["alertmanager_routes"])
    for route in routes:
        routes += route.get("routes") or []  # the loop goes on to these
        name = route.get("receiver")
        if name and name not in [*receivers.names(s), receivers.NOBODY]:
            found.append(f"alertmanager_routes has the receiver {name}, which alertmanager_receivers does not have")
    return found
