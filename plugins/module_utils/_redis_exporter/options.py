# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say what an exporter is and how Redis is reached; the doc fragment redis_exporter has them, too."""

from __future__ import annotations

TEXT = {"type": "str", "default": ""}
SECRET = {"type": "str", "default": "", "no_log": True}
PATH = {"type": "str", "default": "", "no_log": False}  # of a key, whose name would be taken for a secret

OPTIONS = {
    "redis_addr": {"type": "str", "required": True},
    "redis_user": TEXT,
    "redis_password": SECRET,
    "acl_admin_user": TEXT,
    "acl_admin_password": SECRET,
    "tls_ca_file": TEXT,
    "tls_cert_file": TEXT,
    "tls_key_file": PATH,
    "tls_server_name": TEXT,
    "skip_tls_verification": {"type": "bool", "default": False},
    "listen_address": TEXT,
    "private_address": TEXT,
    "connection_address": TEXT,
    "port": {"type": "int", "default": 9121},
    "web_tls_cert_file": TEXT,
    "web_tls_key_file": PATH,
    "web_client_cert_file": TEXT,
    "web_client_key_file": PATH,
    "web_username": TEXT,
    "web_password": SECRET,
}
