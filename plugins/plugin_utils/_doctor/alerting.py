# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for TLS probes, and for the way of an alert: Prometheus, Alertmanager, its receivers, silences. Private."""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

from ...module_utils._alertmanager import matcher_of
from . import security_groups, services
from .findings import ALL_SERVICES, REASONS, Symptom, finding
from .fixes import by_hand, on, playbook, service_again
from .network import filtered, listeners
from .stack import at, date, number, stamp_of

ARRIVES_WITHIN = 150.0  # seconds until Prometheus has sent an alert once more (resend delay, evaluation, retry)
EVERY_ALERT = ("RedisDown", "AnyOther")  # a silence of both is one of any alert


def reloaded(stack, monitor, service):
    refused = stack.evidence(monitor, service).get("config_taken") is False
    words = "%s_config_last_reload_successful 0" % service if refused else ""
    return services.config_taken(stack, monitor, service, words)


# ----------------------------------------------------------------------------------------------------------- probes


def blackbox_exporter(stack, monitor):
    yield from services.judge(stack, monitor, "blackbox_exporter")
    if services.works(stack, monitor, "blackbox_exporter"):
        yield from reloaded(stack, monitor, "blackbox_exporter")


def probes(stack, monitor):
    """What the probe says of each Redis at this moment."""
    if not services.works(stack, monitor, "blackbox_exporter"):
        return
    for probe in stack.evidence(monitor, "prometheus").get("probes") or []:
        node = probe["node"]
        if probe.get("success") != 0 or node not in stack.hosts:
            continue
        seen = "GET %s: probe_success 0" % probe["url"]
        if probe_closed(stack, node, probe):
            yield from port_filtered(stack, monitor, node, probe, seen)
        else:
            yield probe_fails(stack, monitor, node, seen)


def probe_closed(stack, node, probe):
    """The probe gets no connection, though Redis is well: a filter, or a missing rule, for its port."""
    refused = probe.get("now") in ("filtered", "unreachable", "refused")
    return refused and not stack.has_error(node) and stack.listening(node, port=probe.get("port"))


def port_filtered(stack, monitor, node, probe, seen):
    port = probe["port"]
    if not security_groups.rule_missing(stack, node, monitor, port):  # else that was said
        text = "a connection from %s to %s:%d now: %s" % (monitor, stack.address(node), port, probe["now"])
        where = listeners(node, stack.listening(node, port=port))
        yield filtered(stack, monitor, node, port, [seen, text] + where)


def probe_fails(stack, monitor, node, seen):
    again = service_again(stack, monitor, "blackbox_exporter")
    return Symptom(
        "the TLS probe of %s fails" % node,
        lambda one: at(node)(one) or one.host == monitor and one.ident == "blackbox_exporter_file",
        [finding("probe_failing", monitor, [seen], again, node=node)],
    )


# ----------------------------------------------------------------------------------------------------- Alertmanager


def works(stack, monitor):
    return services.works(stack, monitor, "alertmanager")


def alertmanager(stack, monitor):
    yield from services.judge(stack, monitor, "alertmanager")
    if works(stack, monitor):
        yield from reloaded(stack, monitor, "alertmanager")


def arriving(stack, monitor):
    """The Watchdog fires all the time: where Alertmanager does not have it, it has no alert at all."""
    if not works(stack, monitor):
        return
    found, other = stack.evidence(monitor, "prometheus"), stack.evidence(monitor, "alertmanager")
    fires = stamp_of((found.get("rules") or {}).get("watchdog"))
    started = stack.unit(monitor, ALL_SERVICES["alertmanager"].unit).get("started_at") or 0
    loaded = stamp_of((found.get("runtime") or {}).get("lastConfigTime")) or 0
    waited = stack.time - max(fires or stack.time, started, loaded)
    closed = found.get("alertmanagers_closed") or {}
    if closed and len(closed) < len(found["alertmanagers"]):  # the others of the cluster tell everybody
        yield from away(stack, monitor, closed)
        return
    errors = (found.get("samples") or {}).get("alertmanager_errors") or []
    count = number(errors[0]["value"][1]) if errors else 0
    silent = other.get("watchdog") == 0 and found.get("alertmanagers")
    if closed or waited >= ARRIVES_WITHIN and (silent or count):
        sends = [
            "%s (%s)" % (url, REASONS.get(closed[url], closed[url])) if url in closed else url
            for url in found["alertmanagers"]
        ]
        seen = ["Prometheus sends alerts to %s" % ", ".join(sends)]
        if silent and fires:
            seen.append("the alert Watchdog fires since %s, and Alertmanager does not have it" % date(fires))
        if count:
            seen.append("%.0f notifications of Prometheus failed in two minutes" % count)
        yield finding("alerts_not_arriving", monitor, seen, service_again(stack, monitor, "prometheus"))


def away(stack, monitor, closed):
    """Some of the Alertmanagers, usually that of a monitoring host which is away."""
    where = ", ".join(urlsplit(url).netloc for url in closed)
    seen = "Prometheus sends alerts to %s, and there: %s" % (where, ", ".join(sorted({*closed.values()})))
    hosts = {name for name in stack.monitors if stack.address(name) in {urlsplit(url).hostname for url in closed}}
    yield Symptom(
        seen,
        lambda one: one.host in hosts and one.hop in ("host", "alertmanager"),
        [finding("alertmanager_away", monitor, [seen], service_again(stack, monitor, "prometheus"), where=where)],
    )


def receivers(stack, monitor):
    """A connection to where Alertmanager sends its notifications."""
    found = stack.evidence(monitor, "alertmanager")
    for one in found.get("receivers") or [] if works(stack, monitor) else []:
        if one["problem"]:
            yield receiver(stack, monitor, one, found.get("notify_errors") or [])


def receiver(stack, monitor, found, said):
    where, problem = found["where"], found["problem"]
    why, host = REASONS.get(problem, problem), where.rpartition(":")[0]
    seen = ["a connection from %s to %s: %s" % (monitor, where, why)] + [line for line in said if host in line]
    steps = {
        "refused": "start what listens on %s there" % where,
        "name_unknown": "correct the name servers of %s (/etc/resolv.conf): getent hosts %s finds nothing"
        % (monitor, host),
    }
    step = steps.get(problem, "let %s to %s" % (monitor, where))
    fix = service_again(stack, monitor, "alertmanager")
    wanted = stack.wanted(monitor, "receivers")
    if wanted is None or any(where.startswith(one) for one in wanted):
        fix = [by_hand(step + ", or correct the address in alertmanager_receivers"), *fix]
    else:
        seen.append("alertmanager_receivers name another address: %s" % (", ".join(wanted) or "none"))
    return finding("receiver_unreachable", monitor, seen, fix, where=where, why=why)


def notifications(stack, monitor):
    """Whether what Alertmanager sends gets out, by what it said itself."""
    other = stack.evidence(monitor, "alertmanager")
    said = other.get("notify_errors") or []
    failed = (stack.evidence(monitor, "prometheus").get("samples") or {}).get("notifications_failed") or []
    if not works(stack, monitor) or not failed and not said:
        return
    counts = {one["labels"].get("integration", "?"): number(one["value"][1]) for one in failed}
    seen = ["%s: %.0f failed in two minutes" % one for one in sorted(counts.items())] + said
    names = ", ".join(sorted(counts)) or "see below"
    fix = on(monitor, "sudo journalctl --unit alertmanager --since -10min | grep -i notify")
    # Nothing failed in the last minute: the rest is memory.
    severity = None if said or "notify_errors" not in other else "info"
    yield Symptom(
        "notifications fail: " + "; ".join(seen),
        lambda one: one.host == monitor and one.ident == "receiver_unreachable",
        [finding("notifications_failing", monitor, seen, [fix], severity, names=names)],
    )


def silences(stack, monitor):
    """A silence that no page of a cluster gets past; one of some alerts or of a node is somebody's work."""
    targets = stack.evidence(monitor, "prometheus").get("targets") or []
    nodes = [one["labels"] for one in targets if one.get("labels")]
    alerts = [dict(labels, alertname=name, severity="P1") for labels in nodes for name in EVERY_ALERT]
    for one in stack.evidence(monitor, "alertmanager").get("silences") or [] if works(stack, monitor) else []:
        matchers = [matcher_of(each) for each in one["matchers"]]
        shared = any(known.facts.get("silence") == one["id"] for known in stack.findings)  # by members of a cluster
        gets_past = {
            labels.get("cluster", "")
            for labels in alerts
            if not all(each.matches(labels.get(each.name, "")) for each in matchers)
        }
        hidden = sorted({labels.get("cluster", "") for labels in alerts} - gets_past)
        if hidden and not shared:
            until = stamp_of(one["until"])
            said = "silence %s by %s: %s" % (one["id"], one["by"] or "nobody", one["comment"] or "no comment")
            seen = [said, "it matches %s" % ", ".join(str(each) for each in matchers)]
            seen.append("cluster: %s" % ", ".join(hidden) if any(map(stack.cluster, stack.nodes)) else "")
            end = "-e silence_state=absent -e silence_id=" + shlex.quote(one["id"])
            words = date(until) if until else one["until"]
            fix = playbook(stack, "silence", extra=end)
            yield finding("pages_silenced", monitor, seen, [fix], until=words, silence=one["id"])
