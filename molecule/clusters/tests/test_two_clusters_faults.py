# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Twelve faults in one cluster: each is told once, and diagnosed, without a word of the other; then one there."""

from __future__ import annotations

import json
import sys
import time

import pytest
from lab_client import ROOT
from test_two_clusters import CLUSTER, LAB, NODES, OTHER, told_of

sys.path.insert(0, str(ROOT / "tests/e2e"))
import alerts
import faults
from lab_site import Site

PROFILE = alerts.PROFILES["fast"]


def owner(user):
    """Of the directory that snapshots are written to, by default Redis' own; and a snapshot."""

    def change(site):
        site.on(site.redis[1], f"chown {user or site.program} /var/lib/{site.program}")
        site.redis_cli(site.redis[1], "BGSAVE")

    return change


def on_node(*commands):
    """Shell on the third node; @monitoring@ is the address of the monitoring host."""
    line = "; ".join(commands)
    return lambda site: site.on(site.redis[2], line.replace("@monitoring@", site.address[site.monitoring[0]])) and None


FURTHER = {
    "snapshot-fails": faults.Fault(
        "The directory of snapshots belongs to root", "RedisRdbSaveFailing", "P2", "redis-P2",
        owner("root"), owner(""),
    ),
    "exporter-filtered": faults.Fault(
        "A packet filter before the exporter", "RedisTargetDown", "P2", "redis-P2",
        on_node(
            "nft add table inet fault",
            'nft add chain inet fault input "{ type filter hook input priority 0; }"',
            "nft add rule inet fault input ip saddr @monitoring@ tcp dport 9121 drop",
        ),
        on_node("nft delete table inet fault"),
    ),
    "node-exporter-stopped": faults.Fault(
        "node_exporter of a node stopped", "MonitoringTargetDown", "P2", "redis-P2",
        on_node("systemctl stop node_exporter"), on_node("systemctl start node_exporter"),
    ),
}  # fmt: skip
TWELVE = [
    "node-killed", "node-hung", "host-lost", "slots-lost", "memory-critical", "certificate-expired",
    "exporter-stopped", "exporter-filtered", "node-exporter-stopped", "snapshot-fails", "certificate-14d",
    "certificate-30d",
]  # fmt: skip
# The finding that doctor has to have of it.
FOUND = {
    "node-killed": "redis_crashes",
    "node-hung": "redis_hung",
    "host-lost": "host_unreachable",
    "slots-lost": "cluster_fail",
    "memory-critical": "redis_memory_full",
    "exporter-stopped": "exporter_stopped",
    "exporter-filtered": "port_filtered",
    "node-exporter-stopped": "node_exporter_stopped",
    "snapshot-fails": "redis_data",
    "certificate-14d": "redis_cert_renewed",
    "certificate-30d": "redis_cert_renewed",
}


@pytest.fixture(scope="module")
def watch():
    site = Site(LAB.directory.name)
    assert site.redis[:3] == NODES[CLUSTER]
    alerts.FAULTS.update(FURTHER)
    alerts.set_up(site, PROFILE, "--tags=alertmanager,prometheus")
    alerts.wait_until_quiet(site)
    site.redis = NODES[CLUSTER]  # what faults are done to
    return alerts.Watch(site)


def diagnosed(*options):
    """(output, report) of doctor."""
    for old in (LAB.directory / "reports").glob("doctor-*"):
        old.unlink()
    settings = ["-e", f"@{LAB.directory}/{PROFILE.name}.json"]
    done = LAB.playbook("redisops.monitoring.doctor", *settings, *options)
    (path,) = (LAB.directory / "reports").glob("doctor-*.json")
    page = path.with_suffix(".html").read_text()
    report = json.loads(path.read_text())
    report.pop("evidence")  # such as the configuration of Prometheus, which is of all clusters
    return done.output + page, report


def judge(key):
    """While the fault lasts: doctor of everything, and of the broken cluster."""
    dummy, report = diagnosed()
    of_cluster = [one for one in report["findings"] if one.get("cluster") == CLUSTER]
    assert of_cluster, json.dumps(report["findings"], indent=1)
    assert key not in FOUND or FOUND[key] in {one["id"] for one in of_cluster}, json.dumps(of_cluster, indent=1)
    assert told_of(json.dumps(report["findings"]), OTHER) == []
    output, report = diagnosed("--limit", "redis_prod,monitoring")
    assert report["findings"] and report["cluster"] == CLUSTER
    assert told_of(output + json.dumps(report), OTHER) == []


@pytest.mark.parametrize("key", TWELVE)
def test_fault(key, watch):
    begin, said = time.time(), []

    def diagnose():
        try:
            judge(key)
        except AssertionError as err:  # it is mended first
            said.append(str(err))

    result = alerts.run_fault(watch, PROFILE, key, diagnose)
    assert result["problems"] == [] and said == [], said
    told = [line for line in watch.site.notifications(begin) if line["path"] != alerts.DEADMAN]
    assert told and told_of(json.dumps(told), OTHER) == []
    assert told_of(json.dumps(told), CLUSTER)


def test_nothing_else_was_told(watch):
    assert watch.unexpected() == []


def test_a_fault_of_the_other_goes_to_its_receivers_by_its_threshold(watch):
    """60 % of the memory is too much there, and not here."""
    site, begin = watch.site, time.time()
    node = NODES[OTHER][0]
    site.fill(NODES[CLUSTER][0], 60)
    site.fill(node, 60)
    try:
        lines = watch.wait("RedisMemoryHigh", "firing", begin, {"/stock-chat", "/stock-oncall"}, 200)
        assert {line["path"] for line in lines} == {"/stock-chat", "/stock-oncall"}
        assert "alert above 40 %" in json.dumps(lines)
        assert told_of(json.dumps(lines), CLUSTER) == [] and told_of(json.dumps(lines), OTHER)
    finally:
        for host in (NODES[CLUSTER][0], node):
            site.redis_cli(host, "FLUSHALL")
