# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Against a real redis-server with TLS, client certificates and an ACL file."""

from __future__ import annotations

import hashlib
import json

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _redis, _redis_acl
from ansible_collections.redisops.monitoring.plugins.modules import redis_acl_user

PASSWORD = "canary-3xp0rter"
DIGEST = hashlib.sha256(PASSWORD.encode()).hexdigest()


@pytest.fixture
def acl(run_module, pki):
    cert, key = pki.issue("client", sans=(), usage="client")
    tls = {"ca_certs": pki.ca(), "client_cert_file": cert, "client_key_file": key}

    def run(server, check_mode=False, **changes):
        args = {
            "name": "redis_exporter",
            "password": PASSWORD,
            "login_port": server.port,
            "login_user": server.admin_user,
            "login_password": server.admin_password,
            "timeout": 3,
            **tls,
        }
        args.update(changes)
        result = run_module(redis_acl_user, check_mode=check_mode, diff=True, **args)
        text = json.dumps(result)
        for secret in (PASSWORD, DIGEST, server.admin_password):
            assert secret not in text
        return result

    def client(server, user=None, password=None):
        return _redis.Client(
            _redis.Target(
                "127.0.0.1",
                server.port,
                ca_file=pki.ca(),
                cert_file=cert,
                key_file=key,
                user=user or server.admin_user,
                password=password or server.admin_password,
            )
        )

    run.client = client
    return run


def getuser(acl, server, name="redis_exporter"):
    with acl.client(server) as client:
        return client.call("ACL", "GETUSER", name)


def test_creates_a_least_privilege_user_that_survives_a_restart(acl, redis_server):
    server = redis_server()
    result = acl(server)
    assert result["changed"] and result["persisted"] == "aclfile"
    assert DIGEST in server.aclfile.read_text()
    with acl.client(server, "redis_exporter", PASSWORD) as client:
        assert "redis_version" in client.call("INFO", "server")
        assert client.call("CLIENT", "SETNAME", "redis_exporter") == "OK"
        for denied in (("GET", "key"), ("CLIENT", "LIST"), ("CONFIG", "SET", "maxmemory", "1"), ("ACL", "LIST")):
            with pytest.raises(_redis.ReplyError, match="NOPERM"):
                client.call(*denied)


def test_unchanged_run_writes_nothing(acl, redis_server):
    server = redis_server()
    acl(server)
    with acl.client(server) as client:
        client.call("CONFIG", "RESETSTAT")
        result = acl(server)
        stats = client.call("INFO", "commandstats")
    assert not result["changed"] and result["persisted"] == "aclfile"
    assert result["diff"]["before"] == result["diff"]["after"]
    assert "acl|getuser" in stats
    assert "acl|setuser" not in stats and "acl|save" not in stats


def test_check_mode_changes_nothing(acl, redis_server):
    server = redis_server()
    result = acl(server, check_mode=True)
    assert result["changed"]
    assert result["diff"]["before"] == {}
    assert "+info" in result["diff"]["after"]["commands"]
    assert getuser(acl, server) is None
    assert "redis_exporter" not in server.aclfile.read_text()


def test_a_password_is_changed_while_others_use_the_old_one(acl, redis_server):
    server = redis_server()
    acl(server, password="canary-old")
    result = acl(server, keep_passwords=True)
    assert result["changed"] and result["diff"]["after"]["password"] == "as wanted, and others"
    for password in ("canary-old", PASSWORD):
        with acl.client(server, "redis_exporter", password) as client:
            assert client.call("PING") == "PONG"
    assert not acl(server, keep_passwords=True)["changed"]
    assert acl(server)["changed"]
    with pytest.raises(_redis.RedisProblem), acl.client(server, "redis_exporter", "canary-old") as client:
        client.call("PING")
    assert not acl(server, keep_passwords=True)["changed"]


def test_new_password_replaces_the_old_one(acl, redis_server):
    server = redis_server()
    acl(server, password="canary-0ld-0ne")
    result = acl(server)
    assert result["changed"]
    assert result["diff"]["before"]["password"] == "differs"
    assert result["diff"]["after"]["password"] == "as wanted"
    with pytest.raises(_redis.RedisProblem, match="WRONGPASS"):
        acl.client(server, "redis_exporter", "canary-0ld-0ne")


@pytest.mark.parametrize(
    "spoil",
    [
        ["+@all"],
        ["off"],
        ["~*"],
        ["&*"],
        ["+flushall"],
        ["-info"],
        ["nopass"],
        [">another"],
        ["(+get ~other:*)"],
    ],
)
def test_rights_and_passwords_that_crept_in_are_taken_away(acl, redis_server, spoil):
    server = redis_server()
    acl(server)
    wanted = getuser(acl, server)
    with acl.client(server) as client:
        client.call("ACL", "SETUSER", "redis_exporter", *spoil)
    assert acl(server)["changed"]
    assert getuser(acl, server) == wanted
    assert not acl(server)["changed"]


@pytest.mark.parametrize(
    "rules",
    [
        ["~report:*", "resetchannels", "-@all", "+get", "+MGET"],
        ["allkeys", "allchannels", "allcommands", "-flushall"],
        ["%R~a:*", "%W~b:*", "&news:*", "-@all", "+get", "+set", "-set"],
        ["-@all", "+@read", "-get", "+select"],
        ["resetkeys", "resetchannels", "-@all", "+info", "(+get ~x:*)"],
    ],
)
def test_own_rules_are_idempotent(acl, redis_server, rules):
    server = redis_server()
    assert acl(server, rules=rules)["changed"]
    again = acl(server, rules=rules)
    assert not again["changed"], again["diff"]


def test_interrupted_before_saving(acl, redis_server):
    server = redis_server()
    rights = _redis_acl.EXPORTER_RULES
    with acl.client(server) as client:
        client.call("ACL", "SETUSER", "redis_exporter", "reset", "on", "#" + DIGEST, *rights)
    assert acl(server, check_mode=True)["changed"]
    assert DIGEST not in server.aclfile.read_text()
    assert acl(server)["changed"]
    assert DIGEST in server.aclfile.read_text()
    assert not acl(server)["changed"]


def test_without_an_acl_file_the_configuration_is_rewritten(acl, redis_server):
    server = redis_server(aclfile=False)
    result = acl(server)
    assert result["persisted"] == "config"
    assert "user redis_exporter" in server.config.read_text()
    assert not acl(server)["changed"]


def test_says_when_nothing_can_be_saved(acl, redis_server):
    server = redis_server(aclfile=False, config=False)
    for changed in (True, False):
        result = acl(server)
        assert result["changed"] is changed
        assert result["persisted"] == "no"
        assert "its next restart loses it" in str(result["warnings"])


def test_not_saved_on_request(acl, redis_server):
    server = redis_server()
    assert acl(server, persist=False)["changed"]
    assert "redis_exporter" not in server.aclfile.read_text()


def test_absent(acl, redis_server):
    server = redis_server()
    acl(server)
    assert acl(server, state="absent", check_mode=True)["changed"]
    assert getuser(acl, server) is not None
    assert acl(server, state="absent")["changed"]
    assert getuser(acl, server) is None
    assert "redis_exporter" not in server.aclfile.read_text()
    assert not acl(server, state="absent")["changed"]


def test_the_line_for_people_has_no_secret_and_works(acl, redis_server):
    server = redis_server()
    line = acl(server, check_mode=True)["acl_line"]
    assert line.startswith("ACL SETUSER redis_exporter reset on #<sha256 of the password> resetkeys")
    with acl.client(server) as client:
        assert client.call(*line.replace("<sha256 of the password>", DIGEST).split()) == "OK"
    assert not acl(server, persist=False)["changed"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "default"}, ["default", "another name"]),
        ({"name": "admin_user"}, ["admin_user", "another name"]),
        ({"password": ""}, ["password is missing"]),
        ({"rules": ["+info", ">canary-3xp0rter"]}, ["rules hold no password"]),
        ({"rules": ["nopass"]}, ["rules hold no password"]),
        ({"rules": ["+info +ping"]}, ["one rule an element"]),
        ({"rules": ["+inof"]}, ["+inof", "nothing was changed"]),
        ({"login_password": "canary-wr0ng"}, ["WRONGPASS", "correct login_user or login_password"]),
        ({"login_port": 1}, ["connection refused"]),
        ({"ca_certs": "/nowhere/ca.crt"}, ["/nowhere does not exist"]),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(acl, redis_server, changes, words):
    server = redis_server()
    result = acl(server, **changes)
    assert result["failed"]
    assert "\n" not in result["msg"]
    for word in words:
        assert word in result["msg"]
    assert getuser(acl, server) is None


def test_admin_without_the_right_to_manage_users(acl, redis_server):
    server = redis_server()
    with acl.client(server) as client:
        client.call("ACL", "SETUSER", "weak", "on", ">canary-weak", "+ping", "+info")
    result = acl(server, login_user="weak", login_password="canary-weak")
    assert result["failed"] and "+acl|getuser" in result["msg"] and "name another one in login_user" in result["msg"]


@pytest.mark.parametrize(
    ("reply", "keys"),
    [
        (["flags", ["on"], "passwords", [DIGEST], "commands", "-@all +info", "keys", ["a*"], "channels", []], {"~a*"}),
        (["flags", ["on"], "passwords", [DIGEST], "commands", "-@all +info", "keys", "~a*", "channels", ""], {"~a*"}),
    ],
)
def test_replies_of_redis_6_and_7(reply, keys):
    assert _redis_acl.from_redis(reply) == _redis_acl.from_rules(["~a*", "-@all", "+info"], DIGEST)
