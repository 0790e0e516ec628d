# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every query of the panels and variables of the four dashboards, asked of the lab's Prometheus as Grafana asks.

Each must return data for a running cluster. A little load, in keys that expire, makes hits, misses and errors.
"""

from __future__ import annotations

import math
import re
import socket
import ssl
import sys
import time
from pathlib import Path

import pytest
import yaml
from lab_client import Lab

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "tools"))

import panels

LAB = Lab("site")
REDIS = LAB.named("redis")
address, prometheus, query = LAB.address, LAB.prometheus, LAB.query
RANGE = 3600  # the dashboards' default time range
RECENT = 300  # a sample older than this is no data of now
# Rates need two scrapes after the load began, and every command, key and error kind its first one.
WAIT_SECONDS = 150

GNET = panels.gnet_11835()
OURS = {path.stem: panels.load(path) for path in panels.OURS}
BOARDS = OURS | ({"11835": panels.load(GNET) | {"uid": "11835"}} if GNET else {})
# One value of each variable, several, and All. Dashboard 11835 has no All and takes one instance.
SELECTIONS = {"11835": ["one"]}

# What may be empty, one by one. True: whether there is data depends on the moment. False: there never is any.
EXCEPTIONS = {
    ("redis-cluster", "panel Alerts firing, 15A"): (True, "a healthy cluster has no alert"),
    ("11835", "variable namespace"): (False, "a label of Kubernetes: the variable is empty, which matches its absence"),
    ("11835", "variable pod_name"): (False, "a label of Kubernetes: the variable is empty, which matches its absence"),
}
# What needs a job that not every lab scrapes.
NEEDS = {("redis-resources", "panel Certificate files, 34A"): "node"}

CASES = [
    (one, selection)
    for name, board in BOARDS.items()
    for one in panels.variable_queries(board) + panels.panel_queries(board)
    for selection in SELECTIONS.get(name, ["one", "several", "all"])
]


def key(one: panels.Query) -> tuple[str, str]:
    return one.dashboard, one.place


class Redis:
    """A connection to one node, with the node's own certificate and the administrator's name."""

    def __init__(self, name: str) -> None:
        context = ssl.create_default_context(cafile=str(LAB.directory / "pki/ca.crt"))
        files = LAB.directory / "hosts" / name / f"etc/{LAB.redis_program}/tls"
        context.load_cert_chain(files / "server.crt", files / "server.key")
        plain = socket.create_connection((address(name), 6379), timeout=10)
        self.connection = context.wrap_socket(plain, server_hostname=address(name))
        self.replies = self.connection.makefile("rb")
        assert self.ask(["AUTH", "admin_user", LAB.secrets["redis_admin_password"]]) == ["+OK"]

    def ask(self, *commands: list[str]) -> list[str]:
        """The first lines of the replies."""
        for command in commands:
            words = [word.encode() for word in command]
            parts = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
            self.connection.sendall(b"*%d\r\n%s" % (len(words), parts))
        return [self.reply() for _command in commands]

    def reply(self) -> str:
        line = self.replies.readline().decode().rstrip()
        if line.startswith("$") and line != "$-1":
            self.replies.read(int(line[1:]) + 2)
        return line

    def close(self) -> None:
        self.connection.close()


def load(nodes: list[Redis]) -> None:
    """On every node hits and misses of its own keys, and MOVED for those of the others."""
    for node in nodes:
        names = [f"panel-test:{number}" for number in range(30)]
        written = node.ask(*(["SET", name, "x", "EX", "60"] for name in names))
        own = [name for name, reply in zip(names, written) if reply == "+OK"]
        assert own, "a node without slots"
        node.ask(*(["GET", name] for name in own), *(["GET", f"{{{name}}}:missing"] for name in own))


def options(board: dict, values: dict[str, str], variable: dict, now: float) -> list[str]:
    """What a variable offers: only label_values() is in use."""
    text = variable["query"] if isinstance(variable["query"], str) else variable["query"]["query"]
    text = panels.substitute(text, values)
    asked = re.fullmatch(r"label_values\((.+),\s*(\w+)\)", text)
    assert asked, f"{board['uid']}: {text}"
    found = prometheus(f"label/{asked[2]}/values", **{"match[]": asked[1], "start": now - RANGE, "end": now})
    return sorted(found)


def choose(board: dict, selection: str, now: float) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The values of a dashboard's variables, and what each query variable offers."""
    values: dict[str, str] = {}
    offered: dict[str, list[str]] = {}
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        found = offered[variable["name"]] = options(board, values, variable, now)
        chosen = {"one": found[:1], "several": found[:2], "all": [panels.ALL]}[selection]
        values[variable["name"]] = panels.value_of(variable, chosen)
    return values, offered


class Asked:
    """Answers to the cases; complaint() is what is wrong with the last one."""

    def __init__(self) -> None:
        config = yaml.safe_load(prometheus("status/config")["yaml"])["global"]["scrape_interval"]
        amount, unit = re.fullmatch(r"(\d+)(s|m)", config).groups()
        self.scrape = int(amount) * {"s": 1, "m": 60}[unit]
        self.complaints: dict[tuple[panels.Query, str], str] = {}

    def ask(self, cases: list) -> None:
        now = time.time()
        chosen = {}
        for one, selection in cases:
            board = BOARDS[one.dashboard]
            if (one.dashboard, selection) not in chosen:
                chosen[one.dashboard, selection] = choose(board, selection, now)
            values, offered = chosen[one.dashboard, selection]
            if one.place.startswith("variable "):
                found = offered[one.place.removeprefix("variable ")]
                self.complaints[one, selection] = "" if found else f"{one.expr} offers nothing"
            else:
                self.complaints[one, selection] = self.complaint(one, selection, values, now)

    def complaint(self, one: panels.Query, selection: str, values: dict[str, str], now: float) -> str:
        expr = panels.substitute(one.expr, values | panels.builtins(RANGE, self.scrape))
        assert not panels.unresolved(expr), expr
        if one.instant:
            answer = [
                entry | {"values": [entry["value"]]} for entry in prometheus("query", query=expr, time=now)["result"]
            ]
        else:
            step = panels.interval_seconds(RANGE, self.scrape)
            answer = prometheus("query_range", query=expr, start=now - RANGE, end=now, step=step)["result"]
        series = [
            entry["metric"]
            for entry in answer
            if any(when > now - RECENT and not math.isnan(float(value)) for when, value in entry["values"])
        ]
        if not series:
            return f"no data: {expr}"
        if one.dashboard in OURS:
            # A legend whose label is missing is blank.
            for label in re.findall(r"\{\{(\w+)\}\}", one.legend):
                if not all(metric.get(label) for metric in series):
                    return f"a series without {label}, which the legend shows: {expr}"
            shown = re.compile(values["instance"].replace("\\\\", "\\"))
            wanted = {name for name in REDIS if shown.fullmatch(f"{address(name)}:9121")}
            if "{{node}}" in one.legend and {metric["node"] for metric in series} != wanted:
                return f"not every selected node has a line, and only those: {expr}"
        return ""


@pytest.fixture(scope="module")
def asked():
    """Asks every query until it is answered; what is still empty after WAIT_SECONDS stays so."""
    missing_jobs = {job for job in NEEDS.values() if not query(f'up{{job="{job}"}}')}
    waited_for = [
        case for case in CASES if key(case[0]) not in EXCEPTIONS and NEEDS.get(key(case[0])) not in missing_jobs
    ]
    answers, nodes = Asked(), [Redis(name) for name in REDIS]
    deadline = time.monotonic() + WAIT_SECONDS
    try:
        load(nodes)
        answers.ask(CASES)
        while time.monotonic() < deadline:
            empty = [case for case in waited_for if answers.complaints[case]]
            if not empty:
                break
            time.sleep(5)
            load(nodes)
            answers.ask(empty)
    finally:
        for node in nodes:
            node.close()
    answers.missing_jobs = missing_jobs
    return answers


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}, {case[1]}")
def test_query_returns_data(asked, case):
    one, _selection = case
    wrong = asked.complaints[case]
    if NEEDS.get(key(one)) in asked.missing_jobs:
        pytest.skip(f"this lab does not scrape the job {NEEDS[key(one)]}")
    sometimes, reason = EXCEPTIONS.get(key(one), (None, ""))
    if sometimes is None:
        assert not wrong, wrong
    elif not sometimes:
        assert wrong, f"the exception is out of date, there is data now: {reason}"


def test_dashboard_11835_is_there():
    if GNET is None:
        pytest.skip("dashboard 11835 is not there: it states no licence and could not be fetched")


def test_exceptions_name_queries():
    assert set(EXCEPTIONS) | set(NEEDS) <= {key(one) for one, _selection in CASES} | {
        name for name in EXCEPTIONS if GNET is None and name[0] == "11835"
    }
