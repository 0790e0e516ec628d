# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What doctor asks on a host and knows of it, by the settings of the roles."""

from __future__ import annotations

import json

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import collect
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, doctor

NODE = {
    "name": "redis-1",
    "group_names": ["redis"],
    "addresses": [],
    "variables": {"private_ip_address": "10.0.1.1"},
    "hostvars": {
        "redis-2": {"private_ip_address": "10.0.1.2"},
        "monitoring-1": {"private_ip_address": "10.0.0.5"},
    },
}
RECEIVERS = [{"name": "team", "webhook": {"url": "https://u:p@hooks.example.com:8443/x"}}]


@pytest.fixture
def read(host):
    """read(changed, ...) -> the settings of the host's roles, the host, and how its services are asked."""

    def run(changed=None, **about):
        on = host(**about)
        settings = {}
        for role in doctor.roles_of(on.group_names):
            settings.update(_core.read(role, changed or {})[0])
        return settings, on, doctor.connections(settings, on)

    return run


def fits(options, spec):
    """Whether the options are those of the module's argument spec."""
    for name, value in options.items():
        inner = spec[name].get("options")
        for one in (value if isinstance(value, list) else [value]) if inner else []:
            fits(one, inner)


def test_a_redis_node(read):
    s, host, how = read({"redis_exporter_redis_password": "secret", "redis_exporter_port": 9333}, **NODE)
    found = doctor.evidence(s, host, how)
    fits(found, collect.ARGUMENTS)
    assert set(found) == {"redis_exporter", "peers"}
    assert found["peers"] == ["10.0.1.2", "10.0.0.5"]
    assert (found["redis_exporter"]["port"], found["redis_exporter"]["redis_password"]) == (9333, "secret")
    assert found["redis_exporter"]["private_address"] == "10.0.1.1"
    wanted = doctor.wanted(s, host, how)["wanted"]
    assert wanted["port"] == 9333 and "+info" in wanted["acl_rules"] and wanted["acl_manage"] is False
    assert "secret" not in json.dumps(wanted)


def test_a_monitoring_host(read):
    changed = {
        "prometheus_web_users": {"admin": "secret"},
        "prometheus_web_tls_cert_file": "/tls/a.crt",
        "prometheus_web_tls_key_file": "/tls/a.key",
        "prometheus_web_tls_server_name": "prometheus.example.com",
        "prometheus_exporter_username": "scraper",
        "prometheus_exporter_password": "secret",
        "alertmanager_receivers": RECEIVERS,
        "grafana_listen_address": "127.0.0.1",
    }
    s, host, how = read(changed)
    found = doctor.evidence(s, host, how)
    fits(found, collect.ARGUMENTS)
    assert set(found) == {
        "prometheus", "alertmanager", "blackbox_exporter", "grafana", "exporters", "directories"
    }  # fmt: skip
    assert found["prometheus"] == {
        "url": "https://127.0.0.1:9090",
        "url_username": "admin",
        "url_password": "secret",
        "ca_path": s["prometheus_exporter_ca_file"],
        "server_name": "prometheus.example.com",
    }
    assert found["grafana"]["dashboard_uids"] and found["grafana"]["token_path"].endswith("/token")
    assert [one["url"] for one in found["exporters"]] == ["https://10.0.1.1:9121", "https://10.0.1.2:9121"]
    assert {one["url_password"] for one in found["exporters"]} == {"secret"}
    wanted = doctor.wanted(s, host, how)
    assert wanted["certificates"]["prometheus"] == {"cert": "/tls/a.crt", "key": "/tls/a.key"}
    assert wanted["urls"]["grafana"] == "http://127.0.0.1:3000"
    assert wanted["wanted"]["receivers"] == ["hooks.example.com:8443"]
    assert set(wanted["wanted"]["queries"]) < set(found["grafana"]["dashboard_uids"])  # not those of grafana.com
    assert [(one["target"], one["node"]) for one in wanted["targets"]] == [
        ("10.0.1.1:9121", "redis-1"),
        ("10.0.1.2:9121", "redis-2"),
    ]
    assert "secret" not in json.dumps(wanted)


def test_edits_that_are_kept_are_none_that_is_looked_for(read):
    s, host, how = read({"grafana_on_drift": "keep"})
    assert doctor.wanted(s, host, how)["wanted"]["queries"] == {}


def test_a_host_of_both_groups_is_asked_for_everything(read):
    s, host, how = read(group_names=["monitoring", "redis"])
    assert {"redis_exporter", "peers", "prometheus", "exporters"} <= set(doctor.evidence(s, host, how))
    assert "redis_addr" in doctor.wanted(s, host, how)["wanted"]


def test_addresses_of_ipv6_are_bracketed(read):
    hostvars = {"redis-1": {"private_ip_address": "fd00::1"}, "redis-2": {"ansible_host": "redis-2.example.com"}}
    s, host, how = read(hostvars=hostvars)
    urls = [one["url"] for one in doctor.evidence(s, host, how)["exporters"]]
    assert urls == ["https://[fd00::1]:9121", "https://redis-2.example.com:9121"]


def test_what_the_inventory_of_aws_says(host):
    variables = {
        "state": {"name": "stopped"},
        "instance_id": "i-1",
        "placement": {"region": "eu-central-1"},
        "security_groups": [{"group_id": "sg-1", "group_name": "a"}],
        "block_device_mappings": [{"ebs": {"volume_id": "vol-1"}}],
    }
    assert doctor.instance(host(variables=variables)) == {
        "state": "stopped",
        "instance_id": "i-1",
        "region": "eu-central-1",
        "security_groups": ["sg-1"],
        "volumes": ["vol-1"],
    }


@pytest.mark.parametrize("variables", [{}, {"state": "on", "security_groups": ["default"], "placement": None}])
def test_an_inventory_without_aws(host, variables):
    found = doctor.instance(host(variables=variables))
    assert found == {"state": "", "instance_id": "", "region": "", "security_groups": [], "volumes": []}


# --------------------------------------------------------------------------------------------------- all together


def test_a_stack_of_what_the_hosts_registered():
    variables = {
        "ansible_inventory_sources": ["/home/me/inventory"],
        "groups": {"redis": ["a", "b", "c"], "monitoring": ["m", "a"], "other": ["x"]},
        "hostvars": {
            "a": {
                "group_names": ["monitoring", "redis"],
                "private_ip_address": "10.0.0.1",
                "seen": {"evidence": {"units": {}}, "settings": {"wanted": {"port": 9121}}, "faults": []},
            },
            "b": {"group_names": ["redis"], "seen": {"unreachable": True, "msg": "timed out", "settings": {}}},
            "c": {"group_names": ["redis"], "seen": {"failed": True, "msg": "x" * 999}},
            "m": {"group_names": ["monitoring"], "ansible_host": "10.0.0.9"},  # outside the limit
        },
    }
    found = doctor.stack(variables, "seen", _core.Host("m"))
    assert found["groups"] == {"redis": ["a", "b", "c"], "monitoring": ["m", "a"]}
    assert found["inventory"] == ["/home/me/inventory"]
    assert list(found["hosts"]) == ["a", "b", "c", "m"]
    assert found["hosts"]["a"]["groups"] == ["redis", "monitoring"]
    assert found["hosts"]["a"]["address"] == "10.0.0.1" and found["hosts"]["a"]["wanted"] == {"port": 9121}
    assert (found["hosts"]["b"]["unreachable"], found["hosts"]["b"]["problem"]) == ("timed out", "")
    assert found["hosts"]["c"]["problem"] == "x" * 300
    nothing = found["hosts"]["m"]
    assert (nothing["evidence"], nothing["unreachable"], nothing["problem"]) == (None, "", "")
    assert (nothing["address"], nothing["groups"]) == ("10.0.0.9", ["monitoring"])


def test_a_stack_of_one_of_several_clusters_has_nothing_of_the_others():
    def of_node(cluster, address):
        return {"group_names": ["redis"], "monitoring_cluster": cluster, "ansible_host": address}

    seen = {
        "targets": [{"cluster": cluster, "scrapeUrl": f"https://{cluster}/"} for cluster in ("orders", "sessions", "")],
        "probes": [{"node": "o-1", "url": "https://orders/"}, {"node": "s-1", "url": "https://sessions/"}],
        "config": "all",
    }
    hostvars = {
        "o-1": of_node("orders", "10.0.1.1"),
        "s-1": of_node("sessions", "10.0.1.2"),
        "m": {"group_names": ["monitoring"], "monitoring_cluster": "shop", "seen": {"evidence": {"prometheus": seen}}},
    }
    variables = {"groups": {"redis": ["o-1", "s-1"], "monitoring": ["m"]}, "hostvars": hostvars}

    def stack(limit):
        host = _core.Host("m", groups=variables["groups"], hostvars=hostvars, limit=lambda: limit)
        return doctor.stack(variables, "seen", host)

    found = stack({"o-1", "m"})
    assert list(found["hosts"]) == ["o-1", "m"] and found["groups"]["redis"] == ["o-1"]
    assert found["hosts"]["o-1"]["cluster"] == "orders" and "cluster" not in found["hosts"]["m"]
    assert found["elsewhere"] == {"s-1": "10.0.1.2"}
    evidence = found["hosts"]["m"]["evidence"]["prometheus"]
    assert [one["cluster"] for one in evidence["targets"]] == ["orders", ""] and evidence["config"] == "all"
    assert [one["node"] for one in evidence["probes"]] == ["o-1"]
    for limit in (None, {"m"}, {"m", "o-1", "s-1"}):
        found = stack(limit)
        assert list(found["hosts"]) == ["o-1", "s-1", "m"] and found["elsewhere"] == {}
        assert found["hosts"]["m"]["evidence"]["prometheus"] == seen


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ({"skipped": True}, None),
        ({"msg": "AccessDenied", "failed": False}, {"problem": "AccessDenied"}),
        ({"security_groups": [{"group_id": "sg-1"}]}, {"groups": {"sg-1": {"group_id": "sg-1"}}}),
    ],
)
def test_security_groups(result, expected):
    assert doctor.security_groups(result) == expected


def test_what_the_roles_write_on_a_monitoring_host(read):
    web = {"prometheus_web_users": {"admin": "canary-password"}, "prometheus_web_tls_cert_file": "/c"}
    web.update(prometheus_web_tls_key_file="/k", prometheus_min_targets=0)
    s, host, dummy = read(web, name="mon-1", group_names=["monitoring"], groups={"monitoring": ["mon-1"], "redis": []})
    found = doctor.written(s, host)
    assert {"/etc/prometheus/prometheus.yml", "/etc/prometheus/credentials/web.yml"} <= set(found)
    assert "/etc/prometheus/rules/redis_load.yml" in found and "/etc/blackbox_exporter/blackbox.yml" in found
    assert not [path for path in found if path.startswith("/etc/systemd") or "/targets/" in path]
    assert "canary-password" not in json.dumps(found)
    s["prometheus_scrape_interval"] = "soon"
    assert not [path for path in doctor.written(s, host) if path.startswith("/etc/prometheus")]
    assert not doctor.written(*read(**NODE)[:2])
