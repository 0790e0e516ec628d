# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""grafana_dashboard against the stand-in, as 9.4 and as 12.4: sources, folders, drift, faults, bad input."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from pathlib import Path

import pytest
import samples
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import client, folders, model
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import dashboard as engine
from ansible_collections.redisops.monitoring.plugins.modules import grafana_dashboard
from running import PASSWORD

pytestmark = pytest.mark.usefixtures("no_pauses")

INPUTS = {"DS_PROMETHEUS": "prom"}


@pytest.fixture
def dashboard(run_module):
    def run(server, definition=None, **args):
        connection = {"url": server.url}
        if "token" not in args:
            connection.update(url_username="admin", url_password=PASSWORD)
        if definition is not None:
            args["definition"] = definition
        result = run_module(grafana_dashboard, **dict(connection, **args))
        assert PASSWORD not in json.dumps(result)
        assert "\n" not in result.get("msg", "")
        return result

    return run


@pytest.fixture
def mirror(tmp_path):
    """Directory and URL of a web server."""
    root = tmp_path / "mirror"
    root.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(root))
    handler.func.log_message = lambda *_args: None
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    yield root, "http://127.0.0.1:%d" % httpd.server_address[1]
    httpd.shutdown()
    httpd.server_close()


def stored(server, uid="mine"):
    return server.call("GET", "/api/dashboards/uid/" + uid)[1]


def save_by_hand(server, change=None, uid="mine", user="admin"):
    """What a script or an old web interface does: read, change, write."""
    there = stored(server, uid)
    if change:
        change(there["dashboard"])
    body = {"dashboard": there["dashboard"], "folderUid": there["meta"]["folderUid"], "overwrite": True, "message": ""}
    status, answer = server.call("POST", "/api/dashboards/db", body)
    assert status == 200, answer


def save_in_the_ui(server, change=None, uid="mine"):
    """What the web interface of 12.4 does: reads the migrated form, and writes all of it."""
    path = "/apis/dashboard.grafana.app/v1beta1/namespaces/default/dashboards/" + uid
    _status, resource = server.call("GET", path)
    if change:
        change(resource["spec"])
    resource["metadata"]["annotations"]["grafana.app/saved-from-ui"] = "Grafana v12.4.0"
    status, answer = server.call("PUT", path + "?fieldValidation=Ignore", resource)
    assert status == 200, answer


# --- create, unchanged, update, delete ---


def test_life_of_a_dashboard(server, dashboard):
    result = dashboard(server, samples.current(), commit_message="first")
    assert result["changed"]
    assert result["uid"] == "mine"
    assert result["version"] == 1
    assert result["dashboard_url"].startswith(server.url + "/d/mine/")
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["panels"] == ["timeseries: Latency", "timeseries: Memory"]
    assert model.equal(model.bare(stored(server)["dashboard"]), samples.current())
    assert server.call("GET", "/api/dashboards/uid/mine/versions/1")[1]["message"].startswith("first [redisops ")

    server.requests()
    again = dashboard(server, samples.current())
    assert not again["changed"]
    assert "msg" not in again
    assert server.requests() == [("GET", "/api/dashboards/uid/mine")]

    wanted = samples.current(title="Redis later")
    wanted["panels"][0]["targets"][0]["expr"] = "other"
    changed = dashboard(server, wanted, commit_message="second")
    assert changed["changed"]
    assert changed["version"] == 2
    assert "drift" not in changed
    assert changed["diff"]["before"] == {"title": "Redis now", "panels[Latency].targets[A].expr": "latency"}
    assert changed["diff"]["after"] == {"title": "Redis later", "panels[Latency].targets[A].expr": "other"}
    assert not dashboard(server, wanted)["changed"]

    gone = dashboard(server, uid="mine", state="absent")
    assert gone["changed"]
    assert gone["diff"]["before"]["title"] == "Redis later"
    assert "dashboard" not in stored(server)
    assert not dashboard(server, uid="mine", state="absent")["changed"]


def test_works_with_a_token(server, dashboard):
    token = server.token()
    assert dashboard(server, samples.current(), token=token)["changed"]
    assert not dashboard(server, samples.current(), token=token)["changed"]
    assert not dashboard(server, samples.current(), token=token, org_id=1)["changed"]


def test_an_export_with_inputs(server, dashboard):
    result = dashboard(server, samples.exported(), uid="mine", inputs=INPUTS, overrides={"refresh": "1m"})
    assert result["changed"]
    there = stored(server)["dashboard"]
    assert there["panels"][0]["datasource"] == "prom"
    assert there["refresh"] == "1m"
    assert there["tags"] == ["prometheus", "gnet:4711"]
    assert "__inputs" not in there
    assert not dashboard(server, samples.exported(), uid="mine", inputs=INPUTS, overrides={"refresh": "1m"})["changed"]


def test_check_mode_writes_nothing(server, dashboard):
    token = server.token()
    dashboard(server, samples.current())
    before = server.database.read_bytes()
    server.requests()
    for options in (
        {"definition": samples.current("other", "Other"), "folder": "New"},
        {"definition": samples.current(title="Changed")},
        {"definition": samples.current(), "folder_uid": "new-folder", "folder": "New"},
        {"uid": "mine", "state": "absent"},
    ):
        assert dashboard(server, token=token, check_mode=True, **options)["changed"]
    assert not server.writes()
    assert server.database.read_bytes() == before


# --- where it comes from ---


def test_from_a_file(server, dashboard, tmp_path):
    path = tmp_path / "d.json"
    path.write_text("\ufeff" + json.dumps(samples.current()), encoding="utf-8")
    assert dashboard(server, path=str(path))["changed"]
    assert not dashboard(server, path=str(path))["changed"]


def test_from_a_mirror_and_a_url(server, dashboard, mirror):
    root, url = mirror
    place = root / "api" / "dashboards" / "4711" / "revisions" / "2"
    place.mkdir(parents=True)
    (place / "download").write_text(json.dumps(samples.exported(), indent=2))
    pin = model.canonical_sha256(samples.exported())
    options = {"uid": "mine", "gnet_id": 4711, "revision": 2, "mirror_url": url + "/", "inputs": INPUTS, "sha256": pin}
    result = dashboard(server, **options)
    assert result["changed"]
    assert result["sha256"] == pin
    assert stored(server)["dashboard"]["tags"] == ["prometheus", "gnet:4711:2"]
    assert not dashboard(server, **options)["changed"]
    (root / "d.json").write_text(json.dumps(samples.current("by-url", "By URL")))
    assert dashboard(server, dashboard_url=url + "/d.json")["uid"] == "by-url"


def test_a_source_behind_redirects_and_a_proxy(newest, dashboard, mirror, monkeypatch):
    """The proxy of the environment is for the internet; Grafana itself is asked directly."""
    root, url = mirror
    (root / "d.json").write_text(json.dumps(samples.current()))
    asked = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "/moved" if len(asked) == 1 else url + "/d.json")
            self.end_headers()
            monkeypatch.setenv("no_proxy", "127.0.0.1" if len(asked) == 2 else "")

        def log_message(self, *_args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:%d" % httpd.server_address[1])
        monkeypatch.setenv("no_proxy", "")
        assert dashboard(newest, dashboard_url="http://dashboards.example/d.json")["changed"]
        httpd.shutdown()
    assert asked == ["http://dashboards.example/d.json", "http://dashboards.example/moved"]


def test_sources_that_do_not_work(newest, dashboard, mirror, tmp_path):
    root, url = mirror
    gnet = {"uid": "mine", "gnet_id": 4711, "mirror_url": url}
    text = dashboard(newest, revision=99, **gnet)["msg"]
    assert "there is no revision 99 of dashboard 4711 at %s" % url in text
    text = dashboard(newest, **dict(gnet, revision=1, mirror_url="http://127.0.0.1:1"))["msg"]
    assert "refused" in text
    assert "mirror_url or path" in text
    assert "is not an http" in dashboard(newest, uid="mine", dashboard_url="ftp://x/y")["msg"]
    (root / "x.html").write_text("<html>")
    assert "x.html is not JSON" in dashboard(newest, uid="mine", dashboard_url=url + "/x.html")["msg"]
    (root / "x.json").write_text('{"title": "a", "expr": "up"}')
    assert "is not a dashboard" in dashboard(newest, uid="mine", dashboard_url=url + "/x.json")["msg"]
    text = dashboard(newest, uid="mine", dashboard_url=url + "/x.json", sha256="0" * 64)["msg"]
    assert "0" * 64 in text
    assert "nothing stored" in text
    assert "cannot be read: No such file" in dashboard(newest, uid="mine", path="/nonexistent.json")["msg"]
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00")
    assert "not UTF-8" in dashboard(newest, uid="mine", path=str(tmp_path / "b.json"))["msg"]
    result = dashboard(newest, uid="mine", dashboard_url="https://u:canary-5ecr3t@example.com/d.json")
    assert "dashboard_url holds a user name or password" in result["msg"]
    assert "canary" not in json.dumps(result)
    assert not newest.requests()


def test_a_source_with_a_certificate_of_its_own_ca(newest, dashboard, mirror, pki):
    import ssl

    root, _url = mirror
    (root / "d.json").write_text(json.dumps(samples.current()))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pki.issue("mirror"))
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        httpd.handle_error = lambda *_args: None
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        url = "https://127.0.0.1:%d/d.json" % httpd.server_address[1]
        assert "not trusted" in dashboard(newest, dashboard_url=url)["msg"]
        assert dashboard(newest, dashboard_url=url, source_ca_path=pki.ca())["changed"]
        httpd.shutdown()


def test_a_mirror_that_takes_a_login(newest, dashboard, tmp_path):
    """It goes to this server, and not where that one redirects to."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, self.headers.get("Authorization")))
            moved = self.path == "/moved.json"
            self.send_response(302 if moved else 200)
            self.send_header("Location", "http://localhost:%d/d.json" % self.server.server_port)
            self.end_headers()
            self.wfile.write(b"" if moved else json.dumps(samples.current()).encode())

        def log_message(self, *_args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        url = "http://127.0.0.1:%d" % httpd.server_port
        login = {"source_url_username": "deploy", "source_url_password": "canary"}
        result = dashboard(newest, dashboard_url=url + "/moved.json", **login)
        assert result["changed"] and "canary" not in json.dumps(result)
        httpd.shutdown()
    (first, told), (second, untold) = seen
    assert (first, second) == ("/moved.json", "/d.json")
    assert told == "Basic ZGVwbG95OmNhbmFyeQ==" and untold is None


def test_one_source_and_no_more(newest, dashboard):
    assert "mutually exclusive" in dashboard(newest, samples.current(), path="/x")["msg"]
    assert "any of" in dashboard(newest, uid="mine")["msg"]
    assert "required together" in dashboard(newest, uid="mine", gnet_id=1)["msg"]
    assert "uid" in dashboard(newest, state="absent")["msg"]


# --- folders ---


def test_folder_by_title_is_made_and_found(server, dashboard):
    result = dashboard(server, samples.current(), folder="Redis Ops")
    assert result["changed"]
    assert result["diff"]["after"]["folder"] == "Redis Ops"
    meta = stored(server)["meta"]
    assert (meta["folderTitle"], meta["folderUid"]) == ("Redis Ops", result["folder_uid"])
    server.requests()
    assert not dashboard(server, samples.current(), folder="Redis Ops")["changed"]
    assert len(server.requests()) == 2
    dashboard(server, samples.current("second", "Second"), folder="Redis Ops")
    assert stored(server, "second")["meta"]["folderUid"] == result["folder_uid"]


def test_folder_by_uid(server, dashboard):
    server.call("POST", "/api/folders", {"uid": "there", "title": "There"})
    dashboard(server, samples.current(), folder_uid="there")
    server.requests()
    assert not dashboard(server, samples.current(), folder_uid="there")["changed"]
    assert len(server.requests()) == 1
    dashboard(server, samples.current("b", "B"), folder_uid="made", folder="Made")
    assert stored(server, "b")["meta"]["folderTitle"] == "Made"
    assert not dashboard(server, samples.current("b", "B"), folder_uid="made", folder="Made")["changed"]
    dashboard(server, samples.current("c", "C"), folder_uid="bare")
    assert stored(server, "c")["meta"]["folderTitle"] == "bare"


def test_a_dashboard_moves_and_stays(server, dashboard):
    dashboard(server, samples.current(), folder="One")
    result = dashboard(server, samples.current(), folder="Two")
    assert result["changed"]
    assert (result["diff"]["before"], result["diff"]["after"]) == ({"folder": "One"}, {"folder": "Two"})
    assert stored(server)["meta"]["folderTitle"] == "Two"
    dashboard(server, samples.current(title="No folder given"))
    assert stored(server)["meta"]["folderTitle"] == "Two", "an update without a folder must not move it to the root"
    dashboard(server, samples.current(title="No folder given"), folder="General")
    assert stored(server)["meta"]["folderUid"] == ""
    assert not dashboard(server, samples.current(title="No folder given"), folder="General")["changed"]


def test_nested_folders(newest, dashboard):
    result = dashboard(newest, samples.current(), folder="Ops/Redis/Prod")
    assert result["changed"]
    folder = newest.call("GET", "/api/folders/" + result["folder_uid"])[1]
    assert [one["title"] for one in folder["parents"]] + [folder["title"]] == ["Ops", "Redis", "Prod"]
    newest.requests()
    assert not dashboard(newest, samples.current(), folder="Ops/Redis/Prod")["changed"]
    assert len(newest.requests()) == 2
    assert dashboard(newest, samples.current(), folder="Ops/Prod")["changed"], "another folder of the same title"
    dashboard(newest, samples.current("b", "B"), folder="Ops/Redis", folder_uid="own")
    assert newest.call("GET", "/api/folders/own")[1]["parents"][0]["title"] == "Ops"


def test_nested_folders_on_grafana_9_are_an_error(oldest, dashboard):
    oldest.call("POST", "/api/folders", {"uid": "ops", "title": "Ops"})
    oldest.call("POST", "/api/folders", {"uid": "redis", "title": "Redis"})
    for check in (True, False):
        result = dashboard(oldest, samples.current(), folder="Ops/Redis", check_mode=check)
        assert "Grafana 9.4.0 has no folders inside of folders" in result["msg"]
    assert not [one for one in oldest.writes() if "dashboards" in one[1]]


def test_nested_folders_switched_off_leave_nothing_behind(newest, dashboard, monkeypatch):
    newest.call("POST", "/api/folders", {"uid": "ops", "title": "Ops"})
    view = newest.grafana.folder_view
    hide = {"parentUid", "parents"}
    monkeypatch.setattr(
        newest.grafana,
        "folder_view",
        lambda *args, **more: {k: v for k, v in view(*args, **more).items() if k not in hide},
    )
    assert "switched off" in dashboard(newest, samples.current(), folder="Ops/Redis")["msg"]
    assert newest.call("GET", "/api/folders?parentUid=ops")[1] == []


def test_titles_that_are_not_unique(newest, dashboard):
    for uid in ("a", "b"):
        newest.call("POST", "/api/folders", {"uid": uid, "title": "Redis"})
    text = dashboard(newest, samples.current(), folder="Redis")["msg"]
    assert "2 folders have the title 'Redis' (uid a, b)" in text
    dashboard(newest, samples.current(), folder_uid="b")
    assert not dashboard(newest, samples.current(), folder="Redis")["changed"], "it is in one of them"


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_folder_whose_answer_was_lost_is_made_once(server, dashboard, cut):
    server.fault({"cut": cut}, "POST", "/api/folders")
    dashboard(server, samples.current(), folder="Redis")
    assert [one["title"] for one in server.call("GET", "/api/folders")[1]] == ["Redis"]


def test_two_runs_that_make_a_folder_at_once_make_one(server, dashboard):
    def other_run(method, path):
        if method == "POST" and path == "/api/folders":
            server.grafana.faults.remove(other_run)
            dashboard_of_other = dict(samples.current("other", "Other"))
            body = {"uid": folders.Folders.uid_for("", "Redis"), "title": "Redis"}
            server.call("POST", "/api/folders", body)
            server.call("POST", "/api/dashboards/db", {"dashboard": dashboard_of_other, "folderUid": body["uid"]})

    server.grafana.faults.append(other_run)
    dashboard(server, samples.current(), folder="Redis")
    assert stored(server)["meta"]["folderUid"] == stored(server, "other")["meta"]["folderUid"]


def test_a_folder_made_by_hand_meanwhile_is_taken(oldest, dashboard):
    def by_hand(method, path):
        if method == "POST" and path == "/api/folders":
            oldest.grafana.faults.remove(by_hand)
            oldest.call("POST", "/api/folders", {"uid": "hand", "title": "Redis"})

    oldest.grafana.faults.append(by_hand)
    assert dashboard(oldest, samples.current(), folder="Redis")["folder_uid"] == "hand"
    text = dashboard(oldest, samples.current(), folder="Redis", folder_uid="mine")["msg"]
    assert "folder 'Redis' cannot be made" in text
    assert "(uid hand)" in text


def test_folders_that_cannot_be_made(server, dashboard):
    viewer = server.token("viewer", "Viewer")
    assert "folders:create" in dashboard(server, samples.current(), token=viewer, folder="Redis")["msg"]
    assert "empty level" in dashboard(server, samples.current(), folder="A//B")["msg"]
    assert "folder_uid 'a b'" in dashboard(server, samples.current(), folder_uid="a b")["msg"]
    server.call("POST", "/api/folders", {"uid": folders.Folders.uid_for("", "Redis"), "title": "Renamed"})
    text = dashboard(server, samples.current(), folder="Redis")["msg"]
    assert "now titled 'Renamed'; give folder_uid" in text


def test_a_folder_titled_like_a_dashboard_on_grafana_9(oldest, dashboard):
    dashboard(oldest, samples.current(title="Redis"))
    text = dashboard(oldest, samples.current("b", "B"), folder="Redis")["msg"]
    assert "folder 'Redis' cannot be made: a folder or dashboard in the general folder" in text


# --- drift ---


def test_an_edit_by_hand_is_shown_and_put_back(server, dashboard):
    dashboard(server, samples.current())
    save_by_hand(server, lambda one: one["panels"][0]["targets"][0].update(expr="by hand"))
    server.requests()
    planned = dashboard(server, samples.current(), check_mode=True)
    assert planned["changed"]
    assert not server.writes()
    result = dashboard(server, samples.current())
    assert result["changed"]
    assert result["drift"]["kind"] == "edited"
    assert result["drift"]["edits"] == ["panels[Latency].targets[A].expr"]
    assert result["drift"]["by"] == "admin"
    assert result["drift"]["version"] == 2
    assert "edited by hand by admin" in result["msg"]
    assert result["diff"]["before"] == {"panels[Latency].targets[A].expr": "by hand"}
    assert result["diff"]["after"] == {"panels[Latency].targets[A].expr": "latency"}
    assert model.equal(model.bare(stored(server)["dashboard"]), samples.current())
    again = dashboard(server, samples.current())
    assert not again["changed"]
    assert "drift" not in again


def test_an_edit_by_hand_is_kept(server, dashboard):
    dashboard(server, samples.current())
    save_by_hand(server, lambda one: one.update(title="By hand"))
    server.requests()
    result = dashboard(server, samples.current(), on_drift="keep")
    assert not result["changed"]
    assert "edited by hand" in json.dumps(result["warnings"])
    assert result["drift"]["edits"] == ["title"]
    assert not server.writes()
    later = samples.current()
    later["panels"][0]["title"] = "New in the source"
    assert not dashboard(server, later, on_drift="keep")["changed"]
    assert stored(server)["dashboard"]["title"] == "By hand"


def test_an_edit_by_hand_fails(server, dashboard):
    dashboard(server, samples.current())
    save_by_hand(server, lambda one: one.update(title="By hand"))
    result = dashboard(server, samples.current(), on_drift="fail")
    assert result["failed"]
    assert "edited by hand by admin" in result["msg"]
    assert result["diff"]["before"] == {"title": "By hand"}
    assert not result["changed"]
    assert stored(server)["dashboard"]["title"] == "By hand"


@pytest.mark.parametrize("on_drift", ["keep", "fail"])
def test_a_changed_source_is_no_drift(server, dashboard, on_drift):
    dashboard(server, samples.current())
    for title in ("Second", "Third"):
        result = dashboard(server, samples.current(title=title), on_drift=on_drift)
        assert result["changed"], result
        assert "drift" not in result
    assert dashboard(server, samples.current(title="Third"), folder="Elsewhere", on_drift=on_drift)["changed"]
    assert stored(server)["meta"]["folderTitle"] == "Elsewhere"


def test_an_edit_and_a_changed_source(server, dashboard):
    dashboard(server, samples.current())
    dashboard(server, samples.current(title="Second"))
    save_by_hand(server, lambda one: one.update(refresh="7s"))
    result = dashboard(server, samples.current(title="Third"))
    assert result["drift"]["edits"] == ["refresh"]
    assert stored(server)["dashboard"]["title"] == "Third"
    assert "refresh" not in stored(server)["dashboard"]


def test_a_move_by_hand_is_drift(server, dashboard):
    server.call("POST", "/api/folders", {"uid": "else", "title": "Elsewhere"})
    dashboard(server, samples.current(), folder="Redis")
    body = {"dashboard": stored(server)["dashboard"], "folderUid": "else", "overwrite": True}
    server.call("POST", "/api/dashboards/db", body)
    assert not dashboard(server, samples.current(), folder="Redis", on_drift="keep")["changed"]
    result = dashboard(server, samples.current(), folder="Redis")
    assert result["drift"]["kind"] == "moved"
    assert result["diff"]["before"] == {"folder": "Elsewhere"}
    assert stored(server)["meta"]["folderTitle"] == "Redis"


def test_a_dashboard_of_somebody_else(server, dashboard):
    server.call("POST", "/api/dashboards/db", {"dashboard": samples.current(title="Theirs")})
    for on_drift in ("keep", "fail"):
        result = dashboard(server, samples.current(), on_drift=on_drift)
        assert result["drift"]["kind"] == "foreign"
        assert stored(server)["dashboard"]["title"] == "Theirs"
    result = dashboard(server, samples.current())
    assert result["changed"]
    assert "never by this module" in result["msg"]
    assert stored(server)["dashboard"]["title"] == "Redis now"


def test_a_save_in_the_web_pages_is_shown_and_put_back_or_kept(newest, dashboard):
    """12.4 stores an old dashboard in its own schema then, whether anything was edited or not."""
    options = {"uid": "mine", "inputs": INPUTS, "definition": samples.exported()}
    dashboard(newest, **options)
    dashboard(newest, **dict(options, overrides={"refresh": "1m"}))
    options["overrides"] = {"refresh": "1m"}
    save_in_the_ui(newest)  # carries the message of our version along
    assert stored(newest)["dashboard"]["schemaVersion"] == 42
    newest.requests()
    for on_drift in ("keep", "fail"):
        result = dashboard(newest, on_drift=on_drift, **options)
        assert not result["changed"], result
        assert (result["drift"]["kind"], result["drift"]["by"], result["drift"]["version"]) == (
            "saved_from_ui",
            "admin",
            3,
        )
        text = result["msg"] if on_drift == "fail" else " ".join(map(str, result["warnings"]))
        assert "saved from the UI by admin at " in text
        assert "(version 3), which stored it in schema 42" in text
        assert result.get("failed", False) == (on_drift == "fail")
    assert not newest.writes()
    result = dashboard(newest, **options)
    assert result["changed"] and result["msg"].endswith("; put back")
    assert "panels[Uptime of redis].type" in result["drift"]["edits"]
    assert result["diff"]["before"]["schemaVersion"] == 42
    assert stored(newest)["dashboard"]["schemaVersion"] == 21
    again = dashboard(newest, **options)
    assert not again["changed"] and "drift" not in again


def test_a_save_in_the_web_pages_and_a_changed_source(newest, dashboard):
    options = {"uid": "mine", "inputs": INPUTS, "definition": samples.exported()}
    dashboard(newest, **options)
    save_in_the_ui(newest)
    changed = dict(options, overrides={"title": "Source changed"})
    result = dashboard(newest, on_drift="keep", **changed)
    assert not result["changed"] and result["drift"]["kind"] == "saved_from_ui"
    assert dashboard(newest, **changed)["changed"]
    assert stored(newest)["dashboard"]["title"] == "Source changed"


def test_a_save_in_the_present_schema_names_the_edit(newest, dashboard):
    dashboard(newest, samples.current())
    save_in_the_ui(newest, lambda spec: spec["panels"][0]["fieldConfig"]["defaults"].update(unit="ms"))
    result = dashboard(newest, samples.current())
    assert result["changed"] and result["drift"]["kind"] == "edited"
    assert "panels[Latency].fieldConfig.defaults.unit" in result["drift"]["edits"]
    assert "edited by hand by admin at " in result["msg"] and "(version 2): " in result["msg"]
    assert not dashboard(newest, samples.current())["changed"]


def test_a_server_that_migrates_what_it_stores(server, dashboard, monkeypatch):
    """As Grafana 13 may: what is read back was never sent."""
    import grafana_standin

    whole = server.grafana.new_version

    def migrating(one, data, *rest, **more):
        migrated = grafana_standin.migrate(data)
        migrated["panels"][0]["options"]["somethingNew"] = "that nobody knew"
        return whole(one, dict(migrated, uid=one["uid"]), *rest, **more)

    monkeypatch.setattr(server.grafana, "new_version", migrating)
    options = {"uid": "mine", "inputs": INPUTS, "definition": samples.exported()}
    dashboard(server, **options)
    server.requests()
    for on_drift in ("restore", "fail"):
        result = dashboard(server, on_drift=on_drift, **options)
        assert not result["changed"], result
        assert result["drift"]["kind"] == "migrated"
    assert not server.writes()
    options["overrides"] = {"title": "Second"}
    assert dashboard(server, on_drift="fail", **options)["changed"]
    server.requests()
    assert not dashboard(server, on_drift="fail", **options)["changed"]
    assert len(server.requests()) == 2
    save_by_hand(server, lambda one: one.update(title="By hand"))
    result = dashboard(server, **options)
    assert result["changed"]
    assert result["drift"]["kind"] == "edited"
    options["overrides"] = {"title": "Third"}
    server.fault({"cut": "after"}, "POST", "/api/dashboards/db")
    assert dashboard(server, **options)["version"] == 5


def test_a_storage_that_counts_anew(newest, dashboard):
    """As after an upgrade to Grafana 13: the versions before are gone, and this one is the first."""
    dashboard(newest, samples.current())
    dashboard(newest, samples.current(title="Second"))
    doc = newest.grafana.dashboard(1, "mine")
    doc.update(version=1, versions=[dict(doc["versions"][-1], version=1)])
    newest.grafana.store.put("dashboard", "1/mine", doc)
    assert not dashboard(newest, samples.current(title="Second"), on_drift="fail")["changed"]
    result = dashboard(newest, samples.current(title="Third"), on_drift="fail")
    assert result["changed"] and "drift" not in result


def save_as_v2(server, monkeypatch, convertible=True, change=None):
    """A save in the web interface where that stores schema v2: from then on the older API refuses to show it."""
    import grafana_standin

    save_in_the_ui(server, change)
    place = "/apis/dashboard.grafana.app/v2beta1/namespaces/default/dashboards/mine"
    text = "dashboard api version not supported, use %s instead" % place
    doc = server.grafana.dashboard(1, "mine")
    whole, version = grafana_standin.k8s_view, doc["version"]

    def refuse(method, path):
        stored_as_v2 = server.grafana.dashboard(1, "mine")["version"] == version
        if method == "GET" and path == "/api/dashboards/uid/mine" and stored_as_v2:
            return {"answer": (406, {"message": text})}
        return None

    def view(grafana, one, api):
        return dict(whole(grafana, one, api), **({} if convertible else {"spec": None}))

    server.grafana.faults.append(refuse)
    monkeypatch.setattr(grafana_standin, "k8s_view", view)


def test_a_save_as_schema_v2(newest, dashboard, monkeypatch):
    options = {"uid": "mine", "inputs": INPUTS, "definition": samples.exported(), "folder": "Redis"}
    dashboard(newest, **options)
    save_as_v2(newest, monkeypatch, change=lambda spec: spec.update(title="By hand"))
    result = dashboard(newest, on_drift="keep", **options)
    assert not result["changed"]
    assert (result["drift"]["kind"], result["version"]) == ("saved_from_ui", 2)
    assert "title" in result["drift"]["edits"]
    result = dashboard(newest, **options)
    assert result["changed"] and "saved from the UI" in result["msg"]
    assert stored(newest)["dashboard"]["schemaVersion"] == 21
    assert not dashboard(newest, **options)["changed"]


def test_a_save_as_schema_v2_that_cannot_be_converted(newest, dashboard, monkeypatch):
    options = {"uid": "mine", "inputs": INPUTS, "definition": samples.exported()}
    dashboard(newest, **options)
    save_as_v2(newest, monkeypatch, convertible=False)
    result = dashboard(newest, on_drift="fail", **options)
    assert result["failed"] and "schema v2" in result["msg"]
    assert dashboard(newest, **options)["changed"]
    assert not dashboard(newest, **options)["changed"]
    assert dashboard(newest, uid="mine", state="absent")["changed"]


def test_a_server_without_a_history(server, dashboard):
    server.fault({"answer": (404, {"message": "gone"})}, "GET", "/versions", times=99)
    dashboard(server, samples.current())
    result = dashboard(server, samples.current(title="Second"), on_drift="fail")  # nobody can have edited a version 1
    assert result["changed"]
    save_by_hand(server, lambda one: one.update(title="By hand"))
    result = dashboard(server, samples.current(title="Second"))
    assert result["changed"]
    assert result["drift"]["kind"] == "edited"
    assert stored(server)["dashboard"]["title"] == "Second"


# --- 412 and other conflicts ---


def between(server, action):
    """Runs action once, after the module has looked and before it writes."""

    def strike(method, path):
        if method == "POST" and path == "/api/dashboards/db":
            server.grafana.faults.remove(strike)
            action()

    server.grafana.faults.append(strike)


def test_somebody_stores_another_version_meanwhile(server, dashboard):
    dashboard(server, samples.current())
    between(server, lambda: save_by_hand(server, lambda one: one.update(title="Faster")))
    result = dashboard(server, samples.current(title="Slower"))
    assert result["failed"]
    assert "refuses version 2 of this dashboard, because version 2 is there, stored by admin" in result["msg"]
    assert not result["changed"]
    assert stored(server)["dashboard"]["title"] == "Faster"
    dashboard(server, samples.current())
    between(server, lambda: save_by_hand(server, lambda one: one.update(title="Faster")))
    assert dashboard(server, samples.current(title="Slower"), overwrite=True)["changed"]
    assert stored(server)["dashboard"]["title"] == "Slower"
    assert not dashboard(server, samples.current(title="Slower"), on_drift="fail")["changed"]


@pytest.fixture
def thirteen(newest, monkeypatch):
    """The stand-in with what the source of 13 answers where it differs: 409 for another version."""
    whole = newest.grafana.save_dashboard

    def saving(caller, body):
        import grafana_standin

        try:
            return whole(caller, body)
        except grafana_standin.Answer as refusal:
            if refusal.status == 412:
                text = "Dashboard already exists. Use overwrite flag to update."
                raise newest.grafana.fail(409, text) from refusal
            raise

    monkeypatch.setattr(newest.grafana, "save_dashboard", saving)
    return newest


def test_somebody_stores_another_version_meanwhile_on_13(thirteen, dashboard):
    test_somebody_stores_another_version_meanwhile(thirteen, dashboard)


def test_another_run_stores_the_same_meanwhile_on_13(thirteen, dashboard):
    test_another_run_stores_the_same_meanwhile(thirteen, dashboard)


def test_another_run_stores_the_same_meanwhile(server, dashboard):
    dashboard(server, samples.current())
    between(server, lambda: dashboard(server, samples.current(title="Same")))
    result = dashboard(server, samples.current(title="Same"))
    assert not result["changed"]
    assert result["version"] == 2
    between(server, lambda: dashboard(server, samples.current("new", "New")))
    assert not dashboard(server, samples.current("new", "New"))["changed"]


@pytest.mark.parametrize(
    "status, text",
    [
        (400, "A dashboard with the same uid already exists"),
        (409, 'dashboards.dashboard.grafana.app "mine" already exists'),
        (412, "The dashboard has been changed by someone else"),
    ],
)
def test_two_runs_that_create_at_once(server, dashboard, status, text):
    """Whatever the second one is told."""

    def faster(method, path):
        if method == "POST" and path == "/api/dashboards/db":
            server.grafana.faults.remove(faster)
            dashboard(server, samples.current())
            return {"answer": (status, {"message": text})}
        return None

    server.grafana.faults.append(faster)
    result = dashboard(server, samples.current())
    assert (result["changed"], result["version"]) == (False, 1)


def test_a_400_is_told(server, dashboard):
    server.fault({"answer": (400, {"message": "refresh interval is too low"})}, "POST", "/api/dashboards/db")
    assert "status 400: refresh interval is too low" in dashboard(server, samples.current())["msg"]


def test_a_title_taken_on_grafana_9(oldest, dashboard):
    dashboard(oldest, samples.current("theirs"))
    result = dashboard(oldest, samples.current())
    assert "another dashboard titled 'Redis now' (uid theirs)" in result["msg"]
    assert not result["changed"]
    assert dashboard(oldest, samples.current(), overwrite=True)["changed"]
    assert "dashboard" not in stored(oldest, "theirs")
    assert not dashboard(oldest, samples.current())["changed"]


def test_a_412_that_makes_no_sense_is_told(server, dashboard):
    body = {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
    server.fault({"answer": (412, body)}, "POST", times=3)
    for overwrite, words in ((False, "changed by someone else"), (True, "status 412")):
        result = dashboard(server, samples.current(), overwrite=overwrite)
        assert words in result["msg"]
        assert not result["changed"]


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_connection_cut_in_the_middle_of_a_write(server, dashboard, cut):
    server.fault({"cut": cut}, "POST", "/api/dashboards/db")
    result = dashboard(server, samples.current())
    assert result["changed"]
    assert result["version"] == 1
    server.fault({"cut": cut}, "POST", "/api/dashboards/db")
    result = dashboard(server, samples.current(title="Second"))
    assert result["changed"]
    assert (result["version"], stored(server)["meta"]["version"]) == (2, 2)
    server.fault({"cut": cut}, "DELETE")
    assert dashboard(server, uid="mine", state="absent")["changed"]


def test_provisioned_from_a_file(server, dashboard):
    server.grafana.provision_dashboard(samples.current(), "mine.json")
    assert not dashboard(server, samples.current())["changed"]
    for options in ({"definition": samples.current(title="Other")}, {"uid": "mine", "state": "absent"}):
        for check in (True, False):
            assert "provisioned from a file" in dashboard(server, check_mode=check, **options)["msg"]


def test_a_folder_that_two_runs_make_at_once(server, dashboard):
    """However this version says that the folder is there: what counts is the folder."""
    for status, title in ((409, "Folder 1"), (412, "Folder 2"), (400, "Folder 3")):
        uid = folders.Folders.uid_for("", title)
        again = {"answer": (status, {"message": "already there"})}

        def first(method, path, uid=uid, title=title):
            if method == "POST" and path == "/api/folders":
                server.grafana.faults.remove(first)
                server.call("POST", "/api/folders", {"uid": uid, "title": title})
                return again
            return None

        server.grafana.faults.append(first)
        assert dashboard(server, samples.current(title=title), uid=uid, folder=title)["folder_uid"] == uid


def test_a_folder_that_another_run_makes_between_two_looks(server, dashboard):
    looks = []

    def strike(method, path):
        if method == "GET" and path.startswith("/api/folders?"):
            looks.append(path)
            if len(looks) == 2:
                server.grafana.faults.remove(strike)
                server.call("POST", "/api/folders", {"uid": "theirs", "title": "Redis"})

    server.grafana.faults.append(strike)
    assert dashboard(server, samples.current(), folder="Redis")["folder_uid"] == "theirs"


def test_a_write_to_a_place_that_is_none_is_told(newest, dashboard):
    newest.fault({"answer": (404, {"message": "Folder gone"})}, "POST", "/api/dashboards/db")
    assert "status 404: Folder gone" in dashboard(newest, samples.current())["msg"]


@pytest.mark.parametrize("options", [{"definition": samples.current()}, {"uid": "mine", "state": "absent"}])
def test_a_uid_of_a_folder(oldest, dashboard, options):
    """Before Grafana 11 a folder is read, and would be removed, like a dashboard."""
    folder = {"dashboard": {"title": "F", "uid": "mine", "version": 1}, "meta": {"isFolder": True}}
    oldest.fault({"answer": (200, folder)}, "GET", "/api/dashboards/uid/mine")
    assert "this uid belongs to a folder" in dashboard(oldest, **options)["msg"]
    assert not oldest.writes()


def test_a_token_with_its_organisation_is_two_requests(newest, dashboard):
    options = {"token": newest.token(), "org_id": 1, "folder": "Redis"}
    dashboard(newest, samples.current(), **options)
    newest.requests()
    assert not dashboard(newest, samples.current(), **options)["changed"]
    assert len(newest.requests()) == 2


# --- bad input ---


def test_bad_input(newest, dashboard):
    assert "1 to 40" in dashboard(newest, samples.current(), uid="x" * 41)["msg"]
    assert "1 to 40" in dashboard(newest, samples.current("a b"))["msg"]
    without = samples.current()
    del without["uid"]
    assert "no uid of its own" in dashboard(newest, without)["msg"]
    assert "DS_PROMETHEUS (datasource prometheus)" in dashboard(newest, samples.exported(), uid="mine")["msg"]
    assert "is not a dashboard" in dashboard(newest, {"a": 1}, uid="mine")["msg"]
    assert not newest.requests()


def test_wrong_password_and_missing_permission(server, dashboard, run_module):
    server.requests()
    result = run_module(
        grafana_dashboard,
        url=server.url,
        url_username="admin",
        url_password="canary-5ecr3t",
        definition=samples.current(),
    )
    assert "'admin'" in result["msg"]
    assert "canary" not in json.dumps(result)
    assert len(server.requests()) == 1
    result = dashboard(server, samples.current(), token=server.token("viewer", "Viewer"))
    assert "dashboards:create" in result["msg"]
    assert "77" in dashboard(server, samples.current(), token=server.token(), org_id=77)["msg"]


def test_library_panels_are_a_warning(newest, dashboard):
    definition = dict(samples.current(), __elements={"abc": {"name": "x"}})
    assert "library panels" in json.dumps(dashboard(newest, definition)["warnings"])


def test_a_grafana_below_a_sub_path_gets_one_prefix(dashboard):
    module = engine.Dashboard.__new__(engine.Dashboard)
    module.client = client.Client({"url": "https://x/grafana/", "token": "t", "timeout": 1})
    assert module.link("/grafana/d/a/b") == "https://x/grafana/d/a/b"
    assert module.link("/d/a/b") == "https://x/grafana/d/a/b"


def test_a_large_dashboard(server, dashboard):
    panels = [{"id": n, "type": "text", "title": str(n), "options": {"content": "x" * 10000}} for n in range(200)]
    definition = dict(samples.current(), panels=panels)
    assert dashboard(server, definition)["changed"]
    assert not dashboard(server, definition)["changed"]


def test_dashboard_11835(server, dashboard):
    real = Path(__file__).resolve().parents[4].parent / "shared" / "dashboards" / "11835-rev1.json"
    if not real.exists():
        pytest.skip("dashboard 11835 is not there: %s" % real)
    options = {"uid": "redis-11835", "path": str(real), "inputs": INPUTS, "folder": "Redis"}
    options["sha256"] = "9ad90c516c051b5592296a587f217994a9e8d6aee3e4c78ec990075c1d3e3d45"
    options["overrides"] = {"time": {"from": "now-1h", "to": "now"}}
    assert dashboard(server, **options)["changed"]
    there = stored(server, "redis-11835")["dashboard"]
    assert [panel["datasource"] for panel in there["panels"]] == ["prom"] * 12
    variables = {one["name"]: one.get("datasource") for one in there["templating"]["list"]}
    assert variables["DS_PROMETHEUS"] is None
    assert variables["instance"] == "$DS_PROMETHEUS"
    assert not dashboard(server, **options)["changed"]
    if server.flavour == "12.4":
        save_in_the_ui(server, uid="redis-11835")
        assert not dashboard(server, on_drift="keep", **options)["changed"]
        result = dashboard(server, **options)
        assert result["changed"] and result["drift"]["kind"] == "saved_from_ui"
        assert not dashboard(server, **options)["changed"]
