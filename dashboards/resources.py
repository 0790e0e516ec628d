# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redis resources: what it uses, what of it is left, and what runs out when."""

from __future__ import annotations

from grafana_foundation_sdk.models import dashboard as d

from .parts import (
    BY_CLUSTER,
    CLUSTER,
    GREEN,
    GREY,
    NODE,
    ORANGE,
    RED,
    bars,
    board,
    certificate_files,
    coloured_cells,
    days_left,
    figure,
    graph,
    limit,
    limit_line,
    listing,
    rate,
    redis,
    served_certificates,
    steps,
    timeline,
    with_rows,
)

USED, MAX = redis("redis_memory_used_bytes"), f"({redis('redis_memory_max_bytes')} > 0)"
HOST_MEMORY = f"100 * {redis('redis_memory_used_rss_bytes')} / ({redis('redis_total_system_memory_bytes')} > 0)"
# redis_max_clients comes from INFO (exporter 1.68 and newer), redis_config_maxclients from CONFIG GET.
MAX_CLIENTS = f"(({redis('redis_max_clients')} or {redis('redis_config_maxclients')}) > 0)"
CONNECTIONS = f"100 * {redis('redis_connected_clients')} / {MAX_CLIENTS}"
CHILDREN = f"{rate('redis_cpu_sys_children_seconds_total')} + {rate('redis_cpu_user_children_seconds_total')}"
MAIN_THREAD = (
    f"100 * ({rate('redis_cpu_sys_main_thread_seconds_total')} + {rate('redis_cpu_user_main_thread_seconds_total')})"
)
SAVE_AGE = f"time() - {redis('redis_rdb_last_save_timestamp_seconds')}"

MEMORY_STEPS = steps((limit("memory_high_percent"), ORANGE), (limit("memory_critical_percent"), RED))
HOST_MEMORY_STEPS = steps((limit("host_memory_percent"), RED))
MAIN_THREAD_STEPS = steps((limit("main_thread_percent"), RED))
CONNECTIONS_STEPS = steps((limit("connections_percent"), RED))
SAVE_STEPS = steps((3600 * limit("rdb_age_hours"), ORANGE))

MEMORY_PAGES = ("RedisMemoryHigh", "RedisMemoryCritical")
CERTIFICATE_PAGES = ("RedisTlsCertExpiring", "RedisTlsCertExpiringSoon", "RedisTlsCertExpiringCritical")


def build() -> d.Dashboard:
    built = board(
        "redis-resources", "Memory, fragmentation, persistence, CPU, connections and certificates of Redis nodes."
    )
    return with_rows(
        built,
        [
            ("Now", now()),
            ("Memory", memory()),
            ("Fragmentation", fragmentation()),
            ("Persistence", persistence()),
            ("CPU", cpu()),
            ("Connections", connections()),
            ("Certificates", certificates()),
        ],
    )


def now() -> list:
    return [
        figure(
            "Memory (max)",
            "Memory used, of maxmemory, on the node that is fullest.",
            "percent",
            [(f"max {BY_CLUSTER} (100 * {USED} / {MAX})", CLUSTER)],
            decimals=1,
            thresholds=MEMORY_STEPS,
            runbooks=MEMORY_PAGES,
            no_value="maxmemory not set",
            sparkline=True,
        ),
        figure(
            "Host memory (max)",
            "Memory that Redis holds, of what its host has, on the node that is fullest.",
            "percent",
            [(f"max {BY_CLUSTER} ({HOST_MEMORY})", CLUSTER)],
            decimals=1,
            thresholds=HOST_MEMORY_STEPS,
            runbooks=("RedisHostMemoryHigh",),
            sparkline=True,
        ),
        figure(
            "Main thread (max)",
            "How busy the one thread is that runs commands, on the node that is busiest.",
            "percent",
            [(f"max {BY_CLUSTER} ({MAIN_THREAD})", CLUSTER)],
            decimals=1,
            thresholds=MAIN_THREAD_STEPS,
            runbooks=("RedisMainThreadSaturated",),
            sparkline=True,
        ),
        figure(
            "Connections (max)",
            "Client connections, of maxclients, on the node with most. At 100 % Redis turns clients away.",
            "percent",
            [(f"max {BY_CLUSTER} ({CONNECTIONS})", CLUSTER)],
            decimals=1,
            thresholds=CONNECTIONS_STEPS,
            runbooks=("RedisConnectionsNearLimit",),
            sparkline=True,
        ),
        figure(
            "Oldest save",
            "Time since the last RDB save of the node that waits longest. A restart counts as a save.",
            "s",
            [(f"max {BY_CLUSTER} ({SAVE_AGE})", CLUSTER)],
            decimals=1,
            thresholds=SAVE_STEPS,
            runbooks=("RedisRdbStale",),
        ),
        figure(
            "Certificate expiry",
            "Days left, of the certificates that Redis serves and of the certificate files on the nodes.",
            "suffix:days",
            [(f"min {BY_CLUSTER} (({served_certificates()} or {certificate_files()}) - time()) / 86400", CLUSTER)],
            decimals=1,
            thresholds=days_left(),
            runbooks=(*CERTIFICATE_PAGES, "RedisTlsCertFileExpiring"),
            no_value="Not monitored",
        ),
    ]


def memory() -> list:
    return [
        limit_line(
            graph(
                "Memory used, resident and peak",
                "used: data and overhead. resident: what the operating system gave, with fragmentation. peak: most "
                "used since the start. Dashed: the lowest maxmemory of the selected nodes.",
                "bytes",
                [
                    (USED, f"{NODE} used"),
                    (redis("redis_memory_used_rss_bytes"), f"{NODE} resident"),
                    (redis("redis_memory_used_peak_bytes"), f"{NODE} peak"),
                    (f"min {BY_CLUSTER} {MAX}", f"maxmemory {CLUSTER}"),
                ],
                decimals=1,
                runbooks=(*MEMORY_PAGES, "RedisMaxmemoryUnset"),
                legend_table=True,
            ),
            "/^maxmemory /",
        ),
        graph(
            "Memory used, by kind",
            "Of all selected nodes. data: keys and values. startup: an empty Redis. overhead: clients, buffers, "
            "tables of keys, scripts.",
            "bytes",
            [
                (f"sum({redis('redis_memory_used_dataset_bytes')})", "data"),
                (
                    f"sum({redis('redis_memory_used_overhead_bytes')} - {redis('redis_memory_used_startup_bytes')})",
                    "overhead",
                ),
                (f"sum({redis('redis_memory_used_startup_bytes')})", "startup"),
            ],
            decimals=1,
            runbooks=MEMORY_PAGES,
            stacked=True,
            legend_table=True,
        ),
        graph(
            "Overhead, by kind",
            "Of all selected nodes. Buffers of clients that grow point to slow readers or a forgotten MONITOR.",
            "bytes",
            [
                (f"sum({redis('redis_mem_clients_normal')})", "clients"),
                (f"sum({redis('redis_mem_clients_slaves')})", "replicas"),
                (f"sum({redis('redis_mem_replication_backlog_bytes')})", "replication backlog"),
                (f"sum({redis('redis_mem_cluster_links_bytes')})", "cluster bus"),
                (f"sum({redis('redis_mem_aof_buffer_bytes')})", "AOF buffer"),
                (f"sum({redis('redis_memory_used_scripts_bytes')})", "scripts"),
            ],
            decimals=1,
            runbooks=MEMORY_PAGES,
            legend_table=True,
        ),
        graph(
            "Host memory",
            "Memory that Redis holds, of what its host has. A save needs room beside it.",
            "percent",
            [(HOST_MEMORY, NODE)],
            decimals=1,
            thresholds=HOST_MEMORY_STEPS,
            runbooks=("RedisHostMemoryHigh",),
        ),
    ]


def fragmentation() -> list:
    return [
        graph(
            "Fragmentation ratio",
            f"Resident memory, of memory used. Above {limit('fragmentation_ratio')} memory is wasted, below "
            f"{limit('swapping_ratio')} part of it is on swap. Means nothing below 100 MB of memory used.",
            "none",
            [(redis("redis_mem_fragmentation_ratio"), NODE)],
            decimals=2,
            thresholds=steps((limit("swapping_ratio"), GREEN), (limit("fragmentation_ratio"), ORANGE), base=RED),
            runbooks=("RedisFragmentationHigh", "RedisSwapping"),
            span=8,
        ),
        graph(
            "Memory lost to fragmentation",
            "Resident memory less memory used. Negative: part of it is on swap.",
            "bytes",
            [(redis("redis_mem_fragmentation_bytes"), NODE)],
            decimals=1,
            runbooks=("RedisFragmentationHigh", "RedisSwapping"),
            low=None,
            span=8,
        ),
        graph(
            "Allocator",
            "fragmentation: holes between values, which active defragmentation can mend. "
            "overhead: pages that the allocator keeps for later, given back in time.",
            "none",
            [
                (redis("redis_allocator_frag_ratio"), f"{NODE} fragmentation"),
                (redis("redis_allocator_rss_ratio"), f"{NODE} overhead"),
            ],
            decimals=2,
            thresholds=steps((limit("fragmentation_ratio"), ORANGE)),
            runbooks=("RedisFragmentationHigh",),
            span=8,
        ),
    ]


def persistence() -> list:
    aof = redis("redis_aof_enabled")
    return [
        graph(
            "Time since the last save",
            "Of the RDB file. A restart counts as a save; the age of the backups is what the snapshot alerts watch.",
            "s",
            [(SAVE_AGE, NODE)],
            decimals=1,
            thresholds=SAVE_STEPS,
            runbooks=("RedisRdbStale", "EbsSnapshotStale"),
        ),
        timeline(
            "Saves and AOF",
            "Whether the last RDB save, AOF write and AOF rewrite worked. After a failed one Redis may refuse writes.",
            [
                (redis("redis_rdb_last_bgsave_status"), f"{NODE} RDB save"),
                # -1 where there is no AOF: the status would say ok.
                (f"{redis('redis_aof_last_write_status')} * {aof} - (1 - {aof})", f"{NODE} AOF write"),
                (f"{redis('redis_aof_last_bgrewrite_status')} * {aof} - (1 - {aof})", f"{NODE} AOF rewrite"),
            ],
            {"-1": ("off", GREY), "0": ("failed", RED), "1": ("ok", GREEN)},
            runbooks=("RedisRdbSaveFailing", "RedisAofWriteFailing", "RedisAofRewriteFailing"),
        ),
        graph(
            "Changes since the last save",
            "What a crash would lose where there is no AOF.",
            "locale",
            [(redis("redis_rdb_changes_since_last_save"), NODE)],
            runbooks=("RedisRdbStale",),
            span=8,
        ),
        graph(
            "Last fork",
            "Time that Redis stood still to fork for a save, rewrite or full resync.",
            "s",
            [(redis("redis_latest_fork_seconds"), NODE)],
            decimals=1,
            thresholds=steps((1, ORANGE)),
            runbooks=("RedisCommandLatencyHigh",),
            span=8,
        ),
        graph(
            "Copied during the last save",
            "Memory that a save needed beside the data, because keys changed while it ran.",
            "bytes",
            [(redis("redis_rdb_last_cow_size_bytes"), NODE)],
            decimals=1,
            runbooks=("RedisHostMemoryHigh",),
            span=8,
        ),
    ]


def cpu() -> list:
    return [
        graph(
            "Main thread",
            "How busy the one thread is that runs commands. Near 100 % everything waits.",
            "percent",
            [(MAIN_THREAD, NODE)],
            decimals=1,
            thresholds=MAIN_THREAD_STEPS,
            runbooks=("RedisMainThreadSaturated",),
        ),
        graph(
            "CPU of Redis",
            "process: all threads of the server. children: saves and AOF rewrites. 100 % is one CPU.",
            "percent",
            [
                (
                    f"100 * ({rate('redis_cpu_sys_seconds_total')} + {rate('redis_cpu_user_seconds_total')})",
                    f"{NODE} process",
                ),
                (f"100 * ({CHILDREN})", f"{NODE} children"),
            ],
            decimals=1,
            runbooks=("RedisMainThreadSaturated", "Ec2CpuCreditsLow"),
        ),
    ]


def connections() -> list:
    return [
        graph(
            "Connections, of maxclients",
            "At 100 % Redis turns clients away.",
            "percent",
            [(CONNECTIONS, NODE)],
            decimals=1,
            thresholds=CONNECTIONS_STEPS,
            runbooks=("RedisConnectionsNearLimit",),
        ),
        graph(
            "Clients",
            "connected: all clients. blocked: those that wait in a blocking command such as BLPOP.",
            "locale",
            [
                (redis("redis_connected_clients"), f"{NODE} connected"),
                (redis("redis_blocked_clients"), f"{NODE} blocked"),
            ],
            runbooks=("RedisConnectionSpike", "RedisConnectionDrop"),
        ),
        graph(
            "New connections",
            "Accepted a second. Many, with few clients: somebody does not pool, and pays a TLS handshake each time.",
            "ops",
            [(rate("redis_connections_received_total"), NODE)],
            decimals=1,
            runbooks=("RedisConnectionSpike",),
            span=8,
        ),
        graph(
            "Rejected connections",
            "Turned away a second because maxclients was reached.",
            "ops",
            [(rate("redis_rejected_connections_total"), NODE)],
            decimals=1,
            thresholds=steps((0.001, RED)),
            runbooks=("RedisRejectedConnections",),
            span=8,
        ),
        graph(
            "Largest client buffers",
            "Of one connection, lately. in: large commands. out: large replies or a client that does not read them.",
            "bytes",
            [
                (redis("redis_client_recent_max_input_buffer_bytes"), f"{NODE} in"),
                (redis("redis_client_recent_max_output_buffer_bytes"), f"{NODE} out"),
            ],
            decimals=1,
            runbooks=("RedisMemoryHigh",),
            span=8,
        ),
    ]


def certificates() -> list:
    columns = {"cluster": "Cluster", "node": "Node", "usage": "Usage", "path": "File", "Value": "Days left"}
    heading, properties = coloured_cells("Days left")
    return [
        bars(
            "Certificates that Redis serves",
            "Days left, as a TLS probe sees them. A full bar is 90 days or more. An expired one fails the probe and is "
            "gone from here: RedisTlsProbeFailing fires.",
            "suffix:days",
            [(f"sort(({served_certificates()} - time()) / 86400)", NODE)],
            decimals=1,
            thresholds=days_left(),
            high=90,
            runbooks=(*CERTIFICATE_PAGES, "RedisTlsProbeFailing"),
            no_value="No TLS probes: job redis-tls",
        ),
        listing(
            "Certificate files",
            "Days left of every certificate file on the nodes, those that no client sees included. "
            "server: what Redis serves. client: what the exporter shows to Redis. exporter: what an exporter serves.",
            "suffix:days",
            f"(min by (cluster, node, usage, path) {certificate_files()} - time()) / 86400",
            columns,
            sort="Days left",
            decimals=1,
            thresholds=days_left(),
            runbooks=("RedisTlsCertFileExpiring", "RedisTlsCertRenewedNotLoaded"),
            no_value="No metrics of certificate files",
            span=16,
        ).override_by_name(heading, properties),
    ]
