# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for redis_exporter: its unit, its settings, its files, its ACL user, and its answer. Private."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from .findings import Symptom, finding
from .fixes import by_hand, copy_of, exporter_again, exporter_sans, on, playbook, renew, unreadable
from .stack import at, date

UNIT = "redis_exporter.service"
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104
JOURNAL_TELLS = re.compile(r"fatal|error|not defined|panic|bind:")
FILES = {
    "exporter_ca": "CA file",
    "exporter_client": "client certificate",
    "exporter_server": "server certificate",
    "exporter_password": "password file",
}
LOGIN_CAUSES = ("wrongpass", "user_unknown", "user_disabled", "auth_required", "no_password_set")
LOGIN_FINDINGS = {
    "user_unknown": "acl_user_missing",
    "user_disabled": "acl_user_off",
    "wrongpass": "acl_wrong_password",
}


def runs(stack, name):
    return bool(stack.evidence(name, "exporter")) and stack.unit(name, UNIT).get("active") and not hangs(stack, name)


def hangs(stack, name):
    return (stack.unit(name, UNIT).get("process") or {}).get("state") == "T"


def restart_of(name):
    return on(name, "sudo systemctl restart redis_exporter")


# ------------------------------------------------------------------------------------------------------------- unit


def unit(stack, name):
    found = stack.unit(name, UNIT)
    if not stack.evidence(name, "exporter"):
        return
    if found.get("load_state") == "masked" and not found["found"]:
        command = "sudo systemctl unmask redis_exporter && sudo systemctl restart redis_exporter"
        yield finding("exporter_masked", name, ["systemctl: LoadState=masked"], [on(name, command)])
    elif not found["found"]:
        yield finding("exporter_missing", name, ["there is no unit %s" % UNIT], exporter_again(stack, name))
    elif not found["active"]:
        yield down(stack, name, found, stack.evidence(name, "exporter", "uses"))
    elif hangs(stack, name):
        seen = "process %d is in state T (stopped)" % found["pid"]
        yield finding("exporter_hung", name, [seen], [on(name, "sudo kill -CONT %d" % found["pid"])])


def down(stack, name, found, uses):
    facts = (UNIT, found["state"], found["result"], found["exit_status"], found["restarts"])
    seen = ["%s is %s (%s, exit status %d, restarted %d times)" % facts]
    if found["state"] == "inactive" and found["result"] == "success":
        return finding("exporter_stopped", name, seen, [on(name, "sudo systemctl start redis_exporter")])
    seen += [line for line in found.get("journal") or [] if JOURNAL_TELLS.search(line)][-2:]
    seen += ["a drop-in changes the unit: %s" % one for one in found.get("drop_ins") or []]
    for usage, stored in stack.evidence(name, "exporter", "files").items():
        broken = file_problem(stack, name, usage, stored, seen)
        if broken:
            return broken
    reason = found.get("reason") or ""
    again = exporter_again(stack, name, found)
    flag = re.search(r"the flag ([\w.-]+)", reason)
    if flag and "exit status 2" in reason:
        return bad_flag(stack, name, flag.group(1), seen, again)
    if "port is taken" in reason:
        return port_taken(stack, name, uses, seen)
    if "address it shall listen on" in reason:
        return finding("exporter_address", name, seen, again, listen=uses.get("listen"))
    if found["exit_status"] == 203:
        return finding("exporter_program", name, seen + [reason], again)
    return finding("exporter_crashes", name, seen, again, reason=reason or "see its journal")


def bad_flag(stack, name, flag, seen, again):
    if flag in (stack.wanted(name, "flags") or {}):
        text = "remove %s from redis_exporter_flags" % flag
        again = [by_hand(text, unset={"redis_exporter_flags": flag}, host=name)] + exporter_again(stack, name)
    seen = seen + ["exit status 2, which systemd calls INVALIDARGUMENT"]
    return finding("exporter_bad_flag", name, seen, again, flag=flag)


def port_taken(stack, name, uses, seen):
    port, restart = uses.get("port", 9121), restart_of(name)
    owner = next(iter(stack.listening(name, port=port)), None)
    if not owner:
        return finding("exporter_port_taken", name, seen, [restart], port=port, who="another program")
    who = "%s (process %d)" % (owner["program"], owner["pid"])
    seen = seen + ["%s:%d is open by %s" % (owner["address"], port, who)]
    command = "sudo kill %d && sleep 1 && %s" % (owner["pid"], restart["run"])
    return finding("exporter_port_taken", name, seen, [on(name, command)], port=port, who=who)


# ------------------------------------------------------------------------------------------------------------ files


def file_problem(stack, name, usage, found, seen):
    """The finding of a file of the exporter that cannot work; None for one that can."""
    restart = restart_of(name)
    user = stack.evidence(name, "exporter", "uses").get("reader") or stack.unit(name, UNIT).get("user", "")
    for one in unreadable("exporter_files_unreadable", name, found, user, seen, restart):
        return one
    missing = found["way"].get("missing") or (found.get("key_way") or {}).get("missing")
    if missing:
        return file_missing(stack, name, usage, found, missing, seen)
    problem = found.get("problem")
    if not problem:
        return None
    if "not valid yet" in problem:
        return not_yet_valid(stack, name, usage, found, seen)
    ident = "exporter_tls_file"
    if "expired" in problem:
        ident = "exporter_cert_expired"
    elif "does not match" in problem:
        ident = "exporter_key_mismatch"
    return finding(ident, name, [problem] + seen, [new_file(stack, name, usage, found), restart], what=FILES[usage])


def file_missing(stack, name, usage, found, missing, seen):
    error = found["way"].get("error") or found["key_way"]["error"]
    path = found["path"] if found["way"].get("missing") else found["key_path"]
    if usage == "exporter_password":
        return finding("exporter_password_missing", name, seen, [playbook(stack, "exporters", name)], path=path)
    fix = [new_file(stack, name, usage, found), restart_of(name)]
    seen = ["%s: %s" % (missing, error)] + seen
    return finding("exporter_tls_file_missing", name, seen, fix, what=FILES[usage], path=path)


def not_yet_valid(stack, name, usage, found, seen):
    """A certificate from the future, or a clock in the past."""
    begins = found.get("not_before")
    first = "%s is valid from %s on" % (found["path"], date(begins)) if begins else found["problem"]
    fix = [on(name, "sudo timedatectl set-ntp true && sudo systemctl restart redis_exporter")]
    if begins and begins > stack.time:
        fix = [new_file(stack, name, usage, found), restart_of(name)]
    return finding("exporter_cert_not_yet_valid", name, [first] + seen, fix, what=FILES[usage])


def new_file(stack, name, usage, found):
    if usage == "exporter_ca":
        return copy_of(stack, name, found, (stack.evidence(name, "redis", "shown") or {}).get("issuer", ""))
    if usage == "exporter_client":
        trusted = stack.evidence(name, "redis", "files", "redis_ca").get("subject")
        return renew(name, dict(found, issuer=found.get("issuer") or trusted), "client")
    return renew(name, found, "server", exporter_sans(stack, name))


# --------------------------------------------------------------------------------------------------------- settings


def settings(stack, name):
    if not runs(stack, name):
        return
    found, uses = stack.unit(name, UNIT), stack.evidence(name, "exporter", "uses")
    again = exporter_again(stack, name, found)
    said = stack.evidence(name, "redis", "account")
    if said.get("cause") == "tls_port":
        yield wrong_scheme(stack, name, uses, said, again)
    if uses.get("skip_tls_verification"):
        fix = by_hand(
            "give Redis' certificate the SAN of the address the exporter asks, "
            "and set redis_exporter_skip_tls_verification: false"
        )
        seen = "--skip-tls-verification is set"
        yield finding("exporter_unverified", name, [seen], [fix] + exporter_again(stack, name))
    if uses.get("installed") and said.get("ok"):
        yield from another(stack, name, uses, again)
    if uses.get("password_in_argv"):
        seen = "--redis.password is among the arguments of process %d" % found["pid"]
        yield finding("exporter_password_shown", name, [seen], again)
    listen, right = uses.get("listen"), uses.get("wanted_listen")
    flag = "--web.listen-address=%s:%d" % (listen, uses.get("port", 0))
    if listen and right and listen != right and listen not in ANYWHERE:
        yield finding("exporter_other_address", name, [flag], again, listen=listen, right=right)
    elif uses and uses.get("port") != stack.wanted(name, "port", uses.get("port")):
        right = stack.wanted(name, "port")
        yield finding("exporter_other_port", name, [flag], again, port=uses["port"], right=right)


def another(stack, name, uses, again):
    """It works, and watches another Redis, or is somebody else there, than the inventory says."""
    addr, right = uses.get("addr"), stack.wanted(name, "redis_addr")
    if right and "://" in addr and not same_redis(stack, name, addr, right):
        yield other_redis(name, addr, right, [], again)
    user, own = uses.get("user", ""), stack.wanted(name, "redis_user", "")
    if own and user != own:
        seen = "the running exporter has --redis.user=%s" % user
        yield finding("exporter_other_user", name, [seen], again, user=user or "default", right=own)


def other_redis(name, addr, right, seen, again):
    text = "the running exporter has --redis.addr=%s, and redis_exporter_redis_addr is %s" % (addr, right)
    return finding("exporter_other_redis", name, [*seen, text], again, addr=addr, right=right)


def same_redis(stack, name, one, other):
    """Whether two addresses lead to the same port of this host."""
    own = ("127.0.0.1", "::1", "localhost", stack.address(name))
    places = [(urlsplit(addr).hostname, urlsplit(addr).port or 6379) for addr in (one, other)]
    return len({(None if host in own else host, port) for host, port in places}) == 1


def wrong_scheme(stack, name, uses, said, again):
    found = stack.evidence(name, "redis", "settings")
    seen = ["the running exporter has --redis.addr=%s" % uses["addr"], said.get("text", "")]
    if found.get("tls-port"):
        seen.append("redis.conf: tls-port %s, port %s" % (found["tls-port"], found.get("port", "6379")))
    if stack.wanted(name, "redis_addr") == uses["addr"]:
        right = re.sub(r"^\w+://", "rediss://", uses["addr"])
        text = "set redis_exporter_redis_addr: %s" % right
        again = [by_hand(text, set={"redis_exporter_redis_addr": right}, host=name)] + again
    return finding("exporter_scheme", name, seen, again)


# ---------------------------------------------------------------------------------------------------------- account


def account(stack, name):
    """What Redis says to the exporter: its own settings first, then the ACL user."""
    if not runs(stack, name) or stack.has_error(name, ("host", "redis")):
        return
    found, uses = stack.unit(name, UNIT), stack.evidence(name, "exporter", "uses")
    said, admin = stack.evidence(name, "redis", "account"), stack.evidence(name, "redis", "admin")
    cause, text = said.get("cause"), said.get("text", "")
    addr, right = uses.get("addr", ""), stack.wanted(name, "redis_addr", "")
    again = exporter_again(stack, name, found)
    if cause not in (None, "tls_port", "files") and admin.get("ok") and not same_redis(stack, name, addr, right):
        # Whatever the other one says: it is not the one that is meant, and the password is not for it.
        yield other_redis(name, addr, right, [text], again)
    elif cause in LOGIN_CAUSES:
        yield login(stack, name, uses, admin, text)
    elif cause == "noperm" or said.get("denied"):
        yield rights(stack, name, said, text)
    elif cause in ("client_cert_required", "client_cert_refused"):
        yield client_certificate(stack, name, text)
    elif cause == "files":
        yield account_files(stack, name, text)
    elif cause in ("expired", "name_mismatch", "untrusted_ca") and admin.get("ok"):
        yield finding("exporter_settings", name, [text], again)


def client_certificate(stack, name, text):
    found = stack.evidence(name, "exporter", "files", "exporter_client")
    trusted = stack.evidence(name, "redis", "files", "redis_ca").get("subject", "its own CA")
    seen = [text, "issued by %s, and Redis trusts %s" % (found.get("issuer", "nobody"), trusted)]
    fix = exporter_again(stack, name)
    if found:
        fix = [renew(name, dict(found, issuer=trusted), "client"), restart_of(name)]
    return finding("exporter_client_cert_refused", name, seen, fix)


def account_files(stack, name, text):
    for usage, found in stack.evidence(name, "exporter", "files").items():
        broken = usage != "exporter_server" and file_problem(stack, name, usage, found, [text])
        if broken:
            return broken
    return finding("exporter_tls_file", name, [text], exporter_again(stack, name), what="TLS file")


def acl_fix(stack, name, words):
    """The role sets the ACL user where it may; else the line for who may."""
    if stack.wanted(name, "acl_manage", False):
        return playbook(stack, "exporters", name)
    return by_hand("as an administrator of Redis on %s: ACL SETUSER %s" % (name, words))


def login(stack, name, uses, admin, text):
    user = stack.wanted(name, "redis_user") or "default"
    acl = admin.get("acl") if admin.get("ok") else None
    if acl is None and admin.get("ok") and not uses.get("password_as_wanted"):
        path = stack.evidence(name, "exporter", "files", "exporter_password").get("path", "its command line")
        seen = [text, "the wanted password is the one that Redis knows, and %s holds another" % path]
        return finding("exporter_password_stale", name, seen, exporter_again(stack, name))
    rules = " ".join(stack.wanted(name, "acl_rules") or [])
    fix = acl_fix(stack, name, "%s reset on #<sha256 of the password> %s" % (user, rules))
    seen = [text, "ACL GETUSER %s: %s" % (user, acl.replace("_", " ")) if acl else ""]
    return finding(LOGIN_FINDINGS.get(acl, "acl_login_refused"), name, seen, [fix], user=user)


def rights(stack, name, said, text):
    user = stack.wanted(name, "redis_user") or "default"
    denied = said.get("denied") or []
    grant = " ".join(dict.fromkeys("+" + one["command"] for one in denied)) or "+info"
    lost = ", ".join("%s (without it no %s)" % (one["command"], one["lost"] or "metrics") for one in denied)
    seen = ["NOPERM for %s" % lost if lost else text]
    fix = acl_fix(stack, name, "%s %s" % (user, grant))
    return finding("acl_right_missing", name, seen, [fix], user=user, grant=grant)


# ----------------------------------------------------------------------------------------------------------- answer


def answer(stack, name):
    if not runs(stack, name):
        return
    found, metrics = stack.unit(name, UNIT), stack.evidence(name, "exporter", "metrics")
    stored = stack.evidence(name, "exporter", "files", "exporter_server")
    broken = stored and file_problem(stack, name, "exporter_server", stored, [])
    stale = ["newer than its process: %s" % one for one in found.get("newer_than_process") or []]
    if broken:
        yield broken
    elif not metrics:
        return
    elif not metrics["answered"]:
        yield silent(stack, name, metrics, stale)
    elif metrics.get("up") != 1:
        seen = ["redis_up %s at %s" % (metrics.get("up"), metrics["url"])] + stale
        otherwise = [finding("exporter_stale", name, seen, [restart_of(name)])]
        yield Symptom("redis_up is 0 on %s" % name, at(name), otherwise)
    else:
        yield from works(stack, name, found, metrics, stale)


def works(stack, name, found, metrics, stale):
    """Nothing is broken; what else is worth a warning."""
    if not found.get("enabled", True):
        fix = on(name, "sudo systemctl enable redis_exporter")
        yield finding("exporter_disabled", name, ["%s is not enabled" % UNIT], [fix])
    if stale:
        yield finding("exporter_restart_due", name, stale, [restart_of(name)])
    wanted, version = stack.wanted(name, "version"), metrics.get("version")
    if wanted and version and not re.match(r"%s(?![\d.])" % re.escape(wanted), version):
        seen = "redis_exporter_build_info at %s" % metrics["url"]
        again = exporter_again(stack, name)
        yield finding("exporter_version", name, [seen], again, found=version, wanted=wanted)


def silent(stack, name, metrics, stale):
    error = metrics["error"]
    seen = ["GET %s: %s" % (metrics["url"], error)]
    if "another certificate" in error:
        return finding("exporter_cert_not_loaded", name, seen, [restart_of(name)])
    if "refuses redis_exporter_web_username" in error:
        seen = ["GET %s: 401" % metrics["url"]] + stale
        return finding("exporter_web_password", name, seen, exporter_again(stack, name))
    text = "the exporter on %s gives no metrics (%s)" % (name, error)
    return Symptom(text, at(name), [finding("exporter_silent", name, seen, [restart_of(name)])])
