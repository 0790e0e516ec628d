# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords derived from monitoring_secret by HKDF-SHA256 (RFC 5869): the same on every controller, stored on none."""

from __future__ import annotations

import hashlib
import hmac

SHORTEST = 32  # characters of monitoring_secret
SALT = b"redisops.monitoring"
# Every password that is derived, as docs/secrets.md lists them.
PURPOSES = (
    "redis_exporter/redis",
    "exporters/prometheus",
    "prometheus/admin",
    "prometheus/grafana",
    "alertmanager/admin",
    "alertmanager/prometheus",
    "alertmanager/grafana",
    "grafana/admin",
    "grafana/secret_key",
    "grafana/metrics",
)


def derive(secret: str, cluster: str, purpose: str) -> str:
    """40 hexadecimal digits (160 bits) for one purpose of one cluster."""
    if purpose not in PURPOSES:
        raise ValueError(f"{purpose} is not a purpose")
    return hkdf(secret.encode(), SALT, f"{cluster}/{purpose}".encode(), 20).hex()


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """HKDF-SHA256, extract and expand. `length` in bytes, at most 8,160."""
    extracted = hmac.new(salt, key, hashlib.sha256).digest()
    block, found = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.new(extracted, block + info + bytes([number]), hashlib.sha256).digest()
        found += block
    return found[:length]
