# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the HTTP APIs of Prometheus and Alertmanager. Standard library only.

Private to this collection.
"""

from __future__ import annotations

import json
import re
import typing as t
from urllib.parse import urlencode

from . import _http
from ._text import one_line

# How a module that asks for samples is told of an agent.
STORE = {
    "type": "dict",
    "options": {
        "url": {"type": "str"},
        "url_username": {"type": "str"},
        "url_password": {"type": "str", "no_log": True},
        "ca_path": {"type": "path"},
        "headers": {"type": "dict", "default": {}},
        "parameters": {"type": "dict", "default": {}},
    },
}


class ApiError(Exception):
    """One line for the user."""


class Api:
    """One service that speaks JSON over HTTP: url, url_username, url_password, ca_path, tls_server_name, timeout."""

    def __init__(self, params: dict[str, t.Any], name: str) -> None:
        self.name = name
        self.url = params["url"].rstrip("/")
        try:
            _http.check_url(self.url)
        except _http.HttpError as err:
            raise ApiError("%s: %s" % (name, err)) from None
        self.options = {
            "username": params.get("url_username"),
            "password": params.get("url_password"),
            "ca_path": params.get("ca_path"),
            "server_name": params.get("tls_server_name"),
            "timeout": params.get("timeout") or 10,
        }
        self.headers = params.get("headers") or {}
        self.parameters = params.get("parameters") or {}  # of every question

    def text(self, method: str, path: str, body: t.Any = None) -> str:
        """Body of the answer, which has to be a success."""
        where = "%s at %s" % (self.name, self.url)
        headers = {"Accept": "application/json", **self.headers}
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        try:
            answer = _http.request(method, self.url + path, body=data, headers=headers, **self.options)
        except _http.HttpError as err:
            hint = ": is it running there?" if err.kind == "connect" else ""
            raise ApiError("%s: %s%s" % (where, err, hint)) from None
        if answer.status == 401:
            raise ApiError("%s refuses the user or the password: check url_username and url_password" % where)
        if answer.status != 200:
            told = _told(answer.text())
            status = "%d %s for %s" % (answer.status, answer.reason, path.partition("?")[0])
            raise ApiError("%s: HTTP status %s%s" % (where, status, ": " + told if told else ""))
        return answer.text()

    def ask(self, method: str, path: str, body: t.Any = None) -> t.Any:
        text = self.text(method, path, body)
        try:
            return json.loads(text) if text.strip() else None
        except ValueError:
            raise ApiError("%s at %s does not answer with JSON: is that its url?" % (self.name, self.url)) from None


class Series(t.NamedTuple):
    labels: dict[str, str]
    samples: list[tuple[float, float]]  # time and value, oldest first

    @property
    def value(self) -> float:
        return self.samples[-1][1]


class Prometheus(Api):
    def __init__(self, params: dict[str, t.Any], name: str = "Prometheus") -> None:
        super().__init__(params, name)

    def get(self, path: str, **query: t.Any) -> t.Any:
        """The data of an answer."""
        query = {**self.parameters, **query}
        answer = self.ask("GET", "/api/v1/%s%s" % (path, "?" + urlencode(query, doseq=True) if query else ""))
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise ApiError("%s at %s: no success for %s" % (self.name, self.url, path))
        return answer["data"]

    def query(self, expression: str, **query: t.Any) -> list[Series]:
        return series_of(self.get("query", query=expression, **query))


def for_queries(params: dict[str, t.Any]) -> Prometheus | None:
    """Who answers queries: a server itself, of an agent the store; None where that cannot be asked."""
    if not params["agent"]:
        return Prometheus(params)
    store = params["store"] or {}
    return Prometheus({**store, "timeout": params["timeout"]}, "The store") if store.get("url") else None


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


class Sending(t.NamedTuple):
    """A store that Prometheus writes to, by its page of metrics."""

    url: str
    at: float  # time of the newest sample that was sent; 0 when nothing was since it started
    lost: float  # samples refused for good since it started


def remote_writes(page: str) -> list[Sending]:
    name = "prometheus_remote_storage_"
    lost = {labels.get("remote_name"): value for labels, value in counters(page, name + "samples_failed_total")}
    return [
        Sending(labels.get("url", ""), at, lost.get(labels.get("remote_name"), 0.0))
        for labels, at in counters(page, name + "queue_highest_sent_timestamp_seconds")
    ]


def _sample(pair: t.Sequence[t.Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _told(text: str) -> str:
    try:
        told = json.loads(text)
        told = told.get("error") or told.get("message") or "" if isinstance(told, dict) else told
    except ValueError:
        told = text
    return one_line(told).strip('"')
