# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the grafana_* modules share: how they connect, what they refuse, and how they end. Private."""

from __future__ import annotations

import re
import urllib.parse

from .client import Client, GrafanaError, read_token

UID = re.compile(r"[a-zA-Z0-9_-]{1,40}\Z")


# How Grafana is reached: the documentation fragment grafana.
CONNECTION = {
    "url": {"type": "str", "required": True, "aliases": ["grafana_url"]},
    "ca_path": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 10},
}
# Who asks: the fragment grafana.login.
LOGIN = {
    "url_username": {"type": "str", "aliases": ["grafana_user"]},
    "url_password": {"type": "str", "no_log": True, "aliases": ["grafana_password"]},
    "token": {"type": "str", "no_log": True, "aliases": ["grafana_api_key"]},
    "token_path": {"type": "path", "no_log": False},
    "org_id": {"type": "int"},
}


def arguments(options, mutually_exclusive=(), required_together=(), **rules):
    """What AnsibleModule is made with: the options of a module, and those of the connection."""
    login = [("token", "url_username", "token_path"), ("token", "url_password"), ("token_path", "url_password")]
    return dict(
        rules,
        argument_spec={**CONNECTION, **LOGIN, **options},
        mutually_exclusive=[*login, *mutually_exclusive],
        required_one_of=[("token", "token_path", "url_username")],
        required_together=[("url_username", "url_password"), *required_together],
        required_by={"client_key": ["client_cert"]},
        supports_check_mode=True,
    )


def check_uid(uid, option="uid"):
    """Grafana 12 refuses what 9 took, so the stricter rule holds for all."""
    if not UID.match(uid):
        raise GrafanaError(
            "%s %r cannot be used: Grafana takes 1 to 40 of the characters a-z, A-Z, 0-9, - and _" % (option, uid)
        )


def credentials_in(url):
    """The user name and password in a URL, None without any. A password may hold a / or an @ that nobody escaped."""
    rest = re.sub(r"\A\s*[a-zA-Z][a-zA-Z0-9+.-]*://", "", url or "")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    port = "" if host.startswith("[") else host.partition(":")[2]
    if "@" in host or "@" in rest and port and not port.isdigit():
        return rest.rpartition("@")[0]
    return None


def refuse_credentials(module, option):
    """A password in a URL would be stored and shown in clear."""
    held = credentials_in(module.params.get(option))
    if held is None:
        return
    # Hide it in what Ansible shows of this run, the invocation included.
    secret = held.partition(":")[2] or held
    module.no_log_values.update(one for one in (secret, urllib.parse.unquote(secret)) if one)
    fixes = {
        "url": "use url_username and url_password, or token",
        "ds_url": "every viewer could read it; use basic_auth_user and secure_json_data.basicAuthPassword",
    }
    raise GrafanaError("%s holds a user name or password: %s" % (option, fixes.get(option, "take it out")))


def connect(module):
    """The client that a module's connection options describe."""
    refuse_credentials(module, "url")
    params = module.params
    if params.get("token_path"):
        params = dict(params, token=read_token(params["token_path"]))
        if params["token"]:
            module.no_log_values.add(params["token"])
    return Client(params)


def run(module, engine):
    """Brings about what is asked for, and ends the module."""
    result = {}
    try:
        managed = engine(module)
        result = managed.result
        getattr(managed, module.params.get("state", "present"))()
    except GrafanaError as exc:
        result.pop("msg", None)
        about = " ".join(part for part in (engine.KIND, result.get("uid") or module.params.get("uid")) if part)
        module.fail_json(msg="%s: %s" % (about, exc) if about else str(exc), **result)
    module.exit_json(**result)
