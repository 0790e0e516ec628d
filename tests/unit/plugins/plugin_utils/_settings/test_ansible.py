# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.utils.unsafe_proxy import wrap_var
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _ansible, _core

try:
    from ansible.template import trust_as_template
except ImportError:  # before ansible-core 2.19 each text was a template

    def trust_as_template(value):
        return value


def variables(**raw):
    raw = {
        name: trust_as_template(value) if isinstance(value, str) and "{{" in value else value
        for name, value in raw.items()
    }
    return _ansible.Variables(raw, Templar(DataLoader(), variables=raw))


def test_values_are_plain():
    found = variables(a="{{ b }}", b={"c": [trust_as_template("{{ d }}"), wrap_var("{{ d }}")]}, d=wrap_var("x"), n=7)
    assert found["a"] == {"c": ["x", "{{ d }}"]}
    assert {type(one) for one in [found["a"], *found["a"]["c"], found["d"]]} == {dict, str}
    assert found["n"] == 7
    assert found.get("nothing") is None and "nothing" not in found


def test_what_cannot_be_templated_says_why():
    found = variables(a="{{ nobody_knows }}", b="{{ 1 / 0 }}")
    with pytest.raises(_core.Unreadable, match="'nobody_knows' is undefined"):
        found["a"]
    with pytest.raises(_core.Unreadable, match="division by zero"):
        found["b"]
    assert found.get("a", "default") == "default"


def test_every_part_that_cannot_be_templated_says_why():
    secrets = [trust_as_template("{{ vault_%s }}" % name) for name in ("a", "b", "b", "known")]
    found = variables(receivers=[{"slack": secrets[0]}, {"more": secrets[1:], "n": 1}], vault_known="x")
    with pytest.raises(_core.Unreadable) as error:
        found["receivers"]
    assert str(error.value) == "'vault_a' is undefined; 'vault_b' is undefined"


class HostVars(dict):
    raw_get = dict.get


def test_another_host_has_the_defaults_of_the_roles_and_its_own_facts():
    facts = {"all_ipv4_addresses": ["10.0.0.5"], "default_ipv4": {"address": "10.0.0.5"}, "architecture": "x86_64"}
    one = {"inventory_hostname": "one", "group_names": ["monitoring"], "groups": {"monitoring": ["one"]}}
    one.update(ansible_facts=facts, prometheus_port=trust_as_template("{{ 9000 + 90 }}"))
    task_vars = {"hostvars": HostVars(one=one), "inventory_hostname": "localhost", "playbook_dir": "/play"}
    templar = Templar(DataLoader(), variables=task_vars)
    found, host = _ansible.context(["prometheus"], task_vars, templar, "one")
    assert int(found["prometheus_port"]) == 9090  # text, before ansible-core 2.19
    assert found["prometheus_scrape_interval"] == "30s"
    assert (host.name, host.addresses, host.architecture, host.known) == ("one", ["10.0.0.5"], "x86_64", True)
    assert host.groups == {"monitoring": ["one"]} and host.search == ["/play/files", "/play"]


def test_templates_in_the_defaults_of_a_role_are_templates():
    raw = {"hostvars": {}, "inventory_hostname": "one", "monitoring_aws_region": "eu-west-1"}
    templar = Templar(DataLoader(), variables=raw)
    found, dummy = _ansible.context(["yace"], raw, templar)
    assert found["yace_regions"] == ["eu-west-1"]
    assert found["yace_search_tags"] == {"Cluster": "^$"}  # which the role refuses
    raw["monitoring_cluster"] = "redis.prod"
    assert _ansible.context(["yace"], raw, templar)[0]["yace_search_tags"] == {"Cluster": r"^redis\.prod$"}


class AnsibleVaultEncryptedUnicode(str):
    """As ansible-core before 2.19 calls an inline !vault."""


def test_inline_vaults_that_older_versions_of_ansible_do_not_take():
    vault = AnsibleVaultEncryptedUnicode("canary")
    raw = {
        "alertmanager_receivers": [{"name": "a", "slack": {"api_url": vault, "channel": vault}}],
        "alertmanager_web_users": {"admin": vault, "other": "plain"},
        "alertmanager_routes": [{"matchers": [vault]}],
        "alertmanager_external_url": vault,
    }

    class Templar:
        template = staticmethod(lambda value: value)

    found = _ansible.vault_problems("alertmanager", _ansible.Variables(raw, Templar))
    assert [line.partition(" is an inline !vault, which ansible-core ")[0] for line in found] == [
        "alertmanager_web_users.admin", "alertmanager_receivers[0].slack.api_url"
    ]  # fmt: skip
    assert "canary" not in "".join(found)
    assert _ansible.vault_problems("alertmanager", variables(alertmanager_web_users={"admin": "text"})) == []


@pytest.mark.parametrize(
    ("limit", "hosts"),
    [
        (None, None),
        ("@site.retry", None),
        ("redis_orders,monitoring", {"o1", "o2", "m"}),
        ("redis:!redis_orders", {"s1"}),
        ("o1", {"o1"}),
        ("nobody", set()),
    ],
)
def test_hosts_of_a_limit(limit, hosts):
    groups = {"all": ["o1", "o2", "s1", "m"], "redis": ["o1", "o2", "s1"], "redis_orders": ["o1", "o2"]}
    groups["monitoring"] = ["m"]
    assert _ansible.limited({"groups": groups, **({"ansible_limit": limit} if limit else {})}) == hosts


class Asked(dict):
    """Variables of hosts that count how often a host is asked for."""

    def __init__(self, hosts):
        super().__init__(hosts)
        self.count = []

    def __getitem__(self, name):
        self.count.append(name)
        return super().__getitem__(name)


def test_other_hosts_are_plain_and_asked_for_once():
    asked = Asked({"one": {"a": wrap_var("x"), "b": [wrap_var("y")]}})
    hosts = _ansible.OtherHosts(asked)
    assert [hosts["one"]["a"], hosts["one"].get("b"), hosts["one"].get("c", 7)] == ["x", ["y"], 7]
    assert {type(one) for one in [hosts["one"]["a"], *hosts["one"]["b"]]} == {str}
    assert asked.count == ["one"] and "one" in hosts and "two" not in hosts and len(hosts) == 1


@pytest.mark.parametrize(
    "error", [AnsibleError("'nobody' is undefined"), ZeroDivisionError("'nobody' is undefined")], ids=["2.19", "2.17"]
)
def test_what_another_host_cannot_say(error):
    class Broken(dict):
        def __getitem__(self, name):
            raise error

    host = _ansible.OtherHosts({"one": Broken(a=1)})["one"]
    with pytest.raises(_core.Unreadable, match="'nobody' is undefined"):
        host["a"]
    with pytest.raises(type(error)):
        host.get("a", "default")
    with pytest.raises(KeyError, match="b"):
        host["b"]
