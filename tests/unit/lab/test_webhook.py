# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's receiver records everything that arrives, in order, and no password."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ports import free_port, wait_for_port

PROGRAM = Path(__file__).parents[2] / "lab" / "webhook.py"


@pytest.fixture
def receiver(tmp_path):
    port = free_port()
    out = tmp_path / "arrived.jsonl"
    process = subprocess.Popen([sys.executable, PROGRAM, "--bind", "127.0.0.1", "--port", str(port), "--out", out])
    wait_for_port(port, process)
    yield f"http://127.0.0.1:{port}", out
    process.terminate()
    assert process.wait(timeout=10) == 0


def post(url, data, **headers):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(urllib.request.Request(url, data=data, headers=headers), timeout=10).read()


def test_records(receiver):
    url, out = receiver
    before = time.time()
    assert post(url + "/a?b=c", b'{"status": "firing"}', Authorization="Bearer canary") == b"ok"
    assert post(url + "/text", b"no JSON \xff") == b"ok"
    first, second = map(json.loads, out.read_text().splitlines())
    assert before <= first["time"] <= second["time"] <= time.time()
    assert first["at"].endswith("+00:00")
    assert (first["path"], first["body"], first["authorization"]) == ("/a?b=c", {"status": "firing"}, "Bearer")
    assert second["body"] == "no JSON \ufffd"
    assert "canary" not in out.read_text()


def test_lines_do_not_mix(receiver):
    url, out = receiver
    body = json.dumps({"text": "x" * 100_000}).encode()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: post(f"{url}/{number}", body), range(40)))
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert sorted(int(line["path"][1:]) for line in lines) == list(range(40))


def test_too_long_is_refused(receiver):
    url, out = receiver
    with pytest.raises((urllib.error.HTTPError, urllib.error.URLError)):
        post(url, b"x" * (5 * 1024 * 1024))
    assert out.read_text() == ""


def test_a_taken_port_is_one_line(receiver, tmp_path):
    port = receiver[0].rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, PROGRAM, "--port", port, "--out", tmp_path / "x"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "Address already in use" in done.stderr
