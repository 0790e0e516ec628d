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


def test_there_is_one_instance_with_the_address_of_the_host():
    ec2 = boto3.client(
        "ec2",
        endpoint_url=ABOUT["aws"]["endpoint_url"],
        region_name=ABOUT["aws"]["region"],
        aws_access_key_id="lab",
        aws_secret_access_key="lab",
    )
    found = ec2.describe_instances(Filters=[{"Name": "tag:Role", "Values": ["monitoring"]}])["Reservations"]
    [instance] = [instance for reservation in found for instance in reservation["Instances"]]
    assert instance["PrivateIpAddress"] == HOSTS["monitoring"]
    assert [group["GroupName"] for group in instance["SecurityGroups"]] == ["prometheus-sg"]


def test_prometheus_on_it_scrapes_the_node():
    url = f"https://{HOSTS['monitoring']}:9090/api/v1/query?query=redis_up"
    login = "admin:" + LAB.secrets["prometheus_admin_password"]
    series = wait(lambda: json.loads(LAB.call(url, login)[1])["data"]["result"], WAIT_SECONDS)
    assert [(one["metric"]["instance"], one["value"][1]) for one in series] == [(f"{HOSTS['redis']}:9121", "1")]
