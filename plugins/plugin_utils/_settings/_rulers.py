# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule pack for what evaluates rules beside Prometheus: the ruler of a store.

mimir    a namespace and its groups, as mimirtool takes them
amp      the data of a rule groups namespace of Amazon Managed Prometheus
vmalert  groups, whose expressions are MetricsQL
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import _rules
from ._core import MARKER, load_yaml

# Each with the command that loads a file; `{name}` is the name of its namespace.
LOADED_BY = {
    "prometheus": "",
    "mimir": "mimirtool rules load --address=https://MIMIR --id=TENANT {file}",
    "amp": "aws amp create-rule-groups-namespace --workspace-id WORKSPACE --name {name} --data fileb://{file}",
    "vmalert": "vmalert -rule={file} -datasource.url=https://STORE -remoteWrite.url=https://STORE -notifier.url=https://AM",
}
AGAIN = {"amp": "# Once it is there: aws amp put-rule-groups-namespace, with the same options.\n"}


def render(
    path: Path, s: dict[str, Any], flavour: str = "prometheus", clusters: dict[str, dict[str, float]] | None = None
) -> str:
    """A file of the pack as this ruler takes it; clusters: as _rules.render() takes them."""
    text = _rules.render(path, s, clusters)
    if flavour == "prometheus":
        return text
    name = f"redisops-{path.stem.replace('_', '-')}"
    document = load_yaml(text)
    # Their own interval is a minute, and the rules are made for that of Prometheus.
    every = {"interval": s["prometheus_evaluation_interval"]}
    groups = [{"name": one["name"], **every, "rules": one["rules"]} for one in document["groups"]]
    space = {"namespace": name} if flavour == "mimir" else {}
    command = LOADED_BY[flavour].format(name=name, file=path.name)
    head = f"# {MARKER}\n# {command}\n{AGAIN.get(flavour, '')}"
    return head + _rules.dump({**space, "groups": groups})
