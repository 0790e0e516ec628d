# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The receivers of Alertmanager: what is wrong with them, and which files their secrets become."""

from __future__ import annotations

import re

NOBODY = "nobody"  # the receiver that notifies nobody
# What each kind of receiver needs, and the advice to give where it is missing.
NEEDED = {
    "pagerduty": {"routing_key": "give the integration key of the PagerDuty service (Events API v2)"},
    "slack": {"api_url": "give the URL of the incoming webhook"},
    "email": {"to": "give one", "from": "give one", "smarthost": "give the mail server as host:port"},
    "webhook": {"url": "give one"},
}
SECRETS = {
    "pagerduty": ["routing_key"],
    "slack": ["api_url"],
    "email": ["auth_password"],
    "webhook": ["url", "password", "token"],
}
URLS = {"pagerduty": "url", "slack": "api_url", "webhook": "url"}
URL = re.compile(r"https?://([^/\s@]*@)?(\[[0-9A-Fa-f:.]+\]|[^/\s:@?#\[\]]+)(:[0-9]+)?([/?#]\S*)?")


def names(s: dict) -> list[str]:
    return [receiver["name"] for receiver in s["alertmanager_receivers"]]


def settings_of(receiver: dict, kind: str) -> dict:
    """What is set of one kind, less what is empty."""
    return {key: value for key, value in (receiver.get(kind) or {}).items() if value not in (None, "")}


def levels(known: list[dict], watchdog: str) -> dict[str, list[str]]:
    """Receivers with a paging service are woken, the others read along. With one kind alone, it does both."""
    told = [one for one in known if one["name"] != watchdog]
    paged = [one["name"] for one in told if one.get("pagerduty")]
    others = [one["name"] for one in told if not one.get("pagerduty")]
    return {"L1": others or paged, "L2": paged or others} if told else {}


# ------------------------------------------------------------------------------------------------------- problems


def problems(s: dict) -> list[str]:
    found = []
    if not s["alertmanager_receivers"]:
        found.append(
            "alertmanager_receivers is empty, so nobody would be told of any alert: name at least one receiver"
        )
    for receiver in s["alertmanager_receivers"]:
        found += name_problems(receiver, names(s))
        lines = missing(receiver) + url_problems(receiver) + email_problems(receiver)
        lines += webhook_problems(receiver, s["alertmanager_version"])
        found += [f"alertmanager_receivers: {receiver['name']}{line}" for line in lines]
    return found


def name_problems(receiver: dict, known: list[str]) -> list[str]:
    name, what = receiver["name"], "alertmanager_receivers:"
    if not re.fullmatch("[A-Za-z0-9_-]+", name) or name == NOBODY:
        return [f"{what} a receiver cannot be named {name}: use letters, digits, _ and -, and not {NOBODY}"]
    if known.count(name) > 1:
        return [f"{what} {name} is there twice: put both ways to reach it into one entry"]
    if not any(kind in receiver for kind in NEEDED):
        return [f"{what} {name} has no way to be reached: give pagerduty, slack, email or webhook"]
    return []


def missing(receiver: dict) -> list[str]:
    return [
        f" has no {kind}.{key}: {advice}"
        for kind, keys in NEEDED.items()
        if kind in receiver
        for key, advice in keys.items()
        if not settings_of(receiver, kind).get(key, "").strip()
    ]


def url_problems(receiver: dict) -> list[str]:
    return [
        f": {kind}.{key} is not a URL that starts with https:// or http:// and names a host"
        for kind, key in URLS.items()
        if key in settings_of(receiver, kind) and not URL.fullmatch(receiver[kind][key])
    ]


def email_problems(receiver: dict) -> list[str]:
    found, email = [], settings_of(receiver, "email")
    if "smarthost" in email and not re.fullmatch(r"\S+:[0-9]+", email["smarthost"]):
        found.append(f": email.smarthost is {email['smarthost']}, not host:port such as smtp.example.com:587")
    if ("auth_username" in email) != ("auth_password" in email):
        found.append(": email.auth_username and email.auth_password belong together: give both or none")
    return found


def webhook_problems(receiver: dict, version: str) -> list[str]:
    found, webhook = [], settings_of(receiver, "webhook")
    if ("username" in webhook) != ("password" in webhook):
        found.append(": webhook.username and webhook.password belong together: give both or none")
    elif "username" in webhook and "token" in webhook:
        found.append(": webhook has a password and a token: give one of them")
    if webhook.get("public_url"):
        if re.search("://[^/]*@", webhook.get("url", "")):
            found.append(
                ": webhook.url holds a password, in a file that everybody on the host can read: leave public_url out"
            )
    elif webhook and version.startswith("0.25."):
        found.append(
            f": Alertmanager {version} takes the URL of a webhook only from a file that everybody on the host can read:"
            " run 0.26.0 or newer, or set webhook.public_url where the URL is no secret"
        )
    return found


# --------------------------------------------------------------------------------------------------------- values


def secrets(s: dict) -> dict[str, str]:
    """The secrets of all receivers by the name of their file."""
    found = {}
    for receiver in s["alertmanager_receivers"]:
        for kind, keys in SECRETS.items():
            values = settings_of(receiver, kind)
            for key in keys:
                if key in values and not (key == "url" and values.get("public_url")):
                    found[f"{receiver['name']}.{kind}.{key}"] = values[key]
    return found


def ca_files(s: dict) -> dict[str, str]:
    """The CA files of all receivers by the name that Alertmanager finds them under."""
    return {
        f"{receiver['name']}.{kind}.ca.crt": settings_of(receiver, kind)["ca_file"]
        for receiver in s["alertmanager_receivers"]
        for kind in ("email", "webhook")
        if "ca_file" in settings_of(receiver, kind)
    }


def values(s: dict, given: str) -> list[dict]:
    """The receivers as alertmanager.yml.j2 reads them; their secrets are files in the directory `given`."""
    found = []
    for receiver in s["alertmanager_receivers"]:
        resolved = receiver.get("send_resolved")
        value = {
            "name": receiver["name"],
            "files": f"{given}/{receiver['name']}",
            "send_resolved": True if resolved is None else resolved,
            **{kind: settings_of(receiver, kind) for kind in NEEDED if kind in receiver},
        }
        if "webhook" in value:
            value["webhook"].update(http_config(s, value["webhook"], f"{value['files']}.webhook"))
        found.append(value)
    return found


def http_config(s: dict, webhook: dict, files: str) -> dict:
    """What a webhook needs beyond alertmanager_global. Alertmanager takes one or the other, so it has both."""
    own = {}
    if "username" in webhook:
        own["basic_auth"] = {"username": webhook["username"], "password_file": f"{files}.password"}
    if "token" in webhook:
        own["authorization"] = {"credentials_file": f"{files}.token"}
    if "ca_file" in webhook:
        own["tls_config"] = {"ca_file": f"{files}.ca.crt"}
    return {"http_config": {**s["alertmanager_global"].get("http_config", {}), **own}} if own else {}
