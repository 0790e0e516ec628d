# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes roles/<role>/README.md from the role's argument specs; --check only tells which are not current.

An example comes from roles/<role>/meta/example.yml where there is one, else from the playbook that uses the role.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import generated
import yaml
from antsibull_docs_parser.dom import PluginIdentifier
from antsibull_docs_parser.format import format_paragraphs
from antsibull_docs_parser.md import MDFormatter
from antsibull_docs_parser.parser import Context, parse

ROOT = Path(__file__).resolve().parents[2]
NOTE = "<!-- Made by `make docs` from meta/argument_specs.yml: change that, not this. -->"


class Plain(MDFormatter):
    """Markdown that reads well as text too: backticks, and no backslash where Markdown needs none."""

    def format_text(self, part):
        return re.sub(r"[\\`*<\[\]]|\b_|_\b", r"\\\g<0>", part.text)

    def format_code(self, part):
        return code(part.text)

    def format_option_name(self, part, url):
        return code(part.name if part.value is None else f"{part.name}={part.value}")

    format_return_value = format_option_name

    def format_option_value(self, part):
        return code(part.value)

    def format_env_variable(self, part):
        return code(part.name)

    def format_module(self, part, url):
        return code(part.fqcn)

    def format_plugin(self, part, url):
        return code(part.plugin.fqcn)

    def format_link(self, part):
        return f"[{part.text}]({part.url})"

    def format_url(self, part):
        return f"<{part.url}>"


def code(text):
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"


def paragraphs(fqcn, text):
    """A description, a string or a list of them, as a list of Markdown paragraphs."""
    context = Context(current_plugin=PluginIdentifier(fqcn, "role"), role_entrypoint="main")
    texts = [" ".join(one.split()) for one in ([text] if isinstance(text, str) else text)]
    return [
        format_paragraphs([paragraph], formatter=Plain(), par_start="", par_end="", par_sep="")
        for paragraph in parse(texts, context, errors="exception")
    ]


def default_of(option):
    if option.get("required"):
        return "**required**"
    if option.get("default") is None:
        return ""
    value = option["default"]
    return code(value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False))


def type_of(option):
    if option["type"] == "list":
        return f"list of {option['elements']}"
    return option["type"]


def cell(text):
    return text.replace("|", "\\|")


def tables(fqcn, name, options):
    """The table of these options, then one for each option that has options of its own."""
    lines = ["| Variable | Type | Default | Meaning |" if not name else "| Key | Type | Default | Meaning |"]
    lines.append("|---|---|---|---|")
    nested = []
    for key, option in options.items():
        text = paragraphs(fqcn, option["description"])
        if "choices" in option:
            text.append("One of " + ", ".join(code(str(choice)) for choice in option["choices"]) + ".")
        if "options" in option:
            text.append(f"Its keys are [below](#{anchor(join(name, key))}).")
            nested.append((join(name, key), option["options"]))
        if option.get("no_log"):
            text.append("Secret.")
        lines.append(
            "| " + " | ".join(map(cell, (code(key), type_of(option), default_of(option), " ".join(text)))) + " |"
        )
    for key, inner in nested:
        lines += ["", f"### {code(key)}", "", *tables(fqcn, key, inner)]
    return lines


def join(name, key):
    return f"{name}.{key}" if name else key


def anchor(heading):
    """As GitHub makes them."""
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


def example(role, fqcn, options):
    given = role / "meta" / "example.yml"
    if given.exists():
        return given.read_text().strip().removeprefix("---").strip()
    play = next((play for play in plays() if fqcn in roles_of(play)), {})
    lines = [f"- name: {play.get('name', role.name)}", f"  hosts: {play.get('hosts', 'all')}"]
    lines += ["  become: true"] if play.get("become") else []
    required = [f"    {name}: ...  # {type_of(option)}" for name, option in options.items() if option.get("required")]
    lines += ["  vars:", *required] if required else []
    return "\n".join([*lines, "  roles:", f"    - role: {fqcn}"])


def plays():
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        yield from yaml.safe_load(path.read_text())


def roles_of(play):
    imported = [task.get("ansible.builtin.import_role", {}) for task in play.get("tasks") or []]
    return [one["name"] for one in imported if one and "tasks_from" not in one]


def readme(role):
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text())
    if role.name.startswith("_"):  # Galaxy wants a README of private roles too
        about = yaml.safe_load((role / "meta" / "main.yml").read_text())["galaxy_info"]["description"]
        return f"# {galaxy['namespace']}.{galaxy['name']}.{role.name}\n\n{about}. It may change at any time.\n"
    needs = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"]
    meta = yaml.safe_load((role / "meta" / "main.yml").read_text())
    main = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
    fqcn = f"{galaxy['namespace']}.{galaxy['name']}.{role.name}"
    options = main.get("options") or {}

    lines = [NOTE, "", f"# {fqcn}", "", *paragraphs(fqcn, main["short_description"])]
    for text in paragraphs(fqcn, main["description"]):
        lines += ["", text]
    lines += ["", "## Example", "", "```yaml", example(role, fqcn, options), "```", "", "## Variables", ""]
    lines += tables(fqcn, "", options) if options else ["None."]
    lines += ["", "## Requirements", "", f"* ansible-core {needs}"]
    lines += [
        f"* {platform['name']} ({', '.join(map(str, platform.get('versions', ['all'])))})"
        for platform in meta["galaxy_info"].get("platforms", [])
    ]
    lines += [f"* the role {dependency['role']}" for dependency in meta.get("dependencies", [])]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    roles = [spec.parents[1] for spec in sorted((ROOT / "roles").glob("*/meta/main.yml"))]
    texts = {role / "README.md": readme(role) for role in roles}
    sys.exit(generated.main(__doc__.splitlines()[0], ROOT, texts, "not current, run `make docs`"))
