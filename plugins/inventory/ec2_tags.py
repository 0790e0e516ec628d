# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: ec2_tags
short_description: The tags of EC2 instances by a name that Ansible does not reserve
version_added: 1.0.0
description:
  - Takes the variable C(tags) from the hosts that P(amazon.aws.aws_ec2#inventory) found, and leaves them C(ec2_tags),
    which amazon.aws has since 11.2.
  - C(tags) is a word of Ansible's own. As long as a host has it, every run warns of it, with the newest amazon.aws too.
  - The file of this plugin lies beside the one of P(amazon.aws.aws_ec2#inventory), and comes after it in the alphabet.
author: redisops.monitoring contributors (@redisops)
options:
  plugin:
    description: Name of this plugin.
    type: str
    required: true
    choices: [redisops.monitoring.ec2_tags]
"""

EXAMPLES = r"""
# ec2_tags.yml, in the directory of aws_ec2.yml
plugin: redisops.monitoring.ec2_tags
"""

from ansible.plugins.inventory import BaseInventoryPlugin


class InventoryModule(BaseInventoryPlugin):
    NAME = "redisops.monitoring.ec2_tags"

    def verify_file(self, path):
        return super().verify_file(path) and path.endswith(("ec2_tags.yml", "ec2_tags.yaml"))

    def parse(self, inventory, loader, path, cache=True):
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        for host in inventory.hosts.values():
            if "instance_id" in host.vars and "tags" in host.vars:
                host.vars.setdefault("ec2_tags", host.vars["tags"])
                del host.vars["tags"]
