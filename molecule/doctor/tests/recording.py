# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of a lab's evidence for unit tests: what rules of doctor read, and of a broken lab only what differs."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import yaml

RULES = Path(__file__).resolve().parents[3] / "plugins/plugin_utils/_doctor"
# Mappings whose keys are data, such as names of hosts, units and files; the keys of all others are named by rules.
DATA = re.compile(
    r"/(groups|hosts|security_groups/groups"
    r"|hosts/[^/]+/(wanted/(queries|flags)|targets/\d+/labels"
    r"|evidence/(units|files|files/prometheus|handed|handed/[^/]+|checks|reach|routes|grafana/dashboards"
    r"|redis/files|exporter/files"
    r"|alertmanager/silences/\d+/matchers/\d+"
    r"|prometheus/(alertmanagers_closed|targets/\d+/labels|samples/\w+/\d+/labels))))"
)
# What differs between any two looks, and decides nothing.
NOISE = ("seconds", "time", "days_left", "started_at", "lastScrape", "lastConfigTime", "samples", "free", "used_memory")
ENOUGH = {"used_percent": 88, "inodes_percent": 88}  # percent of a disk: below, every value is the same


def names():
    """Every word in quotes in the rules, and those in their templates of text."""
    text = "".join(path.read_text() for path in RULES.glob("*.py"))
    return {*re.findall(r'"([\w-]+)"', text), *re.findall(r"%\((\w+)\)", text)}


def slim(stack):
    """The stack without what no rule reads, in an order and with process ids that are the same in every run."""
    stack = named(stack, names())
    for host in stack["hosts"].values():
        evidence = host.get("evidence") or {}
        same_processes(evidence)
        plenty(evidence)
        evidence["files"] = {"prometheus": targets_files(evidence.get("files", {}).get("prometheus") or {})}
        handed = evidence.get("handed", {})
        if "monitoring" not in host["groups"]:  # read only to find a CA file that can be copied
            handed = {
                unit: {name: one for name, one in each.items() if name == "ca.crt"} for unit, each in handed.items()
            }
            evidence["handed"] = handed
        groups = [evidence.get("redis", {}).get("files"), evidence.get("exporter", {}).get("files"), *handed.values()]
        for found in [one for files in filter(None, groups) for one in files.values()]:
            if not (found.get("way") or {}).get("stopped_at"):
                found.get("way", {}).pop("steps", None)  # read only of a way that is blocked
        prometheus = evidence.get("prometheus", {})
        if "config" in prometheus:
            prometheus["config"] = scrape_job(prometheus["config"])
        queries(evidence.get("grafana", {}).get("dashboards") or {}, host.get("wanted", {}).get("queries") or {})
        in_order(evidence.get("listening"), "port", "address")
        in_order(evidence.get("redis", {}).get("admin", {}) and evidence["redis"]["admin"].get("nodes"), "address")
        in_order(prometheus.get("probes"), "node")
        in_order(prometheus.get("targets"), "job", "instance")
    for group in ((stack.get("security_groups") or {}).get("groups") or {}).values():
        group["ip_permissions"].sort(key=lambda rule: json.dumps(rule, sort_keys=True))
    return stack


def named(found, known, path=""):
    if isinstance(found, dict):
        data = DATA.fullmatch(path)
        return {
            key: named(one, known, f"{path}/{key}") for key, one in found.items() if data or not path or key in known
        }
    if isinstance(found, list):
        return [named(one, known, f"{path}/{number}") for number, one in enumerate(found)]
    return found


def in_order(entries, *keys):
    if isinstance(entries, list):
        entries.sort(key=lambda one: [str(one.get(key)) for key in keys])


def same_processes(evidence):
    """Processes of units are numbered by the names of their units, and all are idle; others keep their ids."""
    units = evidence.get("units") or {}
    pids = {}
    for number, unit in enumerate(sorted(units), 101):
        if isinstance(units[unit], dict) and units[unit].get("pid"):
            pids.setdefault(units[unit]["pid"], number)
    owners = [*units.values(), *(one.get("process") for one in units.values()), *(evidence.get("listening") or [])]
    for one in filter(None, owners):
        if one.get("pid") in pids:
            one["pid"] = pids[one["pid"]]
        if one.get("state") == "R":
            one["state"] = "S"


def plenty(evidence):
    """Room that is far from any limit is the same room."""
    for disk in evidence.get("disks") or []:
        if max(disk.get(key, 0) for key in ENOUGH) < min(ENOUGH.values()):
            disk.update(dict.fromkeys(ENOUGH, 10.0), free=disk["size"])
    memory = evidence.get("host", {}).get("memory", {})
    if memory.get("total") and memory["available"] > memory["total"] * 0.1:
        memory.update(available=memory["total"] // 2, largest=[])


def targets_files(files):
    return {path: one for path, one in files.items() if path.endswith("redis-cluster.yml")}


def scrape_job(text):
    """The job of the exporters, less what no rule reads; a text that is no YAML stays."""
    try:
        jobs = yaml.safe_load(text)["scrape_configs"]
    except (yaml.YAMLError, KeyError, TypeError):
        return text
    keys = ("job_name", "scheme", "scrape_interval", "scrape_timeout")
    jobs = [{key: job[key] for key in keys if key in job} for job in jobs if job.get("job_name") == "redis-cluster"]
    return yaml.safe_dump({"scrape_configs": jobs})


def queries(boards, wanted):
    """Of queries that are installed and wanted, one stands for all."""
    for uid, asked in wanted.items():
        found = boards.get(uid, {}).get("queries", [])
        shared = [one for one in asked if one in found or not found][1:]
        for those in (found, asked):
            those[:] = [one for one in those if one not in shared]


# ------------------------------------------------------------------------------------------------------- differences


def difference(one, other, path=()):
    """[[path, new value]...]; a value of None with a third item means that it is gone."""
    if isinstance(one, dict) and isinstance(other, dict):
        found = []
        for key in sorted(set(one) | set(other)):
            if key in NOISE or (*path, key)[-2:] == ("rules", "watchdog"):
                continue
            if key not in other:
                found.append([[*path, key], None, "gone"])
            elif key not in one:
                found.append([[*path, key], other[key]])
            else:
                found += difference(one[key], other[key], (*path, key))
        return found
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [change for number, pair in enumerate(zip(one, other)) for change in difference(*pair, (*path, number))]
    return [] if json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True) else [[list(path), other]]


def applied(stack, patch):
    stack = copy.deepcopy(stack)
    for path, value, *gone in patch:
        holder = stack
        for part in path[:-1]:
            holder = holder[part]
        if gone:
            del holder[path[-1]]
        else:
            holder[path[-1]] = copy.deepcopy(value)
    return stack
