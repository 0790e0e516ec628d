# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How the redis_* modules reach Redis."""

    DOCUMENTATION = r"""
options:
  login_host:
    description: Address of Redis.
    type: str
    default: 127.0.0.1
  login_port:
    description: Port of Redis.
    type: int
    default: 6379
  login_password:
    description: Password of O(login_user).
    type: str
    required: true
  tls:
    description: Connect with TLS.
    type: bool
    default: true
  validate_certs:
    description: Verify the certificate of Redis.
    type: bool
    default: true
  ca_certs:
    description: CA certificates to verify Redis with. Without it, those of the host.
    type: path
  client_cert_file:
    description: Client certificate.
    type: path
  client_key_file:
    description: Key of the client certificate.
    type: path
  server_name:
    description: Name that the certificate of Redis has to carry. Without it, O(login_host).
    type: str
  timeout:
    description: Seconds to wait for an answer.
    type: int
    default: 5
"""
