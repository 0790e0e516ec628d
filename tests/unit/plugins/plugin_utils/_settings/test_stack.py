# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user with one secret gets: every service finds the others, and what he gives himself wins."""

from __future__ import annotations

import dataclasses

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _core,
    _secrets,
    _stack,
    _templates,
)

SECRET = "0123456789abcdef0123456789abcdef"
SHARED = {"monitoring_secret": SECRET, "monitoring_cluster": "redis-prod", "monitoring_environment": "production"}
GIVEN = "/run/credentials/prometheus.service"


def password(purpose):
    return _secrets.derive(SECRET, "redis-prod", purpose)


@pytest.fixture
def variables(host):
    """variables(changed, name=..., ...) -> what the roles read on a host."""

    def make(changed=None, **about):
        own = {**SHARED, **(changed or {})}
        on = host(**{"variables": own, **about})
        return _stack.Variables(own, (changed or {}).__contains__, on), on

    return make


@pytest.fixture
def settings(variables):
    def read(role, changed=None, **about):
        found, on = variables(changed, **about)
        on = dataclasses.replace(on, variables=found)
        s, problems = _core.judge(role, found, on)
        assert problems == []
        return s, on

    return read


def jobs(s):
    return {job["job_name"]: job for job in s["prometheus_scrape_configs"]}


def test_without_the_secret_nothing_is_derived(host):
    assert _stack.Variables({"monitoring_cluster": "a"}, lambda name: False, host()).derived == {}


ROLES = {"redis": ["redis_exporter"], "monitoring": ["prometheus", "alertmanager", "blackbox_exporter", "grafana"]}


@pytest.mark.parametrize(("group", "role"), [(group, role) for group, roles in ROLES.items() for role in roles])
def test_the_secret_is_all_that_a_role_needs(settings, group, role):
    receivers = {"alertmanager_receivers": [{"name": "chat", "slack": {"api_url": "https://hooks.example/a"}}]}
    levels = {"alertmanager_levels": {"L1": ["chat"], "L2": ["chat"]}}
    settings(role, {**receivers, **levels} if role == "alertmanager" else {}, group_names=[group])


def test_prometheus_finds_the_others(settings):
    s, on = settings("prometheus")
    assert s["prometheus_web_users"] == {
        "admin": password("prometheus/admin"),
        "grafana": password("prometheus/grafana"),
    }
    assert s["prometheus_web_tls_cert_file"] == "/etc/redisops/tls/server.crt"
    assert s["prometheus_alertmanagers"] == [
        {
            "scheme": "https",
            "tls_config": {"ca_file": f"{GIVEN}/alertmanager_ca.crt"},
            "basic_auth": {"username": "prometheus", "password_file": f"{GIVEN}/alertmanager_password"},
            "static_configs": [{"targets": ["10.0.0.5:9093"]}],
        }
    ]
    found = jobs(s)
    assert list(found) == [
        "alertmanager", "grafana", "node", "node-monitoring", "blackbox_exporter", "redis-tls", "monitoring-endpoints",
    ]  # fmt: skip
    assert found["grafana"]["basic_auth"] == {"username": "prometheus", "password_file": f"{GIVEN}/grafana_password"}
    assert found["node"]["static_configs"][0]["targets"] == ["10.0.1.1:9100"]
    assert found["node-monitoring"]["static_configs"][0]["labels"] == {"job": "node", "node": "monitoring-1"}
    assert [group["targets"] for group in found["redis-tls"]["static_configs"]] == [
        ["10.0.1.1:6379"],
        ["10.0.1.2:6379"],
    ]
    assert [group["targets"][0] for group in found["monitoring-endpoints"]["static_configs"]] == [
        "https://10.0.0.5:9090/-/healthy",
        "https://10.0.0.5:9093/-/healthy",
        "https://10.0.0.5:3000/api/health",
    ]
    assert s["prometheus_dashboard_url"] == "https://10.0.0.5:3000/d/redis-cluster"
    text = _templates.render("prometheus/prometheus.yml.j2", _core.module_of("prometheus").service(s, on)["values"])
    assert [job["job_name"] for job in yaml.safe_load(text)["scrape_configs"]] == [
        "redis-cluster",
        "prometheus",
        *found,
    ]


def test_what_the_exporters_take_is_what_prometheus_shows(settings):
    s, dummy = settings("prometheus")
    node, dummy = settings("redis_exporter", group_names=["redis"], name="redis-1")
    for name in ("username", "password"):
        assert node[f"redis_exporter_web_{name}"] == s[f"prometheus_exporter_{name}"]


def test_grafana_reads_both_with_its_own_accounts(settings):
    s, dummy = settings("grafana")
    assert s["grafana_prometheus_url"] == "https://10.0.0.5:9090"
    assert s["grafana_prometheus_username"] == "grafana"
    assert s["grafana_prometheus_password"] == password("prometheus/grafana")
    assert s["grafana_alertmanager_password"] == password("alertmanager/grafana")
    assert s["grafana_prometheus_ca_file"] == "/etc/redisops/tls/ca.crt"


def test_paths_of_the_services_are_carried_to_all_who_ask(settings):
    """Behind a reverse proxy each service has a path of its own."""
    changed = {
        "alertmanager_external_url": "https://mon.example.com/alertmanager",
        "prometheus_external_url": "https://mon.example.com/prometheus/",
        "grafana_root_url": "https://mon.example.com/grafana/",
        "grafana_ini": {"server": {"serve_from_sub_path": True}},
    }
    s, dummy = settings("prometheus", changed)
    found = jobs(s)
    assert s["prometheus_alertmanagers"][0]["path_prefix"] == "/alertmanager"
    assert found["alertmanager"]["metrics_path"] == "/alertmanager/metrics"
    assert found["grafana"]["metrics_path"] == "/grafana/metrics"
    assert [group["targets"][0] for group in found["monitoring-endpoints"]["static_configs"]] == [
        "https://10.0.0.5:9090/prometheus/-/healthy",
        "https://10.0.0.5:9093/alertmanager/-/healthy",
        "https://10.0.0.5:3000/grafana/api/health",
    ]
    assert s["prometheus_dashboard_url"] == "https://mon.example.com/grafana/d/redis-cluster"
    grafana, dummy = settings("grafana", changed)
    assert grafana["grafana_prometheus_url"] == "https://10.0.0.5:9090/prometheus"
    assert grafana["grafana_alertmanager_url"] == "https://10.0.0.5:9093/alertmanager"


def test_alerts_and_dashboards_link_to_the_same_runbooks(settings):
    away = settings("prometheus")[0]["prometheus_runbook_base_url"]
    assert settings("grafana")[0]["grafana_runbook_base_url"] == away
    served = {"prometheus_serve_runbooks": True}
    for role in ("prometheus", "grafana"):
        url = settings(role, served)[0][f"{role}_runbook_base_url"]
        assert url == "https://10.0.0.5:9090/user/runbooks"
    external = {**served, "prometheus_external_url": "https://mon.example.com/prometheus/"}
    url = settings("grafana", external)[0]["grafana_runbook_base_url"]
    assert url == "https://mon.example.com/prometheus/user/runbooks"


def test_what_the_user_gives_wins_and_what_he_adds_is_added(settings):
    mine = [{"job_name": "mine", "static_configs": []}, {"job_name": "grafana", "static_configs": []}]
    s, dummy = settings(
        "prometheus",
        {
            "prometheus_scrape_configs": mine,
            "prometheus_web_users": {"alice": "hers", "grafana": "given"},
            "prometheus_web_tls_cert_file": "/pki/a.crt",
            "prometheus_web_tls_key_file": "/pki/a.key",
            "prometheus_credentials": {"token": "t0ken-of-mine"},
            "prometheus_rules_disabled": ["RedisSwapping"],
            "monitoring_services": ["redis_exporter", "prometheus", "grafana"],
        },
    )
    assert list(jobs(s)) == ["mine", "grafana"]
    assert jobs(s)["grafana"] == mine[1]
    assert s["prometheus_web_users"]["grafana"] == "given" and s["prometheus_web_users"]["alice"] == "hers"
    assert list(s["prometheus_web_users"])[0] == "admin", "the account that the role itself uses"
    assert s["prometheus_web_tls_cert_file"] == "/pki/a.crt"
    assert set(s["prometheus_credentials"]) == {"grafana_password", "token"}
    assert "RedisSwapping" in s["prometheus_rules_disabled"]
    assert "PrometheusNotConnectedToAlertmanager" in s["prometheus_rules_disabled"]


def test_a_service_that_is_switched_off_is_not_asked(settings):
    s, dummy = settings("prometheus", {"monitoring_services": ["redis_exporter", "prometheus"]})
    assert s["prometheus_alertmanagers"] == [] and s["prometheus_scrape_configs"] == []
    assert s["prometheus_web_users"] == {"admin": password("prometheus/admin")}
    assert {"GrafanaDown", "RedisTlsProbeFailing"} <= set(s["prometheus_rules_disabled"])


def test_certificates_of_the_user(settings):
    mine = {
        "monitoring_certificates": "files",
        "prometheus_web_tls_cert_file": "/a",
        "prometheus_web_tls_key_file": "/b",
    }
    s, dummy = settings("prometheus", {**mine, "prometheus_web_tls_ca_file": "/ca"})
    assert s["prometheus_exporter_ca_file"] == ""
    assert "tls_config" not in s["prometheus_alertmanagers"][0]


def test_two_monitoring_hosts_send_to_both(settings):
    hosts = {"monitoring-1": {"ansible_host": "10.0.0.5"}, "monitoring-2": {"private_ip_address": "10.0.0.6"}}
    groups = {"redis": [], "monitoring": ["monitoring-1", "monitoring-2"]}
    own = {**SHARED, "prometheus_discovery": "ec2_sd", "monitoring_aws_region": "us-east-1"}
    s, dummy = settings("prometheus", own, groups=groups, hostvars=hosts)
    assert s["prometheus_alertmanagers"][0]["static_configs"] == [{"targets": ["10.0.0.5:9093", "10.0.0.6:9093"]}]


def test_two_monitoring_hosts_watch_each_other(settings):
    hosts = {"mon-1": {"ansible_host": "10.0.0.5"}, "mon-2": {"private_ip_address": "10.0.0.6"}}
    groups = {"redis": [], "monitoring": ["mon-1", "mon-2"]}
    about = {"name": "mon-1", "addresses": ["10.0.0.5"], "groups": groups, "hostvars": hosts}
    own = {**SHARED, "prometheus_discovery": "ec2_sd", "monitoring_aws_region": "us-east-1"}
    s, dummy = settings("prometheus", own, **about)
    found = jobs(s)
    other = found["prometheus-replicas"]
    assert other["static_configs"] == [{"targets": ["10.0.0.6:9090"], "labels": {"job": "prometheus", "node": "mon-2"}}]
    assert other["basic_auth"] == {"username": "admin", "password_file": f"{GIVEN}/web_password"}
    assert other["scheme"] == "https" and other["tls_config"] == {"ca_file": f"{GIVEN}/web_ca.crt"}
    for job, port in (("alertmanager", 9093), ("grafana", 3000)):
        assert [(one["targets"], one["labels"]["node"]) for one in found[job]["static_configs"]] == [
            ([f"10.0.0.5:{port}"], "mon-1"),
            ([f"10.0.0.6:{port}"], "mon-2"),
        ]
    s, dummy = settings("grafana", SHARED, **about)
    assert s["grafana_prometheus_replicas"] == {"mon-2": "https://10.0.0.6:9090"}


def test_the_other_host_is_asked_where_it_says(settings):
    hosts = {name: {"ansible_host": "203.0.113.9", "monitoring_address": f"10.9.0.{number}"}
             for number, name in enumerate(("mon-1", "mon-2"), 5)}  # fmt: skip
    groups = {"redis": [], "monitoring": ["mon-1", "mon-2"]}
    own = {**SHARED, **hosts["mon-1"], "prometheus_discovery": "ec2_sd", "monitoring_aws_region": "us-east-1"}
    s, dummy = settings("prometheus", own, name="mon-1", groups=groups, hostvars=hosts)
    assert s["prometheus_alertmanagers"][0]["static_configs"] == [{"targets": ["10.9.0.5:9093", "10.9.0.6:9093"]}]


def test_what_answers_for_an_agent_does_not_get_our_login(settings):
    own = {**SHARED, "prometheus_mode": "agent", "grafana_prometheus_url": "https://query.example.com"}
    own["prometheus_remote_write"] = [{"url": "https://store.example.com/write"}]
    s, dummy = settings("grafana", own)
    names = ("grafana_prometheus_username", "grafana_prometheus_password", "grafana_prometheus_ca_file")
    assert [s[name] for name in names] == ["", "", ""]
    assert s["grafana_prometheus_url"] == "https://query.example.com" and s["grafana_alertmanager_username"]


def test_one_monitoring_host_has_no_replicas(settings):
    assert "prometheus-replicas" not in jobs(settings("prometheus")[0])
    assert settings("grafana")[0]["grafana_prometheus_replicas"] == {}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"monitoring_secret": "short"}, "monitoring_secret is shorter than 32 characters, or no text: make one with"),
        ({"monitoring_secret": SECRET + "\n"}, "monitoring_secret has white space at an end"),
        ({"monitoring_secret": SECRET, "monitoring_cluster": ""}, "monitoring_cluster is not set"),
        ({"monitoring_cluster": ["a"]}, "monitoring_cluster is ['a'], not a text"),
        ({"monitoring_environment": {"a": 1}}, "monitoring_environment is {'a': 1}, not a text"),
        ({"monitoring_services": "grafana"}, "monitoring_services is grafana, not a list"),
        ({"monitoring_services": ["grafna"]}, "monitoring_services has grafna: it takes redis_exporter, node_exporter"),
        ({"monitoring_certificates": "mine"}, "monitoring_certificates is mine: choose one of own, ca, hook, files"),
    ],
)
def test_problems(changed, says):
    [line] = _stack.problems({**SHARED, **changed})
    assert line.startswith(says)
    assert SECRET not in line and "short " not in line


@pytest.mark.parametrize(("snapshots", "watched"), [(True, True), ("no", False), (False, False)])
def test_nobody_is_paged_for_snapshots_that_nobody_looks_at(settings, snapshots, watched):
    s, dummy = settings("prometheus", {"node_exporter_ebs_snapshots": snapshots})
    assert ("EbsSnapshotMetricAbsent" not in s["prometheus_rules_disabled"]) is watched


def test_the_key_of_grafanas_database_is_kept_unless_it_is_given(settings):
    def keeps(changed):
        s, on = settings("grafana", changed)
        entries = {one["path"]: one for one in _core.module_of("grafana").service(s, on)["config"]["secrets"]}
        return entries["credentials/secret_key"].get("keep", False), entries["credentials/admin_password"].get("keep")

    assert keeps({}) == (True, None)
    assert keeps({"grafana_secret_key": "canary"}) == (False, None)
