# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's network: listening sockets, packet filter, connections, routes. Private."""

from __future__ import annotations

import re
import socket

from .. import _sockets
from .._text import one_line
from .http import cause_of
from .probes import command


def listening():
    """Every TCP socket that listens, with its program."""
    sockets = [one for one in _sockets.tcp() if one.listens]
    sockets.sort(key=lambda one: (one.address.version, one.address, one.port))  # versions cannot be compared
    owners = _sockets.owners({one.inode for one in sockets})
    found = []
    for one in sockets:
        pid, program = owners.get(one.inode, (0, ""))
        found.append({"address": str(one.address), "port": one.port, "pid": pid, "program": program})
    return found


def peers_of(ports):
    """Who holds how many connections to these ports of this host: all, and the three with most."""
    counted = {}
    for one in _sockets.tcp():
        if one.established and one.port in ports:
            counted[str(one.peer)] = counted.get(str(one.peer), 0) + 1
    most = sorted(counted.items(), key=lambda item: -item[1])[:3]
    return {
        "all": sum(counted.values()),
        "most": [{"address": address, "count": count} for address, count in most],
    }


def packet_filter():
    """Rules of this host that drop or reject packets, each with the command that takes it out. Root sees them."""
    rc, out = command(["nft", "-a", "list", "ruleset"], 3)
    if rc == 0:
        return nft_rules(out)
    found = []
    for program in ("iptables", "ip6tables"):
        rc, out = command([program + "-save"], 3)
        found += iptables_rules(program, out) if rc == 0 else []
    return found


def nft_rules(text):
    """From the text, not from nft -j: a rule is shown to people as they would write it."""
    table = chain = hook = ""
    found = []
    for line in (raw.strip() for raw in text.splitlines()):
        opened = re.match(r"(table|chain) (.+?) \{", line)
        hooked = re.match(r"type filter hook (\w+) .*?(?:policy (\w+))?;?(?: #.*)?$", line)
        handle = re.search(r" # handle (\d+)$", line)
        if opened and opened.group(1) == "table":
            table = opened.group(2)
        elif opened:
            chain, hook = opened.group(2), ""
        elif hooked:
            hook = hooked.group(1)
            if hooked.group(2) == "drop":
                found.append({"rule": "%s %s: policy drop" % (table, chain), "hook": hook, "policy": True})
                found[-1]["let"] = "sudo nft insert rule %s %s" % (table, chain)
        elif handle and re.search(r"\b(drop|reject)\b", line):
            undo = "sudo nft delete rule %s %s handle %s" % (table, chain, handle.group(1))
            rule = "%s %s: %s" % (table, chain, line[: handle.start()])
            found.append({"rule": rule, "hook": hook, "undo": undo})
    return found[:40]


def iptables_rules(program, text):
    found, hooks = [], {"INPUT": "input", "OUTPUT": "output", "FORWARD": "forward"}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        policy = re.match(r":(INPUT|OUTPUT) DROP", line)
        rule = re.match(r"-A ((\S+) .*-j (?:DROP|REJECT)\b.*)", line)
        if table == "filter" and policy:
            chain = policy.group(1)
            found.append({"rule": "%s %s: policy DROP" % (program, chain), "hook": hooks[chain], "policy": True})
            found[-1]["let"] = "sudo %s -I %s" % (program, chain)
        elif rule:
            where = "" if table == "filter" else "-t %s " % table
            undo = "sudo %s %s-D %s" % (program, where, rule.group(1))
            found.append({"rule": line, "hook": hooks.get(rule.group(2), ""), "undo": undo})
    return found[:40]


def tcp(host_name, port, seconds=3):
    """Why no connection comes about; empty when one does. Sends nothing."""
    try:
        socket.create_connection((host_name, port), timeout=seconds).close()
        return ""
    except OSError as err:
        cause = cause_of(err)[0]
        return "filtered" if cause == "timeout" else cause


def route_to(address):
    """Why this host's packets do not even leave for the address; empty when they do. Sends nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((address, 9))
            return ""
    except OSError as err:
        rc, out = command(["ip", "route", "get", address], 2)
        rc2, table = command(["ip", "route", "show", "type", "blackhole"], 2)
        routes = [line for line in table.splitlines() if rc2 == 0 and address in line]
        return one_line("%s %s" % (err.strerror, routes[0] if routes else out if rc is not None else ""))
