# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/alerting-times.md from the results in build/alerts/."""

from __future__ import annotations

import json
import math
from pathlib import Path

from faults import FAULTS

HEAD = """\
# From fault to notification

Written by `tests/e2e/alerts.py table` from runs in the lab: three Redis nodes without replicas and one monitoring
host, set up by `playbooks/site.yml`, every notification recorded at a webhook. Each fault was done to the running lab
and undone again. A fault passes when exactly the notification in its row arrives: once at each receiver, nothing else
at all, and once more when it is over.

* **L1** is the team's chat, **L2** the engineer on call. P1 and P2 reach both at once, P3 the chat alone.
* **floor**: no notification can come sooner. What Redis needs to notice, plus the rule's `for`, plus `group_wait`.
* **at most**: the fault just missed a scrape and an evaluation. Later than this (plus {slack} s for a slow machine)
  is a failed run.
* **over**: from undoing the fault to the notification that it is resolved. `group_interval` (P1 1 min, others 5 min)
  decides most of it;
  rules that look back five minutes stay true for as long.

Alerts of one cluster and severity are one group. What ended in it less than 15 minutes ago is listed once more, as
resolved, in an update of the next notification of that group (Prometheus repeats ends for so long): PagerDuty takes it
as the same incident, a chat shows it as one more message. Such updates are not counted here.
"""

TABLE = """\
## {title}

{text}

| fault | alert | to | floor | measured | at most | over |
|---|---|---|---|---|---|---|
{rows}
"""

TEXTS = {
    "shipped": (
        "With the settings that the roles ship",
        "Scrapes and evaluations every 30 s, `group_wait` 45 s. Business hours last all day here: P3 is sent at once.",
    ),
    "fast": (
        "With everything six times as fast",
        "Scrapes and evaluations every 5 s; every `for`, `group_wait`, `group_interval` and the cluster's node\n"
        "timeout divided by 6: what CI can wait for. Rules that look back five minutes still do.",
    ),
}

DEADMAN = {
    "title": "Alertmanager stopped", "alert": "the Watchdog stays away", "severity": "-", "to": "dead man's switch",
}  # fmt: skip

QUIET = """\
## Nothing, when nothing is wrong

{minutes:g} minutes of {rate:.0f} commands a second at a healthy cluster ({commands} commands, {lost} connections lost),
then a restart of each of its {restarts} nodes inside a silence (`playbooks/silence.yml`), then `site.yml` once more,
then until the silences were over: {told} in {total:.0f} minutes, beside {watchdog} of the Watchdog's.
"""

FOOT = """\
## Measure again

```bash
make e2e-alerts                                   # every fault with the shipped settings: about two hours
make e2e-quiet                                    # three quarters of an hour
python tests/lab/lab.py up alerts --aws           # or by hand
python tests/e2e/alerts.py faults --profile fast alerts node-killed evictions
python tests/e2e/alerts.py table
```

`tests/e2e/faults.py` holds the faults.
"""


def duration(seconds: float) -> str:
    return "never" if math.isnan(seconds) else f"{seconds:.0f} s" if seconds < 180 else f"{seconds / 60:.1f} min"


def row(result: dict) -> str:
    fault = FAULTS.get(result["fault"])
    if fault:
        to = " + ".join({"chat": "L1", "oncall": "L2"}[receiver] for receiver in fault.receivers)
        about = [fault.title, f"{fault.alert} ({fault.severity})", to]
    else:
        about = [DEADMAN["title"], DEADMAN["alert"], DEADMAN["to"]]
    times = [duration(result[key]) for key in ("floor", "seconds", "most", "over")]
    if result["problems"]:
        times[1] = f"**failed** ({'; '.join(result['problems'])})"
    return "| " + " | ".join(about + times) + " |"


def write(results: Path, out: Path, slack: int) -> str:
    """Fills the document; returns what is missing or failed, or an empty string."""
    parts, problems = [HEAD.format(slack=slack)], []
    order = [*FAULTS, "alertmanager-stopped"]
    for profile, (title, text) in TEXTS.items():
        found = {path.stem: json.loads(path.read_text()) for path in (results / profile).glob("*.json")}
        if not found:
            continue
        rows = "\n".join(row(found[key]) for key in order if key in found)
        parts.append(TABLE.format(title=title, text=text, rows=rows))
        problems += [f"{profile}: {key} failed" for key in order if key in found and found[key]["problems"]]
    quiet = results / "quiet.json"
    if quiet.exists():
        result = json.loads(quiet.read_text())
        told = "no notification" if not result["others"] else f"**{len(result['others'])} notifications**"
        rate = result["commands"] / result["seconds"]
        parts.append(QUIET.format(**result, told=told, total=result["seconds"] / 60, rate=rate))
        problems += [f"quiet: {line}" for line in result["others"]]
    out.write_text("\n".join([*parts, FOOT]))
    return "; ".join(problems)
