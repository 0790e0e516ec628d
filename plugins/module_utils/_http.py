# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP client of this collection. Standard library only, private.

By hand, because a certificate may be verified against another name than the URL's host, which open_url cannot.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import ssl
import time
import typing as t
import urllib.request
from urllib.parse import unquote, urlsplit

from . import _tls
from ._text import one_line

LIMIT = 64 * 1024 * 1024
SLOWEST_BODY = 60  # seconds beyond the timeout, which each piece of an answer has anew
CHUNK = 1 << 16
_PLAIN_HTTP = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")


class HttpError(Exception):
    """A request without an answer: one line without secrets. The exception behind it is its __cause__.

    kind: connect (never sent), timeout, tls, certificate (the server's is refused), protocol (the connection breaks
    off, or what comes is no HTTP), url, ca_file, client_cert (one of our own files cannot be used).
    """

    def __init__(self, kind, text):
        super().__init__(one_line(text))
        self.kind = kind


class Response(t.NamedTuple):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes
    certificate: bytes = b""  # what the server showed, as DER

    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        """The parsed body, None for an empty one; ValueError where it is no JSON."""
        return json.loads(self.text()) if self.body.strip() else None

    @property
    def reason(self):
        return http.client.responses.get(self.status, "")


def request(method, url, *, body=None, headers=None, **options):
    """One exchange, with the options of Connection. Redirects are not followed."""
    with contextlib.closing(Connection(url, **options)) as connection:
        return connection.request(method, body, headers)


@contextlib.contextmanager
def stream(url, *, headers=None, **options):
    """A GET as http.client.HTTPResponse, to be read piece by piece; reading it raises what http.client raises."""
    with contextlib.closing(Connection(url, **options)) as connection:
        yield connection.send("GET", None, headers)


class Connection:
    """One request to one URL.

    server_name: the name that the certificate has to carry, where it is not the URL's host.
    certificate: the certificate that the server has to show (DER); with validate_certs=False that alone is the proof.
    proxy: honour http_proxy, https_proxy and no_proxy; False for our own services, which are asked directly.
    """

    def __init__(
        self,
        url,
        *,
        username="",
        password="",
        token="",
        ca_path="",
        client_cert="",
        client_key="",
        server_name="",
        certificate=b"",
        validate_certs=True,
        timeout=10,
        limit=LIMIT,
        proxy=False,
    ):
        self._parts = urlsplit(check_url(url))
        self._timeout, self._limit = timeout, limit
        self._expected = certificate
        self._server_name = server_name or self._parts.hostname
        self._headers = {"User-Agent": "redisops.monitoring", "Accept": "*/*"}
        if token:
            self._headers["Authorization"] = "Bearer " + token
        elif username:
            self._headers["Authorization"] = basic(username, password)
        self._proxy = _proxy_for(self._parts) if proxy else None
        self._context = self._link = None
        if self._parts.scheme == "https":
            try:
                self._context = _tls.client_context(ca_path, client_cert, client_key, validate_certs)
            except _tls.FileProblem as err:
                raise HttpError(err.kind, str(err)) from err
        elif self._proxy:
            self._headers.update(self._proxy[2])

    def close(self):
        if self._link is not None:
            self._link.close()

    def request(self, method, body, headers):
        """The Response, whatever its status; HttpError where there is none."""
        answer = self.send(method, body, headers)
        try:
            content = self._read(answer)
        except (OSError, http.client.HTTPException) as err:
            raise self._error(err, "protocol") from err
        names = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, names, content, self._shown)

    def send(self, method, body, headers):
        """As request, with the answer yet to be read."""
        stage = "connect"
        try:
            self._connect()
            stage = "protocol"
            self._link.request(method, self._target(), body=body, headers=dict(self._headers, **(headers or {})))
            return self._link.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as err:
            raise self._error(err, stage) from err

    def _connect(self):
        host, port = self._parts.hostname, self._parts.port or (443 if self._context else 80)
        at, timeout = self._proxy or (host, port, {}), self._timeout
        if self._context:
            self._link = _HTTPSConnection(*at[:2], self._server_name, timeout=timeout, context=self._context)
            if self._proxy:
                self._link.set_tunnel(host, port, headers=at[2])
        else:
            self._link = http.client.HTTPConnection(*at[:2], timeout=timeout)
        self._link.connect()
        self._shown = self._link.sock.getpeercert(binary_form=True) if self._context else b""
        if self._expected and self._shown != self._expected:
            raise HttpError("certificate", "it shows another certificate than the expected one")

    def _target(self):
        parts = self._parts
        target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
        return "%s://%s%s" % (parts.scheme, parts.netloc, target) if self._proxy and not self._context else target

    def _read(self, answer):
        """The body, unless it is too long, incomplete, or only trickles in."""
        deadline, parts, size = time.monotonic() + self._timeout + SLOWEST_BODY, [], 0
        while True:
            part = answer.read1(CHUNK)
            if not part:
                break
            parts.append(part)
            size += len(part)
            if size > self._limit:
                raise http.client.HTTPException("it answers with more than %d bytes" % self._limit)
            if time.monotonic() > deadline:
                raise socket.timeout
        if answer.length:
            raise http.client.IncompleteRead(b"", answer.length)
        return b"".join(parts)

    def _error(self, err, stage):
        if isinstance(err, ssl.SSLCertVerificationError):
            return HttpError("certificate", "certificate refused: %s" % err.verify_message)
        if isinstance(err, ssl.SSLError):
            if err.reason in _PLAIN_HTTP:
                return HttpError("tls", "it answers plain HTTP, not HTTPS")
            return HttpError("tls", "TLS fails (%s)" % (err.reason or "closed").lower().replace("_", " "))
        if isinstance(err, (socket.timeout, TimeoutError)):
            return HttpError("timeout", "no answer within %s s" % self._timeout)
        if isinstance(err, (http.client.IncompleteRead, ConnectionError)) and stage == "protocol":
            return HttpError("protocol", "the connection breaks off")
        if isinstance(err, socket.gaierror):
            return HttpError("connect", "the name %s does not resolve" % (self._proxy or [self._parts.hostname])[0])
        if isinstance(err, (ValueError, http.client.InvalidURL)):  # its words may hold a header, and with it a secret
            return HttpError(stage, "the request cannot be sent: the URL or a header holds a character that none may")
        return HttpError(stage, (getattr(err, "strerror", None) or str(err) or type(err).__name__).lower())


class _HTTPSConnection(http.client.HTTPSConnection):
    """HTTPS to an address, verified as another name where the certificate carries that one."""

    def __init__(self, host, port, name, **options):
        super().__init__(host, port, **options)
        self._name = name

    def connect(self):
        http.client.HTTPConnection.connect(self)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self._name)


def check_url(url):
    """The URL, or HttpError where it is none or holds a login, which would show in messages and logs."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise HttpError("url", "url is not like https://127.0.0.1:9090")
    if "@" in parts.netloc:
        raise HttpError("url", "url holds a user or a password: give url_username and url_password instead")
    return url


def basic(username, password):
    """The header Authorization of a login."""
    return "Basic " + base64.b64encode(("%s:%s" % (username, password or "")).encode("utf-8")).decode("ascii")


def _proxy_for(parts):
    """(host, port, headers) of the proxy that the environment names for a URL; None without one."""
    named = urllib.request.getproxies().get(parts.scheme)
    if not named or urllib.request.proxy_bypass(parts.hostname):
        return None
    try:
        proxy = urlsplit(named if "://" in named else "http://" + named)
        host, port = proxy.hostname, proxy.port or 80
    except ValueError:
        host = None
    if not host or proxy.scheme != "http":
        raise HttpError("url", "%s_proxy of the environment is not like http://proxy.example.com:3128" % parts.scheme)
    login = {}
    if proxy.username:
        login["Proxy-Authorization"] = basic(unquote(proxy.username), unquote(proxy.password or ""))
    return host, port, login
