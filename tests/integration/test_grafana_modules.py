# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The grafana_* modules run by ansible-playbook, as users run them, against the stand-in."""

from __future__ import annotations

import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lab" / "grafana"))

import samples
from running import Backend, Running

# Every secret that a run handles. None of them may come out of it, whatever the verbosity.
CANARIES = {
    "grafana_password": "canary-Grafana-5ecr3t",
    "prometheus_password": "canary-Prometheus-5ecr3t",
    "header": "canary-Header-5ecr3t",
    "url": "canary-Url-5ecr3t",
}

TASKS = """
- hosts: localhost
  gather_facts: false
  module_defaults:
    group/redisops.monitoring.grafana:
      url: "{{ grafana_url }}"
      url_username: admin
      url_password: "{{ grafana_password }}"
      ca_path: "{{ grafana_ca }}"
  tasks:
    - name: Data source
      redisops.monitoring.grafana_datasource:
        uid: prom
        name: Prometheus
        ds_type: prometheus
        ds_url: "{{ prometheus_url }}"
        basic_auth_user: grafana
        json_data:
          timeInterval: 30s
          httpHeaderName1: X-Scope
        secure_json_data:
          basicAuthPassword: "{{ prometheus_password }}"
          httpHeaderValue1: "{{ header }}"
        check_health: true
    - name: Dashboard
      redisops.monitoring.grafana_dashboard:
        uid: mine
        path: "{{ playbook_dir }}/dashboard.json"
        inputs: {DS_PROMETHEUS: prom}
        folder: Redis
"""


@pytest.fixture(params=("9.4", "12.4"))
def world(request, tmp_path, pki_files):
    """A playbook, a Grafana over HTTPS and a Prometheus behind it; run(...) plays it."""
    tls, ca = pki_files
    (tmp_path / "dashboard.json").write_text(json.dumps(samples.exported()))
    with Backend(password=CANARIES["prometheus_password"]) as backend:
        password = CANARIES["grafana_password"]
        with Running(tmp_path / "grafana", request.param, password, tls=tls) as grafana:
            variables = dict(CANARIES, grafana_url=grafana.url, grafana_ca=ca, prometheus_url=backend.url)

            def run(tasks=TASKS, *options, failing=False, **changed):
                for name, text in (("play.yml", tasks), ("vars.yml", yaml.safe_dump(dict(variables, **changed)))):
                    path = tmp_path / name
                    if not path.exists() or path.read_text() != text:  # another run may be reading it
                        path.write_text(text)
                done = subprocess.run(
                    [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", *options,
                     "-e", "@%s" % (tmp_path / "vars.yml"), tmp_path / "play.yml"],
                    capture_output=True, text=True, timeout=120, cwd=ROOT, check=False,
                    env=dict(os.environ, ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"), ANSIBLE_NOCOLOR="1",
                             ANSIBLE_PYTHON_INTERPRETER=sys.executable, ANSIBLE_LOCALHOST_WARNING="false"),
                )  # fmt: skip
                assert (done.returncode != 0) == failing, done.stdout + done.stderr
                return done.stdout + done.stderr

            run.grafana, run.backend = grafana, backend
            yield run


@pytest.fixture(scope="module")
def pki_files(tmp_path_factory):
    """(certificate, key), CA: by the openssl program."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    directory = tmp_path_factory.mktemp("pki")

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=directory)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout")
    openssl("req", "-x509", *key, "ca.key", "-out", "ca.crt", "-subj", "/CN=ca", "-days", "2")
    openssl("req", *key, "server.key", "-out", "server.csr", "-subj", "/CN=grafana")
    (directory / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-out", "server.crt", "-days", "2", "-extfile", "san")  # fmt: skip
    return (str(directory / "server.crt"), str(directory / "server.key")), str(directory / "ca.crt")


def no_canary(output):
    for name, canary in CANARIES.items():
        assert canary not in output, name
    return output


def unfolded(output):
    """As one line: before ansible-core 2.19 a message is shown as YAML alone, which is folded and quoted."""
    return " ".join(output.split()).replace("''", "'")


def test_check_apply_repeat(world):
    before = world.grafana.database.read_bytes()
    assert "changed=2" in world(TASKS, "--check", "--diff")
    assert world.grafana.database.read_bytes() == before
    assert "changed=2" in world()
    before = world.grafana.database.read_bytes()
    world.grafana.requests()
    assert "changed=0" in world()
    assert world.grafana.database.read_bytes() == before
    paths = [path for _method, path in world.grafana.requests()]
    assert len(paths) == 4, "two for each module: %s" % paths
    assert len([path for path in paths if "datasources" in path]) == 2, paths


def test_runs_at_once_make_everything_once(world):
    world(TASKS, "--syntax-check")
    world.grafana.grafana.faults.append(lambda method, _path: {"delay": 0.3} if method == "GET" else None)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(world) for dummy in range(3)]:
            done.result()
    assert len(world.grafana.call("GET", "/api/folders")[1]) == 1
    assert len(world.grafana.call("GET", "/api/datasources")[1]) == 1
    assert world.grafana.call("GET", "/api/dashboards/uid/mine")[1]["meta"]["version"] == 1
    assert "changed=0" in world()


def test_no_secret_at_the_highest_verbosity(world):
    loud = ("-vvvvv", "--diff")
    assert "secure_json_data" in no_canary(world(TASKS, *loud))
    no_canary(world(TASKS, *loud))
    world.backend.password = "canary-Rotated-5ecr3t"
    output = world(TASKS, *loud, prometheus_password="canary-Rotated-5ecr3t")
    assert "changed=1" in output
    assert "canary" not in output.replace(CANARIES["url"], "")
    world.grafana.call("PUT", "/api/admin/users/1/password", {"password": "canary-Changed-5ecr3t"})
    output = no_canary(world(TASKS, *loud, failing=True))
    assert "refuses user 'admin' or its password" in unfolded(output)


def test_no_secret_in_failures(world):
    bad = {
        "a password in the URL of the server": ({"ds_url": "http://u:{{ url }}@prometheus"}, "holds a user name"),
        "a password in the URL of Grafana": ({"url": "https://u:{{ url }}@grafana"}, "holds a user name"),
        "a password with a slash": ({"ds_url": "https://u:{{ url }}/x@prometheus"}, "holds a user name"),
        "a password with an at sign": ({"ds_url": "https://u:a@{{ url }}@prometheus"}, "holds a user name"),
        "a secret in json_data": ({"json_data": {"password": "{{ url }}"}}, "json_data.password looks like a secret"),
        "a secret_json_data in json_data": ({"json_data": {"x": "a {{ header }}"}}, "json_data.x looks like a secret"),
        "a key that is none": ({"client_cert": "{{ playbook_dir }}/dashboard.json"}, "not in PEM format"),
        "nobody there": ({"url": "https://127.0.0.1:1"}, "connection was refused"),
        "another CA": ({"ca_path": "/etc/ssl/certs/ca-certificates.crt"}, "not trusted"),
        "a bad uid": ({"uid": "a b"}, "1 to 40 of the characters"),
        "another organisation": ({"org_id": 77}, "77"),
    }
    module = {"uid": "prom", "ds_type": "prometheus", "secure_json_data": {"basicAuthPassword": "{{ header }}"}}
    tasks = [
        {"name": name, "ignore_errors": True, "redisops.monitoring.grafana_datasource": dict(module, **options)}
        for name, (options, _words) in bad.items()
    ]
    play = yaml.safe_load(TASKS)
    play[0]["tasks"] = tasks
    output = no_canary(world(yaml.safe_dump(play), "-vvv", "--diff"))
    assert "ignored=%d" % len(bad) in output
    for _options, words in bad.values():
        assert words in unfolded(output)


def test_an_edit_by_hand_shows_in_the_diff(world):
    world()
    there = world.grafana.call("GET", "/api/dashboards/uid/mine")[1]
    there["dashboard"]["panels"][1]["targets"][0]["expr"] = "by_hand"
    body = {"dashboard": there["dashboard"], "folderUid": there["meta"]["folderUid"], "overwrite": True}
    assert world.grafana.call("POST", "/api/dashboards/db", body)[0] == 200
    output = world(TASKS, "--diff")
    assert "-    panels[Commands].targets[A].expr: by_hand" in output
    assert "changed=1" in output
    assert "changed=0" in world()
