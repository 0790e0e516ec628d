# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads of release_binary: redirects are judged, a login stays with its server. Private to this collection."""

from __future__ import annotations

import contextlib
import http.client
import re
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from .. import _http
from .common import CHUNK, ReleaseError, reason

MAX_REDIRECTS = 10
ADVICE = {
    401: "set url_username and url_password, or headers",
    403: "check the credentials and the rights on the server",
    404: "check the version, the architecture and the layout of the mirror",
    407: "check the credentials of the proxy",
    "certificate": "give the server's CA as ca_path, and use a host name that the certificate holds",
    "ca_file": "correct ca_path, a file on the managed host",
    "client_cert": "correct client_cert and client_key, files on the managed host",
}


class BrokenOff(ReleaseError):
    """A download that ended before its time: what came is good, and the rest can be had."""


def is_url(value):
    return "://" in value


def mask_url(url):
    """The URL as it may be printed: without user, password and query, where signed links carry their token."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "****"
    login, at, host = parts.netloc.rpartition("@")
    return urlunsplit((parts.scheme, f"****@{host}" if at else host, parts.path, "****" if parts.query else "", ""))


def check_url(what, url):
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or re.search(r"[\s\x00-\x1f\x7f]", url):
        raise ReleaseError(
            f"{what} {mask_url(url)} cannot be fetched: write http:// or https:// and a host name, special characters "
            "percent-encoded; the option for a file on the managed host is src"
        )


def origin(url):
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]


class Downloads:
    """GET requests with the module's options; credentials and headers go to one origin only."""

    def __init__(self, params, credentials_for):
        if params["timeout"] < 1:
            raise ReleaseError(f"timeout {params['timeout']} is too small: give at least 1 second")
        self.credentials_for = origin(credentials_for)
        self.headers = {str(name): str(value) for name, value in (params["headers"] or {}).items()}
        self.login = {"username": params["url_username"], "password": params["url_password"]}
        names = ("ca_path", "client_cert", "client_key", "validate_certs", "timeout")
        self.options = {name: params[name] for name in names}
        self.options["proxy"] = params["use_proxy"]

    def chunks(self, url, limit):
        """The body of a URL, piece by piece; an error when it is longer than limit or shorter than announced."""
        # _get closes the answer, also when the caller stops early.
        # pylint: disable-next=contextmanager-generator-missing-cleanup
        with self._open(url) as answer:
            yield from self._pieces(url, answer, limit)

    @contextlib.contextmanager
    def rest(self, url, begin, limit):
        """(where the server begins, which is begin or 0; the size of the whole or None; the body from there on)."""
        wanted = {"Range": f"bytes={begin}-"} if begin else {}
        # pylint: disable-next=contextmanager-generator-missing-cleanup
        with self._open(url, wanted, (200, 206, 416) if begin else (200,)) as answer:
            start = begin if answer.status in (206, 416) else 0
            span = re.match(r"bytes (\d+)-", answer.getheader("Content-Range") or "")
            if answer.status == 206 and not (span and int(span[1]) == begin):
                raise ReleaseError(f"{mask_url(url)} answers another part than was asked for: check the server")
            size = None if answer.length is None or answer.status == 416 else start + answer.length
            # There is no rest: what is there is all of it, or of another file.
            yield start, size, iter(()) if answer.status == 416 else self._pieces(url, answer, limit - start)

    @staticmethod
    def _pieces(url, answer, limit):
        received = 0
        while True:
            try:
                chunk = answer.read(CHUNK)
            except (OSError, http.client.HTTPException) as err:
                raise BrokenOff(
                    f"the download of {mask_url(url)} broke off after {received} bytes ({reason(err)}): check the "
                    "network and the server, then run again"
                ) from err
            received += len(chunk)
            if received > limit:
                raise ReleaseError(f"{mask_url(url)} is larger than {limit} bytes: check the URL")
            if not chunk:
                break
            yield chunk
        if answer.length:
            raise BrokenOff(
                f"the download of {mask_url(url)} is truncated, {received} of {received + answer.length} bytes "
                "came: check the server and any proxy on the way, then run again"
            )

    @contextlib.contextmanager
    def _open(self, url, headers=None, expected=(200,)):
        """The answer with an expected status, after redirects."""
        target = url
        for _redirect in range(MAX_REDIRECTS + 1):
            with self._get(target, headers) as answer:
                if answer.status in expected:
                    yield answer
                    return
                location = answer.getheader("Location") if answer.status in (301, 302, 303, 307, 308) else None
                if not location:
                    via = "" if target == url else f", after a redirect to {mask_url(target)}"
                    advice = ADVICE.get(answer.status, "check the server, then run again")
                    raise ReleaseError(f"{mask_url(url)} answered {answer.status} {answer.reason}{via}: {advice}")
            before, target = target, urljoin(target, location.replace(" ", "%20"))
            check_url(f"{mask_url(before)} redirects to", target)
            if urlsplit(before).scheme == "https" and urlsplit(target).scheme == "http":
                raise ReleaseError(
                    f"{mask_url(before)} redirects to {mask_url(target)}, from https to plain http, which is refused: "
                    "give a URL that stays on https"
                )
        raise ReleaseError(f"{mask_url(url)} redirects more than {MAX_REDIRECTS} times: check the URL and the server")

    @contextlib.contextmanager
    def _get(self, url, more):
        parts = urlsplit(url)
        options, headers = dict(self.options), dict(more or {})
        if origin(url) == self.credentials_for:
            options.update(self.login)
            headers.update(self.headers)
        login, at, host = parts.netloc.rpartition("@")
        if at and not options.get("username"):
            options["username"], _colon, options["password"] = (unquote(part) for part in login.partition(":"))
        try:
            with _http.stream(urlunsplit(parts._replace(netloc=host)), headers=headers, **options) as answer:
                yield answer
        except _http.HttpError as err:
            advice = ADVICE.get(err.kind, "check the address, the network, the firewall and the proxy settings")
            raise ReleaseError(f"cannot reach {mask_url(url)} ({err}): {advice}") from err
