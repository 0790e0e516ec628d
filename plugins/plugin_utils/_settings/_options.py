# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values as the options of an argument spec want them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def default_of(option: dict[str, Any]) -> Any:
    default = option.get("default")
    if "default" in option and default is None:  # the role's file works it out
        return None
    if default is None or (isinstance(default, str) and "{{" in default):
        return {"str": "", "path": "", "list": [], "dict": {}}.get(option["type"])
    return default


def is_blank(value: Any, option: Mapping[str, Any]) -> bool:
    """Whether it is what a survey sends for no answer, and so means the default.

    An empty text is one where the description says what it means ("Empty for ...").
    """
    if not isinstance(value, str) or value.strip():
        return False
    is_text = option.get("type", "str") in ("str", "path") and "choices" not in option
    return not is_text or bool(option.get("required")) or not re.search(r"\bEmpty\b", str(option["description"]))


def typed(
    value: Any, option: dict[str, Any], name: str, wrong: list[str], nested: bool = True, hide: bool = False
) -> Any:
    """The value with the type of its argument spec. What does not fit goes to `wrong` and stays as it is."""
    kind = option.get("type", "str")
    hide = hide or bool(option.get("no_log"))
    found = _converted(value, kind)
    if found is None:
        shown = "" if hide or may_be_secret(option) else f" {value},"
        wrong.append(f"{name} is{shown} not {_KINDS[kind]}")
        return value
    if "choices" in option and kind != "list" and found not in option["choices"]:
        wrong.append(f"{name} is {found}: choose one of {', '.join(map(str, option['choices']))}")
    if not nested:
        return found
    if kind == "list":
        element = {**option, "type": option.get("elements", "raw"), "no_log": hide}
        element.pop("default", None)
        return [typed(one, element, f"{name}[{index}]", wrong, hide=hide) for index, one in enumerate(found)]
    if kind == "dict" and option.get("options"):
        return _typed_keys(found, option["options"], name, wrong, hide)
    return found


def may_be_secret(option: Mapping[str, Any]) -> bool:
    """Whether its value, or a part of it, is a secret; of a mapping with any keys nobody knows."""
    below = option.get("options") or {}
    is_free = "dict" in (option.get("type"), option.get("elements")) and not below
    return bool(option.get("no_log")) or is_free or any(map(may_be_secret, below.values()))


def _typed_keys(
    found: dict[str, Any], options: dict[str, dict[str, Any]], name: str, wrong: list[str], hide: bool
) -> dict[str, Any]:
    wrong += [f"{name} has no key {key}: it takes {', '.join(options)}" for key in found if key not in options]
    wrong += [
        f"{name}.{key} is not set"
        for key, option in options.items()
        if option.get("required") and found.get(key) is None
    ]
    return {
        key: typed(one, options[key], f"{name}.{key}", wrong, hide=hide) if key in options and one is not None else one
        for key, one in found.items()
    }


_KINDS = {
    "str": "a text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
}
_BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _converted(value: Any, kind: str) -> Any:
    """None for what cannot be converted."""
    if kind in ("str", "path"):
        return None if isinstance(value, (list, dict)) else str(value)
    if kind == "bool":
        return _BOOLEANS.get(str(value).lower())
    if kind in ("int", "float"):
        return _number(value, whole=kind == "int")
    if kind == "list":
        return value if isinstance(value, list) else None
    if kind == "dict":
        if isinstance(value, str) and value.startswith("{"):  # -e name='{"a": 1}'
            try:
                return json.loads(value)
            except ValueError:
                return None
        return value if isinstance(value, dict) else None
    return value


def _number(value: Any, whole: bool) -> Any:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    if isinstance(value, int) or re.fullmatch(r"\s*[-+]?[0-9]+\s*", str(value)):
        return int(value)
    if whole:
        return int(number) if number.is_integer() else None
    return number


def secrets_of(value: Any, option: Mapping[str, Any], name: str) -> list[tuple[str, Any]]:
    """Every secret in the value of an option, each with its name."""
    if option.get("no_log") and isinstance(value, dict):
        return [(f"{name}.{key}", one) for key, one in value.items()]
    if option.get("no_log"):
        return [(name, one) for one in (value if isinstance(value, list) else [value])]
    entries = enumerate(value) if isinstance(value, list) else [(None, value)]
    return [
        secret
        for index, entry in entries
        if isinstance(entry, dict)
        for key, one in (option.get("options") or {}).items()
        for secret in secrets_of(entry.get(key), one, f"{name}.{key}" if index is None else f"{name}[{index}].{key}")
    ]


def secret_problems(value: Any, option: Mapping[str, Any], name: str) -> list[str]:
    """Secrets with white space around them: services trim files that hold them, and people do not type it.

    Contents of credential files and PEM keys have line breaks.
    """
    return [
        f"{path} has white space at an end or a line break in it, as what `echo` prints or a file read without"
        " rstrip has: write it without, for a vault with `printf %s SECRET | ansible-vault encrypt_string`"
        for path, one in secrets_of(value, option, name)
        if not re.search(r"(_credentials|_private_key)(\.|$)", path)
        and isinstance(one, str)
        and (one != one.strip() or "\n" in one or "\r" in one)
    ]


def user_problems(value: Any, name: str) -> list[str]:
    """Names of users that Redis or HTTP cannot have, in options that end alike in every role."""
    found = []
    redis = name.endswith(("_redis_user", "_acl_admin_user"))
    users = [value] if name.endswith(("_user", "_username")) else list(value) if name.endswith("_users") else []
    for user in users:
        if not isinstance(user, str) or user != user.strip() or "\n" in user or "\r" in user:
            found.append(f"{name} has the user {user!r}: give a text without white space around it, or a line break")
        elif ":" in user and not redis:
            found.append(f"{name} has the user {user}: with a colon in it nobody can log in over HTTP")
    return found


# What results say that are read again, by the next task or by verify and doctor: paths, units, addresses, states.
WORDS = (
    "/etc/redisops/grafana/credentials/admin_password /opt/prometheus/current redis-server.service"
    " redis_exporter.service node_exporter.service blackbox_exporter.service alertmanager.service rediss://localhost:6379"
    " https://127.0.0.1 -----BEGIN CERTIFICATE----- passed failed skipped changed restarted monitoring cluster"
)
MASKED = (
    " is part of a path, an address or another setting, or shorter than 4 characters: Ansible would mask it wherever it"
    " appears, and results would be read wrong. Choose another"
)


def masking_problems(
    settings: Mapping[str, Any], options: Mapping[str, Mapping[str, Any]], more: str
) -> dict[str, str]:
    """Secrets that are part of what is no secret: Ansible masks them there as well, and what is read again is wrong.

    By the name of the option.
    """
    secrets, texts = [], [WORDS, more]
    for name, option in options.items():
        found = secrets_of(settings[name], option, name)
        secrets += [(name, path, str(one)) for path, one in found if one]
        texts += [] if found else [json.dumps(settings[name], default=str)]
    return {
        name: f"{path}{MASKED}"
        for name, path, secret in secrets
        if len(secret) < 4 or any(secret in text for text in texts)
    }
