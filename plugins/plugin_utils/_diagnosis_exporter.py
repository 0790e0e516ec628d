# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for redis_exporter: its unit, its settings, its files, its ACL user, and its answer. Pure, private."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_base import Base, date, sans_with
from ansible_collections.redisops.monitoring.plugins.plugin_utils._findings import by_hand, on

UNIT = "redis_exporter.service"
ANYWHERE = ("0.0.0.0", "::")  # noqa: S104
JOURNAL_TELLS = re.compile(r"fatal|error|not defined|panic|bind:")
FILES = {
    "exporter_ca": "CA file",
    "exporter_client": "client certificate",
    "exporter_server": "server certificate",
    "exporter_password": "password file",
}


class ExporterRules(Base):
    def look_at_exporter(self, name):
        if not self.seen(name, "exporter"):
            return
        unit = self.seen(name, "units", UNIT) or {"found": False}
        uses = self.seen(name, "exporter", "uses")
        if not unit["found"]:
            self.exporter_absent(name, unit)
        elif not unit["active"]:
            self.exporter_down(name, unit, uses)
        elif (unit.get("process") or {}).get("state") == "T":
            seen = "process %d is in state T (stopped)" % unit["pid"]
            self.add("exporter_hung", name, [seen], [on(name, "sudo kill -CONT %d" % unit["pid"])])
        else:
            self.exporter_settings(name, unit, uses)
            self.account(name, unit, uses)
            self.exporter_answer(name, unit, uses)

    def again(self, name, unit=None):
        """The role puts its own files back; a drop-in that somebody added has to go by hand."""
        if unit and unit.get("drop_ins"):
            return self.without_drop_in(name, unit, "redis_exporter")
        return [self.playbook("exporters", name)]

    def exporter_absent(self, name, unit):
        if unit.get("load_state") == "masked":
            command = "sudo systemctl unmask redis_exporter && sudo systemctl restart redis_exporter"
            self.add("exporter_masked", name, ["systemctl: LoadState=masked"], [on(name, command)])
        else:
            self.add("exporter_missing", name, ["there is no unit %s" % UNIT], self.again(name))

    # --------------------------------------------------------------------------------------------- not running

    def exporter_down(self, name, unit, uses):
        facts = (UNIT, unit["state"], unit["result"], unit["exit_status"], unit["restarts"])
        seen = ["%s is %s (%s, exit status %d, restarted %d times)" % facts]
        if unit["state"] == "inactive" and unit["result"] == "success":
            self.add("exporter_stopped", name, seen, [on(name, "sudo systemctl start redis_exporter")])
            return
        seen += [line for line in unit.get("journal") or [] if JOURNAL_TELLS.search(line)][-2:]
        seen += ["a drop-in changes the unit: %s" % one for one in unit.get("drop_ins") or []]
        for usage, found in self.seen(name, "exporter", "files").items():
            if self.exporter_file(name, usage, found, unit, uses, seen):
                return
        reason = unit.get("reason") or ""
        flag = re.search(r"the flag ([\w.-]+)", reason)
        if flag and "exit status 2" in reason:
            self.bad_flag(name, unit, flag.group(1), seen)
        elif "port is taken" in reason:
            self.port_taken(name, uses, seen)
        elif "address it shall listen on" in reason:
            self.add("exporter_address", name, seen, self.again(name, unit), listen=uses.get("listen"))
        elif unit["exit_status"] == 203:
            self.add("exporter_program", name, seen + [reason], self.again(name, unit))
        else:
            self.add("exporter_crashes", name, seen, self.again(name, unit), reason=reason or "see its journal")

    def bad_flag(self, name, unit, flag, seen):
        cure = self.again(name, unit)
        if flag in (self.wanted(name, "flags") or {}):
            text = "remove %s from redis_exporter_flags" % flag
            cure = [by_hand(text, unset={"redis_exporter_flags": flag}, host=name)] + self.again(name)
        seen = seen + ["exit status 2, which systemd calls INVALIDARGUMENT"]
        self.add("exporter_bad_flag", name, seen, cure, flag=flag)

    def port_taken(self, name, uses, seen):
        port = uses.get("port", 9121)
        restart = "sudo systemctl restart redis_exporter"
        owner = next((one for one in self.seen(name, "listening") or [] if one["port"] == port), None)
        if not owner:
            self.add("exporter_port_taken", name, seen, [on(name, restart)], port=port, who="another program")
            return
        who = "%s (process %d)" % (owner["program"], owner["pid"])
        seen = seen + ["%s:%d is open by %s" % (owner["address"], port, who)]
        command = "sudo kill %d && sleep 1 && %s" % (owner["pid"], restart)
        self.add("exporter_port_taken", name, seen, [on(name, command)], port=port, who=who)

    # ---------------------------------------------------------------------------------------------------- files

    def exporter_file(self, name, usage, found, unit, uses, seen):
        """A file of the exporter that cannot work; True when that is said."""
        restart = on(name, "sudo systemctl restart redis_exporter")
        for which in ("way", "key_way"):
            if (found.get(which) or {}).get("stopped_at"):
                user = uses.get("reader") or unit["user"]
                self.unreadable("exporter_files_unreadable", name, found, which, user, seen, restart)
                return True
        missing = found["way"].get("missing") or (found.get("key_way") or {}).get("missing")
        if missing:
            error = found["way"].get("error") or found["key_way"]["error"]
            path = found["path"] if found["way"].get("missing") else found["key_path"]
            if usage == "exporter_password":
                self.add("exporter_password_missing", name, seen, [self.playbook("exporters", name)], path=path)
            else:
                cure = [self.new_file(name, usage, found), restart]
                seen = ["%s: %s" % (missing, error)] + seen
                self.add("exporter_tls_file_missing", name, seen, cure, what=FILES[usage], path=path)
            return True
        problem = found.get("problem")
        if not problem:
            return False
        ident = "exporter_tls_file"
        if "expired" in problem:
            ident = "exporter_cert_expired"
        elif "not valid yet" in problem:
            self.not_yet_valid(name, usage, found, seen, restart)
            return True
        elif "does not match" in problem:
            ident = "exporter_key_mismatch"
        self.add(ident, name, [problem] + seen, [self.new_file(name, usage, found), restart], what=FILES[usage])
        return True

    def not_yet_valid(self, name, usage, found, seen, restart):
        """A certificate from the future, or a clock in the past."""
        begins = found.get("not_before")
        seen = (
            ["%s is valid from %s on" % (found["path"], date(begins))] + seen if begins else [found["problem"]] + seen
        )
        cure = [on(name, "sudo timedatectl set-ntp true && sudo systemctl restart redis_exporter")]
        if begins and begins > self.stack.get("time", 0):
            cure = [self.new_file(name, usage, found), restart]
        self.add("exporter_cert_not_yet_valid", name, seen, cure, what=FILES[usage])

    def new_file(self, name, usage, found):
        if usage == "exporter_ca":
            return self.copy_of(name, found, (self.seen(name, "redis", "shown") or {}).get("issuer", ""))
        if usage == "exporter_client":
            trusted = self.seen(name, "redis", "files", "redis_ca").get("subject")
            return self.renew(name, dict(found, issuer=found.get("issuer") or trusted), "client")
        return self.renew(name, found, "server", self.server_sans(name))

    def server_sans(self, name):
        return sans_with(None, name, self.hosts[name]["address"])

    # ------------------------------------------------------------------------------------------------- settings

    def exporter_settings(self, name, unit, uses):
        account = self.seen(name, "redis", "account")
        if account.get("cause") == "tls_port":
            self.wrong_scheme(name, unit, uses, account)
        if uses.get("skip_tls_verification"):
            cure = by_hand(
                "give Redis' certificate the SAN of the address the exporter asks, "
                "and set redis_exporter_skip_tls_verification: false"
            )
            self.add("exporter_unverified", name, ["--skip-tls-verification is set"], [cure] + self.again(name))
        if uses.get("installed"):
            self.other_redis(name, unit, uses, account)
        if uses.get("password_in_argv"):
            seen = "--redis.password is among the arguments of process %d" % unit["pid"]
            self.add("exporter_password_shown", name, [seen], self.again(name, unit))
        listen, right = uses.get("listen"), uses.get("wanted_listen")
        flag = "--web.listen-address=%s:%d" % (listen, uses.get("port", 0))
        if listen and right and listen != right and listen not in ANYWHERE:
            self.add("exporter_other_address", name, [flag], self.again(name, unit), listen=listen, right=right)
        elif uses and uses.get("port") != self.wanted(name, "port", uses.get("port")):
            right = self.wanted(name, "port")
            self.add("exporter_other_port", name, [flag], self.again(name, unit), port=uses["port"], right=right)

    def other_redis(self, name, unit, uses, account):
        """It works, and watches another Redis, or is somebody else there, than the inventory says."""
        addr, right = uses.get("addr"), self.wanted(name, "redis_addr")
        if account.get("ok") and right and "://" in addr and not self.same_redis(name, addr, right):
            seen = "the running exporter has --redis.addr=%s, and redis_exporter_redis_addr is %s" % (addr, right)
            self.add("exporter_other_redis", name, [seen], self.again(name, unit), addr=addr, right=right)
        user, own = uses.get("user", ""), self.wanted(name, "redis_user", "")
        if account.get("ok") and own and user != own:
            seen = "the running exporter has --redis.user=%s" % user
            self.add("exporter_other_user", name, [seen], self.again(name, unit), user=user or "default", right=own)

    def same_redis(self, name, one, other):
        """Whether two addresses lead to the same port of this host."""
        own = ("127.0.0.1", "::1", "localhost", self.hosts[name]["address"])
        places = [(urlsplit(addr).hostname, urlsplit(addr).port or 6379) for addr in (one, other)]
        return len({(None if host in own else host, port) for host, port in places}) == 1

    def wrong_scheme(self, name, unit, uses, account):
        settings = self.seen(name, "redis", "settings")
        seen = ["the running exporter has --redis.addr=%s" % uses["addr"], account.get("text", "")]
        if settings.get("tls-port"):
            seen.append("redis.conf: tls-port %s, port %s" % (settings["tls-port"], settings.get("port", "6379")))
        cure = self.again(name, unit)
        if self.wanted(name, "redis_addr") == uses["addr"]:
            right = re.sub(r"^\w+://", "rediss://", uses["addr"])
            text = "set redis_exporter_redis_addr: %s" % right
            cure = [by_hand(text, set={"redis_exporter_redis_addr": right}, host=name)] + cure
        self.add("exporter_scheme", name, seen, cure)

    # -------------------------------------------------------------------------------------------------- account

    def account(self, name, unit, uses):
        """What Redis says to the exporter: its own settings first, then the ACL user."""
        if self.has_error(name, ("host", "redis")):
            return
        account, admin = self.seen(name, "redis", "account"), self.seen(name, "redis", "admin")
        cause, text = account.get("cause"), account.get("text", "")
        addr, right = uses.get("addr", ""), self.wanted(name, "redis_addr", "")
        if cause not in (None, "tls_port", "files") and not self.same_redis(name, addr, right) and admin.get("ok"):
            # Whatever the other one says: it is not the one that is meant, and the password is not for it.
            seen = "the running exporter has --redis.addr=%s, and redis_exporter_redis_addr is %s" % (addr, right)
            self.add("exporter_other_redis", name, [text, seen], self.again(name, unit), addr=addr, right=right)
        elif cause in ("wrongpass", "user_unknown", "user_disabled", "auth_required", "no_password_set"):
            self.login(name, uses, admin, text)
        elif cause == "noperm" or account.get("denied"):
            self.rights(name, account, text)
        elif cause in ("client_cert_required", "client_cert_refused"):
            found = self.seen(name, "exporter", "files", "exporter_client")
            trusted = self.seen(name, "redis", "files", "redis_ca").get("subject", "its own CA")
            seen = [text, "issued by %s, and Redis trusts %s" % (found.get("issuer", "nobody"), trusted)]
            cure = self.again(name)
            if found:
                restart = on(name, "sudo systemctl restart redis_exporter")
                cure = [self.renew(name, dict(found, issuer=trusted), "client"), restart]
            self.add("exporter_client_cert_refused", name, seen, cure)
        elif cause == "files":
            self.account_files(name, unit, uses, text)
        elif cause in ("expired", "name_mismatch", "untrusted_ca") and admin.get("ok"):
            self.add("exporter_settings", name, [text], self.again(name, unit))

    def account_files(self, name, unit, uses, text):
        for usage, found in self.seen(name, "exporter", "files").items():
            if usage != "exporter_server" and self.exporter_file(name, usage, found, unit, uses, [text]):
                return
        self.add("exporter_tls_file", name, [text], self.again(name), what="TLS file")

    def acl_cure(self, name, words):
        """The role sets the ACL user where it may; else the line for who may."""
        if self.wanted(name, "acl_manage", False):
            return self.playbook("exporters", name)
        return by_hand("as an administrator of Redis on %s: ACL SETUSER %s" % (name, words))

    def login(self, name, uses, admin, text):
        user = self.wanted(name, "redis_user") or "default"
        acl = admin.get("acl") if admin.get("ok") else None
        if acl is None and admin.get("ok") and not uses.get("password_as_wanted"):
            path = self.seen(name, "exporter", "files", "exporter_password").get("path", "its command line")
            seen = [text, "the wanted password is the one that Redis knows, and %s holds another" % path]
            self.add("exporter_password_stale", name, seen, self.again(name))
            return
        idents = {
            "user_unknown": "acl_user_missing",
            "user_disabled": "acl_user_off",
            "wrongpass": "acl_wrong_password",
        }
        rules = " ".join(self.wanted(name, "acl_rules") or [])
        cure = self.acl_cure(name, "%s reset on #<sha256 of the password> %s" % (user, rules))
        seen = [text, "ACL GETUSER %s: %s" % (user, acl.replace("_", " ")) if acl else ""]
        self.add(idents.get(acl, "acl_login_refused"), name, seen, [cure], user=user)

    def rights(self, name, account, text):
        user = self.wanted(name, "redis_user") or "default"
        denied = account.get("denied") or []
        grant = " ".join(dict.fromkeys("+" + one["command"] for one in denied)) or "+info"
        lost = ", ".join("%s (without it no %s)" % (one["command"], one["lost"] or "metrics") for one in denied)
        cure = self.acl_cure(name, "%s %s" % (user, grant))
        self.add("acl_right_missing", name, ["NOPERM for %s" % lost if lost else text], [cure], user=user, grant=grant)

    # --------------------------------------------------------------------------------------------------- answer

    def exporter_answer(self, name, unit, uses):
        found = self.seen(name, "exporter", "files", "exporter_server")
        if found and self.exporter_file(name, "exporter_server", found, unit, uses, []):
            return
        metrics = self.seen(name, "exporter", "metrics")
        restart = on(name, "sudo systemctl restart redis_exporter")
        stale = ["newer than its process: %s" % one for one in unit.get("newer_than_process") or []]
        if metrics and not metrics["answered"]:
            self.exporter_silent(name, metrics, restart, stale)
        elif metrics and metrics.get("up") != 1:
            seen = ["redis_up %s at %s" % (metrics.get("up"), metrics["url"])] + stale
            self.symptom(
                "redis_up is 0 on %s" % name,
                self.at_node(name),
                lambda: self.add("exporter_stale", name, seen, [restart]),
            )
        elif metrics:
            if not unit.get("enabled", True):
                cure = on(name, "sudo systemctl enable redis_exporter")
                self.add("exporter_disabled", name, ["%s is not enabled" % UNIT], [cure])
            if stale:
                self.add("exporter_restart_due", name, stale, [restart])
            wanted, version = self.wanted(name, "version"), metrics.get("version")
            if wanted and version and not re.match(r"%s(?![\d.])" % re.escape(wanted), version):
                seen = "redis_exporter_build_info at %s" % metrics["url"]
                self.add("exporter_version", name, [seen], self.again(name), found=version, wanted=wanted)

    def exporter_silent(self, name, metrics, restart, stale):
        error = metrics["error"]
        seen = ["GET %s: %s" % (metrics["url"], error)]
        if "another certificate" in error:
            self.add("exporter_cert_not_loaded", name, seen, [restart])
        elif "refuses redis_exporter_web_username" in error:
            seen = ["GET %s: 401" % metrics["url"]] + stale
            self.add("exporter_web_password", name, seen, self.again(name))
        else:
            self.symptom(
                "the exporter on %s gives no metrics (%s)" % (name, error),
                self.at_node(name),
                lambda: self.add("exporter_silent", name, seen, [restart]),
            )
