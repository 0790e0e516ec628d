# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two Redis clusters in one inventory: what the nodes of each say counts for it, on both sides of every scrape."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _alertmanager_clusters,
    _clusters,
    _core,
    _secrets,
    _stack,
    _templates,
    blackbox_exporter,
    doctor,
    incident,
    verify,
)

SECRET = "0123456789abcdef0123456789abcdef"
MONITORING = {"monitoring_secret": SECRET, "monitoring_cluster": "shop", "ansible_host": "10.0.0.5"}
GIVEN = "/run/credentials/prometheus.service"


def node(number, cluster, **more):
    return {
        "ansible_host": f"10.0.1.{number}",
        "monitoring_cluster": cluster,
        "monitoring_secret": SECRET,
        "monitoring_environment": "production",
        **more,
    }


@pytest.fixture
def stack(host):
    """stack(name, orders, sessions, changed) -> a host with what follows from the stack; two nodes and one node."""

    def make(name="monitoring-1", orders=None, sessions=None, changed=None):
        hostvars = {
            "monitoring-1": {**MONITORING, **(changed or {})},
            "orders-1": node(1, "orders", **(orders or {})),
            "orders-2": node(2, "orders", **(orders or {})),
            "sessions-1": node(3, "sessions", **(sessions or {})),
        }
        groups = {"redis": ["orders-1", "orders-2", "sessions-1"], "monitoring": ["monitoring-1"]}
        group = "monitoring" if name == "monitoring-1" else "redis"
        about = {"groups": groups, "hostvars": hostvars, "group_names": [group]}
        on = host(name=name, variables=hostvars[name], **about)
        return dataclasses.replace(on, variables=_stack.Variables(hostvars[name], hostvars[name].__contains__, on))

    return make


def judged(role, on):
    s, problems = _core.judge(role, on.variables, on)
    assert problems == []
    return s, _core.module_of(role).service(s, on)


def scrape_jobs(service):
    text = _templates.render("prometheus/prometheus.yml.j2", service["values"])
    return {job["job_name"]: job for job in yaml.safe_load(text)["scrape_configs"]}


def secrets_of(service):
    return {one["path"].rpartition("/")[2]: one.get("content") for one in service["config"]["secrets"]}


def test_each_cluster_has_the_password_that_its_own_name_gives(stack):
    on = stack()
    s, service = judged("prometheus", on)
    jobs, secrets = scrape_jobs(service), secrets_of(service)
    for cluster, name in (("orders", "orders-1"), ("orders", "orders-2"), ("sessions", "sessions-1")):
        exporter = judged("redis_exporter", stack(name))[0]
        job = jobs[f"redis-cluster-{cluster}"]
        assert job["basic_auth"]["username"] == exporter["redis_exporter_web_username"]
        assert secrets[job["basic_auth"]["password_file"].rpartition("/")[2]] == exporter["redis_exporter_web_password"]
    assert secrets["orders.exporter_password"] != secrets["sessions.exporter_password"]
    handed = service["values"]["service"]["credentials"]
    assert handed["orders.exporter_password"] == "/etc/prometheus/credentials/orders.exporter_password"
    asked = {one["name"]: one["url_password"] for one in doctor.exporters(s, on)}
    assert asked["orders-2"] == secrets["orders.exporter_password"]
    assert asked["sessions-1"] == secrets["sessions.exporter_password"]


def test_every_target_is_in_one_job_and_all_have_one_label(stack):
    jobs = scrape_jobs(judged("prometheus", stack())[1])
    assert jobs["redis-cluster"]["relabel_configs"] == [
        {"source_labels": ["cluster"], "regex": "orders|sessions", "action": "drop"}
    ]
    assert jobs["redis-cluster-orders"]["relabel_configs"] == [
        {"source_labels": ["cluster"], "regex": "orders", "action": "keep"},
        {"target_label": "job", "replacement": "redis-cluster"},
    ]
    assert jobs["redis-cluster-orders"]["file_sd_configs"] == [{"files": ["targets/redis-cluster.yml"]}]
    assert jobs["node"]["static_configs"] == []
    assert [(one["targets"], one["labels"]["job"]) for one in jobs["node-orders"]["static_configs"]] == [
        (["10.0.1.1:9100"], "node"),
        (["10.0.1.2:9100"], "node"),
    ]
    assert jobs["node-sessions"]["basic_auth"]["password_file"] == f"{GIVEN}/sessions.exporter_password"


def test_a_cluster_may_be_called_monitoring(stack):
    service = judged("prometheus", stack(orders={"monitoring_cluster": "monitoring"}))[1]
    names = [job["job_name"] for job in service["values"]["prometheus_scrape_configs"]]
    assert [name for name in names if name.startswith("node")] == [
        "node", "node-cluster.monitoring", "node-sessions", "node-monitoring",
    ]  # fmt: skip
    jobs = scrape_jobs(service)
    assert [one["targets"] for one in jobs["node-cluster.monitoring"]["static_configs"]] == [
        ["10.0.1.1:9100"], ["10.0.1.2:9100"],
    ]  # fmt: skip
    assert jobs["node-monitoring"]["static_configs"][0]["targets"] == ["127.0.0.1:9100"]


def test_one_cluster_is_as_without_clusters(stack):
    """Also where the monitoring has the name of one of several."""
    same = {"monitoring_cluster": "shop"}
    jobs = scrape_jobs(judged("prometheus", stack(orders=same, sessions=same))[1])
    assert [name for name in jobs if name.startswith(("redis-cluster", "node"))] == [
        "redis-cluster", "node", "node-monitoring",
    ]  # fmt: skip
    assert "relabel_configs" not in jobs["redis-cluster"]
    jobs = scrape_jobs(judged("prometheus", stack(sessions=same))[1])
    assert "redis-cluster-orders" in jobs and "redis-cluster-shop" not in jobs
    assert jobs["redis-cluster"]["basic_auth"]["password_file"] == f"{GIVEN}/exporter_password"


def test_a_blank_answer_of_a_node_is_the_default(stack):
    on = stack(orders={"node_exporter_port": " ", "redis_exporter_redis_addr": ""})
    jobs = {job["job_name"]: job for job in judged("prometheus", on)[0]["prometheus_scrape_configs"]}
    assert jobs["node-orders"]["static_configs"][0]["targets"] == ["10.0.1.1:9100"]
    assert jobs["redis-tls"]["static_configs"][0]["targets"] == ["10.0.1.1:6379"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"node_exporter_port": "abc"}, "orders-1: node_exporter_port is abc, not a whole number"),
        (
            {"redis_exporter_redis_addr": "rediss://canary:canary@localhost:abc"},
            "orders-1: redis_exporter_redis_addr has a port that is no number",
        ),
        ({"redis_exporter_redis_addr": ["a"]}, "orders-1: redis_exporter_redis_addr is ['a'], not a text"),
        ({"monitoring_environment": {"a": 1}}, "the host orders-1 has a value of type dict for the label environment"),
        ({"monitoring_cluster": ["a"]}, "the host orders-1 has a value of type list for the label cluster"),
    ],
)
def test_what_is_wrong_on_a_node_is_a_line_at_the_monitoring_host(stack, given, says):
    on = stack(orders=given)
    lines = [line for line in _core.judge("prometheus", on.variables, on)[1] if "prometheus_scrape_configs" in line]
    assert len(lines) == 1 and lines[0].startswith(f"prometheus_scrape_configs cannot be read: {says}")
    assert "canary" not in lines[0]


def test_a_cluster_says_how_its_exporters_are_asked(stack):
    own = {
        "prometheus_exporter_username": "watcher",
        "prometheus_exporter_password": "of-orders",
        "prometheus_exporter_ca_file": "/tls/orders.crt",
        "prometheus_exporter_port": 9200,
        "redis_exporter_redis_addr": "rediss://localhost:7000",
        "node_exporter_port": 9101,
    }
    s, service = judged("prometheus", stack(orders=own))
    job = scrape_jobs(service)["redis-cluster-orders"]
    assert job["basic_auth"]["username"] == "watcher"
    assert job["tls_config"] == {"ca_file": f"{GIVEN}/orders.exporter_ca.crt"}
    assert secrets_of(service)["orders.exporter_password"] == "of-orders"
    assert service["values"]["service"]["credentials"]["orders.exporter_ca.crt"] == "/tls/orders.crt"
    assert {"what": "prometheus_exporter of the cluster orders", "ca": "/tls/orders.crt"} in service["config"][
        "certificates"
    ]
    targets = [target for group in service["values"]["targets"] for target in group["targets"]]
    assert targets == ["10.0.1.1:9200", "10.0.1.2:9200", "10.0.1.3:9121"]
    jobs = {job["job_name"]: job for job in s["prometheus_scrape_configs"]}
    assert [one["targets"] for one in jobs["redis-tls"]["static_configs"]] == [
        ["10.0.1.1:7000"], ["10.0.1.2:7000"], ["10.0.1.3:6379"],
    ]  # fmt: skip
    assert [one["targets"] for one in jobs["node-orders"]["static_configs"]] == [["10.0.1.1:9101"], ["10.0.1.2:9101"]]


def test_what_the_monitoring_host_says_counts_where_no_node_says_it(stack):
    changed = {"prometheus_exporter_password": "for-all"}
    service = judged("prometheus", stack(changed=changed, sessions={"prometheus_exporter_password": "other"}))[1]
    secrets = secrets_of(service)
    assert secrets["exporter_password"] == "for-all" and secrets["sessions.exporter_password"] == "other"
    assert "orders.exporter_password" not in secrets


def test_nodes_of_a_cluster_agree(stack):
    on = stack()
    on.hostvars["orders-1"]["prometheus_exporter_port"] = 9121
    on.hostvars["orders-2"]["prometheus_exporter_port"] = 9122
    on.hostvars["sessions-1"]["prometheus_exporter_server_name"] = ["a"]
    on.hostvars["sessions-1"]["prometheus_exporter_cert_file"] = "/tls/a.crt"
    assert _core.judge("prometheus", on.variables, on)[1] == [
        "cluster orders: orders-2 has another prometheus_exporter_port than orders-1: a cluster has one",
        "cluster sessions: prometheus_exporter_server_name is ['a'], not a text",
        "cluster sessions: prometheus_exporter_cert_file and prometheus_exporter_key_file belong together: give both"
        " or none",
    ]


def test_discovery_by_ec2_has_one_port(stack):
    ec2 = {"prometheus_discovery": "ec2_sd", "monitoring_aws_region": "eu-west-1"}
    on = stack(changed=ec2, orders={"prometheus_exporter_port": 9122})
    assert _core.judge("prometheus", on.variables, on)[1] == [
        "prometheus_discovery is ec2_sd, which has one port: give all clusters the same prometheus_exporter_port"
    ]
    job = scrape_jobs(judged("prometheus", stack(changed=ec2))[1])["redis-cluster-orders"]
    assert job["relabel_configs"][-2:] == [
        {"source_labels": ["cluster"], "regex": "orders", "action": "keep"},
        {"target_label": "job", "replacement": "redis-cluster"},
    ]
    labels = [rule.get("target_label") for rule in job["relabel_configs"]]
    assert labels.index("cluster") < len(labels) - 2  # from the tag, before it is chosen by


def test_discovery_by_ec2_asks_at_the_port_that_all_clusters_say(stack):
    ec2 = {"prometheus_discovery": "ec2_sd", "monitoring_aws_region": "eu-west-1"}
    own = {"prometheus_exporter_port": 9200}
    jobs = scrape_jobs(judged("prometheus", stack(changed=ec2, orders=own, sessions=own))[1])
    for name in ("redis-cluster", "redis-cluster-orders", "redis-cluster-sessions"):
        assert jobs[name]["ec2_sd_configs"][0]["port"] == 9200
    jobs = scrape_jobs(judged("prometheus", stack(changed={**ec2, "prometheus_exporter_port": 9300}))[1])
    assert jobs["redis-cluster-orders"]["ec2_sd_configs"][0]["port"] == 9300


def test_an_exporter_that_is_asked_at_another_port_is_told(stack):
    hint = "give prometheus_exporter_port as well, in group_vars/all or, of several clusters, in those of one"
    for orders, wanted in (
        (
            {"redis_exporter_port": "9200"},
            [f"redis_exporter_port is 9200 at orders-1 and 1 more, and Prometheus asks at 9121: {hint}"],
        ),
        ({"redis_exporter_port": 9200, "prometheus_exporter_port": 9200}, []),
        ({"redis_exporter_port": 9200, "redis_exporter_listen_address": "127.0.0.1"}, []),  # behind a proxy
        ({"redis_exporter_port": 9121}, []),
        ({"redis_exporter_port": ""}, []),
    ):
        assert judged("prometheus", stack(orders=orders))[1]["warnings"] == wanted
    same = {"monitoring_cluster": "shop", "redis_exporter_port": 9200}
    on = stack(orders=same, sessions=same)
    assert judged("prometheus", on)[1]["warnings"] == [
        f"redis_exporter_port is 9200 at orders-1 and 2 more, and Prometheus asks at 9121: {hint}"
    ]
    on = stack(orders=same, sessions=same, changed={"prometheus_exporter_port": 9200})
    assert judged("prometheus", on)[1]["warnings"] == []


def test_redis_of_a_cluster_is_probed_with_its_own_certificates(stack):
    own = {
        "blackbox_exporter_redis_ca_file": "/tls/orders-ca.crt",
        "blackbox_exporter_redis_cert_file": "/tls/orders.crt",
        "blackbox_exporter_redis_key_file": "/tls/orders.key",
    }
    on = stack(orders=own)
    dummy, service = judged("blackbox_exporter", on)
    module = service["values"]["modules"]["redis_tls_orders"]["tcp"]
    given = "/run/credentials/blackbox_exporter.service"
    assert module["tls_config"] == {
        "ca_file": f"{given}/orders.redis_ca.crt",
        "cert_file": f"{given}/orders.redis.crt",
        "key_file": f"{given}/orders.redis.key",
        "min_version": "TLS12",
    }
    assert service["values"]["service"]["credentials"]["orders.redis.key"] == "/tls/orders.key"
    assert "redis_tls_sessions" not in service["values"]["modules"]
    jobs = {job["job_name"]: job for job in judged("prometheus", on)[0]["prometheus_scrape_configs"]}
    assert jobs["redis-tls"]["relabel_configs"][0] == {
        "source_labels": ["cluster"],
        "regex": "orders",
        "target_label": "__param_module",
        "replacement": "redis_tls_orders",
    }
    assert blackbox_exporter.problems(_core.read("blackbox_exporter", on.variables)[0], on) == []
    half = stack(orders={"blackbox_exporter_redis_cert_file": "/tls/orders.crt"})
    assert _core.judge("blackbox_exporter", half.variables, half)[1] == [
        "cluster orders: blackbox_exporter_redis_cert_file and blackbox_exporter_redis_key_file belong together:"
        " give both or none"
    ]


def test_any_name_of_a_cluster_is_part_of_names_of_files():
    assert _clusters.slug("orders-1_a") == "orders-1_a"
    odd = [_clusters.slug(name) for name in ("a b", "a/b", "a.b")]
    assert len(set(odd)) == 3 and all(one.startswith("a_b-") for one in odd)


def test_cloudwatch_is_asked_for_all_clusters(stack):
    on = stack()
    assert _core.read("yace", on.variables)[0]["yace_search_tags"] == {"Cluster": "^(orders|sessions)$"}
    assert _secrets.derive(SECRET, "shop", "prometheus/admin") in on.variables["prometheus_web_users"].values()


def rules_of(on):
    dummy, service = judged("prometheus", on)
    load = next(one for one in service["config"]["files"] if one["path"] == "rules/redis_load.yml")
    groups = yaml.safe_load(_templates.content(load, service["values"]))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_thresholds_of_a_cluster_are_those_of_all_with_its_own(stack):
    changed = {"prometheus_alert_thresholds": {"memory_high_percent": 70, "connections_percent": 50}}
    on = stack(changed=changed, orders={"prometheus_alert_thresholds": {"memory_high_percent": 60}})
    rules = rules_of(on)
    orders = 'on (cluster) label_replace(vector(1), "cluster", "orders", "", "")'
    assert rules["RedisMemoryHigh"]["expr"].splitlines() == [
        "(instance:redis_memory_used:percent > 70)",
        f"unless {orders}",
        "or",
        "(instance:redis_memory_used:percent > 60)",
        f"and {orders}",
    ]
    assert "50" in rules["RedisConnectionsNearLimit"]["expr"]
    assert "orders" not in rules["RedisConnectionsNearLimit"]["expr"]
    assert rules_of(stack(changed=changed)) == rules_of(stack(changed=changed, orders=changed, sessions=changed))


def test_thresholds_of_a_cluster_are_judged_with_the_others(stack):
    on = stack(
        orders={"prometheus_alert_thresholds": {"memory_critical_percent": 60, "nonsense": 1}},
        sessions={"prometheus_alert_thresholds": {"memory_high_percent": 96}},
    )
    assert _core.judge("prometheus", on.variables, on)[1] == [
        "cluster orders: prometheus_alert_thresholds: there is no threshold nonsense",
        "cluster sessions: prometheus_alert_thresholds.memory_high_percent is 96, must be below"
        " memory_critical_percent, which is 95",
    ]


CHAT = {"name": "chat", "slack": {"api_url": "https://hooks.example/chat"}}
PAGER = {"name": "pager", "pagerduty": {"routing_key": "a-key-of-all"}}
ORDERS = {"name": "orders-pager", "pagerduty": {"routing_key": "a-key-of-orders"}}
ALL = {"alertmanager_receivers": [CHAT, PAGER]}


def told_of(on, run_checks=None):
    """{(cluster, severity): the receivers}, and the service."""
    dummy, service = judged("alertmanager", on)
    if run_checks:
        assert run_checks(service) == ""
    text = next(one for one in service["config"]["files"] if one["path"] == "alertmanager.yml")
    routes = yaml.safe_load(_templates.content(text, service["values"]))["route"]["routes"][2:]
    found = {}
    for cluster in ("orders", "sessions", ""):
        for severity in ("P1", "P3"):
            labels = {"cluster": cluster, "severity": severity}
            found[cluster, severity] = taken(routes, matcher(labels))
    return found, service


def taken(routes, matches):
    """The receivers by these routes, as Alertmanager goes through them."""
    found = []
    for one in routes:
        if all(map(matches, one["matchers"])):
            found += taken(one["routes"], matches) if "routes" in one else [one["receiver"]]
            if not one.get("continue"):
                break
    return found


def matcher(labels):
    def matches(text):
        name, value = re.fullmatch(r'(\w+) = (".*")', text).groups()
        return labels[name] == json.loads(value)

    return matches


def test_alerts_of_a_cluster_go_to_its_own_receivers(stack, run_checks):
    on = stack(changed=ALL, sessions=ALL, orders={"alertmanager_receivers": [CHAT, ORDERS]})
    told, service = told_of(on, run_checks)
    assert told["orders", "P1"] == ["chat", "orders-pager"] and told["orders", "P3"] == ["chat"]
    assert told["sessions", "P1"] == told["", "P1"] == ["chat", "pager"]
    assert [one["name"] for one in service["values"]["receivers"]] == ["chat", "pager", "orders-pager"]
    assert secrets_of(service)["orders-pager.pagerduty.routing_key"] == "a-key-of-orders"


LEVELS = {"alertmanager_levels": {"L1": ["chat"], "L2": ["pager"], "L3": ["pager"]}}


@pytest.mark.parametrize("for_nodes", [{}, LEVELS], ids=["of the monitoring", "of all"])
@pytest.mark.parametrize("own", [[ORDERS], [CHAT, ORDERS]], ids=["alone", "with chat"])
def test_levels_that_are_given_for_all_do_not_count_for_receivers_of_a_cluster(stack, run_checks, for_nodes, own):
    every = {**ALL, **LEVELS}
    on = stack(changed=every, sessions={**ALL, **for_nodes}, orders={"alertmanager_receivers": own, **for_nodes})
    told, dummy = told_of(on, run_checks)
    assert told["orders", "P1"] == [one["name"] for one in own]
    assert told["sessions", "P1"] == told["", "P1"] == ["chat", "pager"]
    # The same receivers in another order, and the dead man's switch, are not receivers of a cluster.
    dead = {"name": "dead", "webhook": {"url": "https://dead.example/"}}
    changed = {**LEVELS, "alertmanager_receivers": [CHAT, PAGER, dead], "alertmanager_watchdog_receiver": "dead"}
    on = stack(changed=changed, orders={"alertmanager_receivers": [PAGER, CHAT], **for_nodes})
    assert judged("alertmanager", on)[1]["values"]["cluster_routes"] == []
    # Levels of its own stay its own.
    levels = {"alertmanager_levels": {**LEVELS["alertmanager_levels"], "L2": ["orders-pager"]}}
    on = stack(changed=every, orders={"alertmanager_receivers": own, **levels})
    assert told_of(on)[0]["orders", "P1"] == ["chat", "orders-pager", "pager"]


def test_levels_of_all_do_not_count_for_receivers_of_a_cluster_without_a_secret(stack):
    every, bare = {**ALL, **LEVELS}, {"monitoring_secret": ""}
    on = stack(changed={**every, **bare}, sessions=bare, orders={**bare, "alertmanager_receivers": [ORDERS]})
    s = _core.read("alertmanager", on.variables)[0]
    assert _alertmanager_clusters.settings(s, on)["orders"]["alertmanager_levels"] == {
        "L1": ["orders-pager"],
        "L2": ["orders-pager"],
    }


def test_a_cluster_may_name_levels_alone(stack, run_checks):
    own = {"alertmanager_levels": {"L1": ["pager"]}}
    told, dummy = told_of(stack(changed=ALL, orders=own), run_checks)
    assert told["orders", "P3"] == ["pager"] and told["sessions", "P3"] == ["chat"]
    both = {**ALL, "alertmanager_levels": {"L3": ["pager"]}}  # for all: not another way of a cluster
    for on in (stack(changed=both, orders=both), stack(changed=ALL, orders=ALL, sessions=ALL), stack(changed=ALL)):
        assert judged("alertmanager", on)[1]["values"]["cluster_routes"] == []


def test_receivers_of_clusters_are_judged_with_those_of_all(stack):
    on = stack(
        changed=ALL,
        orders={"alertmanager_receivers": [{"name": "pager", "pagerduty": {"routing_key": "another"}}]},
        sessions={"alertmanager_levels": {"L1": ["nobody-knows"], "L2": []}},
    )
    assert _core.judge("alertmanager", on.variables, on)[1] == [
        "cluster orders: alertmanager_receivers has another pager than others have: give it a name of its own",
        "cluster sessions: alertmanager_levels.L1 has nobody-knows, which alertmanager_receivers does not have",
    ]
    on = stack(changed=ALL, orders={"alertmanager_receivers": [{"name": "x"}]}, sessions={"alertmanager_receivers": []})
    assert _core.judge("alertmanager", on.variables, on)[1] == [
        "alertmanager_receivers: x has no way to be reached: give pagerduty, slack, email or webhook",
        *[
            f"cluster sessions: severity {name} has no route: none of its levels ({levels}) has a receiver, so name"
            " one in alertmanager_levels"
            for name, levels in (("P1", "L1, L2, L3, L4"), ("P2", "L1, L2, L3"), ("P3", "L1"))
        ],
    ]


def alone(on):
    """The same inventory without the cluster sessions."""
    hostvars = {name: one for name, one in on.hostvars.items() if name != "sessions-1"}
    on = dataclasses.replace(on, hostvars=hostvars, groups={**on.groups, "redis": ["orders-1", "orders-2"]})
    given = hostvars[on.name]
    return dataclasses.replace(on, variables=_stack.Variables(given, given.__contains__, on))


def test_the_last_cluster_that_is_left_keeps_what_it_has_of_its_own(stack, run_checks):
    own = {
        "prometheus_exporter_port": 9200,
        "prometheus_exporter_username": "watcher",
        "prometheus_exporter_password": "of-orders",
        "prometheus_exporter_ca_file": "/tls/orders.crt",
        "prometheus_alert_thresholds": {"memory_high_percent": 60},
        "blackbox_exporter_redis_ca_file": "/tls/orders-ca.crt",
        "alertmanager_receivers": [ORDERS],
    }
    both = stack(changed=ALL, sessions=ALL, orders=own)
    left = alone(both)
    told, before = told_of(left, run_checks)[0], told_of(both)[0]
    assert told["orders", "P1"] == before["orders", "P1"] == ["orders-pager"]
    assert told["", "P1"] == before["", "P1"] == ["chat", "pager"]
    dummy, service = judged("prometheus", left)
    jobs = scrape_jobs(service), scrape_jobs(judged("prometheus", both)[1])
    for name in ("redis-cluster-orders", "node-orders", "redis-tls"):
        was, now = ({**one[name], "static_configs": []} for one in jobs)
        assert was == now, name
    assert [group["targets"] for group in service["values"]["targets"]] == [["10.0.1.1:9200"], ["10.0.1.2:9200"]]
    assert secrets_of(service)["orders.exporter_password"] == "of-orders"
    assert rules_of(left) == rules_of(both)
    assert "redis_tls_orders" in judged("blackbox_exporter", left)[1]["values"]["modules"]
    assert _core.read("yace", left.variables)[0]["yace_search_tags"] == {"Cluster": "^(orders)$"}


@pytest.mark.parametrize(
    ("limit", "title"), [(None, "shop"), ({"monitoring-1"}, "shop"), ({"monitoring-1", "orders-1"}, "orders")]
)
def test_the_last_cluster_that_is_left_is_called_as_before(stack, limit, title):
    on = dataclasses.replace(alone(stack()), limit=lambda: limit)
    assert _clusters.title(on, "as given") == title and _clusters.elsewhere(on) == set()
    assert _clusters.cluster_of(on) == {"orders-1": "orders", "orders-2": "orders"}
    assert doctor.peers(dataclasses.replace(on, name="orders-1")) == []


@pytest.mark.parametrize("mine", ["orders", "", None], ids=["the same", "blank", "none"])
def test_one_cluster_without_another_name_is_said_by_the_monitoring(stack, mine):
    on = alone(stack(orders={"prometheus_exporter_port": 9200, "alertmanager_receivers": [ORDERS]}, changed=ALL))
    hostvars = {**on.hostvars, "monitoring-1": {**on.hostvars["monitoring-1"], "monitoring_cluster": mine}}
    on = dataclasses.replace(on, hostvars=hostvars, variables=hostvars["monitoring-1"])
    assert _clusters.several(on) == {} and _clusters.title(on, "as given") == "as given"
    assert set(_clusters.ports(_core.read("prometheus", on.variables)[0], on).values()) == {9121}


def test_secrets_of_clusters_are_clean(stack):
    on = stack(changed=ALL, orders={"prometheus_exporter_password": "of-orders\n"})
    assert [line[:90] for line in _core.judge("prometheus", on.variables, on)[1]] == [
        "cluster orders: prometheus_exporter_password has white space at an end or a line break in "
    ]


@pytest.mark.parametrize(
    ("limit", "inside", "title"),
    [
        (None, {"orders", "sessions"}, "shop"),
        ({"monitoring-1"}, {"orders", "sessions"}, "shop"),
        ({"monitoring-1", "orders-2"}, {"orders"}, "orders"),
        ({"sessions-1"}, {"sessions"}, "sessions"),
        ({"sessions-1", "orders-1"}, {"orders", "sessions"}, "shop"),
    ],
)
def test_a_limit_with_nodes_of_a_cluster_is_about_that_cluster(stack, limit, inside, title):
    on = dataclasses.replace(stack(), limit=lambda: limit)
    assert set(_clusters.scope(on)) == inside and _clusters.title(on, "") == title
    left_out = {"orders-1", "orders-2", "sessions-1"} - {
        name for cluster in inside for name in _clusters.several(on)[cluster]
    }
    assert _clusters.elsewhere(on) == left_out
    s = judged("prometheus", on)[0]
    assert set(verify.nodes_of(s, on)) == {"orders-1", "orders-2", "sessions-1"} - left_out
    # The targets are those of the inventory, whatever the limit.
    assert len(doctor.targets(s, on)) == 3 - len(left_out)
    assert sum(len(group["targets"]) for group in judged("prometheus", on)[1]["values"]["targets"]) == 3
    every = {}
    for role in incident.ROLES["monitoring"]:
        every.update(_core.read(role, on.variables)[0])
    assert incident.evidence(every, on).get("clusters", []) == (sorted(inside) if left_out else [])


def test_routes_of_a_node_lead_to_its_cluster_and_to_the_monitoring(stack):
    on = stack("orders-1")
    for number, name in enumerate(("orders-1", "orders-2", "sessions-1", "monitoring-1")):
        on.hostvars[name]["private_ip_address"] = f"10.9.0.{number}"
    assert doctor.peers(on) == ["10.9.0.1", "10.9.0.3"]


def test_one_cluster_has_the_name_that_it_had(stack):
    same = {"monitoring_cluster": "shop"}
    on = dataclasses.replace(stack(orders=same, sessions=same), limit=lambda: {"orders-1"})
    assert _clusters.title(on, "as given") == "as given"
    assert _clusters.elsewhere(on) == set() and _clusters.cluster_of(on) == {}
