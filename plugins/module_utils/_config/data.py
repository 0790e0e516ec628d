# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a service would find its data in the directory that it is given. Private to this collection."""

from __future__ import annotations

import os
import re
import typing as t

from .files import ConfigError


def check(params: dict[str, t.Any], unit: str) -> None:
    """ConfigError where the directory cannot be used, or where the data is still elsewhere. Moving it is the user's."""
    what, chosen, default = params["what"], params["directory"], params["default"]
    before = directory_of(params["named_in"]) or default
    now = chosen or default
    if chosen:
        real = os.path.realpath(chosen)
        if not os.path.isdir(real):
            raise ConfigError(
                f"{what}: {chosen} is no directory on this host: mount the volume there, with a line in /etc/fstab, or"
                " create it; nothing was changed"
            )
        if real == os.path.realpath(default) or real.startswith("/var/lib/private/"):
            raise ConfigError(f"{what}: {chosen} leads to {real}, where the data is anyway: leave it out")
        foreign = [name for name in names_in(real) if params["known"] and not re.fullmatch(params["known"], name)]
        if foreign and chosen != before:
            raise ConfigError(
                f"{what}: {chosen} has {foreign[0]}, which is not of this service, and all in it would become its own:"
                " name a directory for its data alone; nothing was changed"
            )
    else:
        public = default.replace("/private/", "/")  # where systemd wants to put a link to it
        real = os.path.realpath(public)
        if os.path.ismount(public) or real not in (public, os.path.realpath(default)):
            raise ConfigError(
                f"{what}: {public} is {'a mount point' if real == public else 'a link to ' + real}, which systemd"
                f" cannot turn into a state directory: set {what} to {real}; nothing was changed"
            )
    if has_data(now, params["proof"]):
        return
    for source in dict.fromkeys((before, default)):
        if source != now and has_data(source, params["proof"]):
            raise ConfigError(
                f"{what}: {now} has no data and {source} has, so {unit} would start without it. Stop {unit}, copy the"
                f" data with `cp -a {source}/. {now}/`, and run this again; or delete {source}. Nothing was changed"
            )


def directory_of(path: str) -> str:
    """The directory that a unit of ours was given before."""
    try:
        with open(path, encoding="utf-8") as handle:
            found = re.search("^# Data: (/.*)$", handle.read(), re.MULTILINE)
    except OSError:
        return ""
    return found.group(1) if found else ""


def has_data(directory: str, proof: str) -> bool:
    names = names_in(directory)
    return proof in names if proof else bool(names)


def names_in(directory: str) -> list[str]:
    try:
        return sorted(set(os.listdir(directory)) - {"lost+found"})
    except OSError:
        return []
