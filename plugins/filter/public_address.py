# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that accepts nothing but one public IP address: a captive portal's page or a private address opens no port."""

from __future__ import annotations

import ipaddress

from ansible.errors import AnsibleFilterError

# What the internet routes. The rest of IPv6 is reserved, translated or local, whatever `is_global` says of it.
IPV6 = ipaddress.ip_network("2000::/3")
# Relays of 6to4, and examples: global to older Pythons.
NOT_ROUTED = tuple(map(ipaddress.ip_network, ("192.0.0.0/24", "192.88.99.0/24", "2002::/16", "3fff::/20")))


def routed(address) -> bool:
    if address.version == 6 and (address.scope_id or address not in IPV6):
        return False
    if any(address in network for network in NOT_ROUTED if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast


def public_address(answer: str) -> str:
    """The address in *answer* as a CIDR of one host (/32, /128); AnsibleFilterError when it is no public address."""
    text = str(answer).strip()
    shown = text if len(text) <= 40 else text[:40] + "..."
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise AnsibleFilterError(
            f"public_address: {shown!r} is not an IP address; give the addresses themselves as a list of CIDRs"
        ) from None
    if not routed(address):
        raise AnsibleFilterError(
            f"public_address: {shown} is not a public address; give the addresses themselves as a list of CIDRs"
        )
    return f"{address}/{address.max_prefixlen}"


class FilterModule:
    def filters(self):
        return {"public_address": public_address}
