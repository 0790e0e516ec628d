# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""build/mirror: release archives in upstream's layout, from upstream, or repacked from Debian's packages."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import tarfile
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import yaml
from common import BUILD, MIRROR, ROOT, LabError, collection, run, say, write
from podman import DEBIAN_KEYRING

UPSTREAM = os.environ.get("LAB_UPSTREAM_URL", "https://github.com")
DEBIAN = os.environ.get("LAB_DEBIAN_URL", "http://deb.debian.org/debian")
SUITES = ("bookworm", "trixie", "sid")
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
ORIGIN = MIRROR / "ORIGIN.json"
PROBE_SECONDS = 5
DEFAULTS = yaml.safe_load((ROOT / "meta/versions.yml").read_text())
# Bump when repacking changes, so that an older mirror is filled anew.
LAYOUT = 1


@dataclass(frozen=True)
class Program:
    name: str
    package: str
    binaries: tuple[str, ...]
    older: tuple[str, ...]  # taken from upstream beside the default, oldest first

    @property
    def default(self) -> str:
        return DEFAULTS["programs"][self.name]["version"]

    @property
    def versions(self) -> tuple[str, ...]:
        return (*self.older, self.default)

    def archive(self, version: str) -> str:
        return DEFAULTS["programs"][self.name]["archive"].format(version=version, architecture=ARCHITECTURE)

    def release(self, version: str) -> str:
        return f"{DEFAULTS['programs'][self.name]['repository']}/releases/download/v{version}"


PROGRAMS = (
    Program("redis_exporter", "prometheus-redis-exporter", ("redis_exporter",), ("1.45.0", "1.69.0")),
    Program("prometheus", "prometheus", ("prometheus", "promtool"), ("2.42.0", "2.53.3", "3.5.3")),
    Program("alertmanager", "prometheus-alertmanager", ("alertmanager", "amtool"), ("0.25.0", "0.28.1")),
    Program("blackbox_exporter", "prometheus-blackbox-exporter", ("blackbox_exporter",), ("0.23.0", "0.26.0")),
    Program("node_exporter", "prometheus-node-exporter", ("node_exporter",), ("1.5.0", "1.9.0")),
)


def fill() -> dict[str, list[str]]:
    """Fills the mirror unless it is full; returns the versions it has, oldest first, by program."""
    origin = json.loads(ORIGIN.read_text()) if ORIGIN.exists() else {}
    artefacts = origin.get("artefacts", {})
    if origin.get("layout") != LAYOUT or not all((MIRROR / path).is_file() for path in artefacts):
        if upstream_answers():
            say(f"filling the mirror from {UPSTREAM} (once)")
            artefacts = from_upstream()
        else:
            say("upstream's releases are out of reach: filling the mirror from Debian's packages (once)")
            artefacts = from_debian()
        write(ORIGIN, json.dumps({"layout": LAYOUT, "artefacts": artefacts}, indent=1, sort_keys=True) + "\n")
    found: dict[str, list[str]] = {}
    for entry in artefacts.values():
        found.setdefault(entry["program"], []).append(entry["version"])
    few = [program.name for program in PROGRAMS if len(found.get(program.name, [])) < 2]
    if few:
        raise LabError(f"{MIRROR} holds fewer than two versions of {', '.join(few)}: remove it and start again")
    return {program: sorted(versions, key=order) for program, versions in found.items()}


def not_default(versions: dict[str, str]) -> list[str]:
    """Which of these versions are not what the collection installs by default."""
    defaults = {name: entry["version"] for part in ("programs", "packages") for name, entry in DEFAULTS[part].items()}
    return [
        f"{name} {version} (default {defaults[name]})"
        for name, version in versions.items()
        if version != defaults[name]
    ]


def order(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version)]


def is_upstream() -> bool:
    return all(entry["origin"] == "upstream" for entry in json.loads(ORIGIN.read_text())["artefacts"].values())


def upstream_answers() -> bool:
    program = PROGRAMS[0]
    url = f"{UPSTREAM}/{program.release(program.versions[-1])}/sha256sums.txt"
    try:
        with urllib.request.urlopen(url, timeout=PROBE_SECONDS) as answer:
            return program.archive(program.versions[-1]).encode() in answer.read()
    except OSError:
        return False


def folder():
    """build/mirror as playbooks/mirror.yml fills it."""
    run = collection("plugin_utils._mirror.run")
    return collection("plugin_utils._mirror.folder").Folder(str(MIRROR), run.downloads(UPSTREAM), say)


@contextlib.contextmanager
def told():
    """What goes wrong in the collection's code, as an error of the lab."""
    try:
        yield
    except collection("module_utils._release.common").ReleaseError as error:
        raise LabError(str(error)) from error


def from_upstream() -> dict[str, dict[str, str]]:
    run, place, artefacts = collection("plugin_utils._mirror.run"), folder(), {}
    for program in PROGRAMS:
        for version in program.versions:
            about = DEFAULTS["programs"][program.name]
            with told():
                run.release(place, about, version, [ARCHITECTURE], UPSTREAM)
            name = f"{program.release(version)}/{program.archive(version)}"
            artefacts[name] = {
                "program": program.name, "version": version, "origin": "upstream", "source": f"{UPSTREAM}/{name}"
            }  # fmt: skip
    return artefacts


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def from_debian() -> dict[str, dict[str, str]]:
    artefacts = {}
    for suite in SUITES:
        with tempfile.TemporaryDirectory(dir=BUILD, prefix=f"apt-{suite}-") as scratch:
            packages = fetch(suite, Path(scratch))
            for program in PROGRAMS:
                tree = Path(scratch) / "tree" / program.name
                version = unpack(packages, program, tree)
                release = MIRROR / program.release(version)
                release.mkdir(parents=True, exist_ok=True)
                archive = release / program.archive(version)
                pack(tree, program, archive)
                write(release / "sha256sums.txt", f"{digest(archive)}  {archive.name}\n")
                artefacts[str(archive.relative_to(MIRROR))] = {
                    "program": program.name, "version": version, "origin": "Debian package repacked",
                    "source": f"{suite}: {packages[program.package].name}",
                }  # fmt: skip
    return artefacts


def fetch(suite: str, scratch: Path) -> dict[str, Path]:
    """Downloads the packages of another Debian suite through an apt state of its own."""
    source = scratch / "sources.list"
    source.write_text(f"deb [signed-by={DEBIAN_KEYRING} arch={ARCHITECTURE}] {DEBIAN} {suite} main\n")
    (scratch / "status").touch()
    (scratch / "lists/partial").mkdir(parents=True)
    (scratch / "cache/archives/partial").mkdir(parents=True)
    apt = [
        f"-oDir::Etc::SourceList={source}",
        "-oDir::Etc::SourceParts=/dev/null",
        f"-oDir::State::Lists={scratch}/lists",
        f"-oDir::State::status={scratch}/status",
        f"-oDir::Cache={scratch}/cache",
        f"-oAPT::Architecture={ARCHITECTURE}",
        "-oAcquire::Check-Valid-Until=false",
        "-oAcquire::Languages=none",
        "-oAPT::Sandbox::User=root",
    ]
    run("apt-get", *apt, "-q", "update")
    wanted = [program.package for program in PROGRAMS]
    if run("apt-cache", *apt, "show", "promtool", check=False).returncode == 0:
        wanted.append("promtool")  # a package of its own since trixie
    run("apt-get", *apt, "-q", "download", *wanted, cwd=scratch)
    return {path.name.split("_")[0]: path for path in scratch.glob("*.deb")}


def unpack(packages: dict[str, Path], program: Program, tree: Path) -> str:
    """Lays out the program as upstream's archive has it; returns its upstream version."""
    package = packages[program.package]
    version = run("dpkg-deb", "--field", str(package), "Version").stdout.strip()
    raw = tree.with_name(program.name + ".raw")
    raw.mkdir(parents=True)
    run("dpkg-deb", "--extract", str(package), str(raw))
    if "promtool" in program.binaries and "promtool" in packages:
        run("dpkg-deb", "--extract", str(packages["promtool"]), str(raw))
    tree.mkdir(parents=True)
    for binary in program.binaries:
        installed = raw / "usr/bin" / binary
        if not installed.exists():
            installed = raw / "usr/bin" / program.package
        if not installed.exists():
            raise LabError(f"{package.name} holds no {binary}")
        installed.rename(tree / binary)
    if program.name == "prometheus" and version.startswith("2."):
        for directory in ("consoles", "console_libraries"):  # upstream ships them until 2.x
            shutil.copytree(raw / "etc/prometheus" / directory, tree / directory)
    match = re.match(r"(?:\d+:)?(\d+\.\d+\.\d+)", version)
    if not match:
        raise LabError(f"{package.name}: {version} is not a release version")
    return match[1]


def pack(tree: Path, program: Program, archive: Path) -> None:
    """One directory named after the archive; owners and times fixed, so that repacking gives the same checksum."""
    top = archive.name.removesuffix(".tar.gz")
    part = archive.with_name(archive.name + ".part")

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = "root"
        return entry

    with part.open("wb") as file, gzip.GzipFile("", "wb", 1, file, 0) as stream, tarfile.open(None, "w", stream) as tar:
        tar.add(tree, top, filter=plain)
    part.replace(archive)
