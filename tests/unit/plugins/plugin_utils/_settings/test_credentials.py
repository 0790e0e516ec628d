# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _credentials

USERS = {"admin": "canary-admin", "grafana": "canary-grafana", "prometheus": "canary-prometheus"}


@pytest.fixture
def shown(host):
    def run(role, settings, **about):
        s = _core.read(role, settings)[0]
        return _credentials.lines(role, s, host(**about))

    return run


def test_logins_of_people_and_not_those_of_services(shown):
    [line] = shown("prometheus", {"prometheus_web_users": USERS, "prometheus_listen_address": ""})
    assert line.split() == ["prometheus", "http://10.0.0.5:9090", "user", "admin,", "password", "canary-admin"]


def test_the_address_that_people_type(shown):
    [line] = shown("grafana", {"grafana_root_url": "https://g.example.com/", "grafana_admin_password": "canary-word"})
    assert line.split()[1:] == ["https://g.example.com/", "user", "admin,", "password", "canary-word"]


def test_before_the_facts_are_known(shown):
    settings = {"alertmanager_web_users": USERS, "alertmanager_listen_address": ""}
    variables = {"ansible_host": "10.0.0.5"}
    [line] = shown("alertmanager", settings, addresses=[], default_address="", variables=variables)
    assert line.split()[1] == "http://10.0.0.5:9093"


def test_a_service_without_users(shown):
    assert shown("prometheus", {})[0].split()[1:] == ["http://127.0.0.1:9090", "no", "login"]
