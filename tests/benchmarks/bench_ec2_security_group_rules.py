# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unchanged task: ec2_security_group_rules beside amazon.aws.ec2_security_group, turn by turn in one run on moto.

"task" is what a playbook shows for the task; "module" is the program that Ansible starts on the host, without Ansible
around it, and "CPU" its processor time, which other work on the machine hardly changes.

Most of the time is neither module's own. "ping" does nothing. "client" is a module that has amazon.aws build an EC2
client (imports of boto3, the model of all of EC2, endpoints) and calls nothing: neither module can be faster. What ours
saves is calls, which counts where calls take as long as AWS's.

Fails when the calls are not 2 and 4, or when the task is not faster by a fifth at an endpoint that is like AWS's: TLS,
answers after a while, other groups in the region.
"""

from __future__ import annotations

import argparse
import datetime
import ipaddress
import json
import logging
import os
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import botocore.httpsession
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.server import ThreadedMotoServer

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))

from ec2_proxy import Proxy

BIN = Path(sys.executable).parent
OURS, THEIRS, PING = "redisops.monitoring.ec2_security_group_rules", "amazon.aws.ec2_security_group", "ping"
CLIENT = "ec2_client"
LABELS = {
    PING: "ping",
    CLIENT: "client",
    THEIRS: "amazon.aws",
    OURS: "ours",
}
CLIENT_MODULE = """#!/usr/bin/python
from __future__ import annotations
from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

module = AnsibleAWSModule(argument_spec={}, supports_check_mode=True)
client = module.client("ec2")
module.exit_json(changed=False)
"""
CONNECTION = {"region": "eu-west-1", "access_key": "testing-access", "secret_key": "testing-secret"}
ENVIRONMENT = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
# What a DescribeSecurityGroups call takes from inside the region: 187 calls of a Cilium operator took 15.04 s,
# https://github.com/DataDog/integrations-core/issues/10143. From an administrator's desk it is more.
DELAY = 0.08
# Assumed: how many groups a region in use has. AWS allows 2,500.
OTHERS = 500


class Endpoint(Proxy):
    """Answers reads with what moto said to the same read before, *delay* after the request: moto's own speed, which
    is not AWS's, does not count. Without a delay it hands everything on to moto."""

    def __init__(self, upstream, tls=None, delay=0.0):
        self.delay, self.answers = delay, {}
        super().__init__(upstream, tls)

    def ask(self, path, body, headers):
        begin = time.perf_counter()
        if not self.delay:
            return super().ask(path, body, headers)
        if body not in self.answers:
            self.answers[body] = super().ask(path, body, headers)
        time.sleep(max(0.0, begin + self.delay - time.perf_counter()))
        return self.answers[body]


def seed(url):
    ec2 = boto3.client(
        "ec2",
        region_name=CONNECTION["region"],
        endpoint_url=url,
        aws_access_key_id=CONNECTION["access_key"],
        aws_secret_access_key=CONNECTION["secret_key"],
    )
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]

    def group(name, *ports):
        created = ec2.create_security_group(GroupName=name, Description="bench", VpcId=vpc)["GroupId"]
        for port in ports:
            ranges = [{"CidrIp": "10.0.0.0/16", "Description": "a rule of somebody"}]
            permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges}
            ec2.authorize_security_group_ingress(GroupId=created, IpPermissions=[permission])

    group("redis-sg", 6379, 16379, 22)
    group("prometheus-sg", 22)
    return vpc, lambda: [group(f"other-{number}", 22, 80, 443) for number in range(OTHERS)]


def certificate(directory):
    """A server certificate for loopback, and the usual CA bundle with it added: reading that one costs time, too."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (directory / "server.pem").write_bytes(secret + made)
    (directory / "bundle.pem").write_bytes(Path(botocore.httpsession.get_cert_path(True)).read_bytes() + made)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(directory / "server.pem")
    return tls, {"aws_ca_bundle": str(directory / "bundle.pem")}


def client_module(library):
    """Write the module that only builds a client."""
    library.mkdir()
    (library / f"{CLIENT}.py").write_text(CLIENT_MODULE)
    ENVIRONMENT["ANSIBLE_LIBRARY"] = str(library)


def tasks(url, vpc, connection):
    """One rule for the exporter, in the words of either module."""
    rule = {"proto": "tcp", "ports": ["9121"], "group_name": ["prometheus-sg"], "rule_desc": "exporter"}
    common = {**CONNECTION, **connection, "endpoint_url": url}
    group = {**common, "vpc_id": vpc, "rules": [rule]}
    return {
        PING: {"data": "pong"},
        CLIENT: common,
        THEIRS: {**group, "name": "redis-sg", "description": "bench", "purge_rules": False},
        OURS: {**group, "group_name": "redis-sg"},
    }


def ansible(program, *arguments, **environment):
    run = subprocess.run(
        [BIN / program, "-e", f"ansible_python_interpreter={sys.executable}", "-c", "local", *arguments],
        cwd=ROOT,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    return run.stdout


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def clock_modules(modules, rounds, directory, proxy):
    """Seconds, also of the processor, of the programs that Ansible makes of the modules, and the calls of each."""
    keep = {"ANSIBLE_PIPELINING": "0", "ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_REMOTE_TEMP": str(directory)}
    programs = {}
    for module, arguments in modules.items():
        ansible("ansible", "localhost", "-m", module, "-a", json.dumps(arguments), **keep)
        programs[module] = next(directory.glob(f"*/AnsiballZ_{module.rpartition('.')[2]}.py"))
    seconds, processor = {module: [] for module in modules}, {module: [] for module in modules}
    calls = {}
    for _turn in range(rounds):
        for module, program in programs.items():
            del proxy.calls[:]
            begin, used = time.perf_counter(), processor_seconds()
            run = subprocess.run([sys.executable, program], capture_output=True, text=True, check=False)
            seconds[module].append(time.perf_counter() - begin)
            processor[module].append(processor_seconds() - used)
            if run.returncode or json.loads(run.stdout).get("changed", module != PING):
                sys.exit(f"{module} is not unchanged: {run.stdout}{run.stderr}")
            calls[module] = list(proxy.calls)
    return seconds, processor, calls


def clock_tasks(modules, rounds, directory):
    """Seconds of the tasks in one playbook."""
    turn = [{"name": module, module: arguments} for module, arguments in modules.items()]
    (directory / "play.yml").write_text(
        json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": turn * rounds}])
    )
    callback = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    plays = json.loads(ansible("ansible-playbook", "-i", "localhost,", directory / "play.yml", **callback))["plays"]
    seconds = {module: [] for module in modules}
    for task in plays[0]["tasks"]:
        begin, end = (moment(task["task"]["duration"][name]) for name in ("start", "end"))
        seconds[task["task"]["name"]].append((end - begin).total_seconds())
    return seconds


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def times_faster(seconds):
    """How many times faster than amazon.aws's ours is, by the median of the turns."""
    return statistics.median(theirs / its for theirs, its in zip(seconds[THEIRS], seconds[OURS]))


def show(columns):
    """Print the medians in seconds and the factors."""
    print(f"  {'':31}" + "".join(f"{column:>9}" for column in columns))
    for module, label in LABELS.items():
        medians = [statistics.median(seconds[module]) for seconds in columns.values()]
        print(f"  {label:31}" + "".join(f"{median:7.2f} s" for median in medians))
    factors = [times_faster(seconds) for seconds in columns.values()]
    print(f"  {'ours is faster, times':31}" + "".join(f"{factor:9.2f}" for factor in factors))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "{}:{}".format(*server.get_host_and_port())
    vpc, add_others = seed(f"http://{address}")

    def measure(title, tls, connection, delay=0.0):
        endpoint = Endpoint(address, tls, delay)
        modules = tasks(endpoint.url, vpc, connection)
        print(title, flush=True)
        with tempfile.TemporaryDirectory() as directory:
            seconds, processor, calls = clock_modules(modules, rounds, Path(directory), endpoint)
            columns = {"task": clock_tasks(modules, rounds, Path(directory)), "module": seconds, "CPU": processor}
        show(columns)
        endpoint.shutdown()
        endpoint.server_close()
        return times_faster(columns["task"]), calls

    with tempfile.TemporaryDirectory() as directory:
        client_module(Path(directory) / "library")
        tls, trust = certificate(Path(directory))
        calls = measure("moto as it is: answers at once, no TLS, three groups", None, {})[1]
        measure(f"TLS, each answer after {DELAY * 1000:.0f} ms, three groups", tls, trust, DELAY)
        add_others()
        title = f"TLS, each answer after {DELAY * 1000:.0f} ms, {OTHERS} other groups of three rules in the region"
        ratio = measure(title, tls, trust, DELAY)[0]
    server.stop()
    for module in (THEIRS, OURS):
        print(f"{len(calls[module])} calls of {module}: {', '.join(calls[module])}")
    return [len(calls[module]) for module in (THEIRS, OURS)] != [4, 2] or ratio < 1.2


if __name__ == "__main__":
    sys.exit(main())
