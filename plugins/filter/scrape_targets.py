# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ansible.template
from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display
from ansible_collections.redisops.monitoring.plugins.plugin_utils import _scrape_targets

if hasattr(ansible.template, "trust_as_template"):

    def untrusted(value):
        """Since ansible-core 2.19 no string that a filter returns is taken for a template."""
        return value
else:
    # Before, a tag with the value "{{ lookup('pipe', ...) }}" would be run once the result is stored and used again.
    from ansible.utils.unsafe_proxy import wrap_var as untrusted

display = Display()


def scrape_targets(hosts, hostvars, *args, **kwargs):
    try:
        groups, not_wanted, no_address = _scrape_targets.scrape_targets(hosts, hostvars, *args, **kwargs)
    except ValueError as error:
        raise AnsibleFilterError(f"scrape_targets: {error}") from error
    for reason in no_address:
        display.warning(f"scrape_targets leaves out a host: {reason}")
    for reason in not_wanted:
        display.vv(f"scrape_targets leaves out a host: {reason}")
    return untrusted(groups)


class FilterModule:
    def filters(self):
        return {"scrape_targets": scrape_targets}
