# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes rules, dashboards and runbook pages into a directory; the module of the same name documents it."""

from __future__ import annotations

import json
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _ansible,
    _core,
    _grafana_content,
    _rulers,
    _rules,
)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        rules = {"type": "str", "choices": list(_rulers.LOADED_BY), "default": "prometheus"}
        dummy, options = self.validate_argument_spec({"path": {"type": "path", "required": True}, "rules": rules})
        wanted = self.files(task_vars, options["rules"])
        root = Path(options["path"]).absolute()
        changed = sorted(name for name, text in wanted.items() if not same(root / name, text))
        if not self._task.check_mode:
            try:
                for name in changed:
                    (root / name).parent.mkdir(parents=True, exist_ok=True)
                    (root / name).write_text(wanted[name], encoding="utf-8")
            except OSError as err:
                raise AnsibleActionFail("%s cannot be written: %s" % (err.filename, err.strerror)) from None
        return dict(result, changed=bool(changed), path=str(root), files=sorted(wanted), written=changed)

    def files(self, task_vars, flavour):
        """The content of every file by its name."""
        variables, host = _ansible.context(["prometheus", "grafana"], task_vars, self._templar)
        prometheus, faults = _core.read("prometheus", variables)
        role = _core.module_of("prometheus")
        problems = _core.fault_lines(faults) + role.export_problems(prometheus, host)
        if problems:
            raise AnsibleActionFail("; ".join(problems))
        own = role.thresholds(prometheus, host)
        found = {"rules/%s" % path.name: _rulers.render(path, prometheus, flavour, own) for path in _rules.files()}
        grafana = {**_core.read("grafana", variables)[0], "grafana_gnet_dashboards": []}
        for one in _grafana_content.dashboards(grafana, host):
            found["dashboards/%s.json" % one["uid"]] = json.dumps(one["definition"], indent=2) + "\n"
        for page in sorted((_core.ROLES.parent / "docs" / "runbooks").glob("*.md")):
            found["runbooks/%s" % page.name] = page.read_text(encoding="utf-8")
        return found


def same(path, text):
    return path.is_file() and path.read_text(encoding="utf-8") == text
