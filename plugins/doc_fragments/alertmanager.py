# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How the alertmanager_* modules reach Alertmanager."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Base URL of Alertmanager, with its sub-path where it is served below one.
      - Of a cluster one member is enough, because they share their silences.
    type: str
    required: true
  url_username:
    description: User for HTTP basic authentication.
    type: str
  url_password:
    description: Password of O(url_username).
    type: str
  ca_path:
    description:
      - File with the CA certificates that Alertmanager's certificate is verified with.
      - Without it, those that the host trusts.
    type: path
  tls_server_name:
    description: Name in Alertmanager's certificate, where it does not carry the one in O(url).
    type: str
  timeout:
    description: How many seconds to wait for each answer.
    type: int
    default: 10
requirements:
  - Alertmanager 0.22 or newer (API version 2)
"""
