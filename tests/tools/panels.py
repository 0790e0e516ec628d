# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queries of a Grafana dashboard, with their variables put in as Grafana does it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted((ROOT / "roles" / "grafana" / "files" / "dashboards").glob("*.json"))
# $name, [[name]], ${name}, ${name.field} and ${name:format}. A dollar that ends a regular expression is none of them.
REFERENCE = re.compile(r"\$(\w+)|\[\[(\w+)\]\]|\$\{(\w+)(?:\.[^:^}]+)?(?::[^}]+)?\}")
ALL = "$__all"


@dataclass(frozen=True)
class Query:
    """What is asked, for whom: a panel's target or a variable."""

    dashboard: str
    place: str
    expr: str
    legend: str = ""
    instant: bool = False

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.place}"


def panels(dashboard: dict) -> list[dict]:
    """All panels that show something, those in collapsed rows included."""
    found = []
    for panel in dashboard["panels"]:
        found += panels(panel) if panel.get("panels") else []
        if panel["type"] != "row":
            found.append(panel)
    return found


def panel_queries(dashboard: dict) -> list[Query]:
    name = dashboard["uid"]
    return [
        Query(name, f"panel {panel['title']}, {panel['id']}{target['refId']}", target["expr"],
              target.get("legendFormat", ""), target.get("instant", False))
        for panel in panels(dashboard) for target in panel["targets"]
    ]  # fmt: skip


def variable_queries(dashboard: dict) -> list[Query]:
    queries = []
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]
            text = query if isinstance(query, str) else query["query"]
            queries.append(Query(dashboard["uid"], f"variable {variable['name']}", text))
    return queries


def gnet_11835() -> Path | None:
    """Revision 1 of dashboard 11835: it states no licence, so it is not in the repository."""
    name = "api/dashboards/11835/revisions/1/download"
    beside = ROOT.parent / "shared" / "dashboards" / "11835-rev1.json"
    return next(
        (path for path in [*sorted((ROOT / "build" / "mirror").glob(f"**/{name}")), beside] if path.is_file()), None
    )


def load(path: Path) -> dict:
    return json.loads(path.read_text())


def interval_seconds(range_seconds: float, scrape_seconds: float, points: int = 1000) -> int:
    """$__interval, the step of a range query: never below the datasource's timeInterval."""
    return max(round(range_seconds / points), int(scrape_seconds))


def builtins(range_seconds: int, scrape_seconds: int) -> dict[str, str]:
    step = interval_seconds(range_seconds, scrape_seconds)
    return {
        "__interval": f"{step}s",
        "__interval_ms": str(1000 * step),
        "__rate_interval": f"{max(step + scrape_seconds, 4 * scrape_seconds)}s",
        "__range": f"{range_seconds}s",
        "__range_s": str(range_seconds),
        "__range_ms": str(1000 * range_seconds),
    }


def value_of(variable: dict, chosen: list[str]) -> str:
    """The text that takes the place of a variable in PromQL: values are escaped, a custom "all" value is not."""
    if chosen == [ALL]:
        if variable.get("allValue"):
            return variable["allValue"]
        raise ValueError(f"variable {variable['name']} has no custom value for All: give the values that it stands for")
    if not (variable.get("multi") or variable.get("includeAll")):
        return chosen[0].replace("\\", "\\\\").replace("'", "\\'") if chosen else ""
    escaped = [re.sub(r"[$^*{}\[\]'+?.()|]", r"\\\\\g<0>", one.replace("\\", "\\\\\\\\")) for one in chosen]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def substitute(text: str, values: dict[str, str]) -> str:
    """Puts values into a query. Names that are no variables stay, as Grafana leaves them."""

    def value(match: re.Match) -> str:
        return values.get(match[1] or match[2] or match[3], match[0])

    return REFERENCE.sub(value, text)


def unresolved(text: str) -> list[str]:
    """Variables that nobody gave a value."""
    return [match[0] for match in REFERENCE.finditer(text)]
