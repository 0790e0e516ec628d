# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of evidence from Redis, Prometheus and Alertmanager, without data of persons. Private."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from .. import _redis
from .._prometheus import Api, ApiError, Prometheus, for_queries
from .._text import utc

SERIES = 40  # of one query


def redis(target):
    """What Redis reports of itself. No keys, no values, no arguments of commands."""
    files = {}
    with _redis.Client(target) as client:
        for name, command, shape in (
            ("info.txt", ("INFO", "ALL"), str),
            ("cluster_info.txt", ("CLUSTER", "INFO"), str),
            ("cluster_nodes.txt", ("CLUSTER", "NODES"), str),
            ("slowlog.txt", ("SLOWLOG", "GET", "128"), slowlog_text),
            ("latency.txt", ("LATENCY", "LATEST"), latency_text),
        ):
            try:
                files["redis/" + name] = shape(client.call(*command)).replace("\r\n", "\n")
            except _redis.ReplyError as err:
                files["redis/" + name] = "%s: %s\n" % (" ".join(command), str(err)[:200])
    return files


def slowlog_text(entries):
    """Which commands were slow and when. Their arguments, which can be data of persons, are counted and left out."""
    lines = ["time                  duration_us  command  arguments\n"]
    for entry in entries:
        words = entry[3] or [""]
        command = str(words[0]).upper()[:32]
        lines.append("%s  %11d  %s  %d left out\n" % (utc(entry[1]), entry[2], command, len(words) - 1))
    return "".join(lines)


def latency_text(entries):
    lines = ["event  last  latest_ms  worst_ms\n"]
    lines += ["%s  %s  %s  %s\n" % (entry[0], utc(entry[1]), entry[2], entry[3]) for entry in entries]
    return "".join(lines)


def wanted(labels, clusters):
    """Whether something with these labels is of one of these Redis clusters, or of none; without clusters all is."""
    return not clusters or labels.get("cluster", "") in ("", *clusters)


def prometheus(params, queries, window, clusters=()):
    """(files, problems): ranges of the queries, and the state of Prometheus now. An agent has no rules."""
    server, samples = Prometheus(params), for_queries(params)
    files, problems = {}, []
    if samples is None:
        problems.append("metrics: Prometheus is an agent, whose store cannot be asked from here")
    span = {"start": window.start.timestamp(), "end": window.end.timestamp(), "step": window.step}
    if samples:
        samples.query("vector(1)")  # one that is down or hangs is asked once, not once a metric
    for name, query in sorted(queries.items()) if samples else ():
        try:
            series = samples.get("query_range", query=query, **span)["result"]
            series = [one for one in series if wanted(one["metric"], clusters)]
            found = {
                "query": query,
                "step": window.step,
                "left_out": max(0, len(series) - SERIES),
                "result": series[:SERIES],
            }
            files["metrics/%s.json" % name] = json.dumps(found) + "\n"
        except ApiError as err:
            problems.append("metric %s: %s" % (name, err))
    paths = {"alerts": "alerts", "targets": "targets?state=active", "rules": "rules?type=alert"}
    for name, path in paths.items() if not params["agent"] else [("targets", paths["targets"])]:
        answer(files, problems, "prometheus_%s.json" % name, lambda path=path: within(server.get(path), clusters))
    return files, problems


def within(found, clusters):
    """What Prometheus says now of its alerts, targets or rules, without those of other clusters."""
    for one in [*found.get("alerts", []), *found.get("groups", [])]:
        for rule in one.get("rules", []):
            if "alerts" in rule:
                rule["alerts"] = [each for each in rule["alerts"] if wanted(each["labels"], clusters)]
    for name in ("alerts", "activeTargets"):
        if name in found:
            found[name] = [one for one in found[name] if wanted(one["labels"], clusters)]
    return found


def alertmanager(params, clusters=()):
    api = Api(params, "Alertmanager")
    files, problems = {}, []
    everything = urlencode({"silenced": "true", "inhibited": "true"})
    for name, path in (("alerts", "/api/v2/alerts?" + everything), ("silences", "/api/v2/silences")):
        answer(files, problems, "alertmanager_%s.json" % name, lambda path=path: told(api.ask("GET", path), clusters))
    return files, problems


def told(found, clusters):
    """Alerts of these clusters; silences have no labels."""
    return [one for one in found if wanted(one.get("labels", {}), clusters)]


def answer(files, problems, name, ask):
    try:
        files[name] = json.dumps(ask(), indent=1, sort_keys=True) + "\n"
    except ApiError as err:
        problems.append(str(err))
