# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitoring host needs, by the number of Redis nodes. docs/sizing.md says how the figures were measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...module_utils._text import duration_seconds, is_duration
from ._clusters import REDIS_GROUP
from ._core import ROLES, Host, load_yaml, options_of

# Measured by tests/benchmarks/bench_sizing.py, rounded up.
SERIES = 1500  # a node: redis_exporter 860 to 1,230, node_exporter 370, the TLS probe and our rules
BYTES_A_SERIES = 4000  # of memory, with what Prometheus needs beside for compaction and its garbage
BYTES_A_SAMPLE = 3.0  # on disk, in blocks of two hours with their index
LOG_SECONDS = 3 * 3600  # of samples in the write-ahead log, which is not compacted
LOG_BYTES_A_SAMPLE = 7.5
CORES = 0.0008  # a node scraped every 30 s, with the evaluation of all rules
# The system, Grafana, Alertmanager and the exporters of the host.
BASE_GIB, BASE_CORES = 1.2, 0.1
INTERVAL = 30  # seconds, that of the measurement
DISK_SHARE = 0.6  # of the root volume, see prometheus_retention_size in _stack
GIB = 2**30

# What AWS's names of types say: memory of the size large by family, and what a size is of a large one.
GIB_OF_LARGE = {"t": 8, "m": 8, "c": 4, "r": 16}
LARGES = {"nano": 1 / 16, "micro": 1 / 8, "small": 1 / 4, "medium": 1 / 2, "large": 1, "xlarge": 2}
# Not suggested: one core is busy with a dashboard for long, and t3 costs less than t2.
ONE_CORE = r"t2[.]|[mcr].*[.]medium"
# Cores that a burstable type may use all the time, by AWS's table of baselines: T2 has its own.
BASELINE = {"nano": 0.1, "micro": 0.2, "small": 0.4, "medium": 0.4, "large": 0.6, "xlarge": 1.6, "2xlarge": 3.2}
BASELINE_T2 = {"nano": 0.05, "micro": 0.1, "small": 0.2, "medium": 0.4, "large": 0.6, "xlarge": 0.9, "2xlarge": 1.36}
FLEX = 0.4  # of its processors a flex type may use all the time, says AWS
# All of EC2's types under 2 GiB of memory: too small without any node.
SMALL_TYPES = {
    "t1.micro": 0.6, "t2.nano": 0.5, "t2.micro": 1, "t3.nano": 0.5, "t3.micro": 1, "t3a.nano": 0.5, "t3a.micro": 1,
    "t4g.nano": 0.5, "t4g.micro": 1, "m1.small": 1.7, "c1.medium": 1.7,
}  # fmt: skip


class Need(NamedTuple):
    gib: float  # of memory
    cores: float
    disk: float  # GiB of the root volume


class Type(NamedTuple):
    gib: float
    cores: float  # all the time
    arm: bool


SMALLEST = Type(2, BASELINE["small"], False)  # t3.small and t4g.small


def need(nodes: int, interval: float, retention: float) -> Need:
    """For so many nodes, scraped every `interval` seconds and kept for `retention` seconds."""
    samples = nodes * SERIES / interval
    disk = samples * (retention * BYTES_A_SAMPLE + LOG_SECONDS * LOG_BYTES_A_SAMPLE)
    return Need(
        BASE_GIB + nodes * SERIES * BYTES_A_SERIES / GIB,
        BASE_CORES + nodes * CORES * INTERVAL / interval,
        disk / GIB / DISK_SHARE,
    )


def type_of(name: str) -> Type | None:
    """What a type has, None for one whose name does not tell."""
    found = re.fullmatch(rf"([{''.join(GIB_OF_LARGE)}])([0-9]+)([a-z-]*)[.]([0-9]*)({'|'.join(LARGES)})", name)
    if not found:
        return None
    family, generation, features, times, size = found.groups()
    larges = LARGES[size] * int(times or 1)
    cores = 2.0 * max(larges, 0.5) * (FLEX if "flex" in features else 1)
    if family == "t":
        cores = (BASELINE_T2 if generation == "2" else BASELINE).get(times + size, 0.0)
    return Type(GIB_OF_LARGE[family] * larges, cores, "g" in features) if cores else None


def prices() -> dict[str, Any]:
    """The list prices of the role power."""
    return load_yaml((ROLES / "power" / "files" / "prices-us-east-1.yml").read_text(encoding="utf-8"))


def fits(one: Type, wanted: Need) -> bool:
    return one.gib >= wanted.gib and one.cores >= wanted.cores


def cheapest(wanted: Need, arm: bool) -> tuple[str, float] | None:
    """The type with the lowest price that has what is wanted, and its price a month."""
    table = prices()
    known = [
        (hourly * table["hours_per_month"], name)
        for name, hourly in table["instances"].items()
        for one in [type_of(name)]
        if one and one.arm == arm and fits(one, wanted) and not re.match(ONE_CORE, name)
    ]
    return min(known)[::-1] if known else None


def variables_of(host: Host) -> Mapping[str, Any]:
    """Those of the monitoring host where the inventory has it: it may not be there yet."""
    names = host.groups.get("monitoring", [])
    return host.hostvars[names[0]] if names and names[0] in host.hostvars else host.variables


def seconds(variables: Mapping[str, Any], name: str) -> float:
    """By the default where it is no duration, or zero: the instance is made by now, and nothing is to fail here."""
    given = variables.get(name)
    found = duration_seconds(given) if is_duration(given) else 0
    return found or duration_seconds(options_of("prometheus")[name]["default"])


def warnings(s: dict[str, Any], host: Host) -> list[str]:
    """Where the instance that is asked for is too small for the nodes of the inventory."""
    name, variables = s["monitoring_instance_type"], variables_of(host)
    nodes = len(host.groups.get(str(variables.get("prometheus_redis_group") or REDIS_GROUP), []))
    if variables.get("prometheus_mode") == "agent":  # it keeps nothing
        nodes = 0
    interval, retention = (seconds(variables, f"prometheus_{one}") for one in ("scrape_interval", "retention_time"))
    wanted = need(nodes, interval, retention)
    lines = small_warnings(name, nodes, wanted) if name in SMALL_TYPES else type_warnings(name, nodes, wanted)
    return lines + disk_warnings(s["monitoring_instance_volume_size"], nodes, wanted, retention)


def small_warnings(name: str, nodes: int, wanted: Need) -> list[str]:
    """Of one of SMALL_TYPES. What is named holds the nodes as well, or the next run would want another."""
    needs, types = "2 GiB", ["t3.small", "t4g.small"]
    if not fits(SMALLEST, wanted):
        needs = f"about {wanted.gib:.1f} GiB and {wanted.cores:.1f} processors for {nodes} Redis nodes (docs/sizing.md)"
        types = [better[0] for arm in (False, True) for better in [cheapest(wanted, arm)] if better]
    if name.startswith("t4g."):  # the same architecture first
        types.reverse()
    advice = f"{' and '.join(types)} have them" if types else "docs/sizing.md says what else helps"
    return [
        f"monitoring_instance_type {name} has {SMALL_TYPES[name]} GiB of memory: Prometheus with Grafana needs {needs}"
        f" or is killed sooner or later; {advice}"
    ]


def type_warnings(name: str, nodes: int, wanted: Need) -> list[str]:
    one = type_of(name)
    if not nodes or not one or fits(one, wanted):
        return []
    better = cheapest(wanted, one.arm)
    advice = "docs/sizing.md says what else helps"
    if better:
        advice = f"{better[0]} has them for about {better[1]:.0f} USD a month (list price of us-east-1), docs/sizing.md"
    return [
        f"monitoring_instance_type {name} has {one.gib:g} GiB of memory and {one.cores:g} processors that it may use"
        f" all the time; {nodes} Redis nodes need about {wanted.gib:.1f} and {wanted.cores:.1f}: {advice}"
    ]


def disk_warnings(size: int, nodes: int, wanted: Need, retention: float) -> list[str]:
    if size >= wanted.disk:
        return []
    days = retention / 86400
    return [
        f"monitoring_instance_volume_size {size} GiB keeps about {days * size / wanted.disk:.0f} of the {days:.0f} days"
        f" of prometheus_retention_time for {nodes} Redis nodes: {wanted.disk:.0f} GiB keep them, docs/sizing.md"
    ]
