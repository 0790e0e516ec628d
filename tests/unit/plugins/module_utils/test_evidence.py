# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of a host: nothing secret, nothing that hangs, and the reason where something does not answer."""

from __future__ import annotations

import email.utils
import http.server
import os
import socket
import ssl
import tempfile
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import (
    _evidence,
    _evidence_monitoring,
    _evidence_redis,
)

CANARY = "c4nary-Pa55word"


# ---------------------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: {CANARY}",
        f'  -redis.password string\n    \tPassword (default "{CANARY}")',
        f"dial redis://admin:{CANARY}@127.0.0.1:6379: refused",
        f'exporter.Options{{User:"default", Password:"{CANARY}"}}',
        f"--redis.password={CANARY}",
        f"REDIS_PASSWORD={CANARY}",
        f"requirepass {CANARY}",
        f"basic_auth: {{password: {CANARY}}}",
        f"webhook token: {CANARY}",
    ],
)
def test_what_looks_like_a_secret_is_masked(text):
    masked = _evidence.Mask([]).text(text)
    assert CANARY not in masked and "********" in masked


def test_known_secrets_are_masked_in_any_structure():
    data = {"a": ["x" + CANARY, {"b": CANARY}], "c": 1, "d": None}
    assert CANARY not in repr(_evidence.Mask([CANARY]).data(data))
    assert _evidence.Mask(["", "ab"]).text("about abba") == "about abba"  # nothing short is a secret


def test_what_is_no_secret_stays_readable():
    mask = _evidence.Mask([CANARY])
    for text in ("password_file: /run/credentials/x/y", "WRONGPASS invalid username-password pair", "flag provided"):
        assert mask.text(text) == text
    assert mask.argument("--redis.password-file=/run/credentials/x") == "--redis.password-file=/run/credentials/x"
    assert mask.argument("--redis.password=abc") == "--redis.password=********"


def test_usage_texts_are_left_out_of_the_journal():
    said = f'flag provided but not defined: -x\nUsage:\n  -redis.password string\n    \t(default "{CANARY}")\nExit\n'
    lines = _evidence.journal(said, _evidence.Mask([]))
    assert lines[0] == "flag provided but not defined: -x"
    assert CANARY not in "".join(lines)


def test_the_reason_is_that_of_the_last_run_that_ended():
    first = "Starting x\nold reason\nMain process exited\n"
    second = "Starting x\nStarted x\nnew reason\nMain process exited\nScheduled restart job\n"
    for said in (first + second, first + second + "Starting x\n"):
        assert "new reason" in _evidence.last_run(said) and "old reason" not in _evidence.last_run(said)
    assert _evidence.last_run("a line") == "a line"


# ----------------------------------------------------------------------------------------------------------- probes


def test_a_probe_that_hangs_or_breaks_costs_no_other():
    started = time.monotonic()
    found = _evidence.gather({"slow": lambda: time.sleep(30), "broken": lambda: {}["x"], "fine": lambda: {"a": 1}}, 1)
    assert time.monotonic() - started < 5
    assert found["fine"] == {"a": 1}
    assert found["slow"] == {"problem": "no result within 1 s"}
    assert found["broken"]["problem"].startswith("KeyError")


def test_a_command_that_is_not_there_or_hangs_is_no_error():
    assert _evidence.command(["no-such-program"]) == (None, "")
    assert _evidence.command(["sleep", "30"], seconds=0.2) == (None, "")


# ------------------------------------------------------------------------------------------------------------ files


@pytest.fixture
def open_directory():
    """pytest's own temporary directories can be entered by their owner only."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


def test_the_directory_that_stops_a_user_is_named(open_directory, monkeypatch):
    monkeypatch.setattr(_evidence, "user_ids", lambda user: (64000, {64000}) if user else None)
    closed = open_directory / "closed"
    closed.mkdir(mode=0o700)
    (closed / "key").write_text("x")
    path = str(closed / "key")
    assert _evidence.way(path, "someone")["stopped_at"] == str(closed)
    assert _evidence.way(path, "")["stopped_at"] is None  # root passes everywhere
    closed.chmod(0o711)
    (closed / "key").chmod(0o600)
    assert _evidence.way(path, "someone")["stopped_at"] == path
    found = _evidence.way(str(open_directory / "gone" / "key"), "")
    assert found["missing"] == str(open_directory / "gone") and found["error"] == "No such file or directory"


def test_a_certificate_tells_its_names_and_whether_its_key_fits(tmp_path, pki):
    cert, key = pki.issue("evidence", sans=("127.0.0.1",))
    dummy, other_key = pki.issue("evidence-other")
    found = _evidence.certificate(cert, key)
    assert "IP:127.0.0.1" in found["sans"] and found["days_left"] > 30 and "problem" not in found
    assert "does not match" in _evidence.certificate(cert, other_key)["problem"]
    assert "does not exist" in _evidence.certificate(str(tmp_path / "no.crt"), key)["problem"]


# ------------------------------------------------------------------------------------------------------------- HTTP


class Handler(http.server.BaseHTTPRequestHandler):
    ahead = 0

    def do_GET(self):
        if self.path == "/hang":
            time.sleep(5)
        self.send_response_only(401 if self.headers.get("Authorization") is None and self.path == "/closed" else 200)
        self.send_header("Date", email.utils.formatdate(time.time() + self.ahead, usegmt=True))
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


@pytest.fixture
def serve(pki):
    started = []

    def start(cert=None, handler=Handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*cert)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started.append(server)
        return server.server_address[1]

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_an_answer_has_its_status_and_the_clock_of_the_other_side(serve):
    found = _evidence.get("http://127.0.0.1:%d/" % serve())
    assert (found["answered"], found["status"], found["body"], found["skew"]) == (True, 200, "ok", 0.0)
    ahead = _evidence.get("http://127.0.0.1:%d/" % serve(handler=type("Ahead", (Handler,), {"ahead": 90})))
    behind = _evidence.get("http://127.0.0.1:%d/" % serve(handler=type("Behind", (Handler,), {"ahead": -90})))
    assert 88 <= ahead["skew"] <= 91 and -91 <= behind["skew"] <= -88


def test_each_failure_has_its_cause(serve, pki):
    good = pki.issue("http-good", sans=("127.0.0.1",))
    port = serve(good)
    plain = serve()
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        free = sock.getsockname()[1]

    def ask(url, **how):
        return _evidence.get(url, 1, **how).get("cause")

    assert _evidence.get("https://127.0.0.1:%d/" % port, ca_path=pki.ca())["status"] == 200
    assert ask("https://127.0.0.1:%d/" % port, ca_path=pki.ca("http-other")) == "untrusted"
    assert ask("https://localhost:%d/" % port, ca_path=pki.ca()) == "name_mismatch"
    expired = serve(pki.issue("http-expired", sans=("127.0.0.1",), days=-1))
    assert ask("https://127.0.0.1:%d/" % expired, ca_path=pki.ca()) == "expired"
    assert ask("https://127.0.0.1:%d/" % plain, ca_path=pki.ca()) == "http_only"
    assert ask("http://127.0.0.1:%d/" % free) == "refused"
    assert ask("http://127.0.0.1:%d/hang" % plain) == "timeout"
    assert ask("http://no-such-host.invalid:1/") == "name_unknown"


def test_a_password_reaches_only_a_server_that_is_verified(serve, pki):
    seen = []

    class Note(Handler):
        def do_GET(self):
            seen.append(self.headers.get("Authorization"))
            super().do_GET()

    port = serve(pki.issue("http-note", sans=("127.0.0.1",)), Note)
    ask = {"user": "me", "password": CANARY}
    assert _evidence.get("https://127.0.0.1:%d/" % port, 2, ca_path=pki.ca("http-other"), **ask)["answered"] is False
    assert seen == []
    assert _evidence.get("https://127.0.0.1:%d/" % port, 2, ca_path=pki.ca(), **ask)["status"] == 200
    assert len(seen) == 1 and CANARY not in repr(_evidence.get("https://127.0.0.1:%d/" % port, 2, **ask))


# --------------------------------------------------------------------------------------------------- what is in use


def test_flags_of_a_command_line():
    argv = ["/x", "--redis.addr=rediss://h:1", "-debug", "--name", "value", "--empty=", "--skip-tls-verification"]
    assert _evidence_redis.flags_of(argv) == {
        "redis.addr": "rediss://h:1",
        "debug": "true",
        "name": "value",
        "empty": "",
        "skip-tls-verification": "true",
    }


def test_a_credential_leads_to_its_source():
    unit = {"credentials": {"client.crt": "/etc/tls/client.crt"}}
    for path in ("${CREDENTIALS_DIRECTORY}/client.crt", "/run/credentials/redis_exporter.service/client.crt"):
        assert _evidence_redis.source(path, unit) == "/etc/tls/client.crt"
    assert _evidence_redis.source("/srv/client.crt", unit) == "/srv/client.crt"
    assert _evidence_redis.source("${CREDENTIALS_DIRECTORY}/other", unit) == ""


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
    used = _evidence_redis.Exporter(wanted, unit)
    assert (used.addr, used.user, used.listen, used.port, used.password) == (
        "rediss://h:1",
        "u",
        "127.0.0.9",
        9999,
        CANARY,
    )
    assert CANARY not in repr(used.describe()) and used.describe()["password_as_wanted"] is False
    planned = _evidence_redis.Exporter(wanted, None)
    assert (planned.addr, planned.listen, planned.password) == ("rediss://127.0.0.1:6379", "127.0.0.1", "x")


def test_datasources_of_nested_panels():
    panels = [
        {"datasource": {"uid": "a"}, "targets": [{"datasource": "b"}]},
        {"panels": [{"datasource": {"uid": "c"}}]},
    ]
    assert sorted(_evidence_monitoring.datasources_of(panels)) == ["a", "b", "c"]


# ---------------------------------------------------------------------------------------------------- packet filters

NFT = """table inet filter { # handle 1
    chain input { # handle 1
        type filter hook input priority filter; policy drop;
        ct state established,related accept # handle 2
        ip saddr 10.0.1.20 tcp dport 9121 counter packets 0 bytes 0 drop # handle 7
    }
    chain output { # handle 3
        type filter hook output priority filter; policy accept;
        tcp dport 9121 reject with tcp reset # handle 9
    }
}
""".replace("    ", "\t")  # as nft indents
IPTABLES = """*nat
:INPUT ACCEPT [0:0]
COMMIT
*filter
:INPUT DROP [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 9121 -j DROP
-A OUTPUT -d 10.0.2.27/32 -j REJECT --reject-with icmp-port-unreachable
COMMIT
"""


def test_rules_of_nftables_that_take_packets_away():
    policy, drop, reject = _evidence.nft_rules(NFT)
    assert (policy["hook"], policy["let"]) == ("input", "sudo nft insert rule inet filter input")
    assert drop["undo"] == "sudo nft delete rule inet filter input handle 7"
    assert "tcp dport 9121" in drop["rule"] and drop["hook"] == "input"
    assert (reject["hook"], reject["undo"]) == ("output", "sudo nft delete rule inet filter output handle 9")


def test_rules_of_iptables_that_take_packets_away():
    policy, drop, reject = _evidence.iptables_rules("iptables", IPTABLES)
    assert (policy["hook"], policy["let"]) == ("input", "sudo iptables -I INPUT")
    assert drop["undo"] == "sudo iptables -D INPUT -p tcp -m tcp --dport 9121 -j DROP"
    assert (reject["hook"], "10.0.2.27/32" in reject["rule"]) == ("output", True)


def test_a_port_that_nobody_listens_on_and_one_that_somebody_does():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert _evidence.tcp("127.0.0.1", port) == ""
    assert _evidence.tcp("127.0.0.1", port) == "refused"
    assert _evidence.tcp("no-such-host.invalid", port) == "name_unknown"


# ----------------------------------------------------------------------------------------- files that are handed over


def test_files_that_systemd_hands_over(tmp_path, pki):
    (tmp_path / "empty").write_text("")
    (tmp_path / "password").write_text(CANARY)
    cert, key = pki.issue("web")
    old_cert, old_key = pki.issue("old", days=-1)
    found = _evidence.handed_over(
        {
            "web.crt": str(cert),
            "web.key": str(key),
            "old.crt": str(old_cert),
            "old.key": str(old_key),
            "redis_ca.crt": str(pki.ca()),
            "exporter_ca.crt": str(tmp_path / "empty"),
            "password": str(tmp_path / "password"),
            "gone": str(tmp_path / "gone"),
            "hollow": str(tmp_path / "empty"),
        }
    )
    assert "web.key" not in found and "old.key" not in found
    assert not any("problem" in found[name] for name in ("web.crt", "redis_ca.crt", "password"))
    assert "expired" in found["old.crt"]["problem"]
    assert "is empty" in found["exporter_ca.crt"]["problem"] and "is empty" in found["hollow"]["problem"]
    assert found["gone"]["way"]["missing"] == str(tmp_path / "gone")
    assert CANARY not in repr(found)


# ------------------------------------------------------------------------------------------------------ what Redis does


def test_who_holds_the_connections_of_a_redis_that_takes_no_more(redis_server):
    """Over TLS it says nothing at all: the connection ends in the handshake."""
    server = redis_server(extra=["maxclients 6"])
    pool = [socket.create_connection(("127.0.0.1", server.port)) for dummy in range(6)]
    try:
        target = _evidence_redis._redis.Target("127.0.0.1", server.port, verify=False, timeout=2)
        with pytest.raises(_evidence_redis._redis.RedisProblem) as caught:
            _evidence_redis._redis.Client(target)
        answer = {"ok": False, "cause": caught.value.cause}
        assert answer["cause"] == "closed"
        found = _evidence_redis.with_context(answer, {"tls-port": str(server.port)}, _evidence.Mask([]))
        assert found["clients"]["most"][0]["address"] == "127.0.0.1"
        assert found["clients"]["all"] >= 6
    finally:
        for one in pool:
            one.close()


# ------------------------------------------------------------------------------------------------------- Alertmanager

ALERTMANAGER = """receivers:
  - name: chat
    webhook_configs:
      - url: "http://127.0.0.1:{port}/chat/{canary}"
      - url: "https://user:{canary}@no-such-host.invalid/x"
      - url_file: "{path}"
    email_configs:
      - smarthost: "127.0.0.1:1"
"""


def test_receivers_are_tried_and_their_paths_are_kept_to_themselves(tmp_path, monkeypatch):
    (tmp_path / "url").write_text("http://127.0.0.1:2/%s\n" % CANARY)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        path = tmp_path / "alertmanager.yml"
        path.write_text(ALERTMANAGER.format(port=port, canary=CANARY, path=tmp_path / "url"))
        monkeypatch.setitem(_evidence_monitoring.CONFIG_FILES, "alertmanager", (str(path),))
        found = _evidence_monitoring.receivers()
        stored = _evidence_monitoring.config_files("alertmanager", _evidence.Mask([]))
    assert {one["where"]: one["problem"] for one in found} == {
        f"127.0.0.1:{port}": "",
        "127.0.0.1:1": "refused",
        "127.0.0.1:2": "refused",
        "no-such-host.invalid:443": "name_unknown",
    }
    assert CANARY not in repr(found) + repr(stored)
    path.write_text("global: {http_config: {proxy_from_environment: true}}\n" + path.read_text())
    assert _evidence_monitoring.receivers() == []  # whether they can be reached, the proxy decides


class Silences:
    """What Alertmanager answers for its silences."""

    def __init__(self, answer):
        self.answer = answer

    def json(self, path):
        assert path == "/api/v2/silences"
        return {"status": 200}, self.answer


def test_only_silences_in_force_are_evidence_and_their_words_are_masked():
    matchers = [{"name": "cluster", "value": "a", "isRegex": False, "isEqual": True}]
    known = [
        {"id": state, "status": {"state": state}, "matchers": matchers, "endsAt": "2026-12-04T10:00:00.000Z",
         "createdBy": "me", "comment": f"with\n{CANARY}"}
        for state in ("expired", "active", "pending")
    ]  # fmt: skip
    mask = _evidence.Mask([CANARY])
    (found,) = _evidence_monitoring.silences(Silences(known), mask)
    assert (found["id"], found["by"], found["until"]) == ("active", "me", "2026-12-04T10:00:00.000Z")
    assert found["matchers"] == matchers
    assert found["comment"].startswith("with") and CANARY not in repr(found)
    assert _evidence_monitoring.silences(Silences(None), mask) is None


@pytest.mark.parametrize(
    ("out", "said", "files"),
    [
        ("Checking {path}\n SUCCESS: {path} is valid prometheus config file syntax\n", 0, 0),
        ("Checking {path}\n\n  FAILED: parsing YAML file {path}: yaml: line 6: did not find\n", 1, 1),
        ('Checking {path}\n  FAILED:\n{path}: 5:11: group "x", rule 1, "X": could not parse expression\n', 1, 1),
        ("Checking '{path}'  FAILED: undefined receiver \"a\"\n\namtool: error: failed to validate 1 file(s)\n", 1, 1),
        ('level=INFO msg="Starting"\nlevel=ERROR msg="Error loading config" err="error parsing config file"\n', 1, 1),
    ],
)
def test_what_the_check_of_a_program_says(tmp_path, monkeypatch, out, said, files):
    path = tmp_path / "own.yml"
    path.write_text("# by hand\n")
    program = tmp_path / "check"
    program.write_text("#!/bin/sh\ncat <<'END'\n%s\nEND\nexit %d\n" % (out.format(path=path), bool(said)))
    program.chmod(0o755)
    monkeypatch.setitem(_evidence_monitoring.CHECKS, "prometheus", (([str(program)], [str(path)]),))
    found = _evidence_monitoring.check_config("prometheus", _evidence.Mask([]))
    assert (len(found["said"]), len(found["files"])) == (said, files), found
    assert not files or found["files"] == [{"path": str(path), "managed": False}]
