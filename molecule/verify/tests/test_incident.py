# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""incident.yml: everything in one archive, and nothing in it that must not be there."""

from __future__ import annotations

import re
import tarfile

import pytest
from lab_client import REDIS

PERSON = "phi-canary-4711"


def contents(path):
    with tarfile.open(path) as tar:
        return {
            entry.name.partition("/")[2]: tar.extractfile(entry).read().decode()
            for entry in tar.getmembers()
            if entry.isfile()
        }


@pytest.fixture(scope="module")
def archive(lab):
    """With secrets where they do not belong, and with data of a person in Redis."""
    lab.redis(REDIS, "CONFIG SET slowlog-log-slower-than 0")
    lab.redis(REDIS, f"ECHO {PERSON}")
    lab.shell(REDIS, f"echo 'canary {lab.secrets['redis_admin_password']}' >> /var/log/redis/redis-server.log")
    try:
        rc, output, _taken = lab.play(
            "incident", "-e", f"incident_report_dir={lab.reports}", "-e", "incident_since=30m"
        )
    finally:
        lab.redis(REDIS, "CONFIG SET slowlog-log-slower-than 10000")
        lab.redis(REDIS, "SLOWLOG RESET")
    assert rc == 0, output[-3000:]
    assert not re.search(r"changed=[1-9]", output)
    [path] = lab.reports.glob("incident-redis-prod-*.tar.gz")
    return path, contents(path), output


def test_everything_is_there(lab, archive):
    path, files, _output = archive
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size < 5_000_000
    for host in lab.about["hosts"]:
        assert f"hosts/{host}/host.txt" in files
        assert f"hosts/{host}/units.txt" in files
    assert "cluster_state:ok" in files[f"hosts/{REDIS}/redis/cluster_info.txt"]
    assert "myself" in files[f"hosts/{REDIS}/redis/cluster_nodes.txt"]
    assert "used_memory:" in files[f"hosts/{REDIS}/redis/info.txt"]
    assert "ECHO  1 left out" in files[f"hosts/{REDIS}/redis/slowlog.txt"]
    assert any(name.startswith("doctor/") and name.endswith(".html") for name in files)
    pictures = [name for name in files if name.endswith(".svg")]
    assert len(pictures) > 10
    for name in pictures:
        assert files[name].startswith("<svg ")
        assert name in files["index.html"]
        assert name[:-3] + "json" in files
    assert files["problems.txt"] == "none\n"


def test_links_of_the_page_lead_somewhere_and_nowhere_outside(archive):
    _path, files, _output = archive
    page = files["index.html"]
    for link in re.findall(r"(?:href|src)='([^']+)'", page):
        assert link in files or link.startswith("http"), link
    assert "<script" not in page
    assert not re.findall(r"src='http", page)


def test_nothing_secret_and_nothing_personal_is_in_it(lab, archive):
    _path, files, output = archive
    assert "canary ********" in files[f"hosts/{REDIS}/logs/var_log_redis_redis-server.log"]
    everything = output + "".join(files.values())
    assert [name for name, secret in lab.secrets.items() if secret in everything] == []
    assert PERSON not in everything
    assert "PRIVATE KEY" not in everything
