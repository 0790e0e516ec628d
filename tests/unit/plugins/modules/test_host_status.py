# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _host_status, _systemd
from ansible_collections.redisops.monitoring.plugins.modules import host_status


@pytest.fixture
def status(run_module, monkeypatch):
    """status(**options) -> the result on a host whose systemd is in order."""
    monkeypatch.setattr(_host_status, "systemd_runs", lambda: True)
    monkeypatch.setattr(_host_status, "root_mount_is_shared", lambda: True)
    monkeypatch.setattr(_systemd, "systemctl", lambda module, *args: (0, "systemd 252 (252.5-2)\n", ""))
    return lambda **options: run_module(host_status, **options)


def test_a_host_that_has_everything(status, pki, tmp_path):
    cert, key = pki.issue("server")
    result = status(
        certificates=[{"what": "tls", "cert": cert, "key": key}, {"what": "ca", "ca": pki.ca()}],
        programs={"sh": "no sh"},
        libraries={"json": "no json"},
        space=[{"name": "prometheus", "path": str(tmp_path / "opt/prometheus"), "mib": 1, "installed": "/none"}],
        time=time.time(),
    )
    assert result["problems"] == [] and not result["changed"]
    facts = result["ansible_facts"]
    assert set(facts["ansible_all_ipv4_addresses"]) >= {facts["ansible_default_ipv4"]["address"]} - {""}


def test_everything_that_is_missing_at_once(status, pki, tmp_path):
    cert, dummy = pki.issue("one")
    key = pki.issue("other")[1]
    much = 1 << 40
    result = status(
        certificates=[
            {"what": "redis_exporter_tls_cert_file", "cert": cert, "key": key},
            {"what": "redis_exporter_tls_ca_file", "ca": str(tmp_path / "ca.crt")},
        ],
        programs={"no-such-program": "no-such-program is missing: install it"},
        libraries={"no_such_library": "no_such_library is missing: install it"},
        space=[
            {"name": "prometheus", "path": str(tmp_path), "mib": much, "installed": "/none"},
            {"name": "alertmanager", "path": str(tmp_path / "more"), "mib": 1, "installed": "/none"},
            {"name": "grafana", "path": str(tmp_path), "mib": 1, "installed": str(tmp_path)},
        ],
        time=time.time() + 7200,
    )
    clock, pair, ca, program, library, space = result["problems"]
    assert clock.startswith("the clock is 120 minutes behind that of the controller")
    assert "does not match the certificate" in pair
    assert ca == f"redis_exporter_tls_ca_file: {tmp_path}/ca.crt does not exist on this host"
    assert program.startswith("no-such-program is missing") and library.startswith("no_such_library is missing")
    assert space.endswith(f"MiB free, and prometheus, alertmanager need about {much + 1}: make room")


def test_a_clock_ahead(status):
    assert "ahead of" in status(time=time.time() - 3600)["problems"][0]
    assert status(time=time.time() - 60)["problems"] == []


def test_systemd_is_looked_at(status, monkeypatch):
    monkeypatch.setattr(_systemd, "systemctl", lambda module, *args: (0, "systemd 239 (239-82.el8)\n", ""))
    assert "systemd 239 is too old" in status()["problems"][0]


@pytest.mark.parametrize(
    ("rows", "shared"),
    [
        ("1 0 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n2 1 0:5 / /dev rw - devtmpfs udev rw\n", True),
        ("1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n2 1 0:5 / /dev rw shared:2 - devtmpfs udev rw\n", False),
        ("1 0 8:1 / / rw master:3 - overlay overlay rw\n", False),
        ("", True),
    ],
)
def test_reading_the_mount_table(tmp_path, rows, shared):
    (tmp_path / "mountinfo").write_text(rows)
    assert _host_status.root_mount_is_shared(str(tmp_path / "mountinfo")) is shared
