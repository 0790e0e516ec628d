# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's mirror from upstream, which a copy of upstream's layout stands for."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from upstream import KNOWN, serve

sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))
pytestmark = pytest.mark.skipif(
    not (shutil.which("gpg") and shutil.which("gpgv")), reason="gpg and gpgv are not installed"
)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    import grafana_repository
    import mirror

    home = tmp_path / "g"
    with serve(home) as upstream:
        for program in mirror.PROGRAMS:
            for version in program.older:
                upstream.add_release(KNOWN["programs"][program.name], version)
        for module in (mirror, grafana_repository):
            monkeypatch.setattr(module, "MIRROR", tmp_path / "mirror")
            monkeypatch.setattr(module, "UPSTREAM", upstream.url)
            monkeypatch.setattr(module, "ARCHITECTURE", "amd64")
        (tmp_path / "mirror").mkdir()
        monkeypatch.setattr(mirror, "ORIGIN", tmp_path / "mirror/ORIGIN.json")
        monkeypatch.setattr(grafana_repository, "REPOSITORY", tmp_path / "mirror/apt.grafana.com")
        monkeypatch.setattr(grafana_repository, "NOTED", tmp_path / "noted.json")
        yield mirror, grafana_repository, upstream


def test_releases(lab):
    mirror, _grafana, upstream = lab
    found = mirror.fill()
    assert found == {program.name: list(program.versions) for program in mirror.PROGRAMS} and mirror.is_upstream()
    for name in json.loads(mirror.ORIGIN.read_text())["artefacts"]:
        assert (mirror.MIRROR / name).read_bytes() == upstream.files["/" + name]
    assert mirror.not_default({name: versions[-1] for name, versions in found.items()}) == []


def test_a_release_that_is_altered(lab):
    mirror, _grafana, upstream = lab
    program = mirror.PROGRAMS[-1]
    upstream.files[f"/{program.release(program.default)}/{program.archive(program.default)}"] = b"altered"
    with pytest.raises(mirror.LabError, match="checksum mismatch"):
        mirror.fill()


def test_grafana_within_reach_is_mirrored(lab, monkeypatch):
    _mirror, grafana, upstream = lab
    monkeypatch.setattr(grafana, "UPSTREAM", upstream.url + "/apt.grafana.com")
    monkeypatch.setitem(grafana.DEFAULT, "fingerprints", [upstream.fingerprint])
    monkeypatch.setattr(grafana, "DASHBOARD", grafana.MIRROR / "grafana.com/download")
    monkeypatch.setattr(
        grafana, "DASHBOARD_URL", upstream.url + "/grafana.com/api/dashboards/11835/revisions/1/download"
    )
    monkeypatch.delitem(grafana.ENVIRONMENT, "GRAFANA_DEB", raising=False)
    grafana.NOTED.write_text("{}")
    (grafana.REPOSITORY / "pool").mkdir(parents=True)
    (grafana.REPOSITORY / "pool/stand-in.deb").write_text("x")
    about = grafana.fill()
    version = KNOWN["packages"]["grafana"]["version"]
    assert about == {
        "origin": "upstream", "version": version, "repository": "", "fingerprint": upstream.fingerprint,
        "dashboard": "grafana.com",
    }  # fmt: skip
    assert [path.name for path in grafana.REPOSITORY.rglob("*.deb")] == [f"grafana_{version}_1_linux_amd64.deb"]
