# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/reliability.md from the results in build/campaign/."""

from __future__ import annotations

import json
from pathlib import Path

HEAD = """\
# What a pair of monitoring hosts bears

Written by `tests/e2e/campaign.py table` from a run in the lab: three Redis nodes without replicas and two monitoring
hosts, set up by `playbooks/site.yml`, every notification recorded at a webhook.

"""

KILLS = """\
## A run that is killed

`site.yml` changes the versions of all programs, up and down in turn, and is killed with SIGKILL at a random moment of
it, with all its processes. Every second time everything that it had started on the hosts is killed with it, as when a
network or a host dies with the run. Then `site.yml` runs again. The versions: {programs}.

| | |
|---|---|
| kills | {count}, after {first} to {last} s, of runs of {shortest} to {longest} s |
| the next run ended well | {converged} of {count} |
| every service then ran in the wanted version | {right} of {count} |
| one more run, after every fourth, changed nothing | {unchanged} of {checked} |
| left behind: half releases, temporary files, directories | {left} |
| notifications | {told} |
| longest silence of the Watchdog (each 10 s), both Alertmanagers restarted time and again | {watchdog:.0f} s |

The longest time in seconds that a service did not answer, asked once a second:

| service | a change of versions that nobody disturbs | a kill and the next run |
|---|---|---|
{rows}

What a user does after a run that was interrupted: run it again. Nothing has to be cleaned up by hand. Of Ansible itself
the unpacked code of a module may stay in `/tmp` (`ansible_*_payload_*`, for root alone, without settings or secrets)
where its process was killed on the host; no run removes it, the next boot does.

"""

SCENES = """\
## A pair that is broken

In each row the pair is broken, then Redis of a node is killed, which has to page in the usual time; then everything is
mended, and `site.yml` runs. Redis' alerts have the times that are shipped; what the monitoring says of itself waits one
minute here (five when shipped).

| fault | Redis' page (at most) | told beside it | pages to L1 / L2 | the same again | gap | next run changed |
|---|---|---|---|---|---|---|
{rows}

* **pages**: notifications with an alert that was not told before, Redis' among them. Each fault had its end told too.
* **the same again**: notifications without news, to both levels.
* **gap**: the longest between two samples of a node in the Prometheus that was not broken; it scrapes every 30 s.
* **failed**: something was told more often than once (twice where that is documented), or beside what is expected.
  Redis' page came all the same; *What to expect* says why the rest does.

"""

FOOT = """\
## What to expect

* **Run again** after any interruption. A service that is older than its files is reloaded or restarted, half a download
  is swept away, the release that ran goes on until the new one is whole.
* **One host of a pair away**: the other pages in the usual time, and one page (MonitoringTargetDown, P2) tells that it
  is away. Its return is told as the end of that, and nothing else. Its own data has a gap for the time.
* **The pair cut in two is the documented two**: each half tells what it sees, so a fault is told twice, and each tells
  that the other is away. Healed, silences made on either side are on both, and each may tell its half of that page
  once more, before they agree.
* **A host of the pair that reaches nobody** sees everything down, and cannot tell. Healed, its Alertmanager delivers
  what it had wanted to tell, and its Prometheus gives the other one alerts that are over at its next scrape: Redis'
  page comes again, once for each that knew of it, and a few more end within two minutes. It is
  AlertmanagerNotificationsFailing that says which came late. Silence the host before its network is worked on.
* **A full disk** stops Prometheus from storing anything while it calls itself healthy; minutes later it ends, and after
  every start again, until it has 128 MiB. HostFilesystemFull tells before (10 % left). When a disk fills at once, the
  other host tells that Prometheus is down; where there is none, the Watchdog stops after five minutes, and the dead
  man's switch calls. `site.yml` names the host and that it has no space.
* **A clock that is minutes wrong** on one host of a pair loses no page, and makes noise: keep a time service running.
  `site.yml` names the clock and changes nothing. HostClockSkew is told for all Redis nodes at once: it is Prometheus'
  own clock. Behind: its Prometheus stores nothing until it is as late as it was, because it refuses samples older than
  those it has. Its alerts then end, by its clock, before now: the other Alertmanager takes them for over, tells an end
  that is none, and later pages again. Ahead: the same begins at once, and goes on for minutes after the clock is
  right, until Prometheus stores again. What the lost page muted, such as RedisInstanceDown, is told then, too.
* **Levels with a delay** (L3 after 15 minutes) count from the first alert of a group: a second fault within 15 minutes
  of one that is over may reach L3 early. They are left out above.
* **Alertmanager tells nobody for 95 s after a start** ([why](alerting.md)). A run that restarts both of a pair does so
  within seconds, so that what happens just then is told that much later. Two such runs within three minutes may make
  a dead man's switch call that waits for three beats of a minute.

## What containers cannot show

* They share the kernel's clock. Here Prometheus, Alertmanager, blackbox_exporter and node_exporter of a host each got
  another time of day in their memory (`tests/e2e/clock.py`), and Python, which runs Ansible's modules, by a setting of
  its own. systemd, SSH and the other hosts keep the right time; a clock that drifts is not shown.
* Power loss is SIGKILL for everything on a host: what a disk has not written when the current fails is not lost here.
* The disk is a small file system for the directories that the services and Ansible write to, not the whole host's.
* One machine holds all hosts: networks fail at once and whole, not with loss or delay.

## Measure again

```bash
make e2e-campaign                                  # about three hours
python tests/lab/lab.py up campaign --bare --monitoring 2
python tests/e2e/campaign.py run campaign kills --count 5 --seed 11
python tests/e2e/campaign.py run campaign hosts split
python tests/e2e/campaign.py table
```
"""


def row(scene: dict) -> str:
    beside = ", ".join(f"{alert} after {seconds:.0f} s" for alert, seconds in scene["own"].items()) or "nothing"
    pages = [str(scene[receiver].get("page", 0)) for receiver in ("chat", "oncall")]
    again = sum(scene[receiver].get("repeat", 0) for receiver in ("chat", "oncall"))
    changed = ", then ".join(map(str, scene["changed"]))
    told = f"{scene['seconds']:.0f} s ({scene['limit']:.0f} s)"
    if scene["problems"]:
        told += f" **failed** ({'; '.join(scene['problems'])})"
    cells = (scene["title"], told, beside, " / ".join(pages), again, f"{scene['gap']:.0f} s", changed)
    return "| " + " | ".join(map(str, cells)) + " |"


def kills_part(result: dict) -> str:
    kills = result["kills"]
    rows = [f"| {name} | {result['usual'][name]:.0f} | {result['down'][name]:.0f} |" for name in result["usual"]]
    return KILLS.format(
        programs=", ".join(f"{name} {old} and {new}" for name, (old, new) in result["versions"].items()),
        count=len(kills), first=round(min(each["moment"] for each in kills)),
        last=round(max(each["moment"] for each in kills)),
        shortest=round(min(result["seconds"])), longest=round(max(result["seconds"])),
        converged=sum(each["converged"] for each in kills), right=sum(not each["wrong"] for each in kills),
        unchanged=sum(each["unchanged"] or 0 for each in kills),
        checked=sum(each["unchanged"] is not None for each in kills),
        left=sum(len(each["left"]) for each in kills), told=sum(len(each["told"]) for each in kills),
        watchdog=result["watchdog"], rows="\n".join(rows),
    )  # fmt: skip


def write(results: Path, order: list[str], out: Path) -> str:
    """Fills the document; returns what is missing or failed, or an empty string."""
    found = {path.stem: json.loads(path.read_text()) for path in results.glob("*.json")}
    missing = [part for part in order if part not in found]
    parts = [HEAD]
    if "kills" in found:
        parts.append(kills_part(found["kills"]))
    scenes = [scene for part in order if part != "kills" and part in found for scene in found[part]["scenes"]]
    if scenes:
        parts.append(SCENES.format(rows="\n".join(map(row, scenes))))
    if missing:
        parts.append(f"Parts of the campaign that this page has no results of: {', '.join(missing)}.\n\n")
    out.write_text("".join(parts) + FOOT)
    return "; ".join(
        [f"{part} has not been run" for part in missing]
        + [f"{part}: {problem}" for part in order if part in found for problem in found[part]["problems"]]
    )
