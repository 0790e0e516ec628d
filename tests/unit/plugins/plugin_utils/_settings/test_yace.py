# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role yace refuses, and that what it writes is as upstream documents it and as the alerts want it."""

from __future__ import annotations

import re

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _templates
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import yace as role

GOOD = {"yace_regions": ["us-east-1"], "yace_search_tags": {"Cluster": r"^redis\.prod$"}}
ENDPOINT = {"AWS_ENDPOINT_URL": "http://moto", "AWS_SECRET_ACCESS_KEY": "canary"}
# docs/configuration.md of yet-another-cloudwatch-exporter 0.67.0, discovery_job_config and metric_config
JOB = {
    "regions", "type", "roles", "searchTags", "customTags", "dimensionNameRequirements", "roundingPeriod",
    "recentlyActiveOnly", "includeContextOnInfoMetrics", "enhancedMetrics", "statistics", "period", "length", "delay",
    "nilToZero", "addCloudwatchTimestamp", "exportAllDataPoints", "metrics",
}  # fmt: skip
METRIC = {
    "name",
    "statistics",
    "period",
    "length",
    "delay",
    "nilToZero",
    "addCloudwatchTimestamp",
    "exportAllDataPoints",
}


@pytest.mark.parametrize(
    "changed",
    [{}, {"yace_regions": ["us-gov-west-1"]}, {"yace_environment": ENDPOINT}, {"yace_search_tags": {"Team": "a"}}],
)
def test_right_settings(judge, changed):
    assert judge("yace", {**GOOD, **changed}) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"yace_version": "latest"}, "yace_version is latest: give three numbers such as"),
        ({"yace_version": "0.61.2"}, "yace_version is 0.61.2: the oldest that this role knows is 0.62.0"),
        ({"yace_regions": []}, "yace_regions is empty: name the regions of the Redis nodes, or set monitoring_aws_"),
        ({"yace_regions": ["us-east"]}, "yace_regions has us-east, which is no region such as us-east-1"),
        (
            {"yace_search_tags": {"Cluster": "^$"}},
            "yace_search_tags names no tag, so that every instance and volume of the account would be asked for, at its"
            " price: set monitoring_cluster or tags of your own",
        ),
        ({"yace_search_tags": {}}, "yace_search_tags names no tag"),
        ({"yace_metrics": []}, "yace_metrics is empty: name at least one"),
        (
            {"yace_metrics": [{"namespace": "AWS/EC2", "name": "x", "statistic": "Mean"}]},
            "yace_metrics[0].statistic is",
        ),
        ({"yace_period": 90}, "yace_period is 90: CloudWatch takes multiples of 60 seconds"),
        ({"yace_scraping_interval": 15}, "yace_scraping_interval is 15 seconds: CloudWatch has nothing new within 60"),
        (
            {"yace_environment": {"AWS_SECRET_ACCESS_KEY": "canary"}},
            "yace_environment has AWS_SECRET_ACCESS_KEY, which everybody on the host could read: give the instance a"
            " role, or set yace_credentials_file",
        ),
        ({"yace_flags": {"listen-address": ":5000"}}, "yace_flags sets listen-address, which belongs to the role"),
    ],
)
def test_wrong_settings(judge, changed, says):
    [problem] = judge("yace", {**GOOD, **changed})
    assert problem.startswith(says)
    assert "canary" not in problem


def test_no_release_for_the_processor(judge, host):
    [problem] = judge("yace", GOOD, host(architecture="riscv64"))
    assert problem == "there is no release of YACE for the processor riscv64"


def snake_case(name):
    """How YACE names metrics (pkg/promutil/prometheus.go)."""
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def test_the_configuration_is_what_upstream_documents_and_the_alerts_ask_for(service):
    made = service("yace", GOOD)
    config = yaml.safe_load(made["config"]["files"][0]["content"])
    assert set(config) == {"apiVersion", "discovery"} and config["apiVersion"] == "v1alpha1"
    assert set(config["discovery"]) == {"exportedTagsOnMetrics", "jobs"}
    names = set()
    for job in config["discovery"]["jobs"]:
        assert set(job) <= JOB and job["regions"] == ["us-east-1"]
        assert job["searchTags"] == [{"key": "Cluster", "value": r"^redis\.prod$"}]
        assert config["discovery"]["exportedTagsOnMetrics"][job["type"]] == ["Name", "Cluster", "Environment"]
        for metric in job["metrics"]:
            assert set(metric) <= METRIC
            prefix = job["type"].replace("/", "_").lower()
            names |= {f"{prefix}_{snake_case(metric['name'])}_{one.lower()}" for one in metric["statistics"]}
    rules = (_core.ROLES / "prometheus/files/rules/hosts.yml").read_text()
    assert names == set(re.findall(r"aws_e(?:c2|bs)_\w+", rules))


def test_the_unit(service):
    made = service(
        "yace", {**GOOD, "yace_credentials_file": "/root/aws", "yace_flags": {"debug": True, "fips": False, "x": None}}
    )
    unit = _templates.render("_service/service.j2", made["values"])
    arguments = re.findall(r'^  "(--.*?)"', unit, re.MULTILINE)
    assert arguments == [
        "--config.file=/etc/yace/yace.yml",
        "--listen-address=127.0.0.1:5000",
        "--log.format=logfmt",
        "--scraping-interval=300",
        "--debug",
    ]
    assert re.findall("^LoadCredential=(.*)$", unit, re.MULTILINE) == ["aws:/root/aws"]
    assert 'Environment="AWS_SHARED_CREDENTIALS_FILE=/run/credentials/yace.service/aws"' in unit
    assert "StateDirectory" not in unit and "ExecReload" not in unit
    assert made["config"]["service"] == {"ready_url": "http://127.0.0.1:5000/healthz", "start_timeout": 60}
    assert made["url"].endswith(
        "/prometheus-community/yet-another-cloudwatch-exporter/releases/download/v0.67.0/"
        "yet-another-cloudwatch-exporter-0.67.0.linux-amd64.tar.gz"
    )


def test_connection(read, host):
    found = role.connection(read("yace", {**GOOD, "yace_port": "5001"}), host())
    assert found["url"] == "http://127.0.0.1:5001"
