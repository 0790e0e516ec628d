# Copyright (c) 2026, redisops.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a dashboard is, apart from where it is stored: loading, inputs, comparison. No I/O. Private."""

from __future__ import annotations

import copy
import hashlib
import json
import re

from .client import GrafanaError

# Belongs to an export or to one server, not to the dashboard. gnetId as a number even keeps Grafana 12 from saving.
DROPPED = ("__inputs", "__requires", "__elements", "id", "version", "iteration", "gnetId")

# Data sources that every Grafana has: an export lists them as inputs all the same.
BUILT_IN = {"__expr__": "__expr__", "grafana": "-- Grafana --", "mixed": "-- Mixed --", "dashboard": "-- Dashboard --"}

REFERENCE = re.compile(r"\$\{([^}:]+)\}\Z")
MARK = re.compile(r"\[redisops ([0-9a-f]{16}) v([0-9]+)\]")


# --- loading -------------------------------------------------------------------------------------------------------


def canonical_sha256(document):
    """The digest that pins a dashboard: of sorted, compact JSON, so that white space does not matter."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def parse(text, origin):
    try:
        return json.loads(text)
    except ValueError as exc:
        raise GrafanaError("%s is not JSON: %s" % (origin, exc)) from exc


def check_pin(document, pin, origin):
    wanted = pin.strip().lower()
    if wanted.startswith("sha256:"):
        wanted = wanted[len("sha256:") :]
    if not re.match(r"[0-9a-f]{64}\Z", wanted):
        raise GrafanaError("sha256 %r is not 64 hexadecimal digits" % pin)
    found = canonical_sha256(document)
    if found != wanted:
        raise GrafanaError(
            "%s has the canonical sha256 %s, but %s was asked for: nothing stored" % (origin, found, wanted)
        )


def unwrap(document, origin):
    """The dashboard in a document, which may be an answer of Grafana's API or a Kubernetes-style resource."""
    if isinstance(document, dict) and isinstance(document.get("dashboard"), dict) and "panels" not in document:
        document = document["dashboard"]
    if isinstance(document, dict) and document.get("kind") == "Dashboard" and isinstance(document.get("spec"), dict):
        document = document["spec"]
    if isinstance(document, dict) and isinstance(document.get("elements"), dict) and "layout" in document:
        raise GrafanaError("%s is a dashboard of schema v2: export it as classic JSON" % origin)
    known = isinstance(document, dict) and isinstance(document.get("title"), str) and document["title"].strip()
    if not known or not any(key in document for key in ("panels", "rows", "schemaVersion", "templating")):
        raise GrafanaError("%s is not a dashboard: it has no title, or no panels" % origin)
    for key in ("panels", "rows", "tags", "links", "__inputs"):
        if not isinstance(document.get(key, []), (list, type(None))):
            raise GrafanaError("%s is not a dashboard: its %s are no list" % (origin, key))
    for key in ("panels", "rows"):
        if not all(isinstance(entry, dict) for entry in document.get(key) or []):
            raise GrafanaError("%s is not a dashboard: one of its %s is no object" % (origin, key))
    for key in ("templating", "annotations"):
        entries = document.get(key) or {}
        if not isinstance(entries, dict) or not isinstance(entries.get("list") or [], list):
            raise GrafanaError("%s is not a dashboard: its %s hold no list" % (origin, key))
    return document


def from_resource(resource, uid):
    """A dashboard of schema v2, which only the web pages store, in the shape of the older API."""
    metadata = resource.get("metadata") or {}
    notes, version = metadata.get("annotations") or {}, metadata.get("generation")
    meta = {
        "apiVersion": "v2",
        "folderUid": notes.get("grafana.app/folder") or "",
        "provisioned": bool(notes.get("grafana.app/managedBy")),
        "updated": notes.get("grafana.app/updatedTimestamp") or metadata.get("creationTimestamp"),
        "updatedBy": notes.get("grafana.app/updatedBy"),
        "url": "/d/" + uid,
        "version": version,
    }
    spec = resource.get("spec") or {"title": uid}  # not every one can be converted
    return {"dashboard": dict(spec, uid=uid, version=version, schemaVersion="v2"), "meta": meta}


# --- inputs --------------------------------------------------------------------------------------------------------


def walk_strings(node, key=None, parent=None):
    """(string, is it a reference to a data source) of every string in it."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from walk_strings(value, name, key)
    elif isinstance(node, list):
        for value in node:
            yield from walk_strings(value, key, parent)
    elif isinstance(node, str):
        yield node, key == "datasource" or (key == "uid" and parent == "datasource")


def template_variables(document):
    templating = document.get("templating")
    entries = templating.get("list") if isinstance(templating, dict) else None
    entries = entries if isinstance(entries, list) else []
    return {entry["name"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("name"), str)}


def input_values(document, given):
    """The value of every input; GrafanaError names those without one."""
    values, missing = {}, {}
    for entry in document.get("__inputs") or []:
        name = entry.get("name") if isinstance(entry, dict) else None
        if not name or not isinstance(name, str):
            continue
        kind = entry.get("type") or "constant"
        default = BUILT_IN.get(str(entry.get("pluginId"))) if kind == "datasource" else entry.get("value")
        value = given.get(name, default)
        if value is None or value == "":
            missing[name] = "%s %s" % (kind, entry.get("pluginId")) if entry.get("pluginId") else kind
        else:
            values[name] = value if isinstance(value, str) else json.dumps(value)
    # A data source that is neither declared nor a template variable can only be an input that an editor lost.
    variables = template_variables(document)
    for text, is_datasource in walk_strings({key: one for key, one in document.items() if key != "__inputs"}):
        match = REFERENCE.match(text) if is_datasource else None
        name = match.group(1) if match else None
        if name and name not in values and name not in variables and name not in missing:
            if given.get(name):
                values[name] = str(given[name])
            else:
                missing[name] = "datasource"
    if missing:
        listed = ", ".join("%s (%s)" % pair for pair in sorted(missing.items()))
        raise GrafanaError("inputs has no value for %s" % listed)
    return values


def fill_in(node, values):
    """Replaces ${NAME} in every string. $NAME and ${NAME:format} are the template variable of that name, if any."""
    if isinstance(node, dict):
        return {key: fill_in(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [fill_in(value, values) for value in node]
    if isinstance(node, str) and "${" in node:
        return re.sub(r"\$\{([^}]+)\}", lambda match: values.get(match.group(1), match.group(0)), node)
    return node


def prepare(document, uid, inputs=None, overrides=None, source=None):
    """The dashboard to store: inputs filled in, freed of what belongs to an export, with its origin as a tag."""
    values = input_values(document, inputs or {})
    dashboard = fill_in({key: value for key, value in document.items() if key not in DROPPED}, values)
    dashboard.update((key, copy.deepcopy(value)) for key, value in (overrides or {}).items() if key not in DROPPED)
    origin = source or ("gnet:%s" % document["gnetId"] if document.get("gnetId") else None)
    if origin:
        tags = [tag for tag in dashboard.get("tags") or [] if tag != origin]
        dashboard["tags"] = tags + [origin]
    dashboard["uid"] = uid
    return dashboard


# --- comparison ----------------------------------------------------------------------------------------------------


def bare(dashboard):
    """Without what the server counts and numbers."""
    return {key: value for key, value in dashboard.items() if key not in ("id", "version")}


def equal(one, other):
    """As JSON: 1 is 1.0, but true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(equal(*pair) for pair in zip(one, other))
    return one == other


def digest(dashboard):
    """Short name for a content, for the mark in a version's message."""
    return canonical_sha256(bare(dashboard))[:16]


def mark(message, dashboard, version):
    """The message of a version that says which content we stored as which version."""
    return "%s [redisops %s v%d]" % (message or "Stored by Ansible", digest(dashboard), version)


def marked_digest(entry, content=None):
    """
    The digest in an entry of the history, if the entry is ours. A copied message names a version before. One that comes
    later is named where the storage of another Grafana counts anew: then the content has to be the one of the digest.
    """
    found, version = MARK.search(entry.get("message") or ""), entry.get("version")
    if not found or not isinstance(version, int):
        return None
    named = int(found.group(2))
    ours = named == version or named > version and content is not None and found.group(1) == digest(content)
    return found.group(1) if ours else None


class Missing:
    """Stands for what is not there."""


def names_of(items):
    """What to call the entries of a list of objects: by a key that tells all of them apart, or None."""
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    for key in ("refId", "name", "title", "id"):
        names = [item.get(key) for item in items]
        if all(isinstance(name, (str, int)) and name != "" for name in names) and len(set(names)) == len(names):
            return key
    return None


def differences(before, after, path=""):
    """(path, value before, value after) of every place that differs; entries of lists are matched by name."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(set(before) | set(after), key=str):
            deeper = "%s.%s" % (path, key) if path else str(key)
            yield from differences(before.get(key, Missing), after.get(key, Missing), deeper)
    elif isinstance(before, list) and isinstance(after, list):
        yield from list_differences(before, after, path)
    elif before is Missing or after is Missing or not equal(before, after):
        yield path, before, after


def list_differences(before, after, path):
    key = names_of(before)
    if key and names_of(after) and all(isinstance(item.get(key), (str, int)) and item[key] != "" for item in after):
        old, new = ({item[key]: item for item in items} for items in (before, after))
        if len(new) == len(after):
            for name in sorted(set(old) | set(new), key=str):
                deeper = "%s[%s]" % (path, name)
                yield from differences(old.get(name, Missing), new.get(name, Missing), deeper)
            if [name for name in old if name in new] != [name for name in new if name in old]:
                yield path + " (order)", list(old), list(new)
            return
    if not equal(before, after):
        if len(before) == len(after) and any(isinstance(item, (dict, list)) for item in before):
            for number, pair in enumerate(zip(before, after)):
                yield from differences(pair[0], pair[1], "%s[%d]" % (path, number))
        else:
            yield path, before, after


def as_diff(found):
    """Ansible's before and after, holding only the places that differ."""
    found = list(found)
    return {
        "before": {path: old for path, old, _new in found if old is not Missing},
        "after": {path: new for path, _old, new in found if new is not Missing},
    }


def summary(dashboard, folder):
    """For the diff of a dashboard that comes or goes as a whole."""
    if dashboard is None:
        return {}
    panels = ["%s: %s" % (panel.get("type"), panel.get("title") or "") for panel in flat_panels(dashboard)]
    view = {"uid": dashboard.get("uid"), "title": dashboard.get("title"), "folder": folder, "panels": panels}
    return dict(view, tags=dashboard.get("tags") or [], variables=sorted(map(str, template_variables(dashboard))))


def flat_panels(dashboard):
    """All panels, those inside of rows included."""
    panels, rows = (dashboard.get(key) if isinstance(dashboard.get(key), list) else [] for key in ("panels", "rows"))
    for panel in panels:
        if isinstance(panel, dict):
            yield panel
            yield from flat_panels(panel)
    for row in rows:
        if isinstance(row, dict):
            yield from flat_panels(row)
