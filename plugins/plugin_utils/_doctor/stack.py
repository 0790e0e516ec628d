# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules read: the evidence of all hosts, what the inventory wants, and what the rules before found. Private."""

from __future__ import annotations

import ipaddress
import re
import time
from dataclasses import dataclass, field
from datetime import datetime

from ...module_utils import _redis
from ...module_utils._text import duration_seconds
from .findings import NODE_HOPS, SERVICES


class BadStack(ValueError):
    """One line: what is wrong with what was given."""


@dataclass
class Stack:
    """Rules read it; only diagnose() adds findings."""

    data: dict
    findings: list = field(default_factory=list)

    def __post_init__(self):
        check(self.data)
        self.hosts = self.data["hosts"]
        known = {group: self.members(group) for group in ("redis", "monitoring")}
        self.groups = self.data["groups"] if isinstance(self.data.get("groups"), dict) else known
        self.nodes = self.members("redis")
        self.monitors = [name for name in self.members("monitoring") if not self.is_node_in_disguise(name)]
        self.expected = self.data.get("expected", list(SERVICES))
        self.time = self.data.get("time", 0)

    def members(self, group):
        return [name for name, host in self.hosts.items() if group in host["groups"]]

    def cluster(self, host):
        """The Redis cluster of a host, where there are several."""
        return self.hosts[host].get("cluster", "") if host in self.hosts else ""

    def address(self, host):
        return self.hosts[host].get("address", host)

    def evidence(self, host, *path):
        """A piece of evidence, or {} where there is none."""
        found = self.hosts[host].get("evidence") or {}
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
            if found is None:
                return {}
        return {} if isinstance(found, dict) and set(found) == {"problem"} and path[-1:] != ("settings",) else found

    def unit(self, host, name):
        return self.evidence(host, "units", name) or {"found": False}

    def redis_unit(self, host):
        """(name, unit) of Redis, which distributions call differently."""
        return _redis.unit_of(self.evidence(host, "units"))

    def listening(self, host, **wanted):
        """Sockets of a host that have, for example, this port."""
        sockets = self.evidence(host, "listening") or []
        return [one for one in sockets if all(one[key] == value for key, value in wanted.items())]

    def wanted(self, host, name, default=None):
        """What the inventory says of a host."""
        return self.hosts[host].get("wanted", {}).get(name, default)

    def has_error(self, host, hops=NODE_HOPS):
        return any(one.severity == "error" and at(host, *hops)(one) for one in self.findings)

    def is_node_in_disguise(self, name):
        """A Redis node in the group monitoring, without any service that belongs there; not one blank host for all."""
        units = self.evidence(name, "units")
        if not units or any(self.unit(name, about.unit).get("found") for about in SERVICES.values()):
            return False
        return self.redis_unit(name)[1]["found"] or name in self.nodes and len(self.members("monitoring")) > 1


def check(data):
    """BadStack where it is no stack."""
    hosts = data.get("hosts")
    if not isinstance(hosts, dict):
        raise BadStack("stack: hosts has to be a dictionary of hosts by name")
    for name, host in hosts.items():
        if not isinstance(host, dict) or not isinstance(host.get("groups"), list):
            raise BadStack("stack: the host %s needs its groups, a list with redis or monitoring" % name)
        evidence = host.get("evidence")
        if evidence is not None and not isinstance(evidence, dict):
            raise BadStack("stack: evidence of %s is not what stack_evidence returns as evidence" % name)
        for probe, found in (evidence or {}).items():
            if isinstance(found, str):
                raise BadStack("stack: evidence of %s: %s is no result of stack_evidence" % (name, probe))


# ------------------------------------------------------------------------------------------- what explains a symptom


def at(host, *hops):
    """Findings of a host at these hops; of a Redis node and its exporter where none are named."""
    return lambda one: one.host == host and one.hop in (hops or NODE_HOPS)


def by_file(monitor):
    """Findings of a file that a service of the monitoring host is given and cannot use."""
    return lambda one: one.host == monitor and "path" in one.facts and one.ident.startswith(tuple(SERVICES))


# ------------------------------------------------------------------------------------------------------ small things


def size(count):
    count = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return "%.0f %s" % (count, unit)
        count /= 1024
    return "%.1f TiB" % count


def date(stamp):
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(stamp))


def shows(certificate):
    """What is shown, in words; nothing for nothing."""
    if not certificate:
        return ""
    facts = (date(certificate["not_after"]), certificate["sans"], certificate["issuer"])
    return "it shows a certificate valid until %s, SANs %s, from %s" % facts


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return 0.0


def duration(text):
    """A Prometheus duration in seconds; 0 for none."""
    try:
        return duration_seconds(text or "")
    except ValueError:
        return 0.0


def stamp_of(text):
    """A Prometheus timestamp as epoch seconds; None for none."""
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", "", str(text)).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def sans_with(certificate, *hosts):
    """The names a certificate has, and those it needs."""
    named = [part for part in ((certificate or {}).get("sans") or "").split(", ") if part not in ("", "none")]
    return ", ".join(dict.fromkeys(named + [san_of(host) for host in hosts]))


def san_of(host):
    try:
        ipaddress.ip_address(host)
        return "IP:" + host
    except ValueError:
        return "DNS:" + host
