# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where copies of reports go. They are the last thing that a run writes, so this is judged before its first change."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from typing import Any

from . import _core

NAMES = ("monitoring_reports_bucket", "monitoring_reports_prefix", "monitoring_reports_dir")
ADDRESS = re.compile(r"\d+(\.\d+){3}")
LONGEST_PREFIX = 512  # of an object's 1024 bytes; cluster and file take some


def problems(variables: Mapping[str, Any]) -> list[str]:
    bucket, prefix, directory = (text(variables, name) for name in NAMES)
    found = [one.args[0] for one in (bucket, prefix, directory) if isinstance(one, ValueError)]
    if isinstance(bucket, str) and bucket:
        found += bucket_problems(bucket)
    if isinstance(prefix, str):
        found += prefix_problems(prefix)
    if isinstance(directory, str) and directory and not is_directory(directory):
        found.append(f"monitoring_reports_dir is {directory}: give the absolute path of a directory, without ..")
    return found


def text(variables: Mapping[str, Any], name: str) -> str | ValueError:
    own = getattr(variables, "own", variables)
    try:
        value = own[name] if name in own else ""  # noqa: SIM401  # get hides Unreadable
    except _core.Unreadable as err:
        return ValueError(f"{name} cannot be read: {err}")
    if value is not None and not isinstance(value, str):
        return ValueError(f"{name} is {value}, which is no text")
    return value or ""


def bucket_problems(bucket: str) -> list[str]:
    if "/" in bucket or bucket.startswith("arn:"):
        return [
            f"monitoring_reports_bucket is {bucket}: give the name of the bucket alone; what the names of objects begin"
            " with is monitoring_reports_prefix"
        ]
    named = re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket) and ".." not in bucket
    if named and not ADDRESS.fullmatch(bucket):
        return []
    return [
        f"monitoring_reports_bucket is {bucket}, which no bucket can be called: 3 to 63 lower case letters, digits,"
        " dots and hyphens, the first and the last of them a letter or a digit"
    ]


def prefix_problems(prefix: str) -> list[str]:
    parts = prefix.strip("/").split("/")
    if "://" in prefix or {".", "..", ""} & set(parts[1:]) or parts[0] in (".", "..") or not prefix.isprintable():
        return [f"monitoring_reports_prefix is {prefix!r}: give a path such as team-a/reports, without the bucket"]
    if len(prefix.encode()) > LONGEST_PREFIX:
        return [f"monitoring_reports_prefix is longer than {LONGEST_PREFIX} bytes"]
    return []


def is_directory(path: str) -> bool:
    return path.isprintable() and posixpath.isabs(path) and ".." not in path.split("/") and path.strip("/") != ""
