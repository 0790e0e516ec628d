# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role yace refuses, and that what it renders is as upstream documents it and as the alerts want it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from test_role_alertmanager import defaults, play, show

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"monitoring_cluster": "redis.prod", "monitoring_aws_region": "us-east-1"}
ENDPOINT = {"AWS_ENDPOINT_URL": "http://moto", "AWS_SECRET_ACCESS_KEY": "canary"}
CASES = [
    ({}, ""),
    ({"yace_version": "latest"}, "yace_version is latest: give three numbers"),
    ({"yace_version": "0.61.2"}, "the oldest that this role knows is 0.62.0"),
    ({"monitoring_aws_region": ""}, "yace_regions is empty: name the regions of the Redis nodes"),
    ({"yace_regions": ["us-east"]}, "yace_regions has us-east, which is no region"),
    ({"yace_regions": ["us-gov-west-1"]}, ""),
    ({"monitoring_cluster": ""}, "yace_search_tags names no tag, so that every instance and volume"),
    ({"yace_search_tags": {}}, "yace_search_tags names no tag"),
    ({"yace_metrics": []}, "yace_metrics is empty"),
    ({"yace_period": 90}, "yace_period is 90: CloudWatch takes multiples of 60 seconds"),
    ({"yace_scraping_interval": 15}, "CloudWatch has nothing new within 60"),
    ({"yace_environment": {"AWS_SECRET_ACCESS_KEY": "canary"}}, "has AWS_SECRET_ACCESS_KEY, which everybody"),
    ({"yace_environment": ENDPOINT}, ""),
    ({"yace_flags": {"listen-address": ":5000"}}, "yace_flags sets listen-address, which belongs to the role"),
]
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


def test_bad_settings_are_named_in_one_line(tmp_path):
    tasks = [show("[{{ __yace_problem }}]", **case) for case, _says in CASES]
    shown = play(tmp_path, "yace", tasks, {**defaults("yace"), **SETTINGS})
    assert len(shown) == len(CASES)
    for (case, says), said in zip(CASES, shown):
        said = said[1:-1]
        assert re.search(says or r"\A\Z", said), f"{case}: {said!r} is not like {says!r}"
        assert "\n" not in said and "canary" not in said


def snake_case(name):
    """How YACE names metrics (pkg/promutil/prometheus.go)."""
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def test_the_configuration_is_what_upstream_documents_and_the_alerts_ask_for(tmp_path):
    template = "{{ lookup('ansible.builtin.template', role_path ~ '/templates/%s.j2') }}"
    tasks = [show(template % name) for name in ("yace.yml", "yace.service")]
    text, unit = play(tmp_path, "yace", tasks, {**defaults("yace"), **SETTINGS})
    config = yaml.safe_load(text) if isinstance(text, str) else text
    assert set(config) == {"apiVersion", "discovery"} and config["apiVersion"] == "v1alpha1"
    assert set(config["discovery"]) == {"exportedTagsOnMetrics", "jobs"}
    names = set()
    for job in config["discovery"]["jobs"]:
        assert set(job) <= JOB and job["regions"] == ["us-east-1"]
        assert job["searchTags"] == [{"key": "Cluster", "value": r"^redis\.prod$"}]
        assert config["discovery"]["exportedTagsOnMetrics"][job["type"]] == ["Name", "Cluster", "Environment"]
        for metric in job["metrics"]:
            assert set(metric) <= METRIC
            service = job["type"].replace("/", "_").lower()
            names |= {f"{service}_{snake_case(metric['name'])}_{one.lower()}" for one in metric["statistics"]}
    rules = (ROOT / "roles/prometheus/files/rules/hosts.yml").read_text()
    assert names == set(re.findall(r"aws_e(?:c2|bs)_\w+", rules))
    assert '"--listen-address=127.0.0.1:5000"' in unit and '"--scraping-interval=300"' in unit


def test_a_pattern_of_the_cluster_is_a_pattern(tmp_path):
    (shown,) = play(tmp_path, "yace", [show("{{ yace_search_tags | to_json }}")], {**defaults("yace"), **SETTINGS})
    assert (shown if isinstance(shown, dict) else json.loads(shown)) == {"Cluster": r"^redis\.prod$"}
