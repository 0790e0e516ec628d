# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of docs/bring-your-own.md, as they stand there, against a Grafana and a Prometheus that others run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import promtool
import pytest
import yaml
from ports import free_port, wait_for_port

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/lab/grafana"))
from running import Running

BLOCKS = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/bring-your-own.md").read_text(), re.S)


@pytest.fixture
def play(tmp_path, ansible_playbook):
    def run(text, **variables):
        (tmp_path / "play.yml").write_text(text)
        inventory = ["-i", "hosts.yml"] if (tmp_path / "hosts.yml").exists() else []
        return ansible_playbook("play.yml", "-e", json.dumps(variables), *inventory)

    return run


def block(words):
    (found,) = [one for one in BLOCKS if words in one]
    return found


@pytest.mark.parametrize("flavour", ["9.4", "12.4"])
def test_dashboards_in_a_grafana_with_a_token(play, tmp_path, flavour):
    export = (
        "- hosts: localhost\n  gather_facts: false\n  tasks: [{redisops.monitoring.export_files: {path: export}}]\n"
    )
    assert play(export)[0] == 0
    with Running(tmp_path / "grafana", flavour) as grafana:
        given = {
            "grafana_url": grafana.url,
            "grafana_token": grafana.token(),
            "prometheus_url": "http://127.0.0.1:9",
            "export_dir": str(tmp_path / "export"),
        }
        rc, output = play(block("grafana_datasource:"), **given)
        assert rc == 0 and "changed=2" in output, output
        assert grafana.call("GET", "/api/dashboards/uid/redis-cluster")[0] == 200
        rc, output = play(block("grafana_datasource:"), **given)
        assert rc == 0 and "changed=0" in output, output


def test_a_prometheus_that_others_run(play, tmp_path):
    port = free_port()
    (tmp_path / "prometheus.yml").write_text("scrape_configs: []\n")
    program = promtool.unpacked(promtool.mirrored()[-1], "prometheus")
    argv = [program, f"--config.file={tmp_path}/prometheus.yml", f"--web.listen-address=127.0.0.1:{port}"]
    (tmp_path / "hosts.yml").write_text("redis: {hosts: {redis-node-1a: {ansible_host: 10.0.1.102}}}\n")
    with subprocess.Popen([*argv, f"--storage.tsdb.path={tmp_path}/data"], stderr=subprocess.DEVNULL) as prometheus:
        try:
            wait_for_port(port)
            rc, output = play(block("stack_verify:"), prometheus_url=f"http://127.0.0.1:{port}")
        finally:
            prometheus.kill()
    assert rc == 2 and "no target 10.0.1.102:9121 in the job redis-cluster" in output, output


def test_the_inventory_of_exporters_alone(judge_inventory):
    assert judge_inventory(yaml.safe_load(block("monitoring_certificates: files"))) == ""


@pytest.fixture
def judge_inventory(tmp_path):
    """What the preflight of the playbook exporters says before it connects to a host."""

    def judge(inventory):
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory))
        vault = {f"vault_{name}": "c4nary-c4nary-c4nary" for name in (
            "redis_admin_password", "exporter_redis_password", "exporter_web_password",
        )}  # fmt: skip
        argv = [Path(sys.executable).with_name("ansible-playbook"), ROOT / "playbooks/exporters.yml"]
        argv += [
            "-i",
            tmp_path / "hosts.yml",
            "-e",
            json.dumps({**vault, "ansible_host": "127.0.0.1", "ansible_port": 1}),
        ]
        environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        done = subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        localhost = re.search(r"localhost +: ok=1 .*failed=0", done.stdout)
        return "" if localhost and "UNREACHABLE" in done.stdout else done.stdout + done.stderr

    return judge
