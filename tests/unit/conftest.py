# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: throwaway certificates, and a real redis-server with TLS and ACL users on loopback."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import io
import ipaddress
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ports import free_port, wait_for_port
from redis_server import find as program


@pytest.fixture(autouse=True)
def warnings_of_modules_are_recorded(request, monkeypatch):
    """A module's warnings belong to its result; where a filter's test has loaded the controller they would be shown."""
    if "plugins/module" in str(request.path):
        with contextlib.suppress(ImportError):  # core 2.19 and later
            import ansible.module_utils._internal

            monkeypatch.setattr(ansible.module_utils._internal, "is_controller", False)


@pytest.fixture
def ansible_playbook(tmp_path):
    """ansible_playbook(playbook, option, ...) -> return code and output of a run in an empty directory."""
    root = Path(__file__).parents[2]

    def run(*words):
        environment = {**os.environ, "ANSIBLE_CONFIG": str(root / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
        environment["ANSIBLE_COLLECTIONS_PATH"] = str(root / "build/collections")
        argv = [Path(sys.executable).with_name("ansible-playbook"), *words]
        done = subprocess.run(
            argv, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        return done.returncode, done.stdout + done.stderr

    return run


ADMIN_PASSWORD = "admin-canary-5up3r"


class Pki:
    """Issues certificates from throwaway authorities; every method returns paths."""

    def __init__(self, directory: Path):
        self.directory = directory
        self._authorities = {}

    def ca(self, name="ca", days=90, begins=-60):
        from cryptography import x509

        if name not in self._authorities:
            key, path = self._key(name)
            subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
            builder = self._builder(subject, subject, key, days, begins).add_extension(
                x509.BasicConstraints(ca=True, path_length=None), critical=True
            )
            certificate = self._sign(builder, key)
            self._authorities[name] = (certificate, key, self._write(name, certificate))
        return self._authorities[name][2]

    def issue(self, name, sans=("127.0.0.1", "localhost"), ca="ca", days=90, usage="both"):
        from cryptography import x509

        self.ca(ca)
        issuer, issuer_key, _path = self._authorities[ca]
        key, key_path = self._key(name)
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, issuer.subject, key, days)
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName([self._san(san) for san in sans]), False)
        usages = {"server": [x509.OID_SERVER_AUTH], "client": [x509.OID_CLIENT_AUTH]} if usage != "both" else {}
        if usage in usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usages[usage]), False)
        return self._write(name, self._sign(builder, issuer_key)), key_path

    @staticmethod
    def _san(san):
        from cryptography import x509

        try:
            return x509.IPAddress(ipaddress.ip_address(san))
        except ValueError:
            return x509.DNSName(san)

    @staticmethod
    def _builder(subject, issuer, key, days, begins=-60):
        from cryptography import x509

        now = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=begins))
            .not_valid_after(now + datetime.timedelta(days=days))
        )

    @staticmethod
    def _sign(builder, key):
        from cryptography.hazmat.primitives import hashes

        return builder.sign(key, hashes.SHA256())

    def _key(self, name):
        from cryptography.hazmat.primitives import serialization as s
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        path = self.directory / (name + ".key")
        path.write_bytes(key.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption()))
        return key, str(path)

    def _write(self, name, certificate):
        from cryptography.hazmat.primitives.serialization import Encoding

        path = self.directory / (name + ".crt")
        path.write_bytes(certificate.public_bytes(Encoding.PEM))
        return str(path)


class RedisServer:
    """One redis-server process on loopback."""

    admin_user = "admin_user"
    admin_password = ADMIN_PASSWORD

    def __init__(
        self, directory: Path, pki: Pki, *, cert, tls=True, clients="yes", aclfile=True, config=True, extra=()
    ):
        self.directory = directory
        self.port = free_port()
        self.pki = pki
        self.aclfile = directory / "users.acl"
        user = f"user {self.admin_user} on #{hashlib.sha256(ADMIN_PASSWORD.encode()).hexdigest()} ~* &* +@all"
        options = {
            "bind": "127.0.0.1",
            "port": 0 if tls else self.port,
            "dir": directory,
            "save": '""',
            "appendonly": "no",
            "logfile": directory / "redis.log",
        }
        if tls:
            options.update(
                {
                    "tls-port": self.port,
                    "tls-cert-file": cert[0],
                    "tls-key-file": cert[1],
                    "tls-ca-cert-file": pki.ca(),
                    "tls-auth-clients": clients,
                }
            )
        if aclfile:
            self.aclfile.write_text(f"user default off\n{user}\n")
            options["aclfile"] = self.aclfile
        lines = [f"{key} {value}" for key, value in options.items()] + list(extra)
        if not aclfile:
            lines += ["user default off", user]
        self.config = directory / "redis.conf"
        self.config.write_text("\n".join(lines) + "\n")
        argv = ["redis-server", str(self.config)]
        if not config:
            argv = ["redis-server", "-"]
        self.process = subprocess.Popen(
            argv,
            executable=program(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=directory,
        )
        self.process.stdin.write(b"" if config else self.config.read_bytes())
        self.process.stdin.close()
        wait_for_port(self.port, self.process)

    def hang(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def stop(self):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.terminate()
            self.process.wait(timeout=10)


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    pytest.importorskip("cryptography")
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def redis_server(tmp_path_factory, pki):
    """Starts servers: redis_server(cert=..., clients="no", ...). They end with the test."""
    if program() is None:
        pytest.skip("redis-server is not installed: apt-get install redis-tools")
    started = []

    def start(cert=None, **options):
        server = RedisServer(
            tmp_path_factory.mktemp("redis"), pki, cert=cert or pki.issue("server", usage="server"), **options
        )
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


class Journal:
    """A journalctl in PATH that shows what was logged here."""

    def __init__(self, directory: Path):
        self.file = directory / "journal"
        self.file.touch()
        program = directory / "journalctl"
        program.write_text(
            f"#!{sys.executable} -SE\nimport json, sys\n"
            "since = [float(word[9:]) for word in sys.argv if word.startswith('--since=@')] or [0]\n"
            f"for line in reversed(open({str(self.file)!r}).read().splitlines()):\n"
            "    at, _space, text = line.partition(' ')\n"
            "    if float(at) >= since[0]:\n"
            "        print(json.dumps({'__REALTIME_TIMESTAMP': str(int(float(at) * 1e6)), 'MESSAGE': text}))\n"
        )
        program.chmod(0o755)

    def log(self, line):
        with self.file.open("a") as handle:
            handle.write(f"{time.time():.3f} {line}\n")


@pytest.fixture
def journal(tmp_path_factory, monkeypatch):
    directory = tmp_path_factory.mktemp("journal")
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return Journal(directory)


@pytest.fixture
def run_module():
    """Runs main() of a module as Ansible does; returns the result that leaves the host."""
    from ansible.module_utils.common import warnings
    from module_args import patch_module_args

    def run(module, check_mode=False, diff=False, **args):
        getattr(warnings, "_global_warnings", {}).clear()  # kept per process; a host starts one for each module
        output = io.StringIO()
        arguments = dict(args, _ansible_check_mode=check_mode, _ansible_diff=diff)
        with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            module.main()
        return json.loads(output.getvalue())

    return run
