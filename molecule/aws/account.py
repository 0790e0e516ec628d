# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AWS account for this scenario: moto on loopback with three Redis nodes; see answers.py too.

Who uses it has the rights that docs/iam-*.md name and no others.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIRECTORY = ROOT / "build/aws"
# The scenario's settings name a file that is only written here.
for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
sys.path.insert(0, str(ROOT / "tests/lab"))

import aws
import boto3
import servers
from common import run, write

LOOPBACK = "127.0.0.1"
# Instances of this network are reached on loopback: what waits for SSH finds the banner there.
NETWORK = "127.77.0.0/16"
MONITORING_ADDRESS = "127.77.0.40"
HOSTS = {
    f"redis-node-1{zone}": {"role": "redis", "zone": zone, "address": f"127.77.{64 * number}.10"}
    for number, zone in enumerate("abc")
}
POLICIES = ("iam-inventory", "iam-security-groups", "iam-provision", "iam-power")


def up() -> None:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    pages, ssh, port = (servers.free_port(LOOPBACK, first) for first in (5600, 5700, 5500))
    endpoint = f"http://{LOOPBACK}:{port}"
    moto = str(ROOT / "tests/lab/moto_server.py")
    answers = str(Path(__file__).with_name("answers.py"))
    servers.start(DIRECTORY / "moto.pid", LOOPBACK, port, sys.executable, moto, "-H", LOOPBACK, "-p", str(port))
    servers.start(
        DIRECTORY / "answers.pid", LOOPBACK, pages, sys.executable, answers, str(pages), MONITORING_ADDRESS, str(ssh)
    )
    key = DIRECTORY / "key"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    aws.seed(endpoint, NETWORK, HOSTS, key.with_name("key.pub"))
    iam = boto3.client("iam", region_name=aws.REGION, endpoint_url=endpoint, **aws.CREDENTIALS)
    operator, tester = user(iam, "operator", documented()), user(iam, "tester", [ANYTHING])
    look_at_policies(endpoint)
    settings = {"region": aws.REGION, "endpoint_url": endpoint} | operator
    lines = ["[default]", *(f"{name} = {value}" for name, value in settings.items())]
    write(DIRECTORY / "aws.config", "\n".join(lines) + "\n")
    # What the example inventory cannot know: used as --extra-vars.
    variables = {
        "vault_monitoring_secret": "0123456789abcdef0123456789abcdef",
        "monitoring_instance_private_ip": MONITORING_ADDRESS,
        "monitoring_instance_image_parameter": aws.IMAGE_PARAMETER,
        "monitoring_instance_ssh_port": ssh,
        "monitoring_instance_ssh_timeout": 10,
        "security_groups_checkip_url": f"http://{LOOPBACK}:{pages}/8.8.8.8",
        "monitoring_admin_cidrs": "auto,198.51.100.0/24",
    }
    write(DIRECTORY / "variables.json", json.dumps(variables) + "\n")
    account = {"endpoint_url": endpoint, "region_name": aws.REGION} | tester
    write(DIRECTORY / "account.json", json.dumps(account) + "\n", 0o600)


ANYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def documented() -> list[dict]:
    """The documented policies. moto judges actions; conditions and most resources it cannot, so they are left out."""
    policies = []
    for name in POLICIES:
        for block in re.findall(r"```json\n(.*?)```", (ROOT / f"docs/{name}.md").read_text(), re.DOTALL):
            policy = json.loads(block)
            for statement in policy["Statement"]:
                statement.pop("Condition", None)
                statement["Resource"] = "*"
            policies.append(policy)
    return policies


def user(iam, name: str, policies: list[dict]) -> dict[str, str]:
    iam.create_user(UserName=name)
    for number, policy in enumerate(policies):
        iam.put_user_policy(UserName=name, PolicyName=f"{name}-{number}", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def look_at_policies(endpoint: str) -> None:
    """moto lets anybody do anything until it is told to look at policies."""
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST"
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()


def down() -> None:
    for server in ("moto", "answers"):
        servers.stop(DIRECTORY / f"{server}.pid")
    shutil.rmtree(DIRECTORY, ignore_errors=True)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
