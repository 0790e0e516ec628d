# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services with pages of their own: where they listen, who gets in, and how they are asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...filter.bcrypt_hash import bcrypt
from . import _core


@dataclass(frozen=True)
class Web:
    """Where a service listens and how it is asked, by settings that are named alike in several roles."""

    s: Mapping[str, Any]
    host: _core.Host
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
        return f"{_core.bracket(self.listen)}:{self.setting('port')}"

    @property
    def loopback(self) -> bool:
        return bool(re.match(r"127\.|::1$|localhost$", self.listen))

    @property
    def address(self) -> str:
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.listen, self.listen)  # noqa: S104  # it is compared

    @property
    def target(self) -> str:
        return f"{_core.bracket(self.address)}:{self.setting('port')}"

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
