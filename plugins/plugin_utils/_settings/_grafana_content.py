# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Grafana shows: data sources and dashboards, as grafana_datasource and grafana_dashboard take them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from . import _core, _grafana_urls, _storage, mirror

UID = re.compile("[a-zA-Z0-9_-]{1,40}")
UID_RULE = "1 to 40 of a-z, A-Z, 0-9, - and _"


def dashboard_problems(s: dict, host: _core.Host) -> list[str]:
    found = []
    if s["grafana_folder_uid"] and not UID.fullmatch(s["grafana_folder_uid"]):
        found.append(f"grafana_folder_uid is {s['grafana_folder_uid']}: Grafana takes {UID_RULE}")
    uids = []
    for name in s["grafana_dashboards"]:
        path = dashboard_file(name, host)
        if not path.is_file():
            found.append(f"grafana_dashboards: there is no file {path} on the controller")
            continue
        model = dashboard_model(path)
        uid = str(model.get("uid") or "")
        uids.append(uid)
        if not model.get("title"):
            reason = "it has no title" if model else "it is no JSON object"
            found.append(f"grafana_dashboards: {path} is not a dashboard: {reason}")
        if model and not UID.fullmatch(uid):
            has = f"has the uid {uid}" if uid else "has no uid"
            found.append(f"grafana_dashboards: {path} {has}: give it one, {UID_RULE}")
    for entry in s["grafana_gnet_dashboards"]:
        uids.append(entry.get("uid") or "")
        if uids[-1] and not UID.fullmatch(uids[-1]):
            found.append(f"grafana_gnet_dashboards: the uid {uids[-1]} cannot be used: Grafana takes {UID_RULE}")
    twice = dict.fromkeys(uid for uid in uids if uid and uids.count(uid) > 1)
    return found + [
        f"grafana_dashboards and grafana_gnet_dashboards have the uid {uid} twice: give each dashboard its own"
        for uid in twice
    ]


def datasources(s: dict, agent: bool = False) -> list[dict]:
    """The data sources by UID, which is their type as well, as module grafana_datasource takes them.

    An agent answers no queries: what the dashboards ask is the store then, by the same UID.
    """
    manages = {"manageAlerts": True, "alertmanagerUid": "alertmanager"} if s["grafana_alertmanager_url"] else {}
    interval = s["grafana_prometheus_scrape_interval"]
    settings = {
        "prometheus": {"httpMethod": "POST", "timeInterval": interval, **manages},
        "alertmanager": {"implementation": "prometheus", "handleGrafanaManagedAlerts": False},
    }
    found = []
    for uid in settings:
        url, user, password, ca_file = (
            s[f"grafana_{uid}_{name}"] for name in ("url", "username", "password", "ca_file")
        )
        if url:
            found.append(
                {
                    "uid": uid,
                    "name": uid.capitalize(),
                    "ds_url": url,
                    "basic_auth_user": user,
                    "json_data": {**settings[uid], **({"tlsAuthWithCACert": True} if ca_file else {})},
                    "secure_json_data": {"basicAuthPassword": password} if user else {},
                    "secure_json_data_files": {"tlsCACert": ca_file} if ca_file else {},
                    "check_health": s["grafana_check_health"],
                }
            )
    if s["grafana_cloudwatch_region"]:
        data = {"authType": "default", "defaultRegion": s["grafana_cloudwatch_region"]}
        found.append({"uid": "cloudwatch", "name": "CloudWatch", "json_data": data, "check_health": False})
    store = _storage.datasource(s)
    if agent:
        found = [{**one, **store, **of_agent(one)} if one["uid"] == "prometheus" and store else one for one in found]
        return completed(found)
    first = found[0] if found and found[0]["uid"] == "prometheus" else {}
    names = replica_names(list(s["grafana_prometheus_replicas"]))
    for name, url in s["grafana_prometheus_replicas"].items():  # with the login and the CA of the first
        more = {**names[name], "ds_url": url, "check_health": False}
        found.append({**first, "ds_type": "prometheus", **more})
    if store:
        found.append(store)
    return completed(found)


def replica_names(hosts: list[str]) -> dict[str, dict]:
    """UID and name of the data source of each host; the UID is what Grafana takes of the host's name.

    Where several would get one UID, those whose name says something else get a hash of it. Their data sources have it
    in their name as well: the one that they had in common may be there still, and names are unique in Grafana.
    """
    taken = {host: re.sub("[^a-zA-Z0-9_-]", "-", host)[:29] for host in hosts}
    found = {}
    for host, uid in taken.items():
        title = f"Prometheus of {host}"
        if uid != host and list(taken.values()).count(uid) > 1:
            digest = hashlib.sha256(host.encode()).hexdigest()[:6]
            uid, title = f"{uid[:22]}-{digest}", f"{title} ({digest})"
        found[host] = {"uid": f"prometheus-{uid}", "name": title}
    return found


def of_agent(one: dict) -> dict:
    """Of the data source of a server, what the store's has as well."""
    return {name: one[name] for name in ("uid", "name")}


def completed(found: list[dict]) -> list[dict]:
    common = {"access": "proxy", "basic_auth_user": ""}
    return [{**common, "ds_type": one["uid"], "is_default": one["uid"] == "prometheus", **one} for one in found]


def dashboard_file(name: str, host: _core.Host) -> Path:
    """Ours by name, those of the user by path."""
    return host.file(name) if "/" in name else _core.ROLES / "grafana" / "files" / "dashboards" / f"{name}.json"


def dashboard_model(path: Path) -> dict:
    try:
        model = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return model if isinstance(model, dict) else {}


def dashboards(s: dict, host: _core.Host) -> list[dict]:
    """The dashboards as module grafana_dashboard takes them."""
    found = []
    for name in s["grafana_dashboards"]:
        model = dashboard_model(dashboard_file(name, host))
        if s["grafana_runbook_base_url"]:
            link_runbooks(model, s["grafana_runbook_base_url"])
        found.append({"uid": str(model.get("uid") or ""), "definition": model})
    inputs, hour = {"DS_PROMETHEUS": "prometheus"}, {"time": {"from": "now-1h", "to": "now"}}
    for entry in s["grafana_gnet_dashboards"]:
        given = {key: value for key, value in entry.items() if value is not None}
        url = _grafana_urls.mirrored(s, "gnet", "grafana.com")
        access = {f"source_{name}": one for name, one in mirror.access(s, url).items() if name != "timeout"}
        found.append({"mirror_url": url, "overrides": hour, **access, **given})
    return [{"inputs": inputs, **one} for one in found]


def link_runbooks(model: dict, url: str) -> None:
    """The constant of our dashboards that their links to runbook pages begin with."""
    for variable in model.get("templating", {}).get("list", []):
        if variable.get("name") == "runbook_url":
            variable["query"] = url
            variable["current"].update(text=url, value=url)


def queries(s: dict, host: _core.Host) -> dict[str, list[str]]:
    """What the panels of the dashboards in files ask, by uid; those in rows as well."""
    found = {}
    for name in s["grafana_dashboards"]:
        model = dashboard_model(dashboard_file(name, host))
        panels = list(model.get("panels", []))
        panels += [inner for panel in panels for inner in panel.get("panels", [])]
        asked = {target["expr"] for panel in panels for target in panel.get("targets", []) if "expr" in target}
        found[model.get("uid", "")] = sorted(asked)
    return found
