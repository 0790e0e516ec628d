# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""site.yml is killed while it changes versions; the next run has to end well, and the one after it to change nothing.

Every second kill also takes what ran on the hosts at that moment, as a host or a network that dies with the run would.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import breaking
import told
from lab_site import DEADMAN, Site, SiteError
from prober import Prober

CHECKED = 4  # after so many kills one more run has to change nothing
RECAP = re.compile(r"^(\S+) +: ok=\d+ +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.M)
PROGRAMS = ("redis_exporter", "node_exporter", "prometheus", "alertmanager", "blackbox_exporter")
# Below these everything is compared; what services write is theirs.
LISTED = (
    "find /etc /opt /usr/local /root /home /tmp /var/tmp /var/lib/private /var/lib/redisops -xdev"
    " -not -path '/var/lib/private/*/*' -not -path '/root/.ansible/cp*' 2>/dev/null || true"
)
# A service's own /tmp while it runs, and the code of a module that Ansible unpacks where only root can look: a process
# that is killed cannot remove it, and no run looks for it.
NOT_OURS = re.compile(r"/tmp/(systemd-private-|ansible_[\w.]+_payload_)")
# On a host: everything that a connection of SSH has started.
KILL_SESSIONS = """
import os, signal
def stat(pid):
    with open(f"/proc/{pid}/stat") as handle:
        return int(handle.read().rpartition(")")[2].split()[1])
def line(pid):
    with open(f"/proc/{pid}/cmdline") as handle:
        return handle.read()
parents, sessions = {}, set()
for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
    try:
        parents[pid] = stat(pid)
        if line(pid).startswith("sshd: ") and "@" in line(pid):
            sessions.add(pid)
    except OSError:
        pass
def below(pid):
    while pid in parents:
        pid = parents[pid]
        if pid in sessions:
            return True
    return False
for pid in [pid for pid in parents if pid not in sessions and below(pid)]:
    try:
        os.kill(pid, signal.SIGKILL)
        print(pid)
    except OSError:
        pass
"""


@dataclass
class Run:
    """One run of site.yml: how it ended, and what it changed."""

    seconds: float
    rc: int | None  # None: it was killed
    output: str
    changed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.changed = {host: int(number) for host, number, *_rest in RECAP.findall(self.output)}


def descendants(pid: int) -> list[int]:
    """The process and all that it has started, whatever their groups: Ansible's workers have sessions of their own."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry.parent.name))
    found = [pid]
    for one in found:
        found += children.get(one, [])
    return found


def kill_tree(pid: int) -> None:
    """Stopped first, so that nothing new is started meanwhile."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    for one in descendants(pid):
        with suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)


def run_site(site: Site, *arguments: str, kill_after: float | None = None, name: str = "site") -> Run:
    """site.yml as a user runs it; killed after so many seconds, if it runs that long."""
    log = site.directory / f"campaign-{name}.log"
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            **site.as_user("playbooks/site.yml", *arguments),
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            rc: int | None = process.wait(kill_after or 1800)
        except subprocess.TimeoutExpired:
            kill_tree(process.pid)
            process.wait()
            rc = None
    if rc is None and not kill_after:
        raise SiteError(f"site.yml does not end within half an hour: {log}")
    return Run(time.monotonic() - began, rc, log.read_text())


def kill_sessions(site: Site) -> int:
    """On all hosts; returns how many processes that were."""
    hosts = site.redis + site.monitoring
    return sum(len(breaking.inside(site, host, KILL_SESSIONS, shell=("python3", "-c")).split()) for host in hosts)


def versions(site: Site) -> dict[str, list[str]]:
    """The two newest versions of each program in the lab's mirror."""
    about = json.loads((site.directory / "lab.json").read_text())["versions"]
    return {program: about[program][-2:] for program in PROGRAMS}


def settings(site: Site, which: int) -> list[str]:
    """0: the older versions, 1: the newer ones."""
    given = {f"{program}_version": pair[which] for program, pair in versions(site).items()}
    if not which:  # an exporter of before 1.80 takes passwords for its pages in no way that we use
        given |= {"redis_exporter_web_username": "", "redis_exporter_web_password": ""}
    path = site.directory / f"versions-{which}.json"
    path.write_text(json.dumps(given, indent=1))
    return [f"--extra-vars=@{path}"]


def listing(site: Site) -> dict[str, set[str]]:
    """All files on all hosts that could be left behind."""
    return {host: set(site.on(host, LISTED.replace("'", '"')).splitlines()) for host in site.redis + site.monitoring}


def left_behind(now: dict[str, set[str]], before: dict[str, set[str]]) -> list[str]:
    found = [f"{host}: {path}" for host in now for path in sorted(now[host] - before[host])]
    return [line for line in found if not NOT_OURS.search(line)]


# What runs, by the version whose directory it lies in, and what is no whole release.
STATE = """
for unit in {units}; do
  pid=$(systemctl show --property=MainPID --value $unit)
  echo $unit $(basename $(dirname $(readlink /proc/$pid/exe || echo none/none)))
done
for each in /opt/*/current; do test -f $each/.release_binary.json || echo half $each; done
ls -d /opt/*/.release_binary-* 2>/dev/null || true
"""


def wrong_state(site: Site, which: int) -> list[str]:
    """Services that do not run in the wanted version, and half releases."""
    wanted = {program: pair[which] for program, pair in versions(site).items()}
    found = []
    for host in site.redis + site.monitoring:
        units = ["redis_exporter", "node_exporter"] if host in site.redis else list(wanted)[1:]
        lines = site.on(host, STATE.format(units=" ".join(units))).splitlines()
        found += [f"{host}: {line}" for line in lines if line not in {f"{unit} {wanted[unit]}" for unit in units}]
    return found


class Kills:
    def __init__(self, site: Site, say, skip: list[str]) -> None:
        self.site, self.say, self.skip = site, say, skip
        self.reference: list[dict[str, set[str]]] = [{}, {}]
        self.seconds = [0.0, 0.0]

    def measure(self) -> dict[str, float]:
        """One change in each direction without a kill: how long it takes, and how long services are down in it."""
        self.change(1)  # only makes sure
        with Prober(self.site) as prober:
            for which in (0, 1):
                self.change(which)
            return prober.longest()

    def change(self, which: int) -> None:
        run = run_site(self.site, *settings(self.site, which), *self.skip)
        if run.rc:
            raise SiteError(f"site.yml fails without a kill: {run.output[-1500:]}")
        self.seconds[which], self.reference[which] = run.seconds, listing(self.site)
        self.say(f"a run to the {'newer' if which else 'older'} versions takes {run.seconds:.0f} s")

    def round(self, number: int, moment: float, which: int, with_hosts: bool) -> dict:
        site, since = self.site, time.time()
        arguments = [*settings(site, which), *self.skip]
        with Prober(site) as prober:
            killed = run_site(site, *arguments, kill_after=moment, name="killed")
            if killed.rc is not None:
                self.seconds[which] = killed.seconds  # the machine has become quicker
                return {"ended_before": True}
            victims = kill_sessions(site) if with_hosts else 0
            after = run_site(site, *arguments, name="next")
            again = run_site(site, *arguments, name="again") if number % CHECKED == 0 else None
            down = prober.longest()
        lines = [line for line in site.notifications(since) if line["path"] != DEADMAN]
        tasks = re.findall(r"^TASK \[(.+?)\]", killed.output, re.M)
        return {
            "number": number, "moment": round(moment, 1), "newer": bool(which), "with_hosts": with_hosts,
            "processes_on_hosts": victims, "task": tasks[-1] if tasks else "", "ended_before": False,
            "converged": after.rc == 0, "wrong": wrong_state(site, which),
            "unchanged": again and again.rc == 0 and not any(again.changed.values()),
            "left": left_behind(listing(site), self.reference[which]),
            "told": [f"{each.path} {each.kind} {', '.join(each.new | each.over)}" for each in told.read(lines)],
            "down": {name: round(seconds, 1) for name, seconds in down.items()},
            "output": "" if after.rc == 0 else after.output[-1500:], "changed": again and again.changed,
        }  # fmt: skip


def problems(result: dict) -> list[str]:
    found = [] if result["converged"] else [f"the next run failed: {result['output']}"]
    if result["unchanged"] is False:
        found.append(f"the run after it changed something: {result['changed']}")
    return found + [f"{what}: {one}" for what in ("wrong", "left", "told") for one in result[what]]


def run(site: Site, count: int, seed: int, skip: list[str], before: list[dict], say, keep) -> dict:
    """So many kills, those `before` among them. `keep` gets what there is after each of them."""
    chance, kills, results = random.Random(f"{seed} {len(before)}"), Kills(site, say, skip), [*before]
    usual, which, begin = kills.measure(), 0, time.time()
    while len(results) < count:
        moment = chance.uniform(0.03, 0.97) * kills.seconds[which]
        result = kills.round(len(results) + 1, moment, which, with_hosts=len(results) % 2 == 1)
        if result["ended_before"]:
            say(f"it ended before the kill after {moment:.0f} s: another moment")
        else:
            results.append(result)
            worst = max(result["down"].values())
            say(
                f"kill {len(results)} of {count} after {moment:.0f} s in `{result['task']}`"
                f"{' with what ran on the hosts' if result['with_hosts'] else ''}: "
                f"{'; '.join(problems(result)) or 'converged'}; longest down {worst:.1f} s"
            )
            keep(summary(kills, usual, results, seed, begin))
        which = 1 - which
    return summary(kills, usual, results, seed, begin)


def summary(kills: Kills, usual: dict[str, float], results: list[dict], seed: int, begin: float) -> dict:
    return {
        "part": "kills", "seed": seed, "versions": versions(kills.site), "seconds": kills.seconds, "usual": usual,
        "down": {name: max(each["down"][name] for each in results) for name in usual}, "kills": results,
        "watchdog": told.longest_silence(kills.site.notifications(begin), begin, time.time()),
        "problems": [f"kill {each['number']}: {problem}" for each in results for problem in problems(each)],
    }  # fmt: skip
