# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of evidence for a post-mortem: bounded, without secrets, and without what could tell of a person.

Standard library only. Private to this collection.
"""

from __future__ import annotations

import json
import os
import time
from datetime import datetime, timedelta, timezone
from urllib.parse import urlencode

from ansible_collections.redisops.monitoring.plugins.module_utils import _evidence, _redis, _systemd
from ansible_collections.redisops.monitoring.plugins.module_utils._alertmanager import (
    format_time,
    parse_duration,
    parse_time,
)
from ansible_collections.redisops.monitoring.plugins.module_utils._prometheus import Api, Problem, Prometheus

LINES = 2000  # of one journal
LINE = 500  # characters of one line
FILE = 256 * 1024  # characters of one file; the newest are kept
POINTS = 240  # of one series
SERIES = 40  # of one query
TOKEN = "/etc/redisops/grafana/token"  # noqa: S105 (a path)


class Window:
    """The time of the incident."""

    def __init__(self, since, until, now=None):
        now = (now or datetime.now(timezone.utc)).replace(microsecond=0)
        self.end = min(self._moment(until, now), now) if until else now
        self.start = self._moment(since, self.end)
        if self.start >= self.end:
            raise Problem(
                "incident_since (%s) is not before incident_until (%s)"
                % (format_time(self.start), format_time(self.end))
            )
        if self.end - self.start > timedelta(days=31):
            raise Problem("incident_since: more than 31 days are too much for one archive")

    @staticmethod
    def _moment(text, base):
        """A time, or a duration before the other end."""
        if text[:1].isdigit() and "T" not in text:
            return base - parse_duration(text)
        return parse_time(text)

    @property
    def step(self):
        return max(15, int((self.end - self.start).total_seconds() / POINTS))

    def result(self):
        return {"since": format_time(self.start), "until": format_time(self.end)}


def bounded(text):
    """The end of a text, with a note where something is missing."""
    if len(text) <= FILE:
        return text
    return "[%d characters before this are left out]\n%s" % (len(text) - FILE, text[-FILE:].partition("\n")[2])


def known_secrets(units):
    """Contents of the files that systemd hands over to our services: whatever else happens, these are masked."""
    found = set(_secrets_in(TOKEN))
    for unit in units:
        for path in ("/etc/systemd/system/%s" % unit, "/etc/systemd/system/%s.d/redisops.conf" % unit):
            for source in _systemd.credential_sources([_systemd.read_unit_file(path)]).values():
                found.update(_secrets_in(source))
    return found


def _secrets_in(path):
    try:
        if os.path.getsize(path) > 65536:
            return
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
    except (OSError, UnicodeDecodeError):
        return
    if "-----BEGIN" in text:
        if "PRIVATE KEY" in text:
            yield from (line for line in text.splitlines() if len(line) > 40 and not line.startswith("-"))
        return
    try:
        data = json.loads(text)
        yield from (str(value) for value in data.values()) if isinstance(data, dict) else ()
    except ValueError:
        yield from (line.partition("=")[2] or line for line in text.splitlines() if 8 <= len(line) <= 4096)


# -------------------------------------------------------------------------------------------------------- host


def journal(unit, window):
    argv = ["journalctl", "--no-pager", "--output=short-iso", "--lines=%d" % LINES]
    # The kernel says much; what kills, fails or times out it says as a warning or worse.
    argv += ["--dmesg", "--priority=warning"] if unit == "kernel" else ["--unit=" + unit]
    argv += ["--since=@%d" % window.start.timestamp(), "--until=@%d" % (window.end.timestamp() + 1)]
    rc, out = _evidence.command(argv, 20)
    if rc is None:
        return "journalctl does not answer on this host\n"
    return "".join(line[:LINE] + "\n" for line in out.splitlines())


def tail(path):
    try:
        with open(path, "rb") as handle:
            handle.seek(max(0, os.fstat(handle.fileno()).st_size - FILE))
            return handle.read().decode("utf-8", "replace")
    except OSError as err:
        return "%s: %s\n" % (path, err.strerror)


def host_text():
    parts = []
    for argv in (
        ["uname", "-a"],
        ["uptime"],
        ["timedatectl"],
        ["df", "-hT", "-x", "overlay", "-x", "squashfs"],
        ["df", "-i"],
        ["free", "-m"],
        ["systemctl", "--no-pager", "--failed", "--all"],
        ["ss", "-s"],
        # No arguments of commands: they can hold secrets.
        ["ps", "-eo", "pid,stat,etime,pcpu,pmem,rss,comm", "--sort=-rss"],
    ):
        rc, out = _evidence.command(argv, 10)
        lines = (out.splitlines() if rc is not None else ["(no answer)"])[:60]
        parts.append("$ %s\n%s\n" % (" ".join(argv), "\n".join(lines)))
    return "\n".join(parts)


def units_text(units):
    rc, out = _evidence.command(
        [
            "systemctl",
            "--no-pager",
            "show",
            "--property=Id,LoadState,ActiveState,SubState,Result,ExecMainStatus,NRestarts",
        ]
        + ["--property=ExecMainStartTimestamp,ExecMainExitTimestamp,MemoryCurrent,FragmentPath,DropInPaths", "--"]
        + list(units)
    )
    return out if rc is not None else "systemctl does not answer\n"


# ------------------------------------------------------------------------------------------------------- Redis


def redis_files(target):
    """What Redis tells of itself. No keys, no values, no arguments of commands."""
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
                files[name] = shape(client.call(*command)).replace("\r\n", "\n")
            except _redis.ReplyError as err:
                files[name] = "%s: %s\n" % (" ".join(command), str(err)[:200])
    return files


def slowlog_text(entries):
    """Which commands were slow and when. Their arguments, which can be data of persons, are counted and left out."""
    lines = ["time                  duration_us  command  arguments\n"]
    for entry in entries:
        when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry[1]))
        words = entry[3] or [""]
        lines.append("%s  %11d  %s  %d left out\n" % (when, entry[2], str(words[0]).upper()[:32], len(words) - 1))
    return "".join(lines)


def latency_text(entries):
    lines = ["event  last  latest_ms  worst_ms\n"]
    for event, when, latest, worst in (entry[:4] for entry in entries):
        lines.append(
            "%s  %s  %s  %s\n" % (event, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when)), latest, worst)
        )
    return "".join(lines)


# -------------------------------------------------------------------------------------------------- monitoring


def prometheus_files(params, queries, window):
    """Ranges of the queries, and what Prometheus says of itself now."""
    prometheus = Prometheus(params)
    files, problems = {}, []
    start, end = window.start.timestamp(), window.end.timestamp()
    prometheus.query("vector(1)")  # one that is down or hangs is asked once, not once a metric
    for name, query in sorted(queries.items()):
        try:
            found = prometheus.get("query_range", query=query, start=start, end=end, step=window.step)
            found = {
                "query": query,
                "step": window.step,
                "left_out": max(0, len(found["result"]) - SERIES),
                "result": found["result"][:SERIES],
            }
            files["metrics/%s.json" % name] = json.dumps(found) + "\n"
        except Problem as err:
            problems.append("metric %s: %s" % (name, err))
    for name, path in (("alerts", "alerts"), ("targets", "targets?state=active"), ("rules", "rules?type=alert")):
        try:
            data = prometheus.ask("GET", "/api/v1/" + path)["data"]
            files["prometheus_%s.json" % name] = json.dumps(data, indent=1, sort_keys=True) + "\n"
        except Problem as err:
            problems.append(str(err))
    return files, problems


def alertmanager_files(params):
    api = Api(params, "Alertmanager")
    files, problems = {}, []
    for name, path in (
        ("alerts", "/api/v2/alerts?" + urlencode({"silenced": "true", "inhibited": "true"})),
        ("silences", "/api/v2/silences"),
    ):
        try:
            files["alertmanager_%s.json" % name] = json.dumps(api.ask("GET", path), indent=1, sort_keys=True) + "\n"
        except Problem as err:
            problems.append(str(err))
    return files, problems
