# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role certificates."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import ipaddress
import re
from pathlib import Path

try:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
except ImportError:  # ansible-core needs it, but may be built without
    x509 = None

from ...module_utils._certificate import ip_address, split_pem
from . import _core, _stack, _templates, grafana, redis_exporter

HOST_NAME = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
SERVER, CLIENT = "serverAuth", "clientAuth"
CLOCKS_DIFFER = 600  # seconds; certificates are valid from an hour before they are signed
AUTHORITY = "/etc/redisops/ca"
# By what setting a certificate of the user's own is trusted.
TRUSTED_BY = {
    "redis_exporter_web_tls_cert_file": "prometheus_exporter_ca_file",
    "node_exporter_web_tls_cert_file": "prometheus_exporter_ca_file",
    "prometheus_web_tls_cert_file": "prometheus_web_tls_ca_file",
    "alertmanager_web_tls_cert_file": "alertmanager_web_tls_ca_file",
    "alertmanager_cluster_tls_cert_file": "alertmanager_cluster_tls_ca_file",
    "grafana_tls_cert_file": "grafana_tls_ca_file",
}
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
    if s["monitoring_certificates"] == "own":
        found += own_problems(s, host)
    else:
        found += ca_problems(s)
    if s["monitoring_certificates"] == "hook":
        found += hook_problems(s)
    return found + mixture_problems(s, host)


def active(s: dict, host: _core.Host) -> bool:
    return bool(host.variables.get("monitoring_secret")) and s["monitoring_certificates"] != "files"


def own_problems(s: dict, host: _core.Host) -> list[str]:
    found = []
    if s["certificates_redis_client"]:
        found.append("certificates_redis_client needs the CA that Redis trusts: set monitoring_certificates to ca")
    if s["monitoring_ca_certificate"]:
        found.append("monitoring_ca_certificate is set, but monitoring_certificates is own: set it to ca, or to hook")
    for one in s["certificates_permitted"]:
        if not one.startswith("DNS:") and not network(one):
            found.append(f"certificates_permitted has {one}: give DNS:example.com, or a network such as IP:10.0.0.0/8")
    if s["certificates_permitted"] and not found:
        found += [
            f"certificates_permitted leaves out {name}, which is a name or an address of this host: add it"
            for name in names(s, host)
            if not permitted(name, s["certificates_permitted"])
        ]
    return found


def network(constraint: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(constraint[3:]) if constraint.startswith("IP:") else None
    except ValueError:
        return None


def permitted(name: str, constraints: list[str]) -> bool:
    """Whether a CA with these name constraints may sign for a name; the role adds loopback to them."""
    address = ip_address(name)
    if address:
        return address.is_loopback or any(address in (network(one) or ()) for one in constraints)
    suffixes = ["localhost", *(one[4:].lower() for one in constraints if one.startswith("DNS:"))]
    return any(name.lower() == one or name.lower().endswith(f".{one}") for one in suffixes)


def hook_problems(s: dict) -> list[str]:
    path = Path(s["certificates_hook"])
    if not s["certificates_hook"]:
        return ["certificates_hook is not set: monitoring_certificates is hook"]
    if not path.is_absolute() or not path.is_file():
        return [f"certificates_hook is {path}: give the absolute path of a file with tasks on the controller"]
    return []


def mixture_problems(s: dict, host: _core.Host) -> list[str]:
    """Certificates of the user, which others do not trust, among those that are issued here."""
    on_monitoring = host.hostvars.get(authority(host)) or {}
    return [
        f"{cert} is given, but services trust the CA of monitoring_certificates={s['monitoring_certificates']} only:"
        f" take it out, give {ca} as well, or set monitoring_certificates to files"
        for cert, ca in TRUSTED_BY.items()
        if not str(host.variables.get(cert) or _stack.TLS).startswith(_stack.TLS)
        and not (ca in on_monitoring or ca in getattr(host.variables, "own", {}) and host.variables.is_given(ca))
    ]


def ca_problems(s: dict) -> list[str]:
    """Whether the CA of the user can sign: its key fits, it has not expired, it is a CA."""
    needed = ["monitoring_ca_certificate", "monitoring_ca_private_key"]
    if s["monitoring_certificates"] == "hook":
        needed.pop()
    missing = [name for name in needed if not s[name]]
    if missing:
        return [f"{name} is not set: monitoring_certificates is {s['monitoring_certificates']}" for name in missing]
    if x509 is None:
        return ["monitoring_ca_certificate needs the Python package cryptography on the controller"]
    try:
        certificate = x509.load_pem_x509_certificate(s["monitoring_ca_certificate"].encode())
    except ValueError:
        return ["monitoring_ca_certificate is no PEM certificate"]
    found = key_problems(s, certificate) if "monitoring_ca_private_key" in needed else []
    now = datetime.datetime.now(datetime.timezone.utc)
    if certificate.not_valid_after_utc < now:
        found.append(f"monitoring_ca_certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}")
    if certificate.not_valid_before_utc > now:
        found.append(
            f"monitoring_ca_certificate is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC:"
            " check the clock of the controller"
        )
    if not may_sign(certificate):
        found.append("monitoring_ca_certificate may not sign: it is not the certificate of a CA")
    return found


def key_problems(s: dict, certificate: x509.Certificate) -> list[str]:
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


# ------------------------------------------------------------------------------------- secrets that services share


def services(host: _core.Host) -> list[tuple[str, dict, dict]]:
    """Each service of this host with its settings and what role _service needs of it."""
    found = []
    for part in ("exporters", "monitoring"):
        group, roles = _core.PARTS[part]
        here = [role for role in roles if group in host.group_names and _stack.switched_on(role, host.variables)]
        for role in here:
            with contextlib.suppress(ValueError):  # of targets without an address: the service's own role names them
                settings = _core.read(role, host.variables, all_needed=False)[0]
                found.append((role, settings, _core.module_of(role).service(settings, host)))
    return found


def shared_secrets(role: str, service: dict) -> list[dict]:
    """The files that a service and those that ask it have to change together."""
    own = ("credentials/admin_password", "credentials/secret_key") if role == "grafana" else ()
    return [one for one in service["config"]["secrets"] if one["path"] not in own]


def expected(host: _core.Host) -> list[dict[str, str]]:
    """What tells that a password was changed. Files with bcrypt hashes, which take time to make, are left out."""
    return [
        {
            "path": f"{service['config']['path']}/{one['path']}",
            "sha256": hashlib.sha256(one["content"].encode()).hexdigest(),
        }
        for role, _settings, service in services(host)
        for one in shared_secrets(role, service)
        if isinstance(one.get("content"), str)
    ]


def task_secrets(s: dict, host: _core.Host) -> list[dict]:
    """Writes the secrets of all services, but restarts none: that is done at once, when all are written."""
    calls = []
    for role, settings, service in services(host):
        if role == "redis_exporter":
            account = redis_exporter.task_account(settings, host)
            # Both passwords work until the role redis_exporter takes the old one away.
            calls += [{**account, "args": {**account["args"], "keep_passwords": True}}] if account else []
        secrets = [
            {"path": one["path"], "content": _templates.content(one, service["values"])}
            for one in shared_secrets(role, service)
        ]
        args = {"path": service["config"]["path"], "secrets": secrets, "unit": service["unit"], "restart": False}
        calls.append({"module": "checked_config", "args": args})
    return calls


def task_datasources(s: dict, host: _core.Host) -> list[dict] | None:
    if "monitoring" not in host.group_names or not _stack.switched_on("grafana", host.variables):
        return None
    return grafana.task_datasources(_core.read("grafana", host.variables, all_needed=False)[0], host)


# --------------------------------------------------------------------------------------------- tasks of the role


def task_status(s: dict, host: _core.Host) -> dict | None:
    if not host.variables.get("monitoring_secret"):
        return None
    args = {"directory": _stack.TLS, "certificates": [], "secrets": expected(host)}
    if not active(s, host):
        return {"module": "certificate_status", "args": args}
    args |= {"certificates": wanted(s, host), "days": s["certificates_days"]}
    if host.name == authority(host):
        own = s["monitoring_certificates"] == "own"
        args["authority"] = "" if own else "".join(split_pem(s["monitoring_ca_certificate"]))
        args["new_authority"] = own and s["certificates_new_ca"]
    if "redis" in host.group_names:
        redis = _stack.Settings("redis_exporter", host.variables)
        args["copied"] = redis["redis_exporter_tls_ca_file"]
        args["private"] = [redis["redis_exporter_tls_key_file"]] if redis["redis_exporter_tls_key_file"] else []
    return {"module": "certificate_status", "args": args}


def task_plan(s: dict, host: _core.Host) -> dict:
    """Asked again with the CAs that are wanted, and with what follows from what all hosts said."""
    names = dict.fromkeys([*host.groups.get("redis", []), *host.groups.get("monitoring", [])])
    said = {name: host.hostvars[name].get("__certificates") or {} for name in names}
    mine, signing = said[host.name], said[authority(host)]
    if not signing:
        raise _core.Refused(f"{authority(host)}, which signs certificates, did not answer: run again when it does")
    ahead = mine["time"] - signing["time"]
    if abs(ahead) > CLOCKS_DIFFER:
        raise _core.Refused(
            f"the clock of this host is {abs(ahead) / 60:.0f} minutes {'ahead of' if ahead > 0 else 'behind'} that of"
            f" {authority(host)}, which signs: certificates would not be valid here; switch time synchronization on"
        )
    bundle = trusted(host.hostvars[authority(host)].get("__certificates_new_ca") or signing["authority"], said)
    call = task_status(s, host)
    return {
        **call,
        "args": {**call["args"], "ca": bundle},
        "result": {
            "bundle": bundle,
            "replaced": bool(mine["ca"]) and split_pem(mine["ca"])[0] != split_pem(bundle)[0],
        },
    }


def trusted(signing: str, said: dict[str, dict]) -> str:
    """The CA that signs, and every other that a certificate of a host is of, so that nobody refuses it before it is
    replaced. While a host does not answer, none is taken out."""
    kind = "in_use" if all(said.values()) else "ca"
    others = [pem for one in said.values() for pem in split_pem("".join(one.get(kind, [])))]
    return "".join(dict.fromkeys([*split_pem(signing), *others]))


TASKS = {"status": task_status, "plan": task_plan, "secrets": task_secrets, "datasources": task_datasources}
