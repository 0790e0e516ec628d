# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role alertmanager refuses, and what it makes of its settings."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _alertmanager_routes,
    _core,
    _templates,
    alertmanager,
)

HOST = _core.Host(
    "localhost",
    addresses=["10.0.0.1", "fd00::1"],
    default_address="10.0.0.1",
    architecture="x86_64",
    groups={"both": ["localhost", "other"]},
    hostvars={"localhost": {}, "other": {"ansible_host": "::2"}},
)
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
    given = _core.options_of("alertmanager")["alertmanager_severities"]["default"]
    return {"alertmanager_severities": [dict(given[0], **changed[0]), *given[1:]] if changed else given[:2]}


CLUSTER = {"alertmanager_cluster_group": "both"}
CASES = [
    ({}, ""),
    (receivers(email=MAIL, webhook={"url": "https://hook.example/canary"}), ""),
    ({"alertmanager_levels": {"L1": ["chat"], "L2": [], "L3": None, "L9": []}}, ""),
    ({"alertmanager_version": "latest"}, "alertmanager_version is latest: give three numbers"),
    (
        {"alertmanager_flags": {"enable-feature": "classic-mode,auto-gomaxprocs"}},
        "has auto-gomaxprocs, and Alertmanager",
    ),
    ({"alertmanager_flags": {"enable-feature": "auto-gomaxprocs"}, "alertmanager_version": "0.32.3"}, ""),
    ({"alertmanager_flags": {"enable-feature": "classic-mode"}}, ""),
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
]


def read(**settings):
    return _core.read("alertmanager", {**GOOD, **settings})[0]


def problems(**settings):
    return _core.judge("alertmanager", {**GOOD, **settings}, HOST)[1]


def files(**settings):
    """What would be written, by path."""
    service = alertmanager.service(read(**settings), HOST)
    entries = service["config"]["files"] + service["config"]["secrets"]
    return {entry["path"]: _templates.content(entry, service["values"]) for entry in entries}


@pytest.mark.parametrize(("settings", "says"), CASES)
def test_bad_settings_are_named_in_one_line_each(settings, says):
    found = problems(**settings)
    assert re.search(says or r"\A\Z", "; ".join(found)), found
    assert not any("\n" in line or "canary" in line for line in found)


def test_every_secret_that_is_missing_is_named_at_once():
    found = problems(
        alertmanager_receivers=[
            {"name": "chat", "slack": {"api_url": None, "channel": "#redis"}},
            {"name": "oncall", "pagerduty": {"routing_key": ""}},
            {"name": "deadman", "webhook": {"url": None}},
        ],
        alertmanager_web_users={"admin": None, "prometheus": "canary", "grafana": ""},
    )
    assert [re.sub(":.*| is empty.*", "", line.replace("alertmanager_receivers: ", "")) for line in sorted(found)] == [
        "chat has no slack.api_url",
        "deadman has no webhook.url",
        "oncall has no pagerduty.routing_key",
        "alertmanager_web_users",
        "alertmanager_web_users",
    ]
    assert "admin" in found[0] and "grafana" in found[1]


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:9093"),
        ({"alertmanager_listen_address": "", "alertmanager_port": 1}, "http://10.0.0.1:1"),
        ({"alertmanager_listen_address": "::", "alertmanager_web_tls_cert_file": "/c"}, "https://[::1]:9093"),
        ({"alertmanager_external_url": "https://alerts.example.com/am/"}, "http://127.0.0.1:9093/am"),
        (
            {
                "alertmanager_external_url": "https://alerts.example.com/am/",
                "alertmanager_flags": {"web.route-prefix": "/"},
            },
            "http://127.0.0.1:9093",
        ),
    ],
)
def test_where_it_is_asked(settings, url):
    assert alertmanager.connection(read(**settings), HOST)["url"] == url


FULL = dict(
    CLUSTER,
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
UNIT = "/etc/systemd/system/alertmanager.service"


def test_secrets_are_files_that_the_unit_hands_over():
    assert problems(**FULL) == []
    found = files(**FULL)
    assert {path for path, text in found.items() if "canary" in text} == {
        "credentials/chat.slack.api_url", "credentials/oncall.pagerduty.routing_key", "credentials/deadman.webhook.url",
        "credentials/deadman.webhook.token", "credentials/senior.email.auth_password",
    }  # fmt: skip
    named = set(re.findall(r"/run/credentials/alertmanager.service/([\w.]+)", "\n".join(found.values())))
    named |= set(re.findall(r"\$\{CREDENTIALS_DIRECTORY\}/([\w.]+)", found[UNIT]))
    handed = dict(re.findall(r"^LoadCredential=(.*?):(.*)$", found[UNIT], re.MULTILINE))
    assert named == set(handed)
    assert {path for path in handed.values() if path.startswith("/tls/")} == {
        "/tls/peer.crt", "/tls/peer.key", "/tls/ca.crt", "/tls/web.crt", "/tls/web.key", "/tls/mail.crt", "/tls/h.crt",
    }  # fmt: skip
    certificates = alertmanager.service(read(**FULL), HOST)["config"]["certificates"]
    assert [(each["what"], each.get("name")) for each in certificates] == [
        ("alertmanager_web_tls", "127.0.0.1"),
        ("alertmanager_cluster_tls", "10.0.0.1"),
        ("alertmanager_cluster_tls_ca_file", None),
    ]


def test_cluster():
    found = files(**FULL)
    assert '"--cluster.peer=[::2]:9094"' in found[UNIT] and '"--cluster.listen-address=10.0.0.1:9094"' in found[UNIT]
    gossip = yaml.safe_load(found["credentials/cluster_tls.yml"])
    assert gossip["tls_server_config"]["client_auth_type"] == "RequireAndVerifyClientCert"
    assert '"--cluster.listen-address="' in files()[UNIT]  # alone: no cluster


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"alertmanager_version": "0.29.0"}, []),  # it has no such flag
        ({"alertmanager_version": "0.30.0"}, ["--dispatch.start-delay=95s"]),
        ({"alertmanager_flags": {"dispatch.start-delay": "5m"}}, ["--dispatch.start-delay=5m"]),
        ({"alertmanager_flags": {"dispatch.start-delay": None}}, []),
    ],
)
def test_after_a_start_it_waits_until_prometheus_has_sent_all_alerts_again(settings, told):
    arguments = alertmanager.command_line(_core.read("alertmanager", GOOD | settings)[0], HOST)
    assert [each for each in arguments if "start-delay" in each] == told


def test_routes():
    config = yaml.safe_load(files(**FULL)["alertmanager.yml"])
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


def test_a_receiver_is_notified_once_of_an_alert():
    """Two routes of the same receiver would both notify it, at the same moment."""
    levels = {"L1": ["chat", "chat"], "L2": ["oncall", "chat"], "L3": ["chat", "oncall"]}
    steps = _alertmanager_routes.steps(read(alertmanager_levels=levels))
    assert [(step["severity"], step["level"], step["receiver"]) for step in steps] == [
        ("P1", "L1", "chat"),
        ("P1", "L2", "oncall"),
        ("P2", "L1", "chat"),
        ("P2", "L2", "oncall"),
        ("P3", "L1", "chat"),
    ]


def test_templates_of_the_user_are_marked_as_ours(tmp_path):
    (tmp_path / "mine.tmpl").write_text('{{ define "redisops.subject" }}x{{ end }}\n\n')
    found = files(alertmanager_template_files=[str(tmp_path / "mine.tmpl")])
    assert (
        found["templates/mine.tmpl"] == '{{ define "redisops.subject" }}x{{ end }}\n# Managed by redisops.monitoring\n'
    )
    assert problems(alertmanager_template_files=["/nowhere/x.tmpl"]) == [
        "alertmanager_template_files has /nowhere/x.tmpl, which is not a file on the controller"
    ]


def webhook(**more):
    return {"url": "https://h/x", **more}


AMTOOL = {
    "full": FULL,
    "without the inhibit rules": {"alertmanager_inhibit_pack": "no", "alertmanager_levels": {"L1": ["chat", "oncall"]}},
    "everything else": {
        **severities({"mute_time_intervals": ["weekly"]}),
        "alertmanager_inhibit_rules": [{"source_matchers": ["a = b"], "target_matchers": ["c = d"], "equal": ["x"]}],
        "alertmanager_receivers": [
            dict(CHAT, slack={"api_url": "https://h/x", "channel": "#redis"}),
            dict(ONCALL, email=dict(MAIL, require_tls="no"), pagerduty={"routing_key": "R0ut1ng", "url": "https://e.eu/v2"}),
            {"name": "hook", "webhook": webhook(public_url="true", username="hook", password="b-canary", max_alerts=3)},
        ],
        "alertmanager_default_receiver": "hook",
        "alertmanager_time_intervals": [
            *_core.options_of("alertmanager")["alertmanager_time_intervals"]["default"],
            {
                "name": "weekly",
                "time_intervals": [
                    {
                        "times": [{"start_time": "02:00", "end_time": "24:00"}], "weekdays": ["sunday"],
                        "days_of_month": [1, "-3:-1"], "months": ["june:july", 12], "years": [2027],
                        "location": "America/New_York",
                    }
                ],
            },
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("settings", AMTOOL.values(), ids=AMTOOL)
def test_alertmanager_accepts_what_is_written(run_checks, settings):
    assert problems(**settings) == []
    service = alertmanager.service(read(**settings), HOST)
    assert run_checks(service) == ""
    if settings is not FULL:  # the oldest takes no URL of a webhook from a file
        service = alertmanager.service(read(**settings, alertmanager_version="0.25.0"), HOST)
        assert run_checks(service, 0) == ""


def test_what_only_its_programs_know_is_refused_by_its_checks(run_checks, tmp_path):
    (tmp_path / "broken.tmpl").write_text('{{ define "broken" }}{{ nosuch . }}{{ end }}')
    for settings, says in (
        ({"alertmanager_global": {"bogus": 1}}, "field bogus not found"),
        ({"alertmanager_template_files": [str(tmp_path / "broken.tmpl")]}, 'function "nosuch" not defined'),
        ({"alertmanager_flags": {"bogus": 1}}, "unknown long flag '--bogus'"),
    ):
        assert says in run_checks(alertmanager.service(read(**settings), HOST))
