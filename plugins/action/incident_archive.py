# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs the evidence of an incident on the controller; see the module's docs."""

from __future__ import annotations

import json
import os

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import ActionBase
from ansible_collections.redisops.monitoring.plugins.plugin_utils import _artifacts
from ansible_collections.redisops.monitoring.plugins.plugin_utils._incident.archive import Archive
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _clusters


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(
            {
                "directory": {"type": "str", "required": True},
                "cluster": {"type": "str", "default": "redis"},
                "evidence": {"type": "str", "default": ""},
                "hosts": {"type": "dict", "default": {}},
                "files": {"type": "list", "elements": "str", "default": []},
                "dashboard_url": {"type": "str", "default": ""},
            }
        )
        hosts = options["hosts"]
        if options["evidence"]:
            groups, hostvars = task_vars["groups"], task_vars["hostvars"]
            host = _ansible.context([], task_vars, self._templar)[1]
            left_out, options["cluster"] = _clusters.elsewhere(host), _clusters.title(host, options["cluster"])
            names = [*groups.get("redis", []), *groups.get("monitoring", [])]
            hosts = {name: registered(hostvars[name], options["evidence"]) for name in names if name not in left_out}
        # A plain copy: what came from hosts is data, whatever it looks like.
        hosts = json.loads(json.dumps(hosts, default=to_text))
        archive = Archive(options["cluster"], hosts, options["files"], options["dashboard_url"])
        directory = os.path.abspath(os.path.expanduser(options["directory"]))
        result.update(changed=False, problems=archive.problems)
        if self._task.check_mode:
            return dict(result, path=os.path.join(directory, archive.name + ".tar.gz"), size=0)
        try:
            path, size = archive.write(directory)
        except OSError as err:
            raise AnsibleActionFail(
                "%s: the archive cannot be written (%s); set incident_report_dir" % (directory, err.strerror)
            ) from err
        about = {"cluster": archive.cluster, "window": archive.window, "problems": archive.problems}
        stats = _artifacts.stats("monitoring_incident", {**about, "file": os.path.basename(path), "size": size})
        return dict(result, path=path, size=size, cluster=archive.cluster, ansible_stats=stats)


def registered(variables, name):
    """What a host registered under this name; without files, only why."""
    found = variables.get(name) or {"msg": "not collected: outside the limit"}
    keys = ("files", "problems", "window") if "files" in found else ("msg",)
    return {key: found[key] for key in keys if key in found}
