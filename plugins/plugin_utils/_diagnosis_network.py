# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for what lies between hosts: ways to the exporters, clocks, security groups. Pure, private."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from ansible_collections.redisops.monitoring.plugins.plugin_utils._diagnosis_base import Base, shows
from ansible_collections.redisops.monitoring.plugins.plugin_utils._findings import NODE_HOPS, SERVICES, by_hand, on

SKEW_ERROR, SKEW_WARNING = 5.0, 2.0
NO_WAY = ("timeout", "filtered", "unreachable", "refused")
ADMIN_PORTS = {"grafana": 3000, "prometheus": 9090, "alertmanager": 9093}


class NetworkRules(Base):
    def look_at_ways(self, monitor):
        """From the monitoring host to every exporter."""
        self.handed_over(monitor)
        skews = []
        for node, way in self.seen(monitor, "reach").items():
            if node not in self.hosts or "url" not in way:
                continue
            if way.get("skew") is not None:
                skews.append((node, way["skew"]))
            if not way.get("answered"):
                self.no_way(monitor, node, way)
            elif way.get("status") == 401 and not self.has_error(node):
                seen = "GET %s: 401; with redis_exporter_web_password it answers on the node" % way["url"]
                cure = by_hand("set prometheus_exporter_password to the value of redis_exporter_web_password")
                again = self.playbook("monitoring", monitor, "prometheus")
                self.add("scrape_login_refused", monitor, [seen], [cure, again])
        self.clocks(monitor, skews)

    def no_way(self, monitor, node, way):
        cause = way.get("cause")
        text = "GET %s from %s: %s" % (way["url"], monitor, way.get("error"))
        found = self.seen(node, "exporter", "files", "exporter_server") or {"path": "the certificate of the exporter"}
        seen = [text, shows(way.get("shown"))]
        restart = on(node, "sudo systemctl restart redis_exporter")

        def otherwise():
            sans = self.server_sans(node)
            if cause in NO_WAY:
                self.closed(monitor, node, way, text)
            elif cause == "expired":
                cure = [self.renew(node, found, "server", sans), restart]
                self.add("exporter_cert_expired", node, seen, cure, what="server certificate")
            elif cause == "name_mismatch":
                cure = [self.renew(node, found, "server", sans), restart]
                self.add("exporter_cert_name", node, seen, cure, name=urlsplit(way["url"]).hostname)
            elif cause == "untrusted":
                trusted = dict(found, issuer="the CA in prometheus_exporter_ca_file")
                self.add("exporter_cert_untrusted", node, seen, [self.renew(node, trusted, "server", sans), restart])
            elif cause == "not_yet_valid":
                stored = found if found.get("not_before") else dict(found, **(way.get("shown") or {}))
                self.not_yet_valid(node, "exporter_server", stored, seen, restart)
            elif cause == "client_certificate":
                again = self.playbook("monitoring", monitor, "prometheus")
                self.add("scrape_ca_wrong", monitor, seen, [again])
            elif cause == "http_only":
                self.add("exporter_plain_http", node, seen, [self.playbook("exporters", node)])
            elif cause == "https_only":
                setting = {"prometheus_exporter_scheme": "https"}
                cure = by_hand("set prometheus_exporter_scheme: https", set=setting, host=monitor)
                again = self.playbook("monitoring", monitor, "prometheus")
                self.add("scrape_scheme", monitor, seen, [cure, again], found="http", right="https")
            else:
                self.add("exporter_tls", node, seen, [self.playbook("exporters", node)], monitor=monitor)

        # An exporter that answers on its node is not what keeps packets away, however ill its Redis is.
        answers = cause in NO_WAY and self.seen(node, "exporter", "metrics").get("answered")
        hops = ("inventory", "host", "exporter") if answers else NODE_HOPS[: NODE_HOPS.index("network")]

        def explains(one):
            at_node = self.at_node(node, *hops)(one)
            return at_node or self.by_file(monitor)(one)

        self.symptom(text, explains, otherwise)

    def closed(self, monitor, node, way, text):
        """The exporter runs and listens, and the monitoring host gets no answer: something between them."""
        address = self.hosts[node]["address"]
        parts = urlsplit(way["url"])
        if parts.hostname != address and self.hosts[node].get("evidence"):
            again = self.playbook("monitoring", monitor, "prometheus")
            facts = {"node": node, "asked": parts.hostname, "address": address}
            self.add("target_address", monitor, [text], [again], **facts)
            return
        back = self.seen(node, "routes").get(self.hosts[monitor]["address"])
        for host, peer, problem in ((node, monitor, back), (monitor, node, way.get("route"))):
            if problem:
                self.no_route(host, self.hosts[peer]["address"], problem, text)
                return
        if self.rule_missing(node, monitor):
            return  # look_at_security_groups() says it, with what the API knows
        listens = [one for one in self.seen(node, "listening") or [] if one["port"] == parts.port]
        seen = ["on %s, %s listens on %s:%d" % (node, one["program"], one["address"], one["port"]) for one in listens]
        self.filtered(monitor, node, parts.port or 9121, [text] + seen)

    def filtered(self, monitor, node, port, seen):
        """A packet filter, on the node or on the monitoring host, named by its rule where it can be seen."""
        facts = {"monitor": monitor, "port": port}
        for host, peer, hook in ((node, monitor, "input"), (monitor, node, "output")):
            for rule in self.seen(host, "packet_filter") or []:
                words = re.findall(r"[\w.:/-]+", rule["rule"])
                aimed = str(port) in words or any(self.hosts[peer]["address"] == one.split("/")[0] for one in words)
                if rule.get("hook") in (hook, "") and (aimed or rule.get("policy")):
                    cure = self.let(rule, self.hosts[peer]["address"], port) if rule.get("policy") else rule["undo"]
                    self.add(
                        "port_filtered", node, seen + ["on %s: %s" % (host, rule["rule"])], [on(host, cure)], **facts
                    )
                    return
        cure = [self.playbook("security_groups"), by_hand("look for a firewall on %s: sudo nft list ruleset" % node)]
        self.add("port_filtered", node, seen, cure, **facts)

    @staticmethod
    def let(rule, peer, port):
        """A chain that drops what no rule takes gets the one rule that is missing."""
        if rule["let"].startswith("sudo nft"):
            return "%s %s saddr %s tcp dport %d accept" % (rule["let"], "ip6" if ":" in peer else "ip", peer, port)
        return "%s -p tcp -s %s --dport %d -j ACCEPT" % (rule["let"], peer, port)

    def no_route(self, host, peer, problem, text):
        kind = re.search(r"blackhole|unreachable|prohibit", problem)
        command = "sudo ip route del %s %s" % (kind.group(0), peer) if kind else "ip route get %s" % peer
        seen = [text, "route to %s: %s" % (peer, problem)]
        self.add("route_blocked", host, seen, [on(host, command)], here=host, peer=peer)

    def clocks(self, monitor, skews):
        """The Date header of each exporter against the clock of the monitoring host."""
        off = [(node, skew) for node, skew in skews if abs(skew) > SKEW_WARNING]
        if not off:
            return
        wrong = off
        values = [skew for dummy, skew in off]
        if len(skews) > 1 and len(off) == len(skews) and max(values) - min(values) < SKEW_WARNING:
            wrong = [(monitor, -values[0])]  # all nodes agree with each other
        measured = ["%s: %+.1f s against %s, by its HTTP Date header" % (node, skew, monitor) for node, skew in off]
        for name, skew in wrong:
            synchronized = self.seen(name, "host").get("clock_synchronized")
            seen = [] if synchronized else ["the kernel of %s says that its clock is not synchronized" % name]
            self.add(
                "clock_skew",
                name,
                measured + seen,
                [on(name, "sudo timedatectl set-ntp true && sudo systemctl restart systemd-timesyncd")],
                severity="error" if abs(skew) > SKEW_ERROR else "warning",
                whose=name,
                seconds=abs(skew),
                direction="ahead" if skew > 0 else "behind",
            )

    # --------------------------------------------------------------------------------------------- security groups

    def groups_of(self, host):
        known = (self.stack.get("security_groups") or {}).get("groups") or {}
        return [known[one] for one in self.hosts[host].get("security_groups", []) if one in known]

    def allowed(self, host, port, source, source_groups=()):
        """Whether a rule lets the source, a network or a member of groups, to the port."""
        for group in self.groups_of(host):
            for rule in group.get("ip_permissions", []):
                if not covers_port(rule, port):
                    continue
                if any(pair.get("group_id") in source_groups for pair in rule.get("user_id_group_pairs", [])):
                    return True
                if any(contains(network, source) for network in networks(rule)):
                    return True
        return False

    def rule_missing(self, node, monitor, port=None):
        """Only where the API told the rules of both."""
        if not self.groups_of(node) or not self.hosts[monitor].get("security_groups"):
            return False
        source, port = self.hosts[monitor], port or self.wanted(node, "port", 9121)
        return not self.allowed(node, port, source["address"], source["security_groups"])

    def scraped_ports(self, monitor, node):
        """The ports of a node that its monitoring asks: the exporter's, and those of Prometheus' other targets."""
        ports = [self.wanted(node, "port", 9121)]
        for target in self.seen(monitor, "prometheus", "targets") or []:
            host, sep, port = target["instance"].rpartition(":")
            if target["job"] in ("node", "redis-tls") and host.strip("[]") == self.hosts[node]["address"]:
                ports.append(int(port) if port.isdigit() else 0)
        return [port for port in dict.fromkeys(ports) if port]

    def look_at_security_groups(self):
        looked = self.stack.get("security_groups")
        if not looked:
            return
        if looked.get("problem"):
            cure = by_hand("give the controller AWS credentials with ec2:DescribeSecurityGroups")
            self.add("security_groups_unknown", "controller", [looked["problem"]], [cure])
            return
        for monitor in self.monitors:
            closed = {}
            for node in self.nodes:
                for port in self.scraped_ports(monitor, node):
                    if self.rule_missing(node, monitor, port):
                        names = ", ".join("%(group_name)s (%(group_id)s)" % one for one in self.groups_of(node))
                        closed.setdefault((port, names), []).append(node)
            for (port, names), nodes in closed.items():
                self.port_closed(monitor, names, nodes, port)
            self.administrators(monitor)

    def port_closed(self, monitor, names, nodes, port):
        source = self.hosts[monitor]
        in_groups = ", ".join(one["group_name"] for one in self.groups_of(monitor))
        seen = [
            "sources of the rules for tcp/%d: %s" % (port, self.sources(nodes[0], port)),
            "%s is in %s and has the address %s" % (monitor, in_groups, source["address"]),
        ]
        way = self.seen(monitor, "reach", nodes[0])
        if way and port == self.wanted(nodes[0], "port", 9121):
            seen.append("GET %s from there: %s" % (way["url"], way.get("status") or way.get("error")))
        facts = {"groups": names, "monitor": monitor, "port": port, "nodes": ", ".join(nodes)}
        self.add("sg_rule_missing", nodes[0], seen, [self.playbook("security_groups")], **facts)

    def sources(self, host, port):
        found = []
        for group in self.groups_of(host):
            for rule in group.get("ip_permissions", []):
                if covers_port(rule, port):
                    found += [str(one.get("group_id")) for one in rule.get("user_id_group_pairs", [])] + networks(rule)
        return ", ".join(found) or "none"

    def administrators(self, monitor):
        """Grafana runs, and nobody is let to its port: issue 3 of the old runbook."""
        urls = self.hosts[monitor].get("urls", {})
        for service, usual in ADMIN_PORTS.items():
            if service not in self.expected or not self.groups_of(monitor):
                continue
            port = urlsplit(urls.get(service, "")).port or usual
            missing = [cidr for cidr in self.stack.get("admin_cidrs", []) if not self.allowed(monitor, port, cidr)]
            if missing:
                names = ", ".join(one["group_name"] for one in self.groups_of(monitor))
                seen = [
                    "sources of the rules of %s for tcp/%d: %s" % (names, port, self.sources(monitor, port)),
                    "a browser says ERR_CONNECTION_TIMED_OUT; ERR_CONNECTION_REFUSED would be a service that is down",
                ]
                facts = {"cidrs": ", ".join(missing), "port": port, "monitor": monitor, "service": SERVICES[service][3]}
                self.add("admin_rule_missing", monitor, seen, [self.playbook("security_groups")], **facts)


def networks(rule):
    found = [one.get("cidr_ip") for one in rule.get("ip_ranges", [])]
    found += [one.get("cidr_ipv6") for one in rule.get("ipv6_ranges", [])]
    return [one for one in found if one]


def contains(network, source):
    try:
        inner, outer = ipaddress.ip_network(source, strict=False), ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
    return inner.version == outer.version and inner.subnet_of(outer)


def covers_port(rule, port):
    protocol = str(rule.get("ip_protocol", ""))
    if protocol == "-1":
        return True
    return (
        protocol in ("tcp", "6") and rule.get("from_port") is not None and rule["from_port"] <= port <= rule["to_port"]
    )
