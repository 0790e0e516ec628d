# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.redisops.monitoring.plugins.filter.public_address import public_address


@pytest.mark.parametrize(
    ("answer", "cidr"),
    [("8.8.8.8\n", "8.8.8.8/32"), ("  2606:4700:4700::1111 ", "2606:4700:4700::1111/128")],
)
def test_one_public_address(answer, cidr):
    assert public_address(answer) == cidr


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "<html><body>Please log in to the network</body></html>",
        "8.8.8.8 8.8.4.4",
        "0.0.0.0",
        "0.0.0.0/0",
        "8.8.8.0/24",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "127.0.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "::",
        "fe80::1",
        "fd00::1",
        "8.8.8.300",
        "192.88.99.1",  # what ipaddress, or an older one, calls global
        "fec0::1",
        "4000::1",
        "5f00::1",
        "64:ff9b::a00:1",
        "2002:a00:1::1",
        "3fff::1",
        "::10.0.0.1",
        "::ffff:8.8.8.8",
        "2001:4860::1%eth0",
    ],
)
def test_anything_else_is_refused(answer):
    with pytest.raises(AnsibleFilterError, match="public_address: .* give the addresses themselves"):
        public_address(answer)
