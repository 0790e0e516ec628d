# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A single encrypted value (`!vault`) inside every structure that is rendered into a file: plain text goes there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "vault-password"

# The action of the roles, which returns what it would send to the host.
ACTION = """
from ansible_collections.redisops.monitoring.plugins.action import service_config

class ActionModule(service_config.ActionModule):
    def _execute_module(self, module_name=None, module_args=None, **dummy):
        return {"arguments": module_args}
"""

# What is encrypted begins with V-, and is found again in some file of the role.
SETTINGS = {
    "prometheus": {
        "prometheus_web_users": {"admin": "V-prometheus-user"},
        "prometheus_external_labels": {"team": "V-external-label"},
        "prometheus_target_labels": {"team": "V-target-label"},
        "prometheus_scrape_configs": [
            {
                "job_name": "V-job",
                "static_configs": [{"targets": ["V-target:9100"], "labels": {"team": "V-label"}}],
                "params": {"match[]": ["V-param"]},
                "basic_auth": {"username": "V-scraper", "password_file": "/V-scrape-file"},
            }
        ],
        "prometheus_remote_write": [
            {"url": "https://V-host/write", "headers": {"X-Scope-OrgID": "V-tenant"}, "name": "V-write"}
        ],
        "prometheus_alertmanagers": [{"static_configs": [{"targets": ["V-alertmanager:9093"]}]}],
        "prometheus_alert_for": {"RedisInstanceDown": "V-7m"},
        "prometheus_credentials": {"mine": "V-credential"},
        "prometheus_credential_files": {"theirs": "/V-file"},
        "prometheus_environment": {"MINE": "V-environment"},
        "prometheus_flags": {"query.lookback-delta": "V-8m"},
    },
    "alertmanager": {
        "alertmanager_web_users": {"admin": "V-alertmanager-user"},
        "alertmanager_receivers": [
            {"name": "chat", "slack": {"api_url": "https://V-slack/x", "channel": "V-channel"}},
            {"name": "oncall", "pagerduty": {"routing_key": "V-routing-key"}},
            {"name": "hook", "webhook": {"url": "https://V-hook/x", "token": "V-token"}},
        ],
        "alertmanager_levels": {"L1": ["chat"], "L2": ["oncall"], "L3": ["hook"]},
        "alertmanager_routes": [{"matchers": ['team = "V-matcher"'], "receiver": "chat"}],
        "alertmanager_inhibit_rules": [{"source_matchers": ['a = "V-source"'], "target_matchers": ['b = "V-other"']}],
        "alertmanager_time_intervals": [{"name": "V-interval", "time_intervals": [{"months": ["V-month"]}]}],
        "alertmanager_global": {"smtp_from": "V-from@example.com"},
        "alertmanager_credentials": {"mine": "V-credential"},
        "alertmanager_environment": {"MINE": "V-environment"},
        "alertmanager_flags": {"data.retention": "V-90h"},
    },
    "blackbox_exporter": {
        "blackbox_exporter_web_users": {"prometheus": "V-blackbox-user"},
        "blackbox_exporter_modules": {
            "x": {"prober": "http", "http": {"headers": {"X-Key": "V-header"}, "fail_if_body_matches_regexp": ["V-re"]}}
        },
        "blackbox_exporter_credentials": {"mine": "V-credential"},
        "blackbox_exporter_environment": {"MINE": "V-environment"},
        "blackbox_exporter_flags": {"timeout-offset": "V-0.7"},
    },
    "grafana": {
        "grafana_ini": {"users": {"default_theme": "V-theme"}, "smtp": {"from_address": "V-from@example.com"}},
        "grafana_credentials": {"mine": "V-credential"},
        "grafana_environment": {"MINE": "V-environment"},
        "grafana_admin_password": "V-admin-password",
    },
    "node_exporter": {
        "node_exporter_web_users": {"prometheus": "V-node-user"},
        "node_exporter_flags": {"collector.textfile.directory": "/V-textfile"},
        "node_exporter_cert_files": [{"path": "/V-cert.pem", "usage": "server"}],
        "node_exporter_ebs_snapshots": True,
        "node_exporter_ebs_region": "eu-west-1",
        "node_exporter_ebs_environment": {"MINE": "V-environment"},
    },
    "redis_exporter": {
        "redis_exporter_redis_password": "V-redis-password",
        "redis_exporter_flags": {"redis.addr-label": "V-flag"},
    },
    "yace": {
        "yace_search_tags": {"Cluster": "V-tag"},
        "yace_metrics": [{"namespace": "AWS/EC2", "name": "V-metric", "statistic": "Average"}],
        "yace_environment": {"MINE": "V-environment"},
        "yace_flags": {"labels": "V-flag"},
    },
}
SHOWN = re.compile(r"V-[a-z0-9.-]*[a-z0-9]")


class Encrypted(str):
    pass


def encrypted(value):
    """The structure with each text that holds V- as ansible-vault encrypts it; dictionaries keep their keys."""
    if isinstance(value, dict):
        return {key: encrypted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [encrypted(one) for one in value]
    return Encrypted(value) if isinstance(value, str) and "V-" in value else value


def dumped(variables):
    lib = VaultLib([("default", VaultSecret(PASSWORD.encode()))])

    class Dumper(yaml.SafeDumper):
        pass

    Dumper.add_representer(
        Encrypted,
        lambda dumper, value: dumper.represent_scalar("!vault", lib.encrypt(str(value)).decode(), style="|"),
    )
    return yaml.dump(variables, Dumper=Dumper)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """What every role would send, from one run."""
    place = tmp_path_factory.mktemp("vault")
    (place / "action_plugins").mkdir()
    (place / "action_plugins/rendered.py").write_text(ACTION)
    (place / "password").write_text(PASSWORD + "\n")
    given = {name: value for role in SETTINGS.values() for name, value in encrypted(role).items()}
    facts = {"all_ipv4_addresses": ["10.0.0.1"], "default_ipv4": {"address": "10.0.0.1"}, "architecture": "x86_64"}
    given.update(ansible_facts=facts, ansible_connection="local", prometheus_min_targets=0, monitoring_cluster="a")
    (place / "group_vars").mkdir()
    (place / "group_vars/all.yml").write_text(dumped(given))
    (place / "hosts.yml").write_text("monitoring: {hosts: {mon-1: {}}}\nredis: {hosts: {redis-1: {}}}\n")
    tasks = []
    for role in SETTINGS:
        tasks += [
            {"rendered": {"role": role}, "register": "found"},
            {"ansible.builtin.copy": {"content": "{{ found.arguments | to_json }}", "dest": f"{place}/{role}.json"}},
        ]
    play = {"hosts": "mon-1", "gather_facts": False, "tasks": tasks}
    (place / "play.yml").write_text(json.dumps([play]))
    argv = [Path(sys.executable).with_name("ansible-playbook"), "-i", place / "hosts.yml", place / "play.yml"]
    argv += ["--vault-password-file", place / "password", "-e", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(argv, env=os.environ, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {role: (place / f"{role}.json").read_text() for role in SETTINGS}


@pytest.mark.parametrize("role", SETTINGS)
def test_plain_text_is_rendered(rendered, role):
    text = rendered[role]
    assert "$ANSIBLE_VAULT" not in text and "AnsibleVault" not in text and "EncryptedString" not in text
    # Passwords of web users are there as hashes.
    wanted = {one for one in SHOWN.findall(json.dumps(SETTINGS[role])) if not one.endswith("-user")}
    assert sorted(one for one in wanted if one not in text) == []
