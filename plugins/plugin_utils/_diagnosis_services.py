# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the monitoring host: Prometheus and its scrapes, the prober, Alertmanager, Grafana. Pure, private."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_base import (
    Base,
    duration,
    sans_with,
    shows,
    stamp_of,
)
from ansible_collections.redisops.monitoring.plugins.plugin_utils._findings import NODE_HOPS, SERVICES, by_hand, on

HANDSHAKE = 10.0  # seconds that redis_exporter waits for a TLS handshake, whatever its settings
RARELY = 120.0  # seconds between scrapes that are too many for rates over two minutes
JOURNAL_TELLS = re.compile(r"err|fail|fatal|panic|unexpected|no space", re.I)
CONFIG_TELLS = re.compile(
    r"error loading config|parsing YAML|yaml: |Loading configuration file failed|failed to (load config|parse)", re.I
)
BROKEN_OFF = re.compile(r"refused|no route|EOF|reset|timeout|deadline exceeded")
# Jobs of Prometheus beside the exporters, and the hops that explain their failure.
OTHER_JOBS = {
    "prometheus": ("prometheus",),
    "alertmanager": ("alertmanager",),
    "blackbox_exporter": ("probes",),
    "redis-tls": ("probes",),
    "grafana": ("grafana",),
    "node": ("host",),
    "monitoring-endpoints": ("probes", "prometheus", "alertmanager", "grafana"),
}
NOT_CHOSEN = ("", "All", "None")


class ServiceRules(Base):
    # --------------------------------------------------------------------------------------------- every service

    def add_service(self, service, what, host, seen, cure, **facts):
        return self.add("%s_%s" % (service, what), host, seen, cure, title=SERVICES[service][3], **facts)

    def service_again(self, monitor, service, unit=None):
        if unit and unit.get("drop_ins"):
            return self.without_drop_in(monitor, unit, SERVICES[service][1])
        return [self.playbook("monitoring", monitor, SERVICES[service][2])]

    def service_works(self, monitor, service):
        """Judges the unit and the answer of a service. True when it can be asked further."""
        unit_name = SERVICES[service][1]
        unit = self.seen(monitor, "units", unit_name) or {"found": False}
        ready = self.seen(monitor, service, "ready")
        if not self.seen(monitor, "units"):
            return False
        if not unit["found"]:
            return self.service_absent(monitor, service, unit, ready)
        if not unit["active"]:
            self.service_down(monitor, service, unit)
            return False
        if (unit.get("process") or {}).get("state") == "T":
            seen = "process %d is in state T (stopped)" % unit["pid"]
            self.add_service(service, "hung", monitor, [seen], [on(monitor, "sudo kill -CONT %d" % unit["pid"])])
            return False
        if not ready:
            return False
        if not ready.get("answered"):
            self.service_silent(monitor, service, unit, ready)
            return False
        seen = ["GET %s: %d" % (ready["url"], ready["status"])]
        if ready["status"] in (401, 403):
            self.add_service(service, "login_refused", monitor, seen, self.service_again(monitor, service))
        elif ready["status"] >= 500:
            restart = on(monitor, "sudo systemctl restart %s" % unit_name)
            self.add_service(service, "not_ready", monitor, seen, [restart], said=ready.get("said", ""))
        else:
            self.restart_due(monitor, service, unit)
            return True
        return False

    def service_absent(self, monitor, service, unit, ready):
        unit_name = SERVICES[service][1]
        if ready.get("answered") and ready.get("status", 500) < 500:
            return True  # it lives without systemd, or elsewhere
        if service not in self.expected:
            return False
        if unit.get("load_state") == "masked":
            command = "sudo systemctl unmask %s && sudo systemctl start %s" % (unit_name, unit_name)
            self.add_service(service, "masked", monitor, ["%s: LoadState=masked" % unit_name], [on(monitor, command)])
        else:
            seen = "there is no unit %s" % unit_name
            self.add_service(service, "missing", monitor, [seen], self.service_again(monitor, service))
        return False

    def service_down(self, monitor, service, unit):
        unit_name = SERVICES[service][1]
        facts = (unit_name, unit["state"], unit["result"], unit["exit_status"], unit["restarts"])
        seen = ["%s is %s (%s, exit status %d, restarted %d times)" % facts]
        if unit["state"] == "inactive" and unit["result"] == "success":
            cure = on(monitor, "sudo systemctl start %s" % unit_name)
            self.add_service(service, "stopped", monitor, seen, [cure])
            return
        if unit["state"] == "activating" and unit["sub_state"].startswith("start") and not unit["restarts"]:
            self.add_service(service, "starting", monitor, seen, [by_hand("wait until it has started, then run again")])
            return
        journal = unit.get("journal") or []
        seen += [line for line in journal if JOURNAL_TELLS.search(line)][-2:]
        seen += ["a drop-in changes the unit: %s" % one for one in unit.get("drop_ins") or []]
        cure = self.service_again(monitor, service, unit)
        text = "\n".join(journal)
        reason = unit.get("reason") or "see its journal"
        if re.search(r"no space left on device", text, re.I):
            self.symptom(
                "%s does not start: no space left on device" % SERVICES[service][3],
                lambda one: one.ident == "disk_full" and one.host == monitor,
                lambda: self.add_service(service, "crashes", monitor, seen, cure, reason="no space left on device"),
            )
        elif CONFIG_TELLS.search(text):
            self.add_service(service, "config_broken", monitor, seen, cure)
        else:
            self.add_service(service, "crashes", monitor, seen, cure, reason=reason)

    def service_silent(self, monitor, service, unit, ready):
        """It runs, and what the inventory says about where and how to ask it does not work."""
        wanted = urlsplit(ready["url"])
        seen = ["GET %s: %s" % (ready["url"], ready.get("error")), shows(ready.get("shown"))]
        restart = on(monitor, "sudo systemctl restart %s" % SERVICES[service][1])
        sockets = [one for one in self.seen(monitor, "listening") or [] if one["pid"] == unit["pid"]]
        cause = ready.get("cause")
        kinds = {
            "expired": "expired",
            "name_mismatch": "name",
            "untrusted": "untrusted",
            "not_yet_valid": "not_yet_valid",
        }
        if cause == "refused" and sockets:
            where = ", ".join("%s:%d" % (one["address"], one["port"]) for one in sockets)
            cure = self.service_again(monitor, service, unit)
            self.add_service(service, "other_address", monitor, seen, cure, where=where, right=wanted.netloc)
        elif cause in kinds:
            named = (self.hosts[monitor].get("certificates") or {}).get(service) or {}
            shown = ready.get("shown") or {}
            found = {
                "path": named.get("cert") or "the certificate of %s" % SERVICES[service][3],
                "key_path": named.get("key", ""),
                "issuer": shown.get("issuer") if cause != "untrusted" else None,
            }
            cure = [self.renew(monitor, found, "server", sans_with(shown, wanted.hostname)), restart]
            self.add_service(service, "cert_" + kinds[cause], monitor, seen, cure, name=wanted.hostname)
        elif cause in ("http_only", "https_only"):
            cure = self.service_again(monitor, service, unit)
            self.add_service(service, "scheme", monitor, seen, cure, said=ready["error"])
        else:
            self.add_service(service, "silent", monitor, seen, [restart], said=ready.get("error"))

    def restart_due(self, monitor, service, unit):
        stale = unit.get("newer_than_process") or []
        if stale:
            seen = "newer than its process: " + ", ".join(stale)
            self.add_service(service, "restart_due", monitor, [seen], self.service_again(monitor, service))

    # ------------------------------------------------------------------------------------------------ Prometheus

    def look_at_prometheus(self, monitor):
        if not self.service_works(monitor, "prometheus"):
            self.symptom(
                "no metrics are collected and no alert can fire",
                lambda one: one.host == monitor and one.hop == "prometheus",
            )
            return
        found = self.seen(monitor, "prometheus")
        again = self.service_again(monitor, "prometheus")
        runtime = found.get("runtime") or {}
        if runtime.get("reloadConfigSuccess") is False:
            seen = "reloadConfigSuccess: false, last success %s" % runtime.get("lastConfigTime", "never")
            self.add("prometheus_config_rejected", monitor, [seen], again)
        jobs = as_yaml(found.get("config"), dict).get("scrape_configs") or []
        self.scrape_settings(monitor, next((one for one in jobs if one.get("job_name") == "redis-cluster"), {}), again)
        self.targets_file(monitor, again)
        for target in found.get("targets") or []:
            if target["health"] == "down":
                self.failed_scrape(monitor, target, again)
        if "alertmanager" in self.expected and "targets" in found and not found.get("alertmanagers"):
            self.add("alertmanager_not_connected", monitor, ["/api/v1/alertmanagers: none is active"], again)

    def scrape_settings(self, monitor, job, again):
        if not job:
            return
        scheme, right = job.get("scheme", "http"), self.wanted(monitor, "scheme", "https")
        if scheme != right:
            seen = "scheme of the job redis-cluster: %s" % scheme
            self.add("scrape_scheme", monitor, [seen], again, found=scheme, right=right)
        timeout, interval = duration(job.get("scrape_timeout")), duration(job.get("scrape_interval"))
        seen = "job redis-cluster: scrape_timeout %(scrape_timeout)s, scrape_interval %(scrape_interval)s" % {
            key: job.get(key, "not set") for key in ("scrape_timeout", "scrape_interval")
        }
        if timeout and timeout <= HANDSHAKE:
            cure = again
            if duration(self.wanted(monitor, "scrape_timeout", "20s")) <= HANDSHAKE:
                setting = {"prometheus_exporter_scrape_timeout": "20s"}
                cure = [by_hand("set prometheus_exporter_scrape_timeout: 20s", set=setting, host=monitor)] + again
            self.add("scrape_timeout_short", monitor, [seen], cure, seconds=timeout)
        elif interval > RARELY:
            self.add("scrape_interval_long", monitor, [seen], again, seconds=interval)

    def targets_file(self, monitor, again):
        """What the targets file says against what the inventory says."""
        expected = {one["target"]: one["node"] for one in self.hosts[monitor].get("targets", [])}
        files = self.seen(monitor, "files", "prometheus")
        stored = next((one for path, one in files.items() if path.endswith("redis-cluster.yml")), {})
        if not expected or not stored or self.wanted(monitor, "discovery", "file_sd") != "file_sd":
            return
        if stored.get("problem"):
            self.add("targets_file_missing", monitor, ["targets/redis-cluster.yml: %s" % stored["problem"]], again)
            return
        groups = as_yaml(stored.get("text"), list)
        present = {str(one) for group in groups if isinstance(group, dict) for one in group.get("targets") or []}
        missing, foreign = sorted(set(expected) - present), sorted(present - set(expected))
        if missing or foreign:
            named = ", ".join("%s (%s)" % (one, expected[one]) for one in missing)
            seen = ["not in it: " + named if missing else ""]
            seen.append("in it, and no node of the inventory: " + ", ".join(foreign) if foreign else "")
            self.add("targets_stale", monitor, seen, again)

    def failed_scrape(self, monitor, target, again):
        where = "%s (%s)" % (target["node"] or target["endpoint"] or target["instance"], target["job"])
        text = "Prometheus: target %s is down: %s" % (where, target["lastError"])
        if target["job"] != "redis-cluster":
            self.other_targets.append((monitor, target, text))  # judged when all services were
            return
        nodes = {self.hosts[name]["address"]: name for name in self.nodes}
        node = target["node"] if target["node"] in self.hosts else nodes.get(urlsplit(target["scrapeUrl"]).hostname)
        own = ("targets_stale", "target_address", "scrape_scheme", "scrape_login_refused", "scrape_ca_wrong")

        def explains(one):
            if one.ident == "sg_rule_missing":
                return node is not None and node in one.facts["nodes"].split(", ")
            return one.host == node and one.hop in NODE_HOPS or one.host == monitor and one.ident in own

        self.symptom(text, explains, lambda: self.scrape(monitor, target, node, text, again))

    def scrape(self, monitor, target, node, text, again):
        """A scrape that fails though nothing at the node explains it."""
        error, way = target["lastError"], self.seen(monitor, "reach", node) if node else {}
        fine = way.get("answered") and way.get("status", 500) < 400
        seen = [text]
        if way:
            answer = "%s %s" % (way["url"], way.get("status") or way.get("error"))
            seen.append("the same way with the wanted files and password: GET %s" % answer)
        metrics = node and self.seen(node, "exporter", "metrics").get("answered")
        if fine and (self.mended_since(monitor, node, target) or BROKEN_OFF.search(error) and metrics):
            self.recovering(monitor, target, seen, node or target["instance"])
        elif re.search(r"\b401\b", error):
            self.add("scrape_login_refused", monitor, seen, again)
        elif re.search(r"x509|certificate|tls:", error) and fine:
            self.add("scrape_ca_wrong", monitor, seen, again)
        elif re.search(r"HTTP response to HTTPS client|400 Bad Request", error):
            found = urlsplit(target["scrapeUrl"]).scheme
            self.add("scrape_scheme", monitor, seen, again, found=found, right={"http": "https"}.get(found, "http"))
        elif "deadline exceeded" in error and fine:
            seen.append("scrape_timeout %s" % target["scrapeTimeout"])
            self.add("scrape_too_slow", monitor, seen, again, node=node)
        else:
            self.add("target_down", monitor, seen, again, what=node or target["instance"])

    def mended_since(self, monitor, node, target):
        """Whether the exporter was started, or Prometheus given its configuration, after the scrape that failed."""
        asked = stamp_of(target["lastScrape"])
        started = self.seen(node, "units", "redis_exporter.service").get("started_at") if node else None
        loaded = stamp_of((self.seen(monitor, "prometheus").get("runtime") or {}).get("lastConfigTime"))
        return bool(asked and max(started or 0, loaded or 0) > asked)

    def recovering(self, monitor, target, seen, what, hop=None):
        cure = by_hand("wait %s for the next scrape" % target["scrapeInterval"])
        self.add("recovering", monitor, seen, [cure], hop=hop, what=what)

    def look_at_other_targets(self, monitor):
        """Prometheus' other jobs: a consequence of the service that is down, or the memory of one that was."""
        for host, target, text in self.other_targets:
            if host != monitor:
                continue
            hops = OTHER_JOBS.get(target["job"])
            if hops is None:
                again = [self.playbook("monitoring", monitor, "prometheus")]
                self.add("target_down", monitor, [text], again, severity="warning", what=target["job"])
                continue
            self.other_target(monitor, target, text, hops)

    def other_target(self, monitor, target, text, hops):
        def explains(one):
            at_service = one.host == monitor and one.hop in hops + ("host",)
            return at_service or one.host == target["node"] and one.hop in NODE_HOPS

        self.symptom(text, explains, lambda: self.recovering(monitor, target, [text], target["job"], hops[0]))

    # ------------------------------------------------------------------------------------------------- alerting

    def look_at_alerting(self, monitor):
        found = self.seen(monitor, "prometheus")
        if self.service_works(monitor, "blackbox_exporter"):
            self.probes(monitor, found)
        self.service_works(monitor, "alertmanager")
        failed = (found.get("samples") or {}).get("notifications_failed") or []
        if failed:
            counts = {one["labels"].get("integration", "?"): float(one["value"][1]) for one in failed}
            seen = ["%s: %.0f failed in two minutes" % one for one in sorted(counts.items())]
            command = "sudo journalctl --unit alertmanager --since -10min | grep -i notify"
            self.add("notifications_failing", monitor, seen, [on(monitor, command)], names=", ".join(sorted(counts)))

    def probes(self, monitor, found):
        """What the prober says of each Redis at this moment."""
        for probe in found.get("probes") or []:
            node = probe["node"]
            if probe.get("success") != 0 or node not in self.hosts:
                continue
            seen = "GET %s: probe_success 0" % probe["url"]
            cure = self.service_again(monitor, "blackbox_exporter")
            self.symptom(
                "the TLS probe of %s fails" % node,
                self.at_node(node),
                lambda node=node, seen=seen, cure=cure: self.add("probe_failing", monitor, [seen], cure, node=node),
            )

    # -------------------------------------------------------------------------------------------------- Grafana

    def look_at_grafana(self, monitor):
        if not self.service_works(monitor, "grafana"):
            return
        found = self.seen(monitor, "grafana")
        again = self.service_again(monitor, "grafana")
        login = found.get("login") or {}
        if login.get("status") in (401, 403):
            seen = ["GET %s: %d" % (login["url"], login["status"])]
            self.add("grafana_token_refused", monitor, seen, again)
        source = found.get("datasource") or {}
        if source:
            self.datasource(monitor, source, again)
        for uid, board in (found.get("dashboards") or {}).items():
            self.dashboard(monitor, uid, board, source, again)

    def datasource(self, monitor, found, again):
        uid, wanted = found["uid"], (self.wanted(monitor, "datasource_url") or "").rstrip("/")
        asks = (found.get("url") or "").rstrip("/")
        moved = bool(wanted) and asks != wanted
        text = "it asks %s, and grafana_prometheus_url is %s" % (asks, wanted)
        if found["status"] == 404:
            self.add("datasource_missing", monitor, ["GET /api/datasources/uid/%s: 404" % uid], again, uid=uid)
        elif found["status"] != 200:
            return
        elif not found.get("healthy"):
            said = "Grafana: the datasource %s does not answer: %s" % (uid, found.get("said"))
            if moved:
                self.add("datasource_broken", monitor, [said, text], again)
            else:
                self.symptom(
                    said,
                    lambda one: one.host == monitor and one.hop in ("host", "prometheus"),
                    lambda: self.add("datasource_broken", monitor, [said], again),
                )
        elif moved:
            self.add("datasource_changed", monitor, [text], again)

    def dashboard(self, monitor, uid, found, source, again):
        if found["status"] == 404:
            self.add("dashboard_missing", monitor, ["GET /api/dashboards/uid/%s: 404" % uid], again, uid=uid)
        if found["status"] != 200:
            return
        title = found.get("title") or uid
        ours = set(self.hosts[monitor].get("datasource_uids", [])) | {source.get("uid"), source.get("name")}
        foreign = [
            one for one in found.get("datasources", []) if one not in ours and "$" not in one and "rafana" not in one
        ]
        if source and foreign:
            seen = "datasources of its panels: %s; ours: %s" % (", ".join(foreign), source["uid"])
            self.add("dashboard_datasource", monitor, [seen], again, title=title)
        start, end = str(found.get("from") or "now"), str(found.get("to") or "now")
        if not start.startswith("now") or not end.startswith("now"):
            self.add("dashboard_time_range", monitor, ["its time range: %s to %s" % (start, end)], again, title=title)
        known = set(self.nodes) | {self.hosts[one]["address"] for one in self.nodes}
        for variable in found.get("variables") or []:
            values = variable.get("current")
            values = [str(one) for one in (values if isinstance(values, list) else [values]) if one is not None]
            chosen = [one for one in values if one not in NOT_CHOSEN and not one.startswith("$")]
            gone = [one for one in chosen if one.rpartition(":")[0] not in known and one not in known]
            if variable.get("name") in ("node", "instance") and gone:
                seen = "variable %s: %s; nodes: %s" % (
                    variable["name"],
                    ", ".join(values),
                    ", ".join(sorted(self.nodes)),
                )
                self.add("dashboard_variable", monitor, [seen], again, title=title, values=", ".join(gone))


def as_yaml(text, kind):
    try:
        found = yaml.safe_load(text or "")
    except yaml.YAMLError:
        found = None
    return found if isinstance(found, kind) else kind()
