# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to do when the exporter's account, or the one that manages ACL users, does not get into Redis. Private."""

from __future__ import annotations

from ansible_collections.redisops.monitoring.plugins.module_utils import _redis, _redis_advice, _tls

FILES = {
    "ca": "redis_exporter_tls_ca_file",
    "cert": "redis_exporter_tls_cert_file",
    "key": "redis_exporter_tls_key_file",
}
ACCOUNT = dict(
    FILES,
    address="redis_exporter_redis_addr",
    use_tls="write rediss:// (two s) in redis_exporter_redis_addr",
    server_name="redis_exporter_tls_server_name",
    login="redis_exporter_redis_user",
    password="redis_exporter_redis_password",  # noqa: S106
)
ADMIN = dict(
    ACCOUNT,
    login="redis_exporter_acl_admin_user",
    password="redis_exporter_acl_admin_password",  # noqa: S106
)
# The role can set the exporter's account right by itself.
ACCOUNT_FIXES = {
    "wrongpass": "correct {password}, or set redis_exporter_acl_manage so that the role sets it",
    "user_unknown": "set redis_exporter_acl_manage so that the role creates the user, or create it",
    "user_disabled": "switch the user on (ACL SETUSER {user} on), or set redis_exporter_acl_manage",
    "noperm": "grant it (+{command}) on this node, or set redis_exporter_acl_manage",
}


def explain(problem: _redis.RedisProblem, admin: bool = False) -> str:
    if admin:
        return _redis_advice.explain(problem, ADMIN)
    return _redis_advice.explain(problem, ACCOUNT, ACCOUNT_FIXES)


def check_files(target: _redis.Target) -> _tls.Certificate | None:
    return _redis.check_files(target, **FILES)
