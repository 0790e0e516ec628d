# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role grafana refuses, and what it makes of its settings."""

from __future__ import annotations

import configparser
import json
import re

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _templates, grafana

VERSION = _core.options_of("grafana")["grafana_version"]["default"]
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
    ({"grafana_dashboards": ["./untitled.json"]}, "/untitled.json is not a dashboard: it has no title$"),
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


@pytest.fixture
def dashboards(tmp_path):
    for name, text in DASHBOARDS.items():
        (tmp_path / (name + ".json")).write_text(text)
    return tmp_path


@pytest.mark.parametrize(("variables", "says"), CASES)
def test_bad_settings_are_named_in_one_line(judge, host, dashboards, variables, says):
    variables = json.loads(json.dumps(variables).replace("@/", "%s/" % dashboards))
    said = "; ".join(judge("grafana", {**GOOD, **variables}, host(search=[str(dashboards)])))
    assert re.search(says or r"\A\Z", said), said
    assert "\n" not in said and "canary" not in said


def test_what_needs_facts_waits_for_them(judge, host):
    unknown = host(addresses=[], default_address="", architecture="")
    assert judge("grafana", {**GOOD, **TLS, "grafana_listen_address": "192.0.2.1"}, unknown) == []
    assert judge("grafana", {**GOOD, **TLS, "grafana_listen_address": ""}, unknown) == []
    somewhere = {**GOOD, "grafana_listen_address": ""}
    assert "is the private address, so passwords" in judge("grafana", somewhere, unknown)[0]
    assert "no private address was found" in judge("grafana", somewhere, host(default_address=""))[0]


def drop_in(found):
    return _templates.render("grafana/redisops.conf.j2", found["values"])


def ini(found):
    parser = configparser.RawConfigParser(delimiters=("=",))
    parser.read_string(_templates.render("grafana/grafana.ini.j2", found["values"]))
    return parser


def test_unit_of_other_versions_and_ports(service):
    newer = {"grafana_version": "13.1.0", "grafana_port": "443", "grafana_allow_from": "10.0.0.0/8, 192.0.2.1"}
    plain, newer, credential = (
        drop_in(service("grafana", {**GOOD, **other}))
        for other in ({}, newer, {"grafana_credential_files": {"x": "/a/50%/x"}})
    )
    bind = "\nBindReadOnlyPaths=-/var/lib/grafana/plugins-bundled:/usr/share/grafana/data/plugins-bundled\n"
    assert bind in newer and bind not in plain
    # systemd would end a start after 90 seconds of its own, in the middle of the migration of a database.
    assert "\nTimeoutStartSec=120\n" in plain
    assert "\nCapabilityBoundingSet=\n" in plain and "AmbientCapabilities" not in plain
    assert "\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n" in newer
    assert "\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\n" in newer
    assert "IPAddressAllow=localhost 10.0.0.0/8 192.0.2.1\n" in newer and "IPAddress" not in plain
    assert "\nLoadCredential=x:/a/50%%/x\n" in credential
    # Files belong to the user of the package, whom a user namespace would hide.
    assert "\nPrivateUsers=no\n" in plain


def test_systemd_takes_the_drop_in_and_rates_it(service, systemd_accepts, tmp_path):
    path = tmp_path / "grafana-server.service"
    package = "[Service]\nUser=grafana\nGroup=grafana\nExecStart=/usr/share/grafana/bin/grafana server\n"
    path.write_text(package + drop_in(service("grafana", FULL)))
    systemd_accepts(path)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({}, {}),
        ({"NO_PROXY": "x"}, {"NO_PROXY": "x"}),
        ({"HTTPS_PROXY": "http://proxy:3128"}, {"NO_PROXY": "p,a,2001:db8::1"}),
        ({"http_proxy": "http://proxy:3128", "no_proxy": "x, a"}, {"no_proxy": "x,a,p,2001:db8::1"}),
        (
            {"https_proxy": "http://proxy:3128", "NO_PROXY": "", "no_proxy": "x"},
            {"NO_PROXY": "", "no_proxy": "x,p,a,2001:db8::1"},
        ),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, {"NO_PROXY": "*"}),
    ],
)
def test_data_sources_are_not_asked_through_a_proxy(service, given, found):
    """Which would be handed their passwords."""
    settings = {
        **FULL,
        "grafana_environment": given,
        "grafana_prometheus_replicas": {"two": "https://[2001:db8::1]:9090"},
    }
    assert service("grafana", settings)["values"]["service"]["environment"] == {**given, **found}


def test_configuration(service, host):
    found = service("grafana", FULL)
    settings, unit = ini(found), drop_in(found)
    shown = "\n".join("%s=%s" % pair for name in settings.sections() for pair in settings[name].items())
    assert "canary" not in shown and "canary" not in unit
    written = {one["path"] for one in found["config"]["secrets"]}
    assert written == {"credentials/admin_password", "credentials/secret_key", "credentials/metrics_password"}
    handed = dict(re.findall(r"^LoadCredential=(.*?):(.*)$", unit, re.MULTILINE))
    assert set(re.findall(r"/run/credentials/grafana-server.service/([\w.]+)", shown)) == set(handed)
    assert handed["web.key"] == "/tls/a.key"
    assert handed["secret_key"] == "/etc/redisops/grafana/credentials/secret_key"
    assert "IPAddressDeny=any\nIPAddressAllow=localhost 10.0.0.0/8\n" in unit
    assert 'Environment="HTTPS_PROXY=http://proxy:3128"\n' in unit

    assert (settings["server"]["http_addr"], settings["server"]["domain"]) == ("::", "grafana.example.com")
    assert settings["server"]["root_url"] == "https://grafana.example.com/x/"
    assert settings["users"]["default_theme"] == '"""light; # dark"""' and "allow_org_create" not in settings["users"]
    assert settings["analytics"]["reporting_enabled"] == "true"
    assert settings["analytics"]["check_for_updates"] == "false"
    assert settings["security"]["cookie_secure"] == "true"
    # What would ask grafana.com
    assert {settings["plugins"][one] for one in ("preinstall_disabled", "public_key_retrieval_disabled")} == {"true"}

    asked = found["config"]["service"]
    assert asked["ready_url"] == "https://grafana.example.com:3000/api/health" and asked["version"] == VERSION
    assert {one["what"] for one in found["config"]["certificates"]} == {"grafana_tls", "grafana_prometheus_ca_file"}
    assert found["config"]["certificates"][0]["name"] == "grafana.example.com"


def test_data_sources(settings, host):
    found = grafana.TASKS["datasources"](settings("grafana", FULL, host()), host())
    assert [one["module"] for one in found] == ["grafana_datasource"] * 3
    prometheus, alertmanager, cloudwatch = (one["args"] for one in found)
    assert prometheus["json_data"] == {
        "httpMethod": "POST", "timeInterval": "15s", "tlsAuthWithCACert": True, "manageAlerts": True,
        "alertmanagerUid": "alertmanager",
    }  # fmt: skip
    assert prometheus["secure_json_data"] == {"basicAuthPassword": "canary-prometheus"}
    assert prometheus["secure_json_data_files"] == {"tlsCACert": "/tls/ca.crt"}
    assert (prometheus["basic_auth_user"], prometheus["is_default"], prometheus["check_health"]) == (
        "admin",
        True,
        True,
    )
    assert alertmanager["json_data"]["implementation"] == "prometheus" and alertmanager["secure_json_data"] == {}
    assert cloudwatch["json_data"] == {"authType": "default", "defaultRegion": "eu-central-1"}
    assert (cloudwatch["name"], cloudwatch["check_health"], cloudwatch["is_default"]) == ("CloudWatch", False, False)
    for one in (prometheus, alertmanager, cloudwatch):
        assert one["url"] == "https://grafana.example.com:3000" and one["token_path"] == "/etc/redisops/grafana/token"


def test_dashboards(settings, host, dashboards):
    on = host(search=[str(dashboards)])
    changes = {
        "grafana_dashboards": ["redis-cluster", "./fine.json"],
        "grafana_on_drift": "keep",
        "grafana_runbook_base_url": "https://wiki.example.com/redis",
    }
    own, fine, foreign = (
        one["args"] for one in grafana.TASKS["dashboards"](settings("grafana", {**FULL, **changes}, on), on)
    )
    assert own["uid"] == own["definition"]["uid"] == "redis-cluster" and "mirror_url" not in own
    assert '"value": "https://wiki.example.com/redis"' in json.dumps(own["definition"])
    assert fine["definition"] == {"uid": "a", "title": "A {{ b }}"}
    assert (foreign["gnet_id"], foreign["mirror_url"]) == (11835, "https://mirror.example/grafana.com")
    assert foreign["overrides"] == {"time": {"from": "now-1h", "to": "now"}} and "overrides" not in own
    for one in (own, fine, foreign):
        assert one["inputs"] == {"DS_PROMETHEUS": "prometheus"}
        assert (one["folder"], one["folder_uid"], one["on_drift"]) == ("Redis", "redis", "keep")


def test_package_and_access(settings, host):
    found = settings("grafana", FULL, host())
    package = grafana.TASKS["package"](found, host())["args"]
    assert (package["version"], package["repository"]) == (VERSION, "https://mirror.example/apt.grafana.com")
    assert "deb" not in package and "key" not in package
    access = grafana.TASKS["access"](found, host())["args"]
    assert (access["url_username"], access["url_password"]) == ("admin", "canary-admin-long")
    local = grafana.TASKS["package"](settings("grafana", {**GOOD, "grafana_deb": "/g.deb"}, host()), host())["args"]
    assert local["deb"] == "/g.deb" and "repository" not in local


def test_below_a_path(settings, host):
    served = {"grafana_ini": {"server": {"serve_from_sub_path": "true"}}}
    root = {"grafana_root_url": "https://example.com/grafana/"}
    api = {"grafana_api_url": "https://example.com/grafana/"}
    cases = ({}, root, served, {**root, **served}, {**root, **served, **api})
    shown = [grafana.connection(settings("grafana", {**GOOD, **case}, host()), host())["url"] for case in cases]
    own = "http://127.0.0.1:3000"
    assert shown == [own, own, own, own + "/grafana", "https://example.com/grafana"]


def test_plain_defaults(settings, host):
    package, dashboards, datasources = (
        grafana.TASKS[name](settings("grafana", GOOD), host()) for name in ("package", "dashboards", "datasources")
    )
    assert package["args"]["repository"] == "https://apt.grafana.com"
    assert dashboards[-1]["args"]["mirror_url"] == "https://grafana.com"
    assert [one["args"]["uid"] for one in datasources] == ["prometheus"]
    assert datasources[0]["args"]["json_data"]["timeInterval"] == "30s"


def test_connection(settings, host):
    found = grafana.connection(settings("grafana", FULL, host()), host())
    assert found["datasource_uids"] == ["prometheus", "alertmanager", "cloudwatch"]
    assert found["dashboard_uids"] == ["redis-cluster", "redis-performance", "redis-resources", "redis-11835"]
    assert list(found["queries"]) == found["dashboard_uids"][:3]
    assert any("redis_up" in query for query in found["queries"]["redis-cluster"])
    assert "canary" not in str(found)


def test_our_dashboards_are_those_of_the_role():
    files = {
        path.stem: json.loads(path.read_text())["uid"]
        for path in (_core.ROLES / "grafana/files/dashboards").glob("*.json")
    }
    defaults = yaml.safe_load((_core.ROLES / "grafana/defaults/main.yml").read_text())
    assert sorted(defaults["grafana_dashboards"]) == sorted(files)
    assert all(name == uid for name, uid in files.items())
