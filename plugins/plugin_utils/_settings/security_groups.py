# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the role security_groups, and the rules that they mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from ...filter.networks import networks
from ...module_utils import _http
from . import _clusters, _core

REDIS_GROUP = "monitoring_redis_security_group"
NODE_EXPORTER, REDIS = 9100, 6379  # ports of _more_ports that follow what the nodes of a cluster say
COMMA_LISTS = ("security_groups_exporter_cidrs", "security_groups_admin_ports", "security_groups_member_ports")


def problems(s: dict, host: _core.Host) -> list[str]:
    """None without a group: then the role does nothing."""
    if not s["monitoring_redis_security_group"] and not s["monitoring_security_group"]:
        return []
    found = _clusters.problems(host, "security_groups", [REDIS_GROUP])
    if not s["monitoring_security_group"] and not s["security_groups_exporter_cidrs"]:
        found.append(
            "monitoring_security_group is empty: name the group that may reach the exporters, or give"
            " security_groups_exporter_cidrs"
        )
    if not s["security_groups_admin_ports"]:
        found.append("security_groups_admin_ports is empty: name the ports that monitoring_admin_cidrs may reach")
    ports = [
        *s["security_groups_admin_ports"],
        *s["security_groups_member_ports"],
        *(port for port, dummy in exporter_ports(s)),
    ]
    wrong = ", ".join(str(port) for port in ports if not 1 <= port <= 65535)
    if wrong:
        found.append(
            f"{wrong} among the ports: give ports from 1 to 65535 in security_groups_admin_ports,"
            " security_groups_member_ports, security_groups_exporter_port and _more_ports"
        )
    for name in ("monitoring_admin_cidrs", "security_groups_exporter_cidrs"):
        found += networks(s[name], name)["problems"]
    return found


def exporter_ports(s: dict) -> list[tuple[int, str]]:
    more = [(entry["port"], entry["rule_desc"]) for entry in s["security_groups_exporter_more_ports"]]
    return [(s["security_groups_exporter_port"], "redis_exporter"), *more]


def plan(s: dict, host: _core.Host, found: dict) -> dict:
    """What is wrong, and the rules to write. Found are `vpcs` and the answer of `checkip`, as modules returned them."""
    lines, vpc_id = vpc_of(s, found["vpcs"])
    checkip = found["checkip"]
    address = checkip.get("content") if checkip.get("status") == 200 else None
    if not checkip.get("skipped") and address is None:
        url = s["security_groups_checkip_url"] or "security_groups_checkip_url, which is empty,"
        lines.append(
            f"{url} did not answer ({checkip.get('msg', 'no message').strip()}); give the addresses themselves in"
            " monitoring_admin_cidrs"
        )
    admins = networks(s["monitoring_admin_cidrs"], "monitoring_admin_cidrs", auto=address)
    group = s["monitoring_security_group"]
    admin_rule = {"ports": s["security_groups_admin_ports"], "rule_desc": "Monitoring admins"}
    admin_rules = [{**admin_rule, **by_family(admins["networks"])}] if admins["networks"] else []
    if group and len(host.groups.get("monitoring", [])) > 1:
        admin_rules.append({"ports": s["security_groups_member_ports"], "rule_desc": "Monitoring hosts", **by_group(s)})
    return {
        "problems": list(dict.fromkeys([*lines, *problems(s, host), *admins["problems"]])),
        "vpc_id": vpc_id,
        "admin_rules": admin_rules,
    }


def exporter_rules(s: dict, ports: list[tuple[int, str]]) -> list[dict]:
    """The rules of a group of Redis nodes with these ports."""
    exporters = networks(s["security_groups_exporter_cidrs"], "security_groups_exporter_cidrs")["networks"]
    source = by_family(exporters) if exporters else by_group(s)
    return [{"ports": [port], "rule_desc": text, **source} for port, text in ports]


def by_group(s: dict) -> dict:
    """The monitoring hosts as the source of a rule."""
    group = s["monitoring_security_group"]
    return {key_of(group): [group]}


def key_of(group: str) -> str:
    """What a rule or a module names this group by."""
    return "group_id" if group.startswith("sg-") else "group_name"


def aws(s: dict) -> dict:
    """How AWS is asked."""
    found = {"region": s["monitoring_aws_region"], "endpoint_url": s["monitoring_aws_endpoint_url"]}
    return {name: value for name, value in found.items() if value}


def task_rules(s: dict, group: str, owner: str) -> dict | None:
    """The rules of one group; the VPC and the rules are arguments of the task."""
    if not group:
        return None
    named = {key_of(group): group}
    ours = {"rules": [], "purge": "owned", "owner": f"{s['monitoring_owner']}/{owner}"}
    return {"module": "ec2_security_group_rules", "args": {**aws(s), **named, **ours}}


def redis_groups(s: dict, host: _core.Host) -> dict[str, list[tuple[int, str]]]:
    """The groups of the Redis nodes, that of all and those that clusters name, each with its ports."""
    clusters = _clusters.several(host)
    if not clusters:
        return {group: exporter_ports(s) for group in [s[REDIS_GROUP]] if group}
    found: dict[str, dict[int, str]] = {}
    said = _clusters.own(host, "security_groups", [REDIS_GROUP])
    for cluster, members in clusters.items():
        ports = found.setdefault(said[cluster].get(REDIS_GROUP, s[REDIS_GROUP]), {})
        for port, text in cluster_ports(s, host, members):
            ports.setdefault(port, text)
    return {group: list(ports.items()) for group, ports in found.items() if group}


def cluster_ports(s: dict, host: _core.Host, members: list[str]) -> list[tuple[int, str]]:
    """The ports of a cluster: where its nodes have others than the settings of all, theirs."""
    asked = _clusters.of_node(host, members[0], "prometheus", _clusters.PORT)[0]
    (port, text), *more = exporter_ports(s)
    found = [(asked or port, text)]
    theirs = {NODE_EXPORTER: node_exporter_port, REDIS: redis_port}
    for port, text in more:
        found += [(theirs[port](host, node), text) for node in members] if port in theirs else [(port, text)]
    return found


def node_exporter_port(host: _core.Host, node: str) -> int:
    return _clusters.of_node(host, node, "node_exporter", "node_exporter_port")[0] or NODE_EXPORTER


def redis_port(host: _core.Host, node: str) -> int:
    address = _clusters.of_node(host, node, "redis_exporter", "redis_exporter_redis_addr")[0]
    return urlsplit(str(address or "")).port or REDIS


def one_or_all(calls: list[dict]) -> dict | list[dict] | None:
    return calls if len(calls) > 1 else next(iter(calls), None)


def task_exporters(s: dict, host: _core.Host) -> dict | list[dict] | None:
    """Without rules: those that are there are removed."""
    return one_or_all([task_rules(s, group, "exporters") for group in redis_groups(s, host)])


def task_open_exporters(s: dict, host: _core.Host) -> dict | list[dict] | None:
    return one_or_all(exporter_calls(s, host))


def exporter_calls(s: dict, host: _core.Host) -> list[dict]:
    """One for each group of Redis nodes."""
    found = []
    for group, ports in redis_groups(s, host).items():
        call = task_rules(s, group, "exporters")
        found.append({**call, "args": {**call["args"], "rules": exporter_rules(s, ports)}})
    return found


def task_admins(s: dict, host: _core.Host) -> dict | None:
    return task_rules(s, s["monitoring_security_group"], "admins")


TASKS = {"exporters": task_exporters, "open_exporters": task_open_exporters, "admins": task_admins}


def rehearsal(s: dict, host: _core.Host, run: Callable[[str, dict], dict]) -> tuple[list[str], bool]:
    """What a run of the role would fail on in AWS, and whether it would change a rule; run() is for check mode."""
    if not s["monitoring_redis_security_group"] and not s["monitoring_security_group"]:
        return [], False
    found = {"vpcs": {"skipped": True}, "checkip": {"skipped": True}}
    if not re.match("(vpc-[0-9a-f]+)?$", s["monitoring_vpc"]):
        found["vpcs"] = run("amazon.aws.ec2_vpc_net_info", {**aws(s), "filters": {"tag:Name": s["monitoring_vpc"]}})
    if s["monitoring_security_group"] and networks(s["monitoring_admin_cidrs"], "monitoring_admin_cidrs")["auto"]:
        found["checkip"] = ask(s["security_groups_checkip_url"])
    planned = plan(s, host, found)
    if planned["problems"]:
        return planned["problems"], False
    calls = [(REDIS_GROUP, call, call["args"]["rules"]) for call in exporter_calls(s, host)]
    calls.append(("monitoring_security_group", task_admins(s, host), planned["admin_rules"]))
    answers: list[tuple[str, dict]] = []
    for setting, call, rules in calls:
        if not call or not rules:
            continue
        args = {**call["args"], "vpc_id": planned["vpc_id"], "rules": rules, "dry_run": not host.check_mode}
        answers.append((setting, run(f"redisops.monitoring.{call['module']}", args)))
        if unanswered(answers[-1][1]):  # asking again would take minutes
            break
    lines = [f"{setting}: {answer['msg']}" for setting, answer in answers if answer.get("failed")]
    return lines, any(answer.get("changed") for dummy, answer in answers)


def unanswered(answer: dict) -> bool:
    """Whether AWS has not answered."""
    return bool(answer.get("error")) and not answer["error"]["request_id"]


def ask(url: str) -> dict:
    """The answer as module uri gives it."""
    try:
        answer = _http.request("GET", url, timeout=10, proxy=True)
    except (_http.HttpError, ValueError) as err:
        return {"msg": str(err)}
    return {"status": answer.status, "content": answer.text(), "msg": f"status {answer.status}"}


def teardown(s: dict, host: _core.Host, found: dict) -> dict:
    """Where rules are removed: the other settings may be what they want."""
    lines, vpc_id = vpc_of(s, found["vpcs"])
    return {"problems": lines, "vpc_id": vpc_id}


def vpc_of(s: dict, found: dict) -> tuple[list[str], str]:
    """What is wrong, and the ID of the VPC; it is looked up when it is given by name."""
    vpc = s["monitoring_vpc"]
    return ([], vpc) if found.get("skipped") is True else vpc_by_name(vpc, found)


def by_family(cidrs: list[str]) -> dict:
    return {
        "cidr_ip": [cidr for cidr in cidrs if ":" not in cidr],
        "cidr_ipv6": [cidr for cidr in cidrs if ":" in cidr],
    }


def vpc_by_name(name: str, found: dict) -> tuple[list[str], str]:
    vpcs = found.get("vpcs")
    if vpcs is None:
        return [
            f"the VPC {name} could not be looked up ({found.get('msg', 'no message')}): are there credentials, with the"
            " rights ec2:DescribeVpcs and ec2:DescribeVpcAttribute, and a way to the EC2 API? With an ID in"
            " monitoring_vpc nothing has to be looked up"
        ], ""
    if not vpcs:
        return [f"no VPC is named {name}: correct monitoring_vpc or the region, or give an ID"], ""
    ids = [vpc["vpc_id"] for vpc in vpcs]
    if len(ids) > 1:
        return [f"{len(ids)} VPCs are named {name}: {', '.join(ids)}; give monitoring_vpc as an ID"], ""
    return [], ids[0]
