# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""awx/ and the collection agree: playbooks, what surveys ask, what credentials give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
# Parts of others, what shows secrets, and what fills a folder on the controller.
NO_JOB = {"preflight", "summary", "credentials", "export", "mirror"}


class Loader(yaml.SafeLoader):
    pass


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@pytest.fixture(scope="module")
def configuration():
    found = {}
    for path in sorted((ROOT / "awx/configuration").glob("*.yml")):
        variables = yaml.load(path.read_text(), Loader)
        assert not set(found) & set(variables)
        found.update(variables)
    return found


@pytest.fixture(scope="module")
def options():
    """Every option of every role, entry points other than main included."""
    found = {}
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            found.update(entry.get("options") or {})
    return found


def playbooks(directory):
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / directory).glob("*.yml"))}


def test_every_playbook_has_its_file_in_the_project():
    wrappers = playbooks("awx/project")
    assert set(wrappers) == set(playbooks("playbooks")) - NO_JOB
    for name, [play] in wrappers.items():
        assert play["ansible.builtin.import_playbook"] == f"redisops.monitoring.{name}"


def test_the_project_installs_this_collection():
    [wanted] = yaml.safe_load((ROOT / "awx/project/collections/requirements.yml").read_text())["collections"]
    about = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    assert wanted["name"] == f"{about['namespace']}.{about['name']}"
    least, most = re.fullmatch(r">=([\d.]+),<([\d.]+)", wanted["version"]).groups()
    numbers = [[int(part) for part in text.split(".")] for text in (least, about["version"], most)]
    assert numbers[0] <= numbers[1] < numbers[2]


def test_surveys_ask_for_options(configuration, options):
    asked = 0
    for template in configuration["controller_templates"]:
        for question in template.get("survey_spec", {}).get("spec", []):
            option = options[question["variable"]]
            asked += 1
            if question["type"] == "multiplechoice":
                kinds = option.get("choices") or {"bool": ["true", "false"]}[option["type"]]
                assert set(question["choices"]) == set(map(str, kinds)), question["variable"]
            if question.get("default") and "default" in option:
                assert question["default"] == str(option["default"]).lower(), question["variable"]
    assert asked > 20


def test_credentials_give_what_the_inventories_ask_for(configuration, options):
    given = {name for kind in configuration["controller_credential_types"] for name in kind["injectors"]["extra_vars"]}
    examples = [
        yaml.safe_load(path.read_text()) for path in ROOT.glob("inventories/*/group_vars/all/vault.yml.example")
    ]
    known = {name for example in examples for name in example}
    assert given <= known | set(options)
    small = yaml.safe_load((ROOT / "inventories/aws_ec2/group_vars/all/vault.yml.example").read_text())
    assert set(small) <= given
