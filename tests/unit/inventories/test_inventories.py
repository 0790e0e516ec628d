# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example inventories work: the static one, and the EC2 one against moto on loopback with the documented policy."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import boto3
import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.filter.scrape_targets import scrape_targets
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _stack
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parents[3]
ROLES = [path.parents[1].name for path in (ROOT / "roles").glob("*/meta/argument_specs.yml")]
INVENTORIES = ROOT / "inventories"
ADMIN = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
POLICY = json.loads(re.search(r"```json\n(.*?)```", (ROOT / "docs" / "iam-inventory.md").read_text(), re.DOTALL)[1])


def ansible_inventory(source, *arguments, **environment):
    return subprocess.run(
        [Path(sys.executable).with_name("ansible-inventory"), "-i", source, *arguments],
        cwd=ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def groups_of(result):
    assert result.returncode == 0, result.stderr
    listed = json.loads(result.stdout)
    return {name: listed.get(name, {}).get("hosts", []) for name in ("redis", "monitoring")}


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def aws(moto):
    """Two Redis nodes of one name, a monitoring host, a node of another cluster; and a user with the policy."""
    ec2 = boto3.client("ec2", endpoint_url=moto, **ADMIN)
    for name, role, cluster in (
        ("redis-node", "redis", "redis-prod"),
        ("redis-node", "redis", "redis-prod"),
        ("prometheus-grafana", "monitoring", "redis-prod"),
        ("other", "redis", "redis-test"),
    ):
        tags = {"Name": name, "Role": role, "Cluster": cluster, "Environment": "production"}
        ec2.run_instances(
            ImageId="ami-00000000000000001",
            InstanceType="r6g.large",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[
                {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            ],
        )
    iam = boto3.client("iam", endpoint_url=moto, **ADMIN)
    keys = {}
    for user in ("inventory", "nobody"):
        iam.create_user(UserName=user)
        keys[user] = credentials(iam.create_access_key(UserName=user)["AccessKey"])
    iam.put_user_policy(UserName="inventory", PolicyName="inventory", PolicyDocument=json.dumps(POLICY))
    ask_iam_after(moto, "0")
    yield {"AWS_ENDPOINT_URL": moto, "AWS_MAX_ATTEMPTS": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}, keys
    ask_iam_after(moto, "inf")


def credentials(key):
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


def ask_iam_after(moto, calls):
    """moto lets anybody do anything until it is told to look at policies."""
    request = urllib.request.Request(
        f"{moto}/moto-api/reset-auth", data=calls.encode(), headers={"Content-Type": "text/plain"}, method="POST"
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10).close()


def test_static():
    assert groups_of(ansible_inventory(INVENTORIES / "static", "--list")) == {
        "redis": ["redis-node-1a", "redis-node-1b", "redis-node-1c"],
        "monitoring": ["prometheus-grafana"],
    }


def test_ec2(aws):
    environment, keys = aws
    result = ansible_inventory(INVENTORIES / "aws_ec2", "--list", **environment, **keys["inventory"])
    groups = groups_of(result)
    # Two instances of one name are two hosts, and the other cluster is none of ours.
    assert len(groups["redis"]) == 2
    assert all(re.fullmatch(r"redis-node_i-[0-9a-f]+", name) for name in groups["redis"])
    [monitoring] = groups["monitoring"]
    assert monitoring.startswith("prometheus-grafana_i-")

    hostvars = {
        name: {key: plain(value) for key, value in variables.items()}
        for name, variables in json.loads(result.stdout)["_meta"]["hostvars"].items()
    }
    targets = scrape_targets(
        groups["redis"], hostvars, tag_labels={"cluster": "Cluster", "node": "Name"}, min_targets=2
    )
    for group in targets:
        name = f"redis-node_{group['labels']['instance_id']}"
        assert group["labels"]["cluster"] == "redis-prod"
        assert group["labels"]["node"] == name  # two of one name would share a label
        assert group["targets"] == [f"{hostvars[name]['ansible_host']}:9121"]
        assert hostvars[name]["ansible_host"] == hostvars[name]["private_ip_address"]


@pytest.mark.parametrize("name", ["aws_ec2", "full"])
def test_the_groups_of_several_clusters(aws, tmp_path, name):
    """As docs/clusters.md makes them: the monitoring host has a tag Cluster as well, and is no Redis node."""
    environment, keys = aws
    shutil.copytree(INVENTORIES / name, tmp_path / name)
    path = tmp_path / name / "aws_ec2.yml"
    text = re.search(r"```yaml\n(# aws_ec2.yml, .*?)```", (ROOT / "docs/clusters.md").read_text(), re.DOTALL)[1]
    given = yaml.safe_load(path.read_text())
    del given["filters"]["tag:Cluster"]
    path.write_text(yaml.safe_dump({**given, **yaml.safe_load(text)}))
    result = ansible_inventory(tmp_path / name, "--list", **environment, **keys["inventory"])
    assert result.returncode == 0, result.stderr
    listed = json.loads(result.stdout)
    assert sorted(listed["redis"]["children"]) == ["redis_redis_prod", "redis_redis_test"]
    assert listed["monitoring"]["children"] == ["monitoring_redis_prod"]
    assert len(listed["redis_redis_prod"]["hosts"]) == 2 and len(listed["redis_redis_test"]["hosts"]) == 1
    [monitoring] = listed["monitoring_redis_prod"]["hosts"]
    assert monitoring.startswith("prometheus-grafana_i-")


def plain(value):
    """As a playbook sees it: ansible-inventory marks values from outside."""
    if isinstance(value, dict):
        return value["__ansible_unsafe"] if "__ansible_unsafe" in value else {k: plain(v) for k, v in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ["aws_ec2", "full"])
def test_a_run_with_the_ec2_inventory_prints_no_warning(aws, tmp_path, name):
    """Ansible's deprecations can be switched off; a reserved name of a variable cannot."""
    environment, keys = aws
    shutil.copytree(INVENTORIES / name, tmp_path / name)
    shutil.rmtree(tmp_path / name / "group_vars")
    play = tmp_path / "play.yml"
    task = {"ansible.builtin.debug": {"msg": "{{ ec2_tags.Role }} {{ vars.tags is defined }}"}}
    play.write_text(yaml.safe_dump([{"hosts": "redis", "gather_facts": False, "tasks": [task]}]))
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", tmp_path / name, play],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
        env={
            **{key: value for key, value in os.environ.items() if not key.startswith("AWS_")},
            **environment, **keys["inventory"],
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_DEPRECATION_WARNINGS": "false",
        },
    )  # fmt: skip
    printed = done.stdout + done.stderr
    assert done.returncode == 0 and printed.count("redis False") == 2, printed
    assert "WARNING" not in printed


NO_RIGHT = "not authorized to perform: ec2:DescribeInstances"
NO_ANSWER = "Could not connect to the endpoint URL"


@pytest.mark.parametrize(
    ("user", "endpoint", "cause"), [("nobody", None, NO_RIGHT), ("inventory", "http://127.0.0.1:9", NO_ANSWER)]
)
@pytest.mark.parametrize("unparsed_is_failed", [True, False])
def test_ec2_that_fails(aws, user, endpoint, cause, unparsed_is_failed):
    """The trap that docs/iam-inventory.md tells of, and the way out."""
    environment, keys = aws
    environment = {**environment, **keys[user], "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": str(unparsed_is_failed)}
    if endpoint:
        environment["AWS_ENDPOINT_URL"] = endpoint
    result = ansible_inventory(INVENTORIES / "aws_ec2", "--list", **environment)
    assert cause in " ".join(result.stderr.split())  # which older versions wrap
    if unparsed_is_failed:
        assert result.returncode != 0
    else:
        assert groups_of(result) == {"redis": [], "monitoring": []}


@pytest.mark.parametrize(
    "path", sorted(INVENTORIES.rglob("group_vars/**/*.yml")), ids=lambda path: str(path.relative_to(INVENTORIES))
)
def test_group_vars(path):
    """Every variable is one of a role's, and no secret is written down."""
    for name, value in flat(yaml.safe_load(path.read_text())):
        if re.search(r"password|secret|token|_web_users\.|_receivers\..*(_key|url)$", name) and not name.endswith(
            "_file"
        ):
            if re.fullmatch(r"\{\{ (\w+_web_users\.\w+|\w+_metrics_password) \}\}", value):  # told to the other side
                continue
            assert re.fullmatch(r"\{\{ vault_\w+ \}\}", value), name
            example = next(parent for parent in path.parents if parent.name == "group_vars")
            assert value[3:-3] in yaml.safe_load((example / "all" / "vault.yml.example").read_text())
        role = next((role for role in ROLES if name.startswith(role)), None)
        assert not role or name.partition(".")[0] in _core.options_of(role)


@pytest.mark.parametrize("name", ["static", "aws_ec2"])
def test_at_most_eight_settings_are_needed(name):
    """A setting that a user has to change is marked with an arrow; everything else is a comment or derived."""
    text = "".join(path.read_text() for path in (INVENTORIES / name).rglob("*.yml"))
    marked = [line for line in text.splitlines() if re.match(r"[^#]*# <-", line)]
    assert 0 < len(marked) <= 8
    assert not (INVENTORIES / name / "group_vars" / "monitoring").exists()


@pytest.mark.parametrize("name", ["static", "aws_ec2", "full"])
def test_what_is_offered_as_a_comment_is_a_setting(name):
    """Each line works once its comment sign is taken away."""
    lines = "\n".join(path.read_text() for path in (INVENTORIES / name).rglob("group_vars/**/*.yml")).splitlines()
    offered = yaml.safe_load("\n".join(line[2:] for line in lines if re.match(r"# \w+: ", line)))
    known = set().union(*(_core.options_of(role) for role in ROLES))
    assert offered
    assert set(offered) <= known


@pytest.mark.parametrize("group", ["redis", "monitoring"])
def test_nothing_is_wrong_with_the_settings_of_the_small_inventory(group):
    """All roles of both groups accept what it has, once the vault is filled in."""
    vault = {
        "vault_monitoring_secret": "0123456789abcdef0123456789abcdef",
        "vault_redis_admin_password": "canary",
        "vault_slack_webhook_url": "https://hooks.slack.com/services/canary",
    }
    text = (INVENTORIES / "static/group_vars/all/main.yml").read_text()
    for name, value in vault.items():
        assert f"{{{{ {name} }}}}" in text
        text = text.replace(f"{{{{ {name} }}}}", value)
    assert set(vault) == set(yaml.safe_load((INVENTORIES / "static/group_vars/all/vault.yml.example").read_text()))
    hosts = yaml.safe_load((INVENTORIES / "static/hosts.yml").read_text())
    groups = {one: list(hosts[one]["hosts"]) for one in hosts}
    hostvars = {host: about for one in hosts.values() for host, about in one["hosts"].items()}
    own = {**yaml.safe_load(text), **hostvars[groups[group][0]]}
    host = _core.Host(groups[group][0], variables=own, groups=groups, group_names=[group], hostvars=hostvars)
    variables = _stack.Variables(own, own.__contains__, host)
    host = dataclasses.replace(host, variables=variables)
    assert _stack.problems(own) == []
    for part, (where, roles) in _core.PARTS.items():
        for role in roles if group in where.split(":") and part != "yace" else []:
            assert _core.judge(role, variables, host)[1] == [], (part, role)


VAULT = {
    "vault_slack_webhook_url": "https://hooks.slack.com/services/canary",
    "vault_pagerduty_routing_key": "0123456789abcdef0123456789abcdef",
    "vault_deadman_url": "https://deadman.example.com/canary",
}


@pytest.mark.parametrize("name", ["full", "by hand"])
def test_what_people_have_is_accepted(name, tmp_path):
    """Every choice; and services wired by hand, with every password, and without monitoring_secret."""
    old = ROOT / "tests/unit/fixtures/inventory-by-hand"
    shutil.copytree(INVENTORIES / "full" if name == "full" else old, tmp_path / "inventory")
    if name == "full":  # without an account; the groups are left alone
        (tmp_path / "inventory/aws_ec2.yml").unlink()
        shutil.copy(old / "hosts.yml", tmp_path / "inventory")
    else:
        shutil.copy(ROOT / "tests/lab/inventory/group_vars/stack.yml", tmp_path / "inventory/group_vars/monitoring")
    texts = "".join(path.read_text() for path in (tmp_path / "inventory").rglob("*.yml"))
    vault = {name: f"canary-of-32-characters-{name}" for name in re.findall(r"vault_\w+", texts)}
    vault |= {**VAULT, "monitoring_redis_security_group": "", "monitoring_security_group": ""}
    task = {"parts": ["certificates", "exporters", "security_groups", "monitoring"]}
    command = [Path(sys.executable).with_name("ansible"), "localhost", "-i", tmp_path / "inventory"]
    command += ["-m", "redisops.monitoring.validate_settings", "-a", json.dumps(task), "-e"]

    def judged(variables):
        done = subprocess.run(
            [*command, json.dumps(variables)],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    assert judged(vault)[0] == 0, judged(vault)[1]
    code, printed = judged({**vault, "vault_deadman_url": "nowhere"})
    assert code == 2 and "deadman" in printed


def flat(variables, prefix=""):
    for name, value in variables.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            for entry in value:
                yield from flat(entry, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
