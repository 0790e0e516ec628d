# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exporter as it runs, seen from outside Ansible."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket

import pytest
from lab_client import ROOT, Lab, check_unit

LAB = Lab("redis-exporter")
(NAME,) = LAB.hosts
ADDRESS = LAB.address(NAME)
SECRETS = LAB.secrets
UNIT = "redis_exporter.service"


@pytest.fixture(scope="module")
def host():
    return LAB.host(NAME)


def get(path, password=None):
    return LAB.call(f"https://{ADDRESS}:9121{path}", login=f"prometheus:{password}" if password else "")


@pytest.fixture(scope="module")
def metrics():
    status, body = get("/metrics", SECRETS["exporter_web_password"])
    assert status == 200
    return body


def test_it_reaches_redis(metrics):
    assert re.search(r"^redis_up 1$", metrics, re.M)
    assert re.search(r'^redis_exporter_last_scrape_error\{err=""\} 0$', metrics, re.M)


@pytest.mark.parametrize(
    "family",
    [
        "redis_memory_used_bytes",
        "redis_memory_max_bytes",
        "redis_total_system_memory_bytes",
        "redis_connected_clients",
        "redis_commands_processed_total",
        "redis_slowlog_length",
        "redis_latency_percentiles_usec",
        "redis_config_maxclients",
        "redis_instance_info",
    ],
)
def test_the_account_may_read_what_dashboards_and_alerts_need(metrics, family):
    assert re.search(rf"^{family}\b", metrics, re.M)


def test_nothing_of_keys_or_clients_is_exported(metrics):
    assert not re.search(r"^redis_(key_|connected_client_|config_key_value)", metrics, re.M)


def test_it_wants_a_password():
    assert get("/metrics")[0] == 401
    assert get("/metrics", "wrong")[0] == 401


def test_scrape_endpoint_is_off():
    assert get("/scrape?target=rediss://127.0.0.1:6379", SECRETS["exporter_web_password"])[0] == 404


def test_only_the_private_address_listens(host):
    listening = host.check_output("ss --listening --tcp --numeric --no-header 'sport = 9121'").splitlines()
    assert [line.split()[3] for line in listening] == [f"{ADDRESS}:9121"]
    assert host.run("timeout 5 bash -c '</dev/tcp/127.0.0.1/9121'").rc != 0
    socket.create_connection((ADDRESS, 9121), timeout=5).close()


def test_service(host):
    check_unit(host, UNIT)
    owner = host.check_output("ps -o uid= -C redis_exporter").strip()
    assert 61184 <= int(owner) <= 65519  # systemd's range for dynamic users
    assert host.run("getent passwd redis_exporter --service=files").rc != 0


def test_files(host):
    unit = host.file(f"/etc/systemd/system/{UNIT}")
    assert (unit.user, unit.mode) == ("root", 0o644)
    for name in ("redis_pwd.json", "web_auth.env"):
        secret = host.file(f"/etc/redis_exporter/{name}")
        assert (secret.user, secret.group, secret.mode) == ("root", "root", 0o600)
    passwords = json.loads(host.file("/etc/redis_exporter/redis_pwd.json").content_string)
    assert passwords == {
        "rediss://127.0.0.1:6379": SECRETS["redis_exporter_password"],
        "rediss://redis_exporter@127.0.0.1:6379": SECRETS["redis_exporter_password"],
    }


def test_the_account_can_do_nothing_else(host):
    commands = ["GET x", "KEYS *", "CLIENT LIST", "ACL LIST", "CONFIG SET maxmemory 1", "SLOWLOG RESET", "PING"]
    answers = host.check_output(
        "cd /etc/redis_exporter/tls && printf %s | REDISCLI_AUTH=$(sed -E 's/.*\"(.*)\"}$/\\1/' ../redis_pwd.json) "
        f"{LAB.redis_program}-cli --tls --cacert ca.crt --cert client.crt --key client.key --user redis_exporter",
        "\n".join(commands) + "\n",
    ).split("\n")
    answers = [answer for answer in answers if answer]
    assert [answer.split()[0] for answer in answers] == ["NOPERM"] * (len(commands) - 1) + ["PONG"]


# Secrets, their hashes included, in what other users can read: processes, units, journal.
SCAN = """
import json, os, subprocess
needles = json.loads(%r)
texts = {
    "systemctl show": subprocess.check_output(["systemctl", "show", "*"]),
    "unit files": subprocess.check_output("cat /etc/systemd/system/*.service", shell=True),
    "journal": subprocess.check_output(["journalctl", "--all", "--no-pager"]),
}
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("cmdline", "environ"):
        try:
            place = "%%s of %%s" %% (name, open("/proc/%%s/comm" %% pid).read().strip())
            texts[place] = texts.get(place, b"") + open("/proc/%%s/%%s" %% (pid, name), "rb").read()
        except OSError:
            pass
found = ["%%s in %%s" %% (n, place) for n, v in needles.items() for place, text in texts.items() if v.encode() in text]
print(json.dumps(sorted(found)))
"""


def scan(needles):
    return json.loads(LAB.shell(NAME, "python3 -", SCAN % json.dumps(needles)))


def forms(name, secret):
    """A secret in the forms it takes on its way."""
    return {
        name: secret,
        f"{name} as sha256": hashlib.sha256(secret.encode()).hexdigest(),
        f"{name} as basic auth": base64.b64encode(f"prometheus:{secret}".encode()).decode(),
    }


def test_secrets_show_nowhere_on_the_host():
    needles = {}
    for name in ("redis_admin_password", "redis_exporter_password", "exporter_web_password"):
        needles.update(forms(name, SECRETS[name]))
    assert scan(needles) == []
    assert scan({"a word that is there": "redis_exporter"})  # the scan works


def test_secrets_show_nowhere_in_a_verbose_run(tmp_path):
    """New passwords, so that every task has something to show: nothing of them in -vvv --diff or on the host."""
    # Between the needles are characters that Python, JSON, YAML and systemd escape, each in its own way.
    secrets = {
        "redis_exporter_redis_password": "Canary1'x\\y\"z$%{}Canary2",
        "redis_exporter_web_password": "Canary3'x\\y\"z$%{}Canary4",
    }
    variables = tmp_path / "variables.json"
    variables.write_text(json.dumps(secrets))

    def run(*options):
        done = LAB.playbook(ROOT / "molecule/redis_exporter/converge.yml", *options)
        assert done.returncode == 0, done.stdout[-3000:]
        return done.output

    try:
        output = run("-vvv", "--diff", f"--extra-vars=@{variables}")
        assert re.search(r"changed=[1-9]", output)
        assert [f"Canary{number}" for number in "1234" if f"Canary{number}" in output] == []
        assert "$2b$" not in output
        needles = {"password": "Canary", "hash": "$2b$10$"}
        # The one place that redis_exporter can take it from; root and the service can read it.
        assert scan(needles) == ["hash in environ of redis_exporter"]
    finally:
        run()
