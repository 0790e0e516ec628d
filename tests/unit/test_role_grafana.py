# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told of the role grafana without a host: what it refuses and renders."""

from __future__ import annotations

import configparser
import json
import re

import yaml
from test_role_alertmanager import ROLES, defaults, play, show

GOOD = {"grafana_admin_password": "canary-admin-long"}
TLS = {"grafana_tls_cert_file": "/tls/a.crt", "grafana_tls_key_file": "/tls/a.key"}
GNET = {"gnet_id": 11835, "revision": 1, "uid": "a"}
CASES = [
    ({}, ""),
    (dict(TLS, grafana_listen_address="0.0.0.0", grafana_version="12.0.0+security-01"), ""),
    (
        {"grafana_admin_password": "admin"},
        "^grafana_admin_password is shorter than 12 characters, or the name of the user",
    ),
    ({"grafana_admin_password": "canary-2long"[:11]}, "shorter than 12 characters"),
    ({"grafana_admin_user": "Canary-Admin-Long"}, "or the name of the user"),
    ({"grafana_admin_password": "canary-admin-long\n"}, "white space at an end or a line break in it"),
    ({"grafana_admin_password": "a canary with spaces"}, ""),
    ({"grafana_version": "latest"}, "grafana_version is latest: give three numbers such as 12.4.0, without a v"),
    ({"grafana_version": "v12.4.0"}, "without a v"),
    ({"grafana_version": "8.5.0"}, "the oldest that works, because it has service accounts, is 9.1.0"),
    ({"grafana_version": "9.4.0-1"}, ""),
    ({"grafana_repository_key_fingerprints": ["0458545"]}, "has 0458545, which is not 40 hexadecimal digits"),
    ({"grafana_repository_key_fingerprints": "0458545, " + "A" * 40}, "fingerprints has 0458545, which is not 40 hexa"),
    ({"grafana_port": "443"}, ""),
    ({"grafana_port": 70000}, "grafana_port is 70000: ports are 1 to 65535"),
    ({"grafana_port": "0"}, "grafana_port is 0: ports"),
    ({"grafana_allow_from": ["10.0.0.0/16", "192.0.2.1", "2001:db8::/32", "::1", "any"]}, ""),
    ({"grafana_allow_from": "10.0.0.0/16, 192.0.2.1"}, ""),
    ({"grafana_allow_from": ["grafana.example.com"]}, "has grafana.example.com, which is not an address or network"),
    ({"grafana_listen_address": "192.0.2.1"}, "192.0.2.1, which is not an address of this host"),
    (
        {"grafana_listen_address": "0.0.0.0"},
        "is 0.0.0.0, so passwords would cross the network in clear: set grafana_tls_cert_file and grafana_tls_key_file",
    ),
    ({"grafana_listen_address": "0.0.0.0", "grafana_insecure": "false"}, "or accept it with grafana_insecure"),
    ({"grafana_listen_address": "0.0.0.0", "grafana_insecure": True}, ""),
    ({"grafana_tls_cert_file": "/x"}, "grafana_tls_cert_file and grafana_tls_key_file belong together"),
    ({"grafana_metrics_username": "x"}, "grafana_metrics_username and grafana_metrics_password belong together"),
    ({"grafana_prometheus_password": "canary"}, "grafana_prometheus_username and grafana_prometheus_password belong"),
    ({"grafana_prometheus_url": "http://u:canary@p:9090"}, "grafana_prometheus_url holds a user name or password"),
    ({"grafana_prometheus_url": "u:canary@p:9090"}, "grafana_prometheus_url holds a user name or password"),
    ({"grafana_root_url": "https://g.example/?a=b@c"}, ""),
    (
        {"monitoring_mirror_url": "https://u:canary@mirror"},
        "^monitoring_mirror_url holds a user name or password, which",
    ),
    (
        {"monitoring_mirror_url": "https://u:canary@mirror", "grafana_deb": "/g.deb"},
        "^monitoring_mirror_url holds a user",
    ),
    (
        {
            "monitoring_mirror_url": "https://u:canary@mirror",
            "grafana_repository_url": "https://mirror/apt.grafana.com",
            "grafana_gnet_url": "https://mirror/grafana.com",
        },
        "",
    ),
    ({"grafana_alertmanager_url": "localhost:9093"}, "is localhost:9093, which is not a URL such as"),
    ({"grafana_prometheus_scrape_interval": "30"}, "is 30, which is not a duration such as 30s"),
    ({"grafana_cloudwatch_region": "us-gov-west-1"}, ""),
    ({"grafana_cloudwatch_region": "Frankfurt"}, "is Frankfurt, which is not a region such as eu-central-1"),
    ({"grafana_ini": {"smtp": True}}, "grafana_ini.smtp is not a section"),
    (
        {"grafana_ini": {"security": {"admin_password": "canary"}}},
        "sets security.admin_password, which belongs to the role",
    ),
    ({"grafana_ini": {"auth.basic": {"enabled": False}}}, "sets auth.basic.enabled, which belongs to the role"),
    ({"grafana_ini": {"server": {"http_port": 1}}}, "sets server.http_port, which belongs to the role"),
    (
        {"grafana_ini": {"smtp": {"password": "canary"}}},
        "smtp.password would put a secret into grafana.ini: put it into",
    ),
    ({"grafana_ini": {"auth.github": {"client_secret": "canary"}}}, "auth.github.client_secret would put a secret"),
    ({"grafana_ini": {"database": {"url": "mysql://g:canary@db/g"}}}, "grafana_ini.database.url would put a secret"),
    # Names that have such a word in them and hold no secret
    (
        {
            "grafana_ini": {
                "auth.azuread": {"token_url": "https://login.example/token", "use_refresh_token": "true"},
                "auth.generic_oauth": {"id_token_attribute_name": "id_token"},
                "auth": {"token_rotation_interval_minutes": "10"},
                "users": {"password_hint": "at least 12"},
            }
        },
        "",
    ),
    ({"grafana_environment": {"GF_SECURITY_ADMIN_PASSWORD": "canary"}}, "would put a secret into the unit"),
    ({"grafana_environment": {"HTTPS_PROXY": "http://u:canary@proxy:3128"}}, "HTTPS_PROXY would put a secret"),
    ({"grafana_environment": {"GF_SMTP_PASSWORD": "$__file{/run/x}", "HTTPS_PROXY": "http://proxy:3128"}}, ""),
    ({"grafana_environment": {"A B": "x"}}, "has A B, which cannot be the name of a variable"),
    ({"grafana_credential_files": {"x": "tls/x"}}, "files.x is tls/x, which is not an absolute path"),
    ({"grafana_ini": {"smtp": {"password": "$__file{/run/credentials/grafana-server.service/x}"}}}, ""),
    ({"grafana_ini": {"smtp": {"host": "a\nb"}}}, "grafana_ini.smtp.host is not a single value"),
    ({"grafana_ini": {"log": {"filters": ["a"]}}}, "grafana_ini.log.filters is not a single value"),
    ({"grafana_ini": {"smtp": {"enabled": True, "host": None}}}, ""),
    ({"grafana_credentials": {"admin_password": "canary"}}, "named admin_password, which is taken"),
    ({"grafana_credentials": {"a b": "canary"}}, "named a b: use letters, digits, and _ . -"),
    ({"grafana_folder_uid": "a/b"}, "grafana_folder_uid is a/b: Grafana takes 1 to 40"),
    ({"grafana_dashboards": ["nowhere"]}, r"there is no file .*/dashboards/nowhere\.json on the controller"),
    ({"grafana_dashboards": ["/nowhere.json"]}, r"there is no file /nowhere\.json on the controller"),
    ({"grafana_dashboards": "redis-cluster,redis-resources"}, ""),
    ({"grafana_dashboards": ["@/text.json"]}, "text.json is not a dashboard: it is no JSON object$"),
    ({"grafana_dashboards": ["@/list.json"]}, "list.json is not a dashboard: it is no JSON object$"),
    ({"grafana_dashboards": ["@/untitled.json"]}, "untitled.json is not a dashboard: it has no title$"),
    ({"grafana_dashboards": ["@/without.json"]}, "without.json has no uid: give it one"),
    ({"grafana_dashboards": ["@/long.json"]}, "long.json has the uid a{41}: give it one, 1 to 40"),
    ({"grafana_dashboards": ["@/fine.json"]}, ""),
    ({"grafana_dashboards": ["./fine.json"]}, ""),
    ({"grafana_dashboards": ["./untitled.json"]}, "/./untitled.json is not a dashboard: it has no title$"),
    ({"grafana_dashboards": ["redis-cluster", "@/fine.json", "redis-cluster"]}, "the uid redis-cluster twice"),
    ({"grafana_dashboards": ["@/fine.json"], "grafana_gnet_dashboards": [GNET]}, "have the uid a twice"),
    ({"grafana_gnet_dashboards": [GNET, GNET]}, "have the uid a twice"),
    ({"grafana_gnet_dashboards": [dict(GNET, uid="a.b")]}, "the uid a.b cannot be used"),
    ({"grafana_gnet_dashboards": [dict(GNET, uid="a" * 41)]}, "cannot be used"),
    ({"grafana_gnet_dashboards": [], "grafana_dashboards": []}, ""),
]
DASHBOARDS = {
    "text": "dashboard",
    "list": "[]",
    "untitled": '{"uid": "a", "panels": []}',
    "without": '{"title": "A"}',
    "long": '{"uid": "%s", "title": "A"}' % ("a" * 41),
    "fine": ' {"uid": "a", "title": "A {{ b }}"}\n',
}
FULL = dict(
    GOOD,
    **TLS,
    grafana_listen_address="::",
    grafana_root_url="https://grafana.example.com/x",
    grafana_api_url="https://grafana.example.com:3000/",
    monitoring_mirror_url="https://mirror.example/",
    grafana_secret_key="canary-key",
    grafana_metrics_username="prometheus",
    grafana_metrics_password="canary-metrics",
    grafana_prometheus_url="https://p:9090",
    grafana_prometheus_username="admin",
    grafana_prometheus_password="canary-prometheus",
    grafana_prometheus_ca_file="/tls/ca.crt",
    prometheus_scrape_interval="15s",
    grafana_alertmanager_url="http://a:9093",
    grafana_cloudwatch_region="eu-central-1",
    grafana_allow_from=["10.0.0.0/8"],
    grafana_environment={"HTTPS_PROXY": "http://proxy:3128"},
    grafana_ini={
        "users": {"allow_org_create": None, "default_theme": "light; # dark"},
        "analytics": {"reporting_enabled": True},
    },
)


def test_bad_settings_are_named_in_one_line(tmp_path):
    for name, text in DASHBOARDS.items():
        (tmp_path / (name + ".json")).write_text(text)
    cases = [json.loads(json.dumps(variables).replace("@/", "%s/" % tmp_path)) for variables, _says in CASES]
    tasks = [show("[{{ __grafana_problem }}]", **variables) for variables in cases]
    shown = play(tmp_path, "grafana", tasks, dict(defaults("grafana"), **GOOD))
    assert len(shown) == len(CASES)
    for (variables, says), said in zip(CASES, shown):
        said = said[1:-1]
        assert re.search(says or r"\A\Z", said), f"{variables}: {said!r} is not like {says!r}"
        assert "\n" not in said and "canary" not in said


def test_unit_of_other_versions_and_ports(tmp_path):
    template = "{{ lookup('ansible.builtin.template', role_path ~ '/templates/redisops.conf.j2') }}"
    others = (
        {},
        {"grafana_version": "13.1.0", "grafana_port": "443", "grafana_allow_from": "10.0.0.0/8, 192.0.2.1"},
        {"grafana_credential_files": {"x": "/a/50%/x"}},
    )
    plain, newer, credential = play(
        tmp_path, "grafana", [show(template, **other) for other in others], {**defaults("grafana"), **GOOD}
    )
    bind = "\nBindReadOnlyPaths=-/var/lib/grafana/plugins-bundled:/usr/share/grafana/data/plugins-bundled\n"
    assert bind in newer and bind not in plain
    # systemd would end a start after 90 seconds of its own, in the middle of the migration of a database.
    assert "\nTimeoutStartSec=120\n" in plain
    assert "\nCapabilityBoundingSet=\n" in plain and "AmbientCapabilities" not in plain
    assert "\nAmbientCapabilities=CAP_NET_BIND_SERVICE\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in newer
    assert "IPAddressAllow=localhost 10.0.0.0/8 192.0.2.1\n" in newer and "IPAddress" not in plain
    assert "\nLoadCredential=x:/a/50%%/x\n" in credential


def test_rendered(tmp_path):
    template = "{{ lookup('ansible.builtin.template', role_path ~ '/templates/%s.j2') }}"
    facts = ("secrets", "datasources", "dashboards", "url", "repository_url", "gnet_url", "problem")
    tasks = [show(template % name) for name in ("grafana.ini", "redisops.conf")]
    tasks += [show("%s{{ __grafana_%s | to_json }}" % ("x", name)) for name in facts]
    settings, unit, *rest = play(tmp_path, "grafana", tasks, {**defaults("grafana"), **FULL})
    found = {name: json.loads(text[1:]) for name, text in zip(facts, rest)}
    assert found["problem"] == ""

    assert "canary" not in settings and "canary" not in unit
    assert set(found["secrets"]) == {"admin_password", "secret_key", "metrics_password"}
    handed = dict(re.findall(r"^LoadCredential=(.*?):(.*)$", unit, re.MULTILINE))
    assert set(re.findall(r"/run/credentials/grafana-server.service/([\w.]+)", settings)) == set(handed)
    assert handed["web.key"] == "/tls/a.key"
    assert handed["secret_key"] == "/etc/redisops/grafana/credentials/secret_key"
    assert "IPAddressDeny=any\nIPAddressAllow=localhost 10.0.0.0/8\n" in unit
    assert 'Environment="HTTPS_PROXY=http://proxy:3128"\n' in unit

    ini = configparser.RawConfigParser(delimiters=("=",))
    ini.read_string(settings)
    assert (ini["server"]["http_addr"], ini["server"]["domain"]) == ("::", "grafana.example.com")
    assert ini["server"]["root_url"] == "https://grafana.example.com/x/"
    assert ini["users"]["default_theme"] == '"""light; # dark"""' and "allow_org_create" not in ini["users"]
    assert ini["analytics"]["reporting_enabled"] == "true" and ini["analytics"]["check_for_updates"] == "false"
    assert ini["security"]["cookie_secure"] == "true"
    # What would ask grafana.com
    assert {ini["plugins"][one] for one in ("preinstall_disabled", "public_key_retrieval_disabled")} == {"true"}

    assert found["url"] == "https://grafana.example.com:3000"
    assert found["repository_url"] == "https://mirror.example/apt.grafana.com"
    assert found["gnet_url"] == "https://mirror.example/grafana.com"

    prometheus, alertmanager, cloudwatch = (
        found["datasources"][one] for one in ("prometheus", "alertmanager", "cloudwatch")
    )
    assert prometheus["json_data"] == {
        "httpMethod": "POST", "timeInterval": "15s", "tlsAuthWithCACert": True, "manageAlerts": True,
        "alertmanagerUid": "alertmanager",
    }  # fmt: skip
    assert (prometheus["secure"], prometheus["files"]) == (
        {"basicAuthPassword": "canary-prometheus"}, {"tlsCACert": "/tls/ca.crt"}
    )  # fmt: skip
    assert alertmanager["json_data"]["implementation"] == "prometheus" and alertmanager["secure"] == {}
    assert cloudwatch["json_data"] == {"authType": "default", "defaultRegion": "eu-central-1"}


def test_below_a_path(tmp_path):
    served = {"grafana_ini": {"server": {"serve_from_sub_path": "true"}}}
    root = {"grafana_root_url": "https://example.com/grafana/"}
    api = {"grafana_api_url": "https://example.com/grafana/"}
    cases = ({}, root, served, {**root, **served}, {**root, **served, **api})
    shown = play(
        tmp_path, "grafana", [show("{{ __grafana_url }}", **case) for case in cases], {**defaults("grafana"), **GOOD}
    )
    own = "http://127.0.0.1:3000"
    assert shown == [own, own, own, own + "/grafana", "https://example.com/grafana"]


def test_plain_defaults(tmp_path):
    tasks = [show("x{{ __grafana_%s | to_json }}" % name) for name in ("repository_url", "gnet_url", "datasources")]
    shown = play(tmp_path, "grafana", tasks, {**defaults("grafana"), **GOOD})
    repository, gnet, datasources = (json.loads(text[1:]) for text in shown)
    assert (repository, gnet) == ("https://apt.grafana.com", "https://grafana.com")
    assert list(datasources) == ["prometheus"] and datasources["prometheus"]["json_data"]["timeInterval"] == "30s"


def test_our_dashboards_are_those_of_the_role():
    names = yaml.safe_load((ROLES / "grafana/defaults/main.yml").read_text())["grafana_dashboards"]
    files = {
        path.stem: json.loads(path.read_text())["uid"] for path in (ROLES / "grafana/files/dashboards").glob("*.json")
    }
    assert sorted(names) == sorted(files) and all(name == uid for name, uid in files.items())
