# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the inventory and for hosts: reached, the right one, room on disks and in memory. Pure, private."""

from __future__ import annotations

import re

from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_base import Base, size
from ansible_collections.redisops.monitoring.plugins.plugin_utils._findings import SERVICES, by_hand, on

DISK_ERROR, DISK_WARNING = 95.0, 88.0
MEMORY_ERROR, MEMORY_WARNING = 0.04, 0.08

UNTOLD = "Error while resolving value"  # Ansible's words for a variable that cannot be had


class HostRules(Base):
    def look_at_inventory(self):
        groups = self.stack.get("groups", {})
        for group in ("redis", "monitoring"):
            if not groups.get(group):
                seen = "groups with hosts: %s" % (", ".join(sorted(one for one in groups if groups[one])) or "none")
                cure = by_hand("give the inventory its group %s; ansible-inventory --graph shows what it has" % group)
                self.add("group_empty", "controller", [seen], [cure], group=group)
        for name in list(self.monitors):
            self.wrong_host(name)

    def wrong_host(self, name):
        """A Redis node in the group monitoring: commands for Grafana end there with `could not be found`."""
        units = self.seen(name, "units")
        if not units or any(units.get(about[1], {}).get("found") for about in SERVICES.values()):
            return
        redis = [unit for unit in ("redis-server.service", "redis.service") if units.get(unit, {}).get("found")]
        if not redis and "redis" not in self.hosts[name]["groups"]:
            return
        homes = [
            "%s (%s)" % (other, self.hosts[other]["address"])
            for other in self.monitors
            if any(
                self.seen(other, "units", unit).get("found")
                for unit in ("grafana-server.service", "prometheus.service")
            )
        ]
        self.monitors.remove(name)
        self.add(
            "wrong_host",
            name,
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
            home=", ".join(homes) or "no host that was looked at",
        )

    def look_at_host(self, name):
        host = self.hosts[name]
        untold = host.get("untold") or (host.get("problem") if UNTOLD in host.get("problem", "") else "")
        if host.get("unreachable"):
            self.unreachable(name, host)
        elif untold:
            cure = by_hand("correct what this message names; ansible-inventory --host %s shows what is set" % name)
            said = re.sub(r"^.*(?:failed|Error while [^:]*): ", "", " ".join(untold.split()))
            self.add("settings_unreadable", name, [said], [cure])
        elif not host.get("evidence") and host.get("problem"):
            self.add("not_examined", name, [host["problem"]], [on("controller", self.ping(name))])
        for disk in self.seen(name, "disks") or []:
            self.disk(name, disk)
        memory = self.seen(name, "host", "memory")
        if memory.get("total") and memory["available"] < memory["total"] * MEMORY_WARNING:
            self.memory(name, memory)

    def ping(self, name):
        return " ".join(["ansible", name] + self.inventories() + ["-m ansible.builtin.ping -vvv"])

    def unreachable(self, name, host):
        state, instance = host.get("state"), host.get("instance_id")
        seen = ["Ansible: %s" % host["unreachable"]]
        if state:
            seen.append("state of the instance %s in the inventory: %s" % (instance, state))
        cure = on("controller", self.ping(name))
        if instance:
            action = "start-instances" if state and state != "running" else "reboot-instances"
            command = "aws ec2 %s --region %s --instance-ids %s" % (action, host.get("region", ""), instance)
            cure = on("controller", command)
        self.add("host_unreachable", name, seen, [cure])

    def disk(self, name, disk):
        mount = disk["mount"]
        if disk["read_only"] and mount != "/":
            seen = "%s on %s, type %s" % (disk["device"], mount, disk["type"])
            self.add("disk_read_only", name, [seen], [on(name, "sudo mount -o remount,rw %s" % mount)], mount=mount)
        used = max(disk["used_percent"], disk["inodes_percent"])
        if used < DISK_WARNING:
            return
        what = "inodes" if disk["inodes_percent"] > disk["used_percent"] else "space"
        largest = disk.get("largest") or []
        facts = (mount, used, what, size(disk["free"]), size(disk["size"]), ", ".join(disk["paths"]))
        seen = ["%s: %.0f %% of its %s used, %s of %s free, holds %s" % facts]
        if largest:
            seen.append("largest: " + ", ".join("%s (%s)" % (one["path"], size(one["bytes"])) for one in largest))
        full = used >= DISK_ERROR
        self.add(
            "disk_full",
            name,
            seen,
            self.more_room(name, disk, largest),
            severity="error" if full else "warning",
            mount=mount,
            how="full" if full else "nearly full",
        )

    def more_room(self, name, disk, largest):
        mount = disk["mount"]
        if any("/journal/" in one["path"] for one in largest):
            return [on(name, "sudo journalctl --vacuum-size=200M")]
        if disk["type"] == "tmpfs":
            return [on(name, "sudo mount -o remount,size=%dM %s" % (disk["size"] * 2 // 2**20, mount))]
        host = self.hosts[name]
        volumes = host.get("volumes") or []
        step = by_hand("make the volume of %s larger" % mount)
        if volumes:
            facts = (host.get("region", ""), volumes[0], disk["size"] * 3 // 2 // 2**30 + 1)
            step = on("controller", "aws ec2 modify-volume --region %s --volume-id %s --size %d" % facts)
        whole = re.sub(r"p?\d+$", "", disk["device"])
        part = disk["device"][len(whole) :].lstrip("p")
        grow = "sudo xfs_growfs %s" % mount if disk["type"] == "xfs" else "sudo resize2fs %s" % disk["device"]
        return [step, on(name, "sudo growpart %s %s && %s" % (whole, part, grow) if part else grow)]

    def memory(self, name, memory):
        largest = memory.get("largest") or [{"program": "an unknown program", "pid": 0}]
        program = largest[0]["program"]
        setting = {"prometheus": "prometheus_retention_time", "redis-server": "maxmemory"}.get(program)
        share = memory["available"] / memory["total"]
        self.add(
            "memory_low",
            name,
            [
                "%.1f %% of %s available" % (100 * share, size(memory["total"])),
                "largest: " + ", ".join("%(program)s (process %(pid)d)" % one for one in largest),
            ],
            [by_hand("give the instance more memory, or lower %s" % (setting or "what %s holds" % program))],
            severity="error" if share < MEMORY_ERROR else "warning",
            program=program,
        )
