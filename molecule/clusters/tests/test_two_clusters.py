# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two clusters, one monitoring host: what each has of its own, and a limit to one of them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from lab_client import MONITORING, ROOT, Lab

LAB = Lab("clusters")
CLUSTER, OTHER = "redis-prod", "stock"
NODES = {
    cluster: [name for name in LAB.named("redis") if LAB.hosts[name]["cluster"] == cluster]
    for cluster in (CLUSTER, OTHER)
}
TARGETS = "/etc/prometheus/targets/redis-cluster.yml"


def told_of(text, cluster):
    """Words of a cluster in a text: its name, its nodes, their addresses."""
    words = [cluster, *NODES[cluster], *(LAB.address(name) for name in NODES[cluster])]
    return [word for word in words if re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.]*\w)", text)]


@pytest.mark.parametrize("cluster", [CLUSTER, OTHER])
def test_every_node_is_scraped_with_the_account_of_its_cluster(cluster):
    series = LAB.wait_for('redis_up{job="redis-cluster",cluster="%s"} == 1' % cluster, 3)
    assert sorted(one["metric"]["node"] for one in series) == NODES[cluster]
    port = {CLUSTER: 9121, OTHER: 9131}[cluster]
    assert {one["metric"]["instance"] for one in series} == {f"{LAB.address(name)}:{port}" for name in NODES[cluster]}
    environment = {CLUSTER: "production", OTHER: "staging"}[cluster]
    assert {one["metric"]["environment"] for one in series} == {environment}
    for job in ("node", "redis-tls"):
        assert len(LAB.wait_for('up{job="%s",cluster="%s"} == 1' % (job, cluster), 3)) == 3
    assert len(LAB.wait_for('probe_success{cluster="%s"} == 1' % cluster, 3)) == 3
    user = {CLUSTER: "redis_exporter", OTHER: "watcher"}[cluster]
    assert f"user {user} " in LAB.redis(NODES[cluster][0], "ACL LIST")


def test_an_exporter_does_not_take_the_password_of_the_other_cluster():
    paths = [f"/etc/prometheus/credentials/{cluster}.exporter_password" for cluster in (CLUSTER, OTHER)]
    passwords = [LAB.shell(MONITORING, f"cat {path}").strip() for path in paths]
    assert passwords[0] != passwords[1] and passwords[0] == LAB.secrets["exporter_web_password"]
    for node, port, right in ((NODES[CLUSTER][0], 9121, 0), (NODES[OTHER][0], 9131, 1)):
        url = f"https://{LAB.address(node)}:{port}/metrics"
        said = [LAB.call(url, login=f"prometheus:{password}")[0] for password in passwords]
        assert said == [200 if number == right else 401 for number in (0, 1)]


def test_a_limit_changes_one_cluster_and_leaves_the_targets_of_the_other():
    before = LAB.shell(MONITORING, f"cat {TARGETS}")
    assert all(f"{LAB.address(name)}:" in before for cluster in NODES.values() for name in cluster)
    ca = LAB.shell(MONITORING, "cat /etc/redisops/tls/redis_ca.crt")
    assert ca.count("BEGIN CERTIFICATE") == 2
    done = LAB.playbook("redisops.monitoring.site", "--limit", "redis_stock,monitoring", "--skip-tags", "verify")
    assert done.returncode == 0, done.output[-3000:]
    recap = done.output.rpartition("PLAY RECAP")[2]
    assert set(re.findall(r"^(\S+) +:", recap, re.M)) == {*NODES[OTHER], MONITORING}
    assert set(re.findall(r"changed=(\d+)", recap)) == {"0"}, recap
    # One setting of the cluster, and back.
    path = LAB.directory / "inventory/group_vars/redis_stock/zz_label.yml"
    path.write_text("monitoring_environment: rehearsal\n")
    try:
        limit = ["--limit", "redis_stock,monitoring", "--tags", "prometheus"]
        done = LAB.playbook("redisops.monitoring.site", *limit)
        assert done.returncode == 0, done.output[-3000:]
        after = LAB.shell(MONITORING, f"cat {TARGETS}")
        assert after == before.replace("staging", "rehearsal") != before
    finally:
        path.unlink()
        done = LAB.playbook("redisops.monitoring.site", "--limit", "redis_stock,monitoring", "--tags", "prometheus")
    assert done.returncode == 0 and LAB.shell(MONITORING, f"cat {TARGETS}") == before
    assert LAB.shell(MONITORING, "cat /etc/redisops/tls/redis_ca.crt") == ca


def reports(pattern):
    return sorted((LAB.directory / "reports").glob(pattern))


def test_verify_is_about_the_cluster_of_the_limit():
    shutil.rmtree(LAB.directory / "reports", ignore_errors=True)
    done = LAB.playbook("redisops.monitoring.verify", "--limit", "redis_stock,monitoring")
    assert done.returncode == 0, done.output[-3000:]
    (report,) = reports("verify-*.json")
    assert report.name == "verify-stock.json"
    assert told_of(done.output + report.read_text(), CLUSTER) == []
    rows = json.loads(report.read_text())["rows"]
    assert {one["subject"] for one in rows if one["test"] == 2} == {f"{name} (stock)" for name in NODES[OTHER]}
    done = LAB.playbook("redisops.monitoring.verify")
    assert done.returncode == 0, done.output[-3000:]
    rows = json.loads((LAB.directory / "reports/verify-shop.json").read_text())["rows"]
    named = {f"{name} ({cluster})" for cluster, names in NODES.items() for name in names}
    assert {one["subject"] for one in rows if one["test"] in (1, 2)} == named


def test_doctor_of_a_healthy_cluster():
    done = LAB.playbook("redisops.monitoring.doctor", "--limit", "redis_stock,monitoring")
    assert done.returncode == 0, done.output[-3000:]
    assert "nothing is wrong" in done.output
    assert told_of(done.output, CLUSTER) == []
    done = LAB.playbook("redisops.monitoring.doctor")
    assert done.returncode == 0 and "nothing is wrong" in done.output, done.output[-3000:]


def test_evidence_of_an_incident_is_of_the_cluster_of_the_limit(tmp_path):
    done = LAB.playbook("redisops.monitoring.incident", "--limit", "redis_stock,monitoring", "-e", "incident_since=10m")
    assert done.returncode == 0, done.output[-3000:]
    (archive,) = reports("incident-*.tar.gz")
    assert archive.name.startswith("incident-stock-")
    shutil.unpack_archive(archive, tmp_path)
    hosts = {path.name for path in tmp_path.glob("*/hosts/*")}
    assert hosts == {*NODES[OTHER], MONITORING}
    up = json.loads(next(Path(tmp_path).glob("*/hosts/*/metrics/up.json")).read_text())
    assert {one["metric"]["cluster"] for one in up["result"]} == {OTHER}
    assert ROOT in archive.parents
