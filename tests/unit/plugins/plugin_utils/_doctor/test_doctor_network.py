# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for packet filters, security groups and clocks."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import MONITORING, NODE


def test_when_all_nodes_disagree_with_the_monitoring_host_its_clock_is_the_wrong_one(stack):
    for way in stack["hosts"][MONITORING]["evidence"]["reach"].values():
        way["skew"] = -61.0
    (finding,) = diagnose(stack)
    assert (finding["id"], finding["host"], finding["severity"]) == ("clock_skew", MONITORING, "error")
    assert "61.0 s ahead" in finding["cause"]


def test_a_filter_on_the_way_is_not_a_missing_rule(stack, ids):
    way = {"url": "https://%s:9121/health" % stack["hosts"][NODE]["address"], "answered": False, "cause": "filtered"}
    stack["hosts"][MONITORING]["evidence"]["reach"][NODE] = dict(way, error="no answer in time")
    assert ids(stack) == ["port_filtered"]
    for group in stack["security_groups"]["groups"].values():
        group["ip_permissions"] = [one for one in group["ip_permissions"] if one.get("from_port") != 9121]
    assert ids(stack) == ["sg_rule_missing"]


def test_a_filter_is_fixed_by_its_rule_wherever_it_is(stack):
    address = stack["hosts"][NODE]["address"]
    way = {"url": "https://%s:9121/health" % address, "answered": False, "cause": "filtered", "error": "no answer"}
    stack["hosts"][MONITORING]["evidence"]["reach"][NODE] = way
    output = {"rule": "-A OUTPUT -d %s/32 -j DROP" % address, "hook": "output", "undo": "sudo iptables -D OUTPUT x"}
    stack["hosts"][MONITORING]["evidence"]["packet_filter"] = [output]
    (finding,) = diagnose(stack)
    assert finding["cure"] == [{"on": MONITORING, "run": "sudo iptables -D OUTPUT x"}]
    stack["hosts"][MONITORING]["evidence"]["packet_filter"] = []
    policy = {
        "rule": "inet f in: policy drop",
        "hook": "input",
        "policy": True,
        "let": "sudo nft insert rule inet f in",
    }
    stack["hosts"][NODE]["evidence"]["packet_filter"] = [policy]
    (finding,) = diagnose(stack)
    source = stack["hosts"][MONITORING]["address"]
    run = "sudo nft insert rule inet f in ip saddr %s tcp dport 9121 accept" % source
    assert finding["cure"] == [{"on": NODE, "run": run}]
    # Rules for other ports and other hosts are not what is looked for.
    other = {"rule": "inet f in: tcp dport 19121 drop", "hook": "input", "undo": "sudo nft delete rule x"}
    stack["hosts"][NODE]["evidence"]["packet_filter"] = [other]
    (finding,) = diagnose(stack)
    assert "nft delete" not in str(finding["cure"])


def test_a_filter_and_a_redis_that_is_stopped_are_two(stack, ids):
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
    (finding,) = diagnose(stack)
    assert finding["id"] == "sg_rule_missing" and "port %d" % port in finding["cause"]
    assert set(finding["hosts"]) == set(stack["groups"]["redis"])


def test_a_late_answer_is_no_packet_filter(stack):
    """A connection came about, the exporter listens and answers on its node: the machines have too much to do."""
    reach = stack["hosts"][MONITORING]["evidence"]["reach"][NODE]
    reach.update(answered=False, cause="timeout", error="no answer in time", route="")
    (finding,) = diagnose(stack)
    assert (finding["id"], finding["severity"], finding["host"]) == ("exporter_slow", "warning", NODE)
