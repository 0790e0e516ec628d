# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YACE itself, built from its source, with the configuration and the flags of the role, against moto's CloudWatch: the
metrics that the alert rules ask for are there, with the labels that their texts name, and of our cluster alone.

AWS' library for Go speaks CBOR to CloudWatch, which moto does not understand; the class Front translates by botocore.
"""

from __future__ import annotations

import datetime
import http.server
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import boto3
import botocore.parsers
import botocore.serialize

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/tools"), str(ROOT / "tests/lab"), str(ROOT / "build/collections")]
import yace as program
from common import collection
from ports import free_port, wait_for_port

REGION = "us-east-1"
KEYS = {"aws_access_key_id": "lab", "aws_secret_access_key": "lab", "region_name": REGION}
METRIC = re.compile(r"\baws_(?:ec2|ebs)_\w+_(?:average|maximum|minimum|sum)\b")
SECONDS = 90


def asked_for() -> set[str]:
    """What rules and dashboards ask of CloudWatch."""
    files = [*ROOT.glob("roles/prometheus/files/rules/*.yml"), *ROOT.glob("dashboards/*.py")]
    return {name for path in files for name in METRIC.findall(path.read_text())}


def seed(url: str) -> dict[str, str]:
    """An instance with its volume in our cluster and in another one, with values; returns ours."""
    ec2, watch = (boto3.client(name, endpoint_url=url, **KEYS) for name in ("ec2", "cloudwatch"))
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ours = {}
    for cluster in ("redis-test", "redis-prod"):
        tags = [{"Key": "Cluster", "Value": cluster}, {"Key": "Name", "Value": "redis-node-1a"}]
        kinds = [{"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")]
        made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, TagSpecifications=kinds)["Instances"][0]
        volume = made["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
        ours = {"InstanceId": made["InstanceId"], "VolumeId": volume}
        for namespace, dimension, metric, value in (
            ("AWS/EC2", "InstanceId", "CPUCreditBalance", 12.0),
            ("AWS/EC2", "InstanceId", "StatusCheckFailed", 0.0),
            ("AWS/EBS", "VolumeId", "BurstBalance", 70.0),
        ):
            now = datetime.datetime.now(datetime.timezone.utc)
            data = {"MetricName": metric, "Dimensions": [{"Name": dimension, "Value": ours[dimension]}], "Value": value}
            times = [now - datetime.timedelta(minutes=ago) for ago in range(0, 20)]
            watch.put_metric_data(Namespace=namespace, MetricData=[{**data, "Timestamp": one} for one in times])
    return ours


class Front(http.server.BaseHTTPRequestHandler):
    """Before moto: what is for CloudWatch comes in CBOR and goes on in JSON, everything else as it is."""

    url, cloudwatch = "", None
    reads, writes = botocore.parsers.RpcV2CBORParser(), botocore.serialize.RpcV2CBORSerializer()

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/service/GraniteServiceVersion20100801/"):
            said = "application/cbor", self.translated(self.path.rpartition("/")[2], asked)
        else:
            request = urllib.request.Request(self.url + self.path, asked, dict(self.headers.items()))
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
                said = answer.headers["Content-Type"], answer.read()
        self.send_response(200)
        self.send_header("Smithy-Protocol", "rpc-v2-cbor")
        self.send_header("Content-Type", said[0])
        self.send_header("Content-Length", str(len(said[1])))
        self.end_headers()
        self.wfile.write(said[1])

    def translated(self, operation: str, asked: bytes) -> bytes:
        parameters = self.reads.parse_data_item(io.BufferedReader(io.BytesIO(asked)))
        answer = getattr(self.cloudwatch, re.sub(r"(?<!^)([A-Z])", r"_\1", operation).lower())(**parameters)
        shape = self.cloudwatch.meta.service_model.operation_model(operation).output_shape
        body = bytearray()
        known = {key: value for key, value in answer.items() if key in shape.members}
        self.writes._serialize_data_item(body, known, shape)
        return bytes(body)

    def log_message(self, *dummy) -> None:
        pass


def front(url: str) -> http.server.ThreadingHTTPServer:
    Front.url, Front.cloudwatch = url, boto3.client("cloudwatch", endpoint_url=url, **KEYS)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def service(url: str, port: int) -> tuple[str, list[str], dict[str, str]]:
    """Configuration, flags and environment, as the role gives them to the unit."""
    core = collection("plugin_utils._settings._core")
    given = {
        "monitoring_cluster": "redis-prod", "yace_regions": [REGION], "yace_port": port,
        "yace_search_tags": {"Cluster": "^redis-prod$"},
        "yace_environment": {"AWS_ENDPOINT_URL": url, "AWS_EC2_METADATA_DISABLED": "true"},
    }  # fmt: skip
    settings, problems = core.judge("yace", given, core.Host("monitoring", architecture="x86_64"))
    assert not problems, problems
    found = core.module_of("yace").service(settings, core.Host("monitoring", architecture="x86_64"))
    values = found["values"]["service"]
    return found["config"]["files"][0]["content"], values["arguments"], values["environment"]


def page(port: int) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        return answer.read().decode()


def samples(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for name, labels, value in re.findall(r"^(aws_\w+)\{(.*)\} (\S+)(?: \d+)?$", text, re.M):
        found.setdefault(name, []).append((dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)), float(value)))
    return found


def wait(port: int, names: set[str]) -> dict:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = samples(page(port))
        if names <= set(found):
            return found
        time.sleep(2)
    raise SystemExit(f"after {SECONDS} s YACE has {sorted(found)}, rules and dashboards ask for {sorted(names)}")


def check(found: dict, names: set[str], ours: dict[str, str]) -> None:
    wrong = []
    for name in sorted(names):
        ((labels, value),) = found[name] if len(found[name]) == 1 else [({}, float("nan"))]
        dimension = "InstanceId" if "_ec2_" in name else "VolumeId"
        wanted = {f"dimension_{dimension}": ours[dimension], "tag_Cluster": "redis-prod", "tag_Name": "redis-node-1a"}
        if not wanted.items() <= labels.items():
            wrong.append(f"{name}: {found[name]}, expected one of {wanted}")
        print(f"{name:42} {value:6.1f}  {json.dumps({key: labels.get(key) for key in wanted})}")
    if wrong:
        raise SystemExit("\n".join(wrong))


def main() -> int:
    try:
        binary, names = program.build(), asked_for()
    except program.NoGo as error:
        print(error)
        return 0
    moto_port, port = free_port(), free_port()
    url = f"http://127.0.0.1:{moto_port}"
    argv = [sys.executable, str(ROOT / "tests/lab/moto_server.py"), "-H", "127.0.0.1", "-p", str(moto_port)]
    with tempfile.TemporaryDirectory() as place, subprocess.Popen(argv, stderr=subprocess.DEVNULL) as moto:
        try:
            wait_for_port(moto_port, moto, 60)
            ours = seed(url)
            at = front(url).server_address[1]
            text, flags, environment = service(f"http://127.0.0.1:{at}", port)
            config = Path(place, "yace.yml")
            config.write_text(text)
            flags = [f"--config.file={config}" if one.startswith("--config.file=") else one for one in flags]
            known = {**os.environ, **environment, "AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab"}
            known |= dict.fromkeys(("NO_PROXY", "no_proxy"), "*")
            subprocess.run([binary, "verify-config", f"--config.file={config}"], env=known, check=True)
            with subprocess.Popen([binary, *flags], env=known) as yace:
                try:
                    wait_for_port(port, yace, 60)
                    check(wait(port, names), names, ours)
                finally:
                    yace.terminate()
        finally:
            moto.terminate()
    print(f"YACE {program.ABOUT['version']}: all {len(names)} metrics are there")
    return 0


if __name__ == "__main__":
    sys.exit(main())
