# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where copies of reports go."""

from __future__ import annotations

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _core, _reports

ALONE = "give the name of the bucket alone"
CALLED = "which no bucket can be called"
PATH = "give a path such as team-a/reports"
ABSOLUTE = "give the absolute path of a directory"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"monitoring_reports_bucket": "", "monitoring_reports_prefix": "", "monitoring_reports_dir": ""},
        {"monitoring_reports_bucket": None, "monitoring_reports_prefix": None, "monitoring_reports_dir": None},
        {"monitoring_reports_bucket": "team-reports.example", "monitoring_reports_prefix": "/team a/reports/"},
        {"monitoring_reports_bucket": "abc", "monitoring_reports_dir": "/srv/reports"},
    ],
)
def test_right(settings):
    assert _reports.problems(settings) == []


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("bucket", "s3://reports", ALONE),
        ("bucket", "reports/team-a", ALONE),
        ("bucket", "arn:aws:s3:::reports", ALONE),
        ("bucket", "https://reports.s3.amazonaws.com", ALONE),
        *[
            ("bucket", one, CALLED)
            for one in ("Reports", "my_reports", "ab", "a" * 64, "-a-b", "a..b", "10.0.0.1", " abc")
        ],
        *[("prefix", one, PATH) for one in ("s3://reports/a", "a/../b", "..", "a//b", "a\nb")],
        ("prefix", "a" * 513, "longer than 512 bytes"),
        *[("dir", one, ABSOLUTE) for one in ("reports", "~/reports", "/srv/../etc", "/", "/srv/a\nb")],
        ("dir", ["/srv"], "which is no text"),
    ],
)
def test_wrong(name, value, says):
    (line,) = _reports.problems({f"monitoring_reports_{name}": value})
    assert line.startswith(f"monitoring_reports_{name} is ") and says in line


def test_one_that_cannot_be_read():
    class Variables(dict):
        def __getitem__(self, name):
            raise _core.Unreadable("no such variable")

    (line,) = _reports.problems(Variables(monitoring_reports_bucket=""))
    assert line == "monitoring_reports_bucket cannot be read: no such variable"
