# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.redisops.monitoring.plugins.filter.networks import networks

ROOT = Path(__file__).resolve().parents[4]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ([], []),
        (None, []),
        ("", []),
        ("  \n", []),
        ([""], []),
        (["198.51.100.0/24"], ["198.51.100.0/24"]),
        (["198.51.100.7", "2001:DB8:0::/48"], ["198.51.100.7/32", "2001:db8::/48"]),
        ("198.51.100.0/24", ["198.51.100.0/24"]),
        ("198.51.100.0/24, 203.0.113.0/24", ["198.51.100.0/24", "203.0.113.0/24"]),
        ("198.51.100.0/24\n203.0.113.0/24\r\n", ["198.51.100.0/24", "203.0.113.0/24"]),  # a text area of AWX
        ('["198.51.100.0/24", "203.0.113.0/24"]', ["198.51.100.0/24", "203.0.113.0/24"]),
        (["198.51.100.7", " 198.51.100.7/32 "], ["198.51.100.7/32"]),
        (["10.0.0.0/8", "fc00::/7"], ["10.0.0.0/8", "fc00::/7"]),
    ],
)
def test_networks(value, found):
    assert networks(value, "admins") == {"networks": found, "auto": False, "problems": []}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (["300.0.0.0/8"], "300.0.0.0/8: Octet 300 (> 255) not permitted"),
        (["10.0.1.5/16"], "host bits set; did you mean 10.0.0.0/16 or 10.0.1.5/32?"),
        (["0.0.0.0/0"], "0.0.0.0/0 is the world"),
        (["128.0.0.0/1"], "128.0.0.0/1 is the world, or a good part of it"),
        (["::/0"], "::/0 is the world"),
        (["office"], "office"),
        (["10.0.0.0/255.0.0.0"], "write address/prefix length"),
        (["fe80::1%eth0"], "fe80::1%eth0"),
        ([7], "7 is no network"),
        ([None], "None is no network"),
        (7, "7 is no list"),
        (True, "True is no list"),
        ({"a": 1}, "{'a': 1} is no list"),
        ("[198.51.100.0/24", "no list"),
        ("[198.51.100.0/24]", "no list"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_option(value, says):
    done = networks(value, "admins")
    assert done["networks"] == []
    [problem] = done["problems"]
    assert problem.startswith("admins: ")
    assert says in problem
    assert "\n" not in problem


def test_all_problems_at_once_and_what_is_right_beside_them():
    done = networks("300.0.0.0/8,198.51.100.0/24,0.0.0.0/0", "admins")
    assert done["networks"] == ["198.51.100.0/24"]
    assert len(done["problems"]) == 2


@pytest.mark.parametrize("value", ["auto", "AUTO", ["auto"], "auto,auto"])
def test_auto(value):
    assert networks(value, "admins") == {"networks": [], "auto": True, "problems": []}
    assert networks(value, "admins", auto="8.8.8.8\n") == {"networks": ["8.8.8.8/32"], "auto": True, "problems": []}


@pytest.mark.parametrize("answer", ["", "<html>", "10.0.0.9", "100.64.0.1"])
def test_an_answer_that_is_no_public_address_is_a_problem(answer):
    done = networks(["auto", "198.51.100.0/24"], "admins", auto=answer)
    assert done["networks"] == ["198.51.100.0/24"]
    [problem] = done["problems"]
    assert problem.startswith("admins: auto: ")
    assert "address; give the addresses themselves" in problem


def test_the_answer_is_not_looked_at_unless_it_is_wanted():
    assert networks(["198.51.100.0/24"], "admins", auto="<html>")["problems"] == []


@pytest.mark.parametrize("value", ["auto, 198.51.100.0/24\n", ["auto", "198.51.100.0/24"]])
def test_doctor_misses_no_rule_for_auto(value):
    """There is none: doctor would find fault with every stack that uses it."""
    stack = yaml.safe_load((ROOT / "roles/doctor/vars/main.yml").read_text())["__doctor_stack"]
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible"), "localhost", "--one-line", "-m", "ansible.builtin.debug",
            "-a", f"msg={stack['admin_cidrs']}", "-e", json.dumps({"monitoring_admin_cidrs": value}),
        ],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_LOCALHOST_WARNING": "false"},
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    told = done.stdout.partition(" => ")[2] or "{}"
    assert json.loads(told).get("msg") == ["198.51.100.0/24"], done.stdout + done.stderr
