# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a dashboard comes from: grafana.com or a mirror of it, a URL, a file, or the task itself. Private."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from .. import _http
from .._release.download import origin
from . import client as grafana
from . import model
from .module import refuse_credentials

REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 5


class Source:
    """Where the dashboard comes from."""

    def __init__(self, module):
        self.params = module.params
        for option in ("dashboard_url", "mirror_url"):
            refuse_credentials(module, option)
        self.tag = None

    def load(self):
        """(the document as it came, what to call it in errors)"""
        params = self.params
        if params["definition"] is not None:
            return params["definition"], "definition"
        if params["path"]:
            return model.parse(grafana.read_text(params["path"], "path", "utf-8-sig"), params["path"]), params["path"]
        if params["dashboard_url"]:
            return self.download(params["dashboard_url"], params["dashboard_url"])
        number, revision = params["gnet_id"], params["revision"]
        self.tag = "gnet:%d:%d" % (number, revision)
        base = params["mirror_url"].rstrip("/")
        url = "%s/api/dashboards/%d/revisions/%d/download" % (base, number, revision)
        return self.download(url, "revision %d of dashboard %d at %s" % (revision, number, base))

    def download(self, url, origin):
        if not re.match(r"https?://", url):
            raise grafana.GrafanaError("%r is not an http or https URL" % url)
        try:
            answer = grafana.with_tries(lambda: self.get(url), lambda *_failure: True)
        except _http.HttpError as exc:
            fix = "" if self.params["dashboard_url"] else ". Without internet use mirror_url or path"
            raise grafana.GrafanaError("%s cannot be loaded: %s%s" % (origin, grafana.explain(exc), fix)) from exc
        if answer.status == 404:
            raise grafana.GrafanaError("there is no %s (status 404)" % origin)
        if answer.status != 200:
            raise grafana.GrafanaError("%s cannot be loaded: status %d" % (origin, answer.status))
        return model.parse(answer.text, origin), origin

    def get(self, url):
        """The Response after the redirects, from which https does not come back to http."""
        options = {name: self.params["source_" + name] or "" for name in ("ca_path", "client_cert", "client_key")}
        options.update(proxy=self.params["source_use_proxy"], timeout=self.params["timeout"])
        login = {name: self.params["source_url_" + name] or "" for name in ("username", "password")}
        home = url
        for _each in range(MAX_REDIRECTS):
            response = _http.request("GET", url, **options, **(login if origin(url) == origin(home) else {}))
            target = urljoin(url, response.headers.get("location", ""))
            if response.status not in REDIRECTS or url.startswith("https:") and not target.startswith("https:"):
                break
            url = target
        return response
