# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus as seen from its host: targets, probes, rules, its configuration. Private."""

from __future__ import annotations

import re
import time
from urllib.parse import quote, urlsplit

from .._prometheus import remote_writes
from .._text import one_line
from . import http, network
from .probes import gather
from .web import Service

MOST_PROBES = 60
LATE = 120  # seconds without a sample sent, after which a store is connected to
PROBED = ("redis-tls", "monitoring-endpoints")  # jobs whose scrapes are the prober's answers
TARGET_FIELDS = ("scrapePool", "scrapeUrl", "health", "lastError", "lastScrape", "scrapeInterval", "scrapeTimeout")
SAMPLES = {
    "redis_up": "redis_up",
    "alertmanager_errors": "sum(increase(prometheus_notifications_errors_total[2m]))",
    "notifications_failed": "sum by (integration) (increase(alertmanager_notifications_failed_total[2m])) > 0",
}


def prometheus(options):
    service = Service(options)
    found = {"ready": service.alive("/-/ready")}
    if not found["ready"]["answered"] or found["ready"].get("status") in (401, 403):
        return found
    active = (service.data("/api/v1/targets?state=active") or {}).get("activeTargets", [])
    found["targets"] = sorted((target(one) for one in active), key=lambda one: (one["job"], one["instance"]))
    connect_to(found["targets"])
    found["probes"] = probes(found["targets"])
    found["runtime"] = service.data("/api/v1/status/runtimeinfo") or {}
    found["config"] = (service.data("/api/v1/status/config") or {}).get("yaml", "")
    alertmanagers = (service.data("/api/v1/alertmanagers") or {}).get("activeAlertmanagers", [])
    found["alertmanagers"] = [one.get("url", "") for one in alertmanagers]
    found["alertmanagers_closed"] = {url: why for url, why in connections(found["alertmanagers"]).items() if why}
    found["rules"] = rules(service.data("/api/v1/rules?type=alert"))
    found["remote_write"] = remote_write(service.get("/metrics").get("body", ""))
    found["samples"] = {name: query(service, text) for name, text in SAMPLES.items()}
    return found


def remote_write(page):
    """Each store that it sends to: how old the newest sample is that was sent, and whether it can be connected to."""
    found = [
        {"url": one.url, "age": round(time.time() - one.at, 1) if one.at else None, "lost": one.lost}
        for one in remote_writes(page)
    ]
    late = [one["url"] for one in found if one["age"] is None or one["age"] > LATE]
    now = connections(late)
    return [{**one, **({"now": now[one["url"]]} if one["url"] in now else {})} for one in found]


def target(one):
    found = {name: one.get(name, "") for name in TARGET_FIELDS}
    labels = one.get("labels", {})
    found.update({name: labels.get(name, "") for name in ("job", "instance", "node", "cluster", "endpoint")})
    if found["job"] == "redis-cluster":
        found["labels"] = labels
    return found


def connect_to(targets):
    """Whether a target that is down can be connected to from here at this moment."""
    down = [one for one in targets if one["health"] == "down" and one["job"] not in PROBED][:MOST_PROBES]
    found = connections([one["scrapeUrl"] for one in down])
    for one in down:
        one["now"] = found[one["scrapeUrl"]]


def connections(urls):
    """Why no connection to each of these comes about; empty where one does."""

    def tried(url):
        parts = urlsplit(url)
        return network.tcp(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))

    found = gather({url: lambda url=url: tried(url) for url in urls}, 5)
    return {url: why if isinstance(why, str) else "filtered" for url, why in found.items()}


def rules(answer):
    """How many alerting rules there are, the broken ones, and since when the Watchdog fires."""
    if not isinstance(answer, dict):
        return None
    found = {"alerting": 0, "broken": [], "watchdog": None}
    for group in answer.get("groups") or []:
        for rule in group.get("rules") or []:
            found["alerting"] += 1
            if rule.get("health") == "err":
                error = one_line(rule.get("lastError", ""))
                found["broken"].append({"name": rule.get("name", ""), "file": group.get("file", ""), "error": error})
            if rule.get("name") == "Watchdog" and rule.get("alerts"):
                found["watchdog"] = rule["alerts"][0].get("activeAt")
    found["broken"] = found["broken"][:5]
    return found


def probes(targets):
    """Each probe of Redis, asked for now: the prober answers for itself, whatever Prometheus remembers."""
    asked = [one for one in targets if one["job"] == "redis-tls"][:MOST_PROBES]
    found = gather({one["scrapeUrl"]: lambda one=one: probe(one) for one in asked}, 8)
    return [one for one in found.values() if "node" in one]


def probe(target):
    body = http.get(target["scrapeUrl"], 7).get("body", "")
    success = re.search(r"^probe_success (\d)", body, re.M)
    found = {"node": target["node"], "url": target["scrapeUrl"], "success": int(success.group(1)) if success else None}
    host_name, _sep, port = target["instance"].rpartition(":")
    if found["success"] == 0 and port.isdigit():
        found.update(port=int(port), now=network.tcp(host_name.strip("[]"), int(port), 2))
    return found


def query(service, text):
    parsed = service.data("/api/v1/query?query=" + quote(text))
    if not isinstance(parsed, dict):
        return None
    return [
        {
            "labels": {k: v for k, v in one["metric"].items() if k in ("node", "instance", "integration")},
            "value": one["value"],
        }
        for one in parsed.get("result", [])
    ]
