# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as a person has it: shell on its hosts, playbooks on the controller, and a CA of their own."""

from __future__ import annotations

import datetime
import ipaddress
import json
import sys
import time

import boto3
import lab_client
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lab_client import ROOT

REPORTS = ROOT / "build/doctor"
sys.path.insert(0, str(ROOT / "build/collections"))


class Lab(lab_client.Lab):
    def __init__(self):
        super().__init__("doctor")
        self.inventory_path = str((self.directory / "inventory").relative_to(ROOT))
        self.authorities = {}
        self.added = []

    # --------------------------------------------------------------------------------------------------- AWS

    def revoke(self, group, port):
        """Someone deletes the rules that open a port."""
        ec2 = boto3.client(
            "ec2",
            endpoint_url=self.about["aws"]["endpoint_url"],
            region_name=self.about["aws"]["region"],
            aws_access_key_id="lab",
            aws_secret_access_key="lab",
        )
        found = ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [group]}])["SecurityGroups"][0]
        rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [found["GroupId"]]}])
        ids = [
            one["SecurityGroupRuleId"]
            for one in rules["SecurityGroupRules"]
            if not one["IsEgress"] and one.get("FromPort") == port
        ]
        assert ids, f"no rule of {group} opens port {port}"
        ec2.revoke_security_group_ingress(GroupId=found["GroupId"], SecurityGroupRuleIds=ids)

    # ------------------------------------------------------------------------------------------------- Redis

    def block(self, host, words):
        """A command that does not end, sent by somebody who waits for it."""
        self.shell(host, f"( {self.redis_cli}{words} ) < /dev/null > /dev/null 2>&1 &")

    # ----------------------------------------------------------------------------------------------- Grafana

    def grafana(self, method, path, body=None):
        """As the administrator of Grafana."""
        url = f"https://{self.address('prometheus-grafana')}:3000{path}"
        login = "admin:" + self.secrets["grafana_admin_password"]
        status, text = self.call(url, login, data=body or None, method=method, timeout=30)
        assert status < 400, text
        return json.loads(text)

    def inventory(self, name, content):
        path = self.directory / "inventory" / name
        path.write_text(json.dumps(content))
        self.added.append(path)

    def set_variables(self, host, values):
        directory = self.directory / "inventory/host_vars"
        directory.mkdir(exist_ok=True)
        path = directory / f"{host}.yml"
        path.write_text(json.dumps(values))
        self.added.append(path)

    def undo_variables(self):
        for path in self.added:
            path.unlink(missing_ok=True)
        self.added.clear()

    # ------------------------------------------------------------------------------------------- certificates

    def authority(self, name):
        if name == "lab":
            key = serialization.load_pem_private_key((self.directory / "pki/ca.key").read_bytes(), None)
            return x509.load_pem_x509_certificate((self.directory / "pki/ca.crt").read_bytes()).subject, key
        if name not in self.authorities:
            subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Another CA")])
            self.authorities[name] = subject, ec.generate_private_key(ec.SECP256R1())
        return self.authorities[name]

    def issue(self, host, cert, key, sans="", usage="server", ca="lab", days=30, begins=-60):
        """A certificate put in place as a person would: same owner, same mode. Without key it fits no key there."""
        issuer, issuer_key = self.authority(ca)
        own_key = ec.generate_private_key(ec.SECP256R1())
        now = datetime.datetime.now(datetime.timezone.utc)
        names = [one.strip() for one in sans.split(",") if one.strip()] or [
            f"DNS:{host}",
            f"IP:{self.address(host)}",
            "IP:127.0.0.1",
        ]
        alternatives = [
            x509.IPAddress(ipaddress.ip_address(value)) if kind == "IP" else x509.DNSName(value)
            for kind, value in (one.split(":", 1) for one in names)
        ]
        if cert.startswith("/etc/redis/"):
            purposes = [x509.OID_SERVER_AUTH, x509.OID_CLIENT_AUTH]
        else:
            purposes = [x509.OID_CLIENT_AUTH if usage == "client" else x509.OID_SERVER_AUTH]
        signed = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)]))
            .issuer_name(issuer)
            .public_key(own_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + datetime.timedelta(days=begins))
            .not_valid_after(now + datetime.timedelta(days=days + 60 if days > 0 else days))
            .add_extension(x509.SubjectAlternativeName(alternatives), False)
            .add_extension(x509.ExtendedKeyUsage(purposes), False)
            .sign(issuer_key, hashes.SHA256())
        )
        pem = signed.public_bytes(serialization.Encoding.PEM).decode()
        private = own_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        for path, text, mode in ((cert, pem, "0644"), (key, private, "0600")):
            if path:
                put = f"cat > {path}; chmod {mode} {path}; chown --reference=$(dirname {path}) {path}"
                self.shell(host, put, data=text)

    # ----------------------------------------------------------------------------------------------- playbooks

    def doctor(self, *options):
        """(rc, report, output, seconds) of a run."""
        started = time.monotonic()
        directory = REPORTS / "reports"
        for old in directory.glob("doctor-*"):
            old.unlink()
        done = self.command(
            f"ansible-playbook redisops.monitoring.doctor -i {self.inventory_path}"
            f" -e doctor_report_dir={directory} {' '.join(options)}"
        )
        taken = time.monotonic() - started
        files = sorted(directory.glob("doctor-*.json"))
        assert files, f"no report: {done.stdout[-3000:]}{done.stderr[-1000:]}"
        return done.returncode, json.loads(files[-1].read_text()), done.stdout + done.stderr, taken

    def restore(self):
        """What a fault that was not fixed leaves behind must not be the next one's."""
        self.undo_variables()
        for host in self.about["hosts"]:
            files = (self.directory / "hosts" / f"{host}.tar").read_bytes()
            self.shell(
                host,
                "tar --extract --directory=/ --file=-; chown -R redis:redis /etc/redis;"
                " rm -f /etc/systemd/system/*.service.d/fault.conf; systemctl stop squatter;"
                " nft delete table inet fault;"
                " rm -f /etc/prometheus/rules/by_hand.yml*;"
                " ip route flush type blackhole;"
                " systemctl unmask redis_exporter; systemctl enable redis_exporter; systemctl daemon-reload;"
                " umount /var/lib/private/prometheus;"
                " for unit in redis-server redis_exporter prometheus alertmanager blackbox_exporter grafana-server; do"
                " systemctl kill --signal=CONT $unit; systemctl reset-failed $unit; done;"
                f" {'systemctl restart redis-server' if 'redis' in host else 'systemctl restart prometheus'}; true",
                data=files,
            )
        self.command(f"ansible-playbook redisops.monitoring.site -i {self.inventory_path}", 600)
        end = "-e silence_state=absent -e silence_cluster=redis-prod"
        self.command(f"ansible-playbook redisops.monitoring.silence -i {self.inventory_path} {end}")

    def follow(self, step):
        """One step of a fix, literally."""
        if "run" in step and step["on"] == "controller":
            done = self.command(step["run"])
            assert done.returncode == 0, f"{step['run']}: {done.stdout[-3000:]}"
        elif "run" in step:
            typed = self.secrets["redis_admin_password"] if "--askpass" in step["run"] else None
            self.shell(step["on"], step["run"].replace("sudo ", ""), data=typed)
        elif "otherwise" in step:
            if self.redis(step["otherwise"]["on"], "PING").startswith("BUSY"):
                self.follow(step["otherwise"])
        elif "renew" in step:
            about = step["renew"]
            self.issue(about["host"], about["cert"], about["key"], about["sans"], about["usage"], days=90)
        elif "copy" in step:
            source, path = step["copy"]["from"]
            host, there = step["copy"]["to"]
            self.shell(host, f"cat > {there}", data=self.shell(source, f"cat {path}"))
        elif "set" in step:
            self.set_variables(step["host"], step["set"])
        elif "keep" in step:
            pass  # nothing that was added by hand has to stay
        elif "remove_from_group" in step:
            self.undo_variables()
        else:
            raise AssertionError(f"a step that nobody can follow: {step['do']}")


@pytest.fixture(scope="session")
def lab():
    REPORTS.mkdir(parents=True, exist_ok=True)
    return Lab()
