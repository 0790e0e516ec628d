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
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from ...filter.bcrypt_hash import bcrypt
from ...module_utils._text import duration_seconds, is_duration, version_tuple
from . import mirror
from ._options import default_of, secret_problems, typed

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


def judge(role: str, variables: Mapping[str, Any], host: Host) -> tuple[dict[str, Any], list[str]]:
    """A role's settings, and everything that is wrong with them for a host, each problem one line without a secret."""
    settings, faults = read(role, variables)
    found = [line for wrong in faults.values() for line in wrong]
    for name, option in options_of(role).items():
        found += secret_problems(settings[name], option, name)
    problems = getattr(module_of(role), "problems", lambda *_nothing: [])
    for line in problems(settings, host):  # a setting that cannot be used was replaced by its default
        if not any(re.search(rf"\b{name}\b", line) for name in faults):
            found.append(line)
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


@dataclass(frozen=True)
class Web:
    """Where a service listens and how it is asked, by settings that are named alike in several roles."""

    s: Mapping[str, Any]
    host: Host
    role: str
    ca_file: str = ""  # that its own certificate is verified with
    prefix: str = ""  # path of its pages

    def setting(self, name: str) -> Any:
        return self.s.get(f"{self.role}_{name}", "")

    @property
    def listen(self) -> str:
        return self.setting("listen_address") or self.host.private_address

    @property
    def listens_at(self) -> str:
        return f"{bracket(self.listen)}:{self.setting('port')}"

    @property
    def loopback(self) -> bool:
        return bool(re.match(r"127\.|::1$|localhost$", self.listen))

    @property
    def address(self) -> str:
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.listen, self.listen)  # noqa: S104  # it is compared

    @property
    def target(self) -> str:
        return f"{bracket(self.address)}:{self.setting('port')}"

    @property
    def tls(self) -> bool:
        return bool(self.setting("web_tls_cert_file"))

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.target}{self.prefix}"

    @property
    def users(self) -> dict[str, str]:
        return self.setting("web_users") or {}

    @property
    def client_ca(self) -> str:
        """Whose certificates are asked of clients; not all services can do that."""
        return self.setting("web_client_ca_file")

    @property
    def user(self) -> str:
        """The one that the role itself asks as."""
        return next(iter(self.users), "")

    @property
    def config_needed(self) -> bool:
        return self.tls or bool(self.users)

    @property
    def protected(self) -> bool:
        return self.tls and bool(self.users or self.client_ca)

    def problems(self, danger: str) -> list[str]:
        """danger: what everybody who reaches it could do."""
        found = []
        variable = f"{self.role}_listen_address"
        if self.host.known and not self.listen:
            found.append(f"no private address was found on this host: set {variable}")
        elif (
            self.host.known and not self.loopback and self.listen not in ("0.0.0.0", "::", *self.host.addresses)  # noqa: S104
        ):
            has = ", ".join(self.host.addresses)
            found.append(f"{variable} is {self.listen}, which is not an address of this host: it has {has}")
        elif not self.loopback and not self.setting("web_insecure") and not self.protected:
            missing = [] if self.tls else [f"{self.role}_web_tls_cert_file and {self.role}_web_tls_key_file"]
            by_certificate = f"{self.role}_web_client_ca_file"
            who = f"{self.role}_web_users" + (f" or {by_certificate}" if by_certificate in self.s else "")
            missing += [] if self.users or self.client_ca else [who]
            found.append(
                f"{variable} is {self.listen or 'the private address'}, so everybody who reaches it could {danger}:"
                f" set {' and '.join(missing)}, or accept it with {self.role}_web_insecure"
            )
        return found + self.user_problems()

    def user_problems(self) -> list[str]:
        """What bcrypt cannot hash."""
        found = []
        if self.users and bcrypt is None:
            found.append(f"{self.role}_web_users takes the Python package bcrypt on the controller: pip install bcrypt")
        for name, password in self.users.items():
            if not isinstance(password, str) or not password:
                found.append(f"{self.role}_web_users: the password of {name} is empty or not a text: put it in quotes")
            elif len(password.encode()) > 72 or "\0" in password:
                found.append(f"{self.role}_web_users: bcrypt takes at most 72 bytes, the password of {name} is longer")
        return found

    @property
    def certificate(self) -> dict[str, str]:
        """What module checked_config has to find in order."""
        return {
            "what": f"{self.role}_web_tls",
            "cert": self.setting("web_tls_cert_file"),
            "key": self.setting("web_tls_key_file"),
            "name": self.setting("web_tls_server_name") or self.address,
        }

    def certificates(self, cas: list[str], client: str) -> list[dict[str, str]]:
        """The same with the CA files of these settings, and the client certificate whose settings begin so."""
        found = [self.certificate] if self.tls else []
        found += [{"what": name, "ca": self.s[name]} for name in cas if self.s[name]]
        if self.s[f"{client}_cert_file"]:
            found.append({"what": client, "cert": self.s[f"{client}_cert_file"], "key": self.s[f"{client}_key_file"]})
        return found

    @property
    def values(self) -> dict[str, Any]:
        """What templates read of it; web.yml.j2 of role _service is the web configuration."""
        return {
            "web_tls": self.tls,
            "web_scheme": self.scheme,
            "web_target": self.target,
            "web_prefix": self.prefix,
            "web_ca_file": self.ca_file,
            "web_user": self.user,
            "web_users": self.users,
            "web_client_ca_file": self.client_ca,
            "host_name": self.host.name,
        }

    def secret_files(self, secrets: Mapping[str, str]) -> list[dict[str, str]]:
        """The files of secrets by name, with the web configuration where there is one."""
        found = [{"path": "credentials/web.yml", "template": "_service/web.yml.j2"}] if self.config_needed else []
        return found + [{"path": f"credentials/{name}", "content": content} for name, content in secrets.items()]

    def credentials(self, secrets: list[dict[str, str]], files: Mapping[str, str]) -> dict[str, str]:
        """What the service is handed over by name: these secret files, and files of the host, empty ones left out."""
        found = {Path(file["path"]).name: f"/etc/{self.role}/{file['path']}" for file in secrets}
        return {**found, **{name: path for name, path in files.items() if path}}

    @property
    def connection(self) -> dict[str, str]:
        return {
            "url": self.url,
            "url_username": self.user,
            "url_password": self.users.get(self.user, ""),
            "ca_path": self.ca_file,
            "tls_server_name": self.setting("web_tls_server_name"),
            **({"client_cert": self.setting("web_client_cert_file")} if self.client_ca else {}),
            **({"client_key": self.setting("web_client_key_file")} if self.client_ca else {}),
        }

    def asked(self, ready: str, metrics: bool = True) -> dict[str, Any]:
        """How module checked_config asks the service what it runs."""
        how = {
            "ready_url": f"{self.url}{ready}",
            "version": self.setting("version"),
            "start_timeout": self.setting("start_timeout"),
            **{name: value for name, value in self.connection.items() if value and name != "url"},
        }
        if metrics:
            how.update(metrics_url=f"{self.url}/metrics", metrics_prefix=self.role)
        return how


def url_path(url: str) -> str:
    return urlsplit(url).path
