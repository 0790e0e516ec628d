# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account after converge, and what the playbooks make of it from there: each test goes on from the last."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

ROOT = Path(__file__).resolve().parents[3]
DIRECTORY = ROOT / "build/aws"
ACCOUNT = json.loads((DIRECTORY / "account.json").read_text())
VARIABLES = json.loads((DIRECTORY / "variables.json").read_text())
ANSWERS = VARIABLES["security_groups_checkip_url"].rpartition("/")[0]
EXAMPLE = (ROOT / "inventories/full/group_vars/all/main.yml", DIRECTORY / "variables.json")
ec2 = boto3.client("ec2", **ACCOUNT)
iam = boto3.client("iam", **ACCOUNT)


def playbook(name, *arguments, then=(), inventory="nowhere,", settings=EXAMPLE, **variables):
    """As converge does it, but for the inventory: these playbooks find instances themselves, a static one does."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            f"--inventory={inventory}",
            *(f"--extra-vars=@{path}" for path in settings),
            # By ID: converge has found the VPC by its name, and each look-up takes a second.
            f"--extra-vars={json.dumps({'monitoring_vpc': vpc(), **variables})}",
            *arguments,
            ROOT / f"playbooks/{name}.yml",
            *then,
        ],
        cwd=ROOT,
        env={**os.environ, "AWS_CONFIG_FILE": str(DIRECTORY / "aws.config"), "AWS_PROFILE": "default", **QUIET},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    done.output = done.stdout + done.stderr
    return done


QUIET = {
    "ANSIBLE_FORCE_COLOR": "0",
    "ANSIBLE_NOCOLOR": "1",
    "ANSIBLE_DEPRECATION_WARNINGS": "0",
    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
}


def works(*arguments, changed=None, **variables):
    done = playbook(*arguments, **variables)
    assert done.returncode == 0, done.output
    if changed is not None:
        assert f"changed={changed} " in done.stdout, done.output
    return done


def refused(*arguments, **variables):
    """The one line that says why."""
    done = playbook(*arguments, **variables)
    assert done.returncode != 0, done.output
    return re.search(r"\[ERROR\]: .*", done.output)[0]


def instances(role):
    found = ec2.describe_instances(
        Filters=[
            {"Name": "tag:Role", "Values": [role]},
            {"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]},
        ]
    )
    return [one for reservation in found["Reservations"] for one in reservation["Instances"]]


def group(name):
    [found] = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])["SecurityGroups"]
    return found["GroupId"]


def rules(name):
    """Who may come in: (port, source) by rule ID."""
    found = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group(name)]}])
    return {
        rule["SecurityGroupRuleId"]: (
            rule["FromPort"],
            rule.get("CidrIpv4") or rule.get("ReferencedGroupInfo", {}).get("GroupId"),
        )
        for rule in found["SecurityGroupRules"]
        if not rule["IsEgress"]
    }


def vpc():
    return next(
        entry["VpcId"]
        for entry in ec2.describe_vpcs()["Vpcs"]
        if any(tag["Value"] == "redis-vpc" for tag in entry.get("Tags", ()))
    )


def tags(resource):
    return {tag["Key"]: tag["Value"] for tag in resource["Tags"]}


def volume(instance):
    ids = [device["Ebs"]["VolumeId"] for device in instance["BlockDeviceMappings"]]
    [found] = ec2.describe_volumes(VolumeIds=ids)["Volumes"]
    return found


def admins(*networks):
    return {(port, network) for port in (22, 3000, 9090, 9093) for network in networks}


def watched(source):
    """redis_exporter, node_exporter and the TLS probes."""
    return {(port, source) for port in (9121, 9100, 6379)}


def test_the_instance_is_as_asked_for():
    [instance] = instances("monitoring")
    assert instance["InstanceType"] == "t3.small"
    assert instance["ImageId"] == "ami-00000000000000001"
    assert instance["KeyName"] == "redis-cluster-key"
    assert instance["PrivateIpAddress"] == VARIABLES["monitoring_instance_private_ip"]
    assert not instance.get("PublicIpAddress")
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 1
    assert [one["GroupId"] for one in instance["SecurityGroups"]] == [group("prometheus-sg")]
    assert instance["IamInstanceProfile"]["Arn"].endswith(":instance-profile/redis-prod-monitoring")
    protection = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="disableApiTermination")
    assert protection["DisableApiTermination"]["Value"]
    expected = {
        "Name": "prometheus-grafana",
        "Role": "monitoring",
        "Cluster": "redis-prod",
        "Environment": "production",
        "redis-monitoring:owner": "redisops",
    }
    assert tags(instance) == expected
    disk = volume(instance)
    assert (disk["Size"], disk["VolumeType"], disk["Encrypted"]) == (20, "gp3", True)
    assert tags(disk) == expected


def test_the_host_may_only_read():
    policy = iam.get_role_policy(RoleName="redis-prod-monitoring", PolicyName="monitoring-read")["PolicyDocument"]
    actions = [action for statement in policy["Statement"] for action in statement["Action"]]
    assert actions
    assert all(re.fullmatch(r"\w+:(Describe|Get|List)\w+", action) for action in actions)


def test_who_may_reach_what():
    redis, monitoring = group("redis-cluster-sg"), group("prometheus-sg")
    # The two of the cluster itself are none of ours, and stay.
    assert set(rules("redis-cluster-sg").values()) == {(6379, redis), (16379, redis)} | watched(monitoring)
    assert set(rules("prometheus-sg").values()) == admins("8.8.8.8/32", "198.51.100.0/24")


def test_another_address_replaces_the_old_one_and_check_mode_foretells_it():
    foreign = ec2.authorize_security_group_ingress(
        GroupId=group("prometheus-sg"),
        IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.1/32"}]}],
    )["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    before = rules("prometheus-sg")
    lines = []
    for arguments in (["--check"], []):
        done = works(
            "security_groups", "--diff", *arguments, changed=1,
            security_groups_checkip_url=f"{ANSWERS}/9.9.9.9",
        )  # fmt: skip
        lines.append(re.findall(r"^[-+~] .*", done.stdout, re.MULTILINE))
        if arguments:
            assert rules("prometheus-sg") == before
    assert lines[0] == lines[1]
    assert sorted(line[0] for line in lines[0]) == ["+"] * 4 + ["-"] * 4
    after = rules("prometheus-sg")
    assert set(after.values()) == admins("9.9.9.9/32", "198.51.100.0/24") | {(22, "192.0.2.1/32")}
    assert foreign in after
    # What stays wanted is not made anew.
    office = {rule for rule, (_port, source) in before.items() if source == "198.51.100.0/24"}
    assert office and office <= set(after)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"security_groups_checkip_url": f"{ANSWERS}/%3Chtml%3Elogin"}, "'<html>login' is not an IP address"),
        ({"security_groups_checkip_url": "http://127.0.0.1:9/"}, "did not answer"),
        ({"monitoring_vpc": "redis-vcp"}, "no VPC is named redis-vcp: correct monitoring_vpc"),
    ],
)
def test_what_is_wrong_with_the_input_is_told_before_any_rule_is_changed(wrong, says):
    before = rules("redis-cluster-sg"), rules("prometheus-sg")
    assert says in refused("security_groups", **{"security_groups_exporter_port": 9999, **wrong})
    assert (rules("redis-cluster-sg"), rules("prometheus-sg")) == before


def test_lists_may_be_text():
    """As -e name=value and the surveys of AWX give them."""
    text = {"monitoring_admin_cidrs": "192.0.2.0/24\n203.0.113.0/24\n", "security_groups_exporter_cidrs": "10.0.0.0/16"}
    done = works("security_groups", "--check", "--diff", changed=2, **text)
    added = set(re.findall(r"^\+ ingress tcp/(\S+ from \S+)", done.stdout, re.MULTILINE))
    networks = {f"{port} from {network}" for port, network in admins("192.0.2.0/24", "203.0.113.0/24")}
    assert added == networks | {f"{port} from 10.0.0.0/16" for port in (9121, 9100, 6379)}


def test_one_group_for_both_keeps_both_lists():
    """Exporters and administrators have owners of their own: neither purge takes the other's rules."""
    shared = ec2.create_security_group(GroupName="shared-sg", Description="both", VpcId=vpc())["GroupId"]
    names = {"monitoring_redis_security_group": "shared-sg", "monitoring_security_group": shared}
    works("security_groups", changed=2, **names)
    works("security_groups", changed=0, **names)
    assert set(rules("shared-sg").values()) == admins("8.8.8.8/32", "198.51.100.0/24") | watched(shared)


def test_without_groups_the_play_is_one_quiet_line():
    done = works("security_groups", changed=0, inventory=ROOT / "inventories/static", settings=(), monitoring_vpc="")
    assert done.stdout.count("skipping:") == 1


def test_drift_is_mended_where_it_can_be_and_told_where_not():
    [instance] = instances("monitoring")
    # All of them: moto forgets those that are left out.
    weaker = instance["MetadataOptions"] | {"HttpTokens": "optional"}
    weaker.pop("State")
    ec2.modify_instance_metadata_options(InstanceId=instance["InstanceId"], **weaker)
    done = works(
        "provision", changed=2,
        monitoring_instance_volume_size="50",
        monitoring_instance_type="t3.micro", monitoring_instance_change_type="false",
        monitoring_instance_subnet="redis-subnet-1b", monitoring_instance_key_name="other",
        monitoring_instance_public_ip="yes", monitoring_instance_image_id="ami-2",
        monitoring_instance_root_device="/dev/xvda",
    )  # fmt: skip
    said = " ".join(done.stdout.split())
    [now] = instances("monitoring")
    assert now["MetadataOptions"]["HttpTokens"] == "required"
    assert now["InstanceType"] == "t3.small"
    assert "t3.micro has 1 GiB of memory" in said
    assert "type is t3.small, wanted t3.micro: run again with monitoring_instance_change_type=true" in said
    disk = volume(now)["VolumeId"]
    assert f"{disk} has 20 GiB, wanted 50: aws ec2 modify-volume --volume-id {disk} --size 50" in said
    assert "Until then keep monitoring_instance_volume_size at 20" in said
    assert "an instance cannot move" in said
    assert "it has no public address and monitoring_instance_public_ip wants one" in said
    assert "its image is ami-00000000000000001, wanted ami-2" in said
    assert "its root device is /dev/sda1" in said
    assert "its key pair is redis-cluster-key, wanted other" in said


TELL = """
- hosts: monitoring
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "told {{ inventory_hostname }} {{ ansible_host }} {{ instance_id | default('') }}"
"""


def told(directory, host, **variables):
    """The group monitoring as the next play sees it, with a static inventory of one host of this address."""
    (directory / "then.yml").write_text(TELL)
    (directory / "hosts.yml").write_text(json.dumps({"monitoring": {"hosts": {"prom": {"ansible_host": host}}}}))
    variables["monitoring_instance_profile_create"] = False  # it is there, and may be used by its name alone
    done = works("provision", then=[directory / "then.yml"], inventory=directory / "hosts.yml", **variables)
    return sorted(re.findall(r"told (\S+) (\S+) (i-\w+)?", done.stdout))  # hosts answer in any order


def test_another_type_is_taken_when_asked_for_and_a_host_that_is_known_not_added(tmp_path):
    address = VARIABLES["monitoring_instance_private_ip"]
    wanted = {"monitoring_instance_type": "t3.medium", "monitoring_instance_change_type": True}
    assert told(tmp_path, address, changed=1, **wanted) == [("prom", address, "")]
    [instance] = instances("monitoring")
    assert (instance["InstanceType"], instance["State"]["Name"]) == ("t3.medium", "running")


def test_a_new_image_makes_no_second_instance_and_a_static_inventory_is_told(tmp_path):
    before = [(one["InstanceId"], one["PrivateIpAddress"]) for one in instances("monitoring")]
    wanted = {"monitoring_instance_type": "t3.medium", "monitoring_instance_image_id": "ami-2"}
    hosts = told(tmp_path, "192.0.2.9", changed=0, **wanted)
    [(instance, address)] = before
    assert hosts == [("prom", "192.0.2.9", ""), ("prometheus-grafana", address, instance)]
    assert [(one["InstanceId"], one["PrivateIpAddress"]) for one in instances("monitoring")] == before


def test_what_is_ambiguous_is_told():
    other = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    twin = ec2.create_subnet(
        VpcId=other, CidrBlock="10.99.1.0/24",
        TagSpecifications=[{"ResourceType": "subnet", "Tags": [{"Key": "Name", "Value": "redis-subnet-1a"}]}],
    )["Subnet"]["SubnetId"]  # fmt: skip
    said = refused("provision", monitoring_vpc="")
    assert "2 subnets are named redis-subnet-1a" in said
    assert f"{twin} in {other}" in said


def test_a_new_instance_is_judged_before_anything_is_made():
    """As another cluster of this account: nothing of it is there yet."""
    iam.create_role(RoleName="redis-new-monitoring", AssumeRolePolicyDocument="{}")
    groups = len(ec2.describe_security_groups()["SecurityGroups"])
    said = refused(
        "provision", monitoring_cluster="redis-new", monitoring_security_group="new-sg",
        monitoring_instance_key_name="redis-cluster-kye", monitoring_admin_cidrs=["0.0.0.0/0"],
    )  # fmt: skip
    assert "no key pair redis-cluster-kye in this region" in said
    assert "monitoring_admin_cidrs: 0.0.0.0/0 is the world" in said
    assert "IAM role redis-new-monitoring exists without the tag redis-monitoring:owner=redisops" in said
    assert len(ec2.describe_security_groups()["SecurityGroups"]) == groups
    assert "carries redis-monitoring:owner" in works("teardown", changed=0, monitoring_cluster="redis-new").stdout
    iam.delete_role(RoleName="redis-new-monitoring")


def test_an_instance_that_is_not_ours_is_left_alone():
    [instance] = instances("monitoring")
    ids = {"Resources": [instance["InstanceId"]]}
    ec2.delete_tags(**ids, Tags=[{"Key": "redis-monitoring:owner"}])
    for name in ("provision", "teardown"):
        said = refused(name, monitoring_instance_confirm="prometheus-grafana")
        assert instance["InstanceId"] in said
        assert "redis-monitoring:owner=redisops" in said
    assert tags(instances("monitoring")[0]).get("redis-monitoring:owner") is None
    ec2.create_tags(**ids, Tags=[{"Key": "redis-monitoring:owner", "Value": "redisops"}])


def states(role):
    return {one["State"]["Name"] for one in instances(role)}


def test_power_asks_before_it_leaves_redis_in_the_dark():
    said = refused("power", power_action="stop", power_allow_blind="false")
    assert "Redis runs (redis-node-1a, redis-node-1b, redis-node-1c) and nobody would watch it" in said
    assert "power_confirm=redis-prod" in refused("power", power_action="stop", power_targets="all")
    prices = {"instances": {"t3.medium": "cheap"}}
    said = refused("power", power_action="stop", power_allow_blind=True, power_prices=prices)
    assert "the price instances.t3.medium is 'cheap'" in said
    assert states("redis") == states("monitoring") == {"running"}


def test_power_stops_and_starts_what_is_named():
    done = works("power", changed=1, power_action="stop", power_allow_blind=True)
    line = r"prometheus-grafana +monitoring +i-\w+ +stopped +t3.medium +30.37 +1.60 +0.00 +1.60\n"
    assert re.search(line, done.stdout), done.output
    assert states("monitoring") == {"stopped"}
    assert states("redis") == {"running"}
    works("power", changed=0, power_action="stop", power_allow_blind=True)
    works("power", changed=1, power_action="stop", power_targets="redis", power_confirm="redis-prod")
    assert states("redis") == {"stopped"}
    done = works("power", changed=1, power_action="start", power_targets="all", power_confirm="redis-prod")
    assert "now 258.72, all running 258.72, all stopped 7.60" in done.stdout
    assert states("redis") == states("monitoring") == {"running"}
    # An unknown cluster: amazon.aws would try to make an instance of what its filter does not find.
    assert "no instance has the tag Cluster=none" in refused("power", power_action="stop", monitoring_cluster="none")


def test_teardown_asks_and_deletes_only_what_is_ours():
    for told in ({}, {"monitoring_instance_confirm": "yes"}, {"awx_job_id": 7}):
        said = refused("teardown", **told)
        assert "Nothing was deleted" in said
        assert "monitoring_instance_confirm=prometheus-grafana" in said
    assert len(instances("monitoring")) == 1
    works("teardown", changed=6, monitoring_instance_confirm="prometheus-grafana")
    assert instances("monitoring") == []
    assert len(instances("redis")) == 3
    names = {entry["GroupName"] for entry in ec2.describe_security_groups()["SecurityGroups"]}
    assert "prometheus-sg" not in names
    assert {"redis-cluster-sg", "shared-sg"} <= names
    redis = group("redis-cluster-sg")
    assert set(rules("redis-cluster-sg").values()) == {(6379, redis), (16379, redis)}
    assert iam.list_instance_profiles()["InstanceProfiles"] == []
    assert iam.list_roles()["Roles"] == []
    assert "Nothing in this region is named prometheus-grafana" in works("teardown", changed=0).stdout
