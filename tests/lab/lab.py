# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: Redis nodes and monitoring hosts as systemd containers, an artefact mirror, an AWS account (README.md)."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import ipaddress
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aws
import bare
import demo
import files
import grafana_repository
import mirror
import podman
import servers
from common import ENVIRONMENT, LABS, MIRROR, ROOT, LabError, run, say, write

WAIT_SECONDS = 120
CLUSTERS = {aws.CLUSTER: 10, bare.OTHER_CLUSTER: 50}  # and the first address of each in a zone
MIRROR_PORT = 8080
MOTO_PORT = 5000
WEBHOOK_PORT = 9099


def hosts(subnet: str, redis: int, monitoring: int, clusters: int = 1) -> dict[str, dict[str, str]]:
    """Names and addresses, with so many nodes in each cluster: a quarter of the network is one zone's subnet."""
    base = ipaddress.IPv4Network(subnet).network_address
    made = {}
    for cluster, first in list(CLUSTERS.items())[:clusters]:
        for number in range(redis):
            zone = number % 3
            name = f"{cluster.partition('-')[0]}-node-{number // 3 + 1}{'abc'[zone]}"
            made[name] = {"role": "redis", "zone": "abc"[zone], "address": str(base + 64 * zone + first + number // 3)}
            made[name] |= {"cluster": cluster} if clusters > 1 else {}
    for number in range(monitoring):
        name = "prometheus-grafana" + (f"-{number + 1}" if number else "")
        zone = number % 3
        made[name] = {"role": "monitoring", "zone": "abc"[zone], "address": str(base + 64 * zone + 40 + number // 3)}
    return made


def load(name: str) -> dict | None:
    path = LABS / name / "lab.json"
    return {"redis_is": "redis", "redis_program": "redis"} | json.loads(path.read_text()) if path.exists() else None


def save(lab: dict) -> None:
    write(LABS / lab["name"] / "lab.json", json.dumps(lab, indent=1) + "\n")


def systems() -> tuple[str, str]:
    """Which system the hosts have, and which Redis."""
    redis = os.environ.get("LAB_REDIS", "redis")
    if redis not in podman.REDIS:
        raise LabError(f"LAB_REDIS={redis}: one of {', '.join(podman.REDIS)}")
    only = podman.NEWER_RUNS_ON if podman.REDIS[redis].newer else None
    suite = os.environ.get("LAB_SUITE", only or "bookworm")
    if suite not in podman.SUITES:
        raise LabError(f"LAB_SUITE={suite}: one of {', '.join(podman.SUITES)}")
    if only and suite != only:
        raise LabError(f"LAB_REDIS={redis} runs on {podman.SUITES[only]}: set LAB_SUITE={only}, or leave it out")
    return suite, redis


def plan(
    name: str, redis: int, monitoring: int, with_aws: bool, unprovisioned: bool, is_bare: bool, clusters: int
) -> dict:
    """The lab as noted by an earlier start, or a new one with a network of its own."""
    lab = load(name)
    suite, redis_is = systems()
    if lab:
        for variable, key, value in (("LAB_SUITE", "suite", suite), ("LAB_REDIS", "redis_is", redis_is)):
            if lab[key] != value:
                raise LabError(f"lab {name} exists with {variable}={lab[key]}: use that, or end it first")
        noted = [sum(host["role"] == role for host in lab["hosts"].values()) for role in ("redis", "monitoring")]
        noted[0] //= lab.get("clusters", 1)
        same = noted == [redis, monitoring] and lab.get("clusters", 1) == clusters
        if not same or bool(lab["aws"]) != with_aws or lab.get("bare", False) != is_bare:
            options = f"--redis {noted[0]} --monitoring {noted[1]} --clusters {lab.get('clusters', 1)}"
            options += "".join(f" --{option}" for option in ("aws", "bare") if lab.get(option))
            raise LabError(f"lab {name} exists with other options ({options}): use those, or lab.py down {name} first")
        return lab
    podman.remove(name)  # what is left of a lab whose directory was removed by hand
    network = podman.free_subnet(name)
    gateway = str(network.network_address + 1)
    lab = {
        "name": name,
        "suite": suite,
        "redis_is": redis_is,
        "redis_program": podman.REDIS[redis_is].program,
        "subnet": str(network),
        "gateway": gateway,
        "hosts": hosts(str(network), redis, monitoring, clusters),
        "clusters": clusters,
        "mirror": {"url": f"http://{gateway}:{servers.free_port(gateway, MIRROR_PORT)}"},
        "webhook": {"url": f"http://{gateway}:{servers.free_port(gateway, WEBHOOK_PORT)}", "stand_in": "webhook.py"},
        "aws": None,
        "bare": is_bare,
    }
    if with_aws:
        lab["aws"] = {
            "endpoint_url": f"http://{gateway}:{servers.free_port(gateway, MOTO_PORT)}",
            "region": aws.REGION,
            "stand_in": "moto",
            "unprovisioned": unprovisioned,
        }
    save(lab)
    return lab


def control_directory(name: str) -> Path:
    """For SSH's control sockets: their path has to stay below 108 bytes wherever the checkout lies."""
    key = hashlib.sha256(f"{ROOT}:{name}".encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"redisops-{os.geteuid()}-{key}"


def up(
    name: str, redis: int, monitoring: int, with_aws: bool, unprovisioned: bool, is_bare: bool, clusters: int
) -> None:
    started = time.monotonic()
    podman.require()
    podman.settings()
    others = {entry["root"] for entry in podman.containers(name).values()} - {str(ROOT)}
    if others:
        raise LabError(f"lab {name} belongs to the checkout {others.pop()}: use another name, or end it there")
    podman.require_room(redis * clusters + monitoring)
    lab = plan(name, redis, monitoring, with_aws, unprovisioned, is_bare, clusters)
    maker = bare if is_bare else files
    directory = LABS / name
    control = control_directory(name)
    control.mkdir(mode=0o700, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        image, versions = (
            pool.submit(podman.image, lab["suite"], podman.REDIS[lab["redis_is"]]),
            pool.submit(mirror.fill),
        )
        maker.make_secrets(directory, lab.get("clusters", 1))
        files.make_ssh(directory, lab["hosts"], control)
        tag, lab["versions"] = image.result(), versions.result()
    lab["grafana"] = grafana_repository.fill()
    save(lab)
    maker.make_inventory(directory, lab, control)
    files.make_env(directory, lab)
    if lab["aws"]:
        files.make_aws_config(directory, lab)

    podman.network_up(name, lab["subnet"], lab["gateway"])
    existing = podman.containers(name)
    for host, about in lab["hosts"].items():
        podman.container_up(name, host, about["address"], tag, directory / "ssh/hosts" / host, existing)
    start_servers(lab, directory)
    wait_for(lab, lab["hosts"], 22)
    prepare(lab, directory)
    wait_for(lab, [host for host, about in lab["hosts"].items() if about["role"] == "redis"], 6379)
    if is_bare:
        bare.describe(directory, lab)
    other = mirror.not_default(demo.installed(lab))
    if other:
        say(f"not the default versions, which this machine cannot have: {', '.join(other)}")
    say(f"{name} is up after {time.monotonic() - started:.0f} s: {directory}/inventory")


def start_servers(lab: dict, directory: Path) -> None:
    port = int(lab["mirror"]["url"].rpartition(":")[2])
    servers.start(
        directory / "mirror.pid", lab["gateway"], port,
        sys.executable, "-m", "http.server", "--bind", lab["gateway"], "--directory", str(MIRROR), str(port),
    )  # fmt: skip
    port = int(lab["webhook"]["url"].rpartition(":")[2])
    servers.start(
        directory / "webhook.pid", lab["gateway"], port,
        sys.executable, str(Path(__file__).with_name("webhook.py")),
        "--bind", lab["gateway"], "--port", str(port), "--out", str(directory / "notifications.jsonl"),
    )  # fmt: skip
    if lab["aws"]:
        port = int(lab["aws"]["endpoint_url"].rpartition(":")[2])
        servers.start(
            directory / "moto.pid", lab["gateway"], port,
            sys.executable, str(Path(__file__).with_name("moto_server.py")), "-H", lab["gateway"], "-p", str(port),
        )  # fmt: skip
        seeded = {name: host for name, host in lab["hosts"].items() if not is_absent(lab, host)}
        aws.seed(lab["aws"]["endpoint_url"], lab["subnet"], seeded, directory / "ssh/id_ed25519.pub")


def is_absent(lab: dict, host: dict[str, str]) -> bool:
    """Not in the account yet, so not in its inventory either: playbooks/provision.yml makes the instance."""
    return bool(lab["aws"] and lab["aws"].get("unprovisioned") and host["role"] == "monitoring")


def wait_for(lab: dict, names: Iterable[str], port: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    for name in names:
        address = lab["hosts"][name]["address"]
        while not servers.listens(address, port):
            if time.monotonic() > deadline:
                state = podman.containers(lab["name"]).get(f"redisops-{lab['name']}-{name}", {}).get("state", "missing")
                raise LabError(
                    f"{name}: no answer from {address}:{port} for {WAIT_SECONDS} s (container {state}): several labs"
                    " need more inotify instances, sysctl fs.inotify.max_user_instances; else see tests/lab/README.md"
                )
            time.sleep(0.2)


def prepare(lab: dict, directory: Path) -> None:
    """Certificates and Redis, once for these containers and this recipe."""
    here = Path(__file__).parent
    recipe = [here / "prepare.yml", here / "form-cluster.sh", *sorted((here / "templates").iterdir())]
    identity = [entry["id"] for dummy, entry in sorted(podman.containers(lab["name"]).items())]
    stamp = hashlib.sha256("".join(identity).encode() + b"".join(path.read_bytes() for path in recipe)).hexdigest()
    noted = directory / "prepared"
    if noted.exists() and noted.read_text().strip() == stamp:
        return
    say("certificates and Redis")
    for host, about in lab["hosts"].items():
        made = (lab["redis_program"],) + (() if lab.get("bare") else ("redis_exporter",))
        for etc in made if about["role"] == "redis" else ("prometheus",):
            (directory / "hosts" / host / "etc" / etc / "tls").mkdir(mode=0o700, parents=True, exist_ok=True)
    (directory / "pki").mkdir(mode=0o700, exist_ok=True)
    about = {
        "lab_dir": str(directory),
        "lab_bare": lab.get("bare", False),
        "lab_redis": lab["redis_program"],
        "lab_cas": ["ca", f"{bare.OTHER_CLUSTER}-ca"][: lab.get("clusters", 1)],
    }
    arguments = ["--extra-vars", json.dumps(about)]
    absent = {name: {"ansible_host": host["address"]} for name, host in lab["hosts"].items() if is_absent(lab, host)}
    if absent:
        write(directory / "absent.json", json.dumps({"monitoring": {"hosts": absent}, "aws_ec2": {"hosts": absent}}))
        arguments.append(f"--inventory={directory}/absent.json")
    done = playbook(directory, here / "prepare.yml", *arguments)
    write(directory / "prepare.log", done.stdout + done.stderr)
    if done.returncode:
        said = re.findall(r"^(?:\[ERROR\]|fatal:|ERROR).*", done.stdout + done.stderr, re.MULTILINE) or ["no message"]
        raise LabError(f"prepare.yml failed: {said[0][:300]}: see {directory}/prepare.log")
    write(noted, stamp + "\n")


def playbook(directory: Path, path: Path, *arguments: str):
    beside = Path(sys.executable).with_name("ansible-playbook")
    program = str(beside) if beside.exists() else "ansible-playbook"
    ENVIRONMENT.setdefault("ANSIBLE_CONFIG", str(ROOT / "ansible.cfg"))
    # It ends with this command, also when that is killed: another lab may have the addresses next.
    # `env` is sourced as a user sources it, so that both see the same inventory.
    with_env = ["setpriv", "--pdeathsig=TERM", "sh", "-c", '. "$0" && exec "$@"', str(directory / "env")]
    return run(*with_env, program, f"--inventory={directory}/inventory", str(path), *arguments, check=False, cwd=ROOT)


def down(name: str) -> None:
    directory = LABS / name
    if podman.which("podman"):
        podman.settings()
        foreign = {entry["root"] for entry in podman.containers(name).values()} - {str(ROOT)}
        if foreign:
            raise LabError(f"lab {name} belongs to the checkout {foreign.pop()}: end it there")
    for server in ("mirror", "webhook", "moto"):
        servers.stop(directory / f"{server}.pid")
    control = control_directory(name)
    for path in control.glob("*"):
        run("ssh", "-o", f"ControlPath={path}", "-O", "exit", "lab", check=False, timeout=10)
    shutil.rmtree(control, ignore_errors=True)
    if podman.which("podman"):
        podman.remove(name)
    shutil.rmtree(directory, ignore_errors=True)
    demo.forget(name)
    say(f"{name} is gone")


def status(name: str) -> int:
    lab = load(name)
    if not lab:
        print(f"lab {name}: not there")
        return 1
    podman.settings()
    existing = podman.containers(name)
    fine = True
    for host, about in lab["hosts"].items():
        state = existing.get(f"redisops-{name}-{host}", {}).get("state", "missing")
        fine &= state == "running"
        print(f"{host:22} {about['address']:16} {about['role']:11} {state}")
    urls = {server: lab[server]["url"] for server in ("mirror", "webhook")}
    if lab["aws"]:
        urls["moto"] = lab["aws"]["endpoint_url"]
    for server, url in urls.items():
        pid = servers.running(LABS / name / f"{server}.pid")
        fine &= pid is not None
        print(f"{server:22} {url:28} {'running' if pid else 'stopped'}")
    return 0 if fine else 1


@contextlib.contextmanager
def alone():
    """One command at a time changes labs: mirror, image and networks are shared."""
    LABS.mkdir(parents=True, exist_ok=True)
    with (LABS / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another lab command to end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lab_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", text):
        raise argparse.ArgumentTypeError(f"{text!r}: lower case letters, digits and hyphens, at most 31")
    return text


def count(least: int, without: tuple[int, ...] = ()):
    def convert(text: str) -> int:
        number = int(text)
        if not least <= number <= 60 or number in without:
            hint = ", and a cluster needs 3" if without else ""
            raise argparse.ArgumentTypeError(f"{number}: {least} to 60{hint}")
        return number

    return convert


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("up", help="starts a lab; over a running one it only makes sure")
    command.add_argument("name", type=lab_name)
    command.add_argument("--redis", type=count(0, without=(2,)), default=3, metavar="N", help="Redis nodes (default 3)")
    command.add_argument("--monitoring", type=count(0), default=1, metavar="N", help="monitoring hosts (default 1)")
    command.add_argument(
        "--clusters", type=int, choices=(1, 2), default=1,
        help="Redis Clusters with so many nodes each; a second one has settings of its own",
    )  # fmt: skip
    command.add_argument("--aws", action="store_true", help="with an AWS account (moto) and its inventory")
    command.add_argument("--bare", action="store_true", help="hosts as a user has them, with nothing of ours on them")
    command.add_argument("--unprovisioned", action="store_true", help="an account without monitoring instance")
    for name, text in (
        ("down", "ends a lab and removes every trace of it"),
        ("status", "what of a lab runs; exit code 1 unless everything does"),
        ("demo-info", "what runs where after site.yml; writes build/demo.json"),
    ):
        commands.add_parser(name, help=text).add_argument("name", type=lab_name)
    asked = parser.parse_args()
    try:
        if asked.command == "status":
            return status(asked.name)
        if asked.command == "demo-info":
            demo.show(load(asked.name), asked.name)
            return 0
        if os.geteuid() != 0:
            raise LabError(
                "the hosts are reached by address, and an unprivileged user's containers have none that this machine"
                " can reach: start it with sudo"
            )
        with alone():
            if asked.command == "up":
                if asked.clusters > 1 and (asked.aws or not asked.bare):
                    parser.error("--clusters takes --bare, and no --aws")
                kind = asked.aws, asked.unprovisioned, asked.bare
                up(asked.name, asked.redis, asked.monitoring, *kind, asked.clusters)
            else:
                down(asked.name)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"lab: interrupted: start it again, or end it with lab.py down {asked.name}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
