# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One dashboard: what is stored, who stored it, and what to do about it. Private."""

from __future__ import annotations

import re

from . import client as grafana
from . import model
from .folders import Folders
from .module import check_uid, connect
from .source import Source

ROOT_TITLES = ("General", "")
HISTORY = 10  # versions to look through; each comes with its whole content
SHOWN_EDITS = 5
# 13 says 409 and all before it 412; what was made in the meantime can be a 400 too.
CONFLICTS = (400, 409, 412)


class Dashboard:
    KIND = "Dashboard"

    def __init__(self, module):
        self.module, self.params = module, module.params
        self.client = connect(module)
        self.folders = Folders(self.client, module.check_mode)
        self.result = {"changed": False}

    # -- what is there

    def set_uid(self, uid):
        if not uid:
            raise grafana.GrafanaError("the dashboard has no uid of its own: give one")
        self.uid = str(uid)
        check_uid(self.uid)
        self.result["uid"] = self.uid
        self.path = "/api/dashboards/uid/" + self.uid

    def read(self):
        found = self.client.request("GET", self.path, accept=(406,))
        if isinstance(found, grafana.Answer):
            found = self.read_v2(found)
        if found is not None and not isinstance(found.get("dashboard"), dict):
            raise self.client.error("answers without a dashboard: is this the base URL of Grafana?")
        if found is not None:
            found.setdefault("meta", {})
        return found

    def read_v2(self, refusal):
        """Some versions from 12.1 on do not give a dashboard of schema v2 here, and name the place where they do."""
        place = re.search(r"/apis/dashboard\.grafana\.app/[^/\s]+(/namespaces/[^/\s]+/dashboards/)", refusal.message)
        if not place:
            self.client.judge(refusal)
        path = "/apis/dashboard.grafana.app/v1beta1%s%s" % (place.group(1), self.uid)
        resource = self.client.get(path)
        return resource and model.from_resource(resource, self.uid)

    def look(self):
        """The dashboard there is. Never the one of another organisation."""
        current = self.read()
        if current and current["meta"].get("isFolder"):  # before Grafana 11 they are one kind of thing
            raise self.client.error("this uid belongs to a folder: take another one")
        # Servers that say this much refuse a token for another organisation by themselves.
        if current is None or "apiVersion" not in current["meta"]:
            self.client.check_org()
        return current

    def describe(self, current):
        meta = current["meta"]
        self.result["version"] = current["dashboard"].get("version", meta.get("version"))
        if meta.get("url"):
            self.result["dashboard_url"] = self.link(meta["url"])

    def link(self, path):
        """The path in an answer already holds a sub-path that Grafana is served below."""
        base = re.match(r"https?://[^/]+", self.client.url).group()
        prefix = self.client.url[len(base) :]
        return base + (path if path.startswith(prefix + "/") else prefix + path)

    # -- the folder

    def wanted_folder(self, meta):
        """Its UID, None when it is missing. Looks as little as possible: most often it is where it should be."""
        uid, title = self.params["folder_uid"], self.params["folder"]
        now = meta.get("folderUid") or "" if meta else None
        if uid is None and title is None:
            return now or ""
        if uid is not None:
            if uid in ("", "general"):
                return ""
            check_uid(uid, "folder_uid")
            return uid if uid == now or self.folders.read(uid) else None
        titles = self.titles()
        if not titles:
            return ""
        if now and meta.get("folderTitle") == titles[-1] and self.folders.is_at(now, titles):
            return now
        found, missing = self.folders.find(titles)
        return None if missing else found

    def titles(self):
        title = self.params["folder"] or ""
        if title in ROOT_TITLES:
            return []
        titles = [part.strip() for part in title.split("/")]
        if not all(titles):
            raise grafana.GrafanaError("folder %r has an empty level" % title)
        return titles

    def make_folder(self):
        uid, titles = self.params["folder_uid"], self.titles() or [self.params["folder_uid"]]
        if not uid:
            return self.folders.make(*self.folders.find(titles))
        parent, missing = self.folders.find(titles[:-1])
        return self.folders.make(parent, missing + titles[-1:], uid)

    # -- drift

    def history(self, version):
        """The newest versions, the newest first; None where this server or user cannot tell."""
        if version == 1:  # the list calls every first version "Initial save"; the version itself keeps its message
            answer = self.client.ask("GET", self.path + "/versions/1")
            found = [answer.data]
        else:
            answer = self.client.ask("GET", "%s/versions?limit=%d" % (self.path, HISTORY))
            found = answer.data.get("versions") if isinstance(answer.data, dict) else answer.data
        if answer.status != 200 or not isinstance(found, list):
            return None
        found = [entry for entry in found if isinstance(entry, dict) and isinstance(entry.get("version"), int)]
        return sorted(found, key=lambda entry: -entry["version"])

    def last_stored(self, there, version=None):
        """(the newest version that is ours, its digest, is there a history), looking back from this version."""
        version = version or there.get("version")
        history = self.history(version)
        for entry in history or []:
            digest = model.marked_digest(entry, there if entry["version"] == there.get("version") else None)
            if digest:
                return entry, digest, True
        if version != 1 and history and history[-1]["version"] == 1:
            return self.last_stored(there, 1)
        return None, None, history is not None

    def classify(self, there, wanted):
        """(kind, differences) of what is stored: a kind of RETURN, or "ours" when nobody else has stored anything."""
        same = model.equal(model.bare(there), wanted)  # so it is the folder that differs
        stored, digest, known = self.last_stored(there)
        if not stored and not known and there.get("version") == 1:
            return "ours", []
        before = stored["data"] if stored and isinstance(stored.get("data"), dict) else wanted
        found = list(model.differences(model.bare(before), model.bare(there)))
        if stored and (stored["version"] == there.get("version") or not found and not same):
            return ("migrated" if not same and digest == model.digest(wanted) else "ours"), []
        if same:
            return "moved", []
        if not stored and known:
            return "foreign", found
        return ("edited" if there.get("schemaVersion") == before.get("schemaVersion") else "saved_from_ui"), found

    def describe_drift(self, current, kind, found):
        """What happened, in the result and in words."""
        meta, there = current["meta"], current["dashboard"]
        by, at = meta.get("updatedBy") or "somebody", meta.get("updated") or "unknown time"
        version = there.get("version")
        places = [path for path, _before, _after in found]
        self.result["drift"] = {"kind": kind, "by": by, "at": at, "version": version, "edits": places}
        shown = ", ".join(places[:SHOWN_EDITS])
        shown += " and %d more" % (len(places) - SHOWN_EDITS) if places[SHOWN_EDITS:] else ""
        who, schema = "by %s at %s (version %s)" % (by, at, version), there.get("schemaVersion")
        return {
            "edited": "edited by hand %s: %s" % (who, shown),
            "moved": "moved %s to the folder %r" % (who, meta.get("folderTitle") or "General"),
            "foreign": "stored %s and never by this module, differs in %s" % (who, shown),
            "saved_from_ui": "saved from the UI %s, which stored it in schema %s" % (who, schema),
            "migrated": "stored by Grafana in the form of schema %s, nothing edited" % schema,
        }[kind]

    # -- making it so

    def present(self):
        source = Source(self.module)
        document, origin = source.load()
        if self.params["sha256"]:
            model.check_pin(document, self.params["sha256"], origin)
        self.result["sha256"] = model.canonical_sha256(document)
        dashboard = model.unwrap(document, origin)
        self.set_uid(self.params["uid"] or dashboard.get("uid"))
        wanted = model.prepare(dashboard, self.uid, self.params["inputs"], self.params["overrides"], source.tag)
        if dashboard.get("__elements"):
            self.module.warn("%s comes with library panels, which are not stored: make them first" % origin)
        current = self.look()
        if current is None:
            self.store(None, wanted, self.wanted_folder(None))
            return
        self.describe(current)
        there, now = current["dashboard"], current["meta"].get("folderUid") or ""
        folder = self.wanted_folder(current["meta"])
        in_place = folder == now
        self.result["folder_uid"] = now
        if in_place and model.equal(model.bare(there), wanted):
            return
        kind, found = self.classify(there, wanted)
        if kind != "ours":
            self.result["msg"] = self.describe_drift(current, kind, found)
        if kind == "migrated" and in_place:
            return
        if kind not in ("ours", "migrated"):
            if self.params["on_drift"] == "fail":
                self.result["diff"] = self.diff(there, wanted)
                raise grafana.GrafanaError(self.result["msg"] + ". Kept as it is, because of on_drift")
            if self.params["on_drift"] == "keep":
                self.module.warn("Dashboard %s: %s. Kept as it is" % (self.uid, self.result["msg"]))
                return
            self.result["msg"] += "; replaced" if kind == "foreign" else "; put back"
        self.store(current, wanted, folder)

    @staticmethod
    def diff(there, wanted):
        return model.as_diff(model.differences(model.bare(there), wanted))

    def store(self, current, wanted, folder):
        if current and current["meta"].get("provisioned"):
            raise self.client.error("this dashboard is provisioned from a file: change that file")
        title = self.params["folder"] or self.params["folder_uid"] or folder
        if folder is None:
            folder = self.make_folder()
        if current:
            diff = self.diff(current["dashboard"], wanted)
            if folder != (current["meta"].get("folderUid") or ""):
                diff["before"]["folder"] = current["meta"].get("folderTitle") or "General"
                diff["after"]["folder"] = title or "General"
        else:
            diff = {"before": {}, "after": model.summary(wanted, title or "General")}
        self.result.update(diff=diff, folder_uid=folder)
        self.result["changed"] = self.module.check_mode or self.write(current, wanted, folder)

    def write(self, current, wanted, folder):
        """Whether it was this run that stored it."""
        version = current["dashboard"].get("version") or 0 if current else 0
        lost = []

        def find_created():
            lost.append(True)
            return self.stored_as_wanted(wanted, folder)

        body = {"dashboard": dict(wanted, id=None, version=version), "folderUid": folder, "overwrite": False}
        body["message"] = model.mark(self.params["commit_message"], wanted, version + 1)
        answer, ours = self.client.create("/api/dashboards/db", body, find_created, accept=CONFLICTS), True
        if isinstance(answer, grafana.Answer):
            answer, ours = self.resolve_conflict(answer, body, wanted, folder)
        if answer.get("uid") != self.uid:
            raise self.client.error("stored it under the uid %s: look what is there" % answer.get("uid"))
        self.result["version"] = answer.get("version")
        self.result["dashboard_url"] = self.link(answer.get("url") or "/d/" + self.uid)
        return ours or bool(lost)

    def stored_as_wanted(self, wanted, folder):
        """Like the answer to a write, when what is there is what a write would bring about."""
        found = self.read()
        if not found or (found["meta"].get("folderUid") or "") != folder:
            return None
        version = found["dashboard"].get("version")
        if not model.equal(model.bare(found["dashboard"]), wanted):
            stored, digest, _known = self.last_stored(found["dashboard"])  # a server may store another form of the same
            if not stored or stored["version"] != version or digest != model.digest(wanted):
                return None
        return {"uid": self.uid, "version": version, "url": found["meta"].get("url")}

    def resolve_conflict(self, refusal, body, wanted, folder):
        """(answer, did we store it) after a refusal: somebody else was faster, or has the title."""
        if refusal.status == 400 and "already exists" not in refusal.message:
            self.client.judge(refusal)
        status = refusal.data.get("status") if isinstance(refusal.data, dict) else None
        if status == "name-exists":
            self.free_title(wanted, folder)
        else:
            there = self.stored_as_wanted(wanted, folder)
            if there:  # another run stored the same, or our own answer was lost
                return there, False
            found = self.read() or {"meta": {}, "dashboard": {}}
            if not self.params["overwrite"]:
                version, by = found["dashboard"].get("version") or 0, found["meta"].get("updatedBy") or "nobody"
                raise self.client.error(
                    "refuses version %d of this dashboard, because version %s is there, stored by %s (%s): run again,"
                    " or set overwrite"
                    % (body["dashboard"]["version"] + 1, version, by, refusal.message or "status %d" % refusal.status)
                )
            body = dict(body, overwrite=True)
            body["message"] = model.mark(
                self.params["commit_message"], wanted, (found["dashboard"].get("version") or 0) + 1
            )
        again = self.client.create(
            "/api/dashboards/db", body, lambda: self.stored_as_wanted(wanted, folder), accept=CONFLICTS
        )
        if isinstance(again, grafana.Answer):
            raise self.client.error("refuses to store it (status %d): %s" % (again.status, again.message))
        return again, True

    def free_title(self, wanted, folder):
        """Before Grafana 11 a folder takes a title once. Its own overwrite would leave our UID without a dashboard."""
        query = "/api/search?type=dash-db&query=" + grafana.quote(wanted["title"])
        for other in self.client.get(query) or []:
            same_place = other.get("title") == wanted["title"] and (other.get("folderUid") or "") == folder
            if not same_place or other.get("uid") == self.uid:
                continue
            if not self.params["overwrite"]:
                raise self.client.error(
                    "its folder holds another dashboard titled %r (uid %s), and this version takes a title once:"
                    " rename or remove that one, or set overwrite to replace it" % (wanted["title"], other["uid"])
                )
            self.client.request("DELETE", "/api/dashboards/uid/" + grafana.quote(other["uid"]))

    def absent(self):
        self.set_uid(self.params["uid"])
        current = self.look()
        if current is None:
            return
        if current["meta"].get("provisioned"):
            raise self.client.error("this dashboard is provisioned from a file: remove it there")
        before = model.summary(current["dashboard"], current["meta"].get("folderTitle") or "General")
        self.result["diff"] = {"before": before, "after": {}}
        if not self.module.check_mode:
            self.client.request("DELETE", self.path)
        self.result["changed"] = True
