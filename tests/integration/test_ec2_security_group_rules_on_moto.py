# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against a moto server on loopback, through a proxy that counts the calls, watches the group and breaks
whichever call a test wants broken."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import boto3
import botocore.loaders
import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2 import rules as ec2_rules
from ansible_collections.redisops.monitoring.plugins.modules import ec2_security_group_rules as module
from ec2_proxy import READS, Handler, Proxy, refuse
from module_args import patch_module_args
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parents[2]
CONNECTION = {"region": "eu-west-1", "access_key": "testing-access", "secret_key": "testing-secret"}
OWNER = "redis-monitoring:owner"


@pytest.fixture(scope="module", autouse=True)
def one_loader():
    """Each run makes a client, and reading the model of EC2 takes longer than the rest of it: one loader keeps it."""
    loader = botocore.loaders.Loader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "botocore.session.Session._register_data_loader",
            lambda session: session._components.register_component("data_loader", loader),
        )
        yield


@pytest.fixture(scope="module")
def moto():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture(scope="module")
def proxy(moto):
    proxy = Proxy(moto)
    yield proxy
    proxy.shutdown()
    proxy.server_close()


@pytest.fixture(scope="module")
def ec2(moto):
    return boto3.client(
        "ec2",
        region_name=CONNECTION["region"],
        endpoint_url=f"http://{moto}",
        aws_access_key_id=CONNECTION["access_key"],
        aws_secret_access_key=CONNECTION["secret_key"],
    )


@pytest.fixture
def world(proxy, ec2, capsys):
    proxy.forget()
    proxy.ask("/moto-api/reset", b"", {})  # with the groups of all tests before, each call would take longer
    world = World(ec2, proxy, capsys)
    yield world
    assert not [action for action in proxy.calls if "Security" not in action and action != "CreateTags"], "STS or IAM"


def words(rule):
    source = rule.get("CidrIpv4") or rule.get("CidrIpv6") or rule.get("PrefixListId")
    source = source or rule["ReferencedGroupInfo"]["GroupId"]
    ports = "" if rule["IpProtocol"] == "-1" else f"/{rule['FromPort']}-{rule['ToPort']}"
    return f"{'egress' if rule['IsEgress'] else 'ingress'} {rule['IpProtocol']}{ports} {source}"


class World:
    """One VPC, redis-sg with rules of somebody else, prometheus-sg, and the module."""

    def __init__(self, ec2, proxy, capsys):
        self.ec2, self.proxy, self.capsys = ec2, proxy, capsys
        self.vpc = self.add_vpc()
        self.redis, self.prometheus = self.add_group("redis-sg"), self.add_group("prometheus-sg")
        self.give("ingress", ("tcp", 6379, self.redis, "redis clients"), ("tcp", 16379, self.redis, ""))
        self.foreign = self.state()

    def add_vpc(self):
        return self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def add_group(self, name, vpc=None):
        return self.ec2.create_security_group(GroupName=name, Description="x", VpcId=vpc or self.vpc)["GroupId"]

    def give(self, direction, *rules, owner=None):
        """Rules into redis-sg: (protocol, port, source, description)."""
        for proto, port, source, description in rules:
            described = {"Description": description} if description else {}
            permission = {"IpProtocol": proto, "FromPort": port, "ToPort": port}
            if source.startswith("sg-"):
                permission["UserIdGroupPairs"] = [{"GroupId": source, **described}]
            else:
                permission["IpRanges"] = [{"CidrIp": source, **described}]
            tags = {}
            if owner:
                tag = [{"Key": OWNER, "Value": owner}]
                tags["TagSpecifications"] = [{"ResourceType": "security-group-rule", "Tags": tag}]
            authorize = getattr(self.ec2, f"authorize_security_group_{direction}")
            authorize(GroupId=self.redis, IpPermissions=[permission], **tags)

    def state(self):
        """{rule in words: (id, description, owner)} of redis-sg."""
        rules = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [self.redis]}])
        (group,) = self.ec2.describe_security_groups(GroupIds=[self.redis])["SecurityGroups"]
        told = ec2_rules.group_descriptions(group)  # moto leaves descriptions of group sources out of the rules
        state = {}
        for rule in rules["SecurityGroupRules"]:
            description = rule.get("Description") or told.get(ec2_rules.rule_from_aws(rule).key, "")
            tags = {tag["Key"]: tag["Value"] for tag in rule["Tags"]}
            assert words(rule) not in state
            state[words(rule)] = (rule["SecurityGroupRuleId"], description, tags.get(OWNER))
        return state

    def without_ids(self):
        return {rule: rest[1:] for rule, rest in self.state().items()}

    def run(self, rules, check=False, **options):
        """The result of the module, by way of the proxy."""
        options = {
            **CONNECTION,
            "endpoint_url": self.proxy.url,
            "rules": rules,
            "_ansible_check_mode": check,
            **options,
        }
        if "group_id" not in options:
            options = {"group_name": "redis-sg", "vpc_id": self.vpc, **options}
        del self.proxy.calls[:]
        with patch_module_args(options), pytest.raises(SystemExit):
            module.main()
        result = json.loads(self.capsys.readouterr().out)
        assert result["api_calls"] == len(self.proxy.calls)
        if "diff" in result:
            result["lines"] = result["diff"]["prepared"].splitlines()
        return result

    def ok(self, rules, changed, **options):
        result = self.run(rules, **options)
        assert not result.get("failed"), result["msg"]
        assert result["changed"] is changed, result["lines"]
        return result

    def fails(self, rules, **options):
        result = self.run(rules, **options)
        assert result.get("failed")
        assert "\n" not in result["msg"]
        return result


EXPORTER = {"ports": [9121], "group_name": ["prometheus-sg"], "rule_desc": "exporter"}


def settles(world, rules, **options):
    """Check mode foretells the first run, the second run changes nothing and takes two calls."""
    reads = list(reversed(READS) if "group_id" in options else READS)
    foretold = world.ok(rules, True, check=True, **options)
    assert world.proxy.calls == reads
    real = world.ok(rules, True, **options)
    assert foretold["lines"] == real["lines"]
    calls = list(world.proxy.calls)
    before = world.state()
    for check in (False, True):
        again = world.ok(rules, False, check=check, **options)
        assert again["lines"] == []
        assert world.proxy.calls == reads
    assert world.state() == before
    assert {rule["rule_id"] for rule in again["rules"]} == {rule[0] for rule in before.values()}
    return real, calls


# --- what it does, and in how many calls


def test_one_rule_from_a_group(world):
    real, calls = settles(world, [EXPORTER])
    assert calls == [*READS, "AuthorizeSecurityGroupIngress"]
    assert real["lines"] == [f'+ ingress tcp/9121 from {world.prometheus} (prometheus-sg) "exporter"']
    state = world.state()
    assert state.pop(f"ingress tcp/9121-9121 {world.prometheus}")[1:] == ("exporter", None)
    assert state == world.foreign


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"ports": ["16380-16384"], "cidr_ip": ["10.0.0.0/16"]}, "ingress tcp/16380-16384 10.0.0.0/16"),
        ({"from_port": 1, "to_port": 2, "cidr_ip": ["10.0.0.0/16"]}, "ingress tcp/1-2 10.0.0.0/16"),
        ({"proto": "udp", "ports": [53], "cidr_ipv6": ["2001:DB8:0::/48"]}, "ingress udp/53-53 2001:db8::/48"),
        ({"proto": "icmp", "cidr_ip": ["10.0.0.0/16"]}, "ingress icmp/-1--1 10.0.0.0/16"),
        ({"proto": "1", "icmp_type": 8, "cidr_ip": ["10.0.0.0/16"]}, "ingress icmp/8--1 10.0.0.0/16"),
        ({"proto": "all", "cidr_ip": ["10.0.0.0/16"]}, "ingress -1 10.0.0.0/16"),
        ({"ports": [443], "cidr_ip": ["0.0.0.0/0"], "direction": "egress"}, "egress tcp/443-443 0.0.0.0/0"),
        ({"ports": [22], "cidr_ip": ["198.51.100.7"]}, "ingress tcp/22-22 198.51.100.7/32"),
        ({"proto": 50, "cidr_ip": ["10.0.0.0/16"]}, "ingress 50/-1--1 10.0.0.0/16"),
    ],
)
def test_kinds_of_rules(world, rule, expected):
    settles(world, [{**rule, "rule_desc": "a rule"}])
    assert world.without_ids()[expected] == ("a rule", None)


def test_source_group_by_id_and_itself(world):
    rules = [{"ports": [9121], "group_id": [world.prometheus, world.redis], "rule_desc": "x"}]
    calls = settles(world, rules, group_id=world.redis)[1]
    assert calls == [*reversed(READS), "AuthorizeSecurityGroupIngress"]


def test_group_by_id_and_its_source_by_name(world):
    world.ok([EXPORTER], True, group_id=world.redis)
    assert world.proxy.calls == [*reversed(READS), "DescribeSecurityGroups", "AuthorizeSecurityGroupIngress"]
    world.ok([EXPORTER], False, group_id=world.redis)
    assert world.proxy.calls == [*reversed(READS)]


def test_prefix_list(world):
    created = world.ec2.create_managed_prefix_list(PrefixListName="admins", MaxEntries=1, AddressFamily="IPv4")
    prefix_list = created["PrefixList"]["PrefixListId"]
    settles(world, [{"ports": [22], "ip_prefix": [prefix_list]}])
    assert f"ingress tcp/22-22 {prefix_list}" in world.state()


def test_description_changes_in_place(world):
    """Rule, ID and tags stay: moto and AWS revoke nothing for it."""
    world.give("ingress", ("tcp", 9121, world.prometheus, "old"), ("tcp", 22, "10.0.0.0/16", "old"), owner="somebody")
    before = world.state()
    rules = [EXPORTER, {"ports": [22], "cidr_ip": ["10.0.0.0/16"], "rule_desc": ""}]
    real, calls = settles(world, rules)
    assert calls == [*READS, "ModifySecurityGroupRules"]
    after = world.state()
    for rule, description in ((f"tcp/9121-9121 {world.prometheus}", "exporter"), ("tcp/22-22 10.0.0.0/16", "")):
        assert after[f"ingress {rule}"] == (before[f"ingress {rule}"][0], description, "somebody")
    assert [line[0] for line in real["lines"]] == ["~", "~"]


def test_description_left_out_is_left_alone(world):
    world.give("ingress", ("tcp", 9121, world.prometheus, "theirs"))
    result = world.ok([{"ports": [9121], "group_name": ["prometheus-sg"]}], False)
    assert result["unchanged"][0]["rule_desc"] == "theirs"


def test_my_address_moves_in_five_calls(world):
    """Three rules in, three out; the fifth call is one that moto needs to tell the IDs."""
    rules = {"ports": [22, 3000, 9090], "rule_desc": "my address"}
    options = {"owner": "my-ip", "purge": "owned"}
    settles(world, [{**rules, "cidr_ip": ["198.51.100.7"]}], **options)
    dummy, calls = settles(world, [{**rules, "cidr_ip": ["198.51.100.8"]}], **options)
    assert [action for action in calls if action not in READS] == [
        "AuthorizeSecurityGroupIngress",
        "RevokeSecurityGroupIngress",
    ]
    assert len(calls) == 5
    new = {f"ingress tcp/{port}-{port} 198.51.100.8/32": ("my address", "my-ip") for port in (22, 3000, 9090)}
    assert world.without_ids() == {**{rule: rest[1:] for rule, rest in world.foreign.items()}, **new}


def test_absent_removes_the_exact_rule_only(world):
    world.give("ingress", ("tcp", 9121, "10.0.0.0/16", "a"), ("tcp", 9121, "10.0.0.0/24", "b"))
    world.give("egress", ("tcp", 9121, "10.0.0.0/16", "c"))
    before = world.state()
    rules = [{"ports": [9121], "cidr_ip": ["10.0.0.0/24"], "state": "absent"}]
    real, calls = settles(world, rules)
    assert calls == [*READS, "RevokeSecurityGroupIngress"]
    assert real["lines"] == ['- ingress tcp/9121 from 10.0.0.0/24 "b"']
    assert [rule["rule"] for rule in real["covered"]] == ["ingress tcp/9121 from 10.0.0.0/24"]
    del before["ingress tcp/9121-9121 10.0.0.0/24"]
    assert world.state() == before


def test_purge_all_stays_in_the_directions_asked_for(world):
    settles(world, [EXPORTER], purge="all")
    assert sorted(world.state()) == ["egress -1 0.0.0.0/0", f"ingress tcp/9121-9121 {world.prometheus}"]
    world.ok([], False, purge="all")


def test_adopt(world):
    world.give("ingress", ("tcp", 9121, world.prometheus, "exporter"))
    result = world.ok([EXPORTER], False, owner="us")
    assert result["unchanged"][0]["adopted"] is False
    world.ok([], False, owner="us", purge="owned")
    dummy, calls = settles(world, [EXPORTER], owner="us", adopt=True)
    assert calls == [*READS, "CreateTags"]
    world.ok([], True, owner="us", purge="owned")
    assert world.state() == world.foreign


def test_55_foreign_rules_survive(world):
    world.give("ingress", *(("tcp", 7000 + number, "10.0.0.0/16", f"theirs {number}") for number in range(53)))
    foreign = world.state()
    assert sum(rule.startswith("ingress") for rule in foreign) == 55
    options = {"owner": "us", "purge": "owned"}
    for port in ([9121, 9100], [9121], [9115]):
        settles(world, [{"ports": port, "cidr_ip": ["10.0.0.0/16"]}], **options)
        state = world.state()
        assert {rule: state[rule] for rule in foreign} == foreign
        assert len(state) == len(foreign) + len(port)
    world.ok([], True, **options)
    assert world.state() == foreign


def test_full_group(world):
    world.give("ingress", *(("tcp", 7000 + number, "10.0.0.0/16", "") for number in range(57)))
    foreign = world.state()
    options = {"owner": "us", "purge": "owned"}
    world.ok([{"ports": [22], "cidr_ip": ["198.51.100.7"]}], True, **options)
    full = world.state()
    new = [{"ports": [22], "cidr_ip": ["198.51.100.8"]}]
    result = world.fails(new, **options)
    assert result["error"]["code"] == "RulesPerSecurityGroupLimitExceeded"
    assert "60 ingress rules are there, 1 were to be added and 1 then removed; allow_gap: true" in result["msg"]
    assert world.state() == full
    world.ok(new, True, allow_gap=True, **options)
    state = world.state()
    assert state.pop("ingress tcp/22-22 198.51.100.8/32")[1:] == ("", "us")
    assert state == foreign


def test_full_group_gets_its_rules_back(world):
    world.give("ingress", *(("tcp", 7000 + number, "10.0.0.0/16", "") for number in range(57)))
    options = {"owner": "us", "purge": "owned"}
    world.ok([{"ports": [22], "cidr_ip": ["198.51.100.7"], "rule_desc": "mine"}], True, **options)
    full = world.without_ids()
    new = [{"ports": [22], "cidr_ip": ["198.51.100.8", "198.51.100.9"]}]
    result = world.fails(new, allow_gap=True, **options)
    assert result["error"]["code"] == "RulesPerSecurityGroupLimitExceeded"
    assert result["done"] == []
    assert world.without_ids() == full


# --- faults at every call

WANTED = [
    {"ports": [22, 9121], "cidr_ip": ["198.51.100.8"], "rule_desc": "new"},
    {"ports": [443], "cidr_ip": ["10.9.0.0/16"], "direction": "egress", "rule_desc": "new"},
    {"ports": [8080], "cidr_ip": ["10.1.0.0/16"], "rule_desc": "described anew"},
    {"ports": [8081], "cidr_ip": ["10.1.0.0/16"]},
    {"ports": [8082], "cidr_ip": ["10.1.0.0/16"], "rule_desc": "right already"},
]
OPTIONS = {"owner": "us", "purge": "owned", "adopt": True}


def busy(world):
    """A group in which the wanted rules mean every kind of write, in both directions."""
    world.give(
        "ingress", ("tcp", 8080, "10.1.0.0/16", "old"), ("tcp", 8082, "10.1.0.0/16", "right already"), owner="us"
    )
    world.give("ingress", ("tcp", 8081, "10.1.0.0/16", "not adopted yet"))
    world.give("ingress", ("tcp", 22, "198.51.100.7/32", "old address"), owner="us")
    world.give("egress", ("tcp", 80, "10.9.0.0/16", "no more"), owner="us")
    world.give("ingress", ("tcp", 5555, "10.5.0.0/16", "another owner"), owner="them")
    world.foreign["ingress tcp/5555-5555 10.5.0.0/16"] = world.state()["ingress tcp/5555-5555 10.5.0.0/16"]
    return {f"ingress tcp/{port}-{port} 10.1.0.0/16" for port in (8080, 8081, 8082)}


WRITES = [
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    "ModifySecurityGroupRules",
    "CreateTags",
    "RevokeSecurityGroupIngress",
    "RevokeSecurityGroupEgress",
]
CALLS = [*READS, WRITES[0], READS[1], *WRITES[1:]]


def watch(world, wanted):
    """Look at the group after every call; what a call did that it must not do ends up in the list that is returned."""
    final = {*wanted, "egress tcp/443-443 10.9.0.0/16"}
    final |= {f"ingress tcp/{port}-{port} 198.51.100.8/32" for port in (22, 9121)}
    seen, broken, lock = set(wanted), [], threading.Lock()

    def look(action):
        with lock:
            state = world.state()
            now = final & set(state)
            broken.extend((action, "fewer of the wanted rules", rule) for rule in seen - now)
            broken.extend((action, "foreign", rule) for rule in world.foreign if state.get(rule) != world.foreign[rule])
            seen.update(now)

    world.proxy.after = look
    return broken


def test_documented_policy_has_just_the_actions_that_are_called():
    (policy,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs/iam-security-groups.md").read_text(), re.DOTALL)
    allowed = [statement["Action"] for statement in json.loads(policy)["Statement"]]
    allowed = [action for actions in allowed for action in ([actions] if isinstance(actions, str) else actions)]
    assert sorted(allowed) == sorted(f"ec2:{action}" for action in set(CALLS))


def test_busy_group_without_faults(world):
    broken = watch(world, busy(world))
    settles(world, WANTED, **OPTIONS)
    assert not broken


def done_lines(before, after):
    """What the difference between two states would be in lines without descriptions."""
    lines = {f"+ {rule}" for rule in set(after) - set(before)} | {f"- {rule}" for rule in set(before) - set(after)}
    return lines | {f"~ {rule}" for rule in set(before) & set(after) if before[rule] != after[rule]}


def plain(line):
    """A line of the module in the words of done_lines."""
    sign, direction, ports, dummy, source = line.split()[:5]
    proto, dummy, port = ports.partition("/")
    return f"{sign} {direction} {proto}/{port}-{port} {source}"


@pytest.mark.parametrize("number", range(1, len(CALLS) + 1), ids=lambda number: f"{number}-{CALLS[number - 1]}")
@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InvalidParameterValue"])
def test_refused_call(world, number, code):
    broken = watch(world, busy(world))
    before = world.state()
    world.proxy.before = lambda call, action: refuse(code) if call == number else None
    result = world.fails(WANTED, **OPTIONS)
    action = CALLS[number - 1]
    assert world.proxy.calls == CALLS[:number], "nothing is tried after an error that no repetition mends"
    assert f"{action} failed: {code}: Injected: no; " in result["msg"]
    assert "request id request-of-the-proxy" in result["msg"]
    assert result["error"]["operation"] == action
    if code == "UnauthorizedOperation":
        assert result["error"]["missing_permission"] == f"ec2:{action}"
        assert f"the IAM policy lacks ec2:{action}" in result["msg"]
    assert {plain(line) for line in result["done"]} == done_lines(before, world.state())
    for line in result["done"]:
        assert line in result["msg"]
    assert result["changed"] is bool(result["done"])
    converges(world, broken)


def converges(world, broken):
    """The next run, without faults, ends in the wanted state, and the one after it has nothing to do."""
    world.proxy.before = lambda call, action: None
    assert not world.run(WANTED, **OPTIONS).get("failed")
    world.ok(WANTED, False, **OPTIONS)
    assert not broken
    assert {rule: rest for rule, rest in world.without_ids().items() if rule not in world.foreign} == {
        "ingress tcp/22-22 198.51.100.8/32": ("new", "us"),
        "ingress tcp/9121-9121 198.51.100.8/32": ("new", "us"),
        "egress tcp/443-443 10.9.0.0/16": ("new", "us"),
        "ingress tcp/8080-8080 10.1.0.0/16": ("described anew", "us"),
        "ingress tcp/8081-8081 10.1.0.0/16": ("not adopted yet", "us"),
        "ingress tcp/8082-8082 10.1.0.0/16": ("right already", "us"),
    }


@pytest.fixture
def no_waiting(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)


@pytest.mark.parametrize("number", range(1, len(CALLS) + 1), ids=lambda number: f"{number}-{CALLS[number - 1]}")
@pytest.mark.parametrize(
    "fault", [refuse("RequestLimitExceeded", 503), refuse("InternalError", 500), "answer lost"], ids=lambda f: f[:8]
)
def test_call_that_works_the_second_time(world, no_waiting, number, fault):
    """Also a write that AWS has carried out though its answer was lost: it is not taken for an error."""
    broken = watch(world, busy(world))
    before = world.state()
    world.proxy.before = lambda call, action: fault if call == number else None
    result = world.ok(WANTED, True, **OPTIONS)
    assert {plain(line) for line in result["lines"]} == done_lines(before, world.state())
    converges(world, broken)


@pytest.mark.parametrize("action", WRITES)
@pytest.mark.parametrize("look", [True, False], ids=["seen", "not seen"])
def test_write_that_is_carried_out_and_never_answered(world, no_waiting, action, look):
    """What was done is found out by reading; where that does not work either, that is said."""
    broken = watch(world, busy(world))
    before = world.state()
    world.proxy.before = lambda call, called: (
        "answer lost" if called == action or (not look and action in world.proxy.calls) else None
    )
    result = world.fails(WANTED, **OPTIONS)
    assert f"{action} failed: ConnectionClosedError: Connection was closed" in result["msg"]
    assert result["error"]["operation"] == action
    assert ("whether AWS has carried it out is not known" in result["msg"]) is not look
    done = {plain(line) for line in result["done"]}
    if look:
        assert done == done_lines(before, world.state())
    else:
        assert done < done_lines(before, world.state())
    assert result["changed"] is bool(done)
    converges(world, broken)


def test_rule_from_a_group_is_one_line_although_the_answer_was_lost(world, no_waiting):
    foretold = world.ok([EXPORTER], True, check=True)
    world.proxy.before = lambda call, action: "answer lost" if call == 3 else None
    assert world.ok([EXPORTER], True)["lines"] == foretold["lines"]
    assert world.proxy.writes() == ["AuthorizeSecurityGroupIngress"] * 2


PORTAL = "<html><body><h1>Log in</h1>" + "<p>first</p>" * 99 + "</body></html>"


@pytest.mark.parametrize("action", [*READS, *WRITES])
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((400, PORTAL), "HTTP 400: "),
        ((200, "{\n}"), "ResponseParserError: Unable to parse response"),
        ((502, PORTAL), "502: Bad Gateway"),
    ],
    ids=["portal", "JSON", "gateway"],
)
def test_answer_that_is_not_of_aws(world, no_waiting, action, answer, said):
    broken = watch(world, busy(world))
    before = world.state()
    world.proxy.before = lambda call, called: answer if called == action else None
    result = world.fails(WANTED, **OPTIONS)
    assert f"{action} failed: {said}" in result["msg"]
    assert {plain(line) for line in result["done"]} == done_lines(before, world.state())
    converges(world, broken)


@pytest.mark.parametrize(("action", "member"), [(READS[0], "SecurityGroups"), (READS[1], "SecurityGroupRules")])
def test_page_of_a_portal_in_place_of_a_list(world, action, member):
    world.proxy.before = lambda call, called: (200, PORTAL) if called == action else None
    assert f"the answer has no {member}; is endpoint_url that of EC2?" in world.fails([EXPORTER])["msg"]


def test_connection_lost_four_times(world, no_waiting):
    world.proxy.before = lambda call, action: "answer lost" if call <= 4 else None
    world.ok([EXPORTER], True)


def test_endpoint_that_stays_away(world, no_waiting):
    before = world.state()
    world.proxy.before = lambda call, action: refuse("Unavailable", 503) if action.startswith("Auth") else None
    result = world.fails([EXPORTER])
    assert result["error"]["code"] == "Unavailable"
    assert result["done"] == []
    assert world.state() == before


def test_throttling_without_end_is_a_no(world, no_waiting):
    world.proxy.before = lambda call, action: refuse("RequestLimitExceeded", 503) if action not in READS else None
    result = world.fails([EXPORTER])
    assert "RequestLimitExceeded: Injected: no; AWS kept throttling; run it again later; " in result["msg"]
    assert "not known" not in result["msg"]
    assert set(world.proxy.calls[2:]) == {"AuthorizeSecurityGroupIngress"}


# --- two runs at once


def ansible(world, rules, *more, **options):
    options = {"group_name": "redis-sg", "vpc_id": world.vpc, **options}
    arguments = {**CONNECTION, "endpoint_url": world.proxy.url, "rules": rules, **options}
    python = f"ansible_python_interpreter={sys.executable}"
    return subprocess.Popen(
        [Path(sys.executable).with_name("ansible"), "localhost", "-c", "local", "-e", python, *more]
        + ["-m", "redisops.monitoring.ec2_security_group_rules", "-a", json.dumps(arguments)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "minimal"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("action", ["DescribeSecurityGroupRules", "RevokeSecurityGroupIngress"])
def test_two_runs_at_once(world, action):
    """Held up until both are there: both plan from the same rules, or both revoke them at the same moment."""
    broken = watch(world, busy(world))
    late = meet(world.proxy, action)
    runs = [ansible(world, WANTED, **OPTIONS) for dummy in range(2)]
    for run in runs:
        out, err = run.communicate(timeout=120)
        assert run.returncode == 0, out + err
    assert not late
    assert len(world.ok(WANTED, False, **OPTIONS)["unchanged"]) == 6
    converges(world, broken)


def meet(proxy, action):
    """Hold the first two calls of *action* until both have come; the list of those that have not."""
    barrier, left = threading.Barrier(2), [action, action]

    def before(number, called):
        if called == action and left:
            left.pop()
            barrier.wait(60)

    proxy.before = before
    return left


# --- what has been seen to go wrong elsewhere

BAD_RULES = [
    ({"cidr_ip": "300.0.0.0/8"}, "Octet 300"),
    ({"cidr_ip": "10.0.1.300/32"}, "Octet 300"),
    ({"cidr_ip": "10.0.1.5/16"}, "did you mean 10.0.0.0/16 or 10.0.1.5/32?"),
    ({"cidr_ipv6": "2001:DB8:0::5/64"}, "did you mean 2001:db8::/64"),
    ({"cidr_ip": "0.0.0.0/0"}, "would open port 9090 (Prometheus) to the world"),
    ({"cidr_ipv6": "::/0"}, "would open port 9090 (Prometheus) to the world"),
    ({"ports": 70000, "cidr_ip": "10.0.0.0/16"}, "port 70000 is not between 0 and 65535"),
    ({"ports": "9093-9090", "cidr_ip": "10.0.0.0/16"}, "run backwards"),
    ({"ports": None, "from_port": 9090, "cidr_ip": "10.0.0.0/16"}, "from_port and to_port go together"),
    ({"ports": None, "cidr_ip": "10.0.0.0/16"}, "proto tcp needs ports"),
    ({"cidr_ip": "10.0.0.0/16", "rule_desc": "x" * 256}, "rule_desc has 256 characters"),
    ({"cidr_ip": "10.0.0.0/16", "rule_desc": "it's <b>"}, "AWS refuses"),
    ({"group_name": "prometeus-sg"}, 'no security group "prometeus-sg" in vpc-'),
    ({"group_id": "prometheus-sg"}, "is not like sg-"),
    ({}, "no source"),
]


@pytest.mark.parametrize(("rule", "message"), BAD_RULES, ids=[message[:24] for dummy, message in BAD_RULES])
def test_bad_rule_is_one_line_and_no_write(world, rule, message):
    for check in (False, True):
        result = world.fails([EXPORTER, {"ports": 9090, **rule}], check=check)
        assert result["msg"].startswith("rules[1]: ")
        assert message in result["msg"]
        assert world.proxy.writes() == []
        assert len(world.proxy.calls) == (1 if "prometeus" in message else 0)
    assert world.state() == world.foreign


def test_same_rule_with_two_descriptions(world):
    result = world.fails([EXPORTER, {**EXPORTER, "rule_desc": "other"}])
    assert "rules[0] and rules[1] describe ingress tcp/9121" in result["msg"]
    assert world.proxy.writes() == []


def test_typing_error_creates_no_group(world):
    groups = world.ec2.describe_security_groups()["SecurityGroups"]
    result = world.fails([EXPORTER], group_name="reids-sg")
    assert f'no security group "reids-sg" in {world.vpc}; nothing was created' in result["msg"]
    assert world.ec2.describe_security_groups()["SecurityGroups"] == groups
    assert "no security group sg-0123456789abcdef0" in world.fails([EXPORTER], group_id="sg-0123456789abcdef0")["msg"]
    assert world.proxy.writes() == []


def test_one_name_in_two_vpcs(world):
    one, other = world.add_group("twin-sg"), world.add_group("twin-sg", world.add_vpc())
    result = world.fails([EXPORTER], group_name="twin-sg", vpc_id=None)
    assert '2 security groups are named "twin-sg"' in result["msg"]
    assert one in result["msg"]
    assert other in result["msg"]
    assert len(world.proxy.calls) == 1
    assert world.ok([EXPORTER], True, group_name="twin-sg")["group_id"] == one
    assert len(world.ec2.describe_security_groups(GroupIds=[other])["SecurityGroups"][0]["IpPermissions"]) == 0


def test_no_rules_remove_nothing(world):
    for purge in ({}, {"purge": "owned", "owner": "us"}, {"purge": "all"}):
        world.ok([], False, **purge)
    assert world.state() == world.foreign


def test_refused_authorize_leaves_the_old_rule_and_is_told(world):
    options = {"owner": "us", "purge": "owned"}
    world.ok([{"ports": [80], "cidr_ip": ["10.0.0.0/16"]}], True, **options)
    before = world.state()
    world.proxy.before = lambda call, action: refuse() if action.startswith("Auth") else None
    result = world.fails([{"ports": [81], "cidr_ip": ["10.0.0.0/16"]}], **options)
    assert "UnauthorizedOperation" in result["msg"]
    assert world.state() == before


def test_diff_has_every_port_and_every_group(world):
    rules = [{"ports": [22, 9090, 3000], "group_id": [world.prometheus, world.redis], "rule_desc": "all of it"}]
    result = world.ok(rules, True, check=True, group_id=world.redis)
    expected = [
        f'+ ingress tcp/{port} from {group} ({name}) "all of it"'
        for port in (22, 3000, 9090)
        for group, name in sorted([(world.prometheus, "prometheus-sg"), (world.redis, "redis-sg")])
    ]
    assert result["lines"] == expected


def test_a_thousand_other_groups_cost_nothing(world):
    """Only the groups that are named are asked for."""
    for number in range(20):
        world.add_group(f"other-{number}")
    sizes = []
    original = Handler.answer

    def answer(handler, status, body):
        sizes.append(body.count(b"<groupName>"))
        return original(handler, status, body)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Handler, "answer", answer)
        world.ok([EXPORTER], True, check=True)
    assert sizes[0] == 2


def test_playbook_in_check_mode_prints_what_the_real_run_does(world, tmp_path):
    world.give("ingress", ("tcp", 9121, "10.0.0.0/16", "whole VPC"), ("tcp", 22, "198.51.100.7/32", "old"), owner="us")
    arguments = {
        **CONNECTION,
        "endpoint_url": world.proxy.url,
        "group_name": "redis-sg",
        "vpc_id": world.vpc,
        "owner": "us",
        "purge": "owned",
        "rules": [EXPORTER, {"ports": [22], "cidr_ip": ["198.51.100.7"], "rule_desc": "new"}],
    }
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [{"redisops.monitoring.ec2_security_group_rules": arguments}],
    }
    (tmp_path / "play.yml").write_text(json.dumps([play]))

    def lines(*options):
        command = [Path(sys.executable).with_name("ansible-playbook"), "--diff", *options, tmp_path / "play.yml"]
        command += ["-i", "localhost,", "-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return [line for line in run.stdout.splitlines() if line[:2] in ("+ ", "- ", "~ ")]

    foretold = lines("--check")
    assert foretold == [
        '~ ingress tcp/22 from 198.51.100.7/32 "old" -> "new"',
        '- ingress tcp/9121 from 10.0.0.0/16 "whole VPC"',
        f'+ ingress tcp/9121 from {world.prometheus} (prometheus-sg) "exporter"',
    ]
    assert lines() == foretold
    assert lines() == []
