# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the roles' templates with plain Jinja2 and plain values: quick, and nothing is templated twice."""

from __future__ import annotations

import ast
import json
import re
from functools import lru_cache

import jinja2
import yaml

from ...filter.bcrypt_hash import bcrypt_hash
from ._core import MARKER, ROLES

# A first line such as Ansible reads it: "#jinja2: variable_start_string:'[[', trim_blocks:True"
HEADER = re.compile(r"#jinja2:(.*)\n")


def to_nice_yaml(value, indent=4, sort_keys=True):
    return yaml.safe_dump(value, indent=indent, sort_keys=sort_keys, allow_unicode=True, default_flow_style=False)


def systemd_argument(text):
    """One argument of ExecStart=, taken as it is but for the directory of the credentials."""
    text = str(text).replace("%", "%%").replace("$", "$$")
    return json.dumps(text.replace("$${CREDENTIALS_DIRECTORY}", "${CREDENTIALS_DIRECTORY}"))


def systemd_value(text):
    """One quoted value of a setting such as Environment=."""
    return json.dumps(str(text).replace("%", "%%"))


FILTERS = {
    "bcrypt_hash": bcrypt_hash,
    "to_json": json.dumps,
    "to_nice_yaml": to_nice_yaml,
    "systemd_argument": systemd_argument,
    "systemd_value": systemd_value,
}


@lru_cache(maxsize=None)
def environment(options: str) -> jinja2.Environment:
    """The environment for a header's options; templates include each other as <role>/<file>."""
    pairs = (pair.partition(":") for pair in re.split(r",\s*(?=\w+:)", options.strip()) if pair)
    found = jinja2.Environment(  # noqa: S701  # not HTML
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        loader=jinja2.FunctionLoader(source),
        **{"trim_blocks": True, **{name.strip(): ast.literal_eval(value.strip()) for name, dummy, value in pairs}},
    )
    found.filters.update(FILTERS)
    found.globals["marker"] = MARKER
    return found


def source(name: str) -> str:
    role, dummy, path = name.partition("/")
    return (ROLES / role / "templates" / path).read_text(encoding="utf-8")


def render(name: str, values: dict) -> str:
    """The text of a template named <role>/<file>."""
    text = source(name)
    header = HEADER.match(text)
    if header:
        text = text[header.end() :]
    return environment(header[1] if header else "").from_string(text).render(values)


def content(entry: dict, values: dict) -> str:
    """The content of a file as a role's service() names it: a text, a function that makes it, or a template."""
    if "template" in entry:
        return render(entry["template"], {**values, **entry.get("values", {})})
    return entry["content"]() if callable(entry["content"]) else entry["content"]
