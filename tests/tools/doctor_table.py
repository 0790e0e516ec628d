# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns a run of the scenario doctor into fixtures of the unit tests and into docs/doctor-faults.md.

molecule test --scenario-name doctor && python tests/tools/doctor_table.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "build/collections"), str(ROOT / "molecule/doctor/tests")]

from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from doctor_faults import FAULTS
from recording import applied

RESULTS = ROOT / "build/doctor/faults.json"
FIXTURES = ROOT / "tests/unit/fixtures/doctor"
PAGE = ROOT / "docs/doctor-faults.md"
HEADER = """# Faults that doctor is tested with

Each fault is put into the lab, one at a time. Doctor has to name it first. Then its fix is followed to the letter,
after which doctor has to find nothing and `verify` has to pass (Molecule scenario `doctor`). The table is made from the
evidence of such a run by `tests/tools/doctor_table.py`; the unit tests diagnose the same evidence again.

In the lab, AWS is moto, and certificates are issued by the lab's own CA. *Not run* are faults that containers cannot
have, or that no run has recorded yet: there the evidence of a healthy lab is edited. The seven issues of the old
runbook are among the faults, with their true causes. How doctor works: [doctor.md](doctor.md).

"""
# What a reader's own paths would be.
PLACES = ((str(ROOT / "build/lab/doctor/inventory"), "/home/me/my-inventory"), (str(ROOT), "/home/me"))


def steps(fix):
    """A fix in one cell."""
    words = []
    for step in fix:
        words.append(step["do"] if "do" in step else command(step))
        if "otherwise" in step:
            words[-1] += " " + command(step["otherwise"])
    return "; then ".join(words).replace("|", "\\|")


def command(step):
    return f"`{step['run']}`" if step["on"] == "controller" else f"on {step['on']}: `{step['run']}`"


def findings_of(fixtures, fault):
    """Of the evidence that a run recorded; where none has, of a healthy lab's, edited."""
    patch = fixtures["faults"].get(fault.name, {}).get("patch")
    stack = applied(fixtures["healthy"], patch or [])
    if patch is None:
        fault.edit(stack)
    return diagnose(stack)


def table(fixtures):
    """Rows in the order of the faults; what a finding says is made from the evidence."""
    rows = ["| fault | first finding | fix that doctor prints | doctor took |", "|---|---|---|---|"]
    for fault in FAULTS:
        first = findings_of(fixtures, fault)[0]
        taken = fixtures["faults"].get(fault.name, {}).get("seconds")
        more = f" ({fault.stand_in})" if fault.stand_in else ""
        also = "".join(f", then `{one}`" for one in fault.also)
        took = f"{taken:.0f} s" if taken else "not run"
        rows.append(f"| {fault.name}{more} | `{first['id']}`{also} | {steps(first['cure'])} | {took} |")
    return "\n".join(rows) + "\n"


def by_line(faults):
    """One change a line."""
    parts = []
    for name, one in faults.items():
        lines = ",\n".join("  " + json.dumps(change, sort_keys=True) for change in one["patch"])
        parts.append(f'{json.dumps(name)}: {{"seconds": {json.dumps(one["seconds"])}, "patch": [\n{lines}\n]}}')
    return "{" + ",\n".join(parts) + "}"


def load():
    return {name: json.loads((FIXTURES / f"{name}.json").read_text()) for name in ("healthy", "faults")}


def write(healthy, faults):
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name, content in (("healthy", json.dumps(healthy, indent=1, sort_keys=True)), ("faults", by_line(faults))):
        text = content
        for place, instead in PLACES:
            text = text.replace(place, instead)
        (FIXTURES / f"{name}.json").write_text(text + "\n")


def main():
    results = json.loads(RESULTS.read_text())
    missing = [fault.name for fault in FAULTS if fault.name not in results]
    if missing:
        print("not run: " + "; ".join(missing), file=sys.stderr)
        return 1
    healthy = results.pop("healthy")["stack"]
    names = {fault.name for fault in FAULTS}
    faults = {name: {key: one[key] for key in ("seconds", "patch")} for name, one in results.items() if name in names}
    write(healthy, faults)
    PAGE.write_text(HEADER + table(load()))
    print(f"{len(faults)} faults: {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
