# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pair of monitoring hosts: one that is missing, and two that do not do the same."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import MONITORING

TWIN = "monitoring-b"
ADDRESS = "10.213.106.41"
STOPPED = {"active": False, "enabled": True, "state": "inactive", "result": "success", "process": None}


def targets_of(name, address):
    """What the other Prometheus scrapes of a monitoring host."""
    return [
        {
            "job": job, "node": name, "instance": f"{address}:{port}", "scrapeUrl": f"https://{address}:{port}/metrics",
            "health": "up", "lastError": "", "lastScrape": "2026-11-27T16:55:14Z", "scrapeInterval": "30s",
            "scrapeTimeout": "10s", "endpoint": "", "cluster": "", "scrapePool": job,
        }
        for job, port in (("prometheus", 9090), ("alertmanager", 9093), ("grafana", 3000))
    ]  # fmt: skip


@pytest.fixture
def pair(stack):
    """The healthy stack with a second monitoring host that is like the first."""
    first = stack["hosts"][MONITORING]
    twin = copy.deepcopy(first)
    twin["address"] = ADDRESS
    stack["hosts"][TWIN] = twin
    stack["groups"]["monitoring"] = [MONITORING, TWIN]
    ams = [f"https://{one}:9093/api/v2/alerts" for one in (first["address"], ADDRESS)]
    for name, host, other in ((MONITORING, first, TWIN), (TWIN, twin, MONITORING)):
        found = host["evidence"]["prometheus"]
        found["config"] = f"global:\n  external_labels: {{replica: {name}}}\n{found['config']}"
        found["alertmanagers"] = ams
        found["targets"] += targets_of(other, stack["hosts"][other]["address"])
        host["wanted"]["replica_label"] = "replica"
    return stack


def stop(pair, *units):
    """Stops units of the second host, and lets the first notice."""
    for unit in units:
        pair["hosts"][TWIN]["evidence"]["units"][unit].update(STOPPED)
    down(pair, *(unit.partition(".")[0].replace("grafana-server", "grafana") for unit in units))


def down(pair, *jobs):
    found = pair["hosts"][MONITORING]["evidence"]["prometheus"]
    for target in found["targets"]:
        if target["node"] == TWIN and target["job"] in jobs:
            target.update(health="down", lastError="dial tcp: connect: connection refused", now="refused")
    if "alertmanager" in jobs:
        found["alertmanagers_closed"] = {f"https://{ADDRESS}:9093/api/v2/alerts": "refused"}


def told(pair):
    return [(one["severity"], one["id"], one["host"]) for one in diagnose(pair)]


def test_a_healthy_pair(pair):
    assert told(pair) == []


@pytest.mark.parametrize(
    ("units", "ids"),
    [
        (["prometheus.service"], ["prometheus_stopped"]),
        (["alertmanager.service"], ["alertmanager_stopped"]),
        (["grafana-server.service"], ["grafana_stopped"]),
        (["prometheus.service", "alertmanager.service"], ["prometheus_stopped", "alertmanager_stopped"]),
    ],
)
def test_a_service_that_the_other_host_has_is_a_warning(pair, units, ids):
    stop(pair, *units)
    assert told(pair) == [("warning", one, TWIN) for one in ids]
    first = diagnose(pair)[0]
    assert first["consequences"][0] == f"the replica {TWIN} is missing: {MONITORING} does its work"
    assert first["cure"][0]["on"] == TWIN and "systemctl start" in first["cure"][0]["run"]


def test_a_host_that_does_not_answer_is_a_warning(pair):
    pair["hosts"][TWIN].update(evidence=None, unreachable="Connection timed out")
    down(pair, "prometheus", "alertmanager", "grafana")
    assert told(pair) == [("warning", "host_unreachable", TWIN)]
    assert len(diagnose(pair)[0]["consequences"]) == 5  # it is missing, three targets and an Alertmanager


def test_a_full_disk_that_stops_it_is_a_warning_and_one_that_does_not_is_none(pair):
    disk = next(one for one in pair["hosts"][TWIN]["evidence"]["disks"] if one["mount"] == "/")
    disk.update(used_percent=99.0, free=0)
    assert told(pair) == [("error", "disk_full", TWIN)]
    stop(pair, "prometheus.service")
    assert ("warning", "disk_full", TWIN) in told(pair)


def test_where_nobody_stands_in_it_is_an_error(pair):
    stop(pair, "prometheus.service")
    pair["hosts"][MONITORING]["evidence"]["units"]["prometheus.service"].update(STOPPED)
    assert {one[:2] for one in told(pair)} == {("error", "prometheus_stopped")}


def test_one_service_on_each_is_one_warning_each(pair):
    stop(pair, "prometheus.service")
    pair["hosts"][MONITORING]["evidence"]["units"]["grafana-server.service"].update(STOPPED)
    found = told(pair)
    assert ("warning", "prometheus_stopped", TWIN) in found and ("warning", "grafana_stopped", MONITORING) in found
    assert not [one for one in found if one[0] == "error"]


def test_probes_have_no_replica(pair):
    """Prometheus of that host would tell that every certificate is broken."""
    pair["hosts"][TWIN]["evidence"]["units"]["blackbox_exporter.service"].update(STOPPED)
    assert told(pair)[0] == ("error", "blackbox_exporter_stopped", TWIN)


def test_an_alertmanager_that_is_not_reached_without_a_reason(pair):
    down(pair, "alertmanager")
    assert ("warning", "alertmanager_away", MONITORING) in told(pair)
    pair["hosts"][MONITORING]["evidence"]["prometheus"]["alertmanagers_closed"].update(
        {pair["hosts"][MONITORING]["evidence"]["prometheus"]["alertmanagers"][0]: "refused"}
    )
    assert ("error", "alerts_not_arriving", MONITORING) in told(pair)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda found: found["rules"].update(alerting=60), "alerting rules: 68 on prometheus-grafana, 60 on monitor"),
        (lambda found: found.update(alertmanagers=found["alertmanagers"][:1]), "Alertmanagers: https://10.213.106.40"),
        (lambda found: found.update(config=found["config"].replace("30s", "60s")), "scrape interval: 30s on prom"),
        (lambda found: found.update(config=found["config"] + "- job_name: mine\n"), "redis-cluster on prometheus-graf"),
        (
            lambda found: found.update(config=found["config"].replace(TWIN, MONITORING)),
            "external label replica: prometheus-grafana on prometheus-grafana, prometheus-grafana on monitoring-b",
        ),
        (lambda found: found.update(config=found["config"].replace("replica", "other")), "replica: prometheus-grafana"),
    ],
)
def test_two_that_do_not_do_the_same(pair, change, says):
    change(pair["hosts"][TWIN]["evidence"]["prometheus"])
    (one,) = diagnose(pair)
    assert (one["severity"], one["id"], one["hosts"]) == ("warning", "replicas_differ", [TWIN, MONITORING])
    assert says in one["evidence"][0], one["evidence"]


def test_without_a_replica_label_none_is_missed(pair):
    for name in (MONITORING, TWIN):
        host = pair["hosts"][name]
        host["wanted"]["replica_label"] = ""
        host["evidence"]["prometheus"]["config"] = "global: {external_labels: {a: b}}\n"
    assert told(pair) == []


def test_one_that_was_edited_is_one_finding(pair):
    found = pair["hosts"][TWIN]["evidence"]
    found["prometheus"].update(config=found["prometheus"]["config"].replace("30s", "60s"))
    found["edited"] = {"/etc/prometheus/prometheus.yml": {"added": ["  scrape_interval: 60s"], "removed": []}}
    (one,) = diagnose(pair)
    assert one["id"] == "prometheus_edited" and "scrape interval: 30s on" in one["consequences"][0]
