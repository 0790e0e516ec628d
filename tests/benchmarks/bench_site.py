# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Unchanged re-runs, like with like: two roles against prometheus.prometheus' two, the site against as many pings.

All of it on the same hosts, over the same SSH connections, from the same mirror, in one run. The peer comes from
Galaxy, or from PEER_COLLECTIONS (a directory with ansible_collections/prometheus/prometheus); without it only the site
is compared.

    bench_site.py              in a lab of its own
    bench_site.py --lab NAME   in one that is up
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "build" / "bench"
RUNS = 3

OURS = """\
- hosts: redis
  become: true
  gather_facts: false
  roles: [redisops.monitoring.redis_exporter]
- hosts: monitoring
  become: true
  gather_facts: false
  roles: [redisops.monitoring.prometheus]
"""

PEER = """\
- hosts: redis
  become: true
  roles: [prometheus.prometheus.redis_exporter]
  vars:
    redis_exporter_version: "{redis_exporter}"
    redis_exporter_addr: rediss://127.0.0.1:6379
    redis_exporter_binary_url: "{mirror}/oliver006/redis_exporter/releases/download/v{redis_exporter}/redis_exporter-v{redis_exporter}.linux-amd64.tar.gz"
    redis_exporter_checksums_url: "{mirror}/oliver006/redis_exporter/releases/download/v{redis_exporter}/sha256sums.txt"
- hosts: monitoring
  become: true
  roles: [prometheus.prometheus.prometheus]
  vars:
    prometheus_version: "{prometheus}"
    prometheus_binary_url: "{mirror}/prometheus/prometheus/releases/download/v{prometheus}/prometheus-{prometheus}.linux-amd64.tar.gz"
    prometheus_checksums_url: "{mirror}/prometheus/prometheus/releases/download/v{prometheus}/sha256sums.txt"
    prometheus_targets:
      node: [{{targets: {targets}}}]
    prometheus_scrape_configs:
      - job_name: redis-cluster
        file_sd_configs: [{{files: [/etc/prometheus/file_sd/node.yml]}}]
"""  # noqa: E501  # one URL is one line


class Run(NamedTuple):
    seconds: float
    cpu: float  # of the controller
    events: dict[str, int]  # tasks by host, skipped ones too
    roles: dict[str, int]  # tasks by role, on the host that has most of them


class Side(NamedTuple):
    inventory: Path
    playbook: Path
    environment: dict[str, str]
    arguments: tuple[str, ...] = ()


def play(side: Side) -> Run:
    """One run; RuntimeError when it fails."""
    command = ["ansible-playbook", "-i", side.inventory, side.playbook, *side.arguments]
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, env=side.environment, capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{side.playbook.name} failed:\n{done.stdout[-3000:]}\n{done.stderr[-1000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    recap = re.findall(r"^(\S+) +: ok=(\d+) .*?skipped=(\d+)", done.stdout, re.MULTILINE)
    events = {host: int(ok) + int(skipped) for host, ok, skipped in recap}
    return Run(seconds, cpu, events, events_of_roles(done.stdout))


def events_of_roles(printed: str) -> dict[str, int]:
    """The tasks of a private role, such as _service, count for the role that uses it."""
    found: Counter = Counter()
    role = ""
    for line in printed.splitlines():
        task = re.match(r"(?:TASK|RUNNING HANDLER) \[(?:(\S+) : )?", line)
        host = re.match(r"(?:ok|changed|skipping): \[(\S+?)[\] ]", line)
        if task:
            name = (task[1] or "").rpartition(".")[2]
            role = role if name.startswith("_") else name
        elif host and role:
            found[role, host[1]] += 1
    return {
        role: max(n for (one, _host), n in found.items() if one == role)
        for role in dict.fromkeys(one for one, _host in found)
    }


def measure(name: str, side: Side) -> tuple[float, float, Run]:
    """Medians of time and processor time of unchanged runs, after a first one that may change something."""
    first = play(side)
    runs = [play(side) for _run in range(RUNS)]
    seconds = statistics.median(run.seconds for run in runs)
    cpu = statistics.median(run.cpu for run in runs)
    told = " / ".join(f"{run.seconds:.1f}" for run in runs)
    print(f"{name}: first run {first.seconds:.1f} s, unchanged {told} s, of it processor {cpu:.1f} s", flush=True)
    return seconds, cpu, runs[-1]


def events(run: Run) -> str:
    hosts = ", ".join(f"{host}={count}" for host, count in sorted(run.events.items()))
    roles = ", ".join(f"{role}={count}" for role, count in run.roles.items())
    return f"  task events a host: {hosts}; a role: {roles}"


def pings(run: Run, groups: dict[str, list[str]]) -> str:
    """A playbook with as many tasks on each host as a run had."""
    plays = []
    for group, hosts in groups.items():
        count = max(run.events.get(host, 0) for host in hosts)
        tasks = [{"ansible.builtin.ping": {}}] * count
        plays.append({"hosts": group, "become": group != "localhost", "gather_facts": False, "tasks": tasks})
    return json.dumps(plays)


def peer_collections() -> Path | None:
    given = os.environ.get("PEER_COLLECTIONS")
    if given:
        return Path(given).resolve()
    target = BENCH / "peer"
    if not (target / "ansible_collections" / "prometheus").exists():
        command = [
            "ansible-galaxy",
            "collection",
            "install",
            "--no-deps",
            "-p",
            target,
            "prometheus.prometheus:==0.30.2",
        ]
        if subprocess.run(command, capture_output=True, timeout=300, check=False).returncode:
            return None
    return target


def written(name: str, text: str) -> Path:
    (BENCH / name).write_text(text)
    return BENCH / name


def peer_side(collections: Path, about: dict, inventory: dict) -> Side:
    """The peer's two roles, with nothing of our variables but how the hosts are reached."""
    variables = inventory["_meta"]["hostvars"]
    children = {
        group: {
            "hosts": {
                host: {key: value for key, value in variables[host].items() if key.startswith("ansible_")}
                for host in inventory[group]["hosts"]
            }
        }
        for group in ("redis", "monitoring")
    }
    nodes = [f"{host['address']}:9121" for host in about["hosts"].values() if host["role"] == "redis"]
    text = PEER.format(
        mirror=about["mirror"]["url"],
        redis_exporter=about["versions"]["redis_exporter"][-1],
        prometheus=about["versions"]["prometheus"][-1],
        targets=json.dumps(nodes),
    )
    return Side(
        written("peer_hosts.json", json.dumps({"all": {"children": children}})),
        written("peer.yml", text),
        {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_FORKS": "10"},
    )


def compare(lab: Path) -> None:
    about = json.loads((lab / "lab.json").read_text())
    listed = subprocess.run(
        ["ansible-inventory", "-i", lab / "inventory", "--list"], check=True, capture_output=True, cwd=ROOT
    )
    inventory = json.loads(listed.stdout)
    environment = dict(os.environ)
    collections = peer_collections()
    # One after the other: both own redis_exporter.service and prometheus.service.
    if collections:
        theirs, _cpu, run = measure("prometheus.prometheus, two roles", peer_side(collections, about, inventory))
        print(events(run))
    else:
        print("prometheus.prometheus cannot be installed from Galaxy: give it as PEER_COLLECTIONS=directory")
    ours, _cpu, run = measure(
        "redisops.monitoring, two roles", Side(lab / "inventory", written("ours.yml", OURS), environment)
    )
    print(events(run))
    if collections:
        print(f"two roles, ratio: {ours / theirs:.2f} of the peer's time, {theirs / ours:.1f} times faster")

    site = Side(lab / "inventory", ROOT / "playbooks" / "site.yml", environment, ("--skip-tags", "verify"))
    seconds, cpu, run = measure("site.yml --skip-tags verify", site)
    print(events(run))
    groups = {group: inventory[group]["hosts"] for group in ("redis", "monitoring")}
    floor = site._replace(
        playbook=written("pings.yml", pings(run, {**groups, "localhost": ["localhost"]})), arguments=()
    )
    least, least_cpu, _run = measure("as many pings", floor)
    print(
        f"site, ratio: {seconds / least:.2f} times the pings' time, {cpu:.1f} s of processor against {least_cpu:.1f} s"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Unchanged re-runs against prometheus.prometheus, and against pings.")
    parser.add_argument("--lab", help="a lab that is up; without it one is made and removed")
    arguments = parser.parse_args()
    BENCH.mkdir(parents=True, exist_ok=True)
    lab = [sys.executable, str(ROOT / "tests/lab/lab.py")]
    name = arguments.lab or "bench"
    if not arguments.lab:
        subprocess.run([*lab, "up", name], check=True)
    try:
        compare(ROOT / "build" / "lab" / name)
    finally:
        if not arguments.lab:
            subprocess.run([*lab, "down", name], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
