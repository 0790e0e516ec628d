# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the HTTP APIs of Prometheus and Alertmanager. Standard library only.

Private to this collection.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import typing as t
from base64 import b64encode
from urllib.parse import urlencode, urlsplit

from ansible_collections.redisops.monitoring.plugins.module_utils import _tls

LIMIT = 64 * 1024 * 1024


class Problem(Exception):
    """One line for the user."""


class Api:
    """One service that speaks JSON over HTTP: url, url_username, url_password, ca_path, tls_server_name, timeout."""

    def __init__(self, params: dict[str, t.Any], name: str) -> None:
        self.params = params
        self.name = name
        self.url = params["url"].rstrip("/")
        self.parts = urlsplit(self.url)
        if self.parts.scheme not in ("http", "https") or not self.parts.hostname:
            raise Problem("%s: url is not like https://127.0.0.1:9090" % name)
        if self.parts.username or self.parts.password:
            raise Problem("%s: url holds a user or a password: give url_username and url_password instead" % name)

    def text(self, method: str, path: str, body: t.Any = None) -> str:
        """Body of the answer, which has to be a success."""
        headers = {"User-Agent": "redisops.monitoring"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if self.params.get("url_username"):
            pair = "%s:%s" % (self.params["url_username"], self.params.get("url_password") or "")
            headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        link = self._link()
        try:
            link.request(method, self.parts.path + path, body=data, headers=headers)
            answer = link.getresponse()
            text = answer.read(LIMIT).decode("utf-8", "replace")
        except ssl.SSLCertVerificationError as err:
            raise Problem(
                "%s at %s: its certificate is refused: %s" % (self.name, self.url, err.verify_message)
            ) from None
        except ssl.SSLError as err:
            reason = (err.reason or "closed").lower().replace("_", " ")
            raise Problem("%s at %s: TLS fails (%s)" % (self.name, self.url, reason)) from None
        except (OSError, http.client.HTTPException) as err:
            cause = getattr(err, "strerror", None) or str(err) or type(err).__name__
            raise Problem("%s at %s: %s" % (self.name, self.url, cause.lower())) from None
        finally:
            link.close()
        if answer.status == 401:
            raise Problem("%s at %s refuses the user or the password" % (self.name, self.url))
        if answer.status != 200:
            told = _told(text)
            raise Problem(
                "%s at %s: HTTP status %d for %s%s"
                % (self.name, self.url, answer.status, path.partition("?")[0], ": " + told if told else "")
            )
        return text

    def ask(self, method: str, path: str, body: t.Any = None) -> t.Any:
        text = self.text(method, path, body)
        try:
            return json.loads(text) if text.strip() else None
        except ValueError:
            raise Problem("%s at %s does not answer with JSON: is that its url?" % (self.name, self.url)) from None

    def _link(self) -> http.client.HTTPConnection:
        host, timeout = self.parts.hostname or "", self.params.get("timeout") or 10
        if self.parts.scheme == "http":
            return http.client.HTTPConnection(host, self.parts.port or 80, timeout=timeout)
        ca_path = self.params.get("ca_path")
        try:
            context = ssl.create_default_context(cafile=ca_path or None)
        except (OSError, ssl.SSLError):
            raise Problem("%s: the CA file %s cannot be used" % (self.name, ca_path)) from None
        name = self.params.get("tls_server_name") or ""
        return _tls.HTTPSConnection(host, self.parts.port or 443, name, timeout=timeout, context=context)


class Series(t.NamedTuple):
    labels: dict[str, str]
    samples: list[tuple[float, float]]  # time and value, oldest first

    @property
    def value(self) -> float:
        return self.samples[-1][1]


class Prometheus(Api):
    def __init__(self, params: dict[str, t.Any]) -> None:
        super().__init__(params, "Prometheus")

    def get(self, path: str, **query: t.Any) -> t.Any:
        """The data of an answer."""
        answer = self.ask("GET", "/api/v1/%s%s" % (path, "?" + urlencode(query, doseq=True) if query else ""))
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise Problem("%s at %s: no success for %s" % (self.name, self.url, path))
        return answer["data"]

    def query(self, expression: str, **query: t.Any) -> list[Series]:
        return series_of(self.get("query", query=expression, **query))

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        return series_of(self.get("query_range", query=expression, start=start, end=end, step=step))


def series_of(data: dict[str, t.Any]) -> list[Series]:
    """Series of an instant vector, a matrix or a scalar."""
    if data["resultType"] in ("scalar", "string"):
        return [Series({}, [_sample(data["result"])])]
    return [
        Series(entry["metric"], [_sample(pair) for pair in entry.get("values") or [entry["value"]]])
        for entry in data["result"]
    ]


def counters(text: str, name: str) -> list[tuple[dict[str, str], float]]:
    """Labels and values of one metric in a page of metrics."""
    found = re.findall(r"^%s(?:\{([^}]*)\})? (\S+)" % re.escape(name), text, re.M)
    return [(dict(re.findall(r'(\w+)="([^"]*)"', labels)), float(value)) for labels, value in found]


def _sample(pair: t.Sequence[t.Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _told(text: str) -> str:
    try:
        told = json.loads(text)
        told = told.get("error") or told.get("message") or "" if isinstance(told, dict) else told
    except ValueError:
        told = text
    return re.sub(r"\s+", " ", str(told)).strip()[:300]
