#!/usr/bin/env python3
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AWS account for this scenario: moto on loopback with three Redis nodes; see answers.py too.

Who uses it has the rights that docs/iam-*.md name and no others.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DIRECTORY = ROOT / "build/aws"
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
POLICIES = ()


def up() -> None:
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    port = servers.free_port(LOOPBACK, 5500)
    endpoint = f"http://{LOOPBACK}:{port}"
    moto = str(ROOT / "tests/lab/moto_server.py")
    servers.start(DIRECTORY / "moto.pid", LOOPBACK, port, sys.executable, moto, "-H", LOOPBACK, "-p", str(port))
    helpers = servers.free_port(LOOPBACK, 5600)
    ssh = servers.free_port(MONITORING_ADDRESS, 5700)
    here = Path(__file__).with_name("answers.py")
    servers.start(DIRECTORY / "answers.pid", LOOPBACK, helpers, sys.executable, str(here), str(helpers),
                  MONITORING_ADDRESS, str(ssh))  # fmt: skip
    key = DIRECTORY / "key"
    if not key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    aws.seed(endpoint, NETWORK, HOSTS, key.with_name("key.pub"))
    save(endpoint, aws.CREDENTIALS)
    urls = {"endpoint": endpoint, "answers": f"http://{LOOPBACK}:{helpers}", "ssh_port": ssh}
    write(DIRECTORY / "account.json", json.dumps(urls) + "\n")


def credentials(endpoint: str) -> dict[str, str]:
    """A user with the documented policies. moto lets anybody do anything until it is told to look at them."""
    iam = boto3.client("iam", region_name=aws.REGION, endpoint_url=endpoint, **aws.CREDENTIALS)
    iam.create_user(UserName="operator")
    for name in POLICIES:
        blocks = re.findall(r"```json\n(.*?)```", (ROOT / f"docs/{name}.md").read_text(), re.DOTALL)
        for number, block in enumerate(blocks):
            iam.put_user_policy(UserName="operator", PolicyName=f"{name}-{number}", PolicyDocument=block)
    made = iam.create_access_key(UserName="operator")["AccessKey"]
    request = urllib.request.Request(
        f"{endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}, method="POST"
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()
    return {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}


def save(endpoint: str, keys: dict[str, str]) -> None:
    settings = {"region": aws.REGION, "endpoint_url": endpoint} | keys
    write(DIRECTORY / "aws.config", "\n".join(["[default]", *(f"{n} = {v}" for n, v in settings.items())]) + "\n")


def down() -> None:
    for server in ("moto", "answers"):
        servers.stop(DIRECTORY / f"{server}.pid")
    shutil.rmtree(DIRECTORY, ignore_errors=True)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
