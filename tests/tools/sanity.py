# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-test sanity on the working tree.

ansible-test wants the collection at .../ansible_collections/redisops/monitoring as real files, so the tree (what git
tracks or would track) is copied to build/sanity first. Everything it installs and caches stays under build/sanity too.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import ansible_collections.amazon.aws as amazon_aws
from ansible.release import __version__ as core_version

ROOT = Path(__file__).resolve().parents[2]
SANITY = ROOT / "build" / "sanity"
COLLECTIONS = SANITY / "ansible_collections"
TREE = COLLECTIONS / "redisops" / "monitoring"
HOME = SANITY / "home"

# ansible-test bootstraps pip with a get-pip.py from this address. Where it cannot be reached, Python's own ensurepip
# does the same job. In a child process: it switches pip's configuration off for the process it runs in.
GET_PIP_URL = "https://ci-files.testing.ansible.com/ansible-test/get-pip-{}.py"
GET_PIP = """\
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--no-")]
subprocess.check_call([sys.executable, "-m", "pip", "install", *arguments])
"""


def copy_tree() -> None:
    """Makes TREE equal to the files git tracks or does not ignore."""
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, TREE / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    # A repository of its own: else ansible-test finds the checkout's, which ignores build/.
    subprocess.run(["git", "init", "--quiet"], cwd=TREE, check=True)
    subprocess.run(["git", "add", "--all"], cwd=TREE, check=True)
    amazon = COLLECTIONS / "amazon"
    amazon.mkdir(exist_ok=True)
    if not (amazon / "aws").exists():
        (amazon / "aws").symlink_to(next(iter(amazon_aws.__path__)))


def provide_get_pip(venv: Path) -> None:
    (source,) = venv.glob("lib/python*/site-packages/ansible_test/_internal/python_requirements.py")
    version = re.search(r"\bpip='([\d.]+)'", source.read_text())[1]
    cached = HOME / ".ansible" / "test" / "cache" / f"get_pip_{version.replace('.', '_')}.py"
    if cached.exists():
        return
    cached.parent.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(GET_PIP_URL.format(version), timeout=10) as answer:
            cached.write_bytes(answer.read())
    except (urllib.error.URLError, OSError):
        cached.write_text(GET_PIP)


def main() -> int:
    venv = SANITY / f"venv-{core_version}"
    if not (venv / "bin" / "ansible-test").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "--quiet", f"ansible-core=={core_version}"], check=True)
    copy_tree()
    provide_get_pip(venv)
    environment = {
        **os.environ,
        "HOME": str(HOME),
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
        "VIRTUAL_ENV": str(venv),
    }
    environment.pop("ANSIBLE_CONFIG", None)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = [
        "ansible-test",
        "sanity",
        "--local",
        "--requirements",
        "--python",
        python,
        "--color",
        "no",
        *sys.argv[1:],
    ]
    return subprocess.run(command, cwd=TREE, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
