# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for several monitoring hosts: one that is missing, and those that do not do the same. Private."""

from __future__ import annotations

from . import prometheus, services
from .findings import Symptom, finding
from .fixes import by_hand, playbook

STAND_IN = ("prometheus", "alertmanager", "grafana")  # what another monitoring host does as well


def missing(stack, monitor):
    """The services that a monitoring host should have and has not; all of them where nobody can look."""
    expected = [name for name in STAND_IN if name in stack.expected]
    if not stack.evidence(monitor, "units"):
        return expected
    return [name for name in expected if services.state(stack, monitor, name) not in ("works", "")]


def who_stands_in(stack, one):
    """The monitoring hosts that do what a host of theirs does not, because of this finding."""
    if one.severity != "error" or one.host not in stack.monitors:
        return []
    lost = missing(stack, one.host)
    about = one.hop == "host" or one.ident.startswith(tuple(name + "_" for name in lost))
    if not lost or not (about or one.hop == "probes" and "prometheus" in lost):
        return []
    others = [name for name in stack.monitors if name != one.host]
    return [name for name in others if all(services.works(stack, name, service) for service in lost)]


def soften(stack):
    """A missing replica is a warning: the others do its work. After all rules, which explain symptoms by errors."""
    for one in stack.findings:
        others = who_stands_in(stack, one)
        if others:
            one.severity = "warning"
            words = (one.host, " and ".join(others), "does" if len(others) == 1 else "do")
            one.consequences.insert(0, "the replica %s is missing: %s %s its work" % words)


# ------------------------------------------------------------------------------------------------- whether they differ


def alike(stack):
    """Prometheus servers that should do the same, by what they have loaded."""
    working = [name for name in stack.monitors if prometheus.works(stack, name)]
    for name in working[1:]:
        seen = differences(stack, working[0], name)
        if seen:
            step = "if that is not enough, take what differs out of the variables of %s or %s" % (working[0], name)
            again = [playbook(stack, "monitoring", tags="prometheus"), by_hand(step)]
            differ = finding("replicas_differ", name, seen, again, other=working[0], nodes=working[0])
            text = "%s and %s differ: %s" % (working[0], name, "; ".join(seen))
            yield Symptom(text, by_configuration(working[0], name), [differ], severities=("error", "warning"))


def by_configuration(*hosts):
    """One that does not have what its role writes."""
    idents = ("prometheus_edited", "prometheus_config_rejected", "prometheus_next_start")
    return lambda one: one.host in hosts and one.ident in idents


def differences(stack, first, second):
    one, other = loaded(stack, first), loaded(stack, second)
    facts = (key for key in one if None not in (one[key], other[key]) and one[key] != other[key])
    seen = ["%s: %s on %s, %s on %s" % (key, one[key], first, other[key], second) for key in facts]
    label = stack.wanted(first, "replica_label")
    named = [replica_label(stack, name, label) for name in (first, second)]
    if label and None not in named and (named[0] == named[1] or "" in named):
        seen.append("external label %s: %s on %s, %s on %s" % (label, named[0] or "-", first, named[1] or "-", second))
    return seen


def loaded(stack, monitor):
    """What has to be the same, in words; None for what is not known."""
    found = stack.evidence(monitor, "prometheus")
    jobs = prometheus.as_yaml(found.get("config"), dict).get("scrape_configs") or []
    interval = [one.get("scrape_interval") for one in jobs if one.get("job_name") == prometheus.JOB]
    return {
        "scrape jobs": ", ".join(sorted(one.get("job_name", "") for one in jobs)) or None,
        "scrape interval": interval[0] if interval else None,
        "alerting rules": (found.get("rules") or {}).get("alerting"),
        "Alertmanagers": ", ".join(sorted(found["alertmanagers"])) if "alertmanagers" in found else None,
    }


def replica_label(stack, monitor, label):
    config = prometheus.as_yaml(stack.evidence(monitor, "prometheus").get("config"), dict)
    return ((config.get("global") or {}).get("external_labels") or {}).get(label, "") if config else None
