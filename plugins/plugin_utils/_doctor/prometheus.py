# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for Prometheus: its configuration, its targets file, its alerting rules. Private."""

from __future__ import annotations

import yaml

from . import services
from .findings import ALL_SERVICES, REASONS, Symptom, finding
from .fixes import by_hand, on, service_again
from .stack import duration

HANDSHAKE = 10.0  # seconds that redis_exporter waits for a TLS handshake, whatever its settings
RARELY = 120.0  # seconds between scrapes that are too many for rates over two minutes
JOB = "redis-cluster"
LATE = 180.0  # seconds since a sample was sent to a store that are too many


def works(stack, monitor):
    return services.works(stack, monitor, "prometheus")


def service(stack, monitor):
    yield from services.judge(stack, monitor, "prometheus")
    if not works(stack, monitor):
        others = [one for one in stack.monitors if one != monitor and works(stack, one)]
        text = "no metrics are collected and no alert can fire"
        yield Symptom(
            "its metrics have a gap" if others else text,
            lambda one: one.host == monitor and one.hop == "prometheus",
        )


def configuration(stack, monitor):
    if works(stack, monitor):
        runtime = stack.evidence(monitor, "prometheus", "runtime")
        refused = "reloadConfigSuccess: false, last success %s" % runtime.get("lastConfigTime", "never")
        failed = runtime.get("reloadConfigSuccess") is False
        yield from services.config_taken(stack, monitor, "prometheus", refused if failed else "")


def scrape_settings(stack, monitor):
    config = stack.evidence(monitor, "prometheus").get("config")
    jobs = as_yaml(config, dict).get("scrape_configs") or []
    job = next((one for one in jobs if one.get("job_name") == JOB), {})
    if not works(stack, monitor) or not job:
        return
    again = service_again(stack, monitor, "prometheus")
    scheme, right = job.get("scheme", "http"), stack.wanted(monitor, "scheme", "https")
    if scheme != right:
        seen = "scheme of the job redis-cluster: %s" % scheme
        yield finding("scrape_scheme", monitor, [seen], again, found=scheme, right=right)
    timeout, interval = duration(job.get("scrape_timeout")), duration(job.get("scrape_interval"))
    seen = "job redis-cluster: scrape_timeout %(scrape_timeout)s, scrape_interval %(scrape_interval)s" % {
        key: job.get(key, "not set") for key in ("scrape_timeout", "scrape_interval")
    }
    if timeout and timeout <= HANDSHAKE:
        if duration(stack.wanted(monitor, "scrape_timeout", "20s")) <= HANDSHAKE:
            setting = {"prometheus_exporter_scrape_timeout": "20s"}
            again = [by_hand("set prometheus_exporter_scrape_timeout: 20s", set=setting, host=monitor)] + again
        yield finding("scrape_timeout_short", monitor, [seen], again, seconds=timeout)
    elif interval > RARELY:
        yield finding("scrape_interval_long", monitor, [seen], again, seconds=interval)


# --------------------------------------------------------------------------------------------------------- targets


def expected_targets(stack, monitor):
    """Nodes by their targets, as the inventory says."""
    return {one["target"]: one["node"] for one in stack.hosts[monitor].get("targets", [])}


def targets_file(stack, monitor):
    """What the targets file says against what the inventory says."""
    expected = expected_targets(stack, monitor)
    files = stack.evidence(monitor, "files", "prometheus")
    stored = next((one for path, one in files.items() if path.endswith("redis-cluster.yml")), {})
    by_file = stack.wanted(monitor, "discovery", "file_sd") == "file_sd"
    if not works(stack, monitor) or not expected or not stored or not by_file:
        return
    again = service_again(stack, monitor, "prometheus")
    if stored.get("problem"):
        seen = "targets/redis-cluster.yml: %s" % stored["problem"]
        yield finding("targets_file_missing", monitor, [seen], again)
        return
    groups = as_yaml(stored.get("text"), list)
    present = {str(one) for group in groups if isinstance(group, dict) for one in group.get("targets") or []}
    others = (stack.data.get("elsewhere") or {}).values()
    known = {one for one in present if one.rpartition(":")[0].strip("[]") in others}
    missing, foreign = sorted(set(expected) - present), sorted(present - set(expected) - known)
    if missing or foreign:
        seen = ["not in it: " + named(missing, expected) if missing else ""]
        seen.append("in it, and no node of the inventory: " + ", ".join(foreign) if foreign else "")
        yield finding("targets_stale", monitor, seen, again)
    else:
        yield from labels(stack, monitor, groups, again)


def labels(stack, monitor, groups, again):
    """Labels by which dashboards and alerts choose: those of the file against those of the inventory."""
    stored = {str(one): group.get("labels") or {} for group in groups for one in group.get("targets") or []}
    wrong, seen = [], []
    for one in stack.hosts[monitor].get("targets", []):
        has = stored[one["target"]]
        wants = one.get("labels") or has
        off = [key for key in sorted(set(has) | set(wants)) if str(has.get(key)) != str(wants.get(key))]
        if off:
            wrong.append(one["node"])
            said = ["; ".join("%s=%s" % (key, those.get(key, "(none)")) for key in off) for those in (has, wants)]
            seen.append("%s has %s, the inventory says %s" % (one["target"], *said))
    if wrong:
        yield finding("targets_labels", monitor, seen[:5], again, node=", ".join(wrong))


def targets_scraped(stack, monitor):
    """Whatever the file says: what Prometheus does not have as a target has no metrics."""
    found, expected = stack.evidence(monitor, "prometheus"), expected_targets(stack, monitor)
    asked = {one["instance"] for one in found.get("targets") or [] if one["job"] == JOB}
    missing = sorted(set(expected) - asked)
    if works(stack, monitor) and "targets" in found and missing:
        own = ("targets_stale", "targets_file_missing", "prometheus_config_rejected")
        seen = "no target of the job redis-cluster: " + named(missing, expected)
        again, nodes = service_again(stack, monitor, "prometheus"), ", ".join(expected[one] for one in missing)
        yield Symptom(
            seen,
            lambda one: one.host == monitor and one.ident in own,
            [finding("targets_not_scraped", monitor, [seen], again, nodes=nodes)],
        )


def named(targets, nodes):
    return ", ".join("%s (%s)" % (one, nodes[one]) for one in targets)


def as_yaml(text, kind):
    try:
        found = yaml.safe_load(text or "")
    except yaml.YAMLError:
        found = None
    return found if isinstance(found, kind) else kind()


# -------------------------------------------------------------------------------------------------------- alerting


def is_agent(stack, monitor):
    return stack.wanted(monitor, "mode") == "agent"


def remote_write(stack, monitor):
    """Whether what is to be stored elsewhere gets there. An agent has nothing else."""
    started = stack.unit(monitor, ALL_SERVICES["prometheus"].unit).get("started_at") or 0
    for one in stack.evidence(monitor, "prometheus").get("remote_write") or [] if works(stack, monitor) else []:
        age = stack.time - started if one["age"] is None else one["age"]
        if age <= LATE:
            continue
        why = REASONS.get(one.get("now"), one.get("now")) or "it takes connections and refuses or does not answer"
        seen = ["newest sample sent: %s" % ("none" if one["age"] is None else "%.0f s ago" % one["age"])]
        seen += ["a connection from %s now: %s" % (monitor, one["now"])] if one.get("now") else []
        seen += ["%.0f samples refused for good" % one["lost"]] if one["lost"] else []
        steps = [on(monitor, "sudo journalctl --unit prometheus --since -15min | grep -i remote")]
        if one.get("now"):
            steps.insert(0, by_hand("start what answers at %s, and let %s to it" % (one["url"], monitor)))
        severity = "error" if is_agent(stack, monitor) else "warning"
        yield finding("remote_write_behind", monitor, seen, steps, severity, where=one["url"], why=why)


def alerting(stack, monitor):
    """Whether there are alerts, and somebody to send them to."""
    if not works(stack, monitor):
        return
    if is_agent(stack, monitor):
        seen = "prometheus_mode: agent; /api/v1/rules is not available in it"
        step = by_hand("nothing; the alert Watchdog of the ruler tells that it works")
        yield finding("rules_elsewhere", monitor, [seen], [step])
        return
    found, again = stack.evidence(monitor, "prometheus"), service_again(stack, monitor, "prometheus")
    wanted = "alertmanager" in stack.expected
    if wanted and "targets" in found and not found.get("alertmanagers"):
        yield finding("alertmanager_not_connected", monitor, ["/api/v1/alertmanagers: none is active"], again)
    rules = found.get("rules")
    if rules and not rules["alerting"] and wanted:
        yield finding("rules_missing", monitor, ["/api/v1/rules?type=alert: none"], again)
    if rules and rules["broken"]:
        seen = ["%(name)s (%(file)s): %(error)s" % one for one in rules["broken"]]
        names = ", ".join(one["name"] for one in rules["broken"])
        yield finding("rule_broken", monitor, seen, again, names=names)
