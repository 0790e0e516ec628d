# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked for on the controller and on a host."""

from __future__ import annotations

import importlib.util

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _needs


def test_this_controller_has_everything():
    assert _needs.of_controller({"certificates", "security_groups", "prometheus"}) == []


def test_everything_that_the_controller_lacks(monkeypatch):
    monkeypatch.setattr(_needs, "ansible_core", "2.16.3")
    monkeypatch.setattr(_needs, "version_of", {"amazon.aws": "9.1.0"}.get)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "boto3" else name)
    core, crypto, aws, boto = _needs.of_controller({"certificates", "security_groups", "monitoring_instance"})
    assert core == "ansible-core is 2.16.3, >=2.17.0 is needed: pip install --upgrade ansible-core"
    assert crypto.startswith("collection community.crypto is not installed, >=")
    assert aws.startswith("collection amazon.aws is 9.1.0, >=") and "ansible-galaxy collection install" in aws
    assert boto == "Python package boto3 not found, AWS is asked with it: pip install boto3"


def test_only_what_the_roles_use(monkeypatch):
    monkeypatch.setattr(_needs, "version_of", lambda name: None)
    assert _needs.of_controller({"prometheus", "grafana"}) == []


@pytest.fixture
def of_host(read, host):
    def run(roles, **variables):
        settings = {
            role: read(role, {name: one for name, one in variables.items() if name in _core.options_of(role)})
            for role in roles
        }
        return _needs.of_host(settings, host(variables={"monitoring_secret": variables.get("secret")}))

    return run


def test_files_of_a_redis_node(of_host):
    found = of_host(
        ["redis_exporter", "node_exporter"],
        redis_exporter_redis_password="canary",
        redis_exporter_tls_ca_file="/certs/ca.crt",
        redis_exporter_tls_cert_file="/certs/redis.crt",
        redis_exporter_tls_key_file="/certs/redis.key",
    )
    assert found["certificates"] == [
        {"what": "redis_exporter_tls_cert_file", "cert": "/certs/redis.crt", "key": "/certs/redis.key", "name": ""},
        {"what": "redis_exporter_tls_ca_file", "ca": "/certs/ca.crt", "name": ""},
    ]
    assert {one["name"]: one["installed"].rpartition("/")[0] for one in found["space"]} == {
        "redis_exporter": "/opt/redis_exporter",
        "node_exporter": "/opt/node_exporter",
    }
    assert found["programs"] == found["libraries"] == {}


def test_what_is_issued_is_not_looked_for(of_host):
    files = {
        "redis_exporter_redis_password": "canary",
        "redis_exporter_web_tls_cert_file": "/etc/redisops/tls/server.crt",
        "redis_exporter_web_tls_key_file": "/etc/redisops/tls/server.key",
    }
    assert of_host(["certificates", "redis_exporter"], secret="s" * 32, **files)["certificates"] == []
    own = of_host(["certificates", "redis_exporter"], secret="s" * 32, monitoring_certificates="files", **files)
    assert [one["cert"] for one in own["certificates"]] == ["/etc/redisops/tls/server.crt"]


def test_libraries_that_nobody_installs(of_host):
    assert of_host(["certificates"], secret="s" * 32)["libraries"] == {}
    assert list(of_host(["certificates"], secret="s" * 32, certificates_package="")["libraries"]) == ["cryptography"]
    on = {"node_exporter_ebs_snapshots": True}
    assert of_host(["node_exporter"], **on)["libraries"] == {}
    assert list(of_host(["node_exporter"], node_exporter_ebs_package="", **on)["libraries"]) == ["boto3"]


def test_grafana_comes_from_apt(of_host):
    found = of_host(["grafana"], grafana_admin_password="long-enough-canary")
    assert list(found["programs"]) == ["apt-get"]
    assert [one["installed"] for one in found["space"]] == ["/usr/share/grafana"]
