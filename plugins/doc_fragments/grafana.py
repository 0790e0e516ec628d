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
      - Base URL of Grafana, with its sub-path where it is served below one. It must not hold a user name or password.
      - Grafana is asked directly. A proxy in the environment, such as C(http_proxy), is not used.
    type: str
    required: true
    aliases: [grafana_url]
  ca_path:
    description:
      - File with the CA certificates that Grafana's certificate is verified with, in PEM format. Those that the host
        trusts unless this is set.
    type: path
  client_cert:
    description: Certificate to show to Grafana or a reverse proxy before it, in PEM format. May hold the key as well.
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
        A request that creates something is repeated only when nothing was created.
    type: int
    default: 10
notes:
  - Works with Grafana 9 to 13.
"""

    # Who asks
    LOGIN = r"""
options:
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
      - File with the token, on the host that the module runs on. Use it instead of O(token) where the token must not
        leave that host, as with the file that M(redisops.monitoring.grafana_access) writes.
    type: path
  org_id:
    description:
      - Organisation to work in, sent as C(X-Grafana-Org-Id) with every request. The organisation that the user has
        chosen is never switched, so parallel runs do not disturb each other.
      - Not needed with O(token). If it is set all the same, servers before Grafana 12 are asked for the organisation of
        the token, which is one request more.
    type: int
attributes:
  action_group:
    description: Use C(group/redisops.monitoring.grafana) in C(module_defaults) to set the connection once.
    support: full
    membership: [redisops.monitoring.grafana]
"""
