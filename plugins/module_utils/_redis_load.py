# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bounded burst of commands on keys of its own, spread over the slots of one node. Standard library only. Private."""

from __future__ import annotations

import contextlib
import uuid

from ansible_collections.redisops.monitoring.plugins.module_utils import _redis, _redis_advice

SLOTS = 16384
KEYS = 16  # as many slots are written to, evenly spread over those of the node
LIFE = 120000  # milliseconds after which Redis forgets a key whatever happens to us
BATCH = 100  # commands before a short pause, so that the burst is no obstacle to others
RIGHTS = ["-@all", "+ping", "+info", "+set", "+get", "+del", "+cluster|nodes"]


class LoadProblem(Exception):
    """One line."""


def crc16(data):
    """CRC-16/XMODEM, by which Redis Cluster tells the slot of a key."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _bit in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def slot(tag):
    return crc16(tag.encode()) % SLOTS


def own_slots(nodes):
    """Slots of the node that answered CLUSTER NODES; those on the move are left out."""
    for line in nodes.splitlines():
        fields = line.split()
        if len(fields) > 7 and "myself" in fields[2].split(","):
            found = []
            for part in fields[8:]:
                if not part.startswith("["):
                    first, _dash, last = part.partition("-")
                    found.extend(range(int(first), int(last or first) + 1))
            return found
    return []


def tags_for(slots, count=KEYS):
    """Hash tags whose slots are among these, one for each part when they are cut into `count` equal parts."""
    size = max(1, -(-len(slots) // count))
    part_of = {number: index // size for index, number in enumerate(slots)}
    wanted = len(set(part_of.values()))
    tags = {}
    for attempt in range(20 * SLOTS):
        tag = str(attempt)
        part = part_of.get(slot(tag))
        if part is not None:
            tags.setdefault(part, tag)
            if len(tags) == wanted:
                break
    return [tags[part] for part in sorted(tags)]


def fields_of(info):
    return dict(line.split(":", 1) for line in info.splitlines() if ":" in line)


class Burst:
    def __init__(self, target, prefix, commands, seconds, clock):
        self.target = target
        self.prefix = prefix
        self.commands = commands
        self.seconds = seconds
        self.clock = clock
        self.run_id = uuid.uuid4().hex[:12]
        self.skipped = ""
        self.keys = []
        self.touched = set()
        self.slots = self.sent = self.before = self.after = self.removed = 0
        self.duration = 0.0

    def run(self, send=True):
        with _redis.Client(self.target) as client:
            self.prepare(client)
            if self.skipped or not send:
                return
            started = self.clock.monotonic()
            try:
                self.send(client, started)
                self.remove(client)
            except BaseException:
                self.remove_at_last()
                raise
            self.duration = self.clock.monotonic() - started
            self.after = self.counter(client)

    def prepare(self, client):
        info = fields_of(client.check("INFO"))
        self.before = int(info["total_commands_processed"])
        if info.get("role") == "slave":
            self.skipped = "a replica takes no keys"
            return
        if info.get("cluster_enabled") != "1":
            self.keys = ["%s{%d}:%s" % (self.prefix, index, self.run_id) for index in range(KEYS)]
            return
        tags = tags_for(own_slots(client.check("CLUSTER", "NODES")))
        if not tags:
            self.skipped = "a master without slots takes no keys"
            return
        self.keys = ["%s{%s}:%s" % (self.prefix, tag, self.run_id) for tag in tags]
        self.slots = len(tags)

    def counter(self, client):
        # INFO counts itself only after it has answered.
        return int(fields_of(client.check("INFO", "stats"))["total_commands_processed"])

    def send(self, client, started):
        keys = list(self.keys)
        value = self.run_id * 5
        for index in range(self.commands // 2):
            if not keys:
                raise LoadProblem("every slot in use was moved to another node during the burst; run it again")
            if self.clock.monotonic() - started > self.seconds:
                break
            key = keys[index % len(keys)]
            try:
                self.touched.add(key)
                client.call("SET", key, value, "PX", LIFE)
                self.sent += 1
                found = client.call("GET", key)
                self.sent += 1
            except _redis.ReplyError as err:
                if str(err).startswith(("MOVED ", "ASK ", "TRYAGAIN")):
                    keys.remove(key)  # its slot is on the move: the others do
                    continue
                raise self.refused(str(err)) from None
            if found != value:
                raise LoadProblem("Redis at %s: GET does not give what SET has stored" % self.target.url)
            if self.sent % BATCH == 0:
                self.clock.sleep(0.02)

    def refused(self, message):
        """Errors that are about the data, not the account; the rest is known to _redis."""
        code = message.split(" ", 1)[0]
        reasons = {
            "OOM": "its memory is full (OOM)",
            "CLUSTERDOWN": "the cluster does not serve (CLUSTERDOWN)",
            "READONLY": "it became a replica (READONLY)",
            "MISCONF": "it cannot save to disk and refuses writes (MISCONF)",
            "NOREPLICAS": "it has too few replicas and refuses writes (NOREPLICAS)",
        }
        if code in reasons:
            return LoadProblem("Redis at %s refuses SET: %s" % (self.target.url, reasons[code]))
        return _redis.from_reply(self.target, message)

    def remove(self, client):
        for key in sorted(self.touched):
            try:
                self.removed += client.call("DEL", key)
                self.sent += 1
            except _redis.ReplyError as err:
                if not str(err).startswith(("MOVED ", "ASK ", "TRYAGAIN")):
                    raise self.refused(str(err)) from None
            self.touched.discard(key)

    def remove_at_last(self):
        """After an error, with a connection of its own; where that fails too, the keys run out by themselves."""
        with contextlib.suppress(Exception), _redis.Client(self.target) as client:
            self.remove(client)

    def explain(self, err):
        """The problem and its fix, one line."""
        if not isinstance(err, _redis.RedisProblem):
            return str(err)
        if err.cause in ("wrongpass", "noperm", "auth_required"):
            rules = ["resetkeys", "~%s*" % self.prefix, "resetchannels"] + RIGHTS
            return "%s; the account needs: %s" % (err, _redis.acl_line(self.target.user, rules))
        return _redis_advice.explain(err)

    def result(self, state="", found=""):
        return {
            "state": state or ("skipped" if self.skipped else "sent"),
            "found": found or self.skipped,
            "sent": self.sent,
            "before": self.before,
            "after": self.after,
            "keys": len(self.keys),
            "slots": self.slots,
            "removed": self.removed,
            "duration": round(self.duration, 3),
        }
