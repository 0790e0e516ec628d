# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the exporter of a node uses, and what Redis does."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import socket
import threading
import time

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _redis
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import exporter
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import redis as evidence
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence.mask import Mask

CANARY = "c4nary-Pa55word"


RUNS, RESTS, MISSING = {"found": True, "active": True}, {"found": True, "active": False}, {"found": False}


@pytest.mark.parametrize(
    ("units", "name"),
    [
        ({"redis-server.service": RUNS, "redis.service": RUNS}, "redis-server.service"),
        ({"redis.service": RUNS}, "redis.service"),
        ({"redis-server.service": MISSING, "valkey-server.service": RESTS}, "valkey-server.service"),
        ({"redis-server.service": RESTS, "valkey.service": RUNS}, "valkey.service"),
        ({"redis-server.service": RESTS, "valkey.service": RESTS}, "redis-server.service"),
    ],
)
def test_the_unit_that_is_redis(units, name):
    assert _redis.unit_of(units) == (name, units[name])


def test_no_unit_of_redis():
    assert _redis.unit_of({}) == ("redis-server.service", {"found": False})


@pytest.mark.parametrize(
    ("argv", "path"),
    [
        ([], "/etc/redis/redis.conf"),
        (["/usr/bin/redis-server", "/srv/a.conf", "--supervised"], "/srv/a.conf"),
        (["/usr/bin/valkey-server", "--port", "6379"], "/etc/valkey/valkey.conf"),
    ],
)
def test_where_the_settings_of_redis_are(argv, path):
    assert evidence.settings({"exec_argv": argv}, Mask([]))["path"] == path


def test_flags_of_a_command_line():
    argv = ["/x", "--redis.addr=rediss://h:1", "-debug", "--name", "value", "--empty=", "--skip-tls-verification"]
    assert exporter.flags_of(argv) == {
        "redis.addr": "rediss://h:1",
        "debug": "true",
        "name": "value",
        "empty": "",
        "skip-tls-verification": "true",
    }


def test_a_credential_leads_to_its_source():
    unit = {"credentials": {"client.crt": "/etc/tls/client.crt"}}
    for path in ("${CREDENTIALS_DIRECTORY}/client.crt", "/run/credentials/redis_exporter.service/client.crt"):
        assert exporter.source(path, unit) == "/etc/tls/client.crt"
    assert exporter.source("/srv/client.crt", unit) == "/srv/client.crt"
    assert exporter.source("${CREDENTIALS_DIRECTORY}/other", unit) == ""


def test_the_unit_comes_before_the_inventory(tmp_path):
    (tmp_path / "pwd.json").write_text('{"rediss://u@h:1": "%s"}' % CANARY)
    wanted = dict.fromkeys(
        ("tls_ca_file", "tls_cert_file", "tls_key_file", "web_tls_cert_file", "web_tls_key_file", "tls_server_name"), ""
    )
    wanted.update(redis_addr="rediss://127.0.0.1:6379", redis_user="redis_exporter", redis_password="x", port=9121)
    wanted.update(listen_address="127.0.0.1", private_address="", connection_address="", skip_tls_verification=False)
    argv = ["/x", "--redis.addr=rediss://h:1", "--redis.user=u", "--web.listen-address=127.0.0.9:9999"]
    argv.append("--redis.password-file=%s" % (tmp_path / "pwd.json"))
    unit = {"found": True, "argv": argv, "credentials": {}, "user": "daemon", "pid": os.getpid()}
    used = exporter.Exporter(wanted, unit)
    assert (used.addr, used.user, used.listen, used.port, used.password) == (
        "rediss://h:1",
        "u",
        "127.0.0.9",
        9999,
        CANARY,
    )
    assert CANARY not in repr(used.describe()) and used.describe()["password_as_wanted"] is False
    planned = exporter.Exporter(wanted, None)
    assert (planned.addr, planned.listen, planned.password) == ("rediss://127.0.0.1:6379", "127.0.0.1", "x")


def test_who_holds_the_connections_of_a_redis_that_takes_no_more(redis_server):
    """Over TLS it says nothing at all: the connection ends in the handshake."""
    server = redis_server(extra=["maxclients 6"])
    pool = [socket.create_connection(("127.0.0.1", server.port)) for dummy in range(6)]
    try:
        target = _redis.Target("127.0.0.1", server.port, verify=False, timeout=2)
        with pytest.raises(_redis.RedisProblem) as caught:
            _redis.Client(target)
        answer = {"ok": False, "cause": caught.value.cause}
        assert answer["cause"] == "closed"
        found = evidence.with_context(answer, {"tls-port": str(server.port)}, Mask([]))
        assert found["clients"]["most"][0]["address"] == "127.0.0.1"
        assert found["clients"]["all"] >= 6
    finally:
        for one in pool:
            one.close()


LIBRARY = "#!lua name=lib\nredis.register_function('spin', function() while true do end end)"


@pytest.fixture
def blocked(redis_server):
    """What an administrator and an ordinary account find while a command blocks Redis; it is ended as doctor says."""
    server = redis_server(extra=["lua-time-limit 100"])
    files = {"ca_file": server.pki.ca(), "verify": False, "timeout": 2}
    files["cert_file"], files["key_file"] = server.pki.issue("client", usage="client")
    target = _redis.Target("127.0.0.1", server.port, user=server.admin_user, password=server.admin_password, **files)
    settings = {"logfile": str(server.directory / "redis.log")}
    with _redis.Client(target) as client:
        client.call("FUNCTION", "LOAD", LIBRARY)

    def run(*words):
        def block():
            with contextlib.suppress(_redis.ReplyError, _redis.RedisProblem):
                _redis.Client(dataclasses.replace(target, timeout=30)).call(*words)

        threading.Thread(target=block, daemon=True).start()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            time.sleep(0.3)
            found = exporter.answer(lambda: evidence.admin(target, "", "", settings))
            if not found.get("ok"):
                return found, _redis.Client(target)
        raise AssertionError("nothing blocks Redis")

    return run


def test_a_script_that_blocks_redis_is_named_by_the_log(blocked):
    text = "while true do end"
    found, client = blocked("EVAL", text, 0)
    assert (found["cause"], found["kind"]) == ("busy", "script")
    assert found["name"] == hashlib.sha1(text.encode()).hexdigest() and 0 <= found["runs_for"] < 60
    assert "You can only call SCRIPT KILL" in found["text"]
    assert client.call("SCRIPT", "KILL") == "OK"


def test_a_function_that_blocks_redis_is_named_by_redis(blocked):
    found, client = blocked("FCALL", "spin", 0, CANARY)
    assert (found["cause"], found["kind"], found["name"]) == ("busy", "function", "spin")
    assert 0 < found["runs_for"] < 60 and CANARY not in repr(found)
    assert client.call("FUNCTION", "KILL") == "OK"


def test_a_script_that_has_written_is_not_ended(blocked):
    found, client = blocked("EVAL", "redis.call('SET', KEYS[1], 1) while true do end", 1, "key")
    assert found["cause"] == "busy"
    with pytest.raises(_redis.ReplyError, match="UNKILLABLE"):
        client.call("SCRIPT", "KILL")
    with pytest.raises(_redis.RedisProblem):
        client.call("SHUTDOWN", "NOSAVE")


def test_a_log_without_a_script(tmp_path):
    class Denied:
        def call(self, *words):
            raise _redis.ReplyError("NOPERM this user has no permissions to run the 'function|stats' command")

    error = _redis.RedisProblem("busy", _redis.Target("h", 1), "BUSY Redis is busy running a module command")
    (tmp_path / "log").write_text("12:M 30 Nov 2026 03:04:11.159 * Ready to accept connections\n")
    found = evidence.busy(Denied(), error, {"logfile": str(tmp_path / "log")})
    assert (found["kind"], found.get("name")) == ("module", None)
