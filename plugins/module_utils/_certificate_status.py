# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates of a host have to be issued, and why. Standard library only."""

from __future__ import annotations

import importlib.util
import os
import time

from . import _certificate, _sockets, _tls

SHARE_LEFT = 1 / 3  # of its life, below which a certificate is issued again


def status(params):
    """What module certificate_status returns, with `warnings`."""
    directory = params["directory"]
    authority = params["authority"]
    if authority == "":
        authority = content(os.path.join(os.path.dirname(directory), "ca", "ca.crt"))
    ca = content(os.path.join(directory, "ca.crt"))
    issue = []
    for wanted in params["certificates"]:
        names = alternative_names([*wanted["names"], _sockets.default_source()])
        reason = reason_to_issue(directory, wanted["name"], names, params["ca"] or ca)
        if reason:
            issue.append({"name": wanted["name"], "reason": reason, "names": names, "usage": wanted["usage"]})
    return {
        "issue": issue,
        "ca": ca,
        "authority": authority or "",
        "copied": content(params["copied"]) if params["copied"] else "",
        "redis_ca": content(os.path.join(directory, "redis_ca.crt")),
        "cryptography": importlib.util.find_spec("cryptography") is not None,
        "warnings": [
            "%s is a private key that everybody on this host can read: chmod o-rwx %s" % (path, path)
            for path in params["private"]
            if os.path.exists(path) and os.stat(path).st_mode & 0o004
        ],
    }


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
    if certificate.not_after - time.time() < (certificate.not_after - certificate.not_before) * SHARE_LEFT:
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
