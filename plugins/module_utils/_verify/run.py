# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One test of the running monitoring: its options, and the rows that it gives. Private."""

from __future__ import annotations

import typing as t

from .. import _prometheus, _systemd, _tls
from .._grafana import client as _grafana
from .._redis_exporter.metrics import Unreachable
from .._redis_exporter.settings import BadInput
from .._text import duration_seconds
from . import (
    alert,
    exporter,
    grafana,
    load,
    prometheus,
)
from .rows import Row, failed, skipped

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule

TEXT = {"type": "str", "default": ""}
ARGUMENTS = {
    "test": {"type": "str", "choices": ["exporter", "prometheus", "load", "grafana", "alert"], "required": True},
    "name": {"type": "str", "required": True},
    "unit": TEXT,
    "required": {"type": "bool", "default": True},
    "url": {"type": "str"},
    "url_username": {"type": "str"},
    "url_password": {"type": "str", "no_log": True},
    "token": {"type": "str", "no_log": True},
    "token_path": {"type": "path", "no_log": False},
    "ca_path": {"type": "path"},
    "tls_server_name": {"type": "str"},
    "timeout": {"type": "int", "default": 15},
    "wait": {"type": "int"},
    "exporter": {
        "type": "dict",
        "options": {
            "listen_address": TEXT,
            "private_address": TEXT,
            "connection_address": TEXT,
            "port": {"type": "int", "default": 9121},
            "path": {"type": "str", "default": "/metrics"},
            "namespace": {"type": "str", "default": "redis"},
            "server_cert_file": TEXT,
            "cert_file": TEXT,
            "key_file": {"type": "str", "default": "", "no_log": False},
        },
    },
    "agent": {"type": "bool", "default": False},
    "store": _prometheus.STORE,
    "nodes": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "targets": {"type": "list", "elements": "str", "required": True},
            "labels": {"type": "dict", "default": {}},
        },
    },
    "scrape_interval": {"type": "str", "default": "30s"},
    "bursts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "node": {"type": "str", "required": True},
            "instance": {"type": "str", "required": True},
            "load": {"type": "dict", "default": {}},
            "msg": TEXT,
        },
    },
    "datasource_uid": TEXT,
    "dashboards": {"type": "list", "elements": "str", "default": []},
    "severity": {"type": "str", "default": "P1"},
    "alert_labels": {"type": "dict", "default": {}},
    "group_wait": {"type": "str", "default": "30s"},
    "watchdog": {"type": "bool", "default": True},
}
REQUIRED_IF = [
    ("test", "exporter", ["exporter"]),
    ("test", "prometheus", ["url"]),
    ("test", "load", ["url"]),
    ("test", "grafana", ["url", "datasource_uid"]),
    ("test", "alert", ["url"]),
]
NO_ANSWER = (
    _prometheus.ApiError,
    BadInput,
    Unreachable,
    _tls.FileProblem,
    _grafana.GrafanaError,
)


def result(module: AnsibleModule) -> dict[str, t.Any]:
    """The rows of the test; a service that is not there or gives no answer is a row as well, and down."""
    down = not_running(module)
    if down:
        found = [down]
    else:
        try:
            found = rows(module)
        except NO_ANSWER as err:
            found = [failed(module.params["name"], "an answer", str(err))]
            down = found[0]
    return {"rows": [row._asdict() for row in found], "down": down is not None and down.state == "failed"}


def not_running(module: AnsibleModule) -> Row | None:
    params = module.params
    name, unit = params["name"], params["unit"]
    if not unit:
        return None
    state = _systemd.unit_state(module, unit)
    if not state.found:
        row = failed if params["required"] and not module.check_mode else skipped  # a dry run installs nothing
        return row(name, "%s installed" % unit, "not installed: this host has no %s" % unit)
    if not state.active:
        found = "%s is %s (%s); see journalctl -u %s" % (unit, state.active_state, state.result, unit)
        return failed(name, "%s runs" % unit, found)
    return None


def rows(module: AnsibleModule) -> list[Row]:
    params = module.params
    name = params["name"]
    try:
        interval, group_wait = (duration_seconds(params[name]) for name in ("scrape_interval", "group_wait"))
    except ValueError as err:
        module.fail_json(msg=str(err))
    wait = 2 * interval + 10 if params["wait"] is None else params["wait"]
    if params["test"] == "exporter":
        return exporter.rows(name, params)
    if params["test"] == "prometheus":
        return prometheus.rows(name, params, interval, wait)
    if params["test"] == "load":
        return load.rows(params, interval, wait)
    if params["test"] == "grafana":
        if params["token_path"]:
            params = dict(params, token=_grafana.read_token(params["token_path"]))
            module.no_log_values.add(params["token"])
        return grafana.rows(params, wait)
    if module.check_mode:
        return [skipped(name, "an alert is sent", "check mode sends none")]
    return alert.rows(name, params, wait, group_wait)
