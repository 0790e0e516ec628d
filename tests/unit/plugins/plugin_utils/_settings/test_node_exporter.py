# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role node_exporter refuses, and what it makes of its settings and of the inventory."""

from __future__ import annotations

import json
import re

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _templates, node_exporter

LABELS = {"node": "redis-node-1a", "cluster": "redis-prod", "environment": "production"}
LOCAL = {"node_exporter_listen_address": "127.0.0.1"}
WEB = {
    "node_exporter_listen_address": "0.0.0.0",
    "node_exporter_web_tls_cert_file": "/tls/web.crt",
    "node_exporter_web_tls_key_file": "/tls/web.key",
    "node_exporter_web_users": {"prometheus": "canary"},
}
CLIENTS = {
    "node_exporter_web_client_ca_file": "/tls/scrapers.crt",
    "node_exporter_web_client_cert_file": "/tls/role.crt",
    "node_exporter_web_client_key_file": "/tls/role.key",
}
EBS = {"node_exporter_ebs_snapshots": True, "node_exporter_ebs_instances": {"i-0a1": LABELS}}
FILES = {"node_exporter_cert_files": [{"usage": "server", "path": "/tls/a.crt"}]}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        WEB,
        {**WEB, **EBS},
        {**WEB, **CLIENTS, "node_exporter_web_users": {}},
        {"node_exporter_listen_address": "0.0.0.0", "node_exporter_web_insecure": "true"},
        {"node_exporter_cert_files": [], "node_exporter_collectors": ["cpu"]},
        {
            **EBS,
            "node_exporter_ebs_endpoint_url": "http://moto",
            "node_exporter_ebs_environment": {"A_TOKEN": "canary"},
        },
    ],
)
def test_right_settings(judge, changed):
    assert judge("node_exporter", {**LOCAL, **FILES, **changed}) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"node_exporter_version": "v1.11.1"},
            "node_exporter_version is v1.11.1: give three numbers such as",
        ),
        (
            {"node_exporter_version": "1.4.0"},
            "node_exporter_version is 1.4.0: the oldest that this role knows is 1.5.0",
        ),
        (
            {"node_exporter_listen_address": "192.0.2.1"},
            "node_exporter_listen_address is 192.0.2.1, which is not an address of this host: it has 10.0.0.5, fd00::5",
        ),
        (
            {"node_exporter_listen_address": "0.0.0.0"},
            "node_exporter_listen_address is 0.0.0.0, so everybody who reaches it could read it: set"
            " node_exporter_web_tls_cert_file and node_exporter_web_tls_key_file and"
            " node_exporter_web_users or node_exporter_web_client_ca_file, or accept it with node_exporter_web_",
        ),
        (
            {"node_exporter_listen_address": "0.0.0.0", "node_exporter_web_insecure": "false"},
            "node_exporter_listen_address is 0.0.0.0, so everybody",
        ),
        (
            {**WEB, "node_exporter_web_users": {}},
            "node_exporter_listen_address is 0.0.0.0, so everybody who reaches it could read it: set"
            " node_exporter_web_users or node_exporter_web_client_ca_file, or accept it",
        ),
        (
            {"node_exporter_web_tls_cert_file": "/x"},
            "node_exporter_web_tls_cert_file and node_exporter_web_tls_key_file belong together: give both or none",
        ),
        (
            {**WEB, **CLIENTS, "node_exporter_web_client_key_file": ""},
            "node_exporter_web_client_cert_file and node_exporter_web_client_key_file belong together",
        ),
        (
            {**WEB, "node_exporter_web_client_ca_file": "/ca"},
            "node_exporter_web_client_ca_file takes node_exporter_web_tls_cert_file, and"
            " node_exporter_web_client_cert_file for this role",
        ),
        (
            {**WEB, "node_exporter_web_users": {"prometheus": "canary" * 13}},
            "node_exporter_web_users: bcrypt takes at most 72 bytes, the password of prometheus is longer",
        ),
        (
            {"node_exporter_flags": {"web.config.file": "x"}},
            "node_exporter_flags sets web.config.file, which belongs to the role",
        ),
        (
            {"node_exporter_collectors": ["cpu"], **EBS},
            "node_exporter_collectors lacks textfile, which delivers redis_tls_cert_files and aws_ebs_snapshots",
        ),
        (
            {"node_exporter_cert_files": [{"path": "tls/x.crt", "usage": "ca"}]},
            "node_exporter_cert_files has the path 'tls/x.crt': give an absolute one without a colon",
        ),
        (
            {"node_exporter_cert_files": [{"path": "/a:b", "usage": "ca"}]},
            "node_exporter_cert_files has the path '/a:b': give an absolute",
        ),
        (
            {"node_exporter_ebs_snapshots": "true"},
            "node_exporter_ebs_snapshots is on and no Redis node of the inventory has an instance_id: set"
            " node_exporter_ebs_instances, or switch it off where Redis does not run on EC2",
        ),
        (
            {**EBS, "node_exporter_ebs_instances": {"redis-node-1a": LABELS}},
            "node_exporter_ebs_instances has redis-node-1a, which is no instance id",
        ),
        (
            {**EBS, "node_exporter_ebs_endpoint_url": "vpce.example"},
            "node_exporter_ebs_endpoint_url is vpce.example: it has to begin with https://",
        ),
        (
            {**EBS, "node_exporter_ebs_volume_filters": {"tag:Backup": "daily"}},
            "node_exporter_ebs_volume_filters.tag:Backup is no list",
        ),
        (
            {**EBS, "node_exporter_ebs_environment": {"AWS_SECRET_ACCESS_KEY": "canary"}},
            "node_exporter_ebs_environment has AWS_SECRET_ACCESS_KEY, which everybody on the host could read: give the"
            " instance a role, or set node_exporter_ebs_credentials_file",
        ),
    ],
)
def test_wrong_settings(judge, changed, says):
    [problem] = judge("node_exporter", {**LOCAL, **FILES, **changed})
    assert problem.startswith(says)
    assert "\n" not in problem and "canary" not in problem


def test_an_inventory_that_scrape_targets_refuses(judge, host):
    on = host(hostvars={"monitoring-1": {"ansible_host": "10.0.0.300"}}, group_names=[])
    assert judge("node_exporter", LOCAL, on) == []  # nothing to label
    [problem] = judge("node_exporter", {**LOCAL, **FILES}, on)
    assert problem.startswith("scrape_targets: the host monitoring-1 has the address '10.0.0.300'")


EC2 = {
    "instance_id": "i-0a1",
    "private_ip_address": "10.0.1.102",
    "state": {"name": "running"},
    "tags": {"Name": "redis-node-1a", "Cluster": "redis-prod", "Environment": "production", "Other": "x"},
}


def test_labels_and_files_come_from_the_inventory_and_the_other_roles(read, host):
    variables = {
        "prometheus_redis_group": "both", "redis_exporter_tls_cert_file": "/tls/client.crt",
        "redis_exporter_web_tls_cert_file": "/web.crt", "redis_exporter_tls_ca_file": "/ca.crt",
        "prometheus_exporter_ca_file": "/ca.crt", "blackbox_exporter_redis_cert_file": "/peer.crt",
        "alertmanager_cluster_tls_cert_file": "/peer.crt",
    }  # fmt: skip
    on = host(
        name="redis-1",
        variables=variables,
        groups={"both": ["redis-1"]},
        group_names=["redis", "monitoring"],
        hostvars={"redis-1": EC2},
    )
    s = read(
        "node_exporter",
        {"node_exporter_redis_tls_cert_file": "/redis.crt", "node_exporter_web_tls_cert_file": "/web.crt"},
    )
    assert node_exporter.node(s, on) == "redis-node-1a"
    instances = node_exporter.ebs_instances(s, on)
    assert {key: instances["i-0a1"][key] for key in LABELS} == LABELS
    assert [(entry["usage"], entry["path"]) for entry in node_exporter.cert_files(s, on)] == [
        ("server", "/redis.crt"), ("client", "/tls/client.crt"), ("exporter", "/web.crt"), ("ca", "/ca.crt"),
        ("client", "/peer.crt"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("group_names", "paths"),
    [(["redis"], ["/redis.crt"]), (["monitoring"], ["/peer.crt"]), ([], ["/redis.crt", "/peer.crt"])],
)
def test_files_of_roles_of_the_other_group_are_not_looked_for(read, host, group_names, paths):
    """Variables of one group may be set for all hosts."""
    variables = {"redis_exporter_tls_cert_file": "/redis.crt", "blackbox_exporter_redis_cert_file": "/peer.crt"}
    on = host(variables=variables, group_names=group_names)
    assert [entry["path"] for entry in node_exporter.cert_files(read("node_exporter"), on)] == paths


def test_hosts_that_share_a_name_are_told_apart_as_in_the_scrape_targets(read, host):
    hostvars = {
        name: {**EC2, "private_ip_address": f"10.0.1.{name[-1]}", "instance_id": f"i-{name[-1]}"}
        for name in ("a-1", "a-2")
    }
    on = host(name="a-1", groups={"redis": ["a-1", "a-2"]}, hostvars=hostvars)
    assert node_exporter.node(read("node_exporter"), on) == "a-1"
    alone = host(name="a-1", groups={"redis": ["a-1"]}, hostvars=hostvars)
    assert node_exporter.node(read("node_exporter"), alone) == "redis-node-1a"
    outside = host(name="a-1", groups={}, group_names=[], hostvars=hostvars)
    assert node_exporter.node(read("node_exporter"), outside) == "redis-node-1a"
    monitoring = host(name="a-1", groups={}, hostvars=hostvars)
    assert node_exporter.node(read("node_exporter"), monitoring) == "a-1", "as the scrape jobs of the host have it"


def test_snapshots_have_the_labels_of_their_nodes_whatever_tag_labels_leave_out(read, host):
    hostvars = {
        name: {**EC2, "private_ip_address": f"10.0.1.{name[-1]}", "instance_id": f"i-{name[-1]}"}
        for name in ("a-1", "a-2")
    }
    on = host(hostvars=hostvars, groups={"redis": list(hostvars)}, variables={"prometheus_tag_labels": {"team": "T"}})
    found = node_exporter.ebs_instances(read("node_exporter"), on)
    assert {key: (one["node"], one["cluster"]) for key, one in found.items()} == {
        "i-1": ("a-1", "redis-prod"), "i-2": ("a-2", "redis-prod")
    }  # fmt: skip


def test_what_the_settings_say_goes_before_the_inventory(read, host):
    on = host(variables={"redis_exporter_tls_cert_file": "/tls/client.crt"})
    wanted = {"node_exporter_node": "mine", "node_exporter_cert_files": [], "node_exporter_ebs_instances": {}}
    s = read("node_exporter", wanted)
    assert (node_exporter.node(s, on), node_exporter.cert_files(s, on)) == ("mine", [])
    assert node_exporter.ebs_instances(s, on) == {}
    assert node_exporter.node(read("node_exporter"), host()) == "monitoring-1"


def render(made):
    """Every file by its name."""
    found = {}
    for entry in [*made["config"]["files"], *made["config"]["secrets"]]:
        found[entry["path"].rpartition("/")[2]] = _templates.content(entry, made["values"])
    return found


def test_the_units_hold_no_secret_and_the_collector_gets_certificates_alone(service):
    files = [{"usage": "server", "path": "/tls/a.crt"}, {"usage": "ca", "path": "/tls/b $x%.crt"}]
    more = {"node_exporter_cert_files": files, "node_exporter_ebs_credentials_file": "/root/aws"}
    texts = render(service("node_exporter", {**WEB, **CLIENTS, **EBS, **more}))
    assert "canary" not in "".join(texts.values())
    exporter, collector, ebs, web = (
        texts[name]
        for name in (
            "node_exporter.service", "redis_tls_cert_files.service", "aws_ebs_snapshots.service", "web.yml",
        )
    )  # fmt: skip
    named = set(re.findall(r"/run/credentials/node_exporter.service/([\w.]+)", web)) | {"web.yml"}
    assert named == set(re.findall(r"^LoadCredential=(.*?):", exporter, re.MULTILINE))
    assert re.findall(r"^LoadCredential=(.*)", collector, re.MULTILINE) == [
        "cert-0:/tls/a.crt",
        "cert-1:/tls/b $x%%.crt",
    ]
    assert re.findall(r"^SetCredential=(.*)", collector, re.MULTILINE) == ["cert-0:missing", "cert-1:missing"]
    assert '"server=/tls/a.crt"' in collector and '"ca=/tls/b $$x%%.crt"' in collector
    assert '"--credentials=${CREDENTIALS_DIRECTORY}"' in collector
    assert "PrivateNetwork=yes" in collector and "LoadCredential=aws:/root/aws" in ebs
    assert 'Environment="AWS_SHARED_CREDENTIALS_FILE=/run/credentials/aws_ebs_snapshots.service/aws"' in ebs
    for unit in (exporter, collector, ebs):  # one line each, and nothing glued together
        assert re.search(r"^CapabilityBoundingSet=$", unit, re.MULTILINE)
        assert re.search(r"^RestrictAddressFamilies=", unit, re.MULTILINE)
        assert "\nUser=node_exporter\n" in unit and "\nStateDirectory=node_exporter\n" in unit
    assert json.loads(texts["aws_ebs_snapshots.json"])["instances"] == {"i-0a1": LABELS}
    assert "Metrics of certificate files every hour" in texts["redis_tls_cert_files.timer"]
    assert "def decode_pem" in texts["_certificate.py"] and "def write_atomically" in texts["_files.py"]


def test_arguments(read, host):
    wanted = {
        "node_exporter_listen_address": "fd00::5",
        "node_exporter_collectors": ["netdev", "textfile"],
        "node_exporter_flags": {"log.level": "warn", "web.disable-exporter-metrics": True, "x": False, "y": None},
    }
    s = read("node_exporter", {**WEB, **wanted})
    assert node_exporter.arguments_of(s, node_exporter.web(s, host())) == [
        "--web.listen-address=[fd00::5]:9100",
        "--web.config.file=${CREDENTIALS_DIRECTORY}/web.yml",
        "--collector.textfile.directory=/var/lib/node_exporter",
        "--log.level=warn",
        "--collector.disable-defaults",
        "--collector.netdev",
        "--collector.textfile",
        "--web.disable-exporter-metrics",
        "--no-collector.netdev.netlink",
        "--no-x",
    ]


def test_a_collector_that_is_off_leaves_nothing(service):
    made = service("node_exporter", {**LOCAL, "node_exporter_cert_files": []})["config"]
    assert made["timers"] == [] and len(made["files"]) == 1
    assert made["absent"] == node_exporter.leftovers()
    programs = "/usr/local/lib/node_exporter"
    made = service("node_exporter", {**LOCAL, **EBS, "node_exporter_cert_files": []})["config"]
    assert made["timers"] == ["aws_ebs_snapshots.timer"]
    assert made["absent"] == [
        "/etc/systemd/system/redis_tls_cert_files.timer",
        "/etc/systemd/system/redis_tls_cert_files.service",
        f"{programs}/redis_tls_cert_files.py",
        f"{programs}/_certificate.py",
        "/var/lib/private/node_exporter/redis_tls_cert_files.prom",
    ]
    assert service("node_exporter", {**LOCAL, **EBS, **FILES})["config"]["absent"] == []


def test_who_may_reach_it(service):
    made = service("node_exporter", {**WEB, "node_exporter_allow_from": ["10.0.0.0/16"]})
    unit = render(made)["node_exporter.service"]
    assert re.findall("^IPAddress(.*)$", unit, re.MULTILINE) == [
        "Deny=any", "Allow=localhost", "Allow=127.0.0.1", "Allow=10.0.0.0/16"
    ]  # fmt: skip


def test_how_it_is_asked(service, read, host):
    asked = service("node_exporter", {**WEB, **CLIENTS, "node_exporter_web_tls_ca_file": "/tls/ca.crt"})["config"]
    assert asked["service"] == {
        "ready_url": "https://127.0.0.1:9100/metrics",
        "metrics_prefix": "node_exporter",
        "version": _core.options_of("node_exporter")["node_exporter_version"]["default"],
        "start_timeout": 60,
        "url_username": "prometheus",
        "url_password": "canary",
        "ca_path": "/tls/ca.crt",
        "client_cert": "/tls/role.crt",
        "client_key": "/tls/role.key",
    }
    assert [one["what"] for one in asked["certificates"]] == [
        "node_exporter_web_tls", "node_exporter_web_tls_ca_file", "node_exporter_web_client_ca_file",
        "node_exporter_web_client",
    ]  # fmt: skip
    plain = node_exporter.connection(read("node_exporter", LOCAL), host())
    assert plain == {
        "url": "http://127.0.0.1:9100",
        "url_username": "",
        "url_password": "",
        "ca_path": "",
        "tls_server_name": "",
    }


@pytest.mark.parametrize(("check_mode", "checked"), [(True, False), (False, True)])
def test_in_check_mode_certificates_that_are_not_issued_yet_are_not_looked_at(read, host, check_mode, checked):
    files = [{"usage": "exporter", "path": "/etc/redisops/tls/server.crt"}]
    s = read("node_exporter", {"node_exporter_cert_files": files})
    config = node_exporter.service(s, host(check_mode=check_mode))["config"]
    assert any("redis_tls_cert_files.py" in str(check) for check in config["checks"]) is checked
