# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for Grafana: its service account, its datasource, its dashboards. Private."""

from __future__ import annotations

from . import services
from .findings import Symptom, finding
from .fixes import service_again
from .stack import by_file, duration

NOT_CHOSEN = ("", "All", "None")
LATE = 300  # seconds that a dashboard may end before the present


def evidence(stack, monitor):
    """What Grafana shows to its own account; {} where it cannot be asked."""
    return stack.evidence(monitor, "grafana") if services.works(stack, monitor, "grafana") else {}


def account(stack, monitor):
    yield from services.judge(stack, monitor, "grafana")
    found, again = evidence(stack, monitor), service_again(stack, monitor, "grafana")
    if found.get("no_token"):
        seen = "there is no token in %s" % found["no_token"]
        yield finding("grafana_unseen", monitor, [seen], again)
    login = found.get("login") or {}
    if login.get("status") in (401, 403):
        seen = ["GET %s: %d" % (login["url"], login["status"])]
        yield finding("grafana_token_refused", monitor, seen, again)


def datasource(stack, monitor):
    found, again = evidence(stack, monitor).get("datasource"), service_again(stack, monitor, "grafana")
    if not found:
        return
    uid, wanted = found["uid"], (stack.wanted(monitor, "datasource_url") or "").rstrip("/")
    asks = (found.get("url") or "").rstrip("/")
    moved = "it asks %s, and grafana_prometheus_url is %s" % (asks, wanted) if wanted and asks != wanted else ""
    if found["status"] == 404:
        yield finding("datasource_missing", monitor, ["GET /api/datasources/uid/%s: 404" % uid], again, uid=uid)
    elif found["status"] == 200 and not found.get("healthy"):
        said = "Grafana: the datasource %s does not answer: %s" % (uid, found.get("said"))
        # What is wrong in a Prometheus that answers is no reason.
        hops = ("host",) if services.works(stack, monitor, "prometheus") else ("host", "prometheus")
        broken = finding("datasource_broken", monitor, [said, moved], again)
        yield (
            broken
            if moved
            else Symptom(
                said,
                lambda one: one.host == monitor and (one.hop in hops or by_store(one)) or by_file(monitor)(one),
                [broken],
            )
        )
    elif found["status"] == 200 and moved:
        yield finding("datasource_changed", monitor, [moved], again)


def by_store(one):
    """What an agent sends to is what its datasource asks."""
    return one.ident == "remote_write_behind"


def dashboards(stack, monitor):
    """Each dashboard: it is there, asks our datasource, shows the present, and our nodes, with our queries."""
    for uid, found in (evidence(stack, monitor).get("dashboards") or {}).items():
        if found["status"] == 404:
            again = service_again(stack, monitor, "grafana")
            yield finding("dashboard_missing", monitor, ["GET /api/dashboards/uid/%s: 404" % uid], again, uid=uid)
        elif found["status"] == 200:
            for rule in (panel_datasources, time_range, queries, variables):
                yield from rule(stack, monitor, uid, found)


def changed(ident, stack, monitor, uid, found, seen, **facts):
    again = service_again(stack, monitor, "grafana")
    return finding(ident, monitor, seen, again, title=found.get("title") or uid, **facts)


def panel_datasources(stack, monitor, uid, found):
    source = evidence(stack, monitor).get("datasource") or {}
    ours = set(stack.hosts[monitor].get("datasource_uids", [])) | {source.get("uid"), source.get("name")}
    named = found.get("datasources", [])
    foreign = [one for one in named if one not in ours and "$" not in one and "rafana" not in one]
    if source and foreign:
        seen = "datasources of its panels: %s; ours: %s" % (", ".join(foreign), source["uid"])
        yield changed("dashboard_datasource", stack, monitor, uid, found, [seen])


def time_range(stack, monitor, uid, found):
    start, end = str(found.get("from") or "now"), str(found.get("to") or "now")
    late = duration(end[4:].partition("/")[0]) if end.startswith("now-") else 0
    if not start.startswith("now") or not end.startswith("now") or late > LATE:
        yield changed("dashboard_time_range", stack, monitor, uid, found, ["its time range: %s to %s" % (start, end)])


def queries(stack, monitor, uid, found):
    """A panel that was edited in the web pages shows something, and not what its title says."""
    wanted = (stack.wanted(monitor, "queries") or {}).get(uid, [])
    gone = [one for one in wanted if one not in found.get("queries", wanted)]
    if gone:
        seen = ["installed, and gone: %s" % gone[0]]
        seen += ["in Grafana, and never installed: %s" % one for one in found["queries"] if one not in wanted][:1]
        yield changed("dashboard_edited", stack, monitor, uid, found, seen, count=len(gone))


def variables(stack, monitor, uid, found):
    others = stack.data.get("elsewhere") or {}
    known = {*stack.nodes, *(stack.address(one) for one in stack.nodes), *others, *others.values()}
    for variable in found.get("variables") or []:
        values = variable.get("current")
        values = [str(one) for one in (values if isinstance(values, list) else [values]) if one is not None]
        chosen = [one for one in values if one not in NOT_CHOSEN and not one.startswith("$")]
        gone = [one for one in chosen if one.rpartition(":")[0] not in known and one not in known]
        if variable.get("name") in ("node", "instance") and gone:
            nodes = ", ".join(sorted(stack.nodes))
            seen = "variable %s: %s; nodes: %s" % (variable["name"], ", ".join(values), nodes)
            yield changed("dashboard_variable", stack, monitor, uid, found, [seen], values=", ".join(gone))
