# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

OPTIONS = r"""
redis_addr:
  description: Address of Redis, C(rediss://HOST:PORT).
  type: str
  required: true
redis_user:
  description: ACL user of the exporter.
  type: str
  default: ""
redis_password:
  description: Its password.
  type: str
  default: ""
acl_admin_user:
  description: Account that may manage ACL users.
  type: str
  default: ""
acl_admin_password:
  description: Its password. Without it the causes of a refused login cannot be told apart.
  type: str
  default: ""
tls_ca_file:
  description: CA certificates to verify Redis with. Empty for those of the host.
  type: str
  default: ""
tls_cert_file:
  description: Client certificate of the exporter.
  type: str
  default: ""
tls_key_file:
  description: Key of the client certificate.
  type: str
  default: ""
tls_server_name:
  description: Name that the certificate of Redis has to carry. Empty for the host in its address.
  type: str
  default: ""
skip_tls_verification:
  description: Do not verify the certificate of Redis.
  type: bool
  default: false
listen_address:
  description: Address that the exporter listens on. Empty to find it out.
  type: str
  default: ""
private_address:
  description: Private address of the host as the inventory has it. Taken when C(listen_address) is empty.
  type: str
  default: ""
connection_address:
  description:
    - Address that Ansible connects to. Taken when there is no other, if it is a private address of the host.
      Else the address of the default route is taken.
  type: str
  default: ""
port:
  description: Port of the exporter.
  type: int
  default: 9121
web_tls_cert_file:
  description: Certificate of the exporter's own port. Empty for plain HTTP.
  type: str
  default: ""
web_tls_key_file:
  description: Its key.
  type: str
  default: ""
web_client_cert_file:
  description: Client certificate to ask the exporter with. Empty for that of C(tls_cert_file).
  type: str
  default: ""
web_client_key_file:
  description: Its key.
  type: str
  default: ""
web_username:
  description: User for basic authentication at the exporter's port. Empty for none.
  type: str
  default: ""
web_password:
  description: Its password.
  type: str
  default: ""
"""


def indented(text, by):
    return "".join(" " * by + line if line.strip() else line for line in text.splitlines(keepends=True))


class ModuleDocFragment:
    """What an exporter is and how Redis is reached: options of a module, or suboptions of its option redis_exporter."""

    # Annotated, since the checks of ansible-test take a plain assignment for a literal.
    DOCUMENTATION: str = "options:" + indented(OPTIONS, 2)

    SUBOPTIONS: str = r"""
options:
  redis_exporter:
    description: What is wanted of the exporter of this host. Leave it out on a host that is no Redis node.
    type: dict
    suboptions:""" + indented(OPTIONS, 6)
