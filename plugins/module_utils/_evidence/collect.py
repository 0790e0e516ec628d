# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All evidence of one host: the options of stack_evidence, and the probes that they ask for. Private."""

from __future__ import annotations

import time

from .. import _redis
from .._redis_exporter.options import OPTIONS, PATH, SECRET, TEXT
from . import (
    alertmanager,
    config,
    exporter,
    files,
    grafana,
    host,
    network,
    prometheus,
    redis,
    units,
    web,
)
from .mask import Mask, secrets_in
from .probes import gather

SERVICES = {
    "prometheus": prometheus.prometheus,
    "alertmanager": alertmanager.alertmanager,
    "blackbox_exporter": web.blackbox,
    "grafana": grafana.grafana,
}
UNITS = _redis.UNITS + (
    exporter.UNIT,
    "prometheus.service",
    "alertmanager.service",
    "blackbox_exporter.service",
    "grafana-server.service",
    "node_exporter.service",
)
# Where services keep their data, by one of these flags or else there, and what of it is theirs: people put other files
# there.
DATA = {
    "prometheus.service": (("storage.tsdb.path", "storage.agent.path"), "/var/lib/prometheus", ("*", "*/*")),
    "alertmanager.service": (("storage.path",), "/var/lib/alertmanager", ("*",)),
    "grafana-server.service": ((), "/var/lib/grafana", ("*.db*",)),
}
REDIS_DATA = ("*.rdb", "*.aof", "appendonlydir", "appendonlydir/*", "nodes*.conf")
STATE = ("redis", "prometheus", "alertmanager", "grafana")
DISKS = ("/", "/var/log", "/var/lib") + tuple("/var/lib/" + name for name in STATE)

SERVICE = {
    "url": {"type": "str", "required": True},
    "url_username": TEXT,
    "url_password": SECRET,
    "token": SECRET,
    "token_path": PATH,
    "ca_path": TEXT,
    "client_cert": TEXT,
    "client_key": PATH,
    "server_name": TEXT,
    "validate_certs": {"type": "bool", "default": True},
    "name": TEXT,
    "datasource_uid": TEXT,
    "dashboard_uids": {"type": "list", "elements": "str", "default": []},
}
ARGUMENTS = {
    "redis_exporter": {"type": "dict", "options": OPTIONS},
    **{name: {"type": "dict", "options": SERVICE} for name in SERVICES},
    "exporters": {"type": "list", "elements": "dict", "default": [], "options": SERVICE},
    "peers": {"type": "list", "elements": "str", "default": []},
    "directories": {"type": "list", "elements": "str", "default": []},
    "written": {"type": "dict", "default": {}},
    "timeout": {"type": "int", "default": 20},
    "from_settings": {"type": "bool", "default": False},  # the action of the same name does it
}


def collect(params):
    started = time.monotonic()
    mask = Mask(secrets_in(params))
    found = gather({"units": lambda: units.units(UNITS, mask)}, params["timeout"])
    known = {} if "problem" in found["units"] else found["units"]
    for name, value in gather(dict(probes(params, known, mask)), params["timeout"]).items():
        group, sep, member = name.partition(" ")
        if sep:
            found.setdefault(group, {})[member] = value
        else:
            found[name] = value
    found["seconds"] = round(time.monotonic() - started, 2)
    return mask.data(found)


def probes(params, known, mask):
    """Name and function of every probe; a name of two words is a group and its member."""
    yield "host", host.host
    yield "listening", network.listening
    yield "disks", lambda: host.disks([*DISKS, *params["directories"]])
    yield "packet_filter", network.packet_filter
    yield "routes", lambda: {peer: network.route_to(peer) for peer in params["peers"]}
    if params["redis_exporter"]:
        yield from probes_of_node(params["redis_exporter"], known, mask)
    for name, ask in SERVICES.items():
        if params[name]:
            more = (mask,) if name == "alertmanager" else ()
            yield name, lambda ask=ask, name=name, more=more: ask(params[name], *more)
            yield "files " + name, lambda name=name: config.files(name, mask)
            if name in config.CHECKS:
                yield "checks " + name, lambda name=name: config.check(name, mask)
    for name, unit in known.items():
        if unit.get("credentials") and name != exporter.UNIT:
            yield "handed " + name, lambda unit=unit: files.handed_over(unit["credentials"])
    if params["written"]:
        yield "edited", lambda: config.edited(params["written"], mask)
    for name in set(DATA) & {one for one, unit in known.items() if unit.get("found")}:
        yield "data " + name, lambda name=name: data(known[name], *DATA[name])
    for node in params["exporters"]:
        yield "reach " + node["name"], lambda node=node: web.reach(node)


def data(unit, flags, default, patterns):
    given = exporter.flags_of(unit["argv"])
    return files.data(next((given[one] for one in flags if given.get(one)), default), patterns, unit["user"])


def probes_of_node(options, known, mask):
    server = _redis.unit_of(known)[1]
    settings = redis.settings(server, mask)
    used = exporter.Exporter(options, known.get(exporter.UNIT))
    mask.add(used.password)
    yield "redis settings", lambda: settings
    if settings.get("dir") and server:
        yield "redis data", lambda: files.data(settings["dir"], REDIS_DATA, server["user"])
    yield "redis files", lambda: redis.files(settings, server.get("user", ""))
    yield "redis account", lambda: redis.with_context(used.account(settings), settings, mask)
    yield "redis admin", lambda: redis.with_context(used.admin(settings), settings, mask)
    yield "redis shown", used.shown
    yield "exporter uses", used.describe
    yield "exporter files", used.files
    yield "exporter metrics", used.metrics
