# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the rule pack of role prometheus with its defaults, for people who run their own Prometheus.

    render_rules.py build/rules
    render_rules.py build/rules -e '{"prometheus_alert_thresholds": {"memory_high_percent": 75}}' -e @mine.yml

Ansible does the templating, so the files are those that the role installs. promtool checks them where there is one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import promtool

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "prometheus"
MARKER = "# Managed by redisops.monitoring\n"


def play(bundle: Path) -> list[dict]:
    """Templates every rule file of the role into one JSON file: a single task is quick."""
    files = ", ".join(f"'{path.stem}': lookup('ansible.builtin.template', '{path}')" for path in templates())
    return [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars_files": [
                str(path) for path in (ROLE / "defaults" / "main.yml", ROLE / "vars" / "main" / "rules.yml")
            ],
            "tasks": [
                {
                    "name": "Render",
                    "ansible.builtin.copy": {
                        "content": "{{ {'problem': __prometheus_rules_problem} if __prometheus_rules_problem else "
                        "{'files': {" + files + "}} }}",
                        "dest": str(bundle),
                        "mode": "0600",
                    },
                },
            ],
        }
    ]


def templates() -> list[Path]:
    return sorted((ROLE / "templates" / "rules").glob("*.yml.j2"))


def render(out: Path, extra_vars: list[str] | None = None) -> str:
    """Fills out with the rule files; returns what is wrong with the settings, or an empty string."""
    with tempfile.TemporaryDirectory() as scratch:
        playbook, bundle = Path(scratch) / "render.yml", Path(scratch) / "rules.json"
        playbook.write_text(json.dumps(play(bundle)))
        command = ["ansible-playbook", "-i", "localhost,", str(playbook)]
        for value in extra_vars or []:
            command += ["-e", value]
        environment = {
            **os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable, "ANSIBLE_LOCALHOST_WARNING": "false",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }  # fmt: skip
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
        if done.returncode:
            return done.stdout + done.stderr
        rendered = json.loads(bundle.read_text())
    if "problem" in rendered:
        return rendered["problem"]
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.yml"):
        if MARKER in old.read_text():
            old.unlink()
    for name, text in rendered["files"].items():
        (out / name).write_text(text)
    return ""


def check(out: Path, tool: Path) -> str:
    """What promtool has to say against the files, or an empty string."""
    files = [str(path) for path in sorted(out.glob("*.yml"))]
    done = subprocess.run(
        [str(tool), "check", "rules", "--lint=all", "--lint-fatal", *files], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(description="Renders the rule pack into Prometheus rule files.")
    parser.add_argument("out", type=Path, help="directory for the files")
    parser.add_argument("-e", "--extra-vars", action="append", help="settings, as in ansible-playbook")
    arguments = parser.parse_args()
    problem = render(arguments.out, arguments.extra_vars)
    if problem:
        print(f"render_rules: {problem}", file=sys.stderr)
        return 1
    tool = promtool.find()
    if tool:
        problem = check(arguments.out, tool)
        if problem:
            print(f"render_rules: promtool refuses the files:\n{problem}", file=sys.stderr)
            return 1
    print(f"{len(templates())} rule files in {arguments.out}" + ("" if tool else " (no promtool found: not checked)"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
