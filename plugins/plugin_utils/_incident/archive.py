# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of all hosts as one archive with a page that leads through it. Private."""

from __future__ import annotations

import io
import json
import os
import re
import tarfile
import time
from datetime import datetime

from ...module_utils._text import one_line, utc
from .. import _html
from .._failures import why
from . import chart

LIMIT = 50 * 1024 * 1024  # of everything before it is packed
TITLES = {
    "up": ("Exporters that Prometheus reaches", ""),
    "redis_up": ("Redis as its exporters see it", ""),
    "cluster_state": ("Cluster state, 1 is ok", ""),
    "slots_fail": ("Slots whose master failed", ""),
    "memory": ("Memory", "% of maxmemory"),
    "rss": ("Resident memory", "bytes"),
    "commands": ("Commands", "1/s"),
    "latency": ("Mean time of a command", "ms"),
    "clients": ("Clients", ""),
    "evictions": ("Evicted keys", "1/s"),
    "errors": ("Errors", "1/s"),
    "network": ("Network, in and out", "bytes/s"),
    "scrape": ("Duration of a scrape", "s"),
    "certificates": ("Days left of served certificates", "d"),
}
ALERTS = "alerts_firing"  # drawn as a timeline
SEVERITIES = {"P1": "#c0392b", "P2": "#d9821e", "P3": "#1f77b4"}


class Archive:
    def __init__(self, cluster, hosts, files, dashboard_url="", now=None):
        self.now = time.time() if now is None else now
        self.cluster = cluster or "redis"
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(self.now))
        self.name = "incident-%s-%s" % (safe(self.cluster), stamp)
        self.dashboard_url = dashboard_url
        self.problems = []
        self.content = {}  # path in the archive -> text
        self.window = {}
        for host, found in sorted(hosts.items()):
            self.take(host, found or {})
        for path in files:
            with open(path, encoding="utf-8") as handle:
                self.content["doctor/" + safe(os.path.basename(path))] = handle.read()
        self.draw()
        self.content["problems.txt"] = "".join(line + "\n" for line in self.problems) or "none\n"
        self.content["index.html"] = self.page()

    def take(self, host, found):
        self.problems.extend("%s: %s" % (host, " ".join(str(one).split())) for one in found.get("problems", []))
        if "files" not in found:
            self.problems.append("%s: %s" % (host, one_line(why(found, "nothing was collected"))))
            return
        self.window = self.window or found.get("window", {})
        for name, text in found["files"].items():
            place = "/".join(safe(part) for part in name.split("/"))
            self.content["hosts/%s/%s" % (safe(host), place)] = text

    def draw(self):
        """A picture beside every range of metrics."""
        for path in [path for path in self.content if "/metrics/" in path and path.endswith(".json")]:
            name = os.path.basename(path)[: -len(".json")]
            try:
                found = json.loads(self.content[path])
                picture = self.picture(name, found)
            except (ValueError, KeyError, TypeError) as err:
                self.problems.append("%s: cannot be drawn (%s)" % (path, type(err).__name__))
                continue
            self.content[path[: -len("json")] + "svg"] = picture

    def picture(self, name, found):
        series = [
            (each["metric"], [(float(when), float(value)) for when, value in each["values"]])
            for each in found["result"]
        ]
        start, end = self.limits(series)
        if name == ALERTS:
            spans = [
                (
                    "%s %s" % (metric.get("alertname", "?"), metric.get("node", metric.get("cluster", ""))),
                    SEVERITIES.get(metric.get("severity"), "#7f8c8d"),
                    chart.spans_of(points, found["step"]),
                )
                for metric, points in sorted(series, key=lambda each: each[1][0])
            ]
            return chart.timeline("Alerts that fired (red P1, orange P2, blue P3)", spans, start, end)
        title, unit = TITLES.get(name, (name, ""))
        if found.get("left_out"):
            title += ", %d series left out" % found["left_out"]
        return chart.chart(title, [(chart.label(metric), points) for metric, points in series], start, end, unit)

    def limits(self, series):
        try:
            return tuple(moment(self.window[key]) for key in ("since", "until"))
        except (KeyError, ValueError):
            times = [when for _metric, points in series for when, _value in points] or [self.now - 1, self.now]
            return min(times), max(times)

    def page(self):
        alerts = self.alerts()
        hosts = {}
        for path in sorted(self.content):
            if path.startswith("hosts/") and "/metrics/" not in path:
                dummy, host, text = path.split("/", 2)
                hosts.setdefault(host, []).append((path, text))
        pictures = sorted((path for path in self.content if path.endswith(".svg")), key=picture_order)
        return _html.render(
            __file__,
            "index.html.j2",
            name=self.name,
            cluster=self.cluster,
            since=self.window.get("since", "?").replace(".000Z", "Z"),
            until=self.window.get("until", "?").replace(".000Z", "Z"),
            collected=utc(self.now),
            dashboard_url=self.dashboard_url,
            problems=self.problems,
            diagnosis=sorted(path for path in self.content if path.startswith("doctor/")),
            asked=bool(alerts),
            alerts=sorted({alert_row(one) for one in alerts if one.get("labels", {}).get("alertname") != "Watchdog"}),
            pictures=[(path, path[: -len("svg")] + "json") for path in pictures],
            hosts=hosts,
        )

    def alerts(self):
        """What Alertmanager held when the evidence was collected."""
        found = []
        for path in self.content:
            if path.endswith("/alertmanager_alerts.json"):
                try:
                    found.extend(json.loads(self.content[path]))
                except ValueError:
                    self.problems.append("%s is no JSON" % path)
        return found

    def write(self, directory):
        """(path, size). Nobody but the owner reads it, from its first byte on."""
        total = sum(len(text) for text in self.content.values())
        if total > LIMIT:
            raise OSError(27, "the evidence is larger than %d MiB; choose a shorter time" % (LIMIT >> 20))
        os.makedirs(directory, mode=0o750, exist_ok=True)
        path = os.path.join(directory, self.name + ".tar.gz")
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as tar:
            for name, text in sorted(self.content.items()):
                data = text.encode("utf-8", "replace")
                entry = tarfile.TarInfo("%s/%s" % (self.name, name))
                entry.size, entry.mode, entry.mtime = len(data), 0o600, int(self.now)
                tar.addfile(entry, io.BytesIO(data))
        return path, os.path.getsize(path)


def safe(name):
    """A name that is one part of a path and nothing else."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", name).lstrip(".") or "_"


def alert_row(alert):
    """Severity, name, what it is about, since when, and its state."""
    labels, status = alert.get("labels", {}), alert.get("status", {})
    subject = labels.get("node") or labels.get("instance") or labels.get("cluster", "")
    state = "silenced" if status.get("silencedBy") else "muted" if status.get("inhibitedBy") else "active"
    since = str(alert.get("startsAt", ""))[:19] + "Z"
    return labels.get("severity", ""), labels.get("alertname", ""), subject, since, state


def picture_order(path):
    name = os.path.basename(path)[: -len(".svg")]
    known = [ALERTS, *TITLES]
    return known.index(name) if name in known else len(known), name


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
