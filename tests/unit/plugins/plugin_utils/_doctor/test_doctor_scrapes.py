# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for targets that are down."""

from __future__ import annotations

from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import MONITORING, NODE


def test_a_scrape_that_is_wrong_by_itself_is_not_taken_for_one_that_recovers(stack, ids):
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


def test_a_target_that_is_down_and_one_that_was(stack, ids):
    target = next(
        one
        for one in stack["hosts"][MONITORING]["evidence"]["prometheus"]["targets"]
        if one["job"] == "node" and one["node"] == NODE
    )
    target.update(health="down", lastError="dial tcp: connect: connection refused", now="")
    assert [(one["id"], one["severity"]) for one in diagnose(stack)] == [("recovering", "info")]
    target.update(now="refused")
    assert ids(stack) == ["port_filtered"]  # it listens, and is not reached
    node = stack["hosts"][NODE]["evidence"]
    node["listening"] = [one for one in node["listening"] if one["port"] != 9100]
    assert [(one["id"], one["severity"]) for one in diagnose(stack)] == [("target_down", "error")]
    target.update(now="", lastError="server returned HTTP status 401 Unauthorized", lastScrape="2099-01-01T00:00:00Z")
    assert [(one["id"], one["severity"]) for one in diagnose(stack)] == [("target_down", "error")]
