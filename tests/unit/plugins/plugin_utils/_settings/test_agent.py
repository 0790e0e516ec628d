# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""prometheus_mode: agent. Its flags and configuration, what is refused before a host is touched, and who is asked."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _core,
    _grafana_content,
    _storage,
    _templates,
    incident,
    verify,
)

sys.path.insert(0, str(Path(__file__).parents[4] / "tools"))
import promtool
from ports import free_port, wait_for_port

STORE = {"kind": "victoriametrics", "url": "https://store.example:8428"}
AGENT = {"prometheus_mode": "agent", "monitoring_remote_storage": STORE}
ALERTMANAGERS = [{"static_configs": [{"targets": ["10.0.0.8:9093"]}]}]
VERSIONS = {promtool.version(path.name)[0]: path for path in promtool.mirrored()}  # the newest of each major one


def config_of(found):
    return yaml.safe_load(_templates.render("prometheus/prometheus.yml.j2", found["values"]))


def arguments_of(found):
    return found["values"]["service"]["arguments"]


def test_an_agent_has_neither_rules_nor_alerting_nor_retention(service):
    more = {"prometheus_alertmanagers": ALERTMANAGERS, "prometheus_retention_size": "8GB"}
    config = config_of(service("prometheus", {**AGENT, **more}))
    assert set(config) == {"global", "scrape_configs", "remote_write"}
    server = config_of(service("prometheus", {"monitoring_remote_storage": STORE, **more}))
    assert set(server) == {*config, "rule_files", "alerting", "storage"}


@pytest.mark.parametrize(
    ("version", "changed", "switch"),
    [
        ("3.13.5", {}, "--agent"),
        ("3.13.5", {"prometheus_flags": {"enable-feature": "x"}}, "--agent"),
        ("2.53.3", {}, "--enable-feature=agent"),
        ("2.53.3", {"prometheus_flags": {"enable-feature": "a,b"}}, "--enable-feature=agent,a,b"),
    ],
)
def test_flags(service, version, changed, switch):
    found = arguments_of(service("prometheus", {**AGENT, "prometheus_version": version, **changed}))
    assert switch in found and "--storage.agent.path=/var/lib/prometheus/data-agent" in found
    assert not [one for one in found if "tsdb" in one]


def test_its_log_is_below_the_data_of_a_server_which_stays(service):
    on_a_volume = {"prometheus_data_directory": "/data/prometheus"}
    agent = service("prometheus", {**AGENT, **on_a_volume})
    server = service("prometheus", {"monitoring_remote_storage": STORE, **on_a_volume})
    assert "--storage.tsdb.path=/var/lib/redisops/prometheus" in arguments_of(server)
    assert "--storage.agent.path=/var/lib/redisops/prometheus/data-agent" in arguments_of(agent)
    for name in ("data", "state"):
        assert agent["values"]["service"][name] == server["values"]["service"][name]


def test_rules_are_taken_away_and_the_user_is_told(service):
    found = service("prometheus", AGENT)
    assert not [one for one in found["config"]["files"] if one["path"].startswith("rules/")]
    assert "rules" in found["config"]["prune"]
    assert "evaluates no rules: load the pack into the ruler" in found["warnings"][0]
    assert service("prometheus", {**AGENT, "prometheus_rule_pack": False})["warnings"] == []
    assert service("prometheus", {"monitoring_remote_storage": STORE})["warnings"] == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"monitoring_remote_storage": {}},
            "prometheus_mode is agent, which keeps nothing itself: set monitoring_remote",
        ),
        ({"prometheus_version": "latest"}, "prometheus_version is latest"),
        ({"prometheus_version": "2.31.1"}, "the oldest prometheus_version that has it is 2.32.0"),
        ({"prometheus_flags": {"storage.tsdb.path": "/x"}}, "storage.tsdb.path"),
        ({"prometheus_flags": {"query.timeout": "1m"}}, "prometheus_flags sets query.timeout, which an agent refuses"),
        ({"prometheus_flags": {"storage.agent.path": "/x"}}, "sets storage.agent.path, which belongs to the role"),
        ({"prometheus_rule_files": ["/x/mine.yml"]}, "prometheus_rule_files: an agent evaluates no rules"),
        ({"prometheus_mode": "both"}, "prometheus_mode is both: choose one of server, agent"),
        ({"prometheus_mode": "server", "prometheus_flags": {"agent": True}}, "set prometheus_mode: agent"),
        (
            {"prometheus_mode": "server", "prometheus_flags": {"enable-feature": "a,agent"}},
            "set prometheus_mode: agent",
        ),
    ],
)
def test_what_is_refused_before_a_host_is_touched(judge, changed, says):
    assert any(says in one for one in judge("prometheus", {**AGENT, **changed})), judge(
        "prometheus", {**AGENT, **changed}
    )


def test_remote_write_of_the_user_is_enough(judge):
    more = {"monitoring_remote_storage": {}, "prometheus_remote_write": [{"url": "https://s/write"}]}
    assert judge("prometheus", {**AGENT, **more}) == []


@pytest.mark.parametrize("pack", [True, False])
def test_what_the_rules_of_its_ruler_are_made_of_is_judged(judge, pack):
    """Whether or not they are loaded already; switching the pack off is no way out."""
    thresholds = {"memory_high_percent": "much"}
    given = {"prometheus_evaluation_interval": "10m", "prometheus_alert_thresholds": thresholds}
    assert judge("prometheus", {**AGENT, "prometheus_rule_pack": pack, **given}) == [
        "prometheus_evaluation_interval is 10m: the rules look back 5m and need two samples in them, so at most 2m",
        "prometheus_alert_thresholds.memory_high_percent is much, not a number",
    ]


# ------------------------------------------------------------------------------------------------ the real program


@pytest.mark.skipif(not VERSIONS, reason="no release in build/mirror: python tests/lab/mirror.py fills it")
@pytest.mark.parametrize("major", sorted(VERSIONS))
def test_a_real_prometheus_runs_as_an_agent_with_it(service, tmp_path, major):
    """By the role's configuration and flags, and as a server after it, over the same data."""
    archive = VERSIONS[major]
    version = ".".join(map(str, promtool.version(archive.name)))
    write = [{"url": "http://127.0.0.1:1/write"}]
    changed = {
        "prometheus_version": version,
        "prometheus_remote_write": write,
        "prometheus_alertmanagers": ALERTMANAGERS,
    }
    for mode in ("server", "agent", "server"):
        found = service("prometheus", {**changed, "prometheus_mode": mode})
        text = _templates.render("prometheus/prometheus.yml.j2", found["values"])
        (tmp_path / "prometheus.yml").write_text(text.replace("/run/credentials/prometheus.service", str(tmp_path)))
        (tmp_path / "targets").mkdir(exist_ok=True)
        check = next(one for one in found["config"]["checks"] if one[1:3] == ["check", "config"])
        tool = promtool.unpacked(archive)
        checked = [tool, *check[1:-1], tmp_path / "prometheus.yml"]
        done = subprocess.run(checked, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert started(promtool.unpacked(archive, "prometheus"), arguments_of(found), tmp_path) == mode
    assert (tmp_path / "data" / "wal").is_dir() and (tmp_path / "data" / "data-agent" / "wal").is_dir()


def started(program, arguments, directory):
    """The mode that the program says it runs in."""
    port = free_port()
    own = {"config.file": directory / "prometheus.yml", "web.listen-address": f"127.0.0.1:{port}"}
    given = [one.replace("/var/lib/prometheus", str(directory / "data")) for one in arguments]
    given = [one for one in given if one.removeprefix("--").partition("=")[0] not in own]
    argv = [program, *given, *(f"--{name}={value}" for name, value in own.items())]
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
    try:
        wait_for_port(port, process)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            text = (directory / "log").read_text()
            if "Server is ready to receive web requests" in text:
                return "agent" if "agent" in text.lower() else "server"
            time.sleep(0.1)
        raise AssertionError((directory / "log").read_text()[-2000:])
    finally:
        process.terminate()
        process.wait(timeout=20)


# ------------------------------------------------------------------------------------------- who is asked instead


def test_grafana_asks_the_store_by_the_uid_that_dashboards_know(host):
    s, wrong = _core.read(
        "grafana",
        {"grafana_admin_password": "long-enough-1", **AGENT, "grafana_prometheus_replicas": {"b": "https://b"}},
    )
    assert not wrong
    found = {one["uid"]: one for one in _grafana_content.datasources(s, agent=True)}
    assert list(found) == ["prometheus"]
    assert found["prometheus"]["ds_url"] == STORE["url"] and found["prometheus"]["is_default"]
    on = host(variables={"prometheus_mode": "agent"})
    assert _core.module_of("grafana").connection(s, on)["prometheus_url"] == STORE["url"]
    assert _core.module_of("grafana").connection(s, host())["prometheus_url"] == "http://127.0.0.1:9090"


@pytest.mark.parametrize(
    ("store", "more", "problem"),
    [
        (STORE, {}, False),
        ({"kind": "thanos", "url": "https://s"}, {}, True),
        ({"kind": "thanos", "url": "https://s", "query_url": "https://q"}, {}, False),
        ({}, {}, True),
        ({}, {"grafana_prometheus_url": "https://mimir.example/prometheus"}, False),
    ],
)
def test_a_grafana_that_could_ask_nobody_is_told_of(judge, host, store, more, problem):
    variables = {"grafana_admin_password": "long-enough-1", "monitoring_remote_storage": store, **more}
    on = host(variables={"prometheus_mode": "agent", **more})
    assert bool([one for one in judge("grafana", variables, on) if "Grafana cannot ask the store" in one]) == problem
    assert judge("grafana", variables, host()) == []


@pytest.mark.parametrize(
    "store", [{"query_url": "https://q"}, {"url": "https://s", "query_url": "https://q"}, {"kind": "mimir"}]
)
def test_a_store_that_lacks_something_is_a_line_of_the_list(judge, host, store):
    variables = {"grafana_admin_password": "long-enough-1", "monitoring_remote_storage": store}
    found = judge("grafana", variables, host(variables={"prometheus_mode": "agent"}))
    assert [one for one in found if one.startswith("monitoring_remote_storage.") and one.endswith(" is not set")]


@pytest.mark.parametrize(("version", "named"), [("12.4.0", False), ("13.1.0", True), ("latest", False)])
def test_what_a_grafana_that_cannot_sign_is_told_to_ask(judge, host, version, named):
    store = {"kind": "amp", "url": "https://s", "region": "eu-central-1", "query_url": "https://q"}
    variables = {"grafana_admin_password": "long-enough-1", "monitoring_remote_storage": store}
    found = judge("grafana", {**variables, "grafana_version": version}, host(variables={"prometheus_mode": "agent"}))
    lines = [one for one in found if "Grafana cannot ask the store" in one]
    assert bool(lines) == named and not any("query_url" in one for one in lines)


@pytest.mark.parametrize(
    ("store", "asked"),
    [
        (
            {**STORE, "username": "me", "password": "canary", "ca_file": "/ca"},
            {
                "url": STORE["url"], "url_username": "me", "url_password": "canary", "ca_path": "/ca",
                "parameters": {"latency_offset": "1ms", "nocache": "1"},
            },
        ),
        (
            {"kind": "mimir", "url": "https://s", "tenant": "t"},
            {"url": "https://s/prometheus", "headers": {"X-Scope-OrgID": "t"}},
        ),
        ({"kind": "thanos", "url": "https://s"}, {}),
        ({"kind": "amp", "url": "https://s", "region": "eu-central-1"}, {}),
        ({}, {}),
    ],
)  # fmt: skip
def test_how_verify_and_incident_ask_the_store(read, host, store, asked):
    write = {"prometheus_remote_write": [{"url": "https://s"}], "prometheus_mode": "agent"}
    s = read("prometheus", {**write, "monitoring_remote_storage": store})
    assert _storage.queried(s) == asked
    options = verify.prometheus(s, host())
    assert (options["agent"], options["store"]) == (True, asked)
    others = [("alertmanager", {}), ("blackbox_exporter", {}), ("grafana", {"grafana_admin_password": "long-enough-1"})]
    of_all = {**s, **{name: value for role, given in others for name, value in read(role, given).items()}}
    assert incident.evidence({**of_all, **s}, host())["prometheus"]["store"] == asked
    assert "agent" not in verify.prometheus(read("prometheus"), host())


def test_the_watchdog_of_a_ruler_is_not_waited_for(read, host):
    s = {**read("alertmanager"), **read("verify")}
    assert verify.alert(s, host())["watchdog"] is True
    assert verify.alert(s, host(variables={"prometheus_mode": "agent"}))["watchdog"] is False
