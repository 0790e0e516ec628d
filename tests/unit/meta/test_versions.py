# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""meta/versions.yml: what is installed by default is supported, and is the same everywhere."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core

ROOT = Path(__file__).resolve().parents[3]
for directory in ("tools", "lab"):
    sys.path.insert(0, str(ROOT / "tests" / directory))
import versions

PINNED = versions.pinned()


def defaults(role):
    return yaml.safe_load((ROOT / "roles" / role / "defaults/main.yml").read_text())


def test_every_default_is_supported():
    found = versions.out_of_support(datetime.date.today())
    assert not found, "\n".join(found)


def test_an_end_of_support_is_found(monkeypatch):
    monkeypatch.setitem(PINNED["prometheus"], "supported_until", datetime.date(2027, 7, 31))
    monkeypatch.setattr(versions, "pinned", lambda: {"prometheus": PINNED["prometheus"]})
    assert versions.out_of_support(datetime.date(2027, 7, 31)) == []
    (line,) = versions.out_of_support(datetime.date(2027, 8, 1))
    assert line.startswith(f"prometheus {PINNED['prometheus']['version']} has had no fixes since 2027-07-31: look up")


@pytest.mark.parametrize("name", PINNED)
def test_an_entry_says_where_it_comes_from(name):
    entry = PINNED[name]
    assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])
    until = entry["supported_until"]
    assert until == "rolling" or isinstance(until, datetime.date), "a date, or rolling"
    assert isinstance(entry["released"], datetime.date) and entry["released"] <= datetime.date.today()
    assert all(re.match(r"https://\S+.* 20\d\d-\d\d-\d\d$", line) for line in entry["found"]), "a URL and a date each"


def test_every_version_that_a_role_installs_is_there():
    found = {path.parts[-3] for path in ROOT.glob("roles/*/defaults/main.yml") if f"{path.parts[-3]}_version" in
             yaml.safe_load(path.read_text())}  # fmt: skip
    assert found == set(PINNED)


@pytest.mark.parametrize("role", PINNED)
def test_the_default_of_a_role_is_that_of_the_file(role):
    assert defaults(role)[f"{role}_version"] == PINNED[role]["version"]


def test_what_grafana_is_verified_with_is_that_of_the_file():
    pinned, role = versions.load(), defaults("grafana")
    assert role["grafana_repository_key_fingerprints"] == pinned["packages"]["grafana"]["fingerprints"]
    boards = [{key: one[key] for key in ("gnet_id", "revision", "sha256")} for one in role["grafana_gnet_dashboards"]]
    assert boards == pinned["dashboards"]


def test_docs_and_specs_are_current():
    tool = [sys.executable, ROOT / "tests/tools/versions.py", "--check"]
    result = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_each_place_is_found(tmp_path, monkeypatch):
    """The tool changes what it has to, and a version of something else stays."""
    page = tmp_path / "docs/mirror.md"
    old = [
        "prometheus/prometheus/releases/download/v3.0.0/prometheus-3.0.0.linux-arm64.tar.gz",
        "redis_exporter-v1.0.0.linux-amd64.tar.gz grafana_9.0.0_amd64.deb grafana_9.0.0_all.deb",
        "Prometheus 3.0.0 and ansible-core 2.19.0",
    ]
    page.parent.mkdir()
    page.write_text("\n".join(old))
    (tmp_path / "README.md").write_text("")
    for role in PINNED:
        for name in ("defaults/main.yml", "meta/argument_specs.yml"):
            (tmp_path / "roles" / role / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "roles" / role / "defaults/main.yml").write_text(f'{role}_version: "0.0.1"\nx_version: 0.0.1\n')
        spec = f"      {role}_version:\n        type: str\n        default: 0.0.1\n      x:\n        default: 0.0.1\n"
        (tmp_path / "roles" / role / "meta/argument_specs.yml").write_text(spec)
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["versions.py", "--check"])
    assert "other versions than meta/versions.yml" in versions.main()
    monkeypatch.setattr(sys, "argv", ["versions.py"])
    assert versions.main() is None
    now = {name: PINNED[name]["version"] for name in PINNED}
    assert page.read_text().splitlines() == [
        f"prometheus/prometheus/releases/download/v{now['prometheus']}/prometheus-{now['prometheus']}.linux-arm64.tar.gz",
        f"redis_exporter-v{now['redis_exporter']}.linux-amd64.tar.gz grafana_{now['grafana']}_amd64.deb"
        f" grafana_{now['grafana']}_all.deb",
        old[2],
    ]
    for role in PINNED:
        text = (tmp_path / "roles" / role / "defaults/main.yml").read_text()
        assert text == f'{role}_version: "{now[role]}"\nx_version: 0.0.1\n'
        text = (tmp_path / "roles" / role / "meta/argument_specs.yml").read_text()
        assert f"default: {now[role]}\n      x:" in text and text.endswith("default: 0.0.1\n")


def test_the_lab_has_the_defaults_where_it_can():
    import mirror

    for program in mirror.PROGRAMS:
        entry = PINNED[program.name]
        assert program.versions[-1] == entry["version"] and mirror.order(program.older[-1]) < mirror.order(
            entry["version"]
        )
        assert program.release("1.2.3") == f"{entry['repository']}/releases/download/v1.2.3"


def test_other_versions_than_the_defaults_are_told():
    import mirror

    wanted = PINNED["prometheus"]["version"]
    assert mirror.not_default({"prometheus": wanted, "grafana": PINNED["grafana"]["version"]}) == []
    assert mirror.not_default({"prometheus": "3.5.3"}) == [f"prometheus 3.5.3 (default {wanted})"]


@pytest.mark.parametrize("role", sorted(set(PINNED) - {"redis_exporter", "grafana"}))
def test_a_wrong_version_is_told_with_the_default(role):
    problems = _core.release_problems({f"{role}_version": "latest"}, _core.Host("a"), role, role)
    default = PINNED[role]["version"]
    assert problems == [f"{role}_version is latest: give three numbers such as {default}, without a v"]
