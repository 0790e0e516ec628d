# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rule for configuration files that somebody edited. Private."""

from __future__ import annotations

from .findings import SERVICES, of_service
from .fixes import by_hand, service_again

# The jobs of the roles: without them something of the stack is not seen.
OURS = {"prometheus", "alertmanager", "blackbox_exporter", "redis-tls", "grafana", "node", "monitoring-endpoints"}
# Where the inventory has what people add by hand.
SETTINGS = {
    "prometheus": "prometheus_scrape_configs or prometheus_rule_files",
    "alertmanager": "alertmanager_receivers or alertmanager_routes",
    "blackbox_exporter": "blackbox_exporter_modules",
    "grafana": "grafana_ini",
}


def jobs_of(stack, monitor):
    return stack.evidence(monitor, "edited", "/etc/prometheus/prometheus.yml").get("jobs") or []


def files(stack, monitor):
    """Files that are not what the role writes; one that something was found of is mended with that."""
    found, targets = stack.evidence(monitor, "edited"), stack.evidence(monitor, "prometheus").get("targets") or []
    down = {target["job"] for target in targets if target["health"] == "down"}
    for service in SERVICES:
        again = service_again(stack, monitor, service)
        paths = [path for path in sorted(found) if path.startswith("/etc/%s/" % service)]
        known = [one for one in stack.findings if one.host == monitor and one.severity != "info"]
        if paths and not any(step in one.fix for one in known for step in again):
            seen = [line for path in paths for line in described(path, found[path])]
            keep = by_hand("write what has to stay into the inventory, such as %s" % SETTINGS[service], keep=service)
            lost = service == "prometheus" and down & OURS & set(jobs_of(stack, monitor))
            facts = {"paths": ", ".join(paths), "severity": "error" if lost else None}
            yield of_service(service, "edited", monitor, seen, [keep, *again], **facts)


def described(path, found):
    return [path + (": " + found["problem"] if found.get("problem") else ""), *(found.get("lines") or [])]
