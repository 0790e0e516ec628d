# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replicas of Prometheus and the store that they write to: what goes out, and what Grafana asks."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _core,
    _grafana_content,
    _storage,
    _templates,
)

STORE = {"kind": "victoriametrics", "url": "https://store.example:8428"}
PAIR = {"redis": ["r1"], "monitoring": ["mon-1", "mon-2"]}
GIVEN = "/run/credentials/prometheus.service"


@pytest.fixture
def prometheus(host):
    """prometheus(changed, pair=...) -> its configuration as Prometheus reads it, and the service."""

    def make(changed, pair=True):
        groups = PAIR if pair else {**PAIR, "monitoring": ["mon-1"]}
        variables = {"monitoring_cluster": "redis-prod", "prometheus_min_targets": 0, **changed}
        on = host(variables=variables, groups=groups, hostvars={"r1": {"ansible_host": "10.0.0.9"}}, name="mon-1")
        s, problems = _core.judge("prometheus", variables, on)
        assert problems == []
        found = _core.module_of("prometheus").service(s, on)
        return yaml.safe_load(_templates.render("prometheus/prometheus.yml.j2", found["values"])), found

    return make


@pytest.fixture
def problems(host):
    def judge(changed, pair=False):
        s, found = _core.read("prometheus", changed)
        assert not found
        groups = PAIR if pair else {**PAIR, "monitoring": ["mon-1"]}
        return _storage.problems(s) + _storage.label_problems(s, host(groups=groups, name="mon-1"))

    return judge


def test_replicas_differ_by_a_label_that_alerts_lose(prometheus):
    ams = [{"static_configs": [{"targets": ["10.0.0.8:9093"]}]}]
    config, dummy = prometheus({"prometheus_alertmanagers": ams})
    assert config["global"]["external_labels"] == {"replica": "mon-1"}
    assert config["alerting"]["alert_relabel_configs"] == [{"action": "labeldrop", "regex": "replica"}]
    assert config["alerting"]["alertmanagers"] == ams


@pytest.mark.parametrize("changed", [{"prometheus_replica_label": ""}, {}])
def test_one_host_or_no_label(prometheus, changed):
    config, dummy = prometheus({"prometheus_alertmanagers": [{"static_configs": []}], **changed}, pair=bool(changed))
    assert "external_labels" not in config["global"] and "alert_relabel_configs" not in config["alerting"]


def test_a_label_of_the_user_wins(prometheus):
    config, dummy = prometheus({"prometheus_external_labels": {"replica": "a"}, "prometheus_alertmanagers": [{}]})
    assert config["global"]["external_labels"] == {"replica": "a"}
    assert config["alerting"]["alert_relabel_configs"]


@pytest.mark.parametrize(
    ("kind", "url", "path", "relabelling"),
    [
        ("victoriametrics", "https://s:8428", "/api/v1/write", [{"action": "labeldrop", "regex": "replica"}]),
        (
            "mimir",
            "https://s/mimir/",
            "/api/v1/push",
            [
                {"source_labels": ["replica"], "target_label": "__replica__"},
                {"action": "labeldrop", "regex": "replica"},
                {"source_labels": ["cluster"], "regex": "", "target_label": "cluster", "replacement": "redis-prod"},
            ],
        ),
        ("thanos", "https://s", "/api/v1/receive", None),
        ("prometheus", "https://s/api/v1/write", "/api/v1/write", None),
    ],
)
def test_what_a_store_gets_of_a_pair(prometheus, kind, url, path, relabelling):
    config, dummy = prometheus({"monitoring_remote_storage": {"kind": kind, "url": url}})
    (entry,) = config["remote_write"]
    assert entry["url"] == url.rstrip("/").replace("/api/v1/write", "") + path
    assert entry.get("write_relabel_configs") == relabelling
    assert entry["queue_config"]["retry_on_http_429"] is True


def test_one_host_sends_its_series_as_they_are(prometheus):
    config, dummy = prometheus({"monitoring_remote_storage": STORE}, pair=False)
    assert "write_relabel_configs" not in config["remote_write"][0]


def test_login_ca_and_tenant(prometheus):
    store = {"username": "me", "password": "canary", "ca_file": "/etc/ssl/s.pem", "tenant": "hipaa", "kind": "mimir"}
    more = [{"url": "https://other.example/write"}]
    config, found = prometheus({"monitoring_remote_storage": {**STORE, **store}, "prometheus_remote_write": more})
    ours, theirs = config["remote_write"]
    assert ours["basic_auth"] == {"username": "me", "password_file": f"{GIVEN}/remote_storage_password"}
    assert ours["tls_config"] == {"ca_file": f"{GIVEN}/remote_storage_ca.crt"}
    assert ours["headers"] == {"X-Scope-OrgID": "hipaa"}
    assert theirs == more[0]
    assert "canary" not in str(config)
    credentials = found["values"]["service"]["credentials"]
    assert credentials["remote_storage_password"] == "/etc/prometheus/credentials/remote_storage_password"
    assert credentials["remote_storage_ca.crt"] == "/etc/ssl/s.pem"
    assert {"path": "credentials/remote_storage_password", "content": "canary"} in found["config"]["secrets"]


def test_requests_for_amp_are_signed(prometheus):
    url = "https://aps-workspaces.eu-central-1.amazonaws.com/workspaces/ws-1"
    store = {"kind": "amp", "url": url, "role_arn": "arn:aws:iam::1:role/w"}
    config, dummy = prometheus({"monitoring_remote_storage": store, "monitoring_aws_region": "eu-central-1"})
    (entry,) = config["remote_write"]
    assert entry["sigv4"] == {"region": "eu-central-1", "role_arn": "arn:aws:iam::1:role/w"}
    assert entry["url"] == f"{url}/api/v1/remote_write"


@pytest.mark.parametrize(
    ("store", "says"),
    [
        ({"kind": "mimir"}, "monitoring_remote_storage.url is not set"),
        ({"url": "https://s"}, "monitoring_remote_storage.kind is not set"),
        ({**STORE, "url": "https://me:canary@s"}, "monitoring_remote_storage.url is no URL such as"),
        ({**STORE, "query_url": "s:1"}, "monitoring_remote_storage.query_url is no URL such as"),
        ({**STORE, "url": "http://s", "username": "a", "password": "canary"}, "the password would cross the network"),
        (
            {**STORE, "query_url": "http://q", "username": "a", "password": "canary"},
            "query_url is http, so the password would cross the network",
        ),
        ({**STORE, "url": "https://s/?token=canary"}, "monitoring_remote_storage.url is no URL such as"),
        ({**STORE, "url": "https://me:ca/nary@s"}, "monitoring_remote_storage.url is no URL such as"),
        ({**STORE, "url": "https://[::1:8428"}, "monitoring_remote_storage.url is no URL such as"),
        ({**STORE, "ca_file": "certs/ca.pem"}, "ca_file is certs/ca.pem, which is not an absolute path"),
        ({**STORE, "username": "a"}, "username and monitoring_remote_storage.password belong together"),
        ({**STORE, "kind": "amp"}, "set monitoring_remote_storage.region or monitoring_aws_region"),
        ({**STORE, "kind": "amp", "region": "x", "username": "a", "password": "p"}, "leave username out"),
        ({**STORE, "region": "eu-central-1"}, "are for the kind amp"),
        ({**STORE, "tenant": "a"}, "tenant is for the kinds mimir and thanos"),
    ],
)
def test_problems(problems, store, says):
    (line,) = problems({"monitoring_remote_storage": store})
    assert says in line and "canary" not in line


@pytest.mark.parametrize(
    "label", ["node", "cluster", "my-label", "severity", "alertname", "le", "__replica__", "__name__", "team"]
)
def test_a_label_that_series_have(problems, label):
    (line,) = problems({"prometheus_replica_label": label, "prometheus_target_labels": {"team": "cache"}})
    assert line.startswith(f"prometheus_replica_label is {label}")


@pytest.mark.parametrize("changed", [{"prometheus_replica_label": ""}, {"prometheus_external_labels": {"replica": ""}}])
def test_a_pair_that_its_store_cannot_tell_apart(problems, changed):
    mimir = {"kind": "mimir", "url": "https://s"}
    (line,) = problems({"monitoring_remote_storage": mimir, **changed}, pair=True)
    assert "2 hosts would send the same series" in line
    assert problems({"monitoring_remote_storage": mimir, **changed}) == []
    assert problems({"monitoring_remote_storage": STORE, **changed}, pair=True) == []
    assert problems({"monitoring_remote_storage": mimir, "prometheus_replica_label": "",
                     "prometheus_external_labels": {"__replica__": "a"}}, pair=True) == []  # fmt: skip


def test_its_ca_is_looked_at_before_anything_is_changed(prometheus, host):
    ca = {"what": "monitoring_remote_storage.ca_file", "ca": "/etc/ssl/s.pem"}
    dummy, found = prometheus({"monitoring_remote_storage": {**STORE, "ca_file": ca["ca"]}})
    assert ca in found["config"]["certificates"]


# ---------------------------------------------------------------------------------------------------------- Grafana


def datasources(**changed):
    s, wrong = _core.read("grafana", {"grafana_admin_password": "long-enough-1", **changed})
    assert not wrong
    return {one["uid"]: one for one in _grafana_content.datasources(s)}


def test_grafana_reads_the_store():
    store = {**STORE, "username": "me", "password": "canary", "ca_file": "/etc/ssl/s.pem"}
    found = datasources(monitoring_remote_storage=store)["long-term"]
    assert found["ds_type"] == "prometheus" and found["ds_url"] == STORE["url"] and not found["is_default"]
    assert found["secure_json_data"] == {"basicAuthPassword": "canary"} and found["basic_auth_user"] == "me"
    assert found["secure_json_data_files"] == {"tlsCACert": "/etc/ssl/s.pem"}


@pytest.mark.parametrize(
    ("store", "url"),
    [
        ({"kind": "mimir", "url": "https://s"}, "https://s/prometheus"),
        ({"kind": "thanos", "url": "https://s", "query_url": "https://query"}, "https://query"),
        ({"kind": "thanos", "url": "https://s"}, None),
    ],
)
def test_where_the_store_answers(store, url):
    assert datasources(monitoring_remote_storage=store).get("long-term", {}).get("ds_url") == url


def test_grafana_13_cannot_sign():
    store = {"kind": "amp", "url": "https://s", "region": "eu-central-1"}
    assert datasources(monitoring_remote_storage=store)["long-term"]["json_data"]["sigV4Region"] == "eu-central-1"
    assert "long-term" not in datasources(monitoring_remote_storage=store, grafana_version="13.1.0")


def test_the_other_replica_is_a_data_source_with_the_same_login():
    found = datasources(
        grafana_prometheus_username="grafana",
        grafana_prometheus_password="canary",
        grafana_prometheus_replicas={"mon.2": "https://10.0.0.8:9090"},
    )
    other = found["prometheus-mon-2"]
    assert other["ds_url"] == "https://10.0.0.8:9090" and other["basic_auth_user"] == "grafana"
    assert other["secure_json_data"] == found["prometheus"]["secure_json_data"] == {"basicAuthPassword": "canary"}
    assert not other["is_default"] and other["check_health"] is False
    assert re.fullmatch(_grafana_content.UID, other["uid"])


LONG = "monitoring-eu-central-1-number-"  # 31 characters, of which 29 are taken


@pytest.mark.parametrize(
    ("hosts", "uids"),
    [
        (["mon-2"], ["mon-2"]),
        (["mon.2", "mon.3"], ["mon-2", "mon-3"]),
        ([LONG + "2"], [LONG[:29]]),
        (["mon.1", "mon-1", "mon_1"], ["mon-1-[0-9a-f]{6}", "mon-1", "mon_1"]),
        (["mon.1", "mon:1"], ["mon-1-[0-9a-f]{6}"] * 2),
        ([LONG + "2", LONG + "3", "mon.4"], [LONG[:22] + "-[0-9a-f]{6}"] * 2 + ["mon-4"]),
        ([LONG + "2", LONG[:29]], [LONG[:22] + "-[0-9a-f]{6}", LONG[:29]]),
    ],
)
def test_each_replica_has_a_uid_of_its_own(hosts, uids):
    """One that it has alone stays: dashboards of users name it."""
    replicas = {host: f"https://10.0.0.{number}:9090" for number, host in enumerate(hosts)}
    found = [one for uid, one in datasources(grafana_prometheus_replicas=replicas).items() if "prometheus-" in uid]
    assert [one["ds_url"] for one in found] == list(replicas.values())
    for one, host, uid in zip(found, hosts, uids):
        assert re.fullmatch("prometheus-" + uid, one["uid"]) and re.fullmatch(_grafana_content.UID, one["uid"])
        # Grafana may have the one that they had in common still, by the name of one of them.
        digest = f" ({one['uid'][-6:]})" if uid.endswith("{6}") else ""
        assert one["name"] == f"Prometheus of {host}{digest}"


def test_the_uid_of_a_replica_does_not_depend_on_the_order():
    replicas = {host: "https://10.0.0.8:9090" for host in ("mon.1", "mon-1", "mon:1")}
    backwards = dict(reversed(replicas.items()))
    assert datasources(grafana_prometheus_replicas=replicas) == datasources(grafana_prometheus_replicas=backwards)
