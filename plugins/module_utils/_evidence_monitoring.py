# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen from a monitoring host: the ways to the exporters, Prometheus, Alertmanager, the prober, Grafana.

Standard library only. Private.
"""

from __future__ import annotations

import glob
import json
import os
import re
from urllib.parse import quote, urlsplit

from ansible_collections.redisops.monitoring.plugins.module_utils import _evidence, _verify

# How each program reads its own configuration, to say what is wrong with it.
PROMTOOL = "/opt/prometheus/current/promtool"
CHECKS = {
    "prometheus": (
        ([PROMTOOL, "check", "config", "--syntax-only"], ["/etc/prometheus/prometheus.yml"]),
        ([PROMTOOL, "check", "rules"], ["/etc/prometheus/rules/*.yml", "/etc/prometheus/rules/*.yaml"]),
    ),
    "alertmanager": ((["/opt/alertmanager/current/amtool", "check-config"], ["/etc/alertmanager/alertmanager.yml"]),),
    "blackbox_exporter": (
        (
            ["/opt/blackbox_exporter/current/blackbox_exporter", "--config.check", "--config.file"],
            ["/etc/blackbox_exporter/blackbox.yml"],
        ),
    ),
}
SAYS_NOTHING = re.compile(
    r"\s*(Checking (?!.*FAILED).*|SUCCESS.*|FAILED:?|Found:?|- .*|amtool: error: failed to validate.*|.*level=INFO.*)?$"
)
CONFIG_FILES = {
    "prometheus": ("/etc/prometheus/prometheus.yml", "/etc/prometheus/targets/redis-cluster.yml"),
    "alertmanager": ("/etc/alertmanager/alertmanager.yml",),
    "blackbox_exporter": ("/etc/blackbox_exporter/blackbox.yml",),
}
MOST_PROBES = 60
MOST_SILENCES = 100
PROBED = ("redis-tls", "monitoring-endpoints")  # jobs whose scrapes are the prober's answers
NOTIFY_ERROR = re.compile(r"Notify (for alerts failed|attempt failed)", re.I)
TARGET_FIELDS = ("scrapePool", "scrapeUrl", "health", "lastError", "lastScrape", "scrapeInterval", "scrapeTimeout")


def content(path):
    try:
        with open(path or "", encoding="utf-8") as handle:
            return handle.read().strip()
    except OSError:
        return ""


class Service:
    """A web service of this stack and how to ask it."""

    def __init__(self, options):
        self.url = options["url"].rstrip("/")
        self.how = {
            "ca_path": options.get("ca_path") or "",
            "cert": options.get("client_cert") or "",
            "key": options.get("client_key") or "",
            "server_name": options.get("server_name") or "",
            "user": options.get("url_username") or "",
            "password": options.get("url_password") or "",
            "token": options.get("token") or content(options.get("token_path")),
            "verify": options.get("validate_certs", True),
        }

    def get(self, path, seconds=5):
        return _evidence.get(self.url + path, seconds, **self.how)

    def json(self, path, seconds=5):
        """(answer without its body, parsed body or None)."""
        found = self.get(path, seconds)
        body = found.pop("body", "")
        try:
            return found, json.loads(body)
        except ValueError:
            return found, None

    def alive(self, path, seconds=5):
        found = self.get(path, seconds)
        body = found.pop("body", "")
        if found["answered"] and found["status"] >= 400:
            found["said"] = _evidence.one_line(body)[:200]
        return found

    def data(self, path):
        dummy, parsed = self.json(path)
        return parsed.get("data") if isinstance(parsed, dict) else None


def reach(node):
    """Whether this host gets an answer from a node's exporter: the way, TLS, and the login. It asks no metrics."""
    found = Service(node).alive("/health", 8)
    parts = urlsplit(node["url"])
    if found.get("cause") in ("timeout", "filtered", "unreachable"):
        found["route"] = _evidence.route_to(parts.hostname)
    return found


def prometheus(options):
    service = Service(options)
    found = {"ready": service.alive("/-/ready")}
    if not found["ready"]["answered"] or found["ready"].get("status") in (401, 403):
        return found
    targets = service.data("/api/v1/targets?state=active") or {}
    found["targets"] = sorted(
        (target(one) for one in targets.get("activeTargets", [])), key=lambda one: (one["job"], one["instance"])
    )
    ways_to(found["targets"])
    found["probes"] = probes(found["targets"])
    found["runtime"] = service.data("/api/v1/status/runtimeinfo") or {}
    found["config"] = (service.data("/api/v1/status/config") or {}).get("yaml", "")
    alertmanagers = service.data("/api/v1/alertmanagers") or {}
    found["alertmanagers"] = [one.get("url", "") for one in alertmanagers.get("activeAlertmanagers", [])]
    found["alertmanagers_closed"] = {url: way for url, way in ways(found["alertmanagers"]).items() if way}
    found["rules"] = rules(service.data("/api/v1/rules?type=alert"))
    found["samples"] = {
        name: query(service, text)
        for name, text in (
            ("redis_up", "redis_up"),
            ("alertmanager_errors", "sum(increase(prometheus_notifications_errors_total[2m]))"),
            (
                "notifications_failed",
                "sum by (integration) (increase(alertmanager_notifications_failed_total[2m])) > 0",
            ),
        )
    }
    return found


def target(one):
    found = {name: one.get(name, "") for name in TARGET_FIELDS}
    labels = one.get("labels", {})
    found.update({name: labels.get(name, "") for name in ("job", "instance", "node", "cluster", "endpoint")})
    if found["job"] == "redis-cluster":
        found["labels"] = labels
    return found


def ways_to(targets):
    """Whether a target that is down can be connected to from here at this moment."""
    down = [one for one in targets if one["health"] == "down" and one["job"] not in PROBED][:MOST_PROBES]

    found = ways([one["scrapeUrl"] for one in down])
    for one in down:
        one["now"] = found[one["scrapeUrl"]]


def ways(urls):
    """Why no connection to each of these comes about; empty where one does."""

    def asked(url):
        parts = urlsplit(url)
        return _evidence.tcp(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))

    found = _evidence.gather({url: lambda url=url: asked(url) for url in urls}, 5)
    return {url: way if isinstance(way, str) else "filtered" for url, way in found.items()}


def rules(answer):
    """How many alerting rules there are, the broken ones, and since when the Watchdog fires."""
    if not isinstance(answer, dict):
        return None
    found = {"alerting": 0, "broken": [], "watchdog": None}
    for group in answer.get("groups") or []:
        for rule in group.get("rules") or []:
            found["alerting"] += 1
            if rule.get("health") == "err":
                error = _evidence.one_line(rule.get("lastError", ""))[:300]
                found["broken"].append({"name": rule.get("name", ""), "file": group.get("file", ""), "error": error})
            if rule.get("name") == "Watchdog" and rule.get("alerts"):
                found["watchdog"] = rule["alerts"][0].get("activeAt")
    found["broken"] = found["broken"][:5]
    return found


def probes(targets):
    """Each probe of Redis, asked for now: the prober answers for itself, whatever Prometheus remembers."""
    asked = [one for one in targets if one["job"] == "redis-tls"][:MOST_PROBES]
    found = _evidence.gather({one["scrapeUrl"]: lambda one=one: probe(one) for one in asked}, 8)
    return [one for one in found.values() if "node" in one]


def probe(target):
    answer = _evidence.get(target["scrapeUrl"], 7)
    said = re.search(r"^probe_success (\d)", answer.get("body", ""), re.M)
    found = {"node": target["node"], "url": target["scrapeUrl"], "success": int(said.group(1)) if said else None}
    host_name, sep, port = target["instance"].rpartition(":")
    if found["success"] == 0 and port.isdigit():
        found.update(port=int(port), now=_evidence.tcp(host_name.strip("[]"), int(port), 2))
    return found


def query(service, text):
    parsed = service.data("/api/v1/query?query=" + quote(text))
    if not isinstance(parsed, dict):
        return None
    return [
        {
            "labels": {k: v for k, v in one["metric"].items() if k in ("node", "instance", "integration")},
            "value": one["value"],
        }
        for one in parsed.get("result", [])
    ]


def alertmanager(options, mask):
    service = Service(options)
    found = {"ready": service.alive("/-/ready")}
    if found["ready"].get("status") == 200:
        dummy, status = service.json("/api/v2/status")
        if isinstance(status, dict):
            found["cluster"] = (status.get("cluster") or {}).get("status")
        found["config_taken"] = config_taken(service, "alertmanager")
        dummy, alerts = service.json("/api/v2/alerts?filter=" + quote('alertname="Watchdog"'))
        found["watchdog"] = len(alerts) if isinstance(alerts, list) else None
        found["notify_errors"] = notify_errors(mask)
        found["receivers"] = receivers()
        found["silences"] = silences(service, mask)
    return found


def silences(service, mask):
    """The silences that are in force; None where they are not told."""
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
            "comment": _evidence.one_line(mask.text(one.get("comment", "")))[:200],
        }
        for one in active[:MOST_SILENCES]
    ]


def config_taken(service, prefix):
    """Whether the last reload of a configuration succeeded; None where that is not said."""
    said = re.search(r"^%s_config_last_reload_successful (\d)" % prefix, service.get("/metrics").get("body", ""), re.M)
    return said.group(1) == "1" if said else None


def notify_errors(mask):
    """What Alertmanager said in the last minute about notifications that failed."""
    argv = ["journalctl", "--unit", "alertmanager", "--since=-1min", "--lines=200", "--output=cat", "--no-pager"]
    rc, out = _evidence.command(argv)
    return [mask.text(line)[:400] for line in out.splitlines() if NOTIFY_ERROR.search(line)][-2:] if rc == 0 else []


def receivers():
    """Hosts and ports that notifications go to, and why no connection to one comes about. Paths may be secrets."""
    text = content(CONFIG_FILES["alertmanager"][0])
    if re.search(r"proxy_(url|from_environment|connect_header)", text):
        return []  # the way is the proxy's matter
    places = [urlsplit(url) for url in re.findall(r"https?://[^\s\"',}]+", text)]
    for path in re.findall(r"_?url_file: [\"']?([^\s\"'}]+)", text):
        places.append(urlsplit(content(path)))
    found = {(one.hostname, one.port or {"https": 443}.get(one.scheme, 80)) for one in places if one.hostname}
    for host_name, port in re.findall(r"smarthost: [\"']?([^\s\"':]+):(\d+)", text):
        found.add((host_name, int(port)))
    wanted = sorted(found)[:20]
    tried = _evidence.gather({one: lambda one=one: _evidence.tcp(*one) for one in wanted}, 5)
    return [
        {"where": "%s:%d" % one, "problem": tried[one] if isinstance(tried[one], str) else "filtered"} for one in wanted
    ]


def blackbox(options):
    service = Service(options)
    found = {"ready": service.alive("/-/healthy")}
    if found["ready"].get("status") == 200:
        found["config_taken"] = config_taken(service, "blackbox_exporter")
    return found


def grafana(options):
    service = Service(options)
    found = {"ready": service.alive("/api/health")}
    if found["ready"].get("status") != 200:
        return found
    if not (service.how["token"] or service.how["user"]):
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
    found["said"] = _evidence.one_line((health or {}).get("message") or answer.get("error") or "")[:300]
    return found


def dashboard(service, uid):
    answer, stored = service.json("/api/dashboards/uid/" + quote(uid, safe=""))
    found = {"status": answer.get("status")}
    if not isinstance(stored, dict) or answer.get("status") != 200:
        return found
    model = stored.get("dashboard") or {}
    found["title"] = model.get("title")
    found["folder"] = (stored.get("meta") or {}).get("folderTitle")
    found["from"] = (model.get("time") or {}).get("from")
    found["to"] = (model.get("time") or {}).get("to")
    found["panels"] = len(model.get("panels") or [])
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
    found["datasources"] = sorted(set(datasources_of(model.get("panels") or [])))
    found["queries"] = sorted({expression for dummy, expression in _verify.panel_queries(model)})
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


def config_files(name, mask):
    found = {}
    for path in CONFIG_FILES.get(name, ()):
        try:
            with open(path, encoding="utf-8", errors="replace") as handle:
                text = mask.text(handle.read(65536))
            if name == "alertmanager":
                text = re.sub(r"(https?://[^/\s\"']+/)[^\s\"']+", r"\1...", text)  # a path can be a key to a channel
            found[path] = {"text": text, "changed_at": os.stat(path).st_mtime}
        except OSError as err:
            found[path] = {"problem": err.strerror}
    return found


def check_config(name, mask):
    """What the program's own check says against its files; nothing when it takes them or cannot be asked."""
    said, files = [], {}
    for argv, patterns in CHECKS[name]:
        paths = sorted(path for pattern in patterns for path in glob.glob(pattern))
        rc, out = _evidence.command(argv + paths, 10) if paths else (0, "")
        lines = [line.strip() for line in out.splitlines() if rc and not SAYS_NOTHING.match(line)]
        said += [mask.text(line)[:300] for line in lines]
        named = [path for path in paths if any(path in line for line in lines)]
        files.update(dict.fromkeys(named or paths[:1] if lines else []))
    return {"said": said[:3], "files": [about_file(path) for path in files]}


def about_file(path):
    """A configuration file and whether it is one that a role writes."""
    ours = any(path in paths for paths in CONFIG_FILES.values())
    return {"path": path, "managed": ours or _evidence.MARKER in "\n".join(content(path).splitlines()[:3])}
