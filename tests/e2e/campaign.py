# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks a pair of monitoring hosts, and runs that change it, in a lab; looks at what is told, lost and left behind.

    lab.py up campaign --bare --monitoring 2
    campaign.py run campaign                           # everything: about three hours
    campaign.py run campaign kills --count 20 --seed 7 # site.yml killed at random moments of a version change
    campaign.py run campaign hosts split               # a host stopped and back; the pair cut in two and healed
    campaign.py table                                  # writes docs/reliability.md from what was measured

Results are kept in build/campaign/, a file a part.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone

import breaking
import campaign_report
import kills
from alerts import say
from lab_site import ROOT, Site, SiteError
from prober import Prober
from scenes import P2, SETTLE, Scene, Stage

RESULTS = ROOT / "build/campaign"
GONE = {"MonitoringTargetDown": P2}
SHIFT = 300  # seconds: more than the clocks of a certificate and of an alert forgive


def hosts(stage: Stage) -> Iterator[Scene]:
    """Each host of the pair loses its power and comes back."""
    site = stage.site
    for host in site.monitoring:
        (other,) = set(site.monitoring) - {host}
        before = time.time() - 300
        yield Scene(
            f"`{host}` loses its power, and boots again", host,
            lambda host=host: breaking.power(site, host, "kill"), lambda host=host: breaking.power(site, host, "start"),
            GONE, meanwhile=lambda other=other, before=before: history(site, other, before), blind=True,
        )  # fmt: skip


def history(site: Site, host: str, since: float) -> list[str]:
    """What Grafana shows of the time before."""
    asked = {"query": "redis_up", "start": f"{since:.0f}", "end": f"{time.time():.0f}", "step": "30"}
    url = f"https://{site.address[host]}:3000/api/datasources/proxy/uid/prometheus/api/v1/query_range"
    series = site.ask(f"{url}?{urllib.parse.urlencode(asked)}", "grafana")["data"]["result"]
    oldest = min((float(one["values"][0][0]) for one in series), default=time.time())
    wrong = len(series) != len(site.redis) or oldest > since + 60
    return [f"Grafana on {host} shows {len(series)} nodes since {oldest - since:.0f} s"] if wrong else []


def split(stage: Stage) -> Iterator[Scene]:
    """The hosts do not reach each other; both reach everybody else."""
    site = stage.site
    first, second = site.monitoring
    yield Scene(
        "the network between the two hosts is cut, and healed", first,
        lambda: breaking.cut(site, first, second), lambda: breaking.heal(site, first),
        GONE, most=2, meanwhile=lambda: silence(site), after=lambda: one_cluster(site),
    )  # fmt: skip


def silence(site: Site) -> list[str]:
    """On either side one that the other has to learn of later."""
    for host in site.monitoring:
        made = {
            "matchers": [{"name": "alertname", "value": f"made-on-{host}", "isRegex": False, "isEqual": True}],
            "startsAt": f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}", "createdBy": "campaign", "comment": "split",
            "endsAt": f"{datetime.now(timezone.utc) + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        }  # fmt: skip
        site.ask(f"https://{site.address[host]}:9093/api/v2/silences", "alertmanager", made)
    return []


def one_cluster(site: Site) -> list[str]:
    """Both know each other, and what was made on either side."""
    deadline = time.time() + 120
    while time.time() < deadline:
        if all(peers(site, host) == len(site.monitoring) and silenced(site, host) for host in site.monitoring):
            return []
        time.sleep(1)
    return ["the Alertmanagers are not one cluster with all silences two minutes after"]


def peers(site: Site, host: str) -> int:
    return len(site.ask(f"https://{site.address[host]}:9093/api/v2/status", "alertmanager")["cluster"]["peers"])


def silenced(site: Site, host: str) -> bool:
    silences = site.ask(f"https://{site.address[host]}:9093/api/v2/silences", "alertmanager")
    made = {matcher["value"] for each in silences for matcher in each["matchers"]}
    return made >= {f"made-on-{one}" for one in site.monitoring}


def network(stage: Stage) -> Iterator[Scene]:
    """One host reaches nobody, and a run that changes it meets that."""
    site = stage.site
    host = site.monitoring[-1]
    yield Scene(
        f"`{host}` is cut from everybody, and healed", host,
        lambda: breaking.cut(site, host), lambda: breaking.heal(site, host),
        GONE, meanwhile=lambda: unreachable(stage, host), blind=True, changes=True,
    )  # fmt: skip


def unreachable(stage: Stage, host: str) -> list[str]:
    run = stage.run_site(name="unreachable")
    named = host in run.output and any(word in run.output for word in ("unreachable", "UNREACHABLE", "does not answer"))
    return [] if run.rc and named else [f"site.yml ended with {run.rc} and does not name {host}"]


def disk(stage: Stage) -> Iterator[Scene]:
    """No byte left on a host, and runs that want to write there."""
    site = stage.site
    first, node = site.monitoring[0], site.redis[1]
    # A Prometheus that cannot write sees no full disk, and soon ends after every start: the other one tells that.
    for host, alert in ((first, "MonitoringTargetDown"), (node, "HostFilesystemFull")):
        small = breaking.SmallDisk(site, host)
        small.attach()
        try:
            yield Scene(
                f"disk of `{host}` full, and room again", host, small.fill, small.free, {alert: P2},
                meanwhile=lambda host=host: no_room(stage, host), blind=True, changes=True,
            )  # fmt: skip
        finally:
            small.detach()


def no_room(stage: Stage, host: str) -> list[str]:
    """Other versions, and another configuration: refused for that reason, and what ran goes on."""
    site = stage.site
    wanted = [kills.settings(site, 0)]
    if host in site.monitoring:
        wanted.append(["--extra-vars", json.dumps({"alertmanager_group_wait": "46s"})])
    problems = []
    with Prober(site) as prober:
        for arguments in wanted:
            run = stage.run_site(*arguments, name="no-room")
            said = re.search(r"[^\n]*([Nn]o space|MiB free)[^\n]*", run.output)
            say(f"site.yml ends with {run.rc}: {said[0].strip()[:300] if said else run.output[-500:]}")
            if not (run.rc and said):
                problems.append(f"site.yml ended with {run.rc} and does not speak of room")
        down = prober.longest()
    down.pop("prometheus" if host in site.monitoring else "", 0)  # the one that cannot do without
    problems += [line for line in kills.wrong_state(site, 1) if line != f"{host}: prometheus none"]
    return problems + [f"{unit} down for {t:.0f} s" for unit, t in down.items() if t > 30]


def clock(stage: Stage) -> Iterator[Scene]:
    """The services of a monitoring host have another clock, and Ansible's modules there.

    Alerts of a Prometheus that is behind end, by its clock, before now: the other Alertmanager takes them for over, and
    what they muted is told. That is a documented two.
    """
    site = stage.site
    host = site.monitoring[0]
    for seconds, name in ((-SHIFT, "behind"), (SHIFT, "ahead")):
        behind = seconds < 0

        def begin(seconds: int = seconds) -> None:
            breaking.shift(site, host, seconds)
            breaking.shift_python(site, host, 2 * seconds)

        def end() -> None:
            breaking.shift(site, host, 0)
            breaking.right_python(site, host)

        yield Scene(
            f"clock of `{host}` {SHIFT // 60} minutes {name}, and right again", host, begin, end,
            {"HostClockSkew": P2}, meanwhile=lambda: wrong_clock(stage, host), blind=True,
            lasts=SHIFT + 240 if behind else 0,  # Prometheus stores nothing until it is as late as it was
            most=2 if behind else 1, echoes=frozenset({"RedisClusterSlotsFail"} if behind else ()),
        )  # fmt: skip


def wrong_clock(stage: Stage, host: str) -> list[str]:
    run = stage.run_site(name="clock")
    named = "that of the controller" in run.output and host in run.output
    if run.rc and named and not any(run.changed.values()):
        return []
    return [
        f"site.yml ended with {run.rc}, changed {run.changed} and {'names' if named else 'does not name'} the clock"
    ]


SCENES: dict[str, Callable[[Stage], Iterator[Scene]]] = {
    "hosts": hosts, "split": split, "network": network, "disk": disk, "clock": clock,
}  # fmt: skip


def keep(result: dict) -> None:
    (RESULTS / f"{result['part']}.json").write_text(json.dumps(result, indent=1) + "\n")


def run_kills(site: Site, options: argparse.Namespace) -> dict:
    skip = [] if options.verify else ["--skip-tags=verify"]
    done = RESULTS / "kills.json"
    before = json.loads(done.read_text())["kills"] if options.resume and done.exists() else []
    return kills.run(site, options.count, options.seed, skip, before, say, keep)


def run_scenes(site: Site, part: str) -> dict:
    stage = Stage(site)
    first = stage.run_site(name="first")
    if first.rc:
        raise SiteError(f"site.yml fails before anything is broken: {first.output[-1500:]}")
    time.sleep(SETTLE)  # what happened during the first installation is told, and its end
    results: list[dict] = []
    for scene in SCENES[part](stage):
        results.append(stage.play(scene))
        problems = [f"{each['title']}: {problem}" for each in results for problem in each["problems"]]
        keep({"part": part, "scenes": results, "problems": problems})
    return {"part": part, "scenes": results, "problems": problems}


def run(options: argparse.Namespace) -> int:
    site, wrong = Site(options.lab), []
    if len(site.monitoring) != 2:
        raise SiteError(f"lab {site.name} has no pair of monitoring hosts: lab.py up {site.name} --bare --monitoring 2")
    RESULTS.mkdir(parents=True, exist_ok=True)
    for part in options.part or ["kills", *SCENES]:
        say(f"== {part}")
        result = run_kills(site, options) if part == "kills" else run_scenes(site, part)
        keep(result)
        wrong += result["problems"]
        for problem in result["problems"]:
            say(f"{part}: WRONG: {problem}")
    say(f"{len(wrong)} problems")
    return 1 if wrong else 0


def table(_options: argparse.Namespace) -> int:
    problem = campaign_report.write(RESULTS, ["kills", *SCENES], ROOT / "docs/reliability.md")
    if problem:
        print(f"campaign: {problem}", file=sys.stderr)
    return 1 if problem else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("run", help="does the faults to a lab")
    command.add_argument("lab")
    command.add_argument("part", nargs="*", help=f"kills, {', '.join(SCENES)}; all by default")
    command.add_argument("--count", type=int, default=20, help="kills (default: %(default)s)")
    command.add_argument("--seed", type=int, default=7, help="of the moments of the kills (default: %(default)s)")
    command.add_argument("--resume", action="store_true", help="go on after the kills of an earlier run")
    command.add_argument("--verify", action="store_true", help="kill in the proof at the end of site.yml as well")
    command.set_defaults(run=run)
    command = commands.add_parser("table", help="writes docs/reliability.md")
    command.set_defaults(run=table, part=[])
    options = parser.parse_args()
    unknown = set(options.part) - {"kills", *SCENES}
    if unknown:
        parser.error(f"there is no part {unknown.pop()}: kills, {', '.join(SCENES)}")
    try:
        return options.run(options)
    except SiteError as error:
        print(f"campaign: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
