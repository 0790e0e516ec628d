# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secret, CA and certificates change by playbooks/site.yml while Prometheus scrapes. The tests build on each other."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import subprocess
import sys
import time
import urllib.parse

import pytest
from cryptography import x509
from lab_client import ROOT, Lab

sys.path.insert(0, str(ROOT / "tests/lab"))
import bare

LAB = Lab("rotation")
REDIS, MONITORING = LAB.named("redis"), LAB.named("monitoring")
INTERVAL = 30
MISSED = 1  # scrapes of a node that a change may cost
CERTIFICATES = {**dict.fromkeys(REDIS, (9121, 9100)), **dict.fromkeys(MONITORING, (9090, 9093, 3000))}
# Grafana's key for its database is not changed: nobody could read any more what it encrypted.
NOT_CHANGED = ("grafana_secret_key", "redis_admin_password", "webhook_token")


def read_secrets():
    return {path.name: path.read_text().strip() for path in (LAB.directory / "secrets").iterdir()}


def forget():
    """Secrets and the CA are read anew."""
    LAB.secrets = read_secrets()
    LAB.__dict__.pop("ca", None)


def site(*options):
    """site.yml as a user runs it, without the proof at its end, which takes long; `began` is when."""
    began = time.time()
    done = LAB.playbook("playbooks/site.yml", "--skip-tags=verify", *options)
    done.began = began
    assert done.returncode == 0, done.output[-6000:]
    forget()
    return done


def changed(done):
    return {name: int(number) for name, number in re.findall(r"^(\S+) +: ok=\d+ +changed=(\d+)", done.output, re.M)}


def ask(host, expression):
    url = f"https://{LAB.address(host)}:9090/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    status, body = LAB.call(url, login="admin:" + LAB.secrets["prometheus_admin_password"])
    assert status == 200, body
    return json.loads(body)["data"]["result"]


def history(host, since):
    """The samples of each node since then: what was scraped, and whether it told of a Redis."""
    seconds = int(time.time() - since) + 3 * INTERVAL
    for expression in ('redis_up{job="redis-cluster"}', 'up{job="redis-cluster"}', 'up{job="node"}'):
        series = [one for one in ask(host, f"{expression}[{seconds}s]") if one["metric"]["node"] in REDIS]
        assert len(series) == len(REDIS), (host, expression, series)
        for one in series:
            yield f"{host} {expression} {one['metric']['node']}", one["values"]


def missed(since):
    """How many scrapes in a row each Prometheus missed of each node, at worst, and how many of its scrapes failed."""
    time.sleep(2 * INTERVAL)
    found = {}
    for host in MONITORING:
        for name, values in history(host, since):
            times = [float(at) for at, value in values if value == "1"]
            gap = max(later - earlier for earlier, later in zip(times, times[1:]))
            found[name] = (round(gap / INTERVAL) - 1, sum(value != "1" for _at, value in values))
    print(json.dumps(found, indent=1))
    return found


def assert_without_a_gap(done):
    assert {name: numbers for name, numbers in missed(done.began).items() if max(numbers) > MISSED} == {}
    said = [json.loads(line) for line in (LAB.directory / "notifications.jsonl").read_text().splitlines()]
    assert [one for one in said if one["path"] != "/deadman"] == [], "a page, although nothing is wrong"


def served(host, port):
    """The certificate that a service shows, and its issuer."""
    return x509.load_pem_x509_certificate(ssl.get_server_certificate((LAB.address(host), port)).encode())


def installed(host):
    """The CAs that are trusted on a host."""
    return x509.load_pem_x509_certificates(LAB.shell(host, "cat /etc/redisops/tls/ca.crt").encode())


def everything_is_served_by(ca):
    wrong = {
        f"{host}:{port}": served(host, port).issuer.rfc4514_string()
        for host, ports in CERTIFICATES.items()
        for port in ports
        if served(host, port).issuer != ca.subject
    }
    assert wrong == {}


def test_it_is_up():
    deadline = time.monotonic() + 180
    while any(len(ask(host, 'up{job="redis-cluster"} == 1')) < len(REDIS) for host in MONITORING):
        assert time.monotonic() < deadline
        time.sleep(2)
    time.sleep(4 * INTERVAL)  # history, in which a gap shows
    assert [len(installed(host)) for host in REDIS + MONITORING] == [1] * len(REDIS + MONITORING)
    everything_is_served_by(installed(MONITORING[0])[0])


# ----------------------------------------------------------------------------------------------------- the secret


@pytest.fixture(scope="module")
def old():
    """What was secret before the change, by name."""
    return read_secrets()


@pytest.fixture(scope="module")
def rotated(old):
    (LAB.directory / "secrets/monitoring_secret").unlink()
    bare.make_secrets(LAB.directory)
    assert read_secrets()["monitoring_secret"] != old["monitoring_secret"]
    return site("-vvv", "--diff")


def test_a_new_secret_costs_no_more_than_a_scrape(rotated):
    assert_without_a_gap(rotated)


def test_no_secret_in_the_output(rotated, old):
    known = [*old.values(), *read_secrets().values()]
    texts = [*known, *(base64.b64encode(one.encode()).decode() for one in known)]
    assert [text[:6] for text in texts if text in rotated.output] == []
    assert not re.search(r"\$2[aby]\$\d\d\$", rotated.output), "a hash of a password"


LOGINS = [
    (REDIS, 9121, "/metrics", "prometheus", "exporter_web_password"),
    (REDIS, 9100, "/metrics", "prometheus", "exporter_web_password"),
    (MONITORING, 9090, "/api/v1/query?query=1", "admin", "prometheus_admin_password"),
    (MONITORING, 9090, "/api/v1/query?query=1", "grafana", "prometheus_grafana_password"),
    (MONITORING, 9093, "/api/v2/status", "admin", "alertmanager_admin_password"),
    (MONITORING, 9093, "/api/v2/status", "prometheus", "alertmanager_prometheus_password"),
    (MONITORING, 9093, "/api/v2/status", "grafana", "alertmanager_grafana_password"),
    (MONITORING, 3000, "/api/search", "admin", "grafana_admin_password"),
    (MONITORING, 3000, "/metrics", "prometheus", "grafana_metrics_password"),
]


@pytest.mark.parametrize(("hosts", "port", "path", "user", "name"), LOGINS)
def test_the_old_password_is_refused_and_the_new_one_works(rotated, old, hosts, port, path, user, name):
    for host in hosts:
        url = f"https://{LAB.address(host)}:{port}{path}"
        assert LAB.call(url, login=f"{user}:{old[name]}")[0] == 401, url
        assert LAB.call(url, login=f"{user}:{LAB.secrets[name]}")[0] == 200, url


@pytest.mark.parametrize("host", REDIS)
def test_redis_takes_the_new_password_only(rotated, host):
    said = LAB.redis(host, "ACL GETUSER redis_exporter")
    assert len(re.findall(r"\b[0-9a-f]{64}\b", said)) == 1, said


@pytest.mark.parametrize("host", REDIS + MONITORING)
def test_no_file_has_an_old_password(rotated, old, host):
    """The names of files on the host with one of them, below what services read and write."""
    needles = "\n".join(value for name, value in old.items() if name not in NOT_CHANGED)
    command = (
        "cat > /run/needles; grep -rlFf /run/needles /etc /var/lib/redis /var/lib/private /var/lib/grafana 2>/dev/null"
    )
    assert LAB.shell(host, f"{command}; rm /run/needles", data=needles).strip() == ""


@pytest.mark.parametrize("host", MONITORING)
def test_grafanas_data_sources_work(host):
    url = f"https://{LAB.address(host)}:3000/api/datasources"
    login = "admin:" + LAB.secrets["grafana_admin_password"]
    status, body = LAB.call(f"{url}/uid/prometheus/health", login=login)
    assert (status, json.loads(body).get("status")) == (200, "OK"), body
    status, body = LAB.call(f"{url}/proxy/uid/alertmanager/api/v2/status", login=login)
    assert status == 200, body


def test_then_there_is_nothing_to_do(rotated):
    assert set(changed(site()).values()) == {0}


# --------------------------------------------------------------------------------------------------------- the CA


@pytest.fixture(scope="module")
def old_ca():
    return installed(MONITORING[0])[0]


@pytest.fixture(scope="module")
def new_ca(old_ca):
    return site("-e", "certificates_new_ca=true", "--diff")


def test_a_new_ca_costs_no_more_than_a_scrape(new_ca, old_ca):
    assert_without_a_gap(new_ca)
    for host in REDIS + MONITORING:
        first, *others = installed(host)
        assert first.subject != old_ca.subject and others == [old_ca]
    everything_is_served_by(installed(MONITORING[0])[0])
    test_grafanas_data_sources_work(MONITORING[0])


def test_the_next_run_takes_the_old_ca_out(new_ca, old_ca):
    done = site()
    assert_without_a_gap(done)
    assert {
        host: [ca.subject == old_ca.subject for ca in installed(host)] for host in REDIS + MONITORING
    } == dict.fromkeys(REDIS + MONITORING, [False])
    assert set(changed(site()).values()) == {0}


# ------------------------------------------------------------------------------------------------ certificates

# Runs on the host with the CA: the certificate of standard input once more, with 20 days left.
SHORTER = """
import datetime, sys
from cryptography import x509
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives import hashes, serialization

old = x509.load_pem_x509_certificate(sys.stdin.buffer.read(), default_backend())
with open("/etc/redisops/ca/ca.key", "rb") as handle:
    key = serialization.load_pem_private_key(handle.read(), None, default_backend())
now = datetime.datetime.utcnow()
new = (
    x509.CertificateBuilder().subject_name(old.subject).issuer_name(old.issuer).public_key(old.public_key())
    .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=377))
    .not_valid_after(now + datetime.timedelta(days=20))
)
for extension in old.extensions:
    new = new.add_extension(extension.value, extension.critical)
print(new.sign(key, hashes.SHA256(), default_backend()).public_bytes(serialization.Encoding.PEM).decode(), end="")
"""


def days_left(host, port):
    return (served(host, port).not_valid_after_utc.timestamp() - time.time()) / 86400


@pytest.mark.parametrize(("host", "port"), [(REDIS[0], 9121), (MONITORING[0], 9090)])
def test_a_certificate_with_20_days_left_is_renewed_and_served(host, port):
    pem = LAB.shell(host, "cat /etc/redisops/tls/server.crt")
    LAB.shell(MONITORING[0], "cat > /run/shorter.py", data=SHORTER)
    pem = LAB.shell(MONITORING[0], "python3 -W ignore /run/shorter.py", data=pem)
    LAB.shell(host, "cat > /etc/redisops/tls/server.crt", data=pem)
    unit = "redis_exporter" if host in REDIS else "prometheus"
    LAB.shell(host, f"systemctl restart {unit}")
    time.sleep(5)
    assert 19 < days_left(host, port) < 21
    done = site()
    assert days_left(host, port) > 390
    assert {name for name, number in changed(done).items() if number} == {host}


def test_a_certificate_whose_names_changed_is_issued_again_and_served():
    settings = LAB.directory / "inventory/group_vars/all/zz_names.yml"
    settings.write_text("---\nmonitoring_names: [grafana.example.com]\n")
    done = site()
    for host in MONITORING:
        for port in CERTIFICATES[host]:
            found = served(host, port).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            assert "grafana.example.com" in found.get_values_for_type(x509.DNSName)
    assert {name for name, number in changed(done).items() if number} == set(MONITORING)


def test_nothing_to_do_is_two_events_a_host():
    done = LAB.playbook("playbooks/certificates.yml")
    assert done.returncode == 0 and set(changed(done).values()) == {0}, done.output
    tasks = [task for task in done.output.split("\nTASK [") if task.startswith("redisops.monitoring.certificates : ")]
    for host in REDIS + MONITORING:
        events = re.findall(rf"^(?:ok|skipping|changed|included): .*\[{host}\]", "\n".join(tasks), re.M)
        assert len(events) == 2, (events, tasks)


PYTHON = """
import socket, ssl
context = ssl.create_default_context(cafile="/etc/redisops/tls/ca.crt")
context.wrap_socket(socket.create_connection(("localhost", 4433)), server_hostname="localhost")
"""


def test_the_ca_signs_for_no_other_name():
    """Go and Python both heed its constraints: Prometheus' own tool, and the Python of the host."""
    host = MONITORING[0]
    LAB.shell(
        host,
        "cd /run && openssl req -newkey rsa:2048 -nodes -keyout o.key -subj /CN=other -out o.csr 2>/dev/null"
        " && printf 'subjectAltName=DNS:localhost,DNS:bank.example' > o.ext"
        " && openssl x509 -req -in o.csr -CA /etc/redisops/ca/ca.crt -CAkey /etc/redisops/ca/ca.key -days 2"
        " -extfile o.ext -out o.crt 2>/dev/null"
        " && (openssl s_server -accept 4433 -cert o.crt -key o.key -www >/dev/null 2>&1 & echo $! > o.pid)"
        " && printf 'tls_config: {ca_file: /etc/redisops/tls/ca.crt}\\n' > o.yml",
    )
    try:
        time.sleep(1)
        go = "/opt/prometheus/current/promtool query instant --http.config.file=/run/o.yml https://localhost:4433 1"
        assert "not permitted" in LAB.shell(host, f"{go} 2>&1 || :")
        LAB.shell(host, "cat > /run/o.py", data=PYTHON)
        assert "permitted subtree violation" in LAB.shell(host, "python3 /run/o.py 2>&1 || :")
    finally:
        LAB.shell(host, "kill $(cat /run/o.pid); rm /run/o.*")


# ------------------------------------------------------------------------------------------------- CAs of the user

HOOK = """
- name: Keep the request
  ansible.builtin.copy:
    content: "{{ certificates_request }}"
    dest: "{{ users_ca }}/{{ inventory_hostname }}.csr"
    mode: "0600"
  delegate_to: localhost
  become: false

- name: Say what is asked for
  ansible.builtin.copy:
    content: |
      subjectAltName={{ certificates_names | join(',') }}
      extendedKeyUsage={{ certificates_usage | join(',') }}
    dest: "{{ users_ca }}/{{ inventory_hostname }}.ext"
    mode: "0600"
  delegate_to: localhost
  become: false

- name: Sign
  ansible.builtin.command:
    cmd: >-
      openssl x509 -req -in {{ inventory_hostname }}.csr -CA ca.crt -CAkey ca.key -CAcreateserial
      -extfile {{ inventory_hostname }}.ext -days {{ certificates_days }}
    chdir: "{{ users_ca }}"
  delegate_to: localhost
  become: false
  changed_when: true
  register: signed

- name: Hand it over
  ansible.builtin.set_fact:
    certificates_certificate: "{{ signed.stdout }}"
"""


def given(name, **settings):
    """Options for settings as a file, so that no key is in an argument."""
    path = LAB.directory / f"{name}.json"
    path.write_text(json.dumps(settings))
    path.chmod(0o600)
    return ("-e", f"@{path}")


def test_the_ca_of_redis_with_a_passphrase_also_issues_the_certificate_of_the_probe():
    pki = LAB.directory / "pki"
    argv = ["openssl", "pkey", "-in", pki / "ca.key", "-aes256", "-passout", "env:PASSPHRASE"]
    done = subprocess.run(argv, env={**os.environ, "PASSPHRASE": "canary-passphrase"}, capture_output=True, check=True)
    options = given(
        "redis-ca",
        monitoring_certificates="ca",
        monitoring_ca_certificate=(pki / "ca.crt").read_text(),
        monitoring_ca_private_key=done.stdout.decode(),
        monitoring_ca_passphrase="canary-passphrase",
        certificates_redis_client=True,
    )
    done = site("-vvv", "--diff", *options)
    assert_without_a_gap(done)
    key = (LAB.directory / "redis-ca.json").read_text()
    assert "canary-passphrase" in key and "canary-passphrase" not in done.output
    assert "BEGIN ENCRYPTED PRIVATE KEY" not in done.output and "BEGIN ENCRYPTED PRIVATE KEY" in key
    everything_is_served_by(x509.load_pem_x509_certificate((pki / "ca.crt").read_bytes()))
    for host in MONITORING:
        usage = LAB.shell(host, "openssl x509 -in /etc/redisops/tls/probe.crt -noout -ext extendedKeyUsage")
        assert "TLS Web Client Authentication" in usage
        assert "probe.crt" in LAB.shell(host, "systemctl cat blackbox_exporter")
        assert len(ask(host, 'probe_success{job="redis-tls"} == 1')) == len(REDIS)


def test_a_hook_issues_the_certificates():
    directory = LAB.directory / "users-ca"
    directory.mkdir(mode=0o700, exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=CA of a hook", "-days", "300"]
        + ["-keyout", directory / "ca.key", "-out", directory / "ca.crt"],
        check=True,
        capture_output=True,
    )
    (directory / "sign.yml").write_text(HOOK)
    settings = {
        "monitoring_certificates": "hook",
        "certificates_hook": str(directory / "sign.yml"),
        "monitoring_ca_certificate": (directory / "ca.crt").read_text(),
        "users_ca": str(directory),
    }
    done = site(*given("hook", **settings))
    assert_without_a_gap(done)
    everything_is_served_by(x509.load_pem_x509_certificate((directory / "ca.crt").read_bytes()))
    assert 295 < days_left(REDIS[0], 9121) < 300, "it does not outlive its CA"


def test_a_hook_that_returns_something_else_is_named():
    directory = LAB.directory / "users-ca"
    settings = json.loads((LAB.directory / "hook.json").read_text())
    settings["monitoring_names"] = ["grafana.example.com", "prometheus.example.com"]
    (directory / "sign.yml").write_text(HOOK.replace("certificates_names | join", "certificates_names[:1] | join"))
    done = LAB.playbook("playbooks/certificates.yml", *given("hook", **settings))
    assert done.returncode != 0 and "is no certificate by monitoring_ca_certificate for this key" in done.output
    (directory / "sign.yml").write_text(HOOK)
    done = LAB.playbook("playbooks/certificates.yml", *given("hook", **settings))
    assert done.returncode == 0, done.output


# --------------------------------------------------------------------------------------- losing the host with the CA


def test_the_host_with_the_ca_is_lost():
    """A blank host in its place makes another CA; what the others trust and show goes over to it without a gap."""
    site()  # back to the CA of the first host
    site()
    first, second = MONITORING
    before = installed(second)[0]
    LAB.shell(first, "rm -r /etc/redisops/ca /etc/redisops/tls")
    done = site()
    watched = [numbers for name, numbers in missed(done.began).items() if name.startswith(f"{second} ")]
    assert watched and max(max(numbers) for numbers in watched) <= MISSED
    assert installed(second)[0].subject != before.subject
    assert before in installed(second)
    everything_is_served_by(installed(first)[0])
    site()
    assert [len(installed(host)) for host in REDIS + MONITORING] == [1] * len(REDIS + MONITORING)
