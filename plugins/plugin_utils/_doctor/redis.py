# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for Redis itself: its process, its address, its certificate, its cluster. Private."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ...module_utils import _redis
from .._settings._core import bracket
from .findings import Symptom, finding
from .fixes import by_hand, copy_of, not_owned, on, owned_by, playbook, renew, unreadable
from .stack import date, number, sans_with, shows, size

CERT_WARNING_DAYS = 30
RELOAD_SECONDS = 3600  # a file that is valid so much longer was renewed
BUS_OFFSET = 10000  # the cluster bus listens this far above the port for clients
LOG_TELLS = re.compile(r"#|error|fail|bad|fatal|can't|no such", re.I)


def runs(stack, name):
    """Whether there is evidence of Redis, and systemd does not say that it is down."""
    unit = stack.redis_unit(name)[1]
    return bool(stack.evidence(name, "redis")) and (not unit["found"] or unit["active"])


def files_of(stack, name):
    """Files of Redis and of its exporter, by their usage."""
    return dict(stack.evidence(name, "redis", "files"), **stack.evidence(name, "exporter", "files"))


# ------------------------------------------------------------------------------------------------------- not running


def data(stack, name):
    """Data that Redis may not change, as after a restore by root."""
    found, (unit_name, unit) = stack.evidence(name, "redis", "data"), stack.redis_unit(name)
    if found.get("count"):
        again = "; sudo systemctl reset-failed %s; sudo systemctl restart %s" % (unit_name, unit_name)
        fix = on(name, owned_by(found) + ("" if unit.get("active") else again))
        facts = {"user": found["user"], "place": found["path"]}
        yield finding("redis_data", name, not_owned(found), [fix], **facts)


def down(stack, name):
    if not stack.evidence(name, "redis") or runs(stack, name):
        return
    unit_name, unit = stack.redis_unit(name)
    settings = stack.evidence(name, "redis", "settings")
    log = list(settings.get("log") or []) + list(unit.get("journal") or [])
    state = "%s is %s (%s, exit status %d)" % (unit_name, unit["state"], unit["result"], unit["exit_status"])
    if unit["state"] == "inactive" and unit["result"] == "success":
        yield finding("redis_stopped", name, [state], [on(name, "sudo systemctl start %s" % unit_name)])
        return
    if stack.has_error(name, ("redis",)):  # its data is not its own
        return
    seen = [state] + [line for line in log if LOG_TELLS.search(line)][-2:]
    # systemd refuses a unit that it started five times in ten seconds, fixed or not, until that is reset.
    again = "sudo systemctl reset-failed %s && sudo systemctl restart %s" % (unit_name, unit_name)
    start = on(name, again)
    by_files = list(down_by_files(stack, name, unit, seen, start))
    line = re.search(r"at line (\d+)", "\n".join(log))
    if by_files:
        yield from by_files
    elif line and unit["exit_status"] == 1:
        path = settings.get("path", "/etc/redis/redis.conf")
        named = re.search(r">>> '([^' ]+)", "\n".join(log))
        fix = on(name, "sudo sed -i '%ss/^/# /' %s && %s" % (line.group(1), path, again))
        directive = " (%s)" % named.group(1) if named else ""
        yield finding("redis_bad_config", name, seen, [fix], line=line.group(1), path=path, directive=directive)
    else:
        yield finding("redis_crashes", name, seen, [start], reason=unit.get("reason") or "see its log")


def down_by_files(stack, name, unit, seen, start):
    """The first file that keeps Redis from starting."""
    files = stack.evidence(name, "redis", "files")
    for usage in ("redis_server", "redis_ca", "redis_aclfile"):
        found = files.get(usage) or {}
        said = list(unreadable("redis_files_unreadable", name, found, unit["user"], seen, start)) if found else []
        problem = found.get("problem")
        if said:
            yield from said
        elif problem and usage == "redis_ca":
            yield finding("redis_ca_file", name, [problem] + seen, [copy_of(stack, name, found), start])
        elif problem:
            ident = "redis_key_mismatch" if "does not match" in problem else "redis_cert_file"
            yield finding(ident, name, [problem] + seen, [renew(name, found, "server"), start])
        if said or problem:
            return


# ----------------------------------------------------------------------------------------------------------- running


def answer(stack, name):
    """What Redis says to the settings that are wanted; what the exporter's own say is the exporter's matter."""
    if not runs(stack, name):
        return
    unit_name, unit = stack.redis_unit(name)
    found = stack.evidence(name, "redis", "admin") or stack.evidence(name, "redis", "account")
    cause, text = (None, "") if found.get("ok") else (found.get("cause"), found.get("text", ""))
    state = (unit.get("process") or {}).get("state", "")
    process = "process %d is in state %s" % (unit.get("pid", 0), state or "unknown")
    restart = on(name, "sudo systemctl restart %s" % unit_name)
    if state == "T":
        resume = on(name, "sudo kill -CONT %d" % unit["pid"])
        why = ": its process is stopped (SIGSTOP)"
        yield finding("redis_hung", name, [process + " (stopped)", text], [resume], why=why)
    elif cause == "hung":
        yield hung(name, state, [text, process], restart)
    elif cause == "busy":
        yield script(stack, name, found, [text, process])
    elif cause in ("refused", "unreachable", "connect_timeout", "name_unknown"):
        yield from elsewhere(stack, name, text)
    elif cause in ("expired", "not_yet_valid", "name_mismatch", "untrusted_ca", "bad_certificate"):
        yield from certificate(stack, name, cause, text, restart)
    elif cause == "plaintext_port":
        yield plaintext(stack, name, text, restart)
    elif cause in ("maxclients", "closed", "tls_failed"):
        yield breaks_off(stack, name, found, restart)
    elif cause == "loading":
        yield finding("redis_loading", name, [text], [by_hand("wait until it has loaded, then run again")])


def hung(name, state, seen, restart):
    """A process that computes is in the middle of one command, and a restart may lose what was written."""
    wait = by_hand("wait a minute and run again: a command, or a script in its first seconds, ends by itself; if not:")
    fix, why = ([wait, restart], ": one command takes all its time") if state == "R" else ([restart], "")
    return finding("redis_hung", name, seen, fix, why=why)


def script(stack, name, found, seen):
    """A script or function that runs longer than busy-reply-threshold. Until it writes something, it can be ended."""
    kind, known, seconds = found["kind"], found.get("name"), found.get("runs_for")
    what = "the %s %s" % (kind, known) if known else "a %s" % kind
    if known and kind == "script":
        seen = seen + ["%s is the SHA1 of its text: printf %%s TEXT | sha1sum" % known]
    how_long = " for %d s" % seconds if seconds is not None else ""
    cli, unit_name = redis_cli(stack, name), stack.redis_unit(name)[0]
    end = on(name, "%s SHUTDOWN NOSAVE; sudo systemctl start %s" % (cli, unit_name))
    facts = (kind, "" if kind == "module" else " (UNKILLABLE)")
    text = (
        "if it has written already, Redis does not end the %s%s: wait for its end, or stop Redis without a snapshot,"
        " which loses what was written since the last one where the append-only file is off:" % facts
    )
    kill = {"script": "SCRIPT KILL", "function": "FUNCTION KILL"}.get(kind)
    fix = [on(name, "%s %s" % (cli, kill))] if kill else []
    return finding("redis_script", name, seen, [*fix, by_hand(text, otherwise=end)], what=what, how_long=how_long)


def program(stack, name):
    """What Redis is called here: redis, or valkey."""
    return "valkey" if stack.redis_unit(name)[0].startswith("valkey") else "redis"


def conf(stack, name):
    return program(stack, name) + ".conf"


def redis_cli(stack, name):
    """redis-cli or valkey-cli as an administrator, who types the password, with the files of the exporter."""
    uses = stack.evidence(name, "exporter", "uses")
    place = urlsplit(uses.get("addr") or stack.wanted(name, "redis_addr", ""))
    where = (program(stack, name), place.hostname or "127.0.0.1", place.port or 6379)
    words = ["sudo %s-cli -h %s -p %d" % where]
    if place.scheme == "rediss":
        files = (("cacert", "ca_file"), ("cert", "cert_file"), ("key", "key_file"))
        words += ["--tls"] + ["--%s %s" % (flag, uses[key]) for flag, key in files if uses.get(key)]
    words += ["--user %s --askpass" % (stack.wanted(name, "acl_admin_user") or "ADMIN")]
    return " ".join(words)


def plaintext(stack, name, text, restart):
    """The port that the exporter asks speaks no TLS; the certificate may be there all the same."""
    settings = stack.evidence(name, "redis", "settings")
    port = urlsplit(stack.wanted(name, "redis_addr", "")).port or 6379
    tls, plain = settings.get("tls-port", "not set"), settings.get("port", "not set")
    fix = by_hand("set tls-port and the certificate in %s, and port 0" % conf(stack, name))
    if settings.get("tls-cert-file") and settings.get("path"):
        path = settings["path"]
        edit = "sudo sed -i -e '/^port /d' -e '/^tls-port /d' %s && printf 'port 0\\ntls-port %d\\n' | sudo tee -a %s"
        fix = on(name, edit % (path, port, path) + " && " + restart["run"])
    seen = [text, "%s: tls-port %s, port %s" % (conf(stack, name), tls, plain)]
    return finding("redis_plaintext", name, seen, [fix])


def breaks_off(stack, name, found, restart):
    """Redis ends a connection without a word: with TLS that is what it does beyond maxclients."""
    log = [line for line in found.get("log") or [] if re.search(r"Error accepting|SSL|TLS", line)]
    if found["cause"] == "maxclients" or found["cause"] == "closed" and not log:
        return maxclients(stack, name, found, restart)
    return finding("redis_handshake", name, [found["text"], *log[-2:]], [restart])


def maxclients(stack, name, found, restart):
    settings = stack.evidence(name, "redis", "settings")
    clients = found.get("clients") or {}
    holders = ["%(count)d from %(address)s" % one for one in clients.get("most") or []]
    allowed = settings.get("maxclients", "not set (10000)")
    seen = [found["text"], "maxclients in %s: %s" % (conf(stack, name), allowed)]
    if holders:
        seen.append("%d connections are open: %s" % (clients["all"], ", ".join(holders)))
    path, limit = settings.get("path"), number(settings.get("maxclients")) or 10000
    fix = [restart]
    if path and limit < 10000:
        facts = (path, path, restart["run"])
        fix = [on(name, "sudo sed -i '/^maxclients /d' %s && echo 'maxclients 10000' | sudo tee -a %s && %s" % facts)]
    if clients.get("all", 0) >= 1000:
        fix.append(by_hand("find what opens so many connections (those above) before it does so again"))
    return finding("redis_maxclients", name, seen, fix)


def elsewhere(stack, name, text):
    """Redis runs, but not where the exporter asks."""
    addr = stack.wanted(name, "redis_addr", "")
    port = urlsplit(addr).port or 6379
    sockets = [one for one in stack.listening(name) if one["program"].startswith(_redis.PROGRAMS)]
    sockets = [one for one in sockets if one["port"] - BUS_OFFSET not in {other["port"] for other in sockets}]
    unit_name, unit = stack.redis_unit(name)
    if not sockets and unit["found"]:
        yield finding("redis_stopped", name, [text], [on(name, "sudo systemctl start %s" % unit_name)])
    elif not sockets:
        seen = [text, "there is no unit %s, and no process of Redis or Valkey listens" % " or ".join(_redis.UNITS[::2])]
        fix = by_hand("install Redis on %s, or take it out of the group redis of the inventory" % name)
        yield finding("redis_missing", name, seen, [fix])
    else:
        first = min(sockets, key=lambda one: one["port"] != port)
        right = "%s://%s:%d" % (addr.partition("://")[0] or "rediss", bracket(first["address"]), first["port"])
        words = "set redis_exporter_redis_addr: %s for %s" % (right, name)
        setting = by_hand(words, set={"redis_exporter_redis_addr": right}, host=name)
        seen = [text, "bind %s" % stack.evidence(name, "redis", "settings").get("bind", "(not set)")]
        where = ", ".join("%s:%d" % (one["address"], one["port"]) for one in sockets)
        fix = [setting, playbook(stack, "exporters", name)]
        yield finding("redis_other_address", name, seen, fix, where=where, addr=addr)


# ------------------------------------------------------------------------------------------------------- certificate


def certificate(stack, name, cause, text, restart):
    shown = stack.evidence(name, "redis", "shown")
    stored = stack.evidence(name, "redis", "files", "redis_server") or {"path": "the certificate of Redis"}
    seen = [text, shows(shown)]
    if is_other(stored, shown):
        yield finding("redis_cert_not_loaded", name, [*seen, holds(stored)], [restart])
    elif cause == "expired":
        yield finding("redis_cert_expired", name, seen, [renew(name, stored, "server"), restart])
    elif cause == "not_yet_valid":
        fix = [on(name, "sudo timedatectl set-ntp true")]
        if shown and shown["not_before"] > stack.time:
            fix = [renew(name, stored, "server"), restart]
        yield finding("redis_cert_not_yet_valid", name, seen, fix)
    elif cause == "name_mismatch":
        asked = urlsplit(stack.wanted(name, "redis_addr", "")).hostname or "127.0.0.1"
        sans = sans_with(shown, asked, stack.address(name))  # its peers and the probe ask for the address
        yield finding("redis_cert_name", name, seen, [renew(name, stored, "server", sans), restart], name=asked)
    else:
        yield untrusted(stack, name, shown, stored, seen, restart)


def is_other(stored, shown):
    """Whether the file holds a usable certificate that Redis does not show."""
    other = stored.get("fingerprint") and shown and stored["fingerprint"] != shown.get("fingerprint")
    return bool(other) and not stored.get("problem") and stored.get("days_left", 0) > 0


def holds(stored):
    return "%s holds another one, valid until %s" % (stored["path"], date(stored["not_after"]))


def untrusted(stack, name, shown, stored, seen, restart):
    trusted = stack.evidence(name, "exporter", "files", "exporter_ca")
    own = stack.evidence(name, "redis", "files", "redis_ca")
    if trusted:
        seen.append("the exporter trusts %s (%s)" % (trusted.get("subject", "nobody"), trusted["path"]))
    if trusted.get("path") and shown and own.get("subject") == shown["issuer"] != trusted.get("subject"):
        command = "sudo cp %s %s && sudo systemctl restart redis_exporter" % (own["path"], trusted["path"])
        return finding("exporter_ca_wrong", name, seen, [on(name, command)])
    stored = dict(stored, issuer=trusted.get("subject"))
    return finding("redis_cert_untrusted", name, seen, [renew(name, stored, "server"), restart])


def next_start(stack, name):
    """What the next start would fail by, while Redis still runs."""
    if not runs(stack, name):
        return
    unit_name, unit = stack.redis_unit(name)
    if unit["found"] and not unit.get("enabled", True):
        enable = on(name, "sudo systemctl enable %s" % unit_name)
        yield finding("redis_disabled", name, ["%s is not enabled" % unit_name], [enable])
    found = stack.evidence(name, "redis", "files", "redis_server")
    problem = found.get("problem")
    if problem and "expired" not in problem and not stack.has_error(name, ("redis", "redis_tls")):
        yield finding("redis_files_broken", name, [problem], [renew(name, found, "server")])


def not_loaded(stack, name):
    """A renewed certificate that Redis does not show yet, while the old one is still valid."""
    if not runs(stack, name) or stack.has_error(name, ("redis", "redis_tls")):
        return
    shown = stack.evidence(name, "redis", "shown")
    stored = stack.evidence(name, "redis", "files", "redis_server")
    if is_other(stored, shown) and stored["not_after"] - shown["not_after"] > RELOAD_SECONDS:
        restart = on(name, "sudo systemctl restart %s" % stack.redis_unit(name)[0])
        days = (shown["not_after"] - stack.time) / 86400
        yield finding("redis_cert_renewed", name, [shows(shown), holds(stored)], [restart], days=days)


def keys_readable(stack, name):
    """chmod 644 *.pem, which the old runbook advised: it fixes nothing and gives the keys away."""
    if not runs(stack, name):
        return
    known = set()
    for found in files_of(stack, name).values():
        path, access = found.get("key_path"), found.get("key_way") or {}
        steps = access.get("steps") or []
        reached = steps and not access.get("missing") and access.get("stopped_at") is None
        if reached and path not in known and all(int(one["mode"], 8) & (4 if one is steps[-1] else 1) for one in steps):
            known.add(path)
            seen = "%s is %s %s:%s" % (path, steps[-1]["mode"], steps[-1]["owner"], steps[-1]["group"])
            yield finding("key_readable", name, [seen], [on(name, "sudo chmod o-rwx %s" % path)], path=path)


def expiring(stack, name):
    if not runs(stack, name):
        return
    for usage, found in sorted(files_of(stack, name).items()):
        days = found.get("days_left")
        if days is not None and 0 < days < CERT_WARNING_DAYS:
            seen = "valid until %s, issued by %s" % (date(found["not_after"]), found["issuer"])
            fix = renew(name, found, "client" if usage == "exporter_client" else "server")
            yield finding("cert_expiring", name, [seen], [fix], path=found["path"], days=days)


# ------------------------------------------------------------------------------------------------------------ inside


def memory_full(stack, name):
    info = of_admin(stack, name).get("info", {})
    used, limit = number(info.get("used_memory")), number(info.get("maxmemory"))
    if limit and used > limit * 0.95:
        seen = "used_memory %s of maxmemory %s" % (size(used), size(limit))
        fix = by_hand("raise maxmemory in %s, or let keys expire" % conf(stack, name))
        yield finding("redis_memory_full", name, [seen], [fix])


def persistence(stack, name):
    info = of_admin(stack, name).get("info", {})
    usual = "/var/log/{0}/{0}-server.log".format(program(stack, name))
    log = stack.evidence(name, "redis", "settings").get("logfile") or usual
    for key, what in (("rdb_last_bgsave_status", "snapshot"), ("aof_last_write_status", "append-only file")):
        if info.get(key) == "err":
            yield Symptom(
                "Redis on %s cannot write its %s" % (name, what),
                lambda one: one.ident.startswith(("disk_", "redis_data")) and one.host == name,
                [finding("redis_persistence", name, [key + ":err"], [on(name, "sudo tail -n 20 %s" % log)], what=what)],
            )


def cluster(stack):
    """The cluster as its nodes see it: a consequence of the node that is down, or a finding."""
    hops = ("host", "redis", "redis_tls", "network")
    for name in stack.nodes:
        admin = of_admin(stack, name)
        state = admin.get("cluster", {})
        if state.get("cluster_state") != "fail":
            continue
        failed = ["%(address)s (%(flags)s)" % one for one in admin.get("nodes", []) if "fail" in one["flags"]]
        slots = "%s of 16384 slots served" % state.get("cluster_slots_ok", "?")
        assigned = "assigned: %s" % state.get("cluster_slots_assigned", "?")
        seen = ["cluster_state:fail, %s, %s" % (slots, assigned), "failed nodes: %s" % (", ".join(failed) or "none")]
        command = "%s-cli --cluster fix" % program(stack, name)
        fix = by_hand("bring the failed nodes back, or give their slots to others (%s)" % command)
        mates = [one for one in stack.nodes if stack.cluster(one) == stack.cluster(name)]
        yield Symptom(
            "the cluster is in state fail as %s sees it (%s)" % (name, slots),
            lambda one, mates=mates: one.hop in hops and one.host in mates,
            [finding("cluster_fail", name, seen, [fix])],
        )


def of_admin(stack, name):
    """What Redis answers to an administrator."""
    admin = stack.evidence(name, "redis", "admin") if runs(stack, name) else {}
    return admin if admin.get("ok") else {}
