# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of many roles: where artefacts come from, and how that server is asked."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

COMMA_LISTS = ("mirror_architectures", "mirror_programs", "mirror_grafana_key_fingerprints")


def url(s: dict, *parts: str) -> str:
    """A URL below the mirror."""
    return "/".join([s["monitoring_mirror_url"].rstrip("/"), *(part.strip("/") for part in parts)])


def access(s: dict, url: str) -> dict:
    """How a server is asked: as the mirror where it is the mirror, by scheme, host and port."""
    given = s.get("monitoring_mirror") or {}
    ours = urlsplit(s["monitoring_mirror_url"])[:2] == urlsplit(url)[:2]
    return {name: value for name, value in given.items() if value is not None} if ours else {}


def problems(s: dict) -> list[str]:
    mirror = s.get("monitoring_mirror") or {}
    found = []
    if not re.fullmatch(r"https?://[^/\s]+(/\S*)?", s.get("monitoring_mirror_url", "https://github.com")):
        found.append(
            f"monitoring_mirror_url is {s['monitoring_mirror_url']!r}, which is not a URL such as https://mirror.example.com"
        )
    if bool(mirror.get("url_username")) != bool(mirror.get("url_password")):
        found.append(
            "monitoring_mirror.url_username and monitoring_mirror.url_password belong together: give both or none"
        )
    if mirror.get("client_key") and not mirror.get("client_cert"):
        found.append("monitoring_mirror.client_key is the key of monitoring_mirror.client_cert: set that as well")
    for name in ("ca_path", "client_cert", "client_key"):
        if mirror.get(name) and not mirror[name].startswith("/"):
            found.append(f"monitoring_mirror.{name} is {mirror[name]}: give the absolute path of a file on the host")
    timeout = mirror.get("timeout")
    if timeout is not None and timeout < 1:
        found.append(f"monitoring_mirror.timeout is {timeout}: give at least 1 second")
    return found
