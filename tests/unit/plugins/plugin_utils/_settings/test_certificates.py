# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, certificates
from cryptography.hazmat.primitives import serialization

SECRET = {"monitoring_secret": "0123456789abcdef0123456789abcdef", "monitoring_cluster": "redis-prod"}


@pytest.fixture
def ca(pki):
    """The settings of a CA of the user that is in order."""
    certificate = Path(pki.ca("users-ca", days=900))
    return {
        "monitoring_certificates": "ca",
        "monitoring_ca_certificate": certificate.read_text(),
        "monitoring_ca_private_key": certificate.with_suffix(".key").read_text(),
    }


@pytest.fixture
def problems(host):
    def run(changed):
        variables = {**SECRET, **changed}
        on = host(variables=variables)
        return _core.judge("certificates", variables, on)[1]

    return run


def test_nothing_is_judged_without_the_secret_or_with_files(problems, host):
    assert problems({"monitoring_certificates": "files", "certificates_days": 4000}) == []
    assert certificates.problems({"monitoring_certificates": "own"}, host()) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"certificates_days": 398}, "certificates_days is 398: give 2 to 397, browsers accept no more"),
        ({"monitoring_names": ["https://a"]}, "monitoring_names has https://a, which is no host name"),
        ({"certificates_redis_client": True}, "certificates_redis_client needs the CA that Redis trusts"),
        ({"monitoring_certificates": "ca"}, "monitoring_ca_certificate is not set: monitoring_certificates is ca"),
    ],
)
def test_problems(problems, changed, says):
    assert problems(changed)[0].startswith(says)


def test_a_ca_that_can_sign(problems, ca):
    assert problems(ca) == []


def test_a_key_of_another_ca(problems, ca, pki):
    other = Path(pki.ca("users-other-ca")).with_suffix(".key").read_text()
    assert problems({**ca, "monitoring_ca_private_key": other}) == [
        "monitoring_ca_private_key is not the key of monitoring_ca_certificate"
    ]


def test_a_certificate_that_is_no_ca(problems, ca, pki):
    cert, key = pki.issue("users-leaf", ca="users-ca")
    wrong = {"monitoring_ca_certificate": Path(cert).read_text(), "monitoring_ca_private_key": Path(key).read_text()}
    assert problems({**ca, **wrong}) == ["monitoring_ca_certificate may not sign: it is not the certificate of a CA"]


def test_an_expired_ca(problems, ca, pki):
    expired = Path(pki.ca("users-expired-ca", days=-1))
    wrong = {
        "monitoring_ca_certificate": expired.read_text(),
        "monitoring_ca_private_key": expired.with_suffix(".key").read_text(),
    }
    [line] = problems({**ca, **wrong})
    assert line.startswith("monitoring_ca_certificate expired on 20")


def test_a_passphrase(problems, ca):
    key = serialization.load_pem_private_key(ca["monitoring_ca_private_key"].encode(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"canary-passphrase"),
    ).decode()
    ca["monitoring_ca_private_key"] = locked
    assert "monitoring_ca_passphrase is not set" in problems(ca)[0]
    [line] = problems({**ca, "monitoring_ca_passphrase": "wrong"})
    assert line.endswith("monitoring_ca_passphrase is not its passphrase")
    assert problems({**ca, "monitoring_ca_passphrase": "canary-passphrase"}) == []


@pytest.mark.parametrize("name", ["monitoring_ca_certificate", "monitoring_ca_private_key"])
def test_garbage(problems, ca, name):
    assert problems({**ca, name: "canary garbage"})[0].startswith(f"{name} is no PEM")
    assert "canary" not in str(problems({**ca, name: "canary garbage"}))


def test_what_each_host_gets(host):
    s = {"monitoring_names": ["grafana.example.com"], "certificates_redis_client": False}
    monitoring = host(variables={"ansible_host": "10.0.0.5", "private_ip_address": "10.0.0.5"})
    assert certificates.wanted(s, monitoring) == [
        {
            "name": name,
            "names": ["monitoring-1", "10.0.0.5", "grafana.example.com", "localhost", "127.0.0.1"],
            "usage": usage,
        }
        for name, usage in (("server", ["serverAuth"]), ("peer", ["serverAuth", "clientAuth"]))
    ]
    redis = host(name="redis-1", variables={"ansible_host": "10.0.1.1"}, group_names=["redis"])
    [one] = certificates.wanted(s, redis)
    assert one == {
        "name": "server",
        "names": ["redis-1", "10.0.1.1", "localhost", "127.0.0.1"],
        "usage": ["serverAuth"],
    }
    probe = certificates.wanted({**s, "certificates_redis_client": True}, monitoring)[-1]
    assert (probe["name"], probe["usage"]) == ("probe", ["clientAuth"])


def test_the_call(host):
    s = {
        "monitoring_certificates": "own",
        "monitoring_ca_certificate": "",
        "monitoring_names": [],
        "certificates_redis_client": False,
    }
    redis = {"redis_exporter_tls_ca_file": "/redis/ca.crt", "redis_exporter_tls_key_file": "/redis/redis.key"}
    on = host(name="redis-1", variables={**SECRET, **redis}, group_names=["redis"])
    args = certificates.task_status(s, on)["args"]
    assert args["copied"] == "/redis/ca.crt" and args["private"] == ["/redis/redis.key"] and "authority" not in args
    assert certificates.task_status(s, host(variables=SECRET))["args"]["authority"] == ""
    assert certificates.task_status(s, host()) is None
