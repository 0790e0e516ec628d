# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the services of the monitoring host, their files and their certificates."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import MONITORING


def test_the_certificate_of_a_service_that_expires_soon(stack):
    stack["hosts"][MONITORING]["evidence"]["grafana"]["ready"]["not_after"] = stack["time"] + 5 * 86400
    (finding,) = diagnose(stack)
    assert (finding["id"], finding["severity"], finding["hop"]) == ("cert_expiring", "warning", "grafana")


def test_a_file_that_several_services_are_given_is_one_finding_for_all_of_them(stack):
    for files in stack["hosts"][MONITORING]["evidence"]["handed"].values():
        for one in files.values():
            if one["path"] == "/etc/prometheus/tls/server.crt":
                one["problem"] = "the key /etc/prometheus/tls/server.key does not match the certificate"
    for service in ("prometheus", "alertmanager", "grafana"):
        ready = {"url": "https://x/", "answered": False, "cause": "tls", "error": "handshake failed"}
        stack["hosts"][MONITORING]["evidence"][service]["ready"] = ready
    (finding,) = diagnose(stack)
    assert finding["id"] == "prometheus_file"
    restart = "sudo systemctl restart alertmanager.service grafana-server.service prometheus.service"
    assert finding["cure"][1]["run"] == restart


@pytest.mark.parametrize(
    ("left_out", "enabled", "found"),
    [(True, False, []), (True, True, ["grafana_stopped"]), (False, False, ["grafana_stopped"])],
)
def test_a_service_that_is_switched_off_is_not_missed(stack, left_out, enabled, found):
    evidence = stack["hosts"][MONITORING]["evidence"]
    evidence["units"]["grafana-server.service"].update(
        active=False, state="inactive", result="success", enabled=enabled
    )
    evidence["grafana"] = {"ready": {"url": "https://x/", "answered": False, "cause": "refused", "error": "refused"}}
    stack["expected"] = ["prometheus", "alertmanager", "blackbox_exporter"] + ([] if left_out else ["grafana"])
    assert [one["id"] for one in diagnose(stack)] == found
