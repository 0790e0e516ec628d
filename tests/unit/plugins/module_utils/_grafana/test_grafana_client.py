# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of Grafana's API against the stand-in: what it repeats, and what it says when that does not help."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _http
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import client as _grafana
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import module
from running import PASSWORD, Backend, Running

pytestmark = pytest.mark.usefixtures("no_pauses")


def client(url, **params):
    if "token" not in params:
        params = dict({"url_username": "admin", "url_password": PASSWORD}, **params)
    return _grafana.Client(dict({"url": url, "timeout": 5, "validate_certs": True}, **params))


def error(url, path="/api/datasources/uid/x", **params):
    with pytest.raises(_grafana.GrafanaError) as caught:
        client(url, **params).get(path)
    text = str(caught.value)
    assert "\n" not in text
    assert PASSWORD not in text
    return text


def test_gives_data_or_nothing(server):
    assert client(server.url + "/").get("/api/org")["id"] == 1
    assert client(server.url, token=" %s\n" % server.token()).get("/api/org")["id"] == 1
    assert client(server.url).get("/api/datasources/uid/none") is None
    assert client(server.url).get("/api/dashboards/uid/none") is None
    assert client(server.url).get("/api/folders/none") is None


def test_wrong_password_names_the_user_and_is_tried_once(server):
    server.requests()
    text = error(server.url, url_password="wrong-canary")
    assert "'admin'" in text
    assert "five wrong tries" in text
    assert "wrong-canary" not in text
    assert len(server.requests()) == 1


def test_tokens(server):
    assert "does not know the token" in error(server.url, token="glsa_canary")
    assert "canary" not in error(server.url, token="glsa_canary")
    expiring = server.token("short", seconds=1)
    time.sleep(1.1)
    assert "the token has expired" in error(server.url, token=expiring)
    assert "the token in /x/token has expired" in error(server.url, token=expiring, token_path="/x/token")


@pytest.mark.parametrize("token", ["two\nlines", "two words", "ümlaut"])
def test_what_is_no_token_is_refused_before_it_is_sent(token):
    with pytest.raises(_grafana.GrafanaError, match="characters that no token has"):
        client("http://127.0.0.1:1", token=token)


def test_missing_permission_is_named(server):
    viewer = client(server.url, token=server.token("viewer", "Viewer"))
    with pytest.raises(_grafana.GrafanaError, match="the token lacks the permission folders:create"):
        viewer.request("POST", "/api/folders", {"title": "F"})


def test_organisation_that_is_not_there(server):
    text = error(server.url, org_id=77)
    assert "organisation 77" in text
    token = server.token()
    with pytest.raises(_grafana.GrafanaError, match="organisation (1, not )?77"):
        client(server.url, token=token, org_id=77).check_org()
    client(server.url, token=token, org_id=1).check_org()


def test_organisation_is_asked_for_and_never_switched(server):
    org = server.call("POST", "/api/orgs", {"name": "Second"})[1]["orgId"]
    server.requests()
    assert client(server.url, org_id=org).get("/api/org")["name"] == "Second"
    assert [path for _method, path in server.requests()] == ["/api/org"]
    assert client(server.url).get("/api/org")["id"] == 1


def test_unreachable(newest):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        text = error("http://127.0.0.1:%d" % port)
    assert "refused: is it running" in text
    assert "does not resolve" in error("http://no-such-host.invalid")


def test_not_grafana(newest):
    assert "base URL" in error(newest.url, "/login")
    assert "base URL" in error(newest.url + "/api/nope")
    assert "redirects to /login" in error(newest.url, "/grafana/api/org")
    with pytest.raises(_grafana.GrafanaError, match="is not the base URL"):
        client("grafana.example.com")


def test_tls(tmp_path, pki):
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    with Running(tmp_path / "good", tls=pki.issue("grafana")) as running:
        assert client(running.url, ca_path=pki.ca()).get("/api/org")["id"] == 1
        assert client(running.url, validate_certs=False).get("/api/org")["id"] == 1
        text = error(running.url, ca_path=pki.ca("another"))
        assert "not trusted" in text
        assert "ca_path" in text
        assert "not trusted" in error(running.url)
        assert "the CA file /nonexistent cannot be used: no such file" in error(running.url, ca_path="/nonexistent")
        text = error(running.url, client_cert=pki.ca(), client_key="/nonexistent")
        assert "and /nonexistent cannot be used: no such file" in text
        assert "%s cannot be used: it is not in PEM format" % __file__ in error(running.url, ca_path=__file__)
        assert "%s cannot be used: it is not in PEM format" % __file__ in error(running.url, client_cert=__file__)
        certificate, other_key = pki.issue("me", usage="client")[0], pki.issue("other", usage="client")[1]
        assert "cannot be used: key values mismatch" in error(
            running.url, client_cert=certificate, client_key=other_key
        )
        key = load_pem_private_key(Path(other_key).read_bytes(), None)
        secret = BestAvailableEncryption(b"canary")
        locked = tmp_path / "locked.key"
        locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
        text = error(running.url, client_cert=certificate, client_key=str(locked))
        assert "%s cannot be used: it is encrypted with a passphrase" % locked in text
        assert "use https://" in error(running.url.replace("https", "http"))
    with Running(tmp_path / "name", tls=pki.issue("elsewhere", sans=["elsewhere.example"])) as running:
        assert "use a name that the certificate is for" in error(running.url, ca_path=pki.ca())
    with Running(tmp_path / "old", tls=pki.issue("old", days=-1)) as running:
        assert "renew it" in error(running.url, ca_path=pki.ca())
    with Running(tmp_path / "plain") as running:
        assert "answers plain HTTP" in error(running.url.replace("http", "https"))


def test_a_proxy_of_the_environment_is_never_sent_credentials(server, monkeypatch):
    with Backend() as proxy:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("no_proxy", "")
        assert client(server.url).get("/api/org")["id"] == 1
        assert client(server.url, token=server.token()).get("/api/org")["id"] == 1
        assert not proxy.seen


def test_client_certificates(pki):
    with Backend(tls=(*pki.issue("grafana"), pki.ca("clients")), answer='{"id": 1}') as running:
        certificate, key = pki.issue("me", ca="clients", usage="client")
        options = {"ca_path": pki.ca(), "client_cert": certificate, "client_key": key}
        assert client(running.url, **options).get("/api/org")["id"] == 1
        stranger, other_key = pki.issue("stranger", ca="strangers", usage="client")
        for more in ({}, {"client_cert": stranger, "client_key": other_key}):
            text = error(running.url, ca_path=pki.ca(), **more)
            # With TLS 1.3 it is luck whether the server's reason or the end of the connection is seen first.
            assert any(words in text for words in ("client certificate", "TLS fails", "connection breaks off"))


def test_a_tls_connection_that_is_cut_is_tried_again(tmp_path, pki):
    with Running(tmp_path / "good", tls=pki.issue("grafana")) as running, socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve():
            for dummy in range(2):
                connection, _address = listener.accept()
                connection.recv(65536)  # all of it: else the end of it is a reset
                connection.close()
            connection, _address = listener.accept()
            with connection, socket.create_connection(("127.0.0.1", running.port)) as behind:
                back = threading.Thread(target=pump, args=(behind, connection), daemon=True)
                back.start()
                pump(connection, behind)

        def pump(one, other):
            with contextlib.suppress(OSError):
                while data := one.recv(65536):
                    other.sendall(data)

        threading.Thread(target=serve, daemon=True).start()
        url = "https://127.0.0.1:%d" % listener.getsockname()[1]
        assert client(url, ca_path=pki.ca()).get("/api/org")["id"] == 1


FAULTS = {
    "cut before": {"cut": "before"},
    "cut after": {"cut": "after"},
    "500": {"answer": (500, {"message": "x"})},
    "503": {"answer": (503, "busy", {}, "text/plain")},
    "429": {"answer": (429, {"message": "slow down"})},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_reads_outlive_three_faults_and_not_four(newest, fault):
    newest.fault(fault, times=3)
    assert client(newest.url).get("/api/org")["id"] == 1
    newest.fault(fault, times=4)
    newest.requests()
    with pytest.raises(_grafana.GrafanaError):
        client(newest.url).get("/api/org")
    assert len(newest.requests()) == 4


def test_retry_after_is_heeded_within_reason(newest, monkeypatch):
    slept = []
    monkeypatch.setattr(_grafana.time, "sleep", slept.append)
    for seconds in ("3", "86400"):
        newest.fault({"answer": (429, {"message": "x"}, {"Retry-After": seconds})})
        client(newest.url).get("/api/org")
    assert slept == [3.0, 10.0]


def test_a_slow_server_is_given_up(newest):
    newest.fault({"delay": 1.5}, times=9)
    started = time.monotonic()
    assert "no answer within 1 s" in error(newest.url, "/api/org", timeout=1)
    assert time.monotonic() - started < 8


@pytest.mark.parametrize("cut, posts", [("before", 2), ("after", 1)])
def test_a_lost_write_is_looked_for_before_it_is_repeated(newest, cut, posts):
    newest.fault({"cut": cut}, "POST")
    grafana = client(newest.url)
    newest.requests()
    found = grafana.create("/api/folders", {"uid": "f", "title": "F"}, lambda: grafana.get("/api/folders/f"))
    assert found["uid"] == "f"
    assert [method for method, _path in newest.requests()].count("POST") == posts
    assert len(newest.call("GET", "/api/folders")[1]) == 1


def test_a_server_that_never_takes_the_write_is_given_up(newest):
    newest.fault({"answer": (500, {"message": "database is locked"})}, "POST", times=9)
    grafana = client(newest.url)
    with pytest.raises(_grafana.GrafanaError, match="database is locked"):
        grafana.create("/api/folders", {"uid": "f", "title": "F"}, lambda: grafana.get("/api/folders/f"))


def test_an_answer_that_ends_too_early():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve():
            for dummy in range(4):
                connection, _address = listener.accept()
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        assert "connection breaks off" in error("http://127.0.0.1:%d" % listener.getsockname()[1])
        thread.join(timeout=5)


@pytest.mark.parametrize("status", [200, 500])
def test_an_answer_that_only_trickles_in(monkeypatch, status):
    monkeypatch.setattr(_http, "SLOWEST_BODY", 0.0)
    monkeypatch.setattr(_grafana, "PAUSES", ())
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()

        def serve():
            connection, _address = listener.accept()
            with connection, contextlib.suppress(OSError):  # the client hangs up
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 %d X\r\nContent-Length: 100000\r\n\r\n" % status)
                for dummy in range(400):
                    time.sleep(0.1)
                    connection.sendall(b"x")

        threading.Thread(target=serve, daemon=True).start()
        started = time.monotonic()
        text = error("http://127.0.0.1:%d" % listener.getsockname()[1], timeout=1)
        assert "no answer within 1 s" in text or "status 500" in text
        assert time.monotonic() - started < 20


@pytest.mark.parametrize("uid", ["", "a b", "a/b", "a.b", "ü", "x" * 41, "a\n"])
def test_uids_that_grafana_12_refuses(uid):
    with pytest.raises(_grafana.GrafanaError, match="1 to 40"):
        module.check_uid(uid)


def test_a_uid_of_40_is_fine():
    module.check_uid("x" * 38 + "-_")
