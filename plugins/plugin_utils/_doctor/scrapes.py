# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for targets of Prometheus that are down: exporters, and the others when every service is judged. Private."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from . import edited, prometheus, security_groups
from .findings import ALL_SERVICES, NODE_HOPS, Symptom, finding
from .fixes import by_hand, service_again
from .network import filtered, listeners
from .stack import at, by_file, stamp_of

BROKEN_OFF = re.compile(r"refused|no route|EOF|reset|timeout|deadline exceeded")
# Jobs of Prometheus beside the exporters, and the hops that explain their failure.
OTHER_JOBS = {
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager",),
    "blackbox_exporter": ("probes",),
    "redis-tls": ("probes",),
    "grafana": ("grafana",),
    "node": ("host", "node_exporter"),
    "monitoring-endpoints": ("probes", "prometheus", "alertmanager", "grafana"),
}
PROBED = ("redis-tls", "monitoring-endpoints")  # jobs whose scrapes are answers of blackbox_exporter
OWN = ("targets_stale", "target_address", "scrape_scheme", "scrape_login_refused", "scrape_ca_wrong")


def failed(stack, monitor):
    """(target, what is seen of it) of every target that is down."""
    if not prometheus.works(stack, monitor):
        return
    for target in stack.evidence(monitor, "prometheus").get("targets") or []:
        if target["health"] == "down":
            where = "%s (%s)" % (target["node"] or target["endpoint"] or target["instance"], target["job"])
            yield target, "Prometheus: target %s is down: %s" % (where, target["lastError"])


def recovering(target, monitor, seen, what, hop=None):
    fix = by_hand("wait %s for the next scrape" % target["scrapeInterval"])
    return finding("recovering", monitor, seen, [fix], hop=hop, what=what)


def since(stack, monitor, target, *started):
    """Whether something was started, or Prometheus given its configuration, after the scrape that failed."""
    asked = stamp_of(target["lastScrape"])
    loaded = stamp_of((stack.evidence(monitor, "prometheus").get("runtime") or {}).get("lastConfigTime"))
    return bool(asked and max(loaded or 0, *(one or 0 for one in started)) > asked)


# -------------------------------------------------------------------------------------------------------- exporters


def exporters(stack, monitor):
    nodes = {stack.address(name): name for name in stack.nodes}
    for target, text in failed(stack, monitor):
        if target["job"] == prometheus.JOB:
            by_address = nodes.get(urlsplit(target["scrapeUrl"]).hostname)
            node = target["node"] if target["node"] in stack.hosts else by_address
            yield Symptom(text, explains_scrape(monitor, node), scrape(stack, monitor, target, node, text))


def explains_scrape(monitor, node):
    def explains(one):
        if one.ident == "sg_rule_missing":
            return node is not None and node in one.facts["nodes"].split(", ")
        return at(node)(one) or one.host == monitor and one.ident in OWN or by_file(monitor)(one)

    return explains


def scrape(stack, monitor, target, node, text):
    """A scrape that fails though nothing at the node explains it."""
    error, again = target["lastError"], service_again(stack, monitor, "prometheus")
    reach = stack.evidence(monitor, "reach", node) if node else {}
    fine = reach.get("answered") and reach.get("status", 500) < 400
    seen, what = [text], node or target["instance"]
    if reach:
        answer = "%s %s" % (reach["url"], reach.get("status") or reach.get("error"))
        seen.append("the same way with the wanted files and password: GET %s" % answer)
    metrics = node and stack.evidence(node, "exporter", "metrics").get("answered")
    started = stack.unit(node, "redis_exporter.service").get("started_at") if node else None
    if fine and (since(stack, monitor, target, started) or BROKEN_OFF.search(error) and metrics):
        yield recovering(target, monitor, seen, what)
    elif re.search(r"\b401\b", error):
        yield finding("scrape_login_refused", monitor, seen, again)
    elif re.search(r"x509|certificate|tls:", error) and fine:
        yield finding("scrape_ca_wrong", monitor, seen, again)
    elif re.search(r"HTTP response to HTTPS client|400 Bad Request", error):
        found = urlsplit(target["scrapeUrl"]).scheme
        right = {"http": "https"}.get(found, "http")
        yield finding("scrape_scheme", monitor, seen, again, found=found, right=right)
    elif "deadline exceeded" in error and fine:
        seen.append("scrape_timeout %s" % target["scrapeTimeout"])
        yield finding("scrape_too_slow", monitor, seen, again, node=node)
    else:
        yield finding("target_down", monitor, seen, again, what=what)


# ------------------------------------------------------------------------------------------------------- other jobs


def others(stack, monitor):
    """A consequence of the service that is down, or the memory of one that was; or a job of the user's."""
    again = service_again(stack, monitor, "prometheus")[0]
    by_hand_edited, users = edited.jobs_of(stack, monitor), {}
    for target, text in failed(stack, monitor):
        job = target["job"]
        if job in by_hand_edited:
            yield Symptom(text, lambda one: one.host == monitor and again in one.fix, severities=("error", "warning"))
        elif job in OTHER_JOBS:
            yield Symptom(text, explains_target(monitor, target), other(stack, monitor, target, text))
        elif job != prometheus.JOB:
            users.setdefault(job, {})[target["instance"]] = text
    for job, texts in users.items():
        step = "start what answers at %s, or take it out of the job %s in prometheus_scrape_configs"
        fix = by_hand(step % (", ".join(texts), job))
        yield finding("target_down", monitor, list(texts.values()), [fix], "warning", what="the job %s" % job)


def explains_target(monitor, target):
    hops = OTHER_JOBS[target["job"]]

    def explains(one):
        login = one.ident == "scrape_login_refused" and "401" in target["lastError"]
        at_service = one.host == monitor and (one.hop in (*hops, "host") or login)
        at_node = one.host == target["node"] and one.hop in (*NODE_HOPS, "node_exporter", *hops)
        return at_service or by_file(monitor)(one) or at_node

    return explains


def other(stack, monitor, target, text):
    job, node = target["job"], target["node"]
    about = ALL_SERVICES.get(service_of(job))
    host = node if node in stack.hosts else monitor
    started = [stack.unit(monitor, ALL_SERVICES["prometheus"].unit).get("started_at")]
    started += [stack.unit(host, about.unit).get("started_at")] if about else []
    if target.get("now"):
        yield from closed_port(stack, monitor, target, text)
    elif job in PROBED or BROKEN_OFF.search(target["lastError"]) or since(stack, monitor, target, *started):
        yield recovering(target, monitor, [text], job, OTHER_JOBS[job][0])
    else:
        what = "%s on %s" % (job, node or target["instance"])
        yield finding("target_down", monitor, [text], service_again(stack, monitor, "prometheus"), what=what)


def service_of(job):
    return {"node": "node_exporter"}.get(job, job)


def closed_port(stack, monitor, target, text):
    """Prometheus gets no connection, and neither does this host at this moment."""
    parts, node, service = urlsplit(target["scrapeUrl"]), target["node"], service_of(target["job"])
    port = parts.port or 443
    seen = [text, "a connection from %s to %s now: %s" % (monitor, parts.netloc, target["now"])]
    sockets = stack.listening(node, port=port) if node in stack.hosts else []
    if node in stack.nodes and security_groups.rule_missing(stack, node, monitor, port):
        return  # that was said
    if sockets and node != monitor:
        yield filtered(stack, monitor, node, port, seen + listeners(node, sockets))
        return
    again = service_again(stack, monitor, "prometheus")
    if service in ALL_SERVICES and node in stack.hosts:
        again = service_again(stack, node, service)
    what = "%s on %s" % (target["job"], node or target["instance"])
    yield finding("target_down", monitor, seen, again, what=what)
