# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that tells what EC2 instances cost a month, running and stopped, by a table of prices."""

from __future__ import annotations

from collections.abc import Mapping

from ansible.errors import AnsibleFilterError

STOPPED = ("stopped", "stopping")


def addresses(instance):
    """Numbers of public IPv4 addresses: those that go when the instance stops, and those that stay (Elastic IP)."""
    found = [
        address["association"].get("ip_owner_id")
        for interface in instance.get("network_interfaces") or ()
        for address in interface.get("private_ip_addresses") or ()
        if address.get("association")
    ]
    return sum(owner == "amazon" for owner in found), sum(owner != "amazon" for owner in found)


def number(prices, *names):
    """The price, None where there is none. Text that is a number is one: values of -e are text."""
    found = prices
    for name in names:
        if not isinstance(found, Mapping):
            raise AnsibleFilterError(f"ec2_costs: {names[0]} of the table of prices is no dictionary by type")
        found = found.get(name)
    if found is None:
        return None
    try:
        value = None if isinstance(found, bool) else float(found)
    except (TypeError, ValueError):
        value = None
    if value is None or not 0 <= value < float("inf"):
        raise AnsibleFilterError(f"ec2_costs: the price {'.'.join(names)} is {found!r}: give a number")
    return value


def row(instance, volumes, prices, missing):
    hours = number(prices, "hours_per_month")
    kind = instance["instance_type"]
    hourly = number(prices, "instances", kind)
    if hourly is None:
        missing.add(kind)
    storage = 0.0
    for volume in volumes:
        monthly = number(prices, "volumes", volume["type"])
        if monthly is None:
            missing.add(volume["type"])
        storage += (monthly or 0) * volume["size"]
    auto, elastic = addresses(instance)
    state = instance["state"]["name"]
    address_month = number(prices, "public_ipv4") * hours
    # A stopped instance that had an automatic address gets one again when it starts; which ones do is not to be seen.
    running = (hourly or 0) * hours + storage + (auto + elastic) * address_month
    stopped = storage + elastic * address_month
    tags = instance.get("tags") or {}
    return {
        "name": tags.get("Name") or instance["instance_id"],
        "role": tags.get("Role", ""),
        "instance_id": instance["instance_id"],
        "state": state,
        "type": kind,
        "gib": sum(volume["size"] for volume in volumes),
        "public_ipv4": auto + elastic,
        "compute": None if hourly is None else hourly * hours,
        "storage": storage,
        "address": (auto + elastic) * address_month,
        "now": stopped if state in STOPPED else running,
        "running": running,
        "stopped": stopped,
    }


def ec2_costs(instances, volumes, prices):
    """Rows and totals, in the currency of *prices* a month, for what ec2_instance_info and ec2_vol_info returned."""
    if not isinstance(prices, Mapping):
        raise AnsibleFilterError("ec2_costs: the table of prices is no dictionary; copy the one of the role power")
    for name in ("hours_per_month", "instances", "volumes", "public_ipv4"):
        if prices.get(name) is None:
            raise AnsibleFilterError(f"ec2_costs: the table of prices has no {name}; copy the one of the role power")
    missing, rows = set(), []
    for instance in instances:
        attached = [
            volume
            for volume in volumes
            if any(part.get("instance_id") == instance["instance_id"] for part in volume.get("attachment_set") or ())
        ]
        rows.append(row(instance, attached, prices, missing))
    rows.sort(key=lambda entry: (entry["role"], entry["name"], entry["instance_id"]))
    return {
        "rows": rows,
        "now": sum(entry["now"] for entry in rows),
        "running": sum(entry["running"] for entry in rows),
        "stopped": sum(entry["stopped"] for entry in rows),
        "missing": sorted(missing),
    }


class FilterModule:
    def filters(self):
        return {"ec2_costs": ec2_costs}
