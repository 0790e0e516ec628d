# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role redis_exporter."""

from __future__ import annotations

import ipaddress
import json
from functools import partial
from urllib.parse import quote

from ...filter.bcrypt_hash import bcrypt, bcrypt_hash
from ...module_utils import _redis
from ...module_utils._redis_exporter import address, settings
from ...module_utils._redis_exporter.exporter import ARCHITECTURES
from ...module_utils._redis_exporter.options import OPTIONS
from . import _core, mirror

NEEDED = ("redis_exporter_redis_password",)  # or monitoring_secret
UNIT = "redis_exporter.service"
DIRECTORY = "/etc/redis_exporter"
GIVEN = "${CREDENTIALS_DIRECTORY}"
FILE_FLAGS = {
    "redis_pwd.json": "redis.password-file",
    "redis_ca.crt": "tls-ca-cert-file",
    "client.crt": "tls-client-cert-file",
    "client.key": "tls-client-key-file",
    "server.crt": "tls-server-cert-file",
    "server.key": "tls-server-key-file",
    "scraper_ca.crt": "tls-server-ca-cert-file",
}


def problems(s: dict, host: _core.Host) -> list[str]:
    found = settings.problems(check_options(s, host))
    if host.known:
        found += listen_problems(s, host)
    if s["redis_exporter_web_password"] and bcrypt is None:
        found.append(
            "redis_exporter_web_password takes the Python package bcrypt on the controller: pip install bcrypt"
        )
    elif len(s["redis_exporter_web_password"].encode()) > 72:
        found.append("redis_exporter_web_password: bcrypt takes at most 72 bytes, this one is longer")
    if host.architecture and host.architecture not in ARCHITECTURES:
        found.append(f"there is no release of redis_exporter for the processor {host.architecture}")
    return list(dict.fromkeys(found + mirror.problems(s)))


def listen_problems(s: dict, host: _core.Host) -> list[str]:
    listen = listen_address(s, host)
    if not listen:
        return ["this host has no default route to tell its address by; set redis_exporter_listen_address"]
    wanted = s["redis_exporter_listen_address"]
    name = "redis_exporter_listen_address" if wanted else "private_ip_address of the inventory"
    try:
        found = ipaddress.ip_address(listen)
    except ValueError:
        return [f"{name}: {listen} is no IP address"]
    if found.is_loopback or found.is_unspecified or listen in host.addresses:
        return []
    return [f"{name}: {listen} is not an address of this host; set redis_exporter_listen_address to one of them"]


def listen_address(s: dict, host: _core.Host) -> str:
    """The address of the settings, else the inventory's private one, else one that the host is known by."""
    wanted = s["redis_exporter_listen_address"].strip("[]") or host.variables.get("private_ip_address")
    if wanted:
        return str(wanted)
    usual = connection_address(host)
    if usual in host.addresses and ipaddress.ip_address(usual).is_private:
        return usual
    return host.default_address or next((one for one in host.addresses if not one.startswith("fe80:")), "")


def connection_address(host: _core.Host) -> str:
    return str(host.variables.get("ansible_host") or host.name)


def exporter(s: dict, host: _core.Host) -> dict:
    """What the exporter is and how Redis is reached, by the options that several modules share."""
    return {
        **{name: s[f"redis_exporter_{name}"] for name in OPTIONS if f"redis_exporter_{name}" in s},
        "private_address": str(host.variables.get("private_ip_address") or ""),
        "connection_address": connection_address(host),
        **({"listen_address": listen_address(s, host)} if host.known else {}),
    }


def check_options(s: dict, host: _core.Host) -> dict:
    """The options of module redis_exporter_check."""
    names = ("version", "flags", "web_tls_server_name", "web_client_ca_file", "allow_from")
    return {
        **exporter(s, host),
        **{name: s[f"redis_exporter_{name}"] for name in names},
        "acl_managed": s["redis_exporter_acl_manage"],
        "acl_rules": acl_rules(s),
        "wait": s["redis_exporter_health_timeout"],
    }


def acl_rules(s: dict) -> list[str]:
    return settings.acl_rules(s["redis_exporter_acl_rules"], s["redis_exporter_flags"])


def login(s: dict, account: str) -> dict:
    """How the redis_* modules reach Redis as one of the accounts, redis or acl_admin."""
    redis = settings.parse_addr(s["redis_exporter_redis_addr"])
    return {
        "login_host": redis.host,
        "login_port": redis.port,
        "login_user": s[f"redis_exporter_{account}_user"],
        "login_password": s[f"redis_exporter_{account}_password"],
        "tls": redis.tls,
        "validate_certs": not s["redis_exporter_skip_tls_verification"],
        "ca_certs": s["redis_exporter_tls_ca_file"],
        "client_cert_file": s["redis_exporter_tls_cert_file"],
        "client_key_file": s["redis_exporter_tls_key_file"],
        "server_name": s["redis_exporter_tls_server_name"],
    }


def connection(s: dict, host: _core.Host) -> dict:
    """How the exporter is asked, from its own host, and how Redis is. Without facts the URL is not known."""
    flags = {name.lstrip("-"): value for name, value in s["redis_exporter_flags"].items()}
    listen = listen_address(s, host) if host.known else ""
    asked = "web_client" if s["redis_exporter_web_client_cert_file"] else "tls"
    mutual = bool(s["redis_exporter_web_client_ca_file"])
    tls = bool(s["redis_exporter_web_tls_cert_file"])
    return {
        "url": address.url(listen, s["redis_exporter_port"], "", tls) if listen else "",
        "url_username": s["redis_exporter_web_username"],
        "url_password": s["redis_exporter_web_password"],
        "ca_path": "",
        "tls_server_name": s["redis_exporter_web_tls_server_name"],
        "server_cert": s["redis_exporter_web_tls_cert_file"],  # the one that it shows
        "client_cert": s[f"redis_exporter_{asked}_cert_file"] if mutual else "",
        "client_key": s[f"redis_exporter_{asked}_key_file"] if mutual else "",
        "path": str(flags.get("web.telemetry-path", "/metrics")),
        "namespace": str(flags.get("namespace", "redis")),
        "exporter": exporter(s, host),
        "acl_manage": s["redis_exporter_acl_manage"],
        "acl_rules": acl_rules(s),
        "redis": login(s, "redis"),
        "redis_admin": login(s, "acl_admin"),
    }


# ---------------------------------------------------------------------------------------------------------- service


def needs(s: dict, host: _core.Host) -> dict:
    """What host_status looks for."""
    files = []
    for kind in ("tls", "web_tls"):
        name = f"redis_exporter_{kind}_cert_file"
        if s[name]:
            files.append({"what": name, "cert": s[name], "key": s[f"redis_exporter_{kind}_key_file"]})
    for name in ("redis_exporter_tls_ca_file", "redis_exporter_web_client_ca_file"):
        if s[name]:
            files.append({"what": name, "ca": s[name]})
    return {"certificates": files}


def service(s: dict, host: _core.Host) -> dict:
    release = _core.release(s, host, "redis_exporter", "oliver006/redis_exporter", ["redis_exporter"])
    if release["url"]:
        archive = f"redis_exporter-v{release['version']}.linux-{ARCHITECTURES.get(host.architecture, '')}.tar.gz"
        release["url"] = f"{release['url'].rpartition('/')[0]}/{archive}"
    redis = settings.parse_addr(s["redis_exporter_redis_addr"])
    files = {
        "redis_ca.crt": s["redis_exporter_tls_ca_file"],
        "client.crt": s["redis_exporter_tls_cert_file"],
        "client.key": s["redis_exporter_tls_key_file"],
        "server.crt": s["redis_exporter_web_tls_cert_file"],
        "server.key": s["redis_exporter_web_tls_key_file"],
        "scraper_ca.crt": s["redis_exporter_web_client_ca_file"],
    }
    credentials = {
        "redis_pwd.json": f"{DIRECTORY}/redis_pwd.json",
        **{name: path for name, path in files.items() if path},
    }
    return {
        **release,
        "unit": UNIT,
        "config": {
            "path": DIRECTORY,
            "secrets": [
                {"path": "redis_pwd.json", "content": passwords(s, redis.url)},
                {"path": "web_auth.env", "content": partial(web_auth, s, host)},
            ],
            "files": [{"path": f"/etc/systemd/system/{UNIT}", "template": "_service/service.j2"}],
            "unit": UNIT,
            "inputs": [f"{release['root']}/current", f"{DIRECTORY}/web_auth.env"],
        },
        "values": {
            "service": {
                "role": "redis_exporter",
                "description": "Prometheus exporter for Redis",
                "documentation": "https://github.com/oliver006/redis_exporter",
                "after": list(_redis.UNITS),
                "program": f"{release['root']}/current/redis_exporter",
                "arguments": arguments(s, host, redis.url, credentials),
                "reload": False,
                "restart": "always",
                "lines": [f"EnvironmentFile={DIRECTORY}/web_auth.env", *allowed(s, host, redis.host)],
                "state": "",
                "credentials": credentials,
                "environment": {},
            },
        },
    }


def arguments(s: dict, host: _core.Host, redis_url: str, credentials: dict[str, str]) -> list[str]:
    own = {
        "redis.addr": redis_url,
        "redis.user": s["redis_exporter_redis_user"],
        "tls-server-name": s["redis_exporter_tls_server_name"],
        "skip-tls-verification": s["redis_exporter_skip_tls_verification"],
        "web.listen-address": f"{_core.bracket(listen_address(s, host))}:{s['redis_exporter_port']}",
        "basic-auth-username": s["redis_exporter_web_username"],
    }
    return _core.arguments(
        {
            **{name: value for name, value in own.items() if value},
            **{flag: f"{GIVEN}/{name}" for name, flag in FILE_FLAGS.items() if name in credentials},
            **settings.resolve(check_options(s, host)).values,
        }
    )


def allowed(s: dict, host: _core.Host, redis_host: str) -> list[str]:
    """Lines of the unit: whom the exporter may talk to."""
    if not s["redis_exporter_allow_from"]:
        return []
    addresses = ["localhost", listen_address(s, host), redis_host, *s["redis_exporter_allow_from"]]
    return ["IPAddressDeny=any", *(f"IPAddressAllow={one}" for one in dict.fromkeys(addresses))]


def passwords(s: dict, redis_url: str) -> str:
    """The key with the user is what redis_exporter 1.69 and newer look up; older ones look up the one without."""
    user, password = s["redis_exporter_redis_user"], s["redis_exporter_redis_password"]
    with_user = {redis_url.replace("://", f"://{quote(user)}@"): password} if user else {}
    return json.dumps({redis_url: password, **with_user})


def web_auth(s: dict, host: _core.Host) -> str:
    """redis_exporter takes the hash as a flag or from its environment only; argv is readable by everybody.

    The file is there without basic authentication too, so that no old hash stays.
    """
    text = f"# {_core.MARKER}, role redis_exporter.\n"
    user = s["redis_exporter_web_username"]
    if user:
        hashed = bcrypt_hash(s["redis_exporter_web_password"], f"{host.name} redis_exporter {user}")
        text += f"REDIS_EXPORTER_BASIC_AUTH_HASH_PASSWORD='{hashed}'\n"
    return text


# --------------------------------------------------------------------------------------------- tasks of the role


def task_check(s: dict, host: _core.Host) -> dict:
    return {"module": "redis_exporter_check", "args": check_options(s, host)}


def task_account(s: dict, host: _core.Host) -> dict | None:
    if not s["redis_exporter_acl_manage"]:
        return None
    args = {
        **login(s, "acl_admin"),
        "name": s["redis_exporter_redis_user"],
        "password": s["redis_exporter_redis_password"],
        "rules": acl_rules(s),
    }
    return {"module": "redis_acl_user", "args": {name: value for name, value in args.items() if value != ""}}


TASKS = {"check": task_check, "account": task_account}
