# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana as seen from its host: login, datasource, dashboards. Private."""

from __future__ import annotations

import json
from urllib.parse import quote

from .._text import one_line
from .._verify.grafana import panel_queries
from .web import Service


def grafana(options):
    service = Service(options)
    found = {"ready": service.alive("/api/health")}
    if found["ready"].get("status") != 200:
        return found
    if not (service.options["token"] or service.options["username"]):
        found["no_token"] = options.get("token_path") or "(none)"
        return found
    # One question with the login first: more with a wrong password would lock the account.
    answer, organisation = service.json("/api/org")
    found["login"] = answer
    if answer.get("status") != 200:
        return found
    found["organisation"] = (organisation or {}).get("name")
    uid = options.get("datasource_uid")
    if uid:
        found["datasource"] = datasource(service, uid)
    found["dashboards"] = {one: dashboard(service, one) for one in options.get("dashboard_uids") or []}
    return found


def datasource(service, uid):
    answer, stored = service.json("/api/datasources/uid/" + quote(uid, safe=""))
    found = {"uid": uid, "status": answer.get("status")}
    if not isinstance(stored, dict) or answer.get("status") != 200:
        return found
    found.update({key: stored.get(key) for key in ("name", "type", "url", "access")})
    answer, health = service.json("/api/datasources/uid/%s/health" % quote(uid, safe=""), 10)
    if answer.get("status") in (404, 503) or "Plugin unavailable" in json.dumps(health):
        # Grafana 9 has no health check for it: ask a question through the datasource instead.
        answer, health = service.json("/api/datasources/proxy/uid/%s/api/v1/query?query=up" % quote(uid, safe=""), 10)
    found["healthy"] = answer.get("status") == 200 and (health or {}).get("status") in ("OK", "success")
    found["said"] = one_line((health or {}).get("message") or answer.get("error") or "")
    return found


def dashboard(service, uid):
    answer, stored = service.json("/api/dashboards/uid/" + quote(uid, safe=""))
    found = {"status": answer.get("status")}
    if not isinstance(stored, dict) or answer.get("status") != 200:
        return found
    model = stored.get("dashboard") or {}
    panels = model.get("panels") or []
    found["title"] = model.get("title")
    found["folder"] = (stored.get("meta") or {}).get("folderTitle")
    found["from"] = (model.get("time") or {}).get("from")
    found["to"] = (model.get("time") or {}).get("to")
    found["panels"] = len(panels)
    found["variables"] = [
        {
            "name": one.get("name"),
            "type": one.get("type"),
            "query": one.get("query") if isinstance(one.get("query"), str) else (one.get("query") or {}).get("query"),
            "current": (one.get("current") or {}).get("value"),
            "datasource": one.get("datasource"),
        }
        for one in (model.get("templating") or {}).get("list") or []
    ]
    found["datasources"] = sorted(set(datasources_of(panels)))
    found["queries"] = sorted({expression for dummy, expression in panel_queries(model)})
    return found


def datasources_of(panels):
    for panel in panels:
        for holder in [panel] + list(panel.get("targets") or []):
            named = holder.get("datasource")
            if isinstance(named, dict):
                yield str(named.get("uid"))
            elif named:
                yield str(named)
        yield from datasources_of(panel.get("panels") or [])
