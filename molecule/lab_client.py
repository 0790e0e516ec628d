# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab as the tests of its scenario see it: hosts over SSH, services over TLS, playbooks as a user runs them."""

from __future__ import annotations

import base64
import functools
import json
import os
import re
import shlex
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import testinfra

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/lab"))
import authority

REDIS, MONITORING = "redis-node-1a", "prometheus-grafana"  # the first hosts of every lab
REDIS_CLI = (
    'set_of() { sed -n "s/^$1 //p" /etc/PROGRAM/PROGRAM.conf; }; REDISCLI_AUTH=$(set_of masterauth) PROGRAM-cli'
    " --no-auth-warning --tls --cacert $(set_of tls-ca-cert-file) --cert $(set_of tls-cert-file)"
    " --key $(set_of tls-key-file) --user admin_user "
)

# Who logs in with what, for the passwords that also travel as basic auth.
LOGINS = (
    ("prometheus", "exporter_web_password"),
    ("admin", "prometheus_admin_password"),
    ("admin", "alertmanager_admin_password"),
    ("prometheus", "alertmanager_prometheus_password"),
    ("grafana", "prometheus_grafana_password"),
    ("grafana", "alertmanager_grafana_password"),
    ("admin", "grafana_admin_password"),
    ("prometheus", "grafana_metrics_password"),
)


def check_unit(host, unit):
    """It runs, is started at boot, and systemd rates its sandbox 1.5 at most."""
    assert host.service(unit).is_running and host.service(unit).is_enabled
    check_sandbox(host, unit)


def check_sandbox(host, unit):
    said = host.check_output("systemd-analyze security --no-pager %s", unit)
    assert float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said)[1]) <= 1.5, said


class Lab:
    """The lab of this name, or the one that LAB names."""

    def __init__(self, name):
        self.directory = ROOT / "build/lab" / os.environ.get("LAB", name)
        self.about = json.loads((self.directory / "lab.json").read_text())
        self.hosts = self.about["hosts"]
        self.redis_program = self.about.get("redis_program", "redis")  # or valkey, see LAB_REDIS
        self.secrets = {path.name: path.read_text().strip() for path in (self.directory / "secrets").iterdir()}
        self.ssh_config = str(self.directory / "ssh_config")

    def needles(self):
        """Each secret, given or derived, as it is and as it travels."""
        found = dict(self.secrets)
        for user, name in LOGINS:
            found[f"{name} as basic auth"] = base64.b64encode(f"{user}:{self.secrets[name]}".encode()).decode()
        return found

    @functools.cached_property
    def ca(self):
        """The CA of the services, as a file."""
        return authority.of_services(self.directory)

    def named(self, role):
        return sorted(name for name, about in self.hosts.items() if about["role"] == role)

    def address(self, name):
        return self.hosts[name]["address"]

    def host(self, name):
        return testinfra.get_host(f"ssh://{name}", ssh_config=self.ssh_config, controlpersist=0, sudo=True)

    def shell(self, name, command, data=None):
        """Output of a command as root, with data as its standard input."""
        argv = ["ssh", "-F", self.ssh_config, name, "sudo sh -c " + shlex.quote(command)]
        data = data.encode() if isinstance(data, str) else data
        done = subprocess.run(argv, input=data, capture_output=True, timeout=120, check=False)
        output = done.stdout.decode(errors="replace")
        assert done.returncode == 0, f"{command} on {name}: {output}{done.stderr.decode(errors='replace')}"
        return output

    @property
    def redis_cli(self):
        """How a command of an administrator of Redis begins, in the shell of a node."""
        return REDIS_CLI.replace("PROGRAM", self.redis_program)

    def redis(self, name, words):
        """As an administrator of Redis."""
        return self.shell(name, self.redis_cli + words).strip()

    def call(self, url, login="", token="", data=None, method=None, timeout=20):
        """Status and body of an answer; a login is USER:PASSWORD, data what is sent as JSON."""
        request = urllib.request.Request(url, method=method)
        if data is not None:
            request.data = data if isinstance(data, bytes) else json.dumps(data).encode()
            request.add_header("Content-Type", "application/json")
        if login or token:
            basic = "Basic " + base64.b64encode(login.encode()).decode()
            request.add_header("Authorization", "Bearer " + token if token else basic)
        context = ssl.create_default_context(cafile=self.ca)
        handlers = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def prometheus(self, path, **parameters):
        """The data of an answer of Prometheus' API."""
        url = f"https://{self.address(self.named('monitoring')[0])}:9090/api/v1/{path}"
        url += "?" + urllib.parse.urlencode(parameters) if parameters else ""
        status, body = self.call(url, login="admin:" + self.secrets["prometheus_admin_password"])
        assert status == 200, body
        return json.loads(body)["data"]

    def query(self, expression):
        return self.prometheus("query", query=expression)["result"]

    def wait_for(self, expression, number, seconds=75):
        """The series of an expression once there are so many of them: two scrapes, and time to be stored."""
        deadline = time.monotonic() + seconds
        while True:
            series = self.query(expression)
            if len(series) == number or time.monotonic() > deadline:
                return series
            time.sleep(1)

    def command(self, line, timeout=900, **environment):
        """A line as a person types it, in a shell that knows the lab's AWS account."""
        known = self.directory / "env"
        given = dict(os.environ, ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"), MOLECULE_PROJECT_DIRECTORY=str(ROOT))
        given.update(ANSIBLE_NOCOLOR="1", ANSIBLE_FORCE_COLOR="0", **environment)
        given["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{given['PATH']}"
        return subprocess.run(
            ["sh", "-c", f". {known} && {line}" if known.exists() else line],
            cwd=ROOT,
            env=given,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def playbook(self, path, *options, **environment):
        """A playbook on this lab; its output is in `output`."""
        line = ["ansible-playbook", f"--inventory={self.directory}/inventory", *map(str, options), str(path)]
        done = self.command(shlex.join(line), **environment)
        done.output = done.stdout + done.stderr
        return done


def wait(ask, seconds=40):
    """What `ask` returns, once it is not empty."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ask()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"nothing within {seconds} s")
