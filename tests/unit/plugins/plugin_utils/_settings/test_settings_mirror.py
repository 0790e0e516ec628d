# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.modules import apt_release, grafana_dashboard, release_binary
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, grafana, mirror


@pytest.mark.parametrize(
    "base", ["https://mirror.example/x", "https://mirror.example/x/", "https://mirror.example/x//"]
)
def test_urls_have_one_slash(base):
    settings = {"monitoring_mirror_url": base}
    assert mirror.url(settings, "prometheus/prometheus", "/a.tar.gz") == (
        "https://mirror.example/x/prometheus/prometheus/a.tar.gz"
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"url_username": "me"}, "url_username and monitoring_mirror.url_password belong together"),
        ({"url_password": "canary"}, "belong together: give both or none"),
        ({"client_key": "/etc/key"}, "client_key is the key of monitoring_mirror.client_cert"),
        ({"ca_path": "ca.crt"}, "monitoring_mirror.ca_path is ca.crt: give the absolute path"),
        ({"timeout": 0}, "monitoring_mirror.timeout is 0: give at least 1 second"),
        ({"timeout": "soon"}, "monitoring_mirror.timeout is soon, not a whole number"),
        ({"password": "canary"}, "monitoring_mirror has no key password"),
        ({"url_username": "me", "url_password": "canary "}, "monitoring_mirror.url_password has white space"),
    ],
)
def test_problems(judge, given, words):
    (problem,) = judge("prometheus", {"monitoring_mirror": given})
    assert words in problem and "canary" not in problem


def test_a_mirror_with_everything(judge):
    login = {"url_username": "me", "url_password": "secret", "ca_path": "/etc/ca.crt", "client_cert": "/etc/c.crt"}
    assert judge("prometheus", {"monitoring_mirror": {**login, "use_proxy": "no", "timeout": "60"}}) == []


def test_every_key_reaches_the_module():
    options = _core.options_of("prometheus")["monitoring_mirror"]["options"]
    tasks = yaml.safe_load((_core.ROLES / "_service" / "tasks" / "install.yml").read_text())
    install = tasks[0]["block"][0]["redisops.monitoring.release_binary"]
    documented = yaml.safe_load(release_binary.DOCUMENTATION)["options"]
    for name, option in options.items():
        assert install[name] == "{{ monitoring_mirror.%s | default(omit) }}" % name
        assert documented[name].get("default") == option.get("default")


def test_grafana_comes_from_the_mirror_too(read, host):
    login = {"url_username": "me", "url_password": "canary", "ca_path": "/etc/ca.crt", "use_proxy": False}
    changed = {"monitoring_mirror": login, "monitoring_mirror_url": "https://mirror.example:8443/x"}
    changed["grafana_admin_password"] = "long-enough-canary"
    package = grafana.task_package(read("grafana", changed), host())["args"]
    assert package["repository"] == "https://mirror.example:8443/x/apt.grafana.com"
    assert {name: package[name] for name in login} == login
    *_ours, gnet = grafana.task_dashboards(read("grafana", changed), host())
    assert {name: gnet["args"][f"source_{name}"] for name in login} == login

    elsewhere = {
        **changed,
        "grafana_repository_url": "https://apt.example",
        "grafana_gnet_url": "https://mirror.example",
    }
    assert not login.keys() & grafana.task_package(read("grafana", elsewhere), host())["args"].keys()
    *_ours, gnet = grafana.task_dashboards(read("grafana", elsewhere), host())
    assert not [name for name in gnet["args"] if name.startswith("source_")]


def test_grafana_knows_what_the_others_know():
    options = [_core.options_of(role)["monitoring_mirror"]["options"] for role in ("prometheus", "grafana")]
    assert options[0] == options[1]
    for module in (apt_release, grafana_dashboard):
        prefix = "source_" if module is grafana_dashboard else ""
        documented = yaml.safe_load(module.DOCUMENTATION)["options"]
        assert {f"{prefix}{name}" for name in options[0] if name != "timeout"} <= documented.keys()
