#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_release
short_description: Install one pinned version of a package from a repository with a pinned key
version_added: 1.0.0
description:
  - Installs one version of a Debian package from a repository of its own or from a file, and holds it.
  - The repository's signing key is checked against O(fingerprints) before apt reads it. The keyring holds only the keys
    named there, and is trusted for this repository only.
  - Only the package lists of this repository are updated, which works on hosts that reach nothing but a mirror. The
    others are updated when dependencies are missing.
  - If the host has the version, the key and the repository already, nothing is changed and no server is asked.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
attributes:
  check_mode:
    details: Whether the repository has the version is not known before a real run.
  diff_mode:
    details: Shows the version, the keys and the repository.
  platform:
    platforms: debian
    details: Debian 11 and Ubuntu 22.04, or newer.
options:
  name:
    description: Name of the package. The repository's file and keyring are named after it.
    type: str
    required: true
  version:
    description: Version of the package, as C(apt-cache madison) lists it.
    type: str
    required: true
  deb:
    description: Package file on the host to install instead. No repository is set up or asked then.
    type: path
  repository:
    description: URL of the repository.
    type: str
  suite:
    description: Suite of the repository.
    type: str
    default: stable
  components:
    description: Components of the repository.
    type: list
    elements: str
    default: [main]
  key:
    description: URL of the signing key, or its path on the host. C(gpg.key) below O(repository) unless this is set.
    type: str
  fingerprints:
    description: Fingerprints of the signing keys to trust, 40 hexadecimal digits each. Required with O(repository).
    type: list
    elements: str
    default: []
  url_username:
    description: User for a repository that takes a login. It is sent to the server of O(repository) only.
    type: str
  url_password:
    description: Password of O(url_username). apt has it from a file that only root reads.
    type: str
  ca_path:
    description:
      - CA file on the host that the servers of O(repository) and O(key) are verified with. Those that the host trusts
        without it. Everybody has to be able to read it, since apt is a user of its own.
    type: path
  client_cert:
    description: Client certificate on the host, for a server that asks for one. The user C(_apt) has to read it.
    type: path
  client_key:
    description: Key of O(client_cert), on the host. The user C(_apt) has to be able to read it.
    type: path
  use_proxy:
    description: Use a proxy where apt, or the environment of the task, has one.
    type: bool
    default: true
  hold:
    description: Keep apt from changing the version on its own.
    type: bool
    default: true
  allow_downgrade:
    description: Replace a newer version by an older one. Many services cannot read the data of a newer one.
    type: bool
    default: false
  timeout:
    description: Seconds to wait for the server of the key, and for other programs that use apt at the moment.
    type: int
    default: 120
"""

EXAMPLES = r"""
- name: Grafana, this version and no other
  redisops.monitoring.apt_release:
    name: grafana
    version: 12.4.0
    repository: https://apt.grafana.com
    fingerprints: [B53AE77BADB630A683046005963FA27710458545]

- name: The same from a file that is on the host already
  redisops.monitoring.apt_release:
    name: grafana
    version: 12.4.0
    deb: /var/tmp/grafana_12.4.0_amd64.deb
"""

RETURN = r"""
version:
  description: Version that is installed now, or would be.
  returned: success
  type: str
  sample: 12.4.0
previous_version:
  description: Version that was installed before, empty when there was none.
  returned: success
  type: str
  sample: 12.3.1
installed:
  description: Whether this run installed the package, or would have.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._apt import package


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "deb": {"type": "path"},
            "repository": {"type": "str"},
            "suite": {"type": "str", "default": "stable"},
            "components": {"type": "list", "elements": "str", "default": ["main"]},
            "key": {"type": "str", "no_log": False},
            "fingerprints": {"type": "list", "elements": "str", "default": []},
            "url_username": {"type": "str"},
            "url_password": {"type": "str", "no_log": True},
            "ca_path": {"type": "path"},
            "client_cert": {"type": "path"},
            "client_key": {"type": "path", "no_log": False},
            "use_proxy": {"type": "bool", "default": True},
            "hold": {"type": "bool", "default": True},
            "allow_downgrade": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 120},
        },
        required_one_of=[("deb", "repository")],
        mutually_exclusive=[("deb", "repository")],
        supports_check_mode=True,
    )
    package.run(module)


if __name__ == "__main__":
    main()
