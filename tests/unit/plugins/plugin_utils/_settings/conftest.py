# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts, and the settings of a role with some of them changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _templates

sys.path.insert(0, str(Path(__file__).parents[4] / "tools"))
import promtool


@pytest.fixture
def host():
    """host(name=..., ...) -> a host whose facts are known and whose groups have two Redis nodes."""

    def make(**changed):
        given = {
            "name": "monitoring-1",
            "addresses": ["10.0.0.5", "fd00::5"],
            "default_address": "10.0.0.5",
            "architecture": "x86_64",
            "variables": {},
            "groups": {"redis": ["redis-1", "redis-2"], "monitoring": ["monitoring-1"]},
            "group_names": ["monitoring"],
            "hostvars": {
                "monitoring-1": {"ansible_host": "10.0.0.5"},
                "redis-1": {"ansible_host": "10.0.1.1"},
                "redis-2": {"ansible_host": "10.0.1.2"},
            },
        }
        return _core.Host(**{**given, **changed})

    return make


def defaults(role):
    path = _core.ROLES / role / "defaults" / "main.yml"
    return yaml.safe_load(path.read_text()) if path.exists() else {}


def variables(role, changed):
    """The defaults of the role with some changed; the few that are templates are rendered as Ansible does."""
    found = {**defaults(role), **(changed or {})}
    templates = {name: text for name, text in found.items() if isinstance(text, str) and "{{" in text}
    return {**found, **{name: jinja2.Template(text).render(found) for name, text in templates.items()}}


@pytest.fixture
def read():
    """read(role, changed) -> the role's defaults with these variables changed, as problems() takes them."""

    def run(role, changed=None):
        plain = {name: value for name, value in defaults(role).items() if "{{" not in str(value)}
        found, faults = _core.read(role, {**plain, **(changed or {})})
        assert faults == {}
        return found

    return run


@pytest.fixture
def judge(host):
    """judge(role, changed, host) -> the problems of the role's defaults with these variables changed."""

    def run(role, changed=None, on=None):
        return _core.judge(role, variables(role, changed), on or host())[1]

    return run


@pytest.fixture
def settings(host):
    """settings(role, changed, host) -> the role's settings, which have to be right."""

    def run(role, changed=None, on=None):
        found, problems = _core.judge(role, variables(role, changed), on or host())
        assert problems == []
        return found

    return run


@pytest.fixture
def service(settings, host):
    """service(role, changed, host) -> what the role's service() says of right settings."""

    def run(role, changed=None, on=None):
        on = on or host()
        return _core.module_of(role).service(settings(role, changed, on), on)

    return run


@pytest.fixture
def systemd_accepts():
    """systemd_accepts(path): the unit file has nothing that systemd does not know, and is rated 1.5 at most."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze: apt-get install systemd")

    def check(path):
        command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Unknown" not in done.stderr and "ignoring" not in done.stderr, done.stderr

    return check


@pytest.fixture
def run_checks(tmp_path):
    """run_checks(service, n) -> what its checks say of its files, by the n-th release in build/mirror; "" is good."""

    def run(service, n=-1):
        archives = promtool.mirrored(f"prometheus/{service['name']}/releases/download/v*/*.linux-*.tar.gz")
        if not archives:
            pytest.skip("no release in build/mirror: python tests/lab/mirror.py fills it")
        for entry in service["config"]["files"]:
            if not entry["path"].startswith("/"):
                path = tmp_path / entry["path"]
                path.parent.mkdir(exist_ok=True)
                path.write_text(_templates.content(entry, service["values"]))
        said = ""
        for program, *arguments in service["config"]["checks"]:
            tool = promtool.unpacked(archives[n], Path(program).name)
            argv = [tool, *[argument.replace("{dir}", str(tmp_path)) for argument in arguments]]
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            said += done.stdout + done.stderr if done.returncode else ""
        return said

    return run


@pytest.fixture
def connection(host):
    """connection(role, changed, host) -> (how the service is asked, the settings)."""

    def run(role, changed=None, on=None):
        settings, dummy = _core.read(role, {**defaults(role), **(changed or {})})
        return _core.module_of(role).connection(settings, on or host()), settings

    return run
