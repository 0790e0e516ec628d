# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role yace."""

from __future__ import annotations

import re

import yaml

from . import _core

OWN_FLAGS = ["config.file", "listen-address", "log.format", "scraping-interval"]


def problems(s: dict, host: _core.Host) -> list[str]:
    found = _core.release_problems(s, host, "yace", "YACE", oldest="0.62.0")
    if not s["yace_regions"]:
        found.append("yace_regions is empty: name the regions of the Redis nodes, or set monitoring_aws_region")
    for region in s["yace_regions"]:
        if not re.match("[a-z]{2}(-[a-z]+)+-[0-9]+$", region):
            found.append(f"yace_regions has {region}, which is no region such as us-east-1")
    if not s["yace_search_tags"] or s["yace_search_tags"].get("Cluster") == "^$":
        found.append(
            "yace_search_tags names no tag, so that every instance and volume of the account would be asked for, at its"
            " price: set monitoring_cluster or tags of your own"
        )
    if not s["yace_metrics"]:
        found.append("yace_metrics is empty: name at least one")
    if s["yace_period"] < 60 or s["yace_period"] % 60:
        found.append(f"yace_period is {s['yace_period']}: CloudWatch takes multiples of 60 seconds")
    if s["yace_scraping_interval"] < 60:
        found.append(
            f"yace_scraping_interval is {s['yace_scraping_interval']} seconds: CloudWatch has nothing new within 60"
        )
    if not any(name.startswith("AWS_ENDPOINT_URL") for name in s["yace_environment"]):
        found += _core.open_secrets(s, "yace_environment", "yace_credentials_file")
    return found + _core.flags_problems(s, "yace", OWN_FLAGS)


def connection(s: dict, host: _core.Host) -> dict:
    """It knows neither TLS nor users."""
    return {
        "url": f"http://127.0.0.1:{s['yace_port']}",
        "url_username": "",
        "url_password": "",
        "ca_path": "",
        "tls_server_name": "",
    }


def config(s: dict) -> dict:
    """One discovery job a namespace."""
    namespaces = list(dict.fromkeys(metric["namespace"] for metric in s["yace_metrics"]))
    return {
        "apiVersion": "v1alpha1",
        "discovery": {
            "exportedTagsOnMetrics": {namespace: list(s["yace_exported_tags"]) for namespace in namespaces},
            "jobs": [
                {
                    "type": namespace,
                    "regions": list(s["yace_regions"]),
                    "searchTags": [{"key": key, "value": value} for key, value in s["yace_search_tags"].items()],
                    "period": s["yace_period"],
                    # CloudWatch is minutes behind: the newest value of three periods is taken.
                    "length": s["yace_period"] * 3,
                    "metrics": [
                        {"name": metric["name"], "statistics": [metric["statistic"]]}
                        for metric in s["yace_metrics"]
                        if metric["namespace"] == namespace
                    ],
                }
                for namespace in namespaces
            ],
        },
    }


def service(s: dict, host: _core.Host) -> dict:
    release = _core.release(s, host, "yace", "prometheus-community/yet-another-cloudwatch-exporter", ["yace"])
    program = f"{release['root']}/current/yace"
    flags = {
        "config.file": "/etc/yace/yace.yml",
        "listen-address": f"127.0.0.1:{s['yace_port']}",
        "log.format": "logfmt",
        "scraping-interval": s["yace_scraping_interval"],
        **s["yace_flags"],
    }
    arguments = _core.arguments({name: value for name, value in flags.items() if value is not False})
    environment, credentials = dict(s["yace_environment"]), {}
    if s["yace_credentials_file"]:
        credentials["aws"] = s["yace_credentials_file"]
        environment["AWS_SHARED_CREDENTIALS_FILE"] = f"{_core.given('yace')}/aws"
    head = f"# {_core.MARKER} (role yace). Changes made here are overwritten.\n"
    text = head + yaml.safe_dump(config(s), sort_keys=False, width=1000)
    return {
        **release,
        "unit": "yace.service",
        "config": {
            "path": "/etc/yace",
            "files": [
                {"path": "yace.yml", "content": text},
                {"path": "/etc/systemd/system/yace.service", "template": "_service/service.j2"},
            ],
            "checks": [
                [program, *arguments, "version"],
                [program, "--log.format=logfmt", "verify-config", "--config.file={dir}/yace.yml"],
            ],
            "unit": "yace.service",
            "inputs": [program],
            "service": {
                "ready_url": f"{connection(s, host)['url']}/healthz",
                "start_timeout": s["yace_start_timeout"],
            },
        },
        "values": {
            "service": {
                "role": "yace",
                "description": "YACE: metrics of CloudWatch",
                "documentation": "https://github.com/prometheus-community/yet-another-cloudwatch-exporter",
                "program": program,
                "arguments": arguments,
                "reload": False,
                "state": "",  # nothing on the host to write to
                "credentials": credentials,
                "environment": environment,
            }
        },
    }
