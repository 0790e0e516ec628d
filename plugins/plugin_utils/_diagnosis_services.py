# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the monitoring host: Prometheus and its scrapes, the prober, Alertmanager, Grafana. Pure, private."""

from __future__ import annotations

import re
import shlex
from urllib.parse import urlsplit

import yaml
from ansible_collections.redisops.monitoring.plugins.module_utils._alertmanager import matcher_of
from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_base import (
    Base,
    date,
    duration,
    number,
    sans_with,
    shows,
    stamp_of,
)
from ansible_collections.redisops.monitoring.plugins.plugin_utils._findings import (
    ALL_SERVICES,
    NODE_HOPS,
    SERVICES,
    by_hand,
    on,
)

HANDSHAKE = 10.0  # seconds that redis_exporter waits for a TLS handshake, whatever its settings
ARRIVES_WITHIN = 150.0  # seconds until Prometheus has sent an alert once more (resend delay, evaluation, retry)
EXPIRING_DAYS = 14  # from here on the certificate of a service is worth a warning
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
    "node": ("host", "node_exporter"),
    "monitoring-endpoints": ("probes", "prometheus", "alertmanager", "grafana"),
}
EVERY_ALERT = ("RedisDown", "AnyOther")  # a silence of both is one of any alert
NOT_CHOSEN = ("", "All", "None")
PROBED = ("redis-tls", "monitoring-endpoints")  # jobs whose scrapes are the prober's answers
REASONS = {
    "refused": "connection refused",
    "filtered": "no answer",
    "unreachable": "no way there",
    "name_unknown": "the name does not resolve",
}


class ServiceRules(Base):
    # --------------------------------------------------------------------------------------------- every service

    def add_service(self, service, what, host, seen, cure, **facts):
        return self.add("%s_%s" % (service, what), host, seen, cure, title=ALL_SERVICES[service][3], **facts)

    def service_again(self, monitor, service, unit=None):
        if unit and unit.get("drop_ins"):
            return self.without_drop_in(monitor, unit, ALL_SERVICES[service][1])
        book = "monitoring" if "monitoring" in self.hosts[monitor]["groups"] else "exporters"
        return [self.playbook(book, monitor, ALL_SERVICES[service][2])]

    def handed_over(self, monitor):
        """Files that systemd hands to the services: one that is empty, missing, expired, or not its key's."""
        for service, about in SERVICES.items():
            for name, found in self.seen(monitor, "handed", about[1]).items():
                self.handed_file(monitor, service, about[1], name, found)

    def handed_file(self, host, service, unit_name, name, found):
        ways = [one for one in (found.get("way"), found.get("key_way")) if one and one.get("missing")]
        problem = found.get("problem") or ("%(missing)s: %(error)s" % ways[0] if ways else "")
        told = [one for one in self.findings if one.host == host and one.facts.get("path") == found["path"]]
        if not problem or told:
            return
        seen = [problem, "%s is handed to %s as %s" % (found["path"], unit_name, name)]
        restart = on(host, "sudo systemctl restart " + " ".join(self.given(host, found["path"])))
        if name.endswith("ca.crt"):
            cure = [self.copy_of(host, found), restart]
        elif name.endswith(".crt"):
            urls = [urlsplit(url).hostname for url in (self.hosts[host].get("urls") or {}).values()]
            sans = found.get("sans") or sans_with(None, host, *filter(None, urls))
            cure = [self.renew(host, found, "server" if name == "web.crt" else "client", sans), restart]
        else:
            cure = self.service_again(host, service)
        kinds = {"expired": "cert_expired", "not valid yet": "cert_not_yet_valid"}
        what = next((kinds[one] for one in kinds if one in problem and name == "web.crt"), "file")
        self.add_service(service, what, host, seen, cure, path=found["path"])

    def given(self, host, path):
        """The units that are handed a file."""
        handed = self.seen(host, "handed")
        units = [unit for unit, files in handed.items() if any(one.get("path") == path for one in dicts(files))]
        return sorted(units)

    @staticmethod
    def by_file(monitor):
        """explains() for what a file that cannot be used explains on its host."""
        return lambda one: one.host == monitor and "path" in one.facts and one.ident.startswith(tuple(SERVICES))

    def look_at_node_exporter(self, name):
        """It runs on every host where a role put it; on the monitoring host as well."""
        if self.seen(name, "units", "node_exporter.service").get("found"):
            self.service_runs(name, "node_exporter")

    def service_works(self, monitor, service):
        """Judges the unit and the answer of a service. True when it can be asked further."""
        unit_name = ALL_SERVICES[service][1]
        unit = self.seen(monitor, "units", unit_name) or {"found": False}
        ready = self.seen(monitor, service, "ready")
        if not self.seen(monitor, "units"):
            return False
        if not unit["found"]:
            return self.service_absent(monitor, service, unit, ready)
        if not self.service_runs(monitor, service):
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
            self.expires_soon(monitor, service, ready)
            return True
        return False

    def service_runs(self, monitor, service):
        """Judges the unit alone."""
        unit_name = ALL_SERVICES[service][1]
        unit = self.seen(monitor, "units", unit_name)
        if not unit["active"]:
            self.service_down(monitor, service, unit)
            return False
        if (unit.get("process") or {}).get("state") == "T":
            seen = "process %d is in state T (stopped)" % unit["pid"]
            self.add_service(service, "hung", monitor, [seen], [on(monitor, "sudo kill -CONT %d" % unit["pid"])])
            return False
        if not unit.get("enabled", True):
            cure = on(monitor, "sudo systemctl enable %s" % unit_name)
            self.add_service(service, "disabled", monitor, ["%s is not enabled" % unit_name], [cure])
        return True

    def service_absent(self, monitor, service, unit, ready):
        unit_name = ALL_SERVICES[service][1]
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
        unit_name = ALL_SERVICES[service][1]
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
        if any(self.by_file(monitor)(one) for one in self.findings):
            self.symptom("%s is down" % unit_name, self.by_file(monitor))
            return
        seen += ["a drop-in changes the unit: %s" % one for one in unit.get("drop_ins") or []]
        cure = self.service_again(monitor, service, unit)
        text = "\n".join(journal)
        reason = unit.get("reason") or "see its journal"
        if re.search(r"no space left on device", text, re.I):
            self.symptom(
                "%s does not start: no space left on device" % ALL_SERVICES[service][3],
                lambda one: one.ident == "disk_full" and one.host == monitor,
                lambda: self.add_service(service, "crashes", monitor, seen, cure, reason="no space left on device"),
            )
        elif CONFIG_TELLS.search(text):
            seen += self.check_says(monitor, service)
            self.add_service(service, "config_broken", monitor, seen, self.mend_config(monitor, service, cure))
        else:
            self.add_service(service, "crashes", monitor, seen, cure, reason=reason)

    def service_silent(self, monitor, service, unit, ready):
        """It runs, and what the inventory says about where and how to ask it does not work."""
        wanted = urlsplit(ready["url"])
        seen = ["GET %s: %s" % (ready["url"], ready.get("error")), shows(ready.get("shown"))]
        restart = on(monitor, "sudo systemctl restart %s" % ALL_SERVICES[service][1])
        sockets = [one for one in self.seen(monitor, "listening") or [] if one["pid"] == unit["pid"]]
        cause = ready.get("cause")
        kinds = {
            "expired": "expired",
            "name_mismatch": "name",
            "untrusted": "untrusted",
            "not_yet_valid": "not_yet_valid",
        }
        if cause != "refused" and any(self.by_file(monitor)(one) for one in self.findings):
            self.symptom("GET %s: %s" % (ready["url"], ready.get("error")), self.by_file(monitor))
        elif cause == "refused" and sockets:
            where = ", ".join("%s:%d" % (one["address"], one["port"]) for one in sockets)
            cure = self.service_again(monitor, service, unit)
            self.add_service(service, "other_address", monitor, seen, cure, where=where, right=wanted.netloc)
        elif cause in kinds:
            named = (self.hosts[monitor].get("certificates") or {}).get(service) or {}
            shown = ready.get("shown") or {}
            found = {
                "path": named.get("cert") or "the certificate of %s" % ALL_SERVICES[service][3],
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

    def check_says(self, monitor, service):
        return list(self.seen(monitor, "checks", service).get("said") or [])

    def mend_config(self, monitor, service, again):
        """The role writes its own files anew; a broken one that somebody else put there has to go, and is kept."""
        files = self.seen(monitor, "checks", service).get("files") or []
        foreign = [shlex.quote(one["path"]) for one in files if not one["managed"]]
        moves = ["sudo mv %s %s.broken" % (path, path) for path in foreign]
        if not moves:
            return again
        restart = "sudo systemctl reload-or-restart %s" % ALL_SERVICES[service][1]
        mended = [on(monitor, " && ".join([*moves, restart]))]
        return mended if len(foreign) == len(files) else mended + again

    def config_taken(self, monitor, service, seen):
        """A configuration that the running process refused, or that its next start would."""
        said, again = self.check_says(monitor, service), self.service_again(monitor, service)
        cure = self.mend_config(monitor, service, again)
        if seen:
            ident = "prometheus_config_rejected" if service == "prometheus" else service + "_config_refused"
            self.add(ident, monitor, [seen] + said, cure, title=ALL_SERVICES[service][3])
        elif said:
            self.add_service(service, "next_start", monitor, said, cure)

    def expires_soon(self, monitor, service, ready):
        """The certificate that a service shows, where it was verified."""
        days = (ready.get("not_after", 1e12) - self.stack.get("time", 0)) / 86400
        named = (self.hosts[monitor].get("certificates") or {}).get(service) or {}
        path = named.get("cert") or "the certificate of %s" % ALL_SERVICES[service][3]
        if days < EXPIRING_DAYS and not any(
            one.ident == "cert_expiring" and path in one.cause for one in self.findings
        ):
            seen = "GET %s: it shows a certificate valid until %s" % (ready["url"], date(ready["not_after"]))
            found = {"path": path, "key_path": named.get("key", "")}
            restart = on(monitor, "sudo systemctl restart %s" % ALL_SERVICES[service][1])
            sans = sans_with(None, monitor, urlsplit(ready["url"]).hostname)
            cure = [self.renew(monitor, found, "server", sans), restart]
            self.add("cert_expiring", monitor, [seen], cure, hop=ALL_SERVICES[service][0], path=path, days=days)

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
        refused = runtime.get("reloadConfigSuccess") is False
        last = runtime.get("lastConfigTime", "never")
        self.config_taken(
            monitor, "prometheus", "reloadConfigSuccess: false, last success %s" % last if refused else ""
        )
        jobs = as_yaml(found.get("config"), dict).get("scrape_configs") or []
        self.scrape_settings(monitor, next((one for one in jobs if one.get("job_name") == "redis-cluster"), {}), again)
        self.later = []
        self.targets_file(monitor, again)
        for one in self.later:
            self.symptom(*one)
        for target in found.get("targets") or []:
            if target["health"] == "down":
                self.failed_scrape(monitor, target, again)
        if "alertmanager" in self.expected and "targets" in found and not found.get("alertmanagers"):
            self.add("alertmanager_not_connected", monitor, ["/api/v1/alertmanagers: none is active"], again)
        self.alert_rules(monitor, found.get("rules"), again)

    def alert_rules(self, monitor, rules, again):
        if not rules:
            return
        if not rules["alerting"] and "alertmanager" in self.expected:
            self.add("rules_missing", monitor, ["/api/v1/rules?type=alert: none"], again)
        if rules["broken"]:
            seen = ["%(name)s (%(file)s): %(error)s" % one for one in rules["broken"]]
            names = ", ".join(one["name"] for one in rules["broken"])
            self.add("rule_broken", monitor, seen, again, names=names)

    def arriving(self, monitor):
        """The Watchdog fires all the time: where Alertmanager does not have it, it has no alert at all."""
        found, other = self.seen(monitor, "prometheus"), self.seen(monitor, "alertmanager")
        fires = stamp_of((found.get("rules") or {}).get("watchdog"))
        now = self.stack.get("time", 0)
        started = self.seen(monitor, "units", ALL_SERVICES["alertmanager"][1]).get("started_at") or 0
        waited = now - max(fires or now, started, stamp_of((found.get("runtime") or {}).get("lastConfigTime")) or 0)
        closed = found.get("alertmanagers_closed") or {}
        errors = (found.get("samples") or {}).get("alertmanager_errors") or []
        count = number(errors[0]["value"][1]) if errors else 0
        silent = other.get("watchdog") == 0 and found.get("alertmanagers")
        if not closed and (waited < ARRIVES_WITHIN or not silent and not count):
            return
        sends = ", ".join(
            "%s%s" % (url, " (%s)" % REASONS.get(closed[url], closed[url]) if url in closed else "")
            for url in found["alertmanagers"]
        )
        seen = [
            "Prometheus sends alerts to %s" % sends,
            "the alert Watchdog fires since %s, and Alertmanager does not have it" % date(fires)
            if silent and fires
            else "",
            "%.0f notifications of Prometheus failed in two minutes" % count if count else "",
        ]
        self.add("alerts_not_arriving", monitor, seen, self.service_again(monitor, "prometheus"))

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
        self.not_scraped(monitor, expected, again)
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
            return
        self.labels(monitor, groups, again)

    def labels(self, monitor, groups, again):
        """Labels by which dashboards and alerts choose: those of the file against those of the inventory."""
        stored = {str(one): group.get("labels") or {} for group in groups for one in group.get("targets") or []}
        wrong, seen = [], []
        for one in self.hosts[monitor].get("targets", []):
            has, wants = stored[one["target"]], one.get("labels")
            off = [
                key for key in sorted(set(has) | set(wants or has)) if str(has.get(key)) != str((wants or has).get(key))
            ]
            if off:
                wrong.append(one["node"])
                facts = (one["target"], "; ".join("%s=%s" % (key, has.get(key, "(none)")) for key in off))
                seen.append(
                    "%s has %s, " % facts
                    + "the inventory says %s" % "; ".join("%s=%s" % (key, wants.get(key, "(none)")) for key in off)
                )
        if wrong:
            self.add("targets_labels", monitor, seen[:5], again, node=", ".join(wrong))

    def not_scraped(self, monitor, expected, again):
        """Whatever the file says: what Prometheus does not have as a target has no metrics."""
        found = self.seen(monitor, "prometheus")
        if "targets" not in found or not expected:
            return
        asked = {one["instance"] for one in found["targets"] if one["job"] == "redis-cluster"}
        missing = sorted(set(expected) - asked)
        own = ("targets_stale", "targets_file_missing", "prometheus_config_rejected")
        if missing:
            seen = "no target of the job redis-cluster: " + ", ".join(
                "%s (%s)" % (one, expected[one]) for one in missing
            )
            self.later.append((
                seen,
                lambda one: one.host == monitor and one.ident in own,
                lambda: self.add(
                    "targets_not_scraped", monitor, [seen], again, nodes=", ".join(expected[one] for one in missing)
                ),
            ))  # fmt: skip

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
            at_node = one.host == node and one.hop in NODE_HOPS
            return at_node or one.host == monitor and one.ident in own or self.by_file(monitor)(one)

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
            own = self.by_file(monitor)(one) or one.ident == "scrape_login_refused" and "401" in target["lastError"]
            at_service = at_service or one.host == monitor and own
            return at_service or one.host == target["node"] and one.hop in NODE_HOPS + ("node_exporter",)

        def otherwise():
            if target.get("now"):
                self.closed_port(monitor, target, text)
            elif target["job"] in PROBED or BROKEN_OFF.search(target["lastError"]) or self.restarted(monitor, target):
                self.recovering(monitor, target, [text], target["job"], hops[0])
            else:
                again = [self.playbook("monitoring", monitor, "prometheus")]
                what = "%s on %s" % (target["job"], target["node"] or target["instance"])
                self.add("target_down", monitor, [text], again, what=what)

        self.symptom(text, explains, otherwise)

    def restarted(self, monitor, target):
        """Whether the service was started, or Prometheus given its configuration, after the scrape that failed."""
        asked, found = stamp_of(target["lastScrape"]), self.seen(monitor, "prometheus")
        about = ALL_SERVICES.get({"node": "node_exporter"}.get(target["job"], target["job"]))
        host = target["node"] if target["node"] in self.hosts else monitor
        started = self.seen(host, "units", about[1]).get("started_at") if about else None
        own = self.seen(monitor, "units", ALL_SERVICES["prometheus"][1]).get("started_at")
        loaded = stamp_of((found.get("runtime") or {}).get("lastConfigTime"))
        return bool(asked and max(started or 0, own or 0, loaded or 0) > asked)

    def closed_port(self, monitor, target, text):
        """Prometheus gets no connection, and neither does this host at this moment."""
        parts, node = urlsplit(target["scrapeUrl"]), target["node"]
        port = parts.port or 443
        seen = [text, "a connection from %s to %s now: %s" % (monitor, parts.netloc, target["now"])]
        if node in self.nodes and self.rule_missing(node, monitor, port):
            return  # look_at_security_groups() said it
        listens = (
            [one for one in self.seen(node, "listening") or [] if one["port"] == port] if node in self.hosts else []
        )
        if listens and node != monitor:
            named = ["on %s, %s listens on %s:%d" % (node, one["program"], one["address"], port) for one in listens]
            self.filtered(monitor, node, port, seen + named)
            return
        service = {"node": "node_exporter"}.get(target["job"], target["job"])
        again = [self.playbook("monitoring", monitor, "prometheus")]
        if service in ALL_SERVICES and node in self.hosts:
            again = self.service_again(node, service)
        what = "%s on %s" % (target["job"], node or target["instance"])
        self.add("target_down", monitor, seen, again, what=what)

    # ------------------------------------------------------------------------------------------------- alerting

    def look_at_alerting(self, monitor):
        found = self.seen(monitor, "prometheus")
        if self.service_works(monitor, "blackbox_exporter"):
            self.reloaded(monitor, "blackbox_exporter")
            self.probes(monitor, found)
        if self.service_works(monitor, "alertmanager"):
            self.reloaded(monitor, "alertmanager")
            self.arriving(monitor)
            self.notifications(monitor, found)
            self.silences(monitor, found)

    def reloaded(self, monitor, service):
        refused = self.seen(monitor, service).get("config_taken") is False
        self.config_taken(monitor, service, "%s_config_last_reload_successful 0" % service if refused else "")

    def notifications(self, monitor, found):
        """Whether what Alertmanager sends gets out: what it said itself, and a connection to where it goes."""
        other = self.seen(monitor, "alertmanager")
        said = other.get("notify_errors") or []
        for one in other.get("receivers") or []:
            if one["problem"]:
                self.receiver(monitor, one, said)
        failed = (found.get("samples") or {}).get("notifications_failed") or []
        if not failed and not said:
            return
        counts = {one["labels"].get("integration", "?"): number(one["value"][1]) for one in failed}
        seen = ["%s: %.0f failed in two minutes" % one for one in sorted(counts.items())] + said
        names = ", ".join(sorted(counts)) or "see below"
        command = "sudo journalctl --unit alertmanager --since -10min | grep -i notify"
        # Nothing failed in the last minute: the rest is memory.
        severity = None if said or "notify_errors" not in other else "info"
        self.symptom(
            "notifications fail: " + "; ".join(seen),
            lambda one: one.host == monitor and one.ident == "receiver_unreachable",
            lambda: self.add("notifications_failing", monitor, seen, [on(monitor, command)], severity, names=names),
        )

    def silences(self, monitor, found):
        """A silence that no page of the cluster gets past; one of some alerts or of a node is somebody's work."""
        nodes = [one["labels"] for one in found.get("targets") or [] if one.get("labels")]
        alerts = [dict(labels, alertname=name, severity="P1") for labels in nodes for name in EVERY_ALERT]
        for one in self.seen(monitor, "alertmanager").get("silences") or []:
            matchers = [matcher_of(each) for each in one["matchers"]]
            shared = any(known.facts.get("silence") == one["id"] for known in self.findings)  # by members of a cluster
            hidden = all(each.matches(labels.get(each.name, "")) for labels in alerts for each in matchers)
            if shared or not alerts or not hidden:
                continue
            until = stamp_of(one["until"])
            told = "silence %s by %s: %s" % (one["id"], one["by"] or "nobody", one["comment"] or "no comment")
            seen = [told, "it matches %s" % ", ".join(str(each) for each in matchers)]
            end = self.playbook("silence")
            end["run"] += " -e silence_state=absent -e silence_id=" + shlex.quote(one["id"])
            words = date(until) if until else one["until"]
            self.add("pages_silenced", monitor, seen, [end], until=words, silence=one["id"])

    def receiver(self, monitor, found, said):
        why = REASONS.get(found["problem"], found["problem"])
        host = found["where"].rpartition(":")[0]
        seen = ["a connection from %s to %s: %s" % (monitor, found["where"], why)]
        seen += [line for line in said if host in line]
        step = "start what listens on %s there" % found["where"] if found["problem"] == "refused" else (
            "mend the name servers of %s (/etc/resolv.conf): getent hosts %s finds nothing" % (monitor, host)
            if found["problem"] == "name_unknown" else "let %s to %s" % (monitor, found["where"])
        )  # fmt: skip
        text = step + ", or correct the address in alertmanager_receivers"
        cure = self.service_again(monitor, "alertmanager")
        wanted = self.wanted(monitor, "receivers")
        if wanted is None or any(found["where"].startswith(one) for one in wanted):
            cure = [by_hand(text), *cure]
        else:
            seen.append("alertmanager_receivers name another address: %s" % (", ".join(wanted) or "none"))
        self.add("receiver_unreachable", monitor, seen, cure, where=found["where"], why=why)

    def probes(self, monitor, found):
        """What the prober says of each Redis at this moment."""
        for probe in found.get("probes") or []:
            node = probe["node"]
            if probe.get("success") != 0 or node not in self.hosts:
                continue
            seen = "GET %s: probe_success 0" % probe["url"]
            cure = self.service_again(monitor, "blackbox_exporter")
            if self.probe_closed(monitor, node, probe, seen):
                continue
            self.symptom(
                "the TLS probe of %s fails" % node,
                lambda one, node=node: (
                    self.at_node(node)(one) or one.host == monitor and one.ident == "blackbox_exporter_file"
                ),
                lambda node=node, seen=seen, cure=cure: self.add("probe_failing", monitor, [seen], cure, node=node),
            )

    def probe_closed(self, monitor, node, probe, seen):
        """The prober gets no connection, though Redis is well: a filter, or a missing rule, for its port."""
        port, why = probe.get("port"), probe.get("now")
        if why not in ("filtered", "unreachable", "refused") or self.has_error(node):
            return False
        listens = [one for one in self.seen(node, "listening") or [] if one["port"] == port]
        if listens and not self.rule_missing(node, monitor, port):
            text = "a connection from %s to %s:%d now: %s" % (monitor, self.hosts[node]["address"], port, why)
            where = ["on %s, %s listens on %s:%d" % (node, one["program"], one["address"], port) for one in listens]
            self.filtered(monitor, node, port, [seen, text] + where)
        return bool(listens)

    # -------------------------------------------------------------------------------------------------- Grafana

    def look_at_grafana(self, monitor):
        if not self.service_works(monitor, "grafana"):
            return
        found = self.seen(monitor, "grafana")
        again = self.service_again(monitor, "grafana")
        if found.get("no_token"):
            seen = "there is no token in %s" % found["no_token"]
            self.add("grafana_unseen", monitor, [seen], again)
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
                    lambda one: one.host == monitor and one.hop in ("host", "prometheus") or self.by_file(monitor)(one),
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
        behind = duration(end[4:]) if end.startswith("now-") else 0
        if not start.startswith("now") or not end.startswith("now") or behind > 300:
            self.add("dashboard_time_range", monitor, ["its time range: %s to %s" % (start, end)], again, title=title)
        self.dashboard_queries(monitor, uid, found, again)
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

    def dashboard_queries(self, monitor, uid, found, again):
        """A panel that was edited in the web pages shows something, and not what its title says."""
        wanted = (self.wanted(monitor, "queries") or {}).get(uid, [])
        if "queries" not in found:
            return
        gone = [one for one in wanted if one not in found["queries"]]
        if gone:
            seen = ["installed, and gone: %s" % gone[0]]
            seen += ["in Grafana, and never installed: %s" % one for one in found["queries"] if one not in wanted][:1]
            title = found.get("title") or uid
            self.add("dashboard_edited", monitor, seen, again, title=title, count=len(gone))


def dicts(files):
    return [one for one in files.values() if isinstance(one, dict)] if isinstance(files, dict) else []


def as_yaml(text, kind):
    try:
        found = yaml.safe_load(text or "")
    except yaml.YAMLError:
        found = None
    return found if isinstance(found, kind) else kind()
