# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service never starts without its data because its directory changed."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._config import data
from ansible_collections.redisops.monitoring.plugins.module_utils._config.files import ConfigError


@pytest.fixture
def check(tmp_path):
    """check(directory, before=...) -> what is wrong, "" for nothing; with_files makes the directories."""

    def run(directory="", before="", **more):
        unit = tmp_path / "app.service"
        unit.write_text(f"[Unit]\n{f'# Data: {tmp_path}/{before}' if before else ''}\nX=1\n")
        params = {
            "what": "app_data_directory",
            "directory": f"{tmp_path}/{directory}" if directory else "",
            "default": f"{tmp_path}/default",
            "known": "wal|lock",
            "proof": "",
            "named_in": str(unit),
            **more,
        }
        try:
            data.check(params, "app.service")
        except ConfigError as err:
            assert "\n" not in str(err)
            return str(err).replace(f"{tmp_path}/", "")
        return ""

    return run


@pytest.fixture
def with_files(tmp_path):
    def make(directory, *names):
        (tmp_path / directory).mkdir()
        for name in names:
            (tmp_path / directory / name).mkdir()

    return make


def test_a_first_run(check, with_files):
    assert check() == ""  # nothing is there yet
    with_files("volume", "lost+found")
    assert check("volume") == ""
    assert check("gone").startswith(
        "app_data_directory: gone is no directory on this host: mount the volume there, with a line in /etc/fstab"
    )


def test_data_that_would_be_left_behind(check, with_files):
    with_files("default", "wal")
    with_files("volume")
    assert check("volume") == (
        "app_data_directory: volume has no data and default has, so app.service would start without it. Stop"
        " app.service, copy the data with `cp -a default/. volume/`, and run this again; or delete default."
        " Nothing was changed"
    )
    with_files("copied", "wal", "lock")
    assert check("copied") == ""


def test_from_one_volume_to_another_and_back(check, with_files):
    with_files("one", "wal")
    with_files("two")
    assert "two has no data and one has" in check("two", before="one")
    assert check("one", before="one") == ""
    assert "default has no data and one has" in check("", before="one")
    with_files("default", "wal")
    assert check("", before="one") == ""


def test_a_directory_of_somebody_else(check, with_files):
    with_files("shared", "lost+found", "mysql")
    assert check("shared").startswith("app_data_directory: shared has mysql, which is not of this service")
    assert check("shared", known="") == ""
    with_files("used", "wal", "note")
    assert check("used", before="used") == "", "put there later"


def test_a_link_to_where_the_data_is_anyway(check, with_files, tmp_path):
    with_files("default", "wal")
    (tmp_path / "link").symlink_to(tmp_path / "default")
    assert "link leads to default, where the data is anyway: leave it out" in check("link")


def test_directories_that_a_package_makes_are_no_data(check, with_files, tmp_path):
    with_files("default", "plugins")
    with_files("volume", "plugins")
    assert check("volume", proof="app.db", known="") == ""
    (tmp_path / "default" / "app.db").write_text("x")
    assert "volume has no data and default has" in check("volume", proof="app.db", known="")


def test_a_volume_or_a_link_where_systemd_wants_to_put_its_own(check, with_files, tmp_path, monkeypatch):
    (tmp_path / "private").mkdir()
    default = str(tmp_path / "private/app")
    assert check(default=default) == ""
    with_files("app", "wal")
    assert check(default=default) == "", "systemd moves a plain directory"
    monkeypatch.setattr(data.os.path, "ismount", lambda path: path == str(tmp_path / "app"))
    assert check(default=default) == (
        "app_data_directory: app is a mount point, which systemd cannot turn into a state directory: set"
        " app_data_directory to app; nothing was changed"
    )
    assert check("app", default=default) == ""
    monkeypatch.undo()
    (tmp_path / "app").rename(tmp_path / "volume")
    (tmp_path / "app").symlink_to("volume")
    assert "app is a link to volume, which systemd cannot" in check(default=default)
    (tmp_path / "app").unlink()
    (tmp_path / "app").symlink_to("private/app")
    (tmp_path / "private/app").mkdir()
    assert check(default=default) == "", "its own link"
