# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diagnosis for people: the table, and a page that needs nothing but itself."""

from __future__ import annotations

import html.parser
import re
import xml.etree.ElementTree as ET

import pytest
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor import page as pages
from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor import report as reports


def unit(**more):
    return dict({"found": True, "active": True, "enabled": True, "managed": True, "pid": 7}, **more)


@pytest.fixture
def stack():
    node = {
        "units": {"redis-server.service": unit(pid=1), "redis.service": unit(pid=1), "redis_exporter.service": unit()}
    }
    monitoring = {
        "units": {"prometheus.service": unit(pid=2), "redis-server.service": unit(active=False, enabled=False)}
    }
    monitoring["units"]["redis-server.service"]["managed"] = False
    return {
        "time": 1795482000.0,
        "cluster": "redis-prod",
        "expected": ["prometheus", "grafana"],
        "hosts": {
            "redis-node-1a": {"groups": ["redis"], "address": "10.0.1.102", "evidence": node},
            "redis-node-1b": {"groups": ["redis"], "address": "10.0.2.27", "evidence": None},
            "prometheus-grafana": {"groups": ["monitoring"], "address": "10.0.1.87", "evidence": monitoring},
        },
    }


def finding(**more):
    made = {
        "id": "redis_stopped",
        "severity": "error",
        "hop": "redis",
        "host": "redis-node-1a",
        "cause": "Redis is <stopped> & so on",
        "evidence": ["redis-server.service is inactive"],
        "cure": [{"on": "redis-node-1a", "run": "sudo systemctl start redis-server"}, {"do": "wait"}],
        "consequences": ["redis_up is 0"],
    }
    return dict(made, **more)


def report(stack, *findings):
    return reports.report(stack, list(findings))


def svg_of(page):
    drawing = re.search(r"<svg.*?</svg>", page, re.S).group(0)
    return ET.fromstring(drawing)


class Strict(html.parser.HTMLParser):
    """Notes every address a page refers to, and tags that are left open."""

    VOID = {"meta", "path", "rect", "circle", "link", "img", "br"}
    OPTIONAL = {"html", "p", "li", "tr", "td", "th"}

    def __init__(self):
        super().__init__()
        self.addresses, self.open, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in self.OPTIONAL:
            self.open.pop()
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)


def test_the_page_needs_no_network_and_is_well_formed(stack):
    page = pages.page(report(stack, finding(), finding(severity="warning", hop="host", consequences=[])))
    parser = Strict()
    parser.feed(page)
    assert not [one for one in parser.open if one not in Strict.OPTIONAL]
    assert parser.addresses and all(one.startswith("#finding-") for one in parser.addresses)
    assert not {"script", "link", "img", "iframe"} & set(parser.tags)
    assert not re.search(r"https?://|url\(|@import", page)
    assert "width=device-width" in page


def test_what_comes_from_hosts_is_text(stack):
    page = pages.page(report(stack, finding(evidence=["<script>alert(1)</script>"], cause='<b "x">')))
    assert "<script>" not in page and "&lt;script&gt;" in page


def test_the_drawing_is_red_where_it_breaks_and_only_there(stack):
    boxes = [one.get("class") for one in svg_of(pages.page(report(stack, finding()))).iter("rect")]
    assert boxes.count("box error") == 1
    healthy = [one.get("class") for one in svg_of(pages.page(report(stack))).iter("rect")]
    assert "box error" not in healthy and "box unknown" in healthy  # the node that nobody looked at


def test_the_table_keeps_commands_whole_and_says_who_lives_where(stack):
    long = "ansible-playbook redisops.monitoring.exporters -i " + "x" * 150
    text = reports.table(report(stack, finding(cure=[{"on": "controller", "run": long}])))
    assert long in text.splitlines()[[long in line for line in text.splitlines()].index(True)]
    assert re.search(r"^   redis-node-1a +10\.0\.1\.102 +Redis node +redis(-server)?, redis_exporter$", text, re.M)
    assert re.search(r"^   redis-node-1b .* not looked at$", text, re.M)
    assert re.search(r"^   prometheus-grafana +10\.0\.1\.87 +monitoring host +prometheus$", text, re.M)


def test_a_summary_in_one_line():
    assert reports.summary([]) == "nothing is wrong"
    said = reports.summary([finding(), finding(), finding(severity="warning")])
    assert said.startswith("2 errors, 1 warning; first: redis_stopped on redis-node-1a: ")


def test_a_verdict_names_the_hosts_that_it_does_not_cover(stack):
    assert "nothing is wrong; not looked at: redis-node-1b" in reports.table(report(stack))
    assert "not looked at: redis-node-1b" in pages.page(report(stack))
    unreachable = finding(host="redis-node-1b", id="host_unreachable")
    assert "; not looked at" not in reports.table(report(stack, unreachable))
