# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a role's settings as its argument spec says, and holds the checks that several roles share.

Nothing here knows Ansible. Each role has a file beside this one with

problems(s, host)    every problem of its settings, one line each and without a secret
connection(s, host)  how its service is asked: url, url_username, url_password, ca_path, tls_server_name
service(s, host)     its release (see release()), and
                     unit      the systemd unit
                     config    the arguments of module checked_config; a file or a secret has either its content, or
                               a function that makes it, or a template, named <role>/<file>
                     values    what the templates read; `service` among them is for role _service's service.j2
                     warnings  lines for the result
needs(s, host)       files, programs and libraries that host_status looks for, where service() does not tell them

`s` has every option of the role's argument spec under its full name, as a plain value of its type.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from ...module_utils._text import duration_seconds, is_duration, version_tuple
from . import mirror
from ._options import default_of, masking_problems, secret_problems, typed, user_problems

ROLES = Path(__file__).resolve().parents[3] / "roles"
MARKER = "Managed by redisops.monitoring"

# Which roles the playbook of a part runs, and on which group. The tags of a role are its part and its name.
PARTS = {
    "certificates": ("redis:monitoring", ["certificates"]),
    "exporters": ("redis", ["redis_exporter", "node_exporter"]),
    "security_groups": ("", ["security_groups"]),  # once, on the controller
    "provision": ("", ["monitoring_instance"]),
    "yace": ("monitoring", ["yace"]),
    "monitoring": ("monitoring", ["alertmanager", "blackbox_exporter", "node_exporter", "prometheus", "grafana"]),
}
# Those of site.yml are above; these are playbooks of their own.
OTHER_PARTS = {role: ("redis:monitoring", [role]) for role in ("doctor", "incident", "verify", "remove")}

ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "arm64": "arm64",
    "armv7l": "armv7",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
}


def in_awx(variables: Mapping[str, Any]) -> bool:
    """Whether this is a job of AWX or Automation Platform, whose files are gone when it has ended."""
    return "awx_job_id" in variables or "tower_job_id" in variables


# ------------------------------------------------------------------------------------------------------------ hosts


@dataclass(frozen=True)
class Host:
    """What the settings are judged against. Without facts `addresses` and `architecture` are empty."""

    name: str
    addresses: list[str] = field(default_factory=list)
    default_address: str = ""
    architecture: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    groups: Mapping[str, list[str]] = field(default_factory=dict)
    group_names: list[str] = field(default_factory=list)
    hostvars: Mapping[str, Any] = field(default_factory=dict)
    search: list[str] = field(default_factory=list)  # directories on the controller for files with a relative path
    check_mode: bool = False
    limit: Callable[[], set[str] | None] = lambda: None  # the hosts of --limit; None without one
    memory: dict[str, Any] = field(default_factory=dict, init=False, compare=False, repr=False)  # worked out once

    @property
    def known(self) -> bool:
        return bool(self.addresses)

    @property
    def private_address(self) -> str:
        """The address of the inventory that this host has, else that of its default route."""
        for name in ("private_ip_address", "ansible_host"):
            if self.variables.get(name) in self.addresses:
                return self.variables[name]
        return self.default_address

    def file(self, path: str) -> Path:
        """A file on the controller that a setting names."""
        wanted = Path(path).expanduser()
        return next((found for found in (Path(one, wanted) for one in self.search) if found.exists()), wanted)


def address_of(variables: Mapping[str, Any], name: str) -> str:
    """Where other hosts reach the host with these variables."""
    return variables.get("private_ip_address") or variables.get("ansible_host") or name


def monitoring_address_of(variables: Mapping[str, Any], name: str) -> str:
    """Where people and other hosts reach the monitoring host with these variables."""
    return variables.get("monitoring_address") or address_of(variables, name)


# --------------------------------------------------------------------------------------------------------- settings


class Refused(Exception):
    """What a task of a role cannot do on a host, one line for the user."""


class Unreadable(KeyError):
    """A variable that cannot be templated. A KeyError, so that `get` gives the default."""

    def __str__(self) -> str:
        return str(self.args[0])


def module_of(role: str) -> Any:
    """The file beside this one that knows the settings of a role."""
    return importlib.import_module(f"{__package__}.{role}")


@lru_cache(maxsize=None)
def options_of(role: str) -> dict[str, dict[str, Any]]:
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return load_yaml(text)["argument_specs"]["main"]["options"]


def load_yaml(text: str) -> Any:
    """Quickly, where PyYAML has its parser in C."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # a safe one


def read(
    role: str, variables: Mapping[str, Any], all_needed: bool = True
) -> tuple[dict[str, Any], dict[str, list[str]]]:
    """Every setting of a role by its full name, and for those that cannot be used what is wrong with them."""
    settings, faults = {}, {}
    for name in options_of(role):
        settings[name], wrong = setting(role, name, variables, all_needed)
        if wrong:
            faults[name] = wrong
    return settings, faults


def setting(role: str, name: str, variables: Mapping[str, Any], needed: bool = True) -> tuple[Any, list[str]]:
    """One setting of a role, and what is wrong with it. One that cannot be used is its default."""
    option, module = options_of(role)[name], module_of(role)
    wrong: list[str] = []
    try:
        value = variables[name] if name in variables else None  # noqa: SIM401  # get would hide an Unreadable
    except Unreadable as err:
        value = None
        wrong.append(f"{name} cannot be read: {err}")
    if name in getattr(module, "COMMA_LISTS", ()) and isinstance(value, str):  # -e name=a,b and the surveys of AWX
        value = [part.strip() for part in re.split("[,\n]", value) if part.strip()]
    if value is None and (option.get("required") or name in getattr(module, "NEEDED", ())) and needed and not wrong:
        derived = name in getattr(module, "NEEDED", ()) and not variables.get("monitoring_secret")
        wrong.append(f"{name} is not set" + ", nor is monitoring_secret, which it follows from" * derived)
    if value is not None:
        value = typed(value, option, name, wrong, nested=name not in getattr(module, "OWN_CHECKS", ()))
    return (default_of(option) if value is None or wrong else value), wrong


def fault_lines(faults: Mapping[str, list[str]]) -> list[str]:
    """What read() found wrong, line by line."""
    return [line for wrong in faults.values() for line in wrong]


def judge(role: str, variables: Mapping[str, Any], host: Host) -> tuple[dict[str, Any], list[str]]:
    """A role's settings, and everything that is wrong with them for a host, each problem one line without a secret."""
    settings, faults = read(role, variables)
    found = fault_lines(faults)
    for name, option in options_of(role).items():
        found += secret_problems(settings[name], option, name) + user_problems(settings[name], name)
    problems = getattr(module_of(role), "problems", lambda *_nothing: [])
    for line in problems(settings, host):  # a setting that cannot be used was replaced by its default
        if not any(re.search(rf"\b{name}\b", line) for name in faults):
            found.append(line)
    more = f"{host.name} {host.variables.get('monitoring_cluster', '')}"
    for name, line in masking_problems(settings, options_of(role), more).items():
        found += [] if any(re.search(rf"\b{name}\b", other) for other in found) else [line]
    return settings, list(dict.fromkeys(found))


def selected(parts: list[str], groups: Mapping[str, list[str]], run: set[str], skip: set[str]) -> dict[str, list[str]]:
    """The roles of each host in the playbooks of these parts, of those that --tags and --skip-tags leave."""
    found: dict[str, list[str]] = {}
    for part in parts:
        group, roles = {**PARTS, **OTHER_PARTS}[part]
        for role in roles:
            tags = {part, role}
            if (tags & run or run & {"all", "tagged"} or not run) and not tags & skip and "tagged" not in skip:
                hosts = [host for name in group.split(":") for host in groups.get(name, [])] if group else ["localhost"]
                for host in dict.fromkeys(hosts):
                    found.setdefault(host, [])
                    found[host] += [role] if role not in found[host] else []
    return found


# ------------------------------------------------------------------------------------------------ checks of many roles


def is_version(text: str) -> bool:
    return bool(re.match(r"[0-9]+\.[0-9]+\.[0-9]+([-+].*)?$", text))


def release_problems(s: dict[str, Any], host: Host, role: str, title: str, oldest: str = "0") -> list[str]:
    found = []
    version = s[f"{role}_version"]
    if not is_version(version):
        example = default_of(options_of(role)[f"{role}_version"])
        found.append(f"{role}_version is {version}: give three numbers such as {example}, without a v")
    elif version_tuple(version) < version_tuple(oldest):
        found.append(f"{role}_version is {version}: the oldest that this role knows is {oldest}")
    if host.architecture and host.architecture not in ARCHITECTURES:
        found.append(f"there is no release of {title} for the processor {host.architecture}")
    return found + mirror.problems(s)


def belong_together(s: dict[str, Any], pairs: list[tuple[str, str]]) -> list[str]:
    return [f"{a} and {b} belong together: give both or none" for a, b in pairs if bool(s[a]) != bool(s[b])]


def durations(s: dict[str, Any], names: list[str], example: str = "30s") -> list[str]:
    return [f"{n} is {s[n]}, which is not a duration such as {example}" for n in names if not is_duration(s[n])]


def longer(one: str, other: str) -> bool:
    """Whether a duration is longer than another; what is no duration is told elsewhere."""
    try:
        return duration_seconds(one) > duration_seconds(other)
    except ValueError:
        return False


def flags_problems(s: dict[str, Any], role: str, own: list[str]) -> list[str]:
    return [f"{role}_flags sets {name}, which belongs to the role" for name in s[f"{role}_flags"] if name in own]


def credential_names(s: dict[str, Any], role: str, taken: list[str]) -> list[str]:
    """What is wrong with the names in <role>_credentials and <role>_credential_files."""
    found = []
    secrets, files = s[f"{role}_credentials"], s[f"{role}_credential_files"]
    for name in [*secrets, *files]:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", str(name)):
            found.append(f"a credential is named {name}: use letters, digits, and _ . -")
        elif name in taken or (name in secrets and name in files):
            found.append(f"a credential is named {name}, which is taken: choose another name")
    return found


SECRET_KEYS = "password|credentials|bearer_token|secret_key|client_secret|token|secrets"  # noqa: S105  # names


def secrets_in_files(
    s: dict[str, Any], role: str, names: list[str], keys: str = SECRET_KEYS, hint: str = ""
) -> list[str]:
    """Settings that are written into a file as they are, and so may not hold secrets."""
    found = []
    for name in names:
        secret = secret_keys(name, s[name], role, keys)
        if not secret and re.search('://[^/"@]*:[^/"@]+@', json.dumps(s[name])):
            found.append(f"{name} has a URL with a password, in a file that everybody on the host can read{hint}")
        found += secret
    return found


def secret_keys(what: str, value: Any, role: str, keys: str) -> list[str]:
    return [
        f"{what} has the key {key}, which would put a secret into a file that everybody on the host can read:"
        f" put it into {role}_credentials and name {given(role)}/<name> with the key that ends in _file"
        for key in dict.fromkeys(re.findall(f'"({keys})": ', json.dumps(value)))
    ]


def open_secrets(s: dict[str, Any], name: str, instead: str) -> list[str]:
    """Secrets of AWS among environment variables of a unit."""
    return [
        f"{name} has {key}, which everybody on the host could read: give the instance a role, or set {instead}"
        for key in s[name]
        if re.search("SECRET|TOKEN", key)
    ]


# ------------------------------------------------------------------------------------------------ services


def user_files(host: Host, paths: list[str], directory: str) -> list[dict[str, str]]:
    """Files of the user on the controller, with our marker added: by it those that are no longer given are removed."""
    texts = {path.name: path.read_text(encoding="utf-8").rstrip() for path in map(host.file, paths)}
    return [{"path": f"{directory}/{name}", "content": f"{text}\n# {MARKER}\n"} for name, text in texts.items()]


def given(role: str) -> str:
    """Where the service finds what LoadCredential= hands over."""
    return f"/run/credentials/{role}.service"


def bracket(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def arguments(flags: dict[str, Any]) -> list[str]:
    """A command line: True is --x, False is --no-x, None leaves the flag out, anything else is --x=value."""
    valued = [f"--{name}={value}" for name, value in flags.items() if value is not None and not isinstance(value, bool)]
    return [
        *valued,
        *[f"--{name}" for name, value in flags.items() if value is True],
        *[f"--no-{name}" for name, value in flags.items() if value is False],
    ]


def release(s: dict[str, Any], host: Host, role: str, repository: str, binaries: list[str]) -> dict[str, Any]:
    """What is installed, as module release_binary takes it."""
    version, src = s[f"{role}_version"], s[f"{role}_archive"]
    base = mirror.url(s, repository, "releases/download", f"v{version}")
    archive = f"{repository.rpartition('/')[2]}-{version}.linux-{ARCHITECTURES.get(host.architecture, '')}.tar.gz"
    return {
        "name": role,
        "root": f"/opt/{role}",
        "version": version,
        "binaries": binaries,
        "url": "" if src else f"{base}/{archive}",
        "src": src,
        "checksum": s[f"{role}_checksum"] or f"{str(Path(src).parent) if src else base}/sha256sums.txt",
    }


def page_url_problems(s: Mapping[str, Any], name: str, example: str) -> list[str]:
    """The URL at which people reach a service: its path becomes the prefix of all pages."""
    if not s[name] or re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", s[name]):
        return []
    return [f"{name} is {s[name]}, which is not a URL such as {example}"]


def literal(value: object) -> str:
    """A text as the replacement of a relabelling of Prometheus."""
    return str(value).replace("$", "$$")


def url_path(url: str) -> str:
    return urlsplit(url).path
