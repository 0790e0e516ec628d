# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""node_exporter and its collectors as Prometheus sees them."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone

import boto3
import pytest
from lab_client import Lab, check_sandbox

LAB = Lab("node-exporter")
ABOUT = LAB.about
NAMES = {about["role"]: name for name, about in LAB.hosts.items()}
NODE = LAB.address(NAMES["redis"])
CERTIFICATES = {
    "/etc/redis/tls/server.crt": "server",
    "/etc/redis_exporter/tls/client.crt": "client",
    "/etc/redis_exporter/tls/server.crt": "exporter",
    "/etc/redis_exporter/tls/ca.crt": "ca",
}


@pytest.fixture(scope="module")
def redis():
    return LAB.host(NAMES["redis"])


@pytest.fixture(scope="module")
def monitoring():
    return LAB.host(NAMES["monitoring"])


def call(url, login="prometheus:canary-prometheus"):
    return LAB.call(url, login=login)


def samples(text, name):
    """{labels: value} of one metric."""
    return {
        tuple(re.findall(r'(\w+)="([^"]*)"', labels)): float(value)
        for labels, value in re.findall(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.MULTILINE)
    }


def of_node():
    status, text = call(f"https://{NODE}:9100/metrics")
    assert status == 200
    return text


def of_monitoring(host):
    code = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9100/metrics', timeout=20).read().decode())"
    return host.check_output(f'python3 -c "{code}"')


@pytest.mark.parametrize("role", ["redis", "monitoring"])
def test_units(role, request):
    host = request.getfixturevalue(role)
    units = ["node_exporter", "redis_tls_cert_files"] + (["aws_ebs_snapshots"] if role == "monitoring" else [])
    for unit in units:
        started = f"{unit}.service" if unit == "node_exporter" else f"{unit}.timer"
        assert host.service(started).is_running and host.service(started).is_enabled
        check_sandbox(host, f"{unit}.service")
        assert host.check_output(f"systemctl show -P Result {unit}.service") == "success"
    address = NODE if role == "redis" else "127.0.0.1"
    assert host.check_output("ss -ltnH 'sport = :9100'").split()[3] == f"{address}:9100"


def test_only_who_logs_in_over_tls_is_answered():
    assert call(f"https://{NODE}:9100/metrics", login=None)[0] == 401
    assert call(f"https://{NODE}:9100/metrics", login="prometheus:other")[0] == 401
    assert call(f"http://{NODE}:9100/metrics")[0] == 400


def test_the_host_is_measured_as_it_is_in_spite_of_the_sandbox(redis):
    text = of_node()
    collectors = samples(text, "node_scrape_collector_success")
    assert len(collectors) == 14 and set(collectors.values()) == {1}
    # Its own mount points are all read-only, with empty home directories.
    read_only = samples(text, "node_filesystem_readonly")
    assert read_only and not any(read_only.values())
    memory = int(re.search(r"MemTotal: +(\d+)", redis.check_output("cat /proc/meminfo"))[1]) * 1024
    assert samples(text, "node_memory_MemTotal_bytes") == {(): memory}
    assert abs(samples(text, "node_time_seconds")[()] - time.time()) < 5
    assert samples(text, "node_textfile_scrape_error") == {(): 0}
    assert {("device", "eth0")} <= {
        pair for pairs in samples(text, "node_network_receive_bytes_total") for pair in pairs
    }


def test_certificate_files(redis):
    found = samples(of_node(), "redis_tls_cert_file_not_after_timestamp_seconds")
    assert {dict(labels)["path"]: dict(labels)["usage"] for labels in found} == CERTIFICATES
    for labels, value in found.items():
        assert dict(labels)["node"] == NAMES["redis"]
        end = redis.check_output(
            f'date -d "$(openssl x509 -noout -enddate -in {dict(labels)["path"]} | cut -d= -f2)" +%s'
        )
        assert value == int(end)


def test_a_certificate_that_is_renewed_or_lost(redis):
    """A renewed file is seen by the next run. One that is lost fails the run, and the old metrics stay and grow old."""
    name, path = "redis_tls_cert_file_not_after_timestamp_seconds", "/etc/redis/tls/server.crt"

    def run():
        return redis.run("systemctl start redis_tls_cert_files.service").rc

    def server():
        return next(value for labels, value in samples(of_node(), name).items() if ("usage", "server") in labels)

    before = server()
    redis.check_output(f"mv {path} {path}.kept && cp /etc/redis/tls/ca.crt {path}")
    try:
        assert run() == 0
        renewed = server()
        assert renewed > before
        age = samples(of_node(), "node_textfile_mtime_seconds")
        redis.check_output(f"rm {path}")
        assert run() != 0
        lines = redis.check_output(
            "journalctl -u redis_tls_cert_files -t redis_tls_cert_files -o cat -n 5"
        ).splitlines()
        assert lines[-1:] == [f"error: {path} does not exist"]
        assert (server(), samples(of_node(), "node_textfile_mtime_seconds")) == (renewed, age)
    finally:
        redis.check_output(f"mv {path}.kept {path}")
    assert run() == 0 and server() == before


def test_the_collector_is_handed_certificates_and_no_key(redis):
    units = redis.check_output("systemctl cat redis_tls_cert_files.service")
    assert re.findall(r"^LoadCredential=cert-\d:(.*)$", units, re.MULTILINE) == list(CERTIFICATES)
    assert redis.check_output("systemctl show -P CapabilityBoundingSet redis_tls_cert_files.service") == ""
    # As this user and without what systemd hands over it gets nowhere.
    done = redis.run(
        "systemd-run --quiet --collect --wait --pipe -p DynamicUser=yes -p User=node_exporter"
        " python3 /usr/local/lib/node_exporter/redis_tls_cert_files.py --node x server=/etc/redis/tls/server.crt"
    )
    assert done.rc != 0 and "cannot be read: Permission denied" in done.stderr


def test_snapshots(monitoring):
    ec2 = boto3.client("ec2", endpoint_url=ABOUT["aws"]["endpoint_url"], region_name=ABOUT["aws"]["region"],
                       aws_access_key_id="lab", aws_secret_access_key="lab")  # fmt: skip
    instance = next(
        one
        for reservation in ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": [NAMES["redis"]]}])[
            "Reservations"
        ]
        for one in reservation["Instances"]
    )
    volume = instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    labels = {
        "volume_id": volume, "instance_id": instance["InstanceId"], "node": NAMES["redis"], "cluster": "redis-prod",
        "environment": "production",
    }  # fmt: skip

    def metric(name):
        found = samples(of_monitoring(monitoring), name)
        assert all(dict(pairs) == labels for pairs in found)
        return list(found.values())

    last = "aws_ebs_snapshot_last_completed_timestamp_seconds"
    assert metric(last) == [0] and metric("aws_ebs_snapshot_last_completed_encrypted") == []
    assert metric("aws_ebs_volume_encrypted") == [1]
    assert abs(metric("aws_ebs_volume_create_timestamp_seconds")[0] - time.time()) < 3600
    ec2.create_snapshot(VolumeId=volume)
    monitoring.check_output("systemctl start aws_ebs_snapshots.service")
    (taken,) = metric(last)
    assert abs(taken - datetime.now(timezone.utc).timestamp()) < 300
    assert metric("aws_ebs_snapshot_last_completed_encrypted") == [1]


def test_a_run_that_fails_leaves_the_old_snapshots(monitoring):
    config, output = "/etc/node_exporter/aws_ebs_snapshots.json", "/var/lib/node_exporter/aws_ebs_snapshots.prom"
    before = monitoring.check_output(f"stat -Lc '%i %Y' {output}")
    monitoring.check_output(f"cp -p {config} /run/kept && sed -i 's/us-east-1/eu-west-1/' {config}")
    try:
        assert monitoring.run("systemctl start aws_ebs_snapshots.service").rc != 0
        line = monitoring.check_output("journalctl -u aws_ebs_snapshots -t aws_ebs_snapshots -o cat -n 1")
        assert re.fullmatch(r"error: no volume is attached to i-\w+ in eu-west-1: is that their region, .*", line)
    finally:
        monitoring.check_output(f"cp -p /run/kept {config}")
    assert monitoring.check_output(f"stat -Lc '%i %Y' {output}") == before
    monitoring.check_output("systemctl start aws_ebs_snapshots.service")


def test_names_are_resolved_in_the_sandbox(monitoring):
    """The lab's endpoint is an address; AWS's has a name."""
    properties = monitoring.check_output("systemctl cat aws_ebs_snapshots.service").split("[Service]")[1]
    wanted = re.findall(r"^(?:Restrict|SystemCall|Private|Protect|Memory|Dynamic)\w+=.*$", properties, re.MULTILINE)
    options = " ".join(f"-p '{line}'" for line in wanted)
    code = "import socket; print(socket.getaddrinfo('localhost', 443)[0][4][0])"
    told = monitoring.check_output(f'systemd-run --quiet --wait --pipe {options} /usr/bin/python3 -c "{code}"')
    assert told in ("127.0.0.1", "::1")


def test_secrets_are_nowhere_to_be_read(redis):
    done = redis.run(
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; systemctl cat node_exporter;"
        " journalctl --all --no-pager; find /etc /opt /var/lib /var/tmp /tmp -xdev -type f -perm /044 -exec cat {} +"
    )
    places = done.stdout_bytes.decode(errors="replace")
    assert "--web.listen-address" in places and "canary" not in places
    web = redis.file("/etc/node_exporter/credentials/web.yml")
    assert (
        (web.mode, web.user) == (0o600, "root") and "$2b$" in web.content_string and "canary" not in web.content_string
    )
