# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role certificates."""

from __future__ import annotations

import datetime
import re

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
except ImportError:  # ansible-core needs it, but may be built without
    x509 = None

from . import _core, _stack

HOST_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
SERVER, CLIENT = "serverAuth", "clientAuth"
AUTHORITY = "/etc/redisops/ca"
# Every file that the role makes on a host.
FILES = [
    *(_stack.CA, _stack.REDIS_CA, *_stack.SERVER, *_stack.PEER, *_stack.PROBE),
    *(f"{AUTHORITY}/ca.crt", f"{AUTHORITY}/ca.key"),
]


def problems(s: dict, host: _core.Host) -> list[str]:
    if not active(s, host):
        return []
    found = []
    if not 2 <= s["certificates_days"] <= 397:
        found.append(f"certificates_days is {s['certificates_days']}: give 2 to 397, browsers accept no more")
    found += [
        f"monitoring_names has {name}, which is no host name such as grafana.example.com"
        for name in s["monitoring_names"]
        if not HOST_NAME.fullmatch(name)
    ]
    if s["monitoring_certificates"] == "ca":
        found += ca_problems(s)
    elif s["certificates_redis_client"]:
        found.append("certificates_redis_client needs the CA that Redis trusts: set monitoring_certificates to ca")
    return found


def active(s: dict, host: _core.Host) -> bool:
    return bool(host.variables.get("monitoring_secret")) and s["monitoring_certificates"] != "files"


def ca_problems(s: dict) -> list[str]:
    """Whether the CA of the user can sign: its key fits, it has not expired, it is a CA."""
    missing = [name for name in ("monitoring_ca_certificate", "monitoring_ca_private_key") if not s[name]]
    if missing:
        return [f"{name} is not set: monitoring_certificates is ca" for name in missing]
    if x509 is None:
        return ["monitoring_ca_certificate needs the Python package cryptography on the controller"]
    try:
        certificate = x509.load_pem_x509_certificate(s["monitoring_ca_certificate"].encode())
    except ValueError:
        return ["monitoring_ca_certificate is no PEM certificate"]
    found = []
    try:
        passphrase = (s["monitoring_ca_passphrase"] or "").encode() or None
        key = serialization.load_pem_private_key(s["monitoring_ca_private_key"].encode(), passphrase)
    except TypeError:
        said = "has none" if s["monitoring_ca_passphrase"] else "is not set"
        found.append(f"monitoring_ca_private_key and its passphrase do not fit: monitoring_ca_passphrase {said}")
    except (ValueError, UnsupportedAlgorithm):
        found.append("monitoring_ca_private_key is no PEM key, or monitoring_ca_passphrase is not its passphrase")
    else:
        if public(key.public_key()) != public(certificate.public_key()):
            found.append("monitoring_ca_private_key is not the key of monitoring_ca_certificate")
    now = datetime.datetime.now(datetime.timezone.utc)
    if certificate.not_valid_after_utc < now:
        found.append(f"monitoring_ca_certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if not may_sign(certificate):
        found.append("monitoring_ca_certificate may not sign: it is not the certificate of a CA")
    return found


def public(key) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def may_sign(certificate: x509.Certificate) -> bool:
    try:
        if not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return False
        return certificate.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as missing:
        return missing.oid == x509.ExtensionOID.KEY_USAGE  # without the extension it may do everything


def names(s: dict, host: _core.Host) -> list[str]:
    """What others call this host. The module adds the address of its default route."""
    found = [
        host.name,
        *(host.variables.get(one) for one in ("private_ip_address", "ansible_host", "monitoring_address")),
    ]
    if "monitoring" in host.group_names:
        found += s["monitoring_names"]
    return list(dict.fromkeys(str(name) for name in [*found, "localhost", "127.0.0.1"] if name))


def wanted(s: dict, host: _core.Host) -> list[dict]:
    """The certificates of a host, by the names of their files."""
    found = [{"name": "server", "names": names(s, host), "usage": [SERVER]}]
    if "monitoring" in host.group_names:
        found.append({"name": "peer", "names": names(s, host), "usage": [SERVER, CLIENT]})
        if s["certificates_redis_client"]:
            found.append({"name": "probe", "names": names(s, host), "usage": [CLIENT]})
    return found


def authority(host: _core.Host) -> str:
    """The host that the CA lies on, and where certificates are signed."""
    return next(iter(host.groups.get("monitoring", [])), "")


def needs(s: dict, host: _core.Host) -> dict:
    """What host_status looks for."""
    if s["certificates_package"] or not active(s, host):
        return {}
    missing = "the Python library cryptography is missing, and certificates_package is empty"
    return {"libraries": {"cryptography": f"{missing}: install python3-cryptography"}}


def task_status(s: dict, host: _core.Host) -> dict | None:
    if not active(s, host):
        return None
    args = {"directory": _stack.TLS, "certificates": wanted(s, host)}
    if host.name == authority(host):
        args["authority"] = s["monitoring_ca_certificate"] if s["monitoring_certificates"] == "ca" else ""
    if "redis" in host.group_names:
        redis = _stack.Settings("redis_exporter", host.variables)
        args["copied"] = redis["redis_exporter_tls_ca_file"]
        args["private"] = [redis["redis_exporter_tls_key_file"]] if redis["redis_exporter_tls_key_file"] else []
    return {"module": "certificate_status", "args": args}


TASKS = {"status": task_status}
