# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for what lies between the monitoring host and the exporters: connections, packet filters, clocks. Private."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from . import exporter, security_groups
from .findings import NODE_HOPS, Symptom, finding
from .fixes import by_hand, exporter_sans, on, playbook, renew
from .stack import at, by_file, shows

SKEW_ERROR, SKEW_WARNING = 5.0, 2.0  # seconds
NO_CONNECTION = ("timeout", "filtered", "unreachable", "refused")


def tried(stack, monitor):
    """(node, what a request to its exporter gave) of every exporter that the monitoring host asked."""
    asked = stack.evidence(monitor, "reach").items()
    return [(node, reach) for node, reach in asked if node in stack.hosts and "url" in reach]


def exporters_reached(stack, monitor):
    for node, reach in tried(stack, monitor):
        if not reach.get("answered"):
            yield not_reached(stack, monitor, node, reach)
        elif reach.get("status") == 401 and not stack.has_error(node):
            seen = "GET %s: 401; with redis_exporter_web_password it answers on the node" % reach["url"]
            fix = by_hand("set prometheus_exporter_password to the value of redis_exporter_web_password")
            again = playbook(stack, "monitoring", monitor, "prometheus")
            yield finding("scrape_login_refused", monitor, [seen], [fix, again])


def not_reached(stack, monitor, node, reach):
    text = "GET %s from %s: %s" % (reach["url"], monitor, reach.get("error"))
    # An exporter that answers on its node is not what keeps packets away, whatever is wrong with its Redis.
    answers = reach.get("cause") in NO_CONNECTION and stack.evidence(node, "exporter", "metrics").get("answered")
    hops = ("inventory", "host", "exporter") if answers else NODE_HOPS[: NODE_HOPS.index("network")]

    def explains(one):
        return at(node, *hops)(one) or by_file(monitor)(one)

    return Symptom(text, explains, connection(stack, monitor, node, reach, text))


def connection(stack, monitor, node, reach, text):
    """Why there is no answer, where nothing at the node explains it."""
    cause = reach.get("cause")
    stored = stack.evidence(node, "exporter", "files", "exporter_server") or {"path": "the certificate of the exporter"}
    seen = [text, shows(reach.get("shown"))]
    restart, sans = exporter.restart_of(node), exporter_sans(stack, node)
    scrapes, exporters = playbook(stack, "monitoring", monitor, "prometheus"), playbook(stack, "exporters", node)
    if cause == "timeout":  # a connection came about: no packet filter
        words = "look at the load of both hosts (uptime) and run again; then at the way: ping -M do -s 1400 %s"
        yield finding("exporter_slow", node, seen, [by_hand(words % stack.address(node))], monitor=monitor)
    elif cause in NO_CONNECTION:
        yield from closed(stack, monitor, node, reach, text)
    elif cause == "expired":
        fix = [renew(node, stored, "server", sans), restart]
        yield finding("exporter_cert_expired", node, seen, fix, what="server certificate")
    elif cause == "name_mismatch":
        fix = [renew(node, stored, "server", sans), restart]
        yield finding("exporter_cert_name", node, seen, fix, name=urlsplit(reach["url"]).hostname)
    elif cause == "untrusted":
        stored = dict(stored, issuer="the CA in prometheus_exporter_ca_file")
        yield finding("exporter_cert_untrusted", node, seen, [renew(node, stored, "server", sans), restart])
    elif cause == "not_yet_valid":
        if not stored.get("not_before"):
            stored = dict(stored, **(reach.get("shown") or {}))
        yield exporter.not_yet_valid(stack, node, "exporter_server", stored, seen)
    elif cause == "client_certificate":
        yield finding("scrape_ca_wrong", monitor, seen, [scrapes])
    elif cause == "http_only":
        yield finding("exporter_plain_http", node, seen, [exporters])
    elif cause == "https_only":
        setting = {"prometheus_exporter_scheme": "https"}
        fix = [by_hand("set prometheus_exporter_scheme: https", set=setting, host=monitor), scrapes]
        yield finding("scrape_scheme", monitor, seen, fix, found="http", right="https")
    else:
        yield finding("exporter_tls", node, seen, [exporters], monitor=monitor)


def closed(stack, monitor, node, reach, text):
    """The exporter runs and listens, and the monitoring host gets no answer: something between them."""
    address, parts = stack.address(node), urlsplit(reach["url"])
    back = stack.evidence(node, "routes").get(stack.address(monitor))
    if parts.hostname != address and stack.hosts[node].get("evidence"):
        again = playbook(stack, "monitoring", monitor, "prometheus")
        facts = {"node": node, "asked": parts.hostname, "address": address}
        yield finding("target_address", monitor, [text], [again], **facts)
    elif back:
        yield no_route(node, stack.address(monitor), back, text)
    elif reach.get("route"):
        yield no_route(monitor, address, reach["route"], text)
    elif not security_groups.rule_missing(stack, node, monitor):  # else it is said with what the API knows
        sockets = stack.listening(node, port=parts.port)
        yield filtered(stack, monitor, node, parts.port or 9121, [text] + listeners(node, sockets))


def listeners(node, sockets):
    return ["on %s, %s listens on %s:%d" % (node, one["program"], one["address"], one["port"]) for one in sockets]


def no_route(host, peer, problem, text):
    kind = re.search(r"blackhole|unreachable|prohibit", problem)
    command = "sudo ip route del %s %s" % (kind.group(0), peer) if kind else "ip route get %s" % peer
    seen = [text, "route to %s: %s" % (peer, problem)]
    return finding("route_blocked", host, seen, [on(host, command)], here=host, peer=peer)


def filtered(stack, monitor, node, port, seen):
    """A packet filter, on the node or on the monitoring host, named by its rule where it can be seen."""
    fix = [playbook(stack, "security_groups"), by_hand("look for a firewall on %s: sudo nft list ruleset" % node)]
    for host, peer, hook in ((node, stack.address(monitor), "input"), (monitor, stack.address(node), "output")):
        rules = [one for one in stack.evidence(host, "packet_filter") or [] if one.get("hook") in (hook, "")]
        rule = next((one for one in rules if one.get("policy") or aims_at(one, port, peer)), None)
        if rule:
            fix = [on(host, let(rule, peer, port) if rule.get("policy") else rule["undo"])]
            seen = seen + ["on %s: %s" % (host, rule["rule"])]
            break
    return finding("port_filtered", node, seen, fix, monitor=monitor, port=port)


def aims_at(rule, port, address):
    words = re.findall(r"[\w.:/-]+", rule["rule"])
    return str(port) in words or any(address == one.split("/")[0] for one in words)


def let(rule, peer, port):
    """A chain that drops what no rule takes gets the one rule that is missing."""
    if rule["let"].startswith("sudo nft"):
        return "%s %s saddr %s tcp dport %d accept" % (rule["let"], "ip6" if ":" in peer else "ip", peer, port)
    return "%s -p tcp -s %s --dport %d -j ACCEPT" % (rule["let"], peer, port)


def clocks(stack, monitor):
    """The Date header of each exporter against the clock of the monitoring host."""
    skews = [(node, reach["skew"]) for node, reach in tried(stack, monitor) if reach.get("skew") is not None]
    off = [(node, skew) for node, skew in skews if abs(skew) > SKEW_WARNING]
    if not off:
        return
    values = [skew for dummy, skew in off]
    agree = len(skews) > 1 and len(off) == len(skews) and max(values) - min(values) < SKEW_WARNING
    measured = ["%s: %+.1f s against %s, by its HTTP Date header" % (node, skew, monitor) for node, skew in off]
    for name, skew in [(monitor, -values[0])] if agree else off:
        synchronized = stack.evidence(name, "host").get("clock_synchronized")
        seen = [] if synchronized else ["the kernel of %s says that its clock is not synchronized" % name]
        command = "sudo timedatectl set-ntp true && sudo systemctl restart systemd-timesyncd"
        severity = "error" if abs(skew) > SKEW_ERROR else "warning"
        facts = {"whose": name, "seconds": abs(skew), "direction": "ahead" if skew > 0 else "behind"}
        yield finding("clock_skew", name, measured + seen, [on(name, command)], severity, **facts)
