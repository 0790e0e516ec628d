# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role power, what they stop or start, and the table of costs."""

from __future__ import annotations

import re

from ansible.errors import AnsibleError
from ansible.utils.vars import merge_hash

from ...filter.ec2_costs import ec2_costs
from . import _clusters, _core


def problems(s: dict, host: _core.Host) -> list[str]:
    cluster, action = s["monitoring_cluster"], s["power_action"]
    if action != "show" and s["power_targets"] != "monitoring" and s["power_confirm"] != cluster:
        return [f"to {action} Redis nodes, name their cluster as well: power_confirm={cluster}"]
    return []


def plan(s: dict, host: _core.Host, found: dict) -> dict:
    """What is wrong, and the instances to stop or start. Found are `instances`, `volumes` and the table of `prices`."""
    lines = problems(s, host)
    instances = found["instances"]
    cluster, action, wanted = s["monitoring_cluster"], s["power_action"], s["power_targets"]
    roles = ["redis", "monitoring"] if wanted == "all" else [wanted]
    targets = [one["instance_id"] for one in instances if one["tags"].get("Role") in roles]
    if not instances:
        lines.append(
            f"no instance has the tag Cluster={cluster} and a tag Role of redis or monitoring: correct"
            " monitoring_cluster or the region"
        )
    elif action != "show" and not targets:
        lines.append(f"no instance of {cluster} has the tag Role={wanted}: nothing to {action}")
    try:  # before anything is stopped
        rows = costs(s, found)["rows"]
    except AnsibleError as err:
        return {"problems": [*lines, str(err)]}
    missing = [name for name in ("currency", "date", "region") if not prices(s, found).get(name)]
    lines += [f"the table of prices has no {name}; copy the one of the role power" for name in missing]
    if action == "stop" and "monitoring" in roles and not s["power_allow_blind"]:
        lines += blind(s, host, rows)
    return {"problems": lines, "targets": targets}


def blind(s: dict, host: _core.Host, rows: list[dict]) -> list[str]:
    """Why the monitoring may not be stopped: Redis that would run unwatched."""
    running = [row["name"] for row in rows if row["role"] == "redis" and row["state"] in ("pending", "running")]
    found, others = [], other_clusters(s, host, rows)
    if running and s["power_targets"] == "monitoring":
        found.append(
            f"Redis runs ({', '.join(running)}) and nobody would watch it: stop power_targets=all, or give"
            " power_allow_blind=true"
        )
    if others and any(row["role"] == "monitoring" for row in rows):
        found.append(
            f"{s['monitoring_cluster']} watches other clusters as well ({', '.join(others)}), and nobody would watch"
            " them: give power_allow_blind=true"
        )
    return found


def other_clusters(s: dict, host: _core.Host, rows: list[dict]) -> list[str]:
    """The clusters of the inventory whose instances have another tag Cluster, and so are not among the rows."""
    if not _clusters.several(host) and any(row["role"] == "redis" for row in rows):
        return []  # one cluster, whose label may have another name than the tag
    return sorted({*_clusters.nodes(host)} - {s["monitoring_cluster"], ""})


def prices(s: dict, found: dict) -> dict:
    """The table, with the user's own prices laid over it."""
    return merge_hash(found["prices"], s["power_prices"])


def costs(s: dict, found: dict) -> dict:
    return ec2_costs(found["instances"], found["volumes"], prices(s, found))


def outcome(s: dict, host: _core.Host, found: dict) -> dict:
    """The table of costs."""
    table, total = prices(s, found), costs(s, found)
    line = "%-24s %-10s %-20s %-9s %-13s %9s %8s %5s %9s"
    lines = [line % ("name", "role", "instance", "state", "type", "compute", "storage", "IPv4", "now")]
    for row in total["rows"]:
        money = ["?" if row[name] is None else f"{row[name]:.2f}" for name in ("compute", "storage", "address", "now")]
        lines.append(line % (row["name"], row["role"], row["instance_id"], row["state"], row["type"], *money))
    lines.append(
        f"{table['currency']} a month{', at least' if total['missing'] else ''}: now {total['now']:.2f}, all running"
        f" {total['running']:.2f}, all stopped {total['stopped']:.2f}"
    )
    if total["missing"]:
        lines.append(f"No price for {', '.join(total['missing'])}: add it to power_prices")
    region = re.sub("[a-z]$", "", found["instances"][0]["placement"]["availability_zone"])
    if region != table["region"]:
        lines.append(
            f"These are the prices of {table['region']}, the instances are in {region}: give power_prices_file"
        )
    lines.append(
        f"List prices of {table['region']}, {table['date']}, {table['hours_per_month']} hours a month; without traffic,"
        " snapshots, CPU credits, tax and discounts"
    )
    return {"problems": [], "lines": lines}
