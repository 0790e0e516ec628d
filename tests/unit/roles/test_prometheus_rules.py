# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule pack: complete, documented, built on metrics that exist, and right about when to fire.

The behaviour of every alert is in tests/rules (README.md there); promtool runs it.
"""

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
ALERTS = _rules.alerts()
THRESHOLDS = _rules.limits()
RULES = ROOT / "tests" / "rules"
FIXTURES = RULES / "fixtures"
RUNBOOKS = ROOT / "docs" / "runbooks"
ROLE = ROOT / "roles" / "prometheus"
sys.path[:0] = [str(RULES), str(ROOT / "tests" / "tools")]

import promtests
import promtool
import render_rules

TOOL = promtool.find()
needs_promtool = pytest.mark.skipif(TOOL is None, reason="no promtool: run tests/tools/promtool.py once")

FILES = sorted(path.stem for path in promtests.CASES.glob("*.yml"))
CASES = {stem: promtests.cases(promtests.CASES / f"{stem}.yml") for stem in FILES}
SPECS = {alert: spec for specs in CASES.values() for alert, spec in specs.items()}
SCENARIOS = promtests.load(RULES / "scenarios.yml")

INCIDENTS = {"1", "2", "3", "4", "5", "6", "sec", "backup"}
PAGES_OF_ALL = {"README", "severity", "redis-cli", *(f"incident-{number}" for number in range(1, 7))}
# What only another version or role of a node exports: the other fixtures have it.
NOT_BEFORE_1_68 = {"redis_max_clients"}
PROMQL_WORDS = {"and", "or", "unless", "on", "by", "without", "offset", "ignoring", "group_left", "group_right", "bool"}


@pytest.fixture(scope="session")
def render(tmp_path_factory):
    """render(settings, clusters) -> the directory with the rule files for these settings, rendered once."""
    done = {}

    def render_once(settings=None, clusters=None):
        key, about = json.dumps(settings or {}, sort_keys=True), json.dumps(clusters or {})
        if (key, about) not in done:
            out = tmp_path_factory.mktemp("rules")
            problem = render_rules.render(out, [key], clusters)
            assert problem == ""
            done[key, about] = out
        return done[key, about]

    return render_once


@pytest.fixture(scope="session")
def pack(render):
    """The pack with its defaults: {file stem: [rule, ...]}."""
    documents = {path.stem: yaml.safe_load(path.read_text()) for path in render().glob("*.yml")}
    return {
        stem: [rule for group in document["groups"] for rule in group["rules"]] for stem, document in documents.items()
    }


@pytest.fixture(scope="session")
def known(pack):
    """The metrics there are: of real exporters, declared one by one, and recorded."""
    declared = yaml.safe_load((FIXTURES / "declared.yml").read_text())
    real = set().union(*(exported(path) for path in FIXTURES.glob("*-*")))
    recorded = {rule["record"] for rules in pack.values() for rule in rules if "record" in rule}
    return real | recorded | {*declared["own"], *declared["prometheus"], *declared["others"]}


@pytest.fixture(scope="session")
def alerts(pack):
    return {rule["alert"]: rule for rules in pack.values() for rule in rules if "alert" in rule}


def run_promtool(tmp_path, document):
    path = tmp_path / "rules.test.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, width=1000))
    done = subprocess.run([str(TOOL), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def only_summaries(directory, stem, target):
    """A copy of a rule file without the annotations that the cases do not spell out."""
    document = yaml.safe_load((directory / f"{stem}.yml").read_text())
    for group in document["groups"]:
        for rule in group["rules"]:
            if "annotations" in rule:
                rule["annotations"] = {"summary": rule["annotations"]["summary"]}
    path = target / f"{stem}.yml"
    path.write_text(yaml.safe_dump(document, sort_keys=False, width=1000))
    return path


def by_settings(specs):
    """The alerts of one case file, grouped by the settings that their cases want."""
    groups = {}
    for alert, spec in specs.items():
        groups.setdefault(json.dumps(spec["settings"]), {})[alert] = spec
    return [(json.loads(key), group) for key, group in groups.items()]


# Complete and documented


def test_every_alert_of_the_table_is_in_the_pack(alerts):
    assert sorted(alerts) == sorted(ALERTS)


def test_every_file_has_the_marker_and_no_leftovers_of_the_template(render):
    paths = sorted(render().glob("*.yml"))
    assert [path.stem for path in paths] == FILES, "a rule file without cases, or cases without a rule file"
    for path in paths:
        text = path.read_text()
        assert text.startswith("# Managed by redisops.monitoring\n")
        assert not re.search(r"\[\[|\]\]|\[%|%\]", text), path.name


@pytest.mark.parametrize("name", ALERTS)
def test_alert_is_documented(name, alerts):
    alert = alerts[name]
    notes = alert["annotations"]
    assert alert["for"] == ALERTS[name]
    assert alert["labels"]["severity"] in ({"none"} if name == "Watchdog" else {"P1", "P2", "P3"})
    assert alert["labels"]["incident"] in INCIDENTS
    assert set(alert["labels"]) == {"severity", "incident"}
    assert set(notes) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert notes["runbook_url"].endswith(f"/docs/runbooks/{name}.md")
    assert notes["dashboard_url"].startswith("http")
    assert "First step:" in notes["description"] or name == "Watchdog"


@pytest.mark.parametrize("name", ALERTS)
def test_runbook_page(name, alerts):
    page = RUNBOOKS / f"{name}.md"
    assert page.exists(), f"docs/runbooks/{name}.md is missing"
    text = page.read_text()
    assert text.startswith(f"# {name}\n")
    headings = re.findall(r"^## (.*)$", text, re.M)
    assert headings == ["What it means", "Diagnose", "Fix", "Resolved when", "Prevent"]
    severity, incident = alerts[name]["labels"]["severity"], alerts[name]["labels"]["incident"]
    assert f"**{severity}**" in text, f"{name}.md does not name its severity {severity}"
    assert f"incident {incident}" in text, f"{name}.md does not name its incident {incident}"
    assert "--pass " not in text and "--pass=" not in text, (
        "a password in a command line ends up in ps and in the history"
    )


def test_runbook_pages_and_links():
    pages = {path.stem for path in RUNBOOKS.glob("*.md")}
    assert pages == set(ALERTS) | PAGES_OF_ALL
    index = (RUNBOOKS / "README.md").read_text()
    for name in ALERTS:
        assert f"({name}.md)" in index, f"docs/runbooks/README.md does not list {name}"
    for path in [*RUNBOOKS.glob("*.md"), ROOT / "docs" / "metrics.md", RULES / "README.md"]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
            assert (path.parent / link).exists(), f"{path.name} links to {link}, which does not exist"


def test_index_tells_severity_and_duration(alerts):
    rows = dict(re.findall(r"^\| \[(\w+)\]\(\w+\.md\) \| (.*) \|$", (RUNBOOKS / "README.md").read_text(), re.M))
    assert sorted(rows) == sorted(ALERTS)
    for name, row in rows.items():
        labels = alerts[name]["labels"]
        assert row.split(" | ")[:3] == [labels["severity"], labels["incident"], ALERTS[name]], name


def queries():
    """Every PromQL query of the runbooks: (page, query)."""
    for path in sorted(RUNBOOKS.glob("*.md")):
        for block in re.findall(r"^```promql\n(.*?)^```", path.read_text(), re.M | re.S):
            for line in block.splitlines():
                yield path.stem, line.split("#")[0].strip()


def test_queries_of_the_runbooks_use_metrics_that_exist(known):
    declared = yaml.safe_load((FIXTURES / "declared.yml").read_text())
    unknown = [(page, metrics_in(query) - known - set(declared["runbooks"])) for page, query in queries()]
    assert [(page, names) for page, names in unknown if names] == []
    used = set().union(*(metrics_in(query) for _page, query in queries()))
    assert set(declared["runbooks"]) <= used - known


@needs_promtool
def test_queries_of_the_runbooks_parse(tmp_path):
    rules = [{"record": f"page:{page}:q{number}", "expr": query} for number, (page, query) in enumerate(queries())]
    assert len(rules) > 2 * len(ALERTS)
    (tmp_path / "queries.yml").write_text(yaml.safe_dump({"groups": [{"name": "runbooks", "rules": rules}]}))
    assert render_rules.check(tmp_path, TOOL) == ""


# Settings


def test_every_threshold_is_used():
    text = "".join(path.read_text() for path in _rules.files())
    assert set(re.findall(r"\[\[ (\w+) \]\]", text)) - {"for"} == set(THRESHOLDS)


def test_thresholds_are_documented():
    specs = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    options = specs["prometheus_alert_thresholds"]["options"]
    assert sorted(options) == sorted(THRESHOLDS)
    for name, limit in THRESHOLDS.items():
        option = options[name]
        assert option["type"] == "float"
        assert option["default"] == limit["default"], name
        said = " ".join([option["description"]] if isinstance(option["description"], str) else option["description"])
        assert f"From {limit['min']} to {limit['max']}." in said, name


def test_defaults_are_in_range():
    for name, limit in THRESHOLDS.items():
        assert limit["min"] <= limit["default"] <= limit["max"], name


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"prometheus_alert_thresholds": {"memory_high_percent": 180}},
            "prometheus_alert_thresholds.memory_high_percent is 180, must be from 1 to 100",
        ),
        (
            {
                "prometheus_alert_thresholds": {"memory_hihg_percent": 70, "cert_soon_days": "ten"},
                "prometheus_alert_for": {"RedisDown": "1m", "RedisTargetDown": "soon", "RedisSwapping": 300},
                "prometheus_rules_disabled": ["RedisFoo"],
            },
            "prometheus_alert_thresholds: there is no threshold memory_hihg_percent; "
            "prometheus_alert_thresholds.cert_soon_days is ten, not a number; "
            "prometheus_alert_for: there is no alert RedisDown; "
            "prometheus_alert_for.RedisTargetDown is soon, not a duration such as 5m; "
            "prometheus_alert_for.RedisSwapping is 300, not a duration such as 5m; "
            "prometheus_rules_disabled: there is no alert RedisFoo",
        ),
        (
            {"prometheus_alert_thresholds": {"memory_high_percent": 95}},
            "prometheus_alert_thresholds.memory_high_percent is 95, must be below memory_critical_percent, which is 95",
        ),
        (
            {"prometheus_rules_disabled": "RedisSwapping"},
            "prometheus_rules_disabled is RedisSwapping, not a list",
        ),
    ],
    ids=["out of range", "unknown names and wrong kinds", "high above critical", "a name instead of a list"],
)
def test_wrong_settings_end_with_one_line(settings, problem, tmp_path):
    (tmp_path / "old.yml").write_text(render_rules.MARKER)
    assert render_rules.render(tmp_path, [json.dumps(settings)]) == problem
    assert (tmp_path / "old.yml").exists(), "files were touched although the settings are wrong"


@needs_promtool
def test_settings_reach_the_rules(render):
    out = render(
        {
            "prometheus_alert_thresholds": {"memory_high_percent": 70.5},
            "prometheus_alert_for": {"RedisMemoryHigh": "20m"},
            "prometheus_rules_disabled": [name for name in ALERTS if name.startswith("Ebs")],
            "prometheus_runbook_base_url": "https://wiki.example.com/redis",
        }
    )
    rules = yaml.safe_load((out / "redis_load.yml").read_text())["groups"][0]["rules"]
    high = next(rule for rule in rules if rule.get("alert") == "RedisMemoryHigh")
    assert high["expr"] == "instance:redis_memory_used:percent > 70.5"
    assert high["for"] == "20m"
    assert "alert above 70.5 %" in high["annotations"]["description"]
    assert high["annotations"]["runbook_url"] == "https://wiki.example.com/redis/RedisMemoryHigh.md"
    assert "- alert: Ebs" not in (out / "backups.yml").read_text()
    assert render_rules.check(out, TOOL) == "", "an empty group has to stay valid"


# Several clusters

OTHER = {name: limit["min"] + (limit["max"] - limit["min"]) / 3 for name, limit in THRESHOLDS.items()}


@needs_promtool
def test_pack_of_clusters_passes_promtool_lint(render):
    """Every threshold differs in two of three clusters, and names are what people make them."""
    odd = 'a "b" $1 \\ {{c}} é'
    assert render_rules.check(render(None, {odd: OTHER, "test": {**OTHER, "evicted_keys": 7}}), TOOL) == ""


def test_only_what_differs_is_told_apart(render):
    out = render(None, {"redis-test": {"memory_high_percent": 60}})
    for path in render().glob("*.yml"):
        rules, own = (
            [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]
            for text in (path.read_text(), (out / path.name).read_text())
        )
        assert [rule.get("alert") for rule in rules] == [rule.get("alert") for rule in own]
        differing = [rule["alert"] for rule, other in zip(rules, own) if rule != other]
        assert differing == (["RedisMemoryHigh"] if path.stem == "redis_load" else [])


CLUSTER_CASES = {
    # it: (thresholds of redis-test, percent of 1a in redis-prod and of 2a in redis-test, who is told which threshold)
    "the lower one of a cluster is its own": ({"memory_high_percent": 60}, 70, 70, {"2a": 60}),
    "so is the higher one": ({"memory_high_percent": 90}, 85, 85, {"1a": 80}),
    "each is told its own": ({"memory_high_percent": 60}, 85, 85, {"1a": 80, "2a": 60}),
    "another threshold changes nothing": ({"memory_critical_percent": 90}, 85, 70, {"1a": 80}),
}


@needs_promtool
@pytest.mark.parametrize("name", CLUSTER_CASES)
def test_a_cluster_is_compared_with_its_own_threshold(name, render, tmp_path):
    own, prod, test, told = CLUSTER_CASES[name]
    series = {}
    for node, value in (("1a", prod), ("2a", test)):
        series[f"redis_memory_used_bytes{{{node}}}"] = f"{value}0x40"
        series[f"redis_memory_max_bytes{{{node}}}"] = "1000x40"
    case = {"it": name, "series": series, "at": "18m", "firing": {"RedisMemoryHigh": str(len(told))}}
    document = promtests.scenario(case, [str(render(None, {"redis-test": own}) / "redis_load.yml")])
    code, said = run_promtool(tmp_path, document)
    assert code == 0, said
    wanted = [{"exp_labels": {**promtests.TARGETS[node], "severity": "P2", "incident": "2"}} for node in told]
    document["tests"][0]["alert_rule_test"] = [
        {"eval_time": "18m", "alertname": "RedisMemoryHigh", "exp_alerts": wanted}
    ]
    dummy, said = run_promtool(tmp_path, document)
    said = said[said.index("got:") :]  # annotations are not in `wanted`, so that it shows them
    for node, threshold in told.items():
        assert f"Redis on {promtests.TARGETS[node]['instance']}" in said
        assert f"alert above {threshold} %" in said
    assert len(re.findall("alert above", said)) == len(told), said


# Metrics that exist


def metrics_in(expression):
    """The metric names of a PromQL expression."""
    text = re.sub(r'"[^"]*"', "", expression)
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", text)
    text = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", text)
    text = re.sub(r"\boffset\s+\S+", " ", text)
    names = re.findall(r"(?<![\w.:])([a-zA-Z_:][\w:]*)(?!\w*\s*\()", text)
    return set(names) - PROMQL_WORDS


def exported(path):
    if path.suffix == ".prom":
        return set(re.findall(r"^(?!#)([\w:]+)", path.read_text(), re.M))
    return set(path.read_text().split())


def test_metrics_in():
    assert metrics_in('max by (a, b) (x_total{job="y", z=~"w.*"} offset 5m) > 2 * rate(u[5m]) unless on (c) v:w:x') == {
        "x_total", "u", "v:w:x"
    }  # fmt: skip


def test_every_metric_exists(pack, known):
    declared = yaml.safe_load((FIXTURES / "declared.yml").read_text())
    listed = {*declared["own"], *declared["prometheus"], *declared["others"]}
    real = set().union(*(exported(path) for path in FIXTURES.glob("*-*")))
    used = set().union(*(metrics_in(rule["expr"]) for rules in pack.values() for rule in rules))
    assert used - known == set()
    assert listed <= used, f"declared but not used: {sorted(listed - used)}"
    assert not listed & real, f"declared although a real exporter shows it: {sorted(listed & real)}"


def test_old_exporters_lack_only_what_the_rules_can_do_without(pack):
    """1.45 is the oldest exporter the collection meets."""
    old = exported(FIXTURES / "redis_exporter-1.45-cluster.names")
    new = exported(FIXTURES / "redis_exporter-1.86-cluster.prom")
    used = set().union(*(metrics_in(rule["expr"]) for rules in pack.values() for rule in rules))
    assert used & new - old == NOT_BEFORE_1_68


def test_own_metrics_are_described():
    text = (ROOT / "docs" / "metrics.md").read_text()
    for name in yaml.safe_load((FIXTURES / "declared.yml").read_text())["own"]:
        assert f"`{name}" in text, f"docs/metrics.md does not describe {name}"


# Behaviour


@needs_promtool
def test_pack_passes_promtool_lint(render):
    assert render_rules.check(render(), TOOL) == ""


@needs_promtool
@pytest.mark.skipif(len(promtool.mirrored()) < 2, reason="the mirror has no older Prometheus")
def test_pack_passes_the_oldest_promtool_of_the_mirror(render):
    assert render_rules.check(render(), promtool.unpacked(promtool.mirrored()[0])) == ""


def test_every_alert_has_cases():
    assert sorted(SPECS) == sorted(ALERTS)
    for alert, spec in SPECS.items():
        assert spec["fires"], f"{alert} has no case in which it fires"
        assert spec["silent"], f"{alert} has no case in which it stays silent"


def test_summaries_fit_a_phone():
    for alert, spec in SPECS.items():
        for case in spec["fires"]:
            assert len(case["summary"]) <= 80, f"{alert}: {case['summary']}"


@pytest.mark.parametrize("alert", ALERTS)
def test_cases_speak_of_the_alert_as_it_is(alert, alerts):
    assert {key: SPECS[alert][key] for key in ("severity", "incident")} == alerts[alert]["labels"]


@needs_promtool
@pytest.mark.parametrize("stem", FILES)
def test_alerts_fire_and_stay_silent(stem, render, tmp_path):
    for settings, specs in by_settings(CASES[stem]):
        rule_file = only_summaries(render(settings), stem, tmp_path)
        code, said = run_promtool(tmp_path, promtests.document(specs, rule_file))
        assert code == 0, said


@needs_promtool
@pytest.mark.parametrize("stem", FILES)
def test_descriptions_and_links_render(stem, render, tmp_path):
    """promtool prints the whole alert when annotations differ, and here the descriptions are meant to."""
    for settings, specs in by_settings(CASES[stem]):
        firing = {alert: {**spec, "silent": []} for alert, spec in specs.items()}
        _code, said = run_promtool(tmp_path, promtests.document(firing, render(settings) / f"{stem}.yml"))
        got = "".join(re.findall(r"got:\[(.*?)\n {12}\]", said, re.S))
        for alert in specs:
            assert f'alertname="{alert}"' in got, f"{alert} did not fire:\n{said}"
        for broken in ("error expanding", "no value", "%!", "{{", 'dashboard_url=""'):
            assert broken not in got, got
        assert " ," not in got and "  " not in re.sub(r"\n *", "", got), got


@needs_promtool
@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name, render, tmp_path):
    files = sorted(str(path) for path in render().glob("*.yml"))
    code, said = run_promtool(tmp_path, promtests.scenario(SCENARIOS[name], files))
    assert code == 0, said


@needs_promtool
def test_healthy_cluster_is_quiet(render, tmp_path):
    """Everything a real exporter shows, of three nodes, for three quarters of an hour: no page."""
    series = {}
    for line in (FIXTURES / "redis_exporter-1.86-cluster.prom").read_text().splitlines():
        if not line.startswith("#"):
            key, _space, value = line.rpartition(" ")
            metric, _brace, inside = key.rstrip("}").partition("{")
            for node in ("1a", "1b", "1c"):
                series[f"{metric}{{{node},{inside}}}"] = f"{float(value):.6f}x90"
    for node in ("1a", "1b", "1c"):
        series[f"up{{{node}}}"] = "1x90"
        series[f"redis_uptime_in_seconds{{{node},}}"] = "100000+30x90"
    assert len(series) > 3 * 180
    # The exporter was looked at on a Redis without maxmemory, which is worth a note on the next business day.
    wanted = {"it": "healthy", "series": series, "at": "45m", "firing": {"RedisMaxmemoryUnset": "3", "Watchdog": "1"}}
    files = sorted(str(path) for path in render().glob("*.yml"))
    code, said = run_promtool(tmp_path, promtests.scenario(wanted, files))
    assert code == 0, said
