# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files of the services, and what each program's own check says of them. Private."""

from __future__ import annotations

import glob
import hashlib
import os
import re

from .._config.output import complaint
from .probes import command, content
from .units import MARKER

FILES = {
    "prometheus": ("/etc/prometheus/prometheus.yml", "/etc/prometheus/targets/redis-cluster.yml"),
    "alertmanager": ("/etc/alertmanager/alertmanager.yml",),
    "blackbox_exporter": ("/etc/blackbox_exporter/blackbox.yml",),
}
PROMTOOL = "/opt/prometheus/current/promtool"
CHECKS = {
    "prometheus": (
        ([PROMTOOL, "check", "config", "--syntax-only"], ["/etc/prometheus/prometheus.yml"]),
        ([PROMTOOL, "check", "rules"], ["/etc/prometheus/rules/*.yml", "/etc/prometheus/rules/*.yaml"]),
    ),
    "alertmanager": ((["/opt/alertmanager/current/amtool", "check-config"], FILES["alertmanager"]),),
    "blackbox_exporter": (
        (
            ["/opt/blackbox_exporter/current/blackbox_exporter", "--config.check", "--config.file"],
            FILES["blackbox_exporter"],
        ),
    ),
}


MOST = 65536  # characters of a file that are read


def files(name, mask):
    found = {}
    for path in FILES.get(name, ()):
        try:
            with open(path, encoding="utf-8", errors="replace") as handle:
                text = shown(path, handle.read(MOST), mask)
            found[path] = {"text": text, "changed_at": os.stat(path).st_mtime}
        except OSError as err:
            found[path] = {"problem": err.strerror}
    return found


def shown(path, text, mask):
    """The text of a file without secrets."""
    text = mask.text(text)
    if "alertmanager" in path:
        text = re.sub(r"(https?://[^/\s\"']+/)[^\s\"']+", r"\1...", text)  # a path can be a key to a channel
    return text


def edited(written, mask):
    """Of files by the SHA-256 of what the roles write: those that are something else, with their text."""
    found = {}
    for path, digest in written.items():
        try:
            with open(path, "rb") as handle:
                content = handle.read()
        except OSError as err:
            found[path] = {"problem": err.strerror}
            continue
        if hashlib.sha256(content).hexdigest() != digest:
            found[path] = {"text": shown(path, content[:MOST].decode("utf-8", "replace"), mask)}
    return found


def check(name, mask):
    """What the program's own check says against its files; nothing when it takes them or cannot be asked."""
    said, named = [], {}
    for argv, patterns in CHECKS[name]:
        paths = sorted(path for pattern in patterns for path in glob.glob(pattern))
        rc, out = command(argv + paths, 10) if paths else (0, "")
        errors = complaint(os.path.basename(argv[0]), out) if rc else ""
        if errors:
            said.append(mask.text(errors)[:600])
            named.update(dict.fromkeys([path for path in paths if path in errors] or paths[:1]))
    return {"said": said, "files": [about(path) for path in named]}


def about(path):
    """A configuration file and whether a role writes it."""
    ours = any(path in paths for paths in FILES.values())
    return {"path": path, "managed": ours or MARKER in "\n".join(content(path).splitlines()[:3])}
