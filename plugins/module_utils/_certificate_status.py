# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates of a host have to be issued, and why, and which secrets are no longer those of the settings.

Standard library only.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import time

from . import _certificate, _sockets, _tls

SHARE_LEFT = 1 / 3  # of its life, below which a certificate is issued again


def status(params):
    """What module certificate_status returns, with `warnings`."""
    directory = params["directory"]
    authority = params["authority"]
    if authority == "" and not params["new_authority"]:
        authority = own_authority(os.path.join(os.path.dirname(directory), "ca"))
    ca = content(os.path.join(directory, "ca.crt")) if params["certificates"] else ""
    signing = _certificate.split_pem(params["ca"] or ca)[:1]
    issue = []
    for wanted in params["certificates"]:
        names = alternative_names([*wanted["names"], _sockets.default_source()])
        reason = reason_to_issue(directory, wanted["name"], names, params["ca"] or ca)
        if reason:
            days = min([params["days"], *(int(_certificate.decode_pem(pem).days_left()) for pem in signing)])
            issue.append(
                {"name": wanted["name"], "reason": reason, "names": names, "usage": wanted["usage"], "days": days}
            )
    return {
        "issue": issue,
        "ca": ca,
        "authority": authority or "",
        "in_use": in_use(directory, params["certificates"], ca),
        "outdated": [one["path"] for one in params["secrets"] if is_outdated(one)],
        "time": time.time(),
        "copied": content(params["copied"]) if params["copied"] else "",
        "redis_ca": content(os.path.join(directory, "redis_ca.crt")),
        "cryptography": importlib.util.find_spec("cryptography") is not None,
        "warnings": [
            "%s is a private key that everybody on this host can read: chmod o-rwx %s" % (path, path)
            for path in params["private"]
            if os.path.exists(path) and os.stat(path).st_mode & 0o004
        ],
    }


def own_authority(directory):
    """The certificate of the CA here; empty where it has to be made, anew too: before what it signs outlives it."""
    path, key = (os.path.join(directory, "ca" + ending) for ending in (".crt", ".key"))
    try:
        certificate = _tls.check_pair(path, key, "CA")
    except _tls.FileProblem:
        return ""
    return "" if is_near_its_end(certificate) else content(path)


def is_near_its_end(certificate):
    return certificate.not_after - time.time() < (certificate.not_after - certificate.not_before) * SHARE_LEFT


def in_use(directory, certificates, ca):
    """The CAs of ca.crt that certificates here are of."""
    issuers = set()
    for wanted in certificates:
        for pem in _certificate.split_pem(content(os.path.join(directory, wanted["name"] + ".crt")))[:1]:
            issuers.add(_certificate.decode_pem(pem).issuer)
    return [pem for pem in _certificate.split_pem(ca) if _certificate.decode_pem(pem).subject in issuers]


def is_outdated(secret):
    """Whether there is such a file, and it holds something else."""
    try:
        with open(secret["path"], "rb") as handle:
            return hashlib.sha256(handle.read()).hexdigest() != secret["sha256"]
    except OSError:
        return False


def reason_to_issue(directory, name, names, ca):
    """Empty where the certificate is in order."""
    path, key = (os.path.join(directory, name + ending) for ending in (".crt", ".key"))
    if not os.path.exists(path) or not os.path.exists(key):
        return "it is not there"
    try:
        certificate = _tls.check_pair(path, key, name)
    except _tls.FileProblem as err:
        return str(err)
    issuers = [_certificate.decode_pem(pem).subject for pem in _certificate.split_pem(ca)]
    if certificate.issuer not in issuers[:1]:
        return "it is of another CA"
    if set(alternative_names([*certificate.dns, *map(str, certificate.ips)])) != set(names):
        return "its names are others: %s" % certificate.sans
    if is_near_its_end(certificate):
        return "%d days of its life are left" % certificate.days_left()
    return ""


def alternative_names(names):
    """As a request takes them, each once and in a fixed order."""
    found = set()
    for name in filter(None, names):
        address = _certificate.ip_address(name)
        found.add("IP:%s" % address if address else "DNS:" + name.lower())
    return sorted(found)


def content(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""
