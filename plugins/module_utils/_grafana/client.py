# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana's HTTP API as the modules see it: who asks, what is repeated, and what an error means. Private."""

from __future__ import annotations

import json
import re
import time
import urllib.parse

from .. import _http
from .._text import one_line

# Pauses between tries, in seconds. Together about as long as a proxy or a database takes to fail over.
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE = 10.0


class GrafanaError(Exception):
    """What went wrong and what to do about it, in one line."""


class Unanswered(GrafanaError):
    """A request that may or may not have arrived."""


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.text = response.status, response.headers, response.text()
        try:
            self.data = response.json()
        except ValueError:
            self.data = None

    @property
    def message(self):
        """The server's own words, in one line."""
        words = self.data.get("message") if isinstance(self.data, dict) else self.text[:200]
        return one_line(words or "", 500)


def read_text(path, option, encoding="utf-8"):
    """The content of a file that an option names."""
    try:
        with open(path, encoding=encoding) as handle:
            return handle.read()
    except (OSError, UnicodeDecodeError) as exc:
        reason = getattr(exc, "strerror", None) or "it is not UTF-8 text"
        raise GrafanaError("%s %s cannot be read: %s" % (option, path, reason)) from exc


def read_token(path):
    return read_text(path, "token_path").strip()


def is_cut(error):
    """Whether a server has broken off the TLS handshake: it may only be starting."""
    return error.kind == "tls" and "EOF" in str(error.__cause__)


def is_final(error):
    """Whether more tries are useless."""
    return error.kind not in ("connect", "timeout", "protocol") and not is_cut(error)


def explain(error):
    """Why there is no answer, and what to do about it."""
    text = str(error)
    if error.kind == "certificate":
        cause, fix = text.partition(": ")[2].rstrip("."), "give the CA that issued it as ca_path"
        if "mismatch" in cause:
            fix = "use a name that the certificate is for"
        elif "expired" in cause:
            fix = "renew it"
        return "its certificate is not trusted (%s): %s" % (cause, fix)
    if isinstance(error.__cause__, ConnectionRefusedError):
        return "the connection was refused: is it running, and is the port open to this host?"
    if is_cut(error):
        return "it cuts TLS connections short: does it want a client certificate, or another one?"
    if "certificate required" in text:
        return "it wants a client certificate: set client_cert and client_key"
    return text + (": use http:// or set up HTTPS" if "plain HTTP" in text else "")


def with_tries(exchange, may_repeat):
    """The Answer of exchange(), which is repeated after errors that may pass; the last HttpError without one."""
    for pause in PAUSES + (None,):
        answer = error = None
        try:
            answer = Answer(exchange())
            if answer.status != 429 and answer.status < 500:
                return answer
        except _http.HttpError as exc:
            error = exc
        if pause is None or error and is_final(error) or not may_repeat(answer, error):
            break
        time.sleep(pause_for(answer, pause))
    if error:
        raise error
    return answer


def pause_for(answer, pause):
    """What Retry-After asks for, within reason."""
    asked = answer.headers.get("retry-after", "") if answer else ""
    return min(float(asked), LONGEST_PAUSE) if asked.isdigit() else pause


class Client:
    """One Grafana, as one user or service account, in one organisation."""

    def __init__(self, params):
        self.url = params["url"].rstrip("/")
        if not re.match(r"https?://[^/?#]+[^?#]*\Z", self.url):
            raise GrafanaError(
                "url %r is not the base URL of a Grafana, such as https://grafana.example.com" % self.url
            )
        for option in ("timeout", "org_id"):
            if params.get(option) is not None and params[option] < 1:
                raise GrafanaError("%s has to be 1 or more" % option)
        self.org_id = params.get("org_id")
        self.user = params.get("url_username")
        token = (params.get("token") or "").strip()
        if not token and not self.user:
            raise GrafanaError("token is empty")
        if re.search(r"[\x00-\x20\x7f]", token) or not token.isascii():
            raise GrafanaError("token holds characters that no token has: is it the content of another file?")
        place = params.get("token_path")
        self.who = "the token" + (" in %s" % place if place else "") if token else "user %r" % self.user
        self.headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.org_id is not None:
            self.headers["X-Grafana-Org-Id"] = str(self.org_id)
        self.uses_token = bool(token)
        self.options = {key: params.get(key) or "" for key in ("ca_path", "client_cert", "client_key")}
        self.options.update(timeout=params["timeout"], validate_certs=params.get("validate_certs", True), token=token)
        if not token:
            self.options.update(username=self.user, password=params.get("url_password") or "")

    def error(self, text, kind=GrafanaError):
        return kind("Grafana at %s: %s" % (self.url, text))

    def ask(self, method, path, body=None, tries=True):
        """The Answer as it came, error or not; tries=False for what is asked in a loop of its own."""

        def may_repeat(answer, error):
            if not tries or method != "POST":
                return tries
            # What creates something is sent again only when the first request was certainly not worked on.
            return answer.status == 429 if answer else error.kind == "connect"

        data = None if body is None else json.dumps(body).encode()
        try:
            return with_tries(
                lambda: _http.request(method, self.url + path, body=data, headers=self.headers, **self.options),
                may_repeat,
            )
        except _http.HttpError as exc:
            arrived = exc.kind != "connect" and not is_final(exc)  # or may have
            raise self.error(explain(exc), Unanswered if arrived else GrafanaError) from exc

    def request(self, method, path, body=None, accept=()):
        """The parsed answer, or None for a 404; other errors raise, but those in `accept` come back as an Answer."""
        answer = self.ask(method, path, body)
        if answer.status in accept:
            return answer
        return self.judge(answer, may_miss=method != "POST")

    def judge(self, answer, may_miss=True):
        status, said = answer.status, answer.message
        if 200 <= status < 300:
            if answer.data is None and answer.text.strip():
                raise self.error("answers with something else than JSON: is this the base URL of Grafana?")
            return answer.data
        if 300 <= status < 400:
            raise self.error("redirects to %s: is that its url?" % answer.headers.get("location", "nowhere"))
        if status == 401:
            raise self.refused(answer)
        if status == 403:
            raise self.denied(said)
        if status == 404 and "rganization not found" in said:
            raise self.error("organisation %s does not exist, or %s is no member of it" % (self.org_id, self.who))
        if status == 404 and isinstance(answer.data, dict) and said != "Not found":
            if may_miss:
                return None
            raise self.error("status 404: %s" % (said or "no reason given"))
        if status == 404:
            raise self.error("has no such API: is this the base URL of a Grafana, version 9 or newer?")
        if status == 400 and "HTTP request to an HTTPS server" in answer.text:
            raise self.error("speaks HTTPS only: use https:// in url")
        kind = Unanswered if status >= 500 else GrafanaError
        raise self.error("status %d: %s" % (status, said or "no reason given"), kind)

    def refused(self, answer):
        said = answer.message
        if "organization" in said:
            return self.error("%s does not belong to organisation %s: leave org_id out" % (self.who, self.org_id))
        if not self.uses_token:
            return self.error(
                "refuses %s or its password: check url_username and url_password. After five wrong tries it refuses"
                " the right password too, for five minutes" % self.who
            )
        if "xpired" in said:
            return self.error("%s has expired: make a new one for its service account" % self.who)
        return self.error("does not know %s: it was deleted, or belongs to another server (%s)" % (self.who, said))

    def denied(self, said):
        needed = re.search(r"Permissions needed: (.+)", said)
        if not needed:
            return self.error("refuses this to %s: %s" % (self.who, said or "status 403"))
        text = "%s lacks the permission %s" % (self.who, needed.group(1).rstrip("."))
        if self.org_id is not None:
            text += " in organisation %s, or that organisation does not exist" % self.org_id
        return self.error(text)

    def check_org(self):
        """Grafana 9 ignores the organisation asked for with a token, so ask which one the token is in."""
        if not self.uses_token or self.org_id is None:
            return
        answer = self.ask("GET", "/api/org")
        if answer.status == 403:
            return
        found = (self.judge(answer) or {}).get("id")
        if found != self.org_id:
            raise self.error("%s belongs to organisation %s, not %s" % (self.who, found, self.org_id))

    def get(self, path):
        return self.request("GET", path)

    def create(self, path, body, find, accept=()):
        """A POST. After a lost answer another one only when find() finds nothing; else what it found."""
        for pause in PAUSES + (None,):
            try:
                return self.request("POST", path, body, accept)
            except Unanswered:
                found = find()
                if found is not None:
                    return found
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")


def quote(text):
    return urllib.parse.quote(str(text), safe="")
