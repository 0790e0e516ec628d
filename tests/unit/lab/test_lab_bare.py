# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bare lab: tests know every derived password, and lines about AWS are as a user leaves them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _secrets

sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))

import bare
import lab as lab_py


def test_every_derived_password_is_known(tmp_path):
    bare.make_secrets(tmp_path)
    secret = (tmp_path / "secrets/monitoring_secret").read_text().strip()
    told = {(tmp_path / "secrets" / name).read_text().strip() for name in bare.DERIVED}
    assert told == {_secrets.derive(secret, "redis-prod", purpose) for purpose in _secrets.PURPOSES}


@pytest.mark.parametrize("unprovisioned", [False, True])
def test_inventory_of_an_account(tmp_path, unprovisioned):
    lab = {
        "aws": {"unprovisioned": unprovisioned},
        "gateway": "192.0.2.1",
        "hosts": {"prometheus-grafana": {"role": "monitoring", "address": "192.0.2.40"}},
        "mirror": {"url": "http://192.0.2.1:8080"},
        "webhook": {"url": "http://192.0.2.1:9099"},
        "versions": {},
        "grafana": {"version": "12.4.0", "repository": "", "fingerprint": "", "dashboard": True},
    }
    bare.make_inventory(tmp_path, lab, tmp_path)
    inventory = tmp_path / "inventory"
    settings = yaml.safe_load((inventory / "group_vars/all/main.yml").read_text())
    shipped = yaml.safe_load((bare.INVENTORIES / "aws_ec2/group_vars/all/main.yml").read_text())
    assert sorted(settings.keys() - shipped.keys()) == [
        "monitoring_admin_cidrs",
        "monitoring_aws_region",
        "monitoring_instance_key_name",
        "monitoring_instance_subnet",
        "monitoring_redis_security_group",
        "monitoring_security_group",
        "monitoring_vpc",
    ]
    as_shipped = (bare.INVENTORIES / "aws_ec2/aws_ec2.yml").read_text()
    assert ((inventory / "aws_ec2.yml").read_text() == as_shipped) is unprovisioned


def test_two_clusters_have_all_that_differs_in_their_groups(tmp_path):
    hosts = lab_py.hosts("10.213.1.0/24", redis=3, monitoring=1, clusters=2)
    assert len({one["address"] for one in hosts.values()}) == len(hosts) == 7
    lab = {
        "hosts": hosts,
        "clusters": 2,
        "aws": None,
        "gateway": "10.213.1.1",
        "mirror": {"url": "http://10.213.1.1:8080"},
        "webhook": {"url": "http://10.213.1.1:9099"},
        "versions": {},
        "grafana": {"version": "1", "repository": "r", "fingerprint": "f", "dashboard": True},
    }
    bare.make_secrets(tmp_path, clusters=2)
    bare.make_inventory(tmp_path, lab, tmp_path)

    def read(name):
        return yaml.safe_load((tmp_path / "inventory" / name).read_text())

    children = read("hosts.yml")["redis"]["children"]
    assert {group: sorted(one["hosts"]) for group, one in children.items()} == {
        "redis_prod": ["redis-node-1a", "redis-node-1b", "redis-node-1c"],
        "redis_stock": ["stock-node-1a", "stock-node-1b", "stock-node-1c"],
    }
    names = [read(f"group_vars/{one}/main.yml")["monitoring_cluster"] for one in ("all", "redis_prod", "redis_stock")]
    assert names == ["shop", "redis-prod", "stock"]
    derive = _secrets.derive
    secret = (tmp_path / "secrets/monitoring_secret").read_text().strip()
    for name, cluster, purpose in (
        ("exporter_web_password", "redis-prod", "exporters/prometheus"),
        ("prometheus_admin_password", "shop", "prometheus/admin"),
    ):
        assert (tmp_path / "secrets" / name).read_text().strip() == derive(secret, cluster, purpose)
