# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Test 1: the exporter of a node gives metrics, and gets into Redis. Private."""

from __future__ import annotations

import typing as t

from .._redis_exporter import address
from .._redis_exporter.metrics import Metrics, Unreachable, fetch
from .rows import Row, failed, passed, verdict

EXPECTED = "redis_up 1"


def rows(name: str, params: dict[str, t.Any]) -> list[Row]:
    options = params["exporter"]
    listen = address.listen_address(
        options["listen_address"], options["private_address"], options["connection_address"]
    )
    url = address.url(listen, options["port"], options["path"], bool(options["server_cert_file"]))
    try:
        text = fetch(
            url,
            server_cert_file=options["server_cert_file"],
            cert_file=options["cert_file"],
            key_file=options["key_file"],
            username=params["url_username"] or "",
            password=params["url_password"] or "",
            timeout=params["timeout"],
        )
    except Unreachable as err:
        return [failed(name, EXPECTED, "no metrics from %s: %s" % (url, err))]
    return [row(name, Metrics(text, options["namespace"]), bool(options["server_cert_file"]))]


def row(node: str, metrics: Metrics, encrypted: bool) -> Row:
    up = metrics.value("up")
    if up is None:
        return failed(node, EXPECTED, "what answers there is no redis_exporter")
    if up != 1:
        return failed(node, EXPECTED, "redis_up 0: the exporter runs, but does not get into Redis")
    found = "redis_up 1 " + ("over TLS" if encrypted else "in clear text: redis_exporter_web_tls_cert_file is not set")
    if metrics.value("cluster_enabled") != 1:
        return passed(node, EXPECTED, found)
    expected = EXPECTED + ", redis_cluster_state 1"
    state = metrics.value("cluster_state")
    if state is None:
        return failed(node, expected, found + ", but no redis_cluster_state: its ACL user lacks +cluster|info")
    return verdict(state == 1, node, expected, "%s, redis_cluster_state %d" % (found, state))
