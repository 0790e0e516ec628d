# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the security groups of AWS: who may reach the exporters, and Grafana. Private."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from .findings import SERVICES, finding
from .fixes import by_hand, playbook

ADMIN_PORTS = {"grafana": 3000, "prometheus": 9090, "alertmanager": 9093}


def groups_of(stack, host):
    known = (stack.data.get("security_groups") or {}).get("groups") or {}
    return [known[one] for one in stack.hosts[host].get("security_groups", []) if one in known]


def rules_of(stack, host, port):
    """Rules that let somebody to a port of a host."""
    groups = groups_of(stack, host)
    return [rule for group in groups for rule in group.get("ip_permissions", []) if covers_port(rule, port)]


def allowed(stack, host, port, source, source_groups=()):
    """Whether a rule lets the source, a network or a member of groups, to the port."""
    for rule in rules_of(stack, host, port):
        if any(pair.get("group_id") in source_groups for pair in rule.get("user_id_group_pairs", [])):
            return True
        if any(contains(network, source) for network in networks(rule)):
            return True
    return False


def rule_missing(stack, node, monitor, port=None):
    """Only where the rules of both are known."""
    source, port = stack.hosts[monitor], port or stack.wanted(node, "port", 9121)
    if not groups_of(stack, node) or not source.get("security_groups"):
        return False
    return not allowed(stack, node, port, stack.address(monitor), source["security_groups"])


def sources(stack, host, port):
    found = []
    for rule in rules_of(stack, host, port):
        found += [str(one.get("group_id")) for one in rule.get("user_id_group_pairs", [])] + networks(rule)
    return ", ".join(found) or "none"


def covers_port(rule, port):
    protocol = str(rule.get("ip_protocol", ""))
    if protocol == "-1":
        return True
    return (
        protocol in ("tcp", "6") and rule.get("from_port") is not None and rule["from_port"] <= port <= rule["to_port"]
    )


def networks(rule):
    found = [one.get("cidr_ip") for one in rule.get("ip_ranges", [])]
    found += [one.get("cidr_ipv6") for one in rule.get("ipv6_ranges", [])]
    return [one for one in found if one]


def contains(network, source):
    try:
        inner, outer = ipaddress.ip_network(source, strict=False), ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
    return inner.version == outer.version and inner.subnet_of(outer)


# ------------------------------------------------------------------------------------------------------------ rules


def readable(stack):
    problem = (stack.data.get("security_groups") or {}).get("problem")
    if problem:
        fix = by_hand("give the controller AWS credentials with ec2:DescribeSecurityGroups")
        yield finding("security_groups_unknown", "controller", [problem], [fix])


def scraped_ports(stack, monitor, node):
    """The ports of a node that its monitoring asks: the exporter's, and those of Prometheus' other targets."""
    ports = [stack.wanted(node, "port", 9121)]
    for target in stack.evidence(monitor, "prometheus", "targets") or []:
        host, sep, port = target["instance"].rpartition(":")
        if target["job"] in ("node", "redis-tls") and host.strip("[]") == stack.address(node):
            ports.append(int(port) if port.isdigit() else 0)
    return [port for port in dict.fromkeys(ports) if port]


def scrapes(stack, monitor):
    """Nodes whose groups keep the monitoring host from a port, those of one group and port together."""
    closed = {}
    for node in stack.nodes:
        for port in scraped_ports(stack, monitor, node):
            if rule_missing(stack, node, monitor, port):
                closed.setdefault((port, names_of(groups_of(stack, node))), []).append(node)
    for (port, names), nodes in closed.items():
        first = nodes[0]
        in_groups = ", ".join(one["group_name"] for one in groups_of(stack, monitor))
        seen = [
            "sources of the rules for tcp/%d: %s" % (port, sources(stack, first, port)),
            "%s is in %s and has the address %s" % (monitor, in_groups, stack.address(monitor)),
        ]
        reach = stack.evidence(monitor, "reach", first)
        if reach and port == stack.wanted(first, "port", 9121):
            seen.append("GET %s from there: %s" % (reach["url"], reach.get("status") or reach.get("error")))
        facts = {"groups": names, "monitor": monitor, "port": port, "nodes": ", ".join(nodes)}
        yield finding("sg_rule_missing", first, seen, [playbook(stack, "security_groups")], **facts)


def names_of(groups):
    return ", ".join("%(group_name)s (%(group_id)s)" % one for one in groups)


def administrators(stack, monitor):
    """Grafana runs, and nobody is let to its port: issue 3 of the old runbook."""
    groups, urls = groups_of(stack, monitor), stack.hosts[monitor].get("urls", {})
    for service, usual in ADMIN_PORTS.items():
        port = urlsplit(urls.get(service, "")).port or usual
        cidrs = [one for one in stack.data.get("admin_cidrs", []) if not allowed(stack, monitor, port, one)]
        if service in stack.expected and groups and cidrs:
            names = ", ".join(one["group_name"] for one in groups)
            seen = [
                "sources of the rules of %s for tcp/%d: %s" % (names, port, sources(stack, monitor, port)),
                "a browser says ERR_CONNECTION_TIMED_OUT; ERR_CONNECTION_REFUSED would be a service that is down",
            ]
            facts = {"cidrs": ", ".join(cidrs), "port": port, "monitor": monitor, "service": SERVICES[service].title}
            yield finding("admin_rule_missing", monitor, seen, [playbook(stack, "security_groups")], **facts)
