# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draws the conclusions from evidence on the controller; the module of the same name documents it."""

from __future__ import annotations

import json
import os
import time

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.text.converters import to_text
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.redisops.monitoring.plugins.module_utils._text import utc
from ansible_collections.redisops.monitoring.plugins.plugin_utils import _artifacts
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor import report as reports
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.page import page
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.rules import diagnose
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor.stack import BadStack
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _clusters, _core, doctor

display = Display()


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(
            {
                "stack": {"type": "dict", "default": {}},
                "evidence": {"type": "str", "default": ""},
                "security_groups": {"type": "dict", "default": {}},
                "report_dir": {"type": "str", "default": ""},
            }
        )
        stack = options["stack"]
        if options["evidence"]:
            host = _ansible.context([], task_vars, self._templar)[1]
            stack = {**doctor.stack(task_vars, options["evidence"], host), **stack}
            stack["cluster"] = _clusters.title(host, str(stack.get("cluster") or ""))
        if options["security_groups"]:
            stack["security_groups"] = doctor.security_groups(options["security_groups"])
        # A plain copy: what came from hosts is data, whatever it looks like.
        stack = json.loads(json.dumps(stack, default=to_text))
        stack.setdefault("time", time.time())
        stack.setdefault("directory", os.getcwd())
        try:
            findings = diagnose(stack)
        except BadStack as err:
            raise AnsibleActionFail(str(err)) from err
        report = reports.report(stack, findings)
        display.display(reports.table(report))
        files = self.write(options["report_dir"], stack, report) if options["report_dir"] else {}
        for kind, path in {} if _core.in_awx(task_vars) else files.items():
            display.display("%s: %s" % (kind, path))
        healthy = not any(one["severity"] == "error" for one in findings)
        result.update(changed=False, findings=findings, files=files, healthy=healthy, msg=reports.summary(findings))
        result["cluster"] = report["cluster"]
        about = {"cluster": report["cluster"], "time": utc(report["time"]), "healthy": healthy}
        artifact = {**about, "summary": result["msg"], "findings": findings}
        result["ansible_stats"] = _artifacts.stats("monitoring_doctor", artifact)
        return result

    @staticmethod
    def write(directory, stack, report):
        directory = os.path.abspath(os.path.expanduser(directory))
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(report["time"]))
        texts = {
            "json": json.dumps(dict(report, evidence=stack), indent=1, sort_keys=True) + "\n",
            "html": page(report),
        }
        files = {kind: os.path.join(directory, "doctor-%s.%s" % (stamp, kind)) for kind in texts}
        try:
            os.makedirs(directory, mode=0o750, exist_ok=True)
            for kind, path in files.items():
                with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640), "w", encoding="utf-8") as handle:
                    handle.write(texts[kind])
        except OSError as err:
            display.warning("%s: the report cannot be written (%s); set doctor_report_dir" % (directory, err.strerror))
            return {}
        return files
