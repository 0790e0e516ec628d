# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import jinja2
import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._settings import _templates


@pytest.fixture
def template(monkeypatch, tmp_path):
    """template(text) -> its name; roles lie in a directory of the test."""
    monkeypatch.setattr(_templates, "ROLES", tmp_path)
    (tmp_path / "demo" / "templates").mkdir(parents=True)

    def write(text, name="demo.j2"):
        (tmp_path / "demo" / "templates" / name).write_text(text)
        return f"demo/{name}"

    return write


def test_render(template):
    template("{{ marker }}\n", "head.j2")
    name = template("# {% include 'demo/head.j2' %}\n{% if a %}\n  a: {{ a | to_json }}\n{% endif %}\n")
    assert _templates.render(name, {"a": 'x"{{ y }}'}) == '# Managed by redisops.monitoring\n  a: "x\\"{{ y }}"\n'


def test_delimiters_from_the_first_line(template):
    name = template(
        "#jinja2: variable_start_string:'[[', variable_end_string:']]', lstrip_blocks:True\n"
        "  {% if true %}\n[[ a ]] {{ kept }}\n  {% endif %}\n"
    )
    assert _templates.render(name, {"a": 1}) == "1 {{ kept }}\n"


def test_a_name_that_is_not_there_is_an_error(template):
    with pytest.raises(jinja2.UndefinedError, match="'nothing' is undefined"):
        _templates.render(template("{{ nothing }}"), {})


def test_arguments_reach_the_program_as_they_are():
    assert _templates.systemd_argument('--x=5% of $HOME "q"') == '"--x=5%% of $$HOME \\"q\\""'
    assert _templates.systemd_argument("--c=${CREDENTIALS_DIRECTORY}/a") == '"--c=${CREDENTIALS_DIRECTORY}/a"'
    assert _templates.systemd_value("A=5% $B") == '"A=5%% $B"'
