# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a monitoring host needs for a number of Redis nodes, and what is said when the chosen instance has less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _sizing, monitoring_instance

ROOT = Path(__file__).resolve().parents[5]
PAGE = (ROOT / "docs/sizing.md").read_text()
MONTH = 30 * 86400


@pytest.mark.parametrize(
    ("name", "gib", "arm"),
    [
        ("t3.nano", 0.5, False), ("t3.small", 2, False), ("t4g.medium", 4, True), ("t3a.2xlarge", 32, False),
        ("m7i.large", 8, False), ("m7gd.medium", 4, True), ("m6i.4xlarge", 64, False), ("c6g.medium", 2, True),
        ("c6i.2xlarge", 16, False), ("r6g.xlarge", 32, True), ("m7i-flex.large", 8, False),
    ],
)  # fmt: skip
def test_what_the_name_of_a_type_says(name, gib, arm):
    found = _sizing.type_of(name)
    assert (found.gib, found.arm) == (gib, arm)


def test_cores_that_may_be_used_all_the_time():
    cores = {name: _sizing.type_of(name).cores for name in ("t3.small", "t3.2xlarge", "m7i.large", "m7i.xlarge")}
    assert cores == {"t3.small": 0.4, "t3.2xlarge": 3.2, "m7i.large": 2, "m7i.xlarge": 4}


@pytest.mark.parametrize(
    ("name", "cores"),
    [
        ("t2.nano", 0.05), ("t2.micro", 0.1), ("t2.small", 0.2), ("t2.medium", 0.4), ("t2.large", 0.6),
        ("t2.xlarge", 0.9), ("t2.2xlarge", 1.36), ("t3.xlarge", 1.6), ("t4g.small", 0.4), ("m7i-flex.large", 0.8),
        ("m7i-flex.2xlarge", 3.2), ("c7i-flex.large", 0.8),
    ],
)  # fmt: skip
def test_baselines_of_aws(name, cores):
    assert _sizing.type_of(name).cores == pytest.approx(cores)


@pytest.mark.parametrize("name", ["x1e.large", "mac1.metal", "m5.metal", "t3.huge", "t3.16xlarge", "small", ""])
def test_a_type_whose_name_says_nothing_is_not_judged(name):
    assert _sizing.type_of(name) is None
    assert _sizing.type_warnings(name, 1000, _sizing.need(1000, 30, MONTH)) == []


def test_every_type_of_the_prices_is_known():
    assert [name for name in _sizing.prices()["instances"] if not _sizing.type_of(name)] == []


def test_more_nodes_days_and_scrapes_need_more():
    some = _sizing.need(100, 30, MONTH)
    more, often, long = _sizing.need(200, 30, MONTH), _sizing.need(100, 15, MONTH), _sizing.need(100, 30, 2 * MONTH)
    assert more.disk == pytest.approx(2 * some.disk)
    assert more.gib - _sizing.BASE_GIB == pytest.approx(2 * (some.gib - _sizing.BASE_GIB))
    assert often.disk == pytest.approx(2 * some.disk) and often.cores > some.cores and often.gib == some.gib
    assert some.disk < long.disk < 2 * some.disk  # the log stays as it is


def test_the_cheapest_that_fits():
    name, month = _sizing.cheapest(_sizing.Need(3, 0.3, 0), arm=False)
    assert (name, round(month, 2)) == ("t3a.medium", 27.45)
    assert _sizing.cheapest(_sizing.Need(3, 0.3, 0), arm=True)[0] == "t4g.medium"
    assert _sizing.type_of(_sizing.cheapest(_sizing.Need(3, 1.9, 0), arm=False)[0]).cores >= 1.9
    assert _sizing.cheapest(_sizing.Need(6, 0.9, 0), arm=True)[0] == "m6g.large"  # r6g.medium has one core
    assert _sizing.cheapest(_sizing.Need(5000, 1, 0), arm=False) is None


@pytest.fixture
def said(read, host):
    def run(nodes, changed=None, variables=None, **on):
        names = [f"redis-{number}" for number in range(nodes)]
        s = read("monitoring_instance", {"monitoring_cluster": "c", **(changed or {})})
        where = host(variables=variables or {}, **{"groups": {"redis": names}, **on})
        found = {"instance": {}, "volumes": {}, "subnet_id": "", "group_id": ""}
        return monitoring_instance.outcome(s, where, found)["warnings"]

    return run


def test_what_the_defaults_hold(said):
    assert said(0) == said(3) == said(30) == []


def test_a_type_that_is_too_small(said):
    [line] = said(1000, {"monitoring_instance_volume_size": 10000})
    assert re.fullmatch(
        r"monitoring_instance_type t3.small has 2 GiB of memory and 0.4 processors that it may use all the time; 1000"
        r" Redis nodes need about \d\.\d and \d\.\d: (\S+) has them for about \d+ USD a month \(list price of"
        r" us-east-1\), docs/sizing.md",
        line,
    )
    better = re.search(r": (\S+) has them", line)[1]
    assert said(1000, {"monitoring_instance_volume_size": 10000, "monitoring_instance_type": better}) == []


def test_the_better_one_has_the_same_architecture(said):
    [line] = said(1000, {"monitoring_instance_volume_size": 10000, "monitoring_instance_type": "t4g.small"})
    assert _sizing.type_of(re.search(r": (\S+) has them", line)[1]).arm


def test_nothing_of_the_prices_is_enough(said):
    [line] = said(100_000, {"monitoring_instance_volume_size": 10**6})
    assert line.endswith(": docs/sizing.md says what else helps")


@pytest.mark.parametrize("name", sorted(_sizing.SMALL_TYPES))
def test_a_type_without_memory_is_told_once(said, name):
    for nodes in (0, 3, 1000):
        [line] = said(nodes, {"monitoring_instance_type": name, "monitoring_instance_volume_size": 10000})
        assert line.startswith(f"monitoring_instance_type {name} has {_sizing.SMALL_TYPES[name]} GiB of memory: Prom")


@pytest.mark.parametrize(
    ("name", "first"), [("t3.micro", "t3.small and t4g.small"), ("t4g.nano", "t4g.small and t3.small")]
)
def test_what_is_large_enough_for_few_nodes(said, name, first):
    for nodes, variables in ((0, {}), (3, {}), (1000, {"prometheus_mode": "agent"})):
        [line] = said(nodes, {"monitoring_instance_type": name}, variables)
        assert line.endswith(f" needs 2 GiB or is killed sooner or later; {first} have them")


@pytest.mark.parametrize("name", ["t3.micro", "t4g.nano"])
@pytest.mark.parametrize("nodes", [3, 300, 1000])
def test_what_is_suggested_to_a_type_without_memory_is_large_enough(said, name, nodes):
    given = {"monitoring_instance_volume_size": 10000}
    [line] = said(nodes, {**given, "monitoring_instance_type": name})
    better = re.search(r"; (\S+) and (\S+) have them$", line).groups()
    assert [_sizing.type_of(one).arm for one in better] == ([True, False] if "g." in name else [False, True])
    assert [said(nodes, {**given, "monitoring_instance_type": one}) for one in better] == [[], []]


def test_what_a_type_without_memory_is_told_for_many_nodes(said):
    given = {"monitoring_instance_volume_size": 10**6, "monitoring_instance_type": "t3.micro"}
    [line] = said(1000, given)
    assert line == (
        "monitoring_instance_type t3.micro has 1 GiB of memory: Prometheus with Grafana needs about 6.8 GiB and 0.9"
        " processors for 1000 Redis nodes (docs/sizing.md) or is killed sooner or later; m5.large and m6g.large have"
        " them"
    )
    assert said(100_000, given)[0].endswith("; docs/sizing.md says what else helps")


def test_the_smallest_that_is_named():
    gib, cores, dummy = _sizing.SMALLEST
    assert [_sizing.type_of(name)[:2] for name in ("t3.small", "t4g.small")] == [(gib, cores)] * 2


def test_a_disk_that_is_too_small(said):
    [line] = said(100, {"monitoring_instance_type": "m7i.2xlarge"})
    found = re.fullmatch(
        r"monitoring_instance_volume_size 20 GiB keeps about (\d+) of the 30 days of prometheus_retention_time for 100"
        r" Redis nodes: (\d+) GiB keep them, docs/sizing.md",
        line,
    )
    assert 0 < int(found[1]) < 30
    enough = {"monitoring_instance_type": "m7i.2xlarge", "monitoring_instance_volume_size": int(found[2]) + 1}
    assert said(100, enough) == []


@pytest.mark.parametrize("where", ["variables", "hostvars"])
def test_it_is_judged_by_the_settings_of_prometheus(said, where):
    given = {"prometheus_retention_time": "3d", "prometheus_scrape_interval": "1m"}
    large = {"monitoring_instance_type": "m7i.2xlarge"}
    names = [f"redis-{number}" for number in range(100)]
    on = {"groups": {"redis": names, "monitoring": ["prom"]}, "hostvars": {"prom": given}}
    assert said(100, large, given) == [] if where == "variables" else said(100, large, **on) == []


@pytest.mark.parametrize("value", ["0s", "0", 0, "", None, "long", ["30s"], "0h0m"])
@pytest.mark.parametrize("name", ["prometheus_scrape_interval", "prometheus_retention_time"])
def test_no_time_at_all_is_the_default(said, name, value):
    large = {"monitoring_instance_type": "m7i.2xlarge"}
    assert said(100, large, {name: value}) == said(100, large) != []


@pytest.mark.parametrize("where", ["variables", "hostvars"])
def test_nodes_are_counted_in_the_group_that_is_named(said, where):
    given, names = {"prometheus_redis_group": "valkey"}, [f"node-{number}" for number in range(1000)]
    groups = {"redis": [], "valkey": names}
    on = {"variables": given, "groups": groups}
    if where == "hostvars":
        on = {"groups": {**groups, "monitoring": ["prom"]}, "hostvars": {"prom": given}}
    assert said(0, **on) == said(1000) != []
    assert said(0, variables={"prometheus_redis_group": ["no name"]}) == []


def test_an_agent_keeps_nothing(said):
    assert said(1000, variables={"prometheus_mode": "agent"}) == []


# The page says what the figures say.


def test_the_page_has_the_figures():
    for figure in (
        f"{_sizing.SERIES:,} series",
        f"{_sizing.BYTES_A_SERIES:,} bytes",
        f"{_sizing.BYTES_A_SAMPLE} bytes",
    ):
        assert figure in PAGE, figure


def rows():
    table = PAGE.partition("| Redis nodes | memory |")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_page_has_what_is_suggested():
    assert [row[0] for row in rows()] == ["3", "10", "30", "100", "300", "500", "1,000"]
    for row in rows():
        assert row == page_row(int(row[0].replace(",", "")))


def page_row(nodes):
    wanted = _sizing.need(nodes, 30, MONTH)
    suggested = [_sizing.cheapest(wanted, arm) for arm in (False, True)]
    disk = max(20, round(wanted.disk))
    month = f"{disk * _sizing.prices()['volumes']['gp3']:.0f} USD"
    types = [f"{name}, {price:.0f} USD" for name, price in suggested]
    return [f"{nodes:,}", f"{wanted.gib:.1f} GiB", f"{wanted.cores:.1f}", f"{disk} GiB, {month}", *types]
