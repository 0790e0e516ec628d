# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import ansible.template
from ansible.errors import AnsibleFilterError
from ansible_collections.redisops.monitoring.plugins.plugin_utils import _verify_report

if hasattr(ansible.template, "trust_as_template"):

    def untrusted(value):
        """Since ansible-core 2.19 no string that a filter returns is taken for a template."""
        return value
else:
    # Texts of hosts are put together anew here, and must not be taken for a template.
    from ansible.utils.unsafe_proxy import wrap_var as untrusted


def verify_report(tests):
    try:
        return untrusted(_verify_report.report(tests))
    except (KeyError, TypeError) as error:
        raise AnsibleFilterError(f"verify_report: a test is not like its documentation: {error!r}") from error


class FilterModule:
    def filters(self):
        return {"verify_report": verify_report}
