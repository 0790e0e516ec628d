# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which alert mutes which: the inhibit rules that the role alertmanager writes."""

from __future__ import annotations

import json
import re
from functools import lru_cache

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _core,
    _rules,
    _templates,
    alertmanager,
)


@lru_cache(maxsize=None)
def inhibit_rules():
    settings, dummy = _core.read("alertmanager", {})
    values = alertmanager.service(settings, _core.Host("monitoring-1"))["values"]
    return yaml.safe_load(_templates.render("alertmanager/alertmanager.yml.j2", values))["inhibit_rules"]


def test_every_alert_that_mutes_or_is_muted_is_one_of_the_rule_pack():
    rules = [list(rule.values())[:2] for rule in inhibit_rules()]
    names = set(re.findall(r"\b(?:[A-Z][a-z0-9]+){2,}\b", json.dumps(rules)))
    assert len(names) > 30 and names <= set(_rules.alerts()), sorted(names - set(_rules.alerts()))


CLUSTER_LABELS = {"cluster": "redis-prod", "environment": "production"}
ON_NODE = {**CLUSTER_LABELS, "node": "redis-node-1a"}
ON_MONITORING = {"node": "prometheus-grafana"}
# What fires together, and the one alert of it that may be told.
TOGETHER = {
    "the host of a master without replica is gone": (
        "RedisClusterStateFail",
        [("RedisClusterStateFail", CLUSTER_LABELS), ("RedisClusterSlotsFail", CLUSTER_LABELS),
         ("RedisTlsProbeFailing", ON_NODE), ("RedisTargetDown", ON_NODE), ("Ec2StatusCheckFailed", ON_NODE),
         ("MonitoringTargetDown", {**ON_NODE, "job": "node"}), ("RedisTargetsMissing", CLUSTER_LABELS)],
    ),
    "the host of a master is gone, a replica took over": (
        "RedisTlsProbeFailing",
        [("RedisTlsProbeFailing", ON_NODE), ("RedisTargetDown", ON_NODE), ("Ec2StatusCheckFailed", ON_NODE),
         ("MonitoringTargetDown", {**ON_NODE, "job": "node"}), ("RedisClusterEpochChanged", CLUSTER_LABELS),
         ("RedisReplicationLinkDown", {**CLUSTER_LABELS, "node": "redis-node-1b"}),
         ("RedisMasterWithoutReplica", {**CLUSTER_LABELS, "node": "redis-node-1b"})],
    ),
    "Redis of a replica is killed": (
        "RedisInstanceDown",
        [("RedisInstanceDown", ON_NODE), ("RedisTlsProbeFailing", ON_NODE), ("RedisRestarted", ON_NODE),
         ("RedisClusterSlotsPFail", CLUSTER_LABELS)],
    ),
    "node_exporter on the monitoring host is gone, and the snapshot metrics with it": (
        "MonitoringTargetDown",
        [("MonitoringTargetDown", {**ON_MONITORING, "job": "node"}), ("EbsSnapshotMetricAbsent", CLUSTER_LABELS)],
    ),
    "Grafana is stopped": ("GrafanaDown", [("GrafanaDown", ON_MONITORING), ("GrafanaDatasourceErrors", ON_MONITORING)]),
}  # fmt: skip
# Two nodes, two clusters: one does not mute the other.
APART = [
    [("RedisInstanceDown", ON_NODE), ("RedisTlsProbeFailing", {**CLUSTER_LABELS, "node": "redis-node-1b"})],
    [("RedisClusterStateFail", CLUSTER_LABELS), ("RedisInstanceDown", {**ON_NODE, "cluster": "redis-test"})],
    [("MonitoringTargetDown", {**ON_NODE, "job": "node"}), ("EbsSnapshotMetricAbsent", CLUSTER_LABELS)],
    [("RedisTargetDown", ON_NODE), ("Ec2StatusCheckFailed", {"dimension_InstanceId": "i-0a1"})],
    # Targets of somebody's own scrape jobs that lack the label.
    [("RedisTlsProbeFailing", CLUSTER_LABELS), ("RedisTlsCertExpiringCritical", CLUSTER_LABELS)],
]


def told(alerts):
    """The alerts that are left when Alertmanager has muted what follows from others."""
    labelled = [{"alertname": name, **labels} for name, labels in alerts]

    def fits(matchers, labels):
        parts = [re.fullmatch(r"(\w+) (!?=~?) \"?(.*?)\"?", matcher).groups() for matcher in matchers]
        return all(
            bool(re.fullmatch(value if "~" in operator else re.escape(value), labels.get(name, "")))
            is ("!" not in operator)
            for name, operator, value in parts
        )

    def muted(labels):
        return any(
            fits(rule["target_matchers"], labels)
            and any(
                fits(rule["source_matchers"], source)
                and all(source.get(label, "") == labels.get(label, "") for label in rule.get("equal", []))
                for source in labelled
                if source is not labels
            )
            for rule in inhibit_rules()
        )

    return [labels["alertname"] for labels in labelled if not muted(labels)]


@pytest.mark.parametrize("situation", TOGETHER)
def test_one_fault_is_one_page(situation):
    page, alerts = TOGETHER[situation]
    assert told(alerts) == [page]


@pytest.mark.parametrize("alerts", APART, ids=lambda alerts: alerts[1][0])
def test_what_is_apart_is_told_apart(alerts):
    assert told(alerts) == [name for name, _labels in alerts]
