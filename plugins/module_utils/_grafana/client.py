# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana's HTTP API as the modules see it: who asks, what is repeated, and what an error means. Private."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse

from ansible.module_utils.urls import ConnectionError as UrlsConnectionError
from ansible.module_utils.urls import open_url

# Pauses between tries, in seconds. Together about as long as a proxy or a database takes to fail over.
PAUSES = (0.5, 1.0, 2.0)
LONGEST_PAUSE = 10.0
LONGEST_ANSWER = 60.0  # beyond the timeout, which each part of an answer has anew


class GrafanaError(Exception):
    """What went wrong and what to do about it, in one line."""


class Unanswered(GrafanaError):
    """A request that may or may not have arrived."""


class Trouble(Exception):
    """A request without an answer: `final` when more tries are useless, `sent` when it may have arrived."""

    def __init__(self, text, final=False, sent=True):
        super().__init__(text)
        self.final, self.sent = final, sent


class Answer:
    def __init__(self, status, text, headers=None):
        self.status, self.text, self.headers = status, text, headers or {}
        try:
            self.data = json.loads(text)
        except ValueError:
            self.data = None

    @property
    def message(self):
        """The server's own words, in one line."""
        words = self.data.get("message") if isinstance(self.data, dict) else self.text[:200]
        return one_line(words or "")


def one_line(text):
    return " ".join(str(text).split())[:500]


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


def describe_failure(exc):
    """(text, final, sent) of an exception on the way to an answer."""
    reason = getattr(exc, "reason", exc)
    reason = exc if isinstance(reason, str) or reason is None else reason
    text = one_line(reason)
    if isinstance(reason, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in text:
        cause = one_line(getattr(reason, "verify_message", "") or text).rstrip(".")
        cure = "give the CA that issued it as ca_path"
        if "ostname mismatch" in cause or "IP address mismatch" in cause:
            cure = "use a name that the certificate is for"
        elif "expired" in cause:
            cure = "renew it"
        return "its certificate is not trusted (%s): %s" % (cause, cure), True, False
    if any(word in text for word in ("NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "PEM lib", "[PEM")):
        return "ca_path, client_cert or client_key is not in PEM format", True, False
    if "KEY_VALUES_MISMATCH" in text:
        return "client_key is not the key of client_cert", True, False
    if isinstance(reason, ssl.SSLEOFError) or "EOF occurred in violation" in text:  # it may only be starting anew
        return "it cuts TLS connections short: does it want a client certificate, or another one?", False, True
    if isinstance(reason, ssl.SSLError) or "[SSL" in text:
        if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER" in text or "UNKNOWN_PROTOCOL" in text:
            return "it answers plain HTTP on this port: use http:// or set up HTTPS", True, False
        if "CERTIFICATE_REQUIRED" in text or "certificate required" in text:
            return "it wants a client certificate: set client_cert and client_key", True, False
        return "the TLS handshake failed (%s)" % text, True, False
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return "timeout", False, True
    if isinstance(reason, ConnectionRefusedError):
        return "the connection was refused: is it running, and is the port open to this host?", False, False
    if isinstance(reason, socket.gaierror):
        return "its host name cannot be resolved (%s)" % text, False, False
    if isinstance(reason, ValueError):  # its words may hold a header, and with it a secret
        return "a request to this URL cannot be built", True, False
    return "the connection failed (%s)" % (text or type(reason).__name__), False, True


def check_files(**paths):
    """What OpenSSL would say in words that name no file, or ask a passphrase for."""
    for name, path in paths.items():
        if not path:
            continue
        try:
            with open(path, "rb") as handle:
                content = handle.read()
        except OSError as exc:
            text = "there is no file %s (%s)" if isinstance(exc, FileNotFoundError) else "%s cannot be read (%s)"
            raise Trouble(text % (path, name), final=True, sent=False) from exc
        if re.search(rb"^(?:-----BEGIN ENCRYPTED PRIVATE KEY|Proc-Type: 4,ENCRYPTED)", content, re.M):
            raise Trouble("the key in %s (%s) has a passphrase: take it out" % (path, name), final=True, sent=False)


def fetch(method, url, timeout, body=None, headers=None, ca_path=None, **options):
    """One HTTP exchange. The Answer, whatever its status, or Trouble."""
    headers = dict(headers or {}, Accept="application/json")
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    check_files(ca_path=ca_path, client_cert=options.get("client_cert"), client_key=options.get("client_key"))
    try:
        # No redirects: a write would become a read, and credentials could go to another server.
        response = open_url(
            url,
            method=method,
            data=data,
            headers=headers,
            timeout=timeout,
            ca_path=ca_path,
            use_netrc=False,
            http_agent="redisops.monitoring",
            follow_redirects=options.pop("follow_redirects", "none"),
            **options,
        )
        text = read_all(response, timeout + LONGEST_ANSWER)
        return Answer(response.getcode(), text, dict(response.headers.items()))
    except urllib.error.HTTPError as exc:
        try:
            text = read_all(exc, timeout)
        except (OSError, http.client.HTTPException):
            text = ""
        return Answer(exc.code, text, dict(exc.headers.items()))
    except (OSError, http.client.HTTPException, UrlsConnectionError, ValueError) as exc:
        text, final, sent = describe_failure(exc)
        if text == "timeout":
            text = "no answer within %s s" % timeout
        raise Trouble(text, final, sent) from exc


def read_all(response, seconds):
    """The body of an answer, unless it only trickles in."""
    deadline, parts = time.monotonic() + seconds, []
    while True:
        part = response.read1(65536)
        if not part:
            break
        parts.append(part)
        if time.monotonic() > deadline:
            raise socket.timeout
    if getattr(response, "length", None):
        raise http.client.IncompleteRead(b"".join(parts), response.length)
    return b"".join(parts).decode("utf-8", "replace")


def with_tries(exchange, may_repeat):
    """exchange() until it gives something to work with. The last Answer, or the last Trouble."""
    for pause in PAUSES + (None,):
        trouble = answer = None
        try:
            answer = exchange()
            if answer.status != 429 and answer.status < 500:
                return answer
        except Trouble as exc:
            trouble = exc
        if pause is not None and may_repeat(answer, trouble):
            time.sleep(pause_for(answer, pause))
            continue
        if trouble:
            raise trouble
        return answer
    raise AssertionError("unreachable")


def pause_for(answer, pause):
    """What Retry-After asks for, within reason."""
    asked = answer.headers.get("Retry-After", "") if answer else ""
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
        credentials = "%s:%s" % (self.user, params.get("url_password") or "")
        basic = base64.b64encode(credentials.encode("utf-8")).decode()
        self.headers = {"Authorization": "Bearer " + token if token else "Basic " + basic}
        if self.org_id is not None:
            self.headers["X-Grafana-Org-Id"] = str(self.org_id)
        self.uses_token = bool(token)
        self.timeout = params["timeout"]
        self.options = {key: params.get(key) for key in ("ca_path", "client_cert", "client_key", "validate_certs")}

    def error(self, text, kind=GrafanaError):
        return kind("Grafana at %s: %s" % (self.url, text))

    def ask(self, method, path, body=None, tries=True):
        """The Answer as it came, error or not; tries=False for what is asked in a loop of its own."""

        def may_repeat(answer, trouble):
            if not tries or trouble and trouble.final:
                return False
            if method != "POST":
                return True
            # What makes something may be sent again only when the first one was certainly not worked on.
            return answer.status == 429 if answer else not trouble.sent

        def exchange():
            return fetch(method, self.url + path, self.timeout, body, self.headers, **self.options)

        try:
            return with_tries(exchange, may_repeat)
        except Trouble as exc:
            raise self.error(str(exc), Unanswered if exc.sent and not exc.final else GrafanaError) from exc

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
            raise self.error("redirects to %s: is that its url?" % answer.headers.get("Location", "nowhere"))
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

    def create(self, path, body, landed, accept=()):
        """A POST. After a lost answer another one only when landed() finds nothing; else what it found."""
        for pause in PAUSES + (None,):
            try:
                return self.request("POST", path, body, accept)
            except Unanswered:
                found = landed()
                if found is not None:
                    return found
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError("unreachable")


def quote(text):
    return urllib.parse.quote(str(text), safe="")
