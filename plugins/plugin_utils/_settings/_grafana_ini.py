# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""grafana.ini and the environment of Grafana: what may not be in them, and what is."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from . import _core, _data, _grafana_urls

GIVEN = "/run/credentials/grafana-server.service"  # where the service finds what LoadCredential= hands over
# What the role decides
OWN_KEYS = """security.admin_user security.admin_password security.secret_key security.disable_initial_admin_creation
    server.protocol server.http_addr server.http_port server.cert_file server.cert_key server.root_url paths.data
    auth.basic.enabled""".split()  # noqa: SIM905  # a list of words
SECRET_NAME = re.compile("(password|secret|token|secret_key|access_key|account_key)$", re.IGNORECASE)
SECRET_URL = re.compile(r"://[^/@\s]*:[^/@\s]*@")


def ini_problems(s: dict) -> list[str]:
    found = []
    for section, settings in s["grafana_ini"].items():
        if not isinstance(settings, dict):
            found.append(f"grafana_ini.{section} is not a section: write grafana_ini: {{section: {{key: value}}}}")
            continue
        for key, value in settings.items():
            name = f"{section}.{key}"
            if name in OWN_KEYS:
                found.append(f"grafana_ini sets {name}, which belongs to the role")
            elif isinstance(value, (dict, list)) or re.search("[\r\n]", str(value)):
                found.append(f"grafana_ini.{name} is not a single value")
            elif is_secret(key, value, "file|env|vault"):
                found.append(
                    f"grafana_ini.{name} would put a secret into grafana.ini: put it into grafana_credentials"
                    f" and write $__file{{{GIVEN}/<name>}}"
                )
    return found


def is_secret(key: str, value: object, elsewhere: str) -> bool:
    """Whether a setting holds a secret, and not only where Grafana finds it."""
    if not isinstance(value, str) or not value or re.match(rf"\$__({elsewhere})\{{", value):
        return False
    if SECRET_NAME.search(str(key)) and value.lower() not in ("true", "false"):
        return True
    return bool(SECRET_URL.search(value))


def environment_problems(s: dict) -> list[str]:
    found = []
    for name, value in s["grafana_environment"].items():
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", str(name)):
            found.append(f"grafana_environment has {name}, which cannot be the name of a variable")
        elif is_secret(name, value, "file|vault"):
            found.append(
                f"grafana_environment.{name} would put a secret into the unit, which everybody on the host can read:"
                " put it into grafana_credentials and the setting into grafana_ini"
            )
    return found


def sections(s: dict, host: _core.Host) -> dict[str, dict[str, str]]:
    """What the role decides, and above it what the user wants; None leaves a setting to Grafana."""
    found = own_sections(s, host)
    for section, wanted in s["grafana_ini"].items():
        found[section] = {**found.get(section, {}), **wanted}
    return {
        section: {key: text_of(value) for key, value in settings.items() if value is not None}
        for section, settings in found.items()
    }


def text_of(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f'"""{text}"""' if re.search('[#;`"]', text) else text


def own_sections(s: dict, host: _core.Host) -> dict:
    root_url = re.sub("/*$", "/", s["grafana_root_url"] or _grafana_urls.own_url(s, host), count=1)
    tls = bool(s["grafana_tls_cert_file"])
    metrics_user = s["grafana_metrics_username"]
    data = _data.directory(s, "grafana") or "/var/lib/grafana"
    return {
        "paths": {
            "data": data,
            "logs": "/var/log/grafana",
            "plugins": f"{data}/plugins",
            "provisioning": "/etc/grafana/provisioning",
        },
        "server": {
            "protocol": _grafana_urls.scheme(s),
            "http_addr": _grafana_urls.listen_address(s, host),
            "http_port": s["grafana_port"],
            "domain": urlsplit(root_url).hostname,
            "root_url": root_url,
            "cert_file": f"{GIVEN}/web.crt" if tls else None,
            "cert_key": f"{GIVEN}/web.key" if tls else None,
            "min_tls_version": "TLS1.2" if tls else None,
        },
        "security": {
            "admin_user": s["grafana_admin_user"],
            "admin_password": in_file("admin_password"),
            "secret_key": in_file("secret_key") if s["grafana_secret_key"] else None,
            "disable_gravatar": True,
            "cookie_secure": root_url.startswith("https:"),
            "cookie_samesite": "lax",  # strict would ask everybody who follows a link in a notification to log in again
            "strict_transport_security": tls,
            "x_content_type_options": True,
            "x_xss_protection": True,
            "content_security_policy": True,
            "allow_embedding": False,
        },
        "users": {"allow_sign_up": False, "allow_org_create": False},
        "auth": {
            "login_maximum_inactive_lifetime_duration": "12h",
            "login_maximum_lifetime_duration": "7d",
            "sigv4_auth_enabled": True if s["monitoring_remote_storage"].get("kind") == "amp" else None,
        },
        "auth.anonymous": {"enabled": False},
        "snapshots": {"external_enabled": False},
        "public_dashboards": {"enabled": False},
        "analytics": {
            "reporting_enabled": False,
            "check_for_updates": False,
            "check_for_plugin_updates": False,
            "feedback_links_enabled": False,
        },
        "news": {"news_feed_enabled": False},
        "plugins": {
            "plugin_admin_enabled": False,  # code comes with the package, not from the web pages
            "preinstall_disabled": True,
            "public_key_retrieval_disabled": True,  # the one in the program is enough for the plugins of the package
        },
        "aws": {
            "allowed_auth_providers": "default",  # the instance's role; no keys in Grafana's database
            "assume_role_enabled": False,
        },
        "metrics": {
            "enabled": True,
            "basic_auth_username": metrics_user or None,
            "basic_auth_password": in_file("metrics_password") if metrics_user else None,
        },
        "log": {"mode": "console"},  # systemd's journal keeps and rotates it
    }


def in_file(name: str) -> str:
    """What Grafana replaces by a credential."""
    return f"$__file{{{GIVEN}/{name}}}"
