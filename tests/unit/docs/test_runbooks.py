# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The incident pages, and every command of the documentation that names one of our playbooks."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from documented import COMMANDS, PAGES, commands

ROOT = Path(__file__).resolve().parents[3]
RUNBOOKS = ROOT / "docs" / "runbooks"
HEADINGS = ["What it means", "Who is paged", "Diagnose", "Commands", "Fix", "Resolved when", "Prevent"]
PLACEHOLDERS = {"NODE": "redis-node-1a", "CLUSTER": "redis-prod"}
OPTIONS = {"-i": 1, "--limit": 1, "--tags": 1, "--skip-tags": 1, "-e": 1, "--check": 0, "--diff": 0, "-v": 0}


def incidents():
    """{incident: {alert: severity}} as the labels of the rules say."""
    found = {}
    for path in (ROOT / "roles" / "prometheus" / "files" / "rules").glob("*.yml"):
        text = path.read_text()
        for name, severity, incident in re.findall(
            r'- alert: (\w+)\n.*?severity: "?(\w+)"?\n\s+incident: "?(\w+)"?\n', text, re.S
        ):
            found.setdefault(incident, {})[name] = severity
    return found


def known_variables():
    names = set()
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            names.update(entry.get("options") or {})
    for path in (ROOT / "playbooks").glob("*.yml"):  # a playbook without a role has its own, with a default
        names.update(re.findall(r"\b(monitoring_\w+) \| default\(", path.read_text()))
    return names


def problems(words, variables, tags):
    """What is wrong with a command, beside what ansible-playbook itself says."""
    words = list(words[1:])
    while words:
        word = words.pop(0)
        if word.startswith("redisops.monitoring."):
            if not (ROOT / "playbooks" / (word.rsplit(".", 1)[1] + ".yml")).exists():
                yield f"there is no playbook {word}"
        elif word not in OPTIONS:
            yield f"the option {word} is not known here"
        elif OPTIONS[word]:
            value = words.pop(0) if words else ""
            if word == "-e" and not value.startswith("@") and value.partition("=")[0] not in variables:
                yield f"no role has the variable {value.partition('=')[0]}"
            if word.endswith("tags"):
                yield from (f"no task has the tag {tag}" for tag in value.split(",") if tag not in tags)


def run(words, *more):
    words = [PLACEHOLDERS.get(word, word) for word in words[1:]]
    if "INVENTORY" in words:
        words[words.index("INVENTORY")] = str(ROOT / "tests" / "unit" / "fixtures" / "runbooks.yml")
    elif "-i" not in words:
        words += ["-i", str(ROOT / "tests" / "unit" / "fixtures" / "runbooks.yml")]
    elif words[words.index("-i") + 1].startswith("my-"):
        words[words.index("-i") + 1] = str(ROOT / "tests" / "unit" / "fixtures" / "runbooks.yml")
    program = Path(sys.executable).parent / "ansible-playbook"
    return subprocess.run(
        [program, *words, *more],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def known_tags():
    """Every tag of every playbook and role."""
    text = "".join(path.read_text() for part in ("playbooks", "roles") for path in (ROOT / part).rglob("*.yml"))
    found = set()
    for names in re.findall(r"^\s+tags: (.*)$", text, re.M):
        found.update(name.strip() for name in names.strip("[]").split(","))
    return found


# ------------------------------------------------------------------------------------------------- incident pages


@pytest.mark.parametrize("number", "123456")
def test_incident_page(number):
    text = (RUNBOOKS / f"incident-{number}.md").read_text()
    assert text.startswith(f"# Incident {number}: ")
    assert re.findall(r"^## (.*)$", text, re.M) == HEADINGS
    assert "/d/redis-" in text or number == "5", "no dashboard is named"
    assert "```promql\n" in text
    assert "ansible-playbook redisops.monitoring.doctor" in text
    assert "severity.md" in text


@pytest.mark.parametrize("number", "123456")
def test_incident_page_names_its_alerts_by_severity(number):
    text = (RUNBOOKS / f"incident-{number}.md").read_text()
    listed = {}
    for severity, row in re.findall(r"^\| (P1|P2|P3|none) \| (.*) \|$", text, re.M):
        # What a row says beside its alerts, such as who is paged, links to no alert.
        listed.update(dict.fromkeys(re.findall(r"\]\((\w+)\.md\)", row.split(" | ")[0]), severity))
    assert listed == incidents()[number]


def test_every_alert_links_to_its_incident():
    for incident, alerts in incidents().items():
        for name in alerts:
            header = (RUNBOOKS / f"{name}.md").read_text().splitlines()[2]
            wanted = f"[incident {incident}](incident-{incident}.md)" if incident.isdigit() else f"incident {incident}"
            assert wanted in header, name


def test_incidents_are_found():
    assert set(incidents()) == {"1", "2", "3", "4", "5", "6", "sec", "backup"}
    assert sum(map(len, incidents().values())) > 60


def test_escalation_is_that_of_the_role():
    """severity.md tells the defaults of the role alertmanager."""
    defaults = yaml.safe_load((ROOT / "roles" / "alertmanager" / "defaults" / "main.yml").read_text())
    delays = {"15m": "after 15 minutes", "1h": "after 1 hour", None: "at once"}
    repeats = {"15m": "every 15 minutes", "1h": "every hour", "24h": "every 24 hours"}
    rows = {
        row[0]: row[2:]
        for row in re.findall(r"^\| (L\d|) \| (.*) \| (.*) \| (.*) \| (.*) \|$", text_of("severity"), re.M)
    }
    for column, severity in enumerate(defaults["alertmanager_severities"]):
        told = {step["level"]: delays[step.get("after")] for step in severity["steps"]}
        if severity.get("active_time_intervals"):
            told = dict.fromkeys(told, "in business hours")
        assert {level: row[column] for level, row in rows.items() if level and row[column].strip()} == told
        assert rows[""][column] == repeats[severity["repeat_interval"]]
    assert f"({defaults['alertmanager_group_wait'].removesuffix('s')} seconds)" in text_of("severity")


def text_of(page):
    # Empty cells of a table are one blank here.
    return re.sub(r"\|(?= \|)", "| ", (RUNBOOKS / f"{page}.md").read_text()).replace("|  |", "|  |")


# ------------------------------------------------------------------------------------------------------- commands


def test_commands_are_found():
    assert len(COMMANDS) > 15
    names = {name for words in COMMANDS for name in playbooks(words)}
    assert {f"redisops.monitoring.{name}" for name in ("site", "verify", "doctor", "incident", "silence")} <= names


@pytest.mark.parametrize("words", sorted(COMMANDS), ids=lambda words: " ".join(words[1:])[:70])
def test_command_of_the_documentation(words):
    assert list(problems(words, known_variables(), known_tags())) == [], f"{COMMANDS[words]}: {' '.join(words)}"


def playbooks(words):
    return tuple(word for word in words if word.startswith("redisops.monitoring."))


@pytest.mark.parametrize("names", sorted(set(map(playbooks, COMMANDS))), ids=" ".join)
def test_playbooks_of_the_documentation(names):
    """Whether ansible-playbook takes them, each set once; it takes seconds."""
    result = run(["ansible-playbook", *names], "--syntax-check")
    assert result.returncode == 0, f"{names}\n{result.stdout[-2000:]}{result.stderr[-2000:]}"


def test_wrong_commands_are_found():
    text = (
        "```bash\nansible-playbook redisops.monitoring.nothing -i INVENTORY  # comment\n"
        "ansible-playbook redisops.monitoring.site \\\n  -e no_such_variable=1 --tags no_such_tag --bogus\n```\n"
        "and `ansible-playbook redisops.monitoring.verify`"
    )
    found = [tuple(shlex.split(command, comments=True)) for command in commands(text)]
    assert [len(words) for words in found] == [4, 7, 2]
    assert list(problems(found[0], set(), set())) == ["there is no playbook redisops.monitoring.nothing"]
    assert list(problems(found[1], set(), set())) == [
        "no role has the variable no_such_variable",
        "no task has the tag no_such_tag",
        "the option --bogus is not known here",
    ]
    assert list(problems(found[2], set(), set())) == []
    assert run(["ansible-playbook", "redisops.monitoring.nothing"], "--syntax-check").returncode != 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_programs_of_ours_are_called_by_their_path(path):
    """They are on nobody's PATH."""
    assert not re.findall(
        r"(?:^|[`|;&] ?)(?:amtool|promtool) (?:check|test|alert|silence|query)\S*", path.read_text(), re.M
    )
