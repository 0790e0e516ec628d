# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the services find each other: the settings that follow from the groups, where monitoring_secret is given.

A setting that the user gives wins. Users, credentials, scrape jobs and disabled rules that he gives are added to ours.
Without monitoring_secret nothing is derived.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from . import _agent, _alertmanager_receivers, _clusters, _core, _grafana_urls, _jobs, _secrets, _web

TLS = "/etc/redisops/tls"
CA = f"{TLS}/ca.crt"
SERVER = (f"{TLS}/server.crt", f"{TLS}/server.key")
PEER = (f"{TLS}/peer.crt", f"{TLS}/peer.key")
PROBE = (f"{TLS}/probe.crt", f"{TLS}/probe.key")
REDIS_CA = f"{TLS}/redis_ca.crt"
SERVICES = ("redis_exporter", "node_exporter", "prometheus", "alertmanager", "blackbox_exporter", "grafana")
CERTIFICATES = ("own", "ca", "hook", "files")
# What is added to, by the key that tells two entries apart; dictionaries have theirs.
ADDED_TO = {"prometheus_scrape_configs": "job_name", "prometheus_rules_disabled": ""}
# Alerts about a service that is switched off.
ALERTS_OF = {
    "alertmanager": [
        "AlertmanagerConfigReloadFailed",
        "AlertmanagerNotificationsFailing",
        "PrometheusNotConnectedToAlertmanager",
    ],
    "blackbox_exporter": ["RedisTlsProbeFailing", "EndpointProbeFailing"],
    "grafana": ["GrafanaDown", "GrafanaDatasourceErrors"],
    "node_exporter": ["EbsSnapshotMetricAbsent", "TextfileMetricsStale"],
}


class Variables(Mapping):
    """A host's variables, with what follows from the stack for those that the user did not give."""

    def __init__(self, own: Mapping[str, Any], is_given: Callable[[str], bool], host: _core.Host) -> None:
        self.own, self.is_given = own, is_given
        self.derived: dict[str, Callable[[], Any]] = {}
        self.derived = Stack(self, host).settings() if own.get("monitoring_secret") else {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.derived:
            return self.own[name]
        if not self.is_given(name):
            return self.derived[name]()
        value = self.own[name]
        if isinstance(value, dict):
            return {**self.derived[name](), **value}
        if name in ADDED_TO and isinstance(value, list):
            return added(self.derived[name](), value, ADDED_TO[name])
        return value

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self.derived

    def __iter__(self):
        return iter({**dict.fromkeys(self.own), **self.derived})

    def __len__(self) -> int:
        return len(list(iter(self)))


def problems(variables: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings that belong to no role."""
    found = []
    own = getattr(variables, "own", variables)
    try:
        secret = own["monitoring_secret"] if "monitoring_secret" in own else ""  # noqa: SIM401  # get hides Unreadable
    except _core.Unreadable as err:
        return [f"monitoring_secret cannot be read: {err}"]
    services = own.get("monitoring_services", list(SERVICES))
    certificates = own.get("monitoring_certificates", "own")
    if secret and (not isinstance(secret, str) or len(secret) < _secrets.SHORTEST):
        found.append(
            f"monitoring_secret is shorter than {_secrets.SHORTEST} characters, or no text: make one with"
            " `openssl rand -hex 32`"
        )
    elif secret and secret != secret.strip():
        found.append("monitoring_secret has white space at an end: other controllers may read it without")
    if secret and not own.get("monitoring_cluster"):
        found.append("monitoring_cluster is not set: passwords are derived from it and monitoring_secret")
    for name in ("monitoring_cluster", "monitoring_environment"):
        if isinstance(own.get(name), (list, dict)):
            found.append(f"{name} is {own[name]}, not a text")
    if not isinstance(services, list):
        found.append(f"monitoring_services is {services}, not a list")
    else:
        found += [
            f"monitoring_services has {one}: it takes {', '.join(SERVICES)}" for one in services if one not in SERVICES
        ]
    if certificates not in CERTIFICATES:
        found.append(f"monitoring_certificates is {certificates}: choose one of {', '.join(CERTIFICATES)}")
    return found


def switched_on(role: str, variables: Mapping[str, Any]) -> bool:
    """Whether the role is no service, or one that monitoring_services does not leave out."""
    services = getattr(variables, "own", variables).get("monitoring_services")
    return role not in SERVICES or not isinstance(services, list) or role in services


def added(ours: list, given: list, key: str) -> list:
    """Both lists; of ours, those stay that the user does not replace by one with the same key."""
    replaced = {one.get(key) if isinstance(one, dict) else one for one in given}
    return [one for one in ours if (one[key] if key else one) not in replaced] + given


class Settings(dict):
    """The settings of a role, each read when it is asked for: services need each other, their settings do not."""

    def __init__(self, role: str, variables: Mapping[str, Any]) -> None:
        super().__init__()
        self.role, self.variables = role, variables

    def __missing__(self, name: str) -> Any:
        return _core.setting(self.role, name, self.variables)[0]

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in _core.options_of(self.role) else default


class Stack:
    def __init__(self, variables: Mapping[str, Any], host: _core.Host) -> None:
        self.variables, self.host = variables, dataclasses.replace(host, variables=variables)
        services = variables.own.get("monitoring_services")
        self.services = list(services) if isinstance(services, list) else list(SERVICES)
        self.issued = variables.own.get("monitoring_certificates", "own") != "files"

    def settings(self) -> dict[str, Callable[[], Any]]:
        """What is derived for this host, each with the function that makes it."""
        tests = {"redis_exporter": "exporter"}
        found: dict[str, Callable[[], Any]] = {
            "verify_required": lambda: [
                tests.get(service, service)
                for service in self.services
                if service in ("redis_exporter", "prometheus", "grafana", "alertmanager")
            ]
        }
        if "monitoring" in self.host.group_names:
            for part in (self.prometheus, self.alertmanager, self.blackbox_exporter, self.grafana):
                found.update(part())
            found["node_exporter_listen_address"] = lambda: "127.0.0.1"
            found["yace_search_tags"] = self.search_tags
        if "redis" in self.host.group_names:
            found.update(self.node())
        return found

    def password(self, purpose: str) -> str:
        return _secrets.derive(
            self.variables.own["monitoring_secret"], self.variables.own["monitoring_cluster"], purpose
        )

    def on(self, service: str) -> bool:
        return service in self.services

    @cached_property
    def address(self) -> str:
        """Where this host is reached by the others."""
        own = self.variables.own
        return own.get("monitoring_address") or self.host.private_address or _core.address_of(own, self.host.name)

    # What each service gets

    def node(self) -> dict[str, Callable[[], Any]]:
        """The exporters of a Redis node."""

        def password() -> str:
            return self.password("exporters/prometheus")

        return {
            "redis_exporter_redis_password": lambda: self.password("redis_exporter/redis"),
            "redis_exporter_acl_manage": lambda: bool(self.variables.own.get("redis_exporter_acl_admin_user")),
            "redis_exporter_web_username": lambda: _jobs.SCRAPER,
            "redis_exporter_web_password": password,
            "node_exporter_web_users": lambda: {_jobs.SCRAPER: password()},
            **self.certificate("redis_exporter_web_tls", ca=False),
            **self.certificate("node_exporter_web_tls"),
        }

    def certificate(self, prefix: str, ca: bool = True) -> dict[str, Callable[[], str]]:
        if not self.issued:
            return {}
        cert, key = SERVER
        found = {f"{prefix}_cert_file": lambda: cert, f"{prefix}_key_file": lambda: key}
        return {**found, f"{prefix}_ca_file": lambda: CA} if ca else found

    def alertmanager(self) -> dict[str, Callable[[], Any]]:
        cluster = {}
        if self.issued:
            cluster = {
                "alertmanager_cluster_tls_cert_file": lambda: PEER[0],
                "alertmanager_cluster_tls_key_file": lambda: PEER[1],
                "alertmanager_cluster_tls_ca_file": lambda: CA,
            }
        users = ["admin", "prometheus", *(["grafana"] if self.on("grafana") else [])]
        return {
            "alertmanager_listen_address": lambda: "",
            "alertmanager_levels": self.levels,
            "alertmanager_web_users": lambda: {name: self.password(f"alertmanager/{name}") for name in users},
            **self.certificate("alertmanager_web_tls"),
            **cluster,
        }

    def search_tags(self) -> dict[str, str]:
        """The monitoring has a name of its own where it watches several clusters."""
        names = "|".join(re.escape(name) for name in _clusters.several(self.host))
        return {"Cluster": f"^({names})$"} if names else self.variables.own["yace_search_tags"]

    def levels(self) -> dict[str, list[str]]:
        s = self.of("alertmanager")
        return _alertmanager_receivers.levels(s["alertmanager_receivers"], s["alertmanager_watchdog_receiver"])

    def blackbox_exporter(self) -> dict[str, Callable[[], Any]]:
        if not self.issued:
            return {}
        found = {
            "blackbox_exporter_redis_ca_file": lambda: REDIS_CA,
            "blackbox_exporter_https_ca_file": lambda: CA,
        }
        if _core.setting("certificates", "certificates_redis_client", self.variables.own)[0]:
            found["blackbox_exporter_redis_cert_file"] = lambda: PROBE[0]
            found["blackbox_exporter_redis_key_file"] = lambda: PROBE[1]
        return found

    def grafana(self) -> dict[str, Callable[[], Any]]:
        found: dict[str, Callable[[], Any]] = {
            "grafana_listen_address": lambda: "",
            "grafana_admin_password": lambda: self.password("grafana/admin"),
            "grafana_secret_key": lambda: self.password("grafana/secret_key"),
            "grafana_metrics_username": lambda: _jobs.SCRAPER,
            "grafana_metrics_password": lambda: self.password("grafana/metrics"),
            "grafana_prometheus_scrape_interval": lambda: self.of("prometheus")["prometheus_scrape_interval"],
            **self.certificate("grafana_tls"),
        }
        for name in ("prometheus", "alertmanager"):
            if self.on(name):
                found.update(self.datasource(name))
        if self.on("prometheus"):
            found["grafana_runbook_base_url"] = lambda: self.of("prometheus")["prometheus_runbook_base_url"]
            found["grafana_prometheus_replicas"] = lambda: {name: self.url("prometheus", name) for name in self.others}
        return found

    def datasource(self, name: str) -> dict[str, Callable[[], Any]]:
        if name == "prometheus" and _agent.is_on(self.variables):
            return {}  # it answers nothing; what the user names instead does not get our login

        def password() -> str:
            return self.asked(name).users.get("grafana", "")

        return {
            f"grafana_{name}_url": lambda: self.url(name),
            f"grafana_{name}_username": lambda: "grafana" if password() else "",
            f"grafana_{name}_password": password,
            f"grafana_{name}_ca_file": lambda: self.asked(name).ca_file if self.asked(name).tls else "",
        }

    def prometheus(self) -> dict[str, Callable[[], Any]]:
        users = ["admin", *(["grafana"] if self.on("grafana") else [])]
        found: dict[str, Callable[[], Any]] = {
            "prometheus_listen_address": lambda: "",
            "prometheus_web_users": lambda: {name: self.password(f"prometheus/{name}") for name in users},
            "prometheus_exporter_username": lambda: _jobs.SCRAPER,
            "prometheus_exporter_password": lambda: self.password("exporters/prometheus"),
            "prometheus_credentials": lambda: _jobs.scrape_passwords(self),
            "prometheus_credential_files": lambda: _jobs.scrape_cas(self),
            "prometheus_alertmanagers": lambda: _jobs.alertmanagers(self),
            "prometheus_scrape_configs": lambda: _jobs.jobs(self),
            "prometheus_rules_disabled": self.rules_disabled,
            "prometheus_runbook_base_url": self.runbooks,
            **self.certificate("prometheus_web_tls"),
        }
        if self.issued:
            found["prometheus_exporter_ca_file"] = lambda: CA
        if self.on("grafana"):
            found["prometheus_dashboard_url"] = lambda: f"{self.grafana_page()}/d/redis-cluster"
        if self.variables.own.get("monitoring_instance_volume_size"):  # the rest is for the log, compaction, the system
            size = float(self.variables.own["monitoring_instance_volume_size"])
            found["prometheus_retention_size"] = lambda: f"{int(size * 0.6)}GB"
        return found

    def rules_disabled(self) -> list[str]:
        found = [alert for service, alerts in ALERTS_OF.items() if not self.on(service) for alert in alerts]
        if self.on("node_exporter") and not self.of("node_exporter")["node_exporter_ebs_snapshots"]:
            found.append("EbsSnapshotMetricAbsent")  # nobody looks at snapshots
        return found

    # How a service of this host is asked

    def of(self, role: str) -> Settings:
        return Settings(role, self.variables)

    def asked(self, role: str) -> _web.Web:
        return _core.module_of(role).web(self.of(role), self.host)

    def url(self, role: str, name: str = "") -> str:
        """URL of a service of a monitoring host, of this one without a name, with the path of its pages."""
        name = name or self.host.name
        if role == "grafana":
            own = urlsplit(_grafana_urls.api_url(self.of(role), self.host))
            return f"{own.scheme}://{self.at(name, self.of(role)['grafana_port'])}{own.path}"
        web = self.asked(role)
        return f"{web.scheme}://{self.target(role, name)}{web.prefix}"

    def target(self, role: str, name: str) -> str:
        """Where a service of a monitoring host is reached; its settings are those of this host."""
        web = self.asked(role)
        return web.target if name == self.host.name and web.loopback else self.at(name, web.setting("port"))

    def at(self, name: str, port: int) -> str:
        own = name == self.host.name
        address = self.address if own else _core.monitoring_address_of(self.host.hostvars[name], name)
        return f"{_core.bracket(address)}:{port}"

    def runbooks(self) -> str:
        s = self.of("prometheus")
        if not s["prometheus_serve_runbooks"]:
            return _core.options_of("prometheus")["prometheus_runbook_base_url"]["default"]
        return f"{s['prometheus_external_url'].rstrip('/') or self.url('prometheus')}/user/runbooks"

    @property
    def members(self) -> list[str]:
        """The monitoring hosts."""
        return list(self.host.groups.get("monitoring", [])) or [self.host.name]

    @property
    def others(self) -> list[str]:
        return [name for name in self.members if name != self.host.name]

    def grafana_page(self) -> str:
        return self.of("grafana")["grafana_root_url"].rstrip("/") or self.url("grafana")
