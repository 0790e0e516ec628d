# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """How the grafana_* modules reach Grafana."""

    DOCUMENTATION = r"""
options:
  url:
    description:
      - Base URL of Grafana, with its sub-path where it is served below one.
      - Credentials do not belong into it; use O(url_username) and O(url_password) or O(token).
    type: str
    required: true
    aliases: [grafana_url]
  url_username:
    description: User to log in as. Use it with O(url_password), instead of O(token).
    type: str
    aliases: [grafana_user]
  url_password:
    description:
      - Password of O(url_username). There is no default.
      - It is tried once in a run and never guessed, because after five wrong passwords within five minutes Grafana
        refuses the right one too.
    type: str
    aliases: [grafana_password]
  token:
    description: Token of a service account. Preferred to a password; it belongs to one organisation.
    type: str
    aliases: [grafana_api_key]
  token_path:
    description:
      - File with the token, on the host that the module runs on. Use it instead of O(token) where the token shall not
        leave that host, as with what M(redisops.monitoring.grafana_access) leaves there.
    type: path
  org_id:
    description:
      - Organisation to work in, sent as C(X-Grafana-Org-Id) with every request. The organisation that the user has
        chosen for itself is never switched, so that parallel runs do not disturb each other.
      - Needs no setting with O(token). Where it is set all the same, servers before Grafana 12 are asked for the
        organisation of the token, which is one request more.
    type: int
  ca_path:
    description: File with the CA certificates that Grafana's certificate is checked against, in PEM format.
    type: path
  client_cert:
    description: Certificate to show to Grafana, or to a proxy before it, in PEM format; may hold the key as well.
    type: path
  client_key:
    description: Private key of O(client_cert).
    type: path
  validate_certs:
    description: Whether to verify Grafana's certificate. There is rarely a reason not to; set O(ca_path) instead.
    type: bool
    default: true
  timeout:
    description:
      - How many seconds to wait for each answer.
      - A request that meets a refused or cut connection, status 429 or a server error is repeated up to three times.
        What creates something is repeated only after a look whether the first try arrived.
    type: int
    default: 10
notes:
  - Works with Grafana 9 to 13. Only endpoints by UID are used.
  - Put the connection into C(module_defaults) of C(group/redisops.monitoring.grafana) to give it once for all tasks.
"""
