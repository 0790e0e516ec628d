# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the role verify ask for, by the settings of the roles."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._verify import run
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, verify


@pytest.fixture
def options(host):
    """options(test, changed, host) -> the options of module stack_verify."""

    def make(test, changed=None, on=None):
        settings = {}
        for role in ("verify", *verify.TESTS[test][1]):
            found, faults = _core.read(role, changed or {}, all_needed=False)
            assert faults == {}
            settings.update(found)
        return verify.options(test, settings, on or host())

    return make


def test_prometheus(options):
    found = options(
        "prometheus",
        {
            "prometheus_listen_address": "",
            "prometheus_web_users": {"admin": "secret"},
            "prometheus_target_labels": {"cluster": "c"},
            "prometheus_scrape_interval": "15s",
            "prometheus_discovery": "ec2_sd",  # what should be there does not depend on it
            "prometheus_min_targets": 99,
        },
    )
    assert set(found) <= set(run.ARGUMENTS)
    assert (found["name"], found["required"], found["unit"]) == ("monitoring-1", True, "prometheus.service")
    assert (found["url"], found["url_username"]) == ("http://10.0.0.5:9090", "admin")
    assert found["scrape_interval"] == "15s"
    targets = sorted(target for group in found["nodes"] for target in group["targets"])
    assert targets == ["10.0.1.1:9121", "10.0.1.2:9121"]
    assert all(group["labels"]["cluster"] == "c" for group in found["nodes"])


def test_exporter(options, host):
    node = host(name="redis-1", variables={"ansible_host": "10.0.1.1"}, addresses=[], default_address="")
    changed = {
        "redis_exporter_web_username": "prometheus",
        "redis_exporter_web_password": "secret",
        "redis_exporter_web_tls_cert_file": "/tls/server.crt",
        "redis_exporter_web_client_ca_file": "/tls/scraper_ca.crt",
        "redis_exporter_tls_cert_file": "/tls/client.crt",
        "redis_exporter_tls_key_file": "/tls/client.key",
        "redis_exporter_flags": {"namespace": "r", "web.telemetry-path": "/m"},
    }
    found = options("exporter", changed, node)
    assert set(found) <= set(run.ARGUMENTS)
    assert (found["unit"], found["url_username"]) == ("redis_exporter.service", "prometheus")
    assert found["exporter"] == {
        "listen_address": "",  # found out on the host
        "private_address": "",
        "connection_address": "10.0.1.1",
        "port": 9121,
        "path": "/m",
        "namespace": "r",
        "server_cert_file": "/tls/server.crt",
        "cert_file": "/tls/client.crt",
        "key_file": "/tls/client.key",
    }
    assert set(found["exporter"]) == set(run.ARGUMENTS["exporter"]["options"])


def test_grafana(options):
    found = options(
        "grafana",
        {"grafana_listen_address": "", "grafana_dashboards": ["redis-cluster"], "grafana_gnet_dashboards": []},
    )
    assert set(found) <= set(run.ARGUMENTS)
    assert (found["url"], found["token_path"]) == ("http://10.0.0.5:3000", "/etc/redisops/grafana/token")
    assert (found["datasource_uid"], found["dashboards"]) == ("prometheus", ["redis-cluster"])
    assert sum(len(group["targets"]) for group in found["nodes"]) == 2
    assert found["required"] is False


def test_a_part_may_be_missing_unless_it_is_required(options):
    assert options("prometheus", {"verify_required": ["exporter"]})["required"] is False


def test_load_takes_the_burst_of_every_node(options, host):
    sent = {"state": "sent", "sent": 5}
    hostvars = {
        "redis-1": {"__verify_burst": {"load": sent}},
        "redis-2": {
            "__verify_burst": {"msg": "WRONGPASS", "failed": True},
            "__verify_account": {"msg": "no rights", "failed": True},
        },
        "redis-3": {},
        "redis-4": {"__verify_burst": {"load": sent}, "__verify_cleanup": {"msg": "it hangs", "failed": True}},
        "redis-5": {
            "__verify_burst": {"load": {"state": "failed"}, "msg": "closed", "failed": True},
            "__verify_account": {"changed": True},
            "__verify_cleanup": {"msg": "closed", "failed": True},
        },
    }
    for number, known in enumerate(hostvars.values(), 1):
        known["ansible_host"] = f"10.0.1.{number}"
    on = host(groups={"redis": list(hostvars)}, hostvars=hostvars)
    found = options("load", {"prometheus_target_labels": {"cluster": "c"}}, on)["bursts"]
    assert [(one["instance"], one["load"], one["msg"]) for one in found] == [
        ("10.0.1.1:9121", sent, ""),
        ("10.0.1.2:9121", {}, "no rights"),
        ("10.0.1.3:9121", {}, verify.NO_BURST),
        ("10.0.1.4:9121", {}, "its account was not deleted: it hangs"),
        ("10.0.1.5:9121", {"state": "failed"}, "closed"),
    ]


def test_the_bursts_of_two_nodes_of_one_name_stay_apart(options, host):
    ec2 = {"instance_type": "t3.micro", "tags": {"Name": "redis"}, "state": {"name": "running"}}
    hostvars = {
        name: {**ec2, "instance_id": f"i-{name}", "private_ip_address": address}
        for name, address in (("redis-1", "10.0.1.1"), ("redis-2", "10.0.1.2"))
    }
    on = host(hostvars=hostvars)
    settings = {"prometheus_tag_labels": {"node": "Name"}}
    found = options("load", settings, on)
    labels = {target: group["labels"]["node"] for group in found["nodes"] for target in group["targets"]}
    assert {one["instance"]: one["node"] for one in found["bursts"]} == labels
    assert len(set(labels.values())) == 2


def test_alert(options):
    found = options(
        "alert",
        {
            "alertmanager_listen_address": "",
            "alertmanager_group_wait": "45s",
            "verify_alert_severity": "P3",
            "verify_alert_labels": {"cluster": "c"},
            "verify_required": ["alertmanager"],
        },
    )
    assert set(found) <= set(run.ARGUMENTS)
    assert (found["url"], found["unit"], found["required"]) == ("http://10.0.0.5:9093", "alertmanager.service", True)
    assert (found["severity"], found["alert_labels"]) == ("P3", {"cluster": "c"})
    assert (found["wait"], found["group_wait"]) == (420, "45s")
