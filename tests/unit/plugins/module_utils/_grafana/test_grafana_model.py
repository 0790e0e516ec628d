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
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana import model
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana.client import GrafanaError

ROOT = Path(__file__).resolve().parents[5]
sys.path.insert(0, str(ROOT / "tests" / "lab" / "grafana"))

import samples

# No licence is stated for dashboard 11835, so it lies outside of the repository where it lies at all.
SHARED = ROOT.parent / "shared"
REAL = SHARED / "dashboards" / "11835-rev1.json"
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


@pytest.mark.parametrize("seed", range(40))
def test_what_the_api_takes_and_is_no_dashboard_is_compared_without_a_crash(seed):
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
        assert model.as_diff(model.differences(broken, whole))
        assert model.as_diff(model.differences(whole, broken))
        assert model.summary(broken, "f")


def test_a_resource_of_the_newer_api():
    notes = {"grafana.app/folder": "f", "grafana.app/updatedTimestamp": "2026-11-27T10:00:00Z"}
    resource = {
        "metadata": {"name": "mine", "generation": 3, "annotations": notes},
        "spec": {"title": "x", "panels": []},
    }
    found = model.from_resource(resource, "mine")
    assert found["dashboard"] == {"title": "x", "panels": [], "uid": "mine", "version": 3, "schemaVersion": "v2"}
    assert (found["meta"]["folderUid"], found["meta"]["version"], found["meta"]["provisioned"]) == ("f", 3, False)
    assert model.from_resource(dict(resource, spec=None), "mine")["dashboard"]["title"] == "mine"
