# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Conclusions from evidence that was recorded in a healthy lab and in one with each fault."""

from __future__ import annotations

import copy
import re
import sys
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor import findings, rules
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.stack import BadStack

ROOT = Path(__file__).resolve().parents[5]
sys.path[:0] = [str(ROOT / "tests/tools"), str(ROOT / "molecule/doctor/tests")]
import doctor_table
from doctor_faults import FAULTS, MONITORING, NODE

FIXTURES = doctor_table.load()
FILES = sorted((ROOT / "plugins/plugin_utils/_doctor").glob("*.py"))


@pytest.fixture
def stack():
    return copy.deepcopy(FIXTURES["healthy"])


def ids(stack):
    return [one["id"] for one in rules.diagnose(stack)]


def test_a_healthy_stack_has_no_findings(stack):
    assert ids(stack) == []


@pytest.mark.parametrize("fault", FAULTS, ids=[one.name for one in FAULTS])
def test_the_first_finding_of_each_recorded_fault_is_its_cause(fault):
    findings = doctor_table.findings_of(FIXTURES, fault)
    assert (findings[0]["id"], findings[0]["severity"]) == (fault.finding, fault.severity)
    errors = [one["id"] for one in findings if one["severity"] == "error"]
    assert errors == ([fault.finding] if fault.severity == "error" else []) + list(fault.also)
    for one in findings:
        assert one["evidence"] and one["cure"] and all(one["evidence"]), one
        assert "\n" not in one["cause"] and "%" not in re.sub(r"\d+(\.\d+)? %", "", one["cause"]), one["cause"]


def test_the_faults_are_those_that_were_promised():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 25
    assert {int(number) for fault in FAULTS for number in re.findall(r"^Issue (\d)", fault.name)} == set(range(1, 8))


def test_the_page_shows_what_the_tests_prove():
    assert doctor_table.START + doctor_table.table(FIXTURES) + doctor_table.END in doctor_table.PAGE.read_text()


def test_rules_use_the_findings_of_the_catalogue_and_all_of_them():
    texts = {path.name: path.read_text() for path in FILES if path.name != "findings.py"}
    named = set(re.findall(r'"([a-z]+(?:_[a-z]+)*)"', "".join(texts.values())))
    whats = {*findings.SERVICE_ERRORS, *findings.SERVICE_WARNINGS}
    of_services = {f"{service}_{what}" for service in findings.ALL_SERVICES for what in whats}
    assert set(findings.FINDINGS) - of_services <= named
    assert whats <= named
    for name, text in texts.items():
        for ident in re.findall(r'(?:finding|changed)\(\s*"(\w+)"', text):
            assert ident in findings.FINDINGS, f"{name}: {ident}"
        for what in re.findall(r'of_service\(service, "(\w+)"', text):
            assert what in whats, f"{name}: {what}"


def test_every_rule_is_in_the_table():
    """A public function of a file of rules is a rule or is called by another one."""
    registered = {rule for _subject, table in rules.RULES for rule in table}
    assert len(registered) == sum(len(table) for _subject, table in rules.RULES) - 1  # node_exporter is on all hosts
    text = "".join(path.read_text() for path in FILES)
    for module in {sys.modules[rule.__module__] for rule in registered}:
        for name, function in vars(module).items():
            if getattr(function, "__module__", "") == module.__name__ and callable(function):
                assert function in registered or len(re.findall(rf"\b{name}\b", text)) > 1, f"{module}: {name}"


def test_a_node_that_is_down_explains_what_is_seen_behind_it(stack):
    evidence = stack["hosts"][NODE]["evidence"]
    evidence["units"]["redis-server.service"].update(active=False, state="inactive", result="success", process=None)
    evidence["redis"]["account"] = {"ok": False, "cause": "refused", "text": "refused"}
    evidence["exporter"]["metrics"]["up"] = 0
    other = next(name for name in stack["hosts"] if name.startswith("redis-") and name != NODE)
    stack["hosts"][other]["evidence"]["redis"]["admin"]["cluster"]["cluster_state"] = "fail"
    findings = rules.diagnose(stack)
    assert [one["id"] for one in findings] == ["redis_stopped"]
    assert any("redis_up is 0" in text for text in findings[0]["consequences"])
    assert any("cluster is in state fail" in text for text in findings[0]["consequences"])


def test_a_failed_cluster_with_healthy_nodes_is_a_finding_of_its_own(stack):
    stack["hosts"][NODE]["evidence"]["redis"]["admin"]["cluster"]["cluster_state"] = "fail"
    assert ids(stack) == ["cluster_fail"]


def test_the_hop_nearer_to_redis_comes_first_and_warnings_come_last(stack):
    monitoring = stack["hosts"][MONITORING]["evidence"]
    monitoring["units"]["grafana-server.service"].update(active=False, state="inactive", result="success", process=None)
    monitoring["reach"][NODE]["skew"] = 3.0
    stack["hosts"][NODE]["evidence"]["units"]["redis_exporter.service"].update(
        active=False, state="inactive", result="success", process=None
    )
    assert ids(stack) == ["exporter_stopped", "grafana_stopped", "clock_skew"]


@pytest.mark.parametrize(
    ("matchers", "told"),
    [
        (["cluster=redis-prod"], True),
        (["alertname=~.*"], True),
        (["severity!=none", "cluster=~redis-.*"], True),
        (["cluster=redis-prod", "severity=P1"], True),  # the pages of all nodes
        (["cluster=redis-prod", "severity=P3"], False),
        (["node=redis-node-1b"], False),
        (["alertname=RedisDown"], False),
        (["alertname!=RedisDown"], False),
        (["cluster=another"], False),
        (["alertname=~(?P>x)"], False),  # no pattern of Python's
    ],
)
def test_a_silence_of_everything_is_told_and_one_of_something_is_not(stack, matchers, told):
    parsed = [re.fullmatch(r"(\w+)(!?)(=)(~?)(.*)", one).groups() for one in matchers]
    silence = {
        "id": "4e6f",
        "matchers": [
            {"name": name, "value": value, "isRegex": bool(regex), "isEqual": not negated}
            for name, negated, _equals, regex, value in parsed
        ],
        "until": "2026-12-04T10:00:00.000Z",
        "by": "ubuntu",
        "comment": "maintenance",
    }
    stack["hosts"][MONITORING]["evidence"]["alertmanager"]["silences"] = [silence]
    assert ids(stack) == (["pages_silenced"] if told else [])
    if told:
        (finding,) = rules.diagnose(stack)
        assert "until 2026-12-04 10:00 UTC" in finding["cause"]
        assert finding["evidence"][0] == "silence 4e6f by ubuntu: maintenance"
        assert finding["cure"][0]["run"].endswith("-e silence_state=absent -e silence_id=4e6f")


def test_an_edited_panel_is_told_where_edits_are_not_kept(stack):
    host = stack["hosts"][MONITORING]
    host["evidence"]["grafana"]["dashboards"]["redis-cluster"]["queries"] = ["a", "b", "mine"]
    host["wanted"]["queries"] = {}
    assert ids(stack) == []  # without anything wanted, as with grafana_on_drift: keep
    host["wanted"]["queries"] = {"redis-cluster": ["a", "b"]}
    assert ids(stack) == []  # a panel more takes nothing away
    host["wanted"]["queries"] = {"redis-cluster": ["a", "b", "c"]}
    (finding,) = rules.diagnose(stack)
    assert (finding["id"], finding["severity"]) == ("dashboard_edited", "warning")
    assert finding["evidence"] == ["installed, and gone: c", "in Grafana, and never installed: mine"]
    assert finding["cure"][0]["run"].endswith("--tags grafana")


def test_when_all_nodes_disagree_with_the_monitoring_host_its_clock_is_the_wrong_one(stack):
    for way in stack["hosts"][MONITORING]["evidence"]["reach"].values():
        way["skew"] = -61.0
    (finding,) = rules.diagnose(stack)
    assert (finding["id"], finding["host"], finding["severity"]) == ("clock_skew", MONITORING, "error")
    assert "61.0 s ahead" in finding["cause"]


def test_wrong_settings_in_the_inventory_are_cured_there(stack):
    node = stack["hosts"][NODE]
    node["wanted"]["redis_addr"] = node["evidence"]["exporter"]["uses"]["addr"] = "redis://127.0.0.1:6379"
    node["evidence"]["redis"]["account"] = {"ok": False, "cause": "tls_port", "text": "the port speaks TLS"}
    node["evidence"]["redis"]["admin"] = None
    (finding,) = rules.diagnose(stack)
    assert finding["id"] == "exporter_scheme"
    assert finding["cure"][0]["set"] == {"redis_exporter_redis_addr": "rediss://127.0.0.1:6379"}
    assert "exporters" in finding["cure"][1]["run"]


def test_without_the_right_to_manage_users_the_acl_line_is_the_cure(stack):
    node = stack["hosts"][NODE]
    node["wanted"]["acl_manage"] = False
    denied = [{"command": "cluster|info", "lost": "cluster metrics"}]
    node["evidence"]["redis"]["account"] = {"ok": True, "denied": denied}
    (finding,) = rules.diagnose(stack)
    assert finding["id"] == "acl_right_missing"
    assert "ACL SETUSER redis_exporter +cluster|info" in finding["cure"][0]["do"]


def test_a_filter_on_the_way_is_told_from_a_missing_rule(stack):
    way = {"url": "https://%s:9121/health" % stack["hosts"][NODE]["address"], "answered": False, "cause": "filtered"}
    stack["hosts"][MONITORING]["evidence"]["reach"][NODE] = dict(way, error="no answer in time")
    assert ids(stack) == ["port_filtered"]
    for group in stack["security_groups"]["groups"].values():
        group["ip_permissions"] = [one for one in group["ip_permissions"] if one.get("from_port") != 9121]
    assert ids(stack) == ["sg_rule_missing"]


def test_an_instance_that_is_off_is_started(stack):
    host = stack["hosts"][NODE]
    host.update(evidence=None, unreachable="Connection timed out", state="stopped")
    finding = rules.diagnose(stack)[0]
    assert finding["id"] == "host_unreachable"
    command = "aws ec2 start-instances --region us-east-1 --instance-ids " + host["instance_id"]
    assert finding["cure"][0]["run"] == command


def test_a_scrape_that_is_wrong_by_itself_is_not_taken_for_one_that_recovers(stack):
    evidence = stack["hosts"][MONITORING]["evidence"]["prometheus"]
    target = next(one for one in evidence["targets"] if one["job"] == "redis-cluster" and one["node"] == NODE)
    for error, ident in (
        ("server returned HTTP status 401 Unauthorized", "scrape_login_refused"),
        ("tls: failed to verify certificate: x509: certificate signed by unknown authority", "scrape_ca_wrong"),
        ("server returned HTTP status 503 Service Unavailable", "target_down"),
        ("Get: dial tcp: connect: connection refused", "recovering"),
    ):
        target.update(health="down", lastError=error, lastScrape="2099-01-01T00:00:00.123456789Z")
        assert ids(stack) == [ident], error


def test_only_an_empty_group_is_said_of_an_inventory_without_monitoring(stack):
    del stack["hosts"][MONITORING]
    stack["groups"]["monitoring"] = []
    assert ids(stack) == ["group_empty"]


def test_a_filter_is_mended_by_its_rule_wherever_it_is(stack):
    address = stack["hosts"][NODE]["address"]
    way = {"url": "https://%s:9121/health" % address, "answered": False, "cause": "filtered", "error": "no answer"}
    stack["hosts"][MONITORING]["evidence"]["reach"][NODE] = way
    output = {"rule": "-A OUTPUT -d %s/32 -j DROP" % address, "hook": "output", "undo": "sudo iptables -D OUTPUT x"}
    stack["hosts"][MONITORING]["evidence"]["packet_filter"] = [output]
    (finding,) = rules.diagnose(stack)
    assert finding["cure"] == [{"on": MONITORING, "run": "sudo iptables -D OUTPUT x"}]
    stack["hosts"][MONITORING]["evidence"]["packet_filter"] = []
    policy = {
        "rule": "inet f in: policy drop",
        "hook": "input",
        "policy": True,
        "let": "sudo nft insert rule inet f in",
    }
    stack["hosts"][NODE]["evidence"]["packet_filter"] = [policy]
    (finding,) = rules.diagnose(stack)
    source = stack["hosts"][MONITORING]["address"]
    run = "sudo nft insert rule inet f in ip saddr %s tcp dport 9121 accept" % source
    assert finding["cure"] == [{"on": NODE, "run": run}]
    # Rules for other ports and other hosts are not what is looked for.
    other = {"rule": "inet f in: tcp dport 19121 drop", "hook": "input", "undo": "sudo nft delete rule x"}
    stack["hosts"][NODE]["evidence"]["packet_filter"] = [other]
    (finding,) = rules.diagnose(stack)
    assert "nft delete" not in str(finding["cure"])


def test_a_filter_and_a_redis_that_is_stopped_are_two(stack):
    evidence = stack["hosts"][NODE]["evidence"]
    evidence["units"]["redis-server.service"].update(active=False, state="inactive", result="success", process=None)
    evidence["exporter"]["metrics"]["up"] = 0
    url = stack["hosts"][MONITORING]["evidence"]["reach"][NODE]["url"]
    way = {"url": url, "answered": False, "cause": "filtered", "error": "no answer in time"}
    stack["hosts"][MONITORING]["evidence"]["reach"][NODE] = way
    assert ids(stack) == ["redis_stopped", "port_filtered"]


@pytest.mark.parametrize("port", [6379, 9100, 9121])
def test_every_port_that_is_asked_needs_its_rule(stack, port):
    for group in stack["security_groups"]["groups"].values():
        group["ip_permissions"] = [one for one in group["ip_permissions"] if one.get("from_port") != port]
    (finding,) = rules.diagnose(stack)
    assert finding["id"] == "sg_rule_missing" and "port %d" % port in finding["cause"]
    assert set(finding["hosts"]) == set(stack["groups"]["redis"])


def test_a_target_that_is_down_and_one_that_was(stack):
    target = next(
        one
        for one in stack["hosts"][MONITORING]["evidence"]["prometheus"]["targets"]
        if one["job"] == "node" and one["node"] == NODE
    )
    target.update(health="down", lastError="dial tcp: connect: connection refused", now="")
    assert [(one["id"], one["severity"]) for one in rules.diagnose(stack)] == [("recovering", "info")]
    target.update(now="refused")
    assert ids(stack) == ["port_filtered"]  # it listens, and is not reached
    node = stack["hosts"][NODE]["evidence"]
    node["listening"] = [one for one in node["listening"] if one["port"] != 9100]
    assert [(one["id"], one["severity"]) for one in rules.diagnose(stack)] == [("target_down", "error")]
    target.update(now="", lastError="server returned HTTP status 401 Unauthorized", lastScrape="2099-01-01T00:00:00Z")
    assert [(one["id"], one["severity"]) for one in rules.diagnose(stack)] == [("target_down", "error")]


def test_alerts_have_time_to_arrive(stack):
    evidence = stack["hosts"][MONITORING]["evidence"]
    evidence["alertmanager"]["watchdog"] = 0
    assert ids(stack) == []  # the recorded stack was a minute old
    stack["time"] += 300
    assert ids(stack) == ["alerts_not_arriving"]
    evidence["units"]["alertmanager.service"]["started_at"] = stack["time"] - 20
    assert ids(stack) == []


def test_a_receiver_of_the_inventory_is_not_mended_by_the_playbook_alone(stack):
    found = stack["hosts"][MONITORING]["evidence"]["alertmanager"]
    found["receivers"] = [{"where": "10.213.106.1:9099", "problem": "name_unknown"}]
    (finding,) = rules.diagnose(stack)
    assert finding["id"] == "receiver_unreachable" and "resolv.conf" in finding["cure"][0]["do"]


def test_failures_of_notifications_are_told_while_they_last(stack):
    evidence = stack["hosts"][MONITORING]["evidence"]
    failed = [{"labels": {"integration": "webhook"}, "value": [1, "3"]}]
    evidence["prometheus"]["samples"]["notifications_failed"] = failed
    assert [(one["id"], one["severity"]) for one in rules.diagnose(stack)] == [("notifications_failing", "info")]
    evidence["alertmanager"]["notify_errors"] = ['msg="Notify for alerts failed" err="unexpected status code 500"']
    (finding,) = rules.diagnose(stack)
    assert finding["severity"] == "warning" and "status code 500" in str(finding["evidence"])


def test_a_key_that_everybody_may_read(stack):
    """chmod 644 *.pem: what the old runbook advised."""
    found = stack["hosts"][NODE]["evidence"]["redis"]["files"]["redis_server"]
    for step in found["key_way"]["steps"]:
        step["mode"] = "0755"
    found["key_way"]["steps"][-1]["mode"] = "0644"
    (finding,) = rules.diagnose(stack)
    assert (finding["id"], finding["severity"]) == ("key_readable", "warning")
    assert finding["cure"] == [{"on": NODE, "run": "sudo chmod o-rwx " + found["key_path"]}]
    found["key_way"]["steps"][-2]["mode"] = "0750"  # nobody gets there
    assert ids(stack) == []


def test_the_certificate_of_a_service_that_expires_soon(stack):
    stack["hosts"][MONITORING]["evidence"]["grafana"]["ready"]["not_after"] = stack["time"] + 5 * 86400
    (finding,) = rules.diagnose(stack)
    assert (finding["id"], finding["severity"], finding["hop"]) == ("cert_expiring", "warning", "grafana")


def test_a_file_that_several_services_are_given_is_one_finding_for_all_of_them(stack):
    for files in stack["hosts"][MONITORING]["evidence"]["handed"].values():
        for one in files.values():
            if one["path"] == "/etc/prometheus/tls/server.crt":
                one["problem"] = "the key /etc/prometheus/tls/server.key does not match the certificate"
    for service in ("prometheus", "alertmanager", "grafana"):
        ready = {"url": "https://x/", "answered": False, "cause": "tls", "error": "handshake failed"}
        stack["hosts"][MONITORING]["evidence"][service]["ready"] = ready
    (finding,) = rules.diagnose(stack)
    assert finding["id"] == "prometheus_file"
    restart = "sudo systemctl restart alertmanager.service grafana-server.service prometheus.service"
    assert finding["cure"][1]["run"] == restart


def test_a_dashboard_that_ends_in_the_past(stack):
    board = stack["hosts"][MONITORING]["evidence"]["grafana"]["dashboards"]["redis-cluster"]
    board.update({"from": "now-7d", "to": "now-1d"})
    assert ids(stack) == ["dashboard_time_range"]
    board.update({"from": "now-7d", "to": "now-1m"})
    assert ids(stack) == []


def test_settings_that_contradict_each_other_are_said_once(stack):
    host = stack["hosts"][NODE]
    host.update(evidence=None, problem="Task failed: Error while resolving value for 'redis_addr': 'x' is undefined")
    host["untold"] = host["problem"]
    first = rules.diagnose(stack)[0]
    assert (first["id"], first["evidence"]) == ("settings_unreadable", ["'x' is undefined"])
    host["unreachable"] = "timed out"
    assert ids(stack)[0] == "host_unreachable" and "settings_unreadable" not in ids(stack)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({}, "hosts has to be"),
        ({"hosts": "x"}, "hosts has to be"),
        ({"hosts": {"a": None}}, "the host a needs its groups"),
        ({"hosts": {"a": {"groups": "redis"}}}, "the host a needs its groups"),
        ({"hosts": {"a": {"groups": ["redis"], "evidence": "x"}}}, "evidence of a"),
        ({"hosts": {"a": {"groups": ["redis"], "evidence": {"units": "x"}}}}, "evidence of a: units"),
    ],
)
def test_what_is_no_stack_is_refused_in_one_line(bad, said):
    with pytest.raises(BadStack, match=said):
        rules.diagnose(bad)


def test_groups_are_those_of_the_hosts_where_they_are_not_given(stack):
    del stack["groups"]
    assert ids(stack) == []


def test_an_exporter_that_works_with_another_redis(stack):
    stack["hosts"][NODE]["evidence"]["exporter"]["uses"]["addr"] = "rediss://10.213.106.10:6379"
    (finding,) = rules.diagnose(stack)
    assert finding["id"] == "exporter_other_redis"
    stack["hosts"][NODE]["evidence"]["exporter"]["uses"].update(addr="rediss://127.0.0.1:6379", user="default")
    (finding,) = rules.diagnose(stack)
    assert (finding["id"], finding["severity"]) == ("exporter_other_user", "warning")


GROUPED = ("redis", "exporter", "files", "reach")  # probes that lie one level deeper


def probes_of(evidence):
    for name, value in evidence.items():
        yield (name,)
        if isinstance(value, dict):
            yield from ((name, part) for part in value)


@pytest.mark.parametrize("broken", [False, True], ids=["missing", "broken"])
@pytest.mark.parametrize("name", [NODE, MONITORING])
def test_any_probe_may_be_missing_or_broken(name, broken):
    """Half a stack, an old Redis, a probe that hangs: doctor goes on with what it has."""
    tried = 0
    for path in probes_of(FIXTURES["healthy"]["hosts"][name]["evidence"]):
        stack = copy.deepcopy(FIXTURES["healthy"])
        holder = stack["hosts"][name]["evidence"]
        for part in path[:-1]:
            holder = holder[part]
        if not broken:
            del holder[path[-1]]
        elif len(path) == 2 or path[0] not in GROUPED:
            if len(path) == 2 and path[0] not in GROUPED:
                continue
            holder[path[-1]] = {"problem": "no result within 20 s"}
        tried += 1
        try:
            rules.diagnose(stack)
        except Exception as err:
            raise AssertionError(f"{name}: without {path}: {err!r}") from err
    assert tried > 8


def test_nothing_is_known_of_any_host():
    stack = copy.deepcopy(FIXTURES["healthy"])
    for host in stack["hosts"].values():
        host["evidence"] = None
    assert ids(stack) == []
