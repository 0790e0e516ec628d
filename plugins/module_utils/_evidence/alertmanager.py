# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alertmanager as seen from its host: its cluster, receivers, failed notifications, silences. Private."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

from .. import _journal
from .._text import one_line
from . import network
from .config import FILES
from .probes import content, gather
from .web import Service

MOST_SILENCES = 100
NOTIFY_ERROR = re.compile(r"Notify (for alerts failed|attempt failed)", re.I)


def alertmanager(options, mask):
    service = Service(options)
    found = {"ready": service.alive("/-/ready")}
    if found["ready"].get("status") == 200:
        dummy, status = service.json("/api/v2/status")
        if isinstance(status, dict):
            found["cluster"] = (status.get("cluster") or {}).get("status")
        found["config_taken"] = service.config_taken("alertmanager")
        dummy, alerts = service.json("/api/v2/alerts?filter=" + quote('alertname="Watchdog"'))
        found["watchdog"] = len(alerts) if isinstance(alerts, list) else None
        found["notify_errors"] = notify_errors(mask)
        found["receivers"] = receivers()
        found["silences"] = silences(service, mask)
    return found


def silences(service, mask):
    """The silences that are in force; None where Alertmanager does not list them."""
    dummy, known = service.json("/api/v2/silences")
    if not isinstance(known, list):
        return None
    active = [one for one in known if (one.get("status") or {}).get("state") == "active"]
    return [
        {
            "id": one.get("id", ""),
            "matchers": one.get("matchers") or [],
            "until": one.get("endsAt", ""),
            "by": mask.text(one.get("createdBy", "")),
            "comment": one_line(mask.text(one.get("comment", "")), 200),
        }
        for one in active[:MOST_SILENCES]
    ]


def notify_errors(mask):
    """What Alertmanager logged in the last minute about notifications that failed."""
    lines = _journal.messages("alertmanager", since="-1min", lines=200)
    return [mask.text(line)[:400] for line in lines if NOTIFY_ERROR.search(line)][-2:]


def receivers():
    """Hosts and ports that notifications go to, and why no connection to one comes about. Paths may be secrets."""
    text = content(FILES["alertmanager"][0])
    if re.search(r"proxy_(url|from_environment|connect_header)", text):
        return []  # what can be reached, only the proxy knows
    urls = re.findall(r"https?://[^\s\"',}]+", text)
    urls += [content(path).strip() for path in re.findall(r"_?url_file: [\"']?([^\s\"'}]+)", text)]
    places = [urlsplit(url) for url in urls]
    found = {(one.hostname, one.port or {"https": 443}.get(one.scheme, 80)) for one in places if one.hostname}
    for host_name, port in re.findall(r"smarthost: [\"']?([^\s\"':]+):(\d+)", text):
        found.add((host_name, int(port)))
    wanted = sorted(found)[:20]
    tried = gather({one: lambda one=one: network.tcp(*one) for one in wanted}, 5)
    return [
        {"where": "%s:%d" % one, "problem": tried[one] if isinstance(tried[one], str) else "filtered"} for one in wanted
    ]
