# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data directories that the user chooses."""

from __future__ import annotations

import re

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _core,
    _data,
    _templates,
    alertmanager,
    doctor,
    prometheus,
    remove,
)

RECEIVERS = {"alertmanager_receivers": [{"name": "a", "slack": {"api_url": "https://x"}}]}
RECEIVERS["alertmanager_levels"] = {"L1": ["a"]}
GRAFANA = {"grafana_admin_password": "long-enough-password"}
MORE = {"prometheus": {}, "alertmanager": RECEIVERS, "grafana": GRAFANA}


@pytest.mark.parametrize("role", _data.ROLES)
@pytest.mark.parametrize(
    "path", ["/var/lib/prometheus", "/data/prometheus", "/data", "/mnt/vol-1/a.b", "/srv/prometheus/", "/opt/data"]
)
def test_directories_that_are_taken(judge, role, path):
    assert judge(role, {**MORE[role], f"{role}_data_directory": path}) == []


@pytest.mark.parametrize("role", _data.ROLES)
@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("data", "give an absolute path of letters, digits and . _ -"),
        ("~/data", "give an absolute path"),
        ("/data/my volume", "give an absolute path"),
        ("/data/../etc", "give an absolute path"),
        ("/data//a", "give an absolute path"),
        ("/data/%i", "give an absolute path"),
        ("/", "give an absolute path"),
        ("/etc", "which belongs to the system: name a directory for this data alone"),
        ("/etc/prometheus/data", "which belongs to the system"),
        ("/home/ubuntu/data", "which belongs to the system"),
        ("/tmp/data", "which belongs to the system"),
        ("/var/lib", "which belongs to the system"),
        ("/mnt", "which belongs to the system"),
        ("/var/lib/private/prometheus", "which belongs to the system"),
        ("/var/lib/redisops/prometheus", "which belongs to the system"),
    ],
)
def test_directories_that_are_refused(judge, role, path, says):
    [problem] = judge(role, {**MORE[role], f"{role}_data_directory": path})
    assert problem.startswith(f"{role}_data_directory is {path}") and says in problem


def test_two_services_do_not_share_a_directory(judge, host):
    for theirs in ("/data", "/data/", "/data/prometheus"):
        on = host(variables={"alertmanager_data_directory": theirs})
        [problem] = judge("prometheus", {"prometheus_data_directory": "/data/prometheus"}, on)
        assert problem.endswith("which is in alertmanager_data_directory: name another one")
    assert judge("prometheus", {"prometheus_data_directory": "/data/prometheus-2"}, on) == []


def files(said):
    found = [*said["config"]["files"]]
    return {entry["path"]: _templates.content(entry, said["values"]) for entry in found}


@pytest.mark.parametrize(
    ("role", "flag"), [("prometheus", "--storage.tsdb.path="), ("alertmanager", "--storage.path=")]
)
def test_it_is_mounted_where_systemd_gives_it_to_the_service(service, role, flag):
    unit, mount = f"/etc/systemd/system/{role}.service", _data.mount_unit(role)
    said = service(role, {**MORE[role], f"{role}_data_directory": f"/data/{role}/"})
    found = files(said)
    assert f"{flag}/var/lib/redisops/{role}" in found[unit]
    assert re.search(f"^StateDirectory=redisops/{role}$", found[unit], re.M)
    assert re.search(f"^RequiresMountsFor=/data/{role} /var/lib/private/redisops/{role}$", found[unit], re.M)
    assert re.search(f"^# Data: /data/{role}$", found[unit], re.M)
    where = re.search("^Where=(.*)$", found[mount], re.M)[1]
    assert mount.endswith(f"/{where.strip('/').replace('/', '-')}.mount"), "systemd wants this name"
    assert f"What=/data/{role}\n" in found[mount] and mount not in said["config"]["absent"]
    assert said["config"]["data"]["directory"] == f"/data/{role}"

    said = service(role, MORE[role])
    found = files(said)
    assert f"{flag}/var/lib/{role}" in found[unit] and f"\nStateDirectory={role}\n" in found[unit]
    assert "RequiresMountsFor" not in found[unit] and "# Data" not in found[unit]
    assert mount not in found and mount in said["config"]["absent"]


def test_grafana_is_told_its_directory(service):
    drop_in, ini = "/etc/systemd/system/grafana-server.service.d/redisops.conf", "/etc/grafana/grafana.ini"
    said = service("grafana", {**GRAFANA, "grafana_data_directory": "/data/grafana"})
    found = files(said)
    for line in (
        "# Data: /data/grafana",
        "RequiresMountsFor=/data/grafana",
        "ReadWritePaths=/data/grafana -/var/log/grafana",
        "ExecStartPre=+/bin/chown grafana:grafana /data/grafana",
    ):
        assert line in found[drop_in].splitlines()
    assert "data = /data/grafana\n" in found[ini] and "plugins = /data/grafana/plugins\n" in found[ini]
    assert "/var/lib/grafana" not in found[drop_in] + found[ini]
    for same in ("", "/var/lib/grafana", "/var/lib/grafana/"):
        plain = service("grafana", {**GRAFANA, "grafana_data_directory": same})
        assert plain["config"]["data"]["directory"] == ""
        assert "ReadWritePaths=/var/lib/grafana -/var/log/grafana\n" in files(plain)[drop_in]
        assert "ExecStartPre=+/bin/chown grafana:grafana /var/lib/grafana\n" in files(plain)[drop_in]
        assert "data = /var/lib/grafana\n" in files(plain)[ini]


@pytest.mark.parametrize(
    ("known", "names"),
    [
        (prometheus.DATA, ["wal", "chunks_head", "01J0ZZZZZZZZZZZZZZZZZZZZZZ", "lock", "queries.active", "snapshots"]),
        (alertmanager.DATA, ["nflog", "silences", "silences.4f3a21"]),
    ],
)
def test_names_that_the_services_write_are_known(known, names):
    assert all(re.fullmatch(known, name) for name in names)
    assert not any(re.fullmatch(known, name) for name in ("mysql", "home", "backup.tar", "prometheus"))


def test_removal_and_doctor_know_it(host, settings):
    chosen = {f"{role}_data_directory": f"/data/{role}" for role in _data.ROLES}
    on = host(variables=chosen)
    calls = remove.TASKS["monitoring"]({"remove_data": True}, on)
    args = {call["args"]["name"]: call["args"] for call in calls}
    for role in _data.ROLES:
        assert args[role]["kept"] == [f"/data/{role}"] and f"/data/{role}" not in args[role]["data"]
    for role in ("prometheus", "alertmanager"):
        assert _data.mount_unit(role) in args[role]["files"]
        assert f"/var/lib/private/redisops/{role}" in args[role]["data"]
    on = host(variables={"prometheus_data_directory": "/var/lib/prometheus"})
    prometheus_args = next(
        call["args"]
        for call in remove.TASKS["monitoring"]({"remove_data": True}, on)
        if call["args"]["name"] == "prometheus"
    )
    assert prometheus_args["kept"] == ["/var/lib/prometheus"] and "/var/lib/prometheus" not in prometheus_args["data"]
    plain = {call["args"]["name"]: call["args"] for call in remove.TASKS["monitoring"]({"remove_data": True}, host())}
    assert _data.mount_unit("prometheus") in plain["prometheus"]["files"], "one that is used no more goes as well"
    assert "kept" not in plain["prometheus"]
    read = {}
    for role in doctor.roles_of(["monitoring"]):
        read.update(_core.read(role, {**MORE.get(role, {}), **chosen}, all_needed=False)[0])
    how = doctor.connections(read, host())
    assert doctor.evidence(read, host(), how)["directories"] == [f"/data/{role}" for role in _data.ROLES]
