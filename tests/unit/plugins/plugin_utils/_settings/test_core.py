# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import types

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _options

OPTIONS = {
    "demo_name": {"type": "str", "default": "a"},
    "demo_port": {"type": "int", "default": 1},
    "demo_ratio": {"type": "float", "default": 0.5},
    "demo_insecure": {"type": "bool", "default": False},
    "demo_mode": {"type": "str", "choices": ["a", "b"], "default": "a"},
    "demo_password": {"type": "str", "required": True, "no_log": True},
    "demo_users": {"type": "dict", "default": {}, "no_log": True},
    "demo_names": {"type": "list", "elements": "str", "default": []},
    "demo_jobs": {"type": "list", "elements": "dict", "default": []},
    "demo_receivers": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "port": {"type": "int"},
            "token": {"type": "int", "no_log": True},
        },
    },
    "demo_region": {"type": "str", "default": "{{ monitoring_aws_region }}"},
    "demo_ports": {"type": "list", "elements": "int", "default": None},
}
GOOD = {"demo_password": "secret"}


class Variables(dict):
    def __getitem__(self, name):
        value = super().__getitem__(name)
        if value == "{{ broken }}":
            raise _core.Unreadable("'broken' is undefined")
        return value


@pytest.fixture
def demo(monkeypatch):
    """The role demo: its only problem of its own is a name that begins with x."""
    role = types.SimpleNamespace(
        COMMA_LISTS=("demo_ports",),
        problems=lambda s, host: ["demo_name begins with x"] * 2 if s["demo_name"].startswith("x") else [],
    )
    monkeypatch.setattr(_core, "options_of", lambda dummy: OPTIONS)
    monkeypatch.setattr(_core, "module_of", lambda dummy: role)
    return role


@pytest.mark.parametrize(
    ("name", "given", "found"),
    [
        ("demo_name", 3.5, "3.5"),
        ("demo_name", None, "a"),
        ("demo_port", "9090", 9090),
        ("demo_port", 9090.0, 9090),
        ("demo_ratio", 70, 70),
        ("demo_ratio", "0.7", 0.7),
        ("demo_insecure", "false", False),
        ("demo_insecure", "yes", True),
        ("demo_insecure", 1, True),
        ("demo_users", '{"admin": "horse"}', {"admin": "horse"}),
        ("demo_names", [1, "b"], ["1", "b"]),
        ("demo_ports", "22, 80\n443\n", [22, 80, 443]),
        ("demo_receivers", [{"name": 1, "port": "2"}], [{"name": "1", "port": 2}]),
        ("demo_receivers", [{"name": "a", "port": None}], [{"name": "a", "port": None}]),
    ],
)
def test_values_have_the_type_of_the_argument_spec(demo, name, given, found):
    settings, problems = _core.judge("demo", Variables(GOOD, **{name: given}), _core.Host("h"))
    assert problems == []
    assert settings[name] == found
    assert type(settings[name]) is type(found)


def test_what_is_not_given_has_its_default(demo):
    settings, problems = _core.judge("demo", Variables(GOOD), _core.Host("h"))
    assert problems == []
    assert settings["demo_port"] == 1 and settings["demo_region"] == ""
    assert settings["demo_ports"] is None
    assert set(settings) == set(OPTIONS)


@pytest.mark.parametrize(
    ("name", "given", "problem"),
    [
        ("demo_name", ["a"], "demo_name is ['a'], not a text"),
        ("demo_port", "abc", "demo_port is abc, not a whole number"),
        ("demo_port", True, "demo_port is True, not a whole number"),
        ("demo_port", 1.5, "demo_port is 1.5, not a whole number"),
        ("demo_ratio", "ten", "demo_ratio is ten, not a number"),
        ("demo_insecure", "perhaps", "demo_insecure is perhaps, not true or false"),
        ("demo_mode", "c", "demo_mode is c: choose one of a, b"),
        ("demo_users", "canary", "demo_users is not a mapping"),
        ("demo_users", "{canary", "demo_users is not a mapping"),
        ("demo_names", "a,b", "demo_names is a,b, not a list"),
        ("demo_names", [["a"]], "demo_names[0] is ['a'], not a text"),
        ("demo_receivers", [{}], "demo_receivers[0].name is not set"),
        ("demo_receivers", [{"name": "a", "prot": 1}], "demo_receivers[0] has no key prot: it takes name, port, token"),
        ("demo_receivers", [{"name": "a", "token": "canary"}], "demo_receivers[0].token is not a whole number"),
        ("demo_receivers", {"name": "a", "token": "canary"}, "demo_receivers is not a list"),
        ("demo_receivers", ["https://canary"], "demo_receivers[0] is not a mapping"),
        ("demo_jobs", {"password": "canary"}, "demo_jobs is not a list"),
        ("demo_password", None, "demo_password is not set"),
        ("demo_name", "{{ broken }}", "demo_name cannot be read: 'broken' is undefined"),
        ("demo_name", "xyz", "demo_name begins with x"),
    ],
)
def test_wrong_values_are_one_line_without_a_secret(demo, name, given, problem):
    assert _core.judge("demo", Variables(GOOD, **{name: given}), _core.Host("h"))[1] == [problem]


def test_all_problems_at_once_and_none_that_follows_from_another(demo):
    demo.problems = lambda s, host: ["demo_port is 1, which is too low", "demo_mode does not suit demo_names"]
    given = Variables(demo_port="abc", demo_insecure="perhaps")
    assert _core.judge("demo", given, _core.Host("h"))[1] == [
        "demo_port is abc, not a whole number",
        "demo_insecure is perhaps, not true or false",
        "demo_password is not set",
        "demo_mode does not suit demo_names",
    ]


def test_lists_as_they_come_from_the_command_line(demo):
    demo.COMMA_LISTS = ("demo_names",)
    settings, problems = _core.judge("demo", Variables(GOOD, demo_names="a, b,"), _core.Host("h"))
    assert (problems, settings["demo_names"]) == ([], ["a", "b"])


def test_a_connection_can_be_told_without_everything_that_the_role_needs(demo):
    assert _core.read("demo", Variables(), all_needed=False)[1] == {}
    assert "demo_port" in _core.read("demo", Variables(demo_port="abc"), all_needed=False)[1]


def test_a_role_may_judge_the_content_of_an_option_itself(demo):
    demo.OWN_CHECKS = ("demo_receivers",)
    settings, problems = _core.judge("demo", Variables(GOOD, demo_receivers=[{"x": "1"}]), _core.Host("h"))
    assert (problems, settings["demo_receivers"]) == ([], [{"x": "1"}])


SITE = ["certificates", "exporters", "security_groups", "monitoring"]
ON_REDIS = ["redis_exporter", "node_exporter"]
ON_MONITORING = ["alertmanager", "blackbox_exporter", "node_exporter", "prometheus", "grafana"]
EVERYTHING = {
    "redis-1": ["certificates", *ON_REDIS],
    "mon-1": ["certificates", *ON_MONITORING],
    "localhost": ["security_groups"],
}


@pytest.mark.parametrize(
    ("run", "skip", "found"),
    [
        ("all", "", EVERYTHING),
        ("tagged", "", EVERYTHING),
        ("certificates", "", {"redis-1": ["certificates"], "mon-1": ["certificates"]}),
        ("exporters", "", {"redis-1": ON_REDIS}),
        ("prometheus grafana", "", {"mon-1": ["prometheus", "grafana"]}),
        ("node_exporter", "monitoring", {"redis-1": ["node_exporter"]}),
        (
            "all",
            "certificates exporters security_groups node_exporter",
            {"mon-1": [r for r in ON_MONITORING if r[0] != "n"]},
        ),
        ("verify", "", {}),
    ],
)
def test_roles_that_the_tags_leave(run, skip, found):
    groups = {"redis": ["redis-1"], "monitoring": ["mon-1"]}
    assert _core.selected(SITE, groups, set(run.split()), set(skip.split())) == found


def test_a_host_in_both_groups_has_each_role_once():
    roles = _core.selected(SITE, {"redis": ["one"], "monitoring": ["one"]}, {"all"}, set())
    assert sorted(roles["one"]) == sorted({"certificates", *ON_REDIS, *ON_MONITORING})


def test_parts_are_playbooks():
    """The table of parts is what the playbooks run, with their groups and tags."""
    for part, (group, roles) in _core.PARTS.items():
        plays = yaml.safe_load((_core.ROLES.parent / "playbooks" / f"{part}.yml").read_text())
        (play,) = [play for play in plays if "hosts" in play]
        assert play["hosts"] == (group or "localhost")
        tags = {
            "certificates": ["certificates"],
            "security_groups": ["security_groups"],
            "yace": ["monitoring", "yace"],
        }
        ran = [(one["role"], one["tags"]) for one in play.get("roles", [])]
        ran += [(one["ansible.builtin.import_role"]["name"], one["tags"]) for one in play.get("tasks", [])]
        assert [(name.rpartition(".")[2], its_tags) for name, its_tags in ran] == [
            (role, tags.get(part, [part, role])) for role in roles
        ]


def test_address_of_a_host(host):
    assert host().private_address == "10.0.0.5"
    variables = {"private_ip_address": "fd00::5", "ansible_host": "10.0.0.5"}
    assert host(variables=variables).private_address == "fd00::5"
    assert host(variables={"ansible_host": "203.0.113.1"}).private_address == "10.0.0.5"
    assert _core.Host("h").private_address == "" and not _core.Host("h").known
    assert _core.address_of(variables, "h") == "fd00::5"
    assert _core.address_of({"ansible_host": "10.0.0.5"}, "h") == "10.0.0.5"
    assert _core.address_of({}, "h") == "h"


def test_files_of_the_user_are_found_beside_the_playbook(host, tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "mine.yml").touch()
    on = host(search=[str(tmp_path / "files"), str(tmp_path)])
    assert on.file("mine.yml") == tmp_path / "files" / "mine.yml"
    assert str(on.file("/x/mine.yml")) == "/x/mine.yml"
    assert on.file("files/mine.yml") == tmp_path / "files" / "mine.yml"


def test_arguments():
    flags = {"a": 1, "b": True, "c": False, "d": None, "e": "x y"}
    assert _core.arguments(flags) == ["--a=1", "--e=x y", "--b", "--no-c"]


ROLES = sorted(path.parents[1].name for path in _core.ROLES.glob("*/meta/argument_specs.yml"))
SECRETS = [
    (role, name, option)
    for role in ROLES
    for name, option in _core.options_of(role).items()
    if option.get("no_log") and not name.endswith(("_credentials", "_private_key"))
]


@pytest.mark.parametrize("text", ["correct-horse-battery\n", " correct-horse-battery", "correct\nhorse"])
@pytest.mark.parametrize(("role", "name", "option"), SECRETS, ids=[name for dummy, name, dummy in SECRETS])
def test_a_secret_with_white_space_around_it_is_refused_in_every_role(role, name, option, text):
    value = {"admin": text} if option["type"] == "dict" else text
    [line] = _options.secret_problems(value, option, name)
    assert line.startswith(f"{name}{'.admin' if option['type'] == 'dict' else ''} has white space")
    assert "horse" not in line
    assert _options.secret_problems({"admin": "good"} if option["type"] == "dict" else "good", option, name) == []


@pytest.mark.parametrize(
    "text",
    ["redis", "prometheus", "admin", "password", "6379", "rediss", "monitoring-1", "prod", "passed", "x", "BEGIN"],
)
def test_a_secret_that_results_would_be_masked_by_is_refused(judge, host, text):
    """With the password redis the address of Redis became ********s://127.0.0.1 in results."""
    on = host(group_names=["redis"], variables={"monitoring_cluster": "redis-prod"})
    found = judge("redis_exporter", {"redis_exporter_redis_password": text, "redis_exporter_web_insecure": True}, on)
    [line] = [one for one in found if one.startswith("redis_exporter_redis_password is part of a path, an address or")]
    assert line.endswith("results would be read wrong. Choose another")
    assert f" {text} " not in line
    good = judge("redis_exporter", {"redis_exporter_redis_password": "correct-horse"}, on)
    assert not any("redis_exporter_redis_password" in line for line in good)


@pytest.mark.parametrize(("role", "name", "option"), SECRETS, ids=[name for dummy, name, dummy in SECRETS])
def test_so_it_is_in_every_role(role, name, option):
    settings = _core.read(role, {}, all_needed=False)[0]
    for bad in ("redis", "own-name", "hidden"):
        settings[name] = {"admin": bad} if option["type"] == "dict" else bad
        found = _options.masking_problems(settings, _core.options_of(role), "own-name")
        assert (name in found) is (bad != "hidden")


def test_a_secret_that_another_setting_has_is_refused(judge):
    found = judge("prometheus", {"prometheus_exporter_username": "scraper", "prometheus_exporter_password": "scraper"})
    assert [line.partition(" is part of")[0] for line in found] == ["prometheus_exporter_password"]
    found = judge("prometheus", {"prometheus_web_users": {"admin": "30dx", "b": "0.0.1"}})
    assert [line.partition(" is part of")[0] for line in found] == ["prometheus_web_users.b"]


def test_secrets_inside_of_a_list_are_looked_at():
    option = _core.options_of("alertmanager")["alertmanager_receivers"]
    receivers = [{"name": "chat", "slack": {"api_url": "https://hooks.example/a\n"}}]
    [line] = _options.secret_problems(receivers, option, "alertmanager_receivers")
    assert line.startswith("alertmanager_receivers[0].slack.api_url has white space")


def test_a_secret_with_a_line_break_is_a_problem_of_the_settings(judge):
    assert any(
        "prometheus_web_users.admin has white space" in line
        for line in judge("prometheus", {"prometheus_web_users": {"admin": "correct-horse\n"}})
    )


USERS = [
    (role, name) for role in ROLES for name in _core.options_of(role) if name.endswith(("_user", "_username", "_users"))
]


@pytest.mark.parametrize(("role", "name"), USERS)
@pytest.mark.parametrize("user", ["admin\n", " admin", "ad\nmin", "ad:min", "admin"])
def test_names_of_users_in_every_role(role, name, user):
    redis = "redis_user" in name or "acl_admin_user" in name
    value = {user: "correct-horse"} if _core.options_of(role)[name]["type"] == "dict" else user
    found = _options.user_problems(value, name)
    assert bool(found) is (user != "admin" and not (redis and user == "ad:min"))
    assert all(line.startswith(f"{name} has the user ") and "\n" not in line for line in found)


@pytest.mark.parametrize(
    "url", ["mirror.example.com", "", " https://m", "file:///srv/mirror", "https://", "https://m /x"]
)
def test_a_mirror_is_a_url(judge, url):
    found = judge("prometheus", {"monitoring_mirror_url": url})
    assert found == [f"monitoring_mirror_url is {url!r}, which is not a URL such as https://mirror.example.com"]
    for good in ("https://m", "https://m/x//", "http://10.0.0.1:8080/a"):
        assert judge("prometheus", {"monitoring_mirror_url": good}) == []
