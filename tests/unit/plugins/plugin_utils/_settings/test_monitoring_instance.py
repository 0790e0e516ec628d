# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role monitoring_instance refuses by what it finds in AWS, what it makes, and what it says about drift."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import monitoring_instance

OURS = {"redis-monitoring:owner": "redisops"}
SETTINGS = {
    "monitoring_cluster": "redis-prod",
    "monitoring_security_group": "prometheus-sg",
    "monitoring_instance_subnet": "subnet-a",
    "monitoring_instance_profile": "redis-prod-monitoring",
}
SUBNET = {"subnet_id": "subnet-1", "vpc_id": "vpc-1", "map_public_ip_on_launch": False}
GROUP = {"group_id": "sg-1", "group_name": "prometheus-sg", "vpc_id": "vpc-1"}
INSTANCE = {
    "instance_id": "i-1",
    "instance_type": "t3.small",
    "subnet_id": "subnet-1",
    "image_id": "ami-1",
    "key_name": "key",
    "private_ip_address": "10.0.0.9",
    "root_device_name": "/dev/sda1",
    "security_groups": [{"group_id": "sg-1"}],
    "network_interfaces": [{"network_interface_id": "eni-1"}],
    "tags": OURS,
}
ROOT = {"id": "vol-1", "size": 20, "type": "gp3", "encrypted": True, "attachment_set": [{"device": "/dev/sda1"}]}
SKIPPED = {"skipped": True}


def found(**changed):
    """An account without monitoring instance, where all that the settings name is there once."""
    given = {
        "instances": {"instances": []},
        "vpcs": SKIPPED,
        "subnets": {"subnets": [SUBNET]},
        "groups": {"security_groups": [GROUP]},
        "keys": SKIPPED,
        "profiles": SKIPPED,
        "roles": SKIPPED,
    }
    return {**given, **changed}


@pytest.fixture
def plan(read, host):
    def run(changed=None, **there):
        s = read("monitoring_instance", {**SETTINGS, **(changed or {})})
        return monitoring_instance.plan(s, host(), found(**there))

    return run


def test_all_is_there(plan):
    made = plan()
    assert made == {
        "problems": [],
        "instance_id": "",
        "vpc_id": "vpc-1",
        "group_id": "sg-1",
        "interface": {"device_index": 0, "subnet_id": "subnet-1", "assign_public_ip": False},
        "image_parameter": "/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id",
        "volume": {
            "device_name": "/dev/sda1",
            "ebs": {"volume_type": "gp3", "volume_size": 20, "encrypted": True, "delete_on_termination": True},
        },
        "tags": {
            "Role": "monitoring",
            "Cluster": "redis-prod",
            "Environment": "production",
            "redis-monitoring:owner": "redisops",
        },
    }


def test_what_is_asked_for_more(plan):
    made = plan(
        {
            "monitoring_instance_private_ip": "10.0.0.9",
            "monitoring_instance_public_ip": "yes",
            "monitoring_instance_volume_size": "50",
            "monitoring_instance_kms_key_id": "key-1",
            "monitoring_instance_tags": {"Team": "data", "Role": "never"},
        }
    )
    assert made["interface"]["private_ip_address"] == "10.0.0.9"
    assert made["interface"]["assign_public_ip"] is True
    assert made["volume"]["ebs"]["volume_size"] == 50
    assert made["volume"]["ebs"]["kms_key_id"] == "key-1"
    assert (made["tags"]["Team"], made["tags"]["Role"]) == ("data", "monitoring")


def test_a_group_of_that_name_in_another_vpc_is_not_meant(plan):
    assert plan(groups={"security_groups": [{**GROUP, "vpc_id": "vpc-2"}]})["group_id"] == ""


@pytest.mark.parametrize(
    ("changed", "there", "says"),
    [
        ({"monitoring_instance_subnet": ""}, {}, "monitoring_instance_subnet is empty: give the name"),
        ({"monitoring_security_group": ""}, {}, "monitoring_security_group is empty: name the group"),
        (
            {"monitoring_admin_cidrs": ["0.0.0.0/0"]},
            {},
            "monitoring_admin_cidrs: 0.0.0.0/0 is the world, or a good part of it; name the networks that need it",
        ),
        (
            {"monitoring_vpc": "redis-vpc"},
            {"vpcs": {"failed": False, "msg": "denied"}},
            "the VPCs could not be looked up (denied): are there the rights ec2:DescribeVpcs",
        ),
        (
            {"monitoring_vpc": "redis-vpc"},
            {"vpcs": {"vpcs": []}},
            "no VPC is named redis-vpc: correct monitoring_vpc or the region, or give an ID",
        ),
        (
            {"monitoring_vpc": "redis-vpc"},
            {"vpcs": {"vpcs": [{"vpc_id": "vpc-1"}, {"vpc_id": "vpc-2"}]}},
            "2 VPCs are named redis-vpc (vpc-1, vpc-2): give monitoring_vpc as an ID",
        ),
        (
            {"monitoring_vpc": "redis-vpc"},
            {"vpcs": {"vpcs": [{"vpc_id": "vpc-1"}]}, "subnets": {"subnets": []}},
            "no subnet subnet-a in redis-vpc: give the name or ID of one in monitoring_instance_subnet",
        ),
        ({}, {"subnets": {"subnets": []}}, "no subnet subnet-a: give the name"),
        (
            {},
            {"subnets": {"subnets": [SUBNET, {**SUBNET, "subnet_id": "subnet-2", "vpc_id": "vpc-2"}]}},
            "2 subnets are named subnet-a (subnet-1 in vpc-1, subnet-2 in vpc-2): give monitoring_instance_subnet as",
        ),
        (
            {},
            {"groups": {"msg": "denied"}},
            "the security groups could not be looked up (denied): is there the right ec2:DescribeSecurityGroups?",
        ),
        (
            {"monitoring_security_group": "sg-0123"},
            {"groups": {"security_groups": []}},
            "no security group sg-0123 in the VPC of subnet-a: correct the ID, or give a name",
        ),
        (
            {"monitoring_instance_key_name": "kye"},
            {"keys": {"keypairs": []}},
            "no key pair kye in this region: correct monitoring_instance_key_name, or leave it empty for none",
        ),
        (
            {},
            {"instances": {"instances": [INSTANCE, {**INSTANCE, "instance_id": "i-2"}]}},
            "2 instances are named prometheus-grafana in the cluster redis-prod (i-1, i-2): end or rename all but one",
        ),
        (
            {},
            {"instances": {"instances": [{**INSTANCE, "tags": {"redis-monitoring:owner": "other"}}]}},
            "i-1 is named prometheus-grafana and is not ours: hand it over with the tag"
            " redis-monitoring:owner=redisops, or choose another monitoring_instance_name",
        ),
        ({}, {"instances": {"instances": [{**INSTANCE, "tags": {}}]}}, "i-1 is named prometheus-grafana and is not"),
        (
            {},
            {"subnets": {"subnets": [{**SUBNET, "map_public_ip_on_launch": True}]}},
            "the subnet subnet-a gives every instance a public address: set monitoring_instance_public_ip to true",
        ),
        (
            {"monitoring_instance_address": "public"},
            {},
            "monitoring_instance_address is public and there is no public address: set monitoring_instance_public_ip",
        ),
        (
            {"monitoring_instance_address": "public"},
            {"instances": {"instances": [{**INSTANCE, "public_ip_address": None}]}},
            "monitoring_instance_address is public and there is no public address",
        ),
        (
            {},
            {"profiles": {"iam_instance_profiles": [{"tags": {}}]}},
            "instance profile redis-prod-monitoring exists without the tag redis-monitoring:owner=redisops: choose",
        ),
        (
            {},
            {"roles": {"iam_roles": [{}]}},
            "IAM role redis-prod-monitoring exists without the tag redis-monitoring:owner=redisops: choose another",
        ),
    ],
)
def test_what_stops_it(plan, changed, there, says):
    [problem] = plan(changed, **there)["problems"]
    assert problem.startswith(says)


@pytest.mark.parametrize(
    ("changed", "there"),
    [
        ({"monitoring_vpc": "vpc-1"}, {}),
        (
            {"monitoring_instance_public_ip": True},
            {"subnets": {"subnets": [{**SUBNET, "map_public_ip_on_launch": True}]}},
        ),
        # The subnet says what a new instance would get, not what this one has.
        (
            {},
            {
                "instances": {"instances": [INSTANCE]},
                "subnets": {"subnets": [{**SUBNET, "map_public_ip_on_launch": True}]},
            },
        ),
        (
            {"monitoring_instance_address": "public"},
            {"instances": {"instances": [{**INSTANCE, "public_ip_address": "198.51.100.7"}]}},
        ),
        ({"monitoring_instance_address": "public", "monitoring_instance_public_ip": True}, {}),
        ({}, {"profiles": {"iam_instance_profiles": [{"tags": OURS}]}, "roles": {"iam_roles": [{"tags": OURS}]}}),
        ({"monitoring_admin_cidrs": "auto, 198.51.100.0/24"}, {}),
        ({}, {"keys": {"failed": False, "msg": "not allowed to ask"}}),
    ],
)
def test_what_does_not(plan, changed, there):
    assert plan(changed, **there)["problems"] == []


def test_everything_is_told_at_once(plan):
    wrong = {"monitoring_security_group": "", "monitoring_vpc": "no-vpc", "monitoring_instance_address": "public"}
    told = plan(wrong, vpcs={"vpcs": []}, subnets={"subnets": []}, groups={"security_groups": []})["problems"]
    assert [line.split(":")[0] for line in told] == [
        "monitoring_security_group is empty",
        "no VPC is named no-vpc",
        "monitoring_instance_address is public and there is no public address",
    ]


@pytest.fixture
def outcome(read, host):
    def run(changed=None, volumes=(ROOT,), group_id="sg-1", on=None, **instance):
        s = read("monitoring_instance", {**SETTINGS, **(changed or {})})
        now = {**INSTANCE, **instance} if instance.get("instance_id", "i-1") else {}
        there = {"instance": now, "volumes": {"volumes": list(volumes)}, "subnet_id": "subnet-1", "group_id": group_id}
        return monitoring_instance.outcome(s, on or host(), there)

    return run


def test_nothing_to_say(outcome):
    found = outcome()
    assert found.pop("no_ssh").startswith("No SSH on 10.0.0.9:22 after 300 seconds: let this machine in by")
    assert found == {"problems": [], "warnings": [], "address": "10.0.0.9", "in_inventory": False}


def test_check_mode_has_no_instance(outcome):
    wanted = {"monitoring_instance_type": "t4g.nano"}
    [warning] = outcome(wanted, instance_id="")["warnings"]
    assert warning.startswith("monitoring_instance_type t4g.nano has 0.5 GiB of memory: Prometheus with Grafana needs")


GROW = "aws ec2 modify-volume --volume-id vol-1"


@pytest.mark.parametrize(
    ("changed", "there", "says"),
    [
        (
            {},
            {"instance_type": "t3.large"},
            "type is t3.large, wanted t3.small: run again with monitoring_instance_change_type=true, which stops and",
        ),
        (
            {"monitoring_instance_volume_size": 50},
            {},
            f"root volume vol-1 has 20 GiB, wanted 50: {GROW} --size 50, then growpart and resize2fs on the host (or a"
            " reboot). Until then keep monitoring_instance_volume_size at 20, or retention is sized to a disk that",
        ),
        (
            {"monitoring_instance_volume_size": 8},
            {},
            "root volume vol-1 has 20 GiB, wanted 8: volumes do not shrink, set monitoring_instance_volume_size to",
        ),
        (
            {"monitoring_instance_root_device": "/dev/xvda"},
            {},
            "its root device is /dev/sda1, so what was meant for the root volume is a second one: set"
            " monitoring_instance_root_device=/dev/sda1; teardown.yml, then provision.yml",
        ),
        ({}, {"volumes": [{**ROOT, "encrypted": False}]}, "root volume vol-1 is not encrypted: only a new instance"),
        ({}, {"volumes": [{**ROOT, "type": "gp2"}]}, f"root volume vol-1 is gp2: {GROW} --volume-type gp3"),
        ({}, {"subnet_id": "subnet-2"}, "it is in subnet-2, wanted subnet-1: an instance cannot move; teardown.yml"),
        (
            {"monitoring_instance_public_ip": True},
            {"public_ip_address": None},
            "it has no public address and monitoring_instance_public_ip wants one: aws ec2"
            " modify-network-interface-attribute --network-interface-id eni-1 --associate-public-ip-address, or an",
        ),
        (
            {},
            {"public_ip_address": "198.51.100.7"},
            "it has the public address 198.51.100.7 and monitoring_instance_public_ip is false: aws ec2"
            " modify-network-interface-attribute --network-interface-id eni-1 --no-associate-public-ip-address, or set",
        ),
        ({"monitoring_instance_image_id": "ami-2"}, {}, "its image is ami-1, wanted ami-2: only a new instance has"),
        (
            {"monitoring_instance_private_ip": "10.0.0.8"},
            {},
            "its private address is 10.0.0.9, wanted 10.0.0.8: only a new instance has another; teardown.yml",
        ),
        (
            {},
            {"group_id": "sg-2"},
            "it is not in the security group prometheus-sg: aws ec2 modify-instance-attribute --instance-id i-1"
            " --groups sg-1 sg-2",
        ),
        ({"monitoring_instance_key_name": "other"}, {}, "its key pair is key, wanted other: keys are set at launch;"),
        ({"monitoring_instance_key_name": "other"}, {"key_name": None}, "its key pair is none, wanted other: keys are"),
    ],
)
def test_drift(outcome, changed, there, says):
    [warning] = outcome(changed, **there)["warnings"]
    assert warning.startswith(f"prometheus-grafana: {says}")


def test_a_type_that_is_changed_is_no_drift(outcome):
    assert outcome({"monitoring_instance_change_type": True}, instance_type="t3.large")["warnings"] == []


def test_a_volume_that_is_not_the_root_does_not_count(outcome):
    data = {**ROOT, "id": "vol-2", "size": 100, "encrypted": False, "attachment_set": [{"device": "/dev/sdf"}]}
    assert outcome(volumes=[data, ROOT])["warnings"] == []
    assert outcome(volumes=[])["warnings"] == []


@pytest.mark.parametrize(
    ("hostvars", "known"),
    [({"instance_id": "i-1"}, True), ({"ansible_host": "10.0.0.9"}, True), ({"ansible_host": "192.0.2.9"}, False)],
)
def test_whether_the_inventory_has_it(outcome, host, hostvars, known):
    on = host(groups={"monitoring": ["prom"]}, hostvars={"prom": hostvars})
    assert outcome(on=on)["in_inventory"] is known


def test_the_public_address_where_that_is_asked_for(outcome):
    wanted = {"monitoring_instance_address": "public", "monitoring_instance_public_ip": True}
    assert outcome(wanted, public_ip_address="198.51.100.7")["address"] == "198.51.100.7"
    assert outcome(wanted, public_ip_address=None)["address"] == "none"


@pytest.fixture
def teardown(read, host):
    def run(**there):
        return monitoring_instance.teardown(read("monitoring_instance", SETTINGS), host(), found(**there))

    return run


def test_only_what_is_ours_is_deleted(teardown):
    done = teardown(
        instances={"instances": [INSTANCE]},
        profiles={"iam_instance_profiles": [{"tags": OURS}]},
        roles={"iam_roles": [{"tags": {"redis-monitoring:owner": "other"}}]},
    )
    assert done == {
        "problems": [],
        "instances": ["i-1"],
        "groups": [GROUP],
        "profile_parts": ["instance profile"],
        "deleted": [
            "the instance i-1",
            "the security group prometheus-sg",
            "the instance profile redis-prod-monitoring",
        ],
        "nothing": "Nothing in this region is named prometheus-grafana in the cluster redis-prod and carries"
        " redis-monitoring:owner=redisops",
    }


def test_an_instance_of_somebody_else_stops_it(teardown):
    [problem] = teardown(instances={"instances": [{**INSTANCE, "tags": {}}]})["problems"]
    assert problem == (
        "i-1 is named prometheus-grafana and does not carry redis-monitoring:owner=redisops: it is not ours to delete,"
        " nothing was deleted"
    )


@pytest.mark.parametrize(
    ("changed", "vpcs", "subnet"),
    [
        ({}, SKIPPED, {"tag:Name": "private"}),
        ({"monitoring_instance_subnet": "subnet-0a1b"}, SKIPPED, {"subnet-id": "subnet-0a1b"}),
        ({"monitoring_vpc": "vpc-0a1b"}, SKIPPED, {"tag:Name": "private", "vpc-id": ["vpc-0a1b"]}),
        ({"monitoring_vpc": "main"}, {"vpcs": [{"vpc_id": "vpc-1"}]}, {"tag:Name": "private", "vpc-id": ["vpc-1"]}),
        ({"monitoring_vpc": "main"}, {"msg": "denied"}, {"tag:Name": "private", "vpc-id": ["none"]}),
    ],
)
def test_what_is_looked_for(read, host, changed, vpcs, subnet):
    s = read("monitoring_instance", {**SETTINGS, "monitoring_instance_subnet": "private", **changed})
    filters = monitoring_instance.lookup(s, host(), {"vpcs": vpcs})
    assert filters == {"subnet": subnet, "group": {"group-name": "prometheus-sg"}}
    by_id = {**s, "monitoring_security_group": "sg-0a1b"}
    assert monitoring_instance.lookup(by_id, host(), {"vpcs": vpcs})["group"] == {"group-id": "sg-0a1b"}


@pytest.mark.parametrize(
    ("kind", "processor"),
    [("t3.small", "amd64"), ("t4g.small", "arm64"), ("m7gd.large", "arm64"), ("a1.large", "arm64")],
)
def test_the_image_is_of_the_type(plan, kind, processor):
    wanted = f"/aws/service/canonical/ubuntu/server/24.04/stable/current/{processor}/hvm/ebs-gp3/ami-id"
    assert plan({"monitoring_instance_type": kind})["image_parameter"] == wanted
    assert plan({"monitoring_instance_image_parameter": "/own"})["image_parameter"] == "/own"
