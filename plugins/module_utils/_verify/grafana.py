# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test 3: what a person would see in Grafana, asked for the way Grafana's own pages ask. Private."""

from __future__ import annotations

import re
import time
import typing as t
from urllib.parse import urlencode

from .._grafana import client as _grafana
from .._prometheus import ApiError, Series, series_of
from .prometheus import (
    JOB,
    Target,
    missing_nodes,
    targets_of,
)
from .rows import Row, failed, passed, verdict

PAUSE = 2
# What a person looks at first. Each has to have a series for every node.
MAIN_QUERIES = {
    "redis_up": "redis_up{%s}" % JOB,
    "memory": "redis_memory_used_bytes{%s}" % JOB,
    "commands/s": "rate(redis_commands_processed_total{%s}[5m])" % JOB,
    "clients": "redis_connected_clients{%s}" % JOB,
}
_VARIABLE = re.compile(r"\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]|\$(\w+)")
_BUILT_IN = {
    "__rate_interval": "2m",
    "__interval": "1m",
    "__interval_ms": "60000",
    "__range": "1h",
    "__range_s": "3600",
    "__range_ms": "3600000",
}


def rows(params: dict[str, t.Any], wait: float) -> list[Row]:
    return Grafana(params).rows(params["dashboards"], targets_of(params["nodes"]), wait)


class Grafana:
    def __init__(self, params: dict[str, t.Any]) -> None:
        self.client = _grafana.Client(params)
        self.datasource = params["datasource_uid"]

    def rows(self, dashboards: t.Iterable[str], expected: list[Target], wait: float) -> list[Row]:
        """Datasource first: where it is broken, no query says anything new."""
        first = self.datasource_row()
        found = [first]
        queries = {}
        for uid in dashboards:
            row, queries[uid] = self.dashboard_row(uid)
            found.append(row)
        if first.state != "passed":
            return found
        main = self.main_rows(expected, wait)
        found.extend(self.panels_row(uid, each) for uid, each in queries.items() if each)
        return found + main

    def datasource_row(self) -> Row:
        subject, expected = "datasource %s" % self.datasource, "healthy"
        path = "/api/datasources/uid/%s" % _grafana.quote(self.datasource)
        try:
            if self.client.get(path) is None:
                return failed(subject, expected, "Grafana has no datasource with this uid")
            answer = self.client.ask("GET", path + "/health")
            if answer.status == 400:
                return failed(subject, expected, answer.message or "unhealthy")
            if answer.status == 200:
                return passed(subject, expected, answer.message or "OK")
            # Grafana 9 and front-end plugins have no health check: a query is as good.
            self.query("vector(1)")
            return passed(subject, expected, "answers a query")
        except (_grafana.GrafanaError, ApiError) as err:
            return failed(subject, expected, str(err))

    def dashboard_row(self, uid: str) -> tuple[Row, list[tuple[str, str]]]:
        """Its row, and title and query of its panels."""
        subject, expected = "dashboard %s" % uid, "present, with queries"
        try:
            found = self.client.get("/api/dashboards/uid/%s" % _grafana.quote(uid))
        except _grafana.GrafanaError as err:
            return failed(subject, expected, str(err)), []
        if found is None:
            return failed(subject, expected, "Grafana has no dashboard with this uid"), []
        queries = panel_queries(found["dashboard"])
        return verdict(bool(queries), subject, expected, "%d queries" % len(queries)), queries

    def panels_row(self, uid: str, queries: list[tuple[str, str]]) -> Row:
        """Every panel of a dashboard gets an answer. That it is empty can be right: no key may be evicted."""
        subject, expected = "queries of %s" % uid, "all answer through Grafana's proxy"
        full = 0
        for title, expression in queries:
            try:
                full += bool(self.query(resolved(expression)))
            except (_grafana.GrafanaError, ApiError) as err:
                return failed(subject, expected, "panel %s: %s" % (title, err))
        text = "%d of %d with data" % (full, len(queries))
        return verdict(full > 0, subject, expected, text if full else text + ": the dashboard is empty")

    def main_rows(self, expected: list[Target], wait: float) -> list[Row]:
        """A rate takes two scrapes. Right after an installation there are less."""
        deadline = time.monotonic() + wait
        while True:
            found = [self.main_row(name, query, expected) for name, query in MAIN_QUERIES.items()]
            if all(row.state == "passed" for row in found) or time.monotonic() > deadline:
                return found
            time.sleep(PAUSE)

    def main_row(self, name: str, expression: str, nodes: list[Target]) -> Row:
        subject, expected = "%s in Grafana" % name, "data of all %d nodes" % len(nodes)
        try:
            missing = missing_nodes(self.query(expression), nodes)
        except (_grafana.GrafanaError, ApiError) as err:
            return failed(subject, expected, str(err))
        if missing:
            return failed(subject, expected, "no data of %s" % ", ".join(missing))
        return passed(subject, expected, expected)

    def query(self, expression: str) -> list[Series]:
        path = "/api/datasources/proxy/uid/%s/api/v1/query?%s" % (
            _grafana.quote(self.datasource),
            urlencode({"query": expression}),
        )
        answer = self.client.ask("GET", path)
        data = answer.data if isinstance(answer.data, dict) else {}
        if data.get("status") == "success":
            return series_of(data["data"])
        if data.get("status") == "error":
            raise ApiError("Prometheus refuses the query: %s" % data.get("error"))
        self.client.judge(answer)
        raise ApiError("Grafana's proxy does not answer like Prometheus (status %d)" % answer.status)


def resolved(expression: str) -> str:
    """A panel's query as Prometheus can take it: built-in variables by usual values, the user's by `.+`."""

    def value(found: re.Match[str]) -> str:
        return _BUILT_IN.get(next(group for group in found.groups() if group), ".+")

    return _VARIABLE.sub(value, expression)


def panel_queries(dashboard: dict[str, t.Any]) -> list[tuple[str, str]]:
    """Title and query of every target of a Prometheus datasource, in rows as well."""
    found = []
    panels = list(dashboard.get("panels") or [])
    for row in dashboard.get("rows") or []:
        panels.extend(row.get("panels") or [])
    while panels:
        panel = panels.pop(0)
        panels.extend(panel.get("panels") or [])
        for target in panel.get("targets") or []:
            expression = target.get("expr")
            if isinstance(expression, str) and expression.strip():
                found.append((panel.get("title") or "untitled", expression))
    return found
