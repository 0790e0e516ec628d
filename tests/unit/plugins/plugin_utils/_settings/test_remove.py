# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed is what the roles write, however they are set."""

from __future__ import annotations

import posixpath

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._config.files import is_marked
from ansible_collections.redisops.monitoring.plugins.module_utils._config.removal import unit_of
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _core,
    _templates,
    certificates,
    node_exporter,
    remove,
)

SECRET = {"monitoring_secret": "0123456789abcdef0123456789abcdef", "monitoring_cluster": "redis-prod"}
WEB = {"web_tls_cert_file": "/tls/a.crt", "web_tls_key_file": "/tls/a.key", "web_users": {"admin": "a-password"}}
PASSWORD = "a long password"
# Settings that make a role write as much as it can.
RICH = {
    "redis_exporter": {"redis_exporter_redis_password": PASSWORD},
    "node_exporter": {"node_exporter_redis_tls_cert_file": "/redis.crt", "node_exporter_ebs_snapshots": True},
    "prometheus": {"prometheus_credentials": {"more": PASSWORD}},
    "alertmanager": {"alertmanager_credentials": {"more": PASSWORD}},
    "blackbox_exporter": {"blackbox_exporter_credentials": {"more": PASSWORD}},
    "grafana": {"grafana_admin_password": PASSWORD, "grafana_insecure": True},
    "yace": {"yace_regions": ["eu-central-1"]},
}


def rich(role):
    web = {f"{role}_{name}": value for name, value in WEB.items()}
    return {**{name: value for name, value in web.items() if name in _core.options_of(role)}, **RICH[role]}


@pytest.mark.parametrize("role", RICH)
def test_everything_that_a_role_writes_goes(role, host, tmp_path):
    settings, dummy = _core.read(role, rich(role), all_needed=False)
    on = host(variables=rich(role), group_names=["redis", "monitoring"])
    found = _core.module_of(role).service(settings, on)
    args, config = remove.removal(role), found["config"]
    assert len(config["files"]) > (role != "redis_exporter")

    def owned(path):
        return any(one in args.get("owned", []) for one in (path, posixpath.dirname(path)))

    for entry in config["files"]:
        path = posixpath.join(config["path"], entry["path"])
        if owned(path):
            continue
        assert path in args["files"] or any(path.startswith(f"{one}/") for one in args["directories"]), path
        assert not unit_of(path) or path in args["files"], path  # so that it is stopped
        copy = tmp_path / posixpath.basename(path)
        copy.write_text(_templates.content(entry, found["values"]))
        assert is_marked(str(copy), _core.MARKER), path
    for entry in config.get("secrets", []):
        assert owned(posixpath.join(config["path"], entry["path"])), entry["path"]


@pytest.mark.parametrize("role", RICH)
def test_the_unit_and_the_program_go_and_the_data_is_known(role):
    args, service = remove.removal(role), remove.found_by_default(role)
    assert service["unit"] in map(unit_of, args["files"])
    assert args.get("root") == service.get("root")
    assert bool(args.get("root")) != bool(args.get("package"))
    state = service["values"]["service"].get("state")
    if state:
        assert args["data"] == [f"/var/lib/private/{state}", f"/var/lib/{state}"]


def test_collectors():
    args = remove.removal("node_exporter")
    assert "redis_tls_cert_files.timer" in map(unit_of, args["files"])
    assert f"{node_exporter.PROGRAMS}/redis_tls_cert_files.py" in args["owned"]
    assert args["directories"] == ["/etc/node_exporter", node_exporter.PROGRAMS]


def run(task, on, **settings):
    return remove.TASKS[task]({"remove_data": False, **settings}, on)


def test_each_part_is_for_its_group(host):
    assert [call["args"]["name"] for call in run("monitoring", host())] == [*_core.PARTS["monitoring"][1], "yace"]
    assert run("exporters", host()) == []
    on = host(group_names=["redis"])
    assert [call["args"]["name"] for call in run("exporters", on)] == ["redis_exporter", "node_exporter"]
    assert run("monitoring", on) == []
    assert all(call["args"]["remove_data"] for call in run("monitoring", host(), remove_data=True))


@pytest.mark.parametrize(
    ("variables", "ours"),
    [
        (SECRET, True),
        ({**SECRET, "monitoring_certificates": "ca"}, True),
        ({**SECRET, "monitoring_certificates": "files"}, False),
        ({}, False),
    ],
)
def test_certificates_of_the_user_stay(host, variables, ours):
    (call,) = run("certificates", host(variables=variables))
    assert call["args"]["owned"] == (certificates.FILES if ours else [])
    assert call["args"]["parents"] == ["/etc/redisops"]


def test_every_certificate_of_a_host_is_known(host):
    settings = {"monitoring_names": [], "certificates_redis_client": True}
    for one in certificates.wanted(settings, host()):
        for end in ("crt", "key"):
            assert f"/etc/redisops/tls/{one['name']}.{end}" in certificates.FILES


def test_the_account_of_the_exporter(host):
    variables = {
        "redis_exporter_acl_manage": True,
        "redis_exporter_acl_admin_user": "admin_user",
        "redis_exporter_acl_admin_password": PASSWORD,
        "redis_exporter_tls_ca_file": "/redis/ca.crt",
    }
    call = run("account", host(variables=variables, group_names=["redis"]))
    assert call["module"] == "redis_acl_user"
    args = call["args"]
    assert (args["name"], args["state"], args["login_user"]) == ("redis_exporter", "absent", "admin_user")
    assert args["ca_certs"] == "/redis/ca.crt" and "rules" not in args and "password" not in args
    assert run("account", host(variables=variables)) is None
    without = {**variables, "redis_exporter_acl_manage": False}
    assert run("account", host(variables=without, group_names=["redis"])) is None
