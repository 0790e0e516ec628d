# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for the inventory: its groups, who is in them, and settings that can be read. Private."""

from __future__ import annotations

import re

from ...module_utils import _redis
from .findings import finding
from .fixes import by_hand, on, ping

NOT_RESOLVED = "Error while resolving value"  # Ansible's words for a variable that cannot be had


def groups(stack):
    for group in ("redis", "monitoring"):
        if not stack.groups.get(group):
            there = ", ".join(sorted(one for one in stack.groups if stack.groups[one])) or "none"
            fix = by_hand("give the inventory its group %s; ansible-inventory --graph shows what it has" % group)
            yield finding("group_empty", "controller", ["groups with hosts: %s" % there], [fix], group=group)


def wrong_hosts(stack):
    """A Redis node in the group monitoring: commands for Grafana end there with `could not be found`."""
    for name in stack.members("monitoring"):
        if name in stack.monitors:
            continue
        units = ", ".join(unit for unit in _redis.UNITS if stack.unit(name, unit).get("found"))
        homes = [
            "%s (%s)" % (other, stack.address(other))
            for other in stack.monitors
            if any(stack.unit(other, unit).get("found") for unit in ("grafana-server.service", "prometheus.service"))
        ]
        yield finding(
            "wrong_host",
            name,
            [
                "%s (%s) is in the group monitoring, its units: %s" % (name, stack.address(name), units),
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


def settings(stack, name):
    host = stack.hosts[name]
    faults = settings_faults(host)
    if faults and not host.get("unreachable"):
        fix = by_hand("correct what this message names; ansible-inventory --host %s shows what is set" % name)
        yield finding("settings_unreadable", name, faults, [fix])


def settings_faults(host):
    """What is wrong with the settings of a host, one line each."""
    problem = " ".join(host.get("problem", "").split())
    resolved = [] if NOT_RESOLVED not in problem else [re.sub(r"^.*(?:failed|Error while [^:]*): ", "", problem)]
    return host.get("faults") or resolved


def reached(stack, name):
    host = stack.hosts[name]
    state, instance = host.get("state"), host.get("instance_id")
    if host.get("unreachable"):
        seen = ["Ansible: %s" % host["unreachable"]]
        if state:
            seen.append("state of the instance %s in the inventory: %s" % (instance, state))
        fix = ping(stack, name)
        if instance:
            action = "start-instances" if state and state != "running" else "reboot-instances"
            command = "aws ec2 %s --region %s --instance-ids %s" % (action, host.get("region", ""), instance)
            fix = on("controller", command)
        yield finding("host_unreachable", name, seen, [fix])
    elif host.get("problem") and not host.get("evidence") and not settings_faults(host):
        yield finding("not_examined", name, [host["problem"]], [ping(stack, name)])
