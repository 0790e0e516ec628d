# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pair is broken in one way, a Redis node dies meanwhile, everything is mended: what was told, and what was lost.

Redis' fault has the times that are shipped. What the monitoring says of itself waits a minute here, not five.
"""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone

import kills
import told
from alerts import ALERTMANAGER, LATER, PROFILES, SLACK, say
from faults import FAULTS
from lab_site import Site, SiteError

PROFILE = PROFILES["shipped"]
REDIS = FAULTS["node-killed"]
P2 = ("chat", "oncall")
SHORT = (
    "MonitoringTargetDown",
    "EndpointProbeFailing",
    "HostClockSkew",
    "HostFilesystemFull",
    "PrometheusRuleFailures",
)
# What a node that was killed says when it is back, to the chat; and of a full disk, before Prometheus ends.
ECHOES = {"RedisRestarted", "PrometheusRuleFailures"}
SETTLE = 150  # seconds after everything is mended: two intervals of a group, and what was on its way
HOLD = 75  # seconds that a fault lasts after it was told: whatever followed would be a second page
INTERVAL = 30


def settings() -> dict:
    """What the lab is set up with. Faults follow each other too closely for levels that are told after a while."""
    severities = [
        {**each, "steps": [step for step in each["steps"] if "after" not in step]}
        | ({"group_interval": "1m"} if each["severity"] == "P2" else {})
        for each in ALERTMANAGER["alertmanager_severities"]
    ]
    return {
        "alertmanager_time_intervals": PROFILE.variables()["alertmanager_time_intervals"],
        "alertmanager_severities": severities,
        "alertmanager_levels": {"L1": ["chat"], "L2": ["oncall"]},
        "prometheus_alert_for": dict.fromkeys(SHORT, "1m"),
    }


@dataclass
class Scene:
    title: str
    host: str  # the one that is broken
    begin: Callable[[], object]
    end: Callable[[], object]
    expected: dict[str, tuple[str, ...]] = field(default_factory=dict)  # who is told of what, beside Redis' fault
    most: int = 1  # how often the same is told
    echoes: frozenset[str] = frozenset()  # further alerts that may be told
    meanwhile: Callable[[], list[str]] = list  # what else has to hold while it is broken: problems
    lasts: float = 0  # seconds at least
    after: Callable[[], list[str]] = list  # what has to hold when it is mended
    blind: bool = False  # the host does not measure meanwhile
    changes: bool = False  # the next run has something to put right


class Stage:
    """One lab, and what is asked of it around every scene."""

    def __init__(self, site: Site) -> None:
        self.site = site
        path = site.directory / "campaign.json"
        path.write_text(json.dumps(settings(), indent=1))
        self.variables = f"--extra-vars=@{path}"

    def run_site(self, *arguments: str, name: str = "site") -> kills.Run:
        return kills.run_site(self.site, self.variables, "--skip-tags=verify", *arguments, name=name)

    def firing(self, hosts: list[str]) -> set[str]:
        found = set()
        for host in hosts:
            try:
                found |= {alert["labels"]["alertname"] for alert in self.site.alerts(host)}
            except OSError as error:
                found.add(f"{host}: {error}")
        return found - LATER - ECHOES

    def wait_until_quiet(self, minutes: float = 15) -> list[str]:
        deadline = time.time() + 60 * minutes
        while found := self.firing(self.site.monitoring):
            if time.time() > deadline:
                return [f"not quiet after {minutes:g} minutes: {', '.join(sorted(found))}"]
            time.sleep(5)
        return []

    def told(self, since: float) -> list[told.Notice]:
        return told.read(self.site.notifications(since))

    def wait_for(
        self, alert: str, receivers: tuple[str, ...], since: float, deadline: float, over: bool = False
    ) -> float:
        """Seconds until the last of them was told; infinite when it is too late."""
        paths = {f"/{receiver}" for receiver in receivers}
        while True:
            lines = [each for each in self.told(since) if alert in (each.over if over else each.new)]
            first = {path: min((each.at for each in lines if each.path == path), default=0) for path in paths}
            if all(first.values()):
                return max(first.values()) - since
            if time.time() > deadline:
                return float("inf")
            time.sleep(1)

    def gap(self, host: str, since: float) -> float:
        """The longest time between two samples of a Redis node in one Prometheus."""
        query = urllib.parse.urlencode({"query": f"redis_exporter_build_info[{time.time() - since:.0f}s]"})
        answer = self.site.ask(f"https://{self.site.address[host]}:9090/api/v1/query?{query}", "prometheus")
        times = [[float(at) for at, _value in series["values"]] for series in answer["data"]["result"]]
        if len(times) < len(self.site.redis):
            return float("inf")
        return max(later - earlier for one in times for earlier, later in zip(one, one[1:]))

    def play(self, scene: Scene) -> dict:
        problems = self.wait_until_quiet()
        say(f"{scene.title}: begins")
        since = time.time()
        scene.begin()
        try:
            seconds = self.page(problems)
            problems += scene.meanwhile()
            own = {
                alert: self.wait_for(alert, receivers, since, since + max(330, scene.lasts))
                for alert, receivers in scene.expected.items()
            }
            time.sleep(max(HOLD, since + scene.lasts - time.time()))
        finally:
            mended = time.time()
            with suppress(SiteError):
                REDIS.mend(self.site)
            scene.end()
        say(f"{scene.title}: mended")
        changed = self.runs(2 if scene.changes else 1, problems)
        expected = {REDIS.alert: REDIS.receivers} | scene.expected
        for alert, receivers in expected.items():
            self.wait_for(alert, receivers, since, mended + 600, over=True)
        problems += scene.after() + self.wait_until_quiet()
        time.sleep(max(mended + SETTLE - time.time(), 0))
        return self.result(scene, since, expected, problems) | {"seconds": seconds, "own": own, "changed": changed}

    def page(self, problems: list[str]) -> float:
        """Redis of a node is killed: seconds until everybody is told."""
        fault, limit = time.time(), PROFILE.most(REDIS) + SLACK
        REDIS.inject(self.site)
        seconds = self.wait_for(REDIS.alert, REDIS.receivers, fault, fault + limit)
        say(f"{REDIS.alert} told after {seconds:.0f} s (at most {PROFILE.most(REDIS):.0f})")
        if seconds > limit:
            problems.append(f"{REDIS.alert} was not told within {limit:.0f} s")
        return seconds

    def runs(self, number: int, problems: list[str]) -> list[int]:
        """What site.yml changes afterwards; the last of them has nothing to do."""
        runs = [self.run_site(name=f"next-{count}") for count in range(number)]
        problems += [f"site.yml afterwards ended with {run.rc}: {run.output[-600:]}" for run in runs if run.rc]
        if any(runs[-1].changed.values()):
            problems.append(f"site.yml had still to change {runs[-1].changed}")
        return [sum(run.changed.values()) for run in runs]

    def result(self, scene: Scene, since: float, expected: dict, problems: list[str]) -> dict:
        notices = self.told(since)
        for notice in notices:
            names = ", ".join(sorted(notice.new | notice.over))
            say(f"  {datetime.fromtimestamp(notice.at, timezone.utc):%H:%M:%S} {notice.path} {notice.kind} {names}")
        problems += told.problems(notices, expected, scene.most, ECHOES | scene.echoes)
        notices = [
            notice for notice in notices if not (notice.new | notice.over) or (notice.new | notice.over) - ECHOES
        ]
        gap = max(self.gap(host, since) for host in self.site.monitoring if host != scene.host)
        if gap > 2.5 * INTERVAL:
            problems.append(f"the other host has no samples for {gap:.0f} s")
        return {
            "title": scene.title, "limit": PROFILE.most(REDIS), "most": scene.most, "gap": gap, "problems": problems,
            "chat": told.kinds(notices, "chat"), "oncall": told.kinds(notices, "oncall"),
            "watchdog": told.longest_silence(self.site.notifications(since), since, time.time()),
        }  # fmt: skip
