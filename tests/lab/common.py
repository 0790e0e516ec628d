# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab's modules share: paths, errors, running programs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
LABS = BUILD / "lab"
MIRROR = BUILD / "mirror"

# Set once the machine has been probed: see podman.settings().
ENVIRONMENT: dict[str, str] = dict(os.environ)


class LabError(Exception):
    """One line: what failed, why, and what cures it."""


def run(*argv: str, timeout: int = 600, check: bool = True, **options) -> subprocess.CompletedProcess:
    """Runs a program to its end and returns its output; a failure is one line that names the program."""
    try:
        done = subprocess.run(
            argv, env=ENVIRONMENT, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL,
            check=False, **options,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(argv[:3])}: no end after {timeout} s") from error
    if check and done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise LabError(f"{' '.join(argv[:3])}: exit {done.returncode}: {said[-1]}")
    return done


def collection(name: str):
    """A module of the collection in this checkout."""
    link = BUILD / "collections/ansible_collections/redisops/monitoring"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("../../../..")
    if str(BUILD / "collections") not in sys.path:
        sys.path.insert(0, str(BUILD / "collections"))
    return importlib.import_module(f"ansible_collections.redisops.monitoring.plugins.{name}")


def say(text: str) -> None:
    print(f"lab: {text}", flush=True)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Replaces a file in one step; never readable more widely than `mode`, not even for a moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    fresh.chmod(mode)
    fresh.replace(path)
