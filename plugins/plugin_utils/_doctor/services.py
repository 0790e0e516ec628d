# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for every service of the stack: its unit, its files, its configuration, its answer. Private."""

from __future__ import annotations

import re
import shlex
from urllib.parse import urlsplit

from .findings import ALL_SERVICES, SERVICES, Symptom, finding, of_service
from .fixes import by_hand, copy_of, not_owned, on, owned_by, renew, service_again
from .stack import by_file, date, sans_with, shows

EXPIRING_DAYS = 14  # from here on the certificate of a service is worth a warning
JOURNAL_TELLS = re.compile(r"err|fail|fatal|panic|unexpected|no space", re.I)
CONFIG_TELLS = re.compile(
    r"error loading config|parsing YAML|yaml: |Loading configuration file failed|failed to (load config|parse)", re.I
)
CERTIFICATES = {
    "expired": "cert_expired",
    "name_mismatch": "cert_name",
    "untrusted": "cert_untrusted",
    "not_yet_valid": "cert_not_yet_valid",
}


def unit_of(stack, host, service):
    return stack.unit(host, ALL_SERVICES[service].unit)


def state(stack, host, service):
    """What is the matter with a service, in a word: `works` where it can be asked further, "" for nothing known."""
    unit, ready = unit_of(stack, host, service), stack.evidence(host, service, "ready")
    answered, status = ready.get("answered"), ready.get("status", 500)
    if not stack.evidence(host, "units"):
        return ""
    if not unit["found"]:  # without systemd, or elsewhere, it may live all the same
        return "works" if answered and status < 500 else "absent"
    if not unit["active"]:
        return "down"
    if (unit.get("process") or {}).get("state") == "T":
        return "hung"
    if not ready:
        return ""
    if not answered:
        return "silent"
    if status in (401, 403):
        return "login_refused"
    return "not_ready" if status >= 500 else "works"


def works(stack, host, service):
    return state(stack, host, service) == "works"


def judge(stack, host, service):
    """Findings of the unit and of the answer of a service."""
    known = state(stack, host, service)
    unit, ready = unit_of(stack, host, service), stack.evidence(host, service, "ready")
    about = ALL_SERVICES[service]
    if unit["found"] and known not in ("down", "hung") and not unit.get("enabled", True):
        fix = on(host, "sudo systemctl enable %s" % about.unit)
        yield of_service(service, "disabled", host, ["%s is not enabled" % about.unit], [fix])
    if known in ("down", "silent", "not_ready") and any(by_data(host, service)(one) for one in stack.findings):
        yield Symptom("%s does not work" % about.title, by_data(host, service))
    elif known == "absent" and service in stack.expected:
        yield absent(stack, host, service, unit)
    elif known == "down" and not switched_off(stack, service, unit):
        yield down(stack, host, service, unit)
    elif known == "hung":
        seen = "process %d is in state T (stopped)" % unit["pid"]
        yield of_service(service, "hung", host, [seen], [on(host, "sudo kill -CONT %d" % unit["pid"])])
    elif known == "silent":
        yield silent(stack, host, service, unit, ready)
    elif known == "login_refused":
        seen = "GET %s: %d" % (ready["url"], ready["status"])
        yield of_service(service, known, host, [seen], service_again(stack, host, service))
    elif known == "not_ready":
        seen, restart = "GET %s: %d" % (ready["url"], ready["status"]), on(host, restart_of(service))
        yield of_service(service, known, host, [seen], [restart], said=ready.get("said", ""))
    elif known == "works" and unit["found"]:
        yield from restart_due(stack, host, service, unit)
        yield from expires_soon(stack, host, service, ready)


def switched_off(stack, service, unit):
    """Of monitoring_services left out, and of systemd's as well."""
    return service in SERVICES and service not in stack.expected and not unit.get("enabled", True)


def restart_of(service):
    return "sudo systemctl restart %s" % ALL_SERVICES[service].unit


def node_exporter(stack, host):
    """It runs on every host where a role put it; on the monitoring host as well."""
    if unit_of(stack, host, "node_exporter").get("found"):
        yield from judge(stack, host, "node_exporter")


# ------------------------------------------------------------------------------------------------------ handed files


def files(stack, monitor):
    """Files that systemd hands to the services: one that is empty, missing, expired, or not its key's."""
    for service, about in SERVICES.items():
        for name, found in stack.evidence(monitor, "handed", about.unit).items():
            lost = [one for one in (found.get("way"), found.get("key_way")) if one and one.get("missing")]
            problem = found.get("problem") or ("%(missing)s: %(error)s" % lost[0] if lost else "")
            path = found.get("path")
            known = any(one.host == monitor and one.facts.get("path") == path for one in stack.findings)
            if problem and path and not known:
                yield broken_file(stack, monitor, service, name, found, problem)


def broken_file(stack, host, service, name, found, problem):
    path = found["path"]
    seen = [problem, "%s is handed to %s as %s" % (path, ALL_SERVICES[service].unit, name)]
    restart = on(host, "sudo systemctl restart " + " ".join(given(stack, host, path)))
    fix = service_again(stack, host, service)
    if name.endswith("ca.crt"):
        fix = [copy_of(stack, host, found), restart]
    elif name.endswith(".crt"):
        urls = [urlsplit(url).hostname for url in (stack.hosts[host].get("urls") or {}).values()]
        sans = found.get("sans") or sans_with(None, host, *filter(None, urls))
        fix = [renew(host, found, "server" if name == "web.crt" else "client", sans), restart]
    kinds = {"expired": "cert_expired", "not valid yet": "cert_not_yet_valid"}
    what = next((kinds[one] for one in kinds if one in problem and name == "web.crt"), "file")
    return of_service(service, what, host, seen, fix, path=path)


def data(stack, monitor):
    """Data that its service may not change, as after a restore by root; the roles leave data alone."""
    for service, about in SERVICES.items():
        found = stack.evidence(monitor, "data", about.unit)
        if found.get("count"):
            again = "sudo systemctl reset-failed %s; sudo systemctl restart %s" % (about.unit, about.unit)
            fix = on(monitor, "%s; %s" % (owned_by(found), again))
            facts = {"user": found["user"], "place": found["path"]}
            yield of_service(service, "data", monitor, not_owned(found), [fix], **facts)


def by_data(host, service):
    return lambda one: one.host == host and one.ident == service + "_data"


def given(stack, host, path):
    """The units that are handed a file."""
    handed = stack.evidence(host, "handed")
    return sorted(unit for unit, files in handed.items() if any(one.get("path") == path for one in dicts(files)))


def dicts(files):
    return [one for one in files.values() if isinstance(one, dict)] if isinstance(files, dict) else []


# ------------------------------------------------------------------------------------------------------- unit states


def absent(stack, host, service, unit):
    name = ALL_SERVICES[service].unit
    if unit.get("load_state") == "masked":
        command = "sudo systemctl unmask %s && sudo systemctl start %s" % (name, name)
        return of_service(service, "masked", host, ["%s: LoadState=masked" % name], [on(host, command)])
    again = service_again(stack, host, service)
    return of_service(service, "missing", host, ["there is no unit %s" % name], again)


def down(stack, host, service, unit):
    name, title = ALL_SERVICES[service].unit, ALL_SERVICES[service].title
    facts = (name, unit["state"], unit["result"], unit["exit_status"], unit["restarts"])
    seen = ["%s is %s (%s, exit status %d, restarted %d times)" % facts]
    if unit["state"] == "inactive" and unit["result"] == "success":
        return of_service(service, "stopped", host, seen, [on(host, "sudo systemctl start %s" % name)])
    if unit["state"] == "activating" and unit["sub_state"].startswith("start") and not unit["restarts"]:
        fix = by_hand("wait until it has started, then run again")
        return of_service(service, "starting", host, seen, [fix])
    if any(by_file(host)(one) for one in stack.findings):
        return Symptom("%s is down" % name, by_file(host))
    journal = unit.get("journal") or []
    seen += [line for line in journal if JOURNAL_TELLS.search(line)][-2:]
    seen += ["a drop-in changes the unit: %s" % one for one in unit.get("drop_ins") or []]
    again = service_again(stack, host, service, unit)
    text = "\n".join(journal)
    if re.search(r"no space left on device", text, re.I):
        crash = of_service(service, "crashes", host, seen, again, reason="no space left on device")
        return Symptom(
            "%s does not start: no space left on device" % title,
            lambda one: one.ident == "disk_full" and one.host == host,
            [crash],
        )
    if CONFIG_TELLS.search(text):
        seen += check_says(stack, host, service)
        return of_service(service, "config_broken", host, seen, config_fix(stack, host, service, again))
    return of_service(service, "crashes", host, seen, again, reason=unit.get("reason") or "see its journal")


def silent(stack, host, service, unit, ready):
    """It runs, and what the inventory says about where and how to ask it does not work."""
    wanted, cause, error = urlsplit(ready["url"]), ready.get("cause"), ready.get("error")
    seen = ["GET %s: %s" % (ready["url"], error), shows(ready.get("shown"))]
    restart = on(host, restart_of(service))
    sockets = stack.listening(host, pid=unit["pid"])
    again = service_again(stack, host, service, unit)
    if cause != "refused" and any(by_file(host)(one) for one in stack.findings):
        return Symptom(seen[0], by_file(host))
    if cause == "refused" and sockets:
        where = ", ".join("%s:%d" % (one["address"], one["port"]) for one in sockets)
        return of_service(service, "other_address", host, seen, again, where=where, right=wanted.netloc)
    if cause in CERTIFICATES:
        shown = ready.get("shown") or {}
        found = dict(certificate_of(stack, host, service), issuer=shown.get("issuer") if cause != "untrusted" else None)
        fix = [renew(host, found, "server", sans_with(shown, wanted.hostname)), restart]
        return of_service(service, CERTIFICATES[cause], host, seen, fix, name=wanted.hostname)
    if cause in ("http_only", "https_only"):
        return of_service(service, "scheme", host, seen, again, said=error)
    return of_service(service, "silent", host, seen, [restart], said=error)


def certificate_of(stack, host, service):
    named = (stack.hosts[host].get("certificates") or {}).get(service) or {}
    path = named.get("cert") or "the certificate of %s" % ALL_SERVICES[service].title
    return {"path": path, "key_path": named.get("key", "")}


def restart_due(stack, host, service, unit):
    edited = stack.evidence(host, "edited")  # by hand, which is a finding of its own
    stale = [one for one in unit.get("newer_than_process") or [] if one not in edited]
    if stale:
        seen = "newer than its process: " + ", ".join(stale)
        yield of_service(service, "restart_due", host, [seen], service_again(stack, host, service))


def expires_soon(stack, host, service, ready):
    """The certificate that a service shows, where it was verified."""
    found = certificate_of(stack, host, service)
    days = (ready.get("not_after", 1e12) - stack.time) / 86400
    known = any(one.ident == "cert_expiring" and found["path"] in one.cause for one in stack.findings)
    if days < EXPIRING_DAYS and not known:
        seen = "GET %s: it shows a certificate valid until %s" % (ready["url"], date(ready["not_after"]))
        sans = sans_with(None, host, urlsplit(ready["url"]).hostname)
        fix = [renew(host, found, "server", sans), on(host, restart_of(service))]
        hop = ALL_SERVICES[service].hop
        yield finding("cert_expiring", host, [seen], fix, hop=hop, path=found["path"], days=days)


# ----------------------------------------------------------------------------------------------------- configuration


def check_says(stack, host, service):
    """What the program's own check says of the files that are there."""
    return list(stack.evidence(host, "checks", service).get("said") or [])


def config_fix(stack, host, service, again):
    """The role writes its own files anew; a broken one that somebody else put there has to go, and is kept."""
    files = stack.evidence(host, "checks", service).get("files") or []
    foreign = [shlex.quote(one["path"]) for one in files if not one["managed"]]
    if not foreign:
        return again
    moves = ["sudo mv %s %s.broken" % (path, path) for path in foreign]
    restart = "sudo systemctl reload-or-restart %s" % ALL_SERVICES[service].unit
    fix = [on(host, " && ".join([*moves, restart]))]
    return fix if len(foreign) == len(files) else fix + again


def config_taken(stack, host, service, refused):
    """A configuration that the running process refused (in words), or that its next start would."""
    said = check_says(stack, host, service)
    fix = config_fix(stack, host, service, service_again(stack, host, service))
    if refused and service == "prometheus":
        yield finding("prometheus_config_rejected", host, [refused] + said, fix)
    elif refused:
        yield of_service(service, "config_refused", host, [refused] + said, fix)
    elif said:
        yield of_service(service, "next_start", host, said, fix)
