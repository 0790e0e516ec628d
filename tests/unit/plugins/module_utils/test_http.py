# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _http, _tls
from ansible_collections.redisops.monitoring.plugins.module_utils._http import HttpError
from ports import free_port


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.server.requests.append(
            (self.client_address[1], self.command, self.path, dict(self.headers.items()), self.rfile.read(length))
        )
        status, body, headers = self.server.answers.get(self.path, (200, b'{"one": 1}', {}))
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET

    def do_CONNECT(self):
        self.server.requests.append((self.client_address[1], "CONNECT", self.path, dict(self.headers.items()), b""))
        host, port = self.path.split(":")
        self.send_response(200)
        self.end_headers()
        there = socket.create_connection((host, int(port)))
        threading.Thread(target=pump, args=(there, self.connection), daemon=True).start()
        pump(self.connection, there)
        self.close_connection = True

    def log_message(self, *args):
        pass


def pump(source, sink):
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def serve():
    """Starts servers: serve(cert, key, client_ca)."""
    started = []

    def start(cert="", key="", client_ca=""):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.requests, server.answers = [], {}
        if cert:
            context = _tls.server_context(cert, key, client_ca)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.url = "%s://127.0.0.1:%d" % ("https" if cert else "http", server.server_port)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def refused(kind, *args, **options):
    with pytest.raises(HttpError) as caught:
        _http.request(*args, **options)
    assert caught.value.kind == kind and "\n" not in str(caught.value)
    return str(caught.value)


def test_any_status_is_a_response(serve):
    server = serve()
    server.answers["/x"] = (503, b"no\xff", {"X-One": "1"})
    answer = _http.request("GET", server.url + "/x")
    assert (answer.status, answer.reason, answer.text()) == (503, "Service Unavailable", "no\ufffd")
    assert answer.headers["x-one"] == "1" and answer.certificate == b""
    with pytest.raises(ValueError):
        answer.json()
    assert _http.request("GET", server.url).json() == {"one": 1}


def test_redirects_are_not_followed(serve):
    server = serve()
    server.answers["/x"] = (302, b"", {"Location": "/y"})
    answer = _http.request("GET", server.url + "/x")
    assert (answer.status, answer.headers["location"], answer.json()) == (302, "/y", None)


def test_what_is_sent(serve):
    server = serve()
    _http.request(
        "POST", server.url + "/a?b=c", body=b"data", headers={"X-A": "b"}, username="jürgen", password="pä:ss"
    )
    _port, method, path, headers, body = server.requests[0]
    assert (method, path, body, headers["X-A"]) == ("POST", "/a?b=c", b"data", "b")
    assert headers["Authorization"] == "Basic asO8cmdlbjpww6Q6c3M="
    _http.request("GET", server.url, token="secret")
    assert server.requests[1][3]["Authorization"] == "Bearer secret"


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:9090", "ftp://a", "http://", "http://a:b", "http://[::1", "http://a:99999"]
)
def test_what_is_no_url(url):
    assert "url is not like" in refused("url", "GET", url)


def test_a_login_in_the_url_is_not_shown():
    assert "secret" not in refused("url", "GET", "http://user:secret@127.0.0.1")


@pytest.mark.parametrize("options", [{"token": "se\ncret"}, {"token": "secr€t"}, {"headers": {"A": "se\r\ncret"}}])
def test_a_header_that_cannot_be_sent_is_not_shown(serve, options):
    text = refused("protocol", "GET", serve().url, **options)
    assert "cannot be sent" in text and "cret" not in text


def test_nothing_listens():
    assert refused("connect", "GET", "http://127.0.0.1:%d" % free_port()) == "connection refused"


def test_an_unknown_name():
    assert "does not resolve" in refused("connect", "GET", "http://no-such-host.invalid")


def raw_server(answer):
    """A server that sends these bytes, then closes; None: it says nothing."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run():
        connection, _peer = listening.accept()
        connection.recv(65536)
        if answer is None:
            connection.recv(1)  # until the client gives up
        else:
            connection.sendall(answer)
        connection.close()
        listening.close()

    threading.Thread(target=run, daemon=True).start()
    return "http://127.0.0.1:%d" % listening.getsockname()[1]


def test_no_answer():
    assert refused("timeout", "GET", raw_server(None), timeout=0.2) == "no answer within 0.2 s"


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"]
    + [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal"],
)
def test_an_answer_that_is_none(answer):
    refused("protocol", "GET", raw_server(answer))


def test_an_answer_that_is_too_long(serve):
    server = serve()
    assert "more than 9 bytes" in refused("protocol", "GET", server.url, limit=9)
    assert _http.request("GET", server.url, limit=10).status == 200


def test_an_answer_that_only_trickles_in(monkeypatch):
    monkeypatch.setattr(_http, "SLOWEST_BODY", -2)
    refused("timeout", "GET", raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1"), timeout=1)


def test_a_certificate_is_verified(serve, pki):
    server = serve(*pki.issue("server"))
    answer = _http.request("GET", server.url, ca_path=pki.ca())
    assert answer.status == 200 and answer.certificate
    assert "certificate refused" in refused("certificate", "GET", server.url)
    assert "certificate refused" in refused("certificate", "GET", server.url, ca_path=pki.ca("other"))
    assert _http.request("GET", server.url, validate_certs=False).status == 200


def test_a_certificate_for_another_name(serve, pki):
    server = serve(*pki.issue("named", sans=("am.example.com",)))
    assert "mismatch" in refused("certificate", "GET", server.url, ca_path=pki.ca())
    assert _http.request("GET", server.url, ca_path=pki.ca(), server_name="am.example.com").status == 200


def test_only_the_expected_certificate_gets_the_password(serve, pki):
    cert, key = pki.issue("server")
    server = serve(cert, key)
    options = {"username": "u", "password": "p", "validate_certs": False}
    der = ssl.PEM_cert_to_DER_cert(Path(cert).read_text())
    assert _http.request("GET", server.url, certificate=der, **options).certificate == der
    other = ssl.PEM_cert_to_DER_cert(Path(pki.ca()).read_text())
    assert "another certificate" in refused("certificate", "GET", server.url, certificate=other, **options)
    assert len(server.requests) == 1


def test_client_certificates(serve, pki):
    server = serve(*pki.issue("server"), client_ca=pki.ca())
    cert, key = pki.issue("client")
    assert _http.request("GET", server.url, ca_path=pki.ca(), client_cert=cert, client_key=key).status == 200
    with pytest.raises(HttpError) as caught:
        _http.request("GET", server.url, ca_path=pki.ca())
    assert caught.value.kind in ("tls", "protocol")  # as the server's alert or its end comes first


def test_files_that_cannot_be_used(serve, pki, tmp_path):
    url = serve(*pki.issue("server")).url
    missing = str(tmp_path / "missing")
    assert missing in refused("ca_file", "GET", url, ca_path=missing)
    assert missing in refused("client_cert", "GET", url, client_cert=missing)
    cert, _key = pki.issue("one")
    _cert, key = pki.issue("two")
    assert "key values mismatch" in refused("client_cert", "GET", url, client_cert=cert, client_key=key)


def test_plain_http_on_the_port(serve):
    assert "plain HTTP" in refused("tls", "GET", serve().url.replace("http:", "https:"))


@pytest.mark.parametrize("extensions", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"])
def test_a_ca_of_plain_openssl_is_enough(serve, pki, tmp_path, extensions):
    def openssl(*argv):
        subprocess.run(["openssl", *argv], check=True, capture_output=True, cwd=tmp_path)

    (tmp_path / "ca.cnf").write_text("[req]\ndistinguished_name=dn\n[dn]\n")
    new = ["-config", "ca.cnf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    extra = [] if "basic" in extensions else ["-addext", "basicConstraints=CA:TRUE"]
    openssl(
        "req", "-x509", *new, "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.crt", "-addext", extensions, *extra
    )
    openssl("req", *new, "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    (tmp_path / "san").write_text("subjectAltName=IP:127.0.0.1")
    sign = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san"]
    openssl("x509", "-req", "-in", "server.csr", "-out", "server.crt", *sign)
    server = serve(str(tmp_path / "server.crt"), str(tmp_path / "server.key"))
    assert _http.request("GET", server.url, ca_path=str(tmp_path / "ca.crt")).status == 200


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_our_own_services_are_asked_directly(serve, monkeypatch, name):
    server, proxy = serve(), serve()
    monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("no_proxy", "")
    _http.request("GET", server.url)
    assert len(server.requests) == 1 and not proxy.requests


def test_a_download_goes_through_the_proxy(serve, monkeypatch, pki):
    proxy, server = serve(), serve(*pki.issue("server"))
    place = proxy.url.replace("://", "://us%40er:pa%3Ass@")
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, place)
    monkeypatch.setenv("no_proxy", "example.com")
    _http.request("GET", "http://upstream.invalid/file?x=1", proxy=True)
    _port, _method, path, headers, _body = proxy.requests[0]
    assert path == "http://upstream.invalid/file?x=1"
    assert headers["Proxy-Authorization"] == "Basic dXNAZXI6cGE6c3M=" and headers["Host"] == "upstream.invalid"
    assert _http.request("GET", server.url, ca_path=pki.ca(), proxy=True).status == 200
    assert proxy.requests[1][1:3] == ("CONNECT", server.url[8:]) and "Proxy-Authorization" in proxy.requests[1][3]
    assert "Proxy-Authorization" not in server.requests[0][3]
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert _http.request("GET", server.url, ca_path=pki.ca(), proxy=True).status == 200
    assert len(proxy.requests) == 2


def test_a_proxy_that_is_none(monkeypatch):
    monkeypatch.setenv("http_proxy", "socks5://user:secret@127.0.0.1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert "secret" not in refused("url", "GET", "http://upstream.invalid", proxy=True)


def test_a_stream_is_read_piece_by_piece(serve):
    server = serve()
    server.answers["/file"] = (200, b"x" * 100, {})
    with _http.stream(server.url + "/file") as answer:
        assert answer.status == 200 and [len(answer.read(60)), len(answer.read(60))] == [60, 40]
