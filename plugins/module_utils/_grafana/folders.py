# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds folders, and makes them. Private."""

from __future__ import annotations

import hashlib
import re

from . import client as grafana


class Folders:
    """Finds folders, and makes them. Titles are unique on some versions of Grafana only, UIDs on all."""

    def __init__(self, client, check_mode):
        self.client, self.check_mode = client, check_mode

    def read(self, uid):
        return self.client.get("/api/folders/" + grafana.quote(uid))

    def children(self, parent):
        found, page = [], 1
        while True:
            query = "?limit=1000&page=%d" % page + ("&parentUid=" + grafana.quote(parent) if parent else "")
            batch = self.client.get("/api/folders" + query) or []
            found += batch
            if len(batch) < 1000:
                break
            page += 1
        if parent and any(one["uid"] == parent for one in found):
            return []  # a server without nesting ignores the question and lists the root
        return found

    def is_at(self, uid, titles):
        """Whether this folder lies under these titles."""
        folder = self.read(uid)
        return bool(folder) and [one["title"] for one in folder.get("parents") or []] + [folder["title"]] == titles

    def find(self, titles):
        """(uid of the deepest folder there is, titles that are missing below it)"""
        parent = ""
        for depth, title in enumerate(titles):
            matches = [one["uid"] for one in self.children(parent) if one["title"] == title]
            if len(matches) > 1:
                raise self.client.error(
                    "%d folders have the title %r (uid %s): say which by folder_uid"
                    % (len(matches), title, ", ".join(sorted(matches)))
                )
            if not matches:
                return parent, titles[depth:]
            parent = matches[0]
        return parent, []

    def make(self, parent, titles, uid=None):
        """The folders that are missing, the last one with `uid`. Its UID; in check mode the one it would have."""
        if not titles:  # another run has made it since the first look
            return parent
        if parent or len(titles) > 1:
            self.check_nesting(titles)
        for depth, title in enumerate(titles):
            last = depth == len(titles) - 1
            wanted = uid if uid and last else self.uid_for(parent, title)
            parent = wanted if self.check_mode else self.create(wanted, title, parent, bool(uid and last))
        return parent

    @staticmethod
    def uid_for(parent, title):
        """The same every time, so that two runs at once make one folder and a lost answer does not make two."""
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:30]
        return "-".join(
            part for part in (slug, hashlib.sha256((parent + "/" + title).encode()).hexdigest()[:8]) if part
        )

    def check_nesting(self, titles):
        version = str((self.client.get("/api/health") or {}).get("version") or "")
        major = re.match(r"[0-9]+", version)
        if major and int(major.group()) < 10:
            raise self.client.error(
                "Grafana %s has no folders inside of folders: %r needs 11" % (version, "/".join(titles))
            )

    def create(self, uid, title, parent, only_this_uid):
        body = {"uid": uid, "title": title}
        if parent:
            body["parentUid"] = parent
        answer = self.client.create("/api/folders", body, lambda: self.read(uid), accept=(400, 409, 412, 422))
        if isinstance(answer, grafana.Answer):
            return self.adopt(uid, title, parent, answer, only_this_uid)
        if parent and answer.get("parentUid") != parent:
            self.client.request("DELETE", "/api/folders/" + uid)
            raise self.client.error(
                "this server has no folders inside of folders, or has them switched off: %r" % title
            )
        return answer["uid"]

    def adopt(self, uid, title, parent, answer, only_this_uid):
        """Grafana did not make it. Fine if somebody else just did."""
        folder = self.read(uid)
        if folder and folder["title"] == title:
            return uid
        if folder:
            raise self.client.error(
                "folder %r cannot be made: its uid %s belongs to a folder now titled %r; give folder_uid"
                % (title, uid, folder["title"])
            )
        matches = [one["uid"] for one in self.children(parent) if one["title"] == title]
        if len(matches) == 1 and not only_this_uid:
            return matches[0]
        hint = " (uid %s)" % matches[0] if matches else ""
        raise self.client.error("folder %r cannot be made: %s%s" % (title, answer.message, hint))
