# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis as its host shows it: settings, files, and what it answers to an administrator. Private."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time

from .. import _certificate, _journal, _redis, _tls
from .._redis_exporter import advice
from . import network, probes
from .files import access, authority, certificate
from .http import fingerprint
from .units import JOURNAL_LINES

# What Redis logs once, when a script begins to keep others waiting (busy-reply-threshold, 5 s).
SLOW_SCRIPT = re.compile(
    r"(\d+ \w{3} \d{4} [\d:]{8})\S* \S Slow script detected: still in execution after (\d+) milliseconds"
    r".* Script name is: (\S+?)\.?$",
    re.M,
)

SETTINGS = {
    *("bind", "port", "tls-port", "tls-cert-file", "tls-key-file", "tls-ca-cert-file", "tls-auth-clients"),
    *("cluster-enabled", "aclfile", "dir", "logfile", "maxmemory", "maxmemory-policy", "maxclients"),
}
INFO = {
    *("redis_version", "valkey_version", "uptime_in_seconds", "connected_clients", "maxclients", "loading"),
    *("used_memory", "maxmemory", "role", "cluster_enabled"),
    *("rdb_last_bgsave_status", "aof_enabled", "aof_last_write_status"),
}


def settings(unit, mask):
    """Settings of redis.conf that matter here, and where its log ends. Passwords are none of them."""
    argv = unit.get("exec_argv") or []
    valkey = os.path.basename(argv[0] if argv else "").startswith("valkey")
    usual = "/etc/valkey/valkey.conf" if valkey else "/etc/redis/redis.conf"
    path = next((word for word in argv[1:] if word.startswith("/")), usual)
    found = {"path": path}
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            for line in handle:
                name, _sep, value = line.strip().partition(" ")
                if name in SETTINGS:
                    found[name] = value.strip().strip('"')
    except OSError as err:
        found["problem"] = "%s: %s" % (path, err.strerror)
    if unit.get("found") and not unit.get("active") and found.get("logfile"):
        found["log"] = log(found, mask)
    return found


def log(settings, mask, lines=JOURNAL_LINES):
    try:
        text = probes.tail(settings.get("logfile") or "", 8192)
    except OSError:
        return []
    return [mask.text(line)[:300] for line in text.splitlines() if line.strip()][-lines:]


def files(settings, user):
    found = {}
    if settings.get("tls-cert-file"):
        path = settings["tls-cert-file"]
        found["redis_server"] = certificate(path, settings.get("tls-key-file", ""), user)
        found["redis_server"]["fingerprint"] = fingerprint_of(path)
    if settings.get("tls-ca-cert-file"):
        issuers = [one["issuer"] for one in found.values() if "issuer" in one]
        found["redis_ca"] = authority(settings["tls-ca-cert-file"], user, issuers)
    for name in ("aclfile", "dir"):
        if os.path.isabs(settings.get(name, "")):
            found["redis_" + name] = {"path": settings[name], "way": access(settings[name], user)}
    return found


def fingerprint_of(path):
    try:
        return fingerprint(_certificate.pem_to_der(_tls.first_pem(path)))
    except (_tls.FileProblem, ValueError, OSError):
        return None


def with_context(answer, settings, mask):
    """Beside a connection that Redis closes: who holds connections, and its log. It gives no reason itself."""
    if answer and answer.get("cause") in ("closed", "tls_failed", "maxclients", "error_reply"):
        ports = [int(settings[name]) for name in ("tls-port", "port") if settings.get(name, "").isdigit()]
        answer["clients"] = network.peers_of([port for port in ports if port] or [6379])
        answer["log"] = log(settings, mask, 5)
    return answer


def admin(target, user, password, settings):
    """What an account that manages ACL users finds out, such as the cause of WRONGPASS."""
    if target.tls:
        usable_files(target)
    with _redis.Client(target) as client:
        digest = hashlib.sha256(password.encode("utf-8")).hexdigest()
        try:
            return {
                "ok": True,
                "acl": _redis.refine_login(client, user or "default", digest),
                "info": info(client),
                "cluster": fields(call(client, "CLUSTER", "INFO")),
                "nodes": cluster_nodes(call(client, "CLUSTER", "NODES")),
            }
        except _redis.RedisProblem as err:
            return busy(client, err, settings)


def busy(client, error, settings):
    """The script or function that Redis runs; all that is asked is FUNCTION STATS, which Redis answers meanwhile.

    Its arguments are left out, they are data. Of a script Redis tells the SHA1 of its text, and that in its log only.
    """
    if error.cause != "busy":
        raise error
    kind = next((one for one in ("function", "module") if one in str(error).lower()), "script")
    found = {"ok": False, "cause": "busy", "text": str(error), "kind": kind}
    with contextlib.suppress(_redis.ReplyError, _redis.RedisProblem, TypeError):
        stats = pairs(client.call("FUNCTION", "STATS"))
        running = pairs(stats["running_script"])
        return dict(found, name=running["name"], runs_for=running["duration_ms"] / 1000.0)
    started = SLOW_SCRIPT.findall(log_of(settings))
    if started:
        at, waited, name = started[-1]
        with contextlib.suppress(ValueError):
            logged = time.mktime(time.strptime(at, "%d %b %Y %H:%M:%S"))
            found.update(name=name, runs_for=max(0.0, time.time() - logged + int(waited) / 1000.0))
    return found


def pairs(reply):
    return dict(zip(reply[::2], reply[1::2]))


def log_of(settings):
    """The end of the log, wherever it goes."""
    if not settings.get("logfile"):
        return "\n".join(line for unit in _redis.UNITS for line in _journal.messages(unit, since="-1d"))
    with contextlib.suppress(OSError):
        return probes.tail(settings["logfile"], 65536)
    return ""


def usable_files(target):
    """FileProblem for files that cannot be loaded; whether Redis takes an old certificate is for Redis to say."""
    try:
        advice.check_files(target)
    except _tls.FileProblem as err:
        if not re.search(r"expired on|not valid yet", str(err)):
            raise


def call(client, *words):
    """The reply; None for an error, but for the one that every command gets. A login is let through meanwhile."""
    try:
        return client.call(*words)
    except _redis.ReplyError as err:
        if str(err).startswith("BUSY"):
            raise _redis.from_reply(client.target, str(err)) from None
    except _redis.RedisProblem:
        pass
    return None


def info(client):
    return {name: value for name, value in fields(call(client, "INFO")).items() if name in INFO}


def fields(text):
    return dict(line.split(":", 1) for line in (text or "").splitlines() if ":" in line and not line.startswith("#"))


def cluster_nodes(text):
    rows = [line.split() for line in (text or "").splitlines()]
    return [{"address": row[1].split("@")[0], "flags": row[2], "link": row[7]} for row in rows if len(row) > 7]
