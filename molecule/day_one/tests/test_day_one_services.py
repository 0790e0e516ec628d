# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that is switched off is not scraped, probed, alerted on, or missed by verify and doctor."""

from __future__ import annotations

import json

import pytest
from lab_client import Lab, wait

LAB = Lab("day-one")
MONITORING = LAB.named("monitoring")
ALL = ["redis_exporter", "node_exporter", "prometheus", "alertmanager", "blackbox_exporter", "grafana"]
UNITS = {"grafana": "grafana-server"}
JOBS = {
    "node_exporter": {"node"},
    "alertmanager": {"alertmanager"},
    "blackbox_exporter": {"blackbox_exporter", "redis-tls", "monitoring-endpoints"},
    "grafana": {"grafana"},
}
RULES = {
    "alertmanager": "PrometheusNotConnectedToAlertmanager",
    "blackbox_exporter": "RedisTlsProbeFailing",
    "grafana": "GrafanaDown",
    "node_exporter": "TextfileMetricsStale",
}


@pytest.mark.parametrize("off", ["grafana", "blackbox_exporter", "alertmanager", ""])
def test_without(off):
    services = [service for service in ALL if service != off]
    for name in MONITORING if off else []:
        LAB.shell(name, f"systemctl disable --now {UNITS.get(off, off)}.service")
    given = "--extra-vars=" + json.dumps({"monitoring_services": services})
    done = LAB.playbook("redisops.monitoring.site", given)
    assert done.returncode == 0, done.output
    unwanted = JOBS.get(off, set())
    jobs = wait(lambda: found if not (found := targets()) & unwanted else None, 90)
    assert jobs >= set().union(*(JOBS[service] for service in JOBS if service != off))
    rules = {rule["name"] for group in LAB.prometheus("rules")["groups"] for rule in group["rules"]}
    assert {service for service, rule in RULES.items() if rule not in rules} == {off} - {""}
    endpoints = {target["labels"].get("endpoint") for target in active()} - {None}
    expected = {"prometheus", "alertmanager", "grafana"} - {off} if off != "blackbox_exporter" else set()
    assert endpoints == expected
    done = LAB.playbook("redisops.monitoring.doctor", given)
    assert done.returncode == 0, done.output


def active():
    return LAB.prometheus("targets", state="active")["activeTargets"]


def targets():
    return {target["labels"]["job"] for target in active()}
