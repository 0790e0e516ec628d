# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges the settings of roles, the controller and AWS; the module of the same name documents it."""

from __future__ import annotations

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.redisops.monitoring.plugins.module_utils._text import one_line
from ansible_collections.redisops.monitoring.plugins.plugin_utils._failures import why
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _ansible,
    _core,
    _needs,
    _reports,
    _stack,
    security_groups,
)

# An inventory plugin that fails leaves empty groups and exit code 0, and every play would be skipped in silence.
EMPTY = (
    "The inventory has no host %s. The inventory plugin may have failed (look for its warning above) or"
    " matched nothing; see `ansible-inventory --graph`."
)

# By aws_plan, in one list with what AWS has: that playbook changes nothing before it.
JUDGED_LATER = ("monitoring_instance",)


class ActionModule(ActionBase):
    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        texts = {"type": "list", "elements": "str"}
        dummy, options = self.validate_argument_spec(
            {
                "role": {"type": "str"},
                "parts": {**texts, "choices": [*_core.PARTS, *_core.OTHER_PARTS]},
                "hosts": {**texts, "default": ["redis", "monitoring"]},
                "examine": {"type": "bool", "default": False},
                "status": {"type": "str"},
                "problems": {**texts, "default": []},
                "silent": {**texts, "default": []},
            },
            required_one_of=[("role", "parts")],
            mutually_exclusive=[("role", "parts")],
        )
        result["changed"] = False
        if options["role"]:
            self.judge_one(options["role"], task_vars, result)
        elif options["status"]:
            self.judge_examined(options, task_vars, result)
        else:
            self.judge_all(options, task_vars, result)
        return result

    def judge_one(self, role, task_vars, result):
        variables, host = _ansible.context([role], task_vars, self._templar)
        settings, problems = _core.judge(role, variables, host)
        problems = _stack.problems(variables) + _reports.problems(variables) + problems
        if problems:
            result.update(failed=True, msg="%s; nothing was changed" % "; ".join(problems))
            return
        title, service = (getattr(_core.module_of(role), name, None) for name in ("title", "service"))
        if title:
            result["cluster"] = title(settings, host)
        if service:
            found = service(settings, host)
            names = ("name", "root", "version", "binaries", "url", "src", "checksum")
            result.update(unit=found["unit"], release={name: found[name] for name in names if name in found})

    def judge_all(self, options, task_vars, result):
        """What can be told without the hosts. Where something is wrong, those that answer can be examined still."""
        matching = lookup_loader.get("ansible.builtin.inventory_hostnames", loader=self._loader, templar=self._templar)
        nobody = [one for one in options["hosts"] if not matching.run([one], task_vars)]
        lines = [EMPTY % searched(one) for pattern in nobody for one in pattern.split(":")]
        limit = _ansible.limited(task_vars)
        limit = None if limit is None else {"localhost", *limit}
        roles = {} if lines else _ansible.roles_of_run(options["parts"], task_vars, self._templar, limit)
        aws, result["rules_are_right"] = [], False
        if "security_groups" in roles.get("localhost", []):
            aws, result["rules_are_right"] = self.ask_aws(task_vars)
        lines += self.problems_of(roles, task_vars) + aws
        changed = [host for host, of_host in roles.items() if _ansible.changing(of_host)]
        hosts, silent = [host for host in changed if host in task_vars["groups"]["all"] and options["examine"]], []
        if lines:
            hosts, silent = _ansible.answering(hosts, task_vars, self._templar)
        if lines and not hosts:
            fail(result, lines, silent)
        else:
            result.update(examine=hosts or "!all", problems=aws, silent=silent)

    def judge_examined(self, options, task_vars, result):
        """The same once more, for the hosts of this play, with what they and AWS have told meanwhile."""
        names = set(task_vars["ansible_play_hosts_all"])
        roles = _ansible.roles_of_run(options["parts"], task_vars, self._templar, names)
        lines = self.problems_of(roles, task_vars) + options["problems"]
        lines += grouped(
            {name: told(task_vars["hostvars"].raw_get(name).get(options["status"])) for name in sorted(names)}
        )
        if lines:
            gone = names - set(task_vars["ansible_play_hosts"])
            fail(result, lines, [*options["silent"], *sorted(gone)])

    def problems_of(self, roles, task_vars):
        """What is wrong with the controller and with the settings of the hosts, whose variables are read once."""
        found, needed = {}, {one for some in roles.values() for one in some}
        for name, of_host in roles.items():
            variables, host = _ansible.context(of_host, task_vars, self._templar, name)
            if variables.get("monitoring_reports_bucket"):
                needed.add("_reports")
            found[name] = _stack.problems(variables) + _reports.problems(variables)
            for role in [one for one in of_host if one not in JUDGED_LATER]:
                found[name] += _core.judge(role, variables, host)[1] + _ansible.vault_problems(role, variables)
        return ["controller: %s" % line for line in _needs.of_controller(needed)] + grouped(found)

    def ask_aws(self, task_vars):
        """What role security_groups would fail on, and whether it has nothing to do: by its modules in check mode."""
        variables, host = _ansible.context(["security_groups"], task_vars, self._templar)
        settings, problems = _core.judge("security_groups", variables, host)
        if problems or _needs.of_controller({"security_groups"}):
            return [], False  # told already
        check_mode, self._task.check_mode = self._task.check_mode, True

        def run(module, args):
            return self._execute_module(module, module_args=args, task_vars=task_vars)

        lines, changed = security_groups.rehearsal(settings, host, run)
        self._task.check_mode = check_mode
        return ["AWS: %s" % one_line(line) for line in lines], not lines and not changed


def told(status):
    """What host_status said of a host."""
    if not status or not status.get("failed"):
        return (status or {}).get("problems", [])
    return ["could not be examined: %s" % one_line(why(status, status))]


def grouped(problems):
    """Each problem once, with the hosts that have it."""
    hosts = {}
    for name, lines in problems.items():
        for line in lines:
            hosts.setdefault(line, {})[name] = None
    return ["%s: %s" % (", ".join(names), line) for line, names in hosts.items()]


def fail(result, lines, silent):
    last = "nothing was changed" + ("; not examined, they did not answer: %s" % ", ".join(silent) if silent else "")
    result.update(failed=True, msg="\n".join([*dict.fromkeys(lines), last]))


def searched(pattern):
    """Whom a part of a pattern for hosts was looking for, in words."""
    group = pattern.partition("[")[0]
    return "in the group '%s'" % group if group in ("redis", "monitoring") else "that is named '%s'" % pattern
