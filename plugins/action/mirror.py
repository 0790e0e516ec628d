# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills the folder of a mirror on the controller and tells how far it is; the module of the same name documents it."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.redisops.monitoring.plugins.module_utils._release.common import ReleaseError
from ansible_collections.redisops.monitoring.plugins.module_utils._release.download import check_url
from ansible_collections.redisops.monitoring.plugins.plugin_utils._mirror import run
from ansible_collections.redisops.monitoring.plugins.plugin_utils._mirror.folder import Folder, check_root

display = Display()

TEXT = {"type": "str", "default": ""}
ARGUMENTS = {
    "path": {"type": "path", "required": True},
    "architectures": {"type": "list", "elements": "str", "choices": ["amd64", "arm64"], "default": ["amd64"]},
    "programs": {"type": "list", "elements": "str", "default": []},
    "versions": {"type": "dict", "default": {}},
    "dashboards": {
        "type": "list",
        "elements": "dict",
        "options": {
            "gnet_id": {"type": "int", "required": True},
            "revision": {"type": "int", "required": True},
            "sha256": {"type": "str"},
        },
    },
    "fingerprints": {"type": "list", "elements": "str", "default": []},
    "source_url": TEXT,
    "prune": {"type": "bool", "default": False},
}
SOURCE = {
    "url_username": TEXT,
    "url_password": {**TEXT, "no_log": True},
    "ca_path": TEXT,
    "client_cert": TEXT,
    "client_key": TEXT,
    "use_proxy": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 30},
}


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec({**ARGUMENTS, **SOURCE})
        path = os.path.abspath(os.path.expanduser(options["path"]))
        try:
            folder = self.fill(path, options)
        except (ReleaseError, OSError) as err:
            result.update(failed=True, changed=False, msg="%s" % err)
            return result
        result.update(path=path, fetched=folder.fetched, removed=folder.removed)
        result.update(changed=bool(folder.fetched or folder.removed), files=len(folder.wanted))
        result["diff"] = {
            "before": "".join("%s\n" % name for name in folder.removed),
            "after": "".join("%s\n" % name for name in folder.fetched),
        }
        return result

    def fill(self, path, options):
        source_url = options["source_url"].rstrip("/")
        if source_url:
            check_url("source_url", source_url)
        if bool(options["url_username"]) != bool(options["url_password"]):
            raise ReleaseError("url_username and url_password belong together: give both or none")
        source = {name: options[name] for name in SOURCE}
        downloads = run.downloads(source_url or run.RELEASES, **source)
        if not self._task.check_mode:
            check_root(path)
        host = urlsplit(source_url).hostname if source_url else "upstream"
        folder = Folder(path, downloads, lambda line: display.display("mirror: " + line), self._task.check_mode)
        display.display("mirror: %s, from %s" % (path, host))
        names = ("architectures", "programs", "versions", "dashboards", "fingerprints")
        run.fill(folder, source_url=source_url, **{name: options[name] for name in names})
        if options["prune"]:
            folder.prune()
        return folder
