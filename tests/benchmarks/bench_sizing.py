# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitoring host needs, by the number of Redis nodes: a real Prometheus with the rule pack, replayed exporters.

    bench_sizing.py                       100 nodes, and what a sample takes on disk
    bench_sizing.py --nodes 100 500 1000  the table of docs/sizing.md

All of it on loopback, in build/bench/sizing, and it ends by itself. Two measurements:

* Load, for every number of nodes: scraped every 30 s for some minutes, with an hour of history for what the rules and
  the main dashboard ask. Series, memory, processor time, evaluation of the rules, queries of the dashboards.
* Storage, of a few nodes: time runs thirty times as fast, so that two hours of samples become a block in minutes.

Fails when a group of rules takes more than a tenth of its interval, or a query of the main dashboard more than 2 s, in
processor time. What passed meanwhile is in the table: on a machine with nothing else to do it has to hold as well.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "tools"))
import bench_scrape_targets
import panels
import promtool
import render_rules
import replay
import yaml
from ports import free_port, wait_for_port

BENCH = ROOT / "build" / "bench" / "sizing"
INTERVAL = 30  # scrapes and rules, the role's default
RANGE = 3600  # of a dashboard, its default
HISTORY = RANGE + 15 * 60
CLUSTER = 6  # nodes: what was recorded were three masters with a replica each
MAIN = "redis-cluster"
MOST_OF_INTERVAL, MOST_SECONDS = 0.1, 2.0
AT_ONCE = 6  # requests of a browser to one server
LAPSE = 30
# Recorded kind, port and job of what is scraped of a node.
TARGETS = {"redis-cluster": 9121, "node": 9100, "redis-tls": 6379}
SAMPLES_A_BLOCK = 7200 // INTERVAL


class Spent(NamedTuple):
    processor: float  # seconds: as long as it takes where nothing else runs, whatever ran beside it here
    passed: float


class Load(NamedTuple):
    nodes: int
    series: int
    resident: int
    cores: float
    samples: float  # a second
    longest: float  # evaluation of a group while all were scraped
    groups: dict[str, float]  # processor seconds of one evaluation of each
    queries: dict[str, dict[str, Spent]]  # by dashboard and panel
    opened: float  # all queries of the main dashboard, as a browser asks
    firing: list[str]


def kind(job: str, number: int) -> str:
    """Every second node is a replica."""
    if job == "redis-cluster":
        return "redis_replica" if number % 2 else "redis_master"
    return {"node": "node", "redis-tls": "probe"}[job]


def targets(nodes: int, job: str) -> list[dict]:
    """Targets as the role prometheus writes them for an inventory of EC2, one a node."""
    made = bench_scrape_targets.hosts(nodes)
    for number, host in enumerate(made.values()):
        host["tags"]["Cluster"] = f"redis-{min(number // CLUSTER, max(0, nodes // CLUSTER - 1))}"
    numbers = {host["private_ip_address"]: number for number, host in enumerate(made.values())}
    found = []
    for group in bench_scrape_targets.scrape_targets(list(made), made, port=TARGETS[job]):
        for target in group["targets"]:
            path = f"/{kind(job, numbers[target.rpartition(':')[0]])}"
            found.append({"targets": [target], "labels": {**group["labels"], "__metrics_path__": path}})
    return found


def configuration(directory: Path, nodes: int, exporters: int, own: int, lapse: int, rules: bool) -> None:
    """As the role's, but for the way to the exporters."""
    jobs = []
    for job in TARGETS:
        (directory / f"{job}.json").write_text(json.dumps(targets(nodes, job)))
        relabelling = [
            {"source_labels": ["__address__"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": f"127.0.0.1:{exporters}"},
        ]
        files = [{"files": [f"{job}.json"]}]
        jobs.append(
            {"job_name": job, "honor_labels": job == "node", "file_sd_configs": files, "relabel_configs": relabelling}
        )
    itself = {"job_name": "prometheus", "scrape_interval": "5s", "static_configs": [{"targets": [f"127.0.0.1:{own}"]}]}
    interval = f"{1000 * INTERVAL // lapse}ms"
    general = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": f"{INTERVAL}s"}
    document = {"global": general, "scrape_configs": [*jobs, itself]}
    if rules:
        problem = render_rules.render(directory / "rules")
        if problem:
            raise SystemExit(f"bench_sizing: {problem}")
        document["rule_files"] = ["rules/*.yml"]
    (directory / "prometheus.yml").write_text(yaml.safe_dump(document))


def program(name: str) -> Path:
    archives = promtool.mirrored()
    if not archives:
        raise SystemExit("bench_sizing: no Prometheus in build/mirror: run tests/tools/promtool.py")
    return promtool.unpacked(archives[-1], name)


class Prometheus:
    def __init__(self, directory: Path, port: int, process: subprocess.Popen) -> None:
        self.directory, self.port, self.process = directory, port, process

    def get(self, path: str, **parameters: str) -> bytes:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=120) as answer:
            return answer.read()

    def values(self, expr: str) -> list[tuple[dict, float]]:
        result = json.loads(self.get("query", query=expr))["data"]["result"]
        return [(one["metric"], float(one["value"][1])) for one in result]

    def value(self, expr: str) -> float:
        return next((value for _labels, value in self.values(expr)), 0.0)

    def processor(self) -> float:
        """Seconds so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rest(self) -> None:
        """From now on it scrapes and evaluates nothing but what it is asked."""
        (self.directory / "prometheus.yml").write_text("{}")
        self.process.send_signal(signal.SIGHUP)
        deadline, before = time.monotonic() + 120, float("-inf")
        while time.monotonic() < deadline and self.processor() - before > 0.02:
            before = self.processor()
            time.sleep(3)

    def resident(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmRSS:\s+(\d+)", status)[1])


@contextmanager
def running(nodes: int, lapse: int = 1, rules: bool = True, history: bool = True):
    """Prometheus over that many replayed nodes, on an empty disk."""
    directory = BENCH / f"{nodes}-{lapse}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    exporters, own = free_port(), free_port()
    configuration(directory, nodes, exporters, own, lapse, rules)
    if history:
        backfill(directory, nodes)
    flags = [f"--config.file={directory}/prometheus.yml", f"--storage.tsdb.path={directory}/data"]
    block = f"{7200 // lapse}s"
    if lapse > 1:
        flags += [f"--storage.tsdb.min-block-duration={block}", f"--storage.tsdb.max-block-duration={block}"]
    replayed = subprocess.Popen([sys.executable, replay.__file__, str(exporters), str(INTERVAL / lapse)])
    wait_for_port(exporters, replayed)
    with (directory / "log").open("w") as log:
        command = [program("prometheus"), *flags, f"--web.listen-address=127.0.0.1:{own}"]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=directory)
    try:
        wait_for_port(own, process, timeout=120)
        yield Prometheus(directory, own, process)
    finally:
        replayed.terminate()
        replayed.wait()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
        shutil.rmtree(directory / "data", ignore_errors=True)


# An hour of history


def asked_far_back() -> set[str]:
    """Metrics that the main dashboard shows over its hour, and those that rules look at over an hour or more."""
    board = next(panels.load(path) for path in panels.OURS if path.stem == MAIN)
    expressions = [query.expr for query in panels.panel_queries(board)]
    for path in sorted((ROOT / "roles/prometheus/files/rules").glob("*.yml")):
        text = re.sub(r"\[\[ \w+ \]\]", "1", path.read_text())
        rules = [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
        expressions += [rule["expr"] for rule in rules if re.search(r"\[\d+[hd]\]", rule["expr"])]
    return {name for expr in expressions for name in re.findall(r"\b[a-z]\w+\b", expr)}


def backfill(directory: Path, nodes: int) -> None:
    """As samples every 30 s up to now, in blocks that promtool makes."""
    names, now = asked_far_back(), int(time.time())
    moments = range(now - HISTORY, now, INTERVAL)
    path = directory / "history"
    with path.open("w") as file:
        for job in TARGETS:
            up = replay.Series("up", 1.0, 0.0, False)
            lines = {one: [*replay.series(one), up] for one in (kind(job, 0), kind(job, 1))}
            for number, target in enumerate(targets(nodes, job)):
                labels = {**target["labels"], "job": job, "instance": target["targets"][0]}
                metrics_path = labels.pop("__metrics_path__")
                for line in lines[metrics_path.strip("/")]:
                    if line.name in names:
                        file.writelines(past(line, labels, moments))
        file.write("# EOF\n")
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", path, directory / "data"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    path.unlink()
    if done.returncode:
        raise SystemExit(f"bench_sizing: promtool: {done.stderr[-500:]}")


def past(line: replay.Series, labels: dict[str, str], moments: range) -> list[str]:
    own = line.key.partition("{")[2].rstrip("}")
    text = ",".join([*(f'{name}="{value}"' for name, value in labels.items()), *([own] if own else [])])
    head = f"{line.name}{{{text}}}"
    change = line.change if line.rising else 0.0
    last = len(moments)
    return [
        f"{head} {max(0.0, line.value - change * (last - number)):.10g} {moment}\n"
        for number, moment in enumerate(moments)
    ]


# Measurements


def load(nodes: int, minutes: float) -> Load:
    with running(nodes) as prometheus:
        time.sleep(60 * minutes)
        window = f"[{round(60 * max(1, minutes - 2))}s]"  # without the first two: targets come one after the other
        found = {
            "series": round(prometheus.value("prometheus_tsdb_head_series")),
            "resident": prometheus.resident(),
            "cores": prometheus.value(f"rate(process_cpu_seconds_total{{job='prometheus'}}{window})"),
            "samples": prometheus.value(f"sum(rate(prometheus_tsdb_head_samples_appended_total{window}))"),
            "longest": prometheus.value(f"max(max_over_time(prometheus_rule_group_last_duration_seconds{window}))"),
            "firing": sorted(
                {labels["alertname"] for labels, _one in prometheus.values('ALERTS{alertstate="firing"}')}
            ),
        }
        now = time.time()
        prometheus.rest()
        queries = {path.stem: timed(prometheus, path, now) for path in panels.OURS}
        return Load(
            nodes=nodes, groups=evaluated(prometheus, now), queries=queries, opened=opened(prometheus, now), **found
        )


def spent(prometheus: Prometheus, ask, turns: int) -> Spent:
    """One of so many turns."""
    before, started = prometheus.processor(), time.perf_counter()
    for _turn in range(turns):
        ask()
    return Spent((prometheus.processor() - before) / turns, (time.perf_counter() - started) / turns)


def evaluated(prometheus: Prometheus, now: float) -> dict[str, float]:
    """Processor seconds of all expressions of a group."""
    found = {}
    for path in sorted((prometheus.directory / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            asked = [partial(prometheus.get, "query", query=rule["expr"], time=str(now)) for rule in group["rules"]]
            found[group["name"]] = sum(spent(prometheus, ask, 3).processor for ask in asked)
    return found


def ask(prometheus: Prometheus, now: float, query: panels.Query, expr: str) -> None:
    if query.instant:
        prometheus.get("query", query=expr, time=str(now))
    else:
        step = panels.interval_seconds(RANGE, INTERVAL)
        prometheus.get("query_range", query=expr, start=str(now - RANGE), end=str(now), step=str(step))


def expressions(path: Path) -> list[tuple[panels.Query, str]]:
    board = panels.load(path)
    values = {one["name"]: ".*" for one in board["templating"]["list"]} | panels.builtins(RANGE, INTERVAL)
    return [(query, panels.substitute(query.expr, values)) for query in panels.panel_queries(board)]


def timed(prometheus: Prometheus, path: Path, now: float) -> dict[str, Spent]:
    """Every query alone, with all clusters chosen."""
    return {
        query.place: spent(prometheus, partial(ask, prometheus, now, query, expr), 2)
        for query, expr in expressions(path)
    }


def opened(prometheus: Prometheus, now: float) -> float:
    path = next(path for path in panels.OURS if path.stem == MAIN)
    started = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda one: ask(prometheus, now, *one), expressions(path)))
    return time.perf_counter() - started


class Storage(NamedTuple):
    series: int
    block: float  # bytes a sample, with its index
    log: float  # of the write-ahead log
    resident: int  # at most, its first compactions included


def storage(nodes: int) -> Storage | None:
    """Two hours as a block, in four minutes; None when none was made in time."""
    with running(nodes, lapse=LAPSE, rules=False, history=False) as prometheus:
        data, most, log = prometheus.directory / "data", 0, 0.0
        deadline = time.monotonic() + 4 * 7200 / LAPSE
        while time.monotonic() < deadline:
            time.sleep(2)
            most = max(most, prometheus.resident())
            blocks = [json.loads(path.read_text()) for path in data.glob("*/meta.json")]
            if not blocks:
                log = size(data / "wal") / max(1, prometheus.value("sum(prometheus_tsdb_head_samples_appended_total)"))
            for block in blocks:
                stats = block["stats"]
                if stats["numSamples"] > 0.9 * SAMPLES_A_BLOCK * stats["numSeries"]:
                    taken = size(data / block["ulid"]) / stats["numSamples"]
                    return Storage(stats["numSeries"], taken, log, most)
    return None


def size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


# What is said of it


def table(rows: list[list[str]]) -> None:
    print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]))
    for row in rows[1:]:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def tell(loads: list[Load], stored: Storage | None) -> None:
    heads = ["nodes", "series", "a node", "samples a second", "memory", "bytes a series", "processor"]
    rows = [
        [f"{one.nodes:,}", f"{one.series:,}", f"{one.series / one.nodes:,.0f}", f"{one.samples:,.0f}",
         f"{one.resident / 2**20:,.0f} MiB", f"{one.resident / one.series:,.0f}", f"{one.cores:.2f} cores"]
        for one in loads
    ]  # fmt: skip
    table([heads, *rows])
    names = sorted({name for one in loads for name in one.groups})
    groups = [[name, *(f"{1000 * one.groups[name]:,.0f} ms" for one in loads)] for name in names]
    total = ["all groups", *(f"{1000 * sum(one.groups.values()):,.0f} ms" for one in loads)]
    real = ["a group, the longest it took", *(f"{1000 * one.longest:,.0f} ms" for one in loads)]
    table([["evaluation, processor time", *(f"{one.nodes:,} nodes" for one in loads)], *groups, total, real])
    boards = [
        [f"{name}: {len(loads[0].queries[name])} queries, the slowest", *(slowest(one, name) for one in loads)]
        for name in loads[0].queries
    ]
    whole = [f"{MAIN}, opened", *(f"{one.opened:.2f} s" for one in loads)]
    table([["dashboard, one hour", *(f"{one.nodes:,} nodes" for one in loads)], *boards, whole])
    print("alerts: " + (", ".join(sorted({name for one in loads for name in one.firing})) or "none"), flush=True)
    if stored:
        print(
            f"storage, {stored.series:,} series: {stored.block:.2f} bytes a sample in a block of two hours with its"
            f" index, {stored.log:.2f} in the write-ahead log; memory at most {stored.resident / 2**20:,.0f} MiB",
            flush=True,
        )


def slowest(one: Load, board: str) -> str:
    place, taken = max(one.queries[board].items(), key=lambda item: item[1].processor)
    return f"{taken.processor:.2f} s of processor, {taken.passed:.2f} s ({place})"


def faults(loads: list[Load]) -> list[str]:
    """By processor time: what else runs on the machine is no fault of the rules."""
    found = []
    for one in loads:
        name, seconds = max(one.groups.items(), key=lambda item: item[1])
        if seconds > MOST_OF_INTERVAL * INTERVAL:
            found.append(f"{one.nodes} nodes: the group {name} takes {seconds:.2f} s of {INTERVAL}")
        found += [
            f"{one.nodes} nodes: {place} takes {taken.processor:.2f} s"
            for place, taken in one.queries[MAIN].items()
            if taken.processor > MOST_SECONDS
        ]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="What a monitoring host needs, by the number of Redis nodes.")
    parser.add_argument("--nodes", type=int, nargs="+", default=[100], help="sizes to load Prometheus with (100)")
    parser.add_argument("--minutes", type=float, default=5, help="how long each is scraped (5)")
    parser.add_argument("--storage-nodes", type=int, default=20, help="of the storage's measurement (20), 0 for none")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit("bench_sizing: ended"))  # with what it has started
    loads = []
    for nodes in arguments.nodes:
        loads.append(load(nodes, arguments.minutes))
        print(f"{nodes} nodes: done, load of the machine {os.getloadavg()[0]:.1f}", flush=True)
    tell(loads, storage(arguments.storage_nodes) if arguments.storage_nodes else None)
    found = faults(loads)
    for line in found:
        print(f"too slow: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
