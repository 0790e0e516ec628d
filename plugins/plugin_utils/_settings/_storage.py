# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replicas of Prometheus, and the long-term storage that they write to.

With two or more hosts in the group monitoring, every Prometheus scrapes the same nodes. An external label tells them
apart; alerts lose it, so that Alertmanager sees one alert. What a store wants to see of the label is its own:

victoriametrics  drops samples that differ in nothing (-dedup.minScrapeInterval): the label must not arrive
mimir, amp       take the samples of one replica at a time, by the labels cluster and __replica__
thanos           its queries drop the label (--query.replica-label)
prometheus       keeps both; the label tells them apart
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from ...module_utils._text import version_tuple
from . import _core


class Kind(NamedTuple):
    write: str  # path below the URL of the store
    read: str | None  # where it answers PromQL; None: somewhere else
    tenant: str = ""  # header that names the tenant


KINDS = {
    "victoriametrics": Kind("/api/v1/write", ""),
    "mimir": Kind("/api/v1/push", "/prometheus", "X-Scope-OrgID"),
    "thanos": Kind("/api/v1/receive", None, "THANOS-TENANT"),
    "amp": Kind("/api/v1/remote_write", ""),
    "prometheus": Kind("/api/v1/write", ""),
}
LABEL = re.compile("(?!__)[a-zA-Z_][a-zA-Z0-9_]*")  # those with two underscores are Prometheus' own
# Of our targets, rules and metrics: without one of them alerts lose their way, and series become one.
TAKEN = {
    "alertname", "availability_zone", "cluster", "cmd", "device", "endpoint", "environment", "incident", "instance",
    "instance_id", "instance_type", "integration", "job", "le", "node", "quantile", "role", "severity",
}  # fmt: skip
# A store that is overloaded says 429, which Prometheus takes for a lost sample unless told otherwise. Few shards,
# since what waits is in the log on disk, and a store that comes back is to stay.
QUEUE = {"capacity": 10000, "max_samples_per_send": 2000, "max_shards": 20, "retry_on_http_429": True}


def given(s: dict) -> dict[str, Any]:
    """What the user gave of monitoring_remote_storage."""
    return {name: value for name, value in s["monitoring_remote_storage"].items() if value not in (None, "")}


def region(s: dict) -> str:
    """Of the signature that Amazon's store wants."""
    return given(s).get("region") or s["monitoring_aws_region"]


def problems(s: dict) -> list[str]:
    store, name = given(s), "monitoring_remote_storage"
    if not store:
        return []
    found = [f"{name}.{key} is not set" for key in ("url", "kind") if key not in store]
    for key in [key for key in ("url", "query_url") if key in store]:
        if not is_url(store[key]):
            found.append(
                f"{name}.{key} is no URL such as https://store.example.com:8428, without a user, a password, ? or #"
            )
        elif "username" in store and store[key].startswith("http:"):
            found.append(f"{name}.{key} is http, so the password would cross the network in clear: give https")
    if "ca_file" in store and not store["ca_file"].startswith("/"):
        found.append(f"{name}.ca_file is {store['ca_file']}, which is not an absolute path on the monitoring host")
    if ("username" in store) != ("password" in store):
        found.append(f"{name}.username and {name}.password belong together: give both or none")
    if store.get("kind") == "amp":
        if not region(s):
            found.append(f"{name}.kind is amp: set {name}.region or monitoring_aws_region, for the signature")
        if "username" in store:
            found.append(f"{name}.kind is amp, which takes requests signed by the instance's role: leave username out")
    elif "region" in store or "role_arn" in store:
        found.append(f"{name}.region and {name}.role_arn are for the kind amp")
    if "tenant" in store and not KINDS[store.get("kind", "prometheus")].tenant:
        found.append(f"{name}.tenant is for the kinds mimir and thanos")
    return found


def is_url(text: str) -> bool:
    """Of a store: a path may follow, a login or a query may not, since the path to write to is added."""
    try:
        return bool(re.fullmatch(r"https?://[^/\s@?#]+(/[^\s@?#]*)?", text) and urlsplit(text).hostname)
    except ValueError:
        return False


def label_problems(s: dict, host: _core.Host) -> list[str]:
    label = s["prometheus_replica_label"]
    if label and (not LABEL.fullmatch(label) or label in TAKEN | taken_by_user(s)):
        return [f"prometheus_replica_label is {label}: give a label's name that no series has, such as replica"]
    kind, labels = given(s).get("kind"), external_labels(s, host)
    # VictoriaMetrics drops samples that differ in nothing; the others refuse or mix them.
    if kind in (None, "victoriametrics") or not is_replica(host) or labels.get(label) or labels.get("__replica__"):
        return []
    number = len(host.groups["monitoring"])
    return [
        f"prometheus_replica_label is empty, or its value is: {number} hosts would send the same series to the store,"
        f" and {kind} could not tell them apart"
    ]


def taken_by_user(s: dict) -> set[str]:
    """Labels of the targets."""
    return {*s["prometheus_target_labels"], *s["prometheus_tag_labels"]}


# --------------------------------------------------------------------------------------------------------- replicas


def is_replica(host: _core.Host) -> bool:
    """Whether it is one of several monitoring hosts."""
    members = host.groups.get("monitoring", [])
    return len(members) > 1 and host.name in members


def external_labels(s: dict, host: _core.Host) -> dict[str, str]:
    label = s["prometheus_replica_label"]
    mine = {label: host.name} if label and is_replica(host) else {}
    return {**mine, **{name: str(value) for name, value in s["prometheus_external_labels"].items()}}


def alert_relabelling(s: dict, host: _core.Host) -> list[dict[str, str]]:
    """Alerts of replicas are one alert."""
    label = s["prometheus_replica_label"]
    return [{"action": "labeldrop", "regex": label}] if label in external_labels(s, host) else []


# ---------------------------------------------------------------------------------------------------------- storage


def base(url: str, path: str) -> str:
    """The URL of the store, whether the user gave it with the path to write to or without."""
    url = url.rstrip("/")
    return url[: -len(path)] if url.endswith(path) else url


def remote_write(s: dict, host: _core.Host, credentials: str) -> list[dict[str, Any]]:
    """As Prometheus' remote_write; `credentials` is the directory with the password and the CA."""
    store = given(s)
    if not store:
        return s["prometheus_remote_write"]
    kind = KINDS[store["kind"]]
    entry: dict[str, Any] = {
        "name": "long-term",
        "url": base(store["url"], kind.write) + kind.write,
        "queue_config": dict(QUEUE),
    }
    if "tenant" in store:
        entry["headers"] = {kind.tenant: store["tenant"]}
    if "username" in store:
        password = f"{credentials}/remote_storage_password"
        entry["basic_auth"] = {"username": store["username"], "password_file": password}
    if "ca_file" in store:
        entry["tls_config"] = {"ca_file": f"{credentials}/remote_storage_ca.crt"}
    if store["kind"] == "amp":
        role = {"role_arn": store["role_arn"]} if "role_arn" in store else {}
        entry["sigv4"] = {"region": region(s), **role}
    relabelling = write_relabelling(s, host, store["kind"])
    return [
        {**entry, **({"write_relabel_configs": relabelling} if relabelling else {})},
        *s["prometheus_remote_write"],
    ]


def write_relabelling(s: dict, host: _core.Host, kind: str) -> list[dict[str, Any]]:
    """What the store needs to keep one sample of the replicas."""
    label = s["prometheus_replica_label"]
    if label not in external_labels(s, host) or kind in ("thanos", "prometheus"):
        return []
    drop = {"action": "labeldrop", "regex": label}
    if kind == "victoriametrics":
        return [drop]
    found: list[dict[str, Any]] = [{"source_labels": [label], "target_label": "__replica__"}, drop]
    cluster = host.variables.get("monitoring_cluster")
    if cluster:  # series of the monitoring itself have no cluster, and would be taken twice
        name = _core.literal(cluster)
        found.append({"source_labels": ["cluster"], "regex": "", "target_label": "cluster", "replacement": name})
    return found


def secrets(s: dict) -> dict[str, str]:
    store = given(s)
    return {"remote_storage_password": store["password"]} if "password" in store else {}


def credential_files(s: dict) -> dict[str, str]:
    return {"remote_storage_ca.crt": given(s).get("ca_file", "")}


def certificates(s: dict) -> list[dict[str, str]]:
    """What has to be in order on the host before anything is changed."""
    ca = given(s).get("ca_file")
    return [{"what": "monitoring_remote_storage.ca_file", "ca": ca}] if ca else []


def query_url(s: dict) -> str:
    """Where the store answers PromQL; nothing where nobody said so."""
    store = given(s)
    if "query_url" in store or not {"url", "kind"} <= set(store):
        return store.get("query_url", "")
    kind = KINDS[store["kind"]]
    return "" if kind.read is None else base(store["url"], kind.write) + kind.read


def queried(s: dict) -> dict[str, Any]:
    """How a module on a monitoring host asks the store; {} where it cannot, as with requests that have to be signed."""
    store, url = given(s), query_url(s)
    if not url or store.get("kind") == "amp":
        return {}
    kind = KINDS[store.get("kind", "prometheus")]
    found = {
        "url": url,
        "url_username": store.get("username"),
        "url_password": store.get("password"),
        "ca_path": store.get("ca_file"),
        "headers": {kind.tenant: store["tenant"]} if "tenant" in store else {},
        # It holds the newest samples back otherwise, and remembers answers.
        "parameters": {"latency_offset": "1ms", "nocache": "1"} if store.get("kind") == "victoriametrics" else {},
    }
    return {name: value for name, value in found.items() if value}


def unsigned(s: dict) -> bool:
    """Whether Grafana cannot sign the requests that Amazon's store wants: from 13 on a plugin does."""
    version = s["grafana_version"]
    return given(s).get("kind") == "amp" and _core.is_version(version) and version_tuple(version) >= (13,)


def datasource(s: dict) -> dict[str, Any]:
    """Grafana's data source for long ranges, as module grafana_datasource takes it; {} without one."""
    store, url = given(s), query_url(s)
    if not url or not {"url", "kind"} <= set(store) or unsigned(s):
        return {}
    kind = KINDS[store["kind"]]
    data: dict[str, Any] = {"httpMethod": "POST", "timeInterval": s["grafana_prometheus_scrape_interval"]}
    hidden: dict[str, str] = {"basicAuthPassword": store["password"]} if "password" in store else {}
    if "ca_file" in store:
        data["tlsAuthWithCACert"] = True
    if "tenant" in store:
        data["httpHeaderName1"] = kind.tenant
        hidden["httpHeaderValue1"] = store["tenant"]
    if store["kind"] == "amp":
        data.update(sigV4Auth=True, sigV4AuthType="default", sigV4Region=region(s))
        if "role_arn" in store:
            data["sigV4AssumeRoleArn"] = store["role_arn"]
    return {
        "uid": "long-term",
        "name": "Long-term storage",
        "ds_type": "prometheus",
        "ds_url": url,
        "basic_auth_user": store.get("username", ""),
        "json_data": data,
        "secure_json_data": hidden,
        "secure_json_data_files": {"tlsCACert": store["ca_file"]} if "ca_file" in store else {},
        "check_health": False,  # what is stored elsewhere may be away while the stack is set up
    }
