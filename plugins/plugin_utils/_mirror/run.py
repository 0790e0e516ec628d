# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills the folder of a mirror with what meta/versions.yml names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from ...module_utils._grafana import client, model
from ...module_utils._release.common import ReleaseError
from ...module_utils._release.download import Downloads
from ...module_utils._release.source import listed_digest
from . import packages
from .folder import Folder

VERSIONS = Path(__file__).resolve().parents[3] / "meta" / "versions.yml"
RELEASES, DASHBOARDS = "https://github.com", "https://grafana.com"


def pinned() -> dict[str, Any]:
    return yaml.safe_load(VERSIONS.read_text(encoding="utf-8"))


def downloads(url: str, **options: Any) -> Downloads:
    """How the source is asked; a login goes to this server, and to none that it redirects to."""
    asked = dict.fromkeys(("url_username", "url_password", "ca_path", "client_cert", "client_key"), "")
    asked.update(timeout=30, use_proxy=True, headers={}, validate_certs=True)
    return Downloads({**asked, **options}, url)


def fill(
    folder: Folder,
    architectures: list[str],
    programs: list[str] | None = None,
    versions: dict[str, list[str]] | None = None,
    dashboards: list[dict[str, Any]] | None = None,
    source_url: str = "",
    fingerprints: list[str] | None = None,
) -> None:
    """Fetches what is missing. source_url: another mirror, with the layout of this one, in place of upstream."""
    known = pinned()
    everything = {**known["programs"], **known["packages"]}
    lists = {name: one if isinstance(one, list) else [one] for name, one in (versions or {}).items()}
    versions = {name: [str(one) for one in found] for name, found in lists.items()}
    unknown = [name for name in [*(programs or []), *versions] if name not in everything]
    if unknown:
        raise ReleaseError(f"there is no program {unknown[0]}: choose of {', '.join(everything)}")
    chosen = [name for name in everything if not programs or name in programs]
    for number, name in enumerate(chosen, 1):
        wanted = versions.get(name) or [everything[name]["version"]]
        folder.say(f"[{number}/{len(chosen) + 1}] {name} {', '.join(wanted)} for {', '.join(architectures)}")
        if name in known["programs"]:
            for version in wanted:
                release(folder, known["programs"][name], version, architectures, source_url or RELEASES)
        else:
            about = known["packages"][name]
            place = about["repository"].partition("://")[2]
            repository = packages.Repository(
                package=name,
                url=f"{source_url}/{place}" if source_url else about["repository"],
                place=place,
                suite=about["suite"],
                component=about["component"],
                fingerprints=[one.replace(" ", "").upper() for one in fingerprints or about["fingerprints"]],
            )
            packages.fetch(folder, repository, wanted, architectures)
    boards = known["dashboards"] if dashboards is None else dashboards
    folder.say(f"[{len(chosen) + 1}/{len(chosen) + 1}] {len(boards)} dashboard(s) of grafana.com")
    for board in boards:
        dashboard(folder, board, f"{source_url}/grafana.com" if source_url else DASHBOARDS)


def release(folder: Folder, about: dict[str, str], version: str, architectures: list[str], base: str) -> None:
    """The archives of one release, and its own checksum file that they were verified by."""
    place = f"{about['repository']}/releases/download/v{version}"
    sums = f"{place}/{about['checksums']}"
    archives = [about["archive"].format(version=version, architecture=one) for one in architectures]
    names = [sums, *(f"{place}/{archive}" for archive in archives)]
    missing = [name for name in names if not folder.is_intact(name)]
    if not missing:
        folder.keep(*names)
    elif folder.check_mode:
        folder.keep(*names)
        folder.fetched += missing
    else:
        content = folder.read(f"{base}/{sums}")
        text = content.decode("utf-8-sig", "replace")
        wanted = {archive: listed_digest(archive, text, f"{base}/{sums}") for archive in archives}
        for archive, digest in wanted.items():
            folder.fetch(f"{place}/{archive}", f"{base}/{place}/{archive}", digest)
        folder.put(sums, f"{base}/{sums}", content)


def dashboard(folder: Folder, board: dict[str, Any], base: str) -> None:
    path = f"api/dashboards/{board['gnet_id']}/revisions/{board['revision']}/download"
    name = f"grafana.com/{path}"
    if folder.is_intact(name) and not differs(folder.root / name, board):
        folder.keep(name)
    elif folder.check_mode:
        folder.would_fetch(name)
    else:
        content = folder.read(f"{base}/{path}")
        wrong = differs(content, board)
        if wrong:
            raise ReleaseError(f"{base}/{path} {wrong}")
        folder.put(name, f"{base}/{path}", content)


def differs(content: bytes | Path, board: dict[str, Any]) -> str:
    """Why this is not the dashboard that was asked for."""
    text = (content.read_bytes() if isinstance(content, Path) else content).decode("utf-8-sig", "replace")
    try:
        found = model.parse(text, "what it holds")
        if board.get("sha256"):
            model.check_pin(found, board["sha256"], "what it holds")
    except client.GrafanaError as err:
        return f"is not the dashboard that was asked for: {err}"
    return ""
