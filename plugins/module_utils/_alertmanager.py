# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Silences of Alertmanager: matchers, times, and the API version 2.

Private to this collection.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import typing as t
from base64 import b64encode
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, urlsplit

from . import _tls

CONNECTION = dict(
    url=dict(type="str", required=True),
    url_username=dict(type="str"),
    url_password=dict(type="str", no_log=True),
    ca_path=dict(type="path"),
    tls_server_name=dict(type="str"),
    timeout=dict(type="int", default=10),
)

_MATCHER = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*(.*?)\s*\Z", re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\n])*)"\Z')
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Problem(Exception):
    """One line for the user."""


# ------------------------------------------------------------------------------------------------------- matchers


class Matcher(t.NamedTuple):
    name: str
    value: str
    is_regex: bool
    is_equal: bool

    def __str__(self) -> str:
        operator = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{operator[self.is_regex, self.is_equal]}"{escaped}"'

    def matches_nothing_said(self) -> bool:
        """Whether an alert without this label matches; only other matchers then limit the silence."""
        return self.matches("")

    def matches(self, value: str) -> bool:
        """Whether an alert matches whose label has this value. A pattern of Go's that Python lacks matches none."""
        try:
            same = re.fullmatch(self.value, value) is not None if self.is_regex else self.value == value
        except re.error:
            return False
        return same == self.is_equal


def matcher_of(entry: dict[str, t.Any]) -> Matcher:
    """A matcher as the API gives it."""
    return Matcher(entry["name"], entry["value"], bool(entry["isRegex"]), bool(entry.get("isEqual", True)))


def parse_matcher(text: str) -> Matcher:
    """Read a matcher as amtool and Prometheus write it; the value may go without quotes."""
    found = _MATCHER.match(text)
    if not found:
        raise Problem(f'the matcher {text!r} is not like cluster=redis-prod or node=~"redis-node-1.*"')
    name, operator, value = found.groups()
    if value.startswith('"'):
        quoted = _QUOTED.match(value)
        if not quoted:
            raise Problem(f"the matcher {text!r} has a value whose quotes do not match")
        value = re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], quoted.group(1))
    matcher = Matcher(name, value, operator.endswith("~"), not operator.startswith("!"))
    if matcher.is_regex:
        try:
            re.compile(value)
        except re.error as err:
            raise Problem(f"the matcher {text!r} is no regular expression: {err}") from None
    return matcher


def parse_matchers(texts: t.Iterable[str]) -> list[Matcher]:
    """Sorted, each once. Matchers that leave nothing out are refused: they would silence everything."""
    matchers = sorted({parse_matcher(text) for text in texts})
    if not matchers:
        raise Problem("matchers is empty: a silence needs at least one, such as cluster=redis-prod")
    if all(matcher.matches_nothing_said() for matcher in matchers):
        raise Problem("the matchers accept every alert: name at least one label that has to be there")
    return matchers


# ---------------------------------------------------------------------------------------------------------- times


def parse_duration(text: str) -> timedelta:
    parts = re.findall(r"([0-9]+)([smhdw])", text)
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if not seconds or "".join(number + unit for number, unit in parts) != text.strip():
        raise Problem(f"the duration {text!r} is not like 90m, 2h or 1d12h")
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise Problem(f"the duration {text!r} is too long") from None


def parse_time(text: str) -> datetime:
    """Read a time of RFC 3339, with its zone."""
    plain = re.sub(r"(\.[0-9]{1,6})[0-9]*", lambda match: match[1].ljust(7, "0"), text.strip())
    plain = re.sub(r"[zZ]\Z", "+00:00", plain)
    try:
        time = datetime.fromisoformat(plain)
    except ValueError:
        raise Problem(f"the time {text!r} is not like 2027-01-30T22:00:00Z") from None
    if time.tzinfo is None:
        raise Problem(f"the time {text!r} has no zone: end it with Z for UTC, or with an offset such as +01:00")
    return time.astimezone(timezone.utc)


def format_time(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


# ------------------------------------------------------------------------------------------------------- silences


class Silence(t.NamedTuple):
    id: str
    state: str  # pending, active, expired
    matchers: list[Matcher]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str

    def result(self) -> dict[str, t.Any]:
        return {
            "id": self.id,
            "state": self.state,
            "matchers": [str(matcher) for matcher in self.matchers],
            "starts_at": format_time(self.starts_at),
            "ends_at": format_time(self.ends_at),
            "created_by": self.created_by,
            "comment": self.comment,
        }

    def covers(self, time: datetime) -> bool:
        return self.starts_at <= time < self.ends_at


def silence_from(entry: dict[str, t.Any]) -> Silence:
    matchers = [matcher_of(each) for each in entry["matchers"]]
    return Silence(
        entry["id"],
        entry["status"]["state"],
        sorted(matchers),
        parse_time(entry["startsAt"]),
        parse_time(entry["endsAt"]),
        entry.get("createdBy", ""),
        entry.get("comment", ""),
    )


# ------------------------------------------------------------------------------------------------------------ API


class Alertmanager:
    """The API of one Alertmanager, or of one member of a cluster."""

    def __init__(self, params: dict[str, t.Any]) -> None:
        self.params = params
        self.url = params["url"].rstrip("/")
        self.parts = urlsplit(self.url)
        if self.parts.scheme not in ("http", "https") or not self.parts.hostname:
            raise Problem("url is not like https://127.0.0.1:9093")
        if self.parts.username or self.parts.password:
            raise Problem("url holds a user or a password: give url_username and url_password instead")

    def silences(self) -> list[Silence]:
        """Those that hold now or will."""
        found = [silence_from(entry) for entry in self._call("GET", "/api/v2/silences")]
        living = [silence for silence in found if silence.state != "expired"]
        return sorted(living, key=lambda silence: (silence.starts_at, silence.id))

    def save(self, silence: Silence) -> str:
        """Create a silence, or with an id change that one; returns the id that it has then."""
        body: dict[str, t.Any] = {
            "matchers": [
                {"name": each.name, "value": each.value, "isRegex": each.is_regex, "isEqual": each.is_equal}
                for each in silence.matchers
            ],
            "startsAt": format_time(silence.starts_at),
            "endsAt": format_time(silence.ends_at),
            "createdBy": silence.created_by,
            "comment": silence.comment,
        }
        if silence.id:
            body["id"] = silence.id
        return self._call("POST", "/api/v2/silences", body)["silenceID"]

    def end(self, silence: Silence) -> None:
        self._call("DELETE", "/api/v2/silence/" + quote(silence.id, safe=""))

    def _call(self, method: str, path: str, body: t.Any = None) -> t.Any:
        headers = {"Accept": "application/json", "User-Agent": "redisops.monitoring"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if self.params.get("url_username"):
            pair = f"{self.params['url_username']}:{self.params.get('url_password') or ''}"
            headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        link = self._link()
        try:
            link.request(method, self.parts.path + path, body=data, headers=headers)
            answer = link.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except ssl.SSLCertVerificationError as err:
            raise Problem(f"{self.url}: certificate refused: {err.verify_message}") from None
        except (OSError, http.client.HTTPException) as err:
            cause = err.strerror if isinstance(err, OSError) and err.strerror else err
            raise Problem(f"{self.url}: {cause}: is Alertmanager running there?") from None
        finally:
            link.close()
        if answer.status == 401:
            raise Problem(f"{self.url}: user or password refused: check url_username and url_password")
        if answer.status != 200:
            told = re.sub(r"\s+", " ", text).strip().strip('"')[:300]
            raise Problem(f"{self.url}{path}: HTTP {answer.status} {answer.reason}: {told}".rstrip(": "))
        try:
            return json.loads(text) if text.strip() else None
        except ValueError:
            raise Problem(f"{self.url}{path} does not answer with JSON: is that Alertmanager?") from None

    def _link(self) -> http.client.HTTPConnection:
        host, timeout = self.parts.hostname or "", self.params.get("timeout") or 10
        if self.parts.scheme == "http":
            return http.client.HTTPConnection(host, self.parts.port or 80, timeout=timeout)
        try:
            context = ssl.create_default_context(cafile=self.params.get("ca_path") or None)
        except (OSError, ssl.SSLError) as err:
            raise Problem(f"ca_path: {self.params['ca_path']} cannot be used: {err}") from None
        name = self.params.get("tls_server_name") or ""
        return _tls.HTTPSConnection(host, self.parts.port or 443, name, timeout=timeout, context=context)
