# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-builder finds what the collection needs, in a collection that is installed and in our own image."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PYTHON = {"bcrypt", "boto3", "botocore", "cryptography"}
SYSTEM = {"openssh-client", "openssh-clients"}


def builder(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "ansible_builder", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names(lines):
    return {re.match(r"[\w.-]+", line)[0] for line in lines if line and not line.startswith("#")}


def test_introspect(tmp_path):
    place = tmp_path / "ansible_collections/redisops/monitoring"
    place.parent.mkdir(parents=True)
    place.symlink_to(ROOT)
    found = yaml.safe_load(builder("introspect", tmp_path, "--sanitize"))
    assert names(found["python"]) == PYTHON
    assert names(found["system"]) == SYSTEM


@pytest.fixture(scope="module")
def context(tmp_path_factory):
    path = tmp_path_factory.mktemp("context")
    builder("create", "--file", ROOT / "execution-environment.yml", "--context", path)
    return path


def test_context_of_our_image(context):
    assert names((context / "_build/requirements.txt").read_text().splitlines()) == PYTHON
    assert names((context / "_build/bindep.txt").read_text().splitlines()) == SYSTEM
    collections = yaml.safe_load((context / "_build/requirements.yml").read_text())["collections"]
    assert [one["name"] for one in collections] == ["redisops.monitoring"]


def test_our_image_has_an_ansible_that_we_support(context):
    least = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["requires_ansible"]
    [line] = re.findall(r'^ARG ANSIBLE_INSTALL_REFS="(.*)"', (context / "Containerfile").read_text(), re.M)
    assert line.startswith("ansible-core%s," % least.removesuffix(".0"))
