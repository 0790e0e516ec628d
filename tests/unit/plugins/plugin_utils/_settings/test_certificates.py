# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import (
    _core,
    _secrets,
    _stack,
    certificates,
)
from cryptography.hazmat.primitives import serialization

NODE = {"name": "redis-1", "group_names": ["redis"]}
SECRET = {"monitoring_secret": "0123456789abcdef0123456789abcdef", "monitoring_cluster": "redis-prod"}


@pytest.fixture
def ca(pki):
    """The settings of a CA of the user that is in order."""
    certificate = Path(pki.ca("users-ca", days=900))
    return {
        "monitoring_certificates": "ca",
        "monitoring_ca_certificate": certificate.read_text(),
        "monitoring_ca_private_key": certificate.with_suffix(".key").read_text(),
    }


@pytest.fixture
def problems(host):
    def run(changed):
        variables = {**SECRET, **changed}
        on = host(variables=variables)
        return _core.judge("certificates", variables, on)[1]

    return run


def test_nothing_is_judged_without_the_secret_or_with_files(problems, host):
    assert problems({"monitoring_certificates": "files", "certificates_days": 4000}) == []
    assert certificates.problems({"monitoring_certificates": "own"}, host()) == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"certificates_days": 398}, "certificates_days is 398: give 2 to 397, browsers accept no more"),
        ({"monitoring_names": ["https://a"]}, "monitoring_names has https://a, which is no host name"),
        ({"certificates_redis_client": True}, "certificates_redis_client needs the CA that Redis trusts"),
        ({"monitoring_certificates": "ca"}, "monitoring_ca_certificate is not set: monitoring_certificates is ca"),
        ({"monitoring_certificates": "hook"}, "monitoring_ca_certificate is not set: monitoring_certificates is hook"),
        ({"monitoring_ca_certificate": "PEM"}, "monitoring_ca_certificate is set, but monitoring_certificates is own"),
        ({"certificates_permitted": ["example.com"]}, "certificates_permitted has example.com: give DNS:example.com"),
        ({"certificates_permitted": ["IP:10.0.0.1/8"]}, "certificates_permitted has IP:10.0.0.1/8: give DNS:"),
        (
            {"certificates_permitted": ["DNS:example.com", "IP:10.0.0.0/8"]},
            "certificates_permitted leaves out monitoring-1, which is a name or an address of this host",
        ),
    ],
)
def test_problems(problems, changed, says):
    assert problems(changed)[0].startswith(says)


def test_a_ca_that_can_sign(problems, ca):
    assert problems(ca) == []


def test_name_constraints_that_take_in_every_name(problems):
    permitted = ["DNS:monitoring-1", "DNS:Example.com", "IP:10.0.0.0/8", "IP:fd00::/8"]
    names = {"monitoring_names": ["grafana.example.com"], "private_ip_address": "10.0.0.5", "ansible_host": "fd00::5"}
    assert problems({"certificates_permitted": permitted, **names}) == []
    [line] = problems({"certificates_permitted": permitted, **names, "monitoring_address": "192.0.2.1"})
    assert line.startswith("certificates_permitted leaves out 192.0.2.1")


@pytest.fixture
def mixture(host):
    """mixture(given, monitoring) -> what is wrong with certificates of the user among issued ones."""

    def run(given, monitoring=(), **about):
        own = {**SECRET, **given}
        hostvars = {"monitoring-1": dict.fromkeys(monitoring, "/x")}
        on = host(variables=own, hostvars=hostvars, **about)
        on = dataclasses.replace(on, variables=_stack.Variables(own, given.__contains__, on))
        return certificates.mixture_problems({"monitoring_certificates": "own"}, on)

    return run


def test_files_of_the_user_among_issued_certificates(mixture):
    old = {"redis_exporter_web_tls_cert_file": "/etc/redis_exporter/tls/server.crt"}
    [line] = mixture(old, **NODE)
    assert line.startswith("redis_exporter_web_tls_cert_file is given, but services trust the CA of monitoring_certif")
    assert line.endswith("give prometheus_exporter_ca_file as well, or set monitoring_certificates to files")
    assert mixture(old, ["prometheus_exporter_ca_file"], **NODE) == []
    both = {"grafana_tls_cert_file": "/le/cert.pem", "grafana_tls_ca_file": "/etc/ssl/certs/ca-certificates.crt"}
    assert mixture(both) == []
    assert len(mixture({"grafana_tls_cert_file": "/le/cert.pem"})) == 1
    assert mixture({"grafana_tls_cert_file": "/etc/redisops/tls/server.crt"}) == []
    assert mixture({}) == []


def test_the_hook(problems, ca, tmp_path):
    hook = {"monitoring_certificates": "hook", "monitoring_ca_certificate": ca["monitoring_ca_certificate"]}
    assert problems(hook) == ["certificates_hook is not set: monitoring_certificates is hook"]
    for wrong in ("sign.yml", str(tmp_path / "missing.yml")):
        [line] = problems({**hook, "certificates_hook": wrong})
        assert line.startswith(f"certificates_hook is {wrong}: give the absolute path")
    path = tmp_path / "sign.yml"
    path.write_text("[]")
    assert problems({**hook, "certificates_hook": str(path)}) == []


def test_a_ca_of_tomorrow(problems, ca, monkeypatch):
    class Yesterday(certificates.datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) - certificates.datetime.timedelta(days=61)

    monkeypatch.setattr(certificates.datetime, "datetime", Yesterday)
    [line] = problems(ca)
    assert line.startswith("monitoring_ca_certificate is not valid before 20") and "clock of the controller" in line


def test_a_key_of_another_ca(problems, ca, pki):
    other = Path(pki.ca("users-other-ca")).with_suffix(".key").read_text()
    assert problems({**ca, "monitoring_ca_private_key": other}) == [
        "monitoring_ca_private_key is not the key of monitoring_ca_certificate"
    ]


def test_a_certificate_that_is_no_ca(problems, ca, pki):
    cert, key = pki.issue("users-leaf", ca="users-ca")
    wrong = {"monitoring_ca_certificate": Path(cert).read_text(), "monitoring_ca_private_key": Path(key).read_text()}
    assert problems({**ca, **wrong}) == ["monitoring_ca_certificate may not sign: it is not the certificate of a CA"]


def test_an_expired_ca(problems, ca, pki):
    expired = Path(pki.ca("users-expired-ca", days=-1))
    wrong = {
        "monitoring_ca_certificate": expired.read_text(),
        "monitoring_ca_private_key": expired.with_suffix(".key").read_text(),
    }
    [line] = problems({**ca, **wrong})
    assert line.startswith("monitoring_ca_certificate expired on 20")


def test_a_passphrase(problems, ca):
    key = serialization.load_pem_private_key(ca["monitoring_ca_private_key"].encode(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"canary-passphrase"),
    ).decode()
    ca["monitoring_ca_private_key"] = locked
    assert "monitoring_ca_passphrase is not set" in problems(ca)[0]
    [line] = problems({**ca, "monitoring_ca_passphrase": "wrong"})
    assert line.endswith("monitoring_ca_passphrase is not its passphrase")
    assert problems({**ca, "monitoring_ca_passphrase": "canary-passphrase"}) == []


@pytest.mark.parametrize("name", ["monitoring_ca_certificate", "monitoring_ca_private_key"])
def test_garbage(problems, ca, name):
    assert problems({**ca, name: "canary garbage"})[0].startswith(f"{name} is no PEM")
    assert "canary" not in str(problems({**ca, name: "canary garbage"}))


def test_what_each_host_gets(host):
    s = {"monitoring_names": ["grafana.example.com"], "certificates_redis_client": False}
    monitoring = host(variables={"ansible_host": "10.0.0.5", "private_ip_address": "10.0.0.5"})
    assert certificates.wanted(s, monitoring) == [
        {
            "name": name,
            "names": ["monitoring-1", "10.0.0.5", "grafana.example.com", "localhost", "127.0.0.1"],
            "usage": usage,
        }
        for name, usage in (("server", ["serverAuth"]), ("peer", ["serverAuth", "clientAuth"]))
    ]
    redis = host(name="redis-1", variables={"ansible_host": "10.0.1.1"}, group_names=["redis"])
    [one] = certificates.wanted(s, redis)
    assert one == {
        "name": "server",
        "names": ["redis-1", "10.0.1.1", "localhost", "127.0.0.1"],
        "usage": ["serverAuth"],
    }
    probe = certificates.wanted({**s, "certificates_redis_client": True}, monitoring)[-1]
    assert (probe["name"], probe["usage"]) == ("probe", ["clientAuth"])


@pytest.fixture
def on(host):
    """on(changed, **about) -> a host and its settings of the role, all others derived."""

    def make(changed=None, **about):
        own = {**SECRET, "monitoring_environment": "test", **(changed or {})}
        known = host(**{"variables": own, **about})
        known = dataclasses.replace(known, variables=_stack.Variables(own, (changed or {}).__contains__, known))
        return _core.read("certificates", known.variables)[0], known

    return make


def test_the_call(on, host):
    redis = {"redis_exporter_tls_ca_file": "/redis/ca.crt", "redis_exporter_tls_key_file": "/redis/redis.key"}
    args = certificates.task_status(*on(redis, **NODE))["args"]
    assert args["copied"] == "/redis/ca.crt" and args["private"] == ["/redis/redis.key"] and "authority" not in args
    args = certificates.task_status(*on())["args"]
    assert (args["authority"], args["new_authority"], args["days"]) == ("", False, 397)
    assert certificates.task_status(*on({"certificates_new_ca": True}))["args"]["new_authority"] is True
    assert certificates.task_status({}, host()) is None


def test_the_ca_of_the_user_is_compared_without_what_is_around_it(on, ca):
    pem = ca["monitoring_ca_certificate"]
    args = certificates.task_status(*on({**ca, "monitoring_ca_certificate": f"subject=/CN=a\n{pem}\n\n"}))["args"]
    assert args["authority"] == pem


def test_with_files_only_the_passwords_are_looked_at(on):
    args = certificates.task_status(*on({"monitoring_certificates": "files"}))["args"]
    assert args["certificates"] == [] and "authority" not in args and args["secrets"]


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def password(purpose):
    return _secrets.derive(SECRET["monitoring_secret"], SECRET["monitoring_cluster"], purpose)


def test_by_what_a_change_of_a_password_is_noticed(on):
    found = {one["path"]: one["sha256"] for one in certificates.task_status(*on())["args"]["secrets"]}
    assert found["/etc/prometheus/credentials/exporter_password"] == digest(password("exporters/prometheus"))
    assert found["/etc/redisops/grafana/credentials/metrics_password"] == digest(password("grafana/metrics"))
    # The role grafana sets the administrator's in its database; its key is never changed.
    assert not [path for path in found if path.endswith(("admin_password", "secret_key"))]
    node = certificates.task_status(*on(**NODE))["args"]["secrets"]
    assert [one["path"] for one in node] == ["/etc/redis_exporter/redis_pwd.json"]


def test_what_is_written_before_the_services_are_restarted(on):
    admin = {"redis_exporter_acl_admin_user": "admin", "redis_exporter_acl_admin_password": "canary"}
    account, exporter, node = certificates.task_secrets(*on(admin, **NODE))
    assert account["module"] == "redis_acl_user" and account["args"]["keep_passwords"] is True
    assert account["args"]["password"] == password("redis_exporter/redis")
    for call, unit in ((exporter, "redis_exporter.service"), (node, "node_exporter.service")):
        assert call["module"] == "checked_config" and call["args"]["restart"] is False and call["args"]["unit"] == unit
        assert set(call["args"]) == {"path", "secrets", "unit", "restart"}
    assert [one["path"] for one in exporter["args"]["secrets"]] == ["redis_pwd.json", "web_auth.env"]
    assert "$2b$" in exporter["args"]["secrets"][1]["content"]
    assert len(certificates.task_secrets(*on(**NODE))) == 2, "an account that the role does not manage is left alone"


def test_services_that_are_switched_off_are_left_alone(on):
    changed = {"monitoring_services": ["prometheus", "alertmanager"]}
    units = [call["args"]["unit"] for call in certificates.task_secrets(*on(changed))]
    assert units == ["alertmanager.service", "prometheus.service"]
    assert certificates.task_datasources(*on(changed)) is None
    assert certificates.task_datasources(*on(**NODE)) is None
    assert [call["args"]["uid"] for call in certificates.task_datasources(*on())] == ["prometheus", "alertmanager"]


def test_settings_of_a_service_that_cannot_be_used_are_left_to_its_role(on):
    variables = {
        "hostvars": {"monitoring-1": {}, **dict.fromkeys(("redis-1", "redis-2"), {"ansible_host": "10.0.1.1"})}
    }
    paths = [one["path"] for one in certificates.task_status(*on(**variables))["args"]["secrets"]]
    assert paths == ["/etc/redisops/grafana/credentials/metrics_password"]


@pytest.fixture
def plan(on, pki):
    """plan(said, changed) -> what the second question is, where the hosts said this; `old` and `new` are CAs."""
    pem = {name: Path(pki.ca(f"plan-{name}", days=3000)).read_text() for name in ("old", "new")}
    fine = {"ca": pem["old"], "in_use": [pem["old"]], "cryptography": True, "time": 1e9, "authority": pem["old"]}

    def run(said=None, changed=None, made="", **about):
        hosts = {name: {"ansible_host": name} for name in ("monitoring-1", "redis-1", "redis-2")}
        for name, variables in hosts.items():
            answer = (said or {}).get(name, {})
            if answer is not None:
                variables["__certificates"] = {**fine, **answer}
        if made:
            hosts["monitoring-1"]["__certificates_new_ca"] = made
        return certificates.task_plan(*on(changed, hostvars=hosts, **about))

    run.old, run.new = pem["old"], pem["new"]
    return run


def test_in_ordinary_times_there_is_one_ca(plan):
    assert plan()["result"] == {"bundle": plan.old, "replaced": False}
    assert plan()["args"]["ca"] == plan.old


def test_a_new_ca_is_trusted_beside_those_in_use(plan):
    assert plan(made=plan.new)["result"] == {"bundle": plan.new + plan.old, "replaced": True}


def test_a_ca_that_no_certificate_is_of_is_taken_out(plan):
    both = plan.new + plan.old
    done = {"ca": both, "in_use": [plan.new], "authority": plan.new}
    hosts = dict.fromkeys(("monitoring-1", "redis-1", "redis-2"), done)
    assert plan(hosts)["result"] == {"bundle": plan.new, "replaced": False}
    # One has still a certificate of it, or did not answer.
    assert plan({**hosts, "redis-2": {**done, "in_use": [plan.old]}})["result"]["bundle"] == both
    assert plan({**hosts, "redis-2": None})["result"]["bundle"] == both


def test_a_first_ca_replaces_none(plan):
    hosts = dict.fromkeys(("monitoring-1", "redis-1", "redis-2"), {"ca": "", "in_use": [], "authority": ""})
    assert plan(hosts, made=plan.new)["result"] == {"bundle": plan.new, "replaced": False}


def test_a_lost_host_with_the_ca(plan):
    """The blank host in its place has made a new one; the others still have the old one."""
    blank = {"ca": "", "in_use": [], "authority": ""}
    assert plan({"monitoring-1": blank}, made=plan.new)["result"]["bundle"] == plan.new + plan.old
    node = plan({"monitoring-1": blank}, made=plan.new, **NODE)
    assert node["result"] == {"bundle": plan.new + plan.old, "replaced": True}


def test_the_host_that_signs_does_not_answer(plan):
    with pytest.raises(_core.Refused, match="monitoring-1, which signs certificates, did not answer"):
        plan({"monitoring-1": None}, **NODE)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"time": 1e9 - 7200}, "the clock of this host is 120 minutes behind that of monitoring-1, which signs"),
        ({"time": 1e9 + 1200}, "the clock of this host is 20 minutes ahead of that of monitoring-1"),
    ],
)
def test_a_clock_that_is_wrong(plan, said, says):
    with pytest.raises(_core.Refused, match=says):
        plan({"redis-1": said}, **NODE)
    plan({"redis-1": {"time": 1e9 - 500}}, **NODE)
