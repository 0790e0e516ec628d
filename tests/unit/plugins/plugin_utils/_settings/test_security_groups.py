# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role security_groups refuses, and the rules that it writes."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import security_groups

GROUPS = {"monitoring_redis_security_group": "redis-sg", "monitoring_security_group": "prometheus-sg"}
SKIPPED = {"skipped": True}
ANSWER = {"status": 200, "content": "8.8.8.8\n"}


@pytest.fixture
def plan(read, host):
    def run(changed=None, vpcs=None, checkip=None, **about):
        s = read("security_groups", {**GROUPS, **(changed or {})})
        return security_groups.plan(s, host(**about), {"vpcs": vpcs or SKIPPED, "checkip": checkip or SKIPPED})

    return run


@pytest.fixture
def opened(read, host):
    """opened(changed) -> the rules by which the Redis nodes of one cluster are opened."""

    def run(changed=None):
        call = security_groups.task_open_exporters(read("security_groups", {**GROUPS, **(changed or {})}), host())
        assert (call["args"]["group_name"], call["args"]["owner"]) == ("redis-sg", "redisops/exporters")
        return call["args"]["rules"]

    return run


def test_exporters_are_opened_to_the_monitoring_group(plan, opened):
    made = plan({"monitoring_vpc": "vpc-1"})
    assert made["problems"] == []
    assert made["vpc_id"] == "vpc-1"
    assert opened() == [
        {"ports": [9121], "rule_desc": "redis_exporter", "group_name": ["prometheus-sg"]},
        {"ports": [9100], "rule_desc": "node_exporter", "group_name": ["prometheus-sg"]},
        {"ports": [6379], "rule_desc": "Redis for TLS probes", "group_name": ["prometheus-sg"]},
    ]
    assert made["admin_rules"] == []
    by_id = opened({"monitoring_security_group": "sg-0123456789abcdef0"})
    assert by_id[0]["group_id"] == ["sg-0123456789abcdef0"]


def test_networks_in_place_of_the_group(opened):
    """Lists, or text as -e and AWX give it."""
    for value in (["10.0.0.0/16", "2001:db8::/48"], "10.0.0.0/16, 2001:db8::/48"):
        assert opened({"security_groups_exporter_cidrs": value, "security_groups_exporter_more_ports": []}) == [
            {
                "ports": [9121],
                "rule_desc": "redis_exporter",
                "cidr_ip": ["10.0.0.0/16"],
                "cidr_ipv6": ["2001:db8::/48"],
            }
        ]


def test_administrators_reach_the_pages(plan):
    made = plan({"monitoring_admin_cidrs": "198.51.100.0/24\nauto\n"}, checkip=ANSWER)
    assert made["problems"] == []
    assert made["admin_rules"] == [
        {
            "ports": [22, 3000, 9090, 9093],
            "cidr_ip": ["198.51.100.0/24", "8.8.8.8/32"],
            "cidr_ipv6": [],
            "rule_desc": "Monitoring admins",
        }
    ]
    text = plan({"monitoring_admin_cidrs": ["198.51.100.0/24"], "security_groups_admin_ports": "22,3000"})
    assert text["admin_rules"][0]["ports"] == [22, 3000]


def test_monitoring_hosts_reach_each_other(plan):
    made = plan(groups={"redis": [], "monitoring": ["mon-1", "mon-2"]})
    assert made["admin_rules"] == [
        {"ports": [3000, 9090, 9093, 9094], "rule_desc": "Monitoring hosts", "group_name": ["prometheus-sg"]}
    ]


def test_the_vpc_is_found_by_its_name(plan):
    assert plan({"monitoring_vpc": "redis-vpc"}, vpcs={"vpcs": [{"vpc_id": "vpc-1"}]})["vpc_id"] == "vpc-1"


@pytest.mark.parametrize(
    ("changed", "found", "says"),
    [
        (
            {"monitoring_vpc": "redis-vpc"},
            {"vpcs": {"msg": "Unable to locate credentials"}},
            "the VPC redis-vpc could not be looked up (Unable to locate credentials): are there credentials, with the"
            " rights ec2:DescribeVpcs and ec2:DescribeVpcAttribute, and a way to the EC2 API?",
        ),
        ({"monitoring_vpc": "redis-vcp"}, {"vpcs": {"vpcs": []}}, "no VPC is named redis-vcp: correct monitoring_vpc"),
        (
            {"monitoring_vpc": "redis-vpc"},
            {"vpcs": {"vpcs": [{"vpc_id": "vpc-1"}, {"vpc_id": "vpc-2"}]}},
            "2 VPCs are named redis-vpc: vpc-1, vpc-2; give monitoring_vpc as an ID",
        ),
        (
            {"monitoring_admin_cidrs": "auto", "security_groups_checkip_url": "https://ip.example"},
            {"checkip": {"status": -1, "msg": "refused \n"}},
            "https://ip.example did not answer (refused); give the addresses themselves in monitoring_admin_cidrs",
        ),
        (
            {"monitoring_admin_cidrs": "auto", "security_groups_checkip_url": ""},
            {"checkip": {"msg": "no URL"}},
            "security_groups_checkip_url, which is empty, did not answer (no URL)",
        ),
        (
            {"monitoring_admin_cidrs": "auto"},
            {"checkip": {"status": 200, "content": "<html>login"}},
            "monitoring_admin_cidrs: auto: '<html>login' is not an IP address",
        ),
        (
            {"monitoring_admin_cidrs": "auto"},
            {"checkip": {"status": 200, "content": "10.0.0.9"}},
            "monitoring_admin_cidrs: auto: 10.0.0.9 is not a public address",
        ),
    ],
)
def test_what_was_found_stops_it(plan, changed, found, says):
    [problem] = plan(changed, **found)["problems"]
    assert problem.startswith(says)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"monitoring_security_group": ""},
            "monitoring_security_group is empty: name the group that may reach the exporters, or give"
            " security_groups_exporter_cidrs",
        ),
        ({"monitoring_admin_cidrs": ["300.0.0.0/8"]}, "monitoring_admin_cidrs: cidr_ip 300.0.0.0/8: Octet 300"),
        ({"monitoring_admin_cidrs": ["0.0.0.0/0"]}, "monitoring_admin_cidrs: 0.0.0.0/0 is the world"),
        (
            {"security_groups_exporter_cidrs": "10.0.1.5/16"},
            "security_groups_exporter_cidrs: cidr_ip 10.0.1.5/16: host bits set",
        ),
        ({"security_groups_admin_ports": []}, "security_groups_admin_ports is empty: name the ports"),
        (
            {"security_groups_admin_ports": [22, 70000], "security_groups_exporter_port": 0},
            "70000, 0 among the ports: give ports from 1 to 65535 in security_groups_admin_ports,",
        ),
        (
            {"security_groups_exporter_more_ports": [{"port": 65536, "rule_desc": "x"}]},
            "65536 among the ports",
        ),
    ],
)
def test_wrong_settings(judge, plan, changed, says):
    """The same before anything is asked of AWS, and in the role."""
    [problem] = judge("security_groups", {**GROUPS, **changed})
    assert problem.startswith(says)
    assert plan(changed)["problems"] == [problem]


def test_without_groups_there_is_nothing_to_judge(judge):
    assert judge("security_groups", {"monitoring_admin_cidrs": ["0.0.0.0/0"]}) == []


def test_networks_alone_need_no_monitoring_group(judge):
    wanted = {"monitoring_redis_security_group": "redis-sg", "security_groups_exporter_cidrs": ["10.0.0.0/16"]}
    assert judge("security_groups", wanted) == []


def test_rules_are_removed_whatever_the_other_settings_are(read, host):
    s = read("security_groups", {"monitoring_redis_security_group": "redis", "monitoring_vpc": "redis-vpc"})
    assert security_groups.teardown(s, host(), {"vpcs": {"vpcs": [{"vpc_id": "vpc-1"}]}}) == {
        "problems": [],
        "vpc_id": "vpc-1",
    }
    assert "no VPC is named" in security_groups.teardown(s, host(), {"vpcs": {"vpcs": []}})["problems"][0]
    assert security_groups.teardown({"monitoring_vpc": "vpc-7"}, host(), {"vpcs": SKIPPED})["vpc_id"] == "vpc-7"


@pytest.fixture
def rehearsal(read, host):
    """rehearsal(answers, **changed) -> what AWS has against it, whether it would change, and the modules that asked."""

    def run(answers, **changed):
        asked = []

        def ask(module, args):
            asked.append((module.rpartition(".")[2], args))
            return answers.pop(0)

        return *security_groups.rehearsal(read("security_groups", {**GROUPS, **changed}), host(), ask), asked

    return run


def test_aws_is_asked_what_the_role_would_do(rehearsal):
    found, changed, asked = rehearsal([{}, {}], monitoring_vpc="vpc-1", monitoring_admin_cidrs=["198.51.100.0/24"])
    assert (found, changed) == ([], False)
    assert rehearsal([{}, {"changed": True}], monitoring_admin_cidrs=["198.51.100.0/24"])[1] is True
    assert [(module, args["group_name"], args["owner"], len(args["rules"])) for module, args in asked] == [
        ("ec2_security_group_rules", "redis-sg", "redisops/exporters", 3),
        ("ec2_security_group_rules", "prometheus-sg", "redisops/admins", 1),
    ]
    assert {(args["vpc_id"], args["dry_run"]) for dummy, args in asked} == {("vpc-1", True)}


def test_without_groups_nobody_is_asked(rehearsal):
    none = {"monitoring_redis_security_group": "", "monitoring_security_group": "", "monitoring_vpc": "main"}
    assert rehearsal([], **none) == ([], False, [])


def test_both_groups_are_told(rehearsal):
    no = [{"failed": True, "msg": "no security group redis-sg"}, {"failed": True, "msg": "no security group prom"}]
    found, dummy, dummy = rehearsal(no, monitoring_admin_cidrs=["198.51.100.0/24"], monitoring_aws_region="eu-west-1")
    assert found == [
        "monitoring_redis_security_group: no security group redis-sg",
        "monitoring_security_group: no security group prom",
    ]


@pytest.mark.parametrize(("request_id", "asked"), [(None, 1), ("req-1", 2)])
def test_aws_that_does_not_answer_is_asked_once(rehearsal, request_id, asked):
    no = {"failed": True, "msg": "no", "error": {"code": "x", "request_id": request_id}}
    lines, dummy, calls = rehearsal([no, no], monitoring_admin_cidrs=["198.51.100.0/24"])
    assert len(lines) == len(calls) == asked


def test_a_vpc_that_is_not_found_is_told_once(rehearsal):
    found, dummy, asked = rehearsal([{"vpcs": []}], monitoring_vpc="main")
    assert len(found) == 1 and "no VPC is named main" in found[0]
    assert [module for module, dummy in asked] == ["ec2_vpc_net_info"]


def test_the_address_of_this_machine_is_asked_for(rehearsal):
    cidrs = {"monitoring_admin_cidrs": ["auto"], "security_groups_checkip_url": "http://127.0.0.1:1/"}
    found, dummy, dummy = rehearsal([], **cidrs)
    assert "http://127.0.0.1:1/ did not answer" in found[0] and "monitoring_admin_cidrs" in found[0]


CLUSTERS = {
    "groups": {"redis": ["o", "s"], "monitoring": ["m"]},
    "hostvars": {
        "o": {"monitoring_cluster": "orders", "monitoring_redis_security_group": "orders-sg"},
        "s": {"monitoring_cluster": "sessions"},
        "m": {},
    },
}


def test_each_cluster_has_its_group(read, host):
    s, on = read("security_groups", GROUPS), host(**CLUSTERS)
    calls = security_groups.task_exporters(s, on)
    assert [call["args"]["group_name"] for call in calls] == ["orders-sg", "redis-sg"]
    assert {call["args"]["owner"] for call in calls} == {f"{s['monitoring_owner']}/exporters"}
    alone = read("security_groups", {**GROUPS, "monitoring_redis_security_group": ""})
    assert security_groups.task_exporters(alone, on)["args"]["group_name"] == "orders-sg"
    assert security_groups.problems(alone, on) == []
    answers = iter([{"changed": False}, {"failed": True, "msg": "no"}, {}])
    asked = []

    def run(module, args):
        asked.append(args["group_name"])
        return next(answers)

    s["monitoring_admin_cidrs"] = ["198.51.100.0/24"]
    lines, changed = security_groups.rehearsal(s, on, run)
    assert (lines, changed) == (["monitoring_redis_security_group: no"], False)
    assert asked == ["orders-sg", "redis-sg", "prometheus-sg"]


def ports_of(s, on):
    calls = security_groups.task_open_exporters(s, on)
    calls = calls if isinstance(calls, list) else [calls]
    return {
        call["args"]["group_name"]: [(*rule["ports"], rule["rule_desc"]) for rule in call["args"]["rules"]]
        for call in calls
    }


def test_each_group_has_the_ports_of_its_clusters(read, host):
    own = {
        "prometheus_exporter_port": 9200,
        "node_exporter_port": "9101",
        "redis_exporter_redis_addr": "rediss://localhost:7000",
    }
    theirs = [(9200, "redis_exporter"), (9101, "node_exporter"), (7000, "Redis for TLS probes")]
    general = [(9121, "redis_exporter"), (9100, "node_exporter"), (6379, "Redis for TLS probes")]
    s, hostvars = read("security_groups", GROUPS), CLUSTERS["hostvars"]
    on = host(**{**CLUSTERS, "hostvars": {**hostvars, "o": {**hostvars["o"], **own}}})
    assert ports_of(s, on) == {"orders-sg": theirs, "redis-sg": general}
    # Without rules where they are removed.
    assert [call["args"]["rules"] for call in security_groups.task_exporters(s, on)] == [[], []]
    asked = []
    s["monitoring_admin_cidrs"] = ["198.51.100.0/24"]
    security_groups.rehearsal(s, on, lambda module, args: asked.append(args["rules"][0]["ports"]) or {})
    assert asked == [[9200], [9121], [22, 3000, 9090, 9093]]
    # One group for both clusters; and what the settings of all leave out is left out.
    on = host(**{**CLUSTERS, "hostvars": {**hostvars, "o": {"monitoring_cluster": "orders", **own}}})
    assert ports_of(s, on) == {"redis-sg": theirs + general}
    s["security_groups_exporter_more_ports"] = [{"port": 8000, "rule_desc": "x"}]
    assert ports_of(s, on) == {"redis-sg": [(9200, "redis_exporter"), (8000, "x"), (9121, "redis_exporter")]}
    # One cluster has what the settings say, unless it has a name of its own.
    one = {"groups": {"redis": ["o"], "monitoring": ["m"]}}
    on = host(**one, hostvars={**hostvars, "o": {"monitoring_cluster": "orders", **own}})
    assert ports_of(read("security_groups", GROUPS), on) == {"redis-sg": general}
    on = host(**one, hostvars={"m": {"monitoring_cluster": "shop"}, "o": {"monitoring_cluster": "orders", **own}})
    assert ports_of(read("security_groups", GROUPS), on) == {"redis-sg": theirs}
