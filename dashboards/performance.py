# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis performance: how fast it answers, and what keeps it busy."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d

from .parts import (
    BY_CLUSTER,
    BY_NODE,
    CLUSTER,
    NODE,
    ORANGE,
    RED,
    board,
    figure,
    graph,
    limit,
    rate,
    redis,
    steps,
    with_rows,
)

TIME, CALLS = rate("redis_commands_duration_seconds_total"), rate("redis_commands_total")
LATENCY_STEPS = steps((limit("command_latency_ms") / 1000, RED))
LATENCY_PAGES = ("RedisCommandLatencyHigh", "RedisMainThreadSaturated")


def build() -> d.Dashboard:
    built = board("redis-performance", "Latency, slow log, command mix, evictions and network of Redis nodes.")
    return with_rows(
        built,
        [
            ("Now", now()),
            ("Latency", latency()),
            ("Slow log", slow_log()),
            ("Commands", commands()),
            ("Evictions and expiry", evictions()),
            ("Network", network()),
        ],
    )


def now() -> list:
    return [
        figure(
            "Commands",
            "Executed by all selected nodes, those of the exporter included.",
            "ops",
            [(f"sum {BY_CLUSTER} ({rate('redis_commands_processed_total')})", CLUSTER)],
            decimals=1,
            sparkline=True,
        ),
        figure(
            "Time of a command",
            "Mean time inside Redis. What a client waits is this, the queue before it, and the network.",
            "s",
            [(f"sum {BY_CLUSTER} ({TIME}) / (sum {BY_CLUSTER} ({CALLS}) > 0)", CLUSTER)],
            decimals=1,
            thresholds=LATENCY_STEPS,
            runbooks=LATENCY_PAGES,
            sparkline=True,
        ),
        figure(
            "Slow commands",
            "Commands that entered the slow log in the time range of the dashboard: slower than "
            "slowlog-log-slower-than.",
            "locale",
            [(f"round(sum {BY_CLUSTER} (increase({redis('redis_slowlog_last_id')}[$__range])))", CLUSTER)],
            thresholds=steps((1, ORANGE)),
            runbooks=("RedisSlowCommands",),
            no_value="No slow log",
        ),
        figure(
            "Evicted keys",
            "Thrown away for want of memory in the time range of the dashboard.",
            "locale",
            [(f"round(sum {BY_CLUSTER} (increase({redis('redis_evicted_keys_total')}[$__range])))", CLUSTER)],
            thresholds=steps((1, ORANGE)),
            runbooks=("RedisEvictingKeys",),
        ),
        figure(
            "Network in",
            "Received by all selected nodes from clients.",
            "Bps",
            [(f"sum {BY_CLUSTER} ({rate('redis_net_input_bytes_total')})", CLUSTER)],
            decimals=1,
            sparkline=True,
        ),
        figure(
            "Network out",
            "Sent by all selected nodes to clients.",
            "Bps",
            [(f"sum {BY_CLUSTER} ({rate('redis_net_output_bytes_total')})", CLUSTER)],
            decimals=1,
            sparkline=True,
        ),
    ]


def latency() -> list:
    return [
        graph(
            "Time of a command",
            "Mean time inside Redis, over all commands. The dashed line is where the alert begins.",
            "s",
            [(f"sum {BY_NODE} ({TIME}) / (sum {BY_NODE} ({CALLS}) > 0)", NODE)],
            decimals=1,
            thresholds=LATENCY_STEPS,
            runbooks=LATENCY_PAGES,
        ),
        graph(
            "Time of a command, by command",
            "Mean time inside Redis of the ten slowest commands, over all selected nodes.",
            "s",
            [(f"topk(10, sum by (cmd) ({TIME}) / (sum by (cmd) ({CALLS}) > 0))", "{{cmd}}")],
            decimals=1,
            thresholds=LATENCY_STEPS,
            runbooks=LATENCY_PAGES,
            legend_table=True,
        ),
        # Buckets are only there for times that occurred, so they cannot be added up over commands or nodes.
        graph(
            "99th percentile, by command",
            "Time inside Redis that 99 of 100 calls stay below, within a factor of two, for the ten worst pairs of "
            "node and command. Needs Redis 7 or newer.",
            "µs",
            [
                (
                    f"topk(10, histogram_quantile(0.99, {rate('redis_commands_latencies_usec_bucket')}) > 0)",
                    f"{NODE} {{{{cmd}}}}",
                )
            ],
            decimals=1,
            thresholds=steps((1000 * limit("command_latency_ms"), RED)),
            runbooks=LATENCY_PAGES,
            no_value="No latency histograms",
            legend_table=True,
        ),
        graph(
            "Where the time goes",
            "Seconds a second that each command keeps Redis busy: the ten that take most, over all selected nodes. "
            "One node can give one second a second.",
            "s",
            [(f"topk(10, sum by (cmd) ({TIME}))", "{{cmd}}")],
            decimals=1,
            runbooks=("RedisMainThreadSaturated",),
            stacked=True,
            legend_table=True,
        ),
    ]


def slow_log() -> list:
    return [
        graph(
            "Slow commands",
            "Commands a minute that enter the slow log. Read it with SLOWLOG GET 10.",
            "opm",
            [(f"60 * {rate('redis_slowlog_last_id')}", NODE)],
            decimals=1,
            thresholds=steps((limit("slow_commands") / 10, RED)),
            runbooks=("RedisSlowCommands",),
            no_value="No slow log",
            span=8,
        ),
        graph(
            "Last slow command",
            "Time that the newest command of the slow log took. It stays until the next one.",
            "s",
            [(redis("redis_last_slow_execution_duration_seconds"), NODE)],
            decimals=1,
            runbooks=("RedisSlowCommands",),
            no_value="No slow log",
            span=8,
        ),
        graph(
            "Length of the slow log",
            "Entries held, at most slowlog-max-len. SLOWLOG RESET empties it.",
            "locale",
            [(redis("redis_slowlog_length"), NODE)],
            runbooks=("RedisSlowCommands",),
            no_value="No slow log",
            span=8,
        ),
    ]


def commands() -> list:
    return [
        graph(
            "Command mix",
            "Calls a second of the ten most frequent commands, over all selected nodes.",
            "ops",
            [(f"topk(10, sum by (cmd) ({CALLS}))", "{{cmd}}")],
            decimals=1,
            runbooks=("RedisMainThreadSaturated",),
            stacked=True,
            legend_table=True,
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
            "Lookups",
            "Lookups of keys a second that hit and that miss.",
            "ops",
            [
                (rate("redis_keyspace_hits_total"), f"{NODE} hits"),
                (rate("redis_keyspace_misses_total"), f"{NODE} misses"),
            ],
            decimals=1,
            runbooks=("RedisHitRatioLow",),
        ),
        graph(
            "Errors",
            "Error replies a second by kind, over all selected nodes. MOVED and ASK only tell a client which node to "
            "ask; OOM, WRONGPASS, NOPERM and MISCONF need somebody.",
            "ops",
            [(f"sum by (err) ({rate('redis_errors_total')})", "{{err}}")],
            decimals=2,
            runbooks=("RedisOutOfMemoryErrors", "RedisAuthFailures"),
            no_value="No errors since the start",
            legend_table=True,
        ),
    ]


def evictions() -> list:
    return [
        graph(
            "Evicted keys",
            "Keys a second thrown away because maxmemory is reached. None is normal for data that must not be lost.",
            "ops",
            [(rate("redis_evicted_keys_total"), NODE)],
            decimals=1,
            thresholds=steps((0.001, RED)),
            runbooks=("RedisEvictingKeys",),
            span=8,
        ),
        graph(
            "Expired keys",
            "Keys a second deleted because their time was over.",
            "ops",
            [(rate("redis_expired_keys_total"), NODE)],
            decimals=1,
            runbooks=("RedisHitRatioLow",),
            span=8,
        ),
        graph(
            "Keys",
            "All keys, and those that expire some day.",
            "locale",
            [
                (f"sum {BY_NODE} ({redis('redis_db_keys')})", f"{NODE} all"),
                (f"sum {BY_NODE} ({redis('redis_db_keys_expiring')})", f"{NODE} expiring"),
            ],
            runbooks=("RedisMemoryHigh",),
            span=8,
        ),
    ]


def network() -> list:
    return [
        graph(
            "Received",
            "Bytes a second from clients.",
            "Bps",
            [(rate("redis_net_input_bytes_total"), NODE)],
            decimals=1,
            runbooks=("RedisCommandLatencyHigh",),
        ),
        graph(
            "Sent",
            "Bytes a second to clients. Much more than received: large values or costly range commands.",
            "Bps",
            [(rate("redis_net_output_bytes_total"), NODE)],
            decimals=1,
            runbooks=("RedisCommandLatencyHigh",),
        ),
    ]
