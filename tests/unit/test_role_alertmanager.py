# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of the roles alertmanager and blackbox_exporter without a host: what they refuse and render."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings._alerts import ALERTS

ROOT = Path(__file__).parents[2]
ROLES = ROOT / "roles"

CHAT = {"name": "chat", "slack": {"api_url": "https://hooks.example/canary"}}
ONCALL = {"name": "oncall", "pagerduty": {"routing_key": "canary-pagerduty"}}
GOOD = {
    "alertmanager_cluster_group": "",
    "alertmanager_receivers": [CHAT, ONCALL],
    "alertmanager_levels": {"L1": ["chat"], "L2": ["oncall"]},
}
MAIL = {"to": "a@example.com", "from": "b@example.com", "smarthost": "smtp.example.com:587"}


def receivers(**more):
    return {"alertmanager_receivers": [CHAT, ONCALL, {"name": "more", **more}]}


def interval(**part):
    part.setdefault("weekdays", ["monday:friday"])
    return {"alertmanager_time_intervals": [{"name": "business-hours", "time_intervals": [part]}]}


def severities(*changed):
    given = yaml.safe_load((ROLES / "alertmanager/defaults/main.yml").read_text())["alertmanager_severities"]
    return {"alertmanager_severities": [dict(given[0], **changed[0]), *given[1:]] if changed else given[:2]}


CLUSTER = {"alertmanager_cluster_group": "both"}
CASES = {
    "alertmanager": [
        ({}, ""),
        (receivers(email=MAIL, webhook={"url": "https://hook.example/canary"}), ""),
        ({"alertmanager_levels": {"L1": ["chat"], "L2": [], "L3": None, "L9": []}}, ""),
        ({"alertmanager_version": "latest"}, "alertmanager_version is latest: give three numbers"),
        ({"alertmanager_version": "0.24.0"}, "the oldest that reads all keys and passwords from files is 0.25.0"),
        ({"alertmanager_listen_address": "192.0.2.1"}, "192.0.2.1, which is not an address of this host"),
        (
            {"alertmanager_listen_address": "0.0.0.0"},
            "could silence every alert: set alertmanager_web_tls_cert_file and alertmanager_web_tls_key_file and "
            "alertmanager_web_users, or accept it",
        ),
        (
            {"alertmanager_listen_address": "0.0.0.0", "alertmanager_web_insecure": "false"},  # as -e hands it over
            "or accept it with alertmanager_web_insecure",
        ),
        ({"alertmanager_web_tls_cert_file": "/x"}, "_cert_file and alertmanager_web_tls_key_file belong together"),
        (CLUSTER, "the 2 hosts of the group both form a cluster, and whoever reaches port 9094 could silence"),
        (dict(CLUSTER, alertmanager_cluster_insecure=True), ""),
        (dict(CLUSTER, alertmanager_cluster_insecure="no"), "form a cluster"),
        (dict(CLUSTER, alertmanager_cluster_tls_cert_file="/x"), "alertmanager_cluster_tls_ca_file belong together"),
        (
            {"alertmanager_receivers": [], "alertmanager_levels": {}},
            "^alertmanager_receivers is empty, so nobody would be told of any alert: name at least one receiver$",
        ),
        (receivers(), "alertmanager_receivers: more has no way to be reached: give pagerduty"),
        ({"alertmanager_receivers": [CHAT, ONCALL, ONCALL]}, "oncall is there twice"),
        (
            {"alertmanager_receivers": [dict(CHAT, name="a b"), ONCALL], "alertmanager_levels": {"L1": ["oncall"]}},
            "cannot be named a b",
        ),
        (
            receivers(pagerduty={}),
            "more has no pagerduty.routing_key: give the integration key of the PagerDuty service",
        ),
        (receivers(pagerduty={"routing_key": ""}), "more has no pagerduty.routing_key"),
        (receivers(pagerduty=None), "more has no pagerduty.routing_key: give the integration key"),
        (receivers(webhook={"url": "https://h/canary"}, email=None), "more has no email.to: give one"),
        (receivers(webhook={"url": "hook.example/canary"}), "more: webhook.url is not a URL that starts with https://"),
        (receivers(slack={"api_url": "#canary"}), "more: slack.api_url is not a URL"),
        (receivers(webhook={"url": "http://h:canary/x"}), "more: webhook.url is not a URL"),
        (receivers(webhook={"url": "https://"}), "more: webhook.url is not a URL .* names a host"),
        (receivers(webhook={"url": "https://user:canary@[fd00::1]:8443/x?y=z"}), ""),
        (receivers(email=dict(MAIL, smarthost="smtp")), "email.smarthost is smtp, not host:port"),
        (receivers(email={"to": "a@example.com"}), "more has no email.from: give one; .*more has no email.smarthost"),
        (receivers(email=dict(MAIL, auth_username="x")), "email.auth_username and email.auth_password belong together"),
        (
            receivers(webhook={"url": "https://h/x", "username": "a", "password": "canary", "token": "canary"}),
            "a password and a token",
        ),
        (
            dict(receivers(webhook={"url": "https://h/canary"}), alertmanager_version="0.25.0"),
            "more: Alertmanager 0.25.0 takes the URL of a webhook only from a file that everybody on the host can read",
        ),
        (dict(receivers(webhook={"url": "https://h/x", "public_url": True}), alertmanager_version="0.25.1"), ""),
        (receivers(webhook={"url": "https://a:canary@h/x", "public_url": True}), "webhook.url holds a password"),
        (
            {"alertmanager_levels": {"L1": ["chat"], "L2": ["nobody-knows"]}},
            "^alertmanager_levels.L2 has nobody-knows, which alertmanager_receivers does not have$",
        ),
        (
            {"alertmanager_levels": {"L1": ["chat"], "l2": ["oncall"]}},
            "^alertmanager_levels.l2 has receivers, and no step of alertmanager_severities has that level$",
        ),
        ({"alertmanager_levels": {"L1": "chat"}}, "alertmanager_levels.L1 is not a list of receivers"),
        ({"alertmanager_default_receiver": "x"}, "alertmanager_default_receiver is x, which alertmanager_receivers"),
        ({"alertmanager_watchdog_receiver": "x"}, "alertmanager_watchdog_receiver is x, which alertmanager_receivers"),
        (
            {"alertmanager_routes": [{"receiver": "chat", "routes": [{"receiver": "who"}]}]},
            "alertmanager_routes has the receiver who, which",
        ),
        (severities(), "^severity P3 has no route: add it to alertmanager_severities$"),
        (
            {"alertmanager_levels": {"L2": ["oncall"]}},
            r"^severity P3 has no route: none of its levels \(L1\) has a receiver, so name one in alertmanager_levels$",
        ),
        (severities({"steps": [{"level": "L1", "after": "soon"}]}), "P1: after is soon, which is not a duration"),
        (severities({"group_interval": "5"}), "P1: group_interval is 5, which is not a duration"),
        (severities({"mute_time_intervals": ["x"]}), "mute_time_intervals has x, which alertmanager_time_intervals"),
        ({"alertmanager_time_intervals": []}, "P3: active_time_intervals has business-hours, which"),
        (interval(times=[{"start_time": "9:00", "end_time": "17:00"}]), "start_time is 9:00, which is not a time from"),
        (
            interval(times=[{"start_time": 540, "end_time": 1020}]),
            "start_time is 540, which is not a time .* in quotes",
        ),
        (interval(times=[{"start_time": "22:00", "end_time": "06:00"}]), "for a time past midnight give two"),
        (interval(weekdays=["mon-fri"]), "weekdays has mon-fri, which is neither a day"),
        (interval(weekdays="monday"), "weekdays is monday, not a list$"),
        (interval(weekdays=["Monday:Friday"], days_of_month=[1, "-3:-1"], months=["June:july", 12], years=[2027]), ""),
        (interval(days_of_month=["1", "0:32"]), "days_of_month has 0:32, which is neither a day such as 1 or -1"),
        (interval(months=["13"]), "months has 13, which is neither a month"),
        (interval(years=["next"]), "years has next, which is neither a year"),
        (
            {"alertmanager_time_intervals": [{"name": "business-hours", "time_intervals": []}]},
            "business-hours has no times: it would never hold",
        ),
        (interval(location="EST 5"), "location is EST 5, which is not a time zone such as America/New_York"),
        (interval(location="America/Argentina/Buenos_Aires"), ""),
        (
            {"alertmanager_watchdog_interval": "often"},
            "alertmanager_watchdog_interval is often, which is not a duration",
        ),
        (
            {"alertmanager_global": {"smtp_auth_password": "canary"}},
            "alertmanager_global has the key smtp_auth_password,",
        ),
        ({"alertmanager_global": {"opsgenie_api_url": "https://api.eu.opsgenie.com"}}, ""),
        ({"alertmanager_external_url": "alerts.example.com"}, "is alerts.example.com, which is not a URL such as"),
        ({"alertmanager_global": {"slack_api_url": "canary"}}, "alertmanager_global has the key slack_api_url,"),
        ({"alertmanager_global": {"slack_api_url_file": "/x"}}, ""),
        (
            {"alertmanager_global": {"http_config": {"proxy_url": "http://a:canary@proxy"}}},
            "alertmanager_global has a URL with a password",
        ),
        ({"alertmanager_credentials": {"web.yml": "canary"}}, "named web.yml, which is taken"),
        ({"alertmanager_credentials": {"oncall.pagerduty.routing_key": "canary"}}, "routing_key, which is taken"),
        ({"alertmanager_template_files": ["/x/redisops.tmpl"]}, "ends in .tmpl and is not redisops.tmpl"),
        (
            {"alertmanager_flags": {"cluster.peer": "x"}},
            "alertmanager_flags sets cluster.peer, which belongs to the role",
        ),
    ],
    "blackbox_exporter": [
        ({}, ""),
        ({"blackbox_exporter_version": "v0.28.0"}, "give three numbers such as 0.28.0, without a v"),
        ({"blackbox_exporter_version": "0.22.0"}, "the oldest that this role knows is 0.23.0"),
        ({"blackbox_exporter_listen_address": "0.0.0.0"}, "everybody who reaches it could probe everything"),
        ({"blackbox_exporter_redis_cert_file": "/x"}, "_redis_cert_file and blackbox_exporter_redis_key_file belong"),
        ({"blackbox_exporter_timeout": "5"}, "blackbox_exporter_timeout is 5, which is not a duration"),
        ({"blackbox_exporter_modules": {"x": {"tcp": {}}}}, "blackbox_exporter_modules.x has no prober"),
        ({"blackbox_exporter_modules": {"x": {"prober": "icmp"}}}, "is for icmp, which needs a capability"),
        (
            {"blackbox_exporter_modules": {"x": {"prober": "http", "http": {"basic_auth": {"password": "canary"}}}}},
            "blackbox_exporter_modules.x has the key password, which would put a secret",
        ),
        (
            {
                "blackbox_exporter_modules": {
                    "x": {"prober": "tcp", "tcp": {"tls_config": {"insecure_skip_verify": True}}}
                }
            },
            "has insecure_skip_verify, so it would trust anybody",
        ),
        ({"blackbox_exporter_credentials": {"redis.key": "canary"}}, "named redis.key, which is taken"),
        ({"blackbox_exporter_flags": {"config.file": "x"}}, "sets config.file, which belongs to the role"),
    ],
}


def play(tmp_path, role, tasks, variables):
    """Run tasks with the variables of a role, on this machine; returns what they showed."""
    directory = ROLES / role
    (tmp_path / "templates").symlink_to(directory / "templates")  # where a playbook's lookups find them
    (tmp_path / "hosts.yml").write_text(
        json.dumps(
            {"both": {"hosts": {"localhost": {"ansible_connection": "local"}, "other": {"ansible_host": "::2"}}}}
        )
    )
    facts = {"gather_subset": ["!all", "!min", "architecture", "all_ipv4_addresses"]}
    content = [
        {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, "role_path": str(directory), **variables},
            "vars_files": [str(path) for path in sorted((directory / "vars/main").glob("*.yml"))],
            "tasks": [{"ansible.builtin.setup": facts}, *tasks],
        }
    ]
    (tmp_path / "play.yml").write_text(json.dumps(content))
    environment = dict(
        os.environ,
        ANSIBLE_COLLECTIONS_PATH=str(ROOT / "build/collections"),
        ANSIBLE_STDOUT_CALLBACK="json",
        ANSIBLE_LOCAL_TEMP=str(tmp_path / "tmp"),
    )
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [program, "-i", str(tmp_path / "hosts.yml"), str(tmp_path / "play.yml")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout[done.stdout.index("{") :])
    shown = [task["hosts"]["localhost"].get("msg") for task in answer["plays"][0]["tasks"]]
    return shown[1:]


def defaults(role):
    return yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())


def show(text, **variables):
    return {"ansible.builtin.debug": {"msg": text}, "vars": variables}


@pytest.mark.parametrize("role", CASES)
def test_bad_settings_are_named_in_one_line(role, tmp_path):
    tasks = [show("[{{ __%s_problem }}]" % role, **variables) for variables, _says in CASES[role]]
    shown = play(tmp_path, role, tasks, dict(defaults(role), **(GOOD if role == "alertmanager" else {})))
    assert len(shown) == len(CASES[role])
    for (variables, says), said in zip(CASES[role], shown):
        said = said[1:-1]
        assert re.search(says or r"\A\Z", said), f"{variables}: {said!r} is not like {says!r}"
        assert "\n" not in said and "canary" not in said


FULL = dict(
    GOOD,
    **CLUSTER,
    alertmanager_cluster_tls_cert_file="/tls/peer.crt",
    alertmanager_cluster_tls_key_file="/tls/peer.key",
    alertmanager_cluster_tls_ca_file="/tls/ca.crt",
    alertmanager_web_tls_cert_file="/tls/web.crt",
    alertmanager_web_tls_key_file="/tls/web.key",
    alertmanager_web_users={"admin": "canary-admin"},
    alertmanager_global={"http_config": {"proxy_url": "http://proxy:3128"}},
    alertmanager_routes=[{"matchers": ['team = "x"'], "receiver": "chat"}],
    alertmanager_watchdog_receiver="deadman",
    alertmanager_receivers=[
        CHAT,
        dict(ONCALL, send_resolved=False),
        {
            "name": "senior",
            "email": dict(MAIL, auth_username="u", auth_password="canary-mail", ca_file="/tls/mail.crt"),
        },
        {"name": "deadman", "webhook": {"url": "https://h/canary", "token": "canary-token", "ca_file": "/tls/h.crt"}},
    ],
    alertmanager_levels={"L1": ["chat"], "L2": ["oncall"], "L3": ["senior"]},
)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    template = "{{ lookup('ansible.builtin.template', role_path ~ '/templates/%s.j2') }}"
    tasks = [show(template % name) for name in ("alertmanager.yml", "alertmanager.service")]
    tasks += [show("{{ __alertmanager_secrets | to_json }}"), show("{{ __alertmanager_problem }}")]
    config, unit, secrets, problem = play(
        tmp_path_factory.mktemp("full"), "alertmanager", tasks, {**defaults("alertmanager"), **FULL}
    )
    assert problem == ""
    return config, unit, secrets if isinstance(secrets, dict) else json.loads(secrets)


def test_secrets_are_files_that_the_unit_hands_over(rendered):
    config, unit, secrets = rendered
    assert "canary" not in config and "canary" not in unit
    assert {name for name, text in secrets.items() if "canary" in text} == {
        "chat.slack.api_url", "oncall.pagerduty.routing_key", "senior.email.auth_password", "deadman.webhook.url",
        "deadman.webhook.token",
    }  # fmt: skip
    texts = [config, unit, *secrets.values()]
    named = set(re.findall(r"/run/credentials/alertmanager.service/([\w.]+)", "\n".join(texts)))
    named |= set(re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/([\w.]+)", unit))
    handed = dict(re.findall(r"^LoadCredential=(.*?):(.*)$", unit, re.MULTILINE))
    assert named == set(handed)
    assert {path for path in handed.values() if path.startswith("/tls/")} == {
        "/tls/peer.crt", "/tls/peer.key", "/tls/ca.crt", "/tls/web.crt", "/tls/web.key", "/tls/mail.crt", "/tls/h.crt",
    }  # fmt: skip


def test_cluster(rendered):
    _config, unit, secrets = rendered
    assert '"--cluster.peer=[::2]:9094"' in unit and '"--cluster.listen-address=' in unit
    gossip = yaml.safe_load(secrets["cluster_tls.yml"])
    assert gossip["tls_server_config"]["client_auth_type"] == "RequireAndVerifyClientCert"


def test_routes(rendered):
    config = yaml.safe_load(rendered[0])
    routes = config["route"]["routes"]
    assert (routes[0]["receiver"], routes[0]["matchers"]) == ("deadman", ['alertname = "Watchdog"'])
    assert routes[2] == {"matchers": ['team = "x"'], "receiver": "chat"}
    steps = [
        (each["matchers"][0], each["receiver"], each["group_wait"], each["repeat_interval"]) for each in routes[3:]
    ]
    assert steps == [
        ('severity = "P1"', "chat", "45s", "15m"),
        ('severity = "P1"', "oncall", "45s", "15m"),
        ('severity = "P1"', "senior", "15m", "15m"),
        ('severity = "P2"', "chat", "45s", "1h"),
        ('severity = "P2"', "oncall", "45s", "1h"),
        ('severity = "P2"', "senior", "1h", "1h"),
        ('severity = "P3"', "chat", "45s", "24h"),
    ]
    assert all(each["continue"] for each in routes[3:])
    assert routes[-1]["active_time_intervals"] == ["business-hours"]
    hook = next(each for each in config["receivers"] if each["name"] == "deadman")["webhook_configs"][0]
    assert hook["http_config"]["proxy_url"] == "http://proxy:3128"  # its own settings do not lose the proxy
    assert hook["http_config"]["tls_config"]["ca_file"].endswith("/deadman.webhook.ca.crt")
    oncall = next(each for each in config["receivers"] if each["name"] == "oncall")
    assert oncall["pagerduty_configs"][0]["send_resolved"] is False


def test_a_receiver_is_told_once_of_an_alert(tmp_path):
    """Two routes of the same receiver would both tell it, at the same moment."""
    variables = {"alertmanager_levels": {"L1": ["chat", "chat"], "L2": ["oncall", "chat"], "L3": ["chat", "oncall"]}}
    tasks = [show("{{ __alertmanager_steps }}", **variables)]
    (steps,) = play(tmp_path, "alertmanager", tasks, {**defaults("alertmanager"), **GOOD})
    told = [(step["severity"], step["level"], step["receiver"]) for step in steps]
    assert told == [
        ("P1", "L1", "chat"),
        ("P1", "L2", "oncall"),
        ("P2", "L1", "chat"),
        ("P2", "L2", "oncall"),
        ("P3", "L1", "chat"),
    ]


def test_matchers_of_the_playbook_silence(tmp_path):
    cases = [
        ({}, []),
        ({"silence_node": "redis-node-1a", "silence_cluster": ""}, ["node=redis-node-1a"]),
        ({"silence_matchers": ['alertname=~"Redis.*"'], "silence_cluster": "c"}, ['alertname=~"Redis.*"', "cluster=c"]),
        ({"silence_matchers": "alertname=RedisSwapping,node=x"}, ["alertname=RedisSwapping", "node=x"]),
    ]
    tasks = [show("{{ __alertmanager_silence_matchers }}", **variables) for variables, _matchers in cases]
    shown = play(tmp_path, "alertmanager", tasks, defaults("alertmanager"))
    assert shown == [matchers for _variables, matchers in cases]


def test_every_alert_that_mutes_or_is_muted_is_one_of_the_rule_pack():
    rules = yaml.safe_load((ROLES / "alertmanager/vars/main/inhibit.yml").read_text())["__alertmanager_inhibit_pack"]
    names = set(re.findall(r"\b(?:[A-Z][a-z0-9]+){2,}\b", json.dumps([list(rule.values())[:2] for rule in rules])))
    assert len(names) > 30 and names <= set(ALERTS), sorted(names - set(ALERTS))


CLUSTER_LABELS = {"cluster": "redis-prod", "environment": "production"}
ON_NODE = {**CLUSTER_LABELS, "node": "redis-node-1a"}
ON_MONITORING = {"node": "prometheus-grafana"}
# What fires together, and the one alert of it that may be told.
TOGETHER = {
    "the host of a master without replica is gone": (
        "RedisClusterStateFail",
        [("RedisClusterStateFail", CLUSTER_LABELS), ("RedisClusterSlotsFail", CLUSTER_LABELS),
         ("RedisTlsProbeFailing", ON_NODE), ("RedisTargetDown", ON_NODE), ("Ec2StatusCheckFailed", ON_NODE),
         ("MonitoringTargetDown", {**ON_NODE, "job": "node"}), ("RedisTargetsMissing", CLUSTER_LABELS)],
    ),
    "the host of a master is gone, a replica took over": (
        "RedisTlsProbeFailing",
        [("RedisTlsProbeFailing", ON_NODE), ("RedisTargetDown", ON_NODE), ("Ec2StatusCheckFailed", ON_NODE),
         ("MonitoringTargetDown", {**ON_NODE, "job": "node"}), ("RedisClusterEpochChanged", CLUSTER_LABELS),
         ("RedisReplicationLinkDown", {**CLUSTER_LABELS, "node": "redis-node-1b"}),
         ("RedisMasterWithoutReplica", {**CLUSTER_LABELS, "node": "redis-node-1b"})],
    ),
    "Redis of a replica is killed": (
        "RedisInstanceDown",
        [("RedisInstanceDown", ON_NODE), ("RedisTlsProbeFailing", ON_NODE), ("RedisRestarted", ON_NODE),
         ("RedisClusterSlotsPFail", CLUSTER_LABELS)],
    ),
    "node_exporter on the monitoring host is gone, and the snapshot metrics with it": (
        "MonitoringTargetDown",
        [("MonitoringTargetDown", {**ON_MONITORING, "job": "node"}), ("EbsSnapshotMetricAbsent", CLUSTER_LABELS)],
    ),
    "Grafana is stopped": ("GrafanaDown", [("GrafanaDown", ON_MONITORING), ("GrafanaDatasourceErrors", ON_MONITORING)]),
}  # fmt: skip
# Two nodes, two clusters: one does not mute the other.
APART = [
    [("RedisInstanceDown", ON_NODE), ("RedisTlsProbeFailing", {**CLUSTER_LABELS, "node": "redis-node-1b"})],
    [("RedisClusterStateFail", CLUSTER_LABELS), ("RedisInstanceDown", {**ON_NODE, "cluster": "redis-test"})],
    [("MonitoringTargetDown", {**ON_NODE, "job": "node"}), ("EbsSnapshotMetricAbsent", CLUSTER_LABELS)],
    [("RedisTargetDown", ON_NODE), ("Ec2StatusCheckFailed", {"dimension_InstanceId": "i-0a1"})],
]


def told(alerts):
    """The alerts that are left when Alertmanager has muted what follows from others."""
    pack = yaml.safe_load((ROLES / "alertmanager/vars/main/inhibit.yml").read_text())["__alertmanager_inhibit_pack"]
    labelled = [{"alertname": name, **labels} for name, labels in alerts]

    def fits(matchers, labels):
        parts = [re.fullmatch(r"(\w+) (=~?) \"?(.*?)\"?", matcher).groups() for matcher in matchers]
        return all(
            re.fullmatch(value if operator == "=~" else re.escape(value), labels.get(name, ""))
            for name, operator, value in parts
        )

    def muted(labels):
        return any(
            fits(rule["target_matchers"], labels)
            and any(
                fits(rule["source_matchers"], source)
                and all(source.get(label, "") == labels.get(label, "") for label in rule.get("equal", []))
                for source in labelled
                if source is not labels
            )
            for rule in pack
        )

    return [labels["alertname"] for labels in labelled if not muted(labels)]


@pytest.mark.parametrize("situation", TOGETHER)
def test_one_fault_is_one_page(situation):
    page, alerts = TOGETHER[situation]
    assert told(alerts) == [page]


@pytest.mark.parametrize("alerts", APART, ids=lambda alerts: alerts[1][0])
def test_what_is_apart_is_told_apart(alerts):
    assert told(alerts) == [name for name, _labels in alerts]
