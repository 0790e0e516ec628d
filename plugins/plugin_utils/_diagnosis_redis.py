# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for Redis itself: its process, its address, its certificate, its cluster. Pure, private."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_base import (
    Base,
    bracket,
    date,
    number,
    sans_with,
    shows,
    size,
)
from ansible_collections.redisops.monitoring.plugins.plugin_utils._findings import by_hand, on

CERT_WARNING_DAYS = 30
BUS_OFFSET = 10000  # the cluster bus listens this far above the port for clients
LOG_TELLS = re.compile(r"#|error|fail|bad|fatal|can't|no such", re.I)


class RedisRules(Base):
    def redis_unit(self, name):
        units = self.seen(name, "units")
        for unit in ("redis-server.service", "redis.service"):
            if units.get(unit, {}).get("found"):
                return unit, units[unit]
        return "redis-server.service", {"found": False}

    def look_at_redis(self, name):
        if not self.seen(name, "redis"):
            return
        unit_name, unit = self.redis_unit(name)
        if unit["found"] and not unit["active"]:
            self.redis_down(name, unit_name, unit)
            return
        admin = self.seen(name, "redis", "admin")
        self.redis_answer(name, unit_name, unit, admin)
        self.redis_next_start(name, unit_name, unit)
        self.keys_readable(name)
        if admin.get("ok"):
            self.redis_inside(name, admin)
        self.expiring(name)

    # --------------------------------------------------------------------------------------------- not running

    def redis_down(self, name, unit_name, unit):
        files = self.seen(name, "redis", "files")
        settings = self.seen(name, "redis", "settings")
        log = list(settings.get("log") or []) + list(unit.get("journal") or [])
        state = "%s is %s (%s, exit status %d)" % (unit_name, unit["state"], unit["result"], unit["exit_status"])
        seen = [state] + [line for line in log if LOG_TELLS.search(line)][-2:]
        # systemd refuses a unit that it started five times in ten seconds, mended or not, until told to forget that.
        again = "sudo systemctl reset-failed %s && sudo systemctl restart %s" % (unit_name, unit_name)
        start = on(name, again)
        if unit["state"] == "inactive" and unit["result"] == "success":
            self.add("redis_stopped", name, seen[:1], [on(name, "sudo systemctl start %s" % unit_name)])
            return
        for usage in ("redis_server", "redis_ca", "redis_aclfile"):
            found = files.get(usage) or {}
            for which in ("way", "key_way"):
                if (found.get(which) or {}).get("stopped_at"):
                    self.unreadable("redis_files_unreadable", name, found, which, unit["user"], seen, start)
                    return
            if found.get("problem") and usage == "redis_ca":
                cure = [self.copy_of(name, found), start]
                self.add("redis_ca_file", name, [found["problem"]] + seen, cure)
                return
            if found.get("problem"):
                ident = "redis_key_mismatch" if "does not match" in found["problem"] else "redis_cert_file"
                self.add(ident, name, [found["problem"]] + seen, [self.renew(name, found, "server"), start])
                return
        text = "\n".join(log)
        line = re.search(r"at line (\d+)", text)
        if line and unit["exit_status"] == 1:
            path = settings.get("path", "/etc/redis/redis.conf")
            named = re.search(r">>> '([^' ]+)", text)
            facts = (line.group(1), path, again)
            self.add(
                "redis_bad_config",
                name,
                seen,
                [on(name, "sudo sed -i '%ss/^/# /' %s && %s" % facts)],
                line=line.group(1),
                path=path,
                directive=" (%s)" % named.group(1) if named else "",
            )
        else:
            self.add("redis_crashes", name, seen, [start], reason=unit.get("reason") or "see its log")

    # -------------------------------------------------------------------------------------------------- running

    def redis_answer(self, name, unit_name, unit, admin):
        """What Redis says to the settings that are wanted; what the exporter's own say is the exporter's matter."""
        account = self.seen(name, "redis", "account")
        answer = admin if admin else account
        cause, text = (None, "") if answer.get("ok") else (answer.get("cause"), answer.get("text", ""))
        state = (unit.get("process") or {}).get("state", "")
        process = "process %d is in state %s" % (unit.get("pid", 0), state or "unknown")
        if state == "T":
            resume = on(name, "sudo kill -CONT %d" % unit["pid"])
            self.add(
                "redis_hung", name, [process + " (stopped)", text], [resume], why=": its process is stopped (SIGSTOP)"
            )
        elif cause == "hung":
            restart = on(name, "sudo systemctl restart %s" % unit_name)
            self.add("redis_hung", name, [text, process], [restart], why="")
        elif cause in ("refused", "unreachable", "connect_timeout", "name_unknown"):
            self.redis_elsewhere(name, text)
        elif cause in ("expired", "not_yet_valid", "name_mismatch", "untrusted_ca", "bad_certificate"):
            self.redis_certificate(name, unit_name, cause, text)
        elif cause == "plaintext_port":
            self.plaintext(name, unit_name, text)
        elif cause in ("maxclients", "closed", "tls_failed"):
            self.breaks_off(name, unit_name, answer)
        elif cause == "loading":
            self.add("redis_loading", name, [text], [by_hand("wait until it has loaded, then run again")])

    def plaintext(self, name, unit_name, text):
        """The port that the exporter asks speaks no TLS; the certificate may be there all the same."""
        settings = self.seen(name, "redis", "settings")
        port = urlsplit(self.wanted(name, "redis_addr", "")).port or 6379
        tls, plain = settings.get("tls-port", "not set"), settings.get("port", "not set")
        seen = [text, "redis.conf: tls-port %s, port %s" % (tls, plain)]
        cure = by_hand("set tls-port and the certificate in redis.conf, and port 0")
        if settings.get("tls-cert-file") and settings.get("path"):
            path = settings["path"]
            edit = (
                "sudo sed -i -e '/^port /d' -e '/^tls-port /d' %s && printf 'port 0\\ntls-port %d\\n' | sudo tee -a %s"
            )
            cure = on(name, (edit + " && sudo systemctl restart %s") % (path, port, path, unit_name))
        self.add("redis_plaintext", name, seen, [cure])

    def breaks_off(self, name, unit_name, answer):
        """Redis ends a connection without a word: with TLS that is what it does beyond maxclients."""
        log = [line for line in answer.get("log") or [] if re.search(r"Error accepting|SSL|TLS", line)]
        if answer["cause"] == "maxclients" or answer["cause"] == "closed" and not log:
            self.maxclients(name, unit_name, answer)
            return
        restart = on(name, "sudo systemctl restart %s" % unit_name)
        self.add("redis_handshake", name, [answer["text"], *log[-2:]], [restart])

    def maxclients(self, name, unit_name, answer):
        settings = self.seen(name, "redis", "settings")
        clients = answer.get("clients") or {}
        holders = ["%(count)d from %(address)s" % one for one in clients.get("most") or []]
        seen = [answer["text"], "maxclients in redis.conf: %s" % settings.get("maxclients", "not set (10000)")]
        if holders:
            seen.append("%d connections are open: %s" % (clients["all"], ", ".join(holders)))
        path, low = settings.get("path"), number(settings.get("maxclients")) or 10000
        cure = "sudo systemctl restart %s" % unit_name
        if path and low < 10000:
            facts = (path, path, cure)
            cure = "sudo sed -i '/^maxclients /d' %s && echo 'maxclients 10000' | sudo tee -a %s && %s" % facts
        leak = by_hand("find what opens so many connections (those above) before it does so again")
        many = clients.get("all", 0) >= 1000
        self.add("redis_maxclients", name, seen, [on(name, cure)] + ([leak] if many else []))

    def redis_elsewhere(self, name, text):
        """Redis runs, but not where the exporter asks."""
        addr = self.wanted(name, "redis_addr", "")
        port = urlsplit(addr).port or 6379
        sockets = [one for one in self.seen(name, "listening") or [] if one["program"].startswith("redis-server")]
        sockets = [one for one in sockets if one["port"] - BUS_OFFSET not in {other["port"] for other in sockets}]
        if not sockets:
            unit_name, unit = self.redis_unit(name)
            if unit["found"]:
                cure = on(name, "sudo systemctl start %s" % unit_name)
                self.add("redis_stopped", name, [text], [cure])
            else:
                cure = by_hand("install Redis on %s, or take it out of the group redis of the inventory" % name)
                seen = [text, "there is no unit redis-server.service and no process of that name listens"]
                self.add("redis_missing", name, seen, [cure])
            return
        first = min(sockets, key=lambda one: one["port"] != port)
        right = "%s://%s:%d" % (addr.partition("://")[0] or "rediss", bracket(first["address"]), first["port"])
        setting = by_hand(
            "set redis_exporter_redis_addr: %s for %s" % (right, name),
            set={"redis_exporter_redis_addr": right},
            host=name,
        )
        self.add(
            "redis_other_address",
            name,
            [text, "bind %s" % self.seen(name, "redis", "settings").get("bind", "(not set)")],
            [setting, self.playbook("exporters", name)],
            where=", ".join("%s:%d" % (one["address"], one["port"]) for one in sockets),
            addr=addr,
        )

    # ---------------------------------------------------------------------------------------------- certificate

    def redis_certificate(self, name, unit_name, cause, text):
        shown = self.seen(name, "redis", "shown")
        stored = self.seen(name, "redis", "files", "redis_server") or {"path": "the certificate of Redis"}
        restart = on(name, "sudo systemctl restart %s" % unit_name)
        seen = [text, shows(shown)]
        other = stored.get("fingerprint") and shown and stored["fingerprint"] != shown.get("fingerprint")
        if other and not stored.get("problem") and stored.get("days_left", 0) > 0:
            seen.append("%s holds another one, valid until %s" % (stored["path"], date(stored["not_after"])))
            self.add("redis_cert_not_loaded", name, seen, [restart])
        elif cause == "expired":
            self.add("redis_cert_expired", name, seen, [self.renew(name, stored, "server"), restart])
        elif cause == "not_yet_valid":
            ahead = shown and shown["not_before"] > self.stack.get("time", 0)
            cure = (
                [self.renew(name, stored, "server"), restart] if ahead else [on(name, "sudo timedatectl set-ntp true")]
            )
            self.add("redis_cert_not_yet_valid", name, seen, cure)
        elif cause == "name_mismatch":
            asked = urlsplit(self.wanted(name, "redis_addr", "")).hostname or "127.0.0.1"
            # Its peers and the prober ask for the address.
            sans = sans_with(shown, asked, self.hosts[name]["address"])
            self.add("redis_cert_name", name, seen, [self.renew(name, stored, "server", sans), restart], name=asked)
        else:
            self.redis_untrusted(name, shown, stored, seen, restart)

    def redis_untrusted(self, name, shown, stored, seen, restart):
        trusted = self.seen(name, "exporter", "files", "exporter_ca")
        own = self.seen(name, "redis", "files", "redis_ca")
        if trusted:
            seen.append("the exporter trusts %s (%s)" % (trusted.get("subject", "nobody"), trusted["path"]))
        if trusted.get("path") and shown and own.get("subject") == shown["issuer"] != trusted.get("subject"):
            command = "sudo cp %s %s && sudo systemctl restart redis_exporter" % (own["path"], trusted["path"])
            self.add("exporter_ca_wrong", name, seen, [on(name, command)])
            return
        stored = dict(stored, issuer=trusted.get("subject"))
        self.add("redis_cert_untrusted", name, seen, [self.renew(name, stored, "server"), restart])

    def redis_next_start(self, name, unit_name, unit):
        """What the next start would stumble over, while Redis still runs."""
        if unit["found"] and not unit.get("enabled", True):
            enable = on(name, "sudo systemctl enable %s" % unit_name)
            self.add("redis_disabled", name, ["%s is not enabled" % unit_name], [enable])
        found = self.seen(name, "redis", "files", "redis_server")
        if (
            found.get("problem")
            and "expired" not in found["problem"]
            and not self.has_error(name, ("redis", "redis_tls"))
        ):
            self.add("redis_files_broken", name, [found["problem"]], [self.renew(name, found, "server")])

    def keys_readable(self, name):
        """chmod 644 *.pem, which the old runbook advised: it mends nothing and gives the keys away."""
        files = dict(self.seen(name, "redis", "files"), **self.seen(name, "exporter", "files"))
        told = set()
        for found in files.values():
            steps = (found.get("key_way") or {}).get("steps") or []
            whole = steps and not found["key_way"].get("missing") and found["key_way"].get("stopped_at") is None
            path = found.get("key_path")
            if (
                not whole
                or path in told
                or not all(int(one["mode"], 8) & (4 if one is steps[-1] else 1) for one in steps)
            ):
                continue
            told.add(path)
            seen = "%s is %s %s:%s" % (path, steps[-1]["mode"], steps[-1]["owner"], steps[-1]["group"])
            self.add("key_readable", name, [seen], [on(name, "sudo chmod o-rwx %s" % path)], path=path)

    def expiring(self, name):
        files = dict(self.seen(name, "redis", "files"), **self.seen(name, "exporter", "files"))
        for usage, found in sorted(files.items()):
            days = found.get("days_left")
            if days is not None and 0 < days < CERT_WARNING_DAYS:
                seen = "valid until %s, issued by %s" % (date(found["not_after"]), found["issuer"])
                cure = self.renew(name, found, "client" if usage == "exporter_client" else "server")
                self.add("cert_expiring", name, [seen], [cure], path=found["path"], days=days)

    # ----------------------------------------------------------------------------------------------- inside

    def redis_inside(self, name, admin):
        info, cluster = admin.get("info", {}), admin.get("cluster", {})
        used, limit = number(info.get("used_memory")), number(info.get("maxmemory"))
        if limit and used > limit * 0.95:
            seen = "used_memory %s of maxmemory %s" % (size(used), size(limit))
            self.add("redis_memory_full", name, [seen], [by_hand("raise maxmemory in redis.conf, or let keys expire")])
        for key, what in (("rdb_last_bgsave_status", "snapshot"), ("aof_last_write_status", "append-only file")):
            if info.get(key) == "err":
                self.persistence(name, key, what)
        if cluster.get("cluster_state") == "fail":
            down = [one for one in admin.get("nodes", []) if "fail" in one["flags"]]
            self.failing_clusters.append((name, cluster, ["%(address)s (%(flags)s)" % one for one in down]))

    def persistence(self, name, key, what):
        log = self.seen(name, "redis", "settings").get("logfile", "/var/log/redis/redis-server.log")
        self.symptom(
            "Redis on %s cannot write its %s" % (name, what),
            lambda one: one.ident.startswith("disk_") and one.host == name,
            lambda: self.add(
                "redis_persistence", name, [key + ":err"], [on(name, "sudo tail -n 20 %s" % log)], what=what
            ),
        )

    def look_at_cluster(self):
        """The cluster as its nodes see it: a consequence of the node that is down, or a finding."""
        hops = ("host", "redis", "redis_tls", "network")
        for name, cluster, down in self.failing_clusters:
            slots = "%s of 16384 slots served" % cluster.get("cluster_slots_ok", "?")
            assigned = "assigned: %s" % cluster.get("cluster_slots_assigned", "?")
            seen = ["cluster_state:fail, %s, %s" % (slots, assigned), "failed nodes: %s" % (", ".join(down) or "none")]
            cure = by_hand("bring the failed nodes back, or give their slots to others (redis-cli --cluster fix)")
            self.symptom(
                "the cluster is in state fail as %s sees it (%s)" % (name, slots),
                lambda one: one.hop in hops and one.host in self.nodes,
                lambda name=name, seen=seen, cure=cure: self.add("cluster_fail", name, seen, [cure]),
            )
