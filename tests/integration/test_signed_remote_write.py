# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""monitoring_remote_storage of kind amp: a real Prometheus with the role's configuration, and a store that verifies.

Amazon itself is out of reach. What is proved is the signature: region, service, credentials of the instance's role.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _templates
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "tools")]
import promtool
from ports import free_port, wait_for_port
from signed_store import SignedStore

REGION = "eu-central-1"
PATH = "/workspaces/ws-1/api/v1/remote_write"
STATIC = Credentials("AKIDEXAMPLE", "the-right-secret")
OF_ROLE = Credentials("ASIAEXAMPLE", "the-secret-of-the-role", "the-token-of-the-role")
FAILED = "prometheus_remote_storage_samples_failed_total"
ARCHIVES = promtool.mirrored()
needs_prometheus = pytest.mark.skipif(not ARCHIVES, reason="no release in build/mirror: tests/lab/mirror.py fills it")


@pytest.fixture
def store():
    """store(credentials, ...) -> one that takes what these have signed."""
    started = []

    def start(credentials, region=REGION, **more):
        started.append(SignedStore(region, credentials, **more))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def prometheus(tmp_path):
    """prometheus(store, environment, archive) -> what its page of metrics says once it has sent something."""

    def run(store, environment, archive=None):
        archive = archive or ARCHIVES[-1]
        port = free_port()
        version = ".".join(map(str, promtool.version(archive.name)))
        amp = {"kind": "amp", "url": f"{store.url}/workspaces/ws-1", "region": REGION}
        short = {f"prometheus_{name}": "2s" for name in ("scrape_interval", "exporter_scrape_timeout")}
        changed = {"prometheus_version": version, "prometheus_port": port, "monitoring_remote_storage": amp, **short}
        configuration(tmp_path, changed)
        argv = [promtool.unpacked(archive, "prometheus"), f"--config.file={tmp_path}/prometheus.yml"]
        argv += [f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address=127.0.0.1:{port}"]
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(argv, env={**os.environ, **environment}, stdout=log, stderr=log)
        try:
            wait_for_port(port, process, 30)
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
                    page = answer.read().decode()
                if store.answers and (counted(page, FAILED) or not store.answers[-1][1]):
                    return page
                time.sleep(0.5)
            raise AssertionError((tmp_path / "log").read_text()[-3000:])
        finally:
            process.terminate()
            process.wait(timeout=30)

    return run


def configuration(directory, changed):
    on = _core.Host(
        name="m", architecture="x86_64", groups={"redis": ["r"]}, hostvars={"r": {"ansible_host": "127.0.0.9"}}
    )
    s, problems = _core.judge("prometheus", changed, on)
    assert problems == []
    values = _core.module_of("prometheus").service(s, on)["values"]
    (directory / "prometheus.yml").write_text(_templates.render("prometheus/prometheus.yml.j2", values))


def counted(page, name):
    return sum(float(value) for value in re.findall(rf"^{name}\{{.*\}} (\S+)$", page, re.M))


@pytest.fixture
def credentials_file(tmp_path):
    """credentials_file(credentials) -> the environment that has them."""

    def write(credentials):
        keys = f"aws_access_key_id = {credentials.access_key}\naws_secret_access_key = {credentials.secret_key}\n"
        (tmp_path / "credentials").write_text(f"[default]\n{keys}")
        return {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials")}

    return write


# -------------------------------------------------------------------------------------------------- the verifier


def signed(store, body=b"samples", credentials=STATIC, region=REGION, service="aps"):
    request = AWSRequest("POST", store.url + PATH, data=body, headers={"Content-Encoding": "snappy"})
    SigV4Auth(credentials, service, region).add_auth(request)
    return dict(request.headers.items())


def posted(store, headers, body=b"samples", path=PATH):
    request = urllib.request.Request(store.url + path, data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_verifier_takes_what_is_signed_right_and_nothing_else(store):
    one = store(STATIC)
    good = signed(one)
    assert posted(one, good) == 200
    assert posted(one, {}) == 403
    assert posted(one, good, body=b"other samples") == 403
    assert posted(one, good, path="/workspaces/ws-2/api/v1/remote_write") == 403
    assert posted(one, {**good, "Content-Encoding": "gzip"}) == 403
    for wrong in (
        {"credentials": Credentials("AKIDEXAMPLE", "another")},
        {"credentials": Credentials("AKIDOTHER", "the-right-secret")},
        {"credentials": Credentials("AKIDEXAMPLE", "the-right-secret", "a token")},
        {"region": "us-east-1"},
        {"service": "es"},
    ):
        assert posted(one, signed(one, **wrong)) == 403, wrong


# ---------------------------------------------------------------------------------------------- the real program


@needs_prometheus
@pytest.mark.parametrize("archive", ARCHIVES[-2:], ids=lambda path: path.name)
def test_a_signed_sample_is_taken(store, prometheus, credentials_file, archive):
    one = store(STATIC)
    page = prometheus(one, credentials_file(STATIC), archive)
    assert set(one.answers) == {(200, "", PATH)}
    assert counted(page, FAILED) == 0


@needs_prometheus
def test_the_role_of_the_instance_signs_where_nobody_gives_credentials(store, prometheus):
    one = store(OF_ROLE, hands_out=OF_ROLE)
    metadata = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": one.url}
    page = prometheus(one, metadata)
    assert set(one.answers) == {(200, "", PATH)}
    assert counted(page, FAILED) == 0


@needs_prometheus
@pytest.mark.parametrize(
    ("credentials", "region", "why"),
    [
        (Credentials("AKIDEXAMPLE", "a-wrong-secret"), REGION, "SignatureDoesNotMatch"),
        (STATIC, "us-east-1", f"the credential is scoped to {REGION} and aps"),
    ],
    ids=["secret", "region"],
)
def test_a_wrong_one_is_refused_and_counted_as_lost(store, prometheus, credentials_file, credentials, region, why):
    """PrometheusRemoteWriteLosesSamples looks at this counter."""
    one = store(STATIC, region)
    page = prometheus(one, credentials_file(credentials))
    assert {answer[:2] for answer in one.answers} == {(403, why)}
    assert counted(page, FAILED) > 0
