# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's variables as the plain Python values that the settings are read from."""

from __future__ import annotations

import dataclasses
import inspect
import os
import socket
from collections.abc import Mapping
from functools import lru_cache
from multiprocessing.pool import ThreadPool

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.lookup import inventory_hostnames
from ansible.release import __version__ as ansible_version

from ...module_utils._text import one_line
from . import _core, _options, _stack

# Ansible-core before 2.19 lets through what an expression raises.
TEMPLATE_ERRORS = (AnsibleError, ValueError, TypeError, ArithmeticError, LookupError, AttributeError)


def plain(value):
    """The value without Ansible's own types: tagged, encrypted and unsafe strings become str."""
    if value is None or type(value) in (str, bool, int, float):
        return value
    if isinstance(value, Mapping):
        return {plain(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode()
    for kind in (bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    return str.__str__(value) if isinstance(value, str) else str(value)


def inline_vaults(value, option, name, hidden=False):
    """Where a secret of an option is an inline `!vault`.

    Ansible checks the options of a role before its first task, and in ansible-core before 2.19 that check fails for
    such values of options with no_log. Later ones have no such type.
    """
    hidden = hidden or bool(option.get("no_log"))
    if type(value).__name__ == "AnsibleVaultEncryptedUnicode":
        return [name] if hidden else []
    if isinstance(value, Mapping):
        of_key = option.get("options") or {}
        parts = [(one, of_key.get(key, {}), f"{name}.{key}") for key, one in value.items()]
    elif isinstance(value, list):
        parts = [(one, {"options": option.get("options")}, f"{name}[{index}]") for index, one in enumerate(value)]
    else:
        return []
    return [found for one, inner, path in parts for found in inline_vaults(one, inner, path, hidden)]


def vault_problems(role, variables):
    variables = getattr(variables, "own", variables)
    return [
        f"{path} is an inline !vault, which ansible-core {ansible_version} does not take in a secret of a role: give it"
        ' to a variable of its own, such as vault_x, and write "{{ vault_x }}" here (docs/secrets.md)'
        for name, option in _core.options_of(role).items()
        if name in variables.raw
        for path in inline_vaults(variables.templated(name), option, name)
    ]


class Variables(Mapping):
    """A host's variables, templated when they are asked for."""

    def __init__(self, raw, templar):
        self.raw, self.templar, self.found = raw, templar, {}

    def __getitem__(self, name):
        if name not in self.found:
            value = self.raw[name]
            try:
                self.found[name] = plain(self.templar.template(value))
            except TEMPLATE_ERRORS as err:
                raise _core.Unreadable("; ".join(dict.fromkeys(self.causes(value, err)))) from err
        return self.found[name]

    def templated(self, name):
        """With Ansible's own types; nothing where it cannot be templated, which is told elsewhere."""
        try:
            return self.templar.template(self.raw[name])
        except TEMPLATE_ERRORS:
            return None

    def causes(self, value, error):
        """Why it cannot be templated, of a list or a mapping for every part of it that cannot."""
        found = []
        if isinstance(value, (Mapping, list)):
            for part in value.values() if isinstance(value, Mapping) else value:
                try:
                    self.templar.template(part)
                except TEMPLATE_ERRORS as err:
                    found += self.causes(part, err)
        return found or [one_line(getattr(error, "message", None) or error)]

    def __iter__(self):
        return iter(self.raw)

    def __len__(self):
        return len(self.raw)

    def __contains__(self, name):
        return name in self.raw


class AskedOnce(Mapping):
    """A mapping whose values are worked out when they are asked for, and then remembered."""

    def __init__(self, source):
        self.source, self.found = source, {}

    def value(self, name):
        if name not in self.found:
            self.found[name] = self.worked_out(self.source[name])
        return self.found[name]

    def __getitem__(self, name):
        return self.value(name)

    def __contains__(self, name):
        return name in self.source

    def __iter__(self):
        return iter(self.source)

    def __len__(self):
        return len(self.source)


class OtherHosts(AskedOnce):
    """The variables of all hosts as plain values. Each host is asked for once: that is what costs."""

    @staticmethod
    def worked_out(variables):
        return OtherHost(variables) if isinstance(variables, Mapping) else variables


class OtherHost(AskedOnce):
    worked_out = staticmethod(plain)

    def __getitem__(self, name):
        if name not in self.source:
            raise KeyError(name)
        try:
            return self.value(name)
        except TEMPLATE_ERRORS as err:
            raise _core.Unreadable(one_line(getattr(err, "message", None) or err)) from err

    def get(self, key, default=None):
        """What cannot be templated is an error here, not the default."""
        return self.value(key) if key in self.source else default


@lru_cache(maxsize=None)
def defaults_of(role):
    path = str(_core.ROLES / role / "defaults" / "main.yml")
    if not os.path.exists(path):
        return {}
    loader, trusted = DataLoader(), {}
    if "trusted_as_template" in inspect.signature(loader.load_from_file).parameters:  # ansible-core 2.19
        trusted["trusted_as_template"] = True
    return loader.load_from_file(path, **trusted) or {}


def context(roles, task_vars, templar, name=None):
    """The variables with the defaults of the roles, and the host: that of the task, or another one of the inventory."""
    raw = task_vars
    if name is not None:
        raw = {**task_vars["hostvars"].raw_get(name), "hostvars": task_vars["hostvars"]}
    options = [one for role in roles for one in _core.options_of(role).items()]
    blank = {option for option, about in options if option in raw and _options.is_blank(raw[option], about)}
    if blank:
        raw = {option: value for option, value in raw.items() if option not in blank}
    if raw.get("monitoring_secret"):
        roles = [*roles, *_stack.SERVICES]
    defaults = {}
    if raw.get("monitoring_secret") or not all(option in raw for role in roles for option in _core.options_of(role)):
        for role in roles:
            defaults.update(defaults_of(role))
        raw = {**defaults, **raw}
    if raw is not task_vars:
        templar = templar.copy_with_new_env(available_variables=raw)
    variables = Variables(raw, templar)
    host = _host(variables, raw, task_vars)
    if raw.get("monitoring_secret") and not _stack.problems(variables):
        of_host = task_vars["hostvars"].raw_get(host.name)
        given = {one for one in raw if one in of_host or (one in defaults and raw[one] != defaults[one])}
        variables = _stack.Variables(variables, given.__contains__, host)
        host = dataclasses.replace(host, variables=variables)
    return variables, host


def _host(variables, raw, task_vars):
    facts = plain(raw.get("ansible_facts") or {})
    directory = str(task_vars.get("playbook_dir", ""))
    return _core.Host(
        name=str(raw["inventory_hostname"]),
        addresses=[*facts.get("all_ipv4_addresses", []), *facts.get("all_ipv6_addresses", [])],
        default_address=facts.get("default_ipv4", {}).get("address", ""),
        architecture=facts.get("architecture", ""),
        variables=variables,
        groups=plain(raw.get("groups") or {}),
        group_names=plain(raw.get("group_names") or []),
        hostvars=OtherHosts(raw["hostvars"]),
        search=[os.path.join(directory, "files"), directory] if directory else [],
        check_mode=bool(raw.get("ansible_check_mode")),
        limit=lambda: limited(task_vars),
    )


def limited(task_vars):
    """The hosts of --limit; None without one, and for a file, which cannot be asked for here and so means all."""
    wanted = task_vars.get("ansible_limit") or "@"
    if "@" in wanted:
        return None
    return set(inventory_hostnames.LookupModule(loader=DataLoader()).run([wanted], task_vars))


def roles_of_run(parts, task_vars, templar, limit=None):
    """The roles of each of these hosts in the playbooks of these parts, within tags and monitoring_services."""
    tags = [set(task_vars.get(name) or []) for name in ("ansible_run_tags", "ansible_skip_tags")]
    found = _core.selected(parts, task_vars["groups"], *tags)
    for host, roles in found.items():
        variables = context([], task_vars, templar, host)[0]
        roles[:] = [role for role in roles if _stack.switched_on(role, variables)]
    return {host: roles for host, roles in found.items() if limit is None or host in limit}


def changing(roles):
    """Of these roles, those that change hosts and so need something there; doctor has to say itself what is missing."""
    return [role for role in roles if role not in _core.OTHER_PARTS]


def answering(names, task_vars, templar):
    """Of these hosts, those that can be connected to without waiting, and the others."""

    def answers(how):
        try:
            with socket.create_connection((str(how["address"]), int(how["port"] or 22)), timeout=1):
                return True
        except (OSError, ValueError):
            return how["connection"] not in (None, "ssh", "smart", "paramiko")

    found = []
    for name in names:
        variables = context([], task_vars, templar, name)[0]
        how = {what: variables.get(f"ansible_{what}") for what in ("port", "connection")}
        found.append({**how, "address": variables.get("ansible_host") or name})
    with ThreadPool(len(names) or 1) as pool:
        found = dict(zip(names, pool.map(answers, found)))
    return [name for name in names if found[name]], [name for name in names if not found[name]]


def settings_of(roles, task_vars, templar):
    """The settings of several roles for whom looks at what is there, what is wrong with them, and the host.

    What is not set, or cannot be used, is left at its default.
    """
    variables, host = context(roles, task_vars, templar)
    settings, problems = {}, []
    for role in roles:
        found, faults = _core.read(role, variables, all_needed=False)
        settings.update(found)
        problems += _core.fault_lines(faults)
    return settings, problems, host


# Loaded here, once, and not in each of the processes that Ansible forks for the tasks.
for _role in {role for _group, roles in _core.PARTS.values() for role in roles}:
    _core.module_of(_role)
    _core.options_of(_role)
    defaults_of(_role)
