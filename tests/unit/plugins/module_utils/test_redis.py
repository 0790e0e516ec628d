# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each cause is provoked on a real redis-server and has to be told from all the others."""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _redis, _redis_advice, _tls
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import advice

SECRET = "canary-p4ssw0rd"


@pytest.fixture
def target(pki):
    def make(server=None, **changes):
        cert, key = pki.issue("client", sans=(), usage="client")
        options = {
            "host": "127.0.0.1",
            "port": server.port if server else 1,
            "ca_file": pki.ca(),
            "cert_file": cert,
            "key_file": key,
            "user": "admin_user",
            "password": server.admin_password if server else SECRET,
            "timeout": 2,
        }
        options.update(changes)
        return _redis.Target(**options)

    return make


def problem(target, *command):
    with pytest.raises(_redis.RedisProblem) as caught, _redis.Client(target) as client:
        client.check(*command or ("PING",))
    text = _redis_advice.explain(caught.value)
    assert "\n" not in text
    assert target.password not in text
    return caught.value.cause, text


def test_talks_to_redis_over_tls_with_a_client_certificate(redis_server, target):
    with _redis.Client(target(redis_server())) as client:
        assert client.call("SET", "key", "wörd") == "OK"
        assert client.call("GET", "key") == "wörd"
        assert client.call("GET", "none") is None
        assert client.call("INCR", "n") == 1
        assert client.call("CONFIG", "GET", "maxmemory") == ["maxmemory", "0"]
        assert "redis_version:" in client.call("INFO", "server")


def test_refused(target):
    cause, text = problem(target())
    assert cause == "refused"
    assert text.startswith("Redis at rediss://127.0.0.1:1: connection refused")


def test_name_unknown(target):
    assert problem(target(host="no-such-host.invalid"))[0] == "name_unknown"


def test_hung_process(redis_server, target):
    server = redis_server()
    server.hang()
    assert problem(target(server, timeout=1))[0] == "hung"


def test_hangs_after_the_login(redis_server, target):
    server = redis_server()
    with _redis.Client(target(server, timeout=1)) as client:
        server.hang()
        with pytest.raises(_redis.RedisProblem) as caught:
            client.call("PING")
    assert caught.value.cause == "hung"


def test_tls_to_a_plaintext_port(redis_server, target):
    cause, text = problem(target(redis_server(tls=False), timeout=1))
    assert cause == "plaintext_port"
    assert "login_port" in text


@pytest.mark.parametrize("clients", ["yes", "no"])
def test_plaintext_to_a_tls_port(redis_server, target, clients):
    cause, text = problem(target(redis_server(clients=clients), tls=False, cert_file="", key_file="", ca_file=""))
    assert cause == "tls_port"
    assert "set tls to true" in text


def test_untrusted_ca_names_the_issuer(redis_server, target, pki):
    cause, text = problem(target(redis_server(), ca_file=pki.ca("other-ca")))
    assert cause == "untrusted_ca"
    assert "commonName=ca" in text


def test_system_cas_do_not_know_it(redis_server, target):
    cause, text = problem(target(redis_server(), ca_file=""))
    assert cause == "untrusted_ca"
    assert "system CAs" in text


def test_expired(redis_server, target, pki):
    cause, text = problem(target(redis_server(cert=pki.issue("expired", days=-1))))
    assert cause == "expired"
    assert "expired on" in text


def test_expired_authority(redis_server, target, pki):
    old = pki.ca("old-ca", days=-2)
    cause, text = problem(target(redis_server(cert=pki.issue("of-old-ca", ca="old-ca")), ca_file=old))
    assert cause == "expired"
    assert "CA certificate above" in text


@pytest.mark.parametrize(
    ("sans", "shown"), [((), "none"), (("redis-node-1a", "10.0.1.102"), "DNS:redis-node-1a, IP:10.0.1.102")]
)
def test_name_mismatch_lists_the_sans(redis_server, target, pki, sans, shown):
    cause, text = problem(target(redis_server(cert=pki.issue("127.0.0.1", sans=sans))))
    assert cause == "name_mismatch"
    assert "(its SANs: %s)" % shown in text
    assert "IP:127.0.0.1" in text


def test_server_name_replaces_the_address(redis_server, target, pki):
    server = redis_server(cert=pki.issue("named", sans=("redis-node-1a",)))
    with _redis.Client(target(server, server_name="redis-node-1a")) as client:
        assert client.call("PING") == "PONG"


def test_unverified_connection_on_request(redis_server, target, pki):
    server = redis_server(cert=pki.issue("nameless", sans=()))
    with _redis.Client(target(server, verify=False)) as client:
        assert client.call("PING") == "PONG"


@pytest.mark.parametrize("protocols", ["TLSv1.2", "TLSv1.3"])
def test_client_certificate_required(redis_server, target, protocols):
    server = redis_server(extra=[f'tls-protocols "{protocols}"'])
    assert problem(target(server, cert_file="", key_file=""))[0] == "client_cert_required"


@pytest.mark.parametrize("protocols", ["TLSv1.2", "TLSv1.3"])
def test_client_certificate_refused(redis_server, target, pki, protocols):
    cert, key = pki.issue("stranger", ca="other-ca")
    server = redis_server(extra=[f'tls-protocols "{protocols}"'])
    cause, text = problem(target(server, cert_file=cert, key_file=key))
    assert cause == "client_cert_refused"
    assert cert in text


def test_no_common_protocol(redis_server, target, monkeypatch):
    real = _redis._context

    def only_12(target):
        context = real(target)
        context.maximum_version = _redis.ssl.TLSVersion.TLSv1_2
        return context

    monkeypatch.setattr(_redis, "_context", only_12)
    cause, text = problem(target(redis_server(extra=['tls-protocols "TLSv1.3"'])))
    assert cause == "tls_failed"


def test_wrong_password(redis_server, target):
    server = redis_server()
    cause, text = problem(target(server, password=SECRET))
    assert cause == "wrongpass"
    assert "admin_user" in text


@pytest.mark.parametrize(
    ("acl", "cause"),
    [
        (None, "user_unknown"),
        (["off", ">" + SECRET], "user_disabled"),
        (["on", ">other"], "wrongpass"),
        (["on", ">" + SECRET], None),
    ],
)
def test_an_admin_sees_why_a_login_fails(redis_server, target, acl, cause):
    with _redis.Client(target(redis_server())) as admin:
        if acl:
            admin.call("ACL", "SETUSER", "redis_exporter", *acl)
        digest = hashlib.sha256(SECRET.encode()).hexdigest()
        assert _redis.refine_login(admin, "redis_exporter", digest) == cause


def test_noperm_names_the_command(redis_server, target):
    server = redis_server()
    with _redis.Client(target(server)) as admin:
        admin.call("ACL", "SETUSER", "narrow", "on", ">" + SECRET, "+ping", "+cluster|slots")
    narrow = target(server, user="narrow", password=SECRET)
    assert problem(narrow, "INFO")[0] == "noperm"
    cause, text = problem(narrow, "CLUSTER", "INFO")
    assert "+cluster|info" in text


def test_login_needed(redis_server, target):
    server = redis_server()
    user = target(server, user="", password="")
    with pytest.raises(_redis.RedisProblem) as caught:
        _redis.Client(user)
    assert caught.value.cause == "auth_required"


def test_password_for_a_default_user_without_one(redis_server, target):
    server = redis_server()
    with _redis.Client(target(server)) as admin:
        admin.call("ACL", "SETUSER", "default", "on", "nopass")
    assert problem(target(server, user="", password=SECRET))[0] == "no_password_set"


def only_client(target):
    """The one client that a server takes; the fixture's probe of the port may still be it for a moment."""
    for dummy in range(50):
        with contextlib.suppress(_redis.RedisProblem):
            return _redis.Client(target)
        time.sleep(0.05)
    return _redis.Client(target)


def test_too_many_clients(redis_server, target):
    server = redis_server(tls=False, extra=["maxclients 1"])
    plain = target(server, tls=False)
    with only_client(plain):
        assert problem(plain)[0] == "maxclients"


def test_too_many_clients_over_tls(redis_server, target):
    # Redis drops such a connection before the handshake, without a word.
    server = redis_server(extra=["maxclients 1"])
    with only_client(target(server)):
        cause, text = problem(target(server))
    assert cause == "closed"
    assert "maxclients" in text


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "loading"),
        (b"-DENIED Redis is running in protected mode because ...\r\n", "protected_mode"),
        (b"-ERR wrong number of arguments for 'auth' command\r\n", "too_old"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "error_reply"),
        (b"HTTP/1.1 400 Bad Request\r\n", "not_redis"),
        (b"", "closed"),
    ],
)
def test_answers_that_a_healthy_server_does_not_give(target, answer, cause):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            for _connection in range(4):  # the client itself, then the probes of its diagnosis
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        plain = target(host="127.0.0.1", port=listener.getsockname()[1], tls=False, cert_file="", key_file="")
        assert problem(plain)[0] == cause
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_tls_to_something_else(target):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            for _connection in range(2):
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1000)
                    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert problem(target(port=listener.getsockname()[1]))[0] == "not_redis"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_every_cause_has_a_fix_in_the_words_of_the_caller(target):
    details = {"issuer": "i", "san": "s", "command": "c"}
    used = set(re.findall(r'RedisProblem\(\s*"(\w+)"', Path(_redis.__file__).read_text()))
    assert used | set(_redis._VERIFY_CODES.values()) | {"user_unknown", "user_disabled", "bad_certificate"} == set(
        _redis_advice.FIXES
    )
    for cause in _redis_advice.FIXES:
        problem = _redis.RedisProblem(cause, target(), "what happened", **details)
        for text in (_redis_advice.explain(problem), advice.explain(problem), advice.explain(problem, admin=True)):
            assert text.startswith("%s; " % problem) and "{" not in text and "\n" not in text
        assert "redis_exporter" not in _redis_advice.explain(problem)
        assert "login_" not in advice.explain(problem) + advice.explain(problem, admin=True)


def test_the_account_that_is_meant_is_named(target):
    problem = _redis.RedisProblem("wrongpass", target(), "login refused")
    assert "redis_exporter_redis_password, or set redis_exporter_acl_manage" in advice.explain(problem)
    assert "correct redis_exporter_acl_admin_user" in advice.explain(problem, admin=True)


def test_own_files_are_checked_in_pairs(target):
    with pytest.raises(_tls.FileProblem, match="belong together"):
        _redis.check_files(target(key_file=""))


def test_ipv6_urls():
    assert _redis.Target("::1", 6379).url == "rediss://[::1]:6379"
