# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Podman on this machine: what is missing, what it needs, the image, networks and containers."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import os
import resource
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

from common import BUILD, ENVIRONMENT, ROOT, LabError, run, say, write

CAP_SYS_RESOURCE = 24
PODMAN_LIMIT = 1048576
DEBIAN_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
SUITES = {"bookworm": "Debian 12", "trixie": "Debian 13", "jammy": "Ubuntu 22.04", "noble": "Ubuntu 24.04"}
UNIVERSE = ("jammy", "noble")  # Ubuntu has Redis there
PACKAGES = (
    "ca-certificates", "dbus", "iproute2", "nftables", "openssh-server", "openssl", "procps", "python3", "sudo",
    "systemd", "systemd-sysv",
)  # fmt: skip


@dataclass(frozen=True)
class Redis:
    program: str  # also the user, the directories in /etc and /var, and the unit less "-server"
    newer: str = ""  # the suite of Debian that it comes from, where the hosts' own is too old

    @property
    def packages(self) -> tuple[str, ...]:
        return f"{self.program}-server", f"{self.program}-tools"


REDIS = {"redis": Redis("redis"), "redis-8": Redis("redis", "experimental"), "valkey-9": Redis("valkey", "sid")}
NEWER_RUNS_ON = "trixie"  # sid's programs want its C library
# Units that would reach through the privileged container to the machine's own kernel settings, or wait for a console.
MASKED = (
    "systemd-sysctl.service", "systemd-modules-load.service", "systemd-remount-fs.service", "systemd-binfmt.service",
    "console-getty.service", "getty@tty1.service", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
    "e2scrub_all.timer", "fstrim.timer",
)  # fmt: skip
# Host key and authorized key are mounted by the lab, so that known_hosts is there before the host is.
SSHD = """HostKey /etc/ssh/lab/host_key
AuthorizedKeysFile /etc/ssh/lab/authorized_keys
PasswordAuthentication no
UseDNS no
MaxStartups 50
"""
CUSTOMIZE = (
    'chroot "$1" useradd --create-home --key HOME_MODE=0755 --shell /bin/bash ubuntu',
    'echo "ubuntu ALL=(ALL) NOPASSWD: ALL" > "$1/etc/sudoers.d/ubuntu" && chmod 0440 "$1/etc/sudoers.d/ubuntu"',
    f'rm -f "$1"/etc/ssh/ssh_host_* && printf \'{SSHD}\' > "$1/etc/ssh/sshd_config.d/lab.conf"',
    'chroot "$1" systemctl mask ' + " ".join(MASKED),
    # Debian's Alertmanager reads the two templates that upstream's program carries inside.
    'cd "$1/tmp" && APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get download prometheus-alertmanager'
    " && dpkg-deb --fsys-tarfile prometheus-alertmanager_*.deb"
    ' | tar -x -C "$1" ./usr/share/prometheus/alertmanager/default.tmpl ./usr/share/prometheus/alertmanager/email.tmpl'
    " && rm prometheus-alertmanager_*.deb",
)
# One package with what it needs from another suite of Debian; everything else stays what the hosts' own suite has.
NEWER = (
    'set -e; apt="$1/etc/apt"; echo "deb http://deb.debian.org/debian {newer} main" > "$apt/sources.list.d/newer.list";'
    ' printf "Package: *\\nPin: release a={archive}\\nPin-Priority: 50\\n" > "$apt/preferences.d/newer";'
    ' chroot "$1" apt-get -q -oAcquire::Check-Valid-Until=false update;'
    ' chroot "$1" apt-get -q -y --no-install-recommends install {packages};'
    ' rm "$apt/sources.list.d/newer.list" "$apt/preferences.d/newer"'
)
# systemd leaves `/` as podman made it, private; LoadCredential for a service that is not root needs it shared.
COMMAND = "mount --make-rshared / && exec /lib/systemd/systemd"


def require() -> None:
    """Installs what is missing on Debian and Ubuntu as root; elsewhere names it."""
    programs = {
        "podman": "podman",
        "mmdebstrap": "mmdebstrap",
        "dpkg-deb": "dpkg",
        "apt-get": "apt",
        "ssh-keygen": "openssh-client",
        "ip": "iproute2",
        "iptables": "iptables",
        "gpg": "gpg",
    }
    if hybrid_cgroups():
        programs["runc"] = "runc"
    missing = {package for program, package in programs.items() if not which(program)}
    if not DEBIAN_KEYRING.exists():
        missing.add("debian-archive-keyring")
    if missing:
        install(sorted(missing))


def require_room(hosts: int, kernel: Path = Path("/proc/sys")) -> None:
    """Limits of the kernel that all containers share; a limit that a container does not see is not judged."""
    wanted = {
        "fs.inotify.max_user_instances": 8 * hosts,  # systemd and journald of a host take seven
        "net.ipv4.neigh.default.gc_thresh2": hosts**2,  # nodes of a Redis Cluster all speak to each other
        "net.ipv4.neigh.default.gc_thresh3": hosts**2,
    }
    small = []
    for name, least in wanted.items():
        path = kernel / name.replace(".", "/")
        if path.exists() and int(path.read_text()) < least:
            small.append(f"{name}={least}")
    if small:
        raise LabError(f"{hosts} hosts are more than this machine's kernel has room for: sysctl -w {' '.join(small)}")


def install(packages: list[str]) -> None:
    names = " ".join(packages)
    if os.geteuid() != 0 or not Path("/etc/debian_version").exists():
        raise LabError(f"missing system packages: {names}; install them and start again")
    say(f"installing {names}")
    ENVIRONMENT["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "-q", "update")
    run("apt-get", "-q", "-y", "install", *packages)


def which(program: str) -> str | None:
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def hybrid_cgroups() -> bool:
    return not Path("/sys/fs/cgroup/cgroup.controllers").exists() and Path("/sys/fs/cgroup/unified").exists()


def settings() -> None:
    """Writes build/containers.conf with what this machine needs, and nothing on a machine that needs nothing."""
    lines = []
    status = Path("/proc/self/status").read_text()
    effective = int(status.split("CapEff:")[1].split()[0], 16)
    if not effective >> CAP_SYS_RESOURCE & 1:
        # Without the capability nobody can raise a limit, and podman's defaults are higher than many machines' limits.
        # Podman lowers its own nproc to the kernel's pid_max, so that is as much as a container can get.
        most = {
            "nofile": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
            "nproc": resource.getrlimit(resource.RLIMIT_NPROC)[1],
        }
        pid_max = int(Path("/proc/sys/kernel/pid_max").read_text())
        most["nproc"] = pid_max if most["nproc"] == resource.RLIM_INFINITY else min(most["nproc"], pid_max)
        limits = [f"{name}={hard}:{hard}" for name, hard in most.items() if 0 <= hard < PODMAN_LIMIT]
        if limits:
            lines += ["[containers]", f"default_ulimits = {json.dumps(limits)}"]
    if hybrid_cgroups():
        lines += ["[engine]", 'runtime = "runc"']  # crun refuses hybrid cgroups
    path = BUILD / "containers.conf"
    if lines:
        write(path, "\n".join(lines) + "\n")
        ENVIRONMENT["CONTAINERS_CONF"] = str(path)
    else:
        path.unlink(missing_ok=True)


def recipe(suite: str, redis: Redis) -> tuple[list[str], list[str]]:
    """What goes into the hosts' image: packages, and what is done then."""
    packages, hooks = list(PACKAGES), list(CUSTOMIZE)
    if redis.newer:
        wanted = " ".join(f"{package}/{redis.newer}" for package in redis.packages)
        archive = {"sid": "unstable"}.get(redis.newer, redis.newer)
        hooks.append(NEWER.format(newer=redis.newer, archive=archive, packages=wanted))
    else:
        packages += redis.packages
    hooks.append(f'chroot "$1" systemctl disable {redis.program}-server.service')
    return packages, hooks


def image(suite: str, redis: Redis) -> str:
    """The hosts' image, made once a recipe."""
    packages, customize = recipe(suite, redis)
    made_of = json.dumps([suite, packages, customize])
    tag = f"localhost/redisops-lab:{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
    if run("podman", "image", "exists", tag, check=False).returncode == 0:
        return tag
    say(f"making the hosts' image ({SUITES[suite]}; once)")
    tar = BUILD / "image.tar"
    tar.parent.mkdir(parents=True, exist_ok=True)
    hooks = [f"--customize-hook={hook}" for hook in customize]
    slim = [f"--dpkgopt=path-exclude=/usr/share/{what}/*" for what in ("man", "doc", "locale")]
    try:
        run(
            "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}", *slim, *hooks,
            *(["--components=main,universe"] if suite in UNIVERSE else []),
            suite, str(tar),
        )  # fmt: skip
        run("podman", "import", "--quiet", str(tar), tag)
    finally:
        tar.unlink(missing_ok=True)
    return tag


def free_subnet(name: str) -> ipaddress.IPv4Network:
    """A private /24 that neither this machine nor a podman network uses; mostly the same one for the same name."""
    taken = []
    for route in json.loads(run("ip", "-json", "-4", "route", "show", "table", "all").stdout):
        if route["dst"] not in ("default", "0.0.0.0/0"):
            taken.append(ipaddress.ip_network(route["dst"], strict=False))
    for network in json.loads(run("podman", "network", "inspect", *networks()).stdout) if networks() else []:
        taken += [ipaddress.ip_network(subnet["subnet"]) for subnet in network.get("subnets") or []]
    first = zlib.crc32(name.encode())
    for step in range(256):
        subnet = ipaddress.IPv4Network(f"10.213.{(first + step) % 256}.0/24")
        if not any(subnet.overlaps(other) for other in taken if other.version == 4):
            return subnet
    raise LabError("no free /24 in 10.213.0.0/16: end a lab that is no longer needed (lab.py down NAME)")


def networks() -> list[str]:
    return run("podman", "network", "ls", "--format", "{{.Name}}").stdout.split()


def labels(lab: str) -> list[str]:
    return [f"--label=redisops.lab={lab}", f"--label=redisops.root={ROOT}"]


def network_up(lab: str, subnet: str, gateway: str) -> None:
    if f"redisops-{lab}" not in networks():
        run(
            "podman", "network", "create", "--disable-dns", *labels(lab), f"--subnet={subnet}", f"--gateway={gateway}",
            f"redisops-{lab}",
        )  # fmt: skip


def containers(lab: str) -> dict[str, dict]:
    """This lab's containers by name: id, state and the checkout that made them."""
    listed = run("podman", "ps", "--all", f"--filter=label=redisops.lab={lab}", "--format=json").stdout
    return {
        entry["Names"][0]: {"id": entry["Id"], "state": entry["State"], "root": entry["Labels"]["redisops.root"]}
        for entry in json.loads(listed or "[]") or []
    }


def container_up(lab: str, host: str, address: str, tag: str, ssh: Path, existing: dict[str, dict]) -> None:
    name = f"redisops-{lab}-{host}"
    state = existing.get(name, {}).get("state")
    if state == "running":
        return
    if state in ("exited", "stopped"):
        run("podman", "start", name)
        return
    if state:  # left half made by an interrupted start
        run("podman", "rm", "--force", "--time=0", name)
    run(
        "podman", "run", "--detach", f"--name={name}", f"--hostname={host}", *labels(lab), f"--network=redisops-{lab}",
        f"--ip={address}", "--systemd=always", "--privileged", f"--volume={ssh}:/etc/ssh/lab:ro", tag,
        "sh", "-c", COMMAND,
    )  # fmt: skip


def remove(lab: str) -> None:
    names = list(containers(lab))
    if names:
        run("podman", "rm", "--force", "--time=0", "--volumes", *names)
    if f"redisops-{lab}" in networks():
        run("podman", "network", "rm", "--force", f"redisops-{lab}")
