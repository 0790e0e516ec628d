# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Grafana the lab serves, and that its repository is one that apt would trust."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._apt import openpgp

sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))
pytestmark = pytest.mark.skipif(
    not (shutil.which("gpg") and shutil.which("dpkg-deb")), reason="gpg or dpkg-deb is not installed"
)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    import grafana_repository as lab

    monkeypatch.setattr(lab, "BUILD", tmp_path)
    monkeypatch.setattr(lab, "NOTED", tmp_path / "noted.json")
    monkeypatch.setattr(lab, "REPOSITORY", tmp_path / "mirror/apt.grafana.com")
    monkeypatch.setattr(lab, "DASHBOARD", tmp_path / "mirror/download")
    monkeypatch.setattr(lab, "DASHBOARDS", tmp_path / "shared")
    for name in ("UPSTREAM", "DASHBOARD_URL"):
        monkeypatch.setattr(lab, name, "http://127.0.0.1:1/")
    for name in ("GRAFANA_DEB", "GRAFANA_STANDIN_FLAVOUR"):
        monkeypatch.delitem(lab.ENVIRONMENT, name, raising=False)
    return lab


def test_stand_in(lab, tmp_path, monkeypatch):
    about = lab.fill()
    assert (about["origin"], about["version"], about["dashboard"]) == ("stand-in", "12.4.0", "")
    key = (lab.REPOSITORY / "gpg.key").read_bytes()
    assert list(openpgp.keys(key)) == [about["fingerprint"]]

    (tmp_path / "keyring.gpg").write_bytes(openpgp.dearmor(key))
    signed = lab.REPOSITORY / "dists/stable/InRelease"
    subprocess.run(["gpgv", "--keyring", tmp_path / "keyring.gpg", signed], check=True, capture_output=True)
    packages = next(lab.REPOSITORY.glob("dists/stable/main/*/Packages")).read_text()
    assert hashlib.sha256(packages.encode()).hexdigest() in signed.read_text()
    entries = [dict(line.split(": ", 1) for line in one.splitlines()) for one in packages.strip().split("\n\n")]
    assert [entry["Version"] for entry in entries] == ["9.4.0", "12.4.0"]
    for entry in entries:
        content = (lab.REPOSITORY / entry["Filename"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (int(entry["Size"]), entry["SHA256"])

    assert lab.fill() == about  # packed and signed once
    monkeypatch.setitem(lab.ENVIRONMENT, "GRAFANA_STANDIN_FLAVOUR", "9.4")
    assert lab.fill() == dict(about, version="9.4.0")
    monkeypatch.setitem(lab.ENVIRONMENT, "GRAFANA_STANDIN_FLAVOUR", "7")
    with pytest.raises(lab.LabError, match="GRAFANA_STANDIN_FLAVOUR is 7: choose 9.4 or 12.4"):
        lab.fill()


def test_given_package(lab, tmp_path, monkeypatch):
    package = lab.build(tmp_path / "scratch", "9.4")
    monkeypatch.setitem(lab.ENVIRONMENT, "GRAFANA_DEB", str(package))
    about = lab.fill()
    assert (about["origin"], about["version"], about["repository"]) == ("given package", "9.4.0", "")
    assert [path.name for path in lab.REPOSITORY.glob("pool/**/*.deb")] == [package.name]
    monkeypatch.setitem(lab.ENVIRONMENT, "GRAFANA_DEB", "/nowhere.deb")
    with pytest.raises(lab.LabError, match="GRAFANA_DEB names /nowhere.deb, which is not there"):
        lab.fill()


def test_dashboard_of_others_is_taken_from_beside_the_repository(lab):
    lab.DASHBOARDS.mkdir()
    (lab.DASHBOARDS / "11835-rev1.json").write_text(json.dumps({"title": "x"}))
    assert lab.dashboard() == "a copy"
    assert json.loads(lab.DASHBOARD.read_text()) == {"title": "x"}
