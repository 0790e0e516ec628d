# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An unchanged re-run of site.yml against prometheus.prometheus' redis_exporter and prometheus roles.

Both on the same hosts, over the same SSH connection, from the same mirror, in one run. The peer comes from Galaxy, or
from PEER_COLLECTIONS (a directory with ansible_collections/prometheus/prometheus).
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "build" / "bench"
LAB = ROOT / "build" / "lab" / "bench"
RUNS = 3

PEER_PLAYBOOK = """\
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


def play(inventory: Path, playbook: Path, environment: dict[str, str]) -> tuple[float, dict[str, int]]:
    """Seconds, and per host the number of task events (skipped ones too); RuntimeError when the play fails."""
    started = time.perf_counter()
    done = subprocess.run(
        ["ansible-playbook", "-i", inventory, playbook],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{playbook.name} failed:\n{done.stdout[-3000:]}\n{done.stderr[-1000:]}")
    recap = re.findall(r"^(\S+) +: ok=(\d+) .*?skipped=(\d+)", done.stdout, re.MULTILINE)
    return seconds, {host: int(ok) + int(skipped) for host, ok, skipped in recap}


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


def main() -> int:
    BENCH.mkdir(parents=True, exist_ok=True)
    lab = [sys.executable, str(ROOT / "tests/lab/lab.py")]
    peer = peer_collections()
    if peer is None:
        print(
            "not measured: prometheus.prometheus cannot be installed from Galaxy; give it as PEER_COLLECTIONS=directory"
        )
        return 0
    subprocess.run([*lab, "up", "bench"], check=True)
    try:
        about = json.loads((LAB / "lab.json").read_text())
        listed = subprocess.run(
            ["ansible-inventory", "-i", LAB / "inventory", "--list"], check=True, capture_output=True, cwd=ROOT
        )
        inventory = json.loads(listed.stdout)
        groups = {
            group: {
                "hosts": {
                    host: {k: v for k, v in inventory["_meta"]["hostvars"][host].items() if k.startswith("ansible_")}
                    for host in inventory[group]["hosts"]
                }
            }
            for group in ("redis", "monitoring")
        }
        peer_inventory, peer_playbook = BENCH / "peer_hosts.json", BENCH / "peer.yml"
        peer_inventory.write_text(json.dumps({"all": {"children": groups}}))
        peer_playbook.write_text(
            PEER_PLAYBOOK.format(
                mirror=about["mirror"]["url"],
                redis_exporter=about["versions"]["redis_exporter"][-1],
                prometheus=about["versions"]["prometheus"][-1],
                targets=json.dumps([f"{h['address']}:9121" for h in about["hosts"].values() if h["role"] == "redis"]),
            )
        )
        sides = {
            "prometheus.prometheus": (
                peer_inventory,
                peer_playbook,
                {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(peer), "ANSIBLE_FORKS": "10"},
            ),
            "redisops.monitoring": (LAB / "inventory", ROOT / "playbooks" / "site.yml", dict(os.environ)),
        }
        medians = {}
        for name, side in sides.items():  # one after the other: both own redis_exporter.service and prometheus.service
            first = play(*side)[0]
            runs = [play(*side) for dummy in range(RUNS)]
            medians[name] = statistics.median(seconds for seconds, events in runs)
            events = runs[-1][1]
            print(
                f"{name}: first run {first:.1f} s, unchanged {' / '.join(f'{run[0]:.1f}' for run in runs)} s,"
                f" task events {', '.join(f'{host}={count}' for host, count in sorted(events.items()))}",
                flush=True,
            )
        ratio = medians["prometheus.prometheus"] / medians["redisops.monitoring"]
        print(f"unchanged re-run, ratio of medians: {ratio:.1f} times faster")
    finally:
        subprocess.run([*lab, "down", "bench"], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
