# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen of the services, without what could be a secret."""

from __future__ import annotations

import hashlib
import socket
import time

import pytest
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence import (
    alertmanager,
    config,
    grafana,
    prometheus,
)
from ansible_collections.redisops.monitoring.plugins.module_utils._evidence.mask import Mask

CANARY = "c4nary-Pa55word"


def test_datasources_of_nested_panels():
    panels = [
        {"datasource": {"uid": "a"}, "targets": [{"datasource": "b"}]},
        {"panels": [{"datasource": {"uid": "c"}}]},
    ]
    assert sorted(grafana.datasources_of(panels)) == ["a", "b", "c"]


ALERTMANAGER = """receivers:
  - name: chat
    webhook_configs:
      - url: "http://127.0.0.1:{port}/chat/{canary}"
      - url: "https://user:{canary}@no-such-host.invalid/x"
      - url_file: "{path}"
    email_configs:
      - smarthost: "127.0.0.1:1"
"""


def test_receivers_are_tried_and_their_paths_are_kept_to_themselves(tmp_path, monkeypatch):
    (tmp_path / "url").write_text("http://127.0.0.1:2/%s\n" % CANARY)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        path = tmp_path / "alertmanager.yml"
        path.write_text(ALERTMANAGER.format(port=port, canary=CANARY, path=tmp_path / "url"))
        monkeypatch.setitem(config.FILES, "alertmanager", (str(path),))
        found = alertmanager.receivers()
        stored = config.files("alertmanager", Mask([]))
    assert {one["where"]: one["problem"] for one in found} == {
        f"127.0.0.1:{port}": "",
        "127.0.0.1:1": "refused",
        "127.0.0.1:2": "refused",
        "no-such-host.invalid:443": "name_unknown",
    }
    assert CANARY not in repr(found) + repr(stored)
    path.write_text("global: {http_config: {proxy_from_environment: true}}\n" + path.read_text())
    assert alertmanager.receivers() == []  # whether they can be reached, the proxy decides


class Silences:
    """What Alertmanager answers for its silences."""

    def __init__(self, answer):
        self.answer = answer

    def json(self, path):
        assert path == "/api/v2/silences"
        return {"status": 200}, self.answer


def test_only_silences_in_force_are_evidence_and_their_words_are_masked():
    matchers = [{"name": "cluster", "value": "a", "isRegex": False, "isEqual": True}]
    known = [
        {"id": state, "status": {"state": state}, "matchers": matchers, "endsAt": "2026-12-04T10:00:00.000Z",
         "createdBy": "me", "comment": f"with\n{CANARY}"}
        for state in ("expired", "active", "pending")
    ]  # fmt: skip
    mask = Mask([CANARY])
    (found,) = alertmanager.silences(Silences(known), mask)
    assert (found["id"], found["by"], found["until"]) == ("active", "me", "2026-12-04T10:00:00.000Z")
    assert found["matchers"] == matchers
    assert found["comment"].startswith("with") and CANARY not in repr(found)
    assert alertmanager.silences(Silences(None), mask) is None


@pytest.mark.parametrize(
    ("out", "said", "files"),
    [
        ("Checking {path}\n SUCCESS: {path} is valid prometheus config file syntax\n", 0, 0),
        ("Checking {path}\n\n  FAILED: parsing YAML file {path}: yaml: line 6: did not find\n", 1, 1),
        ('Checking {path}\n  FAILED:\n{path}: 5:11: group "x", rule 1, "X": could not parse expression\n', 1, 1),
        ("Checking '{path}'  FAILED: undefined receiver \"a\"\n\namtool: error: failed to validate 1 file(s)\n", 1, 1),
        ('level=INFO msg="Starting"\nlevel=ERROR msg="Error loading config" err="error parsing config file"\n', 1, 1),
    ],
)
def test_what_the_check_of_a_program_says(tmp_path, monkeypatch, out, said, files):
    path = tmp_path / "own.yml"
    path.write_text("# by hand\n")
    program = tmp_path / "check"
    program.write_text("#!/bin/sh\ncat <<'END'\n%s\nEND\nexit %d\n" % (out.format(path=path), bool(said)))
    program.chmod(0o755)
    monkeypatch.setitem(config.CHECKS, "prometheus", (([str(program)], [str(path)]),))
    found = config.check("prometheus", Mask([]))
    assert (len(found["said"]), len(found["files"])) == (said, files), found
    assert not files or found["files"] == [{"path": str(path), "managed": False}]


def test_files_that_are_not_what_their_roles_write(tmp_path):
    same, other, gone = (str(tmp_path / name) for name in ("same.yml", "other.yml", "gone.yml"))
    digest = hashlib.sha256(b"a: 1\n").hexdigest()
    (tmp_path / "same.yml").write_text("a: 1\n")
    (tmp_path / "other.yml").write_text(f"a: 2\npassword: {CANARY}\n")
    found = config.edited(dict.fromkeys((same, other, gone), digest), Mask([CANARY]))
    assert sorted(found) == sorted([other, gone])
    assert found[gone] == {"problem": "No such file or directory"}
    assert found[other]["text"].startswith("a: 2\n") and CANARY not in found[other]["text"]


def test_how_far_a_store_is_behind_and_whether_it_can_be_connected_to():
    name = "prometheus_remote_storage_"
    urls = {"ok": "http://127.0.0.1:1/a", "late": "http://127.0.0.1:1/b", "never": "http://127.0.0.1:1/c"}
    at = {"ok": time.time() - 5, "late": time.time() - 900, "never": 0}
    labels = {key: '{remote_name="%s",url="%s"}' % (key, url) for key, url in urls.items()}
    page = "".join(f"{name}queue_highest_sent_timestamp_seconds{labels[key]} {at[key]:.2f}\n" for key in urls)
    page += f"{name}samples_failed_total{labels['late']} 7\n{name}samples_failed_total{labels['ok']} 0\n"
    ok, late, never = prometheus.remote_write(page)
    assert (ok["url"], round(ok["age"]), ok["lost"]) == (urls["ok"], 5, 0) and "now" not in ok
    assert (round(late["age"]), late["lost"], late["now"]) == (900, 7, "refused")
    assert (never["age"], never["lost"], never["now"]) == (None, 0, "refused")
    assert prometheus.remote_write("up 1\n") == []
