#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mirror
short_description: Fetch every artefact of the stack into a folder
version_added: 1.0.0
description:
  - Fills a folder with the release archives, Grafana's packages and the dashboards that the collection installs by
    default, laid out as upstream has them. A web server that serves the folder is a C(monitoring_mirror_url).
  - An archive is verified by the checksum file of its release, a package by the index that Grafana signs, a dashboard
    by its digest. Nothing is put in place before it is verified.
  - Where everything is there and unchanged, no connection is opened. A download that broke off goes on from where it
    ended, in the same run and in the next one.
  - Tells how far it is while it runs.
  - It is what the role and the playbook C(mirror) are made of.
author: redisops.monitoring contributors (@redisops)
requirements:
  - gpgv on the controller, for Grafana's packages
extends_documentation_fragment:
  - redisops.monitoring._attributes
  - redisops.monitoring._attributes.action
options:
  path:
    description: The folder, on the controller.
    type: path
    required: true
  architectures:
    description: Processors of the hosts.
    type: list
    elements: str
    choices: [amd64, arm64]
    default: [amd64]
  programs:
    description: Names of C(meta/versions.yml), which are those of the roles. Empty for all.
    type: list
    elements: str
    default: []
  versions:
    description: Versions in place of the default, a list for each program.
    type: dict
    default: {}
  dashboards:
    description: Dashboards of grafana.com. Those of C(meta/versions.yml) unless set.
    type: list
    elements: dict
    suboptions:
      gnet_id:
        description: Its number.
        type: int
        required: true
      revision:
        description: Its revision.
        type: int
        required: true
      sha256:
        description: Digest of its canonical JSON, as M(redisops.monitoring.grafana_dashboard) takes it.
        type: str
  fingerprints:
    description:
      - Fingerprints of the keys that may sign the index of Grafana's packages. Empty for those of C(meta/versions.yml).
    type: list
    elements: str
    default: []
  source_url:
    description: A mirror with this layout to fetch from, instead of upstream's servers.
    type: str
    default: ""
  prune:
    description: Whether to remove what an earlier run fetched and nothing asks for now. Files of other origin stay.
    type: bool
    default: false
  url_username:
    description: User at O(source_url), or at C(github.com) without it. No other server gets it.
    type: str
    default: ""
  url_password:
    description: Password of O(url_username).
    type: str
    default: ""
  ca_path:
    description: File with the CA of the source's certificate. Empty for the CAs that the controller trusts.
    type: str
    default: ""
  client_cert:
    description: File with the client certificate for the source, and its key unless O(client_key) has it.
    type: str
    default: ""
  client_key:
    description: File with the key of O(client_cert).
    type: str
    default: ""
  use_proxy:
    description: Whether to honour the proxy variables of the environment.
    type: bool
    default: true
  timeout:
    description: Seconds without an answer after which to give up.
    type: int
    default: 30
seealso:
  - module: redisops.monitoring.release_binary
  - module: redisops.monitoring.apt_release
"""

EXAMPLES = r"""
- name: Everything for hosts with both processors
  redisops.monitoring.mirror:
    path: /srv/mirror
    architectures: [amd64, arm64]

- name: Two versions of Prometheus, one to go back to, and nothing else
  redisops.monitoring.mirror:
    path: /srv/mirror
    programs: [prometheus]
    versions:
      prometheus: [3.13.5, 3.5.3]
    dashboards: []
"""

RETURN = r"""
path:
  description: The folder.
  type: str
  returned: success
fetched:
  description: Files that were put there, in check mode those that would be.
  type: list
  elements: str
  returned: success
removed:
  description: Files that were removed by O(prune).
  type: list
  elements: str
  returned: success
files:
  description: Number of files in the folder that belong to what was asked for.
  type: int
  returned: success
"""
