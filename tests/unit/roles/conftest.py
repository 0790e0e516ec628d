# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of the role certificates on this machine, in a directory of the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TASKS = ROOT / "roles/certificates/tasks"


@pytest.fixture
def run_tasks(tmp_path):
    """run_tasks(name, variables) -> the output of a file of tasks, with /etc/redisops in the test's directory.

    path: a directory with programs that are found first.
    """
    (tmp_path / "tls").mkdir()

    def run(name, rc=0, path="", **variables):
        tasks = (TASKS / f"{name}.yml").read_text().replace("/etc/redisops", str(tmp_path))
        (tmp_path / f"{name}.yml").write_text(tasks)
        play = {"hosts": "localhost", "gather_facts": False, "vars": variables}
        play["tasks"] = [{"ansible.builtin.include_tasks": str(tmp_path / f"{name}.yml")}]
        (tmp_path / "play.yml").write_text(json.dumps([play]))
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        environment["PATH"] = f"{path}{os.pathsep * bool(path)}{environment['PATH']}"
        argv = [Path(sys.executable).with_name("ansible-playbook"), tmp_path / "play.yml", "-i", "localhost,"]
        argv += ["-c", "local", "-e", f"ansible_python_interpreter={sys.executable}"]
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == rc, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run
