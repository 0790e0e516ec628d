# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible_collections.redisops.monitoring.plugins.inventory.ec2_tags import InventoryModule

ID = {"instance_id": "i-1"}
NEW, OLD = {"Role": "redis"}, {"Role": "old"}


@pytest.mark.parametrize(
    ("variables", "left"),
    [
        ({**ID, "tags": OLD}, {**ID, "ec2_tags": OLD}),  # amazon.aws before 11.2
        ({**ID, "tags": OLD, "ec2_tags": NEW}, {**ID, "ec2_tags": NEW}),
        ({**ID, "ec2_tags": NEW}, {**ID, "ec2_tags": NEW}),
        ({"tags": ["a variable of somebody's own"]}, {"tags": ["a variable of somebody's own"]}),
        ({}, {}),
    ],
)
def test_tags_get_a_name_of_their_own(tmp_path, variables, left):
    path = tmp_path / "ec2_tags.yml"
    path.write_text("plugin: redisops.monitoring.ec2_tags\n")
    inventory = InventoryData()
    inventory.add_host("one")
    for name, value in variables.items():
        inventory.set_variable("one", name, value)
    plugin = InventoryModule()
    plugin._load_name = plugin.NAME
    plugin._redirected_names = [plugin.NAME]
    assert plugin.verify_file(str(path)) and not plugin.verify_file(str(tmp_path / "aws_ec2.yml"))
    plugin.parse(inventory, DataLoader(), str(path))
    found = dict(inventory.hosts["one"].vars)
    assert {name: found.get(name) for name in left} == left and ("tags" in found) is ("tags" in left)
