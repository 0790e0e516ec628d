# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stack after playbooks/site.yml, seen from outside Ansible."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import time

import pytest
from lab_client import Lab, check_unit

LAB = Lab("site")
REDIS, MONITORING = LAB.named("redis"), LAB.named("monitoring")
SECRETS = LAB.secrets
address, prometheus, query, wait_for = LAB.address, LAB.prometheus, LAB.query, LAB.wait_for
# Two scrapes at the default interval, and time for them to be stored.
WAIT_SECONDS = 75


def get(url, user="", password=""):
    return LAB.call(url, login=f"{user}:{password}" if user else "")


def test_every_redis_node_is_an_up_target():
    series = wait_for('up{job="redis-cluster"} == 1', len(REDIS))
    assert {entry["metric"]["instance"] for entry in series} == {f"{address(name)}:9121" for name in REDIS}
    assert {entry["metric"]["cluster"] for entry in series} == {"redis-prod"}
    assert {entry["metric"]["environment"] for entry in series} == {"production"}
    targets = prometheus("targets", scrapePool="redis-cluster", state="active")["activeTargets"]
    assert [target["health"] for target in targets if target["labels"]["job"] == "redis-cluster"] == ["up"] * len(REDIS)


@pytest.mark.parametrize("metric", ["redis_up", "redis_cluster_state"])
def test_redis_is_fine(metric):
    series = wait_for(f'{metric}{{job="redis-cluster"}} == 1', len(REDIS))
    assert {entry["metric"]["instance"] for entry in series} == {f"{address(name)}:9121" for name in REDIS}


def test_all_slots_are_served():
    series = wait_for('redis_cluster_slots_ok{job="redis-cluster"} == 16384', len(REDIS))
    assert len(series) == len(REDIS)


def test_every_target_is_up():
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        targets = prometheus("targets", state="active")["activeTargets"]
        others = {target["scrapeUrl"]: target["lastError"] for target in targets if target["health"] != "up"}
        if not others or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert others == {}
    jobs = {target["labels"]["job"] for target in targets}
    assert jobs == {
        "redis-cluster",
        "redis-tls",
        "prometheus",
        "alertmanager",
        "grafana",
        "node",
        "blackbox_exporter",
        "monitoring-endpoints",
    }


def test_nothing_fires_but_the_watchdog():
    alerts = [alert["labels"] for alert in prometheus("alerts")["alerts"]]
    assert [labels for labels in alerts if labels["alertname"] != "Watchdog"] == []


def test_probes_succeed():
    """Of Redis with a client certificate, and of our own services."""
    assert len(wait_for('probe_success{job="redis-tls"} == 1', len(REDIS))) == len(REDIS)
    series = wait_for('probe_success{job="monitoring-endpoints"} == 1', 3)
    assert {entry["metric"]["endpoint"] for entry in series} == {"prometheus", "alertmanager", "grafana"}


@pytest.mark.parametrize(
    "url", [":9090/api/v1/query?query=up", ":9093/api/v2/alerts", ":3000/api/search", ":3000/metrics"]
)
def test_monitoring_wants_a_password(url):
    assert get(f"https://{address(MONITORING[0])}{url}")[0] == 401


def test_grafana_has_the_dashboards_and_no_default_password():
    url = f"https://{address(MONITORING[0])}:3000/api"
    assert get(f"{url}/search", "admin", "admin")[0] == 401
    user = ("admin", SECRETS["grafana_admin_password"])
    found = {entry["uid"]: entry["folderTitle"] for entry in json.loads(get(f"{url}/search?type=dash-db", *user)[1])}
    dashboards = ["redis-cluster", "redis-performance", "redis-resources"]
    dashboards += ["redis-11835"] if LAB.about["grafana"]["dashboard"] else []
    assert found == dict.fromkeys(dashboards, "Redis")
    status, body = get(f"{url}/datasources/uid/prometheus/health", *user)
    assert (status, json.loads(body).get("status")) == (200, "OK"), body
    # Grafana has no health check for this kind, so it passes on what Alertmanager says.
    status, body = get(f"{url}/datasources/proxy/uid/alertmanager/api/v2/status", *user)
    assert status == 200, body
    assert json.loads(body)["cluster"]["status"] in ("ready", "disabled")


def test_the_watchdog_reaches_its_receiver_through_the_whole_chain():
    deadline = time.monotonic() + WAIT_SECONDS
    arrived = LAB.directory / "notifications.jsonl"
    while not any(json.loads(line)["path"] == "/deadman" for line in arrived.read_text().splitlines()):
        assert time.monotonic() < deadline, "no Watchdog at the dead man's switch"
        time.sleep(1)


@pytest.mark.parametrize("name", REDIS)
def test_exporter_gives_nothing_away(name):
    url = f"https://{address(name)}:9121"
    assert get(f"{url}/metrics")[0] == 401
    assert get(f"{url}/metrics", "prometheus", "wrong")[0] == 401
    user = ("prometheus", SECRETS["exporter_web_password"])
    assert get(f"{url}/metrics", *user)[0] == 200
    # /scrape would let anyone who reaches the exporter send its credentials elsewhere.
    assert get(f"{url}/scrape?target=rediss://127.0.0.1:6379", *user)[0] == 404


@pytest.mark.parametrize(
    ("name", "unit"),
    [(name, f"{unit}.service") for name in REDIS for unit in ("redis_exporter", "node_exporter")]
    + [
        (name, f"{unit}.service")
        for name in MONITORING
        for unit in ("prometheus", "alertmanager", "blackbox_exporter", "node_exporter", "grafana-server")
    ],
)
def test_unit_is_hardened(name, unit):
    check_unit(LAB.host(name), unit)


# Runs on the host as root. The needles come on standard input, with the program, so that no argv holds them.
SCANNER = r"""
import json, os, stat, subprocess

NEEDLES = {name: value.encode() for name, value in json.loads(NEEDLES_JSON).items()}
found = []

def look(place, data):
    found.extend("%s: %s" % (name, place) for name, value in NEEDLES.items() if value in data)

def read(path):
    try:
        with open(path, "rb") as file:
            return file.read(64 << 20)
    except OSError:
        return b""

for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("cmdline", "environ"):
        program = read("/proc/%s/comm" % pid).decode().strip()
        look("/proc/%s/%s of %s" % (pid, name, program), read("/proc/%s/%s" % (pid, name)))
look("systemctl show", subprocess.check_output(["systemctl", "show", "*"]))
look("unit files", subprocess.check_output("systemctl cat '*' 2>/dev/null || true", shell=True))
look("journal", subprocess.check_output(["journalctl", "--all", "--output=export", "--no-pager"]))
for top, directories, names in os.walk("/"):
    if top == "/":
        directories[:] = [name for name in directories if name not in ("proc", "sys", "dev")]
    # Others cannot get into a directory that does not let them search it, whatever its files say.
    directories[:] = [name for name in directories if os.lstat(os.path.join(top, name)).st_mode & stat.S_IXOTH]
    for name in names:
        path = os.path.join(top, name)
        try:
            mode = os.lstat(path).st_mode
        except OSError:
            continue
        if stat.S_ISREG(mode) and mode & stat.S_IROTH:
            look(path, read(path))
print(json.dumps(sorted(set(found))))
"""


def scan(name, needles):
    """Where on a host secrets can be read by someone who should not."""
    return json.loads(LAB.shell(name, "python3 -", f"NEEDLES_JSON = {json.dumps(needles)!r}\n{SCANNER}"))


@pytest.mark.parametrize("name", REDIS + MONITORING)
def test_no_secret_lies_open(name):
    found = scan(name, LAB.needles())
    assert not found, "\n".join(found)


def test_the_scanner_finds_what_lies_open():
    """The test above is only worth something if the scanner sees each kind of place."""
    needle = secrets.token_hex(16)
    ssh = ["ssh", "-F", LAB.ssh_config, REDIS[0]]
    # printf is the shell's own: the process with the needle in its argv and environment is sleep's shell.
    plant = f"""
        umask 022
        mkdir -p -m 700 /tmp/shut
        printf '%s' {needle} > /tmp/canary
        cp /tmp/canary /tmp/shut/canary
        printf '%s' {needle} | logger
        NEEDLE={needle} sh -c 'sleep 20; :' {needle} >/dev/null 2>&1 &
    """
    subprocess.run(ssh, input=plant, text=True, timeout=30, check=True, capture_output=True)
    try:
        found = "\n".join(scan(REDIS[0], {"canary": needle}))
    finally:
        subprocess.run([*ssh, "rm -r /tmp/canary /tmp/shut"], timeout=30, check=True)
    assert "canary: /tmp/canary" in found
    assert "canary: journal" in found
    assert re.search(r"canary: /proc/\d+/cmdline of sh", found)
    assert re.search(r"canary: /proc/\d+/environ of sh", found)
    assert "/tmp/shut" not in found
