# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter that reads networks as people and AWX give them, and judges them before AWS is asked for anything."""

from __future__ import annotations

import json
import re

from ansible.errors import AnsibleFilterError
from ansible_collections.redisops.monitoring.plugins.filter.public_address import public_address
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2.options import source
from ansible_collections.redisops.monitoring.plugins.module_utils._ec2.rules import WIDEST

AUTO = "auto"


def entries(value):
    """The list in *value*; text has commas, blanks or line breaks between them, or is a list in JSON."""
    if value is None:
        return []
    if isinstance(value, str):
        if not value.strip().startswith("["):
            return [entry for entry in re.split(r"[\s,]+", value) if entry]
        try:
            value = json.loads(value)
        except ValueError:
            raise ValueError(f"{value.strip()!r} is no list") from None
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{value!r} is no list")
    for entry in value:
        if not isinstance(entry, str):
            raise ValueError(f"{entry!r} is no network")
    return [entry.strip() for entry in value if entry.strip()]


def network(entry, option):
    """*entry* as AWS writes it."""
    kind = "cidr_ipv6" if ":" in entry else "cidr_ip"
    found = source(option, kind, entry)
    if int(found.rpartition("/")[2]) < WIDEST[kind]:
        raise ValueError(f"{option}: {found} is the world, or a good part of it; name the networks that need it")
    return found


def networks(value, option, auto=None):
    """The networks in *value*, whether it has `auto` among them, and what is wrong with it; *option* is its name."""
    try:
        asked = entries(value)
    except ValueError as error:
        return {"networks": [], "auto": False, "problems": [f"{option}: {error}; give a list of networks (CIDR)"]}
    found, problems = [], []
    for entry in asked:
        try:
            if entry.lower() != AUTO:
                found.append(network(entry, option))
            elif auto is not None:
                found.append(public_address(auto))
        except ValueError as error:
            problems.append(str(error))
        except AnsibleFilterError as error:
            problems.append(f"{option}: {AUTO}: {str(error).removeprefix('public_address: ')}")
    return {
        "networks": list(dict.fromkeys(found)),
        "auto": any(entry.lower() == AUTO for entry in asked),
        "problems": problems,
    }


class FilterModule:
    def filters(self):
        return {"networks": networks}
