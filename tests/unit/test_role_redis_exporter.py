# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of the role redis_exporter without a host: its unit and password file, its number of tasks."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import jinja2
import pytest
import yaml

ROLE = Path(__file__).parents[2] / "roles" / "redis_exporter"
DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
PREFLIGHT = {
    "redis_addr": "rediss://127.0.0.1:6379",
    "redis_host": "127.0.0.1",
    "listen_address": "10.0.1.102",
    "flags": {"connection-timeout": "5s", "namespace": 'a$b%c"d\\e f'},
}


def render(name, **variables):
    def combine(left, right):
        return dict(left, **right)

    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(ROLE / "templates"), trim_blocks=True)
    environment.filters.update(to_json=json.dumps, combine=combine)
    environment.filters["redisops.monitoring.bcrypt_hash"] = lambda password, salt_from: "$2b$10$hash"
    given = dict(DEFAULTS, __redis_exporter_preflight=PREFLIGHT, redis_exporter_redis_password="Canary", **variables)
    return environment.get_template(name).render(given)


FULL = {
    "redis_exporter_tls_ca_file": "/etc/tls/ca.crt",
    "redis_exporter_tls_cert_file": "/etc/tls/client.crt",
    "redis_exporter_tls_key_file": "/etc/tls/client.key",
    "redis_exporter_tls_server_name": "redis-node-1a",
    "redis_exporter_web_tls_cert_file": "/etc/tls/server.crt",
    "redis_exporter_web_tls_key_file": "/etc/tls/server.key",
    "redis_exporter_web_client_ca_file": "/etc/tls/scrapers.crt",
    "redis_exporter_web_username": "prometheus",
    "redis_exporter_web_password": "Canary",
    "redis_exporter_allow_from": ["10.0.4.10", "fd00::/8"],
    "redis_exporter_skip_tls_verification": True,
}


@pytest.mark.parametrize("variables", [{}, FULL])
def test_the_unit_holds_no_secret_and_hands_over_what_it_names(variables):
    unit = render("redis_exporter.service.j2", **variables)
    assert "Canary" not in unit and "$2b$" not in unit
    named = {word.split("/")[1] for word in unit.split() if "${CREDENTIALS_DIRECTORY}" in word}
    handed = {line.split("=")[1].split(":")[0] for line in unit.splitlines() if line.startswith("LoadCredential=")}
    assert named == handed and "redis_pwd.json" in handed
    assert "/etc/tls" not in unit.split("LoadCredential")[0]  # the service cannot read these itself
    assert ("IPAddressDeny=any" in unit) is bool(variables)


def test_every_line_of_the_command_but_the_last_goes_on():
    for variables in ({}, FULL):
        lines = render("redis_exporter.service.j2", **variables).splitlines()
        start = next(number for number, line in enumerate(lines) if line.startswith("ExecStart="))
        end = lines.index("EnvironmentFile=/etc/redis_exporter/web_auth.env")
        assert all(line.endswith(" \\") for line in lines[start : end - 1])
        assert not lines[end - 1].endswith("\\")


def test_values_are_quoted_for_systemd():
    assert '"--namespace=a$$b%%c\\"d\\\\e f" \\' in render("redis_exporter.service.j2")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd-analyze: apt-get install systemd")
@pytest.mark.parametrize("variables", [{}, FULL])
def test_systemd_takes_the_unit_and_rates_it(variables, tmp_path):
    path = tmp_path / "redis_exporter.service"
    path.write_text(render("redis_exporter.service.j2", **variables))
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Unknown" not in done.stderr and "ignoring" not in done.stderr, done.stderr


def test_passwords_for_versions_before_and_after_1_69():
    assert json.loads(render("redis_pwd.json.j2")) == {
        "rediss://127.0.0.1:6379": "Canary",
        "rediss://redis_exporter@127.0.0.1:6379": "Canary",
    }
    assert json.loads(render("redis_pwd.json.j2", redis_exporter_redis_user="")) == {
        "rediss://127.0.0.1:6379": "Canary"
    }


def test_no_hash_stays_when_basic_authentication_is_switched_off():
    assert "$2b$" in render("web_auth.env.j2", **FULL)
    assert [line for line in render("web_auth.env.j2").splitlines() if not line.startswith("#")] in ([], [""])


def test_an_unchanged_run_has_at_most_eight_task_events():
    tasks = yaml.safe_load((ROLE / "tasks" / "main.yml").read_text())
    block = tasks[0]["block"]
    assert len(tasks) == 1 and not any("loop" in task or "block" in task for task in block)
    assert 1 + len(block) <= 8  # the first event is the validation of the arguments
