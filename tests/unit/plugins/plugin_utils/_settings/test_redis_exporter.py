# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role redis_exporter makes of its settings. Every refusal is in the tests of _redis_exporter.settings."""

from __future__ import annotations

import json
import shlex

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _templates, redis_exporter

GOOD = {"redis_exporter_redis_password": "Canary"}
ADMIN = {"redis_exporter_acl_admin_user": "admin", "redis_exporter_acl_admin_password": "Canary"}
WEB = {
    "redis_exporter_web_tls_cert_file": "/etc/tls/server.crt",
    "redis_exporter_web_tls_key_file": "/etc/tls/server.key",
}
FULL = {
    **GOOD,
    **WEB,
    "redis_exporter_version": "1.88.0",
    "redis_exporter_tls_ca_file": "/etc/tls/ca.crt",
    "redis_exporter_tls_cert_file": "/etc/tls/client.crt",
    "redis_exporter_tls_key_file": "/etc/tls/client.key",
    "redis_exporter_tls_server_name": "redis-node-1a",
    "redis_exporter_web_client_ca_file": "/etc/tls/scrapers.crt",
    "redis_exporter_web_username": "prometheus",
    "redis_exporter_web_password": "Canary",
    "redis_exporter_allow_from": ["10.0.4.10", "fd00::/8"],
    "redis_exporter_skip_tls_verification": True,
    "redis_exporter_flags": {"namespace": 'a$b%c"d\\e f', "web.telemetry-path": "/m", "is-cluster": True},
}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, []),
        (FULL, []),
        (
            {"redis_exporter_redis_password": None},
            ["redis_exporter_redis_password is not set, nor is monitoring_secret, which it follows from"],
        ),
        ({"redis_exporter_version": "latest"}, ["redis_exporter_version: 'latest' is no release"]),
        ({"redis_exporter_version": "1.69.0", "redis_exporter_flags": {"log-level": "info"}}, ["came with redis_exp"]),
        (
            {"redis_exporter_version": "1.89.0", "redis_exporter_flags": {"skip-verify": True}},
            ["has no flag skip-verify"],
        ),
        ({"redis_exporter_port": "x"}, ["redis_exporter_port is x, not a whole number"]),
        ({"redis_exporter_port": 0}, ["redis_exporter_port is 0: ports are 1 to 65535"]),
        ({"redis_exporter_acl_manage": "yes"}, ["needs redis_exporter_acl_admin_user"]),
        ({"redis_exporter_acl_manage": True, **ADMIN}, []),
        ({"redis_exporter_web_username": "p"}, ["belong together"]),
        (
            {"redis_exporter_redis_addr": "rediss://u:Canary@127.0.0.1"},
            ["user and password do not belong in the address"],
        ),
        (
            {"redis_exporter_web_username": "p", "redis_exporter_web_password": "Canary" * 13},
            ["redis_exporter_web_password: bcrypt takes at most 72 bytes"],
        ),
        ({"redis_exporter_listen_address": "192.0.2.77"}, ["192.0.2.77 is not an address of this host; set redis_exp"]),
        ({"redis_exporter_listen_address": "redis-node-1a"}, ["redis-node-1a is no IP address"]),
        ({"redis_exporter_listen_address": "0.0.0.0"}, []),
        ({"redis_exporter_listen_address": "[::1]"}, []),
        (
            {"redis_exporter_version": "v1", "redis_exporter_port": 0, "redis_exporter_allow_from": ["prometheus"]},
            ["is no release", "prometheus is no IP address or network", "ports are 1 to 65535"],
        ),
    ],
)
def test_problems(judge, changes, says):
    found = judge("redis_exporter", {**GOOD, **changes})
    assert len(found) == len(says), found
    for problem, words in zip(found, says):
        assert words in problem and "\n" not in problem and "Canary" not in problem


def test_what_needs_facts_waits_for_them(judge, host):
    unknown = host(addresses=[], default_address="", architecture="")
    assert judge("redis_exporter", {**GOOD, "redis_exporter_listen_address": "192.0.2.77"}, unknown) == []
    assert "processor sparc64" in judge("redis_exporter", GOOD, host(architecture="sparc64"))[0]
    nowhere = host(addresses=["fe80::1"], default_address="")
    assert "no default route" in judge("redis_exporter", GOOD, nowhere)[0]


@pytest.mark.parametrize(
    ("wanted", "variables", "listens"),
    [
        ("fd00::5", {"private_ip_address": "10.0.0.5"}, "fd00::5"),
        ("", {"private_ip_address": "10.0.0.5", "ansible_host": "10.0.0.6"}, "10.0.0.5"),
        ("", {"ansible_host": "10.0.0.6"}, "10.0.0.6"),
        ("", {"ansible_host": "54.1.2.3"}, "10.0.0.9"),  # a public address is no address of the host
        ("", {"ansible_host": "redis-node-1a"}, "10.0.0.9"),
        ("", {}, "10.0.0.9"),
    ],
)
def test_where_it_listens(host, wanted, variables, listens):
    on = host(addresses=["10.0.0.5", "10.0.0.6", "10.0.0.9"], default_address="10.0.0.9", variables=variables)
    assert redis_exporter.listen_address({"redis_exporter_listen_address": wanted}, on) == listens


def test_an_address_of_the_inventory_that_the_host_lacks(judge, host):
    found = judge("redis_exporter", GOOD, host(variables={"private_ip_address": "10.0.0.7"}))
    assert len(found) == 1
    assert found[0].startswith("private_ip_address of the inventory: 10.0.0.7 is not an address of this host; set")


def unit(found):
    return _templates.render("_service/service.j2", found["values"])


@pytest.mark.parametrize("changes", [GOOD, FULL])
def test_the_unit_holds_no_secret_and_hands_over_what_it_names(service, changes):
    found = service("redis_exporter", changes)
    text = unit(found)
    assert "Canary" not in text and "$2b$" not in text
    named = {word.rstrip('"').split("/")[1] for word in text.split() if "${CREDENTIALS_DIRECTORY}" in word}
    handed = {line.split("=")[1].split(":")[0] for line in text.splitlines() if line.startswith("LoadCredential=")}
    assert named == handed and "redis_pwd.json" in handed
    assert "/etc/tls" not in text.split("LoadCredential")[0]  # the service cannot read these itself
    assert ("IPAddressDeny=any" in text) is (changes is FULL)
    assert "\nEnvironmentFile=/etc/redis_exporter/web_auth.env\n" in text and "\nRestart=always\n" in text


def test_the_command_line(service):
    text = unit(service("redis_exporter", FULL))
    command = text.split("ExecStart=")[1].split("\n\n")[0].replace("\\\n", " ")
    program, *arguments = shlex.split(command)
    assert program == "/opt/redis_exporter/current/redis_exporter"
    for argument in (
        "--redis.addr=rediss://127.0.0.1:6379",
        "--redis.user=redis_exporter",
        "--redis.password-file=${CREDENTIALS_DIRECTORY}/redis_pwd.json",
        "--tls-server-name=redis-node-1a",
        "--skip-tls-verification",
        "--web.listen-address=10.0.0.5:9121",
        "--basic-auth-username=prometheus",
        "--disable-scrape-endpoint=true",
        "--is-cluster=true",
    ):
        assert argument in arguments
    assert r'"--namespace=a$$b%%c\"d\\e f"' in text  # quoted for systemd
    assert "--skip-tls-verification" not in unit(service("redis_exporter", GOOD))


def test_whom_it_may_talk_to(service):
    lines = service("redis_exporter", FULL)["values"]["service"]["lines"]
    allowed = ["localhost", "10.0.0.5", "127.0.0.1", "10.0.4.10", "fd00::/8"]
    assert lines[1:] == ["IPAddressDeny=any", *("IPAddressAllow=%s" % one for one in allowed)]


@pytest.mark.parametrize("changes", [GOOD, FULL])
def test_systemd_takes_the_unit_and_rates_it(service, systemd_accepts, changes, tmp_path):
    path = tmp_path / "redis_exporter.service"
    path.write_text(unit(service("redis_exporter", changes)))
    systemd_accepts(path)


def secret(found, path):
    return next(_templates.content(one, {}) for one in found["config"]["secrets"] if one["path"] == path)


def test_passwords_for_versions_before_and_after_1_69(service):
    with_user = json.loads(
        secret(service("redis_exporter", {**GOOD, "redis_exporter_redis_user": "a b"}), "redis_pwd.json")
    )
    assert with_user == {"rediss://127.0.0.1:6379": "Canary", "rediss://a%20b@127.0.0.1:6379": "Canary"}
    without = service("redis_exporter", {**GOOD, "redis_exporter_redis_user": ""})
    assert json.loads(secret(without, "redis_pwd.json")) == {"rediss://127.0.0.1:6379": "Canary"}


def test_no_hash_stays_when_basic_authentication_is_switched_off(service):
    assert "\nREDIS_EXPORTER_BASIC_AUTH_HASH_PASSWORD='$2b$10$" in secret(
        service("redis_exporter", FULL), "web_auth.env"
    )
    assert secret(service("redis_exporter", GOOD), "web_auth.env").count("\n") == 1


def test_where_the_release_comes_from(service, host):
    found = service("redis_exporter", {**GOOD, "redis_exporter_version": "1.86.0"}, host(architecture="aarch64"))
    assert found["url"] == (
        "https://github.com/oliver006/redis_exporter/releases/download/v1.86.0/redis_exporter-v1.86.0.linux-arm64.tar.gz"
    )
    assert found["checksum"].endswith("/v1.86.0/sha256sums.txt")
    local = service("redis_exporter", {**GOOD, "redis_exporter_archive": "/srv/redis_exporter.tar.gz"})
    assert (local["url"], local["src"], local["checksum"]) == ("", "/srv/redis_exporter.tar.gz", "/srv/sha256sums.txt")


def test_connection(settings, host):
    on = host(variables={"ansible_host": "10.0.0.5"})
    found = redis_exporter.connection(settings("redis_exporter", FULL, on), on)
    assert (found["url"], found["path"], found["namespace"]) == ("https://10.0.0.5:9121", "/m", 'a$b%c"d\\e f')
    assert (found["url_username"], found["url_password"]) == ("prometheus", "Canary")
    assert (found["client_cert"], found["server_cert"]) == ("/etc/tls/client.crt", "/etc/tls/server.crt")
    assert found["exporter"]["listen_address"] == "10.0.0.5" and found["exporter"]["redis_user"] == "redis_exporter"
    assert found["acl_rules"][-2:] == ["+cluster|slots", "+cluster|nodes"]
    assert found["redis"]["login_user"] == "redis_exporter" and found["redis"]["validate_certs"] is False
    assert found["redis"]["login_host"] == "127.0.0.1" and found["redis"]["tls"] is True


def test_connection_without_facts(settings, host):
    on = host(addresses=[], default_address="", variables={"private_ip_address": "10.0.0.5", "ansible_host": "1.2.3.4"})
    found = redis_exporter.connection(settings("redis_exporter", GOOD, on), on)
    assert found["url"] == "" and found["client_cert"] == ""
    exporter = found["exporter"]
    assert [exporter[f"{name}_address"] for name in ("listen", "private", "connection")] == ["", "10.0.0.5", "1.2.3.4"]


def test_arguments_of_the_tasks(settings, host):
    on = host(variables={"ansible_host": "10.0.0.5"})
    managed = settings("redis_exporter", {**GOOD, **ADMIN, "redis_exporter_acl_manage": True}, on)
    check = redis_exporter.TASKS["check"](managed, on)
    assert check["args"]["acl_managed"] is True and check["args"]["listen_address"] == "10.0.0.5"
    account = redis_exporter.TASKS["account"](managed, on)
    assert account["args"]["name"] == "redis_exporter" and account["args"]["login_user"] == "admin"
    assert "ca_certs" not in account["args"]
    assert redis_exporter.TASKS["account"](settings("redis_exporter", GOOD, on), on) is None
