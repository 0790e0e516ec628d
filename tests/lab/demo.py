# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person, or a program, needs to know of a running lab once site.yml has run."""

from __future__ import annotations

import json
from dataclasses import dataclass

import authority
import aws
import mirror
import servers
from common import BUILD, LABS, ROOT, LabError, write

DEMO = BUILD / "demo.json"


@dataclass(frozen=True)
class Service:
    name: str
    role: str
    port: int
    path: str
    username: str
    secret: str


SERVICES = (
    Service("prometheus", "monitoring", 9090, "", "admin", "prometheus_admin_password"),
    Service("alertmanager", "monitoring", 9093, "", "admin", "alertmanager_admin_password"),
    Service("grafana", "monitoring", 3000, "", "admin", "grafana_admin_password"),
    Service("redis_exporter", "redis", 9121, "/metrics", "prometheus", "exporter_web_password"),
)


def show(lab: dict | None, name: str) -> None:
    if not lab:
        raise LabError(f"lab {name} is not there: lab.py up {name}")
    directory = LABS / name
    info = describe(lab)
    write(DEMO, json.dumps(info, indent=1) + "\n")

    print(f"\nHosts (user ubuntu, sudo without password)    log in: ssh -F {directory}/ssh_config HOST")
    for host, about in lab["hosts"].items():
        print(f"  {host:22} {about['address']:16} {about['role']}, zone {aws.REGION}{about['zone']}")
    print("\nServices (from this machine; their certificates come from a CA of their own, see --cacert)")
    for service in SERVICES:
        entry = info.get(service.name)
        if not entry:
            continue
        print(f"  {service.name}: user {entry['username']}, password in {entry['password_file']}")
        for url in entry["urls"]:
            print(f"    {url}{service.path}")
    if "prometheus" in info:
        about = info["prometheus"]
        print(
            f"  try: curl --cacert {about['ca']} --user {about['username']}:$(cat {about['password_file']})"
            f" '{about['url']}/api/v1/query?query=redis_up'"
        )
    print("\nStand-ins")
    if lab["aws"]:
        print(f"  AWS is moto at {lab['aws']['endpoint_url']}; the inventory plugin is amazon.aws.aws_ec2 itself")
    if not mirror.is_upstream():
        print("  The programs are Debian's packages repacked in upstream's layout (build/mirror/ORIGIN.json)")
    if lab["grafana"]["origin"] == "stand-in":
        version = lab["grafana"]["version"]
        print(f"  Grafana is a small stand-in of its HTTP API, packaged as grafana {version}; no pages to look at")
    other = mirror.not_default(info["versions"])
    if other:
        print(f"  Not the default versions, which this machine cannot have: {', '.join(other)}")
    if not lab["grafana"]["dashboard"]:
        print("  Dashboard 11835 could not be had from grafana.com: Grafana has ours only")
    print(f"  Slack, PagerDuty and the dead man's switch are one receiver: {info['notifications']} has what arrived")
    print(f"  Hosts are systemd containers; the artefact mirror is {lab['mirror']['url']}")
    print("\nRun it again by hand")
    print(f"  cd {ROOT} && (. build/lab/{name}/env && ANSIBLE_CONFIG={ROOT}/ansible.cfg \\")
    print(f"    .venv/bin/ansible-playbook -i build/lab/{name}/inventory playbooks/site.yml)")
    stop = "make demo-down" if name == "demo" else f".venv/bin/python tests/lab/lab.py down {name}"
    print(f"\nStop: {stop}        For programs: {DEMO}\n", flush=True)

    silent = [
        f"{service.name} on {about['address']}:{service.port}"
        for service in SERVICES
        for about in lab["hosts"].values()
        if about["role"] == service.role and not servers.listens(about["address"], service.port)
    ]
    if silent:
        raise LabError(f"no answer from {', '.join(silent)}: run playbooks/site.yml (above) and look at its errors")


def forget(name: str) -> None:
    """Removes demo.json if it tells of this lab."""
    if DEMO.exists() and json.loads(DEMO.read_text()).get("inventory") == str(LABS / name / "inventory"):
        DEMO.unlink()


def installed(lab: dict) -> dict[str, str]:
    """The versions that the lab's inventory asks for."""
    return {name: versions[-1] for name, versions in lab["versions"].items()} | {"grafana": lab["grafana"]["version"]}


def describe(lab: dict) -> dict:
    directory = LABS / lab["name"]
    ca = authority.of_services(directory)
    info: dict = {}
    for service in SERVICES:
        addresses = [about["address"] for about in lab["hosts"].values() if about["role"] == service.role]
        urls = [f"https://{address}:{service.port}" for address in addresses]
        if urls:
            info[service.name] = {
                "url": urls[0],
                "urls": urls,
                "ca": ca,
                "username": service.username,
                "password_file": str(directory / "secrets" / service.secret),
            }
    redis = {name: about["address"] for name, about in lab["hosts"].items() if about["role"] == "redis"}
    if redis:
        client = directory / "hosts" / next(iter(redis)) / f"etc/{lab['redis_program']}/tls"
        info["redis"] = {
            "url": f"rediss://{next(iter(redis.values()))}:6379",
            "urls": [f"rediss://{address}:6379" for address in redis.values()],
            "ca": str(directory / "pki/ca.crt"),
            "cert": str(client / "server.crt"),
            "key": str(client / "server.key"),
            "username": "admin_user",
            "password_file": str(directory / "secrets/redis_admin_password"),
        }
    if lab["aws"]:
        info["aws"] = lab["aws"] | aws.CREDENTIALS
    info["grafana"] = info.get("grafana", {}) | lab["grafana"]
    info["notifications"] = str(directory / "notifications.jsonl")
    info["versions"] = installed(lab)
    info["mirror"] = lab["mirror"] | {"path": str(mirror.MIRROR), "versions": lab["versions"]}
    info["inventory"] = str(directory / "inventory")
    info["env"] = str(directory / "env")
    info["hosts"] = {
        name: {"address": about["address"], "role": about["role"], "ssh": f"ssh -F {directory}/ssh_config {name}"}
        for name, about in lab["hosts"].items()
    }
    return info
