# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._verify import grafana

ROOT = Path(__file__).resolve().parents[5]


def test_queries_of_a_dashboard():
    dashboard = {
        "panels": [
            {"title": "A", "targets": [{"expr": "up"}, {"expr": " "}, {"refId": "B"}]},
            {"title": "Row", "type": "row", "panels": [{"targets": [{"expr": "down"}]}]},
        ],
        "rows": [{"panels": [{"title": "Old", "targets": [{"expr": "old"}]}]}],
    }
    assert sorted(grafana.panel_queries(dashboard)) == [("A", "up"), ("Old", "old"), ("untitled", "down")]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('redis_up{node=~"$node"}', 'redis_up{node=~".+"}'),
        ("rate(x[$__rate_interval])", "rate(x[2m])"),
        ("increase(x[${__range}])", "increase(x[1h])"),
        ('x{a=~"${node:regex}", b=~"[[cluster]]"}', 'x{a=~".+", b=~".+"}'),
        ("x[5m] $", "x[5m] $"),
    ],
)
def test_variables_of_a_query(expression, expected):
    assert grafana.resolved(expression) == expected


def test_no_variable_is_left_in_our_own_dashboards():
    files = sorted((ROOT / "roles" / "grafana" / "files" / "dashboards").glob("*.json"))
    assert files
    for path in files:
        queries = grafana.panel_queries(json.loads(path.read_text()))
        assert queries, path.name
        for _title, expression in queries:
            assert "$" not in grafana.resolved(expression), expression
