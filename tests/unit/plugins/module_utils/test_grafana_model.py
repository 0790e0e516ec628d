# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dashboards apart from any server: inputs, digests, differences, and whether somebody edited one."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import sys
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils import _grafana_dashboard as model
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import GrafanaError

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "tests" / "lab" / "grafana"))

import grafana_standin
import samples

# No licence is stated for dashboard 11835, so it lies outside of the repository where it lies at all.
SHARED = ROOT.parent / "shared"
REAL = SHARED / "dashboards" / "11835-rev1.json"
REAL_AFTER_SAVE = SHARED / "reference" / "grafana" / "11835-after-ui-save-12.4.json"
PIN = "9ad90c516c051b5592296a587f217994a9e8d6aee3e4c78ec990075c1d3e3d45"
INPUTS = {"DS_PROMETHEUS": "prom"}


def prepared(**more):
    return model.prepare(samples.exported(), "mine", INPUTS, **more)


# --- digests ---


def test_the_digest_does_not_depend_on_form():
    document = samples.exported()
    shuffled = json.loads(json.dumps(dict(reversed(document.items())), indent=8, ensure_ascii=False))
    assert model.canonical_sha256(shuffled) == model.canonical_sha256(document)
    compact = b'{"a":null,"b":[1,"\\u00fc"]}'
    assert model.canonical_sha256({"b": [1, "ü"], "a": None}) == hashlib.sha256(compact).hexdigest()


def test_the_pin_of_11835():
    if not REAL.exists():
        pytest.skip("dashboard 11835 is not there: %s" % REAL)
    model.check_pin(json.loads(REAL.read_text()), "sha256:" + PIN.upper(), "11835")


def test_a_wrong_pin_names_both_digests():
    with pytest.raises(GrafanaError, match=model.canonical_sha256({"a": 1})[:20] + ".*" + PIN):
        model.check_pin({"a": 1}, PIN, "x")
    with pytest.raises(GrafanaError, match="64 hexadecimal"):
        model.check_pin({"a": 1}, "abc", "x")


# --- what is a dashboard ---


@pytest.mark.parametrize(
    "document",
    [None, [], "x", 5, {}, {"title": "no panels"}, {"panels": []}, {"title": " ", "panels": []},
     {"title": ["x"], "panels": []}, {"title": "x", "panels": {}}, {"title": "x", "panels": [], "tags": "a"},
     {"title": "x", "panels": [1]}, {"title": "x", "rows": ["a"]},
     {"title": "x", "panels": [], "templating": {"list": {"a": 1}}}, {"title": "x", "panels": [], "__inputs": "a"},
     {"title": "x", "panels": [], "annotations": "a"}],
)  # fmt: skip
def test_what_is_no_dashboard(document):
    with pytest.raises(GrafanaError, match="is not a dashboard"):
        model.unwrap(document, "f.json")


def test_schema_v2_is_named():
    with pytest.raises(GrafanaError, match="classic JSON"):
        model.unwrap({"kind": "Dashboard", "spec": {"title": "x", "elements": {}, "layout": {}}}, "f.json")


def test_answers_of_the_api_are_unwrapped():
    dashboard = samples.current()
    assert model.unwrap({"meta": {}, "dashboard": dashboard}, "f") == dashboard
    assert model.unwrap({"kind": "Dashboard", "apiVersion": "x/v1beta1", "spec": dashboard}, "f") == dashboard


# --- inputs ---


def test_inputs_are_filled_in_and_variables_left_alone():
    result = prepared()
    stat, graph = result["panels"]
    assert stat["datasource"] == "prom"
    assert stat["title"] == "Uptime of redis"
    assert graph["datasource"] == {"uid": "prom"}
    variable, instance = result["templating"]["list"]
    assert variable["name"] == "DS_PROMETHEUS"
    assert instance["datasource"] == "$DS_PROMETHEUS"
    assert graph["targets"][0]["expr"] == 'rate(commands{instance="$instance"}[1m])'


def test_formats_and_other_variables_are_left_alone():
    document = samples.current()
    document["__inputs"] = [{"name": "A", "type": "constant"}]
    document["description"] = "${A} ${A:csv} $A [[A]] ${B}"
    assert model.prepare(document, "x", {"A": "1"})["description"] == "1 ${A:csv} $A [[A]] ${B}"


def test_the_source_is_not_changed():
    document = samples.exported()
    before = copy.deepcopy(document)
    model.prepare(document, "mine", INPUTS, overrides={"tags": ["t"]}, source="gnet:1:2")
    assert document == before


def test_unresolved_inputs_are_listed():
    document = samples.exported()
    document["__inputs"].append({"name": "VAR_TOKEN", "type": "constant", "value": ""})
    with pytest.raises(GrafanaError) as caught:
        model.prepare(document, "mine", {"NOPE": "x"})
    assert str(caught.value) == "inputs has no value for DS_PROMETHEUS (datasource prometheus), VAR_TOKEN (constant)"


def test_a_datasource_that_is_not_declared_is_unresolved_too():
    document = samples.current()
    document["panels"][0]["targets"][0]["datasource"] = {"uid": "${DS_LOST}"}
    document["panels"][1]["title"] = "${not} a data source"
    with pytest.raises(GrafanaError, match=r"DS_LOST \(datasource\)$"):
        model.prepare(document, "mine", {})
    assert model.prepare(document, "mine", {"DS_LOST": "p"})["panels"][0]["targets"][0]["datasource"] == {"uid": "p"}
    document["templating"]["list"].append({"name": "DS_LOST", "type": "datasource"})
    kept = model.prepare(document, "mine", {})
    assert kept["panels"][0]["targets"][0]["datasource"] == {"uid": "${DS_LOST}"}


def test_built_in_datasources_need_no_value():
    document = samples.current()
    document["__inputs"] = [{"name": "DS_EXPRESSION", "type": "datasource", "pluginId": "__expr__"}]
    document["panels"][0]["datasource"] = {"uid": "${DS_EXPRESSION}"}
    assert model.prepare(document, "mine")["panels"][0]["datasource"] == {"uid": "__expr__"}


def test_numbers_as_values():
    document = dict(samples.current(), description="limit ${VAR_MAX}")
    document["__inputs"] = [{"name": "VAR_MAX", "type": "constant"}]
    assert model.prepare(document, "mine", {"VAR_MAX": 5})["description"] == "limit 5"


def test_what_belongs_to_the_export_is_dropped():
    result = prepared(overrides={"time": {"from": "now-1h", "to": "now"}})
    assert not set(result) & {"__inputs", "__requires", "__elements", "id", "version", "iteration", "gnetId"}
    assert result["uid"] == "mine"
    assert result["tags"] == ["prometheus", "gnet:4711"]
    assert result["time"]["from"] == "now-1h"
    assert "version" not in prepared(overrides={"version": 7})
    assert prepared(source="gnet:4711:2")["tags"] == ["prometheus", "gnet:4711:2"]
    assert prepared(overrides={"tags": ["gnet:4711", "mine"]})["tags"] == ["mine", "gnet:4711"]


# --- differences ---


def test_equal_as_json():
    assert model.equal({"a": [1, {"b": 2.0}]}, {"a": [1.0, {"b": 2}]})
    assert not model.equal({"a": True}, {"a": 1})
    assert not model.equal([1], [1, 2])
    assert not model.equal({"a": None}, {})


def test_differences_name_panels_and_queries():
    one, other = samples.current(), samples.current()
    other["panels"][0]["targets"][0]["expr"] = "changed"
    other["panels"].insert(0, {"id": 9, "title": "New", "type": "text"})
    other["tags"] = []
    found = {path: (old, new) for path, old, new in model.differences(one, other)}
    assert found["panels[Latency].targets[A].expr"] == ("latency", "changed")
    assert found["panels[New]"] == (model.Missing, {"id": 9, "title": "New", "type": "text"})
    assert found["tags"] == (["redis"], [])
    assert len(found) == 3
    diff = model.as_diff(list(model.differences(one, other)))
    assert "panels[New]" not in diff["before"]
    assert diff["after"]["panels[Latency].targets[A].expr"] == "changed"


def test_differences_in_order_and_without_names():
    one = samples.current()
    other = dict(one, panels=one["panels"][::-1])
    assert [path for path, _old, _new in model.differences(one, other)] == ["panels (order)"]
    old = {"list": [{"a": 1}, {"a": 2}]}
    assert list(model.differences(old, {"list": [{"a": 1}, {"a": 3}]})) == [("list[1].a", 2, 3)]
    assert list(model.differences(old, {"list": [{"a": 1}]})) == [("list", old["list"], [{"a": 1}])]


# --- marks ---


def test_a_mark_counts_for_its_own_version_only():
    dashboard = samples.current()
    message = model.mark("Release 5", dashboard, 3)
    assert message.startswith("Release 5 [redisops ")
    assert model.marked_digest({"message": message, "version": 3}) == model.digest(dashboard)
    assert model.marked_digest({"message": message, "version": 4}) is None
    assert model.marked_digest({"message": message, "version": 4}, dashboard) is None
    assert model.marked_digest({"message": message, "version": 1}, dict(dashboard, id=8)) == model.digest(dashboard)
    assert model.marked_digest({"message": message, "version": 1}, dict(dashboard, title="x")) is None
    assert model.marked_digest({"message": "Restored from version 3", "version": 3}) is None
    assert model.marked_digest({"message": None, "version": 3}) is None
    assert model.digest(dict(dashboard, id=7, version=9)) == model.digest(dashboard)


# --- edits ---


def migrated(dashboard):
    """As the web interface of 12.4 stores it."""
    return dict(grafana_standin.migrate(dashboard), uid=dashboard["uid"], id=1, version=2)


def edit_paths(ours, theirs):
    return [path for path, _ours, _theirs in model.edits(ours, theirs)]


def test_a_migration_is_no_edit():
    ours = prepared()
    theirs = migrated(ours)
    assert theirs["panels"][0]["type"] == "stat"
    assert not model.equal(model.bare(theirs), ours)
    assert edit_paths(ours, theirs) == []


def test_what_a_save_adds_in_the_same_schema_is_no_edit():
    ours = samples.current()
    theirs = copy.deepcopy(ours)
    theirs.update(preload=False, weekStart="", fiscalYearStartMonth=0, graphTooltip=0, links=[], editable=True)
    theirs["panels"][0]["pluginVersion"] = "12.4.0"
    theirs["panels"][0]["fieldConfig"]["defaults"]["custom"] = {"drawStyle": "line", "barWidthFactor": 0.6}
    theirs["panels"][0]["options"]["legend"].update(calcs=[], showLegend=True, placement="bottom")
    del theirs["panels"][0]["targets"][0]["datasource"]
    assert edit_paths(ours, theirs) == []


def change(path, value):
    def apply(dashboard):
        node = dashboard
        for key in path[:-1]:
            node = node[key]
        if value is model.Missing:
            del node[path[-1]]
        else:
            node[path[-1]] = value

    return apply


EDITS = {
    "title": change(["title"], "Mine now"),
    "time": change(["time", "from"], "now-5m"),
    "refresh": change(["refresh"], "5s"),
    "tag": change(["tags"], ["prometheus", "gnet:4711", "hot"]),
    "link": change(["links"], [{"title": "wiki", "url": "https://wiki.example.com", "type": "link"}]),
    "not editable": change(["editable"], False),
    "query": change(["panels", 1, "targets", 0, "expr"], "up"),
    "legend": change(["panels", 1, "targets", 0, "legendFormat"], "x"),
    "panel title": change(["panels", 0, "title"], "Alive for"),
    "panel moved": change(["panels", 0, "gridPos", "y"], 30),
    "panel data source": change(["panels", 0, "datasource"], {"type": "prometheus", "uid": "other"}),
    "panel type": change(["panels", 0, "type"], "text"),
    "panel gone": change(["panels", 1], model.Missing),
    "unit": change(["panels", 0, "fieldConfig", "defaults", "unit"], "bytes"),
    "threshold": change(["panels", 0, "fieldConfig", "defaults", "thresholds", "steps", 1, "value"], 81),
    "legend placement": change(["panels", 1, "options", "legend", "placement"], "right"),
    "legend mode": change(["panels", 1, "options", "legend", "displayMode"], "table"),
    "variable query": change(["templating", "list", 1, "query"], "label_values(redis_up, instance)"),
    "variable multi": change(["templating", "list", 1, "multi"], True),
    "variable gone": change(["templating", "list", 1], model.Missing),
    "annotation": change(["annotations", "list"], [{"name": "Deploys", "enable": True, "expr": "changes(x[1m])"}]),
}


@pytest.mark.parametrize("apply", EDITS.values(), ids=EDITS)
def test_an_edit_is_found_in_a_migrated_dashboard(apply):
    ours = prepared()
    theirs = migrated(ours)
    apply(theirs)
    assert len(edit_paths(ours, theirs)) >= 1


@pytest.mark.parametrize(
    "apply",
    [
        change(["panels", 0, "fieldConfig", "defaults", "unit"], "ms"),
        change(["panels", 0, "fieldConfig", "defaults", "unit"], model.Missing),
        change(["panels", 0, "options", "legend", "showLegend"], False),
        change(["panels", 0, "options", "legend", "displayMode"], "table"),
        change(["panels", 0, "fieldConfig", "defaults", "min"], 0),
        change(["panels", 1, "targets", 0, "hide"], True),
        change(["panels", 1, "description"], "why"),
        change(["tags"], []),
    ],
)
def test_an_edit_is_found_in_the_same_schema(apply):
    ours = samples.current()
    ours["panels"][0]["options"]["legend"]["showLegend"] = True
    ours["panels"][0]["fieldConfig"]["defaults"]["min"] = 5
    theirs = copy.deepcopy(ours)
    apply(theirs)
    assert len(edit_paths(ours, theirs)) == 1


def test_a_panel_added_by_hand_is_an_edit():
    ours = samples.current()
    theirs = copy.deepcopy(ours)
    theirs["panels"].append({"id": 7, "type": "text", "title": ""})
    assert edit_paths(ours, theirs) == ["panels[7]"]


def test_panels_without_ids_or_titles_are_compared_in_order():
    ours = dict(samples.current(), panels=[{"type": "text", "options": {"content": text}} for text in "ab"])
    theirs = copy.deepcopy(ours)
    assert edit_paths(ours, theirs) == []
    theirs["panels"][1]["options"]["content"] = "c"
    assert edit_paths(ours, theirs) == ["panels[1].options.content"]


def test_panels_inside_of_rows_are_seen():
    ours = samples.current()
    inner = ours["panels"].pop()
    ours["panels"].append({"id": 3, "type": "row", "title": "More", "collapsed": True, "panels": [inner]})
    theirs = copy.deepcopy(ours)
    theirs["panels"][1]["panels"][0]["targets"][0]["expr"] = "other"
    assert edit_paths(ours, theirs) == ["panels[Memory].targets[A].expr"]


def test_a_library_panel_is_kept_by_its_name_alone():
    ours, theirs = samples.current(), samples.current()
    ours["panels"][0]["libraryPanel"] = {"uid": "lib", "name": "Shared", "version": 3}
    library = {"uid": "lib", "name": "Shared"}
    reference = {"id": 1, "title": "Latency", "type": "library-panel-ref", "libraryPanel": library}
    theirs["panels"][0] = dict(reference, gridPos=ours["panels"][0]["gridPos"])
    assert edit_paths(ours, theirs) == []
    theirs["panels"][0]["libraryPanel"] = {"uid": "another", "name": "Shared"}
    assert edit_paths(ours, theirs)


def test_rows_of_the_oldest_schemas():
    inner = {"id": 1, "type": "text", "title": "Inner", "content": "x"}
    ours = {
        "uid": "a",
        "title": "Old",
        "schemaVersion": 14,
        "rows": [{"title": "First", "showTitle": True, "panels": [inner]}],
    }
    row = {"id": 2, "type": "row", "title": "First", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 1}}
    panel = dict(inner, gridPos={"x": 0, "y": 1, "w": 24, "h": 8})
    theirs = {"uid": "a", "title": "Old", "schemaVersion": 42, "panels": [row, panel]}
    assert edit_paths(ours, theirs) == []
    assert edit_paths(ours, dict(theirs, panels=[row, dict(panel, title="Mine")])) == ["panels[Inner].title"]


@pytest.mark.parametrize("seed", range(40))
def test_what_the_api_takes_and_is_no_dashboard_is_an_edit_and_no_crash(seed):
    """Values of the wrong kind in arbitrary places, in ours and in theirs."""
    luck = random.Random(seed)
    whole = prepared() if seed % 2 else samples.current()

    def places(node):
        for key in list(node) if isinstance(node, dict) else range(len(node)):
            yield node, key
            if isinstance(node[key], (dict, list)):
                yield from places(node[key])

    for dummy in range(25):
        broken = copy.deepcopy(whole)
        node, key = luck.choice(list(places(broken)))
        node[key] = luck.choice([None, [], {}, "", 0, True, "x", [1], [[1]], {"a": 1}, {"uid": None}, 2.5])
        assert isinstance(edit_paths(whole, broken), list)
        assert isinstance(edit_paths(broken, whole), list)
        assert model.as_diff(model.differences(broken, whole))
        assert model.summary(broken, "f")


def real_pair():
    for path in (REAL, REAL_AFTER_SAVE):
        if not path.exists():
            pytest.skip("dashboard 11835 is not there: %s" % path)
    ours = model.prepare(json.loads(REAL.read_text()), "d11835", {"DS_PROMETHEUS": "provisioned"})
    theirs = json.loads(REAL_AFTER_SAVE.read_text())["dashboard"]
    theirs["tags"].append("gnet:11835")
    return ours, theirs


def test_a_real_save_of_11835_is_no_edit():
    assert edit_paths(*real_pair()) == []


@pytest.mark.parametrize(
    "apply",
    [
        change(["panels", 0, "fieldConfig", "defaults", "thresholds", "steps", 1, "value"], 90),
        change(["panels", 3, "targets", 0, "expr"], "up"),
        change(["panels", 4, "title"], "X"),
        change(["panels", 5, "fieldConfig", "defaults", "unit"], "percent"),
        change(["panels", 6, "options", "legend", "displayMode"], "table"),
        change(["panels", 7, "options", "legend", "placement"], "top"),
        change(["templating", "list", 3, "multi"], True),
        change(["panels", 10], model.Missing),
    ],
)
def test_an_edit_of_a_really_saved_11835_is_found(apply):
    ours, theirs = real_pair()
    apply(theirs)
    assert len(edit_paths(ours, theirs)) == 1


# --- through schema v2 and back, as Grafana 13 does with what is saved in its web interface ---

PANEL_KEYS = ("id", "title", "type", "description", "options", "fieldConfig", "transformations", "transparent", "links")
PANEL_KEYS += ("maxDataPoints", "interval", "timeFrom", "timeShift", "cacheTimeout", "hideTimeOverride", "repeat")


def through_v2(dashboard):
    """What the older API gives of a dashboard of schema 42 that went through v2, by the converters' sources."""
    whole = copy.deepcopy(dashboard)
    kept = {key: whole[key] for key in ("title", "description", "editable", "links") if whole.get(key) is not None}
    kept.update(uid=whole["uid"], schemaVersion=42, preload=False, graphTooltip=whole.get("graphTooltip", 0))
    kept.update(refresh=whole.get("refresh") or "", timezone=whole.get("timezone", ""), fiscalYearStartMonth=0)
    kept["time"] = whole.get("time") or {"from": "now-6h", "to": "now"}
    kept.setdefault("editable", True)
    if whole.get("tags"):
        kept["tags"] = whole["tags"]
    panels, lowest, offset, number = [], 0, 0, 1 + max(panel.get("id", 0) for panel in model.flat_panels(whole))
    for panel in whole["panels"]:
        if panel["type"] == "row":
            row = {"type": "row", "id": number, "title": panel["title"], "collapsed": panel.get("collapsed", False)}
            row["gridPos"] = {"x": 0, "y": lowest, "w": 24, "h": 1}
            offset, number, lowest = lowest - panel["gridPos"]["y"], number + 1, lowest + 1
            if row["collapsed"]:
                row["panels"] = [panel_through_v2(one, offset) for one in panel["panels"]]
            panels.append(row)
        else:
            panels.append(panel_through_v2(panel, offset))
            lowest = max(lowest, panels[-1]["gridPos"]["y"] + panels[-1]["gridPos"]["h"])
    kept["panels"] = panels
    kept["templating"] = {"list": [variable_through_v2(one) for one in whole["templating"]["list"]]}
    kept["annotations"] = {"list": [dict(one, builtIn=1) for one in whole["annotations"]["list"]]}
    return dict(kept, version=2, id=7)


def panel_through_v2(panel, offset):
    kept = {key: panel[key] for key in PANEL_KEYS if panel.get(key) not in (None, [])}
    kept["gridPos"] = dict(panel["gridPos"], y=panel["gridPos"]["y"] + offset)
    kept["pluginVersion"] = panel.get("pluginVersion", "")
    kept["targets"] = []
    for target in panel.get("targets") or []:
        source = target.get("datasource") or panel.get("datasource")
        kept["targets"].append(dict({key: one for key, one in target.items() if key != "hide"}, datasource=source))
        kept["datasource"] = source
    kept["links"] = [
        {key: link[key] for key in ("title", "url", "targetBlank") if key in link} for link in panel.get("links") or []
    ]
    return kept


def variable_through_v2(one):
    kept = dict(one, hide=one.get("hide") or 0, skipUrlSync=False, options=[], allowCustomValue=True)
    current = one.get("current") or {}
    kept["current"] = {"text": current.get("text", ""), "value": current.get("value", "")}
    if one["type"] == "constant":
        kept["hide"] = 2
    if one["type"] in ("query", "datasource"):
        kept.update(refresh=one.get("refresh") or 1, regex=one.get("regex") or "", multi=bool(one.get("multi")))
        kept["includeAll"] = bool(one.get("includeAll"))
    if one["type"] == "query":
        kept.setdefault("datasource", {"type": "prometheus"})
        kept["sort"] = one.get("sort") or 0
    return kept


OURS = sorted((ROOT / "roles" / "grafana" / "files" / "dashboards").glob("*.json"))


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.stem)
def test_our_dashboards_through_schema_v2_are_no_edit(path):
    ours = model.prepare(json.loads(path.read_text()), path.stem, {})
    theirs = through_v2(ours)
    assert not model.equal(model.bare(theirs), ours)
    assert edit_paths(ours, theirs) == []


def test_a_migrated_dashboard_through_schema_v2_is_no_edit():
    ours = prepared()
    theirs = through_v2(migrated(ours))
    assert edit_paths(ours, theirs) == []


def test_11835_through_schema_v2_is_no_edit():
    ours, theirs = real_pair()
    assert edit_paths(ours, through_v2(theirs)) == []


V2_EDITS = {
    "query": (lambda one: one["panels"][1]["targets"][0].update(expr="other"), "targets[A].expr"),
    "panel's data source alone": (lambda one: one["panels"][1].update(datasource={"uid": "x"}), "].datasource"),
    "data source": (lambda one: one["panels"][1]["targets"][0].update(datasource={"uid": "x"}), "datasource"),
    "title": (lambda one: one["panels"][1].update(title="Mine"), "title"),
    "width": (lambda one: one["panels"][1]["gridPos"].update(w=3), "gridPos.w"),
    "row": (lambda one: one["panels"][0].update(title="Mine"), "rows[Mine]"),
    "folded row": (lambda one: one["panels"][0].update(collapsed=True), "collapsed"),
    "panel gone": (lambda one: one["panels"].pop(2), "panels["),
    "panel to the bottom": (lambda one: one["panels"][1]["gridPos"].update(y=500), "].row"),
    "switch": (lambda one: one["panels"][1]["options"].update(wideLayout=False), "wideLayout"),
    "option gone": (lambda one: one["panels"][1]["options"].pop("colorMode"), "colorMode"),
    "unit": (lambda one: one["panels"][1]["fieldConfig"]["defaults"].update(unit="bytes"), "unit"),
    "variable": (lambda one: one["templating"]["list"][1].update(multi=False), "multi"),
    "chosen value": (lambda one: one["templating"]["list"][1]["current"].update(value=["prod"]), "current"),
    "time": (lambda one: one["time"].update({"from": "now-2d"}), "time.from"),
    "tags": (lambda one: one.update(tags=["x"]), "tags"),
    "refresh": (lambda one: one.update(refresh="1s"), "refresh"),
}


@pytest.mark.parametrize("apply, place", V2_EDITS.values(), ids=V2_EDITS)
def test_an_edit_is_found_after_schema_v2(apply, place):
    ours = model.prepare(json.loads(OURS[0].read_text()), "mine", {})
    theirs = through_v2(ours)
    apply(theirs)
    found = edit_paths(ours, theirs)
    assert found and any(place in one for one in found), found


def test_a_resource_of_the_newer_api():
    notes = {"grafana.app/folder": "f", "grafana.app/updatedTimestamp": "2026-11-27T10:00:00Z"}
    resource = {
        "metadata": {"name": "mine", "generation": 3, "annotations": notes},
        "spec": {"title": "x", "panels": []},
    }
    found = model.from_resource(resource, "mine")
    assert found["dashboard"] == {"title": "x", "panels": [], "uid": "mine", "version": 3}
    assert (found["meta"]["folderUid"], found["meta"]["version"], found["meta"]["provisioned"]) == ("f", 3, False)
    assert not model.is_v2(found["dashboard"])
    assert model.is_v2(model.from_resource(dict(resource, spec=None), "mine")["dashboard"])
