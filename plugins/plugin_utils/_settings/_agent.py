# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus as an agent: it scrapes and sends, and keeps, evaluates and answers nothing.

Its log is in data-agent, below the data of a server, so that a change of the mode and back loses neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...module_utils._text import version_tuple
from . import _core, _data, _storage

OLDEST = (2, 32, 0)
# Flags that a server has alone; an agent that is given one does not start.
OF_SERVERS = ("storage.tsdb.", "storage.remote.read-", "rules.", "alertmanager.", "query.")

OWN = ("agent", "storage.agent.path")


def is_on(settings: Mapping[str, Any]) -> bool:
    """Whether these settings, or the variables of a host, say so."""
    return settings.get("prometheus_mode") == "agent"


def problems(s: dict) -> list[str]:
    flags = s["prometheus_flags"]
    if not is_on(s):
        return [
            f"prometheus_flags sets {name}, which is for an agent: set prometheus_mode: agent"
            for name in flags
            if name == "agent" or name.startswith("storage.agent.") or "agent" in features(flags, name)
        ]
    found = [f"prometheus_flags sets {name}, which an agent refuses" for name in flags if name.startswith(OF_SERVERS)]
    found += [f"prometheus_flags sets {name}, which belongs to the role" for name in OWN if name in flags]
    version = s["prometheus_version"]
    if _core.is_version(version) and version_tuple(version) < OLDEST:
        found.append("prometheus_mode is agent: the oldest prometheus_version that has it is 2.32.0")
    if not _storage.given(s) and not s["prometheus_remote_write"]:
        found.append(
            "prometheus_mode is agent, which keeps nothing itself: set monitoring_remote_storage or"
            " prometheus_remote_write"
        )
    if s["prometheus_rule_files"]:
        found.append(
            "prometheus_rule_files: an agent evaluates no rules; give them to the ruler of the store, and leave them"
            " out here"
        )
    return found


def features(flags: dict, name: str) -> list[str]:
    return str(flags[name]).split(",") if name == "enable-feature" else []


def flags(s: dict) -> dict[str, Any]:
    return {"storage.agent.path": f"{_data.path(s, 'prometheus')}/data-agent"}


def switched_on(s: dict, flags: dict[str, Any]) -> dict[str, Any]:
    """All flags, with the one that makes it an agent. Before 3.0 it was a feature, of which the user may have more."""
    if not is_on(s):
        return flags
    if version_tuple(s["prometheus_version"]) >= (3,):
        return {**flags, "agent": True}
    more = str(flags.get("enable-feature", ""))
    return {**flags, "enable-feature": f"agent,{more}".rstrip(",")}


def warnings(s: dict) -> list[str]:
    """What nobody would miss until it is too late."""
    if not is_on(s) or not s["prometheus_rule_pack"]:
        return []
    return [
        "prometheus_mode is agent, which evaluates no rules: load the pack into the ruler of the store"
        " (redisops.monitoring.export with monitoring_export_rules, see docs/long-term-storage.md);"
        " prometheus_rule_pack: false says that this is done"
    ]
