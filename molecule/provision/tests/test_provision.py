# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The instance that provision.yml made is the host that site.yml went on with."""

from __future__ import annotations

import json

import boto3
from lab_client import Lab, wait

LAB = Lab("provision")
ABOUT = LAB.about
HOSTS = {about["role"]: about["address"] for about in LAB.hosts.values()}
WAIT_SECONDS = 75
ec2 = boto3.client(
    "ec2",
    endpoint_url=ABOUT["aws"]["endpoint_url"],
    region_name=ABOUT["aws"]["region"],
    aws_access_key_id="lab",
    aws_secret_access_key="lab",
)


def instances(role):
    found = ec2.describe_instances(Filters=[{"Name": "tag:Role", "Values": [role]}])["Reservations"]
    return [instance for reservation in found for instance in reservation["Instances"]]


def asked(path):
    url = f"https://{HOSTS['monitoring']}:9090/api/v1/{path}"
    return json.loads(LAB.call(url, "admin:" + LAB.secrets["prometheus_admin_password"])[1])["data"]


def test_there_is_one_instance_with_the_address_of_the_host():
    [instance] = instances("monitoring")
    [node] = instances("redis")
    assert instance["PrivateIpAddress"] == HOSTS["monitoring"]
    assert [group["GroupName"] for group in instance["SecurityGroups"]] == ["prometheus-sg"]
    assert (instance["SubnetId"], instance["KeyName"]) == (node["SubnetId"], node["KeyName"])


def test_the_exporters_are_open_to_its_group_alone():
    [instance], [node] = instances("monitoring"), instances("redis")
    [group] = ec2.describe_security_groups(GroupIds=[node["SecurityGroups"][0]["GroupId"]])["SecurityGroups"]
    sources = {rule["FromPort"]: rule["UserIdGroupPairs"] + rule["IpRanges"] for rule in group["IpPermissions"]}
    [source] = sources[9121]
    assert source["GroupId"] == instance["SecurityGroups"][0]["GroupId"]


def test_it_is_known_by_its_name_in_the_inventory_alone():
    """Under a second one it would be one more Alertmanager; `idempotence` notices when that was so in the first run."""
    [instance] = instances("monitoring")
    assert len(asked("alertmanagers")["activeAlertmanagers"]) == 1
    [series] = wait(lambda: asked('query?query=up{job="alertmanager"}')["result"], WAIT_SECONDS)
    assert series["metric"]["node"] == f"prometheus-grafana_{instance['InstanceId']}"


def test_its_first_boot_was_waited_for_once():
    assert LAB.shell("prometheus-grafana", "cat /tmp/cloud-init-waited") == "status --wait\n"


def test_prometheus_on_it_scrapes_the_node():
    series = wait(lambda: asked("query?query=redis_up")["result"], WAIT_SECONDS)
    assert [(one["metric"]["instance"], one["value"][1]) for one in series] == [(f"{HOSTS['redis']}:9121", "1")]
