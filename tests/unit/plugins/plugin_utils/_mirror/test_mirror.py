# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror against a copy of upstream's layout for all programs, on a server that breaks off and redirects."""

from __future__ import annotations

import re
import shutil

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._grafana.model import canonical_sha256
from ansible_collections.redisops.monitoring.plugins.module_utils._release.common import ReleaseError
from ansible_collections.redisops.monitoring.plugins.plugin_utils._mirror import packages, run
from ansible_collections.redisops.monitoring.plugins.plugin_utils._mirror.folder import Folder
from upstream import BIG, BOARD, GRAFANA, KNOWN, serve

pytestmark = pytest.mark.skipif(
    not (shutil.which("gpg") and shutil.which("gpgv")), reason="gpg and gpgv are not installed"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """gpg's home, with a short path, because its sockets lie in it."""
    return tmp_path_factory.mktemp("g")


@pytest.fixture
def upstream(home):
    with serve(home) as found:
        yield found


@pytest.fixture
def fill(upstream, tmp_path):
    """Fills the folder and returns it; said has the lines of progress."""

    def run_it(check_mode=False, prune=False, architectures=("amd64", "arm64"), **options):
        upstream.requests.clear()
        said = []
        (tmp_path / "m").mkdir(exist_ok=True)
        folder = Folder(
            str(tmp_path / "m"), run.downloads(upstream.url, timeout=5, use_proxy=False), said.append, check_mode
        )
        folder.said = said
        board = {"gnet_id": 11835, "revision": 1, "sha256": canonical_sha256(BOARD)}
        options = {"dashboards": [board], "fingerprints": [upstream.fingerprint], **options}
        run.fill(folder, list(architectures), source_url=upstream.url, **options)
        if prune:
            folder.prune()
        return folder

    return run_it


def archive(name="prometheus", architecture="amd64"):
    about = KNOWN["programs"][name]
    file = about["archive"].format(version=about["version"], architecture=architecture)
    return f"{about['repository']}/releases/download/v{about['version']}/{file}"


def files_in(folder):
    return {
        str(path.relative_to(folder.root))
        for path in folder.root.rglob("*")
        if path.is_file() and path.name != ".mirror.json"
    }


def test_everything_is_there_as_upstream_has_it(fill, upstream):
    folder = fill()
    there = files_in(folder)
    wanted = {name.lstrip("/") for name in upstream.files if "12.3.0" not in name}
    assert there == wanted and set(folder.fetched) == wanted == folder.wanted
    for name in there:
        assert (folder.root / name).read_bytes() == upstream.files["/" + name], name
        assert (folder.root / name).stat().st_mode & 0o777 == 0o644  # a web server reads it
    for program in (*KNOWN["programs"], "grafana"):
        assert any(line.startswith("[") and program in line for line in folder.said)
    assert any(re.fullmatch(r"prometheus-.*amd64.tar.gz: [0-9.]+ MB in \d+ s, verified", line) for line in folder.said)


def test_the_second_run_asks_nothing(fill, upstream):
    fill()
    folder = fill()
    assert (folder.fetched, upstream.requests) == ([], [])


def test_what_was_altered_in_the_mirror_is_fetched_again(fill, upstream):
    folder = fill()
    (folder.root / archive()).write_bytes(b"altered")
    assert fill().fetched == [archive()]
    index = folder.root / "apt.grafana.com/dists/stable/main/binary-amd64/Packages.gz"
    index.write_bytes(b"altered")
    assert fill().fetched == [str(index.relative_to(folder.root))]
    assert fill().fetched == []


def test_check_mode_tells_and_writes_nothing(fill, upstream, tmp_path):
    folder = fill(check_mode=True)
    assert archive() in folder.fetched and "grafana.com/api/dashboards/11835/revisions/1/download" in folder.fetched
    assert any(f"grafana {GRAFANA['version']} for amd64 and arm64" in name for name in folder.fetched)
    assert not any((tmp_path / "m").iterdir()) and upstream.requests == []
    fill()
    assert fill(check_mode=True).fetched == []


def test_a_broken_download_goes_on_where_it_ended(fill, upstream):
    upstream.broken["/" + archive()] = [1 << 20, 1 << 20]
    folder = fill(programs=["prometheus"])
    asked = [begin for path, begin in upstream.requests if path == "/" + archive()]
    assert asked == [0, 1 << 20, 2 << 20]
    assert (folder.root / archive()).read_bytes() == upstream.files["/" + archive()]
    assert any("broke off at 1.0 MB, going on" in line for line in folder.said)
    assert not list(folder.root.rglob("*.part"))


def test_the_next_run_goes_on_where_this_one_ended(fill, upstream, tmp_path):
    upstream.broken["/" + archive()] = [1 << 20, 0]
    with pytest.raises(ReleaseError, match="truncated.*; 1.0 MB are kept, the next run goes on from there"):
        fill(programs=["prometheus"])
    assert not (tmp_path / "m" / archive()).exists()
    folder = fill(programs=["prometheus"])
    assert ("/" + archive(), 1 << 20) in upstream.requests and ("/" + archive(), 0) not in upstream.requests
    assert (folder.root / archive()).read_bytes() == upstream.files["/" + archive()]


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("left", [b"of another file", b"x" * (BIG * 3)])
def test_what_is_left_of_another_file_does_not_stay(fill, upstream, tmp_path, left, ranges):
    upstream.ranges = ranges
    part = tmp_path / "m" / (archive() + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    folder = fill(programs=["prometheus"])
    assert (folder.root / archive()).read_bytes() == upstream.files["/" + archive()] and not part.exists()


def test_redirects_as_those_of_githubs_releases(fill, upstream):
    upstream.redirected = True
    upstream.broken["/objects/" + archive()] = [1 << 20]
    folder = fill(programs=["prometheus"])
    assert ("/objects/" + archive(), 1 << 20) in upstream.requests and folder.is_intact(archive())


def test_a_wrong_digest_is_refused(fill, upstream, tmp_path):
    fill(programs=["prometheus"], architectures=["arm64"])
    upstream.files["/" + archive()] = b"altered"
    with pytest.raises(ReleaseError, match=r"checksum mismatch, http://.*amd64.tar.gz is sha256:.*has to be sha256:"):
        fill(programs=["prometheus"])
    left = {path.name for path in (tmp_path / "m").rglob("*") if path.is_file()}
    assert not any("amd64" in name for name in left), "nothing of it stays"
    assert any("arm64" in name for name in left), "what was good stays"


def test_an_archive_that_the_release_does_not_list_is_refused(fill, upstream):
    sums = f"/{archive().rpartition('/')[0]}/sha256sums.txt"
    upstream.files[sums] = upstream.files[sums].splitlines()[1] + b"\n"
    with pytest.raises(ReleaseError, match="does not list prometheus-.*amd64.tar.gz by sha256"):
        fill(programs=["prometheus"])


def test_what_is_missing_upstream_is_told(fill):
    with pytest.raises(ReleaseError, match=r"v9\.9\.9/sha256sums.txt answered 404 .*check the version"):
        fill(programs=["prometheus"], versions={"prometheus": ["9.9.9"]})
    with pytest.raises(ReleaseError, match=r"has no grafana 9\.9\.9 for amd64, it has .*12\.3\.0"):
        fill(programs=["grafana"], versions={"grafana": ["9.9.9"]})
    with pytest.raises(ReleaseError, match="there is no program promtool: choose of prometheus, alertmanager"):
        fill(programs=["promtool"])


def deb(version, architecture):
    return f"apt.grafana.com/pool/main/g/grafana/grafana_{version}_1_linux_{architecture}.deb"


def test_packages_need_the_signature_of_a_pinned_key(fill, upstream, tmp_path):
    with pytest.raises(ReleaseError, match=f"has the fingerprint {upstream.fingerprint}, not the pinned {'A' * 40}"):
        fill(programs=["grafana"], fingerprints=["A" * 40])
    index = "/apt.grafana.com/dists/stable/InRelease"
    signed = upstream.files[index]
    for altered in (signed.replace(b"Suite: stable", b"Suite: other!"), b"Suite: stable\n", signed[:-200]):
        upstream.files[index] = altered
        with pytest.raises(ReleaseError, match="InRelease has no good signature of a pinned key"):
            fill(programs=["grafana"])
    assert not list((tmp_path / "m").rglob("*.deb"))


def test_lists_and_packages_have_the_digests_that_the_index_lists(fill, upstream, tmp_path):
    name = "/apt.grafana.com/dists/stable/main/binary-amd64/Packages"
    good, upstream.files[name] = upstream.files[name], b"altered"
    with pytest.raises(ReleaseError, match="checksum mismatch, .*/Packages is not what .*/InRelease lists"):
        fill(programs=["grafana"])
    upstream.files[name] = good
    upstream.files["/" + deb(GRAFANA["version"], "amd64")] = b"altered"
    with pytest.raises(ReleaseError, match="checksum mismatch, .*grafana_.*amd64.deb is sha256"):
        fill(programs=["grafana"])
    assert not (tmp_path / "m/apt.grafana.com/dists/stable/InRelease").exists(), "an index names what is there"


def test_a_new_version_of_the_package_comes_with_the_new_index(fill, upstream):
    fill(programs=["grafana"])
    upstream.add_packages([GRAFANA["version"], "12.3.0", "12.9.0"])
    assert fill(programs=["grafana"]).fetched == [], "the version that is asked for is there"
    folder = fill(programs=["grafana"], versions={"grafana": ["12.9.0"]}, prune=True)
    assert deb("12.9.0", "amd64") in folder.fetched and "apt.grafana.com/dists/stable/InRelease" in folder.fetched
    assert deb(GRAFANA["version"], "amd64") in folder.removed


def test_a_path_outside_of_the_repository_is_refused():
    for name in ("/etc/passwd", "pool/../../x"):
        with pytest.raises(ReleaseError, match="outside of the repository"):
            packages.check_path(name, "x")


def test_a_dashboard_is_the_pinned_one(fill):
    with pytest.raises(ReleaseError, match="is not the dashboard that was asked for: .*canonical sha256"):
        fill(programs=["yace"], dashboards=[{"gnet_id": 11835, "revision": 1, "sha256": "0" * 64}])
    with pytest.raises(ReleaseError, match="answered 404"):
        fill(programs=["yace"], dashboards=[{"gnet_id": 1, "revision": 1}])


def test_prune_removes_what_a_run_fetched_and_nothing_else(fill, upstream):
    about = KNOWN["programs"]["prometheus"]
    upstream.add_release(about, "3.5.3")
    fill(programs=["prometheus"], versions={"prometheus": "3.5.3"})  # one version needs no list
    folder = fill(programs=["prometheus"])
    foreign = folder.root / "index.html"
    foreign.write_text("of the administrator")
    old = folder.root / about["repository"] / "releases/download/v3.5.3"
    assert old.is_dir() and folder.removed == []
    assert len(fill(programs=["prometheus"], prune=True, check_mode=True).removed) == 3 and old.is_dir()
    assert len(fill(programs=["prometheus"], prune=True).removed) == 3
    assert not old.exists() and foreign.exists() and (folder.root / archive()).exists()
    assert fill(programs=["prometheus"], prune=True).removed == []


def test_notes_that_cannot_be_read_are_told(tmp_path):
    (tmp_path / ".mirror.json").write_text("{")
    with pytest.raises(ReleaseError, match=r"\.mirror\.json cannot be read .*: remove it"):
        Folder(str(tmp_path), run.downloads("http://127.0.0.1"), print)


def test_a_mirror_that_was_filled_by_hand_is_taken_over(fill, upstream, tmp_path):
    for name in (archive(), archive(architecture="arm64")):
        (tmp_path / "m" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "m" / name).write_bytes(upstream.files["/" + name])
    folder = fill(programs=["prometheus"], dashboards=[])
    assert [name.rpartition("/")[2] for name in folder.fetched] == ["sha256sums.txt"]


def test_without_gpgv_the_fix_is_named(fill, monkeypatch):
    with monkeypatch.context() as patched, pytest.raises(ReleaseError, match="install gpgv on the controller"):
        patched.setenv("PATH", "/nonexistent")
        fill(programs=["grafana"])
