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
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.stack import Stack

RULES = Path(__file__).resolve().parents[3] / "plugins/plugin_utils/_doctor"
# Mappings whose keys are data, such as names of hosts, units and files; the keys of all others are named by rules.
DATA = re.compile(
    r"/(groups|hosts|security_groups/groups"
    r"|hosts/[^/]+/(wanted/(queries|flags)|targets/\d+/labels"
    r"|evidence/(units|data|edited|files|files/prometheus|handed|handed/[^/]+|checks|reach|routes|grafana/dashboards"
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
    view = Stack(stack)
    for name, host in stack["hosts"].items():

        def of(*path, name=name):
            return view.evidence(name, *path)  # {} as well where a probe broke

        if of("handed") and "monitoring" not in host["groups"]:  # read only to find a CA file that can be copied
            host["evidence"]["handed"] = {
                unit: {one: found for one, found in files.items() if one == "ca.crt"}
                for unit, files in of("handed").items()
            }
        if of("files"):
            host["evidence"]["files"] = {"prometheus": targets_files(of("files", "prometheus"))}
        same_processes(of("units"), of("listening"))
        plenty(of("disks"), of("host", "memory"))
        for files in (of("redis", "files"), of("exporter", "files"), *of("handed").values()):
            for found in files.values():
                if not (found.get("way") or {}).get("stopped_at"):
                    found.get("way", {}).pop("steps", None)  # read only of a way that is blocked
        if of("prometheus", "config"):
            of("prometheus")["config"] = scrape_job(of("prometheus", "config"))
        queries(of("grafana", "dashboards"), host.get("wanted", {}).get("queries") or {})
        in_order(of("listening"), "port", "address")
        in_order(of("redis", "admin", "nodes"), "address")
        in_order(of("prometheus", "probes"), "node")
        in_order(of("prometheus", "targets"), "job", "instance")
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


def same_processes(units, sockets):
    """Processes of units are numbered by the names of their units, and all are idle; others keep their ids."""
    pids = {}
    for number, unit in enumerate(sorted(units), 101):
        if units[unit].get("pid"):
            pids.setdefault(units[unit]["pid"], number)
    for one in filter(None, [*units.values(), *(unit.get("process") for unit in units.values()), *sockets]):
        if one.get("pid") in pids:
            one["pid"] = pids[one["pid"]]
        if one.get("state") == "R":
            one["state"] = "S"


def plenty(disks, memory):
    """Room that is far from any limit is the same room."""
    for disk in disks:
        if max(disk.get(key, 0) for key in ENOUGH) < min(ENOUGH.values()):
            disk.update(dict.fromkeys(ENOUGH, 10.0), free=disk["size"])
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
