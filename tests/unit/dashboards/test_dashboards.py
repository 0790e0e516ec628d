# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The committed dashboards: as the generator writes them, whole, legible, and every link leads somewhere."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _rules

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "tools")]

import panels
import promtool

FILES = ROOT / "roles" / "grafana" / "files" / "dashboards"
PAGES = ROOT / "docs" / "runbooks"
PROMETHEUS = ROOT / "roles" / "prometheus"
UIDS = {
    "redis-cluster": "Redis Cluster",
    "redis-performance": "Redis performance",
    "redis-resources": "Redis resources",
}
BOARDS = {path.stem: panels.load(path) for path in panels.OURS}
PANELS = [
    pytest.param(uid, panel, id=f"{uid}-{panel['id']}")
    for uid, board in BOARDS.items()
    for panel in panels.panels(board)
]
QUERIES = [query for board in BOARDS.values() for query in panels.panel_queries(board)]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
RUNBOOK = re.compile(r"\$\{runbook_url:raw\}/(\w+)\.md")

# What each is for: panels that must not get lost.
CONTENT = {
    "redis-cluster": [
        "Uptime", "Memory used and maxmemory", "Memory used, of maxmemory", "Commands", "Clients", "Hit ratio",
        "Cluster state", "Slots served", "Slots", "Alerts firing",
    ],
    "redis-performance": [
        "Time of a command", "99th percentile, by command", "Slow commands", "Command mix", "Evicted keys", "Received",
        "Sent",
    ],
    "redis-resources": [
        "Memory used, by kind", "Overhead, by kind", "Fragmentation ratio", "Time since the last save", "Saves and AOF",
        "Main thread", "CPU of Redis", "Connections, of maxclients", "New connections", "Rejected connections",
        "Certificates that Redis serves", "Certificate files",
    ],
}  # fmt: skip


def generated(tmp_path):
    subprocess.run([sys.executable, "-m", "dashboards", tmp_path], cwd=ROOT, check=True, capture_output=True)
    return {path.name: path.read_text() for path in tmp_path.iterdir()}


def test_the_files_are_what_the_generator_writes(tmp_path):
    written = {path.name: path.read_text() for path in FILES.iterdir()}
    assert generated(tmp_path) == written, "run make dashboards"


def test_there_are_three_of_them():
    assert {uid: board["title"] for uid, board in BOARDS.items()} == UIDS
    assert all(board["uid"] == uid for uid, board in BOARDS.items())


@pytest.mark.parametrize("uid", UIDS)
def test_it_shows_what_it_is_for(uid):
    titles = {panel["title"] for panel in panels.panels(BOARDS[uid])}
    assert titles >= set(CONTENT[uid])


@pytest.mark.parametrize("uid", UIDS)
def test_old_and_new_servers_take_it(uid):
    board = BOARDS[uid]
    # 36 is Grafana 9.0's own; newer servers migrate what is older than their own.
    assert 36 <= board["schemaVersion"] <= 41
    assert not {"id", "version", "__inputs", "__requires"} & set(board)
    # Panel types and colour modes that 9 has as well.
    assert {panel["type"] for panel in panels.panels(board)} <= {
        "stat",
        "timeseries",
        "table",
        "bargauge",
        "state-timeline",
    }
    modes = {panel["fieldConfig"]["defaults"]["color"]["mode"] for panel in panels.panels(board)}
    assert modes <= {"thresholds", "palette-classic"}
    assert board["time"] == {"from": "now-1h", "to": "now"}


@pytest.mark.parametrize("uid", UIDS)
def test_variables(uid):
    variables = {variable["name"]: variable for variable in BOARDS[uid]["templating"]["list"]}
    assert list(variables) == ["datasource", "cluster", "environment", "instance", "runbook_url"]
    assert (variables["datasource"]["type"], variables["datasource"]["query"]) == ("datasource", "prometheus")
    for name in ("cluster", "environment", "instance"):
        variable = variables[name]
        assert variable["type"] == "query"
        assert variable["multi"] and variable["includeAll"]
        assert variable["allValue"] == ".*"
        assert variable["current"]["value"] == [panels.ALL]
        assert variable["datasource"] == DATASOURCE
    base = variables["runbook_url"]
    assert (base["type"], base["hide"], base["skipUrlSync"]) == ("constant", 2, True)
    default = yaml.safe_load((PROMETHEUS / "defaults" / "main.yml").read_text())["prometheus_runbook_base_url"]
    assert base["query"] == base["current"]["value"] == default


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_panel_is_dressed(uid, panel):
    defaults = panel["fieldConfig"]["defaults"]
    assert len(panel["description"]) > 20
    assert defaults["unit"]
    assert defaults["decimals"] in (0, 1, 2)
    assert defaults["noValue"]
    steps = defaults["thresholds"]["steps"]
    assert steps[0]["value"] is None
    assert [step["value"] for step in steps[1:]] == sorted(step["value"] for step in steps[1:])
    assert panel["datasource"] == DATASOURCE
    references = [target["refId"] for target in panel["targets"]]
    assert references == sorted(set(references))
    for target in panel["targets"]:
        assert target["datasource"] == DATASOURCE
        assert target["legendFormat"] or target["format"] == "table"
        assert target["instant"] is not target["range"]


@pytest.mark.parametrize("uid", UIDS)
def test_grid_has_no_overlap_and_no_hole(uid):
    taken, ids = set(), set()
    for panel in BOARDS[uid]["panels"]:
        assert panel["id"] not in ids
        ids.add(panel["id"])
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] >= 0 and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
    assert len(taken) == 24 * (1 + max(y for _x, y in taken))


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_query_keeps_to_the_selection(query):
    # Alerts have the exporter's address, another one or none: they keep to the cluster.
    wanted = {"cluster", "environment"} | (set() if "ALERTS" in query.expr else {"instance"})
    selectors = re.findall(r"\b[a-zA-Z_:]+\{([^}]*)\}", query.expr)
    assert selectors
    for name in wanted:
        matcher = f'{name}=~"${name}'
        if "and on (cluster, environment, node) up{" in query.expr and name == "instance":
            assert matcher in query.expr
        else:
            assert all(matcher in selector for selector in selectors), name
    for function, window in re.findall(r"\b(rate|irate|increase|delta|changes)\([^\[]*\[([^\]]+)\]", query.expr):
        assert window in ("$__rate_interval", "$__range"), function
    # No recording rule: a Prometheus without ours would show nothing.
    assert not re.search(r"\w:\w+\{", query.expr)


@pytest.mark.parametrize("query", [query for query in QUERIES if query.legend], ids=str)
def test_lines_of_two_clusters_have_two_names(query):
    """Two clusters may name their nodes alike, and two environments their clusters."""
    if re.match(r"(topk\(10, )?sum (by \((cmd|err)\) )?\(|sum\(|\(?count\(", query.expr):
        return  # over all selected nodes, as their descriptions say
    kept = re.match(r"[^{]*?\bby \(([^)]*)\)", query.expr)
    labels = set(kept[1].split(", ")) if kept else {"cluster", "node"}
    shown = {"{{cluster}}", "{{environment}}"} if labels == {"cluster", "environment"} else {"{{cluster}}", "{{node}}"}
    assert {label for label in shown if label not in query.legend} == set(), query.expr


def test_a_node_that_goes_down_keeps_its_line(tmp_path):
    tool = promtool.find()
    if tool is None:
        pytest.skip("no promtool: python tests/tools/promtool.py fetches one")
    panel = next(panel for panel in panels.panels(BOARDS["redis-cluster"]) if panel["title"] == "Nodes")
    expr = re.sub(r"\$\w+", ".*", panel["targets"][0]["expr"])
    labels = '{job="redis-cluster", cluster="c", environment="e", node="n", instance="i"}'
    series = {"redis_up": "1x4 _x9", "up": "1x4 0x9"}
    test = {
        "interval": "1m",
        "input_series": [{"series": name + labels, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {"expr": expr, "eval_time": when, "exp_samples": [{"labels": labels, "value": value}]}
            for when, value in (("2m", 1), ("12m", 0))
        ],
    }
    path = tmp_path / "test.yml"
    path.write_text(yaml.safe_dump({"rule_files": [], "evaluation_interval": "1m", "tests": [test]}))
    done = subprocess.run([tool, "test", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_query_is_promql(tmp_path):
    tool = promtool.find()
    if tool is None:
        pytest.skip("no promtool: python tests/tools/promtool.py fetches one")
    rules = []
    for uid, board in BOARDS.items():
        chosen = {
            variable["name"]: panels.value_of(variable, ["a.b", "c+d"])
            for variable in board["templating"]["list"]
            if variable["type"] == "query"
        }
        values = chosen | panels.builtins(3600, 30)
        for number, query in enumerate(panels.panel_queries(board)):
            expr = panels.substitute(query.expr, values)
            assert not panels.unresolved(expr), query
            rules.append({"record": f"panel:{uid.replace('-', '_')}:{number}", "expr": expr})
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run([tool, "check", "rules", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(QUERIES)} rules found" in done.stdout


@pytest.mark.parametrize("uid", UIDS)
def test_links_lead_somewhere(uid):
    board = BOARDS[uid]
    there = {"/d/" + other for other in UIDS}
    own, others = "/d/" + uid, [link for link in board["links"] if link["url"].startswith("/")]
    assert {link["url"] for link in others} == there - {own}
    assert all(link["includeVars"] and link["keepTime"] for link in others)
    urls = [link["url"] for link in board["links"] if not link["url"].startswith("/")]
    urls += [link["url"] for panel in panels.panels(board) for link in panel["links"]]
    assert len(urls) > 10
    for url in urls:
        page = RUNBOOK.fullmatch(url)
        assert page, url
        assert (PAGES / f"{page[1]}.md").is_file(), url


def test_an_alert_leads_to_its_page():
    """The link on a row of the table of alerts, for every alert there is."""
    text = json.dumps(BOARDS["redis-cluster"])
    assert "${runbook_url:raw}/${__value.raw}.md" in text
    assert [name for name in _rules.alerts() if not (PAGES / f"{name}.md").is_file()] == []


def test_alerts_lead_to_the_dashboard():
    """The annotation dashboard_url of the rules opens redis-cluster with the alert's cluster chosen."""
    default = yaml.safe_load((PROMETHEUS / "defaults" / "main.yml").read_text())["prometheus_dashboard_url"]
    assert default.endswith("/d/redis-cluster")
    names = {variable["name"] for variable in BOARDS["redis-cluster"]["templating"]["list"]}
    used = set(re.findall(r"[?&]var-(\w+)=", _rules.CLUSTER))
    assert "cluster" in used
    assert used <= names


def test_thresholds_are_those_of_the_alerts():
    def steps(uid, title):
        panel = next(panel for panel in panels.panels(BOARDS[uid]) if panel["title"] == title)
        return [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]

    def limits(*names):
        return [_rules.limits()[name]["default"] for name in names]

    memory = limits("memory_high_percent", "memory_critical_percent")
    assert steps("redis-cluster", "Memory used, of maxmemory") == memory
    assert steps("redis-resources", "Connections, of maxclients") == limits("connections_percent")
    assert steps("redis-resources", "Main thread") == limits("main_thread_percent")
    certificates = limits("cert_critical_days", "cert_soon_days", "cert_notice_days")
    assert steps("redis-resources", "Certificates that Redis serves") == certificates
    assert steps("redis-performance", "Time of a command") == [limits("command_latency_ms")[0] / 1000]


@pytest.mark.parametrize(
    ("variable", "chosen", "text"),
    [
        ({"name": "v", "multi": True, "allValue": ".*"}, [panels.ALL], ".*"),
        ({"name": "v", "multi": True}, ["a"], "a"),
        ({"name": "v", "multi": True}, ["10.0.0.1:9121", "b"], r"(10\\.0\\.0\\.1:9121|b)"),
        ({"name": "v"}, ["10.0.0.1:9121"], "10.0.0.1:9121"),
        ({"name": "v"}, [], ""),
    ],
)
def test_values_as_grafana_writes_them(variable, chosen, text):
    assert panels.value_of(variable, chosen) == text


def test_substitution():
    values = {"cluster": "x", "__rate_interval": "120s"}
    text = panels.substitute('a{c=~"$cluster", d="${cluster:raw}", e="[[cluster]]", f=~"a$"}[$__rate_interval]', values)
    assert text == 'a{c=~"x", d="x", e="x", f=~"a$"}[120s]'
    assert panels.unresolved("$other + ${more}") == ["$other", "${more}"]


@pytest.mark.parametrize(("scrape", "wide", "expected"), [(30, 3600, 120), (30, 30 * 86400, 2622), (15, 3600, 60)])
def test_rate_interval(scrape, wide, expected):
    assert panels.builtins(wide, scrape)["__rate_interval"] == f"{expected}s"


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_a_timeline_is_not_coloured_by_thresholds(uid, panel):
    """Merged values would show the range of a threshold and ignore the mappings (seen in Grafana 12.4)."""
    if panel["type"] == "state-timeline":
        defaults = panel["fieldConfig"]["defaults"]
        assert defaults["mappings"]
        assert defaults["color"]["mode"] == "palette-classic"
        overrides = [one for override in panel["fieldConfig"]["overrides"] for one in override["properties"]]
        assert not [one for one in overrides if one["id"] == "color" and one["value"]["mode"] == "thresholds"]


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_a_title_fits_its_panel(uid, panel):
    """A panel of four columns shows about 18 characters on a screen of 1,400 pixels."""
    if panel["type"] == "stat":
        assert len(panel["title"]) <= 18


@pytest.mark.parametrize(("uid", "panel"), PANELS)
def test_the_text_for_no_value_is_neutral(uid, panel):
    """The base colour of thresholds, orange or red, would read as a warning."""
    if panel["type"] == "stat" and panel["fieldConfig"]["defaults"]["noValue"] != "No data":
        defaults = panel["fieldConfig"]["defaults"]
        special = [mapping["options"] for mapping in defaults["mappings"] if mapping["type"] == "special"]
        assert [(one["match"], one["result"]["text"]) for one in special] == [("null+nan", defaults["noValue"])]
