# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role says what it takes, and means it: meta/argument_specs.yml and defaults/main.yml are one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLES = sorted(path for path in (ROOT / "roles").glob("[a-z]*") if path.is_dir())  # _service is private

PYTHON_TYPES = {
    "str": str,
    "path": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "list": list,
    "dict": dict,
    "raw": object,
    "json": object,
}
SECRET = re.compile(r"(password|passphrase|secret|token|credential|private_key)s?$")
DICT_METHODS = {"items", "keys", "values", "get", "pop", "update", "copy"}


def load(path):
    return yaml.safe_load(path.read_text()) if path.exists() else None


def main_entry(role):
    return ((load(role / "meta" / "argument_specs.yml") or {}).get("argument_specs") or {}).get("main") or {}


def is_template(value):
    return isinstance(value, str) and "{{" in value


def is_of(type_name, value):
    if is_template(value):
        return True
    if isinstance(value, bool) and type_name not in ("bool", "raw", "json"):
        return False
    return isinstance(value, PYTHON_TYPES[type_name])


def differ(one, other):
    """By value, and 1 is not true."""
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)


def option_problems(name, option, hidden=False):
    type_name = option.get("type")
    hidden = hidden or option.get("no_log") is True
    if type_name not in PYTHON_TYPES:
        yield f"{name} has the type {type_name!r}"
        return
    if not option.get("description"):
        yield f"{name} has no description"
    if type_name == "list" and option.get("elements") not in PYTHON_TYPES:
        yield f"{name} is a list and has elements {option.get('elements')!r}"
    if type_name != "list" and "elements" in option:
        yield f"{name} has elements and is no list"
    if option.get("required") and "default" in option:
        yield f"{name} is required and has a default"
    if option.get("default") is not None:
        default = option["default"]
        if not is_of(type_name, default):
            yield f"{name} has the type {type_name} and the default {default!r}"
        elif "choices" in option and not is_template(default):
            wrong = [
                value for value in (default if type_name == "list" else [default]) if value not in option["choices"]
            ]
            if wrong:
                yield f"{name} has the default {default!r}, which is none of its choices"
    if SECRET.search(name) and type_name != "bool" and not hidden:
        yield f"{name} looks like a secret and has no no_log"
    if "options" in option and type_name != "dict" and option.get("elements") != "dict":
        yield f"{name} has options and is no dict"
    for key, nested in (option.get("options") or {}).items():
        yield from option_problems(f"{name}.{key}", nested, hidden)


def problems(role):
    main = main_entry(role)
    options = main.get("options") or {}
    defaults = load(role / "defaults" / "main.yml") or {}
    galaxy = (load(role / "meta" / "main.yml") or {}).get("galaxy_info") or {}

    for key in ("author", "description", "license", "min_ansible_version"):
        if not galaxy.get(key):
            yield f"meta/main.yml has no galaxy_info.{key}"
    for key in ("short_description", "description", "options"):
        if not main.get(key):
            yield f"meta/argument_specs.yml has no {key} for main"

    for name, option in options.items():
        yield from option_problems(name, option)
        if not name.startswith((f"{role.name}_", "monitoring_")):
            yield f"{name} starts with neither {role.name}_ nor monitoring_"
        if "default" in option and name not in defaults:
            yield f"{name} has a default in meta/argument_specs.yml and none in defaults/main.yml"
        if option.get("required") and name in defaults:
            yield f"{name} is required and in defaults/main.yml"
    for name, value in defaults.items():
        if name not in options:
            yield f"{name} is in defaults/main.yml and not in meta/argument_specs.yml"
        elif "default" not in options[name]:
            yield f"{name} has a default in defaults/main.yml and none in meta/argument_specs.yml"
        elif differ(options[name]["default"], value):
            yield f"{name}: the default is {options[name]['default']!r} in the argument specs, {value!r} in defaults"

    for path in sorted((role / "vars").rglob("*.yml")):
        for name in load(path) or {}:
            if not name.startswith(f"__{role.name}_"):
                yield f"{name} in {path.relative_to(role)} does not start with __{role.name}_"

    # A key that the role reads by its name is a known key, where keys are declared.
    text = "".join(path.read_text() for part in ("tasks", "templates", "vars") for path in (role / part).rglob("*.*"))
    for name, option in options.items():
        if option.get("type") == "dict" and option.get("options"):
            used = set(re.findall(rf"\b{name}(?:\.|\[['\"])([a-z]\w*)", text)) - DICT_METHODS
            for key in sorted(used - set(option["options"])):
                yield f"{name}.{key} is used by the role and is none of its options"


def test_there_are_roles():
    assert ROLES


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_role(role):
    found = list(problems(role))
    assert not found, "\n".join(found)


def test_roles_agree_on_shared_variables():
    """A variable that starts with monitoring_ means the same to each role."""
    seen = {}
    for role in ROLES:
        for name, option in (main_entry(role).get("options") or {}).items():
            if name.startswith("monitoring_"):
                shape = {key: value for key, value in option.items() if key != "description"}
                first, other = seen.setdefault(name, (role.name, shape))
                assert not differ(shape, other), f"{name} differs between the roles {first} and {role.name}"


def test_readmes_are_current():
    result = subprocess.run(
        [sys.executable, ROOT / "tests" / "tools" / "readme.py", "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


GOOD = {
    "meta/main.yml": {
        "galaxy_info": {"author": "a", "description": "d", "license": "GPL-3.0-or-later", "min_ansible_version": "2.17"}
    },
    "meta/argument_specs.yml": {
        "argument_specs": {
            "main": {
                "short_description": "s",
                "description": ["d"],
                "options": {
                    "demo_port": {"type": "int", "default": 1, "description": "d"},
                    "demo_mode": {"type": "str", "default": "a", "choices": ["a", "b"], "description": "d"},
                    "demo_password": {"type": "str", "required": True, "no_log": True, "description": "d"},
                    "demo_password_file": {"type": "path", "default": "", "description": "d"},
                    "demo_tls": {
                        "type": "dict",
                        "default": {},
                        "description": "d",
                        "options": {"ca_file": {"type": "path", "description": "d"}},
                    },
                    "demo_rules": {"type": "list", "elements": "str", "default": [], "description": "d"},
                    "monitoring_cluster": {"type": "str", "default": "{{ x }}", "description": "d"},
                },
            }
        }
    },
    "defaults/main.yml": {
        "demo_port": 1,
        "demo_mode": "a",
        "demo_password_file": "",
        "demo_tls": {},
        "demo_rules": [],
        "monitoring_cluster": "{{ x }}",
    },
    "vars/main.yml": {"__demo_unit": "demo.service"},
    "tasks/main.yml": "demo_tls.ca_file demo_tls.items()",
}


def write(role, files):
    for name, content in files.items():
        path = role / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))


def test_a_good_role_has_no_problems(tmp_path):
    write(tmp_path / "demo", GOOD)
    assert list(problems(tmp_path / "demo")) == []


def with_option(name, **changed):
    files = json.loads(json.dumps(GOOD))
    options = files["meta/argument_specs.yml"]["argument_specs"]["main"]["options"]
    options[name] = {key: value for key, value in {**options.get(name, {}), **changed}.items() if value is not None}
    return files


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({**GOOD, "meta/main.yml": {}}, "no galaxy_info.description"),
        ({**GOOD, "meta/argument_specs.yml": {}}, "no short_description for main"),
        ({**GOOD, "defaults/main.yml": {**GOOD["defaults/main.yml"], "demo_port": 2}}, "demo_port: the default is 1"),
        (
            {**GOOD, "defaults/main.yml": {**GOOD["defaults/main.yml"], "demo_port": True}},
            "demo_port: the default is 1",
        ),
        ({**GOOD, "defaults/main.yml": {**GOOD["defaults/main.yml"], "demo_x": 2}}, "demo_x is in defaults/main.yml"),
        ({**GOOD, "defaults/main.yml": {}}, "demo_port has a default in meta/argument_specs.yml and none"),
        ({**GOOD, "vars/main.yml": {"demo_unit": "x"}}, "demo_unit in vars/main.yml"),
        ({**GOOD, "vars/main/unit.yml": {"demo_unit": "x"}}, "demo_unit in vars/main/unit.yml"),
        ({**GOOD, "vars/main/unit.yml": {"__demo_unit": "{{ demo_tls.key_file }}"}}, "demo_tls.key_file is used"),
        ({**GOOD, "tasks/main.yml": "{{ demo_tls.key_file }}"}, "demo_tls.key_file is used"),
        ({**GOOD, "tasks/main.yml": "{{ demo_tls['key_file'] }}"}, "demo_tls.key_file is used"),
        (with_option("demo_port", default=None), "demo_port has a default in defaults/main.yml and none"),
        (with_option("demo_port", default="1"), "the type int and the default '1'"),
        (with_option("demo_port", default=True), "the type int and the default True"),
        (with_option("demo_port", type=None), "demo_port has the type None"),
        (with_option("demo_port", description=None), "demo_port has no description"),
        (with_option("demo_port", required=True), "demo_port is required and has a default"),
        (with_option("demo_port", elements="int"), "demo_port has elements and is no list"),
        (with_option("demo_rules", elements=None), "demo_rules is a list and has elements None"),
        (with_option("demo_mode", default="c"), "none of its choices"),
        (with_option("demo_password", no_log=None), "demo_password looks like a secret"),
        (with_option("demo_tls", options={"token": {"type": "str", "description": "d"}}), "demo_tls.token looks like"),
        (with_option("demo_tls", options={"ca": {"type": "str"}}), "demo_tls.ca has no description"),
        (with_option("other_port", type="int", description="d"), "neither demo_ nor monitoring_"),
    ],
)
def test_problems_are_found(tmp_path, files, words):
    write(tmp_path / "demo", files)
    assert any(words in problem for problem in problems(tmp_path / "demo"))


@pytest.fixture
def readme(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "tools"))
    return __import__("readme").readme


def test_readme(tmp_path, readme):
    files = with_option("demo_mode", description=["Either a | b.", "See O(demo_port), C(x|y), <a_b> *c*."])
    write(tmp_path / "demo", files)
    text = readme(tmp_path / "demo")
    assert "# redisops.monitoring.demo\n" in text
    for row in (
        "| `demo_port` | int | `1` | d |",
        "| `demo_mode` | str | `a` | Either a \\| b. See `demo_port`, `x\\|y`, \\<a_b> \\*c\\*. One of `a`, `b`. |",
        "| `demo_password` | str | **required** | d Secret. |",
        '| `demo_password_file` | path | `""` | d |',
        "| `demo_tls` | dict | `{}` | d Its keys are [below](#demo_tls). |",
        "| `ca_file` | path |  | d |",
        "| `demo_rules` | list of str | `[]` | d |",
    ):
        assert row in text.splitlines()
    assert "    demo_password: ...  # str\n" in text  # required, so the example has it

    write(tmp_path / "demo", {"meta/example.yml": "---\n- name: An example\n  hosts: redis\n"})
    assert "```yaml\n- name: An example\n  hosts: redis\n```" in readme(tmp_path / "demo")
