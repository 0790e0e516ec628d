# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in the archive that Galaxy gets, and where the links of its pages lead."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
GALAXY = yaml.safe_load((ROOT / "galaxy.yml").read_text())
REPOSITORY = GALAXY["repository"]
# What a user has or makes in a checkout, and what tools leave there.
PLANTED = [
    "reports/doctor.html",
    "vault.yml",
    "my-inventory/hosts.yml",
    "inventory/hosts.yml",
    "inventory.aws_ec2.yml",
    "group_vars/all/main.yml",
    "inventories/static/group_vars/all/vault.yml",
    "inventories/aws_ec2/group_vars/all/vault.yaml",
    "redis-client.pem",
    "playbooks/reports/verify.json",
    "site.retry",
    "redisops-monitoring-0.9.0.tar.gz",
    ".venv/bin/python",
    ".vault_password",
    "build/lab/demo/secrets/monitoring_secret",
]
SHIPPED = {
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "FILES.json",
    "LICENSE",
    "MANIFEST.json",
    "README.md",
    "SECURITY.md",
    "awx",
    "changelogs",
    "docs",
    "execution-environment.yml",
    "inventories",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}


def tracked():
    """Files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).exists()}


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The unpacked archive, built from a checkout in which somebody works."""
    checkout, unpacked = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("archive")
    for name in tracked():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    for name in PLANTED:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("planted")
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    subprocess.run([galaxy, "collection", "build", "--output-path", unpacked], cwd=checkout, check=True)
    (packed,) = unpacked.glob("*.tar.gz")
    with tarfile.open(packed) as tar:
        tar.extractall(unpacked, filter="data")
    packed.unlink()
    return unpacked


def files(directory):
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def pages(directory):
    return sorted([*directory.glob("*.md"), *directory.glob("docs/**/*.md"), *directory.glob("roles/*/README.md")])


def links(path):
    """Targets of a page's links and pictures, outside of code."""
    text = re.sub(r"^ *```.*?^ *```|`[^`\n]*`", "", path.read_text(), flags=re.M | re.S)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(path):
    """As GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", re.sub(r"\]\([^)]*\)", "", one)).lower().replace(" ", "-") for one in headings}


def test_what_users_have_in_a_checkout_stays_out(archive):
    assert not [path for path in files(archive) if (archive / path).read_bytes() == b"planted"]


def test_nothing_of_development_is_in_it(archive):
    assert {path.name for path in archive.iterdir()} <= SHIPPED


def test_all_that_users_need_is_in_it(archive):
    needed = {
        name
        for name in tracked()
        if name.split("/")[0] in SHIPPED - {"changelogs"} and not name.endswith((".pyc", "vault.yml"))
    }
    assert needed - files(archive) == set()
    assert "inventories/static/group_vars/all/vault.yml.example" in needed


def test_relative_links_lead_to_something_in_the_archive(archive):
    broken = []
    for page in pages(archive):
        for link in links(page):
            if re.match(r"[a-z]+:", link):
                continue
            name, dummy, anchor = link.partition("#")
            target = (page.parent / name).resolve() if name else page
            if not target.is_relative_to(archive.resolve()) or not target.exists():
                broken.append(f"{page.relative_to(archive)}: {link}")
            elif anchor and anchor not in anchors(target):
                broken.append(f"{page.relative_to(archive)}: {link} (no such heading)")
    assert broken == []


def test_galaxy_shows_the_readme_alone_so_its_links_are_absolute_and_of_this_version(archive):
    version = re.escape(GALAXY["version"])
    wanted = re.compile(rf"{re.escape(REPOSITORY)}/(?:blob|tree|raw)/v{version}/([^#]+)")
    for link in links(archive / "README.md"):
        assert re.match(r"https?:|#", link), link
        if link.startswith(f"{REPOSITORY}/") and "/issues" not in link:
            path = wanted.match(link)
            assert path, f"{link} is not of version {GALAXY['version']}"
            assert (ROOT / path.group(1)).exists(), link


def test_absolute_links_of_other_pages_lead_to_something(archive):
    for page in pages(archive):
        for link in links(page):
            path = re.match(rf"{re.escape(REPOSITORY)}/(?:blob|tree|raw)/[^/]+/([^#]+)", link)
            assert not path or (ROOT / path.group(1)).exists(), f"{page.relative_to(archive)}: {link}"


def test_nothing_is_newer_than_this_version():
    """version_added of options, plugins and roles."""
    for path in [*ROOT.glob("plugins/**/*.py"), *ROOT.glob("plugins/**/*.yml"), *ROOT.glob("roles/*/meta/*.yml")]:
        for added in re.findall(r"^\s*version_added: \"?([\d.]+)", path.read_text(), re.M):
            assert [int(n) for n in added.split(".")] <= [int(n) for n in GALAXY["version"].split(".")], path
