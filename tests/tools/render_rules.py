# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the rule pack of role prometheus with its defaults, for people who run their own Prometheus.

    render_rules.py build/rules
    render_rules.py build/rules --flavour mimir
    render_rules.py build/rules -e '{"prometheus_alert_thresholds": {"memory_high_percent": 75}}' -e @mine.yml

The settings are read, checked and rendered as the role does it, so the files are those that the role installs. promtool
checks them where there is one, and vmalert those for vmalert.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import promtool
from ansible import context
from ansible.module_utils.common.collections import ImmutableDict
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.vars import load_extra_vars

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core before 2.19 templates any text
    trust_as_template = str

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "build" / "collections"))

from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _ansible,
    _core,
    _rulers,
    _rules,
    prometheus,
)

MARKER = f"# {_core.MARKER}\n"


def extra_variables(given: list[str], loader: DataLoader) -> dict:
    load_extra_vars.extra_vars = None  # it remembers those of a first call
    context.CLIARGS = ImmutableDict(extra_vars=[trust_as_template(one) for one in given])
    return load_extra_vars(loader)


def render(
    out: Path,
    extra_vars: list[str] | None = None,
    clusters: dict[str, dict] | None = None,
    flavour: str = "prometheus",
) -> str:
    """Fills out with the rule files; returns what is wrong with the settings, or an empty string.

    clusters: thresholds of Redis clusters that have others.
    """
    loader = DataLoader()
    raw = {**_ansible.defaults_of("prometheus"), **extra_variables(extra_vars or [], loader)}
    settings, faults = _core.read("prometheus", _ansible.Variables(raw, Templar(loader, variables=raw)))
    problems = _core.fault_lines(faults) + prometheus.export_problems(settings, _core.Host("localhost"))
    if problems:
        return "; ".join(problems)
    own = {name: {**_rules.thresholds(settings), **one} for name, one in (clusters or {}).items()}
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.yml"):
        if MARKER in old.read_text():
            old.unlink()
    for path in _rules.files():
        (out / path.name).write_text(_rulers.render(path, settings, flavour, own))
    return ""


def check(out: Path, tool: Path) -> str:
    """What promtool has to say against the files, or an empty string. It does not know namespaces."""
    with tempfile.TemporaryDirectory() as directory:
        files = [Path(directory, path.name) for path in sorted(out.glob("*.yml"))]
        for path in files:
            path.write_text(re.sub("^namespace: .*$", "", (out / path.name).read_text(), flags=re.M))
        argv = [str(tool), "check", "rules", "--lint=all", "--lint-fatal", *map(str, files)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def vmalert() -> str:
    """Its path: Debian's package victoria-metrics has it, which the lab unpacks."""
    unpacked = ROOT / "build/victoria-metrics/usr/bin/vmalert"
    return shutil.which("vmalert") or (str(unpacked) if unpacked.exists() else "")


def check_metricsql(out: Path, tool: str) -> str:
    """What vmalert has to say against the files, whose expressions and templates it reads, or an empty string."""
    with tempfile.TemporaryDirectory() as directory:
        for path in sorted(out.glob("*.yml")):
            shutil.copy(path, directory)
        said = dry_run(tool, directory)
        if "unknown fields in rule: keep_firing_for" in said:  # that of Debian 12 does not know it
            for path in Path(directory).glob("*.yml"):
                path.write_text(re.sub("^ *keep_firing_for: .*\\n", "", path.read_text(), flags=re.M))
            said = dry_run(tool, directory)
    return said


def dry_run(tool: str, directory: str) -> str:
    argv = [tool, "-dryRun", f"-rule={directory}/*.yml"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip().splitlines()[-1]


def main() -> int:
    parser = argparse.ArgumentParser(description="Renders the rule pack into Prometheus rule files.")
    parser.add_argument("out", type=Path, help="directory for the files")
    parser.add_argument("-e", "--extra-vars", action="append", help="settings, as in ansible-playbook")
    parser.add_argument("--flavour", choices=list(_rulers.LOADED_BY), default="prometheus", help="for whom they are")
    arguments = parser.parse_args()
    problem = render(arguments.out, arguments.extra_vars, flavour=arguments.flavour)
    if problem:
        print(f"render_rules: {problem}", file=sys.stderr)
        return 1
    tool = promtool.find()
    if tool:
        problem = check(arguments.out, tool)
        if problem:
            print(f"render_rules: promtool refuses the files:\n{problem}", file=sys.stderr)
            return 1
    if arguments.flavour == "vmalert" and vmalert():
        problem = check_metricsql(arguments.out, vmalert())
        if problem:
            print(f"render_rules: vmalert refuses the files:\n{problem}", file=sys.stderr)
            return 1
    print(
        f"{len(_rules.files())} rule files in {arguments.out}" + ("" if tool else " (no promtool found: not checked)")
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
