# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From evidence to causes: what is wrong between Redis and the person who looks, the cause first. Pure, private.

A rule is a function from the stack, and the host that it is about, to findings and symptoms. It judges what was seen
at its hop. What a failure explains further down (a target that is down, a datasource without answer) is a symptom: it
belongs to the finding that explains it, and becomes a finding of its own only when nothing does. So one broken thing
is one finding, and two independent ones are two.
"""

from __future__ import annotations

from . import (
    alerting,
    edited,
    exporter,
    grafana,
    hosts,
    inventory,
    network,
    prometheus,
    redis,
    replicas,
    scrapes,
    security_groups,
    services,
)
from .findings import Finding
from .stack import Stack

# Whom the rules are about, and the rules in order: a rule sees what those before it found.
RULES = (
    ("stack", (inventory.groups, inventory.wrong_hosts)),
    ("hosts", (inventory.reached, inventory.settings, hosts.disks, hosts.memory)),
    (
        "nodes",
        (
            redis.data,
            redis.down,
            redis.answer,
            redis.next_start,
            redis.not_loaded,
            redis.keys_readable,
            redis.memory_full,
            redis.persistence,
            redis.expiring,
            exporter.unit,
            exporter.settings,
            exporter.account,
            exporter.answer,
            services.node_exporter,
        ),
    ),
    ("monitors", (services.node_exporter, services.files, services.data, network.exporters_reached, network.clocks)),
    ("stack", (security_groups.readable,)),
    ("monitors", (security_groups.scrapes, security_groups.administrators)),
    ("stack", (redis.cluster,)),
    (
        "monitors",
        (
            prometheus.service,
            prometheus.configuration,
            prometheus.scrape_settings,
            prometheus.targets_file,
            prometheus.targets_scraped,
            scrapes.exporters,
            prometheus.remote_write,
            prometheus.alerting,
            alerting.blackbox_exporter,
            alerting.probes,
            alerting.alertmanager,
            alerting.receivers,
            alerting.notifications,
            alerting.silences,
            grafana.account,
            grafana.datasource,
            grafana.dashboards,
            edited.files,
        ),
    ),
    ("stack", (replicas.alike,)),
    ("monitors", (alerting.arriving, scrapes.others)),  # which the services of another monitoring host can explain
)


def diagnose(data):
    """Findings, worst first, of what was collected; module stack_diagnosis documents the shape of both."""
    stack = Stack(data)
    for subject, rules in RULES:
        for name in [None] if subject == "stack" else getattr(stack, subject):
            for rule in rules:
                take(stack, rule(stack) if name is None else rule(stack, name))
    replicas.soften(stack)
    return [named(stack, one.plain()) for one in sorted(stack.findings, key=Finding.key)]


def named(stack, found):
    """A finding with the Redis cluster that it is about, where there are several."""
    clusters = sorted(set(filter(None, map(stack.cluster, found["hosts"]))))
    return {**found, "cluster": ", ".join(clusters)} if clusters else found


def take(stack, said):
    """Notes what a rule said: a finding as one, a symptom with the findings that explain it."""
    for one in said:
        if isinstance(one, Finding):
            stack.findings.append(one)
            continue
        causes = [known for known in stack.findings if known.severity in one.severities and one.explains(known)]
        for cause in causes:
            if one.text not in cause.consequences:
                cause.consequences.append(one.text)
        if not causes:
            take(stack, one.otherwise)
