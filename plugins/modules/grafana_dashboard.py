#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: grafana_dashboard
short_description: Manage one dashboard of Grafana
version_added: 1.0.0
description:
  - Stores a dashboard from grafana.com or a mirror of it, from a file, a URL or the task itself, under a UID of your
    own. Its folder is created when it is missing. Or removes a dashboard.
  - Inputs of exported dashboards, such as C(${DS_PROMETHEUS}), are replaced by the values in O(inputs).
  - An unchanged dashboard takes one request, or two when its O(folder) is given by title. Loading from grafana.com or a
    URL is one more, to that server.
  - The module marks what it stores in the message of the version, as in C(Stored by Ansible [redisops 0123456789abcdef
    v3]). A newer version without this mark was saved by somebody else, and O(on_drift) says what to do with it.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - redisops.monitoring.grafana
  - redisops.monitoring.grafana.login
attributes:
  diff_mode:
    details: Names panels, queries and variables.
options:
  uid:
    description:
      - UID of the dashboard, 1 to 40 of the characters a-z, A-Z, 0-9, - and _. The one in the dashboard itself unless
        this is set. Dashboards on grafana.com often share a UID, so give them one of your own.
      - Required with O(state=absent).
    type: str
  gnet_id:
    description: Number of a dashboard on grafana.com. Needs O(revision).
    type: int
  revision:
    description: Revision of O(gnet_id). There is no latest, because what is not pinned changes by itself.
    type: int
  path:
    description: JSON file on the host that the module runs on.
    type: path
  dashboard_url:
    description:
      - URL of a JSON file. Its certificate is verified with O(source_ca_path).
      - A proxy in the environment, such as C(https_proxy), is used for this and for O(mirror_url).
    type: str
  definition:
    description:
      - The dashboard itself.
      - Ansible takes a legend such as C({{ instance }}) for a template of its own. Dashboards that have any are better
        given by O(path), or read with P(ansible.builtin.file#lookup).
    type: dict
  sha256:
    description:
      - Digest that the loaded dashboard has to have, of its canonical form. That is JSON with sorted keys, without
        white space and with other characters than ASCII escaped. RV(sha256) gives it.
    type: str
  mirror_url:
    description:
      - Server to load O(gnet_id) from. The path is that of grafana.com,
        C(api/dashboards/<id>/revisions/<revision>/download) below this URL.
    type: str
    default: https://grafana.com
  source_ca_path:
    description: File with the CA certificates for O(mirror_url) and O(dashboard_url). Those of the system without it.
    type: path
  source_url_username:
    description: User for a server of O(mirror_url) or O(dashboard_url) that takes a login. It is sent to no other.
    type: str
    version_added: 1.0.0
  source_url_password:
    description: Password of O(source_url_username).
    type: str
    version_added: 1.0.0
  source_client_cert:
    description: Client certificate for that server. The file may hold the key too.
    type: path
    version_added: 1.0.0
  source_client_key:
    description: Key of O(source_client_cert).
    type: path
    version_added: 1.0.0
  source_use_proxy:
    description: Use the proxy of the environment for that server.
    type: bool
    default: true
    version_added: 1.0.0
  inputs:
    description:
      - Values for the inputs that the dashboard declares in C(__inputs), by name. For a data source that is its UID.
        Constants have a default.
      - C(${NAME}) is replaced in every string. C($NAME), which is a template variable, is left alone, and so is the
        definition of a template variable of that name.
      - Inputs that the dashboard does not have are ignored, so one set can serve many.
    type: dict
    default: {}
  overrides:
    description:
      - Top-level keys of the dashboard to replace after loading, for instance its C(title), C(time) or C(refresh).
    type: dict
    default: {}
  folder:
    description:
      - Title of the folder. Created when it is missing. V(General) is the root.
      - A slash separates levels. This needs Grafana 11 or newer, or 10 with nested folders switched on.
      - Without this and O(folder_uid) the dashboard stays where it is, and a new one lands in the root.
    type: str
  folder_uid:
    description:
      - UID of the folder. Created when it is missing, with the title in O(folder), or its UID for a title.
    type: str
  commit_message:
    description: Message of the version, in the history of the dashboard.
    type: str
  overwrite:
    description:
      - What to do when Grafana says no because somebody else stored another version at the same moment, or, before
        Grafana 11, because another dashboard in the folder has the same title. The default is to fail.
      - V(true) stores it all the same. The other dashboard with the same title is deleted then.
    type: bool
    default: false
  on_drift:
    description:
      - What to do when somebody changed, saved or moved the dashboard since the module stored it, or when the module
        never stored the dashboard with this UID.
      - V(restore) puts it back, V(keep) leaves it and warns, V(fail) fails. All of them name the version, who saved it,
        and what differs.
      - A save in the web pages counts, also one without an edit. Grafana stores a dashboard of an older schema in its
        own schema then, and Grafana 13 stores schema v2.
    type: str
    choices: [restore, keep, fail]
    default: restore
  state:
    description: Whether the dashboard shall exist. Folders are never removed.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: redisops.monitoring.grafana_datasource
"""

EXAMPLES = r"""
- name: Dashboard 11835 of grafana.com, pinned by revision and content
  redisops.monitoring.grafana_dashboard:
    url: https://grafana.example.com:3000
    token: "{{ grafana_token }}"
    uid: redis-11835
    gnet_id: 11835
    revision: 1
    sha256: 9ad90c516c051b5592296a587f217994a9e8d6aee3e4c78ec990075c1d3e3d45
    inputs:
      DS_PROMETHEUS: prometheus  # UID of the data source
    overrides:
      time: {from: now-1h, to: now}
    folder: Redis

- name: The same from a mirror, for hosts without internet
  redisops.monitoring.grafana_dashboard:
    url: https://grafana.example.com:3000
    token: "{{ grafana_token }}"
    uid: redis-11835
    gnet_id: 11835
    revision: 1
    mirror_url: https://mirror.example.com
    inputs:
      DS_PROMETHEUS: prometheus
    folder: Redis/Imported

- name: From a file, and never over somebody's edits
  redisops.monitoring.grafana_dashboard:
    url: https://grafana.example.com:3000
    token: "{{ grafana_token }}"
    path: /etc/grafana/dashboards/redis-cluster.json
    folder_uid: redis
    folder: Redis
    commit_message: "Release {{ release }}"
    on_drift: fail

- name: No test dashboard
  redisops.monitoring.grafana_dashboard:
    url: https://grafana.example.com:3000
    token: "{{ grafana_token }}"
    uid: test
    state: absent
"""

RETURN = r"""
uid:
  description: UID of the dashboard.
  returned: when it is known
  type: str
  sample: redis-11835
dashboard_url:
  description: Where to look at it.
  returned: when it exists
  type: str
  sample: https://grafana.example.com:3000/d/redis-11835/redis
version:
  description: Its version, as Grafana counts.
  returned: when it exists
  type: int
  sample: 3
folder_uid:
  description: UID of its folder, empty for the root.
  returned: when O(state=present)
  type: str
  sample: redis-1f3870
sha256:
  description: Digest of the source in canonical form, for O(sha256).
  returned: when O(state=present)
  type: str
  sample: 9ad90c516c051b5592296a587f217994a9e8d6aee3e4c78ec990075c1d3e3d45
drift:
  description: What happened to the dashboard since the module stored it.
  returned: when something did
  type: dict
  contains:
    kind:
      description:
        - V(edited) by hand, V(moved) to another folder, or V(foreign) when it was never stored by the module.
        - V(saved_from_ui) when somebody saved it in the web pages, and Grafana stored another schema.
        - V(migrated) when Grafana stored what the module sent in a newer schema. This is no change.
      type: str
    by:
      description: Who stored the present version, as far as Grafana says.
      type: str
    at:
      description: When.
      type: str
    version:
      description: The present version.
      type: int
    edits:
      description: The places that differ.
      type: list
      elements: str
  sample: {kind: edited, by: alice, at: "2026-11-23T22:44:27Z", version: 4, edits: ["panels[Uptime].title"]}
msg:
  description: What happened, in one line.
  returned: when there is something to say
  type: str
  sample: 'edited by hand by alice at 2026-11-23T22:44:27Z (version 4): panels[Uptime].title; put back'
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils._grafana import module as grafana
from ..module_utils._grafana.dashboard import Dashboard


def main():
    sources = ("gnet_id", "path", "dashboard_url", "definition")
    options = {
        "uid": {"type": "str"},
        "gnet_id": {"type": "int"},
        "revision": {"type": "int"},
        "path": {"type": "path"},
        "dashboard_url": {"type": "str"},
        "definition": {"type": "dict"},
        "sha256": {"type": "str"},
        "mirror_url": {"type": "str", "default": "https://grafana.com"},
        "source_ca_path": {"type": "path"},
        "source_url_username": {},
        "source_url_password": {"no_log": True},
        "source_client_cert": {"type": "path"},
        "source_client_key": {"type": "path", "no_log": False},
        "source_use_proxy": {"type": "bool", "default": True},
        "inputs": {"type": "dict", "default": {}},
        "overrides": {"type": "dict", "default": {}},
        "folder": {"type": "str"},
        "folder_uid": {"type": "str"},
        "commit_message": {"type": "str"},
        "overwrite": {"type": "bool", "default": False},
        "on_drift": {"type": "str", "choices": ["restore", "keep", "fail"], "default": "restore"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    }
    arguments = grafana.arguments(
        options,
        mutually_exclusive=[sources],
        required_together=[("gnet_id", "revision")],
        required_if=[("state", "present", sources, True), ("state", "absent", ["uid"])],
    )
    grafana.run(AnsibleModule(**arguments), Dashboard)


if __name__ == "__main__":
    main()
