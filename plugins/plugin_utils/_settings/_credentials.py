# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where people log in, and with what."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from . import _core, _grafana_urls

ROLES = ("grafana", "prometheus", "alertmanager")


def lines(role: str, s: dict, host: _core.Host) -> list[str]:
    """One line a login. Accounts of other services are not for people."""
    if role == "grafana":
        url = s["grafana_root_url"] or reachable(_grafana_urls.api_url(s, host), host)
        logins = {s["grafana_admin_user"]: s["grafana_admin_password"]}
    else:
        url = s[f"{role}_external_url"] or reachable(_core.module_of(role).connection(s, host)["url"], host)
        logins = {user: word for user, word in s[f"{role}_web_users"].items() if user not in ("grafana", "prometheus")}
    return [f"  {role:13} {url:40} user {user}, password {word}" for user, word in logins.items()] or [
        f"  {role:13} {url:40} no login"
    ]


def reachable(url: str, host: _core.Host) -> str:
    """Without facts the address that the service listens on is not known: where the host is reached."""
    parts = urlsplit(url)
    if parts.hostname:
        return url
    address = _core.monitoring_address_of(host.variables, host.name)
    return urlunsplit((parts.scheme, f"{_core.bracket(address)}{parts.netloc}", parts.path, "", ""))
