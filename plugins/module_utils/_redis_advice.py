# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do about each cause of a failed connection to Redis, in the words of the options that the user can set."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible_collections.redisops.monitoring.plugins.module_utils._redis import RedisProblem

# One fix for every cause. The placeholders are names of options, and details of the problem.
FIXES = {
    "name_unknown": "correct {address}, or the DNS entry of that host",
    "refused": "start Redis, or correct {address}",
    "unreachable": "correct {address}, or open the path (route, security group, firewall)",
    "connect_timeout": "correct {address}, or open the path (security group, firewall)",
    "hung": "look at the Redis process: stopped, swapping, or busy with one long command",
    "plaintext_port": "name the TLS port in {address} (Redis setting tls-port)",
    "tls_port": "{use_tls}",
    "untrusted_ca": "set {ca} to the CA that signed Redis' certificate ({issuer})",
    "expired": "renew Redis' certificate and load it into Redis (CONFIG SET tls-cert-file, or restart)",
    "not_yet_valid": "correct this host's clock",
    "name_mismatch": "issue Redis' certificate with the SAN {san}, or address Redis by one of those names, "
    "or set {server_name} to one of them",
    "bad_certificate": "issue Redis a certificate that TLS clients accept",
    "client_cert_required": "set {cert} and {key}",
    "client_cert_refused": "set {cert} to a client certificate signed by the CA that Redis trusts "
    "(Redis setting tls-ca-cert-file)",
    "tls_failed": "compare the TLS versions and ciphers of both sides (Redis settings tls-protocols, tls-ciphers)",
    "wrongpass": "correct {login} or {password}",
    "user_unknown": "create the user",
    "user_disabled": "switch the user on (ACL SETUSER {user} on)",
    "no_password_set": "set {login} to an ACL user of this Redis",
    "auth_required": "set {login} and {password}",
    "noperm": "grant it (+{command}) to this user, or name another one in {login}",
    "loading": "wait until Redis has loaded its data set, then run again",
    "busy": "wait for it, or end it as an administrator of Redis (SCRIPT KILL or FUNCTION KILL)",
    "protected_mode": "give the Redis users passwords, or bind Redis to the address that is used",
    "maxclients": "raise maxclients, or find what holds the connections (CLIENT LIST)",
    "not_redis": "correct {address}: what answers there is not Redis",
    "too_old": "upgrade Redis to 6.2 or newer: it has no ACL users",
    "closed": "look at the Redis log of that moment, and at maxclients",
    "error_reply": "look at the Redis log of that moment",
}

# The options of the modules that log in to Redis; their doc fragment is redis.
LOGIN = {
    "address": "login_host and login_port",
    "use_tls": "set tls to true",
    "ca": "ca_certs",
    "cert": "client_cert_file",
    "key": "client_key_file",
    "server_name": "server_name",
    "login": "login_user",
    "password": "login_password",
}


def explain(problem: RedisProblem, names: dict[str, str] | None = None, fixes: dict[str, str] | None = None) -> str:
    """The problem and its fix, one line. Own fixes come before the common ones."""
    fix = (fixes or {}).get(problem.cause) or FIXES[problem.cause]
    return "%s; %s" % (problem, fix.format(**(names or LOGIN), **problem.details))
