# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What incident_evidence asks on a host, by the settings of the roles; above all which secrets it is told to mask."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._incident import collect
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, incident


@pytest.fixture
def evidence(host):
    """evidence(changed, ...) -> the options of module incident_evidence."""

    def run(changed, **about):
        on = host(**about)
        settings = {}
        for role in incident.of_groups(incident.ROLES, on):
            settings.update(_core.read(role, changed)[0])
        found = incident.evidence(settings, on)
        assert set(found) <= set(collect.ARGUMENTS)
        for name in set(found) & {"redis", "prometheus", "alertmanager"}:
            assert set(found[name]) <= set(collect.ARGUMENTS[name]["options"])
        return found

    return run


def test_a_redis_node(evidence):
    changed = {
        "redis_exporter_redis_addr": "rediss://127.0.0.1:6380",
        "redis_exporter_redis_password": "s-own",
        "redis_exporter_web_password": "s-web",
    }
    found = evidence(changed, group_names=["redis"])
    assert set(found) == {"units", "secrets", "redis"}
    assert found["units"][0] == "kernel" and "redis_exporter.service" in found["units"]
    assert set(found["secrets"]) == {"s-own", "s-web"}
    redis = found["redis"]
    assert (redis["login_host"], redis["login_port"], redis["tls"]) == ("127.0.0.1", 6380, True)
    assert (redis["login_user"], redis["login_password"]) == ("redis_exporter", "s-own")
    changed.update(redis_exporter_acl_admin_user="admin", redis_exporter_acl_admin_password="s-admin")
    found = evidence(changed, group_names=["redis"])
    assert (found["redis"]["login_user"], found["redis"]["login_password"]) == ("admin", "s-admin")
    assert "s-admin" in found["secrets"]


def test_a_monitoring_host(evidence):
    receivers = [
        {"name": "a", "pagerduty": {"routing_key": "s-1"}, "webhook": {"url": "https://s-2", "token": "s-3"}},
        {"name": "b", "email": {"to": "a@example.com", "auth_password": "s-4"}, "slack": None},
    ]
    changed = {
        "prometheus_web_users": {"admin": "s-5", "two": "s-6"},
        "prometheus_credentials": {"x": "s-7"},
        "prometheus_exporter_password": "s-8",
        "alertmanager_receivers": receivers,
        "alertmanager_web_users": {"admin": "s-9"},
        "grafana_admin_password": "s-10",
    }
    found = evidence(changed)
    assert set(found) == {"units", "secrets", "prometheus", "alertmanager"}
    assert set(found["secrets"]) == {f"s-{n}" for n in range(1, 11) if n != 2} | {"https://s-2"}
    assert found["prometheus"]["url_password"] == "s-5"
    assert "redis-server.service" not in found["units"] and "prometheus.service" in found["units"]
