# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role alertmanager."""

from __future__ import annotations

from pathlib import Path

from ...module_utils._text import version_tuple
from . import _alertmanager_clusters as clusters
from . import _alertmanager_receivers as receivers
from . import _alertmanager_routes as routes
from . import _core, _data, _web

ROLE = "alertmanager"
GIVEN = _core.given(ROLE)
DATA = r"(nflog|silences)(\..*)?"  # what it writes into its data directory
OWN_FLAGS = [
    "config.file", "storage.path", "web.listen-address", "web.config.file", "cluster.listen-address", "cluster.peer",
    "cluster.tls-config",
]  # fmt: skip
# Prometheus sends what fires again after more than a minute (--rules.alert.resend-delay), and evaluates every 30 s.
START_DELAY = "95s"
OWN_CREDENTIALS = [
    "web.yml", "web.crt", "web.key", "cluster_tls.yml", "cluster.crt", "cluster.key", "cluster_ca.crt",
]  # fmt: skip
SECRET_KEYS = (  # names
    "[a-z_]*(?:password|credentials|bearer_token|api_key|api_secret|auth_secret|client_secret|slack_api_url"  # noqa: S105
    "|webhook_url|secrets|token)"
)


def problems(s: dict, host: _core.Host) -> list[str]:
    found = _core.release_problems(s, host, ROLE, "Alertmanager")
    version = s["alertmanager_version"]
    if _core.is_version(version) and version_tuple(version) < (0, 25):
        found.append(
            f"alertmanager_version is {version}: the oldest that reads all keys and passwords from files is 0.25.0"
        )
    found += web(s, host).problems("silence every alert")
    found += _core.page_url_problems(s, "alertmanager_external_url", "https://alerts.example.com")
    found += _core.belong_together(
        s,
        [
            ("alertmanager_web_tls_cert_file", "alertmanager_web_tls_key_file"),
            ("alertmanager_cluster_tls_cert_file", "alertmanager_cluster_tls_key_file"),
            ("alertmanager_cluster_tls_cert_file", "alertmanager_cluster_tls_ca_file"),
        ],
    )
    found += cluster_problems(s, host)
    everybody = clusters.with_all(s, host)
    found += receivers.problems(everybody)
    found += routes.problems(everybody)
    found += clusters.problems(s, host)
    found += _core.durations(s, ["alertmanager_group_wait", "alertmanager_watchdog_interval"], "1m")
    found += _core.secrets_in_files(s, ROLE, ["alertmanager_routes", "alertmanager_global"], SECRET_KEYS)
    found += _core.credential_names(
        s, ROLE, [*OWN_CREDENTIALS, *receivers.secrets(everybody), *receivers.ca_files(everybody)]
    )
    found += user_templates_problems(s, host)
    found += feature_problems(s)
    return found + _core.flags_problems(s, ROLE, OWN_FLAGS) + _data.problems(s, host, ROLE)


def feature_problems(s: dict) -> list[str]:
    """A feature that a version has no more: it would end at once, and its --version does not tell."""
    asked, version = str(s["alertmanager_flags"].get("enable-feature") or ""), s["alertmanager_version"]
    if "auto-gomaxprocs" not in asked.split(",") or not _core.is_version(version) or version_tuple(version) < (0, 33):
        return []
    return [
        f"alertmanager_flags: enable-feature has auto-gomaxprocs, and Alertmanager {version} ends at once with it, as"
        " all since 0.33.0: take it out, Go does that by itself"
    ]


# -------------------------------------------------------------------------------------------------------- cluster


def cluster_problems(s: dict, host: _core.Host) -> list[str]:
    members = peers(s, host)
    if not members:
        return []
    if host.known and not cluster_host(s, host):
        return ["no private address was found on this host: set alertmanager_cluster_listen_address"]
    if cluster_tls(s, host) or s["alertmanager_cluster_insecure"]:
        return []
    return [
        f"the {len(members) + 1} hosts of the group {s['alertmanager_cluster_group']} form a cluster, and whoever"
        f" reaches port {s['alertmanager_cluster_port']} could silence every alert: set"
        " alertmanager_cluster_tls_cert_file, _key_file and _ca_file, accept it with alertmanager_cluster_insecure,"
        " or set alertmanager_cluster_group to an empty string"
    ]


def peers(s: dict, host: _core.Host) -> list[str]:
    """Where this host finds the other members of the cluster."""
    members = host.groups.get(s["alertmanager_cluster_group"], [])
    others = [name for name in members if name != host.name] if host.name in members else []
    addresses = [_core.address_of(host.hostvars[name], name) for name in others]
    return [f"{_core.bracket(address)}:{s['alertmanager_cluster_port']}" for address in addresses]


def cluster_host(s: dict, host: _core.Host) -> str:
    return s["alertmanager_cluster_listen_address"] or host.private_address


def cluster_tls(s: dict, host: _core.Host) -> bool:
    return bool(s["alertmanager_cluster_tls_cert_file"] and peers(s, host))


# ------------------------------------------------------------------------------------------------------ templates


def user_templates_problems(s: dict, host: _core.Host) -> list[str]:
    found = []
    names = [Path(path).name for path in s["alertmanager_template_files"]]
    for path, name in zip(s["alertmanager_template_files"], names):
        what = f"alertmanager_template_files has {path}"
        if not name.endswith(".tmpl") or name == "redisops.tmpl":
            found.append(f"{what}: the name of a template ends in .tmpl and is not redisops.tmpl")
        elif names.count(name) > 1:
            found.append(f"alertmanager_template_files has two files named {name}: rename one")
        elif not host.file(path).is_file():
            found.append(f"{what}, which is not a file on the controller")
    return found


def template_files(s: dict, host: _core.Host) -> list[dict]:
    """The templates of notifications: ours, and those of the user."""
    ours = _core.ROLES / ROLE / "templates" / "redisops.tmpl"
    found = [{"path": f"templates/{ours.name}", "content": ours.read_text(encoding="utf-8")}]
    return found + _core.user_files(host, s["alertmanager_template_files"], "templates")


# -------------------------------------------------------------------------------------------------------- service


def web(s: dict, host: _core.Host) -> _web.Web:
    prefix = s["alertmanager_flags"].get("web.route-prefix") or _core.url_path(s["alertmanager_external_url"])
    return _web.Web(s, host, ROLE, ca_file=s["alertmanager_web_tls_ca_file"], prefix=prefix.rstrip("/"))


def connection(s: dict, host: _core.Host) -> dict:
    return web(s, host).connection


def service(s: dict, host: _core.Host) -> dict:
    steps, of_clusters, s = routes.steps(s), clusters.cluster_routes(s, host), clusters.with_all(s, host)
    site = web(s, host)
    release = _core.release(s, host, ROLE, "prometheus/alertmanager", ["alertmanager", "amtool"])
    program, amtool = (f"{release['root']}/current/{name}" for name in release["binaries"])
    arguments = command_line(s, host)
    secrets = secret_files(s, host)
    return {
        **release,
        "unit": "alertmanager.service",
        "config": {
            "path": "/etc/alertmanager",
            "files": [
                {"path": "alertmanager.yml", "template": "alertmanager/alertmanager.yml.j2"},
                {"path": "/etc/systemd/system/alertmanager.service", "template": "_service/service.j2"},
                *_data.files(s, ROLE),
                *template_files(s, host),
            ],
            "secrets": secrets,
            "prune": ["templates"],
            "purge": ["credentials"],
            "absent": _data.absent(s, ROLE),
            "data": _data.config(s, ROLE, DATA),
            "certificates": certificates(s, host),
            "checks": [[program, *arguments, "--version"], [amtool, "check-config", "{dir}/alertmanager.yml"]],
            "unit": "alertmanager.service",
            "inputs": [program],
            "service": site.asked("/-/ready"),
        },
        "values": {
            **s,
            "given": GIVEN,
            **site.values,
            "nobody": receivers.NOBODY,
            "default_receiver": routes.default_receiver(s),
            "steps": steps,
            "cluster_routes": of_clusters,
            "receivers": receivers.values(s, GIVEN),
            "service": {
                "role": ROLE,
                "description": "Alertmanager",
                "documentation": "https://prometheus.io/docs/alerting/latest/alertmanager/",
                "program": program,
                "arguments": arguments,
                "lines": [
                    "# It writes silences and its log of notifications to disk when it ends.",
                    "TimeoutStopSec=60",
                ],
                **_data.values(s, ROLE),
                "credentials": site.credentials(secrets, credential_files(s, host)),
                "environment": s["alertmanager_environment"],
            },
        },
    }


def command_line(s: dict, host: _core.Host) -> list[str]:
    site, members, version = web(s, host), peers(s, host), version_tuple(s["alertmanager_version"])
    cluster = f"{_core.bracket(cluster_host(s, host))}:{s['alertmanager_cluster_port']}" if members else ""
    own = {
        "config.file": "/etc/alertmanager/alertmanager.yml",
        "storage.path": _data.path(s, ROLE),
        "web.listen-address": site.listens_at,
        "web.config.file": "${CREDENTIALS_DIRECTORY}/web.yml" if site.config_needed else "",
        "web.external-url": s["alertmanager_external_url"],
        "cluster.advertise-address": cluster,
        "cluster.tls-config": "${CREDENTIALS_DIRECTORY}/cluster_tls.yml" if cluster_tls(s, host) else "",
        # The name of each receiver that was notified: by it the playbook verify proves the path of an alert.
        "enable-feature": "receiver-name-in-metrics" if version >= (0, 27) else "",
        # After a start it knows no alert until Prometheus sends it again. Earlier it would tell the end of what still
        # fires, and what others mute.
        "dispatch.start-delay": START_DELAY if version >= (0, 30) else "",
    }
    return [
        *_core.arguments({**{name: value for name, value in own.items() if value}, **s["alertmanager_flags"]}),
        f"--cluster.listen-address={cluster}",  # empty for no cluster; left out, Alertmanager would choose an address
        *[f"--cluster.peer={peer}" for peer in members],
    ]


def secret_files(s: dict, host: _core.Host) -> list[dict]:
    found = web(s, host).secret_files({**receivers.secrets(s), **s["alertmanager_credentials"]})
    if cluster_tls(s, host):
        found.append({"path": "credentials/cluster_tls.yml", "template": "alertmanager/cluster_tls.yml.j2"})
    return found


def credential_files(s: dict, host: _core.Host) -> dict:
    """Files of the host that the service is handed over, by the name that it finds them under."""
    found = {
        "web.crt": s["alertmanager_web_tls_cert_file"],
        "web.key": s["alertmanager_web_tls_key_file"],
        **receivers.ca_files(s),
    }
    if peers(s, host):
        found["cluster.crt"] = s["alertmanager_cluster_tls_cert_file"]
        found["cluster.key"] = s["alertmanager_cluster_tls_key_file"]
        found["cluster_ca.crt"] = s["alertmanager_cluster_tls_ca_file"]
    return {**found, **s["alertmanager_credential_files"]}


def certificates(s: dict, host: _core.Host) -> list[dict]:
    """What has to be in order before anything is changed."""
    found = [web(s, host).certificate] if web(s, host).tls else []
    cas = ["alertmanager_web_tls_ca_file"] if s["alertmanager_web_tls_ca_file"] else []
    if cluster_tls(s, host):
        found.append(
            {
                "what": "alertmanager_cluster_tls",
                "cert": s["alertmanager_cluster_tls_cert_file"],
                "key": s["alertmanager_cluster_tls_key_file"],
                "name": s["alertmanager_cluster_tls_server_name"] or cluster_host(s, host),
            }
        )
        cas.append("alertmanager_cluster_tls_ca_file")
    return found + [{"what": name, "ca": s[name]} for name in cas]
