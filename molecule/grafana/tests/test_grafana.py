# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grafana as people and Prometheus see it, and the role as people run it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from lab_client import ROOT, Lab, check_unit

LAB = Lab("grafana")
ABOUT = LAB.about
ADDRESS = LAB.address("prometheus-grafana")
URL = f"https://{ADDRESS}:3000"
TOKEN = "/etc/redisops/grafana/token"
PASSWORD = "canary-admin-5ecr3t"
CANARY = "5ecr3t"
# What to grep a host for: with brackets, because sudo notes the commands of these tests in the journal.
SECRETS = "-e '5ecr3[t]' -e 'glsa[_]'"
OURS = {"redis-cluster", "redis-performance", "redis-resources"}


@pytest.fixture(scope="module")
def host():
    return LAB.host("prometheus-grafana")


def call(path, auth=("admin", PASSWORD), method="GET"):
    how = {"login": ":".join(auth)} if isinstance(auth, tuple) else {"token": auth}
    status, text = LAB.call(URL + path, method=method, **how)
    return status, json.loads(text) if text[:1] in "[{" else text


def start(tmp_path, *arguments, **extra):
    """The role, as a user runs it."""
    (tmp_path / "extra.json").write_text(json.dumps(extra))
    environment = dict(os.environ, ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"), MOLECULE_PROJECT_DIRECTORY=str(ROOT))
    environment.update(ANSIBLE_FORCE_COLOR="0", ANSIBLE_NOCOLOR="1")
    command = [
        str(Path(sys.executable).with_name("ansible-playbook")), f"--inventory={LAB.directory}/inventory",
        f"--extra-vars=@{tmp_path}/extra.json", *arguments, "molecule/grafana/converge.yml",
    ]  # fmt: skip
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(process):
    """(its output, its recap) of a run that has to succeed."""
    out, _err = process.communicate(timeout=300)
    assert process.returncode == 0, out[-3000:]
    return out, {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", out[out.rindex("PLAY RECAP") :])}


def tokens():
    account = call("/api/serviceaccounts/search?query=redisops")[1]["serviceAccounts"][0]["id"]
    path = f"/api/serviceaccounts/{account}/tokens"
    return path, call(path)[1]


def test_which_grafana(host):
    """What ran here is said by name in the report."""
    print(f"Grafana {ABOUT['grafana']['version']}: {ABOUT['grafana']['origin']}")
    status, health = call("/api/health", auth=None)
    assert (status, health["database"], health["version"]) == (200, "ok", ABOUT["grafana"]["version"])
    assert (health.get("commit") == "stand-in") == (ABOUT["grafana"]["origin"] == "stand-in")


def test_package(host):
    package = host.package("grafana")
    assert package.is_installed and package.version == ABOUT["grafana"]["version"]
    assert host.check_output("apt-mark showhold") == "grafana"
    if ABOUT["grafana"]["origin"] != "upstream":
        source = host.file("/etc/apt/sources.list.d/grafana.sources").content_string
        assert f"URIs: {ABOUT['mirror']['url']}/apt.grafana.com/" in source
        assert "Signed-By: /etc/apt/keyrings/grafana.gpg" in source


def test_unit(host):
    check_unit(host, "grafana-server.service")
    assert host.check_output("ps -o user= -p $(systemctl show -P MainPID grafana-server)") == "grafana"


def test_listens_where_asked_and_over_tls_only(host):
    listening = host.check_output("ss -Hltn | awk '{print $4}' | grep ':3000$'").split()
    assert listening == [f"{ADDRESS}:3000"]
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{ADDRESS}:3000/api/health")


def test_doors_are_closed():
    assert call("/api/user", auth=("admin", "admin"))[0] == 401
    assert call("/api/user")[1]["login"] == "admin"
    assert call("/api/org", auth=None)[0] == 401
    assert call("/metrics", auth=None)[0] == 401
    status, metrics = call("/metrics", auth=("prometheus", "canary-metrics-5ecr3t"))
    assert status == 200 and "grafana_build_info" in metrics


def test_secrets_lie_where_only_root_reads(host):
    modes = host.check_output("stat -c '%a %U:%G %n' /etc/grafana/grafana.ini /etc/redisops/grafana/* " + TOKEN)
    assert set(modes.splitlines()) == {
        "640 root:grafana /etc/grafana/grafana.ini",
        "700 root:root /etc/redisops/grafana/credentials",
        f"600 root:root {TOKEN}",
    }
    holding = host.check_output(f"grep -rl {SECRETS} /etc --exclude-dir=prometheus --exclude-dir=alertmanager").split()
    names = ("admin_password", "metrics_password", "secret_key", "smtp_password")
    assert sorted(holding) == [*(f"/etc/redisops/grafana/credentials/{name}" for name in names), TOKEN]
    assert set(host.check_output("stat -c '%a %U' " + " ".join(holding)).splitlines()) == {"600 root"}
    process = host.check_output("systemctl show -P MainPID grafana-server")
    assert host.run(f"grep -q {SECRETS} /proc/{process}/environ /proc/{process}/cmdline").rc == 1
    assert host.run(f"grep -q {SECRETS} /var/lib/grafana/grafana.db").rc == 1
    token = host.file(TOKEN).content_string.strip()
    assert call("/api/org", auth=token)[0] == 200


def test_privacy_settings_reach_grafana(host):
    lines = host.file("/etc/grafana/grafana.ini").content_string.splitlines()
    for line in (
        "reporting_enabled = false", "check_for_updates = false", "check_for_plugin_updates = false",
        "disable_gravatar = true", "external_enabled = false", "allow_sign_up = false", "cookie_secure = true",
        "strict_transport_security = true", "min_tls_version = TLS1.2",
        "admin_password = $__file{/run/credentials/grafana-server.service/admin_password}",
    ):  # fmt: skip
        assert lines.count(line) == 1, line
    assert lines[lines.index("[auth.anonymous]") + 1] == "enabled = false"


def test_data_sources():
    found = {one["uid"]: one for one in call("/api/datasources")[1]}
    assert set(found) == {"prometheus", "alertmanager", "cloudwatch"}
    assert found["prometheus"]["isDefault"] and found["prometheus"]["jsonData"]["timeInterval"] == "30s"
    assert found["cloudwatch"]["jsonData"] == {"authType": "default", "defaultRegion": "eu-central-1"}
    secrets = call("/api/datasources/uid/prometheus")[1]["secureJsonFields"]
    assert secrets == {"basicAuthPassword": True, "tlsCACert": True}
    deadline = time.monotonic() + 35  # Prometheus scrapes itself within half a minute after its start
    while True:
        status, answer = call('/api/datasources/proxy/uid/prometheus/api/v1/query?query=up{job="prometheus"}')
        assert status == 200, answer
        if answer["data"]["result"] or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert answer["data"]["result"][0]["value"][1] == "1", answer
    status, answer = call("/api/datasources/proxy/uid/alertmanager/api/v2/status")
    assert status == 200 and answer["versionInfo"]["version"]


def test_our_dashboards():
    found = {one["uid"]: one for one in call("/api/search?type=dash-db")[1]}
    assert set(found) >= OURS
    assert {found[uid]["folderTitle"] for uid in OURS} == {"Redis"}


@pytest.mark.skipif(not ABOUT["grafana"]["dashboard"], reason="dashboard 11835 is not to be had here")
def test_dashboard_11835():
    found = call("/api/dashboards/uid/redis-11835")[1]
    assert found["meta"]["folderUid"] == "redis"
    assert found["dashboard"]["time"] == {"from": "now-1h", "to": "now"}
    assert len(found["dashboard"]["panels"]) == 12 and "gnet:11835:1" in found["dashboard"]["tags"]
    assert "${DS_PROMETHEUS}" not in json.dumps(found)


def test_check_mode_leaves_the_database_as_it_is(host, tmp_path):
    before = host.check_output(
        "sha256sum /var/lib/grafana/grafana.db /etc/redisops/grafana/*/* /etc/grafana/grafana.ini"
    )
    out, recap = finish(start(tmp_path, "--check", "--diff", grafana_admin_password="canary-other-5ecr3t"))
    assert recap["changed"] == 2 and CANARY not in out  # the file, and with it the password
    after = host.check_output(
        "sha256sum /var/lib/grafana/grafana.db /etc/redisops/grafana/*/* /etc/grafana/grafana.ini"
    )
    assert after == before


def test_changed_secrets_and_a_revoked_token_show_nowhere(host, tmp_path):
    path, old = tokens()
    for one in old:
        call(f"{path}/{one['id']}", method="DELETE")
    passwords = {"grafana_admin_password": "canary-first-5ecr3t", "grafana_metrics_password": "canary-second-5ecr3t"}
    out, recap = finish(start(tmp_path, "-vvv", "--diff", **passwords))
    assert recap["changed"] == 2
    assert CANARY not in out and host.file(TOKEN).content_string.strip() not in out
    assert call("/api/user", auth=("admin", "canary-first-5ecr3t"))[0] == 200
    assert call("/metrics", auth=("prometheus", "canary-second-5ecr3t"))[0] == 200
    assert call("/api/org", auth=host.file(TOKEN).content_string.strip())[0] == 200
    finish(start(tmp_path))
    assert call("/api/user")[0] == 200
    assert host.run(f"journalctl --no-pager | grep {SECRETS}").rc == 1


def test_two_runs_at_once_and_one_after(host, tmp_path):
    assert host.run(f"rm {TOKEN}").rc == 0
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    both = [start(tmp_path / "a"), start(tmp_path / "b")]
    recaps = [finish(process)[1] for process in both]
    assert sorted(recap["changed"] for recap in recaps) == [0, 1]  # one of them made the token
    assert len(tokens()[1]) == 1
    _out, recap = finish(start(tmp_path))
    assert recap["changed"] == 0
    assert sum(recap[each] for each in ("ok", "skipped", "rescued", "ignored")) <= 14
