# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody answered in a survey of AWX comes as an empty text: the default, for every option of every role."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.redisops.monitoring.plugins.lookup.settings import LookupModule
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core, _options

ROOT = Path(__file__).resolve().parents[5]
ROLES = {
    path.parents[1].name: yaml.safe_load(path.read_text())["argument_specs"]
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml"))
}
KNOWN = {"inventory_hostname": "one", "hostvars": {}, "monitoring_cluster": "redis-prod"}


def settings(role, **given):
    raw = {**KNOWN, **given}
    found, dummy = _ansible.context([role], raw, Templar(DataLoader(), variables=raw))
    return _core.read(role, found)


@pytest.mark.parametrize("blank", ["", "  "])
@pytest.mark.parametrize("role", ROLES)
def test_an_empty_answer_is_the_default(role, blank):
    options = {name: one for name, one in ROLES[role]["main"]["options"].items() if name not in KNOWN}
    (wanted, faults), (found, blank_faults) = settings(role), settings(role, **dict.fromkeys(options, blank))
    assert blank_faults == faults  # such as a password that is needed
    kept = {name for name in wanted if found[name] != wanted[name]}
    assert kept == {name for name in kept if "Empty" in str(options[name]["description"])}
    assert all(found[name] == blank for name in kept)


def test_an_empty_answer_for_what_has_to_be_given():
    dummy, faults = settings("power", monitoring_cluster="")
    assert faults == {"monitoring_cluster": ["monitoring_cluster is not set"]}


def test_an_empty_text_that_means_something_stays():
    found, dummy = settings("doctor", doctor_report_dir="", doctor_timeout="")
    assert (found["doctor_report_dir"], found["doctor_timeout"]) == ("", 20)


def test_the_lookup_gives_tasks_the_same():
    raw = {**KNOWN, "incident_since": "", "incident_doctor": "no"}
    lookup = LookupModule(loader=DataLoader(), templar=Templar(DataLoader(), variables=raw))
    (found,) = lookup.run(["incident"], raw)
    assert (found["incident_since"], found["incident_doctor"]) == ("1h", False)


def has_default(option):
    """Whether an empty text and the default are two things, for tasks that would read the variable itself."""
    return bool(option.get("default")) and _options.is_blank("", option)


@pytest.mark.parametrize("role", [role for role in ROLES if (ROOT / "roles" / role / "tasks").exists()])
def test_tasks_read_settings_and_not_what_a_survey_sent(role):
    options = [name for name, option in ROLES[role]["main"]["options"].items() if has_default(option)]
    for path in [*(ROOT / "roles" / role).glob("tasks/*.yml"), *(ROOT / "roles" / role).glob("vars/*.yml")]:
        for line in path.read_text().splitlines():
            for expression in re.findall(r"\{\{.*?\}\}|when: .*|that: .*", line):
                read = set(re.findall(r"(?<![\w.'\"-])(\w+)(?![\w(=])", re.sub(r"'[^']*'", "''", expression)))
                assert not read & set(options), f"{path.relative_to(ROOT)}: {line}"


def test_an_empty_answer_for_a_silence():
    """Its options have no defaults in the role, which nobody else should need."""
    text = (ROOT / "roles/alertmanager/tasks/silence.yml").read_text()
    given = re.findall(r"(silence_\w+) \| default\((.*?)\)", text)
    assert {name for name, _default in given} == set(ROLES["alertmanager"]["silence"]["options"])
    assert all(default in ("''", "[]") or default.endswith(", true") for _name, default in given)


def roles_of(items):
    for item in items or []:
        yield from roles_of(item.get("block"))
        for key in ("ansible.builtin.import_role", "ansible.builtin.include_role"):
            if key in item:
                yield item[key]


def test_playbooks_leave_the_judgement_to_the_roles_own_settings():
    """Ansible's own check of argument specs finds that an empty text is no number, no boolean, none of the choices."""
    seen = 0
    for path in [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "roles").glob("*/tasks/*.yml")]:
        content = yaml.safe_load(path.read_text()) or []
        lists = [content] if path.parent.name == "tasks" else [play.get("tasks") for play in content]
        assert not [play for play in content if "roles" in play]
        for one in (one for items in lists for one in roles_of(items)):
            role = one["name"].rpartition(".")[2]
            if one.get("tasks_from", "main") in ROLES.get(role, {}):
                seen += 1
                assert one.get("rolespec_validate") is False, f"{path.relative_to(ROOT)}: {role}"
    assert seen > 15
