# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Web services as seen from this host: how they are asked, and the exporters and the prober. Private."""

from __future__ import annotations

import json
import re
from urllib.parse import urlsplit

from .._text import one_line
from . import http, network
from .probes import content


class Service:
    """A web service of this stack and how to ask it."""

    def __init__(self, options):
        self.url = options["url"].rstrip("/")
        self.options = {
            "username": options.get("url_username") or "",
            "password": options.get("url_password") or "",
            "token": options.get("token") or content(options.get("token_path")).strip(),
            "validate_certs": options.get("validate_certs", True),
        }
        for name in ("ca_path", "client_cert", "client_key", "server_name"):
            self.options[name] = options.get(name) or ""

    def get(self, path, seconds=5):
        return http.get(self.url + path, seconds, **self.options)

    def json(self, path, seconds=5):
        """(answer without its body, parsed body or None)."""
        found = self.get(path, seconds)
        body = found.pop("body", "")
        try:
            return found, json.loads(body)
        except ValueError:
            return found, None

    def alive(self, path, seconds=5):
        found = self.get(path, seconds)
        body = found.pop("body", "")
        if found["answered"] and found["status"] >= 400:
            found["said"] = one_line(body, 200)
        return found

    def data(self, path):
        dummy, parsed = self.json(path)
        return parsed.get("data") if isinstance(parsed, dict) else None

    def config_taken(self, prefix):
        """Whether the last reload of its configuration succeeded; None where it does not say so."""
        body = self.get("/metrics").get("body", "")
        found = re.search(r"^%s_config_last_reload_successful (\d)" % prefix, body, re.M)
        return found.group(1) == "1" if found else None


def reach(node):
    """Whether this host gets an answer from a node's exporter: the way, TLS, and the login. It asks no metrics."""
    found = Service(node).alive("/health", 8)
    if found.get("cause") in ("timeout", "filtered", "unreachable"):
        found["route"] = network.route_to(urlsplit(node["url"]).hostname)
    return found


def blackbox(options):
    service = Service(options)
    found = {"ready": service.alive("/-/healthy")}
    if found["ready"].get("status") == 200:
        found["config_taken"] = service.config_taken("blackbox_exporter")
    return found
