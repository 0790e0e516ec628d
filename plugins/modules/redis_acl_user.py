#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: redis_acl_user
short_description: Manage one ACL user of one Redis node
version_added: 1.0.0
description:
  - Creates, corrects or removes one ACL user of the Redis node it connects to, and saves the ACL so that a restart of
    Redis keeps it. The nodes of a cluster do not share their users, so run it against every node.
  - The password reaches Redis as its SHA-256 only. The user gets exactly the O(rules) and this one password; any other
    right or password it had is taken away.
  - Needs nothing but Python on the host it runs on.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring.redis
attributes:
  check_mode:
    support: full
    description: Connects, compares and changes nothing.
  diff_mode:
    support: full
    description: Passwords and their hashes never show.
  idempotent:
    support: full
    description:
      - A user that is as wanted, and saved, is not written again.
      - Rules with categories are compared after writing them, because Redis keeps them in an order of its own.
  platform:
    support: full
    platforms: posix
    description: Any host with Python that reaches Redis.
options:
  name:
    description: Name of the user.
    type: str
    required: true
  password:
    description: Password of the user. Required with O(state=present).
    type: str
  rules:
    description:
      - What the user may do, one ACL rule an element, as in C(ACL SETUSER).
      - The default is what redis_exporter needs and no more. It reaches no key.
    type: list
    elements: str
    default:
      - resetkeys
      - resetchannels
      - -@all
      - +ping
      - +info
      - +client|setname
      - +config|get
      - +cluster|info
      - +slowlog|len
      - +slowlog|get
      - +latency|latest
      - +latency|histogram
  persist:
    description:
      - Save the change, by C(ACL SAVE) where Redis has an ACL file and by C(CONFIG REWRITE) where it has none.
      - Where Redis can do neither, the module warns and says so in RV(persisted).
    type: bool
    default: true
  state:
    description: Whether the user shall exist.
    type: str
    choices: [present, absent]
    default: present
  login_user:
    description: User that may manage ACL users.
    type: str
    required: true
seealso:
  - module: community.general.redis
"""

EXAMPLES = r"""
- name: Account of the exporter, with the least rights it can work with
  redisops.monitoring.redis_acl_user:
    name: redis_exporter
    password: "{{ vault_redis_exporter_password }}"
    login_user: admin_user
    login_password: "{{ vault_redis_admin_password }}"
    ca_certs: /etc/redis_exporter/tls/ca.crt
    client_cert_file: /etc/redis_exporter/tls/client.crt
    client_key_file: /etc/redis_exporter/tls/client.key

- name: An account that may also read one family of keys
  redisops.monitoring.redis_acl_user:
    name: report
    password: "{{ vault_report_password }}"
    rules: ["~report:*", resetchannels, "-@all", +get, +mget, +scan]
    login_user: admin_user
    login_password: "{{ vault_redis_admin_password }}"
    ca_certs: /etc/ssl/redis-ca.crt
"""

RETURN = r"""
name:
  description: Name of the user.
  type: str
  returned: always
acl_line:
  description: The command that does the same by hand, with a placeholder for the password's hash.
  type: str
  returned: O(state=present)
persisted:
  description:
    - Where the user is saved. V(aclfile), V(config), V(no) where a restart of Redis loses the change, or V(unknown)
      where nothing was changed and the file cannot be read from here.
  type: str
  returned: success
"""

import hashlib
import typing

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import _redis, _tls

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


class Rights(typing.NamedTuple):
    """What a user may do, from rules or from ACL GETUSER, in a form that can be compared."""

    commands: frozenset
    keys: frozenset
    channels: frozenset
    hashes: frozenset
    enabled: bool = True
    other: tuple = ()  # nopass and selectors

    def shown(self, wanted_hash):
        password = "none" if not self.hashes else "as wanted" if self.hashes == {wanted_hash} else "differs"
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

    def current(self):
        return from_redis(self.client.check("ACL", "GETUSER", self.name))

    def is_wanted(self, found):
        if self.module.params["state"] == "absent":
            return found is None
        return found is not None and self.wanted is not None and found == self.wanted

    def write(self):
        if self.module.params["state"] == "absent":
            return self.client.check("ACL", "DELUSER", self.name)
        try:
            return self.client.call("ACL", "SETUSER", self.name, "reset", "on", "#" + self.digest, *self.rules)
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


def run(module, client):
    user = AclUser(module, client)
    before = user.current()
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


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "rules": {"type": "list", "elements": "str", "default": EXPORTER_RULES},
            "persist": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **_redis.LOGIN_OPTIONS,
        },
        supports_check_mode=True,
    )
    params = module.params
    result = {"name": params["name"]}
    if params["state"] == "present":
        result["acl_line"] = _redis.acl_line(params["name"], params["rules"])
    problem = problem_in(params)
    if problem:
        module.fail_json(msg=problem, name=params["name"])
    target = _redis.login_target(params, admin=True)
    try:
        if target.tls:
            _redis.check_files(target)
        with _redis.Client(target) as client:
            result.update(run(module, client))
    except (_redis.RedisProblem, _tls.FileProblem) as err:
        module.fail_json(msg=str(err), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
