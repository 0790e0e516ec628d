# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rules of the diagnosis share: evidence, findings, symptoms, and the words of cures. Pure, private."""

from __future__ import annotations

import ipaddress
import re
import shlex
import time
from datetime import datetime

from ansible_collections.redisops.monitoring.plugins.plugin_utils._findings import (
    NODE_HOPS,
    SERVICES,
    Finding,
    by_hand,
    on,
)


class Base:
    def __init__(self, stack):
        self.stack = stack
        self.hosts = stack["hosts"]
        self.nodes = [name for name, host in self.hosts.items() if "redis" in host["groups"]]
        self.monitors = [name for name, host in self.hosts.items() if "monitoring" in host["groups"]]
        self.expected = stack.get("expected", list(SERVICES))
        self.findings = []
        self.failing_clusters = []
        self.other_targets = []

    def add(self, ident, host, evidence, cure, severity=None, hop=None, **facts):
        finding = Finding(ident, host, evidence, cure, facts, severity, hop)
        self.findings.append(finding)
        return finding

    def symptom(self, text, explains, otherwise=None):
        """What is seen further down: it goes to the findings that explain it, else otherwise() makes it a finding."""
        causes = [one for one in self.findings if one.severity == "error" and explains(one)]
        for one in causes:
            if text not in one.consequences:
                one.consequences.append(text)
        if not causes and otherwise:
            otherwise()

    @staticmethod
    def at_node(name, *hops):
        """explains() for what any error at a node explains."""
        return lambda one: one.host == name and one.hop in (hops or NODE_HOPS)

    def has_error(self, host, hops=NODE_HOPS):
        return any(one.severity == "error" and one.host == host and one.hop in hops for one in self.findings)

    def seen(self, host, *path):
        """A piece of evidence, or {} where there is none."""
        found = self.hosts[host].get("evidence") or {}
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
            if found is None:
                return {}
        return {} if isinstance(found, dict) and set(found) == {"problem"} and path[-1:] != ("settings",) else found

    def wanted(self, host, name, default=None):
        return self.hosts[host].get("wanted", {}).get(name, default)

    # -------------------------------------------------------------------------------------------------- cures

    def inventories(self):
        """The inventories of this run, as a person in this directory would name them."""
        here = self.stack.get("directory", "").rstrip("/") + "/"
        named = [one[len(here) :] if one.startswith(here) else one for one in self.stack.get("inventory", [])]
        return ["-i " + shlex.quote(one) for one in named]

    def playbook(self, name, limit="", tags=""):
        words = ["ansible-playbook", "redisops.monitoring." + name] + self.inventories()
        words += ["--limit " + limit] if limit else []
        words += ["--tags " + tags] if tags else []
        return on("controller", " ".join(words))

    @staticmethod
    def without_drop_in(host, unit, unit_name):
        """What a drop-in changed by hand is mended where it is: the roles leave drop-ins alone."""
        path = shlex.quote(unit["drop_ins"][-1])
        command = "sudo rm %s && sudo systemctl daemon-reload && sudo systemctl restart %s" % (path, unit_name)
        return [on(host, command)]

    def copy_of(self, host, found, subject=""):
        """A CA file, which is no secret, from the first host that has a good one."""
        for name in sorted(self.hosts, key=lambda one: one != host):
            known = dict(self.seen(name, "redis", "files"), **self.seen(name, "exporter", "files"))
            for files in self.seen(name, "handed").values():
                known.update(files if isinstance(files, dict) else {})
            for usage, one in sorted(known.items()):
                good = "days_left" in one and not one.get("problem") and one["path"] != found["path"]
                if not good or not usage.endswith(("_ca", "ca.crt")) or subject not in ("", one["subject"]):
                    continue
                if name == host:
                    return on(host, "sudo install -m 0644 %s %s" % (one["path"], found["path"]))
                facts = (one["path"], name, one["subject"], found["path"], host)
                text = "copy %s of %s (%s), which is no secret, to %s of %s" % facts
                return by_hand(text, copy={"from": [name, one["path"]], "to": [host, found["path"]]})
        return by_hand("put the CA certificate to %s of %s" % (found["path"], host))

    @staticmethod
    def renew(host, found, usage, sans=""):
        """The one step that belongs to the user's own CA."""
        sans = sans or found.get("sans") or ""
        text = "have %s issued anew by %s" % (found["path"], found.get("issuer") or "your CA")
        text += " with the SANs %s" % sans if sans and sans != "none" else ""
        text += " and put it there with its key %s" % found["key_path"] if found.get("key_path") else ""
        about = {"host": host, "cert": found["path"], "key": found.get("key_path", ""), "sans": sans, "usage": usage}
        return by_hand(text, renew=about)

    def unreadable(self, ident, name, found, which, user, seen, then):
        """A directory or file that its reader may not pass; mended for this user, never for everybody."""
        way = found[which]
        stopped = way["stopped_at"]
        step = next(one for one in way["steps"] if one["path"] == stopped)
        path = found["key_path"] if which == "key_way" else found["path"]
        bits = "g+r" if stopped == path else "g+x"
        where = "%s is %s %s:%s, on the way to %s" % (stopped, step["mode"], step["owner"], step["group"], path)
        command = "sudo chgrp %s %s && sudo chmod %s %s && %s" % (user, stopped, bits, stopped, then["run"])
        act = "read" if stopped == path else "enter"
        self.add(ident, name, [where] + seen, [on(name, command)], user=user, act=act, stopped=stopped)


# --------------------------------------------------------------------------------------------------------- small things


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
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
    return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)(ms|[smhdwy])", str(text or "")))


def stamp_of(text):
    """A Prometheus timestamp as epoch seconds; None for none."""
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", "", str(text)).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def bracket(host):
    return "[%s]" % host if ":" in host else host


def san_of(host):
    try:
        ipaddress.ip_address(host)
        return "IP:" + host
    except ValueError:
        return "DNS:" + host


def sans_with(certificate, *hosts):
    """The names a certificate has, and those it needs."""
    named = [part for part in ((certificate or {}).get("sans") or "").split(", ") if part not in ("", "none")]
    return ", ".join(dict.fromkeys(named + [san_of(host) for host in hosts]))
