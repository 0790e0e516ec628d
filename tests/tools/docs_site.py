# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lints the documentation of roles and plugins, and builds the site into build/docs-site/html. Any warning fails it.

Needs no internet: references into Ansible's own documentation become plain links (docs/docsite/conf.py).
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SITE = ROOT / "build" / "docs-site"
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())


def run(program, *arguments):
    """With our collection and those it needs alone: to read all that `ansible` brings takes minutes."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(SITE / "collections"),
        "ANSIBLE_COLLECTIONS_SCAN_SYS_PATH": "false",
    }
    subprocess.run([program, *arguments], cwd=SITE, env=environment, check=True)


def link_collections():
    for name in ("redisops.monitoring", *GALAXY["dependencies"]):
        link = SITE / "collections" / "ansible_collections" / name.replace(".", "/")
        link.parent.mkdir(parents=True)
        ours = name == "redisops.monitoring"
        link.symlink_to(ROOT if ours else importlib.import_module(f"ansible_collections.{name}").__path__[0])


def main():
    shutil.rmtree(SITE, ignore_errors=True)
    source = SITE / "source"
    shutil.copytree(DOCS, source, ignore=shutil.ignore_patterns("docsite"))
    shutil.copy(DOCS / "docsite" / "index.md", source)
    (source / "collections").mkdir(mode=0o755)
    link_collections()
    run("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all", ROOT)
    pages = ["--cleanup", "everything", "--use-current", "--squash-hierarchy", "--fail-on-error"]
    run("antsibull-docs", "collection", *pages, "--dest-dir", source / "collections", "redisops.monitoring")
    settings = ["-D", f"version={GALAXY['version']}", "-D", f"repository={GALAXY['repository']}"]
    run("sphinx-build", "-q", "-W", "--keep-going", "-c", DOCS / "docsite", *settings, source, SITE / "html")
    print(f"{len(list((SITE / 'html').rglob('*.html')))} pages in build/docs-site/html")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as err:
        sys.exit(f"docs_site: {err.cmd[0]} failed")
