# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Grafana listens, where it is asked, and where its parts come from."""

from __future__ import annotations

from urllib.parse import urlsplit

from . import _core


def environment(s: dict) -> dict[str, str]:
    """The variables of the service. A proxy is for the internet: our own services are asked directly, as everywhere."""
    given = {name: str(value) for name, value in s["grafana_environment"].items()}
    if not {"http_proxy", "https_proxy"} & {name.lower() for name in given}:
        return given
    name = next((one for one in ("NO_PROXY", "no_proxy") if given.get(one)), "NO_PROXY")  # the order of Go
    urls = [s["grafana_prometheus_url"], s["grafana_alertmanager_url"], *s["grafana_prometheus_replicas"].values()]
    exempt = [one.strip() for one in given.get(name, "").split(",") if one.strip()]
    if "*" not in exempt:
        exempt += [urlsplit(url).hostname or "" for url in urls if url]
    return {**given, name: ",".join(dict.fromkeys(filter(None, exempt)))}


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
