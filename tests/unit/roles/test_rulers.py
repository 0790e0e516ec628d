# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule pack for the rulers of stores: each form is what its ruler takes, with the rules of the pack."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "tools"))
import promtool
import render_rules

FLAVOURS = ("mimir", "amp", "vmalert")


@pytest.fixture
def rendered(tmp_path):
    """rendered(flavour, settings) -> its documents by file, and their texts."""

    def run(flavour="prometheus", settings=None):
        out = tmp_path / flavour
        assert render_rules.render(out, [json.dumps(settings or {})], flavour=flavour) == ""
        texts = {path.name: path.read_text() for path in out.glob("*.yml")}
        return {name: yaml.safe_load(text) for name, text in texts.items()}, texts

    return run


def rules_of(documents):
    return {name: [group["rules"] for group in one["groups"]] for name, one in documents.items()}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_all_rules_of_the_pack_with_the_interval_of_prometheus(rendered, flavour):
    documents, texts = rendered(flavour, {"prometheus_evaluation_interval": "15s"})
    assert rules_of(documents) == rules_of(rendered()[0])
    intervals = {group["interval"] for one in documents.values() for group in one["groups"]}
    assert intervals == {"15s"}
    command = {
        "mimir": "mimirtool rules load",
        "amp": "aws amp create-rule-groups-namespace",
        "vmalert": "vmalert -rule",
    }
    assert all(command[flavour] in text.split("groups:")[0] and name in text for name, text in texts.items())


def test_what_each_has_around_its_groups(rendered):
    assert {tuple(one) for one in rendered()[0].values()} == {("groups",)}
    assert {tuple(one) for one in rendered("amp")[0].values()} == {("groups",)}
    assert {tuple(one) for one in rendered("vmalert")[0].values()} == {("groups",)}
    documents, dummy = rendered("mimir")
    assert {tuple(one) for one in documents.values()} == {("namespace", "groups")}
    assert documents["redis_load.yml"]["namespace"] == "redisops-redis-load"
    assert len({one["namespace"] for one in documents.values()}) == len(documents)
    assert max(len(group["rules"]) for one in documents.values() for group in one["groups"]) <= 20  # Mimir's limit


def test_an_agent_is_not_told_that_it_sends_no_alerts(rendered):
    name = "PrometheusNotConnectedToAlertmanager"
    assert name in rendered("mimir")[1]["monitoring.yml"]
    assert name not in rendered("amp", {"prometheus_mode": "agent"})[1]["monitoring.yml"]


@pytest.mark.skipif(promtool.find() is None, reason="no promtool: run tests/tools/promtool.py once")
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_promtool_takes_them(rendered, tmp_path, flavour):
    rendered(flavour)
    assert render_rules.check(tmp_path / flavour, promtool.find()) == ""


@pytest.mark.skipif(not render_rules.vmalert(), reason="no vmalert: apt-get install victoria-metrics")
def test_vmalert_takes_expressions_and_templates(rendered, tmp_path):
    dummy, texts = rendered("vmalert")
    assert render_rules.check_metricsql(tmp_path / "vmalert", render_rules.vmalert()) == ""
    (tmp_path / "vmalert" / "hosts.yml").write_text(
        texts["hosts.yml"].replace("node_filesystem_avail_bytes{", "no such {")
    )
    assert "hosts.yml" in render_rules.check_metricsql(tmp_path / "vmalert", render_rules.vmalert())


@pytest.mark.parametrize(("flavour", "rc"), [("mimir", 0), ("thanos", 2)])
def test_the_program(tmp_path, monkeypatch, capsys, flavour, rc):
    monkeypatch.setattr(sys, "argv", ["render_rules.py", str(tmp_path), "--flavour", flavour])
    if rc:
        with pytest.raises(SystemExit):
            render_rules.main()
        assert "invalid choice" in capsys.readouterr().err
    else:
        assert render_rules.main() == 0 and "6 rule files" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"prometheus_evaluation_interval": "abc"}, "is abc, which is not a duration such as 30s"),
        ({"prometheus_evaluation_interval": "10m"}, "is 10m: the rules look back 5m"),
        ({"prometheus_alert_thresholds": {"memory_high_percent": "abc"}}, "memory_high_percent is abc, not a number"),
    ],
)
def test_settings_that_no_rules_can_be_made_of(tmp_path, settings, says):
    said = render_rules.render(
        tmp_path / "out", [json.dumps({"prometheus_rule_pack": False, **settings})], flavour="amp"
    )
    assert says in said and not (tmp_path / "out").exists()
