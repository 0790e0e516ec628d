# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core, _rules, _templates

ROOT = Path(__file__).resolve().parents[5]
OPEN = {
    "prometheus_listen_address": "10.0.0.5",
    "prometheus_web_tls_cert_file": "/tls/server.crt",
    "prometheus_web_tls_key_file": "/tls/server.key",
    "prometheus_web_users": {"admin": "canary-admin", "grafana": "canary-grafana"},
    "prometheus_exporter_ca_file": "/tls/ca.crt",
    "prometheus_exporter_username": "prometheus",
    "prometheus_exporter_password": "canary-exporter",
}


def test_defaults_are_fine(judge):
    assert judge("prometheus") == []
    assert judge("prometheus", OPEN) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (
            {"prometheus_version": "latest"},
            "prometheus_version is latest: give three numbers such as",
        ),
        (
            {"prometheus_scrape_interval": "5m"},
            "prometheus_scrape_interval is 5m: the rules look back 5m and need two samples in them, so at most 2m",
        ),
        (
            {
                "prometheus_scrape_configs": [
                    {"job_name": "node", "scrape_interval": "5m"},
                    {"job_name": "redis-tls", "scrape_interval": "2m"},
                    {"job_name": "cloudwatch", "scrape_interval": "5m"},
                    {"job_name": "mine", "scrape_interval": "1h"},
                    {"job_name": "grafana"},
                ]
            },
            "scrape_interval of the job node is 5m: the rules look back 5m and need two samples in them, so at most 2m",
        ),
        (
            {"prometheus_evaluation_interval": "3m"},
            "prometheus_evaluation_interval is 3m: the rules look back 5m and need two samples in them, so at most 2m,"
            " or prometheus_rule_pack: false",
        ),
        (
            {"prometheus_retention_size": "20G"},
            "prometheus_retention_size is 20G, which is not a size such as 20GB",
        ),
        ({"prometheus_version": 3.5}, "prometheus_version is 3.5: give three numbers"),
        (
            {"prometheus_listen_address": "192.0.2.1"},
            "prometheus_listen_address is 192.0.2.1, which is not an address of this host: it has 10.0.0.5, fd00::5",
        ),
        (
            {"prometheus_listen_address": "0.0.0.0"},
            "prometheus_listen_address is 0.0.0.0, so everybody who reaches it could read everything: set"
            " prometheus_web_tls_cert_file and prometheus_web_tls_key_file and prometheus_web_users,"
            " or accept it with prometheus_web_insecure",
        ),
        (
            {**OPEN, "prometheus_web_users": {}},
            "everybody who reaches it could read everything: set prometheus_web_users, or accept",
        ),
        (
            {**OPEN, "prometheus_listen_address": "", "prometheus_web_users": {}},
            "prometheus_listen_address is 10.0.0.5, so everybody",
        ),
        (
            {"prometheus_web_tls_cert_file": "/a"},
            "prometheus_web_tls_cert_file and prometheus_web_tls_key_file belong together: give both or none",
        ),
        ({"prometheus_exporter_username": "a"}, "prometheus_exporter_username and prometheus_exporter_password belong"),
        (
            {"prometheus_exporter_key_file": "/a"},
            "prometheus_exporter_cert_file and prometheus_exporter_key_file belong",
        ),
        ({"prometheus_scrape_interval": "soon"}, "prometheus_scrape_interval is soon, which is not a duration such as"),
        ({"prometheus_retention_time": 30}, "prometheus_retention_time is 30, which is not a duration"),
        (
            {"prometheus_scrape_interval": "15s"},
            "prometheus_exporter_scrape_timeout is 20s, longer than prometheus_scrape_interval, which is 15s",
        ),
        (
            {"prometheus_scrape_configs": [{"job_name": "x", "basic_auth": {"password": "canary"}}]},
            "prometheus_scrape_configs has the key password, which would put a secret into a file that everybody on the"
            " host can read: put it into prometheus_credentials and name /run/credentials/prometheus.service/<name>"
            " with the key that ends in _file",
        ),
        (
            {"prometheus_remote_write": [{"url": "https://me:canary@example.com"}]},
            "prometheus_remote_write has a URL with a password, in a file that everybody on the host can read",
        ),
        ({"prometheus_credentials": {"a b": "canary"}}, "a credential is named a b: use letters, digits, and _ . -"),
        ({"prometheus_credential_files": {"web.yml": "/a"}}, "a credential is named web.yml, which is taken"),
        (
            {"prometheus_credentials": {"a": "canary"}, "prometheus_credential_files": {"a": "/a"}},
            "a credential is named a, which is taken: choose another name",
        ),
        ({"prometheus_flags": {"config.file": "/x"}}, "prometheus_flags sets config.file, which belongs to the role"),
        ({"prometheus_discovery": "ec2_sd"}, "prometheus_discovery is ec2_sd: set prometheus_ec2_sd.region"),
        ({"prometheus_target_labels": {"node": ""}}, "prometheus_target_labels has node, which all Redis nodes would"),
        (
            {"prometheus_external_url": "mon.example.com/prometheus"},
            "prometheus_external_url is mon.example.com/prometheus, which is not a URL such as https://",
        ),
        (
            {"prometheus_external_url": "https://m/p?x=1"},
            "prometheus_external_url is https://m/p?x=1, which is not a URL",
        ),
        ({"prometheus_discovery": "dns"}, "prometheus_discovery is dns: choose one of file_sd, ec2_sd"),
        ({"prometheus_redis_group": "nobody"}, "scrape_targets: no hosts to scrape"),
        ({"prometheus_min_targets": 3}, "scrape_targets: 2 of 2 hosts can be scraped, fewer than min_targets=3"),
        ({"prometheus_target_labels": {"1st": "x"}}, "label name '1st'"),
        ({**OPEN, "prometheus_web_users": {"admin": ""}}, "prometheus_web_users: the password of admin is empty"),
        ({**OPEN, "prometheus_web_users": {"admin": "c" * 73}}, "bcrypt takes at most 72 bytes, the password of admin"),
        (
            {"prometheus_alert_thresholds": {"memory_high_percent": "180"}},  # as a survey sends it
            "prometheus_alert_thresholds.memory_high_percent is 180, must be from 1 to 100",
        ),
        (
            {"prometheus_alert_thresholds": {"memory_high_percent": "much"}},
            "prometheus_alert_thresholds.memory_high_percent is much, not a number",
        ),
        (
            {"prometheus_alert_thresholds": {"memory_high_percent": 180}},
            "prometheus_alert_thresholds.memory_high_percent is 180, must be from 1 to 100",
        ),
        ({"prometheus_rules_disabled": "RedisSwapping"}, "prometheus_rules_disabled is RedisSwapping, not a list"),
        ({"prometheus_rules_disabled": ["RedisFoo"]}, "prometheus_rules_disabled: there is no alert RedisFoo"),
        ({"prometheus_rule_files": "/x/mine.yml"}, "prometheus_rule_files is /x/mine.yml, not a list"),
        (
            {"prometheus_rule_files": ["/x/mine.txt"]},
            "prometheus_rule_files has /x/mine.txt: the name of a rule file ends in .yml or .yaml",
        ),
        (
            {"prometheus_rule_files": ["/x/backups.yml"]},
            "prometheus_rule_files has /x/backups.yml, whose name is that of a file of the rule pack: rename it",
        ),
        (
            {"prometheus_rule_files": ["/x/mine.yml"]},
            "prometheus_rule_files has /x/mine.yml, which is not a file on the controller",
        ),
    ],
)
def test_problems(judge, changed, says):
    (problem,) = judge("prometheus", changed)
    assert says in problem
    assert "canary" not in problem and "\n" not in problem


def test_rule_files_with_one_name(judge):
    assert judge("prometheus", {"prometheus_rule_files": ["/x/mine.yml", "/y/mine.yml"]}) == [
        "prometheus_rule_files has two files named mine.yml: rename one"
    ]


def test_two_hosts_with_one_address(judge, host):
    twins = {"twin-a": {"ansible_host": "10.0.0.1"}, "twin-b": {"ansible_host": "10.0.0.1"}}
    (problem,) = judge("prometheus", on=host(groups={"redis": list(twins)}, hostvars=twins))
    assert "twin-a and twin-b both have the address 10.0.0.1:9121" in problem


def test_a_processor_without_a_release(judge, host):
    assert judge("prometheus", on=host(architecture="mips")) == [
        "there is no release of Prometheus for the processor mips"
    ]


def test_before_the_facts_are_known(judge, host):
    unknown = host(addresses=[], default_address="", architecture="")
    assert (
        judge("prometheus", {"prometheus_listen_address": "192.0.2.1", "prometheus_web_insecure": True}, unknown) == []
    )
    assert "so everybody" in judge("prometheus", {"prometheus_listen_address": ""}, unknown)[0]


def test_accepted_risks(judge):
    assert judge("prometheus", {"prometheus_listen_address": "0.0.0.0", "prometheus_web_insecure": "true"}) == []
    assert len(judge("prometheus", {"prometheus_listen_address": "0.0.0.0", "prometheus_web_insecure": "false"})) == 1


def test_intervals_and_sizes_that_work(judge):
    assert judge("prometheus", {"prometheus_scrape_interval": "2m", "prometheus_retention_size": "1.5TB"}) == []
    assert judge("prometheus", {"prometheus_scrape_interval": "5m", "prometheus_rule_pack": "no"}) == []


def test_a_switched_off_pack_is_not_judged(judge):
    changed = {"prometheus_rule_pack": False, "prometheus_rules_disabled": ["RedisFoo"]}
    assert judge("prometheus", changed) == []


def rendered(service):
    values = service["values"]
    return {
        file["path"]: _templates.content(file, values)
        for kind in ("files", "secrets")
        for file in service["config"][kind]
    }


def test_files_and_secrets(service, tmp_path):
    (tmp_path / "mine.yml").write_text("groups: []\n\n")
    said = service("prometheus", {**OPEN, "prometheus_rule_files": [str(tmp_path / "mine.yml")]})
    files = rendered(said)
    secrets = {file["path"] for file in said["config"]["secrets"]}
    assert secrets == {
        "credentials/web.yml",
        "credentials/web_password",
        "credentials/exporter_password",
    }
    assert files["credentials/web_password"] == "canary-admin"
    assert files["credentials/exporter_password"] == "canary-exporter"
    assert files["rules/mine.yml"] == "groups: []\n# Managed by redisops.monitoring\n"
    assert sorted(path for path in files if path.startswith("rules/")) == [
        f"rules/{name}.yml"
        for name in ("backups", "certificates", "hosts", "mine", "monitoring", "redis_availability", "redis_load")
    ]
    for path, text in files.items():
        assert text.endswith("\n") or path in secrets
        assert path in secrets or "canary" not in text
        assert path in secrets - {"credentials/web.yml"} or _core.MARKER in text

    web = yaml.safe_load(files["credentials/web.yml"])
    assert web["tls_server_config"]["cert_file"] == "/run/credentials/prometheus.service/web.crt"
    assert sorted(web["basic_auth_users"]) == ["admin", "grafana"]
    assert all(re.fullmatch(r"\$2b\$10\$.{53}", text) for text in web["basic_auth_users"].values())

    config = yaml.safe_load(files["prometheus.yml"])
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    assert jobs["redis-cluster"]["file_sd_configs"] == [{"files": ["targets/redis-cluster.yml"]}]
    assert jobs["prometheus"]["static_configs"] == [{"targets": ["10.0.0.5:9090"], "labels": {"node": "monitoring-1"}}]
    targets = yaml.safe_load(files["targets/redis-cluster.yml"])
    assert [group["targets"] for group in targets] == [["10.0.1.1:9121"], ["10.0.1.2:9121"]]


def test_unit(service):
    said = service(
        "prometheus",
        {
            **OPEN,
            "prometheus_flags": {"web.enable-lifecycle": False, "query.max-samples": 5, "log.format": "5% $x"},
            "prometheus_environment": {"A": "b c%"},
            "prometheus_credentials": {"remote": "canary"},
            "prometheus_credential_files": {"ca": "/tls/other.crt"},
        },
    )
    unit = rendered(said)["/etc/systemd/system/prometheus.service"]
    assert unit.startswith("# Managed by redisops.monitoring (role prometheus).")
    for line in (
        "ExecStart=/opt/prometheus/current/prometheus \\",
        '  "--web.config.file=${CREDENTIALS_DIRECTORY}/web.yml" \\',
        '  "--web.listen-address=10.0.0.5:9090" \\',
        '  "--log.format=5%% $$x" \\',
        '  "--no-web.enable-lifecycle"',
        "ExecReload=/bin/kill -HUP $MAINPID",
        'Environment="A=b c%%"',
        "LoadCredential=remote:/etc/prometheus/credentials/remote",
        "LoadCredential=ca:/tls/other.crt",
        "LoadCredential=web_ca.crt:/tls/ca.crt",
        "StateDirectory=prometheus",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    ):
        assert line in unit.splitlines(), line
    assert "canary" not in unit
    assert said["config"]["checks"][0][1:] == [*said["values"]["service"]["arguments"], "--version"]


def test_runbooks_without_internet(service):
    assert not [path for path in rendered(service("prometheus", {})) if path.startswith("pages")]
    said = service("prometheus", {"prometheus_serve_runbooks": True})
    pages = {path: text for path, text in rendered(said).items() if path.startswith("pages/")}
    assert {f"pages/runbooks/{name}.md" for name in [*_rules.alerts(), "severity", "incident-1"]} <= set(pages)
    assert all("Managed by redisops.monitoring" in text for text in pages.values())
    assert "--web.user-assets=/etc/prometheus/pages" in said["values"]["service"]["arguments"]


def test_runbooks_are_those_of_this_version():
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    default = _ansible.defaults_of("prometheus")["prometheus_runbook_base_url"]
    assert default == f"https://github.com/redisops/redisops.monitoring/blob/v{version}/docs/runbooks"


def test_discovery_by_the_ec2_api(service):
    said = service(
        "prometheus",
        {
            "prometheus_discovery": "ec2_sd",
            "prometheus_ec2_sd": {"endpoint": "https://ec2.example"},
            "monitoring_aws_region": "us-east-1",
            "prometheus_target_labels": {"team": "storage $1"},
            "prometheus_tag_labels": {"node": "Name of it"},
        },
    )
    files = rendered(said)
    assert "targets/redis-cluster.yml" not in files
    (job, own) = yaml.safe_load(files["prometheus.yml"])["scrape_configs"]
    assert job["ec2_sd_configs"] == [
        {
            "refresh_interval": "60s",
            "filters": [
                {"name": "instance-state-name", "values": ["running"]},
                {"name": "tag:Role", "values": ["redis"]},
            ],
            "endpoint": "https://ec2.example",
            "region": "us-east-1",
            "port": 9121,
        }
    ]
    assert {"target_label": "team", "replacement": "storage $$1"} in job["relabel_configs"]
    node = {"instance_id": "i-1", "tag_Name_of_it": "n1", "private_ip": "10.0.9.1"}
    assert relabelled(job, node)["node"] == "n1_i-1"


BY_API = {"prometheus_discovery": "ec2_sd", "monitoring_aws_region": "us-east-1", "prometheus_version": "3.5.3"}


def relabelled(job, instance):
    """The labels that Prometheus gives to an instance: a replacement for each rule whose regex fits all of it."""
    labels = {f"__meta_ec2_{name}": value for name, value in instance.items()}
    labels["__address__"] = f"{instance['private_ip']}:{job['ec2_sd_configs'][0]['port']}"
    for rule in job["relabel_configs"]:
        text = ";".join(labels.get(name, "") for name in rule.get("source_labels", []))
        found = re.fullmatch(rule.get("regex", "(.*)"), text, re.DOTALL)
        if found:
            value = re.sub(
                r"\$(\$|\{(\d+)\}|(\d+))",
                lambda m: "$" if m[1] == "$" else found[int(m[2] or m[3])],
                rule.get("replacement", "$1"),
            )
            labels[rule["target_label"]] = value
    return {name: value for name, value in labels.items() if value and not name.startswith("__")}


def ec2_instance(number, **tags):
    return {
        "instance_id": f"i-{number}",
        "private_ip": f"10.0.9.{number}",
        **{f"tag_{name}": value for name, value in tags.items()},
    }


def known(instance, **more):
    """The variables of the inventory for an instance."""
    tags = {name[4:]: value for name, value in instance.items() if name.startswith("tag_")}
    return {
        "instance_id": instance["instance_id"], "private_ip_address": instance["private_ip"], "tags": tags, **more
    }  # fmt: skip


def test_discovery_never_gives_two_nodes_one_name(service, host, run_checks):
    """Relabelling cannot see that two instances have the same name, or that a new one took that of an old one."""
    mine = {"Cluster": "c", "Environment": "e"}
    first, second, other = (ec2_instance(n, Name=name, **mine) for n, name in ((1, "redis"), (2, "redis"), (3, "r.3")))
    hostvars = {"r1": known(first), "r2": known(second), "r3": known(other), "old": {"ansible_host": "10.0.9.4"}}
    on = host(
        groups={"redis": list(hostvars), "monitoring": ["monitoring-1"]},
        hostvars={**hostvars, "monitoring-1": {}},
        variables={"monitoring_cluster": "c", "monitoring_environment": "e$1"},
    )
    said = service("prometheus", BY_API, on)
    assert run_checks(said) == ""
    job = yaml.safe_load(rendered(said)["prometheus.yml"])["scrape_configs"][0]
    for instance, node in (
        (first, "r1"),
        (second, "r2"),
        (other, "r.3"),
        (ec2_instance(4, Name="anything", **mine), "old"),
        (ec2_instance(5, Name="redis", **mine), "redis_i-5"),
        (ec2_instance(6, Name="Redis", **mine), "Redis_i-6"),
        (ec2_instance(7, Name=" ", **mine), "i-7"),
        (ec2_instance(8, **mine), "i-8"),
    ):
        assert relabelled(job, instance) == {
            "instance_id": instance["instance_id"], "node": node, "cluster": "c", "environment": "e"
        }, node  # fmt: skip
    untagged = relabelled(job, ec2_instance(9, Name="n", Cluster=""))
    assert (untagged["cluster"], untagged["environment"], untagged["node"]) == ("c", "e$1", "n_i-9")
    # The targets of the inventory, which the probes and node_exporter have, are labelled alike.
    inventory = service("prometheus", {}, on)["values"]["targets"]
    assert sorted(one["labels"]["node"] for one in inventory) == ["old", "r.3", "r1", "r2"]


def clusters_by_api(service, host, hostvars, changed=None):
    """The first job where the monitoring is shop, in the environment monitoring; and the targets of the inventory."""
    on = host(
        groups={"redis": list(hostvars), "monitoring": ["monitoring-1"]},
        hostvars={**hostvars, "monitoring-1": {}},
        variables={"monitoring_cluster": "shop", "monitoring_environment": "monitoring"},
    )
    said = service("prometheus", {**BY_API, **(changed or {})}, on)
    inventory = service("prometheus", changed or {}, on)["values"]["targets"]
    return said, {one["targets"][0]: one["labels"] for one in inventory}


def test_discovery_gives_cluster_and_environment_as_the_inventory_does(service, host, run_checks):
    """Inhibitions compare them between jobs, and the other jobs have those of the inventory."""
    instances = [
        ec2_instance(1, Name="o1", Cluster="orders"),
        ec2_instance(2, Name="o2", Environment="tagged"),
        ec2_instance(3, Name="s1", Cluster="a.b", Environment=" "),
    ]
    orders = {"monitoring_cluster": "orders", "monitoring_environment": "production"}
    sessions = {"monitoring_cluster": "a.b", "monitoring_environment": "stag$1"}
    hostvars = {
        "o1": known(instances[0], **orders),
        "o2": known(instances[1], **orders),
        "s1": known(instances[2], **sessions),
        "s2": {"ansible_host": "10.0.9.4", **sessions},
    }
    said, inventory = clusters_by_api(service, host, hostvars)
    assert run_checks(said) == ""
    job = yaml.safe_load(rendered(said)["prometheus.yml"])["scrape_configs"][0]
    found = {one["private_ip"]: relabelled(job, one) for one in [*instances, ec2_instance(4)]}
    for label in ("cluster", "environment", "node"):
        assert [one[label] for one in found.values()] == [one[label] for one in inventory.values()], label
    assert [one["cluster"] for one in found.values()] == ["orders", "orders", "a.b", "a.b"]
    assert [one["environment"] for one in found.values()] == ["production", "tagged", "stag$1", "stag$1"]
    # Instances that the inventory does not know yet.
    for tags, wanted in (
        ({"Cluster": "orders"}, ("orders", "production")),
        ({"Cluster": "orders", "Environment": "new"}, ("orders", "new")),
        ({"Cluster": "axb"}, ("axb", "monitoring")),
        ({}, ("shop", "monitoring")),
    ):
        labels = relabelled(job, ec2_instance(9, **tags))
        assert (labels["cluster"], labels["environment"]) == wanted


@pytest.mark.parametrize(
    ("tags", "own", "changed"),
    [
        ({"Cluster": "shop", "Environment": "monitoring"}, {}, {}),
        ({"Cluster": "tagged", "Environment": "tagged"}, {"monitoring_cluster": "shop"}, {}),
        ({}, {"monitoring_cluster": "shop", "monitoring_environment": "monitoring"}, {}),
        ({}, {}, {}),
        ({}, {}, {"prometheus_target_labels": {"cluster": "c", "environment": "e"}}),
        ({"App": "c", "Stage": "e"}, {}, {"prometheus_tag_labels": {"cluster": "App", "environment": "Stage"}}),
    ],
    ids=["tags", "other tags", "variables", "nothing", "labels of all", "tags of other names"],
)
def test_discovery_of_one_cluster_needs_no_rules_of_instances(service, host, tags, own, changed):
    said = clusters_by_api(service, host, {"r1": known(ec2_instance(1, Name="r1", **tags), **own)}, changed)[0]
    by_id = [one for one in said["values"]["ec2_relabelling"] if one.get("regex") == "i-1"]
    assert [one["target_label"] for one in by_id] == ["node"]
    assert not any(one.get("source_labels") == ["cluster"] for one in said["values"]["ec2_relabelling"])


def test_a_node_has_its_labels_whatever_tag_labels_leave_out(service, host):
    hostvars = {"r1": {"ansible_host": "10.0.9.1"}, "r2": {"ansible_host": "10.0.9.2", "monitoring_cluster": "c"}}
    on = host(groups={"redis": list(hostvars)}, hostvars=hostvars)
    found = service("prometheus", {"prometheus_tag_labels": {"team": "Team"}}, on)["values"]["targets"]
    assert [one["labels"] for one in found] == [{"node": "r1"}, {"cluster": "c", "node": "r2"}]


SIZE = {"prometheus_retention_size": "20GB"}


@pytest.mark.parametrize(
    ("changed", "flags", "file"),
    [
        (SIZE, {}, {"time": "30d", "size": "20GB"}),
        ({"prometheus_version": "3.11.0"}, {}, {"time": "30d"}),
        ({**SIZE, "prometheus_version": "3.10.0"}, {"time": "30d", "size": "20GB"}, None),
        ({"prometheus_version": "2.42.0"}, {"time": "30d"}, None),
        (
            {**SIZE, "prometheus_flags": {"storage.tsdb.retention.time": "90d"}},
            {"time": "90d", "size": "20GB"},
            None,
        ),
    ],
)
def test_retention_is_in_the_file_where_its_flags_are_deprecated(service, changed, flags, file):
    found = service("prometheus", changed)
    texts = rendered(found)
    unit = texts["/etc/systemd/system/prometheus.service"]
    assert dict(re.findall(r"--storage\.tsdb\.retention\.(\w+)=(\w+)", unit)) == flags
    assert yaml.safe_load(texts["prometheus.yml"]).get("storage") == ({"tsdb": {"retention": file}} if file else None)


def test_release(service):
    release = service("prometheus", {"monitoring_mirror_url": "https://mirror.example/", "prometheus_version": "3.5.3"})
    base = "https://mirror.example/prometheus/prometheus/releases/download/v3.5.3"
    assert (release["url"], release["checksum"]) == (
        f"{base}/prometheus-3.5.3.linux-amd64.tar.gz",
        f"{base}/sha256sums.txt",
    )
    release = service("prometheus", {"prometheus_archive": "/srv/prometheus-3.5.3.linux-amd64.tar.gz"})
    assert (release["url"], release["checksum"]) == ("", "/srv/sha256sums.txt")
    release = service("prometheus", {"prometheus_checksum": "sha256:0"})
    assert release["checksum"] == "sha256:0"


@pytest.mark.parametrize(
    ("changed", "url"),
    [
        ({}, "http://127.0.0.1:9090"),
        (OPEN, "https://10.0.0.5:9090"),
        ({"prometheus_listen_address": "::"}, "http://[::1]:9090"),
        ({"prometheus_listen_address": "", "prometheus_port": "9091"}, "http://10.0.0.5:9091"),
        ({"prometheus_external_url": "https://x.example/prometheus/"}, "http://127.0.0.1:9090/prometheus"),
        (
            {"prometheus_external_url": "https://x.example/a", "prometheus_flags": {"web.route-prefix": "/"}},
            "http://127.0.0.1:9090",
        ),
    ],
)
def test_connection(connection, changed, url):
    found, settings = connection("prometheus", changed)
    assert found["url"] == url
    assert found["url_password"] == settings["prometheus_web_users"].get("admin", "")
