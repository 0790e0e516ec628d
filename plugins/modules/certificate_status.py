#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: certificate_status
short_description: Which certificates of a host have to be issued, and which secrets differ
version_added: 1.0.0
description:
  - Looks at certificates and keys in a directory of the host and says which are missing, damaged, of another CA, for
    other names, or have less than a third of their life left. Changes nothing.
  - Says as well which files of secrets are no longer what the settings say, because a password was changed.
  - It is what the role C(certificates) asks before it issues any.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes.read_only
options:
  directory:
    description: Directory with C(ca.crt), and a C(.crt) and a C(.key) for each of the O(certificates).
    type: path
    required: true
  certificates:
    description: What there should be.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the files, without their ending.
        type: str
        required: true
      names:
        description: Host names and addresses that the certificate carries. The address of the default route is added.
        type: list
        elements: str
        required: true
      usage:
        description: Extended key usages, returned as they are.
        type: list
        elements: str
        default: []
  authority:
    description:
      - Certificate of the CA as PEM text, on the host that signs. Empty for the one in C(../ca/ca.crt), which counts
        only with its key C(../ca/ca.key) and with at least a third of its life left.
      - Not given on other hosts.
    type: str
  ca:
    description: Certificate of the CA that is wanted, where it is not yet the directory's C(ca.crt).
    type: str
    default: ""
  new_authority:
    description: Another CA is wanted than the one in C(../ca/ca.crt).
    type: bool
    default: false
  days:
    description: Days that certificates are valid for, if the CA does not end before.
    type: int
    default: 397
  secrets:
    description: Files of secrets, with the SHA-256 that they should have.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The file. One that is not there counts as right.
        type: path
        required: true
      sha256:
        description: Hexadecimal digits.
        type: str
        required: true
  copied:
    description: CA file on this host that other hosts get a copy of.
    type: str
    default: ""
  private:
    description: Keys that not everybody should be able to read. A warning names those that everybody can.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Check the certificates
  redisops.monitoring.certificate_status:
    directory: /etc/redisops/tls
    certificates:
      - name: server
        names: [redis-node-1a, 10.0.1.102, localhost, 127.0.0.1]
        usage: [serverAuth]
"""

RETURN = r"""
issue:
  description: The certificates that have to be issued.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name of the files.
      type: str
    reason:
      description: Why.
      type: str
    names:
      description: The names as the subject alternative names that a request takes.
      type: list
      elements: str
      sample: ["DNS:redis-node-1a", "IP:10.0.1.102"]
    usage:
      description: Extended key usages.
      type: list
      elements: str
    days:
      description: Days that it can be valid for.
      type: int
ca:
  description: Content of the directory's C(ca.crt), or an empty text.
  type: str
  returned: success
authority:
  description: Certificate of the CA, on the host where certificates are signed. Empty where it has to be made.
  type: str
  returned: success
in_use:
  description: The certificates in RV(ca) that certificates of this host are issued by.
  type: list
  elements: str
  returned: success
outdated:
  description: The files of O(secrets) that hold something else.
  type: list
  elements: str
  returned: success
time:
  description: The clock of the host, in seconds since 1970.
  type: float
  returned: success
copied:
  description: Content of the file O(copied), or an empty text.
  type: str
  returned: success
redis_ca:
  description: Content of the directory's C(redis_ca.crt), or an empty text.
  type: str
  returned: success
cryptography:
  description: Whether Python has the library that keys are made with.
  type: bool
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import _certificate_status


def main():
    text = dict(type="str", required=True)
    texts = dict(type="list", elements="str")
    module = AnsibleModule(
        argument_spec=dict(
            directory=dict(type="path", required=True),
            certificates=dict(
                type="list",
                elements="dict",
                required=True,
                options=dict(name=text, names=dict(texts, required=True), usage=dict(texts, default=[])),
            ),
            authority=dict(type="str"),
            new_authority=dict(type="bool", default=False),
            ca=dict(type="str", default=""),
            days=dict(type="int", default=397),
            secrets=dict(
                type="list",
                elements="dict",
                default=[],
                no_log=False,  # the hashes are, names are not secret
                options=dict(
                    path=dict(type="path", required=True), sha256=dict(type="str", required=True, no_log=True)
                ),
            ),
            copied=dict(type="str", default=""),
            private=dict(type="list", elements="path", default=[], no_log=False),
        ),
        supports_check_mode=True,
    )
    result = _certificate_status.status(module.params)
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(changed=module.check_mode and bool(result["issue"]), **result)


if __name__ == "__main__":
    main()
