# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One ACL user of one Redis node: compared, written and saved. Private."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.redisops.monitoring.plugins.module_utils import _redis

if t.TYPE_CHECKING:  # pragma: no cover
    from ansible.module_utils.basic import AnsibleModule

EXPORTER_RULES = [
    "resetkeys",
    "resetchannels",
    "-@all",
    "+ping",
    "+info",
    "+client|setname",
    "+config|get",
    "+cluster|info",
    "+slowlog|len",
    "+slowlog|get",
    "+latency|latest",
    "+latency|histogram",
]
ALIASES = {"allcommands": "+@all", "nocommands": "-@all", "allkeys": "~*", "allchannels": "&*"}


class Rights(t.NamedTuple):
    """What a user may do, from rules or from ACL GETUSER, in a form that can be compared."""

    commands: frozenset
    keys: frozenset
    channels: frozenset
    hashes: frozenset
    enabled: bool = True
    other: tuple = ()  # nopass and selectors

    def shown(self, wanted_hash):
        password = "none" if not self.hashes else "as wanted" if wanted_hash in self.hashes else "differs"
        if len(self.hashes) > 1:
            password += ", and others"
        return {
            "enabled": self.enabled,
            "password": password,
            "commands": sorted(self.commands),
            "keys": sorted(self.keys),
            "channels": sorted(self.channels),
            "other": list(self.other),
        }


def from_rules(rules, digest):
    """Rights that the rules lead to, or None where only Redis itself can tell."""
    commands, keys, channels = ["-@all"], set(), set()
    for rule in rules:
        rule = ALIASES.get(rule.lower(), rule)
        if rule in ("+@all", "-@all"):
            commands = [rule]
        elif rule[:2] in ("+@", "-@"):
            return None
        elif rule[:1] in "+-":
            name = rule[1:].lower()
            commands = [known for known in commands if known[1:] != name] + [rule[0] + name]
        elif rule[:1] in "~%":
            keys.add(rule)
        elif rule[:1] == "&":
            channels.add(rule)
        elif rule.lower() == "resetkeys":
            keys.clear()
        elif rule.lower() == "resetchannels":
            channels.clear()
        else:
            return None
    return Rights(frozenset(commands), frozenset(keys), frozenset(channels), frozenset([digest]))


def from_redis(reply):
    """Rights of an ACL GETUSER reply; None for a user that does not exist."""
    if reply is None:
        return None
    fields = dict(zip(reply[::2], reply[1::2]))
    flags = fields.get("flags", [])
    return Rights(
        commands=frozenset(fields.get("commands", "").lower().split()),
        keys=_patterns(fields.get("keys"), "~"),
        channels=_patterns(fields.get("channels"), "&"),
        hashes=frozenset(fields.get("passwords", [])),
        enabled="on" in flags,
        other=("nopass",) * ("nopass" in flags) + ("selector",) * bool(fields.get("selectors")),
    )


def _patterns(value, sign):
    # Redis 6 answers with a list of bare patterns, Redis 7 with one line of rules.
    words = value.split() if isinstance(value, str) else value or []
    return frozenset(word if word[:1] in "~%&" else sign + word for word in words)


def problem_in(params):
    if params["name"] in ("default", params["login_user"]):
        return "%s: this user cannot be managed through itself or replaced; choose another name" % params["name"]
    if params["state"] == "present" and not params["password"]:
        return "%s: password is missing or empty; set it" % params["name"]
    for rule in params["rules"]:
        if rule.lower() in ("nopass", "resetpass", "reset", "on", "off") or rule[:1] in (">", "<", "#", "!"):
            # Such a rule may hold a password, so it is not shown.
            return "%s: rules hold no password and no state; use the options password and state" % params["name"]
        if not rule or any(char.isspace() for char in rule) and rule[:1] != "(":
            return "%s: one rule an element, without blanks: %r is none" % (params["name"], rule)
    return None


class AclUser:
    def __init__(self, module, client):
        self.module = module
        self.client = client
        self.name = module.params["name"]
        self.rules = module.params["rules"]
        self.digest = hashlib.sha256((module.params["password"] or "").encode("utf-8")).hexdigest()
        self.wanted = from_rules(self.rules, self.digest) if module.params["state"] == "present" else None
        self.kept = frozenset()  # hashes of further passwords

    def current(self):
        return from_redis(self.client.check("ACL", "GETUSER", self.name))

    def keep(self, found):
        """Leave the passwords that the user has."""
        self.kept = found.hashes - {self.digest} if found else frozenset()
        if self.wanted:
            self.wanted = self.wanted._replace(hashes=self.wanted.hashes | self.kept)

    def is_wanted(self, found):
        if self.module.params["state"] == "absent":
            return found is None
        return found is not None and self.wanted is not None and found == self.wanted

    def write(self):
        if self.module.params["state"] == "absent":
            return self.client.check("ACL", "DELUSER", self.name)
        try:
            hashes = ["#" + one for one in (self.digest, *sorted(self.kept))]
            return self.client.call("ACL", "SETUSER", self.name, "reset", "on", *hashes, *self.rules)
        except _redis.ReplyError as err:
            text = str(err)
            if text.startswith("ERR Error in ACL SETUSER modifier"):
                self.module.fail_json(
                    msg="Redis at %s does not take an ACL rule (%s); correct rules, nothing was changed"
                    % (self.client.target.url, text.split("modifier ", 1)[1].replace(self.digest, "..."))
                )
            raise _redis.from_reply(self.client.target, text) from None

    def saved(self, rights):
        """Where these rights are saved; None where it is not, unknown where the file cannot be read from here."""
        aclfile = self._setting("aclfile")
        path = aclfile
        if not aclfile:
            info = self.client.check("INFO", "server")
            path = dict(line.split(":", 1) for line in info.split("\r\n") if ":" in line).get("config_file")
            if not path:
                return "no"
        try:
            with open(path, encoding="utf-8") as handle:
                lines = [line.split() for line in handle]
        except (OSError, ValueError):
            return "unknown"
        line = next((words for words in lines if words[:2] == ["user", self.name]), None)
        where = "aclfile" if aclfile else "config"
        if self.module.params["state"] == "absent":
            return where if line is None else None
        needed = {"on", "#" + self.digest} | rights.commands
        return where if line is not None and needed <= set(line) else None

    def save(self):
        why = ""
        for where, command in (("aclfile", ("ACL", "SAVE")), ("config", ("CONFIG", "REWRITE"))):
            try:
                self.client.call(*command)
                return where
            except _redis.ReplyError as err:
                why = str(err)
        self.lost(why)
        return "no"

    def lost(self, why):
        self.module.warn(
            "Redis at %s cannot save the ACL user %s (%s): its next restart loses it; give Redis an aclfile, or add "
            "the user to its configuration" % (self.client.target.url, self.name, why)
        )

    def _setting(self, name):
        try:
            return dict([self.client.call("CONFIG", "GET", name)]).get(name, "")
        except (_redis.ReplyError, ValueError):
            return ""


def run(module: AnsibleModule, client: _redis.Client) -> dict[str, t.Any]:
    user = AclUser(module, client)
    before = user.current()
    if module.params["keep_passwords"]:
        user.keep(before)
    result = {"changed": not user.is_wanted(before), "persisted": "unknown"}
    after = before
    if result["changed"] and module.check_mode:
        after = user.wanted
    elif result["changed"]:
        user.write()
        after = user.current()
        result["changed"] = after != before
    if module.params["persist"]:
        saved = None if result["changed"] else user.saved(after)
        if saved is None and module.check_mode:
            result["changed"] = True
            saved = "unknown"
        elif saved is None:
            saved = user.save()
            # An earlier run may have ended between the change and the saving.
            result["changed"] = result["changed"] or saved != "no"
        elif saved == "no":
            user.lost("it has neither aclfile nor configuration file")
        result["persisted"] = saved
    digest = user.digest
    result["diff"] = {
        "before": before.shown(digest) if before else {},
        "after": after.shown(digest) if after else {},
        "before_header": "ACL user %s" % user.name,
        "after_header": "ACL user %s" % user.name,
    }
    return result
