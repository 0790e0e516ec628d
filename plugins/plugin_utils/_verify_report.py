# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers the results of the tests into one report. Private."""

from __future__ import annotations

import json
import os
import re

from ansible_collections.redisops.monitoring.plugins.module_utils._files import write_atomically
from ansible_collections.redisops.monitoring.plugins.plugin_utils import _failures

# Name, the group of its hosts, and why it is skipped where nobody asked for it.
TESTS = (
    ("exporter", "redis", ""),
    ("prometheus", "monitoring", ""),
    ("grafana", "monitoring", ""),
    ("load", "monitoring", "it writes keys to Redis: run with -e verify_write=true"),
    ("alert", "monitoring", "it sends an alert to people: run with -e verify_alert=true"),
)
GROUPS = {name: group for name, group, dummy in TESTS}
NOT_RUN = "not run: left out by tags or a limit, or its host failed"
MARKS = {"passed": "ok", "warning": "WARN", "failed": "FAIL", "skipped": "skip"}


def gather(groups, hostvars, check_mode=False):
    """The tests with what each host has registered; a host that was left out has registered nothing."""
    tests = []
    for number, (name, group, why) in enumerate(TESTS, 1):
        results = {host: hostvars[host].get("__verify_" + name) or {} for host in groups.get(group, [])}
        why = "check mode writes nothing" if check_mode and name == "load" else why
        tests.append({"test": number, "name": name, "results": results, "why": why})
    return tests


def report(tests, clusters=None):
    """clusters: those of the nodes, where there are several."""
    away = missing_replicas(tests)
    rows = [of_cluster(row, clusters or {}) for test in tests for row in rows_of(test, away)]
    count = {state: len([row for row in rows if row["state"] == state]) for state in MARKS}
    lines = {
        state: [
            "test %d (%s), %s: expected %s, found %s"
            % (row["test"], row["name"], row["subject"], row["expected"], row["found"])
            for row in rows
            if row["state"] == state
        ]
        for state in ("failed", "warning")
    }
    return {"rows": rows, **count, "failures": lines["failed"], "warnings": lines["warning"], "table": table(rows)}


def of_cluster(row, clusters):
    """The row with the cluster of the node that it is about."""
    node, space, rest = row["subject"].partition(" (")
    return {**row, "subject": "%s (%s)%s%s" % (node, clusters[node], space, rest)} if node in clusters else row


def summary(report):
    counts = ("%d %s" % (report[state], state) for state in MARKS if state != "warning")
    more = " and %d warning%s" % (report["warning"], "" if report["warning"] == 1 else "s") if report["warning"] else ""
    return ", ".join(counts) + more


def file_name(cluster):
    return "verify-%s.json" % re.sub("[^A-Za-z0-9_.-]", "_", cluster or "redis")


def write(path, report):
    """OSError where the file cannot be written."""
    os.makedirs(os.path.dirname(path), mode=0o750, exist_ok=True)
    write_atomically(path, (json.dumps(report, indent=4) + "\n").encode(), 0o600)


def missing_replicas(tests):
    """Hosts of the group monitoring, of several, that do not answer or whose service does not, with what to do."""
    of_monitoring = [test for test in tests if GROUPS.get(test["name"]) == "monitoring"]
    members = {host for test in of_monitoring for host in test["results"]}
    found = {}
    for test in of_monitoring if len(members) > 1 else []:
        for host, result in test["results"].items():
            if (result or {}).get("unreachable"):
                found[host] = "start the host %s, then run redisops.monitoring.site" % host
            elif (result or {}).get("down"):
                found.setdefault(host, "ansible-playbook redisops.monitoring.monitoring --limit %s starts it" % host)
    return found


def excused(test, away):
    """Whom another host of the group stands in for in this test, with the names of those that do."""
    if GROUPS.get(test["name"]) != "monitoring":
        return {}
    well = [host for host, result in sorted(test["results"].items()) if host not in away and good(result or {})]
    return {host: ", ".join(well) for host in away} if well else {}


def good(result):
    rows = result.get("rows") or []
    return any(row["state"] == "passed" for row in rows) and all(row["state"] != "failed" for row in rows)


def rows_of(test, away=()):
    """The rows of all hosts; what fails on a missing replica is a warning while another host passes the test."""
    others = excused(test, away)
    found = []
    for host, row in of_hosts(test):
        if row["state"] == "failed" and host in others:
            text = "%s; %s passes this test" % (row["found"], others[host])
            row = dict(row, state="warning", found=text, fix=away[host])
        found.append(row)
    return found


def of_hosts(test):
    """Host and row of all of them. Where several hosts were asked for the same, each row says whose answer it is."""
    found = []
    missing = []
    several = len([one for one in test["results"].values() if "rows" in (one or {})]) > 1
    for host, result in sorted(test["results"].items()):
        result = result or {}
        if result.get("unreachable"):
            found.append((host, row(test, host, "reachable", one_line(result.get("msg")) or "unreachable", "failed")))
        elif "rows" in result:
            found.extend(
                (
                    host,
                    row(
                        test,
                        named(each["subject"], several and host),
                        each["expected"],
                        one_line(each["found"]),
                        each["state"],
                    ),
                )
                for each in result["rows"]
            )
        elif result.get("skipped") or not result:
            missing.append((host, test.get("why") if result.get("skipped") else NOT_RUN))
        else:
            found.append(
                (host, row(test, host, "a result", one_line(_failures.why(result, "the task failed")), "failed"))
            )
    if found or not missing:
        found.extend((host, row(test, host, "", why or NOT_RUN, "skipped")) for host, why in missing)
    else:  # one line for all hosts
        found.append(("all", row(test, "all", "", missing[0][1] or NOT_RUN, "skipped")))
    return found


def named(text, host):
    return "%s (%s)" % (text, host) if host and host != text else text


def row(test, subject, expected, found, state):
    return {
        "test": test["test"],
        "name": test["name"],
        "subject": subject,
        "expected": expected,
        "found": found,
        "state": state,
    }


def one_line(text):
    return " ".join(str(text or "").split())


def table(rows):
    """Lines of a table: what was found, and below it what was expected, once where several rows share it."""
    width = max([len(row["subject"]) for row in rows] + [7])
    lines = []
    for row, after in zip(rows, rows[1:] + [None]):
        line = "%-4s  %d %-10s  %-*s  %s" % (
            MARKS[row["state"]],
            row["test"],
            row["name"],
            width,
            row["subject"],
            row["found"],
        )
        lines.append(line.rstrip())
        shared = after and (after["test"], after["expected"], after["state"]) == (
            row["test"], row["expected"], row["state"]
        )  # fmt: skip
        if row["state"] in ("failed", "warning") or row["state"] == "passed" and not shared:
            lines.append("      expected: %s" % row["expected"])
        if "fix" in row:
            lines.append("      fix: %s" % row["fix"])
    return lines
