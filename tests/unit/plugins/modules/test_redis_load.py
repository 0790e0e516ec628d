# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real redis-server with TLS, and an account that may do what the module needs and no more."""

from __future__ import annotations

import time

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _redis, _redis_load
from ansible_collections.redisops.monitoring.plugins.modules import redis_load

PASSWORD = "load-canary-0f1e"
PREFIX = "redisops:verify:"
USER = ("reset", "on", ">" + PASSWORD, f"~{PREFIX}*", *_redis_load.RIGHTS)


class Node:
    def __init__(self, server, pki, user=USER):
        self.server, self.pki = server, pki
        self.client_pair = pki.issue("client", usage="client")
        self.admin = self.client(server.admin_user, server.admin_password)
        self.admin.call("ACL", "SETUSER", "redisops_verify", *user)

    def target(self, user="redisops_verify", password=PASSWORD):
        cert, key = self.client_pair
        return _redis.Target(
            "127.0.0.1",
            self.server.port,
            ca_file=self.pki.ca(),
            cert_file=cert,
            key_file=key,
            user=user,
            password=password,
        )

    def client(self, user, password):
        return _redis.Client(self.target(user, password))

    def arguments(self, **more):
        target = self.target()
        return {
            "login_port": target.port,
            "login_user": target.user,
            "login_password": target.password,
            "ca_certs": target.ca_file,
            "client_cert_file": target.cert_file,
            "client_key_file": target.key_file,
            **more,
        }

    def settle(self):
        deadline = time.monotonic() + 10
        while "cluster_state:ok" not in self.admin.call("CLUSTER", "INFO"):
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def node(redis_server, pki):
    return Node(redis_server(), pki)


@pytest.fixture
def cluster_node(redis_server, pki):
    node = Node(redis_server(extra=["cluster-enabled yes"]), pki)
    node.admin.call("CLUSTER", "ADDSLOTS", *range(_redis_load.SLOTS))
    node.settle()
    return node


def test_crc16_and_slots_are_those_of_redis(cluster_node):
    assert _redis_load.crc16(b"123456789") == 0x31C3
    for tag in ("0", "foo", "12345"):
        assert _redis_load.slot(tag) == cluster_node.admin.call("CLUSTER", "KEYSLOT", "x{%s}y" % tag)


@pytest.mark.parametrize(
    ("slots", "count"), [(range(16384), 16), (range(5461, 10923), 16), ([7], 1), ([1, 2, 3], 3), ([], 0)]
)
def test_tags_are_spread(slots, count):
    slots = list(slots)
    found = [_redis_load.slot(tag) for tag in _redis_load.tags_for(slots)]
    assert len(found) == len(set(found)) == count
    assert set(found) <= set(slots)
    if count == 16:
        size = len(slots) / 16
        assert [int((each - slots[0]) / size) for each in sorted(found)] == pytest.approx(list(range(16)), abs=1)


def test_own_slots():
    nodes = (
        "a 10.0.0.1:6379@16379 master - 0 1 2 connected 5461-10922\n"
        "b 10.0.0.2:6379@16379 myself,master - 0 0 1 connected 0-2 7 [9->-a] [11-<-a]\n"
    )
    assert _redis_load.own_slots(nodes) == [0, 1, 2, 7]
    assert _redis_load.own_slots("b 10.0.0.2:6379@16379 myself,slave a 0 0 1 connected\n") == []


def test_burst_on_a_cluster_node(cluster_node, run_module):
    load = run_module(redis_load, **cluster_node.arguments(commands=200))["load"]
    assert (load["state"], load["keys"], load["slots"], load["removed"]) == ("sent", 16, 16, 16)
    assert load["sent"] == 200 + 16
    assert load["after"] - load["before"] >= load["sent"]
    assert cluster_node.admin.call("DBSIZE") == 0


def test_burst_on_a_lone_node(node, run_module):
    result = run_module(redis_load, **node.arguments(commands=100))
    assert result["changed"] is False
    assert (result["load"]["state"], result["load"]["slots"], result["load"]["sent"]) == ("sent", 0, 116)
    assert node.admin.call("DBSIZE") == 0
    assert PASSWORD not in str(result)


def test_keys_bear_the_prefix_and_an_end(node):
    seen = set()

    class Clock:
        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def sleep(_seconds):
            for key in node.admin.call("KEYS", "*"):
                seen.add((key, 0 < node.admin.call("PTTL", key) <= _redis_load.LIFE))

    _redis_load.Burst(node.target(), PREFIX, 100, 5, Clock).run()
    assert len(seen) == 16
    assert all(key.startswith(PREFIX) and mortal for key, mortal in seen)


def test_the_account_can_do_nothing_else(node):
    with node.client("redisops_verify", PASSWORD) as client:
        for words in (("SET", "other", "1"), ("KEYS", "*"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("ACL", "LIST")):
            with pytest.raises(_redis.ReplyError, match="NOPERM"):
                client.call(*words)


def test_check_mode_sets_nothing(node, run_module):
    before = int(_redis_load.fields_of(node.admin.call("INFO"))["total_commands_processed"])
    load = run_module(redis_load, check_mode=True, **node.arguments())["load"]
    assert load["sent"] == 0
    assert int(_redis_load.fields_of(node.admin.call("INFO"))["total_commands_processed"]) - before < 10


def test_a_master_without_slots_is_left_alone(redis_server, pki, run_module):
    node = Node(redis_server(extra=["cluster-enabled yes"]), pki)
    load = run_module(redis_load, **node.arguments())["load"]
    assert (load["state"], load["found"]) == ("skipped", "a master without slots takes no keys")


def test_a_replica_is_left_alone(node, run_module):
    node.admin.call("REPLICAOF", "127.0.0.1", "1")
    load = run_module(redis_load, **node.arguments())["load"]
    assert (load["state"], load["found"]) == ("skipped", "a replica takes no keys")


def test_time_bounds_the_burst(node):
    now = [0.0]

    class Clock:
        @staticmethod
        def monotonic():
            now[0] += 0.1
            return now[0]

        sleep = staticmethod(lambda seconds: None)

    burst = _redis_load.Burst(node.target(), PREFIX, 100000, 2, Clock)
    burst.run()
    assert 30 < burst.sent < 70
    assert node.admin.call("DBSIZE") == 0


def test_keys_are_deleted_after_a_failure(node):
    class Clock:
        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def sleep(_seconds):  # in the middle of the burst
            node.admin.call("CONFIG", "SET", "maxmemory", "1")

    burst = _redis_load.Burst(node.target(), PREFIX, 1000, 5, Clock)
    with pytest.raises(_redis_load.LoadProblem, match="refuses SET: its memory is full"):
        burst.run()
    assert burst.sent >= 100
    assert node.admin.call("DBSIZE") == 0


def test_keys_are_deleted_after_a_lost_connection(node):
    class Clock:
        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def sleep(_seconds):
            node.admin.call("CLIENT", "KILL", "USER", "redisops_verify")

    burst = _redis_load.Burst(node.target(), PREFIX, 1000, 5, Clock)
    with pytest.raises(_redis.RedisProblem):
        burst.run()
    assert node.admin.call("DBSIZE") == 0


def test_a_slot_that_moves_away_is_left_out(cluster_node):
    moved = []

    class Clock:
        monotonic = staticmethod(time.monotonic)

        @staticmethod
        def sleep(_seconds):
            if not moved:
                for slot in range(0, 1024):  # the node's first sixteenth: one key
                    moved.append(slot)
                cluster_node.admin.call("CLUSTER", "DELSLOTS", *moved)

    # Without full coverage a node goes on serving what it has; what it lost it refuses.
    cluster_node.admin.call("CONFIG", "SET", "cluster-require-full-coverage", "no")
    burst = _redis_load.Burst(cluster_node.target(), PREFIX, 400, 5, Clock)
    with pytest.raises(_redis_load.LoadProblem, match="CLUSTERDOWN"):
        burst.run()


def test_moved_is_no_failure(node, monkeypatch):
    """A redirection takes the key out of the burst; the other keys go on."""
    call = _redis.Client.call
    gone = []

    def moving(self, *words):
        if words[0] in ("SET", "DEL") and (not gone or words[1] == gone[0]):
            gone.append(words[1])
            raise _redis.ReplyError("MOVED 5 10.0.0.9:6379")
        return call(self, *words)

    monkeypatch.setattr(_redis.Client, "call", moving)
    burst = _redis_load.Burst(node.target(), PREFIX, 100, 5, time)
    burst.run()
    assert burst.removed == 15
    assert len(set(gone)) == 1
    assert burst.sent == 98 + 15


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"login_password": "wrong-canary"}, "the account needs: ACL SETUSER redisops_verify reset on #<sha256"),
        ({"prefix": "other:"}, "NOPERM"),
        ({"commands": 1}, "commands is 1: give 2 to 100000"),
        ({"seconds": 61}, "seconds is 61: give 1 to 60"),
        ({"prefix": "{x}"}, "prefix is empty or holds a brace"),
        ({"login_port": 1}, "connection refused"),
        ({"ca_certs": "/nonexistent/ca.crt"}, "/nonexistent/ca.crt: the directory /nonexistent does not exist"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(node, run_module, change, words):
    result = run_module(redis_load, **node.arguments(**change))
    assert result["failed"]
    assert words in result["msg"]
    assert "\n" not in result["msg"]
    assert "canary" not in str(result)
    assert node.admin.call("DBSIZE") == 0
