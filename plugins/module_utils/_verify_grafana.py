# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Test 3: what a person would see in Grafana, asked for the way Grafana's own pages ask. Standard library only.

Private to this collection.
"""

from __future__ import annotations

import typing as t
from urllib.parse import urlencode

from ansible_collections.redisops.monitoring.plugins.module_utils import _prometheus, _verify
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import client as _grafana

if t.TYPE_CHECKING:
    from ansible_collections.redisops.monitoring.plugins.module_utils._verify import Row, Wanted

PAUSE = 2


def rows(
    client: _grafana.Client,
    datasource: str,
    dashboards: t.Iterable[str],
    wanted: list[Wanted],
    wait: float,
    clock: t.Any,
) -> list[Row]:
    """Datasource first: where it is broken, no query says anything new."""
    first = datasource_row(client, datasource)
    found = [first]
    queries = {}
    for uid in dashboards:
        row, queries[uid] = dashboard_row(client, uid)
        found.append(row)
    if first.state != "passed":
        return found
    main = main_rows(client, datasource, wanted, wait, clock)
    found.extend(query_row(client, datasource, uid, each) for uid, each in queries.items() if each)
    return found + main


def main_rows(client: _grafana.Client, datasource: str, wanted: list[Wanted], wait: float, clock: t.Any) -> list[Row]:
    """A rate takes two scrapes, which right after an installation there are not yet."""
    deadline = clock.monotonic() + wait
    while True:
        found = [main_row(client, datasource, name, query, wanted) for name, query in _verify.MAIN_QUERIES.items()]
        if all(row.state == "passed" for row in found) or clock.monotonic() > deadline:
            return found
        clock.sleep(PAUSE)


def datasource_row(client: _grafana.Client, uid: str) -> Row:
    subject, expected = "datasource %s" % uid, "healthy"
    try:
        if client.get("/api/datasources/uid/%s" % _grafana.quote(uid)) is None:
            return _verify.failed(subject, expected, "Grafana has no datasource with this uid")
        answer = client.ask("GET", "/api/datasources/uid/%s/health" % _grafana.quote(uid))
        if answer.status == 400:
            return _verify.failed(subject, expected, answer.message or "unhealthy")
        if answer.status == 200:
            return _verify.passed(subject, expected, answer.message or "OK")
        # Grafana 9 and front-end plugins have no health check: a query tells as much.
        query(client, uid, "vector(1)")
        return _verify.passed(subject, expected, "answers a query")
    except (_grafana.GrafanaError, _prometheus.Problem) as err:
        return _verify.failed(subject, expected, str(err))


def dashboard_row(client: _grafana.Client, uid: str) -> tuple[Row, list[tuple[str, str]]]:
    subject, expected = "dashboard %s" % uid, "present, with queries"
    try:
        found = client.get("/api/dashboards/uid/%s" % _grafana.quote(uid))
    except _grafana.GrafanaError as err:
        return _verify.failed(subject, expected, str(err)), []
    if found is None:
        return _verify.failed(subject, expected, "Grafana has no dashboard with this uid"), []
    queries = _verify.panel_queries(found["dashboard"])
    return _verify.verdict(bool(queries), subject, expected, "%d queries" % len(queries)), queries


def query_row(client: _grafana.Client, datasource: str, uid: str, queries: list[tuple[str, str]]) -> Row:
    """Every panel of a dashboard gets an answer; that it is empty can be right (nobody evicts keys)."""
    subject, expected = "queries of %s" % uid, "all answer through Grafana's proxy"
    full = 0
    for title, expression in queries:
        try:
            full += bool(query(client, datasource, _verify.resolved(expression)))
        except (_grafana.GrafanaError, _prometheus.Problem) as err:
            return _verify.failed(subject, expected, "panel %s: %s" % (title, err))
    text = "%d of %d with data" % (full, len(queries))
    return _verify.verdict(full > 0, subject, expected, text if full else text + ": the dashboard is empty")


def main_row(client: _grafana.Client, datasource: str, name: str, expression: str, wanted: t.Iterable[Wanted]) -> Row:
    wanted = list(wanted)
    subject, expected = "%s in Grafana" % name, "data of all %d nodes" % len(wanted)
    try:
        missing = _verify.missing_nodes(query(client, datasource, expression), wanted)
    except (_grafana.GrafanaError, _prometheus.Problem) as err:
        return _verify.failed(subject, expected, str(err))
    if missing:
        return _verify.failed(subject, expected, "no data of %s" % ", ".join(missing))
    return _verify.passed(subject, expected, "data of all %d nodes" % len(wanted))


def query(client: _grafana.Client, datasource: str, expression: str) -> list[_prometheus.Series]:
    path = "/api/datasources/proxy/uid/%s/api/v1/query?%s" % (
        _grafana.quote(datasource),
        urlencode({"query": expression}),
    )
    answer = client.ask("GET", path)
    data = answer.data if isinstance(answer.data, dict) else {}
    if data.get("status") == "success":
        return _prometheus.series_of(data["data"])
    if data.get("status") == "error":
        raise _prometheus.Problem("Prometheus refuses the query: %s" % data.get("error"))
    client.judge(answer)
    raise _prometheus.Problem("Grafana's proxy does not answer like Prometheus (status %d)" % answer.status)
