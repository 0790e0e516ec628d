# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers, prints and writes the results of the tests on the controller; the module of the same name documents it."""

from __future__ import annotations

import json
import os
import time

from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.redisops.monitoring.plugins.module_utils._text import utc
from ansible_collections.redisops.monitoring.plugins.plugin_utils import _artifacts, _verify_report
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _clusters, _core

display = Display()


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        text = {"type": "str", "default": ""}
        dummy, options = self.validate_argument_spec({name: text for name in ("cluster", "environment", "report_dir")})
        host = _ansible.context([], task_vars, self._templar)[1]
        left_out = _clusters.elsewhere(host)
        groups = {group: [one for one in names if one not in left_out] for group, names in task_vars["groups"].items()}
        tests = _verify_report.gather(groups, task_vars["hostvars"], self._task.check_mode)
        cluster = _clusters.title(host, options["cluster"])
        # A plain copy: what came from hosts is data, whatever it looks like.
        report = _verify_report.report(json.loads(json.dumps(tests, default=to_text)), _clusters.cluster_of(host))
        lines = report.pop("table")
        result.update(changed=False, report=report, summary=_verify_report.summary(report), path="", cluster=cluster)
        about = {"cluster": cluster, "environment": options["environment"]}
        about["time"] = utc(time.time())
        if options["report_dir"]:
            directory = os.path.abspath(os.path.expanduser(options["report_dir"]))
            path = os.path.join(directory, _verify_report.file_name(cluster))
            try:
                _verify_report.write(path, {**about, **report})
                result["path"] = path
            except OSError as err:
                display.warning("%s: the report cannot be written (%s); set verify_report_dir" % (path, err.strerror))
        shown = [] if _core.in_awx(task_vars) else [result["path"]]
        display.display("\n".join([*lines, "", ", ".join(filter(None, [result["summary"], *shown]))]))
        if not self._task.check_mode:
            result["ansible_stats"] = _artifacts.stats("monitoring_verify", {**about, **report})
        return result
