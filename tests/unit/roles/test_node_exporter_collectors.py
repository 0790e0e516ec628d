# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collectors of role node_exporter, and the alerts on what they write."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import stat
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests/tools")]

import promtool
import render_rules
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import node_exporter


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """The directory of the collectors with what they import, as on a host."""
    directory = tmp_path_factory.mktemp("programs")
    for name, shared in node_exporter.SHARED.items():
        for path, file in node_exporter.program_files([name, *shared]).items():
            (directory / Path(path).name).write_text(file["content"])
    return directory


@pytest.fixture(scope="module")
def load(programs):
    def load(name):
        spec = importlib.util.spec_from_file_location(name, programs / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(programs))
            spec.loader.exec_module(module)
        return module

    return load


@pytest.fixture(scope="module")
def certs(load):
    return load("redis_tls_cert_files")


@pytest.fixture(scope="module")
def snapshots(load):
    return load("aws_ebs_snapshots")


def parse(text):
    """Samples of an exposition: (metric, labels) by value. Reading it this way refuses what Prometheus would."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            assert re.fullmatch(r"# (HELP \w+ .+|TYPE \w+ gauge)", line), line
            continue
        name, labels, value = re.fullmatch(r'(\w+)\{((?:\w+="(?:[^"\\\n]|\\[\\"n])*",?)*)\} (-?\d+)', line).groups()
        pairs = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels)
        found[(name, tuple((key, ast.literal_eval(f'"{text}"')) for key, text in pairs))] = int(value)
    return found


# Certificate files


@pytest.fixture(scope="module")
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def certificate(key):
    """certificate(days) -> PEM of a certificate that ends then."""

    def make(days, subject="redis-node-1a", issuer="redis-node-1a", is_ca=False):
        name, signer = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (subject, issuer))
        now = datetime.now(timezone.utc).replace(microsecond=0)
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(signer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=400))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("redis-node-1a")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM).decode(), int((now + timedelta(days=days)).timestamp())

    return make


@pytest.fixture
def run_certs(certs, monkeypatch):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["redis_tls_cert_files.py", "--node", "redis-node-1a", *map(str, arguments)])
        return certs.main()

    return run


@pytest.fixture
def end_of(certs):
    """end_of(text, usage, (usage, text) of other files ...) -> the date that the file gets."""

    def end(text, usage="server", *others):
        files = [(one, certs.certificates("x", content.encode())) for one, content in [(usage, text), *others]]
        return next(certs.ends(files))

    return end


@pytest.mark.parametrize("days", [-30, 0, 9, 825, 9000, 40000])  # from 2050 on the time is written in another way
def test_end_of_validity(end_of, certificate, days):
    pem, end = certificate(days)
    assert end_of(pem) == end
    assert end_of(pem.replace("\n", "\r\n")) == end
    assert end_of(pem.replace("N CERT", "N X509 CERT").replace("D CERT", "D X509 CERT")) == end


def test_of_a_file_with_several_certificates_the_one_that_ends_first_counts(end_of, certificate, key):
    (leaf, soon), (issuer, _late) = certificate(5), certificate(500)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    for text in (leaf + issuer, issuer + "some text\n" + leaf, private + issuer + leaf):
        assert end_of(text) == soon


def test_of_authorities_in_one_file_the_one_that_is_used_counts(end_of, certificate):
    """Debian's bundle has roots that expired, and in a rotation old and new lie side by side."""
    (old, old_end), (new, new_end) = (certificate(days, name, name, True) for days, name in ((-3, "old"), (900, "new")))
    (root, _end), (intermediate, intermediate_end) = certificate(700, "r", "r", True), certificate(20, "i", "r", True)
    leaf_of = {name: certificate(90, "leaf", name)[0] for name in ("old", "new", "i", "stranger")}
    assert end_of(old + new, "ca") == end_of(new + old, "ca") == new_end
    assert end_of(old + new, "ca", ("client", leaf_of["new"])) == new_end
    assert end_of(old + new, "ca", ("client", leaf_of["stranger"])) == new_end
    assert end_of(old, "ca", ("client", leaf_of["new"])) == old_end
    # One that still signs what is in use is no thing of the past.
    assert end_of(new + old, "ca", ("client", leaf_of["new"]), ("exporter", leaf_of["old"])) == old_end
    assert end_of(root + intermediate, "ca", ("client", leaf_of["i"])) == intermediate_end
    again, again_end = certificate(400, "old", "old", True)
    assert end_of(again + old, "ca", ("client", leaf_of["old"])) == again_end, "the same CA, issued again"


def test_a_root_that_an_older_one_signed_counts_only_where_nobody_trusts_it_itself(end_of, certificate):
    (leaf, _end), (crossed, crossed_end) = certificate(200, "leaf", "new"), certificate(2, "new", "old", True)
    new = certificate(900, "new", "new", True)[0]
    leaf_end = end_of(leaf)
    assert end_of(leaf + crossed, "exporter", ("ca", new)) == leaf_end
    assert end_of(leaf + crossed, "exporter") == crossed_end
    assert end_of(crossed, "client", ("ca", new)) == crossed_end, "the first is the certificate itself"


def test_output_and_how_it_is_replaced(run_certs, certificate, tmp_path):
    pem, end = certificate(9)
    odd = tmp_path / 'odd "name\\.crt'
    for path in (tmp_path / "server.crt", odd):
        path.write_text(pem)
    output = tmp_path / "out" / "redis_tls_cert_files.prom"
    output.parent.mkdir()
    assert run_certs(f"--output={output}", f"server={tmp_path}/server.crt", f"ca={odd}") == 0
    name = "redis_tls_cert_file_not_after_timestamp_seconds"
    assert parse(output.read_text()) == {
        (name, (("path", f"{tmp_path}/server.crt"), ("node", "redis-node-1a"), ("usage", "server"))): end,
        (name, (("path", str(odd)), ("node", "redis-node-1a"), ("usage", "ca"))): end,
    }
    assert stat.S_IMODE(output.stat().st_mode) == 0o644
    before = output.read_text(), output.stat().st_ino
    problem = run_certs(f"--output={output}", f"server={tmp_path}/server.crt", f"client={tmp_path}/none.crt")
    assert problem == f"error: {tmp_path}/none.crt does not exist"
    assert (output.read_text(), output.stat().st_ino) == before
    assert run_certs(f"--output={output}", f"server={tmp_path}/server.crt") == 0
    assert output.stat().st_ino != before[1]  # a new file took its place
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_what_is_missing_or_damaged_is_told_in_one_line_all_at_once(
    run_certs, certificate, tmp_path, monkeypatch, capsys
):
    pem, _end = certificate(9)
    lines = pem.splitlines()
    texts = {
        "empty": "", "key": "-----BEGIN PRIVATE KEY-----\nMIG=\n-----END PRIVATE KEY-----\n",
        "short": "\n".join([*lines[:3], lines[-1]]), "letters": pem.replace(lines[1], "*" * 63),
        "other": "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n",
    }  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "directory").mkdir()
    said = run_certs(*(f"ca={tmp_path}/{name}" for name in [*texts, "directory", "none"]))
    assert capsys.readouterr().out == ""
    assert said.replace(f"{tmp_path}/", "") == (
        "error: empty holds no PEM certificate; key holds no PEM certificate; short holds a damaged PEM certificate; "
        "letters holds a damaged PEM certificate; other holds a damaged PEM certificate; "
        "directory cannot be read: Is a directory; none does not exist"
    )


def test_systemd_hands_over_the_files_in_the_order_of_the_arguments(
    run_certs, certificate, tmp_path, monkeypatch, capsys
):
    (first, end), (second, later) = certificate(1), certificate(2)
    (tmp_path / "cert-0").write_text(first)
    (tmp_path / "cert-1").write_text(second)
    assert run_certs(f"--credentials={tmp_path}", "server=/a", "client=/b") == 0
    assert {labels[0][1]: value for (_name, labels), value in parse(capsys.readouterr().out).items()} == {
        "/a": end, "/b": later
    }  # fmt: skip
    (tmp_path / "cert-1").write_text("missing")  # SetCredential= of the unit
    assert run_certs(f"--credentials={tmp_path}", "server=/a", "client=/b") == "error: /b does not exist"


# EBS snapshots

LABELS = {"node": "redis-node-1a", "cluster": "redis-prod", "environment": "production"}
ACCOUNT = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1",
}


@pytest.fixture(scope="module")
def moto():
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://%s:%s" % server.get_host_and_port()
    server.stop()


@pytest.fixture
def collect(programs, tmp_path):
    def run(endpoint, instances, environment=None, region="us-east-1", **more):
        config = tmp_path / "config.json"
        config.write_text(json.dumps({"instances": instances, "region": region, "endpoint_url": endpoint, **more}))
        return subprocess.run(
            [sys.executable, programs / "aws_ebs_snapshots.py", f"--config={config}", f"--output={tmp_path}/out.prom"],
            env=environment or ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    return run


def by_volume(text):
    """{volume: {metric without prefix: value}} and the labels of each."""
    values, labels = {}, {}
    for (name, pairs), value in parse(text).items():
        volume = dict(pairs)["volume_id"]
        values.setdefault(volume, {})[name.replace("aws_ebs_", "").replace("_timestamp_seconds", "")] = value
        labels[volume] = dict(pairs)
    return values, labels


@pytest.fixture(scope="module")
def account(moto):
    """Two Redis nodes and another instance; volumes with all kinds of snapshots."""
    from moto.ec2.models import ec2_backends

    ec2 = boto3.client("ec2", endpoint_url=moto, **ACCOUNT)
    made = ec2.run_instances(ImageId="ami-00000000000000001", MinCount=3, MaxCount=3)["Instances"]
    node, second, other = (one["InstanceId"] for one in made)

    def volume(instance, device, encrypted=True):
        identifier = ec2.create_volume(AvailabilityZone="us-east-1a", Size=8, Encrypted=encrypted)["VolumeId"]
        ec2.attach_volume(VolumeId=identifier, InstanceId=instance, Device=device)
        return identifier

    volumes = {
        "good": volume(node, "/dev/sdb"),
        "never": volume(node, "/dev/sdc"),
        "failed": volume(second, "/dev/sdb"),
        "clear": volume(second, "/dev/sdc", encrypted=False),
        "other": volume(other, "/dev/sdb"),
    }
    stored = ec2_backends["123456789012"]["us-east-1"].snapshots
    now = datetime.now(timezone.utc)
    for name, state, hours in (
        ("good", "completed", 50), ("good", "completed", 2), ("good", "completed", 26), ("good", "pending", 0),
        ("failed", "completed", 20), ("failed", "error", 3), ("clear", "completed", 1), ("other", "completed", 1),
    ):  # fmt: skip
        snapshot = stored[ec2.create_snapshot(VolumeId=volumes[name])["SnapshotId"]]
        snapshot.status, snapshot.start_time = state, now - timedelta(hours=hours)
    # moto's stock of AMIs brings snapshots of nobody, and run_instances brings root volumes.
    roots = {one["InstanceId"]: one["BlockDeviceMappings"] for one in made}
    return {"node": node, "second": second, "other": other, "roots": roots, "now": now.timestamp(), **volumes}


@pytest.fixture
def collected(collect, moto, account, tmp_path):
    instances = {account["node"]: LABELS, account["second"]: dict(LABELS, node="redis-node-1b")}
    done = collect(moto, instances)
    assert (done.returncode, done.stderr) == (0, "")
    return tmp_path / "out.prom"


def test_every_volume_has_its_metrics(account, collected):
    values, labels = by_volume(collected.read_text())
    hours = {name: int(account["now"] - hours * 3600) for name, hours in (("2", 2), ("3", 3), ("20", 20), ("1", 1))}
    created = {name: values[account[name]].pop("volume_create") for name in ("good", "never", "failed", "clear")}
    assert all(abs(when - account["now"]) < 120 for when in created.values())
    none = {"snapshot_last_failed": 0}
    assert values[account["good"]] == {
        **none, "snapshot_last_completed": hours["2"], "snapshot_last_completed_encrypted": 1, "volume_encrypted": 1
    }  # fmt: skip
    assert values[account["never"]] == {**none, "snapshot_last_completed": 0, "volume_encrypted": 1}
    assert values[account["failed"]] == {
        "snapshot_last_failed": hours["3"], "snapshot_last_completed": hours["20"],
        "snapshot_last_completed_encrypted": 1, "volume_encrypted": 1,
    }  # fmt: skip
    assert values[account["clear"]] == {
        **none, "snapshot_last_completed": hours["1"], "snapshot_last_completed_encrypted": 0, "volume_encrypted": 0
    }  # fmt: skip
    assert account["other"] not in values
    assert labels[account["failed"]] == {
        "volume_id": account["failed"], "instance_id": account["second"], **dict(LABELS, node="redis-node-1b")
    }  # fmt: skip
    assert stat.S_IMODE(collected.stat().st_mode) == 0o644


def test_filters_leave_volumes_out(collect, moto, account, tmp_path):
    ec2 = boto3.client("ec2", endpoint_url=moto, **ACCOUNT)
    ec2.create_tags(Resources=[account["never"]], Tags=[{"Key": "Backup", "Value": "daily"}])
    instances = {account["node"]: LABELS}
    assert collect(moto, instances, filters={"tag:Backup": ["daily"]}).returncode == 0
    assert set(by_volume((tmp_path / "out.prom").read_text())[0]) == {account["never"]}


@pytest.fixture
def region_server():
    """The metadata service of an instance in us-east-1, version 2 only."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self, status, text):
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_PUT(self):
            ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
            self.answer(200 if ttl else 400, "token-of-v2")

        def do_GET(self):
            token = self.headers.get("X-aws-ec2-metadata-token") == "token-of-v2"
            known = self.path == "/latest/meta-data/placement/region"
            self.answer(200 if token and known else 401, "us-east-1" if token else "")

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_region_is_that_of_the_instance(collect, moto, account, tmp_path, region_server):
    environment = dict(ENVIRONMENT, AWS_EC2_METADATA_SERVICE_ENDPOINT=region_server)
    done = collect(moto, {account["node"]: LABELS}, environment, region="")
    assert (done.returncode, done.stderr) == (0, "")
    assert account["good"] in (tmp_path / "out.prom").read_text()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"instances": {"i-00000000000000000": LABELS}}, "error: no volume is attached to i-0{17} in us-east-1: "),
        ({"region": "eu-west-1"}, " in eu-west-1: is that their region"),
        ({"endpoint": "http://127.0.0.1:9"}, 'error: Could not connect to the endpoint URL: "http://127.0.0.1:9/"'),
        (
            {"region": "", "environment": dict(ENVIRONMENT, AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9")},
            "error: the metadata service of EC2 does not tell the region .*refused.*: set node_exporter_ebs_region",
        ),
        (
            {"environment": {key: ENVIRONMENT[key] for key in ENVIRONMENT if "ACCESS" not in key}},
            "error: no AWS credentials: give the instance a role with ec2:DescribeVolumes and ec2:DescribeSnapshots",
        ),
    ],
)  # fmt: skip
def test_a_run_that_fails_says_why_in_one_line_and_leaves_the_old_file(collect, moto, account, tmp_path, change, says):
    (tmp_path / "out.prom").write_text("old\n")
    given = {"endpoint": moto, "instances": {account["node"]: LABELS}, **change}
    done = collect(**given)
    assert done.returncode == 1 and done.stdout == ""
    assert re.match(f".*{says}", done.stderr) and done.stderr.count("\n") == 1, done.stderr
    assert (tmp_path / "out.prom").read_text() == "old\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "out.prom"]


def stubbed():
    ec2 = boto3.client("ec2", config=Config(retries={"max_attempts": 1}), **ACCOUNT)
    return ec2, Stubber(ec2)


def answer_volume(identifier, instance):
    attachments = [{"InstanceId": "i-0ff"}, {"InstanceId": instance}]
    return {
        "VolumeId": identifier, "Encrypted": True, "CreateTime": datetime(2026, 1, 1, tzinfo=timezone.utc),
        "Attachments": attachments,
    }  # fmt: skip


def answer_snapshot(volume, day, state="completed"):
    return {
        "VolumeId": volume, "StartTime": datetime(2026, 2, day, tzinfo=timezone.utc), "State": state, "Encrypted": True
    }  # fmt: skip


FIRST_PAGE = {"Snapshots": [answer_snapshot("vol-1", 3)], "NextToken": "more"}


def two_pages(stub, second):
    page = {"MaxResults": 500}
    stub.add_response(
        "describe_volumes",
        {"Volumes": [answer_volume("vol-1", "i-0a1"), answer_volume("vol-2", "i-0a1")]},
        {"Filters": [{"Name": "attachment.instance-id", "Values": ["i-0a1"]}], **page},
    )
    asked = {"OwnerIds": ["self"], "Filters": [{"Name": "volume-id", "Values": ["vol-1", "vol-2"]}], **page}
    stub.add_response("describe_snapshots", FIRST_PAGE, asked)
    second({**asked, "NextToken": "more"})


def test_one_paginated_call_for_the_snapshots_of_all_volumes(snapshots):
    ec2, stub = stubbed()
    rest = {"Snapshots": [answer_snapshot("vol-2", 4), answer_snapshot("vol-1", 9), answer_snapshot("vol-1", 5)]}
    two_pages(stub, lambda asked: stub.add_response("describe_snapshots", rest, asked))
    with stub:
        found = dict((labels["volume_id"], values) for labels, values in snapshots.collect(ec2, {"i-0a1": LABELS}, {}))
    stub.assert_no_pending_responses()
    newest = {volume: values["aws_ebs_snapshot_last_completed_timestamp_seconds"] for volume, values in found.items()}
    day = datetime(2026, 2, 1, tzinfo=timezone.utc).timestamp() - 86400
    assert newest == {"vol-1": day + 9 * 86400, "vol-2": day + 4 * 86400}


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("RequestLimitExceeded", "error: An error occurred (RequestLimitExceeded)"),
        ("UnauthorizedOperation", ": the instance role needs ec2:DescribeVolumes and ec2:DescribeSnapshots"),
    ],
)
def test_a_page_that_fails_leaves_the_old_file(snapshots, tmp_path, monkeypatch, code, says):
    ec2, stub = stubbed()
    two_pages(stub, lambda asked: stub.add_client_error("describe_snapshots", code, "no\nway", 400, None, asked))
    monkeypatch.setattr(snapshots, "connect", lambda settings: ec2)
    (tmp_path / "config.json").write_text(json.dumps({"instances": {"i-0a1": LABELS}}))
    (tmp_path / "out.prom").write_text("old\n")
    monkeypatch.setattr(sys, "argv", ["x", f"--config={tmp_path}/config.json", f"--output={tmp_path}/out.prom"])
    with stub:
        said = snapshots.main()
    stub.assert_no_pending_responses()
    assert says in said and "\n" not in said
    assert (tmp_path / "out.prom").read_text() == "old\n"


def test_more_values_than_a_filter_takes(snapshots):
    class Pages:
        def __init__(self):
            self.asked = []

        def get_paginator(self, operation):
            return self

        def paginate(self, Filters, **more):
            self.asked.append(len(Filters[0]["Values"]))
            return [{"Volumes": Filters[0]["Values"]}]

    ec2, values = Pages(), [f"vol-{number}" for number in range(450)]
    assert list(snapshots.pages(ec2, "describe_volumes", "Volumes", "volume-id", values)) == values
    assert ec2.asked == [200, 200, 50]


# Rules: the alerts fire on what the collectors really write

TARGET = {"job": "node", "instance": "10.0.1.87:9100", "node": "prometheus-grafana", "environment": "production"}
NODE = dict(LABELS, job="node", instance="10.0.1.102:9100")


NOW = 100  # hours that promtool's clock shows


def held(value):
    return f"{value}x{NOW}"


def at(moment, now):
    """A time on promtool's clock."""
    return held(moment - now + NOW * 3600)


def as_scraped(text, target, now):
    """Series as Prometheus stores them with honor_labels."""
    series = []
    for (name, pairs), value in parse(text).items():
        labels = ",".join(f"{key}={json.dumps(text)}" for key, text in {**target, **dict(pairs)}.items())
        values = at(value, now) if value and name.endswith("_timestamp_seconds") else held(value)
        series.append({"series": f"{name}{{{labels}}}", "values": values})
    return series


TOOL = promtool.find()


@pytest.mark.skipif(TOOL is None, reason="no promtool: run tests/tools/promtool.py once")
def test_the_rules_match_what_the_collectors_write(
    run_certs, account, collected, certificate, tmp_path, monkeypatch, capsys
):
    ours = [
        "EbsSnapshotStale", "EbsSnapshotFailed", "EbsSnapshotUnencrypted", "EbsSnapshotMetricAbsent",
        "RedisTlsCertFileExpiring", "RedisTlsCertRenewedNotLoaded", "TextfileMetricsStale",
    ]  # fmt: skip
    settings = {
        "prometheus_alert_for": dict.fromkeys(ours, "0s"),
        # Hours since the newest snapshot: good 2, failed 20, clear 1, never and root volumes none, made a moment ago.
        "prometheus_alert_thresholds": {"snapshot_age_hours": 10},
    }
    assert render_rules.render(tmp_path / "rules", [json.dumps(settings)]) == ""
    now = int(time.time())
    for name, days in (("server", 90), ("client", 9), ("ca", 400)):
        (tmp_path / f"{name}.crt").write_text(certificate(days)[0])
    assert run_certs(*(f"{name}={tmp_path}/{name}.crt" for name in ("server", "client", "ca"))) == 0
    up = 'up{job="redis-cluster",cluster="redis-prod",environment="production",instance_id="%s"}'
    textfile = 'node_textfile_mtime_seconds{job="node",node="prometheus-grafana",file="/var/lib/node_exporter/%s.prom"}'
    series = [
        *as_scraped(collected.read_text(), TARGET, now),
        *as_scraped(capsys.readouterr().out, NODE, now),
        *({"series": up % account[name], "values": held(1)} for name in ("node", "second", "other")),
        {
            "series": 'probe_ssl_earliest_cert_expiry{job="redis-tls",instance="10.0.1.102:6379",'
            'cluster="redis-prod",environment="production",node="redis-node-1a"}',
            "values": at(now + 30 * 86400, now),
        },
        {"series": textfile % "aws_ebs_snapshots", "values": at(now - 4 * 3600, now)},
        {"series": textfile % "redis_tls_cert_files", "values": at(now - 60, now)},
    ]
    expected = {
        "EbsSnapshotStale": {("volume_id", account["failed"])},
        "EbsSnapshotFailed": {("volume_id", account["failed"])},
        "EbsSnapshotUnencrypted": {
            ("volume_id", one) for one in (account["clear"], *(roots(account, "node") + roots(account, "second")))
        },
        "EbsSnapshotMetricAbsent": {("cluster", "redis-prod")},
        "RedisTlsCertFileExpiring": {("path", f"{tmp_path}/client.crt")},
        "RedisTlsCertRenewedNotLoaded": {("node", "redis-node-1a")},
        "TextfileMetricsStale": {("file", "/var/lib/node_exporter/aws_ebs_snapshots.prom")},
    }
    # promtool knows only whole label sets: have it tell what fires, and look at that.
    document = {
        "rule_files": [str(path) for path in sorted((tmp_path / "rules").glob("*.yml"))],
        "evaluation_interval": "1h",
        "tests": [
            {
                "interval": "1h",
                "input_series": series,
                "promql_expr_test": [
                    {"expr": f'ALERTS{{alertname="{name}"}}', "eval_time": f"{NOW}h", "exp_samples": []}
                    for name in ours
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps(document))
    done = subprocess.run([TOOL, "test", "rules", tmp_path / "test.yml"], capture_output=True, text=True, check=False)
    fired = {}
    for labels in re.findall(r"\{__name__=\"ALERTS\", ([^}]*)\}", done.stdout + done.stderr):
        pairs = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels))
        assert pairs["alertstate"] == "firing"
        fired.setdefault(pairs["alertname"], []).append(pairs)
    assert sorted(fired) == sorted(ours), done.stdout + done.stderr
    for name, wanted in expected.items():
        (label,) = {label for label, _value in wanted}
        assert {(label, pairs[label]) for pairs in fired[name]} == wanted, name
    assert fired["EbsSnapshotStale"][0]["node"] == "redis-node-1b"  # the volume's, not that of the monitoring host
    assert fired["RedisTlsCertRenewedNotLoaded"][0]["cluster"] == "redis-prod"


def roots(account, name):
    return [device["Ebs"]["VolumeId"] for device in account["roots"][account[name]]]
