# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small Redis client (RESP2, TLS, ACL login) that says in one line why a connection fails. Standard library only."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import re
import socket
import ssl

from ansible_collections.redisops.monitoring.plugins.module_utils import _certificate, _tls

# What Redis is called by the packages of distributions, and Valkey.
UNITS = ("redis-server.service", "redis.service", "valkey-server.service", "valkey.service")
PROGRAMS = ("redis-server", "valkey-server")

_VERIFY_CODES = {  # X509_V_ERR_*
    9: "not_yet_valid",
    10: "expired",
    18: "untrusted_ca",
    19: "untrusted_ca",
    20: "untrusted_ca",
    21: "untrusted_ca",
    62: "name_mismatch",
    64: "name_mismatch",
}
_CLIENT_CERT_ALERTS = ("BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_", "DECRYPT_ERROR", "ACCESS_DENIED")
_NOPERM = re.compile(r"'([\w.|-]+)' command")


def unit_of(units):
    """Name and state of the unit that is Redis on a host: the one that runs, else the first that is there."""
    there = [(name, units[name]) for name in UNITS if units.get(name, {}).get("found")]
    if not there:
        return UNITS[0], {"found": False}
    # redis.service is mostly another name of redis-server.service; Valkey may have taken the place of both.
    valkey = [one for one in there if one[0].startswith("valkey")][:1]
    return next((one for one in [there[0], *valkey] if one[1].get("active")), there[0])


class RedisProblem(Exception):
    """One line: where and what is wrong. What to do about it depends on who asks: see _redis_advice.

    The details, such as the name of a command, are for that advice.
    """

    def __init__(self, cause, target, text, **details):
        super().__init__("Redis at %s: %s" % (target.url, text))
        self.cause = cause
        self.details = dict(details, user=target.user or "default")


class ReplyError(Exception):
    """An error that Redis answered to one command."""


@dataclasses.dataclass(repr=False)
class Target:
    """Where and as whom to connect."""

    host: str
    port: int
    tls: bool = True
    server_name: str = ""
    verify: bool = True
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    user: str = ""
    password: str = ""
    timeout: int = 5

    @property
    def url(self):
        return "%s://%s:%d" % ("rediss" if self.tls else "redis", bracket(self.host), self.port)

    @property
    def verified_name(self):
        """What the server's certificate has to name."""
        return self.server_name or self.host


# Options of the modules that log in to Redis; documented in the doc fragment redis.
LOGIN_OPTIONS = {
    "login_host": {"type": "str", "default": "127.0.0.1"},
    "login_port": {"type": "int", "default": 6379},
    "login_user": {"type": "str", "required": True},
    "login_password": {"type": "str", "required": True, "no_log": True},
    "tls": {"type": "bool", "default": True},
    "validate_certs": {"type": "bool", "default": True},
    "ca_certs": {"type": "path"},
    "client_cert_file": {"type": "path"},
    "client_key_file": {"type": "path", "no_log": False},
    "server_name": {"type": "str"},
    "timeout": {"type": "int", "default": 5},
}


def login_target(params):
    """The Target that a module's LOGIN_OPTIONS name."""
    return Target(
        params["login_host"],
        params["login_port"],
        tls=params["tls"],
        server_name=params["server_name"] or "",
        verify=params["validate_certs"],
        ca_file=params["ca_certs"] or "",
        cert_file=params["client_cert_file"] or "",
        key_file=params["client_key_file"] or "",
        user=params["login_user"],
        password=params["login_password"],
        timeout=params["timeout"],
    )


def bracket(host):
    return "[%s]" % host if ":" in host else host


class Client:
    """A connection, logged in. Opening it raises RedisProblem with the one cause that was found."""

    def __init__(self, target):
        self.target = target
        self._sock = self._file = None
        self._open()
        try:
            self._login()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *dummy):
        self.close()

    def close(self):
        for thing in (self._file, self._sock):
            if thing is not None:
                with contextlib.suppress(OSError):
                    thing.close()

    def call(self, *words):
        """Reply of one command. ReplyError for an error reply, RedisProblem when the connection fails."""
        try:
            self._sock.sendall(encode(words))
            reply = read_reply(self._file)
        except (OSError, EOFError, ValueError) as err:
            raise _after_handshake(self.target, err) from None
        if isinstance(reply, ReplyError):
            raise reply
        return reply

    def check(self, *words):
        """Like call(), with an error reply turned into its cause."""
        try:
            return self.call(*words)
        except ReplyError as err:
            raise from_reply(self.target, str(err)) from None

    def _open(self):
        sock = _connect(self.target)
        if self.target.tls:
            sock = _handshake(self.target, sock)
        self._sock = sock
        self._file = sock.makefile("rb")

    def _login(self):
        if self.target.password:
            user = (self.target.user,) if self.target.user else ()
            self.check("AUTH", *(user + (self.target.password,)))
        else:
            self.check("PING")


def encode(words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        data = word if isinstance(word, bytes) else str(word).encode("utf-8")
        parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


def read_reply(handle):
    line = handle.readline(65536)
    if not line.endswith(b"\r\n"):
        raise EOFError(line)
    kind, rest = line[:1], line[1:-2].decode("utf-8", "replace")
    if kind == b"+":
        return rest
    if kind == b"-":
        return ReplyError(rest)
    if kind == b":":
        return int(rest)
    if kind == b"$":
        size = int(rest)
        if size < 0:
            return None
        data = handle.read(size + 2)
        if len(data) != size + 2:
            raise EOFError(data)
        return data[:-2].decode("utf-8", "replace")
    if kind == b"*":
        count = int(rest)
        return None if count < 0 else [read_reply(handle) for dummy in range(count)]
    raise ValueError("not a Redis reply")


def server_certificate(target):
    """The certificate the server shows, whoever signed it; None where the handshake does not get that far."""
    name, pair = target.verified_name, (target.cert_file, target.key_file)
    der = _tls.shown_certificate(target.host, target.port, name, *pair, timeout=target.timeout)
    try:
        return _certificate.decode_der(der) if der else None
    except ValueError:
        return None


def acl_line(user, rules):
    """The command that creates the user, for people; the password is left to them."""
    return " ".join(["ACL SETUSER", user, "reset on #<sha256 of the password>"] + list(rules))


def refine_login(admin, user, password_hash):
    """Why a login fails, as an account that may read ACL users sees it: the cause, or None."""
    try:
        found = admin.call("ACL", "GETUSER", user)
    except ReplyError:
        return None
    if found is None:
        return "user_unknown"
    fields = dict(zip(found[::2], found[1::2]))
    if "off" in fields.get("flags", ()):
        return "user_disabled"
    return None if password_hash in fields.get("passwords", ()) else "wrongpass"


def _raw(target):
    return socket.create_connection((target.host, target.port), timeout=target.timeout)


def _connect(target):
    try:
        return _raw(target)
    except socket.gaierror:
        raise RedisProblem("name_unknown", target, "the name %s does not resolve" % target.host) from None
    except socket.timeout:
        raise RedisProblem("connect_timeout", target, "no answer within %d s" % target.timeout) from None
    except OSError as err:
        if err.errno == errno.ECONNREFUSED:
            raise RedisProblem("refused", target, "connection refused: nothing listens there") from None
        raise RedisProblem("unreachable", target, "it cannot be reached (%s)" % err.strerror) from None


def _context(target):
    return _tls.client_context(target.ca_file, target.cert_file, target.key_file, target.verify)


def check_files(target, ca="ca_certs", cert="client_cert_file", key="client_key_file"):
    """FileProblem for the first of our own files that cannot work; it names the option of the caller."""
    if target.ca_file:
        _tls.check_ca(target.ca_file, ca)
    if target.cert_file or target.key_file:
        if not (target.cert_file and target.key_file):
            raise _tls.FileProblem("%s and %s belong together: set both or none" % (cert, key))
        return _tls.check_pair(target.cert_file, target.key_file, cert)
    return None


def _handshake(target, raw):
    try:
        context = _context(target)
        return context.wrap_socket(raw, server_hostname=target.verified_name)
    except BaseException as err:
        raw.close()
        if isinstance(err, ssl.SSLCertVerificationError):
            raise _unverified(target, err) from None
        if isinstance(err, (ssl.SSLError, OSError, ValueError)):
            raise _no_handshake(target, err) from None
        raise


def _unverified(target, err):
    cause = _VERIFY_CODES.get(err.verify_code, "bad_certificate")
    shown = server_certificate(target)
    issuer = shown.issuer if shown else "issuer not seen"
    wanted = target.verified_name
    if cause == "name_mismatch":
        text = "its certificate does not name %s (its SANs: %s)" % (wanted, shown.sans if shown else "not seen")
        return RedisProblem(cause, target, text, san=_san(wanted))
    if cause == "untrusted_ca":
        trusted = target.ca_file or "this host's system CAs"
        return RedisProblem(cause, target, "its certificate is not signed by %s" % trusted, issuer=issuer)
    if cause == "expired":
        if shown is None:
            text = "its certificate has expired"
        elif shown.days_left() < 0:
            text = "its certificate expired on %s" % shown.not_after_text
        else:
            text = "a CA certificate above its certificate has expired (%s)" % issuer
        return RedisProblem(cause, target, text)
    if cause == "not_yet_valid":
        return RedisProblem(cause, target, "its certificate is not valid yet")
    return RedisProblem(cause, target, "its certificate is refused: %s" % err.verify_message)


def _san(name):
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in name else socket.AF_INET, name)
        return "IP:" + name
    except OSError:
        return "DNS:" + name


def _no_handshake(target, err):
    reason = getattr(err, "reason", None) or ""
    if "ALERT" in reason and any(part in reason for part in _CLIENT_CERT_ALERTS + ("HANDSHAKE_FAILURE",)):
        return _client_certificate(target, reason)
    greeting = _plaintext_greeting(target)
    if greeting is not None and _is_redis(greeting):
        return RedisProblem("plaintext_port", target, "the port speaks plaintext Redis, not TLS")
    if isinstance(err, socket.timeout):
        return _hung(target)
    if reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST"):
        return RedisProblem("not_redis", target, "the port speaks no TLS")
    if isinstance(err, ssl.SSLError) and reason and "EOF" not in reason:
        return RedisProblem("tls_failed", target, "the TLS handshake fails (%s)" % reason.lower())
    return RedisProblem("closed", target, "the connection was closed during the TLS handshake")


def _client_certificate(target, reason):
    if not target.cert_file:
        return RedisProblem("client_cert_required", target, "Redis demands a client certificate and none is set")
    if "HANDSHAKE_FAILURE" in reason:
        return RedisProblem("tls_failed", target, "Redis breaks off the TLS handshake")
    alert = reason.split("ALERT_", 1)[-1].lower().replace("_", " ")
    return RedisProblem(
        "client_cert_refused", target, "Redis refuses the client certificate %s (%s)" % (target.cert_file, alert)
    )


def _hung(target):
    return RedisProblem("hung", target, "the connection is accepted but nothing answers within %d s" % target.timeout)


def _after_handshake(target, err):
    """Cause of a connection that failed while talking."""
    if isinstance(err, socket.timeout):
        return _hung(target)
    if target.tls:
        # TLS 1.3 servers judge the client certificate after the client's handshake is done.
        reason = getattr(err, "reason", None) or ""
        if "ALERT" not in reason:
            reason = _alert_after_handshake(target)
        if "ALERT" in reason:
            return _client_certificate(target, reason)
        return RedisProblem("closed", target, "Redis closes the connection after the TLS handshake")
    if server_certificate(target) is not None or _speaks_tls(target):
        return RedisProblem("tls_port", target, "the port speaks TLS, and the address asks for plaintext")
    if isinstance(err, ValueError):
        return RedisProblem("not_redis", target, "the answer is no Redis reply")
    return RedisProblem("closed", target, "Redis closes the connection")


def _alert_after_handshake(target):
    """The alert of a server that says no. A client that has already written may lose it to a connection reset."""
    try:
        with _raw(target) as raw, _context(target).wrap_socket(raw, server_hostname=target.verified_name) as sock:
            sock.settimeout(1)
            sock.recv(1)
    except ssl.SSLError as err:
        return err.reason or ""
    except OSError:
        pass
    return ""


def _speaks_tls(target):
    """A server that ends the handshake with an alert still speaks TLS."""
    try:
        with _raw(target) as raw, _tls.client_context(verify=False).wrap_socket(raw):
            return True
    except ssl.SSLError as err:
        return "ALERT" in (err.reason or "")
    except OSError:
        return False


def _plaintext_greeting(target):
    try:
        with _raw(target) as sock:
            sock.sendall(b"PING\r\n")
            return sock.recv(200)
    except OSError:
        return None


def _is_redis(greeting):
    errors = (b"-NOAUTH", b"-NOPERM", b"-DENIED", b"-LOADING", b"-BUSY", b"-ERR", b"-MASTERDOWN")
    return greeting.startswith((b"+PONG", *errors))


def from_reply(target, message):
    code = message.split(" ", 1)[0]
    user = target.user or "default"
    if code == "WRONGPASS":
        text = "login as %s refused (WRONGPASS: wrong password, unknown user, or user switched off)" % user
        return RedisProblem("wrongpass", target, text)
    if code == "NOAUTH":
        return RedisProblem("auth_required", target, "Redis demands a login (NOAUTH)")
    if code == "NOPERM":
        found = _NOPERM.search(message)
        command = found.group(1).lower() if found else "the command"
        return RedisProblem("noperm", target, "user %s may not run %s (NOPERM)" % (user, command), command=command)
    if code == "BUSY":
        return RedisProblem("busy", target, "it answers nobody (%s)" % message)
    if code == "LOADING":
        return RedisProblem("loading", target, "Redis is still loading its data set (LOADING)")
    if code == "DENIED" or message.startswith("DENIED"):
        return RedisProblem("protected_mode", target, "Redis runs in protected mode and takes only loopback clients")
    if "max number of clients" in message:
        return RedisProblem("maxclients", target, "Redis takes no more clients (maxclients reached)")
    if "without any password configured" in message:
        return RedisProblem("no_password_set", target, "a password is sent, but the user default has none")
    if "wrong number of arguments for 'auth'" in message or "unknown command" in message.lower() and "ACL" in message:
        return RedisProblem("too_old", target, "Redis knows no ACL users")
    return RedisProblem("error_reply", target, "Redis answers with the error %s" % code)
