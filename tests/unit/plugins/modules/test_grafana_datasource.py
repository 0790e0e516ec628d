# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""grafana_datasource against the stand-in, as 9.4 and as 12.4, and against servers behind a data source."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import datasource as engine
from ansible_collections.redisops.monitoring.plugins.modules import grafana_datasource
from running import PASSWORD, Backend, Running

pytestmark = pytest.mark.usefixtures("no_pauses")

ONE, TWO = "canary-one-5ecr3t", "canary-two-5ecr3t"


@pytest.fixture
def backend():
    with Backend(password=ONE) as running:
        yield running


@pytest.fixture
def datasource(run_module):
    """Runs the module; no secret may be in what comes back."""

    def run(server, **args):
        connection = {"url": server.url}
        if "token" not in args:
            connection.update(url_username="admin", url_password=PASSWORD)
        result = run_module(grafana_datasource, **dict(connection, uid="prom", **args))
        text = json.dumps(result)
        for secret in (ONE, TWO, PASSWORD):
            assert secret not in text
        assert "\n" not in result.get("msg", "")
        return result

    return run


def stored(server, uid="prom"):
    return server.call("GET", "/api/datasources/uid/" + uid)[1]


def wanted(backend, password=ONE, **more):
    options = {"ds_type": "prometheus", "ds_url": backend.url, "basic_auth_user": "grafana"}
    options["json_data"] = {"httpMethod": "POST", "timeInterval": "30s"}
    options["secure_json_data"] = {"basicAuthPassword": password}
    return dict(options, **more)


def query(server):
    return server.call("GET", "/api/datasources/proxy/uid/prom/api/v1/query?query=1")[0]


def test_create_unchanged_update_delete(server, backend, datasource):
    result = datasource(server, name="Prometheus", **wanted(backend))
    assert result["changed"]
    assert result["secrets_sent"] == ["basicAuthPassword"]
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["secure_json_data"] == {"basicAuthPassword": "set"}
    assert result["datasource"]["secureJsonFields"] == {"basicAuthPassword": True}
    there = stored(server)
    assert (there["name"], there["type"], there["url"]) == ("Prometheus", "prometheus", backend.url)
    assert (there["basicAuth"], there["basicAuthUser"], there["access"]) == (True, "grafana", "proxy")
    assert query(server) == 200

    server.requests()
    again = datasource(server, name="Prometheus", **wanted(backend))
    assert not again["changed"]
    assert again["secrets_sent"] == []
    seen = server.requests()
    assert len(seen) == 2
    assert {method for method, _path in seen} == {"GET"}

    changed = datasource(server, json_data={"timeInterval": "15s"})
    assert changed["changed"]
    assert changed["diff"]["before"]["json_data"] == {"httpMethod": "POST", "timeInterval": "30s"}
    assert changed["diff"]["after"]["json_data"] == {"timeInterval": "15s"}
    there = stored(server)
    assert there["jsonData"] == {"timeInterval": "15s"}
    assert (there["name"], there["basicAuthUser"], there["url"]) == ("Prometheus", "grafana", backend.url)
    assert query(server) == 200, "the stored secret must survive"

    gone = datasource(server, state="absent")
    assert gone["changed"]
    assert gone["diff"]["after"] == {}
    assert "uid" not in stored(server)
    assert not datasource(server, state="absent")["changed"]


def test_unchanged_without_secrets_is_one_request(server, datasource):
    options = {
        "ds_type": "prometheus",
        "ds_url": "http://prometheus.example:9090",
        "json_data": {"timeInterval": "30s"},
    }
    datasource(server, **options)
    server.requests()
    assert not datasource(server, **options)["changed"]
    assert server.requests() == [("GET", "/api/datasources/uid/prom")]


def test_works_with_a_token(server, datasource):
    token = server.token()
    assert datasource(server, token=token, ds_type="prometheus", ds_url="http://p:9090")["changed"]
    assert not datasource(server, token=token, ds_type="prometheus", ds_url="http://p:9090")["changed"]


# --- secrets ---


def test_a_rotated_password_arrives(server, backend, datasource):
    datasource(server, **wanted(backend))
    backend.password = TWO
    assert query(server) == 400
    planned = datasource(server, check_mode=True, **wanted(backend, TWO))
    assert planned["changed"]
    assert query(server) == 400
    result = datasource(server, **wanted(backend, TWO))
    assert result["changed"]
    assert result["secrets_sent"] == ["basicAuthPassword"]
    assert result["diff"]["after"]["secure_json_data"] == {"basicAuthPassword": "set again"}
    assert result["diff"]["before"]["secure_json_data"] == {"basicAuthPassword": "as stored"}
    assert "warnings" not in result
    assert query(server) == 200
    assert not datasource(server, **wanted(backend, TWO))["changed"]


def test_a_rotated_password_arrives_with_check_health(server, backend, datasource):
    datasource(server, check_health=True, **wanted(backend))
    backend.password = TWO
    result = datasource(server, check_health=True, **wanted(backend, TWO))
    assert result["changed"]
    assert result["health"]["status"] == "OK"
    assert query(server) == 200


def test_a_changed_password_travels_with_any_other_change(server, datasource):
    with Backend() as takes_any:
        datasource(server, **wanted(takes_any))
        datasource(server, **wanted(takes_any, TWO, json_data={"timeInterval": "15s"}))
        query(server)
        assert takes_any.seen[-1][1] == Backend.basic(TWO)


def test_update_secrets_forces(server, datasource):
    with Backend() as takes_any:
        datasource(server, **wanted(takes_any))
        assert not datasource(server, **wanted(takes_any, TWO))["changed"]
        assert datasource(server, update_secrets=True, **wanted(takes_any, TWO))["changed"]
        query(server)
        assert takes_any.seen[-1][1] == Backend.basic(TWO)
        assert datasource(server, update_secrets=True, **wanted(takes_any, TWO))["changed"]


def test_wrong_everywhere_is_a_warning(server, backend, datasource):
    datasource(server, **wanted(backend, TWO))
    result = datasource(server, **wanted(backend, TWO))
    assert result["changed"]
    assert "refuses the secrets that were just sent" in json.dumps(result["warnings"])


def test_a_server_that_is_down_does_not_look_like_a_changed_password(server, datasource):
    with Backend(password=ONE) as backend:
        datasource(server, **wanted(backend))
    assert not datasource(server, **wanted(backend))["changed"]


def test_a_new_secret_is_added_and_an_empty_one_removed(server, backend, datasource):
    datasource(server, **wanted(backend))
    header = {"httpHeaderValue1": TWO}
    result = datasource(server, secure_json_data=header)
    assert result["secrets_sent"] == ["httpHeaderValue1"]
    assert sorted(stored(server)["secureJsonFields"]) == ["basicAuthPassword", "httpHeaderValue1"]
    result = datasource(server, secure_json_data={"httpHeaderValue1": ""})
    assert result["changed"]
    assert "httpHeaderValue1" not in result["diff"]["after"]["secure_json_data"]
    assert sorted(stored(server)["secureJsonFields"]) == ["basicAuthPassword"]
    assert not datasource(server, secure_json_data={"httpHeaderValue1": ""})["changed"]


@pytest.mark.parametrize("check_health", [True, False])
def test_a_rotated_client_certificate_arrives(server, datasource, pki, check_health):
    def pair(name, ca):
        certificate, key = pki.issue(name, ca=ca, usage="client")
        return {"tlsClientCert": Path(certificate).read_text(), "tlsClientKey": Path(key).read_text()}

    authority = {"tlsCACert": Path(pki.ca()).read_text()}
    json_data = {"tlsAuth": True, "tlsAuthWithCACert": True}
    with Backend(tls=(*pki.issue("prometheus"), pki.ca("clients"))) as backend:
        options = {"ds_type": "prometheus", "ds_url": backend.url, "json_data": json_data}
        good = dict(authority, **pair("good", "clients"))
        datasource(server, secure_json_data=dict(authority, **pair("stranger", "strangers")), **options)
        assert query(server) == 502
        if server.flavour == "9.4" and not check_health:  # which says no more than that it cannot reach the server
            options["update_secrets"] = True
        result = datasource(server, secure_json_data=good, check_health=check_health, **options)
        assert result["secrets_sent"] == ["tlsCACert", "tlsClientCert", "tlsClientKey"], result
        assert query(server) == 200
        del options["json_data"]
        server.requests()
        options["update_secrets"] = False
        assert not datasource(server, secure_json_data=good, **options)["changed"]
        assert len(server.requests()) == 2


def test_secrets_have_to_be_strings(newest, datasource):
    result = datasource(newest, ds_type="prometheus", secure_json_data={"basicAuthPassword": {"a": 1}})
    assert "secure_json_data.basicAuthPassword has to be a string" in result["msg"]
    datasource(newest, ds_type="prometheus", secure_json_data={"basicAuthPassword": 123456})
    assert stored(newest)["secureJsonFields"] == {"basicAuthPassword": True}


# --- what is left alone ---


def test_is_default_is_left_alone_unless_set(server, datasource):
    options = {"ds_type": "prometheus", "ds_url": "http://p:9090"}
    assert datasource(server, is_default=True, **options)["diff"]["after"]["is_default"]
    assert not datasource(server, **options)["changed"]
    datasource(server, **dict(options, ds_url="http://q:9090"))
    assert stored(server)["isDefault"]
    server.call(
        "POST", "/api/datasources", {"uid": "b", "name": "B", "type": "loki", "access": "proxy", "isDefault": True}
    )
    assert not stored(server)["isDefault"]
    assert datasource(server, is_default=True, **dict(options, ds_url="http://q:9090"))["changed"]
    assert not stored(server, "b")["isDefault"]
    assert datasource(server, is_default=False, **dict(options, ds_url="http://q:9090"))["changed"]


def test_a_change_made_by_hand_is_put_right(server, datasource):
    options = {"ds_type": "prometheus", "ds_url": "http://p:9090", "json_data": {"timeInterval": "30s"}}
    datasource(server, **options)
    body = dict(stored(server), url="http://elsewhere:9090", jsonData={"timeInterval": "5s", "extra": 1})
    server.call("PUT", "/api/datasources/uid/prom", body)
    result = datasource(server, **options)
    assert result["changed"]
    assert result["diff"]["before"]["ds_url"] == "http://elsewhere:9090"
    assert stored(server)["url"] == "http://p:9090"
    assert stored(server)["jsonData"] == {"timeInterval": "30s"}


def test_basic_auth_is_switched_off_by_an_empty_user(server, backend, datasource):
    datasource(server, **wanted(backend))
    assert datasource(server, basic_auth_user="")["changed"]
    assert not stored(server)["basicAuth"]
    assert not datasource(server, basic_auth_user="")["changed"]


# --- check mode ---


def test_check_mode_writes_nothing(server, backend, datasource):
    token = server.token()
    before = server.database.read_bytes()
    server.requests()
    result = datasource(server, token=token, check_mode=True, check_health=True, **wanted(backend))
    assert result["changed"]
    assert result["diff"]["after"]["ds_url"] == backend.url
    assert not server.writes()
    assert server.database.read_bytes() == before
    datasource(server, **wanted(backend))
    before = server.database.read_bytes()
    server.requests()
    for change in ({"json_data": {}}, {"state": "absent"}, {"update_secrets": True, **wanted(backend)}):
        assert datasource(server, token=token, check_mode=True, **change)["changed"]
    assert not server.writes()
    assert server.database.read_bytes() == before


# --- health ---


def test_health_is_asked_for_by_uid_or_through_the_proxy(server, backend, datasource):
    result = datasource(server, check_health=True, **wanted(backend))
    assert result["health"]["status"] == "OK"
    asked = [path for method, path in server.requests() if method == "GET"]
    assert "/api/datasources/uid/prom/health" in asked
    assert ("/api/datasources/proxy/uid/prom/api/v1/query?query=1" in asked) == (server.flavour == "9.4")


@pytest.mark.parametrize("flavour, words", [("9.4", "cannot reach ds_url"), ("12.4", "connection refused")])
def test_health_fails_with_the_reason(flavour, words, tmp_path, datasource):
    with Running(tmp_path / "grafana", flavour) as server:
        options = {"ds_type": "prometheus", "ds_url": "http://127.0.0.1:1", "check_health": True}
        result = datasource(server, check_health_timeout=0, **options)
        assert result["failed"]
        assert result["changed"]
        assert words in result["msg"]
        assert result["health"]["status"] == "ERROR"
        result = datasource(server, check_health_timeout=0, check_mode=True, **options)
        assert result["failed"]
        assert not result["changed"]


def test_health_waits_for_a_server_that_is_starting(server, datasource, monkeypatch):
    monkeypatch.setattr(engine.time, "sleep", lambda _seconds: None)
    with Backend(answer="<html>starting</html>") as backend:
        timer = threading.Timer(1, setattr, (backend, "good", '{"status": "success", "data": {}}'))
        timer.start()
        result = datasource(server, ds_type="prometheus", ds_url=backend.url, check_health=True)
        assert result["health"]["status"] == "OK", result


def test_a_new_ca_of_an_alertmanager_arrives(server, datasource, pki):
    """Nothing but the proxy can be asked about it, and that does not say that it is the certificate."""

    def options(ca):
        return {
            "ds_type": "alertmanager",
            "json_data": {"implementation": "prometheus", "tlsAuthWithCACert": True},
            "secure_json_data": {"tlsCACert": Path(pki.ca(ca)).read_text()},
            "check_health": True,
        }

    with Backend(tls=pki.issue("alertmanager")) as backend:
        datasource(server, **{**options("old"), "check_health": False}, ds_url=backend.url)
        result = datasource(server, **options("ca"), ds_url=backend.url)
        assert result["secrets_sent"] == ["tlsCACert"], result
        assert result["health"]["status"] == "OK"
        assert not datasource(server, **options("ca"), ds_url=backend.url)["changed"]


def test_refused_credentials_fail_at_once(server, backend, datasource):
    result = datasource(server, check_health=True, check_health_timeout=600, **wanted(backend, TWO))
    assert result["failed"]
    assert "401" in result["msg"] or "Authentication to data source failed" in result["msg"]


def test_health_of_an_alertmanager_goes_through_the_proxy(server, datasource):
    with Backend() as backend:
        options = {"ds_type": "alertmanager", "ds_url": backend.url, "json_data": {"implementation": "prometheus"}}
        assert datasource(server, check_health=True, **options)["health"]["status"] == "OK"
        assert backend.seen[-1][0] == "/api/v2/status"


@pytest.mark.parametrize("secrets", [True, False])
@pytest.mark.parametrize("kind", ["prometheus", "alertmanager"])
def test_an_unchanged_one_with_check_health_is_two_requests(server, datasource, kind, secrets):
    with Backend(password=ONE if secrets else None) as backend:
        options = wanted(backend, ds_type=kind, json_data={"implementation": "prometheus"}, check_health=True)
        if not secrets:
            del options["secure_json_data"], options["basic_auth_user"]
        datasource(server, **options)
        server.requests()
        result = datasource(server, **options)
        assert (result["changed"], result["health"]["status"]) == (False, "OK")
        assert len(server.requests()) == 2


@pytest.mark.parametrize(
    "status, body",
    [
        (404, {"message": "Not found"}),
        (404, {"messageId": "plugin.notRegistered", "message": "Plugin not registered"}),
        (500, {"messageId": "plugin.unavailable", "message": "Plugin unavailable"}),
        (500, {"message": "Internal server error"}),
        (501, {"messageId": "plugin.notImplemented", "message": "Method not implemented"}),
        (503, {"message": "Plugin unavailable"}),
        (503, "<html>busy</html>"),
    ],
)
def test_without_a_health_check_the_proxy_is_asked(newest, backend, datasource, status, body):
    newest.fault({"answer": (status, body)}, "GET", "/health", times=9)
    assert datasource(newest, check_health=True, **wanted(backend))["health"]["status"] == "OK"
    asked = [path for _method, path in newest.requests()]
    assert asked[-2:] == ["/api/datasources/uid/prom/health", "/api/datasources/proxy/uid/prom/api/v1/query?query=1"]
    backend.password = TWO
    result = datasource(newest, check_health=True, check_health_timeout=0, json_data={})
    assert result["failed"] and "Authentication to data source failed" in result["msg"]


def test_what_cannot_be_asked_is_a_warning(server, datasource):
    result = datasource(server, ds_type="testdata", check_health=True)
    assert result["health"]["status"] == "UNKNOWN"
    assert "no health check" in json.dumps(result["warnings"])


def test_cloudwatch(server, datasource):
    options = {"ds_type": "cloudwatch", "check_health": True, "check_health_timeout": 0}
    json_data = {"authType": "default", "defaultRegion": "eu-central-1"}
    assert datasource(server, json_data=json_data, **options)["health"]["status"] == "OK"
    result = datasource(server, json_data=dict(json_data, authType="ec2_iam_role"), **options)
    assert "ec2_iam_role" in result["msg"]
    assert "allowed" in result["msg"]


# --- bad input ---


def test_a_password_in_the_url_is_refused_and_hidden(newest, datasource):
    for url in ("http://u:%s@prometheus:9090" % ONE, "u:%s@prometheus:9090" % ONE, "https://%s@prometheus" % ONE):
        result = datasource(newest, ds_type="prometheus", ds_url=url)
        assert "ds_url holds a user name or password" in result["msg"]
    assert not newest.requests()


def test_grafanas_own_url_may_not_hold_one_either(run_module):
    result = run_module(grafana_datasource, url="http://admin:%s@127.0.0.1:1" % ONE, token="x", uid="prom")
    assert "url_password" in result["msg"]
    assert ONE not in json.dumps(result)


@pytest.mark.parametrize("password", [ONE + "/w", ONE + "@x", ONE + "?a", ONE + "#b/c@d", "%40" + ONE])
def test_a_password_with_odd_characters_in_the_url_is_refused_and_hidden(newest, datasource, password):
    result = datasource(newest, ds_type="prometheus", ds_url="https://u:%s@prometheus:9090/x" % password)
    assert "ds_url holds a user name or password" in result["msg"]
    assert not newest.requests()


@pytest.mark.parametrize("url", ["http://p:9090/a@b", "https://[::1]:9090/x?y=a@b", "http://p/a:b@c", "p:9090"])
def test_an_at_sign_elsewhere_in_the_url_is_none(newest, datasource, url):
    assert datasource(newest, ds_type="prometheus", ds_url=url)["changed"]


@pytest.mark.parametrize(
    "json_data, place",
    [
        ({"basicAuthPassword": TWO}, "basicAuthPassword"),
        ({"httpHeaderValue1": "Bearer " + TWO}, "httpHeaderValue1"),
        ({"nested": {"clientSecret": TWO}, "apiKey": TWO}, "json_data.nested.clientSecret, json_data.apiKey"),
        ({"comment": "the password is " + ONE}, "comment"),
        ({"list": [{"token": TWO}]}, "json_data.list.0.token"),
    ],
)
def test_a_secret_in_json_data_is_refused_and_hidden(newest, backend, datasource, json_data, place):
    result = datasource(newest, **wanted(backend, json_data=json_data))
    assert result["failed"] and "looks like a secret" in result["msg"] and place in result["msg"]
    assert not newest.requests()


def test_a_secret_that_somebody_stored_in_clear_is_not_shown(newest, datasource):
    body = {"uid": "prom", "name": "P", "type": "prometheus", "access": "proxy", "url": "http://u:%s@p:9090" % ONE}
    newest.call("POST", "/api/datasources", dict(body, jsonData={"password": TWO, "timeInterval": "5s"}))
    result = datasource(newest, ds_url="http://p:9090", json_data={"timeInterval": "30s"})
    assert result["changed"]
    assert result["diff"]["before"]["json_data"]["timeInterval"] == "5s"


def test_settings_that_only_sound_like_secrets(newest, datasource):
    json_data = {
        "tlsAuth": True,
        "oauthPassThru": True,
        "tokenUri": "https://x",
        "authType": "keys",
        "keepCookies": ["token"],
    }
    assert datasource(newest, ds_type="prometheus", json_data=dict(json_data, httpHeaderName1="X-Token"))["changed"]


@pytest.mark.parametrize("option", ["timeout", "org_id"])
def test_numbers_that_make_no_sense(newest, datasource, option):
    assert option + " has to be 1 or more" in datasource(newest, ds_type="prometheus", **{option: 0})["msg"]


@pytest.mark.parametrize("uid", ["a b", "a.b", "x" * 41])
def test_bad_uid(newest, run_module, uid):
    result = run_module(grafana_datasource, url=newest.url, token="x", uid=uid, ds_type="prometheus")
    assert "1 to 40 of the characters" in result["msg"]
    assert not newest.requests()


def test_a_new_one_needs_a_type(server, datasource):
    assert "ds_type is needed" in datasource(server, ds_url="http://p:9090")["msg"]


def test_a_taken_name_names_its_owner(server, datasource):
    server.call("POST", "/api/datasources", {"uid": "by-hand", "name": "Prometheus", "type": "loki", "access": "proxy"})
    result = datasource(server, name="Prometheus", ds_type="prometheus", ds_url="http://p:9090")
    assert "uid by-hand" in result["msg"]
    datasource(server, name="Mine", ds_type="prometheus", ds_url="http://p:9090")
    assert "uid by-hand" in datasource(server, name="Prometheus")["msg"]


def test_provisioned_from_a_file(server, datasource):
    server.grafana.provision_datasource(
        uid="prom", name="Prom", type="prometheus", access="proxy", url="http://p:9090", jsonData={"a": 1}
    )
    assert not datasource(server, ds_type="prometheus", ds_url="http://p:9090")["changed"]
    for change in ({"ds_url": "http://q:9090"}, {"secure_json_data": {"x": ONE}}, {"state": "absent"}):
        for check in (False, True):
            result = datasource(server, check_mode=check, **change)
            assert "read-only" in result["msg"]
            assert not result["changed"]


def test_wrong_password_is_tried_once(server, run_module):
    server.requests()
    result = run_module(grafana_datasource, url=server.url, url_username="admin", url_password=ONE, uid="prom")
    assert "'admin'" in result["msg"]
    assert ONE not in json.dumps(result)
    assert len(server.requests()) == 1


def test_missing_permission(server, datasource):
    token = server.token("viewer", "Viewer")
    result = datasource(server, token=token, ds_type="prometheus", ds_url="http://p:9090")
    assert "datasources:create" in result["msg"]


def test_a_token_of_another_organisation(server, datasource):
    result = datasource(server, token=server.token(), org_id=77, ds_type="prometheus", ds_url="http://p:9090")
    assert "77" in result["msg"]
    assert "uid" not in stored(server)


def test_connection_options_are_given_one_way(newest, run_module):
    both = run_module(
        grafana_datasource, url=newest.url, token="t0ken", url_username="admin", url_password="y0", uid="a"
    )
    assert "mutually exclusive" in both["msg"]
    assert "one of the following" in run_module(grafana_datasource, url=newest.url, uid="a")["msg"]
    assert "url_password" in run_module(grafana_datasource, url=newest.url, url_username="admin", uid="a")["msg"]


# --- faults ---


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_connection_cut_in_the_middle_of_a_write(server, backend, datasource, cut):
    server.fault({"cut": cut}, "POST", "/api/datasources")
    result = datasource(server, **wanted(backend))
    assert result["changed"]
    assert query(server) == 200
    server.fault({"cut": cut}, "PUT")
    assert datasource(server, **wanted(backend, json_data={}))["changed"]
    assert stored(server)["jsonData"] == {}
    server.fault({"cut": cut}, "DELETE")
    assert datasource(server, state="absent")["changed"]
    assert "uid" not in stored(server)


def test_two_runs_that_create_at_once(server, backend, datasource):
    options = wanted(backend)
    results = []

    def slow_look(method, path):  # both find nothing before either has written
        if method == "GET" and path == "/api/datasources":
            server.call("POST", "/api/datasources", {"uid": "prom", "name": "prom", "type": "loki", "access": "proxy"})
            server.grafana.faults.remove(slow_look)

    server.grafana.faults.append(slow_look)
    results.append(datasource(server, **options))
    assert results[0]["changed"]
    assert stored(server)["type"] == "prometheus"
    assert query(server) == 200


def test_a_write_to_a_place_that_is_none_is_told(newest, datasource):
    newest.fault({"answer": (404, {"message": "Plugin not found"})}, "POST", "/api/datasources")
    assert "status 404: Plugin not found" in datasource(newest, ds_type="prometheus")["msg"]


def test_server_errors_pass_or_are_told(server, backend, datasource):
    server.fault({"answer": (500, {"message": "database is locked"})}, "GET", times=3)
    assert datasource(server, **wanted(backend))["changed"]
    server.fault({"answer": (502, "<html>bad gateway</html>", {}, "text/html")}, "GET", times=9)
    assert "status 502" in datasource(server, **wanted(backend))["msg"]


def test_secrets_from_files_of_the_host(server, datasource, tmp_path):
    (tmp_path / "ca.crt").write_text("canary-certificate\nline two\n")
    with Backend(password=ONE) as backend:
        files = {"tlsCACert": str(tmp_path / "ca.crt")}
        result = datasource(server, **wanted(backend, secure_json_data_files=files))
        assert sorted(result["secrets_sent"]) == ["basicAuthPassword", "tlsCACert"]
        assert "canary-certificate" not in json.dumps(result)
        doc = server.grafana.store.get("datasource", "1/prom")
        assert server.grafana.vault.open(doc["secure"]["tlsCACert"]) == "canary-certificate\nline two\n"
        assert not datasource(server, **wanted(backend, secure_json_data_files=files))["changed"]
        both = datasource(server, **wanted(backend, secure_json_data_files={"basicAuthPassword": "/x"}))
        assert "basicAuthPassword is in secure_json_data and in secure_json_data_files" in both["msg"]
        missing = datasource(server, **wanted(backend, secure_json_data_files={"tlsCACert": "/nowhere"}))
        assert "secure_json_data_files.tlsCACert: /nowhere cannot be read: No such file" in missing["msg"]


def test_token_from_a_file_of_the_host(newest, run_module, tmp_path):
    path = tmp_path / "token"
    path.write_text(newest.token() + "\n")

    def run(**args):
        return run_module(grafana_datasource, url=newest.url, uid="prom", ds_type="prometheus", **args)

    result = run(token_path=str(path))
    assert result["changed"] and path.read_text().strip() not in json.dumps(result)
    assert "token_path /nowhere cannot be read: No such file" in run(token_path="/nowhere")["msg"]
    assert "mutually exclusive" in run(token_path=str(path), token="t0ken")["msg"]
    path.write_text("\n")
    assert "token is empty" in run(token_path=str(path))["msg"]
