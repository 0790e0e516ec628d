#!/usr/bin/python
# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: grafana_dashboard
short_description: Manage one dashboard of Grafana
version_added: 1.0.0
description:
  - Stores a dashboard from grafana.com or a mirror of it, from a file, a URL or the task itself, under a UID of your
    own, in a folder that is made when it is missing. Or removes one.
  - Inputs of exported dashboards, such as C(${DS_PROMETHEUS}), get their values on the way.
  - An unchanged dashboard costs one request, or two when its O(folder) is given by title. Loading from grafana.com or a
    URL is one more, to that server.
  - What the module stores it marks in the message of the version, as in C(Stored by Ansible [redisops 0123456789abcdef
    v3]). With that it tells a dashboard that somebody changed by hand from one whose source has changed, and from one
    that Grafana has rewritten in the form of a newer schema.
author: redisops.monitoring contributors (@redisops)
extends_documentation_fragment:
  - redisops.monitoring.grafana
attributes:
  check_mode:
    support: full
    description: Sends nothing that could change Grafana.
  diff_mode:
    support: full
    description: Shows the places that differ, with panels, queries and variables by name.
  idempotent:
    support: full
    description: Also after Grafana has migrated the dashboard to a newer schema.
  platform:
    support: full
    description: Runs on any host that reaches Grafana.
    platforms: posix
  action_group:
    support: full
    description: Connection options can be given once in C(module_defaults).
    membership: [redisops.monitoring.grafana]
options:
  uid:
    description:
      - UID of the dashboard, 1 to 40 of the characters a-z, A-Z, 0-9, - and _. The one in the dashboard itself unless
        this is set. Dashboards on grafana.com often share a UID, so give them one of your own.
      - Required with O(state=absent).
    type: str
  gnet_id:
    description: Number of a dashboard on grafana.com. Needs O(revision).
    type: int
  revision:
    description: Revision of O(gnet_id). There is no latest, because what is not pinned changes by itself.
    type: int
  path:
    description: JSON file on the host that the module runs on.
    type: path
  dashboard_url:
    description: URL of a JSON file. Its certificate is checked against O(source_ca_path).
    type: str
  definition:
    description:
      - The dashboard itself.
      - Ansible takes a legend such as C({{ instance }}) for a template of its own. Dashboards that have any are better
        given by O(path), or read with P(ansible.builtin.file#lookup).
    type: dict
  sha256:
    description:
      - Digest that the loaded dashboard has to have, of its canonical form. That is JSON with sorted keys, without
        white space and with other characters than ASCII escaped. RV(sha256) gives it.
    type: str
  mirror_url:
    description:
      - Server to take O(gnet_id) from. The file lies where it does on grafana.com,
        at C(api/dashboards/<id>/revisions/<revision>/download) below this.
    type: str
    default: https://grafana.com
  source_ca_path:
    description: File with the CA certificates for O(mirror_url) and O(dashboard_url). Those of the system without it.
    type: path
  inputs:
    description:
      - Values for the inputs that the dashboard declares in C(__inputs), by name. For a data source that is its UID.
        Constants have a default.
      - C(${NAME}) is replaced in every string. C($NAME), which is a template variable, is left alone, and so is the
        definition of a template variable of that name.
      - Inputs that the dashboard does not have are ignored, so one set can serve many.
    type: dict
    default: {}
  overrides:
    description:
      - Top-level keys of the dashboard to replace after loading, for instance its C(title), C(time) or C(refresh).
    type: dict
    default: {}
  folder:
    description:
      - Title of the folder. Made when it is missing. A slash separates levels, which needs Grafana 11 or newer, or 10
        with nested folders switched on. V(General) is the root.
      - Without this and O(folder_uid) the dashboard stays where it is, and a new one lands in the root.
    type: str
  folder_uid:
    description:
      - UID of the folder. Made when it is missing, with the title in O(folder), or its UID for a title.
    type: str
  commit_message:
    description: Message of the version, in the history of the dashboard.
    type: str
  overwrite:
    description:
      - What to do when Grafana says no because somebody else stored another version at the same moment, or, before
        Grafana 11, because another dashboard in the folder has the same title. The default is to fail.
      - V(true) stores it all the same. The other dashboard with the same title is deleted then.
    type: bool
    default: false
  on_drift:
    description:
      - What to do when somebody changed or moved the dashboard by hand since the module stored it, or when one under
        this UID was never stored by the module.
      - V(restore) puts it back, V(keep) leaves it and warns, V(fail) fails. All of them name the changes.
      - That somebody saved it in the web interface without an edit is no drift, though Grafana then stores another,
        migrated form, in Grafana 13 one of schema v2. Where old panel types are migrated on the way, an option that was
        only switched on or off can pass for a part of the migration.
    type: str
    choices: [restore, keep, fail]
    default: restore
  state:
    description: Whether the dashboard shall exist. Folders are never removed.
    type: str
    choices: [present, absent]
    default: present
seealso:
  - module: redisops.monitoring.grafana_datasource
"""

EXAMPLES = r"""
- name: Dashboard 11835 of grafana.com, pinned by revision and content
  redisops.monitoring.grafana_dashboard:
    url: https://grafana.example.com:3000
    token: "{{ grafana_token }}"
    uid: redis-11835
    gnet_id: 11835
    revision: 1
    sha256: 9ad90c516c051b5592296a587f217994a9e8d6aee3e4c78ec990075c1d3e3d45
    inputs:
      DS_PROMETHEUS: prometheus  # UID of the data source
    overrides:
      time: {from: now-1h, to: now}
    folder: Redis

- name: The same from a mirror, for hosts without internet
  redisops.monitoring.grafana_dashboard:
    url: https://grafana.example.com:3000
    token: "{{ grafana_token }}"
    uid: redis-11835
    gnet_id: 11835
    revision: 1
    mirror_url: https://mirror.example.com
    inputs:
      DS_PROMETHEUS: prometheus
    folder: Redis/Imported

- name: From a file, and never over somebody's edits
  redisops.monitoring.grafana_dashboard:
    url: https://grafana.example.com:3000
    token: "{{ grafana_token }}"
    path: /etc/grafana/dashboards/redis-cluster.json
    folder_uid: redis
    folder: Redis
    commit_message: "Release {{ release }}"
    on_drift: fail

- name: No test dashboard
  redisops.monitoring.grafana_dashboard:
    url: https://grafana.example.com:3000
    token: "{{ grafana_token }}"
    uid: test
    state: absent
"""

RETURN = r"""
uid:
  description: UID of the dashboard.
  returned: when it is known
  type: str
  sample: redis-11835
dashboard_url:
  description: Where to look at it.
  returned: when it exists
  type: str
  sample: https://grafana.example.com:3000/d/redis-11835/redis
version:
  description: Its version, as Grafana counts.
  returned: when it exists
  type: int
  sample: 3
folder_uid:
  description: UID of its folder, empty for the root.
  returned: when O(state=present)
  type: str
  sample: redis-1f3870
sha256:
  description: Digest of the source in canonical form, for O(sha256).
  returned: when O(state=present)
  type: str
  sample: 9ad90c516c051b5592296a587f217994a9e8d6aee3e4c78ec990075c1d3e3d45
drift:
  description: What happened to it since the module stored it.
  returned: when something did
  type: dict
  contains:
    kind:
      description:
        - V(edited) by hand, V(moved) to another folder, or V(foreign) when it was never stored by the module.
        - V(saved_from_ui) when somebody saved it without an edit, and V(migrated) when Grafana itself rewrote it in the
          form of a newer schema. These two are no change.
      type: str
    by:
      description: Who stored the present version, as far as Grafana tells.
      type: str
    at:
      description: When.
      type: str
    version:
      description: The present version.
      type: int
    edits:
      description: The places that differ.
      type: list
      elements: str
  sample: {kind: edited, by: alice, at: "2026-11-23T22:44:27Z", version: 4, edits: ["panels[Uptime].title"]}
msg:
  description: What was found, in words.
  returned: when there is something to say
  type: str
  sample: saved from the UI by alice, nothing edited
"""

import hashlib
import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.redisops.monitoring.plugins.module_utils import _grafana as grafana
from ansible_collections.redisops.monitoring.plugins.module_utils import _grafana_dashboard as model

ROOT_TITLES = ("General", "")
HISTORY = 10  # versions to look through; each comes with its whole content
SHOWN_EDITS = 5
# 13 says 409 and all before it 412; what was made in the meantime can be a 400 too.
CONFLICTS = (400, 409, 412)


class Source:
    """Where the dashboard comes from."""

    def __init__(self, module):
        self.params = module.params
        for option in ("dashboard_url", "mirror_url"):
            grafana.refuse_credentials(module, option)
        self.tag = None

    def load(self):
        """(the document as it came, what to call it in errors)"""
        params = self.params
        if params["definition"] is not None:
            return params["definition"], "definition"
        if params["path"]:
            return model.parse(self.read_file(params["path"]), params["path"]), params["path"]
        if params["dashboard_url"]:
            return self.download(params["dashboard_url"], params["dashboard_url"])
        number, revision = params["gnet_id"], params["revision"]
        self.tag = "gnet:%d:%d" % (number, revision)
        base = params["mirror_url"].rstrip("/")
        url = "%s/api/dashboards/%d/revisions/%d/download" % (base, number, revision)
        return self.download(url, "revision %d of dashboard %d at %s" % (revision, number, base))

    @staticmethod
    def read_file(path):
        try:
            with open(path, encoding="utf-8-sig") as handle:
                return handle.read()
        except (OSError, UnicodeDecodeError) as exc:
            reason = getattr(exc, "strerror", None) or "it is not UTF-8 text"
            raise grafana.GrafanaError("path %s cannot be read: %s" % (path, reason)) from exc

    def download(self, url, origin):
        def exchange():
            return grafana.fetch(
                "GET", url, self.params["timeout"], ca_path=self.params["source_ca_path"], follow_redirects="safe"
            )

        if not re.match(r"https?://", url):
            raise grafana.GrafanaError("%r is not an http or https URL" % url)
        try:
            answer = grafana.with_tries(exchange, lambda _answer, trouble: not (trouble and trouble.final))
        except grafana.Trouble as exc:
            cure = "" if self.params["dashboard_url"] else ". Without internet use mirror_url or path"
            raise grafana.GrafanaError("%s cannot be loaded: %s%s" % (origin, exc, cure)) from exc
        if answer.status == 404:
            raise grafana.GrafanaError("there is no %s (status 404)" % origin)
        if answer.status != 200:
            raise grafana.GrafanaError("%s cannot be loaded: status %d" % (origin, answer.status))
        return model.parse(answer.text, origin), origin


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


class Dashboard:
    def __init__(self, module):
        self.module, self.params = module, module.params
        self.client = grafana.connect(module)
        self.folders = Folders(self.client, module.check_mode)
        self.result = {"changed": False}

    # -- what is there

    def set_uid(self, uid):
        if not uid:
            raise grafana.GrafanaError("the dashboard has no uid of its own: give one")
        self.uid = str(uid)
        grafana.check_uid(self.uid)
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
        """What somebody saved as a dashboard of schema v2 some versions from 12.1 on refuse here, and name a place."""
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
            grafana.check_uid(uid, "folder_uid")
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
        """(kind, edits): how the stored dashboard came to differ. Kinds as in RETURN; "ours" when only we stored it."""
        if model.is_v2(there):
            return "edited", [
                ("saved in schema v2, of which this version of Grafana shows no classic form", None, None)
            ]
        same = model.equal(model.bare(there), wanted)
        stored, digest, known = self.last_stored(there)
        untouched = stored["version"] == there.get("version") if stored else not known and there.get("version") == 1
        if same:  # so it is the folder that differs
            return ("ours" if untouched else "moved"), []
        unchanged_source = digest == model.digest(wanted)
        if untouched and stored:
            return ("migrated" if unchanged_source else "ours"), []
        base = wanted
        if stored and not unchanged_source and isinstance(stored.get("data"), dict):
            base = model.bare(stored["data"])
        found = model.edits(base, there)
        if not found:
            return ("saved_from_ui" if base is wanted else "ours"), []
        if untouched:
            return "ours", []
        return ("foreign" if known and not stored else "edited"), found

    def tell_drift(self, current, kind, found):
        """What happened, in the result and in words."""
        meta, there = current["meta"], current["dashboard"]
        by, at = meta.get("updatedBy") or "somebody", meta.get("updated") or "unknown time"
        places = [path for path, _ours, _theirs in found]
        self.result["drift"] = {"kind": kind, "by": by, "at": at, "version": there.get("version"), "edits": places}
        shown = ", ".join(places[:SHOWN_EDITS]) + (
            " and %d more" % (len(places) - SHOWN_EDITS) if places[SHOWN_EDITS:] else ""
        )
        schema = there.get("schemaVersion")
        return {
            "edited": "edited by hand by %s at %s: %s" % (by, at, shown),
            "moved": "moved by %s at %s to the folder %r" % (by, at, meta.get("folderTitle") or "General"),
            "foreign": "stored by %s at %s and never by this module, differs in %s" % (by, at, shown),
            "saved_from_ui": "saved from the UI by %s at %s, content as migrated to schema %s, nothing edited"
            % (by, at, schema),
            "migrated": "rewritten by Grafana in the form of schema %s, nothing edited" % schema,
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
        if kind == "saved_from_ui" and not in_place:
            kind = "moved"
        if kind != "ours":
            self.result["msg"] = self.tell_drift(current, kind, found)
        if in_place and kind in ("saved_from_ui", "migrated"):
            return
        if kind in ("edited", "moved", "foreign") and self.params["on_drift"] != "restore":
            if self.params["on_drift"] == "fail":
                self.result["diff"] = self.diff(there, wanted)
                raise grafana.GrafanaError(self.result.pop("msg") + ". Kept as it is, because of on_drift")
            self.module.warn("Dashboard %s: %s. Kept as it is" % (self.uid, self.result["msg"]))
            return
        if kind in ("edited", "moved", "foreign"):
            self.result["msg"] += "; put back" if kind != "foreign" else "; replaced"
        self.store(current, wanted, folder)

    @staticmethod
    def diff(there, wanted):
        there = model.bare(there)
        if model.is_v2(there):
            return {"before": {"schema": "v2"}, "after": model.summary(wanted, "")}
        if there.get("schemaVersion") == wanted.get("schemaVersion"):
            return model.as_diff(model.differences(there, wanted))
        # Between schemas everything differs; only what a migration does not explain is worth reading.
        return model.as_diff((path, theirs, ours) for path, ours, theirs in model.edits(wanted, there))

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

        def landed():
            lost.append(True)
            return self.stored_as_wanted(wanted, folder)

        body = {"dashboard": dict(wanted, id=None, version=version), "folderUid": folder, "overwrite": False}
        body["message"] = model.mark(self.params["commit_message"], wanted, version + 1)
        answer, ours = self.client.create("/api/dashboards/db", body, landed, accept=CONFLICTS), True
        if isinstance(answer, grafana.Answer):
            answer, ours = self.settle(answer, body, wanted, folder)
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

    def settle(self, refusal, body, wanted, folder):
        """(answer, did we store it) after a refusal: somebody else was faster, or has the title."""
        if refusal.status == 400 and "already exists" not in refusal.message:
            self.client.judge(refusal)
        status = refusal.data.get("status") if isinstance(refusal.data, dict) else None
        if status == "name-exists":
            self.make_way(wanted, folder)
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

    def make_way(self, wanted, folder):
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


def main():
    sources = ("gnet_id", "path", "dashboard_url", "definition")
    module = AnsibleModule(
        argument_spec=grafana.argument_spec(
            uid={"type": "str"},
            gnet_id={"type": "int"},
            revision={"type": "int"},
            path={"type": "path"},
            dashboard_url={"type": "str"},
            definition={"type": "dict"},
            sha256={"type": "str"},
            mirror_url={"type": "str", "default": "https://grafana.com"},
            source_ca_path={"type": "path"},
            inputs={"type": "dict", "default": {}},
            overrides={"type": "dict", "default": {}},
            folder={"type": "str"},
            folder_uid={"type": "str"},
            commit_message={"type": "str"},
            overwrite={"type": "bool", "default": False},
            on_drift={"type": "str", "choices": ["restore", "keep", "fail"], "default": "restore"},
            state={"type": "str", "choices": ["present", "absent"], "default": "present"},
        ),
        mutually_exclusive=grafana.MUTUALLY_EXCLUSIVE + [sources],
        required_one_of=grafana.REQUIRED_ONE_OF,
        required_together=grafana.REQUIRED_TOGETHER + [("gnet_id", "revision")],
        required_by=grafana.REQUIRED_BY,
        required_if=[("state", "present", sources, True), ("state", "absent", ["uid"])],
        supports_check_mode=True,
    )
    result = {}
    try:
        dashboard = Dashboard(module)
        result = dashboard.result
        getattr(dashboard, module.params["state"])()
    except grafana.GrafanaError as exc:
        name = result.get("uid") or module.params["uid"] or ""
        result.pop("msg", None)
        module.fail_json(msg="Dashboard %s: %s" % (name, exc) if name else "Dashboard: %s" % exc, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
