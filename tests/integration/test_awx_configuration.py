# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""awx/configure.yml with the real modules of awx.awx, against a stand-in of AWX's API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ansible_collections.awx.awx", reason="not in every release of the package ansible")
sys.path.insert(0, str(Path(__file__).parent))
import awx_standin

ROOT = Path(__file__).resolve().parents[2]
SECRETS = {
    "vault_ssh_private_key": "canary-ssh",
    "vault_monitoring_secret": "canary-monitoring-secret-0123456789abcdef",
    "vault_redis_admin_password": "canary-redis",
    "vault_slack_webhook_url": "https://hooks.example.com/canary-slack",
    "vault_aws_access_key_id": "AKIA",
    "vault_aws_secret_access_key": "canary-aws",
    "vault_password": "canary-vault",
}


@pytest.fixture(scope="module")
def server():
    server = awx_standin.serve(ROOT / "awx/project")
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def configure(server, tmp_path_factory):
    directory = tmp_path_factory.mktemp("awx")

    def run(*options, **secrets):
        (directory / "vault.json").write_text(json.dumps({**SECRETS, **secrets}))
        environment = {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build/collections"),
            "CONTROLLER_HOST": f"http://127.0.0.1:{server.server_port}",
            "CONTROLLER_OAUTH_TOKEN": "token",
            "no_proxy": "127.0.0.1",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        }
        argv = [Path(sys.executable).with_name("ansible-playbook"), ROOT / "awx/configure.yml"]
        argv += ["-e", f"@{directory}/vault.json", *options]
        done = subprocess.run(
            argv, cwd=directory, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        output = done.stdout + done.stderr
        assert "canary" not in output
        assert "WARNING" not in output
        return done.returncode, output

    return run


@pytest.fixture(scope="module")
def applied(configure):
    rc, output = configure()
    assert rc == 0, output[-3000:]


def test_an_empty_secret_is_told(configure, server):
    rc, output = configure(vault_redis_admin_password="")
    assert rc == 2
    assert "Redis monitoring Redis administrator has an empty input" in " ".join(output.split())
    assert server.awx.writes == []


@pytest.mark.usefixtures("applied")
def test_every_playbook_of_the_project_has_a_job_template(server):
    templates = {one["playbook"]: one for one in server.awx.all("job_templates")}
    assert set(templates) == {path.name for path in (ROOT / "awx/project").glob("*.yml")}
    for one in templates.values():
        linked = server.awx.links["job_templates", one["id"], "credentials"]
        assert len(linked) == 6
        assert one["become_enabled"] is False


@pytest.mark.usefixtures("applied")
def test_the_workflow_runs_the_doctor_where_something_fails(server):
    nodes = {one["identifier"]: one for one in server.awx.all("workflow_job_template_nodes")}
    names = {one["id"]: name for name, one in nodes.items()}
    edges = {
        (names[ident], kind, names[other])
        for (endpoint, ident, kind), others in server.awx.links.items()
        if endpoint == "workflow_job_template_nodes"
        for other in others
    }
    assert edges == {
        ("site", "success_nodes", "verify"),
        ("site", "failure_nodes", "doctor"),
        ("verify", "failure_nodes", "doctor"),
    }
    assert nodes["site"]["skip_tags"] == "verify"


@pytest.mark.usefixtures("applied")
def test_a_second_run_changes_nothing(configure, server):
    before = len(server.awx.writes)
    rc, output = configure()
    assert rc == 0, output[-3000:]
    assert "changed=0" in output
    # The survey is compared by the module, and sent where it differs.
    assert server.awx.writes[before:] == []
