# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diagnosis as one page of HTML with a drawing of the hops: what the templates draw, and where. Pure, private."""

from __future__ import annotations

import re
import time

from .. import _html
from . import report
from .findings import SERVICES

# The hops of the boxes and lines of a Redis node and of a monitoring host.
REDIS = ("host", "redis", "redis_tls", "redis_acl")
EXPORTER = ("exporter", "node_exporter")
NETWORK = ("network",)
HOST = ("host", "inventory", "node_exporter")
BELOW_PROMETHEUS = (("blackbox_exporter", "TLS probes"), ("alertmanager", "Alertmanager"), ("grafana", "Grafana"))
RANK = {"error": 3, "warning": 2, "info": 1}
FINE, UNKNOWN = ("ok", 0), ("unknown", 0)  # severity, and number of the finding
MOST_NODES = 24  # that a drawing shows, the broken ones first
MOST_LETTERS = 15  # of a name in a box
# Narrow enough for a phone
WIDTH, HEIGHT, GAP, LEFT, NODE, BETWEEN = 360, 34, 22, 8, 122, 12


def page(found):
    worst = found["findings"][0]["severity"] if found["findings"] else "ok"
    return _html.render(
        __file__,
        "page.html.j2",
        title="Doctor: %s" % (found["cluster"] or "monitoring stack"),
        worst=worst,
        verdict=verdict(found["findings"], worst) + report.not_examined(found),
        time=time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(found["time"])),
        sentence=sentence,
        findings=[dict(one, sentence=sentence(one["cause"])) for one in found["findings"]],
        fine=report.examined(found),
        hosts=list(report.hosts(found)),
        drawing=Drawing(found),
    )


def verdict(findings, worst):
    count = sum(one["severity"] == worst for one in findings)
    if worst == "error":
        return "%d broken" % count
    return "works, with %d warning%s" % (count, "s" * (count != 1)) if worst == "warning" else "nothing is wrong"


def sentence(text):
    """With a capital, but for names that are written without."""
    return text if re.match(r"\w+_|/", text) else text[:1].upper() + text[1:]


def short(text):
    """A name that fits into a box: without its domain, and without its middle."""
    name = text if re.match(r"[\d.]+$", text) else text.split(".")[0]
    half = MOST_LETTERS // 2
    return name if len(name) <= MOST_LETTERS else name[: half - 1] + "\u2026" + name[-half:]


def blocked(state):
    """The state of a line: what is broken or unknown; a warning does not interrupt it."""
    return state if state[0] in ("error", "unknown") else FINE


class Drawing:
    """The hops from top to bottom: nodes, Prometheus, and what hangs on it, each with its place."""

    def __init__(self, found):
        self.found = found
        self.lines, self.boxes, self.notes = [], [], []
        self.width, self.y = WIDTH, 4
        self.worst = {}
        for number, one in enumerate(found["findings"], 1):
            for host in one.get("hosts") or [one["host"]]:
                known = self.worst.get((host, one["hop"]), FINE)
                if RANK[one["severity"]] > RANK.get(known[0], 0):
                    self.worst[host, one["hop"]] = (one["severity"], number)
        hosts = found["hosts"]
        self.nodes([name for name in sorted(hosts) if "redis" in hosts[name]["groups"]])
        for name in sorted(hosts):
            if "monitoring" in hosts[name]["groups"] and "redis" not in hosts[name]["groups"]:
                self.monitoring(name)

    def state(self, host, hops):
        """The worst that was found of a part of a host."""
        states = [self.worst[host, hop] for hop in hops if (host, hop) in self.worst]
        if states:
            return max(states, key=lambda one: RANK[one[0]])
        return FINE if self.found["hosts"].get(host, {}).get("examined") else UNKNOWN

    def box(self, x, width, text, state, small=""):
        place = {"x": x, "y": self.y, "width": width, "height": HEIGHT}
        texts = {"text": short(text), "whole": text, "small": small}
        self.boxes.append({**place, **texts, "severity": state[0], "number": state[1]})

    def line(self, x1, y1, x2, y2, state):
        ends = {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "x": (x1 + x2) / 2, "y": (y1 + y2) / 2}
        self.lines.append({**ends, "severity": state[0], "number": state[1]})

    def nodes(self, names):
        """A row a node: Redis, exporter, and the way to Prometheus' rail on the right."""
        ranked = sorted(names, key=lambda name: (self.state(name, REDIS + EXPORTER + NETWORK)[0] == "ok", name))
        rail, top, second = WIDTH - 16, self.y + HEIGHT / 2, LEFT + NODE + 24
        for name in sorted(ranked[:MOST_NODES]):
            redis, exporter, network = (self.state(name, hops) for hops in (REDIS, EXPORTER, NETWORK))
            middle = self.y + HEIGHT / 2
            # The first that breaks is red; what comes behind it is only its consequence.
            self.line(LEFT + NODE, middle, second, middle, blocked(redis))
            self.line(second + NODE, middle, rail, middle, blocked(exporter if exporter[0] == "error" else network))
            self.box(LEFT, NODE, name, redis, "Redis " + self.found["hosts"][name]["address"])
            self.box(second, NODE, "exporter", exporter, "redis_exporter")
            self.y += HEIGHT + BETWEEN
        if len(names) > MOST_NODES:
            self.notes.append((WIDTH / 2, self.y + 6, "and %d more, with nothing worse" % (len(names) - MOST_NODES)))
            self.y += 14
        if names:
            self.line(rail, top, rail, self.y + 8, ("rail", 0))
        self.y += 8

    def monitoring(self, name):
        about, full = self.found["hosts"][name], WIDTH - 2 * LEFT
        third = (full - 2 * BETWEEN) / 3
        places = [LEFT + place * (third + BETWEEN) for place in range(3)]
        prometheus, host = self.state(name, ("prometheus",)), self.state(name, HOST)
        if host[0] == "error":
            prometheus = max(prometheus, host, key=lambda one: RANK.get(one[0], 0))
        self.box(LEFT, full, "Prometheus", prometheus, "%s %s" % (name, about["address"]))
        self.y += HEIGHT + GAP
        states = {}
        for x, (service, label) in zip(places, BELOW_PROMETHEUS):
            there = SERVICES[service].unit.rpartition(".")[0] in about["services"] or service in self.found["expected"]
            state = self.state(name, (SERVICES[service].hop,))
            states[service] = UNKNOWN if state == FINE and not there else state
            above = prometheus if prometheus[0] == "error" else states[service]
            self.line(x + third / 2, self.y - GAP, x + third / 2, self.y, blocked(above))
            self.box(x, third, label, states[service], "" if there else "not there")
        self.y += HEIGHT + GAP
        person = self.state(name, ("person",))
        for x, label, service in zip(places[1:], ("on call", "browser"), ("alertmanager", "grafana")):
            above = states[service]
            state = UNKNOWN if above[0] == "unknown" else FINE
            if label == "browser" and person[1]:
                state = person
            connection = above if above[0] in ("error", "unknown") else state
            self.line(x + third / 2, self.y - GAP, x + third / 2, self.y, connection)
            self.box(x, third, label, state)
        self.y += HEIGHT + 14
