# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role power refuses, what it stops or starts, and its table."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, power

PRICES = yaml.safe_load((_core.ROLES / "power/files/prices-us-east-1.yml").read_text())


def instance(name, role, state="running", kind="t3.medium", zone="us-east-1a"):
    return {
        "instance_id": f"i-{name}",
        "instance_type": kind,
        "state": {"name": state},
        "placement": {"availability_zone": zone},
        "tags": {"Name": name, "Role": role},
    }


NODE, MONITORING = instance("redis-1", "redis"), instance("prom", "monitoring")


@pytest.fixture
def run(read, host):
    def run(step, changed=None, instances=(NODE, MONITORING), prices=PRICES, clusters=()):
        s = read("power", {"monitoring_cluster": "redis-prod", **(changed or {})})
        volumes = [{"type": "gp3", "size": 20, "attachment_set": [{"instance_id": "i-prom"}]}]
        hostvars = {f"{cluster}-1": {"monitoring_cluster": cluster} for cluster in clusters}
        on = host(groups={"redis": list(hostvars), "monitoring": ["prom"]}, hostvars={**hostvars, "prom": {}})
        return step(s, on, {"instances": list(instances), "volumes": volumes, "prices": prices})

    return run


@pytest.mark.parametrize(
    ("wanted", "targets"),
    [
        ({}, ["i-prom"]),
        ({"power_action": "stop", "power_allow_blind": True}, ["i-prom"]),
        ({"power_action": "start"}, ["i-prom"]),
        ({"power_action": "stop", "power_targets": "redis", "power_confirm": "redis-prod"}, ["i-redis-1"]),
        ({"power_action": "stop", "power_targets": "all", "power_confirm": "redis-prod"}, ["i-redis-1", "i-prom"]),
    ],
)
def test_targets(run, wanted, targets):
    assert run(power.plan, wanted) == {"problems": [], "targets": targets}


@pytest.mark.parametrize(
    ("wanted", "found", "says"),
    [
        ({}, {"instances": []}, "no instance has the tag Cluster=redis-prod and a tag Role of redis or monitoring:"),
        (
            {"power_action": "start"},
            {"instances": [NODE]},
            "no instance of redis-prod has the tag Role=monitoring: nothing to start",
        ),
        (
            {"power_action": "stop", "power_targets": "all"},
            {},
            "to stop Redis nodes, name their cluster as well: power_confirm=redis-prod",
        ),
        (
            {"power_action": "stop"},
            {},
            "Redis runs (redis-1) and nobody would watch it: stop power_targets=all, or give power_allow_blind=true",
        ),
        (
            {"power_prices": {"instances": {"t3.medium": "cheap"}}},
            {},
            "ec2_costs: the price instances.t3.medium is 'cheap': give a number",
        ),
        ({}, {"prices": {**PRICES, "region": None}}, "the table of prices has no region"),
        ({}, {"prices": {**PRICES, "volumes": None}}, "ec2_costs: the table of prices has no volumes"),
    ],
)
def test_what_stops_it(run, wanted, found, says):
    [problem] = run(power.plan, wanted, **found)["problems"]
    assert problem.startswith(says)


def test_a_stopped_redis_needs_no_watch(run):
    there = [instance("redis-1", "redis", "stopped"), MONITORING]
    assert run(power.plan, {"power_action": "stop"}, instances=there)["problems"] == []


OTHERS = "redis-prod watches other clusters as well (%s), and nobody would watch them: give power_allow_blind=true"


@pytest.mark.parametrize(
    ("wanted", "clusters", "instances", "others"),
    [
        ({}, ["orders", "stock"], [MONITORING], "orders, stock"),
        ({}, ["orders"], [MONITORING], "orders"),
        ({"power_targets": "all", "power_confirm": "redis-prod"}, ["orders", "stock"], [MONITORING], "orders, stock"),
        ({"power_targets": "all", "power_confirm": "redis-prod"}, ["redis-prod", "stock"], [NODE, MONITORING], "stock"),
        ({"power_allow_blind": True}, ["orders", "stock"], [MONITORING], ""),
        # Its own instances and nothing else.
        ({"power_targets": "all", "power_confirm": "redis-prod"}, ["redis-prod", "stock"], [NODE], ""),
        ({"power_targets": "redis", "power_confirm": "redis-prod"}, ["redis-prod", "stock"], [NODE, MONITORING], ""),
        ({"power_targets": "all", "power_confirm": "redis-prod"}, ["another-label"], [NODE, MONITORING], ""),
    ],
)
def test_the_monitoring_of_other_clusters_stays(run, wanted, clusters, instances, others):
    plan = run(power.plan, {"power_action": "stop", **wanted}, instances=instances, clusters=clusters)
    assert plan["problems"] == ([OTHERS % others] if others else [])


def test_the_table(run):
    there = [MONITORING, instance("redis-1", "redis", kind="x9.huge", zone="eu-west-1b")]
    lines = run(power.outcome, {"power_prices": {"instances": {"t3.medium": 0.1}}}, instances=reversed(there))["lines"]
    assert [" ".join(line.split()) for line in lines[:3]] == [
        "name role instance state type compute storage IPv4 now",
        "prom monitoring i-prom running t3.medium 73.00 1.60 0.00 74.60",
        "redis-1 redis i-redis-1 running x9.huge ? 0.00 0.00 0.00",
    ]
    assert lines[3:] == [
        "USD a month, at least: now 74.60, all running 74.60, all stopped 1.60",
        "No price for x9.huge: add it to power_prices",
        "These are the prices of us-east-1, the instances are in eu-west-1: give power_prices_file",
        "List prices of us-east-1, 2025-06-01, 730 hours a month; without traffic, snapshots, CPU credits, tax and"
        " discounts",
    ]
