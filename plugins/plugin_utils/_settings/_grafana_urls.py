# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Grafana listens, where it is asked, and where its parts come from."""

from __future__ import annotations

from . import _core


def listen_address(s: dict, host: _core.Host) -> str:
    return s["grafana_listen_address"] or host.private_address


def own_url(s: dict, host: _core.Host) -> str:
    listen = listen_address(s, host)
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(listen, listen)  # noqa: S104  # it is compared
    return f"{scheme(s)}://{_core.bracket(address)}:{s['grafana_port']}"


def scheme(s: dict) -> str:
    return "https" if s["grafana_tls_cert_file"] else "http"


def api_url(s: dict, host: _core.Host) -> str:
    """Where the host itself asks it: below a path only if Grafana was told that nobody in front takes the path away."""
    server = s["grafana_ini"].get("server") or {}
    below = str(server.get("serve_from_sub_path", "")).lower() in ("true", "1", "yes", "on")
    path = _core.url_path(s["grafana_root_url"]) if below else ""
    return (s["grafana_api_url"] or own_url(s, host) + path).rstrip("/")


def mirrored(s: dict, name: str, server: str) -> str:
    """A server of Grafana's, or its copy on the mirror."""
    mirror = s["monitoring_mirror_url"].rstrip("/")
    return s[f"grafana_{name}_url"] or (f"https://{server}" if mirror == "https://github.com" else f"{mirror}/{server}")
