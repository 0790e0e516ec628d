# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import inspect
import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.filter.core import FilterModule
from ansible_collections.redisops.monitoring.plugins.filter import scrape_targets as plugin
from ansible_collections.redisops.monitoring.plugins.filter.scrape_targets import scrape_targets

ROOT = Path(__file__).resolve().parents[4]
SAMPLE = json.loads((ROOT / "tests" / "unit" / "fixtures" / "ec2-hostvars-sample.json").read_text())
NODES = sorted(SAMPLE)


def eni(subnet="subnet-1", ipv6=(), primary=(), index=0):
    return {
        "subnet_id": subnet,
        "attachment": {"device_index": index},
        "ipv6_addresses": [{"ipv6_address": a, "is_primary_ipv6": a in primary} for a in ipv6],
    }


def ec2(**changed):
    """One instance as the inventory plugin gives it; None takes a variable away."""
    found = copy.deepcopy(SAMPLE["redis-node-1a"])
    found.update(changed)
    return {key: value for key, value in found.items() if value is not None}


def renamed(variables, prefix="", suffix=""):
    """As hostvars_prefix and hostvars_suffix do: ansible_host comes from compose and keeps its name."""
    return {key if key == "ansible_host" else f"{prefix}{key}{suffix}": value for key, value in variables.items()}


def one(variables, name="node", **options):
    """The only target and its labels."""
    [group] = scrape_targets([name], {name: variables}, **options)
    [target] = group["targets"]
    return target, group["labels"]


def complaint(hosts, hostvars, **options):
    with pytest.raises(AnsibleFilterError) as caught:
        scrape_targets(hosts, hostvars, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_the_sample_inventory():
    groups = scrape_targets(NODES, SAMPLE)
    assert [group["targets"] for group in groups] == [["10.0.1.102:9121"], ["10.0.2.27:9121"], ["10.0.3.205:9121"]]
    assert groups[1]["labels"] == {
        "availability_zone": "us-east-1b",
        "cluster": "redis-prod",
        "environment": "production",
        "instance_id": "i-2295e3d979c307647",
        "instance_type": "t3.medium",
        "role": "redis",
    }


# Addresses


@pytest.mark.parametrize(
    ("variables", "options", "target"),
    [
        (ec2(), {}, "10.0.1.102:9121"),
        (ec2(), {"port": 9100}, "10.0.1.102:9100"),
        (ec2(), {"port": "9100"}, "10.0.1.102:9100"),
        (ec2(public_ip_address="198.51.100.7"), {"address": "public"}, "198.51.100.7:9121"),
        (ec2(), {"address": "private_dns"}, "ip-10-0-1-102.ec2.internal:9121"),
        (ec2(public_dns_name="ec2-1.example.com"), {"address": "public_dns"}, "ec2-1.example.com:9121"),
        (ec2(ansible_host="bastion-view.example.com"), {"address": "ansible_host"}, "bastion-view.example.com:9121"),
        # IPv6, in brackets: the primary address, else the first.
        (ec2(network_interfaces=[eni(ipv6=["2001:db8::1"])]), {"address": "ipv6"}, "[2001:db8::1]:9121"),
        (
            ec2(network_interfaces=[eni(ipv6=["2001:db8::1"]), eni(ipv6=["2001:db8::2"], primary=["2001:db8::2"])]),
            {"address": "ipv6"},
            "[2001:db8::2]:9121",
        ),
        (ec2(ipv6_address="2001:DB8:0::5"), {"address": "ipv6"}, "[2001:db8::5]:9121"),
        (ec2(private_ip_address=None, network_interfaces=[eni(ipv6=["2001:db8::1"])]), {}, "[2001:db8::1]:9121"),
        (ec2(private_ip_address=None, network_interfaces=[eni(None, ipv6=["2001:db8::1"])]), {}, None),
        # Several interfaces: still one target.
        (ec2(network_interfaces=[eni("subnet-1"), eni("subnet-2", index=1)]), {}, "10.0.1.102:9121"),
        # What cannot be scraped.
        (ec2(private_ip_address=None), {}, None),
        (ec2(), {"address": "public"}, None),
        (ec2(public_dns_name=""), {"address": "public_dns"}, None),
        (ec2(), {"address": "ipv6"}, None),
        (ec2(ansible_host=None), {"address": "ansible_host"}, None),
        # Static hosts.
        ({"ansible_host": "10.9.0.1"}, {}, "10.9.0.1:9121"),
        ({}, {}, "node:9121"),
        ({"ansible_host": "redis-1"}, {}, "redis-1:9121"),
        ({"ansible_host": "1.redis.2b"}, {}, "1.redis.2b:9121"),
        ({"ansible_host": "2001:db8::9"}, {}, "[2001:db8::9]:9121"),
        ({"ansible_host": "[2001:db8::9]"}, {}, "[2001:db8::9]:9121"),
        ({"ansible_host": "redis_1.example.com."}, {}, "redis_1.example.com.:9121"),
        ({"ansible_host": "10.9.0.1"}, {"address": "public"}, "10.9.0.1:9121"),
        ({"ansible_host": "192.0.2.1", "private_ip_address": "10.9.0.1"}, {}, "10.9.0.1:9121"),
        ({"ansible_host": "10.9.0.1", "state": "stopped"}, {}, "10.9.0.1:9121"),
    ],
)
def test_address(variables, options, target):
    groups = scrape_targets(["node"], {"node": variables}, min_targets=0, **options)
    assert [group["targets"] for group in groups] == ([[target]] if target else [])


@pytest.mark.parametrize(
    ("state", "states", "scraped"),
    [
        ({"code": 16, "name": "running"}, None, True),
        ("running", None, True),
        ({"code": 80, "name": "stopped"}, None, False),
        ("stopped", None, False),
        ({"code": 48, "name": "terminated"}, None, False),  # may still have its private_ip_address
        ({"code": 0, "name": "pending"}, ["running", "pending"], True),
        ({"code": 80, "name": "stopped"}, "stopped", True),
        ({"code": 16, "name": "running"}, ["stopped"], False),
        (None, None, True),
    ],
)
def test_state(state, states, scraped):
    options = {} if states is None else {"states": states}
    assert len(scrape_targets(["node"], {"node": ec2(state=state)}, min_targets=0, **options)) == scraped


# Labels


@pytest.mark.parametrize(
    ("variables", "options", "labels"),
    [
        ({"tags": {"Cluster": "a"}}, {}, {"cluster": "a"}),
        # amazon.aws before 11.2, 11.2 and later, and one day.
        ({"tags": {"Cluster": "old"}, "ec2_tags": {"Cluster": "new"}}, {}, {"cluster": "new"}),
        ({"tags": None, "ec2_tags": {"Cluster": "new"}}, {}, {"cluster": "new"}),
        ({"tags": {}}, {}, {}),
        ({"tags": None}, {}, {}),
        ({"tags": {"Cluster": ""}}, {}, {}),
        # The default labels are a default.
        ({"tags": {"Cluster": "a", "Team": "b"}}, {"tag_labels": {"team": "Team"}}, {"team": "b"}),
        ({"tags": {"Cluster": "a"}}, {"tag_labels": {}}, {}),
        ({"tags": {"Cluster": "a"}}, {"tag_labels": {"monitoring_cluster": "Cluster"}}, {"monitoring_cluster": "a"}),
        # Name is what the host is called, with or without the tag.
        ({"tags": {"Name": "n1"}}, {"tag_labels": {"node": "Name"}}, {"node": "n1"}),
        ({"tags": {}}, {"tag_labels": {"node": "Name"}}, {"node": "node"}),
        # Tags by a list of keys: names are made of them.
        (
            {"tags": {"team/owner": "a", "kubernetes.io/cluster/a-b": "owned", "1digit": "d", "ünï": "u", "__x": "r"}},
            {"tag_labels": ["team/owner", "kubernetes.io/cluster/a-b", "1digit", "ünï", "__x"]},
            {"team_owner": "a", "kubernetes_io_cluster_a_b": "owned", "_1digit": "d", "_n_": "u", "_x": "r"},
        ),
        ({"tags": {"Team": "a"}}, {"tag_labels": ["Team", "Team"]}, {"Team": "a"}),
        # Labels of one's own win over tags; an empty one takes the label away.
        ({"tags": {"Cluster": "a", "Role": "b"}}, {"labels": {"cluster": "c", "role": ""}}, {"cluster": "c"}),
        ({"tags": {"Cluster": "a"}}, {"labels": {"cluster": None}}, {}),
        # Tags that look like labels of Prometheus' own touch nothing unless asked for by name.
        ({"tags": {"job": "x", "instance": "y", "__address__": "z", "Cluster": "a"}}, {}, {"cluster": "a"}),
        ({"tags": {"Name": "n1"}}, {"tag_labels": {"instance": "Name"}}, {"instance": "n1"}),
        # All values are strings.
        ({"tags": {"Cluster": True, "Role": 7}}, {}, {"cluster": "true", "role": "7"}),
        ({"tags": {}}, {"labels": {"a": False, "b": 7, "c": 1.5}}, {"a": "false", "b": "7", "c": "1.5"}),
        # Values pass through as they are.
        ({"tags": {"Cluster": 'a"b\\c\n'}}, {}, {"cluster": 'a"b\\c\n'}),
        ({"tags": {"Cluster": "{{ lookup('pipe', 'id') }}"}}, {}, {"cluster": "{{ lookup('pipe', 'id') }}"}),
        ({"tags": {"Cluster": "größe"}}, {}, {"cluster": "größe"}),
    ],
)
def test_labels(variables, options, labels):
    _target, found = one(ec2(**variables), **options)
    own = {"instance_id": "i-f1b29466c33c5f59f", "availability_zone": "us-east-1a", "instance_type": "t3.medium"}
    assert found == {**own, **labels}
    assert list(found) == sorted(found)


@pytest.mark.parametrize(
    ("variables", "options", "labels"),
    [
        ({}, {}, {}),
        ({"tags": {"Cluster": "a"}, "cluster": "b", "monitoring_cluster": "c"}, {}, {"cluster": "a"}),
        ({"cluster": "b", "monitoring_cluster": "c"}, {}, {"cluster": "b"}),
        ({"monitoring_cluster": "c"}, {}, {"cluster": "c"}),
        ({"cluster": {"a": "dictionary"}, "monitoring_cluster": "c"}, {}, {"cluster": "c"}),
        ({"cluster": ["a", "list"]}, {}, {}),
        ({"tags": ["a", "list"], "cluster": "b"}, {}, {"cluster": "b"}),
        ({"tags": {"Cluster": 0}}, {}, {"cluster": "0"}),
        ({"rack": 12}, {"tag_labels": {"rack": "Rack"}}, {"rack": "12"}),
        ({"spare": True}, {"tag_labels": {"spare": "Spare"}}, {"spare": "true"}),
        ({}, {"tag_labels": {"node": "Name"}}, {"node": "node"}),
        ({"node": "n1"}, {"tag_labels": {"node": "Name"}}, {"node": "n1"}),
        ({"instance_type": "a box"}, {}, {}),
    ],
)
def test_labels_of_a_static_host(variables, options, labels):
    assert one({"ansible_host": "10.9.0.1", **variables}, **options) == ("10.9.0.1:9121", labels)


@pytest.mark.parametrize(("prefix", "suffix"), [("aws_", ""), ("", "_ec2"), ("aws_", "_ec2"), ("", "_instance_id")])
@pytest.mark.parametrize("given", [True, False])
def test_prefix_and_suffix(prefix, suffix, given):
    hostvars = {name: renamed(SAMPLE[name], prefix, suffix) for name in NODES}
    options = {"hostvars_prefix": prefix, "hostvars_suffix": suffix} if given else {}
    for meta_labels in (False, True):
        assert scrape_targets(NODES, hostvars, meta_labels=meta_labels, **options) == scrape_targets(
            NODES, SAMPLE, meta_labels=meta_labels
        )


def test_prefix_of_a_part_of_the_inventory():
    hostvars = {
        "a": renamed(SAMPLE["redis-node-1a"], "aws_"),
        "b": {"ansible_host": "10.9.0.1", "tags": {"Cluster": "static"}, "private_ip_address": "10.9.0.2"},
        "c": SAMPLE["redis-node-1c"],
        "d": {"ansible_host": "10.9.0.4", "my_instance_id": "not of AWS"},
    }
    groups = {group["targets"][0]: group["labels"] for group in scrape_targets(list("abcd"), hostvars)}
    assert sorted(groups) == ["10.0.1.102:9121", "10.0.3.205:9121", "10.9.0.2:9121", "10.9.0.4:9121"]
    assert groups["10.0.1.102:9121"]["instance_id"] == "i-f1b29466c33c5f59f"
    assert groups["10.9.0.2:9121"] == {"cluster": "static"}
    assert groups["10.9.0.4:9121"] == {}
    assert scrape_targets(list("dcba"), hostvars) == scrape_targets(list("abcd"), hostvars)


def test_given_prefix_is_not_guessed_around():
    _target, labels = one(renamed(ec2(), "aws_"), hostvars_prefix="other_")
    assert labels == {}


# Meta labels


def test_meta_labels_are_those_of_ec2_sd_configs():
    variables = ec2(
        instance_lifecycle="spot",
        public_ip_address="198.51.100.7",
        public_dns_name="ec2-1.example.com",
        placement={"availability_zone": "us-east-1a", "availability_zone_id": "use1-az1", "region": "us-east-1"},
        network_interfaces=[
            eni("subnet-1", ipv6=["2001:db8::1"]),
            eni("subnet-1", index=1),
            eni("subnet-2", ipv6=["2001:db8::2", "2001:db8::3"], primary=["2001:db8::3"], index=2),
            eni(None, ipv6=["2001:db8::4"]),
        ],
        tags={"Name": "n1", "team/owner": "a", "a-b": "first", "a_b": "second", "Spare": True},
    )
    _target, labels = one(variables, tag_labels={}, meta_labels=True)
    assert {label[11:]: value for label, value in labels.items() if label.startswith("__meta_ec2_")} == {
        "ami": "ami-03cf127a",
        "architecture": "x86_64",
        "availability_zone": "us-east-1a",
        "availability_zone_id": "use1-az1",
        "default_ipv6_address": "2001:db8::3",
        "instance_id": "i-f1b29466c33c5f59f",
        "instance_lifecycle": "spot",
        "instance_state": "running",
        "instance_type": "t3.medium",
        "ipv6_addresses": ",2001:db8::1,2001:db8::2,2001:db8::3,",
        "owner_id": "123456789012",
        "platform": "windows",
        "primary_ipv6_addresses": ",,,2001:db8::3,",
        "primary_subnet_id": "subnet-709fcf5cf85f35d23",
        "private_dns_name": "ip-10-0-1-102.ec2.internal",
        "private_ip": "10.0.1.102",
        "public_dns_name": "ec2-1.example.com",
        "public_ip": "198.51.100.7",
        "region": "us-east-1",
        "subnet_id": ",subnet-1,subnet-2,",
        "tag_Name": "n1",
        "tag_Spare": "true",
        "tag_a_b": "first",
        "tag_team_owner": "a",
        "vpc_id": "vpc-a7acfd7dc64c4df68",
    }
    assert labels["instance_type"] == "t3.medium"  # the plain labels stay


def test_meta_labels_leave_out_what_an_instance_lacks():
    _target, labels = one(ec2(platform=None, placement=None, network_interfaces=None, tags=None), meta_labels=True)
    assert not {label for label in labels if "ipv6" in label or "public" in label or "tag_" in label}
    assert not {label for label in labels if label.endswith(("platform", "region", "__meta_ec2_subnet_id"))}
    assert one({}, meta_labels=True) == ("node:9121", {})


# The result as a whole


def mixed(count=40):
    """Hosts in three label sets, and some that have their own."""
    hostvars = {f"static{n}": {"ansible_host": f"10.1.{n % 3}.{n}", "cluster": f"c{n % 3}"} for n in range(count)}
    for n in range(count):
        hostvars[f"ec2-{n}"] = ec2(instance_id=f"i-{n}", private_ip_address=f"10.2.0.{n}", tags={"Name": f"n{n}"})
    return hostvars


def test_hosts_with_the_same_labels_are_one_group():
    hostvars = {f"h{n}": {"cluster": "a", "ansible_host": f"10.0.0.{n}"} for n in (10, 9, 1)}
    groups = scrape_targets(list(hostvars), hostvars)
    assert groups == [{"targets": ["10.0.0.1:9121", "10.0.0.9:9121", "10.0.0.10:9121"], "labels": {"cluster": "a"}}]


def test_order_of_the_hosts_does_not_matter():
    hostvars = mixed()
    names = list(hostvars)
    expected = json.dumps(scrape_targets(names, hostvars))
    shuffled = random.Random(1)
    for _turn in range(5):
        shuffled.shuffle(names)
        assert json.dumps(scrape_targets(names, hostvars)) == expected


def test_yaml_and_json_bring_it_back():
    hostvars = mixed()
    odd = {"Cluster": 'a"b\\c\n{{ x }}: #', "Role": "no", "Environment": "1e3"}
    hostvars["odd"] = ec2(private_ip_address="10.3.0.1", tags=odd)
    groups = scrape_targets(list(hostvars), hostvars, meta_labels=True)
    assert yaml.safe_load(FilterModule().filters()["to_nice_yaml"](groups)) == groups
    assert json.loads(json.dumps(groups)) == groups


def test_every_target_once_and_no_input_changed():
    hostvars = mixed()
    before = copy.deepcopy(hostvars)
    targets = [target for group in scrape_targets([*hostvars, *hostvars], hostvars) for target in group["targets"]]
    assert len(targets) == len(set(targets)) == len(hostvars)
    assert hostvars == before


def test_hosts_may_be_any_iterable():
    assert scrape_targets((name for name in NODES), SAMPLE) == scrape_targets(NODES, SAMPLE)


def test_each_host_is_read_once():
    class Counting(Mapping):
        read = []

        def __getitem__(self, name):
            self.read.append(name)
            return SAMPLE[name]

        def __contains__(self, name):
            return name in SAMPLE

        def __iter__(self):
            raise AssertionError("went through all hosts")

        def __len__(self):
            return len(SAMPLE)

    scrape_targets(NODES, Counting(), meta_labels=True)
    assert Counting.read == NODES


# Errors: one line that names the host, the thing, the cause and the cure


@pytest.mark.parametrize("hosts", [[], (), iter([])])
def test_no_hosts(hosts):
    message = complaint(hosts, {})
    for word in ("no hosts to scrape", "inventory plugin that failed", "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED=1"):
        assert word in message


def test_no_hosts_by_choice():
    assert scrape_targets([], {}, min_targets=0) == []


def test_too_few_targets_says_why_each_is_missing():
    hostvars = {"up": ec2(), "off": ec2(state="stopped"), "new": ec2(private_ip_address=None)}
    message = complaint(list(hostvars), hostvars, min_targets=2)
    assert "1 of 3 hosts can be scraped, fewer than min_targets=2" in message
    assert "off is stopped" in message
    assert "new has no private_ip_address" in message
    assert "states (now running)" in message


def test_too_few_targets_does_not_list_hundreds():
    hostvars = {f"h{n}": ec2(state="stopped") for n in range(300)}
    message = complaint(list(hostvars), hostvars)
    assert message.count("is stopped") == 5
    assert "and 295 more" in message


def test_one_instance_with_two_names_is_one_target():
    """Two inventories, or one with other hostnames than the last."""
    hostvars = {"node": ec2(tags={}), "node_i-f1b29466c33c5f59f": ec2(tags={}), "i-f1b29466c33c5f59f": ec2(tags={})}
    for names in (list(hostvars), list(hostvars)[::-1]):
        [group] = scrape_targets(names, hostvars, tag_labels={"node": "Name"})
        assert group["targets"] == ["10.0.1.102:9121"]
        assert group["labels"]["node"] == "i-f1b29466c33c5f59f"
    assert "1 of 3 hosts" in complaint(list(hostvars), hostvars, min_targets=2)
    other = {"a": ec2(), "b": ec2(instance_id="i-2")}
    assert "both have the address" in complaint(["a", "b"], other)


def test_two_hosts_with_one_address():
    hostvars = {"a": ec2(), "b": {"ansible_host": "10.0.1.102"}}
    message = complaint(["a", "b"], hostvars)
    assert "the hosts a and b both have the address 10.0.1.102:9121" in message
    complaint(["a", "b"], {"a": {"ansible_host": "Redis.example.com"}, "b": {"ansible_host": "redis.example.com"}})
    complaint(["a", "b"], {"a": {"ansible_host": "2001:db8::1"}, "b": {"ansible_host": "2001:DB8:0::1"}})


def test_two_hosts_with_one_instance_label():
    hostvars = {"a": ec2(), "b": {"ansible_host": "10.9.0.1"}}
    message = complaint(["a", "b"], hostvars, labels={"instance": "x"})
    assert "the hosts a and b would both have the label instance='x'" in message
    assert one(ec2(), labels={"instance": "x"})[1]["instance"] == "x"
    # The label that Prometheus makes counts as well.
    hostvars["b"] = ec2(private_ip_address="10.9.0.1", tags={"I": "10.0.1.102:9121"})
    assert "a and b" in complaint(["a", "b"], hostvars, tag_labels={"instance": "I"})


@pytest.mark.parametrize("option", ["labels", "tag_labels"])
@pytest.mark.parametrize("label", ["__x", "__address__", "1abc", "a-b", "", "a b", "ünï", "job", 7, None])
def test_label_names_that_prometheus_refuses(option, label):
    message = complaint(["node"], {"node": ec2()}, **{option: {label: "Cluster"}})
    assert option in message
    assert str(label) in message


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tag_labels": ["team-a", "team.a"]}, ["'team-a'", "'team.a'", "the label team_a", "{label: tag}"]),
        ({"tag_labels": ["job"]}, ["'job'", "{label: tag}"]),
        ({"tag_labels": ["instance"]}, ["'instance'"]),
        ({"tag_labels": ["___"]}, ["'___'"]),
        ({"tag_labels": [""]}, ["tag key ''"]),
        ({"tag_labels": [7]}, ["tag key 7"]),
        ({"tag_labels": {"cluster": ""}}, ["tag key ''"]),
        ({"tag_labels": {"cluster": ["Cluster"]}}, ["tag key ['Cluster']"]),
        ({"tag_labels": "Cluster"}, ["tag_labels is of type str"]),
        ({"labels": ["cluster"]}, ["labels is of type list"]),
        ({"labels": {"cluster": ["a"]}}, ["of type list for cluster"]),
        ({"port": 0}, ["port is 0", "1 to 65535"]),
        ({"port": 65536}, ["port is 65536"]),
        ({"port": "http"}, ["port is 'http'"]),
        ({"port": {"redis": 9121}}, ["port is {'redis': 9121}"]),
        ({"port": True}, ["port is True"]),
        ({"port": 9121.0}, ["port is 9121.0"]),
        ({"min_targets": -1}, ["min_targets is -1", "0 or more"]),
        ({"min_targets": None}, ["min_targets is None"]),
        ({"address": "nearest"}, ["address is 'nearest'", "private_dns"]),
        ({"states": ["runing"]}, ["'runing'", "running"]),
        ({"states": []}, ["states is []"]),
        ({"states": None}, ["states is None"]),
        ({"hostvars_prefix": 1}, ["hostvars_prefix is of type int"]),
        ({"hostvars_suffix": None}, ["hostvars_suffix is of type NoneType"]),
        ({"meta_labels": "no"}, ["meta_labels is 'no'"]),
    ],
)
def test_bad_options(options, words):
    message = complaint(["node"], {"node": ec2()}, **options)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ansible_host": "10.0.0.1:22"}, ["node", "'10.0.0.1:22'", "set ansible_host"]),
        ({"ansible_host": "{{ undefined }}"}, ["node", "{{ undefined }}"]),
        ({"ansible_host": "-x.example.com"}, ["'-x.example.com'"]),
        ({"ansible_host": ["10.0.0.1"]}, ["['10.0.0.1']"]),
        ({"ansible_host": "10.0.0.300"}, ["'10.0.0.300'"]),
        ({"ansible_host": "10.0.0"}, ["'10.0.0'"]),
        ({"ansible_host": "10.0.0.01"}, ["'10.0.0.01'"]),
        ({"ansible_host": "2001:db8::g"}, ["'2001:db8::g'"]),
        ({"ansible_host": "redis..example.com"}, ["'redis..example.com'"]),
        ({"ansible_host": "10.0.0.1\n"}, ["'10.0.0.1\\n'"]),
        (ec2(tags=[{"Key": "a", "Value": "b"}]), ["node", "tags of type list"]),
        (ec2(ec2_tags="x"), ["node", "ec2_tags of type str"]),
        (ec2(placement="us-east-1a"), ["node", "placement of type str"]),
        (ec2(tags={"Cluster": ["a"]}), ["node", "type list", "the label cluster"]),
    ],
)
def test_bad_host_variables(variables, words):
    message = complaint(["node"], {"node": variables})
    assert all(word in message for word in words), message


@pytest.mark.parametrize("hosts", ["redis", {"a": 1}, None, 7, [7], [["a"]], [None]])
def test_bad_hosts(hosts):
    assert "groups['redis']" in complaint(hosts, {"a": ec2()})


def test_host_that_the_inventory_lacks():
    message = complaint([*NODES, "redis-node-1d"], SAMPLE)
    assert "the host redis-node-1d is not in hostvars" in message


def test_bad_hostvars():
    assert "`hostvars`" in complaint(NODES, NODES)


def test_hosts_left_out_are_reported(monkeypatch):
    said = []
    monkeypatch.setattr(plugin.display, "warning", lambda text: said.append(("warning", text)))
    monkeypatch.setattr(plugin.display, "vv", lambda text: said.append(("vv", text)))
    hostvars = {"up": ec2(), "off": ec2(state="stopped"), "new": ec2(private_ip_address=None)}
    scrape_targets(list(hostvars), hostvars)
    assert said == [
        ("warning", "scrape_targets leaves out a host: new has no private_ip_address"),
        ("vv", "scrape_targets leaves out a host: off is stopped"),
    ]


# Through Ansible itself


def test_strings_are_plain():
    """Ansible's own carry where they come from, which other YAML dumpers than Ansible's refuse."""
    hostvars = DataLoader().load(json.dumps({**SAMPLE, "static": {"cluster": "a", "ansible_host": "10.9.0.1"}}))
    options = DataLoader().load(json.dumps({"labels": {"team": "storage"}, "tag_labels": {"cluster": "Cluster"}}))
    groups, *_left_out = plugin._scrape_targets.scrape_targets(list(hostvars), hostvars, meta_labels=True, **options)
    for group in groups:
        assert {type(text) for text in [*group["targets"], *group["labels"], *group["labels"].values()]} == {str}
    assert yaml.safe_load(yaml.safe_dump(groups)) == groups


PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  vars:
    targets: "{{ groups['redis'] | redisops.monitoring.scrape_targets(hostvars, labels={'team': team}) }}"
  tasks:
    - ansible.builtin.set_fact:
        stored: "{{ targets }}"
    - ansible.builtin.copy:
        content: "{{ stored | to_nice_yaml }}"
        dest: "{{ playbook_dir }}/targets.yml"
        mode: "0600"
    - ansible.builtin.copy:
        content: "{{ targets | to_json }}"
        dest: "{{ playbook_dir }}/targets.json"
        mode: "0600"
"""
INVENTORY = """
redis:
  hosts:
    templated: {ansible_host: "10.0.0.{{ number }}", number: 7, monitoring_cluster: "{{ 'c' ~ number }}"}
    hostile: {ansible_host: 10.0.0.8, tags: {Cluster: !unsafe "{{ 7 * 6 }}"}}
  vars: {team: storage}
all:
  vars: {team: storage}
"""


def run_ansible(directory, *arguments):
    return subprocess.run(
        [Path(sys.executable).with_name(arguments[0]), *arguments[1:]],
        cwd=directory,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LOCALHOST_WARNING": "false"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_in_a_playbook(tmp_path):
    (tmp_path / "ec2.yml").write_text(yaml.safe_dump({"redis": {"hosts": SAMPLE}}))
    (tmp_path / "static.yml").write_text(INVENTORY)
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    result = run_ansible(tmp_path, "ansible-playbook", "-i", "ec2.yml", "-i", "static.yml", "play.yml")
    assert result.returncode == 0, result.stdout + result.stderr

    groups = yaml.safe_load((tmp_path / "targets.yml").read_text())
    assert groups == json.loads((tmp_path / "targets.json").read_text())
    # A tag is written by anybody who may tag an instance: it never becomes a template.
    assert groups[:2] == [
        {"targets": ["10.0.0.7:9121"], "labels": {"cluster": "c7", "team": "storage"}},
        {"targets": ["10.0.0.8:9121"], "labels": {"cluster": "{{ 7 * 6 }}", "team": "storage"}},
    ]
    assert groups[2:] == scrape_targets(NODES, SAMPLE, labels={"team": "storage"})


def test_an_empty_group_stops_the_play(tmp_path):
    (tmp_path / "hosts.yml").write_text("redis: {hosts: {}}\n")
    message = "msg={{ groups['redis'] | redisops.monitoring.scrape_targets(hostvars) }}"
    result = run_ansible(
        tmp_path, "ansible", "-i", "hosts.yml", "localhost", "-m", "ansible.builtin.debug", "-a", message
    )
    assert result.returncode != 0
    assert "scrape_targets: no hosts to scrape" in result.stderr + result.stdout


def test_documentation_has_the_options_of_the_code():
    documented = yaml.safe_load((ROOT / "plugins" / "filter" / "scrape_targets.yml").read_text())["DOCUMENTATION"][
        "options"
    ]
    code = inspect.signature(plugin._scrape_targets.scrape_targets).parameters
    assert list(documented) == ["_input", *list(code)[1:]]
    for name, parameter in list(code.items())[2:]:
        default = {
            "labels": {},
            "ports": {},
            "tag_labels": plugin._scrape_targets.TAG_LABELS,
            "states": ["running"],
        }.get(name, parameter.default)
        assert documented[name]["default"] == default
    assert list(documented["address"]["choices"]) == list(plugin._scrape_targets.ADDRESSES)
    assert tuple(documented["states"]["choices"]) == plugin._scrape_targets.STATES


# Names that tell nodes apart


def nodes_of(hostvars, **options):
    groups = scrape_targets(sorted(hostvars), hostvars, tag_labels={"node": "Name", "cluster": "Cluster"}, **options)
    return {group["targets"][0].partition(":")[0]: group["labels"].get("node") for group in groups}


def test_instances_of_one_name_are_told_apart_by_the_name_of_the_inventory():
    """Two instances of an Auto Scaling group: with one label, the alert of one would mute the other's."""
    hostvars = {
        "redis_i-1": ec2(instance_id="i-1", private_ip_address="10.0.0.1", tags={"Name": "redis"}),
        "redis_i-2": ec2(instance_id="i-2", private_ip_address="10.0.0.2", tags={"Name": "redis"}),
        "other_i-3": ec2(instance_id="i-3", private_ip_address="10.0.0.3", tags={"Name": "other"}),
    }
    assert nodes_of(hostvars) == {"10.0.0.1": "redis_i-1", "10.0.0.2": "redis_i-2", "10.0.0.3": "other"}


def test_nodes_of_two_clusters_may_have_one_name():
    hostvars = {
        f"host-{n}": ec2(
            instance_id=f"i-{n}", private_ip_address=f"10.0.0.{n}", tags={"Name": "redis", "Cluster": f"c{n}"}
        )
        for n in (1, 2)
    }
    assert nodes_of(hostvars) == {"10.0.0.1": "redis", "10.0.0.2": "redis"}


@pytest.mark.parametrize("name", ["", "  ", None])
def test_an_empty_name_is_the_name_of_the_inventory(name):
    hostvars = {"i-1": ec2(instance_id="i-1", private_ip_address="10.0.0.1", tags={"Name": name})}
    assert nodes_of(hostvars) == {"10.0.0.1": "i-1"}


def test_hosts_without_ec2_that_share_a_node_are_told_apart():
    hostvars = {f"host-{n}": {"ansible_host": f"192.0.2.{n}", "node": "redis"} for n in (1, 2)}
    assert nodes_of(hostvars) == {"192.0.2.1": "host-1", "192.0.2.2": "host-2"}


def test_a_label_that_is_given_stays():
    hostvars = {f"host-{n}": {"ansible_host": f"192.0.2.{n}"} for n in (1, 2)}
    assert nodes_of(hostvars, labels={"node": "pair"}) == {"192.0.2.1": "pair"}  # one group: both targets are alike


def nodes(tags, **options):
    """The label node of each host, by its name in the inventory."""
    hostvars = {
        name: ec2(instance_id=f"i-{n}", private_ip_address=f"10.2.0.{n}", tags=one)
        for n, (name, one) in enumerate(tags.items())
    }
    groups = scrape_targets(
        list(hostvars), hostvars, **{"tag_labels": {"cluster": "Cluster", "node": "Name"}, **options}
    )
    found = {target: group["labels"].get("node") for group in groups for target in group["targets"]}
    return {name: found[f"10.2.0.{n}:9121"] for n, name in enumerate(hostvars)}


def test_the_name_that_a_host_gets_instead_is_not_the_tag_of_another():
    assert nodes({"a": {"Name": "x"}, "b": {"Name": "x"}, "c": {"Name": "a"}}) == {"a": "a", "b": "b", "c": "c"}


def test_names_of_two_clusters_or_that_differ_in_case_stay():
    assert nodes(
        {"a": {"Name": "x", "Cluster": "1"}, "b": {"Name": "x", "Cluster": "2"}, "c": {"Name": "X", "Cluster": "1"}}
    ) == {"a": "x", "b": "x", "c": "X"}


def test_a_node_that_is_named_by_another_tag_is_told_apart_as_well():
    tags = {"a": {"Host": "x"}, "b": {"Host": "x"}, "c": {"Host": " "}, "d": {}, "e": {"Host": "y"}}
    assert nodes(tags, tag_labels={"node": "Host"}) == {"a": "a", "b": "b", "c": "c", "d": "d", "e": "y"}


def test_an_instance_without_the_tag_is_of_the_cluster_of_its_variables():
    hosts = {"monitoring_cluster": "c", "monitoring_environment": "e"}
    for tags in ({}, {"Cluster": "", "Environment": " "}):
        dummy, labels = one(ec2(tags=tags, **hosts))
        assert (labels["cluster"], labels["environment"]) == ("c", "e")
    assert one(ec2(tags={"Cluster": "other"}, **hosts))[1]["cluster"] == "other"
