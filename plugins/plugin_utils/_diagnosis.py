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


def diagnose(stack):
    """Findings, worst first, of what was collected; docs/doctor.md describes the shape of both."""
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
