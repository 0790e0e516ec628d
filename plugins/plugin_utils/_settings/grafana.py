# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role grafana. It comes as a package; the rest is a service like the others."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ...module_utils._text import version_tuple
from . import _agent, _core, _data, _grafana_content, _grafana_ini, _grafana_urls, _storage, mirror

UNIT = "grafana-server.service"
DROP_IN = f"/etc/systemd/system/{UNIT}.d/redisops.conf"
# Not below /etc/grafana: the package makes everything there readable to the group grafana at every upgrade.
DIRECTORY = "/etc/redisops/grafana"
TOKEN = f"{DIRECTORY}/token"
COMMA_LISTS = ("grafana_repository_key_fingerprints", "grafana_allow_from", "grafana_dashboards")
NEEDED = ("grafana_admin_password",)  # or monitoring_secret
OWN_CREDENTIALS = ["admin_password", "secret_key", "metrics_password", "web.crt", "web.key"]
# What systemd takes for IPAddressAllow=
NETWORK = re.compile(
    r"[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?|any|localhost|link-local|multicast"
)
VERSION = re.compile("[0-9]+[.][0-9]+[.][0-9]+([-+~][A-Za-z0-9.+~-]*)?")


# --------------------------------------------------------------------------------------------------------- problems


def problems(s: dict, host: _core.Host) -> list[str]:
    return [
        *account_problems(s),
        *package_problems(s),
        *listen_problems(s, host),
        *_core.belong_together(
            s,
            [
                ("grafana_tls_cert_file", "grafana_tls_key_file"),
                *(
                    (f"grafana_{one}_username", f"grafana_{one}_password")
                    for one in ("metrics", "prometheus", "alertmanager")
                ),
            ],
        ),
        *url_problems(s),
        *_core.durations(s, ["grafana_prometheus_scrape_interval"]),
        *region_problems(s),
        *_grafana_ini.ini_problems(s),
        *_grafana_ini.environment_problems(s),
        *_core.credential_names(s, "grafana", OWN_CREDENTIALS),
        *_data.problems(s, host, "grafana"),
        *(
            f"grafana_credential_files.{name} is {path}, which is not an absolute path"
            for name, path in s["grafana_credential_files"].items()
            if not str(path).startswith("/")
        ),
        *(
            f"grafana_allow_from has {address}, which is not an address or network such as 10.0.0.0/16"
            for address in s["grafana_allow_from"]
            if not NETWORK.fullmatch(address)
        ),
        *_grafana_content.dashboard_problems(s, host),
        *(
            f"grafana_prometheus_replicas.{name} is {url}, which is not a URL such as https://10.0.0.8:9090"
            for name, url in s["grafana_prometheus_replicas"].items()
            if not re.match(r"https?://[^/\s@]+", str(url))
        ),
        *_storage.problems(s),
        *agent_problems(s, host),
        *mirror.problems(s),
    ]


def agent_problems(s: dict, host: _core.Host) -> list[str]:
    given = getattr(host.variables, "is_given", host.variables.__contains__)
    if not _agent.is_on(host.variables) or _storage.datasource(s) or given("grafana_prometheus_url"):
        return []
    ways = "grafana_prometheus_url to what answers for it"
    if not _storage.unsigned(s):
        ways = f"monitoring_remote_storage.query_url, or {ways}"
    return [f"prometheus_mode is agent, which answers no queries, and Grafana cannot ask the store: set {ways}"]


def account_problems(s: dict) -> list[str]:
    password = s["grafana_admin_password"]
    if len(password) < 12 or password.lower() == s["grafana_admin_user"].lower():
        return ["grafana_admin_password is shorter than 12 characters, or the name of the user: choose a longer one"]
    return []


def package_problems(s: dict) -> list[str]:
    found = []
    version = s["grafana_version"]
    if not VERSION.fullmatch(version):
        found.append(f"grafana_version is {version}: give three numbers such as 12.4.0, without a v")
    elif version_tuple(version) < (9, 1, 0):
        found.append(f"grafana_version is {version}: the oldest that works, because it has service accounts, is 9.1.0")
    for key in s["grafana_repository_key_fingerprints"]:
        if not re.fullmatch("[0-9A-Fa-f]{40}", key.replace(" ", "")):
            found.append(f"grafana_repository_key_fingerprints has {key}, which is not 40 hexadecimal digits")
    return found


def listen_problems(s: dict, host: _core.Host) -> list[str]:
    found = []
    port, listen = s["grafana_port"], _grafana_urls.listen_address(s, host)
    loopback = re.match(r"127\.|::1$|localhost$", listen)
    if not 1 <= port <= 65535:
        found.append(f"grafana_port is {port}: ports are 1 to 65535")
    if not listen and host.known:
        found.append("no private address was found on this host: set grafana_listen_address")
    elif host.known and not loopback and listen not in ("0.0.0.0", "::", *host.addresses):  # noqa: S104  # compared
        has = ", ".join(host.addresses)
        found.append(f"grafana_listen_address is {listen}, which is not an address of this host: it has {has}")
    elif not loopback and not s["grafana_insecure"] and not s["grafana_tls_cert_file"]:
        found.append(
            f"grafana_listen_address is {listen or 'the private address'}, so passwords would cross the network in"
            " clear: set grafana_tls_cert_file and grafana_tls_key_file, or accept it with grafana_insecure"
        )
    return found


def url_problems(s: dict) -> list[str]:
    found = []
    for name in ("root", "api", "prometheus", "alertmanager", "repository", "gnet"):
        name = f"grafana_{name}_url"
        if re.search("^[^/?]*(//)?[^/?]*@", s[name]):
            found.append(f"{name} holds a user name or password: take it out, there are variables for these")
        elif s[name] and not re.match(r"https?://[^/\s]+", s[name]):
            found.append(f"{name} is {s[name]}, which is not a URL such as https://grafana.example.com")
    used = not (s["grafana_deb"] or s["grafana_repository_url"])
    used = used or (s["grafana_gnet_dashboards"] and not s["grafana_gnet_url"])
    if used and re.search("//[^/]*@", s["monitoring_mirror_url"]):
        found.append(
            "monitoring_mirror_url holds a user name or password, which everybody on the host could read in a list of"
            " apt: take them out, and give monitoring_mirror.url_username and url_password"
        )
    return found


def region_problems(s: dict) -> list[str]:
    region = s["grafana_cloudwatch_region"]
    if region and not re.fullmatch("[a-z]{2,}(-[a-z]+)+-[0-9]+", region):
        return [f"grafana_cloudwatch_region is {region}, which is not a region such as eu-central-1"]
    return []


def connection(s: dict, host: _core.Host) -> dict:
    found = _grafana_content.datasources(s, _agent.is_on(host.variables))
    return {
        "url": _grafana_urls.api_url(s, host),
        "ca_path": s["grafana_tls_ca_file"],
        "token_path": TOKEN,
        "tls_cert_file": s["grafana_tls_cert_file"],
        "tls_key_file": s["grafana_tls_key_file"],
        "prometheus_url": next((one["ds_url"] for one in found if one["uid"] == "prometheus"), ""),
        "datasource_uids": [one["uid"] for one in found],
        "dashboard_uids": [one["uid"] for one in _grafana_content.dashboards(s, host) if one["uid"]],
        "queries": _grafana_content.queries(s, host),
        "on_drift": s["grafana_on_drift"],
    }


# ---------------------------------------------------------------------------------------------------------- service


def needs(s: dict, host: _core.Host) -> dict:
    """What host_status looks for."""
    return {"programs": {"apt-get": "apt-get is missing, and Grafana is installed with it: use Debian or Ubuntu"}}


def secrets(s: dict) -> dict[str, str]:
    """Credentials that the role writes, by name."""
    own = {
        "admin_password": s["grafana_admin_password"],
        "secret_key": s["grafana_secret_key"],
        "metrics_password": s["grafana_metrics_password"],
    }
    given = {name: str(value) for name, value in s["grafana_credentials"].items()}
    return {**{name: value for name, value in own.items() if value}, **given}


def follows(host: _core.Host, name: str) -> bool:
    """Whether a setting follows from monitoring_secret, and was not given."""
    return name in getattr(host.variables, "derived", {}) and not host.variables.is_given(name)


def service(s: dict, host: _core.Host) -> dict:
    files = {"web.crt": s["grafana_tls_cert_file"], "web.key": s["grafana_tls_key_file"]}
    files = {name: path for name, path in {**files, **s["grafana_credential_files"]}.items() if path}
    return {
        "name": "grafana",
        "version": s["grafana_version"],
        "unit": UNIT,
        "config": {
            "path": DIRECTORY,
            "files": [
                {
                    "path": "/etc/grafana/grafana.ini",
                    "template": "grafana/grafana.ini.j2",
                    "mode": "0640",
                    "group": "grafana",
                },
                {"path": DROP_IN, "template": "grafana/redisops.conf.j2"},
            ],
            "secrets": [
                {
                    "path": f"credentials/{name}",
                    "content": one,
                    # Nobody could read any more what Grafana's database holds encrypted.
                    **({"keep": True} if name == "secret_key" and follows(host, "grafana_secret_key") else {}),
                }
                for name, one in secrets(s).items()
            ],
            "purge": ["credentials"],
            "data": {
                "what": "grafana_data_directory",
                "directory": _data.directory(s, "grafana"),
                "default": "/var/lib/grafana",
                "proof": "grafana.db",  # the package makes empty directories there
                "named_in": DROP_IN,
            },
            "certificates": certificates(s, host),
            "unit": UNIT,
            "inputs": [  # 9.3 had no grafana
                "/usr/share/grafana/bin/grafana",
                "/usr/share/grafana/bin/grafana-server",
                "/usr/sbin/grafana-server",
            ],
            "service": {
                "ready_url": f"{_grafana_urls.api_url(s, host)}/api/health",
                "version": re.sub("[-~].*", "", s["grafana_version"]),  # the package's revision is not Grafana's
                "start_timeout": s["grafana_start_timeout"],
                **({"ca_path": s["grafana_tls_ca_file"]} if s["grafana_tls_ca_file"] else {}),
            },
        },
        "values": {
            "sections": _grafana_ini.sections(s, host),
            "service": {
                "data": _data.directory(s, "grafana"),
                "credentials": {**{name: f"{DIRECTORY}/credentials/{name}" for name in secrets(s)}, **files},
                "environment": _grafana_urls.environment(s),
                "sandbox": sandbox(s),
            },
            "bundled_plugins": version_tuple(s["grafana_version"]) >= (13, 1),
            "start_timeout": s["grafana_start_timeout"],
            "allow_from": s["grafana_allow_from"],
        },
    }


def sandbox(s: dict) -> dict[str, str]:
    """What the unit needs otherwise than other services; the package brings a user."""
    capability = "CAP_NET_BIND_SERVICE" if s["grafana_port"] < 1024 else ""
    return {
        **({"AmbientCapabilities": capability} if capability else {}),
        "CapabilityBoundingSet": capability,
        "DeviceAllow": "",
        "PrivateMounts": "yes",
        "PrivateUsers": "no",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    }


def certificates(s: dict, host: _core.Host) -> list[dict]:
    found = []
    if s["grafana_tls_cert_file"]:
        pair = {"cert": s["grafana_tls_cert_file"], "key": s["grafana_tls_key_file"]}
        found.append({"what": "grafana_tls", **pair, "name": urlsplit(_grafana_urls.api_url(s, host)).hostname})
    for name in ("grafana_tls_ca_file", "grafana_prometheus_ca_file", "grafana_alertmanager_ca_file"):
        if s[name]:
            found.append({"what": name, "ca": s[name]})
    return found + _storage.certificates(s)


# --------------------------------------------------------------------------------------------- tasks of the role


def task_package(s: dict, host: _core.Host) -> dict:
    repository = _grafana_urls.mirrored(s, "repository", "apt.grafana.com")
    access = {} if s["grafana_deb"] else mirror.access(s, repository)
    return {
        "module": "apt_release",
        "args": {
            "name": "grafana",
            "version": s["grafana_version"],
            **({"deb": s["grafana_deb"]} if s["grafana_deb"] else {"repository": repository}),
            **({"key": s["grafana_repository_key"]} if s["grafana_repository_key"] else {}),
            **{name: value for name, value in access.items() if name != "timeout"},
            "fingerprints": s["grafana_repository_key_fingerprints"],
            "allow_downgrade": s["grafana_allow_downgrade"],
        },
    }


def asked(s: dict, host: _core.Host) -> dict:
    """How the modules reach it."""
    ca_path = {"ca_path": s["grafana_tls_ca_file"]} if s["grafana_tls_ca_file"] else {}
    return {"url": _grafana_urls.api_url(s, host), "token_path": TOKEN, **ca_path}


def task_access(s: dict, host: _core.Host) -> dict:
    login = {"url_username": s["grafana_admin_user"], "url_password": s["grafana_admin_password"]}
    return {"module": "grafana_access", "args": {**asked(s, host), **login}}


def task_datasources(s: dict, host: _core.Host) -> list[dict]:
    found = _grafana_content.datasources(s, _agent.is_on(host.variables))
    return [{"module": "grafana_datasource", "args": {**asked(s, host), **one}} for one in found]


def task_dashboards(s: dict, host: _core.Host) -> list[dict]:
    place = {"folder": s["grafana_folder"], "on_drift": s["grafana_on_drift"]}
    if s["grafana_folder_uid"]:
        place["folder_uid"] = s["grafana_folder_uid"]
    return [
        {"module": "grafana_dashboard", "args": {**asked(s, host), **place, **one}}
        for one in _grafana_content.dashboards(s, host)
    ]


TASKS = {
    "package": task_package,
    "access": task_access,
    "datasources": task_datasources,
    "dashboards": task_dashboards,
}
