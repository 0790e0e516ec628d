# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From evidence to causes: what is wrong between Redis and the person who looks, the cause first. Pure, private.

A hop is judged by what was seen at that hop. What its failure explains further down (a target that is down, a datasource
without answer) is a symptom: it belongs to the finding that explains it, and becomes a finding of its own only when nothing
does. So one broken thing is one finding, and two independent ones are two.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
import time
from datetime import datetime
from urllib.parse import urlsplit

import yaml

HOPS = (
    "inventory",
    "host",
    "redis",
    "redis_tls",
    "redis_acl",
    "exporter",
    "network",
    "prometheus",
    "probes",
    "alertmanager",
    "grafana",
    "person",
)
SEVERITIES = ("error", "warning", "info")
NODE_HOPS = HOPS[: HOPS.index("network") + 1]
SKEW_ERROR, SKEW_WARNING = 5.0, 2.0
DISK_ERROR, DISK_WARNING = 95.0, 88.0
CERT_WARNING_DAYS = 30
HANDSHAKE = 10.0  # seconds that redis_exporter waits for a TLS handshake, whatever its settings
SERVICES = {
    # service: (hop, unit, tag in playbooks/monitoring.yml)
    "prometheus": ("prometheus", "prometheus.service", "prometheus"),
    "alertmanager": ("alertmanager", "alertmanager.service", "alertmanager"),
    "blackbox_exporter": ("probes", "blackbox_exporter.service", "blackbox_exporter"),
    "grafana": ("grafana", "grafana-server.service", "grafana"),
}
TITLES = {
    "prometheus": "Prometheus",
    "alertmanager": "Alertmanager",
    "blackbox_exporter": "the prober",
    "grafana": "Grafana",
}


def diagnose(stack):
    """Findings, worst first, of what was collected; see docs/doctor.md for the shape of both."""
    case = Case(stack)
    case.inventory()
    for name in case.hosts:
        case.host(name)
    for name in case.nodes:
        case.redis(name)
        case.exporter(name)
    for name in case.monitors:
        case.ways(name)
    case.security_groups()
    for name in case.monitors:
        case.prometheus(name)
        case.others(name)
        case.grafana(name)
    return case.result()


# ----------------------------------------------------------------------------------------------------------- shapes


def on(host, run):
    """A command on a host, or with host `controller` where the playbooks run."""
    return {"on": host, "run": run}


def by_hand(text, **facts):
    """What no command can do for a person; facts name it for programs."""
    return dict({"do": text}, **facts)


class Finding:
    def __init__(self, ident, hop, host, cause, evidence, cure, severity="error"):
        self.ident = ident
        self.hop = hop
        self.host = host
        self.cause = cause
        self.evidence = [text for text in evidence if text]
        self.cure = cure
        self.severity = severity
        self.consequences = []

    def key(self):
        return SEVERITIES.index(self.severity), HOPS.index(self.hop), self.host

    def plain(self):
        return {
            "id": self.ident,
            "severity": self.severity,
            "hop": self.hop,
            "host": self.host,
            "cause": self.cause,
            "evidence": self.evidence,
            "cure": self.cure,
            "consequences": self.consequences,
        }


class Case:
    """One look at the stack."""

    def __init__(self, stack):
        self.stack = stack
        self.hosts = stack["hosts"]
        self.nodes = [name for name, host in self.hosts.items() if "redis" in host["groups"]]
        self.monitors = [name for name, host in self.hosts.items() if "monitoring" in host["groups"]]
        self.expected = stack.get("expected", list(SERVICES))
        self.findings: list[Finding] = []

    # -------------------------------------------------------------------------------------------------- helpers

    def add(self, ident, hop, host, cause, evidence, cure, severity="error"):
        finding = Finding(ident, hop, host, cause, evidence, cure, severity)
        self.findings.append(finding)
        return finding

    def symptom(self, text, explained_by, otherwise):
        """What is seen further down: it goes to the findings that explain it, else it is a finding."""
        causes = [one for one in self.findings if one.severity == "error" and explained_by(one)]
        for one in causes:
            if text not in one.consequences:
                one.consequences.append(text)
        if not causes:
            otherwise()
        return bool(causes)

    def has_error(self, host, hops=NODE_HOPS):
        return any(one.severity == "error" and one.host == host and one.hop in hops for one in self.findings)

    def seen(self, host, *path):
        """A piece of evidence, or {} where there is none."""
        found = self.hosts[host].get("evidence") or {}
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
            if found is None:
                return {}
        return {} if isinstance(found, dict) and "problem" in found and len(found) == 1 else found

    def playbook(self, name, limit="", tags=""):
        words = ["ansible-playbook", "redisops.monitoring." + name]
        words += self.inventories()
        words += ["--limit " + limit] if limit else []
        words += ["--tags " + tags] if tags else []
        return on("controller", " ".join(words))

    def inventories(self):
        """The inventories of this run, as a person in this directory would name them."""
        here = self.stack.get("directory", "").rstrip("/") + "/"
        return [
            "-i " + shlex.quote(one[len(here) :] if one.startswith(here) else one)
            for one in self.stack.get("inventory", [])
        ]

    def wanted(self, host, name, default=None):
        return self.hosts[host].get("wanted", {}).get(name, default)

    def result(self):
        ordered = sorted(self.findings, key=Finding.key)
        return [one.plain() for one in ordered]

    # ------------------------------------------------------------------------------------------ inventory, hosts

    def inventory(self):
        for group in ("redis", "monitoring"):
            if not self.stack.get("groups", {}).get(group):
                self.add(
                    "group_empty",
                    "inventory",
                    "controller",
                    "the inventory has no host in the group %s" % group,
                    [
                        "groups with hosts: %s"
                        % (", ".join(k for k, v in self.stack.get("groups", {}).items() if v) or "none")
                    ],
                    [by_hand("give the inventory its group %s; ansible-inventory --graph shows what it has" % group)],
                )
        for name in self.monitors:
            self.wrong_host(name)

    def wrong_host(self, name):
        """A Redis node in the group monitoring: commands for Grafana end there with `could not be found`."""
        units = self.seen(name, "units")
        if not units or any(units.get(unit, {}).get("found") for dummy, unit, dummy2 in SERVICES.values()):
            return
        redis = [unit for unit in ("redis-server.service", "redis.service") if units.get(unit, {}).get("found")]
        if not redis and "redis" not in self.hosts[name]["groups"]:
            return
        homes = [
            other
            for other in self.monitors
            if other != name
            and self.seen(other, "units", "grafana-server.service").get("found")
            or self.seen(other, "units", "prometheus.service").get("found")
        ]
        home = ", ".join("%s (%s)" % (one, self.hosts[one]["address"]) for one in homes) or "no host that was looked at"
        self.add(
            "wrong_host",
            "inventory",
            name,
            "this is a Redis node; Grafana and Prometheus live on %s" % home,
            [
                "%s (%s) is in the group monitoring, its units: %s"
                % (name, self.hosts[name]["address"], ", ".join(redis)),
                "grafana-server.service and prometheus.service could not be found there",
            ],
            [
                by_hand(
                    "take %s out of the group monitoring of the inventory" % name,
                    remove_from_group=["monitoring", name],
                )
            ],
        )
        self.monitors = [one for one in self.monitors if one != name]

    def host(self, name):
        host = self.hosts[name]
        if host.get("unreachable"):
            self.unreachable(name, host)
            return
        if not host.get("evidence"):
            if host.get("problem"):
                self.add(
                    "not_examined",
                    "host",
                    name,
                    "Ansible reaches the host but could not examine it",
                    [host["problem"]],
                    [on("controller", self.ping(name))],
                )
            return
        for disk in self.seen(name, "disks") or []:
            self.disk(name, disk)
        memory = self.seen(name, "host", "memory")
        if memory.get("total") and memory["available"] < memory["total"] * 0.08:
            self.memory(name, memory)

    def ping(self, name):
        return " ".join(["ansible", name] + self.inventories() + ["-m ansible.builtin.ping -vvv"])

    def unreachable(self, name, host):
        state, instance = host.get("state"), host.get("instance_id")
        region = host.get("region", "")
        evidence = ["Ansible: %s" % host["unreachable"]]
        if state:
            evidence.append("state of the instance %s in the inventory: %s" % (instance, state))
        cure = [on("controller", self.ping(name))]
        if instance:
            action = "start-instances" if state and state != "running" else "reboot-instances"
            cure = [on("controller", "aws ec2 %s --region %s --instance-ids %s" % (action, region, instance))]
        self.add("host_unreachable", "host", name, "the host cannot be reached over SSH", evidence, cure)

    def disk(self, name, disk):
        used = max(disk["used_percent"], disk["inodes_percent"])
        what = "inodes" if disk["inodes_percent"] > disk["used_percent"] else "space"
        if disk["read_only"] and disk["mount"] != "/":
            self.add(
                "disk_read_only",
                "host",
                name,
                "the file system %s is mounted read-only" % disk["mount"],
                ["%s on %s, type %s" % (disk["device"], disk["mount"], disk["type"])],
                [on(name, "sudo mount -o remount,rw %s" % disk["mount"])],
            )
        if used < DISK_WARNING:
            return
        largest = disk.get("largest") or []
        evidence = [
            "%s: %.0f %% of its %s used, %s of %s free, holds %s"
            % (disk["mount"], used, what, size(disk["free"]), size(disk["size"]), ", ".join(disk["paths"])),
            "largest: " + ", ".join("%s (%s)" % (one["path"], size(one["bytes"])) for one in largest)
            if largest
            else "",
        ]
        self.add(
            "disk_full",
            "host",
            name,
            "the file system %s is %s" % (disk["mount"], "full" if used >= DISK_ERROR else "nearly full"),
            evidence,
            self.cure_of_disk(name, disk, largest),
            "error" if used >= DISK_ERROR else "warning",
        )

    def cure_of_disk(self, name, disk, largest):
        if any("/journal/" in one["path"] for one in largest):
            return [on(name, "sudo journalctl --vacuum-size=200M")]
        if disk["type"] == "tmpfs":
            return [on(name, "sudo mount -o remount,size=%dM %s" % (disk["size"] * 2 // 2**20, disk["mount"]))]
        volumes = self.hosts[name].get("volumes") or []
        grown = "aws ec2 modify-volume --region %s --volume-id %s --size %d" % (
            self.hosts[name].get("region", ""),
            volumes[0] if volumes else "VOLUME",
            disk["size"] * 3 // 2 // 2**30 + 1,
        )
        whole = re.sub(r"p?\d+$", "", disk["device"])
        part = disk["device"][len(whole) :].lstrip("p")
        grow = "sudo xfs_growfs %s" % disk["mount"] if disk["type"] == "xfs" else "sudo resize2fs %s" % disk["device"]
        steps = [on("controller", grown)] if volumes else [by_hand("make the volume of %s larger" % disk["mount"])]
        if part:
            grow = "sudo growpart %s %s && %s" % (whole, part, grow)
        return steps + [on(name, grow)]

    def memory(self, name, memory):
        largest = memory.get("largest") or []
        share = 100.0 * memory["available"] / memory["total"]
        worst = largest[0] if largest else {"program": "?", "pid": 0}
        set_to = {"prometheus": "prometheus_retention_time", "redis-server": "maxmemory"}.get(worst["program"])
        cure = [by_hand("give the instance more memory, or lower %s" % (set_to or "what %s holds" % worst["program"]))]
        self.add(
            "memory_low",
            "host",
            name,
            "the host is out of memory, most of it is in %s" % worst["program"],
            [
                "%.1f %% of %s available" % (share, size(memory["total"])),
                "largest: " + ", ".join("%(program)s (process %(pid)d)" % one for one in largest),
            ],
            cure,
            "error" if share < 4 else "warning",
        )

    # ------------------------------------------------------------------------------------------------------ Redis

    def redis_unit(self, name):
        units = self.seen(name, "units")
        for unit in ("redis-server.service", "redis.service"):
            if units.get(unit, {}).get("found"):
                return unit, units[unit]
        return "redis-server.service", {"found": False}

    def redis(self, name):
        if not self.seen(name, "redis"):
            return
        unit_name, unit = self.redis_unit(name)
        if unit["found"] and not unit["active"]:
            self.redis_down(name, unit_name, unit)
            return
        account = self.seen(name, "redis", "account")
        admin = self.seen(name, "redis", "admin")
        # What the wanted settings meet tells about Redis; what the exporter's own settings meet tells about the exporter.
        cause = (
            admin.get("cause") if admin and not admin["ok"] else account.get("cause") if not account.get("ok") else None
        )
        text = (admin if admin and not admin.get("ok") else account).get("text", "")
        state = (unit.get("process") or {}).get("state", "")
        if state == "T":
            self.add(
                "redis_hung",
                "redis",
                name,
                "the Redis process is stopped (SIGSTOP): it takes connections and answers none",
                ["process %d is in state T (stopped)" % unit["pid"], text],
                [on(name, "sudo kill -CONT %d" % unit["pid"])],
            )
        elif cause == "hung":
            self.add(
                "redis_hung",
                "redis",
                name,
                "Redis takes connections and answers none",
                [text, "process %d is in state %s" % (unit.get("pid", 0), state or "unknown")],
                [on(name, "sudo systemctl restart %s" % unit_name)],
            )
        elif cause in ("refused", "unreachable", "connect_timeout", "name_unknown"):
            self.redis_elsewhere(name, text)
        elif cause in ("expired", "not_yet_valid", "name_mismatch", "untrusted_ca", "bad_certificate"):
            self.redis_certificate(name, unit_name, cause, text)
        elif cause == "plaintext_port":
            self.add(
                "redis_plaintext",
                "redis_tls",
                name,
                "the port of Redis speaks no TLS",
                [text],
                [by_hand("set tls-port and the certificate in redis.conf, and port 0")],
            )
        elif cause == "maxclients":
            self.add(
                "redis_maxclients",
                "redis",
                name,
                "Redis takes no more clients",
                [text],
                [by_hand("raise maxclients, or find what holds the connections (CLIENT LIST)")],
            )
        if cause == "loading":
            self.add("redis_loading", "redis", name, "Redis loads its data set", [text], [by_hand("wait")], "warning")
        self.redis_files_ahead(name, unit_name)
        if admin.get("ok"):
            self.redis_inside(name, admin)
        self.expiring(name)

    def redis_down(self, name, unit_name, unit):
        files = self.seen(name, "redis", "files")
        log = self.seen(name, "redis", "settings").get("log") or unit.get("journal") or []
        last = [line for line in log if re.search(r"#|error|fail|bad|fatal|can't|No such", line, re.I)][-2:]
        seen = [
            "%s is %s (%s, exit status %d)" % (unit_name, unit["state"], unit["result"], unit["exit_status"])
        ] + last
        start = on(name, "sudo systemctl restart %s" % unit_name)
        for usage in ("redis_server", "redis_ca", "redis_aclfile"):
            found = files.get(usage) or {}
            for which in ("way", "key_way"):
                stopped = (found.get(which) or {}).get("stopped_at")
                if stopped:
                    self.unreadable(name, "redis_files_unreadable", "redis", found, which, unit["user"], seen, start)
                    return
            if found.get("problem"):
                self.redis_pair(name, found, seen, start)
                return
        text = "\n".join(log)
        config = self.seen(name, "redis", "settings").get("path", "/etc/redis/redis.conf")
        line = re.search(r"at line (\d+)", text + "\n".join(unit.get("journal") or []))
        if line and unit["exit_status"] == 1:
            directive = re.search(r">>> '([^' ]+)", text + "\n".join(unit.get("journal") or []))
            self.add(
                "redis_bad_config",
                "redis",
                name,
                "Redis does not take %s, line %s%s"
                % (config, line.group(1), " (%s)" % directive.group(1) if directive else ""),
                seen,
                [
                    on(
                        name,
                        "sudo sed -i '%ss/^/# /' %s && sudo systemctl restart %s" % (line.group(1), config, unit_name),
                    )
                ],
            )
        elif unit["state"] == "inactive" and unit["result"] == "success":
            self.add(
                "redis_stopped",
                "redis",
                name,
                "Redis is stopped",
                seen,
                [on(name, "sudo systemctl start %s" % unit_name)],
            )
        else:
            self.add(
                "redis_crashes",
                "redis",
                name,
                "Redis does not stay up: %s" % (unit.get("reason") or "see its log"),
                seen,
                [start],
            )

    def unreadable(self, name, ident, hop, found, which, user, seen, then):
        """A directory or file on the way to a certificate that its reader may not pass; never by opening it to everybody."""
        way = found[which]
        stopped = way["stopped_at"]
        step = next(one for one in way["steps"] if one["path"] == stopped)
        path = found["key_path"] if which == "key_way" else found["path"]
        is_file = stopped == path
        bits = "g+r" if is_file else "g+x"
        self.add(
            ident,
            hop,
            name,
            "the user %s may not %s %s" % (user, "read" if is_file else "enter", stopped),
            ["%s is %s %s:%s, on the way to %s" % (stopped, step["mode"], step["owner"], step["group"], path)] + seen,
            [on(name, "sudo chgrp %s %s && sudo chmod %s %s && %s" % (user, stopped, bits, stopped, then["run"]))],
        )

    def redis_pair(self, name, found, seen, then):
        if "does not match" in found["problem"]:
            ident, cause = "redis_key_mismatch", "certificate and key of Redis do not belong together"
        else:
            ident, cause = "redis_cert_file", "the certificate of Redis cannot be used"
        self.add(ident, "redis_tls", name, cause, [found["problem"]] + seen, [self.renew(name, found, "server"), then])

    def renew(self, name, found, usage, sans=""):
        """The one step that belongs to the user's own CA."""
        sans = sans or found.get("sans") or ""
        text = "have %s issued anew by %s" % (found["path"], found.get("issuer") or "your CA")
        if sans and sans != "none":
            text += " with the SANs %s" % sans
        text += " and put it there with its key %s" % found["key_path"] if found.get("key_path") else ""
        return by_hand(
            text,
            renew={"host": name, "cert": found["path"], "key": found.get("key_path", ""), "sans": sans, "usage": usage},
        )

    def redis_elsewhere(self, name, text):
        """Redis runs, but not where the exporter asks."""
        addr = self.wanted(name, "redis_addr", "") or self.seen(name, "exporter", "uses").get("addr", "")
        sockets = [
            one
            for one in self.seen(name, "listening") or []
            if one["program"].startswith("redis-server") and one["port"] < 16000
        ]
        if not sockets:
            unit_name, unit = self.redis_unit(name)
            self.add(
                "redis_stopped" if unit["found"] else "redis_missing",
                "redis",
                name,
                "Redis does not run on this host",
                [text],
                [on(name, "sudo systemctl start %s" % unit_name)],
            )
            return
        scheme = addr.partition("://")[0] or "rediss"
        first = sockets[0]
        where = ", ".join("%s:%d" % (one["address"], one["port"]) for one in sockets)
        right = "%s://%s:%d" % (scheme, bracket(first["address"]), first["port"])
        self.add(
            "redis_other_address",
            "redis",
            name,
            "Redis listens on %s, and the exporter asks at %s" % (where, addr),
            [text, "bind %s" % self.seen(name, "redis", "settings").get("bind", "(not set)")],
            [
                by_hand(
                    "set redis_exporter_redis_addr: %s for %s" % (right, name),
                    set={"redis_exporter_redis_addr": right},
                    host=name,
                ),
                self.playbook("exporters", name),
            ],
        )

    def redis_certificate(self, name, unit_name, cause, text):
        shown = self.seen(name, "redis", "shown")
        stored = self.seen(name, "redis", "files", "redis_server")
        restart = on(name, "sudo systemctl restart %s" % unit_name)
        evidence = [text]
        if shown:
            evidence.append(
                "it shows a certificate valid until %s, SANs %s, from %s"
                % (date(shown["not_after"]), shown["sans"], shown["issuer"])
            )
        fresh = stored.get("fingerprint") and shown and stored["fingerprint"] != shown.get("fingerprint")
        if fresh and not stored.get("problem") and stored.get("days_left", 0) > 0:
            evidence.append("%s holds another one, valid until %s" % (stored["path"], date(stored["not_after"])))
            self.add(
                "redis_cert_not_loaded",
                "redis_tls",
                name,
                "Redis shows an old certificate: the renewed one is not loaded",
                evidence,
                [restart],
            )
            return
        target = dict(stored or {"path": "the certificate of Redis"})
        now = self.stack.get("time", 0)
        if cause == "expired":
            self.add(
                "redis_cert_expired",
                "redis_tls",
                name,
                "the certificate of Redis has expired",
                evidence,
                [self.renew(name, target, "server"), restart],
            )
        elif cause == "not_yet_valid":
            ahead = shown and shown["not_before"] > now
            self.add(
                "redis_cert_not_yet_valid",
                "redis_tls",
                name,
                "the certificate of Redis is not valid yet",
                evidence,
                [self.renew(name, target, "server"), restart] if ahead else [on(name, "sudo timedatectl set-ntp true")],
            )
        elif cause == "name_mismatch":
            host = urlsplit(self.wanted(name, "redis_addr", "")).hostname or "127.0.0.1"
            named = [part for part in (shown.get("sans") or "").split(", ") if part not in ("", "none")]
            # Its peers and the prober ask for the address.
            sans = ", ".join(dict.fromkeys([*named, san_of(host), san_of(self.hosts[name]["address"])]))
            self.add(
                "redis_cert_name",
                "redis_tls",
                name,
                "the certificate of Redis does not name %s, which the exporter asks for" % host,
                evidence,
                [self.renew(name, target, "server", sans), restart],
            )
        else:
            ca = self.seen(name, "exporter", "files", "exporter_ca")
            signed = ca.get("subject") and shown and shown["issuer"] == ca["subject"]
            evidence.append(
                "the exporter trusts %s (%s)" % (ca.get("subject", "?"), ca.get("path", "no file")) if ca else ""
            )
            where = self.seen(name, "redis", "files", "redis_ca")
            if not signed and where.get("subject") and where["subject"] == (shown or {}).get("issuer"):
                self.add(
                    "exporter_ca_wrong",
                    "exporter",
                    name,
                    "the exporter trusts another CA than the one that signed the certificate of Redis",
                    evidence,
                    [
                        on(
                            name,
                            "sudo cp %s %s && sudo systemctl restart redis_exporter"
                            % (where["path"], ca.get("path", "CA")),
                        )
                    ],
                )
                return
            self.add(
                "redis_cert_untrusted",
                "redis_tls",
                name,
                "the certificate of Redis is not signed by the CA that the exporter trusts",
                evidence,
                [self.renew(name, dict(target, issuer=ca.get("subject")), "server"), restart],
            )

    def redis_files_ahead(self, name, unit_name):
        """Files that the next restart of Redis would stumble over, while it still runs."""
        found = self.seen(name, "redis", "files", "redis_server")
        if not found or self.has_error(name, ("redis", "redis_tls")):
            return
        if found.get("problem") and "expired" not in found["problem"]:
            self.add(
                "redis_files_broken",
                "redis_tls",
                name,
                "Redis runs, and would not start again with the files it has now",
                [found["problem"]],
                [self.renew(name, found, "server")],
                "warning",
            )

    def redis_inside(self, name, admin):
        info, cluster = admin.get("info", {}), admin.get("cluster", {})
        used, limit = number(info.get("used_memory")), number(info.get("maxmemory"))
        if limit and used > limit * 0.95:
            self.add(
                "redis_memory_full",
                "redis",
                name,
                "the memory of Redis is full",
                ["used_memory %s of maxmemory %s" % (size(used), size(limit))],
                [by_hand("raise maxmemory in redis.conf, or let keys expire")],
                "warning",
            )
        for key, what in (("rdb_last_bgsave_status", "snapshot"), ("aof_last_write_status", "append-only file")):
            if info.get(key) == "err":
                self.symptom(
                    "Redis on %s cannot write its %s" % (name, what),
                    lambda one: one.ident.startswith("disk_") and one.host == name,
                    lambda what=what, key=key: self.add(
                        "redis_persistence",
                        "redis",
                        name,
                        "Redis cannot write its %s" % what,
                        ["%s:err" % key],
                        [
                            on(
                                name,
                                "sudo tail -n 20 %s"
                                % self.seen(name, "redis", "settings").get(
                                    "logfile", "/var/log/redis/redis-server.log"
                                ),
                            )
                        ],
                        "warning",
                    ),
                )
        if cluster.get("cluster_state") == "fail":
            down = [
                "%s (%s)" % (one["address"], one["flags"]) for one in admin.get("nodes", []) if "fail" in one["flags"]
            ]
            self.cluster_failures = getattr(self, "cluster_failures", []) + [(name, cluster, down)]

    def cluster(self):
        """The cluster as its nodes see it: a consequence of the node that is down, or a finding."""
        for name, cluster, down in getattr(self, "cluster_failures", []):
            slots = "%s of 16384 slots served" % cluster.get("cluster_slots_ok", "?")
            self.symptom(
                "the cluster is in state fail as %s sees it (%s)" % (name, slots),
                lambda one: one.hop in ("host", "redis", "redis_tls", "network") and one.host in self.nodes,
                lambda name=name, down=down, slots=slots: self.add(
                    "cluster_fail",
                    "redis",
                    name,
                    "the cluster cannot serve requests",
                    [
                        "cluster_state:fail, " + slots,
                        "failed nodes: %s" % (", ".join(down) or "none"),
                        "assigned: %s" % cluster.get("cluster_slots_assigned"),
                    ],
                    [by_hand("bring the failed nodes back, or give their slots to others (redis-cli --cluster fix)")],
                ),
            )

    def expiring(self, name):
        for usage, found in list(self.seen(name, "redis", "files").items()) + list(
            self.seen(name, "exporter", "files").items()
        ):
            days = found.get("days_left")
            if days is not None and 0 < days < CERT_WARNING_DAYS:
                kind = "client" if usage == "exporter_client" else "server"
                self.add(
                    "cert_expiring",
                    "redis_tls",
                    name,
                    "%s expires in %d days" % (found["path"], days),
                    ["valid until %s, issued by %s" % (date(found["not_after"]), found["issuer"])],
                    [self.renew(name, found, kind)],
                    "warning",
                )

    # --------------------------------------------------------------------------------------------------- exporter

    def exporter(self, name):
        if not self.seen(name, "exporter"):
            return
        unit = self.seen(name, "units", "redis_exporter.service") or {"found": False}
        uses = self.seen(name, "exporter", "uses")
        again = self.playbook("exporters", name)
        if not unit["found"]:
            if unit.get("load_state") == "masked":
                self.add(
                    "exporter_masked",
                    "exporter",
                    name,
                    "the unit redis_exporter.service is masked",
                    ["systemctl: LoadState=masked"],
                    [on(name, "sudo systemctl unmask redis_exporter && sudo systemctl restart redis_exporter")],
                )
                return
            self.add(
                "exporter_missing",
                "exporter",
                name,
                "redis_exporter is not installed",
                ["there is no unit redis_exporter.service"],
                [again],
            )
            return
        if not unit["active"] or unit["restarts"] and unit["sub_state"] != "running":
            self.exporter_down(name, unit, uses, again)
            return
        if (unit.get("process") or {}).get("state") == "T":
            self.add(
                "exporter_hung",
                "exporter",
                name,
                "the exporter's process is stopped (SIGSTOP): it takes connections and answers none",
                ["process %d is in state T (stopped)" % unit["pid"]],
                [on(name, "sudo kill -CONT %d" % unit["pid"])],
            )
            return
        self.exporter_settings(name, unit, uses, again)
        self.account(name, uses, again)
        self.exporter_answer(name, unit, uses, again)

    def exporter_down(self, name, unit, uses, again):
        files = self.seen(name, "exporter", "files")
        reason = unit.get("reason") or ""
        state = "redis_exporter.service is %s (%s, exit status %d, restarted %d times)" % (
            unit["state"],
            unit["result"],
            unit["exit_status"],
            unit["restarts"],
        )
        seen = [state] + [
            line for line in (unit.get("journal") or []) if re.search(r"fatal|error|not defined|panic|bind:", line)
        ][-2:]
        restart = on(name, "sudo systemctl restart redis_exporter")
        if unit["state"] == "inactive" and unit["result"] == "success":
            self.add(
                "exporter_stopped",
                "exporter",
                name,
                "redis_exporter is stopped",
                seen,
                [on(name, "sudo systemctl start redis_exporter")],
            )
            return
        for usage, found in files.items():
            if self.exporter_file(name, usage, found, unit, uses, seen, restart):
                return
        flag = re.search(r"the flag ([\w.-]+)", reason)
        if flag and "exit status 2" in reason:
            own = flag.group(1) in (self.wanted(name, "flags") or {})
            drop_ins = unit.get("drop_ins") or []
            cure = [again]
            if own:
                cure = [
                    by_hand(
                        "remove %s from redis_exporter_flags" % flag.group(1),
                        unset={"redis_exporter_flags": flag.group(1)},
                        host=name,
                    ),
                    again,
                ]
            elif drop_ins:
                cure = [
                    on(
                        name,
                        "sudo rm %s && sudo systemctl daemon-reload && sudo systemctl restart redis_exporter"
                        % shlex.quote(drop_ins[-1]),
                    )
                ]
            self.add(
                "exporter_bad_flag",
                "exporter",
                name,
                "redis_exporter does not know the flag %s" % flag.group(1),
                seen
                + ["exit status 2 (systemd calls it INVALIDARGUMENT)"]
                + (["set in " + drop_ins[-1]] if drop_ins else []),
                cure,
            )
        elif "port is taken" in reason:
            self.port_taken(name, uses, seen, restart)
        elif "address it shall listen on" in reason:
            self.add(
                "exporter_address",
                "exporter",
                name,
                "the address that the exporter shall listen on (%s) is not one of this host" % uses.get("listen"),
                seen,
                [again],
            )
        elif unit["exit_status"] == 203:
            self.add(
                "exporter_program",
                "exporter",
                name,
                "the program of the exporter cannot be run",
                seen + [reason],
                [again],
            )
        else:
            self.add(
                "exporter_crashes",
                "exporter",
                name,
                "redis_exporter does not stay up: %s" % (reason or "see its journal"),
                seen,
                [again],
            )

    def port_taken(self, name, uses, seen, restart):
        port = uses.get("port", 9121)
        owner = next((one for one in self.seen(name, "listening") or [] if one["port"] == port), None)
        who = "%s (process %d)" % (owner["program"], owner["pid"]) if owner else "another program"
        self.add(
            "exporter_port_taken",
            "exporter",
            name,
            "port %d is taken by %s" % (port, who),
            seen + (["%s:%d is open by %s" % (owner["address"], port, who)] if owner else []),
            [on(name, "sudo kill %d && sleep 1 && %s" % (owner["pid"], restart["run"])) if owner else restart],
        )

    def exporter_file(self, name, usage, found, unit, uses, seen, restart):
        """A certificate, key, CA or password file of the exporter that cannot work."""
        what = {
            "exporter_ca": "CA",
            "exporter_client": "client certificate",
            "exporter_server": "server certificate",
            "exporter_password": "password file",
        }[usage]
        for which in ("way", "key_way"):
            way = found.get(which) or {}
            if way.get("stopped_at"):
                self.unreadable(
                    name,
                    "exporter_files_unreadable",
                    "exporter",
                    found,
                    which,
                    uses.get("reader") or unit["user"],
                    seen,
                    restart,
                )
                return True
        missing = (found["way"] or {}).get("missing") or (found.get("key_way") or {}).get("missing")
        if usage == "exporter_password":
            if not missing:
                return False
            self.add(
                "exporter_password_missing",
                "exporter",
                name,
                "the exporter's password file %s does not exist" % found["path"],
                seen,
                [self.playbook("exporters", name)],
            )
            return True
        if missing:
            path = found["key_path"] if not found["way"].get("missing") else found["path"]
            self.add(
                "exporter_tls_file_missing",
                "exporter",
                name,
                "the exporter's %s %s does not exist" % (what, path),
                ["%s: %s" % (missing, (found["way"].get("error") or "No such file or directory"))] + seen,
                [
                    self.copy_ca(name, found)
                    if usage == "exporter_ca"
                    else self.renew(
                        name, found, "client" if usage == "exporter_client" else "server", self.sans_for(name, usage)
                    ),
                    restart,
                ],
            )
            return True
        if found.get("problem"):
            expired = "expired" in found["problem"]
            ident = (
                "exporter_cert_expired"
                if expired
                else "exporter_key_mismatch"
                if "does not match" in found["problem"]
                else "exporter_tls_file"
            )
            self.add(
                ident,
                "exporter",
                name,
                "the exporter's %s %s" % (what, "has expired" if expired else "cannot be used"),
                [found["problem"]] + seen,
                [
                    self.copy_ca(name, found)
                    if usage == "exporter_ca"
                    else self.renew(
                        name, found, "client" if usage == "exporter_client" else "server", self.sans_for(name, usage)
                    ),
                    restart,
                ],
            )
            return True
        return False

    def copy_ca(self, name, found):
        where = self.seen(name, "redis", "files", "redis_ca")
        if where.get("path") and not where.get("problem"):
            return on(name, "sudo install -m 0644 %s %s" % (where["path"], found["path"]))
        return by_hand("put the CA certificate that signed Redis' certificate to %s" % found["path"])

    def sans_for(self, name, usage):
        if usage != "exporter_server":
            return ""
        return ", ".join(dict.fromkeys([san_of(name), san_of(self.hosts[name]["address"])]))

    def exporter_settings(self, name, unit, uses, again):
        wanted_addr = self.wanted(name, "redis_addr", "")
        account = self.seen(name, "redis", "account")
        if account.get("cause") == "tls_port":
            evidence = ["the running exporter uses --redis.addr=%s" % uses["addr"], account.get("text", "")]
            settings = self.seen(name, "redis", "settings")
            evidence.append(
                "redis.conf: tls-port %s, port %s" % (settings["tls-port"], settings.get("port", "6379"))
                if settings.get("tls-port")
                else ""
            )
            right = re.sub(r"^\w+://", "rediss://", uses["addr"])
            cure = [again]
            if wanted_addr == uses["addr"]:
                cure.insert(
                    0,
                    by_hand(
                        "set redis_exporter_redis_addr: %s" % right, set={"redis_exporter_redis_addr": right}, host=name
                    ),
                )
            elif unit.get("drop_ins"):
                cure = self.without_drop_in(name, unit)
            self.add(
                "exporter_scheme",
                "exporter",
                name,
                "the exporter asks Redis without TLS: redis:// instead of rediss://",
                evidence,
                cure,
            )
        if uses.get("skip_tls_verification"):
            self.add(
                "exporter_unverified",
                "exporter",
                name,
                "the exporter does not verify the certificate of Redis: whoever stands between takes its password",
                ["--skip-tls-verification is set"],
                [
                    by_hand(
                        "give Redis' certificate the SAN of the address the exporter asks, set redis_exporter_skip_tls_verification: false"
                    ),
                    again,
                ],
                "warning",
            )
        if uses.get("password_in_argv"):
            self.add(
                "exporter_password_shown",
                "exporter",
                name,
                "the exporter's password is on its command line, where every user of the host reads it",
                ["--redis.password is among the arguments of process %d" % unit["pid"]],
                [again],
                "warning",
            )
        if (
            uses.get("listen")
            and uses.get("wanted_listen")
            and uses["listen"] != uses["wanted_listen"]
            and uses["listen"] not in ("0.0.0.0", "::")
        ):
            cure = self.without_drop_in(name, unit) if unit.get("drop_ins") else [again]
            self.add(
                "exporter_other_address",
                "exporter",
                name,
                "the exporter listens on %s, where Prometheus cannot reach it; it should be %s"
                % (uses["listen"], uses["wanted_listen"]),
                ["--web.listen-address=%s:%d" % (uses["listen"], uses["port"])]
                + ["set in " + one for one in unit.get("drop_ins") or []],
                cure,
            )
        elif uses.get("port") != self.wanted(name, "port", uses.get("port")):
            self.add(
                "exporter_other_port",
                "exporter",
                name,
                "the exporter listens on port %d, and Prometheus asks port %d"
                % (uses["port"], self.wanted(name, "port")),
                ["--web.listen-address=%s:%d" % (uses["listen"], uses["port"])],
                [again],
            )

    def without_drop_in(self, name, unit):
        """What a drop-in changed by hand is mended where it is: the roles leave drop-ins alone."""
        path = shlex.quote(unit["drop_ins"][-1])
        return [on(name, "sudo rm %s && sudo systemctl daemon-reload && sudo systemctl restart redis_exporter" % path)]

    def account(self, name, uses, again):
        """The login of the exporter: its own settings first, then the ACL user in Redis."""
        account, admin = self.seen(name, "redis", "account"), self.seen(name, "redis", "admin")
        if self.has_error(name, ("host", "redis")):
            return
        user = self.wanted(name, "redis_user", "redis_exporter")
        managed = self.wanted(name, "acl_manage", False)
        rules = " ".join(self.wanted(name, "acl_rules") or [])
        mend = (
            again
            if managed
            else by_hand(
                "as an administrator of Redis on %s: ACL SETUSER %s reset on #<sha256 of the password> %s"
                % (name, user, rules)
            )
        )
        text = account.get("text", "")
        if account.get("cause") in ("wrongpass", "user_unknown", "user_disabled", "auth_required", "no_password_set"):
            acl = admin.get("acl") if admin.get("ok") else None
            found = {
                "user_unknown": ("acl_user_missing", "Redis has no ACL user %s" % user),
                "user_disabled": ("acl_user_off", "the ACL user %s is switched off" % user),
                "wrongpass": (
                    "acl_wrong_password",
                    "the ACL user %s has another password than redis_exporter_redis_password" % user,
                ),
            }.get(acl)
            if found is None and admin.get("ok") and not uses.get("password_as_wanted"):
                self.add(
                    "exporter_password_stale",
                    "exporter",
                    name,
                    "the exporter uses another password than redis_exporter_redis_password",
                    [
                        text,
                        "the wanted password is the one that Redis knows; %s holds another"
                        % (self.seen(name, "exporter", "files", "exporter_password").get("path") or "its command line"),
                    ],
                    [again],
                )
                return
            ident, cause = found or ("acl_login_refused", "Redis refuses the login of the exporter")
            self.add(ident, "redis_acl", name, cause, [text, "ACL GETUSER %s: %s" % (user, acl) if acl else ""], [mend])
        elif account.get("cause") == "noperm" or account.get("ok") and account.get("denied"):
            denied = account.get("denied") or []
            lost = ", ".join("%(command)s (no %(lost)s)" % one for one in denied) or text
            grant = " ".join("+" + one["command"] for one in denied) or "+info"
            if not managed:
                mend = by_hand("as an administrator of Redis on %s: ACL SETUSER %s %s" % (name, user, grant))
            self.add(
                "acl_right_missing",
                "redis_acl",
                name,
                "the ACL user %s lacks rights: %s" % (user, grant),
                ["NOPERM for " + lost],
                [mend],
            )
        elif account.get("cause") in ("client_cert_required", "client_cert_refused"):
            found = self.seen(name, "exporter", "files", "exporter_client")
            restart = on(name, "sudo systemctl restart redis_exporter")
            cure = [
                self.renew(
                    name, dict(found, issuer=self.seen(name, "redis", "files", "redis_ca").get("subject")), "client"
                ),
                restart,
            ]
            self.add(
                "exporter_client_cert_refused",
                "redis_tls",
                name,
                "Redis refuses the exporter's client certificate",
                [
                    text,
                    "issued by %s" % found["issuer"] if found.get("issuer") else "",
                    "Redis trusts %s" % self.seen(name, "redis", "files", "redis_ca").get("subject"),
                ],
                cure if found else [again],
            )
        elif account.get("cause") == "files":
            restart = on(name, "sudo systemctl restart redis_exporter")
            unit = self.seen(name, "units", "redis_exporter.service")
            for usage, found in self.seen(name, "exporter", "files").items():
                if usage != "exporter_server" and self.exporter_file(name, usage, found, unit, uses, [text], restart):
                    return
            self.add(
                "exporter_tls_file", "exporter", name, "a TLS file of the exporter cannot be used", [text], [again]
            )
        elif account.get("cause") in ("expired", "name_mismatch", "untrusted_ca") and admin.get("ok"):
            self.add(
                "exporter_settings",
                "exporter",
                name,
                "the exporter's own settings fail where the wanted ones work",
                [text],
                [again],
            )
        elif account.get("cause") in ("refused", "connect_timeout", "unreachable", "name_unknown") and admin.get("ok"):
            unit = self.seen(name, "units", "redis_exporter.service")
            self.add(
                "exporter_other_redis",
                "exporter",
                name,
                "the exporter asks %s, and Redis is at %s" % (uses.get("addr"), self.wanted(name, "redis_addr", "")),
                [text],
                self.without_drop_in(name, unit) if unit.get("drop_ins") else [again],
            )

    def exporter_answer(self, name, unit, uses, again):
        metrics = self.seen(name, "exporter", "metrics")
        restart = on(name, "sudo systemctl restart redis_exporter")
        found = self.seen(name, "exporter", "files", "exporter_server")
        if found and self.exporter_file(name, "exporter_server", found, unit, uses, [], restart):
            return
        if not metrics:
            return
        if not metrics["answered"]:
            error = metrics["error"]
            stale = unit.get("newer_than_process") or []
            if "another certificate" in error:
                self.add(
                    "exporter_cert_not_loaded",
                    "exporter",
                    name,
                    "the exporter shows an old certificate: the renewed one is not loaded",
                    [error],
                    [restart],
                )
            elif "refuses redis_exporter_web_username" in error:
                self.add(
                    "exporter_web_password",
                    "exporter",
                    name,
                    "the exporter refuses redis_exporter_web_username and redis_exporter_web_password",
                    ["GET %s: 401" % metrics["url"]] + ["newer than its process: %s" % one for one in stale],
                    [again],
                )
            else:
                self.symptom(
                    "the exporter on %s gives no metrics (%s)" % (name, error),
                    lambda one: one.host == name and one.hop in NODE_HOPS,
                    lambda: self.add(
                        "exporter_silent",
                        "exporter",
                        name,
                        "the exporter runs and gives no metrics",
                        ["GET %s: %s" % (metrics["url"], error)],
                        [restart],
                    ),
                )
            return
        stale = unit.get("newer_than_process") or []
        if metrics.get("up") != 1:
            self.symptom(
                "redis_up is 0 on %s" % name,
                lambda one: one.host == name and one.hop in NODE_HOPS,
                lambda: self.add(
                    "exporter_stale",
                    "exporter",
                    name,
                    "redis_up is 0 though Redis takes the exporter's account and files: its process has older ones",
                    ["redis_up %s at %s" % (metrics.get("up"), metrics["url"])]
                    + ["newer than its process: %s" % one for one in stale],
                    [restart],
                ),
            )
            return
        if stale:
            self.add(
                "exporter_restart_due",
                "exporter",
                name,
                "the exporter runs with older files than those on the host",
                ["newer than its process: " + ", ".join(stale)],
                [restart],
                "warning",
            )
        wanted = self.wanted(name, "version")
        if wanted and metrics.get("version") and not re.match(r"%s(?![\d.])" % re.escape(wanted), metrics["version"]):
            self.add(
                "exporter_version",
                "exporter",
                name,
                "redis_exporter %s runs, and %s is wanted" % (metrics["version"], wanted),
                ["redis_exporter_build_info at %s" % metrics["url"]],
                [again],
                "warning",
            )

    # ---------------------------------------------------------------------------------------------------- network

    def ways(self, monitor):
        """From the monitoring host to every exporter."""
        skews = []
        for node, way in (self.seen(monitor, "reach") or {}).items():
            if node not in self.hosts:
                continue
            if way.get("skew") is not None:
                skews.append((node, way["skew"]))
            if not way.get("answered"):
                self.no_way(monitor, node, way)
            elif way.get("status") == 401 and not self.has_error(node):
                self.add(
                    "scrape_login_refused",
                    "prometheus",
                    monitor,
                    "the exporter on %s refuses prometheus_exporter_username and prometheus_exporter_password" % node,
                    ["GET %s: 401; with redis_exporter_web_password it answers on the node" % way["url"]],
                    [
                        by_hand("set prometheus_exporter_password to the value of redis_exporter_web_password"),
                        self.playbook("monitoring", monitor, "prometheus"),
                    ],
                )
        self.clocks(monitor, skews)

    def no_way(self, monitor, node, way):
        cause = way.get("cause")
        text = "%s does not get through from %s to %s: %s" % ("GET", monitor, way["url"], way.get("error"))
        explained = lambda one: one.host == node and one.hop in NODE_HOPS and one.hop != "network"  # noqa: E731
        if cause in ("timeout", "filtered", "unreachable", "refused"):
            self.symptom(text, explained, lambda: self.closed(monitor, node, way, text))
            return
        found = self.seen(node, "exporter", "files", "exporter_server")
        restart = on(node, "sudo systemctl restart redis_exporter")
        shown = way.get("shown") or {}
        seen = [text] + (
            [
                "it shows a certificate valid until %s, SANs %s, from %s"
                % (date(shown["not_after"]), shown["sans"], shown["issuer"])
            ]
            if shown
            else []
        )
        host = urlsplit(way["url"]).hostname
        if cause == "expired":
            make = lambda: self.add(
                "exporter_cert_expired",
                "exporter",
                node,
                "the certificate of the exporter has expired",
                seen,
                [self.renew(node, found, "server", self.sans_for(node, "exporter_server")), restart],
            )
        elif cause == "name_mismatch":
            make = lambda: self.add(
                "exporter_cert_name",
                "exporter",
                node,
                "the certificate of the exporter does not name %s, which Prometheus asks for" % host,
                seen,
                [self.renew(node, found, "server", self.sans_for(node, "exporter_server")), restart],
            )
        elif cause == "untrusted":
            make = lambda: self.add(
                "exporter_cert_untrusted",
                "exporter",
                node,
                "the certificate of the exporter is not signed by the CA that Prometheus trusts",
                seen,
                [
                    self.renew(
                        node,
                        dict(found, issuer="the CA in prometheus_exporter_ca_file"),
                        "server",
                        self.sans_for(node, "exporter_server"),
                    ),
                    restart,
                ],
            )
        elif cause == "http_only":
            make = lambda: self.add(
                "exporter_plain_http",
                "exporter",
                node,
                "the exporter answers plain HTTP, and Prometheus asks for HTTPS",
                seen,
                [self.playbook("exporters", node)],
            )
        elif cause == "https_only":
            make = lambda: self.add(
                "scrape_scheme",
                "prometheus",
                monitor,
                "Prometheus asks the exporters over http, and they speak https",
                seen,
                [
                    by_hand(
                        "set prometheus_exporter_scheme: https",
                        set={"prometheus_exporter_scheme": "https"},
                        host=monitor,
                    ),
                    self.playbook("monitoring", monitor, "prometheus"),
                ],
            )
        else:
            make = lambda: self.add(
                "exporter_tls",
                "network",
                node,
                "no TLS connection from %s to the exporter" % monitor,
                seen,
                [self.playbook("exporters", node)],
            )
        self.symptom(text, explained, make)

    def closed(self, monitor, node, way, text):
        """The exporter runs and listens, and the monitoring host gets no answer: something between them."""
        address = self.hosts[node]["address"]
        parts = urlsplit(way["url"])
        back = self.seen(node, "routes").get(self.hosts[monitor]["address"]) or ""
        forth = way.get("route") or ""
        if parts.hostname != address and self.hosts[node].get("evidence"):
            self.add(
                "target_address",
                "network",
                monitor,
                "%s asks for %s at %s, and it is at %s" % (monitor, node, parts.hostname, address),
                [text],
                [self.playbook("monitoring", monitor, "prometheus")],
            )
            return
        for host, problem in ((node, back), (monitor, forth)):
            if problem:
                peer = self.hosts[monitor if host == node else node]["address"]
                route = re.search(r"blackhole|unreachable|prohibit", problem)
                cure = "sudo ip route del %s %s" % (route.group(0), peer) if route else "ip route get %s" % peer
                self.add(
                    "route_blocked",
                    "network",
                    host,
                    "%s has no route to %s" % (host, peer),
                    [text, "route to %s: %s" % (peer, problem)],
                    [on(host, cure)],
                )
                return
        listens = [one for one in self.seen(node, "listening") or [] if one["port"] == parts.port]
        seen = [text] + [
            "on %s, %s listens on %s:%d" % (node, one["program"], one["address"], one["port"]) for one in listens
        ]
        missing = self.rule_missing(node, monitor)
        if missing:
            return  # security_groups() says it, with what the API knows
        self.add(
            "port_filtered",
            "network",
            node,
            "a packet filter keeps %s from port %d" % (monitor, parts.port or 9121),
            seen,
            [self.playbook("security_groups"), by_hand("look for a firewall on %s: sudo nft list ruleset" % node)],
        )

    def clocks(self, monitor, skews):
        """The Date header of each exporter against the clock of the monitoring host."""
        off = [(node, skew) for node, skew in skews if abs(skew) > SKEW_WARNING]
        if not off:
            return
        culprits = off
        if (
            len(skews) > 1
            and len(off) == len(skews)
            and max(s for dummy, s in off) - min(s for dummy, s in off) < SKEW_WARNING
        ):
            culprits = [(monitor, -off[0][1])]
        for name, skew in culprits:
            synchronized = self.seen(name, "host").get("clock_synchronized")
            self.add(
                "clock_skew",
                "host",
                name,
                "the clock of %s is %.1f s %s" % (name, abs(skew), "ahead" if skew > 0 else "behind"),
                [
                    "%s: %+.1f s against %s, measured by its HTTP Date header" % (node, value, monitor)
                    for node, value in off
                ]
                + [
                    "the kernel of %s says its clock is %ssynchronized" % (name, "" if synchronized else "not ")
                    if synchronized is not None
                    else ""
                ],
                [on(name, "sudo timedatectl set-ntp true && sudo systemctl restart systemd-timesyncd")],
                "error" if abs(skew) > SKEW_ERROR else "warning",
            )

    # --------------------------------------------------------------------------------------------- security groups

    def groups_of(self, host):
        known = (self.stack.get("security_groups") or {}).get("groups") or {}
        return [known[one] for one in self.hosts[host].get("security_groups", []) if one in known]

    def allowed(self, host, port, source="", source_groups=()):
        """The rule that lets the source (a network or address, or members of groups) to the port; None for none."""
        for group in self.groups_of(host):
            for rule in group.get("ip_permissions", []):
                if not covers_port(rule, port):
                    continue
                if any(pair.get("group_id") in source_groups for pair in rule.get("user_id_group_pairs", [])):
                    return rule
                ranges = [one.get("cidr_ip") for one in rule.get("ip_ranges", [])] + [
                    one.get("cidr_ipv6") for one in rule.get("ipv6_ranges", [])
                ]
                if source and any(contains(one, source) for one in ranges if one):
                    return rule
        return None

    def rule_missing(self, node, monitor):
        if not self.groups_of(node) or not self.hosts[monitor].get("security_groups"):
            return False
        port = self.wanted(node, "port", 9121)
        return self.allowed(node, port, self.hosts[monitor]["address"], self.hosts[monitor]["security_groups"]) is None

    def security_groups(self):
        looked = self.stack.get("security_groups")
        if not looked:
            return
        if looked.get("problem"):
            self.add(
                "security_groups_unknown",
                "network",
                "controller",
                "the rules of the security groups could not be read",
                [looked["problem"]],
                [
                    by_hand(
                        "give the controller AWS credentials with ec2:DescribeSecurityGroups, or --skip-tags security_groups"
                    )
                ],
                "info",
            )
            return
        for monitor in self.monitors:
            closed = [node for node in self.nodes if self.rule_missing(node, monitor)]
            by_groups: dict[str, list] = {}
            for node in closed:
                by_groups.setdefault(
                    ", ".join("%s (%s)" % (one["group_name"], one["group_id"]) for one in self.groups_of(node)), []
                ).append(node)
            for names, nodes in by_groups.items():
                port = self.wanted(nodes[0], "port", 9121)
                ways = [self.seen(monitor, "reach", node) for node in nodes]
                source = self.groups_of(monitor)
                self.add(
                    "sg_rule_missing",
                    "network",
                    nodes[0],
                    "no rule of %s lets %s to port %d of %s" % (names, monitor, port, ", ".join(nodes)),
                    [
                        "ingress rules for tcp/%d: %s" % (port, self.rules_for(nodes[0], port) or "none"),
                        "%s is in %s and has the address %s"
                        % (monitor, ", ".join(one["group_name"] for one in source), self.hosts[monitor]["address"]),
                    ]
                    + [
                        "from there %s: %s" % (way["url"], way.get("error") or "answers %s" % way.get("status"))
                        for way in ways[:1]
                        if way
                    ],
                    [self.playbook("security_groups")],
                )
            self.administrators(monitor)

    def rules_for(self, host, port):
        found = []
        for group in self.groups_of(host):
            for rule in group.get("ip_permissions", []):
                if covers_port(rule, port):
                    found += [one.get("group_id") for one in rule.get("user_id_group_pairs", [])] + [
                        one.get("cidr_ip") for one in rule.get("ip_ranges", [])
                    ]
        return ", ".join(str(one) for one in found)

    def administrators(self, monitor):
        """Issue 3 of the old runbook: Grafana runs, and nobody is let to its port."""
        ports = {"grafana": 3000, "prometheus": 9090, "alertmanager": 9093}
        urls = self.hosts[monitor].get("urls", {})
        for service, port in ports.items():
            port = urlsplit(urls.get(service, "")).port or port
            missing = [
                cidr
                for cidr in self.stack.get("admin_cidrs", [])
                if self.groups_of(monitor) and self.allowed(monitor, port, cidr) is None
            ]
            if missing and (service != "alertmanager" or service in self.expected):
                self.add(
                    "admin_rule_missing",
                    "person",
                    monitor,
                    "no rule lets %s to port %d of %s (%s)" % (", ".join(missing), port, monitor, TITLES[service]),
                    [
                        "ingress rules of %s for tcp/%d: %s"
                        % (
                            ", ".join(one["group_name"] for one in self.groups_of(monitor)),
                            port,
                            self.rules_for(monitor, port) or "none",
                        ),
                        "a browser says ERR_CONNECTION_TIMED_OUT; ERR_CONNECTION_REFUSED would be a service that does not listen",
                    ],
                    [self.playbook("security_groups")],
                )

    # -------------------------------------------------------------------------------------------------- services

    def service(self, monitor, service):
        """The unit and the answer of one service. True when it can be asked further."""
        hop, unit_name, tag = SERVICES[service]
        unit = self.seen(monitor, "units", unit_name) or {"found": False}
        ready = self.seen(monitor, service, "ready")
        again = self.playbook("monitoring", monitor, tag)
        title = TITLES[service]
        start = on(monitor, "sudo systemctl restart %s" % unit_name)
        if not self.seen(monitor, "units"):
            return False
        if not unit["found"]:
            if ready.get("answered") and ready.get("status", 500) < 500:
                return True  # runs without systemd, or elsewhere
            if service in self.expected:
                if unit.get("load_state") == "masked":
                    self.add(
                        service + "_masked",
                        hop,
                        monitor,
                        "the unit %s is masked" % unit_name,
                        ["systemctl: LoadState=masked"],
                        [on(monitor, "sudo systemctl unmask %s && sudo systemctl start %s" % (unit_name, unit_name))],
                    )
                else:
                    self.add(
                        service + "_missing",
                        hop,
                        monitor,
                        "%s is not installed" % title,
                        ["there is no unit %s" % unit_name],
                        [again],
                    )
            return False
        state = "%s is %s (%s, exit status %d, restarted %d times)" % (
            unit_name,
            unit["state"],
            unit["result"],
            unit["exit_status"],
            unit["restarts"],
        )
        lines = [
            line
            for line in (unit.get("journal") or [])
            if re.search(r"err|fail|fatal|panic|unexpected|no space", line, re.I)
        ][-2:]
        if not unit["active"]:
            if unit["state"] == "activating" and unit["sub_state"] in ("start", "start-pre") and not unit["restarts"]:
                self.add(
                    service + "_starting",
                    hop,
                    monitor,
                    "%s is still starting" % title,
                    [state],
                    [by_hand("wait, then run again")],
                    "warning",
                )
            elif unit["state"] == "inactive" and unit["result"] == "success":
                self.add(
                    service + "_stopped",
                    hop,
                    monitor,
                    "%s is stopped" % title,
                    [state],
                    [on(monitor, "sudo systemctl start %s" % unit_name)],
                )
            else:
                self.service_crashes(monitor, service, unit, [state] + lines, again)
            return False
        if (unit.get("process") or {}).get("state") == "T":
            self.add(
                service + "_hung",
                hop,
                monitor,
                "the process of %s is stopped (SIGSTOP): it takes connections and answers none" % title,
                ["process %d is in state T (stopped)" % unit["pid"]],
                [on(monitor, "sudo kill -CONT %d" % unit["pid"])],
            )
            return False
        if not ready:
            return False
        if ready.get("answered"):
            if ready["status"] in (401, 403):
                self.add(
                    service + "_login_refused",
                    hop,
                    monitor,
                    "%s refuses the user that the inventory names" % title,
                    ["GET %s: %d" % (ready["url"], ready["status"])],
                    [again],
                )
                return False
            if ready["status"] >= 500:
                self.add(
                    service + "_not_ready",
                    hop,
                    monitor,
                    "%s is not ready: %s" % (title, ready.get("said", "")),
                    ["GET %s: %d" % (ready["url"], ready["status"])],
                    [start],
                )
                return False
            return True
        self.service_silent(monitor, service, unit, ready, again, start)
        return False

    def service_crashes(self, monitor, service, unit, seen, again):
        hop, unit_name, dummy = SERVICES[service]
        title = TITLES[service]
        text = "\n".join(unit.get("journal") or [])
        if re.search(r"no space left on device", text, re.I):
            self.symptom(
                "%s does not start: no space left on device" % title,
                lambda one: one.ident == "disk_full" and one.host == monitor,
                lambda: self.add(
                    service + "_crashes",
                    hop,
                    monitor,
                    "%s does not start: no space left on device" % title,
                    seen,
                    [again],
                ),
            )
            return
        cure = [again]
        if unit.get("drop_ins"):
            seen = seen + ["a drop-in changes the unit: " + unit["drop_ins"][-1]]
            path = shlex.quote(unit["drop_ins"][-1])
            cure = [
                on(
                    monitor,
                    "sudo rm %s && sudo systemctl daemon-reload && sudo systemctl restart %s" % (path, unit_name),
                )
            ]
        config = re.search(
            r"(error loading config|parsing YAML|yaml: |Loading configuration file failed|failed to load config|Failed to parse|couldn't load config)",
            text,
            re.I,
        )
        ident = service + ("_config_broken" if config else "_crashes")
        cause = (
            "%s does not take its configuration" % title
            if config
            else "%s does not stay up: %s" % (title, unit.get("reason") or "see its journal")
        )
        self.add(ident, hop, monitor, cause, seen, cure)

    def service_silent(self, monitor, service, unit, ready, again, start):
        hop, unit_name, dummy = SERVICES[service]
        title, cause = TITLES[service], ready.get("cause")
        wanted = urlsplit(ready["url"])
        seen = ["GET %s: %s" % (ready["url"], ready.get("error"))]
        sockets = [one for one in self.seen(monitor, "listening") or [] if one["pid"] == unit["pid"]]
        where = ", ".join("%s:%d" % (one["address"], one["port"]) for one in sockets)
        if cause == "refused" and sockets:
            cure = [again]
            if unit.get("drop_ins"):
                path = shlex.quote(unit["drop_ins"][-1])
                cure = [
                    on(
                        monitor,
                        "sudo rm %s && sudo systemctl daemon-reload && sudo systemctl restart %s" % (path, unit_name),
                    )
                ]
            self.add(
                service + "_other_address",
                hop,
                monitor,
                "%s listens on %s, and it should be %s:%s" % (title, where, wanted.hostname, wanted.port),
                seen,
                cure,
            )
        elif cause in ("expired", "name_mismatch", "untrusted", "not_yet_valid"):
            shown = ready.get("shown") or {}
            what = {
                "expired": "has expired",
                "name_mismatch": "does not name %s" % wanted.hostname,
                "untrusted": "is not signed by the CA that is trusted",
                "not_yet_valid": "is not valid yet",
            }[cause]
            path = (self.hosts[monitor].get("certificates") or {}).get(service) or {}
            target = {
                "path": path.get("cert") or "the certificate of " + title,
                "key_path": path.get("key", ""),
                "issuer": shown.get("issuer") if cause != "untrusted" else "your CA",
            }
            sans = ", ".join(
                dict.fromkeys(
                    [part for part in (shown.get("sans") or "").split(", ") if part not in ("", "none")]
                    + [san_of(wanted.hostname)]
                )
            )
            self.add(
                "%s_cert_%s" % (service, {"name_mismatch": "name"}.get(cause, cause)),
                hop,
                monitor,
                "the certificate of %s %s" % (title, what),
                seen
                + (
                    [
                        "it shows one valid until %s, SANs %s, from %s"
                        % (date(shown["not_after"]), shown["sans"], shown["issuer"])
                    ]
                    if shown
                    else []
                ),
                [self.renew(monitor, target, "server", sans), start],
            )
        elif cause == "http_only" or cause == "https_only":
            self.add(
                service + "_scheme",
                hop,
                monitor,
                "%s: %s, and the inventory wants the other" % (title, ready.get("error")),
                seen,
                [again],
            )
        else:
            self.add(
                service + "_silent",
                hop,
                monitor,
                "%s runs and does not answer: %s" % (title, ready.get("error")),
                seen,
                [start],
            )

    def restart_due(self, monitor, service):
        hop, unit_name, tag = SERVICES[service]
        stale = self.seen(monitor, "units", unit_name).get("newer_than_process") or []
        if stale:
            self.add(
                service + "_restart_due",
                hop,
                monitor,
                "%s runs with older files than those on the host" % TITLES[service],
                ["newer than its process: " + ", ".join(stale)],
                [self.playbook("monitoring", monitor, tag)],
                "warning",
            )

    # ------------------------------------------------------------------------------------------------ Prometheus

    def prometheus(self, monitor):
        self.cluster()
        if not self.service(monitor, "prometheus"):
            self.nothing_scraped(monitor)
            return
        found = self.seen(monitor, "prometheus")
        again = self.playbook("monitoring", monitor, "prometheus")
        self.restart_due(monitor, "prometheus")
        runtime = found.get("runtime") or {}
        if runtime.get("reloadConfigSuccess") is False:
            self.add(
                "prometheus_config_rejected",
                "prometheus",
                monitor,
                "Prometheus refused its configuration and goes on with the old one",
                ["reloadConfigSuccess: false; last success %s" % runtime.get("lastConfigTime", "never")],
                [again],
            )
        config = parse_yaml(found.get("config"))
        job = next((one for one in config.get("scrape_configs") or [] if one.get("job_name") == "redis-cluster"), {})
        self.scrape_settings(monitor, job, again)
        self.targets_file(monitor, again)
        self.targets(monitor, found, again)
        if "alertmanager" in self.expected and found.get("targets") is not None and not found.get("alertmanagers"):
            self.add(
                "alertmanager_not_connected",
                "prometheus",
                monitor,
                "Prometheus knows no Alertmanager: no alert reaches anybody",
                ["/api/v1/alertmanagers: none active"],
                [again],
            )

    def nothing_scraped(self, monitor):
        for one in self.findings:
            if one.host == monitor and one.hop == "prometheus" and one.severity == "error":
                text = "no metrics are collected and no alert can fire"
                if text not in one.consequences:
                    one.consequences.append(text)

    def scrape_settings(self, monitor, job, again):
        if not job:
            return
        wanted = self.wanted(monitor, "scheme", "https")
        if job.get("scheme", "http") != wanted:
            self.add(
                "scrape_scheme",
                "prometheus",
                monitor,
                "Prometheus asks the exporters over %s, and it should be %s" % (job.get("scheme", "http"), wanted),
                ["scheme of the job redis-cluster: %s" % job.get("scheme", "http")],
                [again],
            )
        timeout, interval = seconds(job.get("scrape_timeout")), seconds(job.get("scrape_interval"))
        if timeout and timeout <= HANDSHAKE:
            self.add(
                "scrape_timeout_short",
                "prometheus",
                monitor,
                "the scrape timeout of %g s is not above the ten seconds of a TLS handshake: when Redis hangs, redis_up vanishes instead of turning 0"
                % timeout,
                [
                    "job redis-cluster: scrape_timeout %s, scrape_interval %s"
                    % (job.get("scrape_timeout"), job.get("scrape_interval"))
                ],
                [again]
                if seconds(self.wanted(monitor, "scrape_timeout", "20s")) > HANDSHAKE
                else [
                    by_hand(
                        "set prometheus_exporter_scrape_timeout: 20s",
                        set={"prometheus_exporter_scrape_timeout": "20s"},
                        host=monitor,
                    ),
                    again,
                ],
                "warning",
            )
        elif interval and interval > 120:
            self.add(
                "scrape_interval_long",
                "prometheus",
                monitor,
                "a scrape every %g s is too rare for rates over two minutes" % interval,
                ["job redis-cluster: scrape_interval %s" % job.get("scrape_interval")],
                [again],
                "warning",
            )

    def targets_file(self, monitor, again):
        """What the file says against what the inventory says."""
        expected = {one["target"]: one["node"] for one in self.hosts[monitor].get("targets", [])}
        files = self.seen(monitor, "files", "prometheus")
        stored = next((one for path, one in files.items() if path.endswith("redis-cluster.yml")), {})
        if not expected or self.wanted(monitor, "discovery", "file_sd") != "file_sd" or not stored:
            return
        if stored.get("problem"):
            self.add(
                "targets_file_missing",
                "prometheus",
                monitor,
                "the targets file is not there: Prometheus scrapes no Redis node",
                ["targets/redis-cluster.yml: %s" % stored["problem"]],
                [again],
            )
            return
        present = {
            str(target) for group in parse_yaml(stored.get("text"), list) for target in (group or {}).get("targets", [])
        }
        missing, foreign = sorted(set(expected) - present), sorted(present - set(expected))
        if missing or foreign:
            self.add(
                "targets_stale",
                "prometheus",
                monitor,
                "the targets file is not what the inventory says",
                [
                    "not in it: " + ", ".join("%s (%s)" % (one, expected[one]) for one in missing) if missing else "",
                    "in it, and no node of the inventory: " + ", ".join(foreign) if foreign else "",
                ],
                [again],
            )

    def targets(self, monitor, found, again):
        nodes = {address_of(self.hosts[name]): name for name in self.nodes}
        for target in found.get("targets") or []:
            if target["health"] != "down":
                continue
            where = "%s (%s)" % (target["node"] or target["endpoint"] or target["instance"], target["job"])
            text = "Prometheus: target %s is down: %s" % (where, target["lastError"])
            node = target["node"] if target["node"] in self.hosts else nodes.get(urlsplit(target["scrapeUrl"]).hostname)
            if target["job"] == "redis-cluster":
                self.scrape(monitor, target, node, text, again)
            else:
                hops = {
                    "prometheus": "prometheus",
                    "alertmanager": "alertmanager",
                    "blackbox_exporter": "probes",
                    "grafana": "grafana",
                    "node": "host",
                    "redis-tls": "probes",
                }
                hop = hops.get(target["job"], "probes")
                names = (hop, "probes") if target["job"] == "monitoring-endpoints" else (hop,)
                self.later.append((text, names, target)) if hasattr(self, "later") else setattr(
                    self, "later", [(text, names, target)]
                )

    def probes(self, monitor, found):
        """What the prober says of each Redis at this moment, judged when Redis and the prober were."""
        for probe in found.get("probes") or []:
            node = probe["node"]
            if probe.get("success") != 0 or node not in self.hosts:
                continue
            text = "the TLS probe of %s fails" % node
            self.symptom(
                text,
                lambda one, node=node: one.host == node and one.hop in NODE_HOPS or one.hop == "probes",
                lambda text=text, node=node, probe=probe: self.add(
                    "probe_failing",
                    "probes",
                    monitor,
                    "%s though Redis is well: the prober lacks the right CA, client certificate, or way" % text,
                    ["GET %s: probe_success 0" % probe["url"]],
                    [self.playbook("monitoring", monitor, "blackbox_exporter")],
                ),
            )

    def scrape(self, monitor, target, node, text, again):
        """A scrape of an exporter that fails though nothing at the node explains it."""
        way = self.seen(monitor, "reach", node) if node else {}
        error = target["lastError"]
        own = ("targets_stale", "scrape_scheme", "scrape_login_refused", "target_address")

        def explains(one):
            if one.hop in NODE_HOPS and one.host == node and one.ident != "sg_rule_missing":
                return True
            if one.ident == "sg_rule_missing":
                return node is not None and node in one.cause
            return one.host == monitor and one.ident in own

        def otherwise():
            fine = way.get("answered") and way.get("status", 500) < 400
            metrics = self.seen(node, "exporter", "metrics").get("answered") if node else None
            broken_off = re.search(r"refused|no route|EOF|reset|timeout|deadline exceeded", error)
            if fine and (self.mended_since(monitor, node, target) or broken_off and metrics):
                self.add(
                    "recovering",
                    "prometheus",
                    monitor,
                    "the last scrape of %s failed, and the exporter answers now" % (node or target["instance"]),
                    [text, "from the monitoring host %s: %s" % (way["url"], way["status"])],
                    [by_hand("wait %s for the next scrape" % target["scrapeInterval"])],
                    "info",
                )
            elif re.search(r"\b401\b", error):
                self.add(
                    "scrape_login_refused",
                    "prometheus",
                    monitor,
                    "Prometheus does not have the exporter's password",
                    [
                        text,
                        "the same request with prometheus_exporter_password: %s" % way.get("status", way.get("error")),
                    ],
                    [again],
                )
            elif re.search(r"x509|certificate|tls:", error) and fine:
                self.add(
                    "scrape_ca_wrong",
                    "prometheus",
                    monitor,
                    "Prometheus does not trust the exporters, or shows them a wrong certificate",
                    [text, "the wanted files work: GET %s: %s" % (way["url"], way["status"])],
                    [again],
                )
            elif re.search(r"HTTP response to HTTPS client|400 Bad Request", error):
                self.add(
                    "scrape_scheme",
                    "prometheus",
                    monitor,
                    "Prometheus asks the exporters over the wrong scheme",
                    [text],
                    [again],
                )
            elif "deadline exceeded" in error and fine:
                self.add(
                    "scrape_too_slow",
                    "prometheus",
                    monitor,
                    "the scrape of %s takes longer than its timeout" % node,
                    [text, "scrape_timeout %s" % target["scrapeTimeout"]],
                    [again],
                )
            else:
                self.add(
                    "target_down",
                    "prometheus",
                    monitor,
                    "Prometheus does not get the metrics of %s" % (node or target["instance"]),
                    [text]
                    + (
                        ["from the monitoring host %s: %s" % (way["url"], way.get("status", way.get("error")))]
                        if way
                        else []
                    ),
                    [again],
                )

        self.symptom(text, explains, otherwise)

    def mended_since(self, monitor, node, target):
        """Whether the exporter was started, or Prometheus given its configuration, after the scrape that failed."""
        asked = stamp_of(target["lastScrape"])
        started = self.seen(node, "units", "redis_exporter.service").get("started_at") if node else None
        loaded = stamp_of((self.seen(monitor, "prometheus").get("runtime") or {}).get("lastConfigTime"))
        return bool(asked and max(started or 0, loaded or 0) > asked)

    # --------------------------------------------------------------------------------------- the rest of the services

    def others(self, monitor):
        for service in ("blackbox_exporter", "alertmanager"):
            if self.service(monitor, service):
                self.restart_due(monitor, service)
                if service == "blackbox_exporter":
                    self.probes(monitor, self.seen(monitor, "prometheus"))
        failed = (
            self.seen(monitor, "prometheus", "samples").get("notifications_failed")
            if self.seen(monitor, "prometheus")
            else None
        )
        if failed:
            names = ", ".join(sorted({one["labels"].get("integration", "?") for one in failed}))
            self.add(
                "notifications_failing",
                "alertmanager",
                monitor,
                "Alertmanager cannot deliver its notifications (%s)" % names,
                [
                    "%s: %.0f failed in two minutes" % (one["labels"].get("integration"), float(one["value"][1]))
                    for one in failed
                ],
                [on(monitor, "sudo journalctl --unit alertmanager --since -10min | grep -i notify")],
                "warning",
            )

    def grafana(self, monitor):
        if not self.service(monitor, "grafana"):
            self.late_symptoms(monitor)
            return
        self.restart_due(monitor, "grafana")
        found = self.seen(monitor, "grafana")
        again = self.playbook("monitoring", monitor, "grafana")
        login = found.get("login") or {}
        if login.get("status") in (401, 403):
            self.add(
                "grafana_login_refused",
                "grafana",
                monitor,
                "Grafana refuses the user that the inventory names",
                [
                    "GET %s: %d" % (login["url"], login["status"]),
                    "after five wrong passwords it refuses the right one too, for five minutes",
                ],
                [again],
            )
        if found.get("datasource"):
            self.datasource(monitor, found["datasource"], again)
        for uid, board in (found.get("dashboards") or {}).items():
            self.dashboard(monitor, uid, board, found.get("datasource") or {}, again)
        self.late_symptoms(monitor)

    def late_symptoms(self, monitor):
        """Other jobs of Prometheus, judged when all services were."""
        for text, hops, target in getattr(self, "later", []):
            self.symptom(
                text,
                lambda one, hops=hops: one.host == monitor and (one.hop in hops or one.hop == "host"),
                lambda text=text, target=target, hops=hops: (
                    self.add(
                        "recovering",
                        hops[0],
                        monitor,
                        "the last scrape of %s failed, and it answers now" % target["job"],
                        [text],
                        [by_hand("wait %s for the next scrape" % target["scrapeInterval"])],
                        "info",
                    )
                    if self.hop_is_fine(monitor, hops)
                    else self.add(
                        "target_down",
                        hops[0],
                        monitor,
                        "Prometheus does not get an answer from %s" % target["job"],
                        [text],
                        [self.playbook("monitoring", monitor)],
                        "warning",
                    )
                ),
            )
        self.later = []

    def hop_is_fine(self, monitor, hops):
        return not any(one.host == monitor and one.hop in hops for one in self.findings)

    def datasource(self, monitor, found, again):
        uid, wanted = found["uid"], self.wanted(monitor, "datasource_url", "")
        if found["status"] == 404:
            self.add(
                "datasource_missing",
                "grafana",
                monitor,
                "Grafana has no datasource %s" % uid,
                ["GET /api/datasources/uid/%s: 404" % uid],
                [again],
            )
        elif found["status"] == 200 and not found.get("healthy"):
            moved = wanted and found.get("url") and found["url"].rstrip("/") != wanted.rstrip("/")
            text = "Grafana: the datasource %s does not answer: %s" % (uid, found.get("said"))

            def otherwise():
                seen = [text]
                if moved:
                    seen.append("it asks %s, and grafana_prometheus_url is %s" % (found["url"], wanted))
                self.add(
                    "datasource_broken",
                    "grafana",
                    monitor,
                    "the datasource of Grafana does not reach Prometheus",
                    seen,
                    [again],
                )

            if moved:
                otherwise()
            else:
                self.symptom(text, lambda one: one.host == monitor and one.hop in ("prometheus", "host"), otherwise)
        elif found["status"] == 200 and wanted and (found.get("url") or "").rstrip("/") != wanted.rstrip("/"):
            self.add(
                "datasource_changed",
                "grafana",
                monitor,
                "the datasource asks another Prometheus than the one wanted",
                ["it asks %s, and grafana_prometheus_url is %s" % (found["url"], wanted)],
                [again],
                "warning",
            )

    def dashboard(self, monitor, uid, found, source, again):
        if found["status"] == 404:
            self.add(
                "dashboard_missing",
                "grafana",
                monitor,
                "the dashboard %s is not in Grafana" % uid,
                ["GET /api/dashboards/uid/%s: 404" % uid],
                [again],
            )
            return
        if found["status"] != 200:
            return
        title = found.get("title") or uid
        foreign = [
            one
            for one in found.get("datasources", [])
            if source.get("uid")
            and one not in (source["uid"], source.get("name"), "-- Grafana --", "grafana", "None")
            and "$" not in one
            and one not in self.hosts[monitor].get("datasource_uids", [])
        ]
        if foreign:
            self.add(
                "dashboard_datasource",
                "grafana",
                monitor,
                "panels of the dashboard %s ask a datasource that is not ours" % title,
                ["datasources of its panels: " + ", ".join(foreign), "ours: %s" % source["uid"]],
                [again],
            )
        if found.get("from") and not str(found["from"]).startswith("now"):
            self.add(
                "dashboard_time_range",
                "grafana",
                monitor,
                "the dashboard %s shows a fixed time in the past" % title,
                ["its time range: %s to %s" % (found["from"], found.get("to"))],
                [again],
            )
        elif found.get("to") and str(found["to"]) != "now":
            self.add(
                "dashboard_time_range",
                "grafana",
                monitor,
                "the dashboard %s does not show the present" % title,
                ["its time range: %s to %s" % (found["from"], found["to"])],
                [again],
            )
        names = set(self.nodes) | {self.hosts[one]["address"] for one in self.nodes}
        for variable in found.get("variables") or []:
            values = variable.get("current")
            values = values if isinstance(values, list) else [values]
            if (
                variable.get("name") in ("node", "instance")
                and values
                and all(
                    isinstance(one, str) and one and not one.startswith("$") and one not in ("All", "None")
                    for one in values
                )
            ):
                gone = [one for one in values if one.partition(":")[0] not in names]
                if gone:
                    self.add(
                        "dashboard_variable",
                        "grafana",
                        monitor,
                        "the dashboard %s opens with %s, which is no node" % (title, ", ".join(gone)),
                        [
                            "variable %s: %s; nodes: %s"
                            % (variable["name"], ", ".join(values), ", ".join(sorted(self.nodes)))
                        ],
                        [again],
                    )


# --------------------------------------------------------------------------------------------------------- small things


def size(count):
    count = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return "%.0f %s" % (count, unit)
        count /= 1024
    return "%.1f TiB" % count


def date(stamp):
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(stamp))


def stamp_of(text):
    """A Prometheus timestamp as epoch seconds; None for none."""
    try:
        return datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", "", str(text)).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return 0.0


def seconds(text):
    """A Prometheus duration in seconds; 0 for none."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
    return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)(ms|[smhdwy])", str(text or "")))


def bracket(host):
    return "[%s]" % host if ":" in host else host


def address_of(host):
    return host["address"]


def san_of(host):
    try:
        ipaddress.ip_address(host)
        return "IP:" + host
    except ValueError:
        return "DNS:" + host


def contains(network, source):
    try:
        inner, outer = ipaddress.ip_network(source, strict=False), ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
    return inner.version == outer.version and inner.subnet_of(outer)


def covers_port(rule, port):
    proto = str(rule.get("ip_protocol", ""))
    if proto == "-1":
        return True
    return proto in ("tcp", "6") and rule.get("from_port") is not None and rule["from_port"] <= port <= rule["to_port"]


def parse_yaml(text, kind=dict):
    try:
        found = yaml.safe_load(text or "")
    except yaml.YAMLError:
        return kind()
    return found if isinstance(found, kind) else kind()
