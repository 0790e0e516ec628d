# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for Redis and its cluster."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import NODE


def test_a_node_that_is_down_explains_what_is_seen_behind_it(stack):
    evidence = stack["hosts"][NODE]["evidence"]
    evidence["units"]["redis-server.service"].update(active=False, state="inactive", result="success", process=None)
    evidence["redis"]["account"] = {"ok": False, "cause": "refused", "text": "refused"}
    evidence["exporter"]["metrics"]["up"] = 0
    other = next(name for name in stack["hosts"] if name.startswith("redis-") and name != NODE)
    stack["hosts"][other]["evidence"]["redis"]["admin"]["cluster"]["cluster_state"] = "fail"
    findings = diagnose(stack)
    assert [one["id"] for one in findings] == ["redis_stopped"]
    assert any("redis_up is 0" in text for text in findings[0]["consequences"])
    assert any("cluster is in state fail" in text for text in findings[0]["consequences"])


def test_a_node_of_another_cluster_explains_nothing(stack):
    nodes = [name for name in stack["hosts"] if name.startswith("redis-")]
    for name in nodes:
        stack["hosts"][name]["cluster"] = "orders" if name == NODE else "sessions"
    other = next(name for name in nodes if name != NODE)
    evidence = stack["hosts"][NODE]["evidence"]
    evidence["units"]["redis-server.service"].update(active=False, state="inactive", result="success", process=None)
    stack["hosts"][other]["evidence"]["redis"]["admin"]["cluster"]["cluster_state"] = "fail"
    findings = {one["id"]: one for one in diagnose(stack)}
    assert set(findings) == {"redis_stopped", "cluster_fail"}
    assert findings["redis_stopped"]["cluster"] == "orders" and findings["cluster_fail"]["cluster"] == "sessions"
    assert not any("cluster is in state fail" in text for text in findings["redis_stopped"]["consequences"])


def test_a_failed_cluster_with_healthy_nodes_is_a_finding_of_its_own(stack, ids):
    stack["hosts"][NODE]["evidence"]["redis"]["admin"]["cluster"]["cluster_state"] = "fail"
    assert ids(stack) == ["cluster_fail"]


def test_a_key_that_everybody_may_read(stack, ids):
    """chmod 644 *.pem: what the old runbook advised."""
    found = stack["hosts"][NODE]["evidence"]["redis"]["files"]["redis_server"]
    for step in found["key_way"]["steps"]:
        step["mode"] = "0755"
    found["key_way"]["steps"][-1]["mode"] = "0644"
    (finding,) = diagnose(stack)
    assert (finding["id"], finding["severity"]) == ("key_readable", "warning")
    assert finding["cure"] == [{"on": NODE, "run": "sudo chmod o-rwx " + found["key_path"]}]
    found["key_way"]["steps"][-2]["mode"] = "0750"  # nobody gets there
    assert ids(stack) == []


def test_redis_that_computes_is_not_restarted_at_once(stack):
    """It is in the middle of one command, or of a script in its first seconds."""
    for one in ("account", "admin"):
        stack["hosts"][NODE]["evidence"]["redis"][one] = {"ok": False, "cause": "hung", "text": "nothing answers"}
    stack["hosts"][NODE]["evidence"]["units"]["redis-server.service"]["process"]["state"] = "R"
    (finding,) = diagnose(stack)
    assert finding["id"] == "redis_hung" and "one command takes all its time" in finding["cause"]
    assert finding["cure"][0]["do"].startswith("wait") and "restart" in finding["cure"][1]["run"]


@pytest.fixture
def valkey(stack):
    """The same node with Valkey, from which Redis was not taken away."""
    units = stack["hosts"][NODE]["evidence"]["units"]
    for name in ("server.service", ".service"):
        old = "redis" + ("-" + name if name[0] != "." else name)
        units[old.replace("redis", "valkey")] = units[old]
        units[old] = {**units[old], "active": False, "state": "inactive", "result": "success", "enabled": False}
    return stack


def test_valkey_is_well(valkey, ids):
    assert ids(valkey) == []


def test_valkey_is_what_is_started_again(valkey):
    units = valkey["hosts"][NODE]["evidence"]["units"]
    for name in ("valkey-server.service", "valkey.service"):
        units[name].update(active=False, state="inactive", result="success", process=None)
    units["redis-server.service"] = units["redis.service"] = {"found": False}
    (finding,) = diagnose(valkey)
    assert finding["cure"] == [{"on": NODE, "run": "sudo systemctl start valkey-server.service"}]


def test_commands_for_valkey_are_those_of_valkey(valkey):
    valkey["hosts"][NODE]["evidence"]["redis"]["admin"] = {
        "ok": False, "cause": "busy", "text": "BUSY", "kind": "script", "name": "ab12", "runs_for": 60.0
    }  # fmt: skip
    (finding,) = diagnose(valkey)
    assert finding["id"] == "redis_script"
    assert finding["cure"][0]["run"].startswith("sudo valkey-cli -h ")
    assert "redis-cli" not in str(finding["cure"]) and "redis-server" not in str(finding["cure"])
