# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role monitoring_instance, and what they mean for what is there in AWS.

What was found comes as the modules of amazon.aws returned it, by the names of the role's tasks: `instances`, `vpcs`,
`subnets`, `groups`, `keys`, `profiles`, `roles` and `volumes`.
"""

from __future__ import annotations

import re

from ...filter.networks import networks
from . import _core, _sizing

OWNER_TAG = "redis-monitoring:owner"
ONLY_A_NEW_ONE = "only a new instance has another; teardown.yml, then provision.yml"


def problems(s: dict, host: _core.Host) -> list[str]:
    needed = {
        "monitoring_cluster": "name the Redis cluster",
        "monitoring_instance_subnet": "give the name or ID of the subnet",
        "monitoring_security_group": "name the group of the monitoring host, it is made where it is missing",
    }
    found = [f"{name} is empty: {fix}" for name, fix in needed.items() if not s[name]]
    return found + networks(s["monitoring_admin_cidrs"], "monitoring_admin_cidrs")["problems"]


def by_id(name: str, kind: str) -> bool:
    return bool(re.match(rf"{kind}-[0-9a-f]+$", name))


def foreign(s: dict, things: list[dict]) -> list[dict]:
    """Those that do not carry our owner tag."""
    return [thing for thing in things if (thing.get("tags") or {}).get(OWNER_TAG) != s["monitoring_owner"]]


def profile_parts(found: dict) -> list[dict]:
    """Profile and role have one name; a role may be there without a profile."""
    profiles = found["profiles"].get("iam_instance_profiles", [])
    roles = found["roles"].get("iam_roles", [])
    return [{**one, "what": "instance profile"} for one in profiles] + [{**one, "what": "IAM role"} for one in roles]


def groups_of(found: dict) -> list[dict]:
    """The security groups of that name in the VPC of the subnet."""
    vpcs = [subnet["vpc_id"] for subnet in found["subnets"]["subnets"]]
    return [group for group in found["groups"].get("security_groups", []) if group["vpc_id"] in vpcs]


def lookup(s: dict, host: _core.Host, found: dict) -> dict:
    """By what filters the subnet and the security group are looked for, once the VPC is known."""
    vpc, subnet, group = s["monitoring_vpc"], s["monitoring_instance_subnet"], s["monitoring_security_group"]
    ids = [vpc] if by_id(vpc, "vpc") else [one["vpc_id"] for one in found["vpcs"].get("vpcs") or []] or ["none"]
    return {
        "subnet": {
            "subnet-id" if by_id(subnet, "subnet") else "tag:Name": subnet,
            **({"vpc-id": ids} if vpc else {}),
        },
        "group": {"group-id" if group.startswith("sg-") else "group-name": group},
    }


def image_parameter(s: dict) -> str:
    """Where AWS keeps the ID of the image: of Ubuntu 24.04, for the processor of the type."""
    arm = re.match("([a-z]+[0-9]+g[a-z]*|a1)[.]", s["monitoring_instance_type"])
    ubuntu = "/aws/service/canonical/ubuntu/server/24.04/stable/current"
    return s["monitoring_instance_image_parameter"] or f"{ubuntu}/{'arm64' if arm else 'amd64'}/hvm/ebs-gp3/ami-id"


def plan(s: dict, host: _core.Host, found: dict) -> dict:
    """What is wrong, and what is asked for."""
    subnet = (found["subnets"]["subnets"] or [{}])[0]
    interface = {
        "device_index": 0,
        "subnet_id": subnet.get("subnet_id"),
        "assign_public_ip": s["monitoring_instance_public_ip"],
    }
    if s["monitoring_instance_private_ip"]:
        interface["private_ip_address"] = s["monitoring_instance_private_ip"]
    disk = {
        "volume_type": "gp3",
        "volume_size": s["monitoring_instance_volume_size"],
        "encrypted": True,
        "delete_on_termination": True,
    }
    if s["monitoring_instance_kms_key_id"]:
        disk["kms_key_id"] = s["monitoring_instance_kms_key_id"]
    return {
        "problems": problems(s, host) + lookup_problems(s, found) + instance_problems(s, found),
        "instance_id": (found["instances"]["instances"] or [{}])[0].get("instance_id", ""),
        "vpc_id": subnet.get("vpc_id"),
        "group_id": next((group["group_id"] for group in groups_of(found)), ""),
        "interface": interface,
        "image_parameter": image_parameter(s),
        "volume": {"device_name": s["monitoring_instance_root_device"], "ebs": disk},
        "tags": {
            **s["monitoring_instance_tags"],
            "Role": "monitoring",
            "Cluster": s["monitoring_cluster"],
            "Environment": s["monitoring_environment"],
            OWNER_TAG: s["monitoring_owner"],
        },
    }


def lookup_problems(s: dict, found: dict) -> list[str]:
    """What is missing or ambiguous among the things that the settings name."""
    lines = []
    vpc, subnet, group = s["monitoring_vpc"], s["monitoring_instance_subnet"], s["monitoring_security_group"]
    vpc_known = not vpc or by_id(vpc, "vpc")
    vpcs, subnets = found["vpcs"].get("vpcs"), found["subnets"]["subnets"]
    if not vpc_known and vpcs is None:
        lines.append(
            f"the VPCs could not be looked up ({found['vpcs'].get('msg', '')}): are there the rights ec2:DescribeVpcs"
            " and ec2:DescribeVpcAttribute? With an ID in monitoring_vpc nothing has to be looked up"
        )
    elif not vpc_known and not vpcs:
        lines.append(f"no VPC is named {vpc}: correct monitoring_vpc or the region, or give an ID")
    elif not vpc_known and len(vpcs) > 1:
        ids = ", ".join(one["vpc_id"] for one in vpcs)
        lines.append(f"{len(vpcs)} VPCs are named {vpc} ({ids}): give monitoring_vpc as an ID")
    if subnet and not subnets and (vpc_known or len(vpcs or []) == 1):
        where = f" in {vpc}" if vpc else ""
        lines.append(f"no subnet {subnet}{where}: give the name or ID of one in monitoring_instance_subnet")
    elif len(subnets) > 1:
        ids = ", ".join(f"{one['subnet_id']} in {one['vpc_id']}" for one in subnets)
        lines.append(
            f"{len(subnets)} subnets are named {subnet} ({ids}): give monitoring_instance_subnet as an ID, or"
            " monitoring_vpc"
        )
    if "security_groups" not in found["groups"]:
        lines.append(
            f"the security groups could not be looked up ({found['groups'].get('msg', '')}): is there the right"
            " ec2:DescribeSecurityGroups?"
        )
    elif group.startswith("sg-") and subnets and not groups_of(found):
        lines.append(f"no security group {group} in the VPC of {subnet}: correct the ID, or give a name")
    if found["keys"].get("keypairs") == []:
        lines.append(
            f"no key pair {s['monitoring_instance_key_name']} in this region: correct monitoring_instance_key_name, or"
            " leave it empty for none"
        )
    return lines


def instance_problems(s: dict, found: dict) -> list[str]:
    """What keeps the instance and its profile from being ours."""
    lines = []
    name, instances = s["monitoring_instance_name"], found["instances"]["instances"]
    public = s["monitoring_instance_public_ip"]
    if len(instances) > 1:
        lines.append(
            f"{len(instances)} instances are named {name} in the cluster {s['monitoring_cluster']}"
            f" ({ids_of(instances)}): end or rename all but one"
        )
    others = foreign(s, instances)
    if others:
        lines.append(
            f"{ids_of(others)} is named {name} and is not ours: hand it over with the tag"
            f" {OWNER_TAG}={s['monitoring_owner']}, or choose another monitoring_instance_name"
        )
    subnets = found["subnets"]["subnets"]
    if not instances and not public and any(subnet["map_public_ip_on_launch"] for subnet in subnets):
        lines.append(
            f"the subnet {s['monitoring_instance_subnet']} gives every instance a public address: set"
            " monitoring_instance_public_ip to true, or choose another subnet"
        )
    has_public = public or any(one.get("public_ip_address") for one in instances[:1])
    if s["monitoring_instance_address"] == "public" and not has_public:
        lines.append(
            "monitoring_instance_address is public and there is no public address: set"
            " monitoring_instance_public_ip to true"
        )
    lines += [
        f"{part['what']} {s['monitoring_instance_profile']} exists without the tag {OWNER_TAG}={s['monitoring_owner']}:"
        " choose another monitoring_instance_profile, or use a profile as it is with"
        " monitoring_instance_profile_create=false"
        for part in foreign(s, profile_parts(found))
    ]
    return lines


def ids_of(instances: list[dict]) -> str:
    return ", ".join(one["instance_id"] for one in instances)


def outcome(s: dict, host: _core.Host, found: dict) -> dict:
    """The instance as it is now (`instance`, empty in check mode where it would be new), and what to know about it."""
    now = found["instance"]
    warnings = _sizing.warnings(s, host)
    if not now:
        return {"problems": [], "warnings": warnings}
    lines = drift(s, now, found["subnet_id"], found["group_id"]) + disk_drift(
        s, now, found["volumes"].get("volumes", [])
    )
    public = s["monitoring_instance_address"] == "public"
    address = (now.get("public_ip_address") or "none") if public else now["private_ip_address"]
    hosts = [host.hostvars[name] for name in host.groups.get("monitoring", [])]
    return {
        "problems": [],
        "warnings": warnings + [f"{s['monitoring_instance_name']}: {line}" for line in lines],
        "address": address,
        "no_ssh": f"No SSH on {address}:{s['monitoring_instance_ssh_port']} after"
        f" {s['monitoring_instance_ssh_timeout']} seconds: let this machine in by monitoring_admin_cidrs, or set"
        " monitoring_instance_address to the address that it can reach",
        "in_inventory": any(
            one.get("instance_id") == now["instance_id"] or one.get("ansible_host") == address for one in hosts
        ),
    }


def drift(s: dict, now: dict, subnet: str, group: str) -> list[str]:
    """What amazon.aws.ec2_instance neither changes nor tells, each with what to do about it."""
    lines = []
    kind = s["monitoring_instance_type"]
    if now["instance_type"] != kind and not s["monitoring_instance_change_type"]:
        lines.append(
            f"type is {now['instance_type']}, wanted {kind}: run again with monitoring_instance_change_type=true,"
            " which stops and starts it"
        )
    if now["subnet_id"] != subnet:
        lines.append(
            f"it is in {now['subnet_id']}, wanted {subnet}: an instance cannot move; teardown.yml, then provision.yml"
        )
    address, public = now.get("public_ip_address"), s["monitoring_instance_public_ip"]
    if bool(address) != public:
        interface = now["network_interfaces"][0]["network_interface_id"]
        change = f"aws ec2 modify-network-interface-attribute --network-interface-id {interface}"
        lines.append(
            f"it has no public address and monitoring_instance_public_ip wants one: {change}"
            " --associate-public-ip-address, or an Elastic IP"
            if public
            else f"it has the public address {address} and monitoring_instance_public_ip is false: {change}"
            " --no-associate-public-ip-address, or set it to true to keep the address"
        )
    image, private = s["monitoring_instance_image_id"], s["monitoring_instance_private_ip"]
    if image and now["image_id"] != image:
        lines.append(f"its image is {now['image_id']}, wanted {image}: {ONLY_A_NEW_ONE}")
    if private and now["private_ip_address"] != private:
        lines.append(f"its private address is {now['private_ip_address']}, wanted {private}: {ONLY_A_NEW_ONE}")
    groups = [group["group_id"] for group in now["security_groups"]]
    if group and group not in groups:
        lines.append(
            f"it is not in the security group {s['monitoring_security_group']}: aws ec2 modify-instance-attribute"
            f" --instance-id {now['instance_id']} --groups {' '.join([*groups, group])}"
        )
    key = s["monitoring_instance_key_name"]
    if key and now.get("key_name") != key:
        lines.append(
            f"its key pair is {now.get('key_name') or 'none'}, wanted {key}: keys are set at launch; add the public key"
            " to authorized_keys, or set monitoring_instance_key_name to what is there"
        )
    return lines


def disk_drift(s: dict, now: dict, volumes: list[dict]) -> list[str]:
    """The same of the root volume."""
    lines = []
    device, wanted = now.get("root_device_name"), s["monitoring_instance_root_device"]
    if device and device != wanted:
        lines.append(
            f"its root device is {device}, so what was meant for the root volume is a second one: set"
            f" monitoring_instance_root_device={device}; teardown.yml, then provision.yml"
        )
    root = next((one for one in volumes if device and one["attachment_set"][0]["device"] == device), None)
    if not root:
        return lines
    size, gib = root["size"], s["monitoring_instance_volume_size"]
    volume, modify = f"root volume {root['id']}", f"aws ec2 modify-volume --volume-id {root['id']}"
    if size < gib:
        lines.append(
            f"{volume} has {size} GiB, wanted {gib}: {modify} --size {gib}, then growpart and resize2fs on the host (or"
            f" a reboot). Until then keep monitoring_instance_volume_size at {size}, or retention is sized to a disk"
            " that is not there"
        )
    if size > gib:
        lines.append(
            f"{volume} has {size} GiB, wanted {gib}: volumes do not shrink, set monitoring_instance_volume_size to what"
            " is there"
        )
    if not root["encrypted"]:
        lines.append(
            f"{volume} is not encrypted: only a new instance has it encrypted; teardown.yml, then provision.yml"
        )
    if root["type"] != "gp3":
        lines.append(f"{volume} is {root['type']}: {modify} --volume-type gp3")
    return lines


def teardown(s: dict, host: _core.Host, found: dict) -> dict:
    """What is to be deleted: what carries our owner tag."""
    instances, groups = found["instances"]["instances"], found["groups"]["security_groups"]
    lines, others = [], foreign(s, instances)
    if others:
        lines.append(
            f"{ids_of(others)} is named {s['monitoring_instance_name']} and does not carry"
            f" {OWNER_TAG}={s['monitoring_owner']}: it is not ours to delete, nothing was deleted"
        )
    parts = [part for part in profile_parts(found) if part not in foreign(s, [part])]
    return {
        "problems": lines,
        "instances": [one["instance_id"] for one in instances],
        "groups": groups,
        "profile_parts": [part["what"] for part in parts],
        "nothing": f"Nothing in this region is named {s['monitoring_instance_name']} in the cluster"
        f" {s['monitoring_cluster']} and carries {OWNER_TAG}={s['monitoring_owner']}",
        "deleted": [
            *[f"the instance {one['instance_id']}" for one in instances],
            *[f"the security group {group['group_name']}" for group in groups],
            *[f"the {part['what']} {s['monitoring_instance_profile']}" for part in parts],
        ],
    }
