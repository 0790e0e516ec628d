# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks things in a lab and looks at what the receivers get: exactly the expected notification, once, and its end.

    lab.py up alerts --aws
    alerts.py faults alerts                      # every fault, with the settings that the roles ship
    alerts.py faults --profile fast alerts       # intervals and waits divided by 6
    alerts.py faults alerts node-killed evictions
    alerts.py quiet quiet                        # half an hour of load, restarts in a silence, site.yml again: no page
    alerts.py table                              # writes docs/alerting-times.md from what was measured

Faults whose notifications cannot mix run side by side. Results are kept in build/alerts/.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import quiet
import report
import yaml
from faults import FAULTS, Fault
from lab_site import DEADMAN, ROOT, Site, SiteError

RESULTS = ROOT / "build/alerts"
FOR = {
    rule["alert"]: rule["for"]
    for path in (ROOT / "roles/prometheus/files/rules").glob("*.yml")
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
PROMETHEUS = yaml.safe_load((ROOT / "roles/prometheus/defaults/main.yml").read_text())
ALERTMANAGER = yaml.safe_load((ROOT / "roles/alertmanager/defaults/main.yml").read_text())
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
# What a busy machine adds: a notification later than that is a fault of the rules or the routes.
SLACK = 20
# Empty groups are cleaned up every 30 s; before that a new alert would not get its group_wait.
SETTLE = 35
# Pending for two hours before it is told: until then the first run of the collector has time.
LATER = {"EbsSnapshotMetricAbsent"}


def seconds(duration: str) -> float:
    return sum(int(number) * UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhd])", duration))


class Profile:
    """The settings that decide when somebody is told."""

    def __init__(self, name: str, factor: int) -> None:
        self.name, self.factor = name, factor
        self.scrape = seconds(PROMETHEUS["prometheus_scrape_interval"]) / factor
        self.evaluation = seconds(PROMETHEUS["prometheus_evaluation_interval"]) / factor
        self.wait = math.ceil(seconds(ALERTMANAGER["alertmanager_group_wait"]) / factor)
        self.watchdog = seconds(ALERTMANAGER["alertmanager_watchdog_interval"]) / factor
        severities = ALERTMANAGER["alertmanager_severities"]
        self.interval = {each["severity"]: seconds(each["group_interval"]) / factor for each in severities}

    def hold(self, alert: str) -> float:
        return seconds(FOR[alert]) / self.factor

    def variables(self) -> dict:
        """What the lab is set up with. Business hours last all day, so that P3 is seen at any time."""
        always = [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]
        made: dict = {
            "alertmanager_time_intervals": [{"name": "business-hours", "time_intervals": always}],
            "alertmanager_watchdog_interval": f"{self.watchdog:.0f}s",
        }
        if self.factor > 1:
            severities = [
                {**each, "group_interval": f"{self.interval[each['severity']]:.0f}s"}
                for each in ALERTMANAGER["alertmanager_severities"]
            ]
            made |= {
                "prometheus_scrape_interval": f"{self.scrape:.0f}s",
                "prometheus_exporter_scrape_timeout": f"{self.scrape:.0f}s",
                "prometheus_evaluation_interval": f"{self.evaluation:.0f}s",
                "prometheus_alert_for": {
                    alert: f"{self.hold(alert):.0f}s" for alert in FOR if self.hold(alert) and alert not in LATER
                },
                "alertmanager_group_wait": f"{self.wait}s",
                "alertmanager_severities": severities,
            }
        return made

    def floor(self, fault: Fault) -> float:
        """Not sooner, however lucky: the fault is seen the moment it can be."""
        return fault.detect / self.factor + (fault.scrapes - 1) * self.scrape + self.hold(fault.alert) + self.wait

    def most(self, fault: Fault) -> float:
        """Not later, however unlucky: it just missed scrape and evaluation."""
        steps = math.ceil(self.hold(fault.alert) / self.evaluation) * self.evaluation - self.hold(fault.alert)
        return self.floor(fault) + self.scrape + self.evaluation + steps

    def end(self, fault: Fault) -> float:
        """Not later after it was mended."""
        keeps = self.hold(fault.alert) + self.evaluation if fault.keeps else 0
        return fault.window + 2 * self.scrape + self.evaluation + keeps + self.interval[fault.severity]


PROFILES = {"shipped": Profile("shipped", 1), "fast": Profile("fast", 6)}


def say(text: str) -> None:
    print(f"{datetime.now(timezone.utc):%H:%M:%S} {text}", flush=True)


def told(line: dict) -> set[str]:
    """The alerts that a notification speaks of."""
    return {alert["labels"]["alertname"] for alert in line["body"]["alerts"]}


def fits(line: dict, alert: str) -> bool:
    """It speaks of this alert alone. What is listed as over may be what it muted, or was before."""
    firing = {each["labels"]["alertname"] for each in line["body"]["alerts"] if each["status"] == "firing"}
    return firing <= {alert} and alert in told(line)


def echo(line: dict, since: float) -> bool:
    """It lists as over what was over before: Prometheus repeats that for 15 minutes."""
    return any(alert["status"] == "resolved" and ended(alert) < since for alert in line["body"]["alerts"])


def ended(alert: dict) -> float:
    return datetime.fromisoformat(alert["endsAt"].replace("Z", "+00:00")).timestamp()


def began(line: dict) -> float:
    """When the newest of its alerts did."""
    newest = max(alert["startsAt"] for alert in line["body"]["alerts"])
    return datetime.fromisoformat(newest.replace("Z", "+00:00")).timestamp()


class Watch:
    """What arrives during a run, and which of it has been accounted for."""

    def __init__(self, site: Site) -> None:
        self.site, self.begin = site, time.time()
        self.expected: list[tuple[str, float, float]] = []

    def about(self, alert: str, status: str, since: float) -> list[dict]:
        """The notifications of an alert, less updates whose only news is that something of before is over."""
        lines = [
            line
            for line in self.site.notifications(since)
            if line["path"] != DEADMAN and alert in told(line) and line["body"]["status"] == status
        ]
        kept: list[dict] = []
        for line in lines:
            if not (echo(line, since) and any(before["path"] == line["path"] for before in kept)):
                kept.append(line)
        return kept

    def wait(self, alert: str, status: str, since: float, paths: set[str], timeout: float) -> list[dict]:
        """Until it arrived everywhere, or it is too late."""
        deadline = time.time() + timeout
        while time.time() < deadline:
            lines = self.about(alert, status, since)
            if {line["path"] for line in lines} >= paths:
                return lines
            time.sleep(0.5)
        return self.about(alert, status, since)

    def unexpected(self) -> list[str]:
        """Notifications of this run that no fault asked for."""
        return [
            f"{line['at']} {line['path']} {line['body']['status']} {', '.join(sorted(told(line)))}"
            for line in self.site.notifications(self.begin)
            if line["path"] != DEADMAN
            and began(line) >= self.begin
            and not any(fits(line, alert) and begin <= line["time"] <= end for alert, begin, end in self.expected)
        ]


def problems_of(lines: list[dict], fault: Fault, status: str, timeout: float) -> list[str]:
    """What is wrong with the notifications of one status."""
    paths = sorted(line["path"] for line in lines)
    wanted = sorted(f"/{receiver}" for receiver in fault.receivers)
    found = []
    if paths != wanted:
        found.append(
            f"{status}: arrived at {' '.join(paths) or 'nobody'} within {timeout:.0f} s, not at {' '.join(wanted)}"
        )
    for line in lines:
        body = line["body"]
        if not fits(line, fault.alert) or {alert["labels"]["severity"] for alert in body["alerts"]} != {fault.severity}:
            found.append(
                f"{status} at {line['path']}: {', '.join(sorted(told(line)))} as {body['commonLabels'].get('severity')}"
            )
    return found


def run_fault(watch: Watch, profile: Profile, key: str, meanwhile: Callable[[], object] | None = None) -> dict:
    """One fault from beginning to end; what is wrong is in `problems`. meanwhile: what is done after it was told."""
    site, fault = watch.site, FAULTS[key]
    paths = {f"/{receiver}" for receiver in fault.receivers}
    deadline = time.time() + 900
    while time.time() < deadline and any(
        alert["state"] == "firing" and alert["labels"]["severity"] == fault.severity for alert in site.alerts()
    ):
        time.sleep(profile.evaluation)
    say(f"{key}: {fault.title}")
    begin = time.time()
    begun = fault.inject(site)
    begin = begun if isinstance(begun, float) else begin
    limit = profile.most(fault) + SLACK
    try:
        lines = watch.wait(fault.alert, "firing", begin, paths, begin + limit - time.time())
        after = max((line["time"] for line in lines), default=math.nan) - begin
        say(f"{key}: {fault.alert} told after {after:.0f} s ({profile.floor(fault):.0f} to {profile.most(fault):.0f})")
        if lines:  # whatever follows within the group's interval would be a second page
            quiet_for = max(min(profile.interval[fault.severity] * 1.25, 75), fault.hold / profile.factor)
            time.sleep(max(quiet_for, begin + fault.lasts - time.time()))
        if meanwhile:
            meanwhile()
    finally:
        mended = time.time()
        fault.mend(site)
    problems = problems_of(watch.about(fault.alert, "firing", begin), fault, "firing", limit)
    over = math.nan
    if lines:
        mended = begin if fault.window and key == "evictions" else mended
        limit = profile.end(fault) + SLACK
        ended = watch.wait(fault.alert, "resolved", begin, paths, mended + limit - time.time())
        over = max((line["time"] for line in ended), default=math.nan) - mended
        say(f"{key}: end of {fault.alert} told after {over:.0f} s (at most {profile.end(fault):.0f})")
        problems += problems_of(ended, fault, "resolved", limit)
    time.sleep(SETTLE)
    problems += [
        problem
        for status in ("firing", "resolved")
        for problem in problems_of(watch.about(fault.alert, status, begin), fault, status, limit)
        if problem not in problems and lines
    ]
    watch.expected.append((fault.alert, begin, time.time()))
    return {
        "fault": key, "profile": profile.name, "when": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "floor": profile.floor(fault), "most": profile.most(fault), "seconds": after,
        "over": over, "over_most": profile.end(fault), "problems": problems,
    }  # fmt: skip


def run_deadman(watch: Watch, profile: Profile) -> dict:
    """Alertmanager stops: nobody can be told, so the switch outside has to notice that nothing comes."""
    site, host = watch.site, watch.site.monitoring[0]

    def beats(since: float) -> list[float]:
        return [line["time"] for line in site.notifications(since) if line["path"] == DEADMAN]

    since = time.time()
    deadline = since + 3 * profile.watchdog + SLACK
    while len(beats(since)) < 2 and time.time() < deadline:
        time.sleep(0.5)
    problems = [] if len(beats(since)) >= 2 else ["the Watchdog does not arrive before the fault"]
    say("alertmanager-stopped: Alertmanager stopped")
    begin = time.time()
    site.on(host, "systemctl stop alertmanager")
    last = max(beats(since), default=begin)
    overdue = last + 3 * profile.watchdog  # as the role's README advises for the switch
    time.sleep(overdue - time.time())
    if beats(begin + 1):
        problems.append("the Watchdog still arrives")
    say(f"alertmanager-stopped: three beats missed after {overdue - begin:.0f} s")
    mended = time.time()
    site.on(host, "systemctl start alertmanager")
    limit = profile.watchdog + profile.evaluation + 60 + SLACK
    while not beats(mended) and time.time() < mended + limit:
        time.sleep(0.5)
    over = min(beats(mended), default=math.nan) - mended
    if math.isnan(over):
        problems.append(f"the Watchdog does not come back within {limit:.0f} s")
    time.sleep(SETTLE)
    return {
        "fault": "alertmanager-stopped", "profile": profile.name,
        "when": datetime.now(timezone.utc).isoformat(timespec="seconds"), "floor": 2 * profile.watchdog,
        "most": 3 * profile.watchdog, "seconds": overdue - begin, "over": over, "over_most": limit - SLACK,
        "problems": problems,
    }  # fmt: skip


def keep(result: dict) -> None:
    directory = RESULTS / result["profile"]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{result['fault']}.json").write_text(json.dumps(result, indent=1) + "\n")
    for problem in result["problems"]:
        say(f"{result['fault']}: WRONG: {problem}")


def set_up(site: Site, profile: Profile, *arguments: str) -> str:
    """site.yml with the settings of the profile; returns the file that holds them."""
    say(f"site.yml with the {profile.name} settings")
    path = site.directory / f"{profile.name}.json"
    path.write_text(json.dumps(profile.variables(), indent=1))
    site.playbook("playbooks/site.yml", f"--extra-vars=@{path}", *arguments)
    for host in site.redis:
        # The nodes share a machine with everything else: its stalls are no slow commands. Also after a restart.
        for setting in (f"cluster-node-timeout {5000 // profile.factor}", "slowlog-log-slower-than 1000000"):
            site.redis_cli(host, "CONFIG", "SET", *setting.split())
            site.on(host, f"echo {setting} >> {site.redis_conf}")
    return str(path)


def wait_until_quiet(site: Site) -> None:
    deadline = time.time() + 900
    while alerts := {alert["labels"]["alertname"] for alert in site.alerts()} - LATER:
        if time.time() > deadline:
            raise SiteError(f"lab {site.name} is not quiet after 15 minutes: {', '.join(sorted(alerts))}")
        time.sleep(5)


def faults(options: argparse.Namespace) -> int:
    site, profile = Site(options.lab), PROFILES[options.profile]
    chosen = options.fault or [*FAULTS, "alertmanager-stopped"]
    if not options.as_is:
        set_up(site, profile, *([f"--tags={options.tags}"] if options.tags else []))
    wait_until_quiet(site)
    watch = Watch(site)
    locks = {fault.exclusive: threading.Lock() for fault in FAULTS.values() if fault.exclusive}
    results: list[dict] = []

    def lane(name: str) -> None:
        for key in [key for key in chosen if key in FAULTS and FAULTS[key].lane == name]:
            lock = locks.get(FAULTS[key].exclusive, threading.Lock())
            with lock:
                results.append(run_fault(watch, profile, key))
            keep(results[-1])

    lanes = dict.fromkeys(FAULTS[key].lane for key in chosen if key in FAULTS)
    with ThreadPoolExecutor(max(len(lanes), 1)) as pool:
        for done in [pool.submit(lane, name) for name in lanes]:
            done.result()
    if "alertmanager-stopped" in chosen:
        results.append(run_deadman(watch, profile))
        keep(results[-1])
    unexpected = watch.unexpected()
    for line in unexpected:
        say(f"UNEXPECTED: {line}")
    wrong = [result["fault"] for result in results if result["problems"]]
    say(f"{len(results) - len(wrong)} of {len(results)} faults told as expected; {len(unexpected)} other notifications")
    return 1 if wrong or unexpected else 0


def quiet_run(options: argparse.Namespace) -> int:
    site = Site(options.lab)
    variables = set_up(site, PROFILES["shipped"])
    wait_until_quiet(site)
    time.sleep(60)  # what was on its way
    result = quiet.run(site, options.minutes, variables, say)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "quiet.json").write_text(json.dumps(result, indent=1) + "\n")
    for line in result["others"]:
        say(f"UNEXPECTED: {line}")
    say(f"{len(result['others'])} notifications beside {result['watchdog']} of the Watchdog's")
    return 1 if result["others"] or not result["watchdog"] else 0


def table(options: argparse.Namespace) -> int:
    problem = report.write(RESULTS, ROOT / "docs/alerting-times.md", SLACK)
    if problem:
        print(f"alerts: {problem}", file=sys.stderr)
    return 1 if problem else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("faults", help="does faults to a lab and looks at what is told")
    command.add_argument("lab")
    command.add_argument("fault", nargs="*", help="which of them; all by default")
    command.add_argument("--profile", choices=sorted(PROFILES), default="shipped")
    command.add_argument("--tags", help="of site.yml, where the rest is set up already: alertmanager,prometheus")
    command.add_argument("--as-is", action="store_true", help="the lab has the settings of the profile already")
    command.set_defaults(run=faults)
    command = commands.add_parser("quiet", help="load, restarts and another run, which nobody may be told of")
    command.add_argument("lab")
    command.add_argument("--minutes", type=float, default=30)
    command.set_defaults(run=quiet_run)
    command = commands.add_parser("table", help="writes docs/alerting-times.md")
    command.set_defaults(run=table)
    options = parser.parse_args()
    unknown = set(getattr(options, "fault", [])) - {*FAULTS, "alertmanager-stopped"}
    if unknown:
        parser.error(f"there is no fault {unknown.pop()}: {', '.join([*FAULTS, 'alertmanager-stopped'])}")
    try:
        return options.run(options)
    except SiteError as error:
        print(f"alerts: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
