# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence by the settings of the roles: what the modules are asked for, and settings that cannot be used."""

from __future__ import annotations

import types

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.redisops.monitoring.plugins.action import incident_evidence, stack_evidence

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19

    def trust_as_template(text):
        return text


VARIABLES = {
    "inventory_hostname": "redis-1",
    "group_names": ["redis"],
    "groups": {"redis": ["redis-1"], "monitoring": []},
    "hostvars": {"redis-1": {}},
    "instance_id": "i-1",
    "redis_exporter_redis_password": "secret",
}


def play(module, monkeypatch, args, fails=None, **changed):
    """The result, and the options that the module got."""
    given = []
    variables = {**VARIABLES, **changed}
    monkeypatch.setattr(module.ActionBase, "run", lambda self, tmp, task_vars: {})
    action = module.ActionModule.__new__(module.ActionModule)
    action._task = types.SimpleNamespace(args=args)
    action._loader = DataLoader()
    action._templar = Templar(loader=action._loader, variables=variables)

    def execute(name, module_args, task_vars):
        given.append(module_args)
        if fails:
            raise fails
        return {"changed": False, "problems": ["of the host"], "evidence": {}}

    action._execute_module = execute
    return action.run(task_vars=variables), given[0]


@pytest.mark.parametrize("module", [stack_evidence, incident_evidence])
def test_without_from_settings_the_options_are_those_of_the_task(module, monkeypatch):
    result, given = play(module, monkeypatch, {"timeout": 5})
    assert given == {"timeout": 5}
    assert result == {"changed": False, "problems": ["of the host"], "evidence": {}}


def test_options_of_the_task_come_before_those_of_the_settings(monkeypatch):
    result, given = play(stack_evidence, monkeypatch, {"from_settings": True, "peers": ["10.0.0.9"]})
    assert given["peers"] == ["10.0.0.9"]
    assert given["redis_exporter"]["redis_password"] == "secret"
    assert (result["settings"]["instance_id"], result["faults"]) == ("i-1", [])
    assert "secret" not in str(result)
    result, given = play(incident_evidence, monkeypatch, {"from_settings": "yes", "units": []})
    assert given["units"] == [] and given["secrets"] == ["secret"]


def test_settings_that_cannot_be_used_are_told_and_left_at_their_defaults(monkeypatch):
    wrong = {
        "redis_exporter_redis_user": trust_as_template("{{ nobody_set_this }}"),
        "redis_exporter_port": "many",
    }
    result, given = play(stack_evidence, monkeypatch, {"from_settings": True}, **wrong)
    user, port = sorted(result["faults"], reverse=True)
    assert user.startswith("redis_exporter_redis_user cannot be read: ") and "nobody_set_this" in user
    assert port == "redis_exporter_port is many, not a whole number"
    assert given["redis_exporter"]["port"] == 9121
    result, given = play(incident_evidence, monkeypatch, {"from_settings": True}, **wrong)
    assert len(result["problems"]) == 3 and result["problems"][0] == "of the host"


def test_an_address_that_makes_no_sense(monkeypatch):
    wrong = {"redis_exporter_redis_addr": "nowhere"}
    for module, key in ((stack_evidence, "faults"), (incident_evidence, "problems")):
        result, given = play(module, monkeypatch, {"from_settings": True}, **wrong)
        assert "nowhere has no scheme" in result[key][-1]
        assert "redis_exporter" not in given and "redis" not in given


def test_a_host_that_cannot_be_reached_has_its_settings(monkeypatch):
    result, given = play(stack_evidence, monkeypatch, {"from_settings": True}, AnsibleConnectionFailure("timed out"))
    assert (result["unreachable"], result["msg"]) == (True, "timed out")
    assert result["settings"]["instance_id"] == "i-1"
    assert result["settings"]["wanted"] == {"port": 9121}  # of that, what is not compared with evidence
