# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All files of evidence of one host: the options of incident_evidence, and what they ask for. Private."""

from __future__ import annotations

from .. import _prometheus, _redis, _redis_advice, _tls
from .._evidence.mask import Mask, secrets_in
from . import host, services

TEXT = {"type": "str", "default": ""}
SECRET = {"type": "str", "default": "", "no_log": True}
LOGIN = {
    "login_host": {"type": "str", "required": True},
    "login_port": {"type": "int", "default": 6379},
    "login_user": TEXT,
    "login_password": SECRET,
    "tls": {"type": "bool", "default": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_certs": TEXT,
    "client_cert_file": TEXT,
    "client_key_file": {"type": "str", "default": "", "no_log": False},
    "server_name": TEXT,
}
SERVICE = {
    "url": {"type": "str", "required": True},
    "url_username": TEXT,
    "url_password": SECRET,
    "ca_path": TEXT,
    "tls_server_name": TEXT,
    "timeout": {"type": "int", "default": 20},
}
ARGUMENTS = {
    "since": {"type": "str", "default": "1h"},
    "until": TEXT,
    "units": {"type": "list", "elements": "str", "default": []},
    "logs": {"type": "list", "elements": "path", "default": []},
    "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "redis": {"type": "dict", "options": LOGIN},
    "prometheus": {
        "type": "dict",
        "options": {**SERVICE, "agent": {"type": "bool", "default": False}, "store": _prometheus.STORE},
    },
    "queries": {"type": "dict", "default": {}},
    "clusters": {"type": "list", "elements": "str", "default": []},
    "alertmanager": {"type": "dict", "options": SERVICE},
    "from_settings": {"type": "bool", "default": False},  # the action of the same name does it
}


def collect(params, window):
    """(files, problems), masked and bounded."""
    files, problems = {"host.txt": host.host()}, []
    names = [unit for unit in params["units"] if unit != "kernel"]
    if names:
        files["units.txt"] = host.units(names)
    for unit in params["units"]:
        text = host.journal(unit, window)
        if text:
            files["journal/%s.log" % unit.rpartition(".service")[0] if unit != "kernel" else "journal/kernel.log"] = (
                text
            )
    for path in params["logs"]:
        files["logs/%s" % path.strip("/").replace("/", "_")] = host.log(path)
    for name, ask in (
        ("redis", lambda options: (services.redis(login(options)), [])),
        ("prometheus", lambda options: services.prometheus(options, params["queries"], window, params["clusters"])),
        ("alertmanager", lambda options: services.alertmanager(options, params["clusters"])),
    ):
        if params[name]:
            try:
                found, unanswered = ask(params[name])
                files.update(found)
                problems.extend(unanswered)
            except _redis.RedisProblem as err:
                problems.append(_redis_advice.explain(err))
            except (_tls.FileProblem, _prometheus.ApiError) as err:
                problems.append(str(err))
    mask = Mask([*params["secrets"], *secrets_in(params), *host.known_secrets(names)])
    return {name: masked(mask, name, text) for name, text in files.items()}, [mask.text(one) for one in problems]


def login(options):
    target = _redis.login_target(dict(options, timeout=5))
    _redis.check_files(target)
    return target


def masked(mask, name, text):
    if name.endswith(".json"):
        return mask.known(text)  # what only looks like a secret is a name or a query here, and JSON has to stay JSON
    return mask.text(host.bounded(text))
