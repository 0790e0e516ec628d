# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges the settings of roles on the controller; the module of the same name documents it."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core, _stack

# An inventory plugin that fails leaves empty groups and exit code 0, and every play would be skipped in silence.
EMPTY = (
    "The inventory has no host %s. The inventory plugin may have failed (look for its warning above) or"
    " matched nothing; see `ansible-inventory --graph`."
)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        dummy, options = self.validate_argument_spec(
            {
                "role": {"type": "str"},
                "parts": {"type": "list", "elements": "str", "choices": list(_core.PARTS)},
                "hosts": {"type": "list", "elements": "str", "default": ["redis", "monitoring"]},
            },
            required_one_of=[("role", "parts")],
            mutually_exclusive=[("role", "parts")],
        )
        if options["role"]:
            self.judge_one(options["role"], task_vars, result)
        else:
            self.judge_all(options["parts"], options["hosts"], task_vars, result)
        result["changed"] = False
        return result

    def judge_one(self, role, task_vars, result):
        variables, host = _ansible.context([role], task_vars, self._templar)
        settings, problems = _core.judge(role, variables, host)
        problems = _stack.problems(variables) + problems
        if problems:
            result.update(failed=True, msg="%s; nothing was changed" % "; ".join(problems))
            return
        service = getattr(_core.module_of(role), "service", None)
        if service:
            found = service(settings, host)
            names = ("name", "root", "version", "binaries", "url", "src", "checksum")
            result.update(unit=found["unit"], release={name: found[name] for name in names if name in found})

    def judge_all(self, parts, patterns, task_vars, result):
        matching = lookup_loader.get("ansible.builtin.inventory_hostnames", loader=self._loader, templar=self._templar)
        empty = [one for pattern in patterns if not matching.run([pattern], task_vars) for one in pattern.split(":")]
        lines = [EMPTY % nobody(one) for one in empty]
        if not lines:
            lines = self.problems_of_all(parts, task_vars)
        if lines:
            result.update(failed=True, msg="\n".join([*lines, "nothing was changed"]))

    def problems_of_all(self, parts, task_vars):
        """Each problem once, with the hosts that have it."""
        hosts = {}
        tags = [set(task_vars.get(name) or []) for name in ("ansible_run_tags", "ansible_skip_tags")]
        for name, roles in _core.selected(parts, task_vars["groups"], *tags).items():
            variables, host = _ansible.context(roles, task_vars, self._templar, name)
            found = _stack.problems(variables)
            for role in [one for one in roles if _stack.switched_on(one, variables)]:
                found += _core.judge(role, variables, host)[1] + _ansible.vault_problems(role, variables)
            for problem in found:
                hosts.setdefault(problem, []).append(name)
        return ["%s: %s" % (", ".join(dict.fromkeys(names)), problem) for problem, names in hosts.items()]


def nobody(pattern):
    """Whom a part of a pattern for hosts was looking for, in words."""
    group = pattern.partition("[")[0]
    return "in the group '%s'" % group if group in ("redis", "monitoring") else "that is named '%s'" % pattern
