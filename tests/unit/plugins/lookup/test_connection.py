# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.redisops.monitoring.plugins.lookup.connection import LookupModule


@pytest.fixture
def connection(monkeypatch):
    def run(*roles, **variables):
        variables = {"inventory_hostname": "one", "hostvars": {}, **variables}
        loader = DataLoader()
        lookup = LookupModule(loader=loader, templar=Templar(loader, variables=variables))
        monkeypatch.setattr(lookup, "set_options", lambda **ignored: None)
        monkeypatch.setattr(lookup, "get_option", {"host": None}.get)
        return lookup.run(list(roles), variables)

    return run


def test_connection(connection):
    given = {"prometheus_web_users": {"admin": "secret", "grafana": "other"}, "prometheus_port": "9091"}
    (prometheus, alertmanager) = connection("prometheus", "alertmanager", **given)
    assert prometheus == {
        "url": "http://127.0.0.1:9091",
        "url_username": "admin",
        "url_password": "secret",
        "ca_path": "",
        "tls_server_name": "",
    }
    assert alertmanager["url"] == "http://127.0.0.1:9093"


def test_settings_that_cannot_be_read(connection):
    with pytest.raises(AnsibleLookupError, match="prometheus_port is abc, not a whole number"):
        connection("prometheus", prometheus_port="abc")
