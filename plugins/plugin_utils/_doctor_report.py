# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A diagnosis for people: a table for the terminal and one page of HTML with a drawing of the hops. Pure, private."""

from __future__ import annotations

import html
import re
import textwrap
import time

from ansible_collections.redisops.monitoring.plugins.plugin_utils._doctor import findings as _findings

WIDTH = 110
# What a drawing shows of a Redis node, and which hops break it.
NODE_BOXES = (("Redis", ("host", "redis", "redis_tls", "redis_acl")), ("exporter", ("exporter", "node_exporter")))
WAY_HOPS = ("network",)
SERVICE_BOXES = {
    "prometheus": ("Prometheus", ("prometheus",)),
    "blackbox_exporter": ("TLS probes", ("probes",)),
    "alertmanager": ("Alertmanager", ("alertmanager",)),
    "grafana": ("Grafana", ("grafana",)),
}
RANK = {"error": 3, "warning": 2, "info": 1}
MOST_NODES = 24  # that a drawing shows, the broken ones first
MOST_LETTERS = 15  # of a name in a box


def report(stack, findings):
    """All that the table and the page show."""
    hosts = {}
    for name, host in stack["hosts"].items():
        seen = host.get("evidence") or {}
        units = seen.get("units") or {}
        hosts[name] = {
            "groups": host["groups"],
            "address": host.get("address", name),
            "examined": bool(seen),
            "seconds": seen.get("seconds"),
            "services": services(units),
            "urls": host.get("urls", {}),
        }
    return {
        "time": stack["time"],
        "cluster": stack.get("cluster", ""),
        "hosts": hosts,
        "findings": findings,
        "expected": stack.get("expected", []),
    }


def services(units):
    """What lives on a host: units that run or shall run, each by one of its names."""
    found = {}
    for unit, one in units.items():
        if isinstance(one, dict) and one.get("found") and (one["active"] or one["enabled"] or one.get("managed")):
            found.setdefault(one.get("pid") or unit, unit.rpartition(".")[0])
    return sorted(found.values())


def summary(findings):
    """One line."""
    counted = [(sum(one["severity"] == kind for one in findings), kind) for kind in _findings.SEVERITIES]
    words = [
        "%d %s%s" % (count, kind, "s" if count != 1 and kind != "info" else "") for count, kind in counted if count
    ]
    if not words:
        return "nothing is wrong"
    first = findings[0]
    return "%s; first: %s on %s: %s" % (", ".join(words), first["id"], first["host"], first["cause"])


def not_looked_at(found):
    """What a verdict does not cover."""
    blamed = {one["host"] for one in found["findings"]}
    names = [name for name, host in sorted(found["hosts"].items()) if not host["examined"] and name not in blamed]
    return "; not looked at: %s" % ", ".join(names) if names else ""


def looked_at(found):
    """What a page without findings says."""
    missing = [name for name, host in sorted(found["hosts"].items()) if not host["examined"]]
    there = {service for host in found["hosts"].values() for service in host["services"]}
    units = {about.title: about.unit.rpartition(".")[0] for about in _findings.SERVICES.values()}
    missing += [title for title, unit in units.items() if unit not in there]
    if missing:
        return "What is there was looked at. Not there, or not looked at: %s." % ", ".join(missing)
    return "Every hop from Redis to the dashboard was looked at."


# ------------------------------------------------------------------------------------------------------------ table


def table(found):
    lines = ["", "Doctor: %s%s" % (summary(found["findings"]), not_looked_at(found)), ""]
    for number, finding in enumerate(found["findings"], 1):
        lines += of_finding(number, finding) + [""]
    lines += lives_where(found)
    return "\n".join(lines)


def of_finding(number, finding):
    head = "%d. %s  %s  [%s, %s]" % (
        number,
        finding["severity"].upper(),
        finding["cause"],
        finding["host"],
        finding["hop"],
    )
    lines = wrapped(head, "   ", first="")
    lines.append("   id        %s" % finding["id"])
    for label, texts in (("seen", finding["evidence"]), ("explains", finding["consequences"])):
        for position, text in enumerate(texts):
            lines += wrapped(text, " " * 13, first="   %-9s " % (label if not position else ""))
    for position, step in enumerate(finding["cure"]):
        label = "   %-9s " % ("cure" if not position else "then")
        if "run" in step:
            # Commands stay on one line: they are there to be copied.
            where = "" if step["on"] == "controller" else "on %s: " % step["on"]
            lines.append(label + where + step["run"])
        else:
            lines += wrapped(step["do"], " " * 13, first=label)
    return lines


def wrapped(text, indent, first):
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [first]


def lives_where(found):
    """Which host is which: the answer to `Unit grafana-server.service could not be found`."""
    lines = ["Who lives where"]
    for name, host in sorted(found["hosts"].items()):
        role = "Redis node" if "redis" in host["groups"] else "monitoring host"
        state = ", ".join(host["services"]) or ("no service of the stack" if host["examined"] else "not looked at")
        lines.append("   %-22s %-16s %-16s %s" % (name, host["address"], role, state))
    return lines


# ------------------------------------------------------------------------------------------------------------- page


def page(found):
    findings = found["findings"]
    worst = findings[0]["severity"] if findings else "ok"
    title = "Doctor: %s" % (found["cluster"] or "monitoring stack")
    count = {kind: sum(one["severity"] == kind for one in findings) for kind in _findings.SEVERITIES}
    verdict = {
        "error": "%d broken" % count["error"],
        "warning": "works, with %d warning%s" % (count["warning"], "s" if count["warning"] != 1 else ""),
        "info": "nothing is wrong",
        "ok": "nothing is wrong",
    }[worst]
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(found["time"]))
    cards = "\n".join(card(number, one) for number, one in enumerate(findings, 1))
    rows = "\n".join(
        "<tr><th scope=row>%s</th><td>%s</td><td>%s</td><td>%s</td></tr>"
        % tuple(
            html.escape(text)
            for text in (
                name,
                host["address"],
                "Redis node" if "redis" in host["groups"] else "monitoring host",
                ", ".join(host["services"]) or ("none of ours" if host["examined"] else "not looked at"),
            )
        )
        for name, host in sorted(found["hosts"].items())
    )
    return PAGE % {
        "title": html.escape(title),
        "style": STYLE,
        "worst": worst,
        "verdict": html.escape(verdict + not_looked_at(found)),
        "when": when,
        "drawing": drawing(found),
        "cards": cards or "<p class=fine>%s</p>" % html.escape(looked_at(found)),
        "rows": rows,
    }


def card(number, finding):
    cure = []
    for step in finding["cure"]:
        if "run" in step:
            where = "on the controller" if step["on"] == "controller" else "on " + step["on"]
            cure.append("<li><span>%s</span><pre>%s</pre></li>" % (html.escape(where), html.escape(step["run"])))
        else:
            cure.append("<li>%s</li>" % html.escape(step["do"]))
    parts = [
        '<article class="card %s" id="finding-%d">' % (finding["severity"], number),
        "<h2><b class=badge>%d</b> %s</h2>" % (number, html.escape(sentence(finding["cause"]))),
        "<p class=where><b>%s</b> on <b>%s</b>, hop %s &middot; <code>%s</code></p>"
        % tuple(html.escape(finding[key]) for key in ("severity", "host", "hop", "id")),
        "<h3>Seen</h3><ul>%s</ul>" % "".join("<li>%s</li>" % html.escape(one) for one in finding["evidence"]),
        "<h3>Mend it</h3><ol>%s</ol>" % "".join(cure),
    ]
    if finding["consequences"]:
        parts.append(
            "<details><summary>It explains %d more</summary><ul>%s</ul></details>"
            % (
                len(finding["consequences"]),
                "".join("<li>%s</li>" % html.escape(one) for one in finding["consequences"]),
            )
        )
    return "\n".join(parts) + "\n</article>"


def sentence(text):
    """With a capital, but for names that are written without."""
    return text if re.match(r"\w+_|/", text) else text[:1].upper() + text[1:]


# ---------------------------------------------------------------------------------------------------------- drawing


class Drawing:
    """The hops from top to bottom, narrow enough for a phone: nodes, Prometheus, and what hangs on it."""

    WIDTH, BOX, GAP, LEFT = 360, 34, 22, 8

    def __init__(self, found):
        self.found = found
        self.parts = []
        self.y = 4
        worst = {}
        for number, one in enumerate(found["findings"], 1):
            for host in one.get("hosts") or [one["host"]]:
                key = (host, one["hop"])
                if RANK[one["severity"]] > RANK.get(worst.get(key, (None, 0))[0], 0):
                    worst[key] = (one["severity"], number)
        self.worst = worst

    def state(self, host, hops):
        """(class, number of the finding) of a part of a host."""
        known = self.found["hosts"].get(host, {})
        states = [self.worst[host, hop] for hop in hops if (host, hop) in self.worst]
        if states:
            return max(states, key=lambda one: RANK[one[0]])
        return ("ok", 0) if known.get("examined") else ("unknown", 0)

    def box(self, x, y, width, text, state, small=""):
        severity, number = state
        label = '<text x="%g" y="%g" class=name>%s</text>' % (
            x + width / 2,
            y + (15 if small else 21),
            html.escape(short(text)),
        )
        if short(text) != text:
            label += "<title>%s</title>" % html.escape(text)
        if small:
            label += '<text x="%g" y="%g" class=small>%s</text>' % (x + width / 2, y + 28, html.escape(small))
        mark = ""
        if number:
            mark = '<circle cx="%g" cy="%g" r="9" class="mark %s"/><text x="%g" y="%g" class=number>%d</text>' % (
                x + width - 2, y + 2, severity, x + width - 2, y + 6, number,
            )  # fmt: skip
        shape = '<rect x="%g" y="%g" width="%g" height="%g" rx="6" class="box %s"/>' % (x, y, width, self.BOX, severity)
        group = shape + label + mark
        if number:
            group = '<a href="#finding-%d">%s</a>' % (number, group)
        self.parts.append(group)

    def line(self, x1, y1, x2, y2, state):
        """A connection; broken where its hop is."""
        severity, number = state
        self.parts.append('<path d="M%g %gL%g %g" class="way %s"/>' % (x1, y1, x2, y2, severity))
        if severity == "error":
            x, y = (x1 + x2) / 2, (y1 + y2) / 2
            cross = '<path d="M%g %gl10 10m0 -10l-10 10" class="cross"/>' % (x - 5, y - 5)
            self.parts.append('<a href="#finding-%d">%s</a>' % (number, cross) if number else cross)

    def nodes(self, names):
        """A row a node: Redis, exporter, and the way to Prometheus' rail on the right."""
        hops = NODE_BOXES[0][1] + NODE_BOXES[1][1] + WAY_HOPS
        ranked = sorted(names, key=lambda name: (self.state(name, hops)[0] == "ok", name))
        left_out = len(names) - MOST_NODES
        names = sorted(ranked[:MOST_NODES])
        rail, top = self.WIDTH - 16, self.y + self.BOX / 2
        width = 122
        for name in names:
            redis = self.state(name, NODE_BOXES[0][1])
            exporter = self.state(name, NODE_BOXES[1][1])
            way = self.state(name, WAY_HOPS)
            middle = self.y + self.BOX / 2
            x2 = self.LEFT + width + 24
            # The first thing that breaks is red; what comes behind it is only its consequence.
            self.line(self.LEFT + width, middle, x2, middle, redis if redis[0] in ("error", "unknown") else ("ok", 0))
            first = exporter if exporter[0] == "error" else way
            self.line(x2 + width, middle, rail, middle, first if first[0] in ("error", "unknown") else ("ok", 0))
            self.box(self.LEFT, self.y, width, name, redis, "Redis " + self.found["hosts"][name]["address"])
            self.box(x2, self.y, width, "exporter", exporter, "redis_exporter")
            self.y += self.BOX + 12
        if left_out > 0:
            text = "and %d more, with nothing worse" % left_out
            self.parts.append('<text x="%g" y="%g" class=small>%s</text>' % (self.WIDTH / 2, self.y + 6, text))
            self.y += 14
        if names:
            self.parts.append('<path d="M%g %gL%g %g" class="way rail"/>' % (rail, top, rail, self.y + 8))
        self.y += 8

    def monitoring(self, name):
        services = self.found["hosts"][name]["services"]
        host = self.state(name, ("host", "inventory", "node_exporter"))
        full = self.WIDTH - 2 * self.LEFT
        prometheus = self.state(name, ("prometheus",))
        if host[0] == "error":
            prometheus = max(prometheus, host, key=lambda one: RANK.get(one[0], 0))
        self.box(
            self.LEFT, self.y, full, "Prometheus", prometheus, "%s %s" % (name, self.found["hosts"][name]["address"])
        )
        below = self.y + self.BOX
        self.y = below + self.GAP
        third = (full - 2 * 12) / 3
        labels = (("blackbox_exporter", "TLS probes"), ("alertmanager", "Alertmanager"), ("grafana", "Grafana"))
        states = {}
        for place, (service, label) in enumerate(labels):
            hop, unit, _tag, _title = _findings.SERVICES[service]
            state = self.state(name, (hop,))
            there = unit.rpartition(".")[0] in services or service in self.found["expected"]
            if state[0] == "ok" and not there:
                state = ("unknown", 0)
            x = self.LEFT + place * (third + 12)
            states[service] = state
            above = prometheus if prometheus[0] == "error" else state
            self.line(
                x + third / 2, below, x + third / 2, self.y, above if above[0] in ("error", "unknown") else ("ok", 0)
            )
            self.box(x, self.y, third, label, state, "" if there else "not there")
        below = self.y + self.BOX
        self.y = below + self.GAP
        person = self.state(name, ("person",))
        for place, label, service in ((1, "on call", "alertmanager"), (2, "browser", "grafana")):
            x = self.LEFT + place * (third + 12)
            above = states[service]
            state = person if place == 2 and person[1] else ("unknown" if above[0] == "unknown" else "ok", 0)
            way = above if above[0] in ("error", "unknown") else state
            self.line(x + third / 2, below, x + third / 2, self.y, way)
            self.box(x, self.y, third, label, state)
        self.y += self.BOX + 14

    def svg(self):
        hosts = self.found["hosts"]
        self.nodes([name for name, host in sorted(hosts.items()) if "redis" in host["groups"]])
        for name, host in sorted(hosts.items()):
            if "monitoring" in host["groups"] and "redis" not in host["groups"]:
                self.monitoring(name)
        return '<svg viewBox="0 0 %d %d" role="img" aria-label="The hops from Redis to the browser">%s</svg>' % (
            self.WIDTH,
            self.y + 2,
            "".join(self.parts),
        )


def short(text):
    """A name that fits into a box: without its domain, and without its middle."""
    name = text if re.match(r"[\d.]+$", text) else text.split(".")[0]
    half = MOST_LETTERS // 2
    return name if len(name) <= MOST_LETTERS else name[: half - 1] + "\u2026" + name[-half:]


def drawing(found):
    return Drawing(found).svg()


STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--text:#1c2330;--dim:#5b6474;--line:#c8ced8;--ok:#2e7d4f;
--okbg:#e7f4ec;
--error:#c62828;--errorbg:#fdeaea;--warning:#9a6700;--warningbg:#fff4d6;--info:#3a5fa8;--infobg:#e9effa;
--code:#eef0f4}
@media(prefers-color-scheme:dark){:root{--bg:#12161d;--card:#1b212b;--text:#e6e9ef;--dim:#9aa4b5;--line:#3a4453;
--ok:#6fcf97;--okbg:#17301f;
--error:#ff8a80;--errorbg:#3b1a1a;--warning:#ffd166;--warningbg:#3a2f10;--info:#9dbbf2;--infobg:#1a2740;
--code:#10141a}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,sans-serif;
overflow-wrap:anywhere}
main{max-width:1180px;margin:0 auto;padding:16px;display:grid;gap:16px;grid-template-columns:minmax(0,1fr)}
header{padding:14px 16px;border-radius:10px;border-left:8px solid var(--ok);background:var(--okbg)}
header.error{border-color:var(--error);background:var(--errorbg)}header.warning{border-color:var(--warning);
background:var(--warningbg)}
h1{margin:0;font-size:1.35rem}header p{margin:4px 0 0;color:var(--dim)}header strong{font-size:1.1rem}
figure,.card,section{margin:0;padding:14px 16px;border-radius:10px;background:var(--card);
border:1px solid var(--line)}
figure{align-self:start}svg{display:block;width:100%;max-width:460px;margin:0 auto;height:auto}
.box{fill:var(--okbg);stroke:var(--ok);stroke-width:1.5}.box.error{fill:var(--errorbg);stroke:var(--error);
stroke-width:2.5}
.box.warning{fill:var(--warningbg);stroke:var(--warning)}.box.info{fill:var(--infobg);stroke:var(--info)}
.box.unknown{fill:none;stroke:var(--line);stroke-dasharray:4 3}
.way{stroke:var(--ok);stroke-width:2;fill:none}.way.error{stroke:var(--error);stroke-dasharray:5 4}
.way.unknown{stroke:var(--line)}
.way.rail{stroke:var(--line);stroke-width:3}
.cross{stroke:var(--error);stroke-width:3;fill:none}.mark{fill:var(--warning)}.mark.error{fill:var(--error)}
.mark.info{fill:var(--info)}
svg text{font:600 12px system-ui,sans-serif;fill:var(--text);text-anchor:middle}svg .small{font-weight:400;
font-size:10px;fill:var(--dim)}
svg .number{fill:var(--card);font-size:11px}
.card{border-left:6px solid var(--info)}.card.error{border-left-color:var(--error)}
.card.warning{border-left-color:var(--warning)}
.badge{display:inline-block;min-width:1.5em;text-align:center;border-radius:1em;font-size:.85rem;line-height:1.5;
color:var(--card);background:var(--info)}
.error .badge{background:var(--error)}.warning .badge{background:var(--warning)}
.card+.card{margin-top:12px}h2{font-size:1.08rem;margin:0 0 2px}h3{font-size:.8rem;margin:12px 0 2px;
color:var(--dim);text-transform:uppercase;letter-spacing:.05em}
.where{margin:0;color:var(--dim);font-size:.92rem}ul,ol{margin:0;padding-left:1.2em}li span{color:var(--dim);
font-size:.9rem}
pre{margin:2px 0 6px;padding:8px 10px;border-radius:6px;background:var(--code);white-space:pre-wrap;
font:13px/1.45 ui-monospace,monospace}
code{font:13px ui-monospace,monospace}details{margin-top:10px}summary{cursor:pointer;color:var(--dim)}
table{border-collapse:collapse;width:100%;font-size:.92rem}td,th{text-align:left;padding:5px 8px 5px 0;
border-top:1px solid var(--line);vertical-align:top}
.scroll{overflow-x:auto}td:nth-child(2){white-space:nowrap}
@media(max-width:640px){tr{display:block;padding:8px 0;border-top:1px solid var(--line)}
td,th{display:block;border:0;padding:0}}.fine{margin:0;padding:14px 16px}
@media(min-width:900px){main{grid-template-columns:minmax(0,440px) minmax(0,1fr)}header,section{grid-column:1/-1}
figure{position:sticky;top:16px}}
@media print{body{background:#fff}}
"""

PAGE = """<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>%(title)s</title>
<style>%(style)s</style>
<main>
<header class="%(worst)s"><h1>%(title)s</h1><p><strong>%(verdict)s</strong> &middot; %(when)s</p></header>
<figure>%(drawing)s</figure>
<div>
%(cards)s
</div>
<section><h3>Who lives where</h3><div class=scroll><table>
%(rows)s
</table></div></section>
</main>
</html>
"""
