# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diagnosis for people: its summary, and the table for the terminal. Pure, private."""

from __future__ import annotations

import textwrap

from .findings import SERVICES, SEVERITIES

WIDTH = 110


def report(stack, findings):
    """All that the table and the page show."""
    return {
        "time": stack["time"],
        "cluster": stack.get("cluster", ""),
        "hosts": {name: of_host(name, host) for name, host in stack["hosts"].items()},
        "findings": findings,
        "expected": stack.get("expected", []),
    }


def of_host(name, host):
    evidence = host.get("evidence") or {}
    return {
        **({"cluster": host["cluster"]} if host.get("cluster") else {}),
        "groups": host["groups"],
        "address": host.get("address", name),
        "examined": bool(evidence),
        "seconds": evidence.get("seconds"),
        "services": services(evidence.get("units") or {}),
        "urls": host.get("urls", {}),
    }


def services(units):
    """What lives on a host: units that run or shall run, each by one of its names."""
    found = {}
    for unit, one in units.items():
        if isinstance(one, dict) and one.get("found") and (one["active"] or one["enabled"] or one.get("managed")):
            found.setdefault(one.get("pid") or unit, unit.rpartition(".")[0])
    return sorted(found.values())


def summary(findings):
    """One line."""
    if not findings:
        return "nothing is wrong"
    first = findings[0]
    facts = (counted(findings), first["id"], first["host"], first["cause"])
    return "%s; first: %s on %s: %s" % facts


def counted(findings):
    """1 error, 2 warnings"""
    counts = [(sum(one["severity"] == kind for one in findings), kind) for kind in SEVERITIES]
    plural = (
        "%d %s%s" % (count, kind, "s" if count != 1 and kind != "info" else "") for count, kind in counts if count
    )
    return ", ".join(plural)


def not_examined(found):
    """What a verdict does not cover."""
    blamed = {one["host"] for one in found["findings"]}
    names = [name for name, host in sorted(found["hosts"].items()) if not host["examined"] and name not in blamed]
    return "; not looked at: %s" % ", ".join(names) if names else ""


def examined(found):
    """What a page without findings says."""
    missing = [name for name, host in sorted(found["hosts"].items()) if not host["examined"]]
    there = {service for host in found["hosts"].values() for service in host["services"]}
    missing += [about.title for about in SERVICES.values() if about.unit.rpartition(".")[0] not in there]
    if missing:
        return "What is there was looked at. Not there, or not looked at: %s." % ", ".join(missing)
    return "Every hop from Redis to the dashboard was looked at."


def hosts(found):
    """(name, address, role, services) of each: the answer to `Unit grafana-server.service could not be found`."""
    for name, host in sorted(found["hosts"].items()):
        role = "Redis node" if "redis" in host["groups"] else "monitoring host"
        role += " of %s" % host["cluster"] if host.get("cluster") else ""
        state = ", ".join(host["services"]) or ("no service of the stack" if host["examined"] else "not looked at")
        yield name, host["address"], role, state


def table(found):
    lines = ["", "Doctor: %s%s" % (summary(found["findings"]), not_examined(found)), ""]
    for number, one in enumerate(found["findings"], 1):
        lines += [*of_finding(number, one), ""]
    role = max([16, *(len(one[2]) for one in hosts(found))])
    text = "   %%-22s %%-16s %%-%ds %%s" % role
    return "\n".join([*lines, "Which host is what", *(text % one for one in hosts(found))])


def of_finding(number, one):
    where = "%s of %s" % (one["host"], one["cluster"]) if one.get("cluster") else one["host"]
    facts = (number, one["severity"].upper(), one["cause"], where, one["hop"])
    yield from wrapped("%d. %s  %s  [%s, %s]" % facts, first="", indent="   ")
    yield row("id") + one["id"]
    for label, texts in (("evidence", one["evidence"]), ("explains", one["consequences"])):
        for position, text in enumerate(texts):
            yield from wrapped(text, first=row("" if position else label))
    for position, step in enumerate(one["cure"]):
        label = row("then" if position else "fix")
        if "run" in step:
            yield label + command(step)
        else:
            yield from wrapped(step["do"], first=label)
        if "otherwise" in step:
            yield row("") + command(step["otherwise"])


def command(step):
    """On one line: it is there to be copied."""
    return ("" if step["on"] == "controller" else "on %s: " % step["on"]) + step["run"]


def row(label):
    return "   %-9s " % label


def wrapped(text, first, indent=" " * 13):
    shape = {"initial_indent": first, "subsequent_indent": indent}
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False, **shape) or [first]
