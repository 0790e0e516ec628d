# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about redis_exporter: its address, flags by version, metrics, exit codes. Standard library only."""

from __future__ import annotations

import base64
import http.client
import ipaddress
import os
import re
import socket
import ssl
import struct
from urllib.parse import urlsplit

from ansible_collections.redisops.monitoring.plugins.module_utils import _tls

FLOOR = "1.45.0"
ARCHITECTURES = {
    "x86_64": "amd64",
    "amd64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
}
TLS_SCHEMES = ("rediss", "valkeys")

# Flags that the role sets itself, and the variable that decides.
RESERVED = {
    "redis.addr": "redis_exporter_redis_addr",
    "redis.user": "redis_exporter_redis_user",
    "redis.password": "redis_exporter_redis_password",
    "redis.password-file": "redis_exporter_redis_password",
    "web.listen-address": "redis_exporter_listen_address and redis_exporter_port",
    "tls-client-cert-file": "redis_exporter_tls_cert_file",
    "tls-client-key-file": "redis_exporter_tls_key_file",
    "tls-ca-cert-file": "redis_exporter_tls_ca_file",
    "tls-server-name": "redis_exporter_tls_server_name",
    "tls-server-cert-file": "redis_exporter_web_tls_cert_file",
    "tls-server-key-file": "redis_exporter_web_tls_key_file",
    "tls-server-ca-cert-file": "redis_exporter_web_client_ca_file",
    "skip-tls-verification": "redis_exporter_skip_tls_verification",
    "basic-auth-username": "redis_exporter_web_username",
    "basic-auth-password": "redis_exporter_web_password",
    "basic-auth-hash-password": "redis_exporter_web_password",
    "version": "redis_exporter_version",
}

# Flags that may put personal data into metrics, or into the hands of whoever reaches the port.
REVEALING = {
    "check-keys": "exports names and values of keys",
    "check-single-keys": "exports names and values of keys",
    "check-key-groups": "exports parts of key names",
    "count-keys": "exports key patterns, and scans all keys",
    "check-streams": "exports names of streams and consumers",
    "check-single-streams": "exports names of streams and consumers",
    "check-search-indexes": "exports names of search indexes",
    "include-search-indexes-metrics": "exports names of search indexes",
    "script": "exports whatever the script returns",
    "is-cluster": "enables /discover-cluster-nodes and key look-ups on all nodes",
    "export-client-list": "exports addresses and user names of clients",
    "export-client-port": "exports addresses and ports of clients",
    "include-config-metrics": "exports the settings of Redis",
}
PROTECTING = {
    "disable-exporting-key-values": "exports values of keys",
    "redact-config-metrics": "exports passwords among the settings of Redis",
    "disable-scrape-endpoint": "lets whoever reaches the port make the exporter connect anywhere, through /scrape",
}

# What a scrape asks Redis, and what is missing from the metrics when the account may not.
ASKED = (
    (("INFO", "server"), None),
    (("CLIENT", "SETNAME", "redis_exporter"), "client name"),
    (("CLUSTER", "INFO"), "redis_cluster_* metrics"),
    (("CONFIG", "GET", "maxmemory"), "redis_config_* metrics"),
    (("SLOWLOG", "LEN"), "redis_slowlog_* metrics"),
    (("SLOWLOG", "GET", "0"), "redis_slowlog_* metrics"),
    (("LATENCY", "LATEST"), "redis_latency_spike_* metrics"),
    (("LATENCY", "HISTOGRAM"), "redis_latency_percentiles_* metrics"),
)


class BadInput(Exception):
    """One line: what is wrong with a setting and what to write."""


class Unreachable(Exception):
    """The exporter's port does not answer (yet)."""

    def __init__(self, text, final=False):
        super().__init__(text)
        self.final = final  # waiting does not mend it


# ------------------------------------------------------------------------------------------------ settings


def parse_version(text):
    if not re.match(r"\d+\.\d+\.\d+\Z", text):
        raise BadInput("redis_exporter_version: %r is no release; write three numbers, such as 1.86.0" % text)
    return tuple(int(part) for part in text.split("."))


def parse_addr(addr):
    """Scheme, host and port of redis.addr."""
    what = "redis_exporter_redis_addr"
    if "://" not in addr:
        raise BadInput("%s: %s has no scheme; write rediss://HOST:PORT" % (what, addr.split("@")[-1]))
    parts = urlsplit(addr)
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            "%s: user and password do not belong in the address; set redis_exporter_redis_user and "
            "redis_exporter_redis_password" % what
        )
    if parts.scheme not in ("redis", "rediss", "valkey", "valkeys"):
        raise BadInput("%s: the scheme %s is not known; write rediss://HOST:PORT" % (what, parts.scheme))
    try:
        host, port = parts.hostname, parts.port or 6379
    except ValueError:
        host = None
    if not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise BadInput("%s: %s is no address; write rediss://HOST:PORT and no more" % (what, addr))
    return parts.scheme, host, port


def resolve_flags(version, defaults, wanted, known, known_to):
    """Flags as strings, with warnings. A default that the version lacks is left out; a wanted one is an error."""
    number = parse_version(version)
    if number < parse_version(FLOOR):
        raise BadInput("redis_exporter_version: %s is too old; this role needs %s or newer" % (version, FLOOR))
    flags, warnings = {}, []
    for name, value in sorted(defaults.items()):
        if number >= parse_version(known[name]["since"]):
            flags[name] = flag_value(name, value, known[name]["type"])
    for name, value in sorted(wanted.items()):
        name = name.lstrip("-")
        if name in RESERVED:
            raise BadInput("redis_exporter_flags: %s is set by %s" % (name, RESERVED[name]))
        if known and name not in known:
            if number[:2] <= parse_version(known_to)[:2]:
                raise BadInput("redis_exporter_flags: redis_exporter %s has no flag %s; remove it" % (version, name))
            warnings.append(
                "redis_exporter_flags: whether redis_exporter %s has the flag %s is not known here" % (version, name)
            )
        elif known and number < parse_version(known[name]["since"]):
            raise BadInput(
                "redis_exporter_flags: %s came with redis_exporter %s, and redis_exporter_version is %s; "
                "remove the flag or raise the version" % (name, known[name]["since"], version)
            )
        flags[name] = flag_value(name, value, known.get(name, {}).get("type", "str"))
    warnings.extend(_disclosures(flags, defaults))
    if "disable-scrape-endpoint" in defaults and "disable-scrape-endpoint" not in flags:
        warnings.append(
            "redis_exporter %s cannot switch off /scrape: whoever reaches its port can make it connect to other hosts; "
            "set redis_exporter_version to %s or newer" % (version, known["disable-scrape-endpoint"]["since"])
        )
    return flags, warnings


def _disclosures(flags, defaults):
    cure = "; with data of persons (PHI) in Redis, remove it from redis_exporter_flags"
    for name, what in sorted(REVEALING.items()):
        if flags.get(name, "false") not in ("false", ""):
            yield "redis_exporter_flags: %s %s%s" % (name, what, cure)
    for name, what in sorted(PROTECTING.items()):
        if name in defaults and flags.get(name) == "false":
            yield "redis_exporter_flags: %s: false %s%s" % (name, what, cure)


FLAG_TYPES = {
    "bool": (r"true|false", "true or false"),
    "int": (r"-?\d+", "a whole number"),
    "duration": (r"(\d+(\.\d+)?(ms|s|m|h))+", "a duration, such as 5s"),
    "str": (r"[^\x00-\x1f]*", "one line of text"),
}


def flag_value(name, value, kind):
    text = str(value).lower() if isinstance(value, bool) else str(value)
    pattern, what = FLAG_TYPES[kind]
    if value is None or isinstance(value, (list, dict)) or not re.match(r"(?:%s)\Z" % pattern, text):
        raise BadInput("redis_exporter_flags: the value of %s has to be %s" % (name, what))
    return text


def logs_secrets(flags):
    """Whether the exporter would print its settings, the password among them, to the journal."""
    return flags.get("debug", "false") not in ("false", "0") or flags.get("log-level", "").lower() in ("debug", "trace")


# ------------------------------------------------------------------------------------------------- address


def is_local(address):
    """Whether a socket of this host can have the address."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.bind((address, 0))
        return True
    except OSError:
        return False


def is_address(host):
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def loopback_of(wildcard):
    """Where a program that listens on every address is reached."""
    return "::1" if ":" in wildcard else "127.0.0.1"


def default_source():
    """The address that this host's packets to the world bear. Connecting a UDP socket sends nothing."""
    for family, anywhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((anywhere, 9))
                return sock.getsockname()[0]
        except OSError:
            continue
    return None


def listen_address(wanted, private, connection):
    """Address to listen on: the wanted one, the inventory's private one, the one Ansible uses, the default route's."""
    for name, address in (
        ("redis_exporter_listen_address", wanted),
        ("private_ip_address of the inventory", private),
    ):
        if not address:
            continue
        address = address.strip("[]")
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise BadInput("%s: %s is no IP address" % (name, address)) from None
        if not is_local(address):
            raise BadInput(
                "%s: %s is not an address of this host; set redis_exporter_listen_address to one of them"
                % (name, address)
            )
        return address
    try:
        usable = ipaddress.ip_address(connection).is_private and not ipaddress.ip_address(connection).is_loopback
    except ValueError:
        usable = False
    address = connection if usable and is_local(connection) else default_source()
    if not address:
        raise BadInput("this host has no default route to tell its address by; set redis_exporter_listen_address")
    return address


def port_owner(address, port, proc="/proc"):
    """(pid, name) of the process that listens there already, (0, "") where it is not to be seen, None for none."""
    for table, width in (("tcp", 8), ("tcp6", 32)):
        try:
            with open(os.path.join(proc, "net", table), encoding="ascii") as handle:
                rows = [line.split() for line in handle][1:]
        except OSError:
            continue
        for row in rows:
            text, _colon, number = row[1].partition(":")
            if row[3] == "0A" and int(number, 16) == port and len(text) == width:
                heard = _kernel_address(text)
                if heard.is_unspecified or heard == ipaddress.ip_address(address) or address in ("0.0.0.0", "::"):  # noqa: S104
                    return _socket_owner(row[9], proc)
    return None


def _kernel_address(text):
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return ipaddress.ip_address(struct.pack("=%dI" % len(words), *words))


def _socket_owner(inode, proc):
    for pid in filter(str.isdigit, os.listdir(proc)):
        directory = os.path.join(proc, pid, "fd")
        try:
            for handle in os.listdir(directory):
                if os.readlink(os.path.join(directory, handle)) == "socket:[%s]" % inode:
                    with open(os.path.join(proc, pid, "comm"), encoding="utf-8") as comm:
                        return int(pid), comm.read().strip()
        except OSError:
            continue
    return 0, ""


# ------------------------------------------------------------------------------------------------- metrics


class Metrics:
    """The few samples of /metrics that tell whether the exporter works."""

    def __init__(self, text, namespace="redis"):
        self.text = text
        self.namespace = namespace

    def value(self, name):
        found = re.search(r"^%s_%s(?:\{[^}]*\})? (\S+)" % (re.escape(self.namespace), name), self.text, re.M)
        return float(found.group(1)) if found else None

    @property
    def version(self):
        pattern = r'^%s_exporter_build_info\{[^}]*version="v?([^"]*)"' % re.escape(self.namespace)
        found = re.search(pattern, self.text, re.M)
        return found.group(1) if found else None

    def runs(self, wanted):
        """Whether this is the wanted version; distributions add a suffix, and without build info nobody can tell."""
        return self.version is None or re.match(r"%s(?![\d.])" % re.escape(wanted), self.version) is not None


def fetch(url, server_cert_file="", cert_file="", key_file="", username="", password="", timeout=15):
    """Body of a page of the exporter; Unreachable with the reason.

    Over TLS it has to show exactly the certificate of the file. Nothing secret is sent before that is seen.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    if parts.scheme == "https":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if cert_file:
            context.load_cert_chain(cert_file, key_file)
        connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=timeout, context=context)
    headers = {"User-Agent": "redisops.monitoring"}
    if username:
        pair = "%s:%s" % (username, password)
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")
    try:
        connection.connect()
        if parts.scheme == "https" and connection.sock.getpeercert(binary_form=True) != _first_der(server_cert_file):
            raise Unreachable("it shows another certificate than %s" % server_cert_file, final=True)
        connection.request("GET", parts.path, headers=headers)
        response = connection.getresponse()
        body = response.read().decode("utf-8", "replace")
    except socket.timeout:
        raise Unreachable("no answer within %d s" % timeout) from None
    except ssl.SSLError as err:
        raise Unreachable("TLS fails (%s)" % (err.reason or "closed").lower().replace("_", " ")) from None
    except (OSError, http.client.HTTPException) as err:
        raise Unreachable(getattr(err, "strerror", None) or "the connection breaks off") from None
    finally:
        connection.close()
    if response.status == 401:
        raise Unreachable("it refuses redis_exporter_web_username and redis_exporter_web_password", final=True)
    if response.status != 200:
        raise Unreachable("HTTP status %d" % response.status)
    return body


def _first_der(path):
    content = _tls.read_file(path, "redis_exporter_web_tls_cert_file").decode("latin-1")
    end = "-----END CERTIFICATE-----"
    start = content.index("-----BEGIN CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(content[start : content.index(end, start) + len(end)])


# ----------------------------------------------------------------------------------------------- exit codes

# What systemd reports about a service that does not stay up.
EXIT_STATUS = {
    203: "its program cannot be run (missing, or built for another architecture)",
    217: "systemd could not make its user",
    226: "systemd could not build its sandbox; a kernel or container without namespaces",
    228: "systemd could not set its system call filter",
    243: "systemd could not hand over its credentials; a file of LoadCredential= is missing",
}
_FLAG_ERRORS = (
    re.compile(r"flag provided but not defined: -{1,2}([\w.-]+)"),
    re.compile(r"flag needs an argument: -{1,2}([\w.-]+)"),
    re.compile(r"invalid (?:boolean )?value .* for (?:flag )?-{1,2}([\w.-]+): "),
)
_VALUE_ERROR = re.compile(r"[Cc]ouldn't parse (check-[a-z-]+|count-keys|connection timeout)")
_FILE_ERROR = re.compile(r"\b(?:open|stat|read) (/[^:\s]+): (no such file or directory|permission denied)")


def why_ended(result, exit_status, journal):
    """One line about a service that ended. The journal is read, never repeated: usage texts can hold passwords."""
    for pattern in _FLAG_ERRORS:
        found = pattern.findall(journal)
        if found and exit_status == 2:
            return "it does not take the flag %s (exit status 2); correct redis_exporter_flags" % found[-1]
    found = _VALUE_ERROR.findall(journal)
    if found:
        return "it does not take the value of the flag %s; correct redis_exporter_flags" % found[-1].replace(" ", "-")
    found = _FILE_ERROR.findall(journal)
    if found:
        path, error = found[-1]
        if error == "permission denied" and path.startswith("/run/credentials/"):
            return "it may not read %s: %s" % (path, PROPAGATION)
        return "it cannot open %s (%s)" % (path, error)
    if "bind: address already in use" in journal:
        return "its port is taken by another program; see redis_exporter_port"
    if "bind: cannot assign requested address" in journal:
        return "the address it shall listen on is not one of this host; see redis_exporter_listen_address"
    if exit_status in EXIT_STATUS:
        return "%s (exit status %d)" % (EXIT_STATUS[exit_status], exit_status)
    if result in ("signal", "core-dump"):
        if exit_status == 31:
            return "its system call filter stopped it (SIGSYS); report the kernel and the version"
        return "a signal ended it (%d)" % exit_status
    return "it ended (result %s, exit status %d); see journalctl --unit on the host" % (result, exit_status)


PROPAGATION = (
    "systemd cannot hand credentials to services here because the root mount is private, as in some containers; "
    "run mount --make-rshared / when the host starts"
)


def url(listen, port, path="/metrics", tls=False):
    """Where this host reaches its exporter."""
    host = loopback_of(listen) if ipaddress.ip_address(listen).is_unspecified else listen
    return "%s://%s:%d%s" % ("https" if tls else "http", "[%s]" % host if ":" in host else host, port, path)
