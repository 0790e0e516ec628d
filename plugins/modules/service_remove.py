#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_remove
short_description: Take a service of this collection from a host
version_added: 1.0.0
description:
  - Stops and disables the units of a service, then deletes what M(redisops.monitoring.checked_config),
    M(redisops.monitoring.release_binary) and M(redisops.monitoring.apt_release) put on the host for it.
  - What is not ours stays and is named in RV(left). A unit that cannot be stopped fails the task before anything is
    deleted. A run that was interrupted can be started again.
  - It is what the role C(remove) is made of.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
options:
  name:
    description: Name of the service.
    type: str
    required: true
  files:
    description:
      - Files that are deleted if they have O(marker) in a comment in their first or last line.
      - Of unit files and drop-ins among them that are there, the units are stopped and disabled.
    type: list
    elements: path
    default: []
  owned:
    description: Files and directories that are deleted whatever is in them.
    type: list
    elements: path
    default: []
  directories:
    description: Directories of which files with O(marker) are deleted, and the directories that are then empty.
    type: list
    elements: path
    default: []
  parents:
    description: Directories that are deleted if they are empty at the end.
    type: list
    elements: path
    default: []
  root:
    description: Directory of the versions that M(redisops.monitoring.release_binary) installed.
    type: path
  package:
    description:
      - Debian package, which is purged together with its list and key for apt.
      - Only if one of O(files) or the list has O(marker). Configuration files of the package that were edited stay.
    type: str
  data:
    description: Directories of data, and the links to them. They stay, unless they are empty.
    type: list
    elements: path
    default: []
  kept:
    description: Directories of data that the user chose, such as volumes. They stay, also with O(remove_data).
    type: list
    elements: path
    default: []
  remove_data:
    description: Delete O(data) as well.
    type: bool
    default: false
  marker:
    description: What our files have in a comment.
    type: str
    default: Managed by redisops.monitoring
seealso:
  - module: redisops.monitoring.checked_config
  - module: redisops.monitoring.release_binary
  - module: redisops.monitoring.apt_release
"""

EXAMPLES = r"""
- name: No YACE any more
  redisops.monitoring.service_remove:
    name: yace
    files: [/etc/systemd/system/yace.service]
    directories: [/etc/yace]
    root: /opt/yace
"""

RETURN = r"""
removed:
  description: What was deleted, or would be.
  type: list
  elements: str
  returned: success
stopped:
  description: Units that were stopped and disabled, or would be.
  type: list
  elements: str
  returned: success
left:
  description: What stays, and why.
  type: list
  elements: str
  returned: success
  sample: [/var/lib/private/prometheus (data), /etc/prometheus/rules/mine.yml (not ours)]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._config.files import ConfigError
from ..module_utils._config.removal import Removal


def main():
    paths = {"type": "list", "elements": "path", "default": []}
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "files": paths,
            "owned": paths,
            "directories": paths,
            "parents": paths,
            "root": {"type": "path"},
            "package": {"type": "str"},
            "data": paths,
            "kept": paths,
            "remove_data": {"type": "bool", "default": False},
            "marker": {"type": "str", "default": "Managed by redisops.monitoring"},
        },
        supports_check_mode=True,
    )
    try:
        module.exit_json(**Removal(module).run())
    except ConfigError as err:
        module.fail_json(msg=f"{module.params['name']}: {err}")


if __name__ == "__main__":
    main()
