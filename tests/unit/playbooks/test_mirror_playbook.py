# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""playbooks/mirror.yml as a user runs it: without an inventory, against a copy of upstream's layout."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana.model import canonical_sha256
from upstream import BOARD, KNOWN, serve

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.skipif(
    not (shutil.which("gpg") and shutil.which("gpgv")), reason="gpg and gpgv are not installed"
)


def play(directory, *arguments, **variables):
    """(exit code, output, the recap of localhost)"""
    program = Path(sys.executable).with_name("ansible-playbook")
    argv = [program, ROOT / "playbooks/mirror.yml", "--extra-vars", json.dumps(variables), *arguments]
    done = subprocess.run(argv, cwd=directory, capture_output=True, text=True, check=False)
    recap = dict(re.findall(r"(ok|changed|failed)=(\d+)", done.stdout.rpartition("PLAY RECAP")[2]))
    return done.returncode, done.stdout + done.stderr, recap


def test_the_playbook(tmp_path):
    home = tmp_path / "g"
    with serve(home) as upstream:
        board = {"gnet_id": 11835, "revision": 1, "sha256": canonical_sha256(BOARD)}
        variables = {
            "mirror_source_url": upstream.url,
            "mirror_grafana_key_fingerprints": [upstream.fingerprint],
            "mirror_dashboards": [board],
        }
        wrong = {**variables, "mirror_source": {"url_password": "canary-mirror"}}
        code, said, recap = play(tmp_path, "-vvv", "--diff", **wrong)
        assert code and "url_username and url_password belong together: give both or none" in said
        assert "canary-mirror" not in said and upstream.requests == []

        code, said, recap = play(tmp_path, **variables)
        assert code == 0 and recap["changed"] == "1", said
        assert f"mirror: prometheus-{KNOWN['programs']['prometheus']['version']}.linux-amd64.tar.gz: " in said
        assert (tmp_path / "mirror/apt.grafana.com/dists/stable/InRelease").is_file()
        assert not list((tmp_path / "mirror").rglob("*arm64*")), "only what is asked for"
    # The server is gone.
    code, said, recap = play(tmp_path, **variables)
    assert code == 0 and recap["changed"] == "0", said
    code, said, recap = play(tmp_path, "--check", "-e", "mirror_architectures=amd64,arm64", **variables)
    assert code == 0 and recap["changed"] == "1", said
    code, said, recap = play(tmp_path, **variables, mirror_architectures=["arm64"])
    assert code and re.search(r"cannot reach http://127.0.0.1:\d+/.*sha256sums.txt", said.replace("\n", " ")), said
