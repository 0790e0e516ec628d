# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks of the role certificates on this machine, in a directory of the test: the CA, and what a hook returns."""

from __future__ import annotations

import datetime
import http.server
import ipaddress
import json
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core before 2.19 trusts what it is given
    trust_as_template = str

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/tools"))
import promtool


def make_key():
    return ec.generate_private_key(ec.SECP256R1())


def pem(key):
    none = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)


def alternative(names):
    dns = [x509.DNSName(name) for name in names]
    return x509.SubjectAlternativeName([*dns, x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])


def sign(directory, names, key=None):
    """The paths of a certificate by the CA in a directory, and of its key."""
    ca = x509.load_pem_x509_certificate((directory / "ca.crt").read_bytes())
    ca_key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), None)
    key = key or make_key()
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=10))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(alternative(names), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), False)
        .sign(ca_key, hashes.SHA384())
    )
    (directory / "leaf.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "leaf.key").write_bytes(pem(key))
    return directory / "leaf.crt", directory / "leaf.key"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = b'{"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def asked(tmp_path):
    """asked(cert, key, ca) -> what Python's ssl and a Go program say of a server with this certificate."""
    tool = promtool.find()
    if tool is None:
        pytest.skip("no promtool: python tests/tools/promtool.py fetches one")

    def ask(cert, key, ca):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        port = server.server_port
        python = "fine"
        try:
            with socket.create_connection(("127.0.0.1", port)) as raw:
                ssl.create_default_context(cafile=ca).wrap_socket(raw, server_hostname="127.0.0.1").close()
        except ssl.SSLCertVerificationError as err:
            python = err.verify_message
        (tmp_path / "http.yml").write_text(f"tls_config: {{ca_file: {ca}}}\n")
        argv = [tool, "query", "instant", f"--http.config.file={tmp_path}/http.yml", f"https://127.0.0.1:{port}", "1"]
        go = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        server.shutdown()
        return python, go.stdout + go.stderr

    return ask


def test_a_ca_with_name_constraints(run_tasks, tmp_path, asked):
    run_tasks("authority", monitoring_cluster="a", certificates_permitted=["DNS:example.com", "IP:10.0.0.0/8"])
    ca = tmp_path / "ca"
    made = x509.load_pem_x509_certificate((ca / "ca.crt").read_bytes())
    constraints = made.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical and len(constraints.value.permitted_subtrees) == 5
    assert (ca / "ca.key").stat().st_mode & 0o777 == 0o600
    assert made.not_valid_before_utc < datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=50)
    for names in (["localhost"], ["grafana.example.com"]):
        python, go = asked(*sign(ca, names), ca / "ca.crt")
        assert python == "fine" and "scalar: 1" in go, (python, go)
    python, go = asked(*sign(ca, ["localhost", "bank.example"]), ca / "ca.crt")
    assert python == "permitted subtree violation"
    assert "not permitted by any constraint" in go


def test_a_new_ca_has_another_key_and_another_name(run_tasks, tmp_path):
    found = []
    for cluster in ("a", "b"):
        run_tasks("authority", monitoring_cluster=cluster, certificates_permitted=[])
        made = x509.load_pem_x509_certificate((tmp_path / "ca/ca.crt").read_bytes())
        found.append((made.subject, (tmp_path / "ca/ca.key").read_text()))
        with pytest.raises(x509.ExtensionNotFound):
            made.extensions.get_extension_for_class(x509.NameConstraints)
    assert found[0][0] != found[1][0] and found[0][1] != found[1][1]


@pytest.fixture
def hook(run_tasks, tmp_path):
    """hook(names, key) -> has a hook return a certificate for these names, where localhost is asked for."""
    run_tasks("authority", monitoring_cluster="a", certificates_permitted=[])
    wanted = make_key()
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    csr = csr.add_extension(alternative(["localhost"]), False).sign(wanted, hashes.SHA256())
    set_fact = {"certificates_certificate": "{{ lookup('ansible.builtin.file', '%s/ca/leaf.crt') }}" % tmp_path}
    seen = {"content": "{{ [certificates_names, certificates_usage, certificates_days] }}", "dest": f"{tmp_path}/seen"}
    steps = [{"ansible.builtin.set_fact": set_fact}, {"ansible.builtin.copy": {**seen, "mode": "0600"}}]
    (tmp_path / "sign.yml").write_text(json.dumps(steps))

    def run(names=("localhost",), key=None, rc=0, ca="ca"):
        sign(tmp_path / ca, names, key or wanted)
        item = {"name": "server", "names": ["DNS:localhost", "IP:127.0.0.1"], "usage": ["serverAuth"], "days": 30}
        return run_tasks(
            "hook",
            rc=rc,
            certificates_hook=str(tmp_path / "sign.yml"),
            __certificates_asked={"csr": csr.public_bytes(serialization.Encoding.PEM).decode(), "item": item},
            __certificates_wanted={"bundle": (tmp_path / "ca/ca.crt").read_text()},
        )

    run.installed = tmp_path / "tls/server.crt"
    return run


def test_a_hook(hook, tmp_path):
    hook()
    assert hook.installed.read_text().strip() == (tmp_path / "ca/leaf.crt").read_text().strip()
    names, usage, days = json.loads((tmp_path / "seen").read_text())
    assert (names, usage) == (["DNS:localhost", "IP:127.0.0.1"], ["serverAuth"])
    assert int(days) == 30  # as text before ansible-core 2.19


@pytest.mark.parametrize("wrong", [{"names": ["other"]}, {"key": make_key()}], ids=["names", "key"])
def test_what_a_hook_returns_is_checked_first(hook, wrong):
    output = " ".join(hook(**wrong, rc=2).split())
    assert "is no certificate by monitoring_ca_certificate for this key and the names DNS:localhost" in output
    assert "nothing was installed" in output and not hook.installed.exists()


@pytest.mark.parametrize(
    ("nodes", "before", "after"),
    [
        ({"a": "A\n", "b": "A\n"}, "", "A\n"),
        ({"a": "A\n", "b": "B\n"}, "A\n", "A\nB\n"),
        ({"a": "A\n", "b": None}, "B\n", "B\nA\n"),  # outside the limit: its CA stays
        ({"a": "A\n", "b": None}, "B\nA\n", "B\nA\n"),
        ({"a": "A2\n", "b": "B\n"}, "A\nB\n", "A2\nB\n"),  # all were asked: an old one goes
        ({"a": "", "b": ""}, "A\n", "A\n"),
        ({"a": None, "b": None}, "A\n", "A\n"),
    ],
)
def test_the_monitoring_host_has_the_cas_of_redis_of_all_clusters(nodes, before, after):
    tasks = yaml.safe_load((ROOT / "roles/certificates/tasks/main.yml").read_text())
    names = ("of_nodes", "redis_cas", "all_asked", "kept", "redis_ca")
    own = {f"__certificates_{name}": trust_as_template(tasks[1]["vars"][f"__certificates_{name}"]) for name in names}
    hostvars = {name: {} if ca is None else {"__certificates": {"copied": ca}} for name, ca in nodes.items()}
    known = {"groups": {"redis": list(nodes)}, "hostvars": hostvars, "__certificates": {"redis_ca": before}}
    templar = Templar(DataLoader(), variables={**own, **known})
    assert templar.template(own["__certificates_redis_ca"]) == after
