# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight and health against a real redis-server; the exporter and systemd are stand-ins."""

from __future__ import annotations

import base64
import contextlib
import http.server
import json
import os
import ssl
import threading

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import (
    _host_status,
    _journal,
    _redis,
    _systemd,
)
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_acl import EXPORTER_RULES
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter import address
from ansible_collections.redisops.monitoring.plugins.module_utils._redis_exporter.exporter import ARCHITECTURES
from ansible_collections.redisops.monitoring.plugins.modules import redis_exporter_check

PASSWORD = "canary-3xp0rter"
WEB_PASSWORD = "canary-w3b"
DEFAULT_STATE = {
    "unit": "redis_exporter.service",
    "found": True,
    "active": True,
    "started_at": 1.0,
    "active_state": "active",
    "sub_state": "running",
    "result": "success",
    "exit_status": 0,
    "main_pid": 4242,
    "enabled": True,
    "restarts": 0,
    "fragment_path": "",
    "drop_in_paths": [],
    "need_daemon_reload": False,
}


@pytest.fixture
def systemd(monkeypatch):
    """What systemd would say; tests change it."""
    host = {"version": "systemd 252 (252.5-2)", "state": dict(DEFAULT_STATE), "shared": True, "runs": True}

    def systemctl(module, *args):
        assert args == ("--version",)
        return 0, host["version"] + "\n+PAM +AUDIT\n", ""

    monkeypatch.setattr(_systemd, "systemctl", systemctl)

    def unit_state(module, unit):
        return _systemd.UnitState(**dict(dict.fromkeys(_systemd.UnitState._fields), **host["state"]))

    monkeypatch.setattr(_systemd, "unit_state", unit_state)
    monkeypatch.setattr(_host_status, "systemd_runs", lambda: host["runs"])
    monkeypatch.setattr(_host_status, "root_mount_is_shared", lambda: host["shared"])
    monkeypatch.setattr(_journal, "messages", lambda unit, **options: [host.get("journal", "")])
    return host


@pytest.fixture
def node(redis_server, pki, run_module, systemd):
    """A Redis with the exporter's account, and the arguments the role gives."""
    cert, key = pki.issue("client", sans=(), usage="client")
    server = redis_server()

    def client(user=server.admin_user, password=server.admin_password):
        return _redis.Client(
            _redis.Target(
                "127.0.0.1", server.port, ca_file=pki.ca(), cert_file=cert, key_file=key, user=user, password=password
            )
        )

    with client() as admin:
        admin.call("ACL", "SETUSER", "redis_exporter", "reset", "on", ">" + PASSWORD, *EXPORTER_RULES)

    class Node:
        args = {
            "version": "1.86.0",
            "redis_addr": "rediss://127.0.0.1:%d" % server.port,
            "redis_user": "redis_exporter",
            "redis_password": PASSWORD,
            "acl_rules": EXPORTER_RULES,
            "tls_ca_file": pki.ca(),
            "tls_cert_file": cert,
            "tls_key_file": key,
            "listen_address": "127.0.0.1",
            "port": 1,
            "timeout": 2,
            "wait": 0,
        }

        def run(self, check, check_mode=False, **changes):
            result = run_module(redis_exporter_check, check_mode=check_mode, check=check, **dict(self.args, **changes))
            text = json.dumps(result)
            for secret in (PASSWORD, WEB_PASSWORD, server.admin_password):
                assert secret not in text
            assert not result.get("changed", False)
            return result

        def refused(self, check, **changes):
            result = self.run(check, **changes)
            assert result.get("failed"), result
            assert "\n" not in result["msg"]
            return result["msg"]

    Node.server = server
    Node.admin = staticmethod(client)
    return Node()


# ----------------------------------------------------------------------------------------------- preflight


def test_preflight_of_a_good_node(node):
    result = node.run("preflight")
    assert not result.get("failed"), result
    assert result["listen_address"] == "127.0.0.1"
    assert result["url"] == "http://127.0.0.1:1/metrics"
    assert result["architecture"] in ARCHITECTURES.values()
    assert (result["redis_host"], result["redis_port"], result["redis_tls"]) == ("127.0.0.1", node.server.port, True)
    assert result["flags"]["disable-scrape-endpoint"] == "true"
    assert "warnings" not in result


def test_the_account_may_be_missing_when_the_role_makes_it(node):
    with node.admin() as admin:
        admin.call("ACL", "DELUSER", "redis_exporter")
    admin_account = {"acl_admin_user": node.server.admin_user, "acl_admin_password": node.server.admin_password}
    assert not node.run("preflight", acl_managed=True, **admin_account).get("failed")
    text = node.refused("preflight")
    assert "WRONGPASS" in text
    assert "ACL SETUSER redis_exporter reset on #<sha256 of the password> resetkeys" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"redis_password": "canary-wr0ng"}, ["WRONGPASS", "redis_exporter_redis_password"]),
        ({"redis_addr": "rediss://127.0.0.1:1"}, ["refused"]),
        ({"tls_cert_file": "", "tls_key_file": ""}, ["client certificate"]),
        ({"tls_key_file": ""}, ["belong together"]),
        ({"tls_ca_file": "/nowhere/ca.crt"}, ["redis_exporter_tls_ca_file", "/nowhere does not exist"]),
        ({"tls_server_name": "redis-node-9", "version": "1.87.0"}, ["redis-node-9", "SANs: DNS:localhost, IP:127"]),
        ({"listen_address": "192.0.2.77"}, ["192.0.2.77 is not an address of this host"]),
        # Of what needs no host, the module tells all at once; see the tests of _redis_exporter.settings.
        (
            {"version": "1.69.0", "web_username": "p", "flags": {"skip-verify": True}},
            ["belong together", "skip-verify"],
        ),
    ],
)
def test_bad_input(node, changes, words):
    text = node.refused("preflight", **changes)
    for word in words:
        assert word in text


def test_redis_scheme_on_a_tls_port(node):
    text = node.refused("preflight", redis_addr="redis://127.0.0.1:%d" % node.server.port)
    assert "rediss:// (two s)" in text


@pytest.mark.parametrize(
    ("issue", "words"),
    [
        ({"sans": ()}, "its SANs: none"),
        ({"days": -3}, "its certificate expired on"),
        ({"ca": "other-ca"}, "not signed by"),
    ],
)
def test_certificate_of_redis(node, redis_server, pki, issue, words):
    server = redis_server(cert=pki.issue("bad-server", **issue))
    assert words in node.refused("preflight", redis_addr="rediss://127.0.0.1:%d" % server.port)


def test_client_certificate_that_expired_or_does_not_match(node, pki):
    cert, key = pki.issue("old-client", days=-1)
    assert "expired on" in node.refused("preflight", tls_cert_file=cert, tls_key_file=key)
    assert "does not match" in node.refused("preflight", tls_key_file=key)


def test_unverified_tls_warns_with_the_cure(node, redis_server, pki):
    result = node.run("preflight", skip_tls_verification=True)
    assert "SAN 127.0.0.1" in str(result["warnings"])


def test_expiry_is_announced(node, pki):
    cert, key = pki.issue("soon", days=5)
    assert "expires in 4 days" in str(node.run("preflight", tls_cert_file=cert, tls_key_file=key)["warnings"])


def test_missing_rights_are_named(node):
    with node.admin() as admin:
        admin.call("ACL", "SETUSER", "redis_exporter", "-cluster|info", "-latency|histogram")
    result = node.run("preflight")
    assert not result.get("failed")
    text = str(result["warnings"])
    assert "+cluster|info" in text and "+latency|histogram" in text and "+config|get" not in text
    with node.admin() as admin:
        admin.call("ACL", "SETUSER", "redis_exporter", "-info")
    assert "may not run info" in node.refused("preflight")


def test_port_taken_by_another_program(node, systemd):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True).start()
        text = node.refused("preflight", port=other.server_port)
        assert "is taken by" in text and "process" in text
        systemd["state"]["main_pid"] = os.getpid()
        assert not node.run("preflight", port=other.server_port).get("failed")
        other.shutdown()


@pytest.mark.parametrize("line", ["systemd 245 (245.4-4ubuntu3)", "systemd", ""])
def test_systemd_too_old(node, systemd, line):
    systemd["version"] = line
    assert "247 or newer" in node.refused("preflight")


def test_no_systemd(node, systemd):
    systemd["runs"] = False
    assert "systemd does not run" in node.refused("preflight")


def test_private_root_mount(node, systemd, monkeypatch):
    systemd["shared"] = False
    monkeypatch.setattr(_host_status, "credentials_arrive", lambda module: False)
    assert "make-rshared" in node.refused("preflight")
    monkeypatch.setattr(_host_status, "credentials_arrive", lambda module: True)
    assert not node.run("preflight").get("failed")


def test_web_certificate_has_to_cover_the_address(node, pki):
    cert, key = pki.issue("web-named", sans=("redis-node-1a",))
    web = {"web_tls_cert_file": cert, "web_tls_key_file": key}
    assert "does not name 127.0.0.1" in node.refused("preflight", **web)
    result = node.run("preflight", web_tls_server_name="redis-node-1a", **web)
    assert result["url"].startswith("https://")


def test_client_ca_is_tried_with_the_health_certificate(node, pki):
    cert, key = pki.issue("web")
    web = {"web_tls_cert_file": cert, "web_tls_key_file": key}
    assert not node.run("preflight", web_client_ca_file=pki.ca(), **web).get("failed")
    text = node.refused("preflight", web_client_ca_file=pki.ca("other-ca"), **web)
    assert "redis_exporter_web_client_cert_file" in text


def test_basic_authentication_without_tls_warns(node):
    result = node.run("preflight", web_username="prometheus", web_password=WEB_PASSWORD)
    assert "clear text" in str(result["warnings"])


def test_versions_without_a_switch_for_scrape_warn(node):
    result = node.run("preflight", version="1.55.0")
    assert "/scrape" in str(result["warnings"])
    assert "disable-scrape-endpoint" not in result["flags"]


# -------------------------------------------------------------------------------------------------- health


@contextlib.contextmanager
def exporter(*bodies, cert=None, client_ca=None, auth=None, status=200):
    """Serves the bodies one after the other, the last one for ever."""
    pages = list(bodies)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if auth and self.headers.get("Authorization") != auth:
                self.send_error(401)
                return
            body = (pages.pop(0) if len(pages) > 1 else pages[0]).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    class Server(http.server.HTTPServer):
        def handle_error(self, request, client_address):
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*cert)
            if client_ca:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(client_ca)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def page(up=1, version="1.86.0", more=""):
    return 'redis_up %d\nredis_exporter_build_info{version="v%s"} 1\n%s' % (up, version, more)


def test_healthy(node):
    with exporter(page()) as port:
        result = node.run("health", port=port)
    assert not result.get("failed"), result
    assert result["version"] == "1.86.0" and result["url"] == "http://127.0.0.1:%d/metrics" % port


@pytest.mark.parametrize(
    ("active", "up", "version", "healthy"),
    [(True, 1, "1.86.0", True), (True, 0, "1.86.0", False), (True, 1, "1.69.0", False), (False, 1, "1.86.0", False)],
)
def test_preflight_tells_whether_there_is_anything_to_wait_for(
    node, systemd, monkeypatch, active, up, version, healthy
):
    monkeypatch.setattr(address, "port_owner", lambda address, port: None)
    systemd["state"].update(active=active)
    with exporter(page(up, version)) as port:
        assert node.run("preflight", port=port)["healthy"] is healthy


def test_waits_until_it_is_healthy(node):
    with exporter(page(version="1.69.0"), page()) as port:
        assert not node.run("health", port=port, wait=10).get("failed")


def test_check_mode_waits_for_nothing(node, systemd):
    systemd["state"].update(active=False, found=False)
    assert not node.run("health", check_mode=True).get("failed")


def test_the_old_version_goes_on_running(node):
    with exporter(page(version="1.69.0")) as port:
        assert "version 1.69.0 runs, not 1.86.0" in node.refused("health", port=port)


def test_cluster_node_without_the_right_to_cluster_info(node):
    with exporter(page(more="redis_cluster_enabled 1\n")) as port:
        assert "+cluster|info" in str(node.run("health", port=port)["warnings"])
    with exporter(page(more="redis_cluster_enabled 1\nredis_cluster_state 1\n")) as port:
        assert "warnings" not in node.run("health", port=port)


def test_without_a_table_flags_are_taken_as_they_are(node):
    with exporter(page()) as port:
        result = node.run("health", port=port, known_flags={}, default_flags={}, flags={"log-format": "json"})
    assert result["flags"] == {"log-format": "json"}


def test_another_namespace_and_path(node):
    with exporter(page().replace("redis_", "cache_")) as port:
        result = node.run("health", port=port, flags={"namespace": "cache", "web.telemetry-path": "/m"})
    assert not result.get("failed") and result["url"].endswith("/m")


def test_https_with_basic_authentication(node, pki):
    cert = pki.issue("web")
    auth = "Basic " + base64.b64encode(b"prometheus:" + WEB_PASSWORD.encode()).decode()
    web = {"web_tls_cert_file": cert[0], "web_tls_key_file": cert[1], "web_username": "prometheus"}
    with exporter(page(), cert=cert, auth=auth) as port:
        assert not node.run("health", port=port, web_password=WEB_PASSWORD, **web).get("failed")
        assert "web_username" in node.refused("health", port=port, wait=60, web_password="canary-0ther", **web)


def test_https_with_another_certificate_than_the_file(node, pki):
    web = dict(zip(("web_tls_cert_file", "web_tls_key_file"), pki.issue("web")))
    with exporter(page(), cert=pki.issue("web-old")) as port:
        assert "another certificate than" in node.refused("health", port=port, wait=60, **web)


def test_https_with_client_certificates(node, pki):
    cert = pki.issue("web")
    web = {"web_tls_cert_file": cert[0], "web_tls_key_file": cert[1], "web_client_ca_file": pki.ca()}
    with exporter(page(), cert=cert, client_ca=pki.ca()) as port:
        assert not node.run("health", port=port, **web).get("failed")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"redis_password": "canary-wr0ng"}, "WRONGPASS"),
        ({"redis_addr": "rediss://127.0.0.1:1"}, "connection refused"),
        ({"tls_ca_file": "/nowhere"}, "does not exist"),
        ({"tls_cert_file": "", "tls_key_file": ""}, "client certificate"),
        ({}, "the running process has older ones"),
    ],
)
def test_redis_up_0_says_why(node, changes, words):
    with exporter(page(up=0)) as port:
        text = node.refused("health", port=port, **changes)
    assert "redis_up 0" in text and words in text


@pytest.mark.parametrize(
    ("acl", "words"),
    [
        (None, "there is no ACL user redis_exporter"),
        (["off"], "the ACL user redis_exporter is switched off"),
        (["resetpass", ">other"], "has another password"),
    ],
)
def test_an_administrator_sees_more(node, acl, words):
    with node.admin() as admin:
        if acl:
            admin.call("ACL", "SETUSER", "redis_exporter", *acl)
        else:
            admin.call("ACL", "DELUSER", "redis_exporter")
    account = {"acl_admin_user": node.server.admin_user, "acl_admin_password": node.server.admin_password}
    with exporter(page(up=0)) as port:
        assert words in node.refused("health", port=port, **account)


def test_redis_up_0_that_passes(node):
    node.server.hang()
    with exporter(page(up=0), page()) as port:
        assert not node.run("health", port=port, wait=10, timeout=1).get("failed")


def test_a_unit_that_fails(node, systemd):
    systemd["state"].update(
        active=False, active_state="activating", sub_state="auto-restart", result="exit-code", exit_status=2
    )
    systemd["journal"] = 'flag provided but not defined: -skip-verify\n (default "%s")' % PASSWORD
    assert "does not take the flag skip-verify" in node.refused("health")


def test_a_unit_that_is_not_there(node, systemd):
    systemd["state"].update(active=False, found=False)
    assert "run the role first" in node.refused("health")


def test_a_unit_that_runs_and_does_not_answer(node):
    assert "gives no metrics: connection refused" in node.refused("health")


def test_something_else_answers(node):
    with exporter("hello\n") as port:
        assert "not redis_exporter" in node.refused("health", port=port)
    with exporter("hello\n", status=404) as port:
        assert "HTTP status 404" in node.refused("health", port=port)
