# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis Cluster: is it well, and which node is not."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d

from .parts import (
    BY_CLUSTER,
    BY_NODE,
    CLUSTER,
    GREEN,
    NODE,
    ORANGE,
    RED,
    YELLOW,
    alerts,
    board,
    coloured_cells,
    figure,
    graph,
    limit,
    limit_line,
    listing,
    meaning,
    rate,
    redis,
    steps,
    timeline,
    with_rows,
)
from .parts import SELECTED as selected

# A node whose exporter does not answer has no redis_up: it counts as down too. 1 * takes the name off: one line a node.
UP = f'(1 * {redis("redis_up")} or 0 * up{{job="redis-cluster", {selected}}})'
MEMORY = f"100 * {redis('redis_memory_used_bytes')} / ({redis('redis_memory_max_bytes')} > 0)"
HITS, MISSES = rate("redis_keyspace_hits_total"), rate("redis_keyspace_misses_total")

MEMORY_STEPS = steps((limit("memory_high_percent"), ORANGE), (limit("memory_critical_percent"), RED))
HIT_RATIO_STEPS = steps((limit("hit_ratio_percent"), GREEN), base=ORANGE)
MEMORY_PAGES = ("RedisMemoryHigh", "RedisMemoryCritical", "RedisMaxmemoryUnset")


def build() -> d.Dashboard:
    built = board("redis-cluster", "State, load and alerts of Redis Clusters, all nodes in one graph.")
    return with_rows(
        built, [("Now", now()), ("Alerts and nodes", alerts_and_nodes()), ("Load", load()), ("Cluster", cluster())]
    )


def now() -> list:
    return [
        figure(
            "Cluster state",
            "What the nodes say: FAIL as soon as one of them does. In FAIL the cluster refuses commands.",
            "none",
            [(f"min {BY_CLUSTER} ({redis('redis_cluster_state')})", CLUSTER)],
            values={"0": ("FAIL", RED), "1": ("ok", GREEN)},
            thresholds=steps((1, GREEN), base=RED),
            runbooks=("RedisClusterStateFail",),
            no_value="No cluster",
        ),
        figure(
            "Slots served",
            "Hash slots that a working master serves, of 16384. Keys of the others can be neither read nor written.",
            "locale",
            [(f"min {BY_CLUSTER} ({redis('redis_cluster_slots_ok')})", CLUSTER)],
            thresholds=steps((16384, GREEN), base=RED),
            runbooks=("RedisClusterSlotsUnassigned", "RedisClusterSlotsFail"),
            no_value="No cluster",
        ),
        figure(
            "Nodes down",
            "Nodes whose Redis or exporter does not answer.",
            "none",
            [(f"sum {BY_CLUSTER} (1 - {UP})", CLUSTER)],
            thresholds=steps((1, RED)),
            runbooks=("RedisInstanceDown", "RedisTargetDown"),
        ),
        figure(
            "Alerts firing",
            "Of the selected clusters, whatever the instance, and of the monitoring itself. Listed below. "
            "Needs the alert rules of the collection.",
            "none",
            [(f"""count({alerts("ALERTS", 'alertstate="firing"')}) or vector(0)""", "firing")],
            thresholds=steps((1, RED)),
            runbooks=("README",),
        ),
        figure(
            "Shortest uptime",
            "Time since the node that restarted last did so. "
            f"Orange for the first {limit('restarted_seconds') // 60} minutes.",
            "s",
            [(f"min {BY_CLUSTER} ({redis('redis_uptime_in_seconds')})", CLUSTER)],
            decimals=1,
            thresholds=steps((limit("restarted_seconds"), GREEN), base=ORANGE),
            runbooks=("RedisRestarted",),
        ),
        figure(
            "Masters with slots",
            f"Fewer than {limit('cluster_min_masters')} leave no majority after the next failure. "
            "A master that is down still counts.",
            "none",
            [(f"max {BY_CLUSTER} ({redis('redis_cluster_size')})", CLUSTER)],
            thresholds=steps((limit("cluster_min_masters"), GREEN), base=RED),
            runbooks=("RedisClusterTooFewMasters",),
            no_value="No cluster",
        ),
        figure(
            "Memory (max)",
            "Memory used, of maxmemory. At 100 % keys are evicted or writes refused, as maxmemory-policy says.",
            "percent",
            [(f"max {BY_CLUSTER} ({MEMORY})", CLUSTER)],
            decimals=1,
            thresholds=MEMORY_STEPS,
            runbooks=MEMORY_PAGES,
            no_value="maxmemory not set",
            sparkline=True,
        ),
        figure(
            "Memory used",
            "By the data and overhead of all selected nodes.",
            "bytes",
            [(f"sum {BY_CLUSTER} ({redis('redis_memory_used_bytes')})", CLUSTER)],
            decimals=1,
            sparkline=True,
        ),
        figure(
            "Commands",
            "Executed by all selected nodes, those of the exporter included.",
            "ops",
            [(f"sum {BY_CLUSTER} ({rate('redis_commands_processed_total')})", CLUSTER)],
            decimals=1,
            sparkline=True,
        ),
        figure(
            "Clients",
            "Connections to all selected nodes, the exporter's included, the cluster bus not.",
            "locale",
            [(f"sum {BY_CLUSTER} ({redis('redis_connected_clients')})", CLUSTER)],
            runbooks=("RedisConnectionSpike", "RedisConnectionDrop"),
            sparkline=True,
        ),
        figure(
            "Hit ratio",
            "Lookups that found their key, of all lookups. Without lookups there is none.",
            "percent",
            [(f"100 * sum {BY_CLUSTER} ({HITS}) / (sum {BY_CLUSTER} ({HITS} + {MISSES}) > 0)", CLUSTER)],
            decimals=1,
            thresholds=HIT_RATIO_STEPS,
            runbooks=("RedisHitRatioLow",),
            no_value="No lookups",
        ),
        figure(
            "Keys",
            "On all selected nodes. Keys of replicas count again.",
            "locale",
            [(f"sum {BY_CLUSTER} ({redis('redis_db_keys')})", CLUSTER)],
            sparkline=True,
        ),
    ]


def alerts_and_nodes() -> list:
    firing = (
        f"max by (severity, alertname, cluster, node, instance) (time() - {alerts('ALERTS_FOR_STATE')}"
        f""" and ignoring (alertstate) {alerts("ALERTS", 'alertstate="firing"')})"""
    )
    columns = {
        "severity": "Severity", "alertname": "Alert", "cluster": "Cluster", "node": "Node", "instance": "Instance",
        "Value": "For",
    }  # fmt: skip
    heading, properties = coloured_cells("Severity")
    severity = meaning({"P1": ("P1", RED), "P2": ("P2", ORANGE), "P3": ("P3", YELLOW)})
    page = {"title": "Runbook", "url": "${runbook_url:raw}/${__value.raw}.md", "targetBlank": True}
    return [
        listing(
            "Alerts firing",
            "Of the selected clusters, whatever the instance, and of the monitoring itself, with the time since their "
            "condition holds. Click an alert for its runbook page. Needs the alert rules of the collection.",
            "s",
            firing,
            columns,
            sort="Severity",
            decimals=1,
            runbooks=("README",),
            no_value="No alert is firing",
        )
        .override_by_name(heading, [*properties, d.DynamicConfigValue(id_val="mappings", value=[severity])])
        .override_by_name("Alert", [d.DynamicConfigValue(id_val="links", value=[page])]),
        timeline(
            "Nodes",
            "Whether Redis answers its exporter, and whether the node takes the cluster for working.",
            [(UP, f"{NODE} up"), (redis("redis_cluster_state"), f"{NODE} sees cluster")],
            {"0": ("down", RED), "1": ("ok", GREEN)},
            runbooks=("RedisInstanceDown", "RedisTargetDown", "RedisClusterStateFail"),
        ),
    ]


def load() -> list:
    return [
        graph(
            "Memory used, of maxmemory",
            "The dashed lines are where the alerts begin. A node without maxmemory has no line.",
            "percent",
            [(MEMORY, NODE)],
            decimals=1,
            thresholds=MEMORY_STEPS,
            runbooks=MEMORY_PAGES,
            no_value="maxmemory not set",
        ),
        limit_line(
            graph(
                "Memory used and maxmemory",
                "Data and overhead, beside the lowest maxmemory of the selected nodes.",
                "bytes",
                [
                    (redis("redis_memory_used_bytes"), NODE),
                    (f"min {BY_CLUSTER} ({redis('redis_memory_max_bytes')} > 0)", f"maxmemory {CLUSTER}"),
                ],
                decimals=1,
                runbooks=MEMORY_PAGES,
            ),
            "/^maxmemory /",
        ),
        graph(
            "Commands",
            "Executed a second, those of the exporter included.",
            "ops",
            [(rate("redis_commands_processed_total"), NODE)],
            decimals=1,
            runbooks=("RedisMainThreadSaturated",),
        ),
        graph(
            "Clients",
            "Connections of clients. A sudden change without a deployment is worth a look.",
            "locale",
            [(redis("redis_connected_clients"), NODE)],
            runbooks=("RedisConnectionSpike", "RedisConnectionDrop", "RedisConnectionsNearLimit"),
        ),
        graph(
            "Hit ratio",
            "Lookups that found their key, of all lookups. A node without lookups has no line.",
            "percent",
            [(f"100 * {HITS} / ({HITS} + {MISSES} > 0)", NODE)],
            decimals=1,
            high=100,
            thresholds=HIT_RATIO_STEPS,
            runbooks=("RedisHitRatioLow",),
            no_value="No lookups",
        ),
        graph(
            "Uptime",
            "A line that falls to zero is a restart.",
            "s",
            [(redis("redis_uptime_in_seconds"), NODE)],
            decimals=1,
            runbooks=("RedisRestarted",),
        ),
    ]


def cluster() -> list:
    return [
        graph(
            "Slots",
            "As the node says that says the worst. ok: a working master serves them. pfail: that node cannot reach "
            "their master. fail: the majority cannot. unassigned: nobody owns them.",
            "locale",
            [
                (f"min {BY_CLUSTER} ({redis('redis_cluster_slots_ok')})", f"{CLUSTER} ok"),
                (f"max {BY_CLUSTER} ({redis('redis_cluster_slots_pfail')})", f"{CLUSTER} pfail"),
                (f"max {BY_CLUSTER} ({redis('redis_cluster_slots_fail')})", f"{CLUSTER} fail"),
                (f"16384 - min {BY_CLUSTER} ({redis('redis_cluster_slots_assigned')})", f"{CLUSTER} unassigned"),
            ],
            runbooks=("RedisClusterSlotsUnassigned", "RedisClusterSlotsFail", "RedisClusterSlotsPFail"),
            no_value="No cluster",
            span=8,
        ),
        graph(
            "Members known",
            "Nodes of the cluster that each node knows. Lines that differ: the nodes disagree.",
            "none",
            [(redis("redis_cluster_known_nodes"), NODE)],
            runbooks=("RedisClusterTopologyDisagreement", "RedisTargetsMissing"),
            no_value="No cluster",
            span=8,
        ),
        graph(
            "Cluster bus",
            "Messages a second that a node sends to the others and receives from them.",
            "ops",
            [
                (f"sum {BY_NODE} ({rate('redis_cluster_messages_sent_total')})", f"{NODE} sent"),
                (f"sum {BY_NODE} ({rate('redis_cluster_messages_received_total')})", f"{NODE} received"),
            ],
            decimals=1,
            runbooks=("RedisClusterSlotsPFail",),
            no_value="No cluster",
            span=8,
        ),
    ]
