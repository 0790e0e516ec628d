# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's AWS account: moto, with instances that carry the containers' addresses."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import boto3
from common import LabError

REGION = "us-east-1"
CLUSTER = "redis-prod"
CREDENTIALS = {"aws_access_key_id": "lab", "aws_secret_access_key": "lab"}
# moto does not look at the image; the id only has to look like one.
IMAGE = "ami-00000000000000001"
TYPES = {"redis": "r6g.large", "monitoring": "t3.medium"}
GROUPS = {"redis": "redis-cluster-sg", "monitoring": "prometheus-sg"}
# AWS reserves /aws for itself, and moto does not know Canonical's parameters below it.
IMAGE_PARAMETER = "/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"


def seed(endpoint: str, subnet: str, hosts: dict[str, dict[str, str]], public_key: Path) -> None:
    """Makes VPC, subnets, key pair, and groups and instances of the hosts; a seeded account is left as it is."""
    ec2 = boto3.client("ec2", region_name=REGION, endpoint_url=endpoint, **CREDENTIALS)
    wanted = {name: host["address"] for name, host in hosts.items()}
    if wanted and wanted.items() <= instances(ec2).items():
        return
    vpc = ec2.create_vpc(CidrBlock=subnet, TagSpecifications=tags("vpc", Name="redis-vpc"))["Vpc"]["VpcId"]
    quarters = ipaddress.ip_network(subnet).subnets(prefixlen_diff=2)
    subnets = {}
    for zone, cidr in zip("abc", quarters):
        made = ec2.create_subnet(
            VpcId=vpc, CidrBlock=str(cidr), AvailabilityZone=REGION + zone,
            TagSpecifications=tags("subnet", Name=f"redis-subnet-1{zone}"),
        )  # fmt: skip
        subnets[zone] = made["Subnet"]["SubnetId"]
    groups = {
        role: ec2.create_security_group(
            GroupName=name, Description=f"{role} hosts", VpcId=vpc, TagSpecifications=tags("security-group", Name=name)
        )["GroupId"]
        for role, name in GROUPS.items()
        if role in {"redis", *(host["role"] for host in hosts.values())}
    }
    # What a Redis Cluster has before anyone monitors it: its own ports between its nodes.
    itself = [{"GroupId": groups["redis"]}]
    for port in (6379, 16379):
        ec2.authorize_security_group_ingress(
            GroupId=groups["redis"],
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": itself}],
        )
    ssm = boto3.client("ssm", region_name=REGION, endpoint_url=endpoint, **CREDENTIALS)
    ssm.put_parameter(Name=IMAGE_PARAMETER, Value=IMAGE, Type="String", Overwrite=True)
    ec2.import_key_pair(KeyName="redis-cluster-key", PublicKeyMaterial=public_key.read_bytes())
    for name, host in hosts.items():
        ec2.run_instances(
            ImageId=IMAGE, InstanceType=TYPES[host["role"]], MinCount=1, MaxCount=1, KeyName="redis-cluster-key",
            BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 20, "Encrypted": True}}],
            SubnetId=subnets[host["zone"]], PrivateIpAddress=host["address"], SecurityGroupIds=[groups[host["role"]]],
            TagSpecifications=tags(
                "instance", Name=name, Role=host["role"], Cluster=CLUSTER, Environment="production"
            ),
        )  # fmt: skip
    if instances(ec2) != wanted:
        raise LabError(f"moto at {endpoint} holds other instances than this lab's: lab.py down, then up")


def instances(ec2) -> dict[str, str]:
    reservations = ec2.describe_instances(Filters=[{"Name": "tag:Cluster", "Values": [CLUSTER]}])["Reservations"]
    return {
        next(tag["Value"] for tag in instance["Tags"] if tag["Key"] == "Name"): instance["PrivateIpAddress"]
        for reservation in reservations
        for instance in reservation["Instances"]
        if instance["State"]["Name"] == "running"
    }


def tags(resource: str, **values: str) -> list[dict]:
    return [{"ResourceType": resource, "Tags": [{"Key": key, "Value": value} for key, value in values.items()]}]
