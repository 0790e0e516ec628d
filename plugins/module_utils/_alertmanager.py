# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Silences of Alertmanager: matchers, times, and the API version 2.

Private to this collection.
"""

from __future__ import annotations

import re
import typing as t
from datetime import datetime, timedelta, timezone
from urllib.parse import quote

from ._prometheus import Api, ApiError
from ._text import duration_seconds

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

    def matches_empty(self) -> bool:
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
        raise ApiError(f'the matcher {text!r} is not like cluster=redis-prod or node=~"redis-node-1.*"')
    name, operator, value = found.groups()
    if value.startswith('"'):
        quoted = _QUOTED.match(value)
        if not quoted:
            raise ApiError(f"the matcher {text!r} has a value whose quotes do not match")
        value = re.sub(r"\\(.)", lambda match: "\n" if match[1] == "n" else match[1], quoted.group(1))
    matcher = Matcher(name, value, operator.endswith("~"), not operator.startswith("!"))
    if matcher.is_regex:
        try:
            re.compile(value)
        except re.error as err:
            raise ApiError(f"the matcher {text!r} is no regular expression: {err}") from None
    return matcher


def parse_matchers(texts: t.Iterable[str]) -> list[Matcher]:
    """Sorted, each once. Matchers that leave nothing out are refused: they would silence everything."""
    matchers = sorted({parse_matcher(text) for text in texts})
    if not matchers:
        raise ApiError("matchers is empty: a silence needs at least one, such as cluster=redis-prod")
    if all(matcher.matches_empty() for matcher in matchers):
        raise ApiError("the matchers accept every alert: name at least one label that has to be there")
    return matchers


# ---------------------------------------------------------------------------------------------------------- times


def parse_duration(text: str) -> timedelta:
    try:
        duration = timedelta(seconds=duration_seconds(text))
    except OverflowError:
        raise ApiError(f"the duration {text!r} is too long") from None
    except ValueError:
        duration = timedelta()
    if not duration:
        raise ApiError(f"the duration {text!r} is not like 90m, 2h or 1d12h")
    return duration


def parse_time(text: str) -> datetime:
    """Read a time of RFC 3339, with its zone."""
    plain = re.sub(r"(\.[0-9]{1,6})[0-9]*", lambda match: match[1].ljust(7, "0"), text.strip())
    plain = re.sub(r"[zZ]\Z", "+00:00", plain)
    try:
        time = datetime.fromisoformat(plain)
    except ValueError:
        raise ApiError(f"the time {text!r} is not like 2027-01-30T22:00:00Z") from None
    if time.tzinfo is None:
        raise ApiError(f"the time {text!r} has no zone: end it with Z for UTC, or with an offset such as +01:00")
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

    def line(self) -> str:
        """What it is, for people."""
        times = f"{self.starts_at:%Y-%m-%dT%H:%MZ} to {self.ends_at:%Y-%m-%dT%H:%MZ}"
        matchers = ", ".join(map(str, self.matchers))
        return f"{self.state} {times}  {matchers}  {self.created_by}: {self.comment}  {self.id}"

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


class Alertmanager(Api):
    """The API of one Alertmanager, or of one member of a cluster."""

    def __init__(self, params: dict[str, t.Any]) -> None:
        super().__init__(params, "Alertmanager")

    def silences(self) -> list[Silence]:
        """Those that hold now or will."""
        found = [silence_from(entry) for entry in self.ask("GET", "/api/v2/silences")]
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
        return self.ask("POST", "/api/v2/silences", body)["silenceID"]

    def end(self, silence: Silence) -> None:
        self.ask("DELETE", "/api/v2/silence/" + quote(silence.id, safe=""))


# -------------------------------------------------------------------------------------------- alertmanager_silence


def ensure(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """What the module alertmanager_silence does; returns its result."""
    api = Alertmanager(params)
    before = api.silences()
    is_present = params["state"] == "present"
    changed, silences = (_present if is_present else _absent)(api, params, before, check_mode)
    ids = {silence.id for silence in silences}
    touched = [silence for silence in before if silence.id in ids]
    return {
        "changed": changed,
        "silences": [silence.result() for silence in silences],
        "diff": {"before": _describe(touched), "after": _describe(silences if is_present else [])},
    }


def _wanted(params: dict[str, t.Any]) -> Silence:
    matchers = parse_matchers(params["matchers"])
    now = datetime.now(timezone.utc)
    start = parse_time(params["starts_at"]) if params["starts_at"] else now
    end = parse_time(params["ends_at"]) if params["ends_at"] else start + parse_duration(params["duration"])
    if end <= max(now, start):
        raise ApiError(f"the silence would end at {end:%Y-%m-%dT%H:%M:%SZ}, before it starts or before now")
    for key in ("comment", "created_by"):
        if not params[key].strip():
            raise ApiError(f"{key} is empty: others have to know {'why' if key == 'comment' else 'whom to ask'}")
    state = "pending" if start > now else "active"
    return Silence("", state, matchers, start, end, params["created_by"], params["comment"])


def _present(
    api: Alertmanager, params: dict[str, t.Any], before: list[Silence], check_mode: bool
) -> tuple[bool, list[Silence]]:
    silence = _wanted(params)
    for held in before:
        if held.matchers == silence.matchers and (
            held.covers(silence.starts_at) or held.starts_at == silence.starts_at
        ):
            if not params["ends_at"] or held.ends_at == silence.ends_at:
                return False, [held]
            silence = silence._replace(id=held.id, state=held.state, starts_at=held.starts_at)
            break
    return True, [silence if check_mode else silence._replace(id=api.save(silence))]


def _absent(
    api: Alertmanager, params: dict[str, t.Any], before: list[Silence], check_mode: bool
) -> tuple[bool, list[Silence]]:
    if params["id"]:
        ended = [each for each in before if each.id == params["id"]]
    else:
        matchers = parse_matchers(params["matchers"])
        ended = [each for each in before if each.matchers == matchers]
    if not check_mode:
        for silence in ended:
            api.end(silence)
    return bool(ended), ended


def _describe(silences: list[Silence]) -> str:
    return "".join(
        f"{', '.join(each['matchers'])}: {each['state']} {each['starts_at']} to {each['ends_at']}, "
        f"{each['created_by']}: {each['comment']}\n"
        for each in (silence.result() for silence in silences)
    )
