# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From evidence to causes: what is wrong between Redis and the person who looks, the cause first. Pure, private.

A hop is judged by what was seen at that hop. What its failure explains further down (a target that is down, a
datasource without answer) is a symptom: it belongs to the finding that explains it, and becomes a finding of its own
only when nothing does. So one broken thing is one finding, and two independent ones are two.
"""

from __future__ import annotations

from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_exporter import ExporterRules
from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_hosts import HostRules
from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_network import NetworkRules
from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_redis import RedisRules
from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_services import ServiceRules
from ansible_collections.redisops.monitoring.plugins.plugin_utils._findings import Finding


class BadStack(ValueError):
    """One line: what is wrong with what was given."""


def checked(stack):
    """The stack with what may be left out; BadStack where it is none."""
    hosts = stack.get("hosts")
    if not isinstance(hosts, dict):
        raise BadStack("stack: hosts has to be a dictionary of hosts by name")
    for name, host in hosts.items():
        if not isinstance(host, dict) or not isinstance(host.get("groups"), list):
            raise BadStack("stack: the host %s needs its groups, a list with redis or monitoring" % name)
        host.setdefault("address", name)
        evidence = host.get("evidence")
        if evidence is not None and not isinstance(evidence, dict):
            raise BadStack("stack: evidence of %s is not what stack_evidence returns as evidence" % name)
        for probe, found in (evidence or {}).items():
            if isinstance(found, str):
                raise BadStack("stack: evidence of %s: %s is no result of stack_evidence" % (name, probe))
    known = {group: [name for name in hosts if group in hosts[name]["groups"]] for group in ("redis", "monitoring")}
    if not isinstance(stack.get("groups"), dict):
        stack["groups"] = known
    return stack


def diagnose(stack):
    """Findings, worst first, of what was collected; docs/doctor.md describes the shape of both."""
    checked(stack)
    case = Case(stack)
    case.look_at_inventory()
    for name in case.hosts:
        case.look_at_host(name)
    for name in case.nodes:
        case.look_at_redis(name)
        case.look_at_exporter(name)
        case.look_at_node_exporter(name)
    for name in case.monitors:
        case.look_at_node_exporter(name)
        case.look_at_ways(name)
    case.look_at_security_groups()
    case.look_at_cluster()
    for name in case.monitors:
        case.look_at_prometheus(name)
        case.look_at_alerting(name)
        case.look_at_grafana(name)
        case.look_at_other_targets(name)
    return [one.plain() for one in sorted(case.findings, key=Finding.key)]


class Case(HostRules, RedisRules, ExporterRules, NetworkRules, ServiceRules):
    """One look at the stack. The rules lie in files by hop; what they share is in _diagnosis_base."""
