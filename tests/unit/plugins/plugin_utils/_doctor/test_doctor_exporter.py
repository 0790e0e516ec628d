# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for redis_exporter and its ACL user."""

from __future__ import annotations

from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import NODE


def test_wrong_settings_in_the_inventory_are_fixed_there(stack):
    node = stack["hosts"][NODE]
    node["wanted"]["redis_addr"] = node["evidence"]["exporter"]["uses"]["addr"] = "redis://127.0.0.1:6379"
    node["evidence"]["redis"]["account"] = {"ok": False, "cause": "tls_port", "text": "the port speaks TLS"}
    node["evidence"]["redis"]["admin"] = None
    (finding,) = diagnose(stack)
    assert finding["id"] == "exporter_scheme"
    assert finding["cure"][0]["set"] == {"redis_exporter_redis_addr": "rediss://127.0.0.1:6379"}
    assert "exporters" in finding["cure"][1]["run"]


def test_without_the_right_to_manage_users_the_acl_line_is_the_fix(stack):
    node = stack["hosts"][NODE]
    node["wanted"]["acl_manage"] = False
    denied = [{"command": "cluster|info", "lost": "cluster metrics"}]
    node["evidence"]["redis"]["account"] = {"ok": True, "denied": denied}
    (finding,) = diagnose(stack)
    assert finding["id"] == "acl_right_missing"
    assert "ACL SETUSER redis_exporter +cluster|info" in finding["cure"][0]["do"]


def test_an_exporter_that_works_with_another_redis(stack):
    stack["hosts"][NODE]["evidence"]["exporter"]["uses"]["addr"] = "rediss://10.213.106.10:6379"
    (finding,) = diagnose(stack)
    assert finding["id"] == "exporter_other_redis"
    stack["hosts"][NODE]["evidence"]["exporter"]["uses"].update(addr="rediss://127.0.0.1:6379", user="default")
    (finding,) = diagnose(stack)
    assert (finding["id"], finding["severity"]) == ("exporter_other_user", "warning")
