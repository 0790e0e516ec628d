# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dashboards for tests: one as grafana.com exports old ones, one in the present schema."""

from __future__ import annotations

import copy


def exported():
    """Schema 21, with panel types that Grafana 12 migrates, two inputs, and a template variable named like one."""
    graph = {
        "id": 2,
        "type": "graph",
        "title": "Commands",
        "datasource": {"uid": "${DS_PROMETHEUS}"},
        "gridPos": {"h": 7, "w": 12, "x": 4, "y": 0},
        "fill": 8,
        "linewidth": 2,
        "yaxes": [{"format": "ops", "min": 0, "label": None}, {"format": "short"}],
        "legend": {"show": True, "values": False},
        "targets": [{"refId": "A", "expr": 'rate(commands{instance="$instance"}[1m])', "legendFormat": "{{instance}}"}],
        "thresholds": [],
        "tooltip": {"shared": True, "sort": 0},
    }
    stat = {
        "id": 1,
        "type": "singlestat",
        "title": "Uptime of ${VAR_PREFIX}",
        "datasource": "${DS_PROMETHEUS}",
        "gridPos": {"h": 7, "w": 4, "x": 0, "y": 0},
        "format": "s",
        "thresholds": "80,95",
        "colors": ["rgba(245, 54, 54, 0.9)", "rgba(237, 129, 40, 0.89)", "rgba(50, 172, 45, 0.97)"],
        "targets": [{"refId": "A", "expr": "max(uptime)", "intervalFactor": 2}],
    }
    variables = [
        {
            "name": "DS_PROMETHEUS",
            "type": "datasource",
            "query": "prometheus",
            "hide": 0,
            "current": {},
            "multi": False,
        },
        {
            "name": "instance",
            "type": "query",
            "datasource": "$DS_PROMETHEUS",
            "query": "label_values(up, instance)",
            "label": None,
            "refresh": 2,
            "sort": 1,
            "current": {},
        },
    ]
    return {
        "__inputs": [
            {"name": "DS_PROMETHEUS", "type": "datasource", "pluginId": "prometheus", "label": "Prometheus"},
            {"name": "VAR_PREFIX", "type": "constant", "label": "prefix", "value": "redis"},
        ],
        "__requires": [{"type": "grafana", "id": "grafana", "version": "6.5.2"}],
        "annotations": {"list": [{"builtIn": 1, "datasource": "-- Grafana --", "name": "Annotations & Alerts"}]},
        "description": "Zustand von Redis: größer\r\nund schneller",
        "editable": True,
        "gnetId": 4711,
        "graphTooltip": 0,
        "id": None,
        "iteration": 1583145402535,
        "links": [],
        "panels": [stat, graph],
        "refresh": "30s",
        "schemaVersion": 21,
        "style": "dark",
        "tags": ["prometheus"],
        "templating": {"list": variables},
        "time": {"from": "now-24h", "to": "now"},
        "timepicker": {"refresh_intervals": ["5s", "10s"]},
        "timezone": "browser",
        "title": "Redis export",
        "uid": "shared",
        "version": 4,
    }


def current(uid="mine", title="Redis now"):
    source = {"type": "prometheus", "uid": "prom"}
    panels = [
        {
            "id": number,
            "type": "timeseries",
            "title": name,
            "datasource": source,
            "gridPos": {"h": 8, "w": 12, "x": 0, "y": 8 * number},
            "targets": [{"refId": "A", "expr": name.lower(), "datasource": source}],
            "fieldConfig": {"defaults": {"unit": "s"}, "overrides": []},
            "options": {"legend": {"displayMode": "list"}},
        }
        for number, name in enumerate(("Latency", "Memory"), 1)
    ]
    dashboard = {"uid": uid, "title": title, "schemaVersion": 42, "tags": ["redis"], "panels": panels}
    dashboard.update(time={"from": "now-1h", "to": "now"}, templating={"list": []}, annotations={"list": []})
    return copy.deepcopy(dashboard)
