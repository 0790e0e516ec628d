# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role blackbox_exporter."""

from __future__ import annotations

import json

from ...module_utils._text import version_tuple
from . import _clusters, _core, _web

ROLE = "blackbox_exporter"
GIVEN = _core.given(ROLE)
OWN_FLAGS = ["config.file", "web.listen-address", "web.config.file", "config.check"]
OWN_CREDENTIALS = ["web.yml", "web.crt", "web.key", "redis_ca.crt", "redis.crt", "redis.key", "https_ca.crt"]
OF_REDIS, REDIS = "blackbox_exporter_redis", ("ca_file", "cert_file", "key_file", "server_name")
SECRET_KEYS = "password|credentials|bearer_token|client_secret"  # noqa: S105  # names


def problems(s: dict, host: _core.Host) -> list[str]:
    found = _core.release_problems(s, host, ROLE, "blackbox_exporter")
    version = s["blackbox_exporter_version"]
    if _core.is_version(version) and version_tuple(version) < (0, 23):
        found.append(f"blackbox_exporter_version is {version}: the oldest that this role knows is 0.23.0")
    found += web(s, host).problems("probe everything that this host reaches")
    found += _core.belong_together(
        s,
        [
            ("blackbox_exporter_web_tls_cert_file", "blackbox_exporter_web_tls_key_file"),
            ("blackbox_exporter_redis_cert_file", "blackbox_exporter_redis_key_file"),
        ],
    )
    found += _core.durations(s, ["blackbox_exporter_timeout"], "5s")
    for name, module in s["blackbox_exporter_modules"].items():
        found += module_problems(f"blackbox_exporter_modules.{name}", module)
    found += _clusters.problems(host, ROLE, [f"{OF_REDIS}_{name}" for name in REDIS])
    others = clusters(s, host)
    for cluster, how in others.items():
        found += _clusters.pair_problems(cluster, how, OF_REDIS, ("cert_file", "key_file"))
    taken = [name for cluster, how in others.items() for name in redis_files(how, cluster)]
    found += _core.credential_names(s, ROLE, [*OWN_CREDENTIALS, *taken])
    return found + _core.flags_problems(s, ROLE, OWN_FLAGS)


def module_problems(what: str, module: object) -> list[str]:
    found = []
    if not isinstance(module, dict) or "prober" not in module:
        found.append(f"{what} has no prober: give tcp, http, dns or grpc")
    elif module["prober"] == "icmp":
        found.append(f"{what} is for icmp, which needs a capability that the service does not have: probe a TCP port")
    found += _core.secret_keys(what, module, ROLE, SECRET_KEYS)
    if '"insecure_skip_verify": true' in json.dumps(module):
        found.append(
            f"{what} has insecure_skip_verify, so it would trust anybody and tell nothing of the chain:"
            " give ca_file, and server_name where the certificate does not cover the address"
        )
    return found


def web(s: dict, host: _core.Host) -> _web.Web:
    return _web.Web(s, host, ROLE, ca_file=s["blackbox_exporter_web_tls_ca_file"])


def connection(s: dict, host: _core.Host) -> dict:
    return web(s, host).connection


def service(s: dict, host: _core.Host) -> dict:
    site = web(s, host)
    release = _core.release(s, host, ROLE, "prometheus/blackbox_exporter", ["blackbox_exporter"])
    program = f"{release['root']}/current/blackbox_exporter"
    own_flags = {
        "config.file": "/etc/blackbox_exporter/blackbox.yml",
        "web.listen-address": site.listens_at,
        **({"web.config.file": "${CREDENTIALS_DIRECTORY}/web.yml"} if site.config_needed else {}),
    }
    arguments = _core.arguments({**own_flags, **s["blackbox_exporter_flags"]})
    secrets = site.secret_files(s["blackbox_exporter_credentials"])
    return {
        **release,
        "unit": "blackbox_exporter.service",
        "config": {
            "path": "/etc/blackbox_exporter",
            "files": [
                {"path": "blackbox.yml", "template": "blackbox_exporter/blackbox.yml.j2"},
                {"path": "/etc/systemd/system/blackbox_exporter.service", "template": "_service/service.j2"},
            ],
            "secrets": secrets,
            "purge": ["credentials"],
            "certificates": certificates(s, site, host),
            "checks": [
                [program, *arguments, "--version"],
                [program, "--config.check", "--config.file={dir}/blackbox.yml"],
            ],
            "unit": "blackbox_exporter.service",
            "inputs": [program],
            "service": site.asked("/-/healthy"),
        },
        "values": {
            "given": GIVEN,
            **site.values,
            "modules": {**redis_modules(s, host), "https": https(s), **s["blackbox_exporter_modules"]},
            "service": {
                "role": ROLE,
                "description": "Blackbox exporter: probes Redis and the monitoring",
                "documentation": "https://github.com/prometheus/blackbox_exporter",
                "program": program,
                "arguments": arguments,
                "credentials": site.credentials(secrets, credential_files(s, host)),
                "environment": s["blackbox_exporter_environment"],
            },
        },
    }


def of_redis(s: dict) -> dict[str, str]:
    return {name: s[f"{OF_REDIS}_{name}"] for name in REDIS}


def clusters(s: dict, host: _core.Host) -> dict[str, dict[str, str]]:
    """How Redis is probed in the clusters that say something else than the settings of this host."""
    wanted = _clusters.of_clusters(s, host, ROLE, OF_REDIS, REDIS)
    return {cluster: one for cluster, one in wanted.items() if one != of_redis(s)}


def module_of(cluster: str) -> str:
    return f"redis_tls_{_clusters.slug(cluster)}"


def redis_modules(s: dict, host: _core.Host) -> dict[str, dict]:
    """The modules that probe Redis."""
    found = {"redis_tls": redis_tls(s, of_redis(s), "")}
    return {**found, **{module_of(one): redis_tls(s, how, one) for one, how in clusters(s, host).items()}}


def redis_tls(s: dict, how: dict[str, str], cluster: str) -> dict:
    client = bool(how["cert_file"])

    def given(name: str) -> str:
        return f"{GIVEN}/{_clusters.credential(cluster, name)}"

    tls_config = {
        "ca_file": given("redis_ca.crt") if how["ca_file"] else "",
        "cert_file": given("redis.crt") if client else "",
        "key_file": given("redis.key") if client else "",
        "server_name": how["server_name"],
        "min_version": "TLS12",
    }
    return {
        "prober": "tcp",
        "timeout": s["blackbox_exporter_timeout"],
        "tcp": {
            "preferred_ip_protocol": "ip4",
            "tls": True,
            "tls_config": {name: value for name, value in tls_config.items() if value},
            # QUIT is answered without a login and is no denied command, which PING without a login is: it proves that
            # Redis itself answers and takes the client certificate, which the handshake of TLS 1.3 alone does not.
            "query_response": [{"send": "QUIT"}, {"expect": r"^\+OK"}] if client else [],
        },
    }


def https(s: dict) -> dict:
    """The module that probes the monitoring's own pages."""
    ca = {"ca_file": f"{GIVEN}/https_ca.crt"} if s["blackbox_exporter_https_ca_file"] else {}
    return {
        "prober": "http",
        "timeout": s["blackbox_exporter_timeout"],
        "http": {
            "preferred_ip_protocol": "ip4",
            "method": "GET",
            "fail_if_not_ssl": True,
            "follow_redirects": False,
            "valid_status_codes": s["blackbox_exporter_https_status_codes"],
            "tls_config": {**ca, "min_version": "TLS12"},
        },
    }


def redis_files(how: dict[str, str], cluster: str) -> dict[str, str]:
    names = {"redis_ca.crt": "ca_file", "redis.crt": "cert_file", "redis.key": "key_file"}
    return {_clusters.credential(cluster, name): how[key] for name, key in names.items()}


def credential_files(s: dict, host: _core.Host) -> dict:
    """Files of the host that the service is handed over, by the name that it finds them under."""
    found = {
        "web.crt": s["blackbox_exporter_web_tls_cert_file"],
        "web.key": s["blackbox_exporter_web_tls_key_file"],
        **redis_files(of_redis(s), ""),
        "https_ca.crt": s["blackbox_exporter_https_ca_file"],
    }
    for cluster, how in clusters(s, host).items():
        found.update(redis_files(how, cluster))
    return {**found, **s["blackbox_exporter_credential_files"]}


def certificates(s: dict, site: _web.Web, host: _core.Host) -> list[dict]:
    """What has to be in order before anything is changed."""
    found = [site.certificate] if site.tls else []
    cert, key = s["blackbox_exporter_redis_cert_file"], s["blackbox_exporter_redis_key_file"]
    if cert:
        found.append({"what": "blackbox_exporter_redis", "cert": cert, "key": key})
    for cluster, how in clusters(s, host).items():
        what = f"blackbox_exporter_redis of the cluster {cluster}"
        found += [{"what": what, "ca": how["ca_file"]}] if how["ca_file"] else []
        found += [{"what": what, "cert": how["cert_file"], "key": how["key_file"]}] if how["cert_file"] else []
    names = [f"blackbox_exporter_{name}_ca_file" for name in ("web_tls", "redis", "https")]
    return found + [{"what": name, "ca": s[name]} for name in names if s[name]]
