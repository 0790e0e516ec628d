# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What roles need of the controller and of a host, to be asked before the first change."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

from ansible.release import __version__ as ansible_core

from ...module_utils._text import version_tuple
from . import _core, _stack

ROOT = _core.ROLES.parent
COLLECTIONS = {
    "certificates": "community.crypto",
    "security_groups": "amazon.aws",
    "monitoring_instance": "amazon.aws",
    "_reports": "amazon.aws",  # monitoring_reports_bucket
}
# What a release takes on the disk while it is installed, archive and program.
MIB = {
    "redis_exporter": 50,
    "node_exporter": 60,
    "blackbox_exporter": 80,
    "alertmanager": 150,
    "prometheus": 500,
    "yace": 150,
    "grafana": 1200,
}


# -------------------------------------------------------------------------------------------------- controller


def of_controller(roles: set[str]) -> list[str]:
    """What is wrong with it for these roles. Ansible itself sees to its own Python."""
    found = []
    oldest = _core.load_yaml((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["requires_ansible"]
    if too_old(ansible_core, oldest):
        found.append(f"ansible-core is {ansible_core}, {oldest} is needed: pip install --upgrade ansible-core")
    for name in dict.fromkeys(COLLECTIONS[role] for role in sorted(roles & set(COLLECTIONS))):
        wanted, version = dependencies()[name], version_of(name)
        if version is None or too_old(version, wanted):
            has = f"is {version}" if version else "is not installed"
            found.append(
                f"collection {name} {has}, {wanted} is needed: ansible-galaxy collection install '{name}:{wanted}'"
            )
    if "amazon.aws" in [COLLECTIONS.get(role) for role in roles]:
        missing = [name for name in ("boto3", "botocore") if importlib.util.find_spec(name) is None]
        if missing:
            found.append(f"Python package {' and '.join(missing)} not found, AWS is asked with it: pip install boto3")
    return found


def too_old(version: str, wanted: str) -> bool:
    return version_tuple(version) < version_tuple(wanted.lstrip(">= "))


def dependencies() -> dict[str, str]:
    """Of this collection: a checkout has galaxy.yml, an installed one its manifest."""
    manifest = ROOT / "MANIFEST.json"
    if manifest.exists():
        return json.loads(manifest.read_text(encoding="utf-8"))["collection_info"]["dependencies"]
    return _core.load_yaml((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["dependencies"]


def version_of(collection: str) -> str | None:
    try:
        path = Path(importlib.import_module(f"ansible_collections.{collection}").__path__[0])
        return json.loads((path / "MANIFEST.json").read_text(encoding="utf-8"))["collection_info"]["version"]
    except (ImportError, OSError):
        return None


# -------------------------------------------------------------------------------------------------------- host


def of_host(settings: dict[str, dict[str, Any]], host: _core.Host) -> dict[str, Any]:
    """The options of module host_status, by the settings of each role that runs on the host."""
    found: dict[str, Any] = {"certificates": [], "programs": {}, "libraries": {}, "space": []}
    issued = "certificates" in settings and _core.module_of("certificates").active(settings["certificates"], host)
    for role, s in settings.items():
        module = _core.module_of(role)
        if hasattr(module, "service"):
            service = module.service(s, host)
            found["certificates"] += service["config"].get("certificates", [])
            root = service.get("root", "/usr/share/grafana")
            installed = f"{root}/{service['version']}" if "root" in service else root
            found["space"].append({"name": role, "path": root, "mib": MIB[role], "installed": installed})
        for what, more in (module.needs(s, host) if hasattr(module, "needs") else {}).items():
            found[what] = found[what] + more if isinstance(more, list) else {**found[what], **more}
    # Without facts it is not known what name a certificate has to bear. What role certificates issues is not there yet.
    found["certificates"] = [
        {**one, "name": ""}
        for one in found["certificates"]
        if not issued or not any(str(path).startswith(f"{_stack.TLS}/") for path in one.values())
    ]
    return found
