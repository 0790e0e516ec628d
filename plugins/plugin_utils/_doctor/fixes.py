# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps that fix something, each a command on a host or what a person has to do. Private."""

from __future__ import annotations

import shlex

from .findings import ALL_SERVICES, finding
from .stack import sans_with


def on(host, run):
    """A command on a host; on the host `controller` where the playbooks run."""
    return {"on": host, "run": run}


def by_hand(text, **facts):
    """What no command can do for a person; the facts say it to programs."""
    return dict({"do": text}, **facts)


def inventories(stack):
    """The inventories of this run, as a person in this directory would name them."""
    here = stack.data.get("directory", "").rstrip("/") + "/"
    named = [one[len(here) :] if one.startswith(here) else one for one in stack.data.get("inventory", [])]
    return ["-i " + shlex.quote(one) for one in named]


def playbook(stack, name, limit="", tags="", extra=""):
    words = ["ansible-playbook", "redisops.monitoring." + name] + inventories(stack)
    words += ["--limit " + limit] if limit else []
    words += ["--tags " + tags] if tags else []
    words += [extra] if extra else []
    return on("controller", " ".join(words))


def ping(stack, name):
    return on("controller", " ".join(["ansible", name] + inventories(stack) + ["-m ansible.builtin.ping -vvv"]))


def exporter_again(stack, name, unit=None):
    """The role puts its own files back; a drop-in that somebody added has to go by hand."""
    if unit and unit.get("drop_ins"):
        return without_drop_in(name, unit, "redis_exporter")
    return [playbook(stack, "exporters", name)]


def service_again(stack, host, service, unit=None):
    if unit and unit.get("drop_ins"):
        return without_drop_in(host, unit, ALL_SERVICES[service].unit)
    book = "monitoring" if "monitoring" in stack.hosts[host]["groups"] else "exporters"
    return [playbook(stack, book, host, ALL_SERVICES[service].tag)]


def without_drop_in(host, unit, unit_name):
    """What a drop-in changed by hand is fixed where it is: the roles leave drop-ins alone."""
    path = shlex.quote(unit["drop_ins"][-1])
    return [on(host, "sudo rm %s && sudo systemctl daemon-reload && sudo systemctl restart %s" % (path, unit_name))]


def copy_of(stack, host, found, subject=""):
    """A CA file, which is no secret, from the first host that has a good one."""
    for name in sorted(stack.hosts, key=lambda one: one != host):
        known = dict(stack.evidence(name, "redis", "files"), **stack.evidence(name, "exporter", "files"))
        for files in stack.evidence(name, "handed").values():
            known.update(files if isinstance(files, dict) else {})
        for usage, one in sorted(known.items()):
            good = "days_left" in one and not one.get("problem") and one["path"] != found["path"]
            if not good or not usage.endswith(("_ca", "ca.crt")) or subject not in ("", one["subject"]):
                continue
            if name == host:
                return on(host, "sudo install -m 0644 %s %s" % (one["path"], found["path"]))
            facts = (one["path"], name, one["subject"], found["path"], host)
            text = "copy %s of %s (%s), which is no secret, to %s of %s" % facts
            return by_hand(text, copy={"from": [name, one["path"]], "to": [host, found["path"]]})
    return by_hand("put the CA certificate to %s of %s" % (found["path"], host))


def renew(host, found, usage, sans=""):
    """The one step that belongs to the user's own CA."""
    sans = sans or found.get("sans") or ""
    text = "have %s issued anew by %s" % (found["path"], found.get("issuer") or "your CA")
    text += " with the SANs %s" % sans if sans and sans != "none" else ""
    text += " and put it there with its key %s" % found["key_path"] if found.get("key_path") else ""
    about = {"host": host, "cert": found["path"], "key": found.get("key_path", ""), "sans": sans, "usage": usage}
    return by_hand(text, renew=about)


def exporter_sans(stack, name):
    """What the certificate of an exporter has to name."""
    return sans_with(None, name, stack.address(name))


def owned_by(found):
    """Gives a data directory (files.data() of the evidence) to the user of its service, with the mode it needs."""
    path, user = shlex.quote(found["path"]), found["user"]
    owner = "--reference=" + path if found["dynamic"] else user + ":"
    return "sudo chown -R %s %s && sudo chmod -R u+rwX %s" % (owner, path, path)


def not_owned(found):
    """What is seen of it, a line for the first few."""
    lines = ["%(path)s is %(mode)s %(owner)s:%(group)s" % one for one in found["foreign"]]
    more = found["count"] - len(lines)
    return lines + (["and %d more below %s" % (more, found["path"])] if more else [])


def unreadable(ident, host, found, user, seen, then):
    """Findings of a directory or file that its reader may not pass; it is opened to this user, never to everybody."""
    for which, path in (("way", found["path"]), ("key_way", found.get("key_path"))):
        access = found.get(which) or {}
        stopped = access.get("stopped_at")
        if stopped:
            [step] = [one for one in access["steps"] if one["path"] == stopped]
            where = "%s is %s %s:%s, on the way to %s" % (stopped, step["mode"], step["owner"], step["group"], path)
            act, bits = ("read", "g+r") if stopped == path else ("enter", "g+x")
            command = "sudo chgrp %s %s && sudo chmod %s %s && %s" % (user, stopped, bits, stopped, then["run"])
            yield finding(ident, host, [where] + seen, [on(host, command)], user=user, act=act, stopped=stopped)
            return
