# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of the code that docs/architecture.md describes: logic is Python, roles are short, modules are thin."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
MODULES = [path for path in sorted((ROOT / "plugins" / "modules").glob("*.py")) if path.stem != "__init__"]
PLUGINS = sorted((ROOT / "plugins").rglob("*.py"))
YAML = [path for part in ("vars", "defaults", "tasks") for path in sorted(ROOT.glob(f"roles/*/{part}/**/*.yml"))]
TASKS = sorted(ROOT.glob("roles/*/tasks/main.yml"))
DOCUMENTATION = ("DOCUMENTATION", "EXAMPLES", "RETURN")


def ids(path):
    return str(path.relative_to(ROOT))


def texts(value):
    if isinstance(value, dict):
        for key, one in value.items():
            yield from texts(key)
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield value


def code_lines(path):
    """Lines of a module below its documentation, blank ones and the licence included."""
    tree = ast.parse(path.read_text())
    documented = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in DOCUMENTATION
    ]
    return len(path.read_text().splitlines()) - max(node.end_lineno for node in documented)


@pytest.mark.parametrize("path", YAML, ids=ids)
def test_an_expression_reads_aloud(path):
    for text in texts(yaml.safe_load(path.read_text())):
        if "{{" in text or "{%" in text:
            assert len(text) <= 600, text[:80]
            assert text.count("{%") <= 4, text[:80]


@pytest.mark.parametrize("path", PLUGINS, ids=ids)
def test_a_file_of_plugins_has_one_concern(path):
    assert len(path.read_text().splitlines()) <= 500


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_a_module_is_documentation_arguments_and_a_call(path):
    assert code_lines(path) <= 120


@pytest.mark.parametrize("path", TASKS, ids=ids)
def test_a_role_is_a_page_of_tasks(path):
    assert len(path.read_text().splitlines()) <= 60


def test_addresses_of_a_host_take_no_program_of_the_host():
    """Ansible's own facts have none where iproute2 is missing, and do not say so."""
    tasks = [*ROOT.glob("roles/*/tasks/*.yml"), *ROOT.glob("playbooks/*.yml")]
    assert not [ids(path) for path in tasks if "ansible.builtin.setup" in path.read_text()]


def test_ssl_contexts_are_made_in_one_file():
    makes = re.compile(r"ssl\.(SSLContext|create_default_context|_create_unverified_context)\(")
    found = [ids(path) for path in [*PLUGINS, *ROOT.glob("roles/*/files/*.py")] if makes.search(path.read_text())]
    assert found == ["plugins/module_utils/_tls.py"]


def test_no_private_interface_of_python():
    private = re.compile(r"\bssl\._ssl\b|_test_decode_cert|\bgc\.(freeze|disable)\b")
    assert not [ids(path) for path in [*PLUGINS, *ROOT.glob("roles/*/files/*.py")] if private.search(path.read_text())]


def test_lower_layers_do_not_import_higher_ones():
    """Module utilities run on hosts: nothing of the controller is there."""
    for path in (ROOT / "plugins" / "module_utils").rglob("*.py"):
        assert not re.search(r"^\s*(from|import) .*\bplugin_utils\b", path.read_text(), re.M), ids(path)


def test_files_of_tests_have_names_of_their_own():
    """pytest imports them by that name alone: of two, the second ends the run before it begins."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted({name for name in names if names.count(name) > 1}) == []
