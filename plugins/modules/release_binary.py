#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: release_binary
short_description: Installs programs from an upstream release archive
version_added: 1.0.0
author:
  - redisops.monitoring contributors (@redisops)
description:
  - Installs named programs from a release archive, such as those that Prometheus and its exporters publish on GitHub or
    that a mirror holds.
  - The archive is verified by its SHA-256 before anything of it is used, and the programs must be built for the
    architecture of the host.
  - Each version gets a directory of its own below O(root). The link C(current) is switched to it in one step, so a
    service that runs C(<root>/current/<binary>) finds the old version or the new one, never half of one. A run that
    fails or is killed leaves C(current) as it was, and the next run tidies up.
  - Versions that are still there are switched to without a download, which makes going back quick. The link C(previous)
    names the version that was current before.
  - A version that is installed and intact needs no connection. Its programs are hashed on every run. One that was
    changed, removed or given another mode or owner is installed anew.
requirements:
  - Linux on the managed host, amd64 or arm64
extends_documentation_fragment: redisops.monitoring._attributes
attributes:
  check_mode:
    details: Nothing is downloaded, so what only the archive can tell, such as a wrong checksum, does not show.
  platform:
    platforms: linux
options:
  name:
    description:
      - Name of the program or group of programs. It gives O(root) its default.
    type: str
    required: true
  version:
    description:
      - Version to install or remove; the name of its directory below O(root).
    type: str
    required: true
  binaries:
    description:
      - File names of the programs to install, wherever they lie inside the archive.
      - More than one file of such a name in the archive is an error, because the right one cannot be told.
    type: list
    elements: str
    required: true
  url:
    description:
      - Where the archive is, V(http://) or V(https://).
      - The archive is a C(tar.gz).
      - Redirects are followed, but not from V(https://) to V(http://).
      - User, password and query of the URL are masked in what the module returns and logs. O(url_username) and
        O(url_password) keep them out of it altogether.
      - Mutually exclusive with O(src).
    type: str
  src:
    description:
      - Path of the archive on the managed host, instead of O(url).
    type: path
  checksum:
    description:
      - What the archive is verified by, which is V(sha256:<64 hex digits>), or the URL or absolute path (on the managed
        host) of a checksum file that lists the archive's file name. V(sha256:) may stand in front of the latter too.
      - A checksum file has lines as C(sha256sum) writes them. One that is called like the archive, for example
        V(tool.tar.gz.sha256), may hold the digest alone.
      - Required unless the version is installed and intact; nothing is ever installed unverified.
      - A digest that differs from that of the installed version's archive has the version installed anew. A checksum
        file is read only when there is something to install.
      - A checksum file that lies beside the archive proves that the download is complete. Only a digest that you pinned
        proves that nobody replaced both, in particular where O(url) is V(http://).
    type: str
  root:
    description:
      - Directory that the versions are installed below; C(/opt/<name>) when not set.
      - It holds one program or group. One that others than root can write to is made C(root:root 0755), or refused when
        it holds anything else.
    type: path
  keep:
    description:
      - How many versions to keep, the current one included. The ones installed longest ago are removed, but never the
        current and the previous one, and never what this module did not install.
    type: int
    default: 2
  timeout:
    description:
      - Seconds to wait for the server, for the connection and for each piece of the answer.
    type: int
    default: 30
  state:
    description:
      - V(present) installs the version if need be and makes it the current one.
      - V(absent) removes the version, the link C(current) when it leads to it, and O(root) when nothing else is left
        there.
    type: str
    choices: [present, absent]
    default: present
  headers:
    description:
      - HTTP headers to send. Like O(url_username) and O(url_password), they are sent to the server of O(url) (of
        O(checksum) when there is no O(url)) and not to others that it redirects to.
    type: dict
  url_username:
    description:
      - User name for HTTP basic authentication.
    type: str
  url_password:
    description:
      - Password for HTTP basic authentication.
    type: str
  force_basic_auth:
    description:
      - Has no effect. O(url_username) and O(url_password) are always sent without being asked for.
    type: bool
    default: false
  validate_certs:
    description:
      - Whether to verify the server's certificate. For a private CA give O(ca_path).
    type: bool
    default: true
  ca_path:
    description:
      - PEM file on the managed host with the CA certificates to verify the server by, instead of the system's.
    type: path
  client_cert:
    description:
      - PEM file on the managed host with the client certificate for TLS; it may hold the key too.
    type: path
  client_key:
    description:
      - PEM file on the managed host with the key of O(client_cert).
    type: path
  use_proxy:
    description:
      - Whether to use the proxy that the environment of the task names (E(http_proxy), E(https_proxy), E(no_proxy)).
    type: bool
    default: true
notes:
  - Installed programs and directories are C(root:root), mode C(0755), whatever the archive says. When the module does
    not run as root, they belong to the user who runs it.
  - While it works, the module holds a lock in O(root). A second run at the same time waits for the first.
seealso:
  - module: ansible.builtin.get_url
  - module: ansible.builtin.unarchive
"""

EXAMPLES = r"""
- name: Install redis_exporter, verified by the release's own checksum file
  redisops.monitoring.release_binary:
    name: redis_exporter
    version: 1.86.0
    binaries:
      - redis_exporter
    url: "{{ release }}/redis_exporter-v1.86.0.linux-amd64.tar.gz"
    checksum: "{{ release }}/sha256sums.txt"
  vars:
    release: https://github.com/oliver006/redis_exporter/releases/download/v1.86.0

- name: Install Prometheus from a mirror, verified by a pinned digest
  redisops.monitoring.release_binary:
    name: prometheus
    version: 3.5.3
    binaries:
      - prometheus
      - promtool
    url: https://mirror.example.com/prometheus/prometheus/releases/download/v3.5.3/prometheus-3.5.3.linux-arm64.tar.gz
    checksum: sha256:0c4bd0c0c3a4e5f1c2b0c1d6d8f3f1b64f1ad5f1b3f0a2d9b8c7e6f5a4b3c2d1
    ca_path: /etc/ssl/certs/example-ca.pem

- name: Install from an archive that lies on the host
  redisops.monitoring.release_binary:
    name: alertmanager
    version: 0.28.1
    binaries: [alertmanager, amtool]
    src: /srv/artefacts/alertmanager-0.28.1.linux-amd64.tar.gz
    checksum: /srv/artefacts/sha256sums.txt

- name: Go back to the version before, which is still there
  redisops.monitoring.release_binary:
    name: redis_exporter
    version: 1.85.0
    binaries: [redis_exporter]

- name: Remove a version
  redisops.monitoring.release_binary:
    name: redis_exporter
    version: 1.85.0
    binaries: [redis_exporter]
    state: absent
"""

RETURN = r"""
path:
  description: The link to the current version, C(<root>/current).
  returned: success
  type: str
  sample: /opt/redis_exporter/current
version:
  description: The version asked for; with O(state=present) the current one.
  returned: success
  type: str
  sample: 1.86.0
previous_version:
  description: The version that was current before and is still installed, to go back to; V(null) when there is none.
  returned: success
  type: str
  sample: 1.85.0
switched:
  description:
    - Whether this run switched from RV(previous_version) to another version.
    - Not so when it installed the first version, or repaired the one that was there.
  returned: success
  type: bool
  sample: true
archive_sha256:
  description:
    - SHA-256 of the archive that the version was installed from.
    - V(null) with O(state=absent), and in check mode when only a checksum file knows it.
  returned: success
  type: str
  sample: 0c4bd0c0c3a4e5f1c2b0c1d6d8f3f1b64f1ad5f1b3f0a2d9b8c7e6f5a4b3c2d1
downloaded:
  description: Whether this run downloaded the archive.
  returned: success
  type: bool
  sample: false
diff:
  description: Versions before and after, and what of an installed version had to be repaired.
  returned: success
  type: dict
  sample:
    before_header: /opt/redis_exporter
    before: |
      current: 1.85.0
      versions: 1.85.0
    after_header: /opt/redis_exporter
    after: |
      current: 1.86.0
      versions: 1.85.0, 1.86.0
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._release.common import ReleaseError
from ..module_utils._release.download import is_url, mask_url
from ..module_utils._release.installation import Installation, disk_error
from ..module_utils._release.source import Source
from ..module_utils._text import one_line


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "version": {"type": "str", "required": True},
            "binaries": {"type": "list", "elements": "str", "required": True},
            "url": {"type": "str"},
            "src": {"type": "path"},
            "checksum": {"type": "str"},
            "root": {"type": "path"},
            "keep": {"type": "int", "default": 2},
            "timeout": {"type": "int", "default": 30},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "headers": {"type": "dict", "no_log": True},
            "url_username": {"type": "str"},
            "url_password": {"type": "str", "no_log": True},
            "force_basic_auth": {"type": "bool", "default": False},
            "validate_certs": {"type": "bool", "default": True},
            "ca_path": {"type": "path"},
            "client_cert": {"type": "path"},
            "client_key": {"type": "path", "no_log": False},
            "use_proxy": {"type": "bool", "default": True},
        },
        mutually_exclusive=[("url", "src")],
        supports_check_mode=True,
        no_log=True,  # logged below instead, when URLs are masked
    )
    params = dict(module.params)
    for option in ("url", "checksum"):
        if params[option] and is_url(params[option]):
            module.params[option] = mask_url(params[option])
    module.no_log = False
    log = "state={state} name={name} version={version} root={root} url={url} src={src}".format(**module.params)
    module.log(one_line(log, 1000))
    try:
        installation = Installation(params)
        if params["state"] == "absent":
            result = installation.absent(module.check_mode)
        else:
            result = installation.present(Source(params), module.check_mode)
    except (OSError, ReleaseError) as err:
        cause = disk_error(err, installation.root) if isinstance(err, OSError) else err
        module.fail_json(msg=one_line(f"{params['name']} {params['version']}: {cause}", 1000))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
