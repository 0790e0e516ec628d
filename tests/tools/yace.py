# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds YACE in the version of meta/versions.yml where Go is at hand, into build/go, and prints the path.

yace.py [ARCHITECTURE]     such as arm64
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "build" / "go"
ABOUT = yaml.safe_load((ROOT / "meta/versions.yml").read_text())["programs"]["yace"]
MODULE = f"github.com/{ABOUT['repository']}"
HERE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
# A module of our own that wants this one: `go install MODULE@VERSION` asks for the list of versions as well, which
# proxies that hold back some of them do not give.
GO_MOD = f"module lab\n\ngo 1.24\n\nrequire {MODULE} v{ABOUT['version']}\n"


class NoGo(Exception):
    pass


def go() -> str:
    found = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if not found:
        raise NoGo("Go is not at hand, so that YACE cannot be built: https://go.dev/dl")
    return found


def build(architecture: str = HERE) -> Path:
    """The program; made once a version."""
    program = PLACE / f"yace-{ABOUT['version']}.linux-{architecture}"
    if not program.exists():
        source = PLACE / "yace"
        source.mkdir(parents=True, exist_ok=True)
        (source / "go.mod").write_text(GO_MOD)
        (source / "go.sum").unlink(missing_ok=True)
        package = f"{MODULE}/cmd/yace"
        # Go leaves out what no file imports.
        (source / "lab.go").write_text(f'//go:build lab\n\npackage lab\n\nimport _ "{package}"\n')
        environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOARCH": architecture, "CGO_ENABLED": "0"}
        part = program.with_name(program.name + ".part")
        argv = [go(), "build", "-trimpath", "-ldflags=-s -w", "-o", str(part), package]
        subprocess.run(argv, cwd=source, env=environment, check=True)
        part.rename(program)
    return program


if __name__ == "__main__":
    try:
        print(build(*sys.argv[1:2]))
    except NoGo as error:
        raise SystemExit(str(error)) from None
