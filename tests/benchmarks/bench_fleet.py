# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Redis node costs the one who runs site.yml: first run, unchanged runs, one node added, the proof.

    bench_fleet.py                  3 nodes
    bench_fleet.py --nodes 3 10 30  the tables of docs/performance.md

Each size has a lab of its own with one node more, which is added at the end; all of it as a user starts, over SSH.
Thirty nodes want larger limits of the kernel, which the lab names.
Beside the site stand as many pings on the same hosts over the same connections (the floor), and prometheus.prometheus
where it can be had (bench_site.py), with two roles against our two.

Fails when an unchanged site takes more than 1.5 times the pings' time, or the proof waits longer than for one scrape.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab"))
import bench_site
import podman
import yaml
from bench_site import Run, Side, play
from common import run

PLAYBOOKS = ROOT / "playbooks"
BENCH = bench_site.BENCH / "fleet"
NO_PROOF = ("--skip-tags", "verify")
MOST_RATIO, SCRAPE = 1.5, 30
IDLE_SECONDS = 20


class Cost(NamedTuple):
    """One run: its time, and processor time where it was spent, without what idle hosts take."""

    run: Run
    hosts: dict[str, float]

    def on(self, names: list[str]) -> float:
        """Of one of these hosts, in the middle."""
        return statistics.median(self.hosts[name] for name in names)


class Size(NamedTuple):
    nodes: list[str]
    monitoring: list[str]
    first: Cost
    unchanged: list[Cost]
    floor: list[Cost]
    proof: Cost
    proof_floor: Cost
    added: Cost
    sessions: dict[str, int]  # of SSH, by host, in an unchanged run
    logins: int  # connections to a node in the first run
    ours: Run
    theirs: Run | None

    @property
    def ratio(self) -> float:
        return seconds(self.unchanged) / seconds(self.floor)


class Fleet:
    """A lab, of which the inventory knows some nodes."""

    def __init__(self, name: str) -> None:
        self.directory = ROOT / "build" / "lab" / name
        self.lab = json.loads((self.directory / "lab.json").read_text())
        self.all = [host for host, about in self.lab["hosts"].items() if about["role"] == "redis"]
        self.monitoring = [host for host in self.lab["hosts"] if host not in self.all]
        self.idle: dict[str, float] = {}

    def knows(self, nodes: list[str]) -> None:
        """Writes the inventory of these nodes."""
        self.nodes = nodes
        shutil.rmtree(BENCH, ignore_errors=True)
        BENCH.mkdir(parents=True)
        hosts = yaml.safe_load((self.directory / "inventory/hosts.yml").read_text())
        hosts["redis"]["hosts"] = {name: hosts["redis"]["hosts"][name] for name in nodes}
        (BENCH / "hosts.yml").write_text(yaml.safe_dump(hosts))
        (BENCH / "group_vars").symlink_to(self.directory / "inventory/group_vars")

    def side(self, playbook: Path, *arguments: str) -> Side:
        return Side(BENCH, playbook, dict(os.environ), arguments)

    def used(self) -> dict[str, float]:
        """Processor seconds of each host since it started."""
        prefix = f"redisops-{self.lab['name']}-"
        names = [prefix + host for host in self.lab["hosts"]]
        told = run("podman", "stats", "--no-stream", "--format={{.Name}} {{.CPUNano}}", *names).stdout
        lines = (line.split() for line in told.splitlines())
        return {name.removeprefix(prefix): int(nano) / 1e9 for name, nano in lines}

    def rest(self) -> None:
        """What hosts use when nobody runs anything."""
        before, started = self.used(), time.monotonic()
        time.sleep(IDLE_SECONDS)
        after, passed = self.used(), time.monotonic() - started
        self.idle = {host: (after[host] - before[host]) / passed for host in after}

    def cost(self, side: Side) -> Cost:
        before = self.used()
        done = play(side)
        after = self.used()
        return Cost(
            done, {host: after[host] - before[host] - done.seconds * self.idle.get(host, 0.0) for host in after}
        )

    def groups(self) -> dict[str, list[str]]:
        return {"redis": self.nodes, "monitoring": self.monitoring, "localhost": ["localhost"]}

    def pings(self, name: str, like: Run) -> Side:
        return self.side(bench_site.written(name, bench_site.pings(like, self.groups())))

    def sessions(self, side: Side) -> dict[str, int]:
        """What Ansible executes over SSH, by host; how much it prints makes that run no measurement of time."""
        command = ["ansible-playbook", "-vvv", "-i", side.inventory, side.playbook, *side.arguments]
        done = subprocess.run(command, cwd=ROOT, env=side.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            why = [line for line in done.stdout.splitlines() if line.startswith(("fatal:", "[ERROR]"))]
            raise RuntimeError("\n".join([f"{side.playbook.name} failed:", *why[:5], done.stdout[-1000:]]))
        addresses = {about["address"]: host for host, about in self.lab["hosts"].items()}
        found = dict.fromkeys([*self.nodes, *self.monitoring], 0)
        for address in re.findall(r"^<(\S+)> SSH: EXEC ssh", done.stdout, re.MULTILINE):
            found[addresses[address]] += 1
        return found

    def logins(self, host: str) -> int:
        """TCP connections of SSH so far."""
        name = f"redisops-{self.lab['name']}-{host}"
        told = run("podman", "exec", name, "journalctl", "--quiet", "--output=cat", "--unit=ssh").stdout
        return told.count("Accepted publickey")

    def only(self, done: Run, hosts: list[str]) -> None:
        """A limited run touched no other host, and every node is a target."""
        touched = set(done.events) - {"localhost"}
        if touched != set(hosts):
            raise RuntimeError(f"the limit is {hosts}, and the run touched {touched}")
        path = "/etc/prometheus/targets/redis-cluster.yml"
        written = run("podman", "exec", f"redisops-{self.lab['name']}-{self.monitoring[0]}", "cat", path).stdout
        if written.count(":9121") != len(self.nodes):
            raise RuntimeError(f"{len(self.nodes)} nodes are known, and the targets are\n{written}")

    def peer(self) -> Run | None:
        """prometheus.prometheus on the same hosts, after ours has gone from them."""
        collections = bench_site.peer_collections()
        if not collections:
            return None
        play(self.side(PLAYBOOKS / "remove.yml", "-e", f"remove_confirm={self.cluster()}", "-e", "remove_data=true"))
        listed = run("ansible-inventory", "-i", str(BENCH), "--list", cwd=ROOT).stdout
        side = bench_site.peer_side(collections, self.lab, json.loads(listed))
        play(side)
        return play(side)

    def cluster(self) -> str:
        return yaml.safe_load((BENCH / "group_vars/all/main.yml").read_text())["monitoring_cluster"]


def seconds(costs: list[Cost]) -> float:
    return statistics.median(cost.run.seconds for cost in costs)


def measure(name: str, nodes: int, runs: int) -> Size:
    fleet = Fleet(name)
    known, new = fleet.all[:nodes], fleet.all[nodes]
    fleet.knows(known)
    site = PLAYBOOKS / "site.yml"
    before = fleet.logins(known[0])
    first = fleet.cost(fleet.side(site, *NO_PROOF))
    logins = fleet.logins(known[0]) - before
    say(nodes, "first run", first)
    unchanged = fleet.side(site, *NO_PROOF)
    sessions = fleet.sessions(unchanged)
    fleet.rest()
    sites, floors = [], []
    for _turn in range(runs):  # in turns, so that both see the same machine
        sites.append(fleet.cost(unchanged))
        say(nodes, "unchanged", sites[-1])
        floors.append(fleet.cost(fleet.pings("pings.yml", sites[-1].run)))
        say(nodes, "as many pings", floors[-1])
    proof = fleet.cost(fleet.side(PLAYBOOKS / "verify.yml"))
    say(nodes, "proof", proof)
    proof_floor = fleet.cost(fleet.pings("proof_pings.yml", proof.run))
    say(nodes, "as many pings", proof_floor)
    two_roles = fleet.side(bench_site.written("ours.yml", bench_site.OURS))
    ours = play(two_roles)
    fleet.knows([*known, new])
    added = fleet.cost(fleet.side(site, *NO_PROOF, "--limit", ",".join([new, *fleet.monitoring])))
    say(nodes, "one node added", added)
    fleet.only(added.run, [new, *fleet.monitoring])
    fleet.knows(known)
    theirs = fleet.peer()
    return Size(
        known, fleet.monitoring, first, sites, floors, proof, proof_floor, added, sessions, logins, ours, theirs
    )


def say(nodes: int, what: str, cost: Cost) -> None:
    print(f"{nodes} nodes: {what} {cost.run.seconds:.1f} s, load of the machine {os.getloadavg()[0]:.1f}", flush=True)


# What is said of it


def table(sizes: list[Size]) -> None:
    def row(what: str, value) -> None:
        print("| " + " | ".join([what, *(value(size) for size in sizes)]) + " |")

    row("", lambda size: f"{len(size.nodes)} nodes")
    print("|" + "---|" * (1 + len(sizes)))
    row("first run", lambda size: per_node(size, size.first.run.seconds))
    row("unchanged run", lambda size: per_node(size, seconds(size.unchanged)))
    row("as many pings", lambda size: per_node(size, seconds(size.floor)))
    row("ratio", lambda size: f"**{size.ratio:.2f}**")
    row("one node added, `--limit new,monitoring`", lambda size: f"{size.added.run.seconds:.1f} s")
    row("proof", lambda size: f"{size.proof.run.seconds:.1f} s")
    row("as many pings", lambda size: f"{size.proof_floor.run.seconds:.1f} s")
    row("processor, first run", lambda size: processor(size, [size.first]))
    row("processor, unchanged run", lambda size: processor(size, size.unchanged))
    row("processor, as many pings", lambda size: processor(size, size.floor))
    row("SSH connections to a node", lambda size: str(size.logins))
    row("SSH sessions, unchanged", lambda size: of_hosts(size, size.sessions))
    row("task events, unchanged", lambda size: of_hosts(size, size.unchanged[-1].run.events, controller=True))
    row("two roles, unchanged", lambda size: f"{size.ours.seconds:.1f} s")
    if any(size.theirs for size in sizes):
        row("prometheus.prometheus, the same two", lambda size: f"{size.theirs.seconds:.1f} s" if size.theirs else "")


def per_node(size: Size, value: float) -> str:
    return f"{value:.1f} s ({value / len(size.nodes):.1f} s a node)"


def processor(size: Size, costs: list[Cost]) -> str:
    controller = statistics.median(cost.run.cpu for cost in costs)
    node, host = (statistics.median(cost.on(names) for cost in costs) for names in (size.nodes, size.monitoring))
    return f"controller {controller:.1f} s, a node {node:.1f} s, monitoring {host:.1f} s"


def of_hosts(size: Size, counts: dict[str, int], controller: bool = False) -> str:
    node, host = (max(counts.get(name, 0) for name in names) for names in (size.nodes, size.monitoring))
    return f"a node {node}, monitoring {host}" + (f", controller {counts.get('localhost', 0)}" if controller else "")


def faults(sizes: list[Size]) -> list[str]:
    found = []
    for size in sizes:
        what, waited = f"{len(size.nodes)} nodes", size.proof.run.seconds - size.proof_floor.run.seconds
        if size.ratio > MOST_RATIO:
            found.append(f"{what}: an unchanged site takes {size.ratio:.2f} times the pings' time")
        if waited > SCRAPE:
            found.append(f"{what}: the proof waits {waited:.1f} s, and a scrape comes every {SCRAPE} s")
    return found


def of_size(nodes: int, runs: int, given: str | None) -> Size:
    if given:
        return measure(given, nodes, runs)
    name, lab = f"fleet-{nodes}", [sys.executable, str(ROOT / "tests/lab/lab.py")]
    try:
        subprocess.run([*lab, "up", name, "--redis", str(nodes + 1), "--bare"], check=True)
        return measure(name, nodes, runs)
    finally:
        subprocess.run([*lab, "down", name], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="What a Redis node costs the one who runs site.yml.")
    parser.add_argument("--nodes", type=int, nargs="+", default=[3], help="sizes, at least 3 (3)")
    parser.add_argument("--runs", type=int, default=2, help="unchanged runs, of which the median counts (2)")
    parser.add_argument("--lab", help="one that is up, bare, blank and with a node more than --nodes; it stays")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit("bench_fleet: ended"))  # with the lab
    os.environ["ANSIBLE_TIMEOUT"] = "60"  # thirty hosts share this machine's processors: sudo may take longer than 12 s
    bench_site.BENCH.mkdir(parents=True, exist_ok=True)
    podman.settings()
    sizes = [of_size(nodes, arguments.runs, arguments.lab) for nodes in arguments.nodes]
    table(sizes)
    found = faults(sizes)
    for line in found:
        print(f"too much: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
